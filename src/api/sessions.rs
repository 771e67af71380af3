//! Signing in: a password becomes a session.

use super::authn::SESSION_COOKIE;
use super::routes::{Access, Handler, Route, Routes};
use super::{Cx, Error, Reply, reply};
use crate::auth::token::Token;
use crate::config::SameSite;
use crate::rbac::scopes;
use crate::sdk;
use crate::store::Optional;
use crate::store::queries::api_keys::ApiKey;
use crate::time::Time;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.add(
        "POST",
        "/api/v2/users/login",
        Route {
            access: Access::Anyone,
            handler: Handler::Plain(post_login),
            max_body: 64 << 10,
            guesses_passwords: true,
        },
    );
}

/// Signs in with an address and a password. The answer does not tell which of the two was wrong.
fn post_login(cx: &Cx) -> Reply {
    let body: sdk::LoginWithPasswordRequest = cx.body()?;
    let db = cx.system_db();
    let user = db.get_user_by_email_or_username("", &body.email).optional()?;
    let stored = user.as_ref().map(|u| String::from_utf8_lossy(&u.hashed_password).into_owned());
    let verified = cx
        .deployment
        .passwords
        .verify(stored.as_deref(), &body.password)
        .map_err(|e| Error::new(503, e.to_string()).header("Retry-After", "1"))?;
    let user = match user {
        Some(user) if verified => user,
        _ => return Err(Error::new(401, "Incorrect email or password.")),
    };
    if cx.deployment.config.disable_password_auth {
        return Err(Error::new(403, "Signing in with a password is switched off here."));
    }
    if user.login_type != sdk::LoginType::Password {
        return Err(Error::new(
            403,
            format!("This account signs in with {:?}, not with a password.", user.login_type.as_str()),
        ));
    }
    let mut status = user.status;
    if status == sdk::UserStatus::Dormant {
        status = db.update_user_status(user.id, sdk::UserStatus::Active, cx.now())?.status;
    }
    if status != sdk::UserStatus::Active {
        return Err(Error::new(401, format!("Your account is {}. An administrator can activate it.", status.as_str())));
    }
    let known = cx.deployment.subjects.of_user(&db, user.id).map_err(Error::internal)?;
    let token = Token::generate(&cx.deployment.ids);
    let now = cx.now();
    let lifetime = cx.deployment.config.sessions.default_duration;
    let key = ApiKey {
        id: token.id.clone(),
        hashed_secret: token.hashed_secret(),
        user_id: user.id,
        last_used: Time::ZERO,
        expires_at: now + lifetime,
        created_at: now,
        updated_at: now,
        login_type: sdk::LoginType::Password,
        lifetime_seconds: lifetime.as_secs() as i64,
        ip_address: cx.request.peer.map_or_else(|| "0.0.0.0".to_owned(), |ip| ip.to_string()),
        token_name: String::new(),
        scopes: vec![scopes::ALL.to_owned()],
        allow_list: vec!["*:*".to_owned()],
    };
    db.acting_as(&known.subject).insert_api_key(&key)?;
    let mut response = reply::created(&sdk::LoginWithPasswordResponse { session_token: token.text() })?;
    response.headers.push(("Set-Cookie".into(), session_cookie(cx, &token.text())));
    Ok(response)
}

/// The cookie that keeps a session.
fn session_cookie(cx: &Cx, token: &str) -> String {
    let cookies = &cx.deployment.config.cookies;
    let secure = if cookies.secure { "; Secure" } else { "" };
    let same_site = match cookies.same_site {
        SameSite::Lax => "Lax",
        SameSite::None => "None",
    };
    format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly{secure}; SameSite={same_site}")
}
