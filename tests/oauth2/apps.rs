//! Applications and their secrets.

use rockpool::sdk::{
    OAuth2AuthorizationServerMetadata, OAuth2ProtectedResourceMetadata, OAuth2ProviderApp, OAuth2ProviderAppSecret,
    OAuth2ProviderAppSecretFull,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{APPS, BACK, Provider};
use crate::support::Server;

#[test]
fn everybody_sees_applications_and_owners_change_them() {
    let provider = Provider::start();
    let owner = provider.server.owner();
    let made: OAuth2ProviderApp = owner.post(APPS, json!({"name": "helper", "callback_url": BACK})).ok(201);
    owner.post(APPS, json!({"name": "helper", "callback_url": "https://example.com"})).expect(201);
    let path = format!("{APPS}/{}", made.id);
    assert_eq!(provider.mona.get(APPS).ok::<Vec<OAuth2ProviderApp>>(200).len(), 2);
    assert_eq!(provider.mona.get(&path).ok::<OAuth2ProviderApp>(200).name, "helper");
    let changed: OAuth2ProviderApp =
        owner.put(&path, json!({"name": "renamed", "callback_url": "https://example.com/back"})).ok(200);
    assert_eq!((changed.name.as_str(), changed.icon.as_str()), ("renamed", ""));

    let body = json!({"name": "mine", "callback_url": BACK});
    provider.mona.post(APPS, &body).refused(403);
    provider.mona.put(&path, &body).refused(403);
    provider.mona.delete(&path).refused(403);
    let secrets = format!("{path}/secrets");
    provider.mona.get(&secrets).refused(403);
    provider.mona.post(&secrets, ()).refused(403);
    provider.server.anonymous().get(&path).refused(401);

    owner.delete(&path).expect(204);
    owner.get(&path).refused(404);
    owner.delete(&path).refused(404);
    owner.get(&format!("{APPS}/x")).refused(400);
    provider.mona.get(&format!("{APPS}/{}", Uuid::nil())).refused(404);
}

#[test]
fn the_form_of_an_application_is_checked() {
    let provider = Provider::start();
    let owner = provider.server.owner();
    for (body, wrong) in [
        (json!({}), &["name", "callback_url"][..]),
        (json!({"name": "x"}), &["callback_url"]),
        (json!({"name": "a b", "callback_url": BACK}), &["name"]),
        (json!({"name": "<script>", "callback_url": BACK}), &["name"]),
        (json!({"name": "x".repeat(33), "callback_url": BACK}), &["name"]),
        (json!({"name": "ok", "callback_url": "no-url"}), &["callback_url"]),
        (json!({"name": "ok", "callback_url": "ftp://example.com"}), &["callback_url"]),
        (json!({"name": "ok", "callback_url": "javascript:alert(1)"}), &["callback_url"]),
        (json!({"name": "ok", "callback_url": "https://"}), &["callback_url"]),
        (json!({"name": "ok", "callback_url": "https://a\r\nLocation: x"}), &["callback_url"]),
        (json!({"name": "ok", "callback_url": BACK, "icon": "x".repeat(257)}), &["icon"]),
    ] {
        assert_eq!(owner.post(APPS, &body).invalid(), wrong, "{body}");
    }
    let long = json!({"name": "ok", "callback_url": format!("https://{}", "x".repeat(3 << 20))});
    owner.post(APPS, &long).expect(413);
}

#[test]
fn a_secret_is_shown_once() {
    let provider = Provider::start();
    let owner = provider.server.owner();
    let (app, other) = (provider.app("helper"), provider.app("other"));
    let path = format!("{APPS}/{}/secrets", app.id);
    let made: OAuth2ProviderAppSecretFull = owner.post(&path, ()).ok(201);
    let listed: Vec<OAuth2ProviderAppSecret> = owner.get(&path).ok(200);
    assert_eq!(listed.len(), 2);
    let shown = &listed.iter().find(|s| s.id == made.id).unwrap().client_secret_truncated;
    assert!(made.client_secret_full.ends_with(shown.as_str()) && shown.len() == 6, "{shown}");

    owner.delete(&format!("{APPS}/{}/secrets/{}", other.id, made.id)).refused(400);
    provider.mona.delete(&format!("{path}/{}", made.id)).refused(404);
    owner.delete(&format!("{path}/{}", made.id)).expect(204);
    owner.delete(&format!("{path}/{}", made.id)).refused(404);
    owner.delete(&format!("{path}/x")).refused(400);
}

#[test]
fn a_user_sees_which_applications_are_let_in() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let (id, other) = (user_id(&provider), provider.server.owner_id());
    // None is `null` here, which the type of the list does not say.
    let mine = || provider.mona.0.get::<Option<Vec<OAuth2ProviderApp>>>(&format!("{APPS}?user_id={id}")).unwrap();
    assert!(mine().is_none());
    provider.tokens(&app);
    assert_eq!(mine().unwrap().len(), 1);
    provider.mona.delete(&format!("/oauth2/tokens?client_id={}", app.id)).expect(204);
    assert!(mine().is_none());
    provider.mona.get(&format!("{APPS}?user_id={other}")).refused(403);
    provider.mona.get(&format!("{APPS}?user_id=me")).refused(400);
}

