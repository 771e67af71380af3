//! OpenID Connect.

use std::time::Duration;

use rockpool::auth::oidc::links;
use rockpool::sdk::{AuthMethods, LoginType, User, UserStatus, Workspace};
use rockpool::server::Hands;
use rockpool::time::Clock;
use serde_json::{Value, json};

use super::{CALLBACK, ME, me, options, refused, sign_in, text, there_and_back};
use crate::support::Server;
use crate::support::idp::{Browser, Fault, Idp};

fn alice() -> Value {
    json!({
        "sub": "alice-1", "email": "alice@example.com", "email_verified": true, "preferred_username": "alice",
        "name": " Alice Liddell ", "picture": "https://example.com/alice.png",
    })
}

#[test]
fn somebody_new_gets_an_account_and_comes_back_to_it() {
    let idp = Idp::start();
    let server = options(&idp).set("CODER_OIDC_SIGN_IN_TEXT", "Enter").start();
    server.owner();
    let methods: AuthMethods = server.anonymous().get("/api/v2/users/authmethods").ok(200);
    assert!(methods.oidc.enabled && !methods.github.enabled);
    assert_eq!(methods.oidc.sign_in_text, "Enter");

    idp.says(alice());
    let mut browser = Browser::new(server.url());
    let back = there_and_back(&idp, &mut browser, &format!("{CALLBACK}?redirect=%2Ftemplates%3Fa%3Db"));
    assert_eq!((back.status, back.header("Location")), (307, Some("/templates?a=b")));
    let user = me(&server, &browser);
    assert_eq!((user.username.as_str(), user.email.as_str()), ("alice", "alice@example.com"));
    assert_eq!((user.name.as_str(), user.avatar_url.as_str()), ("Alice Liddell", "https://example.com/alice.png"));
    assert_eq!((user.login_type, user.status), (LoginType::Oidc, UserStatus::Active));
    assert_eq!(user.organization_ids, [server.organization()]);
    assert!(user.roles.is_empty());
    for name in ["oauth_state", "oauth_redirect", "oauth_pkce_verifier"] {
        assert!(!browser.cookies.contains_key(name), "{name} is used once");
    }

    // The provider may change everything but who it is.
    idp.says(json!({"sub": "alice-1", "email": "liddell@example.com", "preferred_username": "other", "name": "A"}));
    let again = sign_in(&idp, &server);
    assert_eq!((again.id, again.email.as_str(), again.name.as_str()), (user.id, "liddell@example.com", "A"));
    assert_eq!(again.username, "alice", "much may hang on a username");
    let claims: Value = server.owner().get("/api/v2/debug/alice/debug-link").ok(200);
    assert_eq!(claims["merged_claims"]["email"], "liddell@example.com");
}

