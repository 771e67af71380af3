//! Signing in and out: a password becomes a session, a session ends; the ways there are to sign in, and
//! changing from one to another.

use std::time::Duration;

use super::authn::SESSION_COOKIE;
use super::routes::{Access, Handler, Limit, Route, Routes};
use super::users::password::verify;
use super::{Audit, Cx, Error, OrForbidden, Reply, lookup, reply};
use crate::audit::{self, Asked, Auditable, Entry, LoginConversion};
use crate::auth::{conversion, keys};
use crate::rbac::scopes;
use crate::sdk::{self, AuditAction, LoginType, ResourceType, UserStatus};
use crate::store::queries::users::User;
use crate::store::{Db, Optional};
use crate::time::Time;

/// The cookie that holds the right to sign in another way from now on.
pub(super) const CONVERSION_COOKIE: &str = "coder_oauth_convert_jwt";
/// How long that right lasts.
const CONVERSION_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    let login = Route {
        access: Access::Anyone,
        handler: Handler::Plain(post_login),
        max_body: 64 << 10,
        limit: Limit::Passwords,
    };
    r.add("POST", "/api/v2/users/login", login);
    r.user("POST", "/api/v2/users/logout", post_logout);
    r.anyone("GET", "/api/v2/users/authmethods", get_auth_methods);
    r.user("POST", "/api/v2/users/{user}/convert-login", post_convert_login);
    r.anyone("GET", "/api/v2/auth/scopes", get_scopes);
}

/// Signs in with an address and a password.
fn post_login(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::ApiKey, AuditAction::Login);
    let body: sdk::LoginWithPasswordRequest = cx.body()?;
    let user = check_password(cx, &body.email, &body.password, &audit)?;
    let db = cx.system_db();
    let known = cx.deployment.subjects.of_user(&db, user.id).map_err(Error::internal)?;
    let lifetime = cx.deployment.config.sessions.default_duration;
    let (key, token) =
        keys::make(&cx.deployment, keys::New::session(user.id, LoginType::Password, lifetime, cx.client_address()));
    audit.after(&db.acting_as(&known.subject).insert_api_key(&key)?);
    let mut response = reply::created(&sdk::LoginWithPasswordResponse { session_token: token.clone() })?;
    response.headers.push(("Set-Cookie".into(), session_cookie(cx, &token)));
    Ok(response)
}

/// The active user of this address and password. The answer tells neither whether the address or the
/// password was wrong, nor, before both are right, how the user signs in; nor does the time it takes.
/// Whoever is meant is told to the entry, so that guesses at somebody's password are logged as theirs.
fn check_password(cx: &Cx, email: &str, password: &str, audit: &Audit) -> Result<User, Error> {
    let db = cx.system_db();
    let user = db.get_user_by_email_or_username("", email).optional()?;
    if let Some(user) = &user {
        audit.user(user.id);
    }
    let verified = verify(cx, user.as_ref().map(|u| u.hashed_password.as_slice()), password)?;
    let Some(mut user) = user.filter(|_| verified) else {
        return Err(Error::new(401, "Email or password is wrong."));
    };
    if cx.deployment.config.disable_password_auth {
        return Err(Error::new(403, "Signing in with a password is switched off here."));
    }
    if user.login_type != LoginType::Password {
        let kind = user.login_type.as_str();
        return Err(Error::new(403, format!("This account signs in with {kind:?}, not with a password.")));
    }
    if user.status == UserStatus::Dormant {
        user = wake(cx, &db, user)?;
    }
    if user.status != UserStatus::Active {
        let status = user.status.as_str();
        return Err(Error::new(401, format!("Your account is {status}. An administrator can activate it.")));
    }
    Ok(user)
}

/// Makes a dormant user active, which signing in does.
fn wake(cx: &Cx, db: &Db, user: User) -> Result<User, Error> {
    let awake = db.update_user_status(user.id, UserStatus::Active, cx.now(), true)?;
    log_waking(cx, &user, &awake);
    Ok(awake)
}

