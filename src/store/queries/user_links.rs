//! The accounts at identity providers through which users sign in.

use uuid::Uuid;

use crate::rbac::{Action, Object, Resource};
use crate::sdk::LoginType;
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::{Db, Error};
use crate::time::Time;

rows! {
    /// A row of `user_links`.
    pub struct UserLink {
        pub user_id: Uuid,
        pub login_type: LoginType,
        pub linked_id: String,
        pub oauth_access_token: String,
        pub oauth_refresh_token: String,
        pub oauth_expiry: Time,
        pub claims: serde_json::Value,
    }
}

/// Claims of an organization's members are for those who set up its synchronisation, of everybody for those
/// who set up the deployment's.
fn may_read_claims(db: &Db, organization_id: Option<Uuid>) -> Result<(), Error> {
    let settings = Object::of(Resource::IdpsyncSettings);
    match organization_id {
        Some(id) => db.require(Action::Read, &settings.org(id)),
        None => db.require(Action::Read, &settings),
    }
}

queries! {
    /// The link of an account at a provider.
    GetUserLinkByLinkedID = get_user_link_by_linked_id(db, login_type: LoginType, linked_id: &str) -> one UserLink;
        allow(system Read System),
        sql "SELECT {row} FROM user_links WHERE linked_id = :linked_id AND login_type = :login_type AND linked_id <> ''";

    /// The link of a user.
    GetUserLinkByUserIDLoginType = get_user_link_by_user_id_login_type(db, user_id: Uuid, login_type: LoginType) -> one UserLink;
        allow(system Read System),
        sql "SELECT {row} FROM user_links WHERE user_id = :user_id AND login_type = :login_type";

    /// Links a user with an account at a provider.
    InsertUserLink = insert_user_link(db, link: &UserLink) -> one UserLink;
        allow(on Update db.unguarded().get_user_by_id(link.user_id)?),
        sql "INSERT INTO user_links {insert} RETURNING {row}";

    /// Keeps what a provider gave at the last sign-in.
    UpdateUserLink = update_user_link(db, user_id: Uuid, login_type: LoginType, oauth_access_token: &str, oauth_refresh_token: &str, oauth_expiry: Time, claims: &serde_json::Value) -> one UserLink;
        allow(on UpdatePersonal db.unguarded().get_user_by_id(user_id)?),
        sql "UPDATE user_links SET oauth_access_token = :oauth_access_token, oauth_refresh_token = :oauth_refresh_token,
                oauth_expiry = :oauth_expiry, claims = :claims WHERE user_id = :user_id AND login_type = :login_type RETURNING {row}";

    /// Links a user with another account than before.
    UpdateUserLinkedID = update_user_linked_id(db, user_id: Uuid, login_type: LoginType, linked_id: &str) -> one UserLink;
        allow(system Update System),
        sql "UPDATE user_links SET linked_id = :linked_id WHERE user_id = :user_id AND login_type = :login_type RETURNING {row}";

    /// The names of claims that somebody had, of an organization's members or of everybody.
    OIDCClaimFields = oidc_claim_fields(db, organization_id: Option<Uuid>) -> many String;
        allow(check may_read_claims(db, organization_id)),
        sql "SELECT DISTINCT f.key FROM user_links l, json_each(l.claims, '$.merged_claims') f
            WHERE l.login_type = 'oidc' AND json_type(l.claims, '$.merged_claims') = 'object'
                AND (:organization_id IS NULL OR l.user_id IN (SELECT m.user_id FROM organization_members m WHERE m.organization_id = :organization_id))
            ORDER BY f.key",
        pg "SELECT DISTINCT f.key FROM user_links l,
                jsonb_object_keys(CASE WHEN jsonb_typeof(l.claims->'merged_claims') = 'object' THEN l.claims->'merged_claims' ELSE jsonb_build_object() END) AS f(key)
            WHERE l.login_type = 'oidc'
                AND (:organization_id::uuid IS NULL OR l.user_id IN (SELECT m.user_id FROM organization_members m WHERE m.organization_id = :organization_id))
            ORDER BY f.key";

    /// The texts that a claim held, alone or in a list.
    OIDCClaimFieldValues = oidc_claim_field_values(db, organization_id: Option<Uuid>, claim_field: &str) -> many String;
        allow(check may_read_claims(db, organization_id)),
        sql "SELECT DISTINCT e.value FROM user_links l, json_each(l.claims, '$.merged_claims') f,
                json_each(CASE f.type WHEN 'array' THEN f.value WHEN 'text' THEN json_array(f.value) ELSE '[]' END) e
            WHERE l.login_type = 'oidc' AND json_type(l.claims, '$.merged_claims') = 'object' AND f.key = :claim_field AND e.type = 'text'
                AND (:organization_id IS NULL OR l.user_id IN (SELECT m.user_id FROM organization_members m WHERE m.organization_id = :organization_id))
            ORDER BY e.value",
        pg "SELECT DISTINCT e.v #>> CAST(ARRAY[] AS text[]) FROM user_links l,
                jsonb_array_elements(CASE jsonb_typeof(l.claims->'merged_claims'->:claim_field::text)
                    WHEN 'array' THEN l.claims->'merged_claims'->:claim_field::text
                    WHEN 'string' THEN jsonb_build_array(l.claims->'merged_claims'->:claim_field::text)
                    ELSE jsonb_build_array() END) AS e(v)
            WHERE l.login_type = 'oidc' AND jsonb_typeof(e.v) = 'string'
                AND (:organization_id::uuid IS NULL OR l.user_id IN (SELECT m.user_id FROM organization_members m WHERE m.organization_id = :organization_id))
            ORDER BY 1";
}