#[test]
fn signing_in_is_logged() {
    let idp = Idp::start();
    let server = options(&idp).start();
    server.owner();
    idp.says(alice());
    let user = sign_in(&idp, &server);
    sign_in(&idp, &server);
    let log: Value = server.owner().get("/api/v2/audit?q=resource_type:api_key&limit=10").ok(200);
    let logged: Vec<(&str, &str)> = log["audit_logs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["user"]["id"] == json!(user.id))
        .map(|entry| (entry["action"].as_str().unwrap(), entry["diff"]["hashed_secret"].as_str().unwrap_or("none")))
        .collect();
    assert_eq!(logged, [("login", "none"), ("register", "none")]);
}

#[test]
fn the_first_one_to_sign_in_is_the_owner() {
    let idp = Idp::start();
    let server = options(&idp).set("CODER_OIDC_ALLOW_SIGNUPS", "false").start();
    idp.says(alice());
    let user = sign_in(&idp, &server);
    assert_eq!(user.roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["owner"]);
    idp.says(json!({"sub": "bob", "email": "bob@example.com"}));
    let page = refused(&idp, &server, 403);
    assert!(page.contains("Signups are disabled"), "{page}");
}

#[test]
fn a_token_that_is_wrong_in_any_way_lets_nobody_in() {
    let idp = Idp::start();
    let server = options(&idp).start();
    server.owner();
    idp.says(json!({"email": "alice@example.com"}));
    for fault in Fault::ALL {
        idp.script(|s| s.fault = fault);
        let mut browser = Browser::new(server.url());
        let back = there_and_back(&idp, &mut browser, CALLBACK);
        assert_eq!((back.status, browser.session()), (400, None), "{fault:?}: {}", text(&back));
        assert!(text(&back).contains("not to be believed"), "{fault:?}: {}", text(&back));
    }
    idp.script(|s| s.fault = Fault::Nothing);
    sign_in(&idp, &server);
}

#[test]
fn a_way_back_counts_once_and_for_the_browser_that_was_sent_off() {
    let idp = Idp::start();
    let server = options(&idp).start();
    server.owner();
    idp.says(alice());
    let mut browser = Browser::new(server.url());
    let way = |browser: &mut Browser| {
        let there = browser.get(CALLBACK);
        format!("{CALLBACK}?{}", idp.authorize(there.header("Location").unwrap()))
    };

    let back = way(&mut browser);
    assert_eq!(Browser::new(server.url()).get(&back).status, 401, "another browser");
    let mut other = Browser::new(server.url());
    way(&mut other);
    assert_eq!(other.get(&back).status, 401, "a browser with another state");
    other.cookies.insert("oauth_state".into(), browser.cookies["oauth_state"].clone());
    assert_eq!(other.get(&back).status, 400, "a browser with another verifier");
    assert_eq!(browser.get(&back.replace("state=", "state=x")).status, 401);
    assert_eq!(browser.get(&format!("{CALLBACK}?code=code-1")).status, 400, "no state");
    browser.cookies.remove("oauth_pkce_verifier");
    assert_eq!(browser.get(&back).status, 400, "no verifier");
    assert_eq!(browser.session().or(other.session()), None);

    let back = way(&mut browser);
    let kept = browser.cookies.clone();
    assert_eq!(browser.get(&back).status, 307);
    browser.cookies = kept;
    assert_eq!(browser.get(&back).status, 400, "a code that is used");
    assert_eq!(browser.session(), None);
    for state in
        ["oidc_merge_state=known", "oidc_merge_state=convert-%0d%0aSet-Cookie:x", "oidc_merge_state=convert-%3Bx"]
    {
        assert_eq!(browser.get(&format!("{CALLBACK}?{state}")).status, 400, "{state}");
    }
    let no = browser.get(&format!("{CALLBACK}?error=access_denied&error_description=because&error_uri=x"));
    assert_eq!(no.status, 400);
    assert!(text(&no).contains("access_denied") && text(&no).contains("because, error_uri: x"), "{}", text(&no));
}

#[test]
fn nobody_is_sent_on_to_another_host() {
    let idp = Idp::start();
    let server = options(&idp).start();
    server.owner();
    idp.says(alice());
    for (redirect, want) in [
        ("https%3A%2F%2Fevil.example%2Fa", "/a"),
        ("%2F%2Fevil.example%2Fa", "/a"),
        ("%2F%5Cevil.example", "/"),
        ("javascript%3Aalert(1)", "/alert(1)"),
        ("%2Fa%0d%0aSet-Cookie%3A+a%3Db", "/aSet-Cookie:%20a=b"),
        ("", "/"),
    ] {
        let mut browser = Browser::new(server.url());
        let back = there_and_back(&idp, &mut browser, &format!("{CALLBACK}?redirect={redirect}"));
        assert_eq!((back.status, back.header("Location")), (307, Some(want)), "{redirect}");
        assert!(!browser.cookies.contains_key("a"), "{redirect}");
    }
    let mut browser = Browser::new(server.url());
    let there = browser.get(CALLBACK);
    browser.cookies.insert("oauth_redirect".into(), "//evil.example/a".into());
    let back = browser.get(&format!("{CALLBACK}?{}", idp.authorize(there.header("Location").unwrap())));
    assert_eq!(back.header("Location"), Some("/a"), "a cookie that somebody else has set");
}

#[test]
fn addresses_are_verified_and_of_the_right_domain() {
    let idp = Idp::start();
    let server = options(&idp).set("CODER_OIDC_EMAIL_DOMAIN", "example.com,@corp.example").start();
    server.owner();
    for (claims, status) in [
        (json!({"sub": "a", "email": "a@example.com", "email_verified": false}), 403),
        (json!({"sub": "a", "email": "a@example.com", "email_verified": "false"}), 403),
        (json!({"sub": "a", "email": "a@evil.example"}), 403),
        (json!({"sub": "a", "email": "a@example.com@evil.example"}), 400),
        (json!({"sub": "a", "email": 7}), 400),
        (json!({"sub": "a", "email": "no-address"}), 400),
        (json!({"sub": "a"}), 400),
        (json!({"sub": "a", "preferred_username": "plain"}), 400),
    ] {
        idp.says(claims);
        refused(&idp, &server, status);
    }
    idp.says(json!({"sub": "a", "preferred_username": "first.last@corp.example"}));
    let user = sign_in(&idp, &server);
    assert_eq!((user.email.as_str(), user.username.as_str()), ("first.last@corp.example", "firstlast"));

    let trusting = options(&idp).set("CODER_OIDC_IGNORE_EMAIL_VERIFIED", "true").start();
    trusting.owner();
    idp.says(json!({"sub": "a", "email": "a@any.example", "email_verified": false}));
    sign_in(&idp, &trusting);
}

#[test]
fn claims_come_from_the_fields_that_the_settings_name_and_from_userinfo() {
    let idp = Idp::start();
    idp.script(|s| s.userinfo = json!({"sub": "a", "full": "From Userinfo"}).as_object().cloned());
    let server = options(&idp)
        .set("CODER_OIDC_USERNAME_FIELD", "nick")
        .set("CODER_OIDC_EMAIL_FIELD", "mail")
        .set("CODER_OIDC_NAME_FIELD", "full")
        .start();
    server.owner();
    idp.says(json!({"sub": "a", "nick": "owner", "mail": "a@example.com", "full": "From Token"}));
    let user = sign_in(&idp, &server);
    assert_eq!((user.email.as_str(), user.name.as_str()), ("a@example.com", "From Userinfo"));
    assert!(user.username.starts_with("owner-"), "{} is like the one that is taken", user.username);
    idp.script(|s| s.userinfo = json!({"sub": "b", "mail": "owner@example.com"}).as_object().cloned());
    let no = refused(&idp, &server, 400);
    assert!(no.contains("userinfo"), "{no}");
    for nobody in [json!({}), json!({"sub": null}), json!({"sub": ["a"]}), json!({"sub": ""})] {
        idp.script(|s| s.userinfo = nobody.as_object().cloned());
        refused(&idp, &server, 400);
    }
    // Some providers sign it.
    idp.script(|s| {
        s.signs_userinfo = true;
        s.userinfo = json!({"sub": "a", "full": "Signed"}).as_object().cloned();
    });
    assert_eq!(sign_in(&idp, &server).name, "Signed");
    idp.script(|s| s.userinfo = json!({"sub": "b", "full": "Signed"}).as_object().cloned());
    refused(&idp, &server, 400);
}

#[test]
fn an_address_opens_no_account_of_another_kind_or_of_another_person() {
    let idp = Idp::start();
    let server = options(&idp).start();
    server.user("pat", &[]);
    idp.says(json!({"sub": "pat-1", "email": "PAT@example.com"}));
    let page = refused(&idp, &server, 403);
    assert!(page.contains("This account signs in another way") && page.contains("&quot;password&quot;"), "{page}");

    idp.says(alice());
    let user = sign_in(&idp, &server);
    idp.says(json!({"sub": "alice-2", "email": "alice@example.com"}));
    refused(&idp, &server, 403);
    idp.says(json!({"sub": "bob", "email": "bob@example.com"}));
    sign_in(&idp, &server);
    idp.says(json!({"sub": "bob", "email": "alice@example.com"}));
    refused(&idp, &server, 409);
    idp.says(alice());
    assert_eq!(sign_in(&idp, &server).id, user.id);
}

#[test]
fn the_suspended_stay_out_the_dormant_wake_and_the_deleted_begin_anew() {
    let idp = Idp::start();
    let server = options(&idp).start();
    let owner = server.owner();
    let body = json!({
        "email": "alice@example.com", "username": "alice", "login_type": "oidc",
        "organization_ids": [server.organization()],
    });
    let made: User = owner.post("/api/v2/users", body).ok(201);
    assert_eq!(made.status, UserStatus::Dormant);
    idp.says(alice());
    let user = sign_in(&idp, &server);
    assert_eq!((user.id, user.status), (made.id, UserStatus::Active));

    owner.put("/api/v2/users/alice/status/suspend", json!({})).expect(200);
    let page = refused(&idp, &server, 403);
    assert!(page.contains("suspended"), "{page}");
    owner.put("/api/v2/users/alice/status/activate", json!({})).expect(200);
    assert_eq!(sign_in(&idp, &server).id, made.id);

    owner.delete("/api/v2/users/alice").expect(200);
    let anew = sign_in(&idp, &server);
    assert_ne!(anew.id, made.id);
    assert_eq!(anew.username, "alice");
}

#[test]
fn new_keys_of_a_provider_are_found() {
    let idp = Idp::start();
    let server = options(&idp).start();
    server.owner();
    idp.says(alice());
    sign_in(&idp, &server);
    let asked = |idp: &Idp| idp.script(|s| s.asked.iter().filter(|path| *path == "/keys").count());
    sign_in(&idp, &server);
    assert_eq!(asked(&idp), 1, "keys are kept");
    let clock = rockpool::time::Clock::held(rockpool::time::Clock::system().now());
    let held = options(&idp).hands(rockpool::server::Hands { clock: clock.clone(), ..Default::default() }).start();
    held.owner();
    sign_in(&idp, &held);
    idp.rotate_key("key-2");
    clock.advance(std::time::Duration::from_secs(11));
    sign_in(&idp, &held);
    assert_eq!(asked(&idp), 3);
    idp.rotate_key("key-3");
    refused(&idp, &held, 400);
    assert_eq!(asked(&idp), 3, "a wrong key makes nobody ask again and again");
}

#[test]
fn what_a_provider_says_of_itself_is_believed_for_a_while_only() {
    let idp = Idp::start();
    let clock = Clock::held(Clock::system().now());
    let server = options(&idp).hands(Hands { clock: clock.clone(), ..Hands::default() }).start();
    server.owner();
    idp.says(alice());
    sign_in(&idp, &server);

    // A stolen key that the provider has taken back signs for a while, and then never again.
    let old = idp.script(|s| s.key.clone());
    idp.rotate_key("key-2");
    idp.script(|s| (s.key, s.published) = (old, Some(s.key.clone())));
    sign_in(&idp, &server);
    clock.advance(Duration::from_secs(16 * 60));
    refused(&idp, &server, 400);
    idp.script(|s| s.key = s.published.take().unwrap());
    sign_in(&idp, &server);

    // The keys move: the address that is known leads nowhere, and the next sign-in after a while finds the new one.
    idp.script(|s| s.keys_path = "/moved".to_owned());
    sign_in(&idp, &server);
    clock.advance(Duration::from_secs(16 * 60));
    sign_in(&idp, &server);
    assert!(idp.script(|s| s.asked.contains(&"/moved".to_owned())));
}

#[test]
fn the_server_proves_itself_by_a_key_where_it_has_one() {
    const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/login/client.key");
    const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/login/client.crt");
    let idp = Idp::start();
    let server = options(&idp)
        .set("CODER_OIDC_CLIENT_SECRET", "")
        .set("CODER_OIDC_CLIENT_KEY_FILE", KEY)
        .set("CODER_OIDC_CLIENT_CERT_FILE", CERTIFICATE)
        .start();
    server.owner();
    idp.says(alice());
    refused(&idp, &server, 500);
    let public = include_bytes!("client.public.der").to_vec();
    idp.script(|s| s.client_key = Some(public.clone()));
    sign_in(&idp, &server);
    idp.script(|s| s.client_key = Some(public[..public.len() - 1].to_vec()));
    refused(&idp, &server, 500);
}

#[test]
fn builds_get_the_owners_token_renewed_when_it_has_expired() {
    let idp = Idp::start();
    let clock = Clock::held(Clock::system().now());
    let server = options(&idp).hands(Hands { clock: clock.clone(), ..Hands::default() }).start();
    let owner = server.owner();
    idp.says(alice());
    let user = sign_in(&idp, &server);
    let token_of = |id| links::access_token(&server.running().deployment, id).unwrap();
    let token = || token_of(user.id);
    assert_eq!(token().as_deref(), Some("the-access-token"));
    clock.advance(Duration::from_secs(3700));
    assert_eq!(token().as_deref(), Some("the-renewed-token"));
    let asked = idp.script(|s| s.asked.len());
    assert_eq!(token().as_deref(), Some("the-renewed-token"));
    assert_eq!(idp.script(|s| s.asked.len()), asked, "it is kept");
    // The provider does not know the refresh token any more: there is no token, and no build fails for it.
    clock.advance(Duration::from_secs(3700));
    assert_eq!(token(), None);
    assert_eq!(token_of(server.owner_id()), None, "who signs in otherwise has none");

    idp.script(|s| s.claims.insert("exp".to_owned(), 9_999_999_999_u64.into()));
    sign_in(&idp, &server);
    let main = r#"
data "coder_workspace_owner" "me" {}
resource "null_resource" "it" {}
resource "coder_metadata" "it" {
  resource_id = null_resource.it.id
  item {
    key   = "token"
    value = data.coder_workspace_owner.me.oidc_access_token
  }
}
"#;
    let template = server.template("token", &[("main.tf", main)]);
    let body = json!({"name": "w", "template_id": template.id});
    let path = format!("/api/v2/organizations/{}/members/{}/workspaces", server.organization(), user.username);
    let workspace: Workspace = owner.post(&path, body).ok(201);
    let done = owner.wait_for_build(workspace.latest_build.id);
    let shown = serde_json::to_value(&done.resources).unwrap().to_string();
    assert!(shown.contains("the-access-token"), "{shown}");
}

#[test]
fn a_provider_that_is_away_keeps_nobody_else_out() {
    let server = options(&Idp::start()).set("CODER_OIDC_ISSUER_URL", "http://127.0.0.1:1").start();
    server.owner().get(ME).expect(200);
    let mut browser = Browser::new(server.url());
    let there = browser.get(CALLBACK);
    assert_eq!(there.status, 500);
    assert!(text(&there).contains("127.0.0.1:1"), "{}", text(&there));

    let idp = Idp::start();
    let other = options(&idp).set("CODER_OIDC_ISSUER_URL", &format!("{}/", idp.url)).start();
    let there = Browser::new(other.url()).get(CALLBACK);
    assert_eq!(there.status, 500, "it calls itself otherwise");
    let unset = Server::start();
    assert_eq!(Browser::new(unset.url()).get(CALLBACK).status, 400);
}
