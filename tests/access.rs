//! Who may do what, asked from outside: rules that were added over time, sharing and its switch, what goes with a user,
//! and names and paths that are made to be mistaken for others.

use std::time::Duration;

use rockpool::sdk::{
    AuditLog, AuditLogResponse, Group, OrganizationMemberWithUserData, User, UserStatus, Workspace, WorkspaceACL,
};
use rockpool::server::Hands;
use rockpool::time::{Clock, Time};
use rockpool::users::dormancy;
use serde_json::{Value, json};

use crate::support::postgres;
use crate::support::templates::SMALLEST;
use crate::support::{Client, Options, PASSWORD, Server};

/// A template with a parameter that may change.
const ASKING: &[(&str, &str)] = &[(
    "main.tf",
    r#"
terraform {
  required_providers {
    coder = { source = "coder/coder" }
  }
}
data "coder_parameter" "region" {
  name    = "region"
  type    = "string"
  default = "eu"
  mutable = true
}
"#,
)];

fn sharing() -> Options {
    Options::default().set("CODER_EXPERIMENTS", "workspace-sharing")
}

fn of(workspace: &Workspace, rest: &str) -> String {
    format!("/api/v2/workspaces/{}{rest}", workspace.id)
}

fn share(client: &Client, workspace: &Workspace, with: &User) {
    client.patch(&of(workspace, "/acl"), json!({"user_roles": {with.id.to_string(): "use"}})).expect(204);
}

#[test]
fn parameters_of_a_build_take_the_right_to_its_transition_and_not_to_change_the_workspace() {
    let server = sharing().start();
    let template = server.template("asking", ASKING);
    let (_, mel) = server.user("mel", &[]);
    let (nick, as_nick) = server.user("nick", &[]);
    let made = mel.workspace(template.id, "box");
    share(&mel, &made, &nick);
    mel.wait_for_build(mel.build(made.id, "stop").id);
    // "use" holds start and stop, neither update nor delete.
    as_nick.put(&of(&made, "/ttl"), json!({"ttl_ms": null})).refused(403);
    let builds = of(&made, "/builds");
    let with = |transition: &str| json!({"transition": transition, "rich_parameter_values": [{"name": "region", "value": "us"}]});
    let started = as_nick.post(&builds, with("start")).ok::<rockpool::sdk::WorkspaceBuild>(201);
    as_nick.wait_for_build(started.id);
    let kept: Vec<Value> = as_nick.get(&format!("/api/v2/workspacebuilds/{}/parameters", started.id)).ok(200);
    assert_eq!(kept, [json!({"name": "region", "value": "us"})]);
    let stopped = as_nick.post(&builds, with("stop")).ok::<rockpool::sdk::WorkspaceBuild>(201);
    as_nick.wait_for_build(stopped.id);
    as_nick.post(&builds, with("delete")).refused(403);
}

#[test]
fn deleting_a_template_without_the_right_is_forbidden_and_no_failure() {
    let server = Server::start();
    let template = server.template("small", SMALLEST);
    let path = format!("/api/v2/templates/{}", template.id);
    for roles in [&[][..], &["auditor"], &["user-admin"]] {
        let (_, client) = server.user(&format!("by-{}", roles.first().unwrap_or(&"nobody")), roles);
        // Everyone in the organization may read it, so that it exists is no secret.
        assert_eq!(client.delete(&path).refused(403).message, "Forbidden.");
    }
    let (otto, outside) = server.user("otto", &[]);
    server.owner().delete(&format!("/api/v2/organizations/default/members/{}", otto.id)).expect(204);
    outside.delete(&path).refused(404);
    server.owner().delete(&path).expect(200);
}

