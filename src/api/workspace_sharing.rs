//! With whom a workspace is shared. On trial: everything here needs the experiment `workspace-sharing`.

use super::routes::Routes;
use super::workspaces::param;
use super::{Audit, Cx, Error, OrForbidden, Reply, experiments, groups, reply};
use crate::access_list::{self, Changes, Wanted};
use crate::rbac::{ActionSet, Resource, role_name};
use crate::sdk::{self, AuditAction, ResourceType, WorkspaceRole};
use crate::store::queries::workspaces::{Workspace, WorkspaceAcl};

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/workspaces/{workspace}/acl", get);
    r.user("PATCH", "/api/v2/workspaces/{workspace}/acl", patch);
    r.user("DELETE", "/api/v2/workspaces/{workspace}/acl", delete);
}

fn shareable(cx: &Cx) -> Result<Workspace, Error> {
    let workspace = param(cx)?;
    experiments::require(cx, experiments::WORKSPACE_SHARING)?;
    Ok(workspace)
}

/// The workspace that `{workspace}` names, and the entry that a change is logged with.
fn workspace_to_share(cx: &Cx) -> Result<(Workspace, Audit), Error> {
    let audit = cx.audit(ResourceType::Workspace, AuditAction::Write);
    let workspace = shareable(cx)?;
    audit.before(&workspace);
    Ok((workspace, audit))
}

/// An organization can keep its workspaces from being shared.
fn allowed_in_organization(cx: &Cx, workspace: &Workspace) -> Result<(), Error> {
    let organization = cx.system_db().get_organization_by_id(workspace.organization_id)?;
    if organization.workspace_sharing_disabled {
        return Err(Error::new(403, "The organization has turned sharing of workspaces off."));
    }
    Ok(())
}

/// The users and groups that a workspace is shared with, known to whoever may read the workspace.
fn get(cx: &Cx) -> Reply {
    let workspace = shareable(cx)?;
    let acls = cx.db().get_workspace_acl_by_id(workspace.id)?;
    let system = cx.system_db();
    let (of_users, of_groups) = (acls.user_acl.0, acls.group_acl.0);
    let users = access_list::users(&system, &access_list::ids(&of_users))?;
    let users = users.into_iter().map(|u| sdk::WorkspaceUser {
        role: role(of_users.get(u.id)),
        id: u.id,
        username: u.username,
        name: u.name,
        avatar_url: u.avatar_url,
    });
    let found = groups::show(&system, access_list::groups(&system, &access_list::ids(&of_groups))?)?;
    let group = found.into_iter().map(|g| show_group(role(of_groups.get(g.id)), g));
    reply::ok(&sdk::WorkspaceACL { users: users.collect(), group: group.collect() })
}

fn role(actions: ActionSet) -> WorkspaceRole {
    WorkspaceRole::parse(role_name(Resource::Workspace, actions)).unwrap_or(WorkspaceRole::Unset)
}

fn show_group(role: WorkspaceRole, g: sdk::Group) -> sdk::WorkspaceGroup {
    sdk::WorkspaceGroup {
        id: g.id,
        name: g.name,
        display_name: g.display_name,
        organization_id: g.organization_id,
        members: g.members,
        total_member_count: g.total_member_count,
        avatar_url: g.avatar_url,
        quota_allowance: g.quota_allowance,
        source: g.source,
        organization_name: g.organization_name,
        organization_display_name: g.organization_display_name,
        role,
    }
}

/// Gives roles to users and groups; an empty role takes them away.
fn patch(cx: &Cx) -> Reply {
    let (workspace, audit) = workspace_to_share(cx)?;
    allowed_in_organization(cx, &workspace)?;
    let body: sdk::UpdateWorkspaceACL = cx.body()?;
    let groups = Wanted { field: "group_roles", roles: &body.group_roles };
    let users = Wanted { field: "user_roles", roles: &body.user_roles };
    let changes = Changes::read(&cx.system_db(), Resource::Workspace, &groups, &users)?;
    let changes = changes.map_err(|wrong| {
        let error = Error::bad("The workspace cannot be shared like this.");
        wrong.into_iter().fold(error, |error, wrong| error.field(&wrong.field, wrong.detail))
    })?;
    let (user_acl, group_acl) = cx.db().tx::<_, Error>(|db| {
        let acls = db.get_workspace_acl_by_id(workspace.id)?;
        let user_acl = WorkspaceAcl(changes.of_users(acls.user_acl.0));
        let group_acl = WorkspaceAcl(changes.of_groups(acls.group_acl.0));
        db.update_workspace_acl_by_id(workspace.id, user_acl.clone(), group_acl.clone()).or_forbidden()?;
        Ok((user_acl, group_acl))
    })?;
    audit.after(&Workspace { user_acl, group_acl, ..workspace });
    reply::none()
}

/// Shares a workspace with nobody.
fn delete(cx: &Cx) -> Reply {
    let (workspace, audit) = workspace_to_share(cx)?;
    allowed_in_organization(cx, &workspace)?;
    cx.db().delete_workspace_acl_by_id(workspace.id).or_forbidden()?;
    audit.after(&Workspace { user_acl: WorkspaceAcl::default(), group_acl: WorkspaceAcl::default(), ..workspace });
    reply::none_of_json()
}
