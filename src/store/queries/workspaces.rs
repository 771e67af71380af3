//! Workspaces: the rows, who may see and change them, and the list with its conditions.
//!
//! Their builds are in [`workspace_builds`](super::workspace_builds).

use std::borrow::Cow;

use uuid::Uuid;

use crate::rbac::{Acl, Action, Object, Resource};
use crate::sdk::{AutomaticUpdates, WorkspaceAppStatusState};
use crate::store::db::{Guarded, Switches};
use crate::store::filter::{AclColumns, Columns};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::value::{Column, FromColumn, ToValue, Value};
use crate::store::{Db, Error};
use crate::time::Time;

/// An access list of a workspace, as its column holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkspaceAcl(pub Acl);

impl FromColumn for WorkspaceAcl {
    fn from_column(column: Column<'_>) -> Result<WorkspaceAcl, Error> {
        match column {
            Column::Text(text) => Acl::parse_workspace(text)
                .map(WorkspaceAcl)
                .map_err(|e| Error::Decode(format!("not an access list of a workspace: {e}"))),
            other => Err(Error::Decode(format!("expected an access list, found {other:?}"))),
        }
    }
}

impl ToValue for WorkspaceAcl {
    fn to_value(&self) -> Value<'_> {
        Value::Json(Cow::Owned(self.0.workspace_json()))
    }
}

rows! {
    /// A row of `workspaces`, with what shows of its owner, organization and template.
    pub struct Workspace {
        pub id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub owner_id: Uuid,
        pub organization_id: Uuid,
        pub template_id: Uuid,
        pub deleted: bool,
        pub name: String,
        pub autostart_schedule: Option<String>,
        /// Nanoseconds.
        pub ttl: Option<i64>,
        pub last_used_at: Time,
        pub dormant_at: Option<Time>,
        pub deleting_at: Option<Time>,
        pub automatic_updates: AutomaticUpdates,
        pub favorite: bool,
        pub next_start_at: Option<Time>,
        pub group_acl: WorkspaceAcl,
        pub user_acl: WorkspaceAcl,
        pub owner_username: String,
        pub owner_name: String,
        pub owner_avatar_url: String,
        pub organization_name: String,
        pub template_name: String,
        pub template_display_name: String,
        pub template_icon: String,
        pub task_id: Option<Uuid>,
    }

    /// What shows of those on the access lists of a workspace: objects with `name` and `avatar_url` by id.
    pub struct WorkspaceAclNames {
        pub id: Uuid,
        pub user_acl_display_info: serde_json::Value,
        pub group_acl_display_info: serde_json::Value,
    }

    /// A row of `workspace_app_statuses`.
    pub struct WorkspaceAppStatus {
        pub id: Uuid,
        pub created_at: Time,
        pub agent_id: Uuid,
        pub app_id: Uuid,
        pub workspace_id: Uuid,
        pub state: WorkspaceAppStatusState,
        pub message: String,
        pub uri: Option<String>,
    }

    /// A workspace that is about to be made.
    pub struct NewWorkspace {
        pub id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub owner_id: Uuid,
        pub organization_id: Uuid,
        pub template_id: Uuid,
        pub name: String,
        pub autostart_schedule: Option<String>,
        pub ttl: Option<i64>,
        pub last_used_at: Time,
        pub automatic_updates: AutomaticUpdates,
        pub next_start_at: Option<Time>,
    }
}

/// The object that stands for a workspace that does not exist yet.
pub fn workspace_object(organization_id: Uuid, owner_id: Uuid) -> Object {
    Object::of(Resource::Workspace).org(organization_id).owner(owner_id)
}

impl Workspace {
    /// The same workspace as one that waits to be claimed.
    pub fn prebuilt_object(&self) -> Object {
        Object::of(Resource::PrebuiltWorkspace).id(self.id).org(self.organization_id).owner(self.owner_id)
    }
    /// Whether it waits to be claimed.
    pub fn is_prebuild(&self) -> bool {
        self.owner_id == crate::rbac::system::PREBUILDS_USER_ID
    }
}

impl Guarded for Workspace {
    fn object(&self, switches: Switches) -> Object {
        let of = |resource| Object::of(resource).id(self.id).org(self.organization_id).owner(self.owner_id);
        if self.dormant_at.is_some() {
            return of(Resource::WorkspaceDormant);
        }
        let object = of(Resource::Workspace);
        if switches.workspace_sharing_disabled {
            return object;
        }
        object.acl_user(self.user_acl.0.clone()).acl_group(self.group_acl.0.clone())
    }
}

/// What says whether a workspace `w` may be seen. Most have no lists, and looking into one is slow.
pub static COLUMNS: Columns = Columns {
    id: "w.id",
    org: Some("w.organization_id"),
    owner: Some("w.owner_id"),
    acl: Some(AclColumns {
        user: "w.user_acl",
        group: "w.group_acl",
        below: ".permissions",
        when: "w.dormant_at IS NULL AND (w.user_acl <> '{}' OR w.group_acl <> '{}')",
    }),
};

/// Making a workspace takes the right to make one for that owner, and the use of its template.
fn may_insert(db: &Db, new: &NewWorkspace) -> Result<(), Error> {
    let template = db.unguarded().get_template_by_id(new.template_id)?;
    db.require_on(Action::Read, &template)?;
    db.require_on(Action::Use, &template)?;
    db.require(Action::Create, &workspace_object(new.organization_id, new.owner_id))
}

