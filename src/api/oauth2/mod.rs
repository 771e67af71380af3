//! The deployment as an OAuth2 provider, over HTTP: applications and their secrets ([`apps`]), a user's
//! consent ([`authorize`]), tokens ([`tokens`]), clients that register themselves ([`clients`]), and what
//! all of these can find out about each other. The rules are those of `crate::oauth2`.
//!
//! Everything but the two well-known documents belongs to an experiment. Which client asks is looked at
//! before anything else of a request is, its method included.

pub(super) mod apps;
mod authorize;
mod clients;
mod page;
mod tokens;

pub(super) use authorize::sign_in;

use uuid::Uuid;

use super::routes::{Access, Handler, Limit, Plain, Route, Routes};
use super::{Cx, Error, Reply, experiments, reply};
use crate::http::Response;
use crate::oauth2::grants;
use crate::oauth2::metadata;
use crate::oauth2::request::{self, Refusal};
use crate::sdk::{self, OAuth2ErrorCode as Code};
use crate::store::Optional;
use crate::store::queries::oauth2::OAuth2ProviderApp;

/// The experiment.
const EXPERIMENT: &str = "oauth2";

/// The longest form or registration, in bytes.
const MAX_BODY: u64 = 64 << 10;

/// An answer, or the answer to a request that goes no further.
type Said = Result<Response, Response>;

impl From<Error> for Response {
    fn from(e: Error) -> Response {
        e.into_response()
    }
}

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    apps::routes(r);
    authorize::routes(r);
    tokens::routes(r);
    clients::routes(r);
    for pattern in ["/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/*"] {
        r.anyone("GET", pattern, get_authorization_server);
    }
    for pattern in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/*"] {
        r.anyone("GET", pattern, get_protected_resource);
    }
}

/// A route that strangers try secrets on.
fn guarded(handler: Plain) -> Route {
    Route { access: Access::Anyone, handler: Handler::Plain(handler), max_body: MAX_BODY, limit: Limit::Passwords }
}

/// What the authorization server can do.
fn get_authorization_server(cx: &Cx) -> Reply {
    reply::ok(&metadata::authorization_server(&cx.deployment.access_url))
}

/// Who gives out tokens for the API.
fn get_protected_resource(cx: &Cx) -> Reply {
    reply::ok(&metadata::protected_resource(&cx.deployment.access_url))
}

/// Refuses where the experiment is off.
fn require_experiment(cx: &Cx) -> Result<(), Response> {
    experiments::require(cx, EXPERIMENT).map_err(Error::into_response)
}

/// The application that asks, by the `client_id` of the query or the form.
fn client(cx: &Cx) -> Result<OAuth2ProviderApp, Response> {
    require_experiment(cx)?;
    let form = form(cx);
    let Some(id) = request::client_id(cx.queries(), &form) else {
        return Err(refusal(400, Refusal::new(Code::InvalidRequest, "Missing client_id parameter")));
    };
    let unknown = || refusal(401, Refusal::invalid_client());
    let id = Uuid::try_parse(id).map_err(|_| unknown())?;
    let found = cx.system_db().get_oauth2_provider_app_by_id(id).optional();
    found.map_err(|e| Error::from(e).into_response())?.ok_or_else(unknown)
}

/// The pairs of a posted form; none for a body of any other kind.
fn form(cx: &Cx) -> Vec<(String, String)> {
    let kind = cx.request.head.headers.get("Content-Type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Vec::new();
    }
    form_urlencoded::parse(&cx.request.body).into_owned().collect()
}

/// A refusal in the protocol's form, which nobody keeps (RFC 6749, section 5.2).
fn refusal(status: u16, refusal: Refusal) -> Response {
    let body =
        sdk::OAuth2Error { error: refusal.code, error_description: refusal.description, error_uri: String::new() };
    unkept(status, sdk::json::to_vec(&body))
}

/// The status that goes with a refusal.
fn refuse(why: Refusal) -> Response {
    let status = if why.code == Code::InvalidClient { 401 } else { 400 };
    refusal(status, why)
}

/// Why there are no tokens.
fn failure(e: grants::Error) -> Response {
    match e {
        grants::Error::Refused(why) => refuse(why),
        grants::Error::Store(e) => Error::from(e).into_response(),
        grants::Error::Subject(e) => Error::internal(e).into_response(),
    }
}

/// JSON that no cache may keep.
fn unkept(status: u16, body: Vec<u8>) -> Response {
    let headers =
        [("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store"), ("Pragma", "no-cache")];
    Response { status, headers: headers.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(), body }
}

/// 405, with the methods that there are.
fn wrong_method(allowed: &[&str]) -> Response {
    let headers = allowed.iter().map(|method| ("Allow".to_owned(), (*method).to_owned())).collect();
    Response { status: 405, headers, body: Vec::new() }
}

/// Either way it is an answer.
fn answer(said: Said) -> Reply {
    Ok(said.unwrap_or_else(|refused| refused))
}
