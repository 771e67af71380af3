//! Requests that are written oddly, or are about what is not there: each rule once, through the public face.

use rockpool::sdk::client::Request;
use rockpool::sdk::{GetUsersResponse, Group, Organization, User, UserRoles};
use serde_json::{Value, json};

use crate::support::client::Checked;
use crate::support::{Client, PASSWORD, Server};

const NOBODY: &str = "3f0c6f0e-1f0c-4a60-9f3e-5a5a5a5a5a5a";

fn call(client: &Client, method: &str, target: &str) -> Checked {
    client.send(&Request { method, target, ..Request::default() })
}

#[test]
fn a_parameter_that_is_not_encoded_soundly_is_as_one_that_was_not_sent() {
    let server = Server::start();
    let owner = server.owner();
    server.user("ann", &[]);
    for (query, count) in [("q=nobody", 0), ("q=%zz", 2), ("q=ann;x", 2), ("q=%zz&q=ann", 1), ("q=ann&limit=%", 1)] {
        let found: GetUsersResponse = owner.get(&format!("/api/v2/users?{query}")).ok(200);
        assert_eq!(found.count, count, "{query}");
    }
}

#[test]
fn null_in_a_list_or_a_map_is_the_least_value_of_its_type() {
    let server = Server::start();
    let owner = server.owner();
    let (ann, _) = server.user("ann", &[]);
    let group: Group =
        owner.post(&format!("/api/v2/organizations/{}/groups", server.organization()), json!({"name": "crew"})).ok(201);
    let refused = owner.put("/api/v2/users/ann/roles", json!({"roles": [null]})).refused(400);
    assert!(refused.message.contains("\"\""), "{refused:?}");
    let sync = format!("/api/v2/organizations/{}/settings/idpsync/groups", server.organization());
    let kept = owner.patch(&sync, json!({"field": "groups", "mapping": {"dev": [null, group.id]}})).json();
    assert_eq!(kept["mapping"]["dev"], json!(["00000000-0000-0000-0000-000000000000", group.id]));
    owner.put(&format!("/api/v2/users/{}/roles", ann.id), json!({"roles": [7]})).refused(400);
}

#[test]
fn a_mapping_that_was_empty_is_null_after_its_next_change() {
    let server = Server::start();
    let owner = server.owner();
    let sync = format!("/api/v2/organizations/{}/settings/idpsync/roles", server.organization());
    owner.patch(&sync, json!({"field": "roles", "mapping": {}})).expect(200);
    let boss = json!([{"Given": "boss", "Gets": "organization-admin"}]);
    for (change, want) in [
        (json!({"Add": boss}), json!({"boss": ["organization-admin"]})),
        (json!({"Remove": boss}), json!({"boss": []})),
        (json!({"Remove": [{"Given": "none", "Gets": "x"}]}), json!({"boss": null, "none": null})),
        (json!({"Add": boss}), json!({"boss": ["organization-admin"], "none": null})),
    ] {
        let answer = owner.patch(&format!("{sync}/mapping"), change.clone()).json();
        assert_eq!(answer["mapping"], want, "{change}");
        assert_eq!(owner.get(&sync).json()["mapping"], want, "{change}");
    }
}

#[test]
fn a_new_user_joins_the_one_organization_that_older_clients_name_beside_the_list() {
    let server = Server::start();
    let owner = server.owner();
    let second: Organization = owner.post("/api/v2/organizations", json!({"name": "second"})).ok(201);
    let made = |name: &str, places: Value| -> User {
        let mut body = json!({"email": format!("{name}@example.com"), "username": name, "password": PASSWORD});
        body.as_object_mut().unwrap().extend(places.as_object().unwrap().clone());
        owner.post("/api/v2/users", body).ok(201)
    };
    assert_eq!(made("one", json!({"organization_id": second.id})).organization_ids, [second.id]);
    let both = json!({"organization_ids": [server.organization(), second.id], "organization_id": second.id});
    assert_eq!(made("two", both).organization_ids.len(), 2);
    let empty_status = json!({"organization_id": second.id, "user_status": ""});
    assert_eq!(made("three", empty_status).status.as_str(), "dormant");
}

