//! The log of connections, as those who may read it see it.

use std::time::Duration;

use rockpool::audit::connections::{Connection, closed, opened};
use rockpool::sdk::{ConnectionLog, ConnectionLogResponse, ConnectionType};
use rockpool::server::Hands;
use rockpool::time::{Clock, Time};
use serde_json::json;
use uuid::Uuid;

use crate::support::templates::SMALLEST;
use crate::support::{Client, Options, Server};

const SESSION: Uuid = Uuid::from_u128(0x3f0c6f0e_1f0c_4a60_9f3e_5a5a5a5a5a5a);

#[track_caller]
fn found(client: &Client, query: &str) -> Vec<ConnectionLog> {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let answer: ConnectionLogResponse = client.get(&format!("/api/v2/connectionlog?limit=10&q={query}")).ok(200);
    assert_eq!(answer.connection_logs.len() as i64, answer.count);
    answer.connection_logs
}

/// A server with a workspace of mona's, to which she has had an SSH session and opened an app.
fn with_connections() -> (Server, Clock, Client) {
    let clock = Clock::held(Time::parse("2026-05-01T12:00:00Z").unwrap());
    let server = Options::default().hands(Hands { clock: clock.clone(), ..Hands::default() }).start();
    let template = server.template("lasting", SMALLEST);
    let (user, mona) = server.user("mona", &[]);
    let workspace = mona.workspace(template.id, "box");
    let deployment = &server.running().deployment;
    let row = deployment.system_db().get_workspace_by_id(workspace.id).unwrap();
    let session = Connection {
        workspace: &row,
        agent_name: "main",
        kind: ConnectionType::Ssh,
        id: Some(SESSION),
        ip: Some("10.1.2.3".into()),
        user_id: None,
        user_agent: None,
        slug_or_port: None,
        code: None,
    };
    opened(deployment, &session);
    clock.advance(Duration::from_secs(60));
    let app = Connection {
        kind: ConnectionType::WorkspaceApp,
        id: None,
        user_id: Some(user.id),
        user_agent: Some("a browser".into()),
        slug_or_port: Some("editor".into()),
        code: Some(200),
        ..session.clone()
    };
    opened(deployment, &app);
    assert_eq!(found(&server.owner(), "status:ongoing").len(), 1);
    clock.advance(Duration::from_secs(60));
    closed(deployment, &Connection { code: Some(1), ..session.clone() }, "the lid was shut");
    // What is told again changes nothing.
    clock.advance(Duration::from_secs(60));
    closed(deployment, &Connection { code: Some(2), ..session.clone() }, "somebody else says so");
    opened(deployment, &session);
    (server, clock, mona)
}

#[test]
fn a_session_has_one_entry_with_its_end_and_an_app_one_for_each_opening() {
    let (server, _, _) = with_connections();
    let all = found(&server.owner(), "");
    assert_eq!(all.iter().map(|c| c.r#type).collect::<Vec<_>>(), [ConnectionType::WorkspaceApp, ConnectionType::Ssh]);
    let (app, session) = (&all[0], &all[1]);
    assert_eq!((session.workspace_name.as_str(), session.agent_name.as_str()), ("box", "main"));
    assert_eq!((session.workspace_owner_username.as_str(), session.organization.name.as_str()), ("mona", "coder"));
    assert_eq!(session.ip.as_deref(), Some("10.1.2.3"));
    let ssh = session.ssh_info.as_ref().unwrap();
    assert_eq!((ssh.connection_id, ssh.exit_code), (SESSION, Some(1)));
    assert_eq!(ssh.disconnect_reason, "the lid was shut");
    assert_eq!(ssh.disconnect_time, Time::parse("2026-05-01T12:02:00Z"));
    assert!(session.web_info.is_none() && app.ssh_info.is_none());
    let web = app.web_info.as_ref().unwrap();
    assert_eq!((web.user_agent.as_str(), web.slug_or_port.as_str(), web.status_code), ("a browser", "editor", 200));
    assert_eq!(web.user.as_ref().unwrap().username, "mona");
}

#[test]
fn connections_are_found_by_what_is_known_of_them() {
    let (server, _, mona) = with_connections();
    let owner = server.owner();
    let workspace = found(&owner, "")[0].workspace_id;
    for (query, want) in [
        ("type:ssh".to_owned(), 1),
        ("type:workspace_app".into(), 1),
        ("type:vscode".into(), 0),
        ("username:MONA".into(), 1),
        ("username:me".into(), 0),
        ("user_email:mona@example.com".into(), 1),
        ("workspace_owner:mona".into(), 2),
        ("workspace_owner:me".into(), 0),
        ("workspace_owner_email:mona@example.com".into(), 2),
        (format!("workspace_id:{workspace}"), 2),
        (format!("connection_id:{SESSION}"), 1),
        ("status:ongoing".into(), 0),
        ("status:completed".into(), 1),
        ("organization:coder".into(), 2),
        (r#"connected_before:"2026-05-01t12:00:30z""#.into(), 1),
        (r#"connected_after:"2026-05-01t12:00:30z""#.into(), 1),
    ] {
        assert_eq!(found(&owner, &query).len(), want, "{query}");
    }
    for (query, field) in [
        ("type:castle", "type"),
        ("workspace_id:x", "workspace_id"),
        ("status:asleep", "status"),
        ("organization:nowhere", "organization"),
        ("connected_before:2020-01-01t00:00:00z", "q"),
        ("colour:red", "colour"),
        ("text", "search"),
    ] {
        assert_eq!(owner.get(&format!("/api/v2/connectionlog?q={query}")).invalid(), [field], "{query}");
    }
    assert_eq!(owner.get("/api/v2/connectionlog?limit=-1").invalid(), ["limit"]);
    // Not even one's own, to one's own workspace.
    assert!(found(&mona, "").is_empty());
}

#[test]
fn only_those_who_may_read_connections_find_any() {
    let (server, _, mona) = with_connections();
    let owner = server.owner();
    let (_, auditor) = server.user("aude", &["auditor"]);
    let (_, keeper) = server.user("tea", &["template-admin"]);
    let (_, local) = server.user("oda", &[]);
    let path = |organization: Uuid| format!("/api/v2/organizations/{organization}/members/oda/roles");
    owner.put(&path(server.organization()), json!({ "roles": ["organization-auditor"] })).expect(200);
    for (client, want) in [(&owner, 2), (&auditor, 2), (&local, 2), (&mona, 0), (&keeper, 0)] {
        assert_eq!(found(client, "").len(), want);
    }
    let second: rockpool::sdk::Organization = owner.post("/api/v2/organizations", json!({ "name": "second" })).ok(201);
    owner.post("/api/v2/organizations/second/members/oda", json!(null)).expect(200);
    owner.put(&path(server.organization()), json!({ "roles": [] })).expect(200);
    owner.put(&path(second.id), json!({ "roles": ["organization-auditor"] })).expect(200);
    assert!(found(&local, "").is_empty(), "connections of one organization are not another's to know");
    server.anonymous().get("/api/v2/connectionlog").refused(401);
}
