//! The members of an organization, and their roles in it.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::params::{Page, Params};
use super::routes::Routes;
use super::{Cx, Error, Reply, lookup, reply, roles};
use crate::audit::MemberOfOrganization;
use crate::idpsync;
use crate::rbac::{RoleRef, roles::builtin};
use crate::sdk::{self, AuditAction, LoginType, ResourceType};
use crate::store::queries::organizations::{MemberWithUser, OrganizationMember};
use crate::store::queries::users::User;
use crate::store::{self, Where};

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/organizations/{organization}/members", get_members);
    r.user("GET", "/api/v2/organizations/{organization}/paginated-members", get_page_of_members);
    r.user("POST", "/api/v2/organizations/{organization}/members/{user}", post_member);
    r.user("DELETE", "/api/v2/organizations/{organization}/members/{user}", delete_member);
    r.user("PUT", "/api/v2/organizations/{organization}/members/{user}/roles", put_member_roles);
}

/// The members that a search finds.
fn get_members(cx: &Cx) -> Reply {
    let organization = lookup::organization(cx)?;
    let mut search = Params::of_search(cx.query("q"), "q");
    let user_id = search.uuid("user_id").filter(|id| !id.is_nil());
    let include_system = search.boolean("include_system").unwrap_or_default();
    let github_user_id = search.integer("github_user_id").unwrap_or_default();
    search.refuse_others();
    search.finish("The search for members cannot be read.")?;

    let mut which = Where::new();
    which.and_with("m.organization_id = ?", organization.id);
    if let Some(id) = user_id {
        which.and_with("m.user_id = ?", id);
    }
    if !include_system {
        which.and("u.is_system = FALSE");
    }
    if github_user_id != 0 {
        which.and_with("u.github_com_user_id = ?", github_user_id);
    }
    let members = cx.db().organization_members(&which)?;
    reply::ok(&show(cx, members)?)
}

/// A page of the members, by name.
fn get_page_of_members(cx: &Cx) -> Reply {
    let organization = lookup::organization(cx)?;
    let page = Page::of(cx)?;
    let db = cx.db();
    let count = db.count_organization_members(organization.id)?;
    if page.offset > 0 && page.offset >= count {
        return Err(Error::invalid("The page is past the end.", "offset", format!("There are {count} members.")));
    }
    let limit = if page.limit == 0 { i64::MAX } else { page.limit };
    let members = db.paginated_organization_members(organization.id, limit, page.offset)?;
    reply::ok(&sdk::PaginatedMembersResponse { members: show(cx, members)?, count })
}

/// Makes a user a member.
fn post_member(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::OrganizationMember, AuditAction::Create);
    let organization = lookup::organization(cx)?;
    let user = lookup::user(cx)?;
    refuse_if_provider_decides_organizations(cx, &user)?;
    let now = cx.now();
    let member = OrganizationMember {
        user_id: user.id,
        organization_id: organization.id,
        created_at: now,
        updated_at: now,
        roles: Vec::new(),
    };
    match cx.db().insert_organization_member(&member) {
        Ok(member) => {
            audit.after(&MemberOfOrganization { member: &member, username: &user.username });
            show_one(cx, member)
        }
        Err(e) if e.is_unique() => Err(Error::bad("The user is a member already.")
            .detail(format!("{} belongs to {} already.", user.username, organization.display_name))),
        Err(e) => Err(e.into()),
    }
}

/// Who is put into an organization by hand would be out of it again after signing in.
fn refuse_if_provider_decides_organizations(cx: &Cx, user: &User) -> Result<(), Error> {
    if user.login_type != LoginType::Oidc || !idpsync::decides_organizations(&cx.deployment.config, &cx.system_db())? {
        return Ok(());
    }
    let detail = format!("Change it there; it takes effect when {} next signs in.", user.username);
    Err(Error::bad("The identity provider decides which organizations this user is in.").detail(detail))
}

/// Takes a user out of an organization; the account stays, and so do workspaces. Allowed too where an identity
/// provider decides who is in: whoever has to go has to go now, not when they next sign in.
fn delete_member(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::OrganizationMember, AuditAction::Delete);
    let member = member(cx)?;
    audit.before(&member);
    if member.user_id == cx.actor()?.user_id {
        return Err(Error::bad("You cannot take yourself out of an organization. Ask another administrator."));
    }
    cx.db().delete_organization_member(member.user_id, member.organization_id)?;
    reply::none()
}

