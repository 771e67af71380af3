//! With whom a workspace is shared. On trial: everything here needs the experiment `workspace-sharing`.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::routes::Routes;
use super::workspaces::param;
use super::{Audit, Cx, Error, OrForbidden, Reply, experiments, reply};
use crate::rbac::{Acl, ActionSet, Resource, role_actions, role_name};
use crate::sdk::{self, AuditAction, ResourceType, Word, WorkspaceRole};
use crate::store::queries::workspace_sharing::{SharedGroup, SharedGroupMember};
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
        return Err(Error::new(403, "Workspace sharing is disabled for this organization."));
    }
    Ok(())
}

/// The users and groups that a workspace is shared with, known to whoever may read the workspace.
fn get(cx: &Cx) -> Reply {
    let workspace = shareable(cx)?;
    let acls = cx.db().get_workspace_acl_by_id(workspace.id)?;
    let system = cx.system_db();
    let (of_users, of_groups) = (acls.user_acl.0, acls.group_acl.0);
    let users = system
        .get_shared_users_by_ids(&ids(&of_users))?
        .into_iter()
        .map(|u| sdk::WorkspaceUser {
            role: role(of_users.get(u.id)),
            id: u.id,
            username: u.username,
            name: u.name,
            avatar_url: u.avatar_url,
        })
        .collect();
    let group_ids = ids(&of_groups);
    let mut members: HashMap<Uuid, Vec<SharedGroupMember>> = HashMap::new();
    for member in system.get_shared_group_members(&group_ids)? {
        members.entry(member.group_id).or_default().push(member);
    }
    let group = system
        .get_shared_groups_by_ids(&group_ids)?
        .into_iter()
        .map(|g| {
            let members = members.remove(&g.id).unwrap_or_default();
            render_group(role(of_groups.get(g.id)), g, members)
        })
        .collect();
    reply::ok(&sdk::WorkspaceACL { users, group })
}

fn ids(acl: &Acl) -> Vec<Uuid> {
    acl.entries().iter().map(|(id, _)| *id).collect()
}

fn role(actions: ActionSet) -> WorkspaceRole {
    WorkspaceRole::parse(role_name(Resource::Workspace, actions)).unwrap_or(WorkspaceRole::Unset)
}

fn render_group(role: WorkspaceRole, g: SharedGroup, members: Vec<SharedGroupMember>) -> sdk::WorkspaceGroup {
    let members: Vec<_> = members
        .into_iter()
        .map(|m| sdk::ReducedUser {
            id: m.user_id,
            username: m.user_username,
            name: m.user_name,
            avatar_url: m.user_avatar_url,
            email: m.user_email,
            created_at: m.user_created_at,
            updated_at: m.user_updated_at,
            last_seen_at: m.user_last_seen_at,
            status: m.user_status,
            login_type: m.user_login_type,
            theme_preference: String::new(),
        })
        .collect();
    sdk::WorkspaceGroup {
        id: g.id,
        name: g.name,
        display_name: g.display_name,
        organization_id: g.organization_id,
        total_member_count: members.len() as i64,
        members,
        avatar_url: g.avatar_url,
        quota_allowance: i64::from(g.quota_allowance),
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
    let (users, groups) = changes(cx, &body)?;
    let (user_acl, group_acl) = cx.db().tx::<_, Error>(|db| {
        let acls = db.get_workspace_acl_by_id(workspace.id)?;
        let user_acl = changed(acls.user_acl.0, &users);
        let group_acl = changed(acls.group_acl.0, &groups);
        db.update_workspace_acl_by_id(workspace.id, user_acl.clone(), group_acl.clone()).or_forbidden()?;
        Ok((user_acl, group_acl))
    })?;
    audit.after(&Workspace { user_acl, group_acl, ..workspace });
    reply::none()
}

fn changed(mut acl: Acl, changes: &Changes) -> WorkspaceAcl {
    for (id, actions) in changes {
        acl.set(*id, actions.unwrap_or_default());
    }
    WorkspaceAcl(acl)
}

/// Ids and what they shall be allowed; nothing where the role is none, which has been noted as wrong.
type Changes = Vec<(Uuid, Option<ActionSet>)>;

/// What a request asks for. 400 that names every role that is none, and everybody who does not exist;
/// who only loses a role need not exist any more.
fn changes(cx: &Cx, body: &sdk::UpdateWorkspaceACL) -> Result<(Changes, Changes), Error> {
    let system = cx.system_db();
    let mut wrong = Vec::new();
    let groups = read("group_roles", &body.group_roles, &mut wrong);
    let known: Vec<Uuid> = system.get_shared_groups_by_ids(&given(&groups))?.into_iter().map(|g| g.id).collect();
    missing("group", "group_roles", &groups, &known, &mut wrong);
    let users = read("user_roles", &body.user_roles, &mut wrong);
    let known: Vec<Uuid> = system.get_shared_users_by_ids(&given(&users))?.into_iter().map(|u| u.id).collect();
    missing("user", "user_roles", &users, &known, &mut wrong);
    if wrong.is_empty() {
        return Ok((users, groups));
    }
    let error = Error::bad("The workspace cannot be shared like this.");
    Err(wrong.into_iter().fold(error, |error, (field, why)| error.field(field, why)))
}

type Wrong = Vec<(&'static str, String)>;

fn read(field: &'static str, roles: &BTreeMap<String, Word<WorkspaceRole>>, wrong: &mut Wrong) -> Changes {
    let mut changes = Vec::new();
    for (id, role) in roles {
        let actions = match role.as_str() {
            "" => Some(ActionSet::NONE),
            name => role_actions(Resource::Workspace, name),
        };
        if actions.is_none() {
            wrong.push((field, format!("There is no role {:?} for workspaces.", role.as_str())));
        }
        match Uuid::try_parse(id) {
            Ok(id) => changes.push((id, actions)),
            Err(_) => wrong.push((field, format!("{id:?} is not a UUID."))),
        }
    }
    changes
}

fn given(changes: &Changes) -> Vec<Uuid> {
    changes.iter().filter(|(_, actions)| *actions != Some(ActionSet::NONE)).map(|(id, _)| *id).collect()
}

fn missing(what: &str, field: &'static str, changes: &Changes, known: &[Uuid], wrong: &mut Wrong) {
    for id in given(changes).iter().filter(|id| !known.contains(id)) {
        wrong.push((field, format!("There is no {what} {id}.")));
    }
}

/// Shares a workspace with nobody.
fn delete(cx: &Cx) -> Reply {
    let (workspace, audit) = workspace_to_share(cx)?;
    allowed_in_organization(cx, &workspace)?;
    cx.db().delete_workspace_acl_by_id(workspace.id).or_forbidden()?;
    audit.after(&Workspace { user_acl: WorkspaceAcl::default(), group_acl: WorkspaceAcl::default(), ..workspace });
    reply::none_of_json()
}
