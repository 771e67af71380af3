//! Sessions and tokens: signing in and out, lifetimes, scopes, the carriers of a key and their dangers,
//! limits on asking, and the manners of the door.

use std::time::Duration;

use rockpool::config::{Asked, Config};
use rockpool::sdk::client::Request;
use rockpool::sdk::{
    APIKey, APIKeyWithOwner, AuthMethods, ExternalAPIKeyScopes, GenerateAPIKeyResponse, OAuthConversionResponse,
    TokenConfig, User, UserLoginType, UserStatus,
};
use rockpool::server::{Hands, Running};
use rockpool::time::{Clock, Time};
use serde_json::{Value, json};

use crate::support::client::Checked;
use crate::support::{Client, Options, PASSWORD, Server};

const HOUR: i64 = 3600 * 1_000_000_000;
const ME: &str = "/api/v2/users/me";
const TOKENS: &str = "/api/v2/users/me/keys/tokens";

fn hours(n: u64) -> Duration {
    Duration::from_secs(3600 * n)
}

/// A server whose clock stands still until it is moved.
fn held() -> (Clock, Server) {
    let clock = Clock::held(Time::parse("2026-05-01T12:00:30Z").unwrap());
    let server = Options::default().hands(Hands { clock: clock.clone(), ..Hands::default() }).start();
    (clock, server)
}

fn token(client: &Client, body: Value) -> Client {
    let made: GenerateAPIKeyResponse = client.post(TOKENS, body).ok(201);
    client.with_token(&made.key)
}

fn id_of(client: &Client) -> &str {
    client.token().split('-').next().unwrap()
}

