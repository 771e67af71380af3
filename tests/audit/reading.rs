//! Searching the log, its pages, and who may read it.

use rockpool::sdk::{AuditLogResponse, Organization};
use serde_json::{Value, json};
use uuid::Uuid;

use super::found;
use crate::support::{Client, Options, Server};

const NOBODY: &str = "3f0c6f0e-1f0c-4a60-9f3e-5a5a5a5a5a5a";

fn group(client: &Client, organization: Uuid, name: &str) -> Uuid {
    let path = format!("/api/v2/organizations/{organization}/groups");
    let made: rockpool::sdk::Group = client.post(&path, json!({ "name": name })).ok(201);
    made.id
}

fn count(client: &Client, query: &str) -> usize {
    found(client, query).len()
}

#[test]
fn a_search_narrows_by_every_term_it_knows() {
    let server = Server::start();
    let owner = server.owner();
    let (_, boss) = server.user("boss", &["owner"]);
    let crew = group(&boss, server.organization(), "crew");
    let organization = server.organization();
    for (query, want) in [
        (format!("resource_id:{crew}"), 1),
        (format!("resource_id:{NOBODY}"), 0),
        ("resource_target:crew".into(), 1),
        ("resource_target:CREW".into(), 1),
        ("resource_target:cre".into(), 0),
        ("username:BOSS".into(), 3),
        ("username:nobody".into(), 0),
        ("email:boss@example.com".into(), 3),
        ("action:create username:boss".into(), 1),
        ("action:login username:boss".into(), 1),
        ("action:delete".into(), 0),
        ("resource_type:group".into(), 1),
        ("group".into(), 1),
        ("date_from:2020-01-01 username:boss".into(), 3),
        ("date_to:2020-01-01".into(), 0),
        ("date_from:2020-01-01 date_to:2199-01-01 resource_type:group".into(), 1),
        ("organization:coder".into(), 1),
        (format!("organization:{organization}"), 1),
        (format!("organization:{NOBODY}"), 0),
        (format!("request_id:{NOBODY}"), 0),
        ("build_reason:autostart".into(), 0),
    ] {
        assert_eq!(count(&owner, &query), want, "{query}");
    }
    // Signing in, waking up by that, and making a group.
    assert_eq!(count(&boss, "username:me"), 3);
    for (query, field) in [
        ("resource_id:x", "resource_id"),
        ("request_id:x", "request_id"),
        ("action:fly", "action"),
        ("action:create action:write", "action"),
        ("resource_type:castle", "resource_type"),
        ("castle", "resource_type"),
        ("date_from:yesterday", "date_from"),
        ("date_to:2020-13-01", "date_to"),
        ("date_to:2020-1-1", "date_to"),
        ("organization:default", "organization"),
        ("organization:nowhere", "organization"),
        ("build_reason:nothing", "build_reason"),
        ("colour:red", "colour"),
        ("a:b:c", "q"),
    ] {
        let target = format!("/api/v2/audit?q={}", query.replace(' ', "%20"));
        assert_eq!(owner.get(&target).invalid(), [field], "{query}");
    }
}

#[test]
fn pages_are_newest_first_and_the_count_is_of_all() {
    let server = Server::start();
    let owner = server.owner();
    for i in 0..5 {
        group(&owner, server.organization(), &format!("g{i}"));
    }
    for (page, want) in [
        ("limit=2", &["g4", "g3"][..]),
        ("limit=2&offset=2", &["g2", "g1"]),
        ("limit=2&offset=4", &["g0"]),
        ("limit=2&offset=9", &[]),
        ("limit=0", &["g4", "g3", "g2", "g1", "g0"]),
        ("", &["g4", "g3", "g2", "g1", "g0"]),
    ] {
        let target = format!("/api/v2/audit?{page}&q=resource_type:group");
        let found: AuditLogResponse = owner.get(&target).ok(200);
        let names: Vec<_> = found.audit_logs.iter().map(|entry| entry.resource_target.as_str()).collect();
        assert_eq!((names.as_slice(), found.count), (want, 5), "{page}");
    }
    for (page, field) in [("limit=-1", "limit"), ("limit=x", "limit"), ("offset=-1", "offset")] {
        assert_eq!(owner.get(&format!("/api/v2/audit?{page}")).invalid(), [field]);
    }
}

