//! Tokens: exchanged, used, renewed, given back and taken away, and by whom they are not.

use std::time::Duration;

use rockpool::sdk::OAuth2ErrorCode as Code;
use rockpool::sdk::client::Request;
use rockpool::sdk::{OAuth2ClientRegistrationResponse, OAuth2ProviderAppSecret, OAuth2TokenResponse};
use serde_json::json;

use super::{APPS, App, BACK, CHALLENGE, Provider, VERIFIER, refused};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_code_becomes_a_token_that_acts_for_the_user() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let code = provider.code(&app, &[("redirect_uri", BACK)]);
    let answer = provider.exchange(&app, &code, &[("redirect_uri", BACK)]);
    assert_eq!((answer.header("Cache-Control"), answer.header("Pragma")), (Some("no-store"), Some("no-cache")));
    let tokens: OAuth2TokenResponse = answer.ok(200);
    assert_eq!((tokens.token_type.as_str(), tokens.expires_in), ("Bearer", 86_400));
    assert_eq!(provider.use_token(&tokens.access_token).json()["username"], "mona");
    provider.pass(25 * 60 * MINUTE);
    let stale = provider.use_token(&tokens.access_token).expect(401);
    let challenge = stale.header("WWW-Authenticate").unwrap();
    assert!(challenge.starts_with("Bearer ") && challenge.contains("oauth-protected-resource"), "{challenge}");
}

#[test]
fn a_code_is_good_once_and_a_second_use_ends_what_came_of_it() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let code = provider.code(&app, &[]);
    let tokens: OAuth2TokenResponse = provider.exchange(&app, &code, &[]).ok(200);
    // A client that lost the answer asks again at once.
    refused(provider.exchange(&app, &code, &[]), 400, Code::InvalidGrant);
    provider.use_token(&tokens.access_token).expect(200);
    let renewed: OAuth2TokenResponse = provider.refresh(&app, &tokens.refresh_token, &[]).ok(200);
    provider.pass(MINUTE);
    // Somebody who does not know the code does no harm.
    let other = format!("{}x", &code[..code.len() - 1]);
    refused(provider.exchange(&app, &other, &[]), 400, Code::InvalidGrant);
    provider.use_token(&renewed.access_token).expect(200);
    refused(provider.exchange(&app, &code, &[]), 400, Code::InvalidGrant);
    provider.use_token(&renewed.access_token).expect(401);
    refused(provider.refresh(&app, &renewed.refresh_token, &[]), 400, Code::InvalidGrant);
}

#[test]
fn a_code_expires_and_a_new_one_replaces_it() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let first = provider.code(&app, &[]);
    let second = provider.code(&app, &[]);
    refused(provider.exchange(&app, &first, &[]), 400, Code::InvalidGrant);
    provider.pass(11 * MINUTE);
    refused(provider.exchange(&app, &second, &[]), 400, Code::InvalidGrant);
    // An old code that nobody used is no sign of theft.
    let tokens = provider.tokens(&app);
    refused(provider.exchange(&app, &second, &[]), 400, Code::InvalidGrant);
    provider.use_token(&tokens.access_token).expect(200);
}

#[test]
fn codes_and_secrets_are_good_for_their_own_client_alone() {
    let provider = Provider::start();
    let (app, other) = (provider.app("helper"), provider.app("other"));
    let code = provider.code(&app, &[]);
    refused(provider.exchange(&other, &code, &[]), 400, Code::InvalidGrant);
    refused(provider.exchange(&app, &code, &[("client_secret", &other.secret)]), 401, Code::InvalidClient);
    let thief = App { id: other.id.clone(), secret: app.secret.clone() };
    refused(provider.exchange(&thief, &code, &[]), 401, Code::InvalidClient);
    let tokens: OAuth2TokenResponse = provider.exchange(&app, &code, &[]).ok(200);
    refused(provider.refresh(&other, &tokens.refresh_token, &[]), 400, Code::InvalidGrant);
    provider.refresh(&app, &tokens.refresh_token, &[]).expect(200);
}

#[test]
fn a_code_comes_back_with_the_redirect_that_it_was_sent_to() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let below = "http://localhost:9911/callback/below";
    let code = provider.code(&app, &[("redirect_uri", below)]);
    refused(provider.exchange(&app, &code, &[]), 400, Code::InvalidGrant);
    refused(provider.exchange(&app, &code, &[("redirect_uri", BACK)]), 400, Code::InvalidGrant);
    refused(provider.exchange(&app, &code, &[("redirect_uri", "http://evil.example/")]), 400, Code::InvalidRequest);
    provider.exchange(&app, &code, &[("redirect_uri", below)]).expect(200);
    let code = provider.code(&app, &[]);
    provider.exchange(&app, &code, &[("redirect_uri", BACK)]).expect(200);
}

