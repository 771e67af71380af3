//! Clients that register themselves.

use rockpool::sdk::client::Request;
use rockpool::sdk::{
    OAuth2ClientConfiguration, OAuth2ClientRegistrationError, OAuth2ClientRegistrationResponse,
    OAuth2RegistrationErrorCode as Code,
};
use serde_json::{Value, json};

use super::{App, BACK, Provider};
use crate::support::client::Checked;

fn register(provider: &Provider, body: Value) -> OAuth2ClientRegistrationResponse {
    provider.server.anonymous().post("/oauth2/register", body).ok(201)
}

fn call(provider: &Provider, method: &str, id: &str, field: Option<&str>, body: &Value) -> Checked {
    let headers = field.map(|field| ("Authorization", field)).into_iter().collect();
    let body = if method == "PUT" { body.to_string() } else { String::new() };
    let target = format!("/oauth2/clients/{id}");
    provider.server.anonymous().send(&Request { method, target: &target, headers, body: body.as_bytes() })
}

#[track_caller]
fn refused(answer: Checked, status: u16, code: Code) {
    let error: OAuth2ClientRegistrationError = answer.ok(status);
    assert_eq!(error.error, code, "{}", error.error_description);
}

#[test]
fn a_client_looks_after_its_own_registration() {
    let provider = Provider::start();
    let given = json!({
        "redirect_uris": [BACK, "https://example.com/back"], "client_name": "Self made",
        "logo_uri": "https://example.com/logo.png", "jwks": {"keys": []}, "contacts": ["ops@example.com"], "scope": "a b",
        "software_statement": "x.y.z",
    });
    let made = register(&provider, given);
    assert_eq!(made.registration_access_token.len(), 40);
    assert!(made.registration_client_uri.ends_with(&format!("/oauth2/clients/{}", made.client_id)));
    let mine = format!("Bearer {}", made.registration_access_token);
    let get = || call(&provider, "GET", &made.client_id, Some(&mine), &Value::Null);
    let read: OAuth2ClientConfiguration = get().ok(200);
    assert_eq!(
        (read.client_name.as_str(), read.contacts.len(), read.jwks),
        ("Self made", 1, Some(json!({"keys": []})))
    );
    for secret in [&made.client_secret, &made.registration_access_token, &"x.y.z".to_owned()] {
        assert!(!get().to_string().contains(secret.as_str()));
    }

    // What is left out goes.
    let changed: OAuth2ClientConfiguration =
        call(&provider, "PUT", &made.client_id, Some(&mine), &json!({"redirect_uris": [BACK]})).ok(200);
    assert_eq!((changed.client_name.as_str(), changed.contacts.len()), ("Dynamically Registered Client", 0));
    refused(call(&provider, "PUT", &made.client_id, Some(&mine), &json!({})), 400, Code::InvalidClientMetadata);
    call(&provider, "POST", &made.client_id, Some(&mine), &Value::Null).expect(405);

    let app = App { id: made.client_id.clone(), secret: made.client_secret.clone() };
    let tokens = provider.tokens(&app);
    provider.use_token(&tokens.access_token).expect(200);
    call(&provider, "DELETE", &made.client_id, Some(&mine), &Value::Null).expect(204);
    refused(call(&provider, "DELETE", &made.client_id, Some(&mine), &Value::Null), 401, Code::InvalidToken);
    refused(get(), 401, Code::InvalidToken);
    provider.use_token(&tokens.access_token).expect(401);
}

#[test]
fn only_its_own_key_opens_a_registration() {
    let provider = Provider::start();
    let (one, two) =
        (register(&provider, json!({"redirect_uris": [BACK]})), register(&provider, json!({"redirect_uris": [BACK]})));
    let manual = provider.app("manual");
    let key = &one.registration_access_token;
    let owner = provider.server.owner();
    let body = json!({"redirect_uris": [BACK], "client_name": "taken over"});
    for field in [
        None,
        Some("Bearer ".to_owned()),
        Some("Bearer wrong".to_owned()),
        Some(format!("bearer {key}")),
        Some(format!("Basic {key}")),
        Some(key.clone()),
        Some(format!("Bearer {}", two.registration_access_token)),
        Some(format!("Bearer {}", owner.token())),
        Some(format!("Bearer {}", one.client_secret)),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            refused(call(&provider, method, &one.client_id, field.as_deref(), &body), 401, Code::InvalidToken);
        }
    }
    let good = format!("Bearer {key}");
    refused(call(&provider, "GET", "x", Some(&good), &body), 400, Code::InvalidClientId);
    refused(call(&provider, "GET", &uuid::Uuid::nil().to_string(), Some(&good), &body), 401, Code::InvalidToken);
    refused(call(&provider, "DELETE", &manual.id, Some(&good), &body), 403, Code::InvalidToken);
    let read: OAuth2ClientConfiguration = call(&provider, "GET", &one.client_id, Some(&good), &body).ok(200);
    assert_ne!(read.client_name, "taken over");
}

#[test]
fn what_a_client_may_not_say_of_itself() {
    let provider = Provider::start();
    let anyone = provider.server.anonymous();
    for more in [
        json!({"redirect_uris": []}),
        json!({"redirect_uris": ["http://example.com/back"]}),
        json!({"redirect_uris": ["javascript:alert(1)"]}),
        json!({"redirect_uris": ["https://example.com/#"]}),
        json!({"redirect_uris": vec![BACK; 65]}),
        json!({"grant_types": ["password"]}),
        json!({"response_types": ["token"]}),
        json!({"token_endpoint_auth_method": "private_key_jwt"}),
        json!({"client_uri": "nothing"}),
        json!({"logo_uri": "javascript:alert(1)"}),
        json!({"logo_uri": format!("https://example.com/{}", "x".repeat(300))}),
    ] {
        let mut body = json!({"redirect_uris": [BACK]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused(anyone.post("/oauth2/register", &body), 400, Code::InvalidClientMetadata);
    }
    for body in ["{", "[]", "{\"redirect_uris\": \"x\"}"] {
        anyone
            .send(&Request { method: "POST", target: "/oauth2/register", headers: Vec::new(), body: body.as_bytes() })
            .refused(400);
    }
    anyone.post("/oauth2/register", json!({"redirect_uris": [BACK], "scope": "x".repeat(70 << 10)})).expect(413);
    anyone.get("/oauth2/register").expect(405);
    let long = register(&provider, json!({"redirect_uris": [BACK], "client_name": "é".repeat(80)}));
    assert!(long.client_name.len() <= 64, "{}", long.client_name);
}
