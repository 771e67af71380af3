//! The roles that are part of the program, and who may hand them out.
//!
//! Permission tables are in `tables`. Roles that organizations define for themselves are rows of
//! `custom_roles`; `organization-member` is such a row too, but the server writes it, from
//! [`organization_member`].

mod custom;
mod tables;

pub use custom::{check_custom, valid_permission};

use std::borrow::Cow;

use uuid::Uuid;

use super::kinds::{Action, Resource};
use super::permission::{ActionSet, Permission, permissions_equal};
use super::subject::{RoleOptions, RoleRef, StoredRole};

/// Held by every user, and never stored.
pub const MEMBER: &str = "member";
/// Held by every member of an organization, and never stored on the membership.
pub const ORGANIZATION_MEMBER: &str = "organization-member";
/// May do nearly everything. A few decisions ask for the role by name.
pub const OWNER: &str = "owner";

/// Whether a role belongs to the deployment or to an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Held in the deployment.
    Site,
    /// Held in one organization.
    Organization,
}

/// A role of the program.
#[derive(Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its name for people.
    pub display_name: &'static str,
    /// Where it is held.
    pub kind: Kind,
    /// What it grants everywhere. Use [`Builtin::site_permissions`], which knows the deployment's switches.
    site: &'static [Permission],
    /// What it grants (or forbids) on the objects of the organization it is held in.
    pub org: &'static [Permission],
    /// What it grants on the holder's own objects outside of organizations.
    pub user: &'static [Permission],
}

impl Builtin {
    /// What it grants everywhere, under the deployment's switches.
    pub fn site_permissions(&self, options: RoleOptions) -> Cow<'static, [Permission]> {
        if self.name != OWNER || !options.disable_owner_workspace_access {
            return Cow::Borrowed(self.site);
        }
        const TAKEN: ActionSet = ActionSet::of(&[Action::Ssh, Action::ApplicationConnect]);
        let kept = self.site.iter().map(|p| match p.resource {
            Some(Resource::Workspace) => Permission { actions: p.actions.without(TAKEN), ..*p },
            _ => *p,
        });
        Cow::Owned(kept.collect())
    }
}

/// The built-in role that `role` names. A built-in name at the wrong level is not the built-in role.
pub fn builtin(role: &RoleRef) -> Option<&'static Builtin> {
    let kind = match role {
        RoleRef::Site(_) => Kind::Site,
        RoleRef::Org(..) => Kind::Organization,
    };
    tables::BUILTIN.iter().copied().find(|b| b.kind == kind && b.name == role.name())
}

/// The built-in roles that are listed for people to choose from: those of a level, less `member`.
pub fn listed(kind: Kind) -> impl Iterator<Item = &'static Builtin> {
    tables::BUILTIN.iter().copied().filter(move |b| b.kind == kind && b.name != MEMBER)
}

/// Whether a role's name is the program's own, so that no custom role may have it.
pub fn is_reserved(name: &str) -> bool {
    name == ORGANIZATION_MEMBER || tables::BUILTIN.iter().any(|b| b.name == name)
}

/// The permissions of the row that every organization has for its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrganizationMember {
    /// On the organization's objects.
    pub org: &'static [Permission],
    /// On the member's own objects in the organization.
    pub member: &'static [Permission],
}

/// What `organization-member` grants, by whether the organization lets members share workspaces.
/// Its site and user lists are empty.
pub const fn organization_member(sharing_disabled: bool) -> OrganizationMember {
    if sharing_disabled { tables::ORGANIZATION_MEMBER_WITHOUT_SHARING } else { tables::ORGANIZATION_MEMBER }
}

impl OrganizationMember {
    /// The role as a row of one organization.
    pub fn stored(&self, organization_id: Uuid) -> StoredRole {
        let (org, member) = (self.org.to_vec(), self.member.to_vec());
        StoredRole { org, member, ..StoredRole::new(ORGANIZATION_MEMBER, Some(organization_id)) }
    }
    /// Whether the four JSON columns of a row hold just this, so that it need not be written again.
    pub fn is_stored_in(&self, site: &str, org: &str, user: &str, member: &str) -> bool {
        [(site, &[][..]), (org, self.org), (user, &[]), (member, self.member)]
            .into_iter()
            .all(|(json, permissions)| permissions_equal(json, permissions))
    }
}

/// Whether a holder of the roles `actor` may give or take `target`. This comes on top of the
/// permission to assign or unassign.
pub fn assignable(actor: &[RoleRef], target: &RoleRef) -> bool {
    let name = match target {
        _ if builtin(target).is_some() => target.name(),
        RoleRef::Org(name, _) if name == ORGANIZATION_MEMBER => ORGANIZATION_MEMBER,
        RoleRef::Site(_) => tables::CUSTOM_SITE_ROLE,
        RoleRef::Org(..) => tables::CUSTOM_ORGANIZATION_ROLE,
    };
    actor.iter().any(|held| {
        let reaches = held.org().is_none() || held.org() == target.org();
        reaches && tables::assigned_by(held.name()).contains(&name)
    })
}
