//! Groups of an organization's members: for quotas, and for sharing with many at once.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::error::OrForbidden;
use super::params::Params;
use super::routes::Routes;
use super::{Cx, Error, Reply, entitlements, lookup, reply};
use crate::audit::GroupWithMembers;
use crate::licensing;
use crate::rbac::Action;
use crate::rbac::system::PREBUILDS_USER_ID;
use crate::sdk::{self, AuditAction, FeatureName, ResourceType};
use crate::store::queries::groups::{EVERYONE, Group, GroupMember, GroupOfOrganization};
use crate::store::queries::users::User;
use crate::store::{self, Db, Where};

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user_of(FeatureName::TemplateRbac, "GET", "/api/v2/groups", get_groups);
    r.user_of(FeatureName::TemplateRbac, "GET", "/api/v2/groups/{group}", get_group);
    r.user_of(FeatureName::TemplateRbac, "PATCH", "/api/v2/groups/{group}", patch_group);
    r.user_of(FeatureName::TemplateRbac, "DELETE", "/api/v2/groups/{group}", delete_group);
    r.user("GET", "/api/v2/organizations/{organization}/groups", get_groups_of_organization);
    r.user("POST", "/api/v2/organizations/{organization}/groups", post_group);
    r.user("GET", "/api/v2/organizations/{organization}/groups/{groupName}", get_group_by_name);
    r.user("GET", "/api/v2/organizations/{organization}/members/{user}/workspace-quota", get_quota);
    r.user("GET", "/api/v2/workspace-quota/{user}", get_quota_in_default);
}

/// The groups that a search finds, of those that the caller may read.
fn get_groups(cx: &Cx) -> Reply {
    let mut params = Params::of_query(cx);
    let organization = params
        .parsed("organization", |text| named(text, |name| cx.db().get_organization_by_name(name, false).map(|o| o.id)));
    list(cx, params, organization.filter(|id| !id.is_nil()))
}

/// The groups of an organization.
fn get_groups_of_organization(cx: &Cx) -> Reply {
    entitlements::require(cx, FeatureName::TemplateRbac)?;
    let organization = lookup::organization(cx)?;
    let mut params = Params::of_query(cx);
    params.text("organization");
    list(cx, params, Some(organization.id))
}

fn list(cx: &Cx, mut params: Params, organization: Option<Uuid>) -> Reply {
    let member = params
        .parsed("has_member", |text| named(text, |name| cx.db().get_user_by_email_or_username(name, "").map(|u| u.id)));
    let ids = params.uuids("group_ids");
    params.refuse_others();
    params.finish("Query parameters have invalid values.")?;
    let mut which = Where::new();
    if let Some(id) = organization {
        which.and_with("g.organization_id = ?", id);
    }
    if let Some(id) = member.filter(|id| !id.is_nil()) {
        which.and_with("EXISTS (SELECT 1 FROM group_members_expanded m WHERE m.group_id = g.id AND m.user_id = ?)", id);
    }
    let mut groups = cx.db().get_groups(&which)?;
    if !ids.is_empty() {
        groups.retain(|g| ids.contains(&g.id));
    }
    reply::ok(&show(cx.db(), groups)?)
}

/// An id, or the id of what has that name.
fn named(text: &str, find: impl FnOnce(&str) -> Result<Uuid, store::Error>) -> Result<Uuid, String> {
    match Uuid::try_parse(text) {
        Ok(id) => Ok(id),
        Err(_) => find(text).map_err(|_| format!("{text:?} does not exist, or you may not read it.")),
    }
}

/// A group by id.
fn get_group(cx: &Cx) -> Reply {
    let group = group(cx)?;
    show_one(cx, group)
}

/// A group by name.
fn get_group_by_name(cx: &Cx) -> Reply {
    entitlements::require(cx, FeatureName::TemplateRbac)?;
    let organization = lookup::organization(cx)?;
    show_one(cx, cx.db().get_group_by_org_and_name(organization.id, cx.param("groupName"))?)
}

