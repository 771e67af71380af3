//! Clients that register themselves (RFC 7591) and look after their registration by a token of their own
//! (RFC 7592).

use uuid::Uuid;

use super::super::routes::{Plain, Routes};
use super::super::{Cx, Error, Reply, reply};
use super::{Said, answer, guarded, require_experiment, unkept, wrong_method};
use crate::http::Response;
use crate::oauth2::registration::{self, Client};
use crate::oauth2::{grants, metadata, secret};
use crate::rbac::system;
use crate::sdk::{
    self, OAuth2ClientRegistrationRequest, OAuth2ProviderGrantType, OAuth2ProviderResponseType,
    OAuth2RegistrationErrorCode as Code, OAuth2TokenEndpointAuthMethod, WireEnum,
};
use crate::store::queries::oauth2::{OAuth2ProviderApp, Registration};
use crate::store::{self, Db, Optional};

/// How long the token is by which a client looks after its registration.
const TOKEN_LENGTH: usize = 40;
/// How much of a secret is shown once it was made; stars stand for the rest.
const SHOWN: usize = 6;
/// What every client is said to be, whether it keeps secrets or not.
const CLIENT_TYPE: &str = "confidential";

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.add("POST", "/oauth2/register", guarded(post_register));
    for (method, handler) in [("GET", get_client as Plain), ("PUT", put_client), ("DELETE", delete_client)] {
        r.add(method, "/oauth2/clients/{client_id}", guarded(handler));
    }
    for method in ["POST", "PATCH"] {
        r.add(method, "/oauth2/clients/{client_id}", guarded(other_method));
    }
}

/// Registers a client.
fn post_register(cx: &Cx) -> Reply {
    answer(register(cx))
}

fn register(cx: &Cx) -> Said {
    require_experiment(cx)?;
    let (request, client) = asked(cx)?;
    let deployment = &cx.deployment;
    let id = deployment.ids.uuid();
    let token = deployment.ids.alphanumeric(TOKEN_LENGTH);
    let said = registration_of(cx, id, &request, &client);
    let app = OAuth2ProviderApp {
        id,
        created_at: said.updated_at,
        updated_at: said.updated_at,
        name: said.name,
        icon: said.icon,
        callback_url: said.callback_url,
        redirect_uris: said.redirect_uris,
        client_type: said.client_type,
        dynamically_registered: Some(true),
        client_id_issued_at: Some(said.updated_at),
        client_secret_expires_at: said.client_secret_expires_at,
        grant_types: said.grant_types,
        response_types: said.response_types,
        token_endpoint_auth_method: said.token_endpoint_auth_method,
        scope: said.scope,
        contacts: said.contacts,
        client_uri: said.client_uri,
        logo_uri: said.logo_uri,
        tos_uri: said.tos_uri,
        policy_uri: said.policy_uri,
        jwks_uri: said.jwks_uri,
        jwks: said.jwks,
        software_id: said.software_id,
        software_version: said.software_version,
        registration_access_token: Some(secret::hash(&token)),
        registration_client_uri: Some(metadata::registration_client_uri(&deployment.access_url, id)),
    };
    let (client_secret, row) = grants::new_secret(deployment, id, |text| {
        let hidden = text.len().saturating_sub(SHOWN);
        format!("{}{}", "*".repeat(hidden), &text[hidden..])
    });
    let kept = system_db(cx).tx::<_, store::Error>(|db| {
        let app = db.insert_oauth2_provider_app(&app)?;
        db.insert_oauth2_provider_app_secret(&row)?;
        Ok(app)
    });
    let shown = shown(kept.map_err(failed)?);
    let body = sdk::OAuth2ClientRegistrationResponse {
        client_id: shown.client_id,
        client_secret: client_secret.text(),
        client_id_issued_at: shown.client_id_issued_at,
        client_secret_expires_at: shown.client_secret_expires_at,
        redirect_uris: shown.redirect_uris,
        client_name: shown.client_name,
        client_uri: shown.client_uri,
        logo_uri: shown.logo_uri,
        tos_uri: shown.tos_uri,
        policy_uri: shown.policy_uri,
        jwks_uri: shown.jwks_uri,
        jwks: shown.jwks,
        software_id: shown.software_id,
        software_version: shown.software_version,
        grant_types: shown.grant_types,
        response_types: shown.response_types,
        token_endpoint_auth_method: shown.token_endpoint_auth_method,
        scope: shown.scope,
        contacts: shown.contacts,
        registration_access_token: token,
        registration_client_uri: shown.registration_client_uri,
    };
    Ok(unkept(201, sdk::json::to_vec(&body)))
}

/// A client's own view of itself.
fn get_client(cx: &Cx) -> Reply {
    answer(own(cx).map(|app| unkept(200, sdk::json::to_vec(&shown(app)))))
}

/// Replaces what a client says of itself.
fn put_client(cx: &Cx) -> Reply {
    answer(replace(cx))
}

fn replace(cx: &Cx) -> Said {
    let app = own(cx)?;
    let (request, client) = asked(cx)?;
    let said = registration_of(cx, app.id, &request, &client);
    let changed = system_db(cx).update_oauth2_provider_app_by_client_id(&said);
    match changed {
        Ok(app) => Ok(unkept(200, sdk::json::to_vec(&shown(app)))),
        Err(store::Error::NotFound) => Err(unknown_client()),
        Err(e) => Err(failed(e)),
    }
}

/// Deletes a client, and with it every key that it has.
fn delete_client(cx: &Cx) -> Reply {
    let app = match own(cx) {
        Ok(app) => app,
        Err(refused) => return Ok(refused),
    };
    match system_db(cx).delete_oauth2_provider_app_by_client_id(app.id) {
        Ok(0) => Ok(unknown_client()),
        Ok(_) => reply::none(),
        Err(e) => Ok(failed(e)),
    }
}