/// Logs that a dormant user was woken by signing in.
pub(super) fn log_waking(cx: &Cx, before: &User, after: &User) {
    let entry = Entry {
        before: Some(before.snapshot()),
        after: Some(after.snapshot()),
        user_id: Some(after.id),
        additional_fields: audit::by_itself(audit::Subsystem::Dormancy),
        ..Entry::new(ResourceType::User, AuditAction::Write)
    };
    audit::in_background(&cx.deployment, &entry, &Asked::default(), 200, cx.now());
}

/// Ends the session, and with it those of the user's browser with workspace applications.
fn post_logout(cx: &Cx) -> Reply {
    let actor = cx.actor()?;
    cx.audit(ResourceType::ApiKey, AuditAction::Logout).before(&*actor.key);
    cx.db()
        .tx(|db| {
            db.delete_api_key_by_id(&actor.key.id)?;
            db.delete_application_connect_api_keys_by_user_id(actor.user_id)
        })
        .or_forbidden()?;
    let mut response = reply::message("You are signed out.")?;
    response.headers.push(("Set-Cookie".into(), format!("{SESSION_COOKIE}=; Path=/; Max-Age=0")));
    Ok(response)
}

/// The ways to sign in.
fn get_auth_methods(cx: &Cx) -> Reply {
    let config = &cx.deployment.config;
    reply::ok(&sdk::AuthMethods {
        terms_of_service_url: config.clients.terms_of_service_url.clone(),
        password: sdk::AuthMethod { enabled: !config.disable_password_auth },
        github: sdk::GithubAuthMethod { enabled: config.github.is_some(), default_provider_configured: false },
        oidc: match &config.oidc {
            Some(oidc) => sdk::OIDCAuthMethod {
                enabled: true,
                sign_in_text: oidc.sign_in_text.clone(),
                icon_url: oidc.icon_url.clone(),
            },
            None => sdk::OIDCAuthMethod { enabled: false, sign_in_text: String::new(), icon_url: String::new() },
        },
    })
}

/// Gives a user who proves the password the right to sign in another way from now on. It is used up
/// when the user comes back from the other way with the state that is answered here.
fn post_convert_login(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::ConvertLogin, AuditAction::Create);
    let user = lookup::user(cx)?;
    let body: sdk::ConvertLoginRequest = cx.body()?;
    let to_type = match body.to_type.known() {
        Some(to @ (LoginType::Github | LoginType::Oidc)) => to,
        Some(to) => return Err(Error::bad(format!("Nobody can change to signing in with {:?}.", to.as_str()))),
        None => return Err(Error::bad(format!("There is no way to sign in called {:?}.", body.to_type.as_str()))),
    };
    let user = check_password(cx, &user.email, &body.password, &audit)?;
    let expires_at = Time::from_micros((cx.now() + CONVERSION_LIFETIME).seconds() * 1_000_000);
    let right = conversion::Right { user_id: user.id, from: user.login_type, to: to_type, expires_at };
    let granted = conversion::grant(&cx.deployment, &right)?;
    audit.after(&LoginConversion {
        user_id: user.id,
        created_at: cx.now(),
        expires_at,
        from: user.login_type,
        to: to_type,
    });
    let mut response = reply::created(&sdk::OAuthConversionResponse {
        state_string: granted.state,
        expires_at,
        to_type,
        user_id: user.id,
    })?;
    let secure = if cx.deployment.config.cookies.secure { "; Secure" } else { "" };
    let age = CONVERSION_LIFETIME.as_secs();
    let cookie =
        format!("{CONVERSION_COOKIE}={}; Path=/; Max-Age={age}; HttpOnly{secure}; SameSite=Lax", granted.token);
    response.headers.push(("Set-Cookie".into(), cookie));
    Ok(response)
}

/// The scopes that a token may ask for.
fn get_scopes(_: &Cx) -> Reply {
    let external = scopes::REQUESTABLE.iter().map(|name| (*name).to_owned()).collect();
    reply::ok(&sdk::ExternalAPIKeyScopes { external })
}

/// The cookie that keeps a session.
pub(super) fn session_cookie(cx: &Cx, token: &str) -> String {
    let cookies = &cx.deployment.config.cookies;
    let secure = if cookies.secure { "; Secure" } else { "" };
    let same_site = cookies.same_site.as_attribute();
    format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly{secure}; SameSite={same_site}")
}
