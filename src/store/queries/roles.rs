//! Roles that are not built in.

use uuid::Uuid;

use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

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
}