/// A method that there is not; who asks is looked at all the same.
fn other_method(cx: &Cx) -> Reply {
    answer(own(cx).map(|_| wrong_method(&["GET", "PUT", "DELETE"])))
}

/// The client that the path names, if the request shows its token.
fn own(cx: &Cx) -> Result<OAuth2ProviderApp, Response> {
    require_experiment(cx)?;
    let Ok(id) = Uuid::try_parse(cx.param("client_id")) else {
        return Err(refused(400, Code::InvalidClientId, "Invalid client ID format"));
    };
    let unproven = |why: &str| refused(401, Code::InvalidToken, why);
    let Some(field) = cx.request.head.headers.get("Authorization").filter(|field| !field.is_empty()) else {
        return Err(unproven("The registration access token has to be in the Authorization header."));
    };
    let Some(token) = field.strip_prefix("Bearer ") else {
        return Err(unproven("The Authorization header has to be of the scheme Bearer."));
    };
    if token.is_empty() {
        return Err(unproven("The Authorization header holds no token."));
    }
    let found = system_db(cx).get_oauth2_provider_app_by_client_id(id).optional().map_err(failed)?;
    let app = found.ok_or_else(unknown_client)?;
    if app.dynamically_registered != Some(true) {
        return Err(refused(403, Code::InvalidToken, "This client has not registered itself."));
    }
    match app.registration_access_token.as_deref() {
        None | Some([]) => {
            Err(refused(500, Code::ServerError, "This client has been given no token to manage itself with."))
        }
        Some(hashed) if secret::matches(token, hashed) => Ok(app),
        Some(_) => Err(unproven("The registration access token is not this client's.")),
    }
}

/// What a client says of itself, checked.
fn asked(cx: &Cx) -> Result<(OAuth2ClientRegistrationRequest, Client), Response> {
    let request: OAuth2ClientRegistrationRequest = cx.body()?;
    let client = registration::check(&request).map_err(|why| refused(400, Code::InvalidClientMetadata, &why))?;
    Ok((request, client))
}

fn registration_of(cx: &Cx, id: Uuid, request: &OAuth2ClientRegistrationRequest, client: &Client) -> Registration {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Registration {
        id,
        updated_at: cx.now(),
        name: client.name.clone(),
        icon: request.logo_uri.clone(),
        callback_url: client.redirect_uris.first().cloned().unwrap_or_default(),
        redirect_uris: Some(client.redirect_uris.clone()),
        client_type: Some(CLIENT_TYPE.to_owned()),
        client_secret_expires_at: None,
        grant_types: Some(client.grant_types.iter().map(|g| g.as_str().to_owned()).collect()),
        response_types: Some(client.response_types.iter().map(|r| r.as_str().to_owned()).collect()),
        token_endpoint_auth_method: Some(client.token_endpoint_auth_method.as_str().to_owned()),
        scope: Some(request.scope.clone()),
        contacts: (!request.contacts.is_empty()).then(|| request.contacts.clone()),
        client_uri: some(&request.client_uri),
        logo_uri: some(&request.logo_uri),
        tos_uri: some(&request.tos_uri),
        policy_uri: some(&request.policy_uri),
        jwks_uri: some(&request.jwks_uri),
        jwks: request.jwks.clone(),
        software_id: some(&request.software_id),
        software_version: some(&request.software_version),
    }
}

fn shown(app: OAuth2ProviderApp) -> sdk::OAuth2ClientConfiguration {
    let method = app.token_endpoint_auth_method.as_deref().and_then(OAuth2TokenEndpointAuthMethod::parse);
    sdk::OAuth2ClientConfiguration {
        client_id: app.id.to_string(),
        client_id_issued_at: app.client_id_issued_at.map_or(0, |at| at.seconds()),
        client_secret_expires_at: app.client_secret_expires_at.map_or(0, |at| at.seconds()),
        redirect_uris: app.redirect_uris.unwrap_or_default(),
        client_name: app.name,
        client_uri: app.client_uri.unwrap_or_default(),
        logo_uri: app.logo_uri.unwrap_or_default(),
        tos_uri: app.tos_uri.unwrap_or_default(),
        policy_uri: app.policy_uri.unwrap_or_default(),
        jwks_uri: app.jwks_uri.unwrap_or_default(),
        jwks: app.jwks,
        software_id: app.software_id.unwrap_or_default(),
        software_version: app.software_version.unwrap_or_default(),
        grant_types: words::<OAuth2ProviderGrantType>(app.grant_types),
        response_types: words::<OAuth2ProviderResponseType>(app.response_types),
        token_endpoint_auth_method: method.unwrap_or(OAuth2TokenEndpointAuthMethod::ClientSecretBasic),
        scope: app.scope.unwrap_or_default(),
        contacts: app.contacts.unwrap_or_default(),
        registration_access_token: String::new(),
        registration_client_uri: app.registration_client_uri.unwrap_or_default(),
    }
}

/// The words of a list that are known.
fn words<E: WireEnum>(list: Option<Vec<String>>) -> Vec<E> {
    list.unwrap_or_default().iter().filter_map(|word| E::parse(word)).collect()
}

/// Clients are nobody in particular, so the server looks after their registrations.
fn system_db(cx: &Cx) -> Db {
    cx.db_as(system::restricted())
}

fn refused(status: u16, error: Code, why: &str) -> Response {
    unkept(status, sdk::json::to_vec(&sdk::OAuth2ClientRegistrationError { error, error_description: why.to_owned() }))
}

fn unknown_client() -> Response {
    refused(401, Code::InvalidToken, "Client not found")
}

fn failed(e: store::Error) -> Response {
    Error::from(e).into_response()
}
