//! Roles that are not built in, and the rules of giving and taking any role.

use uuid::Uuid;

use crate::rbac::{Action, Object, Resource, RoleRef, roles};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::{Db, Error};
use crate::time::Time;

/// Whether the caller may make of the roles `stored` the roles `wanted`, in an organization or (`None`)
/// in the deployment. Handing out and taking away are permissions of their own, and on top of them each
/// role must be one that the caller's own roles may hand out. The implied member role is never stored,
/// so it is always among what is handed out. [`Error::Refused`] says which role is not to be had.
pub fn may_change_roles(
    db: &Db,
    organization: Option<Uuid>,
    stored: &[RoleRef],
    wanted: &[RoleRef],
) -> Result<(), Error> {
    let Some(subject) = db.subject() else { return Ok(()) };
    let (object, implied) = match organization {
        None => (Object::of(Resource::AssignRole), RoleRef::Site(roles::MEMBER.to_owned())),
        Some(id) => {
            (Object::of(Resource::AssignOrgRole).org(id), RoleRef::Org(roles::ORGANIZATION_MEMBER.to_owned(), id))
        }
    };
    let added = wanted.iter().chain([&implied]).filter(|role| !stored.contains(role));
    let removed = stored.iter().filter(|role| !wanted.contains(role) && **role != implied);
    let takes_away = removed.clone().next().is_some();
    let changed: Vec<&RoleRef> = added.chain(removed).collect();
    for role in &changed {
        if role.org() != organization || !exists(db, role)? {
            return Err(Error::Refused(format!("{:?} is no role that can be held here", role.to_string())));
        }
    }
    db.require(Action::Assign, &object)?;
    if takes_away {
        db.require(Action::Unassign, &object)?;
    }
    match changed.into_iter().find(|role| !roles::assignable(subject.roles(), role)) {
        Some(role) => {
            Err(Error::Refused(format!("your roles do not let you hand out or take away {:?}", role.to_string())))
        }
        None => Ok(()),
    }
}

/// Whether it is a role at all: the program's, or one that an organization has made.
fn exists(db: &Db, role: &RoleRef) -> Result<bool, Error> {
    if roles::builtin(role).is_some() {
        return Ok(true);
    }
    let RoleRef::Org(name, organization) = role else { return Ok(false) };
    Ok(!db.unguarded().custom_roles_of(&[*organization], std::slice::from_ref(name))?.is_empty())
}

rows! {
    /// A row of `custom_roles`.
    pub struct CustomRole {
        pub id: Uuid,
        pub name: String,
        pub display_name: String,
        pub organization_id: Option<Uuid>,
        pub site_permissions: serde_json::Value,
        pub org_permissions: serde_json::Value,
        pub user_permissions: serde_json::Value,
        pub member_permissions: serde_json::Value,
        pub is_system: bool,
        pub created_at: Time,
        pub updated_at: Time,
    }

    /// An organization's role for its members, and what decides which permissions it holds.
    pub struct OrganizationMemberRole {
        pub id: Uuid,
        pub org_permissions: serde_json::Value,
        pub member_permissions: serde_json::Value,
        pub workspace_sharing_disabled: bool,
    }
}

/// The roles of one organization that have these names. A name that already carries an organization is refused.
pub(in crate::store) fn of_organization(names: &[String], organization_id: Uuid) -> Result<Vec<RoleRef>, Error> {
    let scoped = names.iter().map(|name| {
        if name.contains(':') {
            return Err(Error::Refused(format!("{name:?} is no role's name: leave the organization's id out")));
        }
        Ok(RoleRef::Org(name.clone(), organization_id))
    });
    scoped.collect()
}

fn object_of(role: &CustomRole) -> Result<Object, Error> {
    let organization_id = role.organization_id.ok_or_else(|| Error::Refused("a role needs an organization".into()))?;
    Ok(Object::of(Resource::AssignOrgRole).org(organization_id))
}

