//! With whom workspaces are shared.

use uuid::Uuid;

use super::workspaces::WorkspaceAcl;
use crate::rbac::Action;
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::{Db, Error};

rows! {
    /// The access lists of a workspace.
    pub struct WorkspaceAcls {
        pub user_acl: WorkspaceAcl,
        pub group_acl: WorkspaceAcl,
    }
}

fn may_share(db: &Db, workspace_id: Uuid) -> Result<(), Error> {
    db.require_on(Action::Share, &db.unguarded().get_workspace_by_id(workspace_id)?)
}

queries! {
    /// The access lists of a workspace.
    GetWorkspaceACLByID = get_workspace_acl_by_id(db, id: Uuid) -> one WorkspaceAcls;
        allow(on Read db.unguarded().get_workspace_by_id(id)?),
        sql "SELECT {row} FROM workspaces WHERE id = :id";

    /// Replaces the access lists of a workspace.
    UpdateWorkspaceACLByID = update_workspace_acl_by_id(db, id: Uuid, user_acl: WorkspaceAcl, group_acl: WorkspaceAcl) -> exec;
        allow(check may_share(db, id)),
        sql "UPDATE workspaces SET user_acl = :user_acl, group_acl = :group_acl WHERE id = :id";

    /// Empties the access lists of a workspace.
    DeleteWorkspaceACLByID = delete_workspace_acl_by_id(db, id: Uuid) -> exec;
        allow(check may_share(db, id)),
        sql "UPDATE workspaces SET user_acl = '{}', group_acl = '{}' WHERE id = :id";
}