#[test]
fn an_owner_of_the_deployment_shares_any_workspace_also_one_of_a_system_account() {
    if postgres::skips("the test gives the workspace to a system account in the file itself") {
        return;
    }
    let mut server = sharing().process().start();
    let owner = server.owner();
    let (mel, as_mel) = server.user("mel", &[]);
    let (nick, as_nick) = server.user("nick", &[]);
    let template = server.template("small", SMALLEST);
    let made = as_mel.workspace(template.id, "box");
    share(&owner, &made, &nick);
    as_nick.get(&of(&made, "")).expect(200);

    server.stop();
    let database = server.folder().join("data/rockpool.db");
    let conn = rusqlite::Connection::open(database).expect("to open");
    let system = rockpool::rbac::system::PREBUILDS_USER_ID;
    let moved = conn.execute(
        "UPDATE workspaces SET owner_id = ?1, user_acl = '{}' WHERE id = ?2",
        [system.to_string(), made.id.to_string()],
    );
    assert_eq!(moved.expect("to write"), 1);
    drop(conn);
    server.start_again();
    let again = |client: &Client| server.anonymous().with_token(client.token());
    let (owner, as_mel, as_nick) = (again(&owner), again(&as_mel), again(&as_nick));
    as_mel.get(&of(&made, "")).refused(404);
    as_nick.get(&of(&made, "")).refused(404);
    share(&owner, &made, &mel);
    as_mel.get(&of(&made, "")).expect(200);
    as_nick.patch(&of(&made, "/acl"), json!({"user_roles": {}})).refused(404);
}

#[test]
fn switching_sharing_off_takes_back_what_was_shared_and_is_logged() {
    let server = sharing().start();
    let owner = server.owner();
    let template = server.template("small", SMALLEST);
    let (_, mel) = server.user("mel", &[]);
    let (nick, as_nick) = server.user("nick", &[]);
    let (ria, as_ria) = server.user("ria", &[]);
    let crew: Group = owner.post("/api/v2/organizations/default/groups", json!({"name": "crew"})).ok(201);
    owner.patch(&format!("/api/v2/groups/{}", crew.id), json!({"add_users": [ria.id]})).expect(200);
    let made = mel.workspace(template.id, "box");
    let acl = of(&made, "/acl");
    share(&mel, &made, &nick);
    mel.patch(&acl, json!({"group_roles": {crew.id.to_string(): "use"}})).expect(204);
    as_ria.get(&of(&made, "")).expect(200);

    let setting = "/api/v2/organizations/default/settings/workspace-sharing";
    owner.patch(setting, json!({"sharing_disabled": true})).expect(200);
    for client in [&as_nick, &as_ria] {
        client.get(&of(&made, "")).refused(404);
    }
    for client in [&mel, &owner] {
        let why = client.patch(&acl, json!({"user_roles": {nick.id.to_string(): "use"}})).refused(403);
        assert_eq!(why.message, "The organization has turned sharing of workspaces off.");
        client.delete(&acl).refused(403);
    }
    owner.patch(setting, json!({"sharing_disabled": false})).expect(200);
    as_nick.get(&of(&made, "")).refused(404);
    let kept: WorkspaceACL = mel.get(&acl).ok(200);
    assert!(kept.users.is_empty() && kept.group.is_empty(), "what was taken back stays away");
    share(&mel, &made, &nick);
    as_nick.get(&of(&made, "")).expect(200);

    let logged: AuditLogResponse = owner.get("/api/v2/audit?limit=10&q=resource_type:organization").ok(200);
    let changes: Vec<Value> = logged.audit_logs.iter().map(changed).collect();
    let change = |old: bool, new: bool| json!({"old": old, "new": new, "secret": false});
    assert_eq!(changes, [change(true, false), change(false, true)]);
}

/// What an entry tells of the switch.
fn changed(entry: &AuditLog) -> Value {
    serde_json::to_value(&entry.diff).expect("a difference")["workspace_sharing_disabled"].clone()
}

