//! Consent: what may be asked for, how the user is asked, and where the answer goes.

use rockpool::sdk::OAuth2ErrorCode as Code;
use rockpool::sdk::client::Request;
use rockpool::sdk::{OAuth2ClientRegistrationResponse, OAuth2TokenResponse};
use serde_json::json;

use super::{App, BACK, CHALLENGE, Provider, ask, parameter, refused};

const DEEP: &str = "http://localhost:9911/deep/callback";

#[test]
fn consent_sends_a_code_and_the_state_to_the_application() {
    let provider = Provider::start();
    let app = provider.app_at("helper", "http://localhost:9911/callback?kept=1");
    let answer = provider.mona.post(&ask(&app, &[("state", "a b&c=d\r\nX: y")]), ()).expect(302);
    let location = answer.header("Location").unwrap();
    assert!(location.starts_with("http://localhost:9911/callback?"), "{location}");
    assert_eq!(parameter(location, "state").as_deref(), Some("a b&c=d\r\nX: y"));
    assert_eq!(parameter(location, "kept").as_deref(), Some("1"));
    assert_eq!((answer.header("Referrer-Policy"), answer.header("X")), (Some("no-referrer"), None));
    let without_state = provider.mona.post(&ask(&app, &[("state", "")]), ()).expect(302);
    assert_eq!(parameter(without_state.header("Location").unwrap(), "state"), None);
}

#[test]
fn who_is_not_signed_in_is_sent_to_do_so() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let target = ask(&app, &[]);
    for method in ["GET", "POST"] {
        let answer = provider.server.anonymous().send(&Request { method, target: &target, ..Request::default() });
        let location = answer.header("Location").unwrap().to_owned();
        answer.expect(303);
        assert!(location.starts_with("/login?"), "{location}");
        assert_eq!(parameter(&location, "redirect"), Some(target.clone()));
    }
}

#[test]
fn a_redirect_never_leaves_the_application() {
    let provider = Provider::start();
    let app = provider.app_at("helper", DEEP);
    for (uri, good) in [
        (DEEP, true),
        ("http://localhost:9911/deep/callback/more", true),
        ("https://localhost:9911/deep/callback", true),
        ("http://localhost:9911/deep/callback-of-another", false),
        ("http://localhost:9911/deep/callback/../../evil", false),
        ("http://localhost:9911/deep/callback/%2e%2e/%2e%2e/evil", false),
        ("http://localhost:9911/", false),
        ("http://localhost:9999/deep/callback", false),
        ("http://evil.example/deep/callback", false),
        ("http://sub.localhost:9911/deep/callback", false),
        ("http://localhost:9911@evil.example/deep/callback", false),
        ("http://localhost:9911\\@evil.example/deep/callback", false),
        ("//localhost:9911/deep/callback", false),
        ("javascript://localhost:9911/deep/callback%0aalert(1)", false),
        ("http://localhost:9911/deep/callback#part", false),
        ("http://localhost:9911/deep/callback\r\nSet-Cookie: a=b", false),
        ("nonsense", false),
    ] {
        let target = ask(&app, &[("redirect_uri", uri)]);
        let (asked, given) = (provider.mona.get(&target), provider.mona.post(&target, ()));
        if good {
            asked.expect(200);
            assert!(given.header("Location").unwrap().starts_with(uri), "{uri:?}: {given}");
            given.expect(302);
        } else {
            assert!(asked.header("Location").is_none() && given.header("Location").is_none(), "{uri:?}");
            asked.expect(400);
            assert!(refused(given, 400, Code::InvalidRequest).error_description.contains("redirect_uri"), "{uri:?}");
        }
    }
}

#[test]
fn what_an_authorization_request_may_not_say() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let nobody = App { id: uuid::Uuid::from_u128(7).to_string(), secret: String::new() };
    refused(provider.mona.get(&ask(&nobody, &[])), 401, Code::InvalidClient);
    refused(provider.mona.get(&ask(&app, &[("client_id", "x")])), 401, Code::InvalidClient);
    refused(provider.mona.get(&ask(&app, &[("client_id", "")])), 400, Code::InvalidRequest);
    for (name, value, says) in [
        ("response_type", "", "response_type"),
        ("response_type", "magic", "response_type"),
        ("resource", "relative", "resource"),
        ("resource", "https://example.com/#part", "resource"),
        ("unknown", "x", "unknown"),
    ] {
        let target = ask(&app, &[(name, value)]);
        let page = provider.mona.get(&target).expect(400);
        assert!(page.header("Content-Type").unwrap().starts_with("text/html"), "{page}");
        let error = refused(provider.mona.post(&target, ()), 400, Code::InvalidRequest);
        assert!(error.error_description.contains(says), "{name}={value}: {}", error.error_description);
    }
    let twice = format!("{}&state=again", ask(&app, &[]));
    refused(provider.mona.post(&twice, ()), 400, Code::InvalidRequest);
    provider.mona.post(&ask(&app, &[("scope", "a b c")]), ()).expect(302);
}

