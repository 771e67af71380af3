//! Workspaces from their making to their deletion, as the people see it who make them: what is refused
//! and in which order, what a search finds, what a watcher hears.

use rockpool::sdk::{
    BuildReason, ProvisionerJobStatus, ResolveAutostartResponse, Response, ServerSentEvent, ServerSentEventType,
    Template, Workspace, WorkspaceACL, WorkspaceBuild, WorkspaceBuildParameter, WorkspaceBuildTimings, WorkspaceRole,
    WorkspaceStatus, WorkspaceTransition, WorkspacesResponse,
};
use serde_json::json;
use uuid::Uuid;

use crate::support::templates::{SMALLEST, waiting};
use crate::support::{Client, Options, Server, eventually};

const NOWHERE: &str = "3f0c6f0e-1f0c-4a60-9f3e-5a5a5a5a5a5a";

/// A template with a parameter of each kind of answer.
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
  option {
    name  = "Europe"
    value = "eu"
  }
  option {
    name  = "America"
    value = "us"
  }
}
data "coder_parameter" "disk" {
  name    = "disk"
  type    = "number"
  default = 10
  mutable = false
}
data "coder_workspace_preset" "american" {
  name = "american"
  parameters = {
    region = "us"
  }
}
resource "null_resource" "thing" {}
"#,
)];

/// A template whose builds go to a provisioner of the owner's own when asked to, and there is none.
const TAGGED: &[(&str, &str)] = &[(
    "main.tf",
    r#"
terraform {
  required_providers {
    coder = { source = "coder/coder" }
  }
}
data "coder_parameter" "where" {
  name    = "where"
  type    = "string"
  default = "organization"
  mutable = true
}
data "coder_workspace_tags" "where" {
  tags = { scope = data.coder_parameter.where.value }
}
"#,
)];

fn path(workspace: Uuid, rest: &str) -> String {
    format!("/api/v2/workspaces/{workspace}{rest}")
}

#[track_caller]
fn finished(client: &Client, workspace: Uuid, transition: &str) -> Workspace {
    let build = client.build(workspace, transition);
    assert_eq!(client.wait_for_build(build.id).job.status, ProvisionerJobStatus::Succeeded);
    client.get(&path(workspace, "?include_deleted=true")).ok(200)
}

#[test]
fn a_deleted_workspace_is_shown_until_its_template_is_deleted_too() {
    let server = Server::start();
    let owner = server.owner();
    let template = server.template("small", SMALLEST);
    let made: Workspace =
        owner.post("/api/v2/users/me/workspaces", json!({"template_id": template.id, "name": "box"})).ok(201);
    owner.wait_for_build(made.latest_build.id);
    finished(&owner, made.id, "delete");
    owner.delete(&format!("/api/v2/templates/{}", template.id)).expect(200);
    owner.get(&path(made.id, "?include_deleted=true")).refused(403);
}

#[test]
fn a_workspace_is_made_stopped_started_and_deleted() {
    let server = Server::start();
    let template = server.template("small", SMALLEST);
    let (mel, client) = server.user("mel", &[]);
    let body = json!({"template_id": template.id, "name": "box"});
    let made: Workspace = client.post("/api/v2/users/me/workspaces", body).ok(201);
    assert_eq!((made.owner_id, made.owner_name.as_str(), made.name.as_str()), (mel.id, "mel", "box"));
    assert_eq!((made.latest_build.build_number, made.latest_build.status), (1, WorkspaceStatus::Pending));
    client.wait_for_build(made.latest_build.id);

    let running: Workspace = client.get(&path(made.id, "")).ok(200);
    assert_eq!(running.latest_build.status, WorkspaceStatus::Running);
    assert_eq!(running.latest_build.resources.len(), 1);
    assert!(!running.outdated && running.health.healthy);

    let stopped = finished(&client, made.id, "stop");
    assert_eq!(stopped.latest_build.status, WorkspaceStatus::Stopped);
    let body = json!({"transition": "start", "reason": "dashboard"});
    let started: WorkspaceBuild = client.post(&path(made.id, "/builds"), body).ok(201);
    assert_eq!((started.build_number, started.reason.known()), (3, Some(BuildReason::Dashboard)));
    client.wait_for_build(started.id);

    let builds: Vec<WorkspaceBuild> = client.get(&path(made.id, "/builds")).ok(200);
    assert_eq!(builds.iter().map(|b| b.build_number).collect::<Vec<_>>(), [3, 2, 1]);
    let after: Vec<WorkspaceBuild> =
        client.get(&path(made.id, &format!("/builds?limit=1&after_id={}", builds[1].id))).ok(200);
    assert_eq!(after.iter().map(|b| b.build_number).collect::<Vec<_>>(), [3]);
    let by_number: WorkspaceBuild = client.get("/api/v2/users/me/workspace/BOX/builds/2").ok(200);
    assert_eq!((by_number.id, by_number.transition), (builds[1].id, WorkspaceTransition::Stop));
    let timings: WorkspaceBuildTimings = client.get(&path(made.id, "/timings")).ok(200);
    assert!(timings.agent_script_timings.is_empty());

    let deleted = finished(&client, made.id, "delete");
    assert_eq!(deleted.latest_build.status, WorkspaceStatus::Deleted);
    client.get(&path(made.id, "")).refused(410);
    client.get("/api/v2/users/me/workspace/box").refused(404);
    let _: Workspace = client.get("/api/v2/users/me/workspace/box?include_deleted=true").ok(200);
    client.post(&path(made.id, "/builds"), json!({"transition": "start"})).refused(409);
    client.workspace(template.id, "box");
}