#[test]
fn with_a_user_go_keys_memberships_and_groups_and_never_workspaces() {
    let server = Server::start();
    let owner = server.owner();
    let template = server.template("small", SMALLEST);
    let (dell, as_dell) = server.user("dell", &[]);
    let crew: Group = owner.post("/api/v2/organizations/default/groups", json!({"name": "crew"})).ok(201);
    let crew = format!("/api/v2/groups/{}", crew.id);
    owner.patch(&crew, json!({"add_users": [dell.id]})).expect(200);
    let made: Value = as_dell.post("/api/v2/users/me/keys/tokens", json!({"token_name": "mine"})).ok(201);
    let token = as_dell.with_token(made["key"].as_str().expect("a key"));
    token.get("/api/v2/users/me").expect(200);

    let kept = as_dell.workspace(template.id, "box");
    owner.delete("/api/v2/users/dell").refused(417);
    token.get("/api/v2/users/me").expect(200);
    as_dell.wait_for_build(as_dell.build(kept.id, "delete").id);
    owner.delete("/api/v2/users/dell").expect(200);

    for client in [&as_dell, &token] {
        client.get("/api/v2/users/me").refused(401);
    }
    let members: Vec<OrganizationMemberWithUserData> = owner.get("/api/v2/organizations/default/members").ok(200);
    assert!(members.iter().all(|member| member.user_id != dell.id));
    let crew: Group = owner.get(&crew).ok(200);
    assert_eq!((crew.members.len(), crew.total_member_count), (0, 0));
    let keys: Option<Vec<Value>> = owner.get(&format!("/api/v2/users/{}/keys/tokens", dell.id)).ok(200);
    assert_eq!(keys.unwrap_or_default(), Vec::<Value>::new());
    let (again, as_again) = server.user("dell", &[]);
    assert_ne!(again.id, dell.id);
    let keys: Option<Vec<Value>> = as_again.get("/api/v2/users/me/keys/tokens").ok(200);
    assert!(keys.is_none_or(|keys| keys.is_empty()), "a new user of an old name inherits nothing");
}

#[test]
fn accounts_that_nobody_uses_sleep_until_somebody_comes_back() {
    let clock = Clock::held(Time::parse("2026-05-01T12:00:00Z").expect("a time"));
    let server = Options::default().hands(Hands { clock: clock.clone(), ..Hands::default() }).start();
    let deployment = &server.running().deployment;
    let (ann, _) = server.user("ann", &[]);
    let (_, _) = server.user("bea", &[]);
    let (_, _) = server.user("sue", &[]);
    let owner = server.owner();
    owner.put("/api/v2/users/sue/status/suspend", json!({})).expect(200);
    let days = |n: u64| Duration::from_secs(n * 24 * 60 * 60);
    clock.advance(days(60));
    server.log_in("bea@example.com").get("/api/v2/users/me").expect(200);
    clock.advance(days(30));
    let owner = server.log_in("owner@example.com");
    owner.get("/api/v2/users/me").expect(200);
    assert_eq!(dormancy::tick(deployment).expect("it ticks"), 0, "ninety days to the second are not more than ninety");
    clock.advance(Duration::from_secs(1));
    assert_eq!(dormancy::tick(deployment).expect("it ticks"), 1);
    assert_eq!(dormancy::tick(deployment).expect("it ticks"), 0);
    let status = |name: &str| owner.get(&format!("/api/v2/users/{name}")).ok::<User>(200).status;
    assert_eq!(status("ann"), UserStatus::Dormant);
    assert_eq!((status("bea"), status("sue")), (UserStatus::Active, UserStatus::Suspended));

    let logged: AuditLogResponse = owner.get(&format!("/api/v2/audit?limit=1&q=resource_id:{}", ann.id)).ok(200);
    let entry = serde_json::to_value(&logged.audit_logs[0]).expect("an entry");
    assert_eq!(entry["diff"]["status"], json!({"old": "active", "new": "dormant", "secret": false}));
    assert_eq!(entry["additional_fields"]["automatic_subsystem"], "dormancy");
    server.log_in("ann@example.com");
    assert_eq!(status("ann"), UserStatus::Active);
}

/// Names that look like others, run over, or carry what no terminal should print.
const MISLEADING: &[(&str, &str)] = &[
    ("a Cyrillic letter", "\u{43e}wner"),
    ("full-width letters", "\u{ff4f}wner"),
    ("a zero-width space", "own\u{200b}er"),
    ("a right-to-left override", "\u{202e}renwo"),
    ("a combining accent", "o\u{301}wner"),
    ("a dotless i", "adm\u{131}n"),
    ("a line break", "own\ner"),
    ("a slash", "own/er"),
    ("a parent folder", ".."),
    ("an encoded slash", "own%2fer"),
    ("a NUL", "own\0er"),
    ("an emoji", "\u{1f451}"),
];

