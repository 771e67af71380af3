//! Organizations as the server makes and keeps them: the rows that come with one, and the role of its
//! members, which follows from its settings. Who may make or change one is decided by the store.

use uuid::Uuid;

use crate::deployment::Deployment;
use crate::rbac::{Permission, permissions_json, roles, system};
use crate::sdk::GroupSource;
use crate::store::queries::groups::{EVERYONE, Group};
use crate::store::queries::organizations::{Organization, OrganizationMember};
use crate::store::queries::roles::OrganizationMemberRole;
use crate::store::{Db, Error};
use crate::time::Time;

/// An organization to be made.
pub struct New {
    /// Its name in paths.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// Its icon.
    pub icon: String,
    /// Its first member.
    pub founder: Uuid,
}

/// Makes an organization with its first member, the role of its members and the group of everybody.
pub fn create(deployment: &Deployment, db: &Db, wanted: &New) -> Result<Organization, Error> {
    let now = deployment.clock.now();
    let new = Organization {
        id: deployment.ids.uuid(),
        name: wanted.name.clone(),
        display_name: wanted.display_name.clone(),
        description: wanted.description.clone(),
        icon: wanted.icon.clone(),
        created_at: now,
        updated_at: now,
        is_default: false,
        deleted: false,
        workspace_sharing_disabled: false,
    };
    db.tx(|db| {
        let organization = db.insert_organization(&new)?;
        refresh_member_role(db, organization.id, now)?;
        db.insert_organization_member(&OrganizationMember {
            user_id: wanted.founder,
            organization_id: organization.id,
            created_at: now,
            updated_at: now,
            roles: Vec::new(),
        })?;
        db.insert_all_users_group(&Group {
            id: organization.id,
            name: EVERYONE.to_owned(),
            organization_id: organization.id,
            avatar_url: String::new(),
            quota_allowance: 0,
            display_name: String::new(),
            source: GroupSource::User,
        })?;
        Ok(organization)
    })
}

/// Says whether an organization's workspaces may be shared. When not, what was shared no longer is.
pub fn set_sharing_disabled(deployment: &Deployment, db: &Db, id: Uuid, disabled: bool) -> Result<Organization, Error> {
    let now = deployment.clock.now();
    db.tx(|db| {
        let organization = db.update_organization_workspace_sharing_settings(id, disabled, now)?;
        refresh_member_role(db, id, now)?;
        if disabled {
            db.acting_as(system::restricted()).delete_workspace_acls_by_organization(id)?;
        }
        Ok(organization)
    })
}

fn refresh_member_role(db: &Db, organization_id: Uuid, now: Time) -> Result<(), Error> {
    let db = db.acting_as(system::restricted());
    let role = db.get_organization_member_role(organization_id)?;
    write_member_role(&db, &role, now)
}

/// Makes the role of an organization's members hold what this version gives it. `db` must be the server's own.
pub fn write_member_role(db: &Db, role: &OrganizationMemberRole, now: Time) -> Result<(), Error> {
    let wanted = roles::organization_member(role.workspace_sharing_disabled);
    let (org, member) = (stored(wanted.org), stored(wanted.member));
    if role.org_permissions != org || role.member_permissions != member {
        db.update_system_role(role.id, &org, &member, now)?;
    }
    Ok(())
}

/// Permissions as their column holds them.
fn stored(permissions: &[Permission]) -> serde_json::Value {
    serde_json::from_str(&permissions_json(permissions)).unwrap_or_default()
}
