//! Keys of provisioner daemons: who makes and sees them, and what they tell who holds one.

use rockpool::sdk::client::Request;
use rockpool::sdk::{CreateProvisionerKeyResponse, Organization, ProvisionerKey, ProvisionerKeyDaemons};
use serde_json::json;

use crate::support::client::Checked;
use crate::support::{Client, Options, Server};

fn path(server: &Server) -> String {
    format!("/api/v2/organizations/{}/provisionerkeys", server.organization())
}

fn names(client: &Client, path: &str) -> Vec<String> {
    let keys: Vec<ProvisionerKey> = client.get(path).ok(200);
    keys.into_iter().map(|key| key.name).collect()
}

/// What a daemon that holds a key is told of it.
fn held(server: &Server, secret: &str) -> Checked {
    let (target, headers) = ("/api/v2/provisionerkeys/mine", vec![("Coder-Provisioner-Daemon-Key", secret)]);
    server.anonymous().send(&Request { method: "GET", target, headers, body: b"" })
}

#[test]
fn a_key_is_told_once_kept_in_small_letters_and_gone_when_it_is_deleted() {
    let server = Server::start();
    let (owner, path) = (server.owner(), path(&server));
    assert_eq!(names(&owner, &path), Vec::<String>::new(), "what stands for other ways to come in is no key");
    let body = json!({"name": "North", "tags": {"site": "north"}});
    let made: CreateProvisionerKeyResponse = owner.post(&path, &body).ok(201);
    assert_eq!(made.key.len(), 43);
    let keys: Vec<ProvisionerKey> = owner.get(&path).ok(200);
    let [north] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!((north.name.as_str(), north.organization), ("north", server.organization()));
    assert_eq!(north.tags.get("site").map(String::as_str), Some("north"));
    assert!(!owner.get(&path).json().to_string().contains(&made.key), "the secret is told this once");

    owner.post(&path, json!({"name": "NORTH"})).refused(409);
    owner.delete(&format!("{path}/NORTH")).expect(204);
    owner.delete(&format!("{path}/north")).refused(404);
    assert_eq!(names(&owner, &path), Vec::<String>::new());
}

#[test]
fn names_that_stand_for_other_ways_to_come_in_cannot_be_made_or_deleted() {
    let server = Server::start();
    let (owner, path) = (server.owner(), path(&server));
    for name in ["", "built-in", "PSK", "User-Auth", &"x".repeat(65)] {
        assert_eq!(owner.post(&path, json!({"name": name})).invalid(), ["name"], "{name:?}");
    }
    for name in ["built-in", "psk", "user-auth"] {
        owner.delete(&format!("{path}/{name}")).refused(400);
    }
}

#[test]
fn who_may_not_look_after_daemons_makes_no_key_and_sees_none_of_another_organization() {
    let server = Server::start();
    let (owner, path) = (server.owner(), path(&server));
    let (_, member) = server.user("mona", &[]);
    let _: CreateProvisionerKeyResponse = owner.post(&path, json!({"name": "north"})).ok(201);
    assert_eq!(names(&member, &path), ["north"], "members know the daemons of their organization");
    member.post(&path, json!({"name": "mine"})).refused(403);
    member.delete(&format!("{path}/north")).refused(403);
    server.anonymous().get(&path).refused(401);

    let second: Organization = owner.post("/api/v2/organizations", json!({"name": "second"})).ok(201);
    let elsewhere = format!("/api/v2/organizations/{}/provisionerkeys", second.id);
    for path in [&elsewhere, &format!("{elsewhere}/daemons")] {
        member.get(path).refused(404);
    }
    owner.delete(&format!("{elsewhere}/north")).refused(404);
}

#[test]
fn daemons_are_listed_under_what_they_came_in_with() {
    let server = Server::start();
    let (owner, path) = (server.owner(), path(&server));
    let _: CreateProvisionerKeyResponse = owner.post(&path, json!({"name": "north"})).ok(201);
    let listed: Vec<ProvisionerKeyDaemons> = owner.get(&format!("{path}/daemons")).ok(200);
    let mut counts: Vec<_> = listed.iter().map(|entry| (entry.key.name.as_str(), entry.daemons.len())).collect();
    counts.sort_unstable();
    assert_eq!(counts, [("built-in", 1), ("north", 0), ("psk", 0), ("user-auth", 0)]);

    let second: Organization = owner.post("/api/v2/organizations", json!({"name": "second"})).ok(201);
    let path = format!("/api/v2/organizations/{}/provisionerkeys/daemons", second.id);
    let listed: Vec<ProvisionerKeyDaemons> = owner.get(&path).ok(200);
    let [entry] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((entry.key.name.as_str(), entry.key.organization), ("user-auth", second.id));
}

#[test]
fn whoever_holds_a_key_is_told_which_it_is_and_nobody_else() {
    let server = Server::start();
    let (owner, path) = (server.owner(), path(&server));
    let made: CreateProvisionerKeyResponse = owner.post(&path, json!({"name": "north"})).ok(201);
    let key: ProvisionerKey = held(&server, &made.key).ok(200);
    assert_eq!(key.name, "north");
    for (secret, expected) in [("", 401), ("short", 400), (&"x".repeat(43) as &str, 401)] {
        held(&server, secret).refused(expected);
    }
    owner.get(&format!("/api/v2/provisionerkeys/{}", made.key)).refused(401);
    owner.delete(&format!("{path}/north")).expect(204);
    held(&server, &made.key).refused(401);
}

#[test]
fn without_a_licence_there_are_no_keys() {
    let server = Options::default().set("ROCKPOOL_LICENSING", "enforced").start();
    let (owner, path) = (server.owner(), path(&server));
    owner.get(&path).refused(403);
    owner.post(&path, json!({"name": "north"})).refused(403);
    owner.get(&format!("{path}/daemons")).refused(403);
    owner.delete(&format!("{path}/north")).refused(403);
}