#[test]
fn what_is_done_to_applications_is_logged_without_their_secrets() {
    let provider = Provider::start();
    let owner = provider.server.owner();
    let app = provider.app("helper");
    let path = format!("{APPS}/{}", app.id);
    let second = std::time::Duration::from_secs(1);
    provider.pass(second);
    owner.put(&path, json!({"name": "renamed", "callback_url": BACK})).expect(200);
    provider.pass(second);
    provider.mona.delete(&path).refused(403);
    provider.pass(second);
    owner.delete(&path).expect(204);
    let log = owner.get("/api/v2/audit?q=resource_type:oauth2_provider_app&limit=20").json();
    let entries: Vec<_> = log["audit_logs"].as_array().unwrap().iter().rev().collect();
    let told: Vec<_> =
        entries.iter().map(|e| (e["action"].as_str().unwrap(), e["status_code"].as_i64().unwrap())).collect();
    assert_eq!(told, [("create", 201), ("write", 200), ("delete", 403), ("delete", 204)]);
    assert_eq!(entries[1]["diff"]["name"]["new"], "renamed");
    let secrets = owner.get("/api/v2/audit?q=resource_type:oauth2_provider_app_secret&limit=20");
    assert_eq!(secrets.json()["audit_logs"][0]["action"], "create");
    assert!(!secrets.to_string().contains(&app.secret), "{secrets}");
}

fn user_id(provider: &Provider) -> Uuid {
    provider.mona.get(super::ME).ok::<rockpool::sdk::User>(200).id
}

#[test]
fn the_documents_say_what_is_supported() {
    let provider = Provider::start();
    let anyone = provider.server.anonymous();
    let server: OAuth2AuthorizationServerMetadata = anyone.get("/.well-known/oauth-authorization-server").ok(200);
    let resource: OAuth2ProtectedResourceMetadata = anyone.get("/.well-known/oauth-protected-resource").ok(200);
    let words = serde_json::to_value(&server).unwrap();
    assert_eq!(words["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(words["grant_types_supported"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(words["response_types_supported"], json!(["code"]));
    assert_eq!(words["token_endpoint_auth_methods_supported"], json!(["client_secret_post"]));
    assert_eq!(resource.authorization_servers, std::slice::from_ref(&server.issuer));
    assert!(server.scopes_supported.is_sorted() && server.scopes_supported == resource.scopes_supported);
    anyone.post("/.well-known/oauth-authorization-server", ()).expect(405);
}

#[test]
fn without_the_experiment_only_the_documents_are_there() {
    let server = Server::start();
    let owner = server.owner();
    owner.get(APPS).refused(403);
    for (method, target) in [
        ("GET", "/oauth2/authorize?client_id=x"),
        ("POST", "/oauth2/authorize?client_id=x"),
        ("POST", "/oauth2/tokens"),
        ("POST", "/oauth2/revoke"),
        ("POST", "/oauth2/register"),
        ("GET", "/oauth2/clients/x"),
    ] {
        let request = rockpool::sdk::client::Request { method, target, ..Default::default() };
        let body: Value = server.anonymous().send(&request).ok(403);
        assert!(body["message"].as_str().unwrap().contains("oauth2"), "{method} {target}: {body}");
    }
    server.anonymous().get("/.well-known/oauth-protected-resource").expect(200);
}
