//! The log of connections: what opens and closes connections to workspaces says so here. Only where the
//! deployment has that log: nobody could read it elsewhere.

use uuid::Uuid;

use crate::deployment::Deployment;
use crate::licensing;
use crate::rbac::system;
use crate::sdk::{ConnectionType, FeatureName};
use crate::store::queries::connection_logs::ConnectionLog;
use crate::store::queries::workspaces::Workspace;
use crate::time::Time;

/// A connection, as far as it is known to whoever tells of it.
#[derive(Debug, Clone)]
pub struct Connection<'a> {
    /// To which workspace.
    pub workspace: &'a Workspace,
    /// To which of its agents.
    pub agent_name: &'a str,
    /// Of what kind.
    pub kind: ConnectionType,
    /// Its id; opening and closing are told with the same one. What a browser opens has none.
    pub id: Option<Uuid>,
    /// From where.
    pub ip: Option<String>,
    /// By whom, and with what; known of browsers.
    pub user_id: Option<Uuid>,
    /// The same.
    pub user_agent: Option<String>,
    /// The app or the port that a browser opened.
    pub slug_or_port: Option<String>,
    /// The status of an answer, or what a session ended with.
    pub code: Option<i32>,
}

/// Notes that a connection was opened.
pub fn opened(deployment: &Deployment, connection: &Connection<'_>) {
    write(deployment, connection, None);
}

/// Notes that a connection was closed, and why. Its opening need not have been told.
pub fn closed(deployment: &Deployment, connection: &Connection<'_>, reason: &str) {
    write(deployment, connection, Some(reason));
}

/// Whoever connects does not fail for want of a note, so a failure here is only reported.
fn write(deployment: &Deployment, connection: &Connection<'_>, closed: Option<&str>) {
    if !licensing::entitled(&deployment.config, FeatureName::ConnectionLog) {
        return;
    }
    let now = deployment.clock.now();
    let row = row(connection, deployment.ids.uuid(), now, closed);
    if let Err(e) = deployment.db_as(system::connection_logger()).upsert_connection_log(&row) {
        log::error!(target: "audit", workspace:% = row.workspace_id; "a connection cannot be logged: {e}");
    }
}

fn row(connection: &Connection<'_>, id: Uuid, now: Time, closed: Option<&str>) -> ConnectionLog {
    let workspace = connection.workspace;
    ConnectionLog {
        id,
        connect_time: now,
        organization_id: workspace.organization_id,
        workspace_owner_id: workspace.owner_id,
        workspace_id: workspace.id,
        workspace_name: workspace.name.clone(),
        agent_name: connection.agent_name.to_owned(),
        r#type: connection.kind,
        ip: connection.ip.clone(),
        code: connection.code,
        user_agent: connection.user_agent.clone(),
        user_id: connection.user_id,
        slug_or_port: connection.slug_or_port.clone(),
        connection_id: connection.id,
        disconnect_time: closed.map(|_| now),
        disconnect_reason: closed.map(str::to_owned),
    }
}