/// Roles are written by whoever may, and hold no more than the writer does.
fn may_write(db: &Db, action: Action, role: &CustomRole) -> Result<(), Error> {
    let object = object_of(role)?;
    db.require(action, &object)?;
    let empty = |list: &serde_json::Value| list.as_array().is_some_and(Vec::is_empty);
    if !empty(&role.site_permissions) || !empty(&role.user_permissions) || !empty(&role.member_permissions) {
        return Err(Error::Refused("a role of an organization has permissions in that organization only".into()));
    }
    let (Some(subject), Some(organization_id)) = (db.subject(), role.organization_id) else { return Ok(()) };
    roles::check_custom(subject, organization_id, &role.org_permissions).map_err(Error::Refused)
}

queries! {
    /// The stored roles of these organizations that have one of these names.
    CustomRoles = custom_roles_of(db, organization_ids: &[Uuid], names: &[String]) -> many CustomRole;
        allow(system Read AssignRole),
        sql "SELECT {row} FROM custom_roles WHERE organization_id IN [:organization_ids] AND name IN [:names]";

    /// Every organization's role for its members.
    CustomRoles = get_organization_member_roles(db) -> many OrganizationMemberRole;
        allow(system Read AssignRole),
        sql "SELECT r.id, r.org_permissions, r.member_permissions, o.workspace_sharing_disabled
            FROM custom_roles r JOIN organizations o ON o.id = r.organization_id
            WHERE r.name = 'organization-member' AND r.is_system = TRUE";

    /// Writes the permissions of an organization's system role.
    UpdateCustomRole = update_system_role(db, id: Uuid, org_permissions: &serde_json::Value, member_permissions: &serde_json::Value, updated_at: Time) -> exec;
        allow(system Update System),
        sql "UPDATE custom_roles SET org_permissions = :org_permissions, member_permissions = :member_permissions, updated_at = :updated_at WHERE id = :id AND is_system = TRUE";

    /// The roles that an organization has made for itself.
    CustomRoles = get_custom_roles_of_organization(db, organization_id: Uuid) -> many CustomRole;
        allow(object Read Object::of(Resource::AssignOrgRole).org(organization_id)),
        sql "SELECT {row} FROM custom_roles WHERE organization_id = :organization_id AND is_system = FALSE ORDER BY name";

    /// One of them.
    CustomRoles = get_custom_role(db, organization_id: Uuid, name: &str) -> one CustomRole;
        allow(object Read Object::of(Resource::AssignOrgRole).org(organization_id)),
        sql "SELECT {row} FROM custom_roles WHERE organization_id = :organization_id AND name = :name AND is_system = FALSE";

    /// The stored roles that belong to no organization.
    CustomRoles = get_custom_site_roles(db) -> many CustomRole;
        allow(system Read AssignRole),
        sql "SELECT {row} FROM custom_roles WHERE organization_id IS NULL AND is_system = FALSE ORDER BY name";

    /// Keeps a new role.
    InsertCustomRole = insert_custom_role(db, role: &CustomRole) -> one CustomRole;
        allow(check may_write(db, Action::Create, role)),
        sql "INSERT INTO custom_roles {insert} RETURNING {row}";

    /// Replaces what a role is called and what it grants.
    UpdateCustomRole = update_custom_role(db, role: &CustomRole) -> one CustomRole;
        allow(check may_write(db, Action::Update, role)),
        sql "UPDATE custom_roles SET display_name = :display_name, org_permissions = :org_permissions, updated_at = :updated_at
            WHERE organization_id = :organization_id AND name = :name AND is_system = FALSE RETURNING {row}";

    /// Deletes a role; who holds it loses it.
    DeleteCustomRole = delete_custom_role(db, organization_id: Uuid, name: &str) -> exec;
        allow(object Delete Object::of(Resource::AssignOrgRole).org(organization_id)),
        sql "DELETE FROM custom_roles WHERE organization_id = :organization_id AND name = :name AND is_system = FALSE";

    /// The role that an organization's members have.
    CustomRoles = get_organization_member_role(db, organization_id: Uuid) -> one OrganizationMemberRole;
        allow(system Read AssignRole),
        sql "SELECT r.id, r.org_permissions, r.member_permissions, o.workspace_sharing_disabled
            FROM custom_roles r JOIN organizations o ON o.id = r.organization_id
            WHERE r.organization_id = :organization_id AND r.name = 'organization-member' AND r.is_system = TRUE";
}