/// Replaces the roles of a member.
fn put_member_roles(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::OrganizationMember, AuditAction::Write);
    let member = member(cx)?;
    audit.before(&member);
    let system = cx.system_db();
    if system.get_user_by_id(member.user_id)?.login_type == LoginType::Oidc
        && idpsync::decides_roles_of(&cx.deployment.config, &system, member.organization_id)?
    {
        let detail = format!("Change them there; they take effect when {} next signs in.", member.username);
        return Err(Error::bad("The identity provider decides this member's roles.").detail(detail));
    }
    if member.user_id == cx.actor()?.user_id {
        return Err(Error::bad("You cannot change your own roles in an organization.")
            .detail("Ask somebody else who may change roles."));
    }
    let body: sdk::UpdateRoles = cx.body()?;
    let wanted: Vec<String> = body.roles.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    match cx.db().update_member_roles(member.user_id, member.organization_id, &wanted) {
        Ok(changed) => {
            audit.after(&MemberOfOrganization { member: &changed, username: &member.username });
            show_one(cx, changed)
        }
        Err(store::Error::Refused(why)) => Err(Error::bad(why)),
        Err(e) if e.is_hidden() => Err(Error::forbidden()),
        Err(e) => Err(e.into()),
    }
}

/// The member that `{organization}` and `{user}` name. Whoever may read members need not be able to read
/// the user, and who is no member is as who is not there; nor are
/// the system's own accounts members for anybody.
pub fn member(cx: &Cx) -> Result<MemberWithUser, Error> {
    let organization = lookup::organization(cx)?;
    let user = lookup::user_as(cx, &cx.system_db())?;
    let mut which = Where::new();
    which.and_with("m.organization_id = ?", organization.id).and_with("m.user_id = ?", user.id);
    let found = cx.db().organization_members(&which)?.pop();
    found.filter(|_| !user.is_system).ok_or_else(Error::not_found)
}

fn show_one(cx: &Cx, member: OrganizationMember) -> Reply {
    let names = RoleNames::of(cx, [(member.organization_id, &member.roles)])?;
    reply::ok(&sdk::OrganizationMember {
        user_id: member.user_id,
        organization_id: member.organization_id,
        created_at: member.created_at,
        updated_at: member.updated_at,
        roles: names.slim(member.organization_id, member.roles),
    })
}

fn show(cx: &Cx, members: Vec<MemberWithUser>) -> Result<Vec<sdk::OrganizationMemberWithUserData>, Error> {
    let names = RoleNames::of(cx, members.iter().map(|m| (m.organization_id, &m.roles)))?;
    let show = |m: MemberWithUser| sdk::OrganizationMemberWithUserData {
        user_id: m.user_id,
        organization_id: m.organization_id,
        created_at: m.created_at,
        updated_at: m.updated_at,
        roles: names.slim(m.organization_id, m.roles),
        username: m.username,
        name: m.name,
        avatar_url: m.avatar_url,
        email: m.email,
        global_roles: m.global_roles.into_iter().map(|name| roles::slim(&RoleRef::Site(name), None)).collect(),
    };
    Ok(members.into_iter().map(show).collect())
}

/// What stored roles are called, read once for a whole list.
struct RoleNames(HashMap<(Uuid, String), String>);

impl RoleNames {
    fn of<'a>(cx: &Cx, held: impl IntoIterator<Item = (Uuid, &'a Vec<String>)>) -> Result<RoleNames, Error> {
        let mut organizations = BTreeSet::new();
        let mut names = BTreeSet::new();
        for (organization, held) in held {
            for name in held {
                if builtin(&RoleRef::Org(name.clone(), organization)).is_none() {
                    organizations.insert(organization);
                    names.insert(name.clone());
                }
            }
        }
        if names.is_empty() {
            return Ok(RoleNames(HashMap::new()));
        }
        let (organizations, names): (Vec<_>, Vec<_>) =
            (organizations.into_iter().collect(), names.into_iter().collect());
        let stored = cx.db().custom_roles_of(&organizations, &names)?;
        let named = stored.into_iter().filter(|role| !role.is_system);
        Ok(RoleNames(named.filter_map(|r| Some(((r.organization_id?, r.name), r.display_name))).collect()))
    }

    fn slim(&self, organization: Uuid, names: Vec<String>) -> Vec<sdk::SlimRole> {
        let slim = |name: String| {
            let stored = self.0.get(&(organization, name.clone())).map(String::as_str);
            roles::slim(&RoleRef::Org(name, organization), stored)
        };
        names.into_iter().map(slim).collect()
    }
}