#[test]
fn a_challenged_code_needs_its_verifier() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let code = provider.code(&app, &[("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
    refused(provider.exchange(&app, &code, &[]), 400, Code::InvalidGrant);
    for wrong in ["", "wrong", CHALLENGE, "plain"] {
        refused(provider.exchange(&app, &code, &[("code_verifier", wrong)]), 400, Code::InvalidGrant);
    }
    provider.exchange(&app, &code, &[("code_verifier", VERIFIER)]).expect(200);
    let code = provider.code(&app, &[]);
    provider.exchange(&app, &code, &[("code_verifier", "not asked for")]).expect(200);
}

#[test]
fn every_way_in_which_an_exchange_fails() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let code = provider.code(&app, &[]);
    let unknown = format!("coder_aaaaaaaaaa_{}", "b".repeat(40));
    let long = "x".repeat(9000);
    for (name, value, status, error) in [
        ("grant_type", "", 400, Code::UnsupportedGrantType),
        ("grant_type", "nonsense", 400, Code::UnsupportedGrantType),
        ("grant_type", "password", 400, Code::UnsupportedGrantType),
        ("grant_type", "client_credentials", 400, Code::UnsupportedGrantType),
        ("grant_type", "implicit", 400, Code::UnsupportedGrantType),
        ("code", "", 400, Code::InvalidRequest),
        ("client_secret", "", 400, Code::InvalidRequest),
        ("client_id", "", 400, Code::InvalidRequest),
        ("client_id", "x", 401, Code::InvalidClient),
        ("client_id", "3f0c6f0e-1f0c-4a60-9f3e-5a5a5a5a5a5a", 401, Code::InvalidClient),
        ("client_secret", "nonsense", 401, Code::InvalidClient),
        ("client_secret", "other_aaaaaaaaaa_b", 401, Code::InvalidClient),
        ("client_secret", &unknown, 401, Code::InvalidClient),
        ("code", "nonsense", 400, Code::InvalidGrant),
        ("code", "coder_a", 400, Code::InvalidGrant),
        ("code", &unknown, 400, Code::InvalidGrant),
        ("code", "coder_a\0_'; DROP TABLE users", 400, Code::InvalidGrant),
        ("redirect_uri", "nonsense", 400, Code::InvalidRequest),
        ("resource", "relative", 400, Code::InvalidRequest),
        ("resource", "https://example.com", 400, Code::InvalidTarget),
        ("scope", &long, 400, Code::InvalidRequest),
        ("unknown", "x", 400, Code::InvalidRequest),
    ] {
        let refusal = refused(provider.exchange(&app, &code, &[(name, value)]), status, error);
        for leak in [app.secret.as_str(), code.as_str(), "SELECT", "oauth2_provider"] {
            assert!(!refusal.error_description.contains(leak), "{name}={value}: {}", refusal.error_description);
        }
    }
    let whole = vec![("grant_type", "authorization_code"), ("client_id", &app.id), ("code", &code), ("code", &code)];
    refused(provider.form("/oauth2/tokens", &whole), 400, Code::InvalidRequest);
    provider.form("/oauth2/tokens", &[("client_id", &"x".repeat(70 << 10))]).expect(413);
    refused(
        provider.server.anonymous().post("/oauth2/tokens", json!({"client_id": app.id})),
        400,
        Code::InvalidRequest,
    );
    refused(provider.server.anonymous().get("/oauth2/tokens"), 400, Code::InvalidRequest);
    let target = format!("/oauth2/tokens?client_id={}", app.id);
    provider.server.anonymous().send(&Request { method: "PUT", target: &target, ..Request::default() }).expect(405);
    // None of all this has used the code up.
    provider.exchange(&app, &code, &[]).expect(200);
}

#[test]
fn a_refresh_token_is_good_once_and_for_its_own_time() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let first = provider.tokens(&app);
    for bad in
        ["nonsense", "coder_a", "coder_a_b", "other_aaaaaaaaaa_b", &format!("coder_aaaaaaaaaa_{}", "b".repeat(40))]
    {
        refused(provider.refresh(&app, bad, &[]), 400, Code::InvalidGrant);
    }
    refused(provider.refresh(&app, "", &[]), 400, Code::InvalidRequest);
    refused(provider.refresh(&app, &first.access_token, &[]), 400, Code::InvalidGrant);
    refused(provider.refresh(&app, &first.refresh_token, &[("client_secret", "")]), 401, Code::InvalidClient);
    refused(provider.refresh(&app, &first.refresh_token, &[("client_secret", "wrong")]), 401, Code::InvalidClient);
    // It outlives the access token.
    provider.pass(48 * 60 * MINUTE);
    provider.use_token(&first.access_token).expect(401);
    let second: OAuth2TokenResponse = provider.refresh(&app, &first.refresh_token, &[]).ok(200);
    provider.use_token(&second.access_token).expect(200);
    refused(provider.refresh(&app, &first.refresh_token, &[]), 400, Code::InvalidGrant);
    provider.pass(31 * 24 * 60 * MINUTE);
    refused(provider.refresh(&app, &second.refresh_token, &[]), 400, Code::InvalidGrant);
}