#[test]
fn a_challenge_cannot_be_made_weaker() {
    let provider = Provider::start();
    let app = provider.app("helper");
    for method in ["plain", "S512", "s256"] {
        let target = ask(&app, &[("code_challenge", CHALLENGE), ("code_challenge_method", method)]);
        let error = refused(provider.mona.post(&target, ()), 400, Code::InvalidRequest);
        assert!(error.error_description.contains(method), "{}", error.error_description);
    }
    for method in ["", "S256"] {
        let target = ask(&app, &[("code_challenge", CHALLENGE), ("code_challenge_method", method)]);
        provider.mona.post(&target, ()).expect(302);
    }
}

#[test]
fn the_page_shows_what_applications_say_and_runs_none_of_it() {
    let provider = Provider::start();
    let evil = json!({
        "redirect_uris": [BACK],
        "client_name": "</h1><script>alert('x')</script><img src=x onerror=y>",
        "logo_uri": "https://example.com/logo.png",
    });
    let client: OAuth2ClientRegistrationResponse = provider.server.anonymous().post("/oauth2/register", evil).ok(201);
    let app = App { id: client.client_id, secret: client.client_secret };
    let page = provider.mona.get(&ask(&app, &[("state", "\"><script>")])).expect(200);
    let html = String::from_utf8(page.answer.body.clone()).unwrap();
    assert!(!html.contains("<script") && !html.contains("<img src=x"), "{html}");
    assert!(html.contains("&lt;script&gt;") && html.contains("mona") && html.contains("localhost:9911"), "{html}");
    assert!(html.contains("error=access_denied"), "{html}");
    let policy = page.header("Content-Security-Policy").unwrap();
    for rule in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self' http://localhost:9911;"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert_eq!(page.header("X-Frame-Options"), Some("DENY"));
    let refusal = provider.mona.get(&ask(&app, &[("<script>", "x")])).expect(400);
    assert!(!String::from_utf8_lossy(&refusal.answer.body).contains("<script>"));
}

#[test]
fn only_the_page_itself_gives_consent_in_a_browsers_name() {
    let provider = Provider::start();
    let app = provider.app("helper");
    let target = ask(&app, &[]);
    let cookie = format!("coder_session_token={}", provider.mona.token());
    let own = provider.server.url().to_owned();
    for (name, value, good) in [
        ("Origin", own.as_str(), true),
        ("Origin", "https://evil.example", false),
        ("Origin", "null", false),
        ("Sec-Fetch-Site", "same-origin", true),
        ("Sec-Fetch-Site", "cross-site", false),
        ("Sec-Fetch-Site", "same-site", false),
    ] {
        let headers = vec![("Cookie", cookie.as_str()), (name, value)];
        let answer = provider.server.anonymous().send(&Request { method: "POST", target: &target, headers, body: b"" });
        match good {
            true => drop(answer.expect(302)),
            false => drop(refused(answer, 403, Code::AccessDenied)),
        }
    }
}

#[test]
fn every_registered_redirect_is_good() {
    let provider = Provider::start();
    let second = "https://second.example/back";
    let body = json!({"redirect_uris": [BACK, second], "token_endpoint_auth_method": "client_secret_post"});
    let client: OAuth2ClientRegistrationResponse = provider.server.anonymous().post("/oauth2/register", body).ok(201);
    let app = App { id: client.client_id, secret: client.client_secret };
    let code = provider.code(&app, &[("redirect_uri", second)]);
    let _: OAuth2TokenResponse = provider.exchange(&app, &code, &[("redirect_uri", second)]).ok(200);
    refused(
        provider.mona.post(&ask(&app, &[("redirect_uri", "https://second.example/back/x")]), ()),
        400,
        Code::InvalidRequest,
    );
}
