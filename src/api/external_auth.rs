//! Accounts elsewhere, such as at Git hosts: which services there are, connecting to one by its login page or
//! by a device code, and what a connection is worth.
//!
//! A browser goes to the callback twice: first without a code, to be sent to the service with a state that a
//! cookie keeps, then with the service's code and that state.

use subtle::ConstantTimeEq;

use super::login::{self, REDIRECT_COOKIE, STATE_COOKIE, STATE_LENGTH, VERIFIER_COOKIE, redirect::local};
use super::routes::Routes;
use super::{Cx, Error, Reply, authn, oauth2, pages, reply};
use crate::auth::oauth::{self, Line};
use crate::external_auth::Provider;
use crate::external_auth::links::{self, Error as LinkError};
use crate::http::Response;
use crate::sdk;
use crate::store::Optional;

/// How long somebody may take at the service, in seconds.
const LOGIN_SECONDS: u32 = 3600;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/external-auth", get_links);
    r.user("GET", "/api/v2/external-auth/{externalauth}", get_link);
    r.user("DELETE", "/api/v2/external-auth/{externalauth}", delete_link);
    r.user("GET", "/api/v2/external-auth/{externalauth}/device", get_device);
    r.user("POST", "/api/v2/external-auth/{externalauth}/device", post_device);
    for pattern in ["/external-auth/{externalauth}/callback", "/gitauth/{externalauth}/callback"] {
        r.anyone("GET", pattern, get_callback);
    }
}

/// The services, and the caller's connections to them.
fn get_links(cx: &Cx) -> Reply {
    let actor = cx.actor()?;
    let mut shown = Vec::new();
    for link in cx.db().get_external_auth_links_by_user_id(actor.user_id)? {
        let known = cx.deployment.external_auth.find(&link.provider_id);
        let (link, checked) = match known.filter(|_| !link.oauth_access_token.is_empty()) {
            None => (link, None),
            Some(provider) => match links::fresh(&cx.deployment, cx.db(), provider, link.clone()) {
                Ok(fresh) => (fresh, Some(Ok(()))),
                Err(LinkError::Store(e)) => return Err(e.into()),
                Err(e) => (link, Some(Err(e.to_string()))),
            },
        };
        shown.push(sdk::ExternalAuthLink {
            provider_id: link.provider_id,
            created_at: link.created_at,
            updated_at: link.updated_at,
            has_refresh_token: !link.oauth_refresh_token.is_empty(),
            expires: link.oauth_expiry,
            authenticated: checked == Some(Ok(())),
            validate_error: checked.and_then(Result::err).unwrap_or_default(),
        });
    }
    let providers = cx.deployment.external_auth.iter().map(Provider::shown).collect();
    reply::ok(&sdk::ListUserExternalAuthResponse { providers, links: shown })
}

/// What the caller's connection to a service is worth.
fn get_link(cx: &Cx) -> Reply {
    let (provider, actor) = (provider(cx)?, cx.actor()?);
    let mut shown = sdk::ExternalAuth {
        authenticated: false,
        device: provider.device_flow,
        display_name: provider.display_name.clone(),
        supports_revocation: !provider.revoke_url.is_empty(),
        user: None,
        app_installable: false,
        installations: Vec::new(),
        app_install_url: provider.app_install_url.clone(),
    };
    if let Some(link) = cx.db().get_external_auth_link(&provider.id, actor.user_id).optional()? {
        let asked = || -> Result<_, oauth::Error> {
            let validated = provider.validate(line(cx), &link.oauth_access_token, link.oauth_expiry)?;
            Ok((validated, provider.installations(line(cx), &link.oauth_access_token)?))
        };
        let ((authenticated, user), installations) =
            asked().map_err(|e| unanswered("The service could not say whether the token is valid.", &e))?;
        (shown.authenticated, shown.user) = (authenticated, user);
        shown.app_installable = installations.is_some();
        shown.installations = installations.unwrap_or_default();
    }
    reply::ok(&shown)
}

/// Ends the caller's connection to a service, and tells the service so.
fn delete_link(cx: &Cx) -> Reply {
    let (provider, actor) = (provider(cx)?, cx.actor()?);
    let link = cx.db().get_external_auth_link(&provider.id, actor.user_id)?;
    cx.db().delete_external_auth_link(&provider.id, actor.user_id)?;
    let revoked = provider.revoke(line(cx), &link.oauth_access_token, &link.oauth_refresh_token);
    reply::ok(&sdk::DeleteExternalAuthByIDResponse {
        token_revoked: *revoked.as_ref().unwrap_or(&false),
        token_revocation_error: revoked.err().map(|e| e.to_string()).unwrap_or_default(),
    })
}

/// A code to enter at the service on another device.
fn get_device(cx: &Cx) -> Reply {
    let provider = device_provider(cx)?;
    let device = provider.begin_device(line(cx));
    reply::ok(&device.map_err(|e| unanswered("The service gave no device code.", &e))?)
}

