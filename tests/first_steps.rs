//! From nothing to the first key: the first user, signing in, and the ways to present a key.

use rockpool::sdk::client::Request;
use rockpool::sdk::{BuildInfoResponse, LoginType, LoginWithPasswordResponse, Response, User, UserStatus};
use serde_json::json;

use crate::support::{Options, PASSWORD, Server};

#[test]
fn a_fresh_server_says_what_it_is_and_waits_for_its_first_user() {
    let server = Server::start();
    let nobody = server.anonymous();

    assert_eq!(nobody.get("/healthz").expect(200).answer.body, b"OK");
    let info: BuildInfoResponse = nobody.get("/api/v2/buildinfo").ok(200);
    assert_eq!(info.version, "v2.30.0");
    assert_eq!(info.dashboard_url, server.url());
    nobody.get("/api/v2/users/first").refused(404);
    nobody.get("/api/v2/users/me").refused(401);
    nobody.post("/api/v2/users/login", json!({"email": "a@example.com", "password": PASSWORD})).refused(401);

    for (body, wrong) in [
        (json!({}), &["email", "username", "password"][..]),
        (json!({"email": "no-mail", "username": "a", "password": PASSWORD}), &["email"]),
        (json!({"email": "a@example.com", "username": "a b", "password": PASSWORD}), &["username"]),
        (json!({"email": "a@example.com", "username": "a", "name": " a", "password": PASSWORD}), &["name"]),
        (json!({"email": "a@example.com", "username": "a", "password": "short"}), &["password"]),
        (json!({"email": 7}), &[]),
    ] {
        assert_eq!(nobody.post("/api/v2/users/first", &body).invalid(), wrong, "{body}");
    }

    let owner: User = server.owner().get("/api/v2/users/me").ok(200);
    assert_eq!((owner.id, owner.username.as_str()), (server.owner_id(), "owner"));
    assert_eq!((owner.status, owner.login_type), (UserStatus::Active, LoginType::Password));
    assert_eq!(owner.organization_ids, [server.organization()]);
    assert_eq!(owner.roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["owner"]);

    let _: Response = nobody.get("/api/v2/users/first").ok(200);
    let second = json!({"email": "b@example.com", "username": "b", "password": PASSWORD});
    nobody.post("/api/v2/users/first", second).refused(409);
}

#[test]
fn a_wrong_login_does_not_tell_which_part_is_wrong() {
    let server = Server::start();
    server.owner();
    let nobody = server.anonymous();
    let log_in = |email: &str, password: &str| {
        nobody.post("/api/v2/users/login", json!({"email": email, "password": password})).refused(401)
    };
    let unknown = log_in("nobody@example.com", PASSWORD);
    assert_eq!(log_in("owner@example.com", "wrong"), unknown);
    // The address is found in any case; the password is not.
    let session: LoginWithPasswordResponse =
        nobody.post("/api/v2/users/login", json!({"email": "OWNER@example.com", "password": PASSWORD})).ok(201);
    let _: User = nobody.with_token(&session.session_token).get("/api/v2/users/me").ok(200);
    assert_eq!(log_in("owner@example.com", &PASSWORD.to_uppercase()), unknown);
}

#[test]
fn a_key_is_heard_from_header_bearer_cookie_and_query() {
    let server = Server::start();
    let key = server.owner().token().to_owned();
    let nobody = server.anonymous();
    let ask = |target: &str, headers: &[(&str, &str)]| {
        nobody.send(&Request { method: "GET", target, headers: headers.to_vec(), body: b"" }).answer.status
    };
    const ME: &str = "/api/v2/users/me";
    let bearer = format!("Bearer {key}");
    let cookie = format!("other=1; coder_session_token={key}; more=2");
    let wrong = format!("{}{}", &key[..key.len() - 1], if key.ends_with('A') { 'B' } else { 'A' });
    for (what, target, headers, want) in [
        ("header", ME.to_owned(), vec![("Coder-Session-Token", key.as_str())], 200),
        ("bearer", ME.to_owned(), vec![("Authorization", bearer.as_str())], 200),
        ("cookie", ME.to_owned(), vec![("Cookie", cookie.as_str())], 200),
        ("query", format!("{ME}?coder_session_token={key}"), vec![], 200),
        ("nothing", ME.to_owned(), vec![], 401),
        ("another scheme", ME.to_owned(), vec![("Authorization", key.as_str())], 401),
        ("a wrong secret", ME.to_owned(), vec![("Coder-Session-Token", wrong.as_str())], 401),
        ("half a key", ME.to_owned(), vec![("Coder-Session-Token", &key[..10])], 401),
        ("something else", ME.to_owned(), vec![("Coder-Session-Token", "no-dash-no-token")], 401),
    ] {
        assert_eq!(ask(&target, &headers), want, "{what}");
    }
}

#[test]
fn what_was_made_is_still_there_after_a_restart() {
    let mut server = Options::default().process().start();
    let key = server.owner().token().to_owned();
    server.stop();
    server.start_again();
    let owner = server.anonymous().with_token(&key);
    let user: User = owner.get("/api/v2/users/me").ok(200);
    assert_eq!(user.username, "owner");
    server.kill();
    server.start_again();
    server.anonymous().with_token(&key).get("/api/v2/users/me").expect(200);
}

#[test]
fn the_default_organization_takes_its_configured_name_while_nobody_is_there() {
    let mut server = Options::default().set("ROCKPOOL_ORGANIZATION_NAME", "home").start();
    let found: rockpool::sdk::Organization = server.owner().get("/api/v2/organizations/home").ok(200);
    assert_eq!((found.id, found.is_default), (server.organization(), true));
    let owner = server.owner();
    server.stop();
    // Later the name belongs to those who run the place.
    server.set("ROCKPOOL_ORGANIZATION_NAME", "elsewhere");
    server.start_again();
    let owner = server.anonymous().with_token(owner.token());
    let _: rockpool::sdk::Organization = owner.get("/api/v2/organizations/home").ok(200);
    owner.get("/api/v2/organizations/elsewhere").refused(404);
}
