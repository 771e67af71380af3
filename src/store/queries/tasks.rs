//! Tasks, as far as builds of their workspaces touch them.

use uuid::Uuid;

use crate::rbac::{Object, Resource};
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A row of `tasks`.
    pub struct Task {
        pub id: Uuid,
        pub organization_id: Uuid,
        pub owner_id: Uuid,
        pub name: String,
        pub workspace_id: Option<Uuid>,
        pub template_version_id: Uuid,
        pub template_parameters: serde_json::Value,
        pub prompt: String,
        pub created_at: Time,
        pub deleted_at: Option<Time>,
        pub display_name: String,
    }
}

impl Guarded for Task {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::Task).id(self.id).owner(self.owner_id).org(self.organization_id)
    }
}

queries! {
    /// Tasks by id, deleted or not.
    GetTaskByID = get_tasks_by_ids(db, ids: &[Uuid]) -> many Task;
        allow(rows Read),
        sql "SELECT {row} FROM tasks WHERE id IN [:ids]";

    /// A task by id.
    GetTaskByID = get_task_by_id(db, id: Uuid) -> one Task;
        allow(row Read),
        sql "SELECT {row} FROM tasks WHERE id = :id";

    /// Ties a task to a build of its workspace, and to the agent and app that serve it once they are known.
    UpsertTaskWorkspaceApp = upsert_task_workspace_app(db, task_id: Uuid, workspace_build_number: i32, workspace_agent_id: Option<Uuid>, workspace_app_id: Option<Uuid>) -> exec;
        allow(on Update db.unguarded().get_task_by_id(task_id)?),
        sql "INSERT INTO task_workspace_apps {insert}
            ON CONFLICT (task_id, workspace_build_number) DO UPDATE SET workspace_agent_id = excluded.workspace_agent_id, workspace_app_id = excluded.workspace_app_id";
}
