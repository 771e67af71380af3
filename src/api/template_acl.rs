//! Who may use a template, and who could.

use std::collections::HashMap;

use uuid::Uuid;

use super::routes::Routes;
use super::{Cx, Error, OrForbidden, Reply, entitlements, groups, lookup, reply, users};
use crate::access_list;
use crate::rbac::{Acl, Action, Resource, role_name};
use crate::sdk::{self, AuditAction, FeatureName, ResourceType, TemplateRole};
use crate::store::Where;
use crate::store::queries::templates::Template;
use crate::templates::acl;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/templates/{template}/acl", get_acl);
    r.user("PATCH", "/api/v2/templates/{template}/acl", patch_acl);
    r.user("GET", "/api/v2/templates/{template}/acl/available", get_available);
}

/// The template, where the deployment has access lists.
fn template(cx: &Cx) -> Result<Template, Error> {
    entitlements::require(cx, FeatureName::TemplateRbac)?;
    lookup::template(cx)
}

fn role(acl: &Acl, id: Uuid) -> TemplateRole {
    TemplateRole::parse(role_name(Resource::Template, acl.get(id))).unwrap_or(TemplateRole::Unset)
}

/// Everyone on the lists, for those who may change the template.
fn get_acl(cx: &Cx) -> Reply {
    let template = template(cx)?;
    cx.db().require_on(Action::Update, &template).or_forbidden()?;
    // Who may change a template sees whom it is for, also those whom they could not look up.
    let db = cx.system_db();
    let listed = access_list::users(&db, &access_list::ids(&template.user_acl.0))?;
    let listed: Vec<_> = listed.into_iter().filter(|user| user.status != sdk::UserStatus::Suspended).collect();
    let user_ids: Vec<Uuid> = listed.iter().map(|user| user.id).collect();
    // Where they are members is for those to see who may see them there.
    let organizations = cx.db().get_organization_ids_by_member_ids(&user_ids)?;
    let mut organizations: HashMap<Uuid, Vec<Uuid>> =
        organizations.into_iter().map(|o| (o.user_id, o.organization_ids)).collect();
    let users = listed.into_iter().map(|user| {
        let role = role(&template.user_acl.0, user.id);
        let organization_ids = organizations.remove(&user.id).unwrap_or_default();
        show_user(users::render(user, organization_ids), role)
    });
    let users = users.collect();
    let found = groups::show(&db, access_list::groups(&db, &access_list::ids(&template.group_acl.0))?)?;
    let group = found.into_iter().map(|group| {
        let role = role(&template.group_acl.0, group.id);
        show_group(group, role)
    });
    reply::ok(&sdk::TemplateACL { users, group: group.collect() })
}

fn show_user(user: sdk::User, role: TemplateRole) -> sdk::TemplateUser {
    sdk::TemplateUser {
        id: user.id,
        username: user.username,
        name: user.name,
        avatar_url: user.avatar_url,
        email: user.email,
        created_at: user.created_at,
        updated_at: user.updated_at,
        last_seen_at: user.last_seen_at,
        status: user.status,
        login_type: user.login_type,
        theme_preference: user.theme_preference,
        organization_ids: Some(user.organization_ids).filter(|ids| !ids.is_empty()),
        roles: user.roles,
        role,
    }
}

fn show_group(group: sdk::Group, role: TemplateRole) -> sdk::TemplateGroup {
    sdk::TemplateGroup {
        id: group.id,
        name: group.name,
        display_name: group.display_name,
        organization_id: group.organization_id,
        members: group.members,
        total_member_count: group.total_member_count,
        avatar_url: group.avatar_url,
        quota_allowance: group.quota_allowance,
        source: group.source,
        organization_name: group.organization_name,
        organization_display_name: group.organization_display_name,
        role,
    }
}

/// Gives and takes roles.
fn patch_acl(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::Template, AuditAction::Write);
    let template = template(cx)?;
    audit.before(&template);
    let body: sdk::UpdateTemplateACL = cx.body()?;
    audit.after(&acl::update(cx.db(), &cx.system_db(), &template, &body)?);
    reply::message("The template's access list was updated.")
}

/// Everyone who could be put on the lists.
fn get_available(cx: &Cx) -> Reply {
    let template = template(cx)?;
    cx.db().require_on(Action::Update, &template)?;
    let db = cx.system_db();
    let users = users::find(cx, &db)?.into_iter().map(reduced).collect();
    let mut of_organization = Where::new();
    of_organization.and_with("g.organization_id = ?", template.organization_id);
    let groups = groups::show(&db, db.get_groups(&of_organization)?)?;
    reply::ok(&sdk::ACLAvailable { users, groups })
}

fn reduced(user: crate::store::queries::users::User) -> sdk::ReducedUser {
    sdk::ReducedUser {
        id: user.id,
        username: user.username,
        name: user.name,
        avatar_url: user.avatar_url,
        email: user.email,
        created_at: user.created_at,
        updated_at: user.updated_at,
        last_seen_at: user.last_seen_at,
        status: user.status,
        login_type: user.login_type,
        theme_preference: String::new(),
    }
}
