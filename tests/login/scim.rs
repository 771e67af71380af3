//! A directory that makes and suspends users.

use rockpool::sdk::client::Request;
use rockpool::sdk::{LoginType, User, UserStatus};
use serde_json::{Value, json};

use crate::support::client::Checked;
use crate::support::{Options, Server};

const USERS: &str = "/scim/v2/Users";
const KEY: &str = "the-directory";

fn server() -> Server {
    let server = Options::default().set("CODER_SCIM_AUTH_HEADER", KEY).start();
    server.owner();
    server
}

#[track_caller]
fn scim(server: &Server, method: &str, target: &str, authorization: &str, body: &Value) -> Checked {
    let body = serde_json::to_vec(body).unwrap();
    let headers = vec![("Authorization", authorization), ("Content-Type", "application/scim+json")];
    server.anonymous().send(&Request { method, target, headers, body: &body })
}

fn user(name: &str, active: bool) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "active": active,
        "emails": [{"primary": true, "value": format!("{name}@example.com"), "type": "work"}],
    })
}

#[test]
fn users_are_made_suspended_and_let_in_again() {
    let server = server();
    let owner = server.owner();
    let status = || owner.get("/api/v2/users/sky").ok::<User>(200).status;
    let made = scim(&server, "POST", USERS, KEY, &user("sky", true)).expect(200).json();
    let path = format!("{USERS}/{}", made["id"].as_str().unwrap());
    let kept: User = owner.get("/api/v2/users/sky").ok(200);
    assert_eq!((kept.login_type, kept.status), (LoginType::Oidc, UserStatus::Dormant));
    assert_eq!(kept.organization_ids, [server.organization()]);
    let again = scim(&server, "POST", USERS, KEY, &user("sky", true)).expect(200).json();
    assert_eq!(again["id"], made["id"], "who is there is told and not made twice");

    scim(&server, "PATCH", &path, KEY, &json!({"active": false})).expect(200);
    assert_eq!(status(), UserStatus::Suspended);
    scim(&server, "PUT", &path, KEY, &user("sky", true)).expect(200);
    assert_eq!(status(), UserStatus::Dormant);
    scim(&server, "PUT", &path, KEY, &user("sky", false)).expect(200);
    scim(&server, "POST", USERS, KEY, &user("sky", true)).expect(200);
    assert_eq!(status(), UserStatus::Dormant);
    let renamed = scim(&server, "PUT", &path, KEY, &user("cloud", true)).expect(400).json();
    assert_eq!(renamed["scimType"], "mutability");

    let odd =
        json!({"userName": "_odd name_", "active": true, "emails": [{"primary": true, "value": "o@example.com"}]});
    let odd = scim(&server, "POST", USERS, KEY, &odd).expect(200).json();
    assert_eq!(odd["userName"], "oddname");
}

#[test]
fn a_directory_cannot_suspend_the_last_owner() {
    let server = server();
    let path = format!("{USERS}/{}", server.owner_id());
    scim(&server, "PATCH", &path, KEY, &json!({"active": false})).expect(409);
    server.owner().get("/api/v2/users/me").expect(200);
}

#[test]
fn only_the_key_opens_it() {
    let server = server();
    let token = server.owner().token().to_owned();
    for authorization in ["", "wrong", "Bearer wrong", "Basic the-directory", "the-director", "the-directoryy", &token]
    {
        for (method, target) in
            [("GET", USERS), ("POST", USERS), ("PATCH", "/scim/v2/Users/x"), ("PUT", "/scim/v2/Users/x")]
        {
            let refusal = scim(&server, method, target, authorization, &user("sky", true)).expect(401);
            assert_eq!(refusal.header("Content-Type"), Some("application/scim+json"), "{authorization:?}");
            assert_eq!(refusal.json()["scimType"], "invalidAuthorization");
        }
    }
    for authorization in [KEY, "Bearer the-directory", "bearer the-directory"] {
        assert_eq!(scim(&server, "GET", USERS, authorization, &json!(null)).expect(200).json()["totalResults"], 0);
    }
    scim(&server, "GET", "/scim/v2/ServiceProviderConfig", "", &json!(null)).expect(200);
}

#[test]
fn bodies_that_say_too_little_change_nothing() {
    let server = server();
    for (body, kind) in [
        (json!({}), "invalidRequest"),
        (json!({"active": true}), "invalidEmail"),
        (json!({"active": true, "emails": [{"primary": false, "value": "a@example.com"}]}), "invalidEmail"),
        (json!({"active": true, "emails": [{"primary": true, "value": "no address"}]}), "invalidEmail"),
        (json!([]), "invalidRequest"),
    ] {
        let refusal = scim(&server, "POST", USERS, KEY, &body).expect(400).json();
        assert_eq!(refusal["scimType"], kind, "{body}");
    }
    assert_eq!(
        scim(&server, "PATCH", "/scim/v2/Users/x", KEY, &json!({"active": true})).expect(400).json()["scimType"],
        "invalidId"
    );
    scim(&server, "GET", "/scim/v2/Groups", KEY, &json!(null)).refused(404);
}

#[test]
fn without_a_key_or_a_licence_there_is_none() {
    for server in [Server::start(), Options::default().set("ROCKPOOL_LICENSING", "enforced").start()] {
        scim(&server, "GET", USERS, KEY, &json!(null)).refused(404);
        scim(&server, "GET", "/scim/v2/Groups", "", &json!(null)).refused(404);
    }
    let unlicensed =
        Options::default().set("ROCKPOOL_LICENSING", "enforced").set("CODER_SCIM_AUTH_HEADER", KEY).start();
    scim(&unlicensed, "GET", USERS, KEY, &json!(null)).refused(403);
}
