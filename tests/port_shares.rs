//! Ports of workspaces that are shared: with whom, how widely at most, and who may say so.

use rockpool::sdk::client::Request;
use rockpool::sdk::{Template, WireEnum, Workspace, WorkspaceAgentPortShare, WorkspaceAgentPortShares};
use serde_json::{Value, json};

use crate::support::{Client, Server};

const WITH_AGENT: &[(&str, &str)] = &[(
    "main.tf",
    r#"
terraform {
  required_providers {
    coder = { source = "coder/coder" }
  }
}
resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
resource "null_resource" "box" {
  depends_on = [coder_agent.main]
}
"#,
)];

fn workspace(server: &Server, client: &Client) -> (Template, String) {
    let template = server.template("agents", WITH_AGENT);
    allow(server, &template, "public");
    let body = json!({"template_id": template.id, "name": "box"});
    let made: Workspace = client.post("/api/v2/users/me/workspaces", body).ok(201);
    client.wait_for_build(made.latest_build.id);
    (template, format!("/api/v2/workspaces/{}/port-share", made.id))
}

/// Says how widely ports of a template's workspaces may be shared.
fn allow(server: &Server, template: &Template, level: &str) {
    let body = json!({"name": template.name, "max_port_share_level": level});
    let changed: Template = server.owner().patch(&format!("/api/v2/templates/{}", template.id), body).ok(200);
    assert_eq!(WireEnum::as_str(changed.max_port_share_level), level);
}

fn share(port: i32, level: &str) -> Value {
    json!({"agent_name": "main", "port": port, "share_level": level, "protocol": "http"})
}

fn shared(client: &Client, path: &str) -> Vec<(i32, &'static str)> {
    let found: WorkspaceAgentPortShares = client.get(path).ok(200);
    found.shares.iter().map(|share| (share.port, WireEnum::as_str(share.share_level))).collect()
}

fn unshare(client: &Client, path: &str, port: i32) -> u16 {
    let body = json!({"agent_name": "main", "port": port}).to_string();
    let headers = vec![("Content-Type", "application/json")];
    client.send(&Request { method: "DELETE", target: path, headers, body: body.as_bytes() }).answer.status
}

#[test]
fn a_port_is_shared_changed_and_shared_no_more() {
    let server = Server::start();
    let owner = server.owner();
    let (_, path) = workspace(&server, &owner);
    assert_eq!(shared(&owner, &path), []);
    let made: WorkspaceAgentPortShare = owner.post(&path, share(8080, "authenticated")).ok(200);
    assert_eq!((made.agent_name.as_str(), made.port), ("main", 8080));
    owner.post(&path, share(3000, "public")).expect(200);
    owner.post(&path, share(8080, "organization")).expect(200);
    assert_eq!(shared(&owner, &path), [(3000, "public"), (8080, "organization")]);
    assert_eq!(unshare(&owner, &path, 3000), 200);
    assert_eq!(unshare(&owner, &path, 3000), 404);
    assert_eq!(shared(&owner, &path), [(8080, "organization")]);
}

#[test]
fn what_cannot_be_shared_is_refused() {
    let server = Server::start();
    let owner = server.owner();
    let (_, path) = workspace(&server, &owner);
    for (body, field) in [
        (share(8, "public"), Some("port")),
        (share(65536, "public"), Some("port")),
        (share(8080, "owner"), Some("share_level")),
        (share(8080, "all"), Some("share_level")),
        (json!({"agent_name": "main", "port": 8080, "share_level": "public", "protocol": "ftp"}), None),
        (json!({"agent_name": "none", "port": 8080, "share_level": "public", "protocol": "http"}), None),
    ] {
        let fields = owner.post(&path, &body).invalid();
        assert_eq!(fields.first().map(String::as_str), field, "{body}");
    }
    assert_eq!(shared(&owner, &path), []);
}

#[test]
fn a_template_says_how_widely_at_most() {
    let server = Server::start();
    let owner = server.owner();
    let (template, path) = workspace(&server, &owner);
    let levels = ["organization", "authenticated", "public"];
    for (allowed, most) in levels.iter().enumerate() {
        allow(&server, &template, most);
        for (at, level) in levels.iter().enumerate() {
            let expected = if at <= allowed { 200 } else { 400 };
            owner.post(&path, share(8080, level)).expect(expected);
        }
    }
}

#[test]
fn only_who_may_change_a_workspace_shares_its_ports() {
    let server = Server::start();
    let (_, holder) = server.user("holder", &[]);
    let (_, path) = workspace(&server, &holder);
    let (_, reader) = server.user("tara", &["template-admin"]);
    let (_, other) = server.user("ben", &[]);
    holder.post(&path, share(8080, "public")).expect(200);
    assert_eq!(shared(&reader, &path), [(8080, "public")]);
    reader.post(&path, share(8081, "public")).refused(403);
    assert_eq!(unshare(&reader, &path, 8080), 403);
    other.get(&path).refused(404);
    other.post(&path, share(8081, "public")).refused(404);
    assert_eq!(unshare(&other, &path, 8080), 404);
    server.anonymous().get(&path).refused(401);
    assert_eq!(shared(&holder, &path), [(8080, "public")]);
}