fn send(client: &Client, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Checked {
    client.send(&Request { method, target, headers: headers.to_vec(), body })
}

#[test]
fn signing_out_ends_one_session_and_no_other() {
    let server = Server::start();
    let (_, first) = server.user("lois", &[]);
    let second = server.log_in("lois@example.com");
    let named = token(&first, json!({"token_name": "stays"}));
    let out = second.post("/api/v2/users/logout", json!({})).expect(200);
    assert_eq!(out.cookie("coder_session_token").unwrap(), "coder_session_token=; Path=/; Max-Age=0");
    second.get(ME).refused(401);
    second.post("/api/v2/users/logout", json!({})).refused(401);
    first.get(ME).expect(200);
    named.get(ME).expect(200);
}

#[test]
fn the_cookie_of_a_session_is_for_the_server_alone() {
    for (settings, want) in [
        (&[][..], "; Path=/; HttpOnly; SameSite=Lax"),
        (&[("CODER_SECURE_AUTH_COOKIE", "true")], "; Path=/; HttpOnly; Secure; SameSite=Lax"),
    ] {
        let options = settings.iter().fold(Options::default(), |o, (name, value)| o.set(name, value));
        let server = options.start();
        server.owner();
        let body = json!({"email": "owner@example.com", "password": PASSWORD});
        let answer = server.anonymous().post("/api/v2/users/login", body).expect(201);
        let cookie = answer.cookie("coder_session_token").unwrap();
        let key = answer.json()["session_token"].as_str().unwrap().to_owned();
        assert_eq!(cookie, format!("coder_session_token={key}{want}"));
    }
}

#[test]
fn tokens_are_made_found_used_and_deleted() {
    let server = Server::start();
    let (toni, client) = server.user("toni", &[]);
    let (_, other) = server.user("nick", &[]);
    assert_eq!(client.get(TOKENS).expect(200).json(), Value::Null);
    let first = token(&client, json!({"token_name": "first", "lifetime": 48 * HOUR}));
    let unnamed = token(&client, json!({}));
    client.post(TOKENS, json!({"token_name": "first"})).refused(409);
    token(&client, json!({"token_name": "First"}));

    let by_name: APIKey = client.get(&format!("{TOKENS}/first")).ok(200);
    assert_eq!((by_name.id.as_str(), by_name.user_id), (id_of(&first), toni.id));
    assert_eq!((by_name.lifetime_seconds, by_name.scope.as_str()), (48 * 3600, "all"));
    assert_eq!((by_name.scopes, by_name.allow_list), (vec!["coder:all".to_owned()], vec!["*:*".to_owned()]));
    client.get(&format!("{TOKENS}/FIRST")).refused(404);
    let by_id: APIKey = client.get(&format!("/api/v2/users/me/keys/{}", id_of(&unnamed))).ok(200);
    assert!(!by_id.token_name.is_empty());
    let all: Vec<APIKeyWithOwner> = client.get(TOKENS).ok(200);
    assert!(all.len() == 3 && all.iter().all(|key| key.username == "toni"), "{all:?}");

    let path = format!("/api/v2/users/me/keys/{}", id_of(&first));
    other.get(&path).refused(404);
    other.delete(&path).refused(404);
    first.get(ME).expect(200);
    client.delete(&path).expect(204);
    client.delete(&path).refused(404);
    first.get(ME).refused(401);
}

#[test]
fn tokens_of_others_are_for_owners_alone() {
    let server = Server::start();
    let (_, tara) = server.user("tara", &[]);
    let (_, admin) = server.user("uma", &["user-admin"]);
    let owner = server.owner();
    token(&tara, json!({"token_name": "mine"}));
    token(&owner, json!({"token_name": "of-owner"}));
    let listed = |client: &Client, target: &str| -> Vec<String> {
        let keys: Option<Vec<APIKeyWithOwner>> = client.get(target).ok(200);
        keys.unwrap_or_default().into_iter().map(|key| key.token_name).collect()
    };
    for (client, theirs, all) in
        [(&tara, &["mine"][..], &["mine"][..]), (&admin, &[], &[]), (&owner, &["mine"], &["mine", "of-owner"])]
    {
        assert_eq!(listed(client, "/api/v2/users/tara/keys/tokens"), theirs);
        assert_eq!(listed(client, &format!("{TOKENS}?include_all=true")), all);
    }
    admin.post("/api/v2/users/tara/keys/tokens", json!({"token_name": "x"})).refused(403);
    admin.post("/api/v2/users/tara/keys", json!({})).refused(403);
    owner.post("/api/v2/users/tara/keys/tokens", json!({"token_name": "x"})).expect(201);
    let key: GenerateAPIKeyResponse = owner.post("/api/v2/users/tara/keys", json!({})).ok(201);
    let as_tara: User = owner.with_token(&key.key).get(ME).ok(200);
    assert_eq!(as_tara.username, "tara");
}

#[test]
fn what_a_token_may_ask_for_is_checked() {
    let server = Server::start();
    let (_, sina) = server.user("sina", &[]);
    let scopes: ExternalAPIKeyScopes = server.anonymous().get("/api/v2/auth/scopes").ok(200);
    assert!(scopes.external.iter().any(|scope| scope == "workspace:read"));
    let id = "3f0c6f0e-1f0c-4a60-9f3e-5a5a5a5a5a5a";
    for body in [
        json!({"scope": "everything"}),
        json!({"scopes": ["workspace:read", "workspace:fly"]}),
        json!({"scopes": ["audit_log:read"]}),
        json!({"scopes": ["all"]}),
        json!({"scopes": [""]}),
        json!({"scopes": "workspace:read"}),
        json!({"allow_list": ["spaceship:*"]}),
        json!({"allow_list": ["Template:*"]}),
        json!({"allow_list": ["template:first"]}),
        json!({"allow_list": ["template"]}),
        json!({"allow_list": [format!("template:{id}:more")]}),
        json!({"allow_list": vec![format!("template:{id}"); 129]}),
        json!({"lifetime": -HOUR}),
        json!({"lifetime": i64::MAX}),
        json!({"lifetime": 1.5}),
        json!({"lifetime": "24h"}),
        json!({"token_name": 7}),
    ] {
        sina.post(TOKENS, &body).refused(400);
    }
    for (body, scope, scopes, allow_list) in [
        (json!({"scope": "all"}), "all", vec!["coder:all"], vec!["*:*".to_owned()]),
        (
            json!({"scope": "application_connect"}),
            "application_connect",
            vec!["coder:application_connect"],
            vec!["*:*".to_owned()],
        ),
        (json!({"scope": "all", "scopes": ["file:read"]}), "", vec!["file:read"], vec!["*:*".to_owned()]),
        (json!({"allow_list": [format!("template:{id}"), "*:*"]}), "all", vec!["coder:all"], vec!["*:*".to_owned()]),
        (
            json!({"allow_list": [format!("workspace:{id}"), "template:*", format!("template:{id}")]}),
            "all",
            vec!["coder:all"],
            vec!["template:*".to_owned(), format!("workspace:{id}")],
        ),
    ] {
        let made = token(&sina, body.clone());
        let key: APIKey = sina.get(&format!("/api/v2/users/me/keys/{}", id_of(&made))).ok(200);
        assert_eq!((key.scope.as_str(), key.allow_list), (scope, allow_list), "{body}");
        assert_eq!(key.scopes, scopes, "{body}");
    }
}

#[test]
fn a_scoped_token_does_what_its_scopes_allow_and_no_more() {
    let server = Server::start();
    let owner = server.owner();
    let narrow = token(&owner, json!({"scopes": ["organization:read"]}));
    let organizations = narrow.get("/api/v2/organizations").expect(200).json();
    assert_eq!(organizations.as_array().map(Vec::len), Some(1));
    narrow.get(ME).refused(404);
    narrow.post(TOKENS, json!({})).refused(404);
    let organization = server.organization();
    narrow.patch(&format!("/api/v2/organizations/{organization}"), json!({"description": "changed"})).refused(404);
    let body =
        json!({"email": "a@b.example", "username": "a", "password": PASSWORD, "organization_ids": [organization]});
    narrow.post("/api/v2/users", body).refused(403);
    assert_eq!(narrow.get("/api/v2/users").expect(200).json()["count"], 0);

    let bound = token(&owner, json!({"allow_list": [format!("organization:{organization}")]}));
    bound.get(&format!("/api/v2/organizations/{organization}")).expect(200);
    bound.get(ME).refused(404);
}

#[test]
fn a_deployment_says_how_long_tokens_live() {
    let server = Options::default()
        .set("CODER_MAX_TOKEN_LIFETIME", "10h")
        .set("CODER_MAX_ADMIN_TOKEN_LIFETIME", "20h")
        .set("CODER_DEFAULT_TOKEN_LIFETIME", "9h")
        .start();
    let owner = server.owner();
    let (_, tilo) = server.user("tilo", &[]);
    for (client, path, hours) in
        [(&tilo, TOKENS, 10), (&owner, TOKENS, 20), (&owner, "/api/v2/users/tilo/keys/tokens", 10)]
    {
        let config: TokenConfig = client.get(&format!("{path}/tokenconfig")).ok(200);
        assert_eq!(config.max_token_lifetime, hours * HOUR);
        client.post(path, json!({"lifetime": hours * HOUR})).expect(201);
        client.post(path, json!({"lifetime": hours * HOUR + 1})).refused(400);
    }
    let made = token(&tilo, json!({}));
    let key: APIKey = tilo.get(&format!("/api/v2/users/me/keys/{}", id_of(&made))).ok(200);
    assert_eq!(key.lifetime_seconds, 9 * 3600);
}

#[test]
fn a_session_lasts_as_long_as_it_is_used() {
    let (clock, server) = held();
    let owner = server.owner();
    let read = || -> APIKey { owner.get(&format!("/api/v2/users/me/keys/{}", id_of(&owner))).ok(200) };
    let first = read();
    assert_eq!(first.last_used, clock.now());
    // Within the hour, reading writes nothing.
    clock.advance(Duration::from_secs(59 * 60));
    let second = read();
    assert_eq!((second.last_used, second.expires_at), (first.last_used, first.expires_at));
    clock.advance(hours(2));
    let third = read();
    assert_eq!((third.last_used, third.expires_at), (clock.now(), clock.now() + hours(24)));
    let me: User = owner.get(ME).ok(200);
    assert_eq!(me.last_seen_at, clock.now());
    clock.advance(hours(24));
    owner.get(ME).expect(200);
    clock.advance(hours(24) + Duration::from_secs(1));
    assert!(owner.get(ME).refused(401).detail.contains("expired"));
}

#[test]
fn a_session_that_is_not_refreshed_ends_when_it_was_said_to() {
    let clock = Clock::held(Time::parse("2026-05-01T12:00:30Z").unwrap());
    let server = Options::default()
        .set("CODER_DISABLE_SESSION_EXPIRY_REFRESH", "true")
        .set("CODER_SESSION_DURATION", "8h")
        .hands(Hands { clock: clock.clone(), ..Hands::default() })
        .start();
    let owner = server.owner();
    clock.advance(hours(7));
    owner.get(ME).expect(200);
    clock.advance(hours(1) + Duration::from_secs(1));
    owner.get(ME).refused(401);
}

#[test]
fn whoever_comes_after_long_is_awake_again() {
    let server = Server::start();
    let (dora, client) = server.user("dora", &[]);
    let db = server.running().deployment.system_db();
    for wake in [&(|| client.get(ME).expect(200)) as &dyn Fn() -> Checked, &|| {
        let body = json!({"email": "dora@example.com", "password": PASSWORD});
        server.anonymous().post("/api/v2/users/login", body).expect(201)
    }] {
        db.update_user_status(dora.id, UserStatus::Dormant, Time::from_micros(0), false).unwrap();
        wake();
        let awake: User = server.owner().get("/api/v2/users/dora").ok(200);
        assert_eq!(awake.status, UserStatus::Active);
        assert!(awake.last_seen_at > dora.created_at);
    }
}

#[test]
fn a_foreign_page_cannot_write_with_a_browsers_cookie() {
    let server = Server::start();
    let (_, cara) = server.user("cara", &[]);
    let nobody = server.anonymous();
    let key = cara.token();
    let csrf = nobody.get("/api/v2/buildinfo").cookie_value("csrf_token");
    let session = format!("coder_session_token={key}");
    let both = format!("{session}; csrf_token={csrf}");
    let body = br#"{"username": "cara", "name": "Cara"}"#;
    for (headers, status) in [
        (vec![("Cookie", session.as_str())], 400),
        (vec![("Cookie", both.as_str())], 400),
        (vec![("Cookie", both.as_str()), ("X-CSRF-TOKEN", "made-up")], 400),
        (vec![("Cookie", session.as_str()), ("X-CSRF-TOKEN", csrf.as_str())], 400),
        (vec![("Cookie", both.as_str()), ("X-CSRF-TOKEN", csrf.as_str())], 200),
        (vec![("Cookie", session.as_str()), ("Coder-Session-Token", key)], 200),
        (vec![("Coder-Session-Token", key)], 200),
    ] {
        let target = "/api/v2/users/me/profile";
        let answer = rockpool::sdk::Client::new(server.url())
            .unwrap()
            .send(&Request { method: "PUT", target, headers: headers.clone(), body })
            .unwrap();
        assert_eq!(answer.status, status, "{headers:?}");
    }
    // Reading needs no more than the cookie.
    send(&nobody, "GET", ME, &[("Cookie", &session)], b"").expect(200);
}

#[test]
fn asking_too_often_is_refused_until_the_minute_has_passed() {
    let clock = Clock::held(Time::parse("2026-05-01T12:00:00Z").unwrap());
    let server = Options::default()
        .set("CODER_RATE_LIMIT_DISABLE_ALL", "false")
        .set("CODER_API_RATE_LIMIT", "5")
        .hands(Hands { clock: clock.clone(), ..Hands::default() })
        .start();
    let nobody = server.anonymous();
    for remaining in ["4", "3", "2", "1", "0"] {
        let answer = nobody.get("/api/v2/buildinfo").expect(200);
        assert_eq!(answer.header("X-Ratelimit-Limit"), Some("5"));
        assert_eq!(answer.header("X-Ratelimit-Remaining"), Some(remaining));
        let reset = (clock.now() + Duration::from_secs(60)).seconds().to_string();
        assert_eq!(answer.header("X-Ratelimit-Reset"), Some(reset.as_str()));
    }
    let refused = nobody.get("/api/v2/buildinfo").expect(429);
    assert_eq!((refused.header("Retry-After"), refused.header("X-Ratelimit-Remaining")), (Some("60"), Some("0")));
    assert!(refused.json()["message"].is_string());
    // Another endpoint counts for itself, and what is not below the API not at all.
    nobody.get("/api/v2/users/first").refused(404);
    for _ in 0..9 {
        assert_eq!(nobody.get("/healthz").expect(200).header("X-Ratelimit-Limit"), None);
    }
    clock.advance(Duration::from_secs(120));
    nobody.get("/api/v2/buildinfo").expect(200);
}

#[test]
fn passwords_are_tried_sixty_times_a_minute_at_most() {
    let clock = Clock::held(Time::parse("2026-05-01T12:00:00Z").unwrap());
    let server = Options::default()
        .set("CODER_RATE_LIMIT_DISABLE_ALL", "false")
        .hands(Hands { clock, ..Hands::default() })
        .start();
    let nobody = server.anonymous();
    let judge = || nobody.post("/api/v2/users/validate-password", json!({"password": "a"}));
    for n in 1..=60 {
        let answer = judge().expect(200);
        assert_eq!(answer.header("X-Ratelimit-Limit"), Some("60"));
        assert_eq!(answer.header("X-Ratelimit-Remaining"), Some((60 - n).to_string().as_str()));
    }
    judge().expect(429);
    let bypassing = [("X-Coder-Bypass-Ratelimit", "true")];
    send(&nobody, "POST", "/api/v2/users/validate-password", &bypassing, b"{}").expect(429);
}

#[test]
fn without_password_login_nobody_gets_in_by_one() {
    let server = Options::default().set("CODER_DISABLE_PASSWORD_AUTH", "true").start();
    let nobody = server.anonymous();
    let methods: AuthMethods = nobody.get("/api/v2/users/authmethods").ok(200);
    assert!(!methods.password.enabled && !methods.github.enabled && !methods.oidc.enabled);
    let body = json!({"email": "a@example.com", "username": "a", "password": PASSWORD});
    nobody.post("/api/v2/users/first", body).expect(201);
    let log_in = |password: &str| {
        nobody.post("/api/v2/users/login", json!({"email": "a@example.com", "password": password})).answer.status
    };
    // Only who knows the password hears that it is of no use.
    assert_eq!((log_in(PASSWORD), log_in("wrong")), (403, 401));
    nobody.post("/api/v2/users/otp/request", json!({"email": "a@example.com"})).refused(403);
}

#[test]
fn changing_how_one_signs_in_takes_the_password() {
    let server = Server::start();
    let (lola, client) = server.user("lola", &[]);
    let target = "/api/v2/users/me/convert-login";
    for (body, status) in [
        (json!({"to_type": "github", "password": "wrong"}), 401),
        (json!({"to_type": "none", "password": PASSWORD}), 400),
        (json!({"to_type": "pigeon", "password": PASSWORD}), 400),
        (json!({}), 400),
    ] {
        client.post(target, body).refused(status);
    }
    let answer = client.post(target, json!({"to_type": "github", "password": PASSWORD})).expect(201);
    let cookie = answer.cookie("coder_oauth_convert_jwt").unwrap();
    assert!(cookie.contains("; HttpOnly") && cookie.matches('.').count() == 2, "{cookie}");
    let right: OAuthConversionResponse = answer.ok(201);
    assert!(right.state_string.starts_with("convert-") && right.user_id == lola.id);
    // Until it is used, nothing has changed.
    let now: UserLoginType = client.get("/api/v2/users/me/login-type").ok(200);
    assert_eq!(now.login_type.as_str(), "password");
}

#[test]
fn a_stranger_cannot_tell_what_there_is_in_guarded_parts() {
    let server = Server::start();
    let (owner, nobody) = (server.owner(), server.anonymous());
    for (method, target, known, unknown) in [
        ("GET", "/api/v2/users/me/nope", 404, 401),
        ("PATCH", "/api/v2/users/login", 405, 401),
        ("PUT", "/api/v2/users", 405, 405),
        ("GET", "/api/v2/nope", 404, 404),
        ("GET", "/api/v2/users/a%2Fb/login-type", 404, 401),
        ("HEAD", "/api/v2/buildinfo", 405, 405),
        ("HEAD", "/healthz", 405, 405),
    ] {
        assert_eq!(send(&owner, method, target, &[], b"").answer.status, known, "{method} {target}");
        assert_eq!(send(&nobody, method, target, &[], b"").answer.status, unknown, "{method} {target}");
    }
}

#[test]
fn pages_of_other_origins_are_told_nothing_unless_allowed() {
    let asks = [("Origin", "https://other.example.com"), ("Access-Control-Request-Method", "GET")];
    for (allow, want) in [("false", None), ("true", Some("*"))] {
        let server = Options::default().set("CODER_DANGEROUS_ALLOW_CORS_REQUESTS", allow).start();
        let nobody = server.anonymous();
        for target in ["/api/v2/users/me", "/api/v2/nope", "/healthz"] {
            // Not an operation of the API, so nothing to hold the answer against.
            let ask = Request { method: "OPTIONS", target, headers: asks.to_vec(), body: b"" };
            let answer = nobody.0.send(&ask).unwrap();
            assert_eq!((answer.status, answer.header("Access-Control-Allow-Origin")), (200, want), "{target}");
            assert_eq!((answer.header("Set-Cookie"), answer.header("Allow")), (None, None), "{target}");
        }
        let answer = send(&nobody, "GET", "/api/v2/buildinfo", &asks[..1], b"").expect(200);
        assert_eq!(answer.header("Access-Control-Allow-Origin"), want);
    }
}

#[test]
fn a_first_user_can_come_with_the_server() {
    const TOKEN: &str = "abcdefghij-abcdefghijabcdefghijab";
    let options = Options::default()
        .set("ROCKPOOL_FIRST_USER_EMAIL", "home@example.com")
        .set("ROCKPOOL_FIRST_USER_PASSWORD", PASSWORD)
        .set("ROCKPOOL_FIRST_USER_TOKEN", TOKEN);
    let mut server = options.start();
    let client = server.anonymous().with_token(TOKEN);
    let user: User = client.get(ME).ok(200);
    assert_eq!((user.username.as_str(), user.roles[0].name.as_str()), ("home", "owner"));
    server.anonymous().get("/api/v2/users/first").expect(200);
    let body = json!({"email": "home@example.com", "password": PASSWORD});
    server.anonymous().post("/api/v2/users/login", body).expect(201);
    // At the next start there is somebody already.
    server.stop();
    server.start_again();
    let same: User = server.anonymous().with_token(TOKEN).get(ME).ok(200);
    assert_eq!(same.id, user.id);
}

#[test]
fn a_first_user_who_cannot_be_made_keeps_the_server_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::default()
        .set("ROCKPOOL_FIRST_USER_EMAIL", "home@example.com")
        .set("ROCKPOOL_FIRST_USER_PASSWORD", "weak");
    let arguments = options.arguments(folder.path()).into_iter().map(Into::into);
    let Ok(Asked::Run(config)) = Config::read(arguments, &options.environment(folder.path())) else {
        panic!("the configuration is well-formed");
    };
    let refused = Running::start(*config, Hands::default()).err().expect("a refusal").to_string();
    assert!(refused.contains("first user") && refused.contains("insecure password"), "{refused}");
}
