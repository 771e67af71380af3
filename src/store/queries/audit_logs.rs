//! The audit log: who did what to what.

use uuid::Uuid;

use super::workspace_builds::BuildReason;
use crate::rbac::{Object, Resource};
use crate::sdk::{AuditAction, ResourceType};
use crate::store::clause::Where;
use crate::store::db::{Guarded, Switches};
use crate::store::driver::Dialect;
use crate::store::filter::Columns;
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A row of `audit_logs`. What concerns no organization has the nil id for one.
    pub struct AuditLog {
        pub id: Uuid,
        pub time: Time,
        pub user_id: Uuid,
        pub organization_id: Uuid,
        pub ip: Option<String>,
        pub user_agent: Option<String>,
        pub resource_type: ResourceType,
        pub resource_id: Uuid,
        pub resource_target: String,
        pub action: AuditAction,
        pub diff: serde_json::Value,
        pub status_code: i32,
        pub additional_fields: serde_json::Value,
        pub request_id: Uuid,
        pub resource_icon: String,
    }
}

impl Guarded for AuditLog {
    fn object(&self, _: Switches) -> Object {
        let object = Object::of(Resource::AuditLog).id(self.id);
        if self.organization_id.is_nil() { object } else { object.org(self.organization_id) }
    }
}

const COLUMNS: Columns = Columns { id: "a.id", org: Some("a.organization_id"), owner: None, acl: None };

/// What the log is searched for. What is left empty does not count.
#[derive(Debug, Clone, Default)]
pub struct AuditSearch {
    /// Of this request.
    pub request_id: Option<Uuid>,
    /// About this thing.
    pub resource_id: Option<Uuid>,
    /// About things of this name.
    pub resource_target: String,
    /// About things of this kind.
    pub resource_type: Option<ResourceType>,
    /// Done by this user.
    pub user_id: Option<Uuid>,
    /// Done by the user of this name.
    pub username: String,
    /// Done by the user with this address.
    pub email: String,
    /// In this organization.
    pub organization_id: Option<Uuid>,
    /// Of this kind of change.
    pub action: Option<AuditAction>,
    /// About builds that were made for this reason.
    pub build_reason: Option<BuildReason>,
    /// Then or later.
    pub from: Option<Time>,
    /// Then or earlier.
    pub to: Option<Time>,
}

impl AuditSearch {
    /// As conditions on an entry `a`.
    pub fn conditions(&self, dialect: Dialect) -> Where {
        let sqlite = dialect == Dialect::Sqlite;
        let mut c = Where::new();
        for (piece, id) in [
            ("a.request_id = ?", self.request_id),
            ("a.resource_id = ?", self.resource_id),
            ("a.user_id = ?", self.user_id),
            ("a.organization_id = ?", self.organization_id),
        ] {
            if let Some(id) = id {
                c.and_with(piece, id);
            }
        }
        for (piece, time) in [("a.time >= ?", self.from), ("a.time <= ?", self.to)] {
            if let Some(time) = time {
                c.and_with(piece, time);
            }
        }
        for (piece, text) in [
            ("a.resource_target = ?", &self.resource_target),
            (
                "a.user_id IN (SELECT id FROM users WHERE lower(username) = lower(?) AND deleted = FALSE)",
                &self.username,
            ),
            ("a.user_id IN (SELECT id FROM users WHERE lower(email) = lower(?))", &self.email),
        ] {
            if !text.is_empty() {
                c.and_with(piece, text.clone());
            }
        }
        if let Some(kind) = self.resource_type {
            c.and_with(if sqlite { "a.resource_type = ?" } else { "a.resource_type::text = ?" }, kind);
        }
        if let Some(action) = self.action {
            c.and_with(if sqlite { "a.action = ?" } else { "a.action::text = ?" }, action);
        }
        if let Some(reason) = self.build_reason {
            // Making a workspace makes its first build.
            let piece = if sqlite {
                "EXISTS (SELECT 1 FROM workspace_builds b WHERE b.reason = ? AND (
                    (a.resource_type = 'workspace_build' AND b.id = a.resource_id)
                    OR (a.resource_type = 'workspace' AND a.action = 'create' AND b.workspace_id = a.resource_id AND b.build_number = 1)))"
            } else {
                "EXISTS (SELECT 1 FROM workspace_builds b WHERE b.reason::text = ? AND (
                    (a.resource_type = 'workspace_build' AND b.id = a.resource_id)
                    OR (a.resource_type = 'workspace' AND a.action = 'create' AND b.workspace_id = a.resource_id AND b.build_number = 1)))"
            };
            c.and_with(piece, reason);
        }
        c
    }
}

queries! {
    /// Writes an entry.
    InsertAuditLog = insert_audit_log(db, entry: &AuditLog) -> one AuditLog;
        allow(system Create AuditLog),
        sql "INSERT INTO audit_logs {insert} RETURNING {row}";

    /// A page of the entries that the caller may read, newest first.
    GetAuditLogsOffset = get_audit_logs_offset(db, conditions: &Where, page_size: i64, page_start: i64) -> many AuditLog;
        allow(filter Read AuditLog COLUMNS),
        sql "SELECT {row:a} FROM audit_logs a WHERE {where} AND {filter} ORDER BY a.time DESC, a.id LIMIT :page_size OFFSET :page_start";

    /// How many entries all those pages hold.
    CountAuditLogs = count_audit_logs(db, conditions: &Where) -> one i64;
        allow(filter Read AuditLog COLUMNS),
        sql "SELECT count(*) FROM audit_logs a WHERE {where} AND {filter}";
}
