//! GitHub.

use rockpool::sdk::{AuthMethods, ExternalAuthDevice, LoginType, OAuth2DeviceFlowCallbackResponse};
use serde_json::json;

use super::{me, text, there_and_back};
use crate::support::idp::{Browser, CLIENT_ID, CLIENT_SECRET, Idp};
use crate::support::{Options, Server};

const CALLBACK: &str = "/api/v2/users/oauth2/github/callback";

fn options(idp: &Idp) -> Options {
    Options::default()
        .set("CODER_OAUTH2_GITHUB_ENTERPRISE_BASE_URL", &idp.url)
        .set("CODER_OAUTH2_GITHUB_CLIENT_ID", CLIENT_ID)
        .set("CODER_OAUTH2_GITHUB_CLIENT_SECRET", CLIENT_SECRET)
        .set("CODER_OAUTH2_GITHUB_ALLOW_SIGNUPS", "true")
}

fn octo(idp: &Idp) {
    idp.script(|s| {
        s.github = [
            ("/user", json!({"id": 42, "login": "octo_cat", "name": "Octo Cat", "avatar_url": "https://a/b.png"})),
            (
                "/user/emails",
                json!([
                    {"email": "old@example.com", "primary": false, "verified": true},
                    {"email": "octo@example.com", "primary": true, "verified": true},
                ]),
            ),
            (
                "/user/memberships/orgs",
                json!([
                    {"state": "active", "organization": {"login": "Acme"}},
                    {"state": "pending", "organization": {"login": "secret"}},
                ]),
            ),
            ("/orgs/acme/teams/pilots/memberships/octo%5Fcat", json!({"state": "active"})),
            ("/orgs/acme/teams/sleepers/memberships/octo%5Fcat", json!({"state": "pending"})),
        ]
        .map(|(path, said)| (path.to_owned(), said))
        .into();
    });
}

#[track_caller]
fn status(idp: &Idp, server: &Server) -> u16 {
    let mut browser = Browser::new(server.url());
    let back = there_and_back(idp, &mut browser, CALLBACK);
    assert_eq!(browser.session().is_some(), back.status == 307, "{}", text(&back));
    back.status
}

#[test]
fn somebody_new_gets_an_account_and_comes_back_to_it() {
    let idp = Idp::start();
    octo(&idp);
    let server = options(&idp).set("CODER_OAUTH2_GITHUB_ALLOW_EVERYONE", "true").start();
    server.owner();
    let methods: AuthMethods = server.anonymous().get("/api/v2/users/authmethods").ok(200);
    assert!(methods.github.enabled && !methods.oidc.enabled);
    let mut browser = Browser::new(server.url());
    let back = there_and_back(&idp, &mut browser, &format!("{CALLBACK}?redirect=/workspaces"));
    assert_eq!((back.status, back.header("Location")), (307, Some("/workspaces")), "{}", text(&back));
    let user = me(&server, &browser);
    assert_eq!((user.username.as_str(), user.email.as_str()), ("octo-cat", "octo@example.com"));
    assert_eq!((user.name.as_str(), user.login_type), ("Octo Cat", LoginType::Github));
    idp.script(|s| {
        s.github.insert("/user/emails".into(), json!([{"email": "new@example.com", "primary": true, "verified": true}]))
    });
    let mut browser = Browser::new(server.url());
    there_and_back(&idp, &mut browser, CALLBACK);
    let again = me(&server, &browser);
    assert_eq!((again.id, again.email.as_str()), (user.id, "new@example.com"));
}

#[test]
fn organizations_and_teams_decide_who_gets_in() {
    let idp = Idp::start();
    octo(&idp);
    for (organizations, teams, want) in [
        ("acme", "", 307),
        ("other", "", 401),
        ("secret", "", 401),
        ("other,acme", "acme/pilots", 307),
        ("acme", "acme/sleepers", 401),
        ("acme", "acme/nobodys", 401),
        ("acme", "other/pilots", 401),
    ] {
        let server = options(&idp)
            .set("CODER_OAUTH2_GITHUB_ALLOWED_ORGS", organizations)
            .set("CODER_OAUTH2_GITHUB_ALLOWED_TEAMS", teams)
            .start();
        server.owner();
        assert_eq!(status(&idp, &server), want, "{organizations} {teams}");
    }
}

#[test]
fn only_the_verified_primary_address_counts_and_signups_are_asked_for() {
    let idp = Idp::start();
    octo(&idp);
    let server = options(&idp)
        .set("CODER_OAUTH2_GITHUB_ALLOW_EVERYONE", "true")
        .set("CODER_OAUTH2_GITHUB_ALLOW_SIGNUPS", "false")
        .start();
    server.owner();
    assert_eq!(status(&idp, &server), 403);
    for emails in [
        json!([{"email": "owner@example.com", "primary": true, "verified": false}]),
        json!([{"email": "owner@example.com", "primary": false, "verified": true}]),
        json!([]),
    ] {
        idp.script(|s| s.github.insert("/user/emails".into(), emails.clone()));
        assert_eq!(status(&idp, &server), 400, "{emails}");
    }
    idp.script(|s| s.github.insert("/user".into(), json!({"id": 0, "login": "x"})));
    assert_eq!(status(&idp, &server), 500);
}

#[test]
fn a_code_can_be_typed_on_another_device() {
    let idp = Idp::start();
    octo(&idp);
    let server = options(&idp)
        .set("CODER_OAUTH2_GITHUB_ALLOW_EVERYONE", "true")
        .set("CODER_OAUTH2_GITHUB_DEVICE_FLOW", "true")
        .start();
    server.owner();
    let mut browser = Browser::new(server.url());
    let there = browser.get(CALLBACK);
    let state = there.header("Location").unwrap().strip_prefix("/login/device?state=").unwrap().to_owned();
    let device: ExternalAuthDevice = server.anonymous().get("/api/v2/users/oauth2/github/device").ok(200);
    let back = format!("{CALLBACK}?code={}&state={state}", device.device_code);
    idp.script(|s| s.refuses = Some(json!({"error": "authorization_pending"})));
    let waiting = browser.get(&back);
    assert_eq!(waiting.status, 400);
    assert!(text(&waiting).contains(r#""detail":"authorization_pending""#), "{}", text(&waiting));
    let done = browser.get(&back);
    assert_eq!(done.status, 200, "{}", text(&done));
    let said: OAuth2DeviceFlowCallbackResponse = serde_json::from_slice(&done.body).unwrap();
    assert_eq!(said.redirect_url, "/");
    assert_eq!(me(&server, &browser).email, "octo@example.com");
}

#[test]
fn without_the_device_flow_there_is_no_device_code() {
    let idp = Idp::start();
    let server = options(&idp).set("CODER_OAUTH2_GITHUB_ALLOW_EVERYONE", "true").start();
    server.anonymous().get("/api/v2/users/oauth2/github/device").refused(400);
    Server::start().anonymous().get("/api/v2/users/oauth2/github/device").refused(400);
}
