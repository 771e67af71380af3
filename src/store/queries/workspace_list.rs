//! Lists of workspaces: which match a search, in what order, and how many there are.
//!
//! A list is read in two steps, so that its cost does not grow with what a row holds: first the ids of
//! one page, from the columns that decide place and match alone; then, with
//! [`get_workspaces_by_ids`](crate::store::Db::get_workspaces_by_ids), the page itself.

use uuid::Uuid;

use super::workspaces::{COLUMNS, WorkspaceAcl};
use crate::sdk::WorkspaceStatus;
use crate::store::clause::Where;
use crate::store::driver::Dialect;
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::value::Value;
use crate::time::Time;

rows! {
    /// As much of a workspace as its place in a list hangs on.
    pub struct WorkspaceInOrder {
        pub id: Uuid,
        pub owner_id: Uuid,
        pub organization_id: Uuid,
        pub favorite: bool,
        pub user_acl: WorkspaceAcl,
        pub group_acl: WorkspaceAcl,
        pub dormant_at: Option<Time>,
    }
}

/// What workspaces are searched for. What is left empty does not count.
#[derive(Debug, Clone, Default)]
pub struct WorkspaceSearch {
    /// One of these.
    pub ids: Vec<Uuid>,
    /// Owned by this user.
    pub owner_id: Option<Uuid>,
    /// Owned by the user of that name.
    pub owner_username: String,
    /// In this organization.
    pub organization_id: Option<Uuid>,
    /// Of a template of that name.
    pub template_name: String,
    /// With this in its name.
    pub name: String,
    /// Doing this.
    pub status: Option<WorkspaceStatus>,
    /// With an agent that is connected, connecting, disconnected or timed out; started ones only.
    pub has_agent: String,
    /// Dormant ones only.
    pub dormant: bool,
    /// Used then or earlier.
    pub last_used_before: Option<Time>,
    /// Used then or later.
    pub last_used_after: Option<Time>,
    /// Whether on another version than its template's active one.
    pub outdated: Option<bool>,
    /// Whether it belongs to a task.
    pub has_ai_task: Option<bool>,
    /// Whether an agent outside the template's reach is part of it.
    pub has_external_agent: Option<bool>,
    /// Whether shared with anybody.
    pub shared: Option<bool>,
    /// Shared with this user.
    pub shared_with_user_id: Option<Uuid>,
    /// Shared with this group.
    pub shared_with_group_id: Option<Uuid>,
    /// Built with a parameter of one of these names.
    pub has_param: Vec<String>,
    /// Built with one of these values.
    pub params: Vec<(String, String)>,
}

/// How long, in seconds, an agent may be silent before it counts as gone.
const SILENCE_SECONDS: i64 = 30;

impl WorkspaceSearch {
    /// Whether it asks about latest builds, which costs a look at each.
    pub fn looks_at_builds(&self) -> bool {
        self.status.is_some()
            || !self.has_agent.is_empty()
            || self.outdated.is_some()
            || self.has_external_agent.is_some()
            || !self.has_param.is_empty()
            || !self.params.is_empty()
    }

