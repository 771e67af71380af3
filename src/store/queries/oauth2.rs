//! Applications that use the deployment as their OAuth2 provider: who they are, their secrets, the codes
//! that wait to be exchanged, and the tokens that came of them.
//!
//! A token row says what its API key is for and by which refresh token the key is renewed. Deleting a
//! key, a secret or an application deletes such rows; a trigger deletes the key of each row that goes.

use uuid::Uuid;

use crate::rbac::{Object, Resource};
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A row of `oauth2_provider_apps`: an application.
    pub struct OAuth2ProviderApp {
        pub id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub name: String,
        pub icon: String,
        pub callback_url: String,
        pub redirect_uris: Option<Vec<String>>,
        pub client_type: Option<String>,
        pub dynamically_registered: Option<bool>,
        pub client_id_issued_at: Option<Time>,
        pub client_secret_expires_at: Option<Time>,
        pub grant_types: Option<Vec<String>>,
        pub response_types: Option<Vec<String>>,
        pub token_endpoint_auth_method: Option<String>,
        pub scope: Option<String>,
        pub contacts: Option<Vec<String>>,
        pub client_uri: Option<String>,
        pub logo_uri: Option<String>,
        pub tos_uri: Option<String>,
        pub policy_uri: Option<String>,
        pub jwks_uri: Option<String>,
        pub jwks: Option<serde_json::Value>,
        pub software_id: Option<String>,
        pub software_version: Option<String>,
        /// The SHA-256 of the token by which a client changes its own registration.
        pub registration_access_token: Option<Vec<u8>>,
        pub registration_client_uri: Option<String>,
    }

    /// What a client may change of its own registration.
    pub struct Registration {
        pub id: Uuid,
        pub updated_at: Time,
        pub name: String,
        pub icon: String,
        pub callback_url: String,
        pub redirect_uris: Option<Vec<String>>,
        pub client_type: Option<String>,
        pub client_secret_expires_at: Option<Time>,
        pub grant_types: Option<Vec<String>>,
        pub response_types: Option<Vec<String>>,
        pub token_endpoint_auth_method: Option<String>,
        pub scope: Option<String>,
        pub contacts: Option<Vec<String>>,
        pub client_uri: Option<String>,
        pub logo_uri: Option<String>,
        pub tos_uri: Option<String>,
        pub policy_uri: Option<String>,
        pub jwks_uri: Option<String>,
        pub jwks: Option<serde_json::Value>,
        pub software_id: Option<String>,
        pub software_version: Option<String>,
    }

    /// A row of `oauth2_provider_app_secrets`.
    pub struct OAuth2ProviderAppSecret {
        pub id: Uuid,
        pub created_at: Time,
        pub last_used_at: Option<Time>,
        pub hashed_secret: Vec<u8>,
        pub display_secret: String,
        pub app_id: Uuid,
        pub secret_prefix: Vec<u8>,
    }

    /// Which application a secret is of.
    pub struct AppOfSecret {
        pub id: Uuid,
        pub app_id: Uuid,
    }

    /// A row of `oauth2_provider_app_codes`.
    pub struct OAuth2ProviderAppCode {
        pub id: Uuid,
        pub created_at: Time,
        pub expires_at: Time,
        pub secret_prefix: Vec<u8>,
        pub hashed_secret: Vec<u8>,
        pub user_id: Uuid,
        pub app_id: Uuid,
        pub resource_uri: Option<String>,
        pub code_challenge: Option<String>,
        pub code_challenge_method: Option<String>,
    }

    /// A row of `oauth2_provider_app_tokens`.
    pub struct OAuth2ProviderAppToken {
        pub id: Uuid,
        pub created_at: Time,
        pub expires_at: Time,
        pub hash_prefix: Vec<u8>,
        pub refresh_hash: Vec<u8>,
        pub app_secret_id: Uuid,
        pub api_key_id: String,
        pub audience: Option<String>,
        pub user_id: Uuid,
    }
}

impl Guarded for OAuth2ProviderAppCode {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::Oauth2AppCodeToken).id(self.id).owner(self.user_id)
    }
}

impl Guarded for OAuth2ProviderAppToken {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::Oauth2AppCodeToken).id(self.id).owner(self.user_id)
    }
}

impl Guarded for OAuth2ProviderAppSecret {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::Oauth2AppSecret).id(self.id)
    }
}

/// What codes and tokens of a user are to authorization before there are any.
fn of_user(user: Uuid) -> Object {
    Object::of(Resource::Oauth2AppCodeToken).owner(user)
}

