//! A server that is killed while it builds: what it acknowledged is still there, and the build that nobody finished says so.

use rockpool::sdk::{ProvisionerJobStatus, Workspace, WorkspaceBuild, WorkspaceStatus, WorkspaceTransition};
use serde_json::json;

use crate::support::templates::{SMALLEST, tar, waiting};
use crate::support::{Options, eventually};

#[test]
fn a_build_that_a_kill_cut_off_is_failed_at_the_next_start_and_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Options::default().process().start();
    let owner = server.owner();
    let template = server.template("waits", &[("main.tf", &waiting(folder.path()))]);
    let made: Workspace =
        owner.post("/api/v2/users/me/workspaces", json!({"template_id": template.id, "name": "box"})).ok(201);
    eventually("the build", || folder.path().join("begun").exists().then_some(()));

    server.kill();
    server.start_again();

    // The token, the template, the workspace: acknowledged, so still there.
    let owner = server.anonymous().with_token(owner.token());
    let path = format!("/api/v2/workspaces/{}", made.id);
    let found: Workspace = owner.get(&path).ok(200);
    assert_eq!(found.latest_build.id, made.latest_build.id);
    assert_eq!(found.latest_build.status, WorkspaceStatus::Failed);
    let job = &found.latest_build.job;
    assert_eq!(job.status, ProvisionerJobStatus::Failed);
    assert!(job.error.contains("ended while this job was running"), "{}", job.error);
    let log = owner.follow_logs(&format!("/api/v2/workspacebuilds/{}/logs", made.latest_build.id));
    assert!(log.iter().any(|line| line.output == job.error), "the log does not say so either");

    // What the cut-off build had made is made again, and the workspace goes its way.
    std::fs::write(folder.path().join("go-on"), "").unwrap();
    let again = owner.build(made.id, "start");
    assert_eq!((again.build_number, again.status), (2, WorkspaceStatus::Running), "{}", again.job.error);
    let gone = owner.build(made.id, "delete");
    assert_eq!(gone.status, WorkspaceStatus::Deleted, "{}", gone.job.error);
}

#[test]
fn a_server_that_is_told_to_end_gives_up_its_builds_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Options::default().process().start();
    let owner = server.owner();
    let template = server.template("waits", &[("main.tf", &waiting(folder.path()))]);
    let made: Workspace =
        owner.post("/api/v2/users/me/workspaces", json!({"template_id": template.id, "name": "box"})).ok(201);
    eventually("the build", || folder.path().join("begun").exists().then_some(()));

    server.stop();
    server.start_again();

    let owner = server.anonymous().with_token(owner.token());
    let build: WorkspaceBuild = owner.get(&format!("/api/v2/workspacebuilds/{}", made.latest_build.id)).ok(200);
    assert_eq!((build.transition, build.job.status), (WorkspaceTransition::Start, ProvisionerJobStatus::Failed));
    assert!(!build.job.error.is_empty());
}

#[test]
fn a_build_that_nobody_had_begun_is_run_by_the_next_server() {
    let mut server = Options::default().set("CODER_PROVISIONER_DAEMONS", "0").process().start();
    let owner = server.owner();
    let file = owner.upload(&tar(SMALLEST), "application/x-tar");
    let body = json!({"storage_method": "file", "file_id": file, "provisioner": "terraform", "tags": {}});
    let version: serde_json::Value =
        owner.post(&format!("/api/v2/organizations/{}/templateversions", server.organization()), body).ok(201);
    let id: uuid::Uuid = version["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(version["job"]["status"], "pending");

    server.kill();
    server.set("CODER_PROVISIONER_DAEMONS", "1");
    server.start_again();

    let owner = server.anonymous().with_token(owner.token());
    assert_eq!(owner.wait_for_version(id).job.status, ProvisionerJobStatus::Succeeded);
}
