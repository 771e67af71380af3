//! The tokens that users have at other services.

use uuid::Uuid;

use super::users::user_object;
use crate::rbac::Object;
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A row of `external_auth_links`.
    pub struct ExternalAuthLink {
        pub provider_id: String,
        pub user_id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub oauth_access_token: String,
        pub oauth_refresh_token: String,
        pub oauth_expiry: Time,
        pub oauth_access_token_key_id: Option<String>,
        pub oauth_refresh_token_key_id: Option<String>,
        pub oauth_extra: Option<serde_json::Value>,
        pub oauth_refresh_failure_reason: String,
    }
}

impl Guarded for ExternalAuthLink {
    fn object(&self, _: Switches) -> Object {
        user_object(self.user_id)
    }
}

queries! {
    /// A user's token at a service.
    GetExternalAuthLink = get_external_auth_link(db, provider_id: &str, user_id: Uuid) -> one ExternalAuthLink;
        allow(row ReadPersonal),
        sql "SELECT {row} FROM external_auth_links WHERE provider_id = :provider_id AND user_id = :user_id";

    /// All of a user's tokens that the caller may read.
    GetExternalAuthLinksByUserID = get_external_auth_links_by_user_id(db, user_id: Uuid) -> many ExternalAuthLink;
        allow(rows ReadPersonal),
        sql "SELECT {row} FROM external_auth_links WHERE user_id = :user_id ORDER BY provider_id";

    /// Keeps a token at a service where the user had none.
    InsertExternalAuthLink = insert_external_auth_link(db, link: &ExternalAuthLink) -> one ExternalAuthLink;
        allow(object UpdatePersonal user_object(link.user_id)),
        sql "INSERT INTO external_auth_links {insert} RETURNING {row}";

    /// Keeps another token in the place of the one before.
    UpdateExternalAuthLink = update_external_auth_link(
        db, provider_id: &str, user_id: Uuid, updated_at: Time, oauth_access_token: &str, oauth_refresh_token: &str,
        oauth_expiry: Time, oauth_extra: Option<&serde_json::Value>,
    ) -> one ExternalAuthLink;
        allow(on UpdatePersonal db.unguarded().get_external_auth_link(provider_id, user_id)?),
        sql "UPDATE external_auth_links SET updated_at = :updated_at, oauth_access_token = :oauth_access_token,
                 oauth_access_token_key_id = NULL, oauth_refresh_token = :oauth_refresh_token,
                 oauth_refresh_token_key_id = NULL, oauth_expiry = :oauth_expiry, oauth_extra = :oauth_extra,
                 oauth_refresh_failure_reason = ''
             WHERE provider_id = :provider_id AND user_id = :user_id RETURNING {row}";

    /// Replaces a refresh token, if it is still the one that is believed to be there, and says why.
    UpdateExternalAuthLinkRefreshToken = update_external_auth_link_refresh_token(
        db, provider_id: &str, user_id: Uuid, old_refresh_token: &str, oauth_refresh_token: &str,
        oauth_refresh_failure_reason: &str, updated_at: Time,
    ) -> exec;
        allow(on UpdatePersonal db.unguarded().get_external_auth_link(provider_id, user_id)?),
        sql "UPDATE external_auth_links SET oauth_refresh_token = :oauth_refresh_token, updated_at = :updated_at,
                 oauth_refresh_failure_reason = :oauth_refresh_failure_reason
             WHERE provider_id = :provider_id AND user_id = :user_id AND oauth_refresh_token = :old_refresh_token";

    /// Forgets a user's token.
    DeleteExternalAuthLink = delete_external_auth_link(db, provider_id: &str, user_id: Uuid) -> exec;
        allow(on UpdatePersonal db.unguarded().get_external_auth_link(provider_id, user_id)?),
        sql "DELETE FROM external_auth_links WHERE provider_id = :provider_id AND user_id = :user_id";
}
