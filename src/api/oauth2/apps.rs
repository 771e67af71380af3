//! Applications that people can let into their accounts, and their secrets. Everybody may see the
//! applications; owners make, change and delete them, and only they see that there are secrets.

use uuid::Uuid;

use super::super::routes::Routes;
use super::super::{Cx, Error, OrForbidden, Reply, reply};
use super::{EXPERIMENT, experiments};
use crate::oauth2::{grants, metadata};
use crate::sdk::{self, AuditAction, OAuth2TokenEndpointAuthMethod as AuthMethod, ResourceType};
use crate::store::queries::oauth2::{OAuth2ProviderApp, OAuth2ProviderAppSecret};

/// How much of a secret is shown once it was made.
const SHOWN: usize = 6;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/oauth2-provider/apps", get_apps);
    r.user("POST", "/api/v2/oauth2-provider/apps", post_app);
    r.user("GET", "/api/v2/oauth2-provider/apps/{app}", get_app);
    r.user("PUT", "/api/v2/oauth2-provider/apps/{app}", put_app);
    r.user("DELETE", "/api/v2/oauth2-provider/apps/{app}", delete_app);
    r.user("GET", "/api/v2/oauth2-provider/apps/{app}/secrets", get_secrets);
    r.user("POST", "/api/v2/oauth2-provider/apps/{app}/secrets", post_secret);
    r.user("DELETE", "/api/v2/oauth2-provider/apps/{app}/secrets/{secretID}", delete_secret);
}

/// All applications, or those that have tokens of a user, which are `null` when there are none.
fn get_apps(cx: &Cx) -> Reply {
    experiments::require(cx, EXPERIMENT)?;
    let render = |apps: Vec<OAuth2ProviderApp>| apps.into_iter().map(|app| render(cx, app)).collect::<Vec<_>>();
    let asked = cx.query("user_id");
    if asked.is_empty() {
        return reply::ok(&render(cx.db().get_oauth2_provider_apps().or_forbidden()?));
    }
    let user = Uuid::try_parse(asked)
        .map_err(|_| Error::bad("The user_id is not a UUID.").detail(format!("It is {asked:?}.")))?;
    let apps = cx.db().get_oauth2_provider_apps_by_user_id(user).or_forbidden()?;
    if apps.is_empty() { reply::ok(&serde_json::Value::Null) } else { reply::ok(&render(apps)) }
}

/// Makes an application.
fn post_app(cx: &Cx) -> Reply {
    experiments::require(cx, EXPERIMENT)?;
    let audit = cx.audit(ResourceType::Oauth2ProviderApp, AuditAction::Create);
    let body: sdk::PostOAuth2ProviderAppRequest = cx.body()?;
    let now = cx.now();
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    let app = OAuth2ProviderApp {
        id: cx.deployment.ids.uuid(),
        created_at: now,
        updated_at: now,
        name: body.name,
        icon: body.icon,
        callback_url: body.callback_url,
        redirect_uris: words(&[]),
        client_type: Some("confidential".to_owned()),
        dynamically_registered: Some(false),
        client_id_issued_at: None,
        client_secret_expires_at: None,
        grant_types: words(&metadata::GRANT_TYPES.map(|grant| grant.as_str())),
        response_types: words(&metadata::RESPONSE_TYPES.map(|kind| kind.as_str())),
        token_endpoint_auth_method: Some(AuthMethod::ClientSecretPost.as_str().to_owned()),
        scope: None,
        contacts: words(&[]),
        client_uri: None,
        logo_uri: None,
        tos_uri: None,
        policy_uri: None,
        jwks_uri: None,
        jwks: None,
        software_id: None,
        software_version: None,
        registration_access_token: None,
        registration_client_uri: None,
    };
    let app = cx.db().insert_oauth2_provider_app(&app).or_forbidden()?;
    audit.after(&app);
    reply::created(&render(cx, app))
}

/// An application.
fn get_app(cx: &Cx) -> Reply {
    reply::ok(&render(cx, app(cx)?))
}

/// Changes an application.
fn put_app(cx: &Cx) -> Reply {
    let app = app(cx)?;
    let audit = cx.audit(ResourceType::Oauth2ProviderApp, AuditAction::Write);
    audit.before(&app);
    let body: sdk::PutOAuth2ProviderAppRequest = cx.body()?;
    let changed =
        cx.db().update_oauth2_provider_app_by_id(app.id, cx.now(), &body.name, &body.icon, &body.callback_url);
    let changed = changed.or_forbidden()?;
    audit.after(&changed);
    reply::ok(&render(cx, changed))
}

/// Deletes an application, and with it every key that it has.
fn delete_app(cx: &Cx) -> Reply {
    let app = app(cx)?;
    cx.audit(ResourceType::Oauth2ProviderApp, AuditAction::Delete).before(&app);
    cx.db().delete_oauth2_provider_app_by_id(app.id).or_forbidden()?;
    reply::none()
}

/// The secrets of an application, as far as they are shown.
fn get_secrets(cx: &Cx) -> Reply {
    let app = app(cx)?;
    let secrets = cx.db().get_oauth2_provider_app_secrets_by_app_id(app.id).or_forbidden()?;
    let shown = secrets.into_iter().map(|secret| sdk::OAuth2ProviderAppSecret {
        id: secret.id,
        last_used_at: secret.last_used_at,
        client_secret_truncated: secret.display_secret,
    });
    reply::ok(&shown.collect::<Vec<_>>())
}

/// Makes a secret, which is shown this once.
fn post_secret(cx: &Cx) -> Reply {
    let app = app(cx)?;
    let audit = cx.audit(ResourceType::Oauth2ProviderAppSecret, AuditAction::Create);
    let (secret, row) =
        grants::new_secret(&cx.deployment, app.id, |text| text[text.len().saturating_sub(SHOWN)..].to_owned());
    let kept = cx.db().insert_oauth2_provider_app_secret(&row).or_forbidden()?;
    audit.after(&kept);
    reply::created(&sdk::OAuth2ProviderAppSecretFull { id: kept.id, client_secret_full: secret.text() })
}

/// Deletes a secret, and with it every key that was had by it.
fn delete_secret(cx: &Cx) -> Reply {
    let app = app(cx)?;
    let secret: OAuth2ProviderAppSecret = cx.db().get_oauth2_provider_app_secret_by_id(cx.uuid_param("secretID")?)?;
    if secret.app_id != app.id {
        return Err(Error::bad("The secret belongs to another application."));
    }
    cx.audit(ResourceType::Oauth2ProviderAppSecret, AuditAction::Delete).before(&secret);
    cx.db().delete_oauth2_provider_app_secret_by_id(secret.id).or_forbidden()?;
    reply::none()
}

/// The application that `{app}` names by its id.
pub fn app(cx: &Cx) -> Result<OAuth2ProviderApp, Error> {
    experiments::require(cx, EXPERIMENT)?;
    match cx.db().get_oauth2_provider_app_by_id(cx.uuid_param("app")?) {
        Err(e) if e.is_hidden() => Err(Error::new(404, "There is no such OAuth2 application.")),
        found => Ok(found?),
    }
}

fn render(cx: &Cx, app: OAuth2ProviderApp) -> sdk::OAuth2ProviderApp {
    sdk::OAuth2ProviderApp {
        id: app.id,
        name: app.name,
        callback_url: app.callback_url,
        icon: app.icon,
        endpoints: metadata::endpoints(&cx.deployment.access_url),
    }
}