queries! {
    /// A workspace by id, deleted or not.
    GetWorkspaceByID = get_workspace_by_id(db, id: Uuid) -> one Workspace;
        allow(row Read),
        sql "SELECT {row} FROM workspaces_expanded WHERE id = :id";

    /// A workspace by its owner and name, without regard to case; of several deleted ones, the last made.
    GetWorkspaceByOwnerIDAndName = get_workspace_by_owner_id_and_name(db, owner_id: Uuid, name: &str, deleted: bool) -> one Workspace;
        allow(row Read),
        sql "SELECT {row} FROM workspaces_expanded WHERE owner_id = :owner_id AND deleted = :deleted AND lower(name) = lower(:name) ORDER BY created_at DESC LIMIT 1";

    /// The workspaces among these ids that the subject may see, in no order.
    GetWorkspaces = get_workspaces_by_ids(db, ids: &[Uuid]) -> many Workspace;
        allow(filter Read Workspace COLUMNS),
        sql "SELECT {row:w} FROM workspaces_expanded w WHERE w.id IN [:ids] AND {filter}";

    /// What shows of those on the access lists of these workspaces.
    GetWorkspaceACLByID = get_workspace_acl_names(db, ids: &[Uuid]) -> many WorkspaceAclNames;
        allow(system Read System),
        sql "SELECT {row} FROM workspaces_expanded WHERE id IN [:ids]";

    /// What an app of each of these workspaces said last.
    GetLatestWorkspaceAppStatusesByWorkspaceIDs = get_latest_workspace_app_statuses_by_workspace_ids(db, ids: &[Uuid]) -> many WorkspaceAppStatus;
        allow(system Read System),
        sql "SELECT {row} FROM workspace_app_statuses WHERE id IN
            (SELECT (SELECT s.id FROM workspace_app_statuses s WHERE s.workspace_id = w.id ORDER BY s.created_at DESC LIMIT 1) FROM workspaces w WHERE w.id IN [:ids])";

    /// Keeps a new workspace.
    InsertWorkspace = insert_workspace(db, new: &NewWorkspace) -> exec;
        allow(check may_insert(db, new)),
        sql "INSERT INTO workspaces {insert}";

    /// Renames a workspace.
    UpdateWorkspace = update_workspace(db, id: Uuid, name: &str) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(id)?),
        sql "UPDATE workspaces SET name = :name WHERE id = :id AND deleted = FALSE";

    /// When a workspace starts by itself.
    UpdateWorkspaceAutostart = update_workspace_autostart(db, id: Uuid, autostart_schedule: Option<String>, next_start_at: Option<Time>) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(id)?),
        sql "UPDATE workspaces SET autostart_schedule = :autostart_schedule, next_start_at = :next_start_at WHERE id = :id";

    /// When a workspace starts next.
    UpdateWorkspaceNextStartAt = update_workspace_next_start_at(db, id: Uuid, next_start_at: Option<Time>) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(id)?),
        sql "UPDATE workspaces SET next_start_at = :next_start_at WHERE id = :id";

    /// How long a workspace runs after a start, in nanoseconds.
    UpdateWorkspaceTTL = update_workspace_ttl(db, id: Uuid, ttl: Option<i64>) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(id)?),
        sql "UPDATE workspaces SET ttl = :ttl WHERE id = :id";

    /// Whether a start takes the template's newest version.
    UpdateWorkspaceAutomaticUpdates = update_workspace_automatic_updates(db, id: Uuid, automatic_updates: AutomaticUpdates) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(id)?),
        sql "UPDATE workspaces SET automatic_updates = :automatic_updates WHERE id = :id";

    /// Somebody used it.
    UpdateWorkspaceLastUsedAt = update_workspace_last_used_at(db, id: Uuid, last_used_at: Time) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(id)?),
        sql "UPDATE workspaces SET last_used_at = :last_used_at WHERE id = :id";

    /// Puts a workspace to sleep, or wakes it, which counts as using it. A sleeping one is to be
    /// deleted when its template says so; the times of templates are nanoseconds.
    UpdateWorkspaceDormantDeletingAt = update_workspace_dormant_deleting_at(db, id: Uuid, dormant_at: Option<Time>, now: Time) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(id)?),
        sql "UPDATE workspaces SET dormant_at = :dormant_at,
                last_used_at = CASE WHEN CAST(:dormant_at AS INTEGER) IS NULL THEN :now ELSE last_used_at END,
                deleting_at = (SELECT CASE WHEN t.time_til_dormant_autodelete > 0 THEN CAST(:dormant_at AS INTEGER) + t.time_til_dormant_autodelete / 1000 END
                    FROM templates t WHERE t.id = workspaces.template_id)
            WHERE id = :id",
        pg "UPDATE workspaces SET dormant_at = :dormant_at,
                last_used_at = CASE WHEN :dormant_at::timestamptz IS NULL THEN :now ELSE last_used_at END,
                deleting_at = (SELECT CASE WHEN t.time_til_dormant_autodelete > 0 THEN :dormant_at::timestamptz + (INTERVAL '1 microsecond' * (t.time_til_dormant_autodelete / 1000)) END
                    FROM templates t WHERE t.id = workspaces.template_id)
            WHERE id = :id";

    /// Marks a workspace as deleted, or not.
    UpdateWorkspaceDeletedByID = update_workspace_deleted_by_id(db, id: Uuid, deleted: bool) -> exec;
        allow(on Delete db.unguarded().get_workspace_by_id(id)?),
        sql "UPDATE workspaces SET deleted = :deleted WHERE id = :id";

    /// Puts a workspace first in its owner's list.
    FavoriteWorkspace = favorite_workspace(db, id: Uuid) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(id)?),
        sql "UPDATE workspaces SET favorite = TRUE WHERE id = :id";

    /// Puts a workspace back where it belongs in its owner's list.
    UnfavoriteWorkspace = unfavorite_workspace(db, id: Uuid) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(id)?),
        sql "UPDATE workspaces SET favorite = FALSE WHERE id = :id";
}
