//! The log of connections to workspaces: who opened what, when, and until when.

use uuid::Uuid;

use crate::rbac::{Object, Resource};
use crate::sdk::{ConnectionLogStatus, ConnectionType};
use crate::store::clause::Where;
use crate::store::db::{Guarded, Switches};
use crate::store::driver::Dialect;
use crate::store::filter::Columns;
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A row of `connection_logs`.
    pub struct ConnectionLog {
        pub id: Uuid,
        pub connect_time: Time,
        pub organization_id: Uuid,
        pub workspace_owner_id: Uuid,
        pub workspace_id: Uuid,
        pub workspace_name: String,
        pub agent_name: String,
        pub r#type: ConnectionType = "type",
        pub ip: Option<String>,
        pub code: Option<i32>,
        pub user_agent: Option<String>,
        pub user_id: Option<Uuid>,
        pub slug_or_port: Option<String>,
        pub connection_id: Option<Uuid>,
        pub disconnect_time: Option<Time>,
        pub disconnect_reason: Option<String>,
    }
}

impl Guarded for ConnectionLog {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::ConnectionLog).id(self.id).org(self.organization_id)
    }
}

/// A connection belongs to an organization and to nobody, the workspace's owner included.
const COLUMNS: Columns = Columns { id: "c.id", org: Some("c.organization_id"), owner: None, acl: None };

/// What the log is searched for. What is left empty does not count.
#[derive(Debug, Clone, Default)]
pub struct ConnectionSearch {
    /// In this organization.
    pub organization_id: Option<Uuid>,
    /// To workspaces of this user.
    pub workspace_owner_id: Option<Uuid>,
    /// To workspaces of the user of this name.
    pub workspace_owner: String,
    /// To workspaces of the user with this address.
    pub workspace_owner_email: String,
    /// To this workspace.
    pub workspace_id: Option<Uuid>,
    /// Of this kind.
    pub kind: Option<ConnectionType>,
    /// By this user.
    pub user_id: Option<Uuid>,
    /// By the user of this name.
    pub username: String,
    /// By the user with this address.
    pub user_email: String,
    /// Opened then or later.
    pub connected_after: Option<Time>,
    /// Opened then or earlier.
    pub connected_before: Option<Time>,
    /// This one.
    pub connection_id: Option<Uuid>,
    /// Still open, or not. Of what a browser opens nobody knows when it is closed.
    pub status: Option<ConnectionLogStatus>,
}

impl ConnectionSearch {
    /// As conditions on a connection `c`.
    pub fn conditions(&self, dialect: Dialect) -> Where {
        let mut c = Where::new();
        for (piece, id) in [
            ("c.organization_id = ?", self.organization_id),
            ("c.workspace_owner_id = ?", self.workspace_owner_id),
            ("c.workspace_id = ?", self.workspace_id),
            ("c.user_id = ?", self.user_id),
            ("c.connection_id = ?", self.connection_id),
        ] {
            if let Some(id) = id {
                c.and_with(piece, id);
            }
        }
        for (piece, text) in [
            (
                "c.workspace_owner_id IN (SELECT id FROM users WHERE lower(username) = lower(?) AND deleted = FALSE)",
                &self.workspace_owner,
            ),
            (
                "c.workspace_owner_id IN (SELECT id FROM users WHERE lower(email) = lower(?) AND deleted = FALSE)",
                &self.workspace_owner_email,
            ),
            (
                "c.user_id IN (SELECT id FROM users WHERE lower(username) = lower(?) AND deleted = FALSE)",
                &self.username,
            ),
            ("c.user_id IN (SELECT id FROM users WHERE lower(email) = lower(?))", &self.user_email),
        ] {
            if !text.is_empty() {
                c.and_with(piece, text.clone());
            }
        }
        for (piece, time) in
            [("c.connect_time >= ?", self.connected_after), ("c.connect_time <= ?", self.connected_before)]
        {
            if let Some(time) = time {
                c.and_with(piece, time);
            }
        }
        if let Some(kind) = self.kind {
            c.and_with(if dialect == Dialect::Sqlite { "c.type = ?" } else { "c.type::text = ?" }, kind);
        }
        if let Some(status) = self.status {
            c.and("c.type NOT IN ('workspace_app', 'port_forwarding')");
            c.and(match status {
                ConnectionLogStatus::Ongoing => "c.disconnect_time IS NULL",
                ConnectionLogStatus::Completed => "c.disconnect_time IS NOT NULL",
            });
        }
        c
    }
}

queries! {
    /// Notes that a connection was opened or, when it has a time of its end, closed. Whatever comes first makes
    /// the row; its end is noted once.
    UpsertConnectionLog = upsert_connection_log(db, connection: &ConnectionLog) -> one ConnectionLog;
        allow(system Update ConnectionLog),
        sql "INSERT INTO connection_logs {insert}
            ON CONFLICT (connection_id, workspace_id, agent_name) DO UPDATE SET
                disconnect_time = COALESCE(connection_logs.disconnect_time, excluded.disconnect_time),
                disconnect_reason = CASE WHEN excluded.disconnect_time IS NULL THEN connection_logs.disconnect_reason
                    ELSE COALESCE(connection_logs.disconnect_reason, excluded.disconnect_reason) END,
                code = CASE WHEN excluded.disconnect_time IS NULL THEN connection_logs.code
                    ELSE COALESCE(connection_logs.code, excluded.code) END
            RETURNING {row}";

    /// A page of the connections that the caller may know of, newest first.
    GetConnectionLogsOffset = get_connection_logs_offset(db, conditions: &Where, page_size: i64, page_start: i64) -> many ConnectionLog;
        allow(filter Read ConnectionLog COLUMNS),
        sql "SELECT {row:c} FROM connection_logs c WHERE {where} AND {filter} ORDER BY c.connect_time DESC, c.id LIMIT :page_size OFFSET :page_start";

    /// How many connections all those pages hold.
    CountConnectionLogs = count_connection_logs(db, conditions: &Where) -> one i64;
        allow(filter Read ConnectionLog COLUMNS),
        sql "SELECT count(*) FROM connection_logs c WHERE {where} AND {filter}";
}