#[test]
fn misleading_and_oversized_names_are_refused_wherever_a_name_is_given() {
    let server = Server::start();
    let owner = server.owner();
    let long = "x".repeat(256);
    let huge = "x".repeat(100_000);
    let names = MISLEADING.iter().copied().chain([("256 letters", &*long), ("100,000 letters", &*huge)]);
    for (what, name) in names {
        let body = json!({
            "email": "new@example.com", "username": name, "password": PASSWORD, "organization_ids": [server.organization()],
        });
        assert_eq!(owner.post("/api/v2/users", body).invalid(), ["username"], "{what}");
        for (path, field) in [
            ("/api/v2/organizations", "name"),
            ("/api/v2/organizations/default/groups", "name"),
            ("/api/v2/organizations/default/members/roles", "name"),
        ] {
            let refused = owner.post(path, json!({ field: name })).refused(400);
            let told = serde_json::to_string(&refused).expect("JSON");
            assert!(told.len() < 2 * huge.len(), "{path}: {what} comes back more than once");
        }
    }
    let users: Value = owner.get("/api/v2/users").ok(200);
    assert_eq!(users["count"], 1);
}

#[test]
fn a_name_that_looks_like_another_finds_nobody() {
    let server = Server::start();
    let owner = server.owner();
    for path in
        ["/api/v2/users/%D0%BEwner", "/api/v2/users/own%E2%80%8Ber", "/api/v2/users/owner%00", "/api/v2/users/owner%20"]
    {
        let status =
            owner.send(&rockpool::sdk::client::Request { method: "GET", target: path, headers: Vec::new(), body: &[] });
        status.refused(400);
    }
    // Letters of either case name the same user, as they do where names are taken.
    assert_eq!(owner.get("/api/v2/users/OWNER").ok::<User>(200).id, server.owner_id());
}

#[test]
fn no_spelling_of_a_path_leads_around_a_check() {
    let server = Server::start();
    server.owner();
    let (_, member) = server.user("mona", &[]);
    let token = member.token().to_owned();
    let ask = |token: Option<&str>, target: &str| {
        let client = rockpool::sdk::client::Client::new(server.url()).expect("an address");
        let headers = token.map(|token| ("Coder-Session-Token", token)).into_iter().collect();
        let answer = client.send(&rockpool::sdk::client::Request { method: "GET", target, headers, body: &[] });
        let answer = answer.expect("it answers");
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    };
    for (secret, marks) in [
        ("debug/health", ["\"healthy\"", "\"severity\""]),
        ("deployment/config", ["\"options\"", "\"config\""]),
        ("users/owner", ["owner@example.com", "\"login_type\""]),
    ] {
        let direct = format!("/api/v2/{secret}");
        assert!(ask(Some(server.owner().token()), &direct).1.contains(marks[0]), "owners see {secret}");
        let encoded = secret.replace('/', "%2f");
        for target in [
            direct.clone(),
            format!("//api/v2/{secret}"),
            format!("/api//v2/{secret}"),
            format!("/api/v2//{secret}"),
            format!("/api/v2/{secret}/"),
            format!("/api/v2/{encoded}"),
            format!("/api%2fv2%2f{encoded}"),
            format!("/api/v2/buildinfo/../{secret}"),
            format!("/api/v2/buildinfo/%2e%2e/{secret}"),
            format!("/api/v2/buildinfo/..%2f{secret}"),
            format!("/api/v2/./{secret}"),
            format!("/API/v2/{secret}"),
            format!("/api/v2/{secret}%00"),
            format!("/api/v2/{secret};x=/buildinfo"),
            format!("/api/v2/{secret}?x=/api/v2/buildinfo"),
        ] {
            for token in [None, Some(&*token)] {
                let (status, body) = ask(token, &target);
                let seen = marks.iter().any(|mark| body.contains(mark));
                assert!(!seen, "{target} with {token:?}: {status} {body}");
                assert!(status != 500, "{target}: {body}");
            }
        }
    }
}