#[test]
fn a_refresh_replaces_the_access_token() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let first = provider.tokens(&app);
    let second: OAuth2TokenResponse = provider.refresh(&app, &first.refresh_token, &[]).ok(200);
    provider.use_token(&first.access_token).expect(401);
    provider.use_token(&second.access_token).expect(200);
    let third = provider.tokens(&app);
    provider.use_token(&second.access_token).expect(401);
    provider.use_token(&third.access_token).expect(200);
}

#[test]
fn a_client_that_keeps_no_secrets_refreshes_without_one() {
    let provider = Provider::start();
    let body = json!({"redirect_uris": [BACK], "token_endpoint_auth_method": "none"});
    let client: OAuth2ClientRegistrationResponse = provider.server.anonymous().post("/oauth2/register", body).ok(201);
    let app = App { id: client.client_id, secret: client.client_secret };
    let tokens = provider.tokens(&app);
    refused(provider.refresh(&app, &tokens.refresh_token, &[("client_secret", "wrong")]), 401, Code::InvalidClient);
    provider.refresh(&app, &tokens.refresh_token, &[("client_secret", "")]).expect(200);
}

#[test]
fn a_token_is_good_at_the_resource_that_the_user_agreed_to() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let here = provider.server.url().to_owned();
    let elsewhere = "https://elsewhere.example.com/api";
    // Asked for, named at the exchange, and what becomes of it.
    for (asked, named, exchange, good) in [
        ("", "", 200, true),
        ("", here.as_str(), 400, false),
        (here.as_str(), "", 400, false),
        (here.as_str(), elsewhere, 400, false),
        (here.as_str(), here.as_str(), 200, true),
        (&format!("{here}/"), &format!("{here}/"), 200, true),
        (&format!("{here}/"), here.as_str(), 400, false),
        (elsewhere, elsewhere, 200, false),
    ] {
        let code = provider.code(&app, &[("resource", asked)]);
        let more = [("resource", named)];
        let answer = provider.exchange(&app, &code, if named.is_empty() { &[] } else { &more });
        if exchange != 200 {
            refused(answer, exchange, Code::InvalidTarget);
            continue;
        }
        let tokens: OAuth2TokenResponse = answer.ok(200);
        let used = provider.use_token(&tokens.access_token);
        assert_eq!(used.answer.status, if good { 200 } else { 403 }, "{asked} {named}: {used}");
        if !good {
            assert!(used.header("WWW-Authenticate").unwrap().contains("insufficient_scope"), "{used}");
        }
        let other = [("resource", "https://other.example")];
        refused(provider.refresh(&app, &tokens.refresh_token, &other), 400, Code::InvalidTarget);
        let renewed: OAuth2TokenResponse = provider.refresh(&app, &tokens.refresh_token, &[]).ok(200);
        assert_eq!(provider.use_token(&renewed.access_token).answer.status, if good { 200 } else { 403 }, "{asked}");
    }
}

