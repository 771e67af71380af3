//! Requests that a foreign page makes a browser send (CSRF): a request that changes something and is
//! known by the session cookie alone must also bring the token of the cookie `csrf_token`.
//!
//! The token's forms are those of the ecosystem's dashboards: 32 bytes in standard base64, or 64, of
//! which the first half masks the second.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::Cx;
use super::authn::{SESSION_COOKIE, SESSION_HEADER, bearer};
use super::cx::cookie as cookie_of;
use crate::deployment::Deployment;
use crate::http::{Request, Response};

const COOKIE: &str = "csrf_token";
const HEADER: &str = "X-CSRF-TOKEN";
const TOKEN_BYTES: usize = 32;

/// Paths whose callers prove themselves otherwise.
const EXEMPT: [&str; 6] = [
    "/api/v2/users/first",
    "/api/v2/csp/reports",
    "api/v2/workspaceagents/",
    "api/v2/workspaceproxies/me/",
    "derp/",
    "/provisionerdaemons/",
];

/// Refuses a request that may have been sent by a foreign page.
pub fn check(cx: &Cx) -> Result<(), Response> {
    let request = &cx.request;
    let headers = &request.head.headers;
    if matches!(request.head.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
        || !request.head.path.starts_with("/api")
    {
        return Ok(());
    }
    if EXEMPT.iter().any(|path| request.head.path.contains(path)) {
        return Ok(());
    }
    let Some(session) = cookie_of(headers, SESSION_COOKIE) else { return Ok(()) };
    let sent_otherwise = headers.get(SESSION_HEADER) == Some(session)
        || cx.query_if_any(SESSION_COOKIE) == Some(session)
        || bearer(request).is_some()
        || ["Coder-Provisioner-Daemon-PSK", "Coder-Provisioner-Daemon-Key"]
            .iter()
            .any(|h| headers.get(h).is_some_and(|v| !v.is_empty()));
    if sent_otherwise || token_matches(request) {
        return Ok(());
    }
    let why = match headers.get(SESSION_HEADER) {
        Some(_) => format!(
            "The session tokens in the cookie {SESSION_COOKIE} and in the header {SESSION_HEADER} differ. Send only one of them, or the same in both."
        ),
        None => format!(
            "The {HEADER} header is missing or does not fit the cookie {COOKIE}. Reload the page; if that does not help, delete this site's cookies."
        ),
    };
    Err(Response {
        status: 400,
        headers: vec![("Content-Type".into(), "text/plain; charset=utf-8".into())],
        body: format!("{why}\n").into_bytes(),
    })
}

/// The cookie to set, for a client that has none.
pub fn cookie(deployment: &Deployment, request: &Request) -> Option<String> {
    if cookie_of(&request.head.headers, COOKIE).and_then(decode).is_some() {
        return None;
    }
    let mut token = [0; TOKEN_BYTES];
    deployment.ids.fill(&mut token);
    let secure = if deployment.config.cookies.secure { "; Secure" } else { "" };
    Some(format!("{COOKIE}={}; Path=/; HttpOnly{secure}; SameSite=Lax", STANDARD.encode(token)))
}

fn token_matches(request: &Request) -> bool {
    let headers = &request.head.headers;
    let real = cookie_of(headers, COOKIE).and_then(decode);
    let sent = headers.get(HEADER).and_then(decode);
    match (real, sent) {
        (Some(real), Some(sent)) => bool::from(real.ct_eq(&sent)),
        _ => false,
    }
}

/// A token, unmasked.
fn decode(text: &str) -> Option<[u8; TOKEN_BYTES]> {
    let bytes = STANDARD.decode(text).ok()?;
    match bytes.len() {
        TOKEN_BYTES => bytes.try_into().ok(),
        len if len == 2 * TOKEN_BYTES => {
            let (mask, masked) = bytes.split_at(TOKEN_BYTES);
            let mut token = [0; TOKEN_BYTES];
            for (t, (a, b)) in token.iter_mut().zip(mask.iter().zip(masked)) {
                *t = a ^ b;
            }
            Some(token)
        }
        _ => None,
    }
}
