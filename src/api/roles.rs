//! Roles: which there are and which of them the caller may hand out, and the roles that organizations
//! make for themselves.

use uuid::Uuid;

use super::error::OrForbidden;
use super::routes::Routes;
use super::{Cx, Error, Reply, entitlements, lookup, reply};
use crate::rbac::roles::{self, Builtin, Kind};
use crate::rbac::{Permission, RoleOptions, RoleRef};
use crate::sdk::{self, AuditAction, ResourceType};
use crate::store;
use crate::store::queries::roles::CustomRole;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/users/roles", get_site_roles);
    r.user("GET", "/api/v2/organizations/{organization}/members/roles", get_organization_roles);
    r.user("POST", "/api/v2/organizations/{organization}/members/roles", post_role);
    r.user("PUT", "/api/v2/organizations/{organization}/members/roles", put_role);
    r.user("DELETE", "/api/v2/organizations/{organization}/members/roles/{roleName}", delete_role);
}

/// The roles of the deployment.
fn get_site_roles(cx: &Cx) -> Reply {
    let stored = cx.db().get_custom_site_roles().or_forbidden()?;
    show_assignable(cx, None, stored)
}

/// The roles of an organization.
fn get_organization_roles(cx: &Cx) -> Reply {
    let organization = lookup::organization(cx)?;
    let stored = cx.db().get_custom_roles_of_organization(organization.id)?;
    show_assignable(cx, Some(organization.id), stored)
}

fn show_assignable(cx: &Cx, organization: Option<Uuid>, stored: Vec<CustomRole>) -> Reply {
    let actor = cx.actor()?.subject.roles();
    let named = |name: &str| match organization {
        Some(id) => RoleRef::Org(name.to_owned(), id),
        None => RoleRef::Site(name.to_owned()),
    };
    let kind = if organization.is_some() { Kind::Organization } else { Kind::Site };
    let options = RoleOptions { disable_owner_workspace_access: cx.deployment.config.disable_owner_workspace_access };
    let built_in = roles::listed(kind).map(|role| {
        assignable(render_builtin(role, organization, options), roles::assignable(actor, &named(role.name)), true)
    });
    let stored = stored.into_iter().map(|role| {
        let may = roles::assignable(actor, &named(&role.name));
        Ok(assignable(render(role)?, may, false))
    });
    let all: Result<Vec<sdk::AssignableRoles>, Error> = built_in.map(Ok).chain(stored).collect();
    reply::ok(&all?)
}

/// Makes a role for an organization.
fn post_role(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::CustomRole, AuditAction::Create);
    let (organization, body) = role_request(cx)?;
    let now = cx.now();
    let role = CustomRole {
        id: cx.deployment.ids.uuid(),
        org_permissions: stored(&body.organization_permissions),
        created_at: now,
        ..wanted(cx, organization, &body)
    };
    let made = cx.db().insert_custom_role(&role).map_err(not_written)?;
    audit.after(&made);
    reply::ok(&render(made)?)
}

/// Replaces a role of an organization. Permissions that this version does not know are dropped, so that a
/// role made by another version can be changed.
fn put_role(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::CustomRole, AuditAction::Write);
    let (organization, mut body) = role_request(cx)?;
    body.organization_permissions.retain(|p| roles::valid_permission(&p.resource_type, &p.action).is_ok());
    // Names are kept in lower case, but who changes a role has to name it exactly.
    let role = CustomRole { name: body.name.clone(), ..wanted(cx, organization, &body) };
    match cx.db().get_custom_role(organization, &role.name) {
        Err(e) if e.is_hidden() => {}
        found => {
            audit.before(&found?);
        }
    }
    let changed = cx.db().update_custom_role(&role).map_err(not_written)?;
    audit.after(&changed);
    reply::ok(&render(changed)?)
}

/// Deletes a role of an organization; its holders lose it.
fn delete_role(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::CustomRole, AuditAction::Delete);
    let organization = lookup::organization(cx)?;
    entitlements::require(cx, sdk::FeatureName::CustomRoles)?;
    let name = cx.param("roleName");
    refuse_reserved(name)?;
    sdk::names::name(name).map_err(|why| Error::bad("Invalid role name").detail(why))?;
    let db = cx.db();
    match db.get_custom_role(organization.id, name) {
        Err(e) if e.is_hidden() => {
            return Err(Error::new(404, format!("There is no custom role named {name}.")).detail("no role found"));
        }
        found => audit.before(&found?),
    };
    db.delete_custom_role(organization.id, name).or_forbidden()?;
    reply::none_of_json()
}

