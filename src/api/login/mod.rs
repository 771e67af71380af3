//! Signing in through others, as a browser sees it: off to the provider, back with a code, and on to where
//! it wanted to go. What ties the way back to the way there is kept in cookies of the browser: the state,
//! the verifier of PKCE, and where to go on. They are used once.

mod github;
mod oidc;
pub(super) mod redirect;

use subtle::ConstantTimeEq;

use super::journal::Audit;
use super::routes::{Access, Handler, Limit, Plain, Route, Routes};
use super::sessions::{CONVERSION_COOKIE, log_waking, session_cookie};
use super::{Cx, Error, Reply};
use crate::auth::conversion::{self, Rejected};
use crate::auth::oauth;
use crate::http::Response;
use crate::login::{self, Conversion, Identity, Refusal};
use crate::sdk::{AuditAction, LoginType, ResourceType};

pub(super) const STATE_COOKIE: &str = "oauth_state";
pub(super) const REDIRECT_COOKIE: &str = "oauth_redirect";
pub(super) const VERIFIER_COOKIE: &str = "oauth_pkce_verifier";
pub(super) const STATE_LENGTH: usize = 32;
/// The longest state that is taken from outside.
const STATE_MAX: usize = 128;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    let mut add = |pattern, handler: Plain| {
        let handler = Handler::Plain(handler);
        r.add("GET", pattern, Route { access: Access::AnyoneOrUser, handler, max_body: 0, limit: Limit::Passwords });
    };
    add("/api/v2/users/oidc/callback", oidc::get_callback);
    add("/api/v2/users/oauth2/github/callback", github::get_callback);
    add("/api/v2/users/oauth2/github/device", github::get_device);
}

/// What a browser brings back.
struct Back {
    code: String,
    state: String,
    verifier: String,
    /// Where to go on, on this server.
    redirect: String,
}

/// Where a browser is on its way.
enum Step {
    /// On its way there: a state and a verifier are made for it.
    There { state: String, verifier: String },
    /// On its way back.
    Back(Back),
}

fn step(cx: &Cx) -> Result<Step, Error> {
    if let Some(error) = cx.query_if_any("error").filter(|error| !error.is_empty()) {
        let mut detail = cx.query("error_description").to_owned();
        if let Some(uri) = cx.query_if_any("error_uri").filter(|uri| !uri.is_empty()) {
            let separator = if detail.is_empty() { "" } else { ", " };
            detail += &format!("{separator}error_uri: {uri}");
        }
        return Err(Error::bad(format!("The identity provider says no: {error}")).detail(detail));
    }
    let code = cx.query("code");
    if code.is_empty() {
        return Ok(Step::There { state: new_state(cx)?, verifier: oauth::verifier(&cx.deployment.ids) });
    }
    let state = cx.query("state");
    if state.is_empty() {
        return Err(Error::bad("The state is missing from the way back."));
    }
    let cookie = |name: &str| cx.cookie(name).filter(|value| !value.is_empty());
    let Some(kept) = cookie(STATE_COOKIE) else {
        return Err(Error::new(401, format!("The cookie {STATE_COOKIE:?} is missing.")));
    };
    if !bool::from(kept.as_bytes().ct_eq(state.as_bytes())) {
        return Err(Error::new(401, "The state is not the one that this browser was sent off with."));
    }
    let Some(verifier) = cookie(VERIFIER_COOKIE) else {
        return Err(Error::bad(format!("The cookie {VERIFIER_COOKIE:?} is missing.")));
    };
    Ok(Step::Back(Back {
        code: code.to_owned(),
        state: state.to_owned(),
        verifier: verifier.to_owned(),
        redirect: redirect::local(cx.cookie(REDIRECT_COOKIE).unwrap_or_default()),
    }))
}

/// A fresh state, or that of a conversion that the user has just asked for. No other is taken from outside: who
/// knows another's state could sign them in as somebody else.
fn new_state(cx: &Cx) -> Result<String, Error> {
    match cx.query("oidc_merge_state") {
        "" => Ok(cx.deployment.ids.alphanumeric(STATE_LENGTH)),
        state => {
            let is_plain = state.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && state.len() <= STATE_MAX;
            match is_plain && conversion::is_announced_by(state) {
                true => Ok(state.to_owned()),
                false => Err(Error::bad("The state to convert an account is not one that this server gave.")),
            }
        }
    }
}

