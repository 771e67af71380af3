//! API keys: sessions, tokens, and the keys of applications.

use uuid::Uuid;

use crate::rbac::system::PREBUILDS_USER_ID;
use crate::rbac::{Object, Resource};
use crate::sdk::LoginType;
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::{Db, Error};
use crate::time::Time;

rows! {
    /// A row of `api_keys`.
    pub struct ApiKey {
        pub id: String,
        pub hashed_secret: Vec<u8>,
        pub user_id: Uuid,
        pub last_used: Time,
        pub expires_at: Time,
        pub created_at: Time,
        pub updated_at: Time,
        pub login_type: LoginType,
        pub lifetime_seconds: i64,
        pub ip_address: String,
        pub token_name: String,
        pub scopes: Vec<String>,
        pub allow_list: Vec<String>,
    }
}

impl Guarded for ApiKey {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::ApiKey).id(self.id.as_str()).owner(self.user_id)
    }
}

/// Keys are made for oneself or by those who may; never for the prebuilds user.
fn may_insert(db: &Db, key: &ApiKey) -> Result<(), Error> {
    if key.user_id == PREBUILDS_USER_ID {
        return Err(Error::Refused("the prebuilds user has no keys".into()));
    }
    db.require(crate::rbac::Action::Create, &Object::of(Resource::ApiKey).owner(key.user_id))
}

queries! {
    /// A key by its id.
    GetAPIKeyByID = get_api_key_by_id(db, id: &str) -> one ApiKey;
        allow(row Read),
        kept Keys,
        sql "SELECT {row} FROM api_keys WHERE id = :id";

    /// Keeps a new key.
    InsertAPIKey = insert_api_key(db, key: &ApiKey) -> one ApiKey;
        allow(check may_insert(db, key)),
        sql "INSERT INTO api_keys {insert} RETURNING {row}";

    /// When and from where a key was last used, and until when it lasts.
    UpdateAPIKeyByID = update_api_key_by_id(db, id: &str, last_used: Time, expires_at: Time, ip_address: &str) -> exec;
        allow(on Update db.unguarded().get_api_key_by_id(id)?),
        sql "UPDATE api_keys SET last_used = :last_used, expires_at = :expires_at, ip_address = :ip_address WHERE id = :id";

    /// A token by its name.
    GetAPIKeyByName = get_api_key_by_name(db, user_id: Uuid, token_name: &str) -> one ApiKey;
        allow(row Read),
        sql "SELECT {row} FROM api_keys WHERE user_id = :user_id AND token_name = :token_name AND token_name <> '' LIMIT 1";

    /// The keys of a kind that the caller may read, the oldest first.
    GetAPIKeysByLoginType = get_api_keys_by_login_type(db, login_type: LoginType) -> many ApiKey;
        allow(rows Read),
        sql "SELECT {row} FROM api_keys WHERE login_type = :login_type ORDER BY created_at, id";

    /// Of these, those of one user.
    GetAPIKeysByUserID = get_api_keys_by_user_id(db, login_type: LoginType, user_id: Uuid) -> many ApiKey;
        allow(rows Read),
        sql "SELECT {row} FROM api_keys WHERE login_type = :login_type AND user_id = :user_id ORDER BY created_at, id";

    /// Deletes a key.
    DeleteAPIKeyByID = delete_api_key_by_id(db, id: &str) -> exec;
        allow(on Delete db.unguarded().get_api_key_by_id(id)?),
        sql "DELETE FROM api_keys WHERE id = :id";

    /// Ends all sessions and tokens of a user.
    DeleteAPIKeysByUserID = delete_api_keys_by_user_id(db, user_id: Uuid) -> exec;
        allow(object Delete Object::of(Resource::ApiKey).owner(user_id)),
        sql "DELETE FROM api_keys WHERE user_id = :user_id";

    /// Ends the keys by which a user's browser is known to workspace applications.
    DeleteApplicationConnectAPIKeysByUserID = delete_application_connect_api_keys_by_user_id(db, user_id: Uuid) -> exec;
        allow(object Delete Object::of(Resource::ApiKey).owner(user_id)),
        sql "DELETE FROM api_keys WHERE user_id = :user_id AND EXISTS (SELECT 1 FROM json_each(scopes) WHERE value = 'coder:application_connect')",
        pg "DELETE FROM api_keys WHERE user_id = :user_id AND 'coder:application_connect' = ANY(scopes)";
}