queries! {
    /// All applications, by name.
    GetOAuth2ProviderApps = get_oauth2_provider_apps(db) -> many OAuth2ProviderApp;
        allow(system Read Oauth2App),
        sql "SELECT {row} FROM oauth2_provider_apps ORDER BY name, id";

    /// The applications that have tokens of a user.
    GetOAuth2ProviderAppsByUserID = get_oauth2_provider_apps_by_user_id(db, user_id: Uuid) -> many OAuth2ProviderApp;
        allow(object Read of_user(user_id)),
        sql "SELECT {row} FROM oauth2_provider_apps WHERE id IN (
                 SELECT s.app_id FROM oauth2_provider_app_tokens t
                 JOIN oauth2_provider_app_secrets s ON s.id = t.app_secret_id WHERE t.user_id = :user_id)
             ORDER BY name, id";

    /// An application.
    GetOAuth2ProviderAppByID = get_oauth2_provider_app_by_id(db, id: Uuid) -> one OAuth2ProviderApp;
        allow(system Read Oauth2App),
        sql "SELECT {row} FROM oauth2_provider_apps WHERE id = :id";

    /// Which of these applications there are.
    GetOAuth2ProviderAppByID = get_oauth2_provider_app_ids(db, ids: &[Uuid]) -> many Uuid;
        allow(system Read Oauth2App),
        sql "SELECT id FROM oauth2_provider_apps WHERE id IN [:ids]";

    /// Which of these secrets there are, and of which applications.
    GetOAuth2ProviderAppSecretByID = get_oauth2_provider_apps_of_secrets(db, ids: &[Uuid]) -> many AppOfSecret;
        allow(system Read Oauth2AppSecret),
        sql "SELECT {row} FROM oauth2_provider_app_secrets WHERE id IN [:ids]";

    /// An application, asked for by itself.
    GetOAuth2ProviderAppByClientID = get_oauth2_provider_app_by_client_id(db, id: Uuid) -> one OAuth2ProviderApp;
        allow(system Read Oauth2App),
        sql "SELECT {row} FROM oauth2_provider_apps WHERE id = :id";

    /// Keeps a new application.
    InsertOAuth2ProviderApp = insert_oauth2_provider_app(db, app: &OAuth2ProviderApp) -> one OAuth2ProviderApp;
        allow(system Create Oauth2App),
        sql "INSERT INTO oauth2_provider_apps {insert} RETURNING {row}";

    /// Changes what administrators may of an application.
    UpdateOAuth2ProviderAppByID = update_oauth2_provider_app_by_id(
        db, id: Uuid, updated_at: Time, name: &str, icon: &str, callback_url: &str,
    ) -> one OAuth2ProviderApp;
        allow(system Update Oauth2App),
        sql "UPDATE oauth2_provider_apps SET {set} WHERE id = :id RETURNING {row}";

    /// Replaces what a client said of itself.
    UpdateOAuth2ProviderAppByClientID = update_oauth2_provider_app_by_client_id(db, registration: &Registration) -> one OAuth2ProviderApp;
        allow(system Update Oauth2App),
        sql "UPDATE oauth2_provider_apps SET {set} WHERE id = :id RETURNING {row}";

    /// Deletes an application, and with it its secrets, codes, tokens and keys.
    DeleteOAuth2ProviderAppByID = delete_oauth2_provider_app_by_id(db, id: Uuid) -> exec;
        allow(system Delete Oauth2App),
        sql "DELETE FROM oauth2_provider_apps WHERE id = :id";

    /// The same, for an application that asks for it itself.
    DeleteOAuth2ProviderAppByClientID = delete_oauth2_provider_app_by_client_id(db, id: Uuid) -> exec;
        allow(system Delete Oauth2App),
        sql "DELETE FROM oauth2_provider_apps WHERE id = :id";

    /// The secrets of an application, the oldest first.
    GetOAuth2ProviderAppSecretsByAppID = get_oauth2_provider_app_secrets_by_app_id(db, app_id: Uuid) -> many OAuth2ProviderAppSecret;
        allow(system Read Oauth2AppSecret),
        sql "SELECT {row} FROM oauth2_provider_app_secrets WHERE app_id = :app_id ORDER BY created_at, id";

    /// A secret.
    GetOAuth2ProviderAppSecretByID = get_oauth2_provider_app_secret_by_id(db, id: Uuid) -> one OAuth2ProviderAppSecret;
        allow(system Read Oauth2AppSecret),
        sql "SELECT {row} FROM oauth2_provider_app_secrets WHERE id = :id";

    /// A secret by what is not secret of it.
    GetOAuth2ProviderAppSecretByPrefix = get_oauth2_provider_app_secret_by_prefix(db, secret_prefix: &[u8]) -> one OAuth2ProviderAppSecret;
        allow(row Read),
        sql "SELECT {row} FROM oauth2_provider_app_secrets WHERE secret_prefix = :secret_prefix";

    /// Keeps a new secret.
    InsertOAuth2ProviderAppSecret = insert_oauth2_provider_app_secret(db, secret: &OAuth2ProviderAppSecret) -> one OAuth2ProviderAppSecret;
        allow(system Create Oauth2AppSecret),
        sql "INSERT INTO oauth2_provider_app_secrets {insert} RETURNING {row}";

    /// Deletes a secret, and with it the tokens that it was used for.
    DeleteOAuth2ProviderAppSecretByID = delete_oauth2_provider_app_secret_by_id(db, id: Uuid) -> exec;
        allow(system Delete Oauth2AppSecret),
        sql "DELETE FROM oauth2_provider_app_secrets WHERE id = :id";

    /// A code.
    GetOAuth2ProviderAppCodeByID = get_oauth2_provider_app_code_by_id(db, id: Uuid) -> one OAuth2ProviderAppCode;
        allow(row Read),
        sql "SELECT {row} FROM oauth2_provider_app_codes WHERE id = :id";

    /// A code by what is not secret of it.
    GetOAuth2ProviderAppCodeByPrefix = get_oauth2_provider_app_code_by_prefix(db, secret_prefix: &[u8]) -> one OAuth2ProviderAppCode;
        allow(row Read),
        sql "SELECT {row} FROM oauth2_provider_app_codes WHERE secret_prefix = :secret_prefix";

    /// Keeps a new code.
    InsertOAuth2ProviderAppCode = insert_oauth2_provider_app_code(db, code: &OAuth2ProviderAppCode) -> one OAuth2ProviderAppCode;
        allow(object Create of_user(code.user_id)),
        sql "INSERT INTO oauth2_provider_app_codes {insert} RETURNING {row}";

    /// Deletes a code.
    DeleteOAuth2ProviderAppCodeByID = delete_oauth2_provider_app_code_by_id(db, id: Uuid) -> exec;
        allow(on Delete db.unguarded().get_oauth2_provider_app_code_by_id(id)?),
        sql "DELETE FROM oauth2_provider_app_codes WHERE id = :id";

    /// Deletes the codes that a user gave to an application.
    DeleteOAuth2ProviderAppCodesByAppAndUserID = delete_oauth2_provider_app_codes_by_app_and_user_id(db, app_id: Uuid, user_id: Uuid) -> exec;
        allow(object Delete of_user(user_id)),
        sql "DELETE FROM oauth2_provider_app_codes WHERE app_id = :app_id AND user_id = :user_id";

    /// What a key of an application is for.
    GetOAuth2ProviderAppTokenByAPIKeyID = get_oauth2_provider_app_token_by_api_key_id(db, api_key_id: &str) -> one OAuth2ProviderAppToken;
        allow(row Read),
        sql "SELECT {row} FROM oauth2_provider_app_tokens WHERE api_key_id = :api_key_id";

    /// A token by what is not secret of its refresh token.
    GetOAuth2ProviderAppTokenByPrefix = get_oauth2_provider_app_token_by_prefix(db, hash_prefix: &[u8]) -> one OAuth2ProviderAppToken;
        allow(row Read),
        sql "SELECT {row} FROM oauth2_provider_app_tokens WHERE hash_prefix = :hash_prefix";

    /// Keeps a new token.
    InsertOAuth2ProviderAppToken = insert_oauth2_provider_app_token(db, token: &OAuth2ProviderAppToken) -> one OAuth2ProviderAppToken;
        allow(object Create of_user(token.user_id)),
        sql "INSERT INTO oauth2_provider_app_tokens {insert} RETURNING {row}";

    /// Deletes an application's tokens of a user, and with them their keys.
    DeleteOAuth2ProviderAppTokensByAppAndUserID = delete_oauth2_provider_app_tokens_by_app_and_user_id(db, app_id: Uuid, user_id: Uuid) -> exec;
        allow(object Delete of_user(user_id)),
        sql "DELETE FROM oauth2_provider_app_tokens WHERE user_id = :user_id AND app_secret_id IN (
                 SELECT id FROM oauth2_provider_app_secrets WHERE app_id = :app_id)";
}
