//! Tokens: exchanged for codes and refresh tokens, given back by clients (RFC 7009), and taken away by the
//! user that they act for.

use super::super::routes::Routes;
use super::super::{Cx, Reply, authn, reply};
use super::{Said, answer, client, failure, form, guarded, refuse, unkept, wrong_method};
use crate::http::Response;
use crate::oauth2::grants::Client;
use crate::oauth2::request::{self, Refusal, Targets};
use crate::sdk::{self, OAuth2ErrorCode as Code, OAuth2TokenType};
use crate::store;
use crate::store::queries::oauth2::OAuth2ProviderApp;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.add("POST", "/oauth2/tokens", guarded(post_tokens));
    r.add("DELETE", "/oauth2/tokens", guarded(delete_tokens));
    r.add("POST", "/oauth2/revoke", guarded(post_revoke));
    for method in ["GET", "PUT", "PATCH"] {
        r.add(method, "/oauth2/tokens", guarded(|cx| only(cx, &["DELETE", "POST"])));
    }
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        r.add(method, "/oauth2/revoke", guarded(|cx| only(cx, &["POST"])));
    }
}

/// Where an application may send people.
pub fn targets(app: &OAuth2ProviderApp) -> Targets<'_> {
    Targets { callback: &app.callback_url, registered: app.redirect_uris.as_deref().unwrap_or_default() }
}

/// Exchanges what a client has for tokens.
fn post_tokens(cx: &Cx) -> Reply {
    answer(exchange(cx))
}

fn exchange(cx: &Cx) -> Said {
    let app = client(cx)?;
    let request = request::token(&pairs(cx), targets(&app)).map_err(refuse)?;
    let issued = asking(cx, &app).exchange(&request).map_err(failure)?;
    let body = sdk::OAuth2TokenResponse {
        access_token: issued.access_token,
        token_type: OAuth2TokenType::Bearer,
        expires_in: i64::try_from(issued.lifetime.as_secs()).unwrap_or(i64::MAX),
        refresh_token: issued.refresh_token,
        scope: String::new(),
        expiry: Some(issued.expires_at),
    };
    Ok(unkept(200, sdk::json::to_vec(&body)))
}

/// What a client sends: the pairs of its form, then those of its query.
fn pairs(cx: &Cx) -> Vec<(String, String)> {
    let mut pairs = form(cx);
    pairs.extend(cx.queries().iter().cloned());
    pairs
}

/// Ends a token that a client gives back.
fn post_revoke(cx: &Cx) -> Reply {
    answer(revoke(cx))
}

fn revoke(cx: &Cx) -> Said {
    let app = client(cx)?;
    let pairs = pairs(cx);
    let named = |name: &str| pairs.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str()).unwrap_or_default();
    let token = named("token");
    if token.is_empty() {
        return Err(refuse(Refusal::new(Code::InvalidRequest, "missing token parameter")));
    }
    asking(cx, &app).revoke(token, named("client_secret")).map_err(failure)?;
    Ok(Response { status: 200, headers: Vec::new(), body: Vec::new() })
}

/// Takes everything away from an application that the caller gave to it.
fn delete_tokens(cx: &Cx) -> Reply {
    let app = match client(cx) {
        Ok(app) => app,
        Err(refused) => return Ok(refused),
    };
    let actor = authn::authenticate(cx)?;
    cx.db_as(&actor.subject).tx::<_, store::Error>(|db| {
        db.delete_oauth2_provider_app_codes_by_app_and_user_id(app.id, actor.user_id)?;
        db.delete_oauth2_provider_app_tokens_by_app_and_user_id(app.id, actor.user_id)
    })?;
    reply::none()
}

/// A method that there is not; who asks is looked at all the same.
fn only(cx: &Cx, allowed: &[&str]) -> Reply {
    answer(client(cx).map(|_| wrong_method(allowed)))
}

fn asking<'a>(cx: &'a Cx, app: &'a OAuth2ProviderApp) -> Client<'a> {
    Client { deployment: &cx.deployment, db: cx.db(), app, ip_address: cx.client_address() }
}