#[test]
fn a_client_gives_back_its_own_tokens() {
    let provider = Provider::start();
    let (app, other) = (provider.app("helper"), provider.app("other"));
    let revoke = |app: &App, token: &str, secret: &str| {
        let mut fields = vec![("client_id", app.id.as_str()), ("token", token), ("client_secret", secret)];
        fields.retain(|(_, value)| !value.is_empty());
        provider.form("/oauth2/revoke", &fields)
    };
    let tokens = provider.tokens(&app);
    revoke(&other, &tokens.access_token, &other.secret).expect(200);
    revoke(&other, &tokens.refresh_token, "").expect(200);
    refused(revoke(&app, &tokens.access_token, "wrong"), 401, Code::InvalidClient);
    refused(revoke(&app, &tokens.access_token, &other.secret), 401, Code::InvalidClient);
    let (key, secret) = tokens.access_token.split_once('-').unwrap();
    revoke(&app, &format!("{key}-{}", "x".repeat(22)), &app.secret).expect(200);
    revoke(&app, &format!("{}-{secret}", "x".repeat(10)), &app.secret).expect(200);
    revoke(&app, &format!("{}x", &tokens.refresh_token[..56]), &app.secret).expect(200);
    provider.use_token(&tokens.access_token).expect(200);

    revoke(&app, &tokens.access_token, &app.secret).expect(200);
    provider.use_token(&tokens.access_token).expect(401);
    refused(provider.refresh(&app, &tokens.refresh_token, &[]), 400, Code::InvalidGrant);
    let tokens = provider.tokens(&app);
    revoke(&app, &tokens.refresh_token, "").expect(200);
    provider.use_token(&tokens.access_token).expect(401);

    for bad in ["nonsense", "coder_a", "a-b"] {
        refused(revoke(&app, bad, &app.secret), 400, Code::InvalidRequest);
    }
    refused(revoke(&app, "", &app.secret), 400, Code::InvalidRequest);
    // A session is not the application's to end.
    revoke(&app, provider.mona.token(), &app.secret).expect(200);
    provider.mona.get(super::ME).expect(200);
    let target = format!("/oauth2/revoke?client_id={}", app.id);
    provider.server.anonymous().get(&target).expect(405);
}

#[test]
fn what_ends_a_token() {
    let provider = Provider::start();
    let owner = provider.server.owner();
    let app = provider.app("helper");
    let tokens = provider.tokens(&app);
    let waiting = provider.code(&app, &[]);
    let secrets: Vec<OAuth2ProviderAppSecret> = owner.get(&format!("{APPS}/{}/secrets", app.id)).ok(200);
    owner.delete(&format!("{APPS}/{}/secrets/{}", app.id, secrets[0].id)).expect(204);
    provider.use_token(&tokens.access_token).expect(401);
    refused(provider.exchange(&app, &waiting, &[]), 401, Code::InvalidClient);

    let app = provider.app("second");
    let tokens = provider.tokens(&app);
    owner.delete(&format!("{APPS}/{}", app.id)).expect(204);
    provider.use_token(&tokens.access_token).expect(401);

    let app = provider.app("third");
    let tokens = provider.tokens(&app);
    let waiting = provider.code(&app, &[]);
    provider.mona.delete(&format!("/oauth2/tokens?client_id={}", app.id)).expect(204);
    provider.use_token(&tokens.access_token).expect(401);
    refused(provider.exchange(&app, &waiting, &[]), 400, Code::InvalidGrant);
    provider.server.anonymous().delete(&format!("/oauth2/tokens?client_id={}", app.id)).expect(401);

    let tokens = provider.tokens(&app);
    owner.put("/api/v2/users/mona/status/suspend", ()).expect(200);
    provider.use_token(&tokens.access_token).expect(401);
    owner.put("/api/v2/users/mona/status/activate", ()).expect(200);
    provider.use_token(&tokens.access_token).expect(200);
    owner.delete("/api/v2/users/mona").expect(200);
    provider.use_token(&tokens.access_token).expect(401);
    refused(provider.refresh(&app, &tokens.refresh_token, &[]), 400, Code::InvalidGrant);
}

#[test]
fn of_many_exchanges_at_once_one_has_the_tokens() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let code = provider.code(&app, &[]);
    let fields =
        [("grant_type", "authorization_code"), ("client_id", &app.id), ("client_secret", &app.secret), ("code", &code)];
    let body = super::encode(&fields);
    let anyone: Vec<_> = (0..8).map(|_| provider.server.anonymous()).collect();
    let answered: Vec<u16> = std::thread::scope(|scope| {
        let body = body.as_bytes();
        let started: Vec<_> = anyone
            .into_iter()
            .map(|client| {
                scope.spawn(move || {
                    let headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
                    client.send(&Request { method: "POST", target: "/oauth2/tokens", headers, body }).answer.status
                })
            })
            .collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(answered.iter().filter(|status| **status == 200).count(), 1, "{answered:?}");
    assert!(answered.iter().all(|status| matches!(status, 200 | 400)), "{answered:?}");
}