/// The organization and the body of a request that writes a role, checked as far as that goes without the store.
fn role_request(cx: &Cx) -> Result<(Uuid, sdk::CustomRoleRequest), Error> {
    let organization = lookup::organization(cx)?;
    entitlements::require(cx, sdk::FeatureName::CustomRoles)?;
    let body: sdk::CustomRoleRequest = cx.body()?;
    refuse_reserved(&body.name)?;
    let member_permissions = body.organization_member_permissions.as_deref().unwrap_or_default();
    for (list, what) in [
        (body.site_permissions.as_slice(), "site-wide"),
        (body.user_permissions.as_slice(), "user"),
        (member_permissions, "organization member"),
    ] {
        if !list.is_empty() {
            return Err(Error::bad(format!("A role of an organization cannot hold {what} permissions."))
                .detail("It holds organization_permissions only."));
        }
    }
    Ok((organization.id, body))
}

fn refuse_reserved(name: &str) -> Result<(), Error> {
    if roles::is_reserved(name) {
        return Err(Error::bad("Reserved role name").detail(format!("{name:?} is the name of a built-in role.")));
    }
    Ok(())
}

fn wanted(cx: &Cx, organization: Uuid, body: &sdk::CustomRoleRequest) -> CustomRole {
    let now = cx.now();
    let none = || serde_json::Value::Array(Vec::new());
    CustomRole {
        id: Uuid::nil(),
        name: body.name.to_lowercase(),
        display_name: body.display_name.clone(),
        organization_id: Some(organization),
        site_permissions: none(),
        org_permissions: stored(&body.organization_permissions),
        user_permissions: none(),
        member_permissions: none(),
        is_system: false,
        created_at: now,
        updated_at: now,
    }
}

fn stored(permissions: &[sdk::Permission]) -> serde_json::Value {
    let entry = |p: &sdk::Permission| serde_json::json!({ "negate": p.negate, "resource_type": p.resource_type, "action": p.action });
    serde_json::Value::Array(permissions.iter().map(entry).collect())
}

fn not_written(e: store::Error) -> Error {
    let refused = |why: &str| Error::bad("The role cannot be written as it is.").detail(why);
    match e {
        store::Error::Refused(why) => refused(&why),
        e if e.is_unique() => refused("The organization has a role of that name already."),
        e => e.into(),
    }
}

/// A role's name with what it is called; `stored` is what a role that is not built in is called.
pub fn slim(role: &RoleRef, stored: Option<&str>) -> sdk::SlimRole {
    let built_in = roles::builtin(role).map(|b| b.display_name);
    sdk::SlimRole {
        name: role.name().to_owned(),
        display_name: built_in.or(stored).unwrap_or_default().to_owned(),
        organization_id: role.org().map_or_else(String::new, |id| id.to_string()),
    }
}

/// A stored role as the API shows one.
fn render(role: CustomRole) -> Result<sdk::Role, Error> {
    let read = |list| serde_json::from_value(list).map_err(|e| Error::internal(format!("role {}: {e}", role.name)));
    Ok(sdk::Role {
        organization_id: role.organization_id,
        site_permissions: read(role.site_permissions)?,
        user_permissions: read(role.user_permissions)?,
        organization_permissions: read(role.org_permissions)?,
        organization_member_permissions: None,
        display_name: role.display_name,
        name: role.name.clone(),
    })
}

/// A built-in role as the API shows one, in an organization or in the deployment.
fn render_builtin(role: &Builtin, organization: Option<Uuid>, options: RoleOptions) -> sdk::Role {
    let listed = |permissions: &[Permission]| -> Vec<sdk::Permission> {
        let entries = permissions.iter().flat_map(Permission::entries);
        let show = entries.map(|e| sdk::Permission {
            negate: e.negate,
            resource_type: e.resource_type.to_owned(),
            action: e.action.to_owned(),
        });
        show.collect()
    };
    sdk::Role {
        name: role.name.to_owned(),
        organization_id: organization,
        display_name: role.display_name.to_owned(),
        site_permissions: listed(&role.site_permissions(options)),
        user_permissions: listed(role.user),
        organization_permissions: listed(role.org),
        organization_member_permissions: Some(Vec::new()),
    }
}

fn assignable(role: sdk::Role, assignable: bool, built_in: bool) -> sdk::AssignableRoles {
    sdk::AssignableRoles {
        name: role.name,
        organization_id: role.organization_id,
        display_name: role.display_name,
        site_permissions: role.site_permissions,
        user_permissions: role.user_permissions,
        organization_permissions: role.organization_permissions,
        organization_member_permissions: role.organization_member_permissions,
        assignable,
        built_in,
    }
}