/// Connects, once the code was entered there.
fn post_device(cx: &Cx) -> Reply {
    provider(cx)?;
    let body: sdk::ExternalAuthDeviceExchange = cx.body()?;
    let provider = device_provider(cx)?;
    let token = provider
        .finish_device(line(cx), &body.device_code)
        .map_err(|e| Error::bad("The device code could not be exchanged.").detail(e.to_string()))?;
    links::keep(cx.db(), provider, cx.actor()?.user_id, &token, cx.now())?;
    reply::none()
}

/// The way to a service and back.
fn get_callback(cx: &Cx) -> Reply {
    let Some(provider) = cx.deployment.external_auth.find(cx.param("externalauth")).filter(|p| !p.device_flow) else {
        return Ok(pages::elsewhere());
    };
    let actor = match authn::authenticate(cx) {
        Ok(actor) => actor,
        Err(e) if matches!(e.status, 401 | 403) => return Ok(oauth2::sign_in(cx, &e.body.message)),
        Err(e) => return Err(e),
    };
    if !cx.query("error").is_empty() {
        let message = format!("The service refused: {}", cx.query("error"));
        return Err(Error::bad(message).detail(cx.query("error_description")));
    }
    let code = cx.query("code");
    if code.is_empty() {
        return Ok(to_service(cx, provider));
    }
    let state = cx.query("state");
    if state.is_empty() {
        return Err(Error::bad("The service must send the state back."));
    }
    let kept = cx.cookie(STATE_COOKIE).filter(|kept| !kept.is_empty());
    let kept = kept.ok_or_else(|| Error::new(401, format!("The cookie {STATE_COOKIE:?} is missing.")))?;
    if !bool::from(kept.as_bytes().ct_eq(state.as_bytes())) {
        return Err(Error::new(401, "The state is not the one that was sent to the service."));
    }
    let verifier = cx.cookie(VERIFIER_COOKIE).filter(|v| !v.is_empty());
    if provider.takes_challenges() && verifier.is_none() {
        return Err(Error::bad(format!("The cookie {VERIFIER_COOKIE:?} is missing.")));
    }
    let verifier = verifier.filter(|_| provider.takes_challenges());
    let token = provider
        .redeem(line(cx), &cx.deployment.access_url, code, verifier)
        .map_err(|e| unanswered("The service gave no token for the code.", &e))?;
    links::keep(&cx.db_as(&actor.subject), provider, actor.user_id, &token, cx.now())?;
    let target = match cx.cookie(REDIRECT_COOKIE).filter(|target| !target.is_empty()) {
        Some(target) => local(target),
        None => format!("/external-auth/{}?redirected=true", provider.id),
    };
    let gone = [STATE_COOKIE, REDIRECT_COOKIE, VERIFIER_COOKIE].map(|name| cookie(cx, name, "", 0));
    Ok(redirect(target, gone.to_vec()))
}

fn to_service(cx: &Cx, provider: &Provider) -> Response {
    let ids = &cx.deployment.ids;
    let state = ids.alphanumeric(STATE_LENGTH);
    let verifier = provider.takes_challenges().then(|| oauth::verifier(ids));
    let challenge = verifier.as_deref().map(oauth::challenge);
    let target = match cx.query("redirect") {
        "" => String::new(),
        asked => local(asked),
    };
    // Each is set even when empty: what an earlier try left must not count.
    let cookies = vec![
        cookie(cx, STATE_COOKIE, &state, LOGIN_SECONDS),
        cookie(cx, REDIRECT_COOKIE, &target, LOGIN_SECONDS),
        cookie(cx, VERIFIER_COOKIE, verifier.as_deref().unwrap_or_default(), LOGIN_SECONDS),
    ];
    redirect(provider.login_page(&cx.deployment.access_url, &state, challenge.as_deref()), cookies)
}

fn redirect(location: String, cookies: Vec<String>) -> Response {
    let mut headers = vec![("Location".to_owned(), location), ("Referrer-Policy".to_owned(), "no-referrer".to_owned())];
    headers.extend(cookies.into_iter().map(|cookie| ("Set-Cookie".to_owned(), cookie)));
    Response { status: 307, headers, body: Vec::new() }
}

fn cookie(cx: &Cx, name: &str, value: &str, seconds: u32) -> String {
    format!("{name}={value}; Max-Age={seconds}; {}", login::attributes(cx))
}

/// The service that the path names.
fn provider(cx: &Cx) -> Result<&Provider, Error> {
    cx.deployment.external_auth.find(cx.param("externalauth")).ok_or_else(Error::not_found)
}

fn device_provider(cx: &Cx) -> Result<&Provider, Error> {
    let provider = provider(cx)?;
    if provider.device_flow { Ok(provider) } else { Err(Error::bad("This service has no device flow here.")) }
}

fn line(cx: &Cx) -> Line<'_> {
    Line { outbound: &cx.deployment.outbound, now: cx.now() }
}

fn unanswered(message: &str, e: &oauth::Error) -> Error {
    Error::new(500, message).detail(e.to_string())
}
