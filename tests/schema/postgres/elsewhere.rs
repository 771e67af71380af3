//! A whole server in a schema of another name, where there is no `public`.

use std::sync::Arc;

use rockpool::sdk::{User, Workspace, WorkspaceStatus};

use super::column;
use crate::support::Options;
use crate::support::postgres::{empty_database_with_schema, waits_for_its_run};
use crate::support::templates::SMALLEST;

#[test]
fn a_server_keeps_everything_in_the_schema_that_search_path_names() {
    if waits_for_its_run() {
        return;
    }
    let database = Arc::new(empty_database_with_schema("Rock pool"));
    let mut server = Options::default().database(database.clone()).start();
    let template = server.template("small", SMALLEST);
    let (mel, client) = server.user("mel", &[]);
    let workspace = client.workspace(template.id, "box");
    client.build(workspace.id, "stop");
    let stopped: Workspace = client.get(&format!("/api/v2/workspaces/{}", workspace.id)).ok(200);
    assert_eq!((stopped.owner_id, stopped.latest_build.status), (mel.id, WorkspaceStatus::Stopped));

    server.stop();
    server.start_again();
    let again: User = server.log_in("mel@example.com").get("/api/v2/users/me").ok(200);
    assert_eq!(again.id, mel.id);
    let mut client = database.connect();
    let homes = "SELECT DISTINCT nspname::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                 WHERE relkind IN ('r', 'v', 'S') AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'";
    assert_eq!(column(&mut client, homes), ["Rock pool"]);
    assert_eq!(column(&mut client, "SELECT name::text FROM workspaces"), ["box"]);
}