/// Makes a group.
fn post_group(cx: &Cx) -> Reply {
    entitlements::require(cx, FeatureName::TemplateRbac)?;
    let audit = cx.audit(ResourceType::Group, AuditAction::Create);
    let organization = lookup::organization(cx)?;
    let body: sdk::CreateGroupRequest = cx.body()?;
    if body.name == EVERYONE {
        return Err(Error::invalid("The group cannot have this name.", "name", format!("{EVERYONE:?} is reserved.")));
    }
    let group = Group {
        id: cx.deployment.ids.uuid(),
        name: body.name,
        organization_id: organization.id,
        avatar_url: body.avatar_url,
        quota_allowance: quota(body.quota_allowance),
        display_name: body.display_name,
        source: sdk::GroupSource::User,
    };
    match cx.db().insert_group(&group) {
        Err(e) if e.is_unique() => Err(Error::conflict(format!("A group named {:?} exists already.", group.name))
            .field("name", "This name is in use.")),
        made => {
            let group = made.or_forbidden()?;
            audit.after(&GroupWithMembers { group: &group, members: &[] });
            let group = of_organization(group, organization.name, organization.display_name);
            reply::created(&render(group, Vec::new(), 0))
        }
    }
}

/// Changes what is given, and who is in the group.
fn patch_group(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::Group, AuditAction::Write);
    let group = group(cx)?;
    audit.before(&GroupWithMembers { group: &group, members: &members_of(cx, group.id)? });
    let body: sdk::PatchGroupRequest = cx.body()?;
    let is_everyone = group.id == group.organization_id;
    let renames = !body.name.is_empty() && body.name != group.name;
    if is_everyone && renames {
        return Err(Error::bad(format!("The group {EVERYONE:?} cannot be renamed.")));
    }
    if is_everyone && body.display_name.as_ref().is_some_and(|name| !name.is_empty()) {
        return Err(Error::bad(format!("The group {EVERYONE:?} cannot have another name for people.")));
    }
    if renames && body.name == EVERYONE {
        return Err(Error::bad(format!("The name {EVERYONE:?} is reserved.")));
    }
    if is_everyone && !(body.add_users.is_empty() && body.remove_users.is_empty()) {
        return Err(Error::new(403, format!("Who is in the group {EVERYONE:?} follows from the organization.")));
    }
    let added = members_to_be(cx, &group, &body.add_users)?;
    let removed = members_to_be(cx, &group, &body.remove_users)?;
    if !cx.db().may_on(Action::Update, &group) {
        // Not 403, which clients take for a wrong list of members.
        return Err(Error::bad("The group was not changed.").detail("You lack the permission to change it."));
    }
    let allowance = body.quota_allowance.map(quota);
    let twice =
        || Error::bad("A user cannot be in a group twice.").detail("Somebody to be added is in the group already.");
    let changed = cx.db().tx::<_, Error>(|db| {
        let now = db.get_group_by_id(group.id)?;
        let changed = db.update_group_by_id(
            now.id,
            if renames { &body.name } else { &now.name },
            body.display_name.as_ref().unwrap_or(&now.display_name),
            body.avatar_url.as_ref().unwrap_or(&now.avatar_url),
            allowance.unwrap_or(now.quota_allowance),
        );
        let changed = match changed {
            Err(e) if e.is_unique() => {
                return Err(Error::conflict(format!("A group named {:?} exists already.", body.name)));
            }
            changed => changed?,
        };
        for user in &added {
            match db.insert_group_member(now.id, *user) {
                Err(e) if e.is_unique() => return Err(twice()),
                inserted => inserted?,
            };
        }
        for user in &removed {
            db.delete_group_member_from_group(now.id, *user)?;
        }
        Ok(changed)
    })?;
    audit.after(&GroupWithMembers { group: &changed, members: &members_of(cx, changed.id)? });
    show_one(cx, changed)
}

/// Everybody in a group, whoever asks.
fn members_of(cx: &Cx, group: Uuid) -> Result<Vec<Uuid>, Error> {
    let members = cx.system_db().get_group_members_by_group_ids(&[group])?;
    Ok(members.into_iter().map(|member| member.user_id).collect())
}

/// Users by their ids, who must be members of the group's organization; the owner of prebuilt workspaces
/// may be in a group too, so that these can have a quota.
fn members_to_be(cx: &Cx, group: &Group, users: &[String]) -> Result<Vec<Uuid>, Error> {
    let parse =
        |text: &String| Uuid::try_parse(text).map_err(|_| Error::bad(format!("{text:?} is not the UUID of a user.")));
    let ids = users.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let members = cx.db().get_organization_members_by_ids(group.organization_id, &ids)?;
    let members: HashSet<Uuid> = members.into_iter().map(|member| member.user_id).collect();
    match ids.iter().find(|id| **id != PREBUILDS_USER_ID && !members.contains(id)) {
        Some(id) => Err(Error::bad(format!("The user {id} is not a member of the group's organization."))),
        None => Ok(ids),
    }
}