#[test]
fn what_is_wrong_with_a_new_workspace_is_told() {
    let server = Server::start();
    let template = server.template("small", SMALLEST);
    let (_, client) = server.user("mel", &[]);
    client.workspace(template.id, "taken");
    for (change, status) in [
        (json!({"name": "taken"}), 409),
        (json!({"name": "TAKEN"}), 409),
        (json!({"name": ""}), 400),
        (json!({"name": "with space"}), 400),
        (json!({"template_id": NOWHERE}), 400),
        (json!({"template_id": null}), 400),
        (json!({"template_id": null, "template_version_id": NOWHERE}), 400),
        (json!({"template_version_id": template.active_version_id}), 400),
        (json!({"ttl_ms": 59_999}), 400),
        (json!({"ttl_ms": 31i64 * 24 * 3_600_000}), 400),
        (json!({"autostart_schedule": "soon"}), 400),
        (json!({"autostart_schedule": "30 9 1 * *"}), 400),
        (json!({"automatic_updates": "sometimes"}), 400),
        (json!({"template_version_preset_id": NOWHERE}), 400),
        (json!({"rich_parameter_values": "x"}), 400),
    ] {
        let mut body = json!({"template_id": template.id, "name": "refused"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        client.post("/api/v2/users/me/workspaces", &body).refused(status);
    }
    let body = json!({"template_id": template.id, "name": "other"});
    let (_, nick) = server.user("nick", &[]);
    nick.post("/api/v2/users/mel/workspaces", &body).refused(403);
    server.owner().post("/api/v2/users/nobody/workspaces", &body).refused(400);
    let given: Workspace = server.owner().post("/api/v2/users/mel/workspaces", &body).ok(201);
    assert_eq!((given.owner_name.as_str(), given.latest_build.initiator_name.as_str()), ("mel", "owner"));
}

#[test]
fn parameters_are_kept_changed_and_refused() {
    let server = Server::start();
    let template = server.template("asking", ASKING);
    let client = server.owner();
    let values = |build: Uuid| -> Vec<(String, String)> {
        let target = format!("/api/v2/workspacebuilds/{build}/parameters");
        let mut all: Vec<_> = client
            .get(&target)
            .ok::<Vec<WorkspaceBuildParameter>>(200)
            .into_iter()
            .map(|p| (p.name, p.value))
            .collect();
        all.sort();
        all
    };
    let pairs =
        |region: &str, disk: &str| vec![("disk".to_owned(), disk.to_owned()), ("region".to_owned(), region.to_owned())];
    let body = json!({"template_id": template.id, "name": "box", "rich_parameter_values": [{"name": "disk", "value": "20"}, {"name": "odd", "value": "1"}]});
    let made: Workspace = client.post("/api/v2/users/me/workspaces", body).ok(201);
    client.wait_for_build(made.latest_build.id);
    assert_eq!(values(made.latest_build.id), pairs("eu", "20"));

    let change = |name: &str, value: &str| json!({"transition": "start", "rich_parameter_values": [{"name": name, "value": value}]});
    for (name, value) in [("disk", "30"), ("region", "moon")] {
        client.post(&path(made.id, "/builds"), change(name, value)).refused(400);
    }
    let moved: WorkspaceBuild = client.post(&path(made.id, "/builds"), change("region", "us")).ok(201);
    assert!(moved.template_version_preset_id.is_some(), "the values are those of the preset");
    client.wait_for_build(moved.id);
    assert_eq!(values(moved.id), pairs("us", "20"));
    let stopped = finished(&client, made.id, "stop");
    assert_eq!(values(stopped.latest_build.id), pairs("us", "20"));
}

#[test]
fn a_search_finds_what_it_says() {
    let server = Server::start();
    let small = server.template("small", SMALLEST);
    let asking = server.template("asking", ASKING);
    let (_, mel) = server.user("mel", &[]);
    let owner = server.owner();
    for (client, template, name) in
        [(&mel, &small, "alpha"), (&mel, &asking, "beta"), (&owner, &small, "gamma"), (&owner, &small, "alphabet")]
    {
        client.workspace(template.id, name);
    }
    let alphabet: Workspace = owner.get("/api/v2/users/me/workspace/alphabet").ok(200);
    finished(&owner, alphabet.id, "stop");
    let found = |client: &Client, query: &str| -> Vec<String> {
        let target = format!("/api/v2/workspaces?q={}", query.replace(' ', "%20"));
        let page: WorkspacesResponse = client.get(&target).ok(200);
        assert_eq!(page.count, page.workspaces.len() as i64, "{query}");
        page.workspaces.into_iter().map(|w| w.name).collect()
    };
    for (query, want) in [
        ("", &["alpha", "beta", "gamma", "alphabet"][..]),
        ("alpha", &["alpha", "alphabet"]),
        ("ALPHA", &["alpha", "alphabet"]),
        ("owner:mel", &["alpha", "beta"]),
        ("owner:me", &["gamma", "alphabet"]),
        ("mel/alpha", &["alpha"]),
        ("owner:me name:gam", &["gamma"]),
        ("template:asking", &["beta"]),
        ("template:ASKING", &["beta"]),
        ("status:running", &["alpha", "beta", "gamma"]),
        ("status:stopped", &["alphabet"]),
        ("status:failed", &[]),
        ("outdated:false", &["alpha", "beta", "gamma", "alphabet"]),
        ("outdated:true", &[]),
        ("dormant:true", &[]),
        ("param:region", &["beta"]),
        ("param:region=EU", &["beta"]),
        ("param:region=us", &[]),
        ("has-agent:connected", &[]),
        ("shared:true", &[]),
        ("shared:false", &["alpha", "beta", "gamma", "alphabet"]),
        ("has-ai-task:false", &["alpha", "beta", "gamma", "alphabet"]),
        ("last_used_after:\"2000-01-01T00:00:00Z\"", &["alpha", "beta", "gamma", "alphabet"]),
        ("last_used_before:\"2000-01-01T00:00:00Z\"", &[]),
        ("organization:coder", &["alpha", "beta", "gamma", "alphabet"]),
        (&format!("id:{}", alphabet.id), &["alphabet"]),
        ("owner:nobody", &[]),
    ] {
        assert_eq!(found(&owner, query), want, "{query}");
    }
    assert_eq!(found(&mel, ""), ["alpha", "beta"], "others' workspaces stay hidden");
    for (query, wrong) in [
        ("status:odd", "status"),
        ("colour:red", "colour"),
        ("a/b/c", "q"),
        ("name:", "q"),
        ("dormant:perhaps", "dormant"),
        ("organization:nowhere", "organization"),
        ("param:a=", "param"),
        ("id:x", "id"),
    ] {
        assert_eq!(owner.get(&format!("/api/v2/workspaces?q={query}")).invalid(), [wrong], "{query}");
    }
    let page: WorkspacesResponse = owner.get("/api/v2/workspaces?limit=2&offset=1").ok(200);
    let names: Vec<_> = page.workspaces.iter().map(|w| w.name.as_str()).collect();
    assert_eq!((names, page.count), (vec!["beta", "gamma"], 4));
    let past: WorkspacesResponse = owner.get("/api/v2/workspaces?offset=9").ok(200);
    assert_eq!((past.workspaces.len(), past.count), (0, 4));
}

#[test]
fn a_favourite_stands_first_for_its_owner_alone() {
    let server = Server::start();
    let template = server.template("small", SMALLEST);
    let (_, mel) = server.user("mel", &[]);
    let owner = server.owner();
    let made: Vec<Workspace> = ["alpha", "beta"].map(|name| mel.workspace(template.id, name)).into();
    let names = |client: &Client| -> Vec<(String, bool)> {
        let page: WorkspacesResponse = client.get("/api/v2/workspaces").ok(200);
        page.workspaces.into_iter().map(|w| (w.name, w.favorite)).collect()
    };
    let favorite = path(made[1].id, "/favorite");
    mel.put(&favorite, json!({})).expect(204);
    owner.put(&favorite, json!({})).refused(403);
    assert_eq!(names(&mel), [("beta".into(), true), ("alpha".into(), false)]);
    assert_eq!(names(&owner), [("alpha".into(), false), ("beta".into(), false)]);
    mel.delete(&favorite).expect(204);
    assert_eq!(names(&mel), [("alpha".into(), false), ("beta".into(), false)]);
}

#[test]
fn settings_of_a_workspace_are_checked_and_kept() {
    let server = Options::default().set("CODER_ALLOW_WORKSPACE_RENAMES", "true").start();
    let template = server.template("small", SMALLEST);
    let client = server.owner();
    let made = client.workspace(template.id, "box");
    let now = || -> Workspace { client.get(&path(made.id, "")).ok(200) };

    client.put(&path(made.id, "/autostart"), json!({"schedule": "CRON_TZ=Europe/Berlin 30 9 * * 1-5"})).expect(204);
    assert!(now().next_start_at.is_some());
    client.put(&path(made.id, "/autostart"), json!({"schedule": "30 9 1 * *"})).refused(400);
    client.put(&path(made.id, "/autostart"), json!({"schedule": ""})).expect(204);
    assert_eq!((now().autostart_schedule, now().next_start_at), (None, None));

    client.put(&path(made.id, "/ttl"), json!({"ttl_ms": 7_200_500})).expect(204);
    assert_eq!(now().ttl_ms, Some(7_200_000));
    client.put(&path(made.id, "/extend"), json!({"deadline": "2100-01-01T00:00:00Z"})).refused(409);
    let (_, reader) = server.user("ted", &["template-admin"]);
    reader.put(&path(made.id, "/ttl"), json!({"ttl_ms": 1})).refused(400);
    reader.put(&path(made.id, "/ttl"), json!({"ttl_ms": 7_200_000})).refused(403);
    reader.put(&path(made.id, "/extend"), json!({"deadline": "2100-01-01T00:00:00Z"})).refused(409);
    let stopped = finished(&client, made.id, "stop");
    assert!(stopped.latest_build.deadline.is_some(), "a build has its deadline whatever it did");
    let started = finished(&client, made.id, "start");
    let deadline = started.latest_build.deadline.expect("a deadline");
    let runs_for = deadline.since(started.latest_build.job.completed_at.unwrap());
    assert!(
        (7_199_000_000..=7_200_000_000).contains(&runs_for),
        "two hours from when the start was finished: {runs_for}"
    );
    client.put(&path(made.id, "/extend"), json!({"deadline": "2000-01-01T00:00:00Z"})).refused(400);
    reader.put(&path(made.id, "/extend"), json!({"deadline": "2100-01-01T00:00:00Z"})).refused(403);
    let _: Response = client.put(&path(made.id, "/extend"), json!({"deadline": "2100-01-01T00:00:00Z"})).ok(200);
    assert_eq!(now().latest_build.deadline.unwrap().to_string(), "2100-01-01T00:00:00Z");
    client.put(&path(made.id, "/ttl"), json!({"ttl_ms": null})).expect(204);
    assert_eq!((now().ttl_ms, now().latest_build.deadline), (None, None));

    client.patch(&path(made.id, ""), json!({"name": "renamed"})).expect(204);
    assert_eq!(now().name, "renamed");
    client.patch(&path(made.id, ""), json!({"name": "with space"})).refused(400);

    client.put(&path(made.id, "/autoupdates"), json!({"automatic_updates": "always"})).expect(204);
    client.put(&path(made.id, "/autoupdates"), json!({"automatic_updates": "perhaps"})).refused(400);
    let resolved: ResolveAutostartResponse = client.get(&path(made.id, "/resolve-autostart")).ok(200);
    assert!(!resolved.parameter_mismatch);

    client.put(&path(made.id, "/dormant"), json!({"dormant": false})).expect(304);
    let asleep: Workspace = client.put(&path(made.id, "/dormant"), json!({"dormant": true})).ok(200);
    assert!(asleep.dormant_at.is_some());
    let awake = finished(&client, made.id, "start");
    assert!(awake.dormant_at.is_none(), "a start wakes it");

    let (_, nick) = server.user("nick", &[]);
    for setting in ["/autostart", "/ttl", "/extend", "/dormant", "/favorite", "/autoupdates"] {
        nick.put(&path(made.id, setting), json!({})).refused(404);
    }
}

#[test]
fn a_build_that_nobody_takes_waits_and_can_be_cancelled_or_let_go() {
    let server = Server::start();
    let template = server.template("tagged", TAGGED);
    let (_, client) = server.user("mel", &[]);
    let body = json!({"template_id": template.id, "name": "box", "rich_parameter_values": [{"name": "where", "value": "user"}]});
    let made: Workspace = client.post("/api/v2/users/me/workspaces", body).ok(201);
    assert_eq!(made.latest_build.job.tags.get("scope").map(String::as_str), Some("user"));
    assert_eq!(made.latest_build.matched_provisioners.as_ref().map(|m| m.count), Some(0));
    client.post(&path(made.id, "/builds"), json!({"transition": "stop"})).refused(409);
    let cancel = format!("/api/v2/workspacebuilds/{}/cancel", made.latest_build.id);
    // The template leaves cancelling to owners of the deployment.
    for query in ["", "?expect_status=running", "?expect_status=pending"] {
        client.patch(&format!("{cancel}{query}"), json!({})).refused(403);
    }
    let owner = server.owner();
    owner.patch(&format!("{cancel}?expect_status=odd"), json!({})).refused(400);
    owner.patch(&format!("{cancel}?expect_status=running"), json!({})).refused(412);
    let _: Response = owner.patch(&format!("{cancel}?expect_status=pending"), json!({})).ok(200);
    owner.patch(&cancel, json!({})).refused(400);
    let canceled: Workspace = client.get(&path(made.id, "")).ok(200);
    assert_eq!(canceled.latest_build.status, WorkspaceStatus::Canceled);

    let builds = path(made.id, "/builds");
    client.post(&builds, json!({"transition": "stop", "orphan": true})).refused(400);
    client.post(&builds, json!({"transition": "delete", "orphan": true})).refused(403);
    owner.post(&builds, json!({"transition": "delete", "orphan": true, "state": "e30="})).refused(400);
    let gone: WorkspaceBuild = owner.post(&builds, json!({"transition": "delete", "orphan": true})).ok(201);
    assert_eq!(gone.job.status, ProvisionerJobStatus::Succeeded, "there is nobody to do it, and nothing to do");
    client.get(&path(made.id, "")).refused(410);
}

#[test]
fn the_state_of_a_build_is_for_those_who_manage_its_template() {
    let server = Server::start();
    let template = server.template("small", SMALLEST);
    let (_, client) = server.user("mel", &[]);
    let made = client.workspace(template.id, "box");
    let state = format!("/api/v2/workspacebuilds/{}/state", made.latest_build.id);
    client.get(&state).refused(404);
    client.put(&state, json!({"state": "e30="})).refused(404);
    let owner = server.owner();
    owner.put(&state, json!({"state": "no base64!"})).refused(400);
    owner.put(&state, json!({"state": "e30="})).expect(204);
    assert_eq!(owner.get(&state).expect(200).answer.body, b"{}");
    client.post(&path(made.id, "/builds"), json!({"transition": "start", "state": "e30="})).refused(403);
}

#[test]
fn a_workspace_is_built_one_build_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start();
    let template = server.template("waits", &[("main.tf", &waiting(folder.path()))]);
    let client = server.owner();
    let body = json!({"template_id": template.id, "name": "box"});
    let made: Workspace = client.post("/api/v2/users/me/workspaces", body).ok(201);
    eventually("the build", || folder.path().join("begun").exists().then_some(()));
    client.post(&path(made.id, "/builds"), json!({"transition": "stop"})).refused(409);
    std::fs::write(folder.path().join("go-on"), "").unwrap();
    client.wait_for_build(made.latest_build.id);
    assert_eq!(client.build(made.id, "stop").status, WorkspaceStatus::Stopped);
}

#[test]
fn a_watcher_hears_of_each_change() {
    let folder = tempfile::tempdir().unwrap();
    let goes_on = folder.path().join("go-on");
    std::fs::write(&goes_on, "").unwrap();
    let server = Server::start();
    let template = server.template("waits", &[("main.tf", &waiting(folder.path()))]);
    let client = server.owner();
    let made = client.workspace(template.id, "box");
    let mut events = client.events(&path(made.id, "/watch"));
    let mut messages = client.messages(&path(made.id, "/watch-ws"));
    let status = |event: ServerSentEvent| -> Option<WorkspaceStatus> {
        let data = event.data.filter(|_| event.r#type == ServerSentEventType::Data)?;
        Some(serde_json::from_value::<Workspace>(data).expect("a workspace").latest_build.status)
    };
    assert_eq!(events.next().map(|e| e.r#type), Some(ServerSentEventType::Ping));
    assert_eq!(messages.next::<ServerSentEvent>().map(|e| e.r#type), Some(ServerSentEventType::Ping));
    assert_eq!(events.next().and_then(status), Some(WorkspaceStatus::Running));
    assert_eq!(messages.next().and_then(status), Some(WorkspaceStatus::Running));

    // What a build only passes through may be over before anybody looks; what it stays at is told.
    let mut both_hear = |wanted: WorkspaceStatus| {
        for next in [&mut (|| events.next()) as &mut dyn FnMut() -> Option<ServerSentEvent>, &mut || messages.next()] {
            while status(next().expect("the stream goes on")) != Some(wanted) {}
        }
    };
    let _: WorkspaceBuild = client.post(&path(made.id, "/builds"), json!({"transition": "stop"})).ok(201);
    both_hear(WorkspaceStatus::Stopped);
    std::fs::remove_file(&goes_on).unwrap();
    let _: WorkspaceBuild = client.post(&path(made.id, "/builds"), json!({"transition": "start"})).ok(201);
    both_hear(WorkspaceStatus::Starting);
    std::fs::write(&goes_on, "").unwrap();
    both_hear(WorkspaceStatus::Running);
    let (_, nick) = server.user("nick", &[]);
    nick.get(&path(made.id, "/watch")).refused(404);
}

#[test]
fn a_list_shows_a_new_workspace_at_once_and_a_stopped_one_behind_those_that_run() {
    let server = Server::start();
    let template: Template = server.template("small", SMALLEST);
    let client = server.owner();
    let names = || -> Vec<String> {
        let page: WorkspacesResponse = client.get("/api/v2/workspaces?limit=25").ok(200);
        page.workspaces.into_iter().map(|w| w.name).collect()
    };
    assert!(names().is_empty());
    let alpha = client.workspace(template.id, "alpha");
    client.workspace(template.id, "beta");
    assert_eq!(names(), ["alpha", "beta"]);
    finished(&client, alpha.id, "stop");
    assert_eq!(names(), ["beta", "alpha"]);
    finished(&client, alpha.id, "delete");
    assert_eq!(names(), ["beta"]);
}

#[test]
fn a_workspace_is_shared_and_taken_back() {
    let server = Options::default().set("CODER_EXPERIMENTS", "workspace-sharing").start();
    let template = server.template("small", SMALLEST);
    let (_, mel) = server.user("mel", &[]);
    let (nick, client) = server.user("nick", &[]);
    let made = mel.workspace(template.id, "box");
    let acl = path(made.id, "/acl");
    client.get(&path(made.id, "")).refused(404);
    mel.patch(&acl, json!({"user_roles": {nick.id.to_string(): "king"}})).refused(400);
    mel.patch(&acl, json!({"user_roles": {NOWHERE: "use"}})).refused(400);
    mel.patch(&acl, json!({"user_roles": {nick.id.to_string(): "use"}})).expect(204);
    let shared: WorkspaceACL = mel.get(&acl).ok(200);
    assert_eq!(shared.users.iter().map(|u| (u.id, u.role)).collect::<Vec<_>>(), [(nick.id, WorkspaceRole::Use)]);
    let seen: Workspace = client.get(&path(made.id, "")).ok(200);
    assert_eq!(seen.shared_with.len(), 1);
    let page: WorkspacesResponse = client.get("/api/v2/workspaces?q=shared:true").ok(200);
    assert_eq!(page.count, 1);
    client.patch(&acl, json!({"user_roles": {nick.id.to_string(): "admin"}})).refused(403);
    client.post(&path(made.id, "/builds"), json!({"transition": "delete"})).refused(403);
    mel.delete(&acl).expect(204);
    client.get(&path(made.id, "")).refused(404);
}

#[test]
fn without_the_experiment_nothing_is_shared() {
    let server = Server::start();
    let template = server.template("small", SMALLEST);
    let client = server.owner();
    let made = client.workspace(template.id, "box");
    client.get(&path(made.id, "/acl")).refused(403);
    client.patch(&path(made.id, "/acl"), json!({})).refused(403);
}