#[test]
fn an_address_has_a_domain_of_two_parts_and_may_be_quoted() {
    let server = Server::start();
    let owner = server.owner();
    for (index, (address, status)) in [
        ("\"a b\"@example.com", 201),
        ("\"a\\\"b\"@example.com", 201),
        ("a@localhost", 400),
        ("A@b", 400),
        ("\"a\nb\"@example.com", 400),
        ("a@example.c0", 400),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({
            "email": address, "username": format!("user{index}"), "password": PASSWORD,
            "organization_ids": [server.organization()],
        });
        assert_eq!(owner.post("/api/v2/users", body).answer.status, status, "{address:?}");
    }
}

#[test]
fn who_is_gone_has_no_roles_in_organizations_and_system_accounts_are_no_members() {
    let server = Server::start();
    let owner = server.owner();
    let (ann, _) = server.user("ann", &[]);
    let roles = |who: &str| -> UserRoles { owner.get(&format!("/api/v2/users/{who}/roles")).ok(200) };
    assert_eq!(roles("ann").organization_roles.len(), 1);
    owner.delete("/api/v2/users/ann").expect(200);
    assert_eq!(roles(&ann.id.to_string()).organization_roles.len(), 0);
    assert_eq!(roles("prebuilds").organization_roles.len(), 0);
    let members = format!("/api/v2/organizations/{}/members", server.organization());
    owner.delete(&format!("{members}/prebuilds")).refused(404);
}

#[test]
fn a_role_is_changed_under_its_exact_name_only() {
    let server = Server::start();
    let owner = server.owner();
    let roles = format!("/api/v2/organizations/{}/members/roles", server.organization());
    let named = |name: &str| json!({"name": name, "organization_permissions": []});
    assert_eq!(owner.post(&roles, named("Keeper")).json()["name"], "keeper");
    owner.put(&roles, named("Keeper")).refused(404);
    owner.put(&roles, named("keeper")).expect(200);
}

#[test]
fn below_what_cannot_be_seen_a_wrong_path_is_as_a_right_one() {
    let server = Server::start();
    let owner = server.owner();
    for (method, path, status) in [
        ("GET", "/api/v2/workspaces/x/nothing", 400),
        ("GET", &format!("/api/v2/workspaces/{NOBODY}/nothing"), 404),
        ("GET", "/api/v2/templates/x", 400),
        ("PUT", "/api/v2/templateversions/x", 400),
        ("DELETE", "/api/v2/workspacebuilds/x/nothing", 400),
        ("GET", "/api/v2/groups/x/nothing", 400),
        ("DELETE", "/api/v2/organizations/nowhere/groups", 404),
        ("DELETE", "/api/v2/organizations/default/groups", 405),
        ("GET", "/api/v2/organizations/default/nothing", 404),
        ("GET", "/api/v2/users/nobody/keys/x/nothing", 400),
        ("GET", "/api/v2/users/me/keys/x/nothing", 404),
        // About one user is only what is gathered below a word.
        ("GET", "/api/v2/users/nobody/nothing", 404),
    ] {
        assert_eq!(call(&owner, method, path).answer.status, status, "{method} {path}");
        assert_eq!(call(&server.anonymous(), method, path).answer.status, 401, "{method} {path} of a stranger");
    }
}

#[test]
fn what_is_not_the_api_answers_any_method_with_the_page() {
    let server = Server::start();
    let client = rockpool::sdk::Client::new(server.url()).unwrap();
    for (method, target) in [("GET", "/nothing"), ("POST", "/nothing"), ("PUT", "/.well-known/nothing")] {
        let answer = client.send(&Request { method, target, ..Request::default() }).unwrap();
        assert_eq!(answer.status, 200, "{method} {target}");
        assert!(answer.body.starts_with(b"<!"), "{method} {target}");
    }
}