/// Deletes a group.
fn delete_group(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::Group, AuditAction::Delete);
    let group = group(cx)?;
    audit.before(&GroupWithMembers { group: &group, members: &members_of(cx, group.id)? });
    if group.name == EVERYONE {
        return Err(Error::bad(format!("The group {EVERYONE:?} cannot be deleted.")));
    }
    cx.db().delete_group_by_id(group.id).or_forbidden()?;
    reply::message("The group was deleted.")
}

/// What a user's workspaces in an organization may cost a day, and do.
fn get_quota(cx: &Cx) -> Reply {
    let organization = lookup::organization(cx)?;
    let user = lookup::user(cx)?;
    show_quota(cx, &user, organization.id)
}

/// The same, in the default organization.
fn get_quota_in_default(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    let organization = cx.db().get_default_organization()?;
    show_quota(cx, &user, organization.id)
}

fn show_quota(cx: &Cx, user: &User, organization: Uuid) -> Reply {
    let db = cx.db();
    let budget = match licensing::entitled(&cx.deployment.config, FeatureName::TemplateRbac) {
        true => db.get_quota_allowance_for_user(user.id, organization)?,
        // Without groups nothing is limited.
        false => -1,
    };
    let credits_consumed = db.get_quota_consumed_for_user(user.id, organization)?;
    reply::ok(&sdk::WorkspaceQuota { credits_consumed, budget })
}

/// The group that `{group}` names.
pub fn group(cx: &Cx) -> Result<Group, Error> {
    Ok(cx.db().get_group_by_id(cx.uuid_param("group")?)?)
}

/// Allowances are kept in 32 bits, and clients know that larger ones lose what does not fit.
fn quota(allowance: i64) -> i32 {
    allowance as i32
}

fn show_one(cx: &Cx, group: Group) -> Reply {
    let organization = cx.db().get_organization_by_id(group.organization_id)?;
    let group = of_organization(group, organization.name, organization.display_name);
    match show(cx.db(), vec![group])?.pop() {
        Some(group) => reply::ok(&group),
        None => Err(Error::not_found()),
    }
}

fn of_organization(group: Group, organization_name: String, organization_display_name: String) -> GroupOfOrganization {
    GroupOfOrganization {
        id: group.id,
        name: group.name,
        organization_id: group.organization_id,
        avatar_url: group.avatar_url,
        quota_allowance: group.quota_allowance,
        display_name: group.display_name,
        source: group.source,
        organization_name,
        organization_display_name,
    }
}

/// Groups as the API shows them, with the members that the caller may read and the number of all.
pub fn show(db: &Db, groups: Vec<GroupOfOrganization>) -> Result<Vec<sdk::Group>, Error> {
    let ids: Vec<Uuid> = groups.iter().map(|g| g.id).collect();
    let mut members: HashMap<Uuid, Vec<sdk::ReducedUser>> = HashMap::new();
    for member in db.get_group_members_by_group_ids(&ids)? {
        members.entry(member.group_id).or_default().push(render_member(member));
    }
    let sizes: HashMap<Uuid, i64> =
        db.get_group_members_count_by_group_ids(&ids)?.into_iter().map(|size| (size.group_id, size.members)).collect();
    let show = |group: GroupOfOrganization| {
        let (members, size) = (members.remove(&group.id).unwrap_or_default(), sizes.get(&group.id).copied());
        render(group, members, size.unwrap_or_default())
    };
    Ok(groups.into_iter().map(show).collect())
}

fn render(group: GroupOfOrganization, members: Vec<sdk::ReducedUser>, total_member_count: i64) -> sdk::Group {
    sdk::Group {
        id: group.id,
        name: group.name,
        display_name: group.display_name,
        organization_id: group.organization_id,
        members,
        total_member_count,
        avatar_url: group.avatar_url,
        quota_allowance: group.quota_allowance.into(),
        source: group.source,
        organization_name: group.organization_name,
        organization_display_name: group.organization_display_name,
    }
}

fn render_member(member: GroupMember) -> sdk::ReducedUser {
    sdk::ReducedUser {
        id: member.user_id,
        username: member.user_username,
        name: member.user_name,
        avatar_url: member.user_avatar_url,
        email: member.user_email,
        created_at: member.user_created_at,
        updated_at: member.user_updated_at,
        last_seen_at: member.user_last_seen_at,
        status: member.user_status,
        login_type: member.user_login_type,
        theme_preference: String::new(),
    }
}
