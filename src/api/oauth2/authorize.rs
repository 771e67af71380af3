//! A user's consent: the page that asks for it, and the code that comes of it.
//!
//! A page of another origin must not give consent in a user's name: where the browser's cookie alone says
//! who asks, the request must come from a page of this server.

use form_urlencoded::Serializer;

use super::super::authn::{self, SESSION_COOKIE};
use super::super::cx::Actor;
use super::super::routes::{Access, Handler, Limit, Route, Routes};
use super::super::{Cx, Error, Reply, pages};
use super::tokens::targets;
use super::{MAX_BODY, Said, answer, client, page, refusal, refuse};
use crate::auth::oauth;
use crate::http::Response;
use crate::oauth2::grants::{self, Consent};
use crate::oauth2::pkce;
use crate::oauth2::request::{self, Authorization, Problem, Refusal};
use crate::sdk::OAuth2ErrorCode as Code;
use crate::store::queries::oauth2::OAuth2ProviderApp;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    let route = |handler| Route {
        access: Access::Anyone,
        handler: Handler::Plain(handler),
        max_body: MAX_BODY,
        limit: Limit::Usual,
    };
    r.add("GET", "/oauth2/authorize", route(get_authorize));
    r.add("POST", "/oauth2/authorize", route(post_authorize));
}

/// Asks the user.
fn get_authorize(cx: &Cx) -> Reply {
    answer(ask(cx))
}

fn ask(cx: &Cx) -> Said {
    let (app, actor) = who(cx)?;
    let wanted = wanted(cx, &app).map_err(|problems| page::refusal(&cx.deployment.access_url, &problems))?;
    let mut refused = vec![("error", Code::AccessDenied.as_str())];
    if !wanted.state.is_empty() {
        refused.push(("state", wanted.state.as_str()));
    }
    Ok(page::consent(&page::Question {
        app: &app.name,
        icon: &app.icon,
        username: &actor.username,
        redirect_uri: &wanted.redirect_uri,
        cancel: &oauth::with_query(&wanted.redirect_uri, &refused),
    }))
}

/// Takes the user's yes.
fn post_authorize(cx: &Cx) -> Reply {
    answer(allow(cx))
}

fn allow(cx: &Cx) -> Said {
    let (app, actor) = who(cx)?;
    if comes_from_elsewhere(cx) {
        let why = "Consent can be given only on this server's own page";
        return Err(refusal(403, Refusal::new(Code::AccessDenied, why)));
    }
    let wanted = wanted(cx, &app).map_err(|problems| {
        let each: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.field, p.detail)).collect();
        refuse(Refusal::new(Code::InvalidRequest, format!("Invalid query params: {}", each.join(", "))))
    })?;
    let challenge = match wanted.code_challenge.as_str() {
        "" => None,
        challenge => {
            let method = pkce::method(&wanted.code_challenge_method);
            Some((challenge, method.map_err(|why| refuse(Refusal::new(Code::InvalidRequest, why)))?))
        }
    };
    let consent = Consent { redirect_uri: &wanted.redirect_uri, resource: &wanted.resource, challenge };
    let db = cx.db_as(&actor.subject);
    let code = grants::consent(&cx.deployment, &db, actor.user_id, app.id, &consent).map_err(|e| {
        let error = Error::from(e);
        match error.status {
            // A key whose scope does not reach this far.
            404 => refusal(403, Refusal::new(Code::AccessDenied, "This session may not let applications in")),
            _ => error.into_response(),
        }
    })?;
    let code = code.text();
    let mut given = vec![("code", code.as_str())];
    if !wanted.state.is_empty() {
        given.push(("state", wanted.state.as_str()));
    }
    let headers = [
        ("Location", oauth::with_query(&wanted.redirect_uri, &given)),
        ("Cache-Control", "no-store".to_owned()),
        ("Referrer-Policy", "no-referrer".to_owned()),
    ];
    Ok(Response { status: 302, headers: headers.map(|(k, v)| (k.to_owned(), v)).to_vec(), body: Vec::new() })
}

/// The application that asks and the user who is asked; who is not signed in is sent to do so.
fn who(cx: &Cx) -> Result<(OAuth2ProviderApp, Actor), Response> {
    let app = client(cx)?;
    let actor = authn::authenticate(cx).map_err(|e| match e.status {
        401 | 403 => sign_in(cx, &e.body.message),
        _ => e.into_response(),
    })?;
    Ok((app, actor))
}

fn wanted(cx: &Cx, app: &OAuth2ProviderApp) -> Result<Authorization, Vec<Problem>> {
    request::authorization(cx.queries(), targets(app))
}

/// To the login page, and from there back to this request.
pub fn sign_in(cx: &Cx, message: &str) -> Response {
    let head = &cx.request.head;
    let back = if head.query.is_empty() { head.path.clone() } else { format!("{}?{}", head.path, head.query) };
    let query = Serializer::new(String::new()).append_pair("message", message).append_pair("redirect", &back).finish();
    let location = format!("/login?{query}");
    let mut headers = vec![("Location".to_owned(), location.clone())];
    let mut body = Vec::new();
    if head.method == "GET" {
        headers.push(("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned()));
        body = format!("<a href=\"{}\">See Other</a>.\n", pages::escaped(&location)).into_bytes();
    }
    Response { status: 303, headers, body }
}

/// Whether a browser sends this for a page of another origin, by the session cookie.
fn comes_from_elsewhere(cx: &Cx) -> bool {
    if cx.cookie(SESSION_COOKIE).is_none_or(str::is_empty) {
        return false;
    }
    let headers = &cx.request.head.headers;
    if headers.get("Sec-Fetch-Site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let Some(origin) = headers.get("Origin") else { return false };
    let of_host = origin.split_once("://").map(|(_, host)| host);
    let is_ours = origin.eq_ignore_ascii_case(&cx.deployment.access_url)
        || of_host.is_some_and(|host| headers.get("Host").is_some_and(|own| own.eq_ignore_ascii_case(host)));
    !is_ours
}
