//! With whom workspaces are shared: the lists themselves, and what shows of those on them.

use uuid::Uuid;

use super::workspaces::WorkspaceAcl;
use crate::rbac::Action;
use crate::sdk::{GroupSource, LoginType, UserStatus};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::{Db, Error};
use crate::time::Time;

rows! {
    /// The access lists of a workspace.
    pub struct WorkspaceAcls {
        pub user_acl: WorkspaceAcl,
        pub group_acl: WorkspaceAcl,
    }

    /// What shows of a user that something is shared with.
    pub struct SharedUser {
        pub id: Uuid,
        pub username: String,
        pub name: String,
        pub avatar_url: String,
    }

    /// What shows of a group that something is shared with.
    pub struct SharedGroup {
        pub id: Uuid,
        pub name: String,
        pub display_name: String,
        pub organization_id: Uuid,
        pub avatar_url: String,
        pub quota_allowance: i32,
        pub source: GroupSource,
        pub organization_name: String,
        pub organization_display_name: String,
    }

    /// A member of such a group.
    pub struct SharedGroupMember {
        pub group_id: Uuid,
        pub user_id: Uuid,
        pub user_username: String,
        pub user_name: String,
        pub user_avatar_url: String,
        pub user_email: String,
        pub user_created_at: Time,
        pub user_updated_at: Time,
        pub user_last_seen_at: Time,
        pub user_status: UserStatus,
        pub user_login_type: LoginType,
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

    /// The living users among these ids.
    GetUsersByIDs = get_shared_users_by_ids(db, ids: &[Uuid]) -> many SharedUser;
        allow(system Read System),
        sql "SELECT {row} FROM users WHERE id IN [:ids] AND deleted = FALSE ORDER BY lower(username)";

    /// The groups among these ids.
    GetGroups = get_shared_groups_by_ids(db, ids: &[Uuid]) -> many SharedGroup;
        allow(system Read System),
        sql "SELECT g.id, g.name, g.display_name, g.organization_id, g.avatar_url, g.quota_allowance, g.source, o.name, o.display_name
            FROM groups g JOIN organizations o ON o.id = g.organization_id WHERE g.id IN [:ids] ORDER BY lower(g.name)";

    /// The people in these groups.
    GetGroupMembersByGroupID = get_shared_group_members(db, ids: &[Uuid]) -> many SharedGroupMember;
        allow(system Read System),
        sql "SELECT m.group_id, m.user_id, m.user_username, m.user_name, m.user_avatar_url, m.user_email, m.user_created_at,
                u.updated_at, m.user_last_seen_at, m.user_status, m.user_login_type
            FROM group_members_expanded m JOIN users u ON u.id = m.user_id
            WHERE m.group_id IN [:ids] AND m.user_is_system = FALSE ORDER BY lower(m.user_username)";

    /// The id of a group by its name.
    GetGroupByOrgAndName = get_group_id_by_org_and_name(db, organization_id: Uuid, name: &str) -> one Uuid;
        allow(check db.require_on(Action::Read, &db.unguarded().get_group_by_id(db.unguarded().get_group_id_by_org_and_name(organization_id, name)?)?)),
        sql "SELECT id FROM groups WHERE organization_id = :organization_id AND name = :name";
}