#[test]
fn only_those_who_may_read_the_log_do_and_of_organizations_only_their_own() {
    let server = Server::start();
    let owner = server.owner();
    let second: Organization = owner.post("/api/v2/organizations", json!({ "name": "second" })).ok(201);
    group(&owner, second.id, "theirs");
    group(&owner, server.organization(), "ours");
    let in_organization = |name: &str, role: &str| {
        let (_, client) = server.user(name, &[]);
        let path = format!("/api/v2/organizations/{}/members/{name}/roles", server.organization());
        owner.put(&path, json!({ "roles": [role] })).expect(200);
        client
    };
    for (name, role) in [("mona", None), ("uma", Some("user-admin")), ("tea", Some("template-admin"))] {
        let (_, client) = server.user(name, role.as_slice());
        for query in ["", "organization:second", "colour:red"] {
            client.get(&format!("/api/v2/audit?q={query}")).refused(403);
        }
        client.post("/api/v2/audit/testgenerate", json!({})).refused(403);
    }
    server.anonymous().get("/api/v2/audit").refused(401);
    let (_, auditor) = server.user("aude", &["auditor"]);
    for client in [&owner, &auditor] {
        assert_eq!(count(client, "resource_type:group"), 2);
        assert_eq!(count(client, "organization:second resource_type:group"), 1);
        assert!(count(client, "action:login") > 0);
    }
    for client in [in_organization("ora", "organization-admin"), in_organization("oda", "organization-auditor")] {
        let all = found(&client, "");
        assert!(!all.is_empty() && all.iter().all(|entry| entry.organization_id == server.organization()));
        let groups: Vec<_> = found(&client, "resource_type:group").into_iter().map(|e| e.resource_target).collect();
        assert_eq!(groups, ["ours"]);
        assert_eq!(count(&client, "action:login"), 0, "what is of no organization is not theirs to know");
        assert_eq!(client.get("/api/v2/audit?q=organization:second").invalid(), ["organization"]);
        assert_eq!(count(&client, &format!("organization:{}", second.id)), 0);
    }
    // To read is not to write.
    auditor.post("/api/v2/audit/testgenerate", json!({})).refused(403);
}

#[test]
fn an_entry_leads_to_what_it_tells_of_while_that_is_there() {
    let server = Server::start();
    let owner = server.owner();
    server.user("ada", &[]);
    let links = || -> Vec<(String, bool)> {
        let entries = found(&owner, "resource_type:user action:create");
        entries.into_iter().map(|entry| (entry.resource_link, entry.is_deleted)).collect()
    };
    assert_eq!(links(), [("/users?filter=ada".to_owned(), false)]);
    owner.delete("/api/v2/users/ada").expect(200);
    assert_eq!(links(), [(String::new(), true)]);
    let gone = found(&owner, "resource_type:user action:delete");
    let change = &gone[0].diff["deleted"];
    assert_eq!((gone[0].diff.len(), &change.old, &change.new), (1, &Some(json!(false)), &Some(json!(true))));
}

#[test]
fn entries_can_be_made_for_trying_things_out() {
    let server = Server::start();
    let owner = server.owner();
    let make = |body: Value| owner.post("/api/v2/audit/testgenerate", body);
    make(json!({ "action": "create", "resource_type": "template", "resource_id": NOBODY, "request_id": NOBODY,
        "time": "2022-08-15T14:30:45.1Z", "organization_id": server.organization(), "additional_fields": ["x"] }))
    .expect(204);
    make(json!({ "action": "delete", "time": "2022-08-16T23:59:59Z" })).expect(204);
    for (field, body) in
        [("action", json!({ "action": "fly" })), ("resource_type", json!({ "resource_type": "castle" }))]
    {
        assert_eq!(make(body).invalid(), [field]);
    }
    for (query, want) in [
        ("date_to:2022-08-15", 1),
        ("date_from:2022-08-15 date_to:2022-08-16", 2),
        ("date_from:2022-08-16 date_to:2022-08-16", 1),
        (&format!("request_id:{NOBODY}"), 1),
    ] {
        assert_eq!(count(&owner, query), want, "{query}");
    }
    let made = &found(&owner, &format!("request_id:{NOBODY}"))[0];
    assert_eq!(made.additional_fields["workspace_name"], "unknown", "what is no object is not shown");
    assert_eq!((made.diff["foo"].old.clone(), made.diff["foo"].new.clone()), (Some(json!("bar")), Some(json!("baz"))));
}

#[test]
fn without_a_licence_the_log_is_kept_all_the_same() {
    let server = Options::default().set("ROCKPOOL_LICENSING", "enforced").start();
    let owner = server.owner();
    server.user("mona", &[]);
    assert_eq!(count(&owner, "resource_type:user action:create"), 1);
    let refused = owner.get("/api/v2/connectionlog").refused(403);
    assert_eq!(refused.message, "Connection Log is a Premium feature. Contact sales!");
    server.anonymous().get("/api/v2/connectionlog").refused(401);
}

#[test]
fn settings_that_were_never_set_have_no_mapping_before_and_one_that_is_given_may_be_empty() {
    let server = Server::start();
    let owner = server.owner();
    let path = format!("/api/v2/organizations/{}/settings/idpsync/roles", server.organization());
    for (field, old) in [("roles", None), ("groups", None)] {
        owner.patch(&path, json!({"field": field, "mapping": {}})).expect(200);
        let entry = &found(&owner, "resource_type:idp_sync_settings_role")[0];
        assert_eq!(entry.diff["field"].new, Some(json!(field)));
        let mapping = entry.diff.get("mapping").map(|change| (change.old.clone(), change.new.clone()));
        assert_eq!(mapping, (field == "roles").then_some((old, Some(json!({})))), "{field}");
    }
}
