//! Every route that changes something, and what it leaves in the log. A route that is not listed here fails a
//! test; what is listed as logged is called, and its entries are looked up by the request's id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rockpool::api;
use rockpool::sdk::client::Request;
use rockpool::sdk::{AuditAction, AuditLog, ResourceType};
use serde_json::{Value, json};
use uuid::Uuid;

use super::found;
use crate::support::client::Checked;
use crate::support::templates::SMALLEST;
use crate::support::{Client, Options, PASSWORD, Server};

use AuditAction::{Create, Delete, Login, Logout, RequestPasswordReset, Write};
use Leaves::{Logs, Nothing};

/// What a route leaves in the log when it succeeds.
#[derive(Clone, Copy)]
enum Leaves {
    /// These entries.
    Logs(&'static [(ResourceType, AuditAction)]),
    /// None, for a reason.
    Nothing(&'static str),
}

const USER: ResourceType = ResourceType::User;
const KEY: ResourceType = ResourceType::ApiKey;
const ORGANIZATION: ResourceType = ResourceType::Organization;
const MEMBER: ResourceType = ResourceType::OrganizationMember;
const GROUP: ResourceType = ResourceType::Group;
const ROLE: ResourceType = ResourceType::CustomRole;
const TEMPLATE: ResourceType = ResourceType::Template;
const VERSION: ResourceType = ResourceType::TemplateVersion;
const APP: ResourceType = ResourceType::Oauth2ProviderApp;
const SECRET: ResourceType = ResourceType::Oauth2ProviderAppSecret;
const WORKSPACE: ResourceType = ResourceType::Workspace;

const ASKS: Leaves = Nothing("it asks and changes nothing");
const JOB: Leaves = Nothing("a job has a log of its own, and a build's end is logged");
const TASTE: Leaves = Nothing("how things look and what is shown to oneself");
const NOTED: Leaves = Nothing("it is noted by the thousand, and who may is checked");
const NOT_HERE: Leaves = Nothing("there is nothing behind it yet that could change");

const ELSEWHERE: Leaves = Nothing("a link to an account elsewhere is its user's own; the reference logs none");
const BY_ITSELF: Leaves = Nothing("a client does it by itself, and entries are of users");
const DAEMONS: Leaves = Nothing("keys of daemons are kept for whoever runs them; the reference logs none");
const PORTS: Leaves = Nothing("who shares a port of a workspace is not logged by the reference either");
const TOKENS: Leaves = Nothing("codes and tokens come and go by the protocol; the reference logs none");
const WRONG: Leaves = Nothing("it is refused whatever is asked");

const ROUTES: &[(&str, &str, Leaves)] = &[
    ("DELETE", "/api/v2/external-auth/{externalauth}", ELSEWHERE),
    ("DELETE", "/api/v2/groups/{group}", Logs(&[(GROUP, Delete)])),
    ("DELETE", "/api/v2/licenses/{id}", NOT_HERE),
    ("DELETE", "/api/v2/oauth2-provider/apps/{app}", Logs(&[(APP, Delete)])),
    ("DELETE", "/api/v2/oauth2-provider/apps/{app}/secrets/{secretID}", Logs(&[(SECRET, Delete)])),
    ("DELETE", "/api/v2/organizations/{organization}", Logs(&[(ORGANIZATION, Delete)])),
    ("DELETE", "/api/v2/organizations/{organization}/provisionerkeys/{provisionerkey}", DAEMONS),
    ("DELETE", "/api/v2/organizations/{organization}/members/roles/{roleName}", Logs(&[(ROLE, Delete)])),
    ("DELETE", "/api/v2/organizations/{organization}/members/{user}", Logs(&[(MEMBER, Delete)])),
    ("DELETE", "/api/v2/templates/{template}", Logs(&[(TEMPLATE, Delete)])),
    ("DELETE", "/api/v2/users/{user}", Logs(&[(USER, Delete)])),
    ("DELETE", "/api/v2/users/{user}/keys/{keyid}", Logs(&[(KEY, Delete)])),
    ("DELETE", "/api/v2/workspaces/{workspace}/acl", Logs(&[(WORKSPACE, Write)])),
    ("DELETE", "/api/v2/workspaces/{workspace}/favorite", Logs(&[(WORKSPACE, Write)])),
    ("PATCH", "/api/v2/groups/{group}", Logs(&[(GROUP, Write)])),
    ("PATCH", "/api/v2/organizations/{organization}", Logs(&[(ORGANIZATION, Write)])),
    ("PATCH", "/api/v2/organizations/{organization}/settings/workspace-sharing", Logs(&[(ORGANIZATION, Write)])),
    ("PATCH", "/api/v2/templates/{template}", Logs(&[(TEMPLATE, Write)])),
    ("PATCH", "/api/v2/templates/{template}/acl", Logs(&[(TEMPLATE, Write)])),
    ("PATCH", "/api/v2/templates/{template}/versions", Logs(&[(TEMPLATE, Write)])),
    ("PATCH", "/api/v2/templateversions/{templateversion}", Nothing("what a version is called, not what it does")),
    ("PATCH", "/api/v2/templateversions/{templateversion}/cancel", JOB),
    ("PATCH", "/api/v2/templateversions/{templateversion}/dry-run/{jobID}/cancel", JOB),
    ("PATCH", "/api/v2/workspacebuilds/{workspacebuild}/cancel", JOB),
    ("PATCH", "/api/v2/workspaces/{workspace}", Logs(&[(WORKSPACE, Write)])),
    ("PATCH", "/api/v2/workspaces/{workspace}/acl", Logs(&[(WORKSPACE, Write)])),
    ("POST", "/api/v2/audit/testgenerate", Nothing("it writes an entry of its own making")),
    ("POST", "/api/v2/authcheck", ASKS),
    ("POST", "/api/v2/csp/reports", Nothing("it is a browser's complaint")),
    ("POST", "/api/v2/external-auth/{externalauth}/device", ELSEWHERE),
    ("POST", "/api/v2/files", Nothing("a file does nothing until a version is made of it")),
    ("POST", "/api/v2/licenses", NOT_HERE),
    ("POST", "/api/v2/licenses/refresh-entitlements", ASKS),
    ("POST", "/api/v2/oauth2-provider/apps", Logs(&[(APP, Create)])),
    ("POST", "/api/v2/oauth2-provider/apps/{app}/secrets", Logs(&[(SECRET, Create)])),
    ("POST", "/api/v2/organizations", Logs(&[(ORGANIZATION, Create)])),
    ("POST", "/api/v2/organizations/{organization}/groups", Logs(&[(GROUP, Create)])),
    ("POST", "/api/v2/organizations/{organization}/members/roles", Logs(&[(ROLE, Create)])),
    ("POST", "/api/v2/organizations/{organization}/members/{user}", Logs(&[(MEMBER, Create)])),
    ("POST", "/api/v2/organizations/{organization}/members/{user}/workspaces", Logs(&[(WORKSPACE, Create)])),
    ("POST", "/api/v2/organizations/{organization}/provisionerkeys", DAEMONS),
    ("POST", "/api/v2/organizations/{organization}/templates", Logs(&[(TEMPLATE, Create), (VERSION, Write)])),
    ("POST", "/api/v2/organizations/{organization}/templateversions", Logs(&[(VERSION, Create)])),
    ("POST", "/api/v2/templates/{template}/prebuilds/invalidate", Nothing("who replaces prebuilds is in the builds")),
    ("POST", "/api/v2/templates/{template}/versions/archive", Logs(&[(TEMPLATE, Write)])),
    ("POST", "/api/v2/templateversions/{templateversion}/archive", Logs(&[(VERSION, Write)])),
    ("POST", "/api/v2/templateversions/{templateversion}/dry-run", JOB),
    ("POST", "/api/v2/templateversions/{templateversion}/dynamic-parameters/evaluate", ASKS),
    ("POST", "/api/v2/templateversions/{templateversion}/unarchive", Logs(&[(VERSION, Write)])),
    ("POST", "/api/v2/users", Logs(&[(USER, Create)])),
    ("POST", "/api/v2/users/first", Nothing("before the first user there is nobody to be told of")),
    ("POST", "/api/v2/users/login", Logs(&[(KEY, Login)])),
    ("POST", "/api/v2/users/logout", Logs(&[(KEY, Logout)])),
    ("POST", "/api/v2/users/otp/change-password", Logs(&[(USER, Write)])),
    ("POST", "/api/v2/users/otp/request", Logs(&[(USER, RequestPasswordReset)])),
    ("POST", "/api/v2/users/validate-password", ASKS),
    ("POST", "/api/v2/users/{user}/convert-login", Logs(&[(ResourceType::ConvertLogin, Create)])),
    ("POST", "/api/v2/users/{user}/keys", Logs(&[(KEY, Create)])),
    ("POST", "/api/v2/users/{user}/keys/tokens", Logs(&[(KEY, Create)])),
    ("POST", "/api/v2/users/{user}/workspaces", Logs(&[(WORKSPACE, Create)])),
    ("POST", "/api/v2/workspaces/{workspace}/builds", JOB),
    ("POST", "/api/v2/workspaces/{workspace}/usage", NOTED),
    ("PUT", "/api/v2/appearance", TASTE),
    ("PUT", "/api/v2/debug/health/settings", Logs(&[(ResourceType::HealthSettings, Write)])),
    ("PUT", "/api/v2/notifications/settings", Logs(&[(ResourceType::NotificationsSettings, Write)])),
    ("PUT", "/api/v2/oauth2-provider/apps/{app}", Logs(&[(APP, Write)])),
    ("PUT", "/api/v2/organizations/{organization}/members/roles", Logs(&[(ROLE, Write)])),
    ("PUT", "/api/v2/organizations/{organization}/members/{user}/roles", Logs(&[(MEMBER, Write)])),
    ("PUT", "/api/v2/prebuilds/settings", Logs(&[(ResourceType::PrebuildsSettings, Write)])),
    ("PUT", "/api/v2/users/{user}/appearance", TASTE),
    ("PUT", "/api/v2/users/{user}/gitsshkey", Logs(&[(ResourceType::GitSshKey, Write)])),
    ("PUT", "/api/v2/users/{user}/notifications/preferences", TASTE),
    ("PUT", "/api/v2/users/{user}/password", Logs(&[(USER, Write)])),
    ("PUT", "/api/v2/users/{user}/preferences", TASTE),
    ("PUT", "/api/v2/users/{user}/profile", Logs(&[(USER, Write)])),
    ("PUT", "/api/v2/users/{user}/quiet-hours", Logs(&[(USER, Write)])),
    ("PUT", "/api/v2/users/{user}/roles", Logs(&[(USER, Write)])),
    ("PUT", "/api/v2/users/{user}/status/activate", Logs(&[(USER, Write)])),
    ("PUT", "/api/v2/users/{user}/status/suspend", Logs(&[(USER, Write)])),
    ("PUT", "/api/v2/workspacebuilds/{workspacebuild}/state", Nothing("it is a repair of what a build left")),
    ("PUT", "/api/v2/workspaces/{workspace}/autostart", Logs(&[(WORKSPACE, Write)])),
    ("PUT", "/api/v2/workspaces/{workspace}/autoupdates", Logs(&[(WORKSPACE, Write)])),
    ("PUT", "/api/v2/workspaces/{workspace}/dormant", Logs(&[(WORKSPACE, Write)])),
    ("PUT", "/api/v2/workspaces/{workspace}/extend", Nothing("it puts a stop off; the stop itself is logged")),
    ("PUT", "/api/v2/workspaces/{workspace}/favorite", Logs(&[(WORKSPACE, Write)])),
    ("PUT", "/api/v2/workspaces/{workspace}/ttl", Logs(&[(WORKSPACE, Write)])),
    ("DELETE", "/api/v2/workspaces/{workspace}/port-share", PORTS),
    ("POST", "/api/v2/workspaces/{workspace}/port-share", PORTS),
    ("DELETE", "/oauth2/clients/{client_id}", BY_ITSELF),
    ("DELETE", "/oauth2/revoke", WRONG),
    ("DELETE", "/oauth2/tokens", TOKENS),
    ("PATCH", "/oauth2/clients/{client_id}", WRONG),
    ("PATCH", "/oauth2/revoke", WRONG),
    ("PATCH", "/oauth2/tokens", WRONG),
    ("POST", "/oauth2/authorize", TOKENS),
    ("POST", "/oauth2/clients/{client_id}", WRONG),
    ("POST", "/oauth2/register", BY_ITSELF),
    ("POST", "/oauth2/revoke", TOKENS),
    ("POST", "/oauth2/tokens", TOKENS),
    ("PUT", "/oauth2/clients/{client_id}", BY_ITSELF),
    ("PUT", "/oauth2/revoke", WRONG),
    ("PUT", "/oauth2/tokens", WRONG),
    (
        "PATCH",
        "/api/v2/organizations/{organization}/settings/idpsync/groups",
        Logs(&[(ResourceType::IdpSyncSettingsGroup, Write)]),
    ),
    (
        "PATCH",
        "/api/v2/organizations/{organization}/settings/idpsync/groups/config",
        Logs(&[(ResourceType::IdpSyncSettingsGroup, Write)]),
    ),
    (
        "PATCH",
        "/api/v2/organizations/{organization}/settings/idpsync/groups/mapping",
        Logs(&[(ResourceType::IdpSyncSettingsGroup, Write)]),
    ),
    (
        "PATCH",
        "/api/v2/organizations/{organization}/settings/idpsync/roles",
        Logs(&[(ResourceType::IdpSyncSettingsRole, Write)]),
    ),
    (
        "PATCH",
        "/api/v2/organizations/{organization}/settings/idpsync/roles/config",
        Logs(&[(ResourceType::IdpSyncSettingsRole, Write)]),
    ),
    (
        "PATCH",
        "/api/v2/organizations/{organization}/settings/idpsync/roles/mapping",
        Logs(&[(ResourceType::IdpSyncSettingsRole, Write)]),
    ),
    ("PATCH", "/api/v2/settings/idpsync/organization", Logs(&[(ResourceType::IdpSyncSettingsOrganization, Write)])),
    (
        "PATCH",
        "/api/v2/settings/idpsync/organization/config",
        Logs(&[(ResourceType::IdpSyncSettingsOrganization, Write)]),
    ),
    (
        "PATCH",
        "/api/v2/settings/idpsync/organization/mapping",
        Logs(&[(ResourceType::IdpSyncSettingsOrganization, Write)]),
    ),
    ("PATCH", "/scim/v2/Users/{id}", Logs(&[(USER, Write)])),
    ("POST", "/scim/v2/Users", Logs(&[(USER, Create)])),
    ("PUT", "/scim/v2/Users/{id}", Logs(&[(USER, Write)])),
];

#[test]
fn every_route_that_changes_something_says_what_it_logs() {
    let routes = api::routes::all();
    let there: BTreeSet<_> = routes.listed().iter().filter(|(method, _)| !matches!(*method, "GET" | "HEAD")).collect();
    let told: BTreeSet<_> = ROUTES.iter().map(|(method, pattern, _)| (*method, *pattern)).collect();
    assert_eq!(told.len(), ROUTES.len(), "a route is listed twice");
    let missing: Vec<_> = there.iter().filter(|route| !told.contains(route)).collect();
    assert!(missing.is_empty(), "say in this file what these routes log, or why nothing: {missing:#?}");
    let gone: Vec<_> = told.iter().filter(|route| !there.contains(route)).collect();
    assert!(gone.is_empty(), "there are no such routes: {gone:#?}");
    for (method, pattern, leaves) in ROUTES {
        if let Nothing(why) = leaves {
            assert!(!why.is_empty(), "{method} {pattern}");
        }
    }
}

/// Calls routes and holds what they leave in the log against what is listed.
struct Walk {
    owner: Client,
    called: BTreeSet<(&'static str, &'static str)>,
}

impl Walk {
    /// Calls a route, its parameters filled in by name, and checks the log.
    #[track_caller]
    fn call(&mut self, client: &Client, route: (&'static str, &'static str), filled: &[&str], body: Value) -> Checked {
        let (method, pattern) = route;
        let listed = ROUTES.iter().find(|(m, p, _)| (*m, *p) == route);
        let Some((_, _, Logs(want))) = listed else { panic!("{method} {pattern} is not listed as logged") };
        let mut target = pattern.to_owned();
        for value in filled {
            let (start, end) = (target.find('{').expect("a parameter"), target.find('}').expect("its end"));
            target.replace_range(start..=end, value);
        }
        let bytes = serde_json::to_vec(&body).expect("JSON");
        let mut headers = vec![("Content-Type", "application/json"), ("User-Agent", "a walker")];
        if target.starts_with("/scim") {
            headers.push(("Authorization", "Bearer the-directory"));
        }
        let answer = client.send(&Request { method, target: &target, headers, body: &bytes });
        assert!(answer.answer.status < 400, "{answer}");
        let request = answer.header("X-Coder-Request-Id").expect("a request's id").to_owned();
        let entries = found(&self.owner, &format!("request_id:{request}"));
        let mut got: Vec<_> = entries.iter().map(|e| (e.resource_type, e.action)).collect();
        got.sort_by_key(|(resource, action)| (resource.as_str(), action.as_str()));
        assert_eq!(got, *want, "{method} {target}");
        for entry in entries {
            check(&entry, answer.answer.status);
        }
        self.called.insert(route);
        answer
    }
}

#[track_caller]
fn check(entry: &AuditLog, status: u16) {
    assert_eq!(entry.status_code, i32::from(status));
    assert_eq!((entry.ip.as_str(), entry.user_agent.as_str()), ("127.0.0.1", "a walker"));
    assert!(entry.user.is_some() && !entry.id.is_nil() && !entry.resource_id.is_nil());
    // What concerns an organization says which.
    let sync = [ResourceType::IdpSyncSettingsGroup, ResourceType::IdpSyncSettingsRole];
    let of_organization = [ORGANIZATION, MEMBER, GROUP, ROLE, TEMPLATE, VERSION, WORKSPACE, sync[0], sync[1]];
    assert_eq!(entry.organization.is_some(), of_organization.contains(&entry.resource_type), "{entry:?}");
    assert_eq!(entry.organization.as_ref().map(|o| o.id).unwrap_or_default(), entry.organization_id);
}

#[test]
fn routes_log_what_they_say_they_log() {
    let server = Options::default()
        .set("CODER_EXPERIMENTS", "workspace-sharing,oauth2")
        .set("CODER_ALLOW_WORKSPACE_RENAMES", "true")
        .set("CODER_SCIM_AUTH_HEADER", "the-directory")
        .start();
    let owner = server.owner();
    let mut walk = Walk { owner: server.owner(), called: BTreeSet::new() };
    users(&server, &owner, &mut walk);
    organizations(&server, &owner, &mut walk);
    identity_providers(&server, &owner, &mut walk);
    templates(&server, &owner, &mut walk);
    workspaces(&server, &owner, &mut walk);
    applications(&owner, &mut walk);
    for (pattern, body) in [
        ("/api/v2/debug/health/settings", json!({ "dismissed_healthchecks": ["DERP"] })),
        ("/api/v2/notifications/settings", json!({ "notifier_paused": true })),
        ("/api/v2/prebuilds/settings", json!({ "reconciliation_paused": true })),
    ] {
        walk.call(&owner, ("PUT", pattern), &[], body).expect(200);
    }
    let logged = ROUTES.iter().filter(|(_, _, leaves)| matches!(leaves, Logs(_)));
    let uncalled: Vec<_> = logged.map(|(m, p, _)| (*m, *p)).filter(|route| !walk.called.contains(route)).collect();
    assert!(uncalled.is_empty(), "call these routes too: {uncalled:#?}");
}

fn users(server: &Server, owner: &Client, walk: &mut Walk) {
    const CHANGED: &str = "AnotherSecretPassword2!";
    let body = json!({
        "email": "ada@example.com", "username": "ada", "password": PASSWORD, "user_status": "active",
        "organization_ids": [server.organization()],
    });
    let ada: rockpool::sdk::User = walk.call(owner, ("POST", "/api/v2/users"), &[], body).ok(201);
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let anonymous = server.anonymous();
    let session = walk.call(&anonymous, ("POST", "/api/v2/users/login"), &[], login).json();
    let client = server.anonymous().with_token(session["session_token"].as_str().unwrap());
    let me = ["me"];
    walk.call(
        &client,
        ("POST", "/api/v2/users/{user}/convert-login"),
        &me,
        json!({ "to_type": "oidc", "password": PASSWORD }),
    );
    walk.call(&client, ("POST", "/api/v2/users/{user}/keys"), &me, json!(null));
    walk.call(&client, ("POST", "/api/v2/users/{user}/keys/tokens"), &me, json!({ "token_name": "mine" }));
    let token: rockpool::sdk::APIKey = client.get("/api/v2/users/me/keys/tokens/mine").ok(200);
    walk.call(&client, ("DELETE", "/api/v2/users/{user}/keys/{keyid}"), &["me", &token.id], json!(null));
    walk.call(&client, ("PUT", "/api/v2/users/{user}/gitsshkey"), &me, json!(null));
    let hours = json!({ "schedule": "CRON_TZ=UTC 0 2 * * *" });
    walk.call(&client, ("PUT", "/api/v2/users/{user}/quiet-hours"), &me, hours);
    walk.call(&client, ("POST", "/api/v2/users/logout"), &[], json!(null));
    let ada_by_name = ["ada"];
    let profile = json!({ "username": "ada", "name": "Ada" });
    walk.call(owner, ("PUT", "/api/v2/users/{user}/profile"), &ada_by_name, profile);
    walk.call(owner, ("PUT", "/api/v2/users/{user}/roles"), &ada_by_name, json!({ "roles": ["auditor"] }));
    walk.call(owner, ("PUT", "/api/v2/users/{user}/password"), &ada_by_name, json!({ "password": CHANGED }));
    walk.call(&anonymous, ("POST", "/api/v2/users/otp/request"), &[], json!({ "email": "ada@example.com" }));
    plant_passcode(server, ada.id, "a-code-by-mail");
    let body = json!({ "email": "ada@example.com", "one_time_passcode": "a-code-by-mail", "password": PASSWORD });
    walk.call(&anonymous, ("POST", "/api/v2/users/otp/change-password"), &[], body);
    walk.call(owner, ("PUT", "/api/v2/users/{user}/status/suspend"), &ada_by_name, json!(null));
    walk.call(owner, ("PUT", "/api/v2/users/{user}/status/activate"), &ada_by_name, json!(null));
    walk.call(owner, ("DELETE", "/api/v2/users/{user}"), &ada_by_name, json!(null));
}

/// A code such as a mail would have told.
fn plant_passcode(server: &Server, user: Uuid, code: &str) {
    let deployment = &server.running().deployment;
    let hashed = deployment.passwords.hash(code).expect("time to hash");
    let until = deployment.clock.now() + Duration::from_secs(600);
    deployment.system_db().update_user_hashed_one_time_passcode(user, hashed.as_bytes(), until).expect("a user");
}

fn organizations(server: &Server, owner: &Client, walk: &mut Walk) {
    let (mona, _) = server.user("mona", &[]);
    let body = json!({ "name": "second", "display_name": "Second" });
    let made = walk.call(owner, ("POST", "/api/v2/organizations"), &[], body).json();
    let second = made["id"].as_str().unwrap().to_owned();
    let second = [second.as_str()];
    walk.call(owner, ("PATCH", "/api/v2/organizations/{organization}"), &second, json!({ "description": "New" }));
    let mona_there = ["second", "mona"];
    walk.call(owner, ("POST", "/api/v2/organizations/{organization}/members/{user}"), &mona_there, json!(null));
    let roles = json!({ "roles": ["organization-auditor"] });
    walk.call(owner, ("PUT", "/api/v2/organizations/{organization}/members/{user}/roles"), &mona_there, roles);
    let body = json!({ "name": "crew", "quota_allowance": 3 });
    let crew = walk.call(owner, ("POST", "/api/v2/organizations/{organization}/groups"), &second, body).json();
    let crew = [crew["id"].as_str().unwrap()];
    walk.call(owner, ("PATCH", "/api/v2/groups/{group}"), &crew, json!({ "add_users": [mona.id] }));
    walk.call(owner, ("DELETE", "/api/v2/groups/{group}"), &crew, json!(null));
    walk.call(owner, ("DELETE", "/api/v2/organizations/{organization}/members/{user}"), &mona_there, json!(null));
    let role = |display_name: &str| {
        let permission = json!({ "resource_type": "group", "action": "read", "negate": false });
        json!({
            "name": "own", "display_name": display_name, "site_permissions": [], "user_permissions": [],
            "organization_permissions": [permission],
        })
    };
    walk.call(owner, ("POST", "/api/v2/organizations/{organization}/members/roles"), &second, role("Own"));
    walk.call(owner, ("PUT", "/api/v2/organizations/{organization}/members/roles"), &second, role("Ours"));
    let own = [second[0], "own"];
    walk.call(owner, ("DELETE", "/api/v2/organizations/{organization}/members/roles/{roleName}"), &own, json!(null));
    let sharing = ("PATCH", "/api/v2/organizations/{organization}/settings/workspace-sharing");
    walk.call(owner, sharing, &second, json!({ "sharing_disabled": true }));
    walk.call(owner, ("DELETE", "/api/v2/organizations/{organization}"), &second, json!(null));
}

fn identity_providers(server: &Server, owner: &Client, walk: &mut Walk) {
    for (pattern, filled) in [
        ("/api/v2/organizations/{organization}/settings/idpsync/groups", &["default"][..]),
        ("/api/v2/organizations/{organization}/settings/idpsync/roles", &["default"]),
        ("/api/v2/settings/idpsync/organization", &[]),
    ] {
        let below = |part: &str| {
            let listed = ROUTES.iter().find(|(_, p, _)| p.strip_prefix(pattern) == Some(part));
            ("PATCH", listed.expect("a listed route").1)
        };
        walk.call(owner, ("PATCH", pattern), filled, json!({ "field": "one" }));
        walk.call(owner, below("/config"), filled, json!({ "field": "two" }));
        walk.call(owner, below("/mapping"), filled, json!({ "Add": [] }));
    }
    let anonymous = server.anonymous();
    let sky = |active: bool| json!({ "userName": "sky", "active": active, "emails": [{ "primary": true, "value": "sky@example.com" }] });
    let made = walk.call(&anonymous, ("POST", "/scim/v2/Users"), &[], sky(true)).json();
    let id = [made["id"].as_str().unwrap()];
    walk.call(&anonymous, ("PATCH", "/scim/v2/Users/{id}"), &id, sky(false));
    walk.call(&anonymous, ("PUT", "/scim/v2/Users/{id}"), &id, sky(true));
}

fn templates(server: &Server, owner: &Client, walk: &mut Walk) {
    let organization = server.organization().to_string();
    let organization = [organization.as_str()];
    let file = owner.upload(&crate::support::templates::tar(SMALLEST), "application/x-tar");
    let version = |walk: &mut Walk, template: Option<Uuid>| {
        let body = json!({
            "file_id": file, "template_id": template, "storage_method": "file", "provisioner": "terraform", "tags": {},
        });
        let route = ("POST", "/api/v2/organizations/{organization}/templateversions");
        let made: rockpool::sdk::TemplateVersion = walk.call(owner, route, &organization, body).ok(201);
        owner.wait_for_version(made.id);
        made.id
    };
    let first = version(walk, None);
    let body = json!({ "name": "brief", "template_version_id": first });
    let route = ("POST", "/api/v2/organizations/{organization}/templates");
    let template: rockpool::sdk::Template = walk.call(owner, route, &organization, body).ok(201);
    let id = template.id.to_string();
    let id = [id.as_str()];
    let settings = json!({ "name": "brief", "display_name": "Brief" });
    walk.call(owner, ("PATCH", "/api/v2/templates/{template}"), &id, settings);
    let everybody = json!({ "user_perms": { server.owner_id().to_string(): "admin" } });
    walk.call(owner, ("PATCH", "/api/v2/templates/{template}/acl"), &id, everybody);
    let second = version(walk, Some(template.id));
    walk.call(owner, ("PATCH", "/api/v2/templates/{template}/versions"), &id, json!({ "id": second }));
    let first = first.to_string();
    let first = [first.as_str()];
    walk.call(owner, ("POST", "/api/v2/templateversions/{templateversion}/archive"), &first, json!(null));
    walk.call(owner, ("POST", "/api/v2/templateversions/{templateversion}/unarchive"), &first, json!(null));
    walk.call(owner, ("POST", "/api/v2/templates/{template}/versions/archive"), &id, json!({ "all": true }));
    walk.call(owner, ("DELETE", "/api/v2/templates/{template}"), &id, json!(null));
}

fn workspaces(server: &Server, owner: &Client, walk: &mut Walk) {
    let template = server.template("lasting", SMALLEST);
    let body = |name: &str| json!({ "template_id": template.id, "name": name });
    let route = ("POST", "/api/v2/organizations/{organization}/members/{user}/workspaces");
    let organization = server.organization().to_string();
    walk.call(owner, route, &[&organization, "me"], body("by-member"));
    let route = ("POST", "/api/v2/users/{user}/workspaces");
    let made: rockpool::sdk::Workspace = walk.call(owner, route, &["me"], body("box")).ok(201);
    owner.wait_for_build(made.latest_build.id);
    let id = made.id.to_string();
    let id = [id.as_str()];
    walk.call(owner, ("PATCH", "/api/v2/workspaces/{workspace}"), &id, json!({ "name": "crate" }));
    for (method, pattern, body) in [
        ("PUT", "/api/v2/workspaces/{workspace}/ttl", json!({ "ttl_ms": 3_600_000 })),
        ("PUT", "/api/v2/workspaces/{workspace}/autostart", json!({ "schedule": "CRON_TZ=UTC 0 9 * * 1-5" })),
        ("PUT", "/api/v2/workspaces/{workspace}/autoupdates", json!({ "automatic_updates": "always" })),
        ("PUT", "/api/v2/workspaces/{workspace}/favorite", json!(null)),
        ("DELETE", "/api/v2/workspaces/{workspace}/favorite", json!(null)),
        ("PUT", "/api/v2/workspaces/{workspace}/dormant", json!({ "dormant": true })),
        ("PUT", "/api/v2/workspaces/{workspace}/dormant", json!({ "dormant": false })),
        ("DELETE", "/api/v2/workspaces/{workspace}/acl", json!(null)),
    ] {
        walk.call(owner, (method, pattern), &id, body);
    }
    let (lena, _) = server.user("lena", &[]);
    let shared = json!({ "user_roles": { lena.id.to_string(): "use" } });
    walk.call(owner, ("PATCH", "/api/v2/workspaces/{workspace}/acl"), &id, shared);
}

fn applications(owner: &Client, walk: &mut Walk) {
    let body = |name: &str| json!({ "name": name, "callback_url": "https://example.com/back", "icon": "" });
    let app = walk.call(owner, ("POST", "/api/v2/oauth2-provider/apps"), &[], body("clock")).json();
    let app = [app["id"].as_str().unwrap()];
    walk.call(owner, ("PUT", "/api/v2/oauth2-provider/apps/{app}"), &app, body("watch"));
    let secret = walk.call(owner, ("POST", "/api/v2/oauth2-provider/apps/{app}/secrets"), &app, json!(null)).json();
    let full = secret["client_secret_full"].as_str().unwrap();
    let log = owner.get("/api/v2/audit?limit=1000").expect(200).json().to_string();
    assert!(!log.contains(full), "a secret of an application is in the log");
    let links: BTreeSet<_> =
        found(owner, "resource_type:oauth2_provider_app").into_iter().map(|e| e.resource_link).collect();
    assert_eq!(links, BTreeSet::from([format!("/deployment/oauth2-provider/apps/{}", app[0])]));
    let secret = [app[0], secret["id"].as_str().unwrap()];
    walk.call(owner, ("DELETE", "/api/v2/oauth2-provider/apps/{app}/secrets/{secretID}"), &secret, json!(null));
    walk.call(owner, ("DELETE", "/api/v2/oauth2-provider/apps/{app}"), &app, json!(null));
    assert!(found(owner, "resource_type:oauth2_provider_app").iter().all(|entry| entry.is_deleted));
}

#[test]
fn the_end_of_a_build_is_logged_with_the_workspace_it_is_of() {
    let server = Server::start();
    let owner = server.owner();
    let template = server.template("lasting", SMALLEST);
    let workspace = owner.workspace(template.id, "box");
    owner.build(workspace.id, "stop");
    owner.build(workspace.id, "delete");
    let entries = crate::support::eventually("the last build's entry", || {
        Some(found(&owner, "resource_type:workspace_build")).filter(|entries| entries.len() == 3)
    });
    let told: Vec<_> = entries
        .iter()
        .map(|e| (e.action, e.additional_fields["build_number"].as_str().unwrap(), e.status_code))
        .collect();
    assert_eq!(told, [(Delete, "3", 200), (AuditAction::Stop, "2", 200), (AuditAction::Start, "1", 200)]);
    for entry in &entries {
        assert_eq!(entry.additional_fields["workspace_name"], "box");
        assert_eq!(entry.additional_fields["workspace_id"], json!(workspace.id));
        assert!(entry.is_deleted && entry.resource_link.is_empty());
        assert_eq!(entry.organization_id, server.organization());
    }
    let versions: BTreeMap<_, _> = entries[2].diff.iter().map(|(k, v)| (k.as_str(), v.new.clone())).collect();
    assert_eq!(versions, BTreeMap::from([("template_version_id", Some(json!(template.active_version_id)))]));
    assert!(entries[1].diff.is_empty(), "a stop of the same version changes nothing");
}