/// Sends a browser off to a provider.
fn send_off(cx: &Cx, url: String, state: &str, verifier: &str) -> Reply {
    let redirect = redirect::local(cx.query("redirect"));
    let mut headers = vec![("Location".to_owned(), url)];
    for (name, value) in [(STATE_COOKIE, state), (REDIRECT_COOKIE, &redirect), (VERIFIER_COOKIE, verifier)] {
        headers.push(("Set-Cookie".to_owned(), format!("{name}={value}; {}", attributes(cx))));
    }
    Ok(Response { status: 307, headers, body: Vec::new() })
}

/// What is said of each of these cookies, however long it lasts.
pub(super) fn attributes(cx: &Cx) -> String {
    let cookies = &cx.deployment.config.cookies;
    let secure = if cookies.secure { "; Secure" } else { "" };
    format!("Path=/; HttpOnly{secure}; SameSite={}", cookies.same_site.as_attribute())
}

/// Begins the entry of the audit log.
fn begin(cx: &Cx) -> Audit {
    cx.audit(ResourceType::ApiKey, AuditAction::Login)
}

/// Signs in, and says where to go on. The answer's status and body are the caller's.
fn finish(cx: &Cx, audit: &Audit, back: &Back, identity: &Identity) -> Result<Vec<(String, String)>, Refusal> {
    let conversion = conversion::is_announced_by(&back.state)
        .then(|| Conversion { state: &back.state, token: cx.cookie(CONVERSION_COOKIE) });
    let signed = login::sign_in(&cx.deployment, identity, conversion.as_ref(), cx.client_address())?;
    if signed.is_new {
        audit.action(AuditAction::Register);
    }
    audit.user(signed.user.id).after(&signed.key);
    if let Some(before) = &signed.woken {
        log_waking(cx, before, &signed.user);
    }
    let mut cookies = vec![session_cookie(cx, &signed.token)];
    if let Some(before) = &signed.converted {
        cx.audit(ResourceType::User, AuditAction::Write).user(signed.user.id).before(before).after(&signed.user);
        cookies.push(format!("{CONVERSION_COOKIE}=; Path=/; Max-Age=0"));
        // The session of the old way ends with it.
        if let Some(actor) = cx.actor_if_any().filter(|actor| actor.user_id == signed.user.id) {
            cx.system_db().delete_api_key_by_id(&actor.key.id)?;
        }
    }
    cookies.extend([STATE_COOKIE, REDIRECT_COOKIE, VERIFIER_COOKIE].map(|name| format!("{name}=; Path=/; Max-Age=0")));
    Ok(cookies.into_iter().map(|cookie| ("Set-Cookie".to_owned(), cookie)).collect())
}

/// What a browser sees of a refusal.
fn refused(cx: &Cx, refusal: Refusal) -> Error {
    let page = |status, title: &str, text: &str| Error::new(status, title).detail(text).as_page();
    match refusal {
        Refusal::Store(e) => e.into(),
        Refusal::Right(Rejected::Store(e)) => e.into(),
        Refusal::Keys(e) => Error::internal(e),
        Refusal::SignupsDisabled => {
            let text = cx.deployment.config.oidc.as_ref().map_or("", |oidc| oidc.signups_disabled_text.as_str());
            let text = if text.is_empty() { "Please ask an administrator for an account." } else { text };
            page(403, "Signups are disabled", text)
        }
        Refusal::OtherLoginType { user, tried } => {
            let mut text = format!(
                "You tried to sign in with {tried:?}, but this account signs in with {user:?}.",
                tried = tried.as_str(),
                user = user.as_str()
            );
            if user == LoginType::Password {
                text += " Sign in with the password; then you can change that in your account's settings.";
            }
            page(403, "This account signs in another way", &text)
        }
        Refusal::OtherSubject | Refusal::Suspended => page(403, "You cannot sign in", &refusal.to_string()),
        Refusal::Taken => Error::conflict(refusal.to_string()),
        Refusal::OtherAddress(_) | Refusal::NoRight | Refusal::Right(Rejected::Forged) => {
            Error::bad(refusal.to_string())
        }
        Refusal::Right(_) | Refusal::RightOfOther => Error::new(403, refusal.to_string()),
    }
}

/// What a browser sees when a code gives no tokens.
fn no_tokens(e: oauth::Error) -> Error {
    let status = match &e {
        // The code on the other device has not been typed yet: the client asks again.
        oauth::Error::Refused { code, .. } if code == "authorization_pending" || code == "slow_down" => 400,
        // A wrong or used code is the caller's mistake.
        oauth::Error::Refused { code, .. } if code == "invalid_grant" || code == "bad_verification_code" => 400,
        _ => 500,
    };
    if let oauth::Error::Refused { code, description, .. } = &e {
        log::warn!(target: "userauth", "a provider refuses a code: {code} {description}");
    }
    Error::new(status, "The identity provider gave no tokens for the code.").detail(e.to_string())
}
