//! Keys of users: session keys for the command line, and tokens with names, lifetimes, scopes and lists
//! of objects.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::params::Params;
use super::routes::Routes;
use super::{Cx, Error, OrForbidden, Reply, lookup, reply};
use crate::auth::keys;
use crate::rbac::{AllowList, scopes};
use crate::sdk::{self, AuditAction, LoginType, ResourceType};
use crate::store::Optional;
use crate::store::queries::api_keys::ApiKey;
use crate::store::queries::users::User;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("POST", "/api/v2/users/{user}/keys", post_key);
    r.user("GET", "/api/v2/users/{user}/keys/{keyid}", get_key);
    r.user("DELETE", "/api/v2/users/{user}/keys/{keyid}", delete_key);
    r.user("GET", "/api/v2/users/{user}/keys/tokens", get_tokens);
    r.user("POST", "/api/v2/users/{user}/keys/tokens", post_token);
    r.user("GET", "/api/v2/users/{user}/keys/tokens/tokenconfig", get_token_config);
    r.user("GET", "/api/v2/users/{user}/keys/tokens/{keyname}", get_token_by_name);
}

/// Makes a session key. It comes without a cookie, so that signing out of the browser leaves it alone.
fn post_key(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::ApiKey, AuditAction::Create);
    let user = key_holder(cx)?;
    let lifetime = cx.deployment.config.sessions.default_token_lifetime;
    let new = keys::New::session(user.id, LoginType::Password, lifetime, cx.client_address());
    let (key, token) = keys::make(&cx.deployment, new);
    audit.after(&cx.db().insert_api_key(&key).or_forbidden()?);
    reply::created(&sdk::GenerateAPIKeyResponse { key: token })
}

/// Makes a token.
fn post_token(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::ApiKey, AuditAction::Create);
    let user = lookup::user(cx)?;
    let body: sdk::CreateTokenRequest = cx.body()?;
    refuse_system_users(&user)?;
    let sessions = &cx.deployment.config.sessions;
    let lifetime = match body.lifetime {
        0 => sessions.default_token_lifetime,
        nanoseconds => lifetime_within_limits(cx, &user, nanoseconds)?,
    };
    let token_name = if body.token_name.is_empty() {
        format!("token-{}", cx.deployment.ids.hex(8))
    } else {
        body.token_name.clone()
    };
    let new = keys::New {
        user_id: user.id,
        login_type: LoginType::Token,
        lifetime,
        scopes: wanted_scopes(&body)?,
        allow_list: wanted_allow_list(&body)?,
        token_name,
        ip_address: cx.client_address(),
    };
    let (key, token) = keys::make(&cx.deployment, new);
    match cx.db().insert_api_key(&key) {
        Ok(key) => {
            audit.after(&key);
            reply::created(&sdk::GenerateAPIKeyResponse { key: token })
        }
        Err(e) if e.is_unique() => {
            Err(Error::conflict(format!("There is a token called {:?} already.", key.token_name))
                .field("name", "This name is in use."))
        }
        Err(e) => Err(e).or_forbidden(),
    }
}

fn key_holder(cx: &Cx) -> Result<User, Error> {
    let user = lookup::user(cx)?;
    refuse_system_users(&user)?;
    Ok(user)
}

fn refuse_system_users(user: &User) -> Result<(), Error> {
    if user.is_system { Err(Error::forbidden()) } else { Ok(()) }
}

/// The scopes a token asks for: the list, else the older single name, else everything.
fn wanted_scopes(body: &sdk::CreateTokenRequest) -> Result<Vec<String>, Error> {
    let known = |name: &str| match scopes::is_requestable(name) {
        true => Ok(name.to_owned()),
        false => Err(Error::bad("The token cannot be made.").detail(format!("{name:?} is no scope to ask for"))),
    };
    if !body.scopes.is_empty() {
        return body.scopes.iter().map(|name| known(name)).collect();
    }
    match body.scope.as_str() {
        "" => Ok(vec![scopes::ALL.to_owned()]),
        name => Ok(vec![known(scopes::legacy_alias(name).unwrap_or(name))?]),
    }
}

/// The objects a token is limited to; none named means all.
fn wanted_allow_list(body: &sdk::CreateTokenRequest) -> Result<AllowList, Error> {
    if body.allow_list.is_empty() {
        return Ok(AllowList::any());
    }
    let refused = |why: String| Error::bad("The token cannot be made.").detail(why);
    // A kind of object is written as it is; only ids are read without regard to case.
    let odd =
        body.allow_list.iter().find(|entry| entry.split(':').next().is_some_and(|kind| kind != kind.to_lowercase()));
    if let Some(entry) = odd {
        return Err(refused(format!("{entry:?} names no kind of object")));
    }
    AllowList::parse(&body.allow_list).map_err(|e| refused(e.to_string()))
}