    /// As conditions on a workspace `w`, its latest build `b` and that build's job `j`.
    pub fn conditions(&self, dialect: Dialect, now: Time) -> Where {
        let sqlite = dialect == Dialect::Sqlite;
        let mut c = Where::new();
        c.and("w.deleted = FALSE");
        if !self.ids.is_empty() {
            c.and_with(
                if sqlite { "w.id IN (SELECT value FROM json_each(?))" } else { "w.id = ANY(?)" },
                self.ids.clone(),
            );
        }
        if let Some(id) = self.owner_id {
            c.and_with("w.owner_id = ?", id);
        }
        if !self.owner_username.is_empty() {
            c.and_with(
                "w.owner_id = (SELECT id FROM users WHERE lower(username) = lower(?) AND deleted = FALSE)",
                self.owner_username.clone(),
            );
        }
        if let Some(id) = self.organization_id {
            c.and_with("w.organization_id = ?", id);
        }
        if !self.template_name.is_empty() {
            c.and_with(
                "w.template_id IN (SELECT id FROM templates WHERE lower(name) = lower(?) AND deleted = FALSE)",
                self.template_name.clone(),
            );
        }
        if !self.name.is_empty() {
            c.and_with("lower(w.name) LIKE '%' || lower(?) || '%'", self.name.clone());
        }
        if let Some(status) = self.status {
            c.and(of_status(status));
        }
        if !self.has_agent.is_empty() {
            let piece = if sqlite { HAS_AGENT_SQLITE } else { HAS_AGENT_POSTGRES };
            let silent = if sqlite { now.plus_micros(-SILENCE_SECONDS * 1_000_000) } else { now };
            c.and_all(piece, vec![Value::Time(now), Value::Time(silent), Value::Text(self.has_agent.clone().into())]);
        }
        if self.dormant {
            c.and("w.dormant_at IS NOT NULL");
        }
        if let Some(time) = self.last_used_before {
            c.and_with("w.last_used_at <= ?", time);
        }
        if let Some(time) = self.last_used_after {
            c.and_with("w.last_used_at >= ?", time);
        }
        if let Some(outdated) = self.outdated {
            c.and_with(
                "(b.template_version_id = (SELECT active_version_id FROM templates WHERE id = w.template_id)) = ?",
                !outdated,
            );
        }
        if let Some(has) = self.has_ai_task {
            c.and_with("EXISTS (SELECT 1 FROM tasks WHERE workspace_id = w.id) = ?", has);
        }
        if let Some(has) = self.has_external_agent {
            c.and_with("b.has_external_agent = ?", has);
        }
        if let Some(shared) = self.shared {
            c.and_with("(w.user_acl <> '{}' OR w.group_acl <> '{}') = ?", shared);
        }
        if let Some(id) = self.shared_with_user_id {
            let piece = if sqlite {
                "EXISTS (SELECT 1 FROM json_each(w.user_acl) WHERE key = ?)"
            } else {
                "jsonb_exists(w.user_acl, ?)"
            };
            c.and_with(piece, id.to_string());
        }
        if let Some(id) = self.shared_with_group_id {
            let piece = if sqlite {
                "EXISTS (SELECT 1 FROM json_each(w.group_acl) WHERE key = ?)"
            } else {
                "jsonb_exists(w.group_acl, ?)"
            };
            c.and_with(piece, id.to_string());
        }
        if !self.has_param.is_empty() {
            let piece = if sqlite {
                "EXISTS (SELECT 1 FROM workspace_build_parameters p, json_each(?) n WHERE p.workspace_build_id = b.id AND lower(p.name) LIKE lower(n.value))"
            } else {
                "EXISTS (SELECT 1 FROM workspace_build_parameters p, unnest(?::text[]) AS n(value) WHERE p.workspace_build_id = b.id AND lower(p.name) LIKE lower(n.value))"
            };
            c.and_with(piece, self.has_param.clone());
        }
        if !self.params.is_empty() {
            let piece = if sqlite {
                "EXISTS (SELECT 1 FROM workspace_build_parameters p, json_each(?) n, json_each(?) v WHERE v.key = n.key AND p.workspace_build_id = b.id AND lower(p.name) = lower(n.value) AND lower(p.value) = lower(v.value))"
            } else {
                "EXISTS (SELECT 1 FROM workspace_build_parameters p, unnest(?::text[], ?::text[]) AS n(name, value) WHERE p.workspace_build_id = b.id AND lower(p.name) = lower(n.name) AND lower(p.value) = lower(n.value))"
            };
            let (names, values): (Vec<String>, Vec<String>) = self.params.iter().cloned().unzip();
            c.and_all(piece, vec![Value::Texts(names.into()), Value::Texts(values.into())]);
        }
        c
    }
}

fn of_status(status: WorkspaceStatus) -> &'static str {
    use WorkspaceStatus::*;
    match status {
        Starting => "j.job_status = 'running' AND b.transition = 'start'",
        Stopping => "j.job_status = 'running' AND b.transition = 'stop'",
        Deleting => "j.job_status = 'running' AND b.transition = 'delete'",
        Running => "j.job_status = 'succeeded' AND b.transition = 'start'",
        Stopped => "j.job_status = 'succeeded' AND b.transition = 'stop'",
        Deleted => "j.job_status = 'succeeded' AND b.transition = 'delete'",
        Pending => "j.job_status = 'pending'",
        Canceling => "j.job_status = 'canceling'",
        Canceled => "j.job_status = 'canceled'",
        Failed => "j.job_status = 'failed'",
    }
}

const HAS_AGENT_SQLITE: &str = "b.transition = 'start' AND EXISTS (
    SELECT 1 FROM workspace_resources r JOIN workspace_agents a ON a.resource_id = r.id
    WHERE r.job_id = b.job_id AND a.deleted = FALSE AND CASE
        WHEN a.first_connected_at IS NULL AND a.connection_timeout_seconds > 0 AND ? - a.created_at > a.connection_timeout_seconds * 1000000 THEN 'timeout'
        WHEN a.first_connected_at IS NULL THEN 'connecting'
        WHEN a.disconnected_at > a.last_connected_at OR a.last_connected_at < ? THEN 'disconnected'
        WHEN a.last_connected_at IS NOT NULL THEN 'connected'
    END = ?)";
