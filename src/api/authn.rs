//! From the credentials of a request to an [`Actor`], or to the 401 that says why not.

use std::sync::Arc;
use std::time::Duration;

use super::cx::{Actor, cookie};
use super::{Cx, Error};
use crate::auth::{self, token};
use crate::http::Request;
use crate::oauth2::{metadata, uri};
use crate::rbac::system;
use crate::sdk::{LoginType, UserStatus};
use crate::store;
use crate::store::queries::api_keys::ApiKey;

/// The cookie and query parameter that hold a session token.
pub const SESSION_COOKIE: &str = "coder_session_token";
/// The header that holds one.
pub const SESSION_HEADER: &str = "Coder-Session-Token";

const HOUR: Duration = Duration::from_secs(3600);
const WRONG_AUDIENCE: &str = "Token audience validation failed";
// In these very words, since they are part of the address that browsers are sent to for signing in.
const SIGNED_OUT: &str = "You are signed out or your session has expired. Please sign in again to continue.";

/// The token of a request, from the first carrier that has one: cookie, query, header, bearer.
pub fn token_of<'a>(request: &'a Request, query: &'a [(String, String)]) -> Option<&'a str> {
    let headers = &request.head.headers;
    let from_query = |name: &str| query.iter().find(|(k, v)| k == name && !v.is_empty()).map(|(_, v)| v.trim());
    cookie(headers, SESSION_COOKIE)
        .filter(|v| !v.is_empty())
        .or_else(|| from_query(SESSION_COOKIE))
        .or_else(|| headers.get(SESSION_HEADER).filter(|v| !v.is_empty()))
        .or_else(|| bearer(request))
        .or_else(|| from_query("access_token"))
}

/// The token of an `Authorization: Bearer` field.
pub fn bearer(request: &Request) -> Option<&str> {
    let field = request.head.headers.get("Authorization")?;
    let (scheme, rest) = field.split_at_checked(7)?;
    (scheme.eq_ignore_ascii_case("bearer ") && !rest.trim().is_empty()).then(|| rest.trim())
}

/// Who asks. The error is a 401 or 403, complete with its `WWW-Authenticate`.
pub fn authenticate(cx: &Cx) -> Result<Actor, Error> {
    try_authenticate(cx).map_err(|e| challenge(cx, e))
}

/// A refusal with the header that tells OAuth2 clients where to go (RFC 6750, RFC 9728).
pub fn challenge(cx: &Cx, e: Error) -> Error {
    if e.status != 401 && e.status != 403 {
        return e;
    }
    let metadata = metadata::protected_resource_url(&cx.deployment.access_url);
    let says_expired = e.body.message.contains("expired") || e.body.detail.contains("expired");
    let (error, description) = match e.status {
        403 => ("insufficient_scope", "The token does not grant this."),
        _ if says_expired => ("invalid_token", "The token has expired."),
        _ => ("invalid_token", "The token is not valid."),
    };
    let value = format!(
        r#"Bearer realm="coder", error="{error}", error_description="{description}", resource_metadata="{metadata}""#
    );
    e.header("WWW-Authenticate", value)
}

fn signed_out(detail: impl Into<String>) -> Error {
    Error::new(401, SIGNED_OUT).detail(detail)
}

fn try_authenticate(cx: &Cx) -> Result<Actor, Error> {
    let Some(text) = token_of(&cx.request, &cx.query) else {
        return Err(signed_out(format!(
            "Send a session token in the cookie or query parameter {SESSION_COOKIE:?}, or in the header {SESSION_HEADER:?}."
        )));
    };
    let Some((id, secret)) = token::split(text) else {
        return Err(signed_out("The session token is not of the form <10 characters>-<22 characters>."));
    };
    let db = cx.system_db();
    let key = match db.get_api_key_by_id(id) {
        Ok(key) => key,
        Err(store::Error::NotFound) => return Err(signed_out("No API key has this id.")),
        Err(e) => return Err(e.into()),
    };
    if !token::matches(secret, &key.hashed_secret) {
        return Err(signed_out("The secret of the API key is wrong."));
    }
    let now = cx.now();
    if key.expires_at < now {
        return Err(signed_out(format!("The API key expired at {}.", key.expires_at)));
    }
    check_audience(cx, &db, &key)?;
    let key = refresh(cx, &db, key)?;
    let mut known = match cx.deployment.subjects.of_key(&db, key.user_id, &key.scopes, &key.allow_list) {
        Ok(known) => known,
        Err(auth::Error::Store(e)) if !e.is_hidden() => return Err(e.into()),
        Err(e) => {
            return Err(Error::new(401, "The roles of this user or the scopes of this key cannot be used.")
                .detail(e.to_string()));
        }
    };
    if known.status == UserStatus::Dormant {
        db.update_user_status(key.user_id, UserStatus::Active, now, true)?;
        known.status = UserStatus::Active;
    }
    if known.status != UserStatus::Active {
        let word = known.status.as_str();
        return Err(Error::new(
            401,
            format!("This user is {word} and cannot act. An administrator can activate the account."),
        ));
    }
    Ok(Actor { user_id: key.user_id, username: known.username, subject: known.subject, key: Arc::new(key) })
}

/// A key that an application was given for another server is not good here (RFC 8707).
fn check_audience(cx: &Cx, db: &store::Db, key: &ApiKey) -> Result<(), Error> {
    if key.login_type != LoginType::OAuth2ProviderApp {
        return Ok(());
    }
    let audience = match db.get_oauth2_provider_app_token_by_api_key_id(&key.id) {
        Ok(token) => token.audience.unwrap_or_default(),
        Err(store::Error::NotFound) => return Err(Error::new(403, WRONG_AUDIENCE)),
        Err(e) => return Err(e.into()),
    };
    if audience.is_empty() || uri::normalized(&audience) == uri::normalized(&cx.deployment.access_url) {
        return Ok(());
    }
    Err(Error::new(403, WRONG_AUDIENCE))
}

/// Notes that the key was used and, unless that is switched off, lets it last longer. At most once an
/// hour, so that reading does not become writing.
fn refresh(cx: &Cx, db: &store::Db, mut key: ApiKey) -> Result<ApiKey, Error> {
    let now = cx.now();
    let mut changed = false;
    if key.last_used + HOUR < now {
        key.last_used = now;
        key.ip_address = cx.client_address();
        changed = true;
    }
    let lifetime = Duration::from_secs(key.lifetime_seconds.max(0) as u64);
    if !cx.deployment.config.sessions.disable_expiry_refresh && key.expires_at + HOUR <= now + lifetime {
        key.expires_at = now + lifetime;
        changed = true;
    }
    if changed {
        db.acting_as(system::restricted()).tx::<_, store::Error>(|db| {
            db.update_api_key_by_id(&key.id, key.last_used, key.expires_at, &key.ip_address)?;
            db.update_user_last_seen_at(key.user_id, now, now)
        })?;
    }
    Ok(key)
}