fn lifetime_within_limits(cx: &Cx, user: &User, nanoseconds: i64) -> Result<Duration, Error> {
    let refused = |why: &str| Error::bad("The token's lifetime is not allowed.").detail(why);
    let lifetime = u64::try_from(nanoseconds).map(Duration::from_nanos).map_err(|_| refused("it is negative"))?;
    match max_lifetime(cx, user.id)? {
        max if lifetime > max => Err(refused(&format!("it may be no longer than {} hours", max.as_secs() / 3600))),
        _ => Ok(lifetime),
    }
}

/// The longest lifetime of a token of this user: owners' tokens have a limit of their own.
fn max_lifetime(cx: &Cx, user: Uuid) -> Result<Duration, Error> {
    let known = cx.deployment.subjects.of_user(&cx.system_db(), user).map_err(Error::internal)?;
    let sessions = &cx.deployment.config.sessions;
    Ok(if known.subject.is_owner() { sessions.max_admin_token_lifetime } else { sessions.max_token_lifetime })
}

/// A key by its id. Whose it is said to be does not matter.
fn get_key(cx: &Cx) -> Reply {
    lookup::user(cx)?;
    reply::ok(&render(cx.db().get_api_key_by_id(cx.param("keyid"))?))
}

/// A token by its name.
fn get_token_by_name(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    reply::ok(&render(cx.db().get_api_key_by_name(user.id, cx.param("keyname"))?))
}

/// Deletes a key.
fn delete_key(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::ApiKey, AuditAction::Delete);
    lookup::user(cx)?;
    if let Some(key) = cx.system_db().get_api_key_by_id(cx.param("keyid")).optional()? {
        audit.before(&key);
    }
    cx.db().delete_api_key_by_id(cx.param("keyid"))?;
    reply::none()
}

/// The tokens of a user, or of all users, that the caller may read. No tokens are written as `null`.
fn get_tokens(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    let db = cx.db();
    // Whatever is not a clear yes is a no here.
    let keys = match Params::of_query(cx).boolean("include_all") {
        Some(true) => db.get_api_keys_by_login_type(LoginType::Token)?,
        _ => db.get_api_keys_by_user_id(LoginType::Token, user.id)?,
    };
    let mut owners: Vec<Uuid> = keys.iter().map(|key| key.user_id).collect();
    owners.sort_unstable();
    owners.dedup();
    let names: HashMap<Uuid, String> =
        db.get_usernames_by_ids(&owners)?.into_iter().map(|user| (user.id, user.username)).collect();
    let shown: Vec<sdk::APIKeyWithOwner> = keys
        .into_iter()
        .map(|key| {
            let username = names.get(&key.user_id).cloned().unwrap_or_default();
            with_owner(render(key), username)
        })
        .collect();
    if shown.is_empty() { reply::ok(&serde_json::Value::Null) } else { reply::ok(&shown) }
}

/// How long tokens of a user may live.
fn get_token_config(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    let max = max_lifetime(cx, user.id)?;
    reply::ok(&sdk::TokenConfig { max_token_lifetime: i64::try_from(max.as_nanos()).unwrap_or(i64::MAX) })
}

fn render(key: ApiKey) -> sdk::APIKey {
    sdk::APIKey {
        scope: scopes::legacy_name(&key.scopes).to_owned(),
        id: key.id,
        user_id: key.user_id,
        last_used: key.last_used,
        expires_at: key.expires_at,
        created_at: key.created_at,
        updated_at: key.updated_at,
        login_type: key.login_type,
        scopes: key.scopes,
        token_name: key.token_name,
        lifetime_seconds: key.lifetime_seconds,
        allow_list: key.allow_list,
    }
}

fn with_owner(key: sdk::APIKey, username: String) -> sdk::APIKeyWithOwner {
    sdk::APIKeyWithOwner {
        id: key.id,
        user_id: key.user_id,
        last_used: key.last_used,
        expires_at: key.expires_at,
        created_at: key.created_at,
        updated_at: key.updated_at,
        login_type: key.login_type,
        scope: key.scope,
        scopes: key.scopes,
        token_name: key.token_name,
        lifetime_seconds: key.lifetime_seconds,
        allow_list: key.allow_list,
        username,
    }
}