const HAS_AGENT_POSTGRES: &str = "b.transition = 'start' AND EXISTS (
    SELECT 1 FROM workspace_resources r JOIN workspace_agents a ON a.resource_id = r.id
    WHERE r.job_id = b.job_id AND a.deleted = FALSE AND CASE
        WHEN a.first_connected_at IS NULL AND a.connection_timeout_seconds > 0 AND ?::timestamptz - a.created_at > a.connection_timeout_seconds * INTERVAL '1 second' THEN 'timeout'
        WHEN a.first_connected_at IS NULL THEN 'connecting'
        WHEN a.disconnected_at > a.last_connected_at OR ?::timestamptz - a.last_connected_at > INTERVAL '30 seconds' THEN 'disconnected'
        WHEN a.last_connected_at IS NOT NULL THEN 'connected'
    END = ?)";

queries! {
    /// A page of the workspaces that match: the requester's favourites, then those that run, then the
    /// others, each by owner and name. Nothing is cut off when the limit is 0.
    GetWorkspaces = get_workspace_page(db, conditions: &Where, requester_id: Uuid, limit: i64, offset: i64) -> many Uuid;
        allow(filter Read Workspace COLUMNS),
        sql "SELECT w.id FROM workspaces w
            JOIN users u ON u.id = w.owner_id
            LEFT JOIN workspace_builds b ON b.workspace_id = w.id AND b.build_number = (SELECT max(x.build_number) FROM workspace_builds x WHERE x.workspace_id = w.id)
            LEFT JOIN provisioner_jobs j ON j.id = b.job_id
            WHERE {where} AND {filter}
            ORDER BY CASE WHEN w.favorite AND w.owner_id = :requester_id THEN 0 ELSE 1 END,
                CASE WHEN b.transition = 'start' AND j.job_status = 'succeeded' THEN 0 ELSE 1 END,
                lower(u.username), lower(w.name)
            LIMIT CASE WHEN :limit > 0 THEN :limit ELSE -1 END OFFSET :offset",
        pg "SELECT w.id FROM workspaces w
            JOIN users u ON u.id = w.owner_id
            LEFT JOIN workspace_builds b ON b.workspace_id = w.id AND b.build_number = (SELECT max(x.build_number) FROM workspace_builds x WHERE x.workspace_id = w.id)
            LEFT JOIN provisioner_jobs j ON j.id = b.job_id
            WHERE {where} AND {filter}
            ORDER BY CASE WHEN w.favorite AND w.owner_id = :requester_id THEN 0 ELSE 1 END,
                CASE WHEN b.transition = 'start' AND j.job_status = 'succeeded' THEN 0 ELSE 1 END,
                lower(u.username), lower(w.name)
            LIMIT NULLIF(:limit, 0) OFFSET :offset";

    /// Every workspace, those that run first, each by owner and name.
    GetWorkspaces = get_workspaces_in_order(db) -> many WorkspaceInOrder;
        allow(filter Read Workspace COLUMNS),
        sql "SELECT {row:w} FROM workspaces w
            JOIN users u ON u.id = w.owner_id
            LEFT JOIN workspace_builds b ON b.workspace_id = w.id AND b.build_number = (SELECT max(x.build_number) FROM workspace_builds x WHERE x.workspace_id = w.id)
            LEFT JOIN provisioner_jobs j ON j.id = b.job_id
            WHERE w.deleted = FALSE AND {filter}
            ORDER BY CASE WHEN b.transition = 'start' AND j.job_status = 'succeeded' THEN 0 ELSE 1 END, lower(u.username), lower(w.name)";

    /// How many workspaces match, where no condition is about builds.
    GetWorkspaces = count_workspaces(db, conditions: &Where) -> one i64;
        allow(filter Read Workspace COLUMNS),
        sql "SELECT count(*) FROM workspaces w WHERE {where} AND {filter}";

    /// How many workspaces match, whatever the conditions are about.
    GetWorkspaces = count_workspaces_by_build(db, conditions: &Where) -> one i64;
        allow(filter Read Workspace COLUMNS),
        sql "SELECT count(*) FROM workspaces w
            LEFT JOIN workspace_builds b ON b.workspace_id = w.id AND b.build_number = (SELECT max(x.build_number) FROM workspace_builds x WHERE x.workspace_id = w.id)
            LEFT JOIN provisioner_jobs j ON j.id = b.job_id
            WHERE {where} AND {filter}";
}
