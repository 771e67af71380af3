//! Organizations and their members.

use uuid::Uuid;

use crate::rbac::{Action, Object, Resource};
use crate::store::clause::Where;
use crate::store::db::{Guarded, Switches};
use crate::store::queries::roles::{self as role_rules};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::{Db, Error};
use crate::time::Time;

rows! {
    /// A row of `organizations`.
    pub struct Organization {
        pub id: Uuid,
        pub name: String,
        pub display_name: String,
        pub description: String,
        pub icon: String,
        pub created_at: Time,
        pub updated_at: Time,
        pub is_default: bool,
        pub deleted: bool,
        pub workspace_sharing_disabled: bool,
    }

    /// A row of `organization_members`.
    pub struct OrganizationMember {
        pub user_id: Uuid,
        pub organization_id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub roles: Vec<String>,
    }

    /// A member, and as much of the user as whoever may read the member may know.
    pub struct MemberWithUser {
        pub user_id: Uuid,
        pub organization_id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub roles: Vec<String>,
        pub username: String,
        pub name: String,
        pub avatar_url: String,
        pub email: String,
        pub global_roles: Vec<String>,
    }

    /// What an organization still holds; its last member and the group of everybody are counted too.
    pub struct OrganizationContents {
        pub workspaces: i64,
        pub templates: i64,
        pub members: i64,
        pub groups: i64,
        pub provisioner_keys: i64,
    }
}

impl Guarded for Organization {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::Organization).id(self.id).org(self.id)
    }
}

impl Guarded for OrganizationMember {
    fn object(&self, _: Switches) -> Object {
        member_object(self.user_id, self.organization_id)
    }
}

impl Guarded for MemberWithUser {
    fn object(&self, _: Switches) -> Object {
        member_object(self.user_id, self.organization_id)
    }
}

fn member_object(user_id: Uuid, organization_id: Uuid) -> Object {
    Object::of(Resource::OrganizationMember).id(user_id).owner(user_id).org(organization_id)
}

/// A new member is given its roles, and the one that every member has.
fn may_insert_member(db: &Db, member: &OrganizationMember) -> Result<(), Error> {
    let given = role_rules::of_organization(&member.roles, member.organization_id)?;
    role_rules::may_change_roles(db, Some(member.organization_id), &[], &given)?;
    let object = Object::of(Resource::OrganizationMember).id(member.user_id).org(member.organization_id);
    db.require(Action::Create, &object)
}

/// The member must be readable, and the difference to the present roles the caller's to make.
fn may_replace_roles(db: &Db, user_id: Uuid, organization_id: Uuid, wanted: &[String]) -> Result<(), Error> {
    let member = one_member(db, user_id, organization_id)?;
    let stored = role_rules::of_organization(&member.roles, organization_id)?;
    let wanted = role_rules::of_organization(wanted, organization_id)?;
    role_rules::may_change_roles(db, Some(organization_id), &stored, &wanted)
}

/// A member by user and organization.
fn one_member(db: &Db, user_id: Uuid, organization_id: Uuid) -> Result<MemberWithUser, Error> {
    let mut which = Where::new();
    which.and_with("m.user_id = ?", user_id).and_with("m.organization_id = ?", organization_id);
    db.organization_members(&which)?.pop().ok_or(Error::NotFound)
}

fn may_delete_member(db: &Db, user_id: Uuid, organization_id: Uuid) -> Result<(), Error> {
    let object = member_object(user_id, organization_id);
    db.require(Action::Read, &object)?;
    db.require(Action::Delete, &object)
}

fn may_count_contents(db: &Db, organization_id: Uuid) -> Result<(), Error> {
    use Resource::{Group, OrganizationMember, ProvisionerDaemon, Template, Workspace};
    [OrganizationMember, Workspace, Group, Template, ProvisionerDaemon]
        .into_iter()
        .try_for_each(|kind| db.require(Action::Read, &Object::of(kind).org(organization_id)))
}

queries! {
    /// The organization that everything belongs to unless said otherwise.
    GetDefaultOrganization = get_default_organization(db) -> one Organization;
        allow(row Read),
        sql "SELECT {row} FROM organizations WHERE is_default = TRUE LIMIT 1";

    /// An organization by id, deleted or not.
    GetOrganizationByID = get_organization_by_id(db, id: Uuid) -> one Organization;
        allow(row Read),
        sql "SELECT {row} FROM organizations WHERE id = :id";

    /// An organization by name, without regard to case.
    GetOrganizationByName = get_organization_by_name(db, name: &str, deleted: bool) -> one Organization;
        allow(row Read),
        sql "SELECT {row} FROM organizations WHERE lower(name) = lower(:name) AND deleted = :deleted LIMIT 1";

    /// The organizations that the caller may read.
    GetOrganizations = get_organizations(db) -> many Organization;
        allow(rows Read),
        sql "SELECT {row} FROM organizations WHERE deleted = FALSE ORDER BY created_at, name";

    /// The living organizations that somebody is a member of.
    GetOrganizationsByUserID = get_organizations_by_user_id(db, user_id: Uuid) -> many Organization;
        allow(rows Read),
        sql "SELECT {row} FROM organizations WHERE deleted = FALSE AND id IN (SELECT organization_id FROM organization_members WHERE user_id = :user_id) ORDER BY created_at, id";

    /// Organizations by id, deleted or not.
    GetOrganizations = get_organizations_by_ids(db, ids: &[Uuid]) -> many Organization;
        allow(rows Read),
        sql "SELECT {row} FROM organizations WHERE id IN [:ids]";

    /// Makes an organization.
    InsertOrganization = insert_organization(db, organization: &Organization) -> one Organization;
        allow(system Create Organization),
        sql "INSERT INTO organizations {insert} RETURNING {row}";

    /// Changes what an organization is called and how it is described.
    UpdateOrganization = update_organization(db, id: Uuid, name: &str, display_name: &str, description: &str, icon: &str, updated_at: Time) -> one Organization;
        allow(on Update db.unguarded().get_organization_by_id(id)?),
        sql "UPDATE organizations SET {set} WHERE id = :id RETURNING {row}";

    /// Marks an organization as deleted; the schema refuses while it holds anything.
    UpdateOrganizationDeletedByID = update_organization_deleted_by_id(db, id: Uuid, updated_at: Time) -> exec;
        allow(on Delete db.unguarded().get_organization_by_id(id)?),
        sql "UPDATE organizations SET deleted = TRUE, updated_at = :updated_at WHERE id = :id AND is_default = FALSE";

    /// Changes whether the organization's workspaces may be shared.
    UpdateOrganizationWorkspaceSharingSettings = update_organization_workspace_sharing_settings(db, id: Uuid, workspace_sharing_disabled: bool, updated_at: Time) -> one Organization;
        allow(on Update db.unguarded().get_organization_by_id(id)?),
        sql "UPDATE organizations SET {set} WHERE id = :id RETURNING {row}";

    /// What stands in the way of deleting an organization.
    GetOrganizationResourceCountByID = get_organization_resource_count_by_id(db, organization_id: Uuid) -> one OrganizationContents;
        allow(check may_count_contents(db, organization_id)),
        sql "SELECT
                (SELECT count(*) FROM workspaces w WHERE w.organization_id = :organization_id AND w.deleted = FALSE),
                (SELECT count(*) FROM templates t WHERE t.organization_id = :organization_id AND t.deleted = FALSE),
                (SELECT count(*) FROM organization_members m JOIN users u ON u.id = m.user_id AND u.deleted = FALSE WHERE m.organization_id = :organization_id),
                (SELECT count(*) FROM groups g WHERE g.organization_id = :organization_id),
                (SELECT count(*) FROM provisioner_keys k WHERE k.organization_id = :organization_id)";

    /// Members that meet a condition, of those that the caller may read; whoever is deleted is none.
    OrganizationMembers = organization_members(db, which: &Where) -> many MemberWithUser;
        allow(rows Read),
        sql "SELECT m.user_id, m.organization_id, m.created_at, m.updated_at, m.roles, u.username, u.name, u.avatar_url, u.email, u.rbac_roles
            FROM organization_members m JOIN users u ON u.id = m.user_id
            WHERE u.deleted = FALSE AND {where} ORDER BY m.created_at, m.user_id";

    /// The members of an organization among these users, of those that the caller may read.
    OrganizationMembers = get_organization_members_by_ids(db, organization_id: Uuid, user_ids: &[Uuid]) -> many MemberWithUser;
        allow(rows Read),
        sql "SELECT m.user_id, m.organization_id, m.created_at, m.updated_at, m.roles, u.username, u.name, u.avatar_url, u.email, u.rbac_roles
            FROM organization_members m JOIN users u ON u.id = m.user_id
            WHERE u.deleted = FALSE AND m.organization_id = :organization_id AND m.user_id IN [:user_ids]";

    /// A page of an organization's members by name.
    PaginatedOrganizationMembers = paginated_organization_members(db, organization_id: Uuid, page_size: i64, page_start: i64) -> many MemberWithUser;
        allow(object Read Object::of(Resource::OrganizationMember).org(organization_id)),
        sql "SELECT m.user_id, m.organization_id, m.created_at, m.updated_at, m.roles, u.username, u.name, u.avatar_url, u.email, u.rbac_roles
            FROM organization_members m JOIN users u ON u.id = m.user_id
            WHERE u.deleted = FALSE AND u.is_system = FALSE AND m.organization_id = :organization_id
            ORDER BY lower(u.username) LIMIT :page_size OFFSET :page_start";

    /// How many members all those pages hold.
    PaginatedOrganizationMembers = count_organization_members(db, organization_id: Uuid) -> one i64;
        allow(object Read Object::of(Resource::OrganizationMember).org(organization_id)),
        sql "SELECT count(*) FROM organization_members m JOIN users u ON u.id = m.user_id
            WHERE u.deleted = FALSE AND u.is_system = FALSE AND m.organization_id = :organization_id";

    /// The memberships of a user.
    OrganizationMembers = get_memberships_of_user(db, user_id: Uuid) -> many OrganizationMember;
        allow(rows Read),
        sql "SELECT {row} FROM organization_members WHERE user_id = :user_id";

    /// Makes somebody a member.
    InsertOrganizationMember = insert_organization_member(db, member: &OrganizationMember) -> one OrganizationMember;
        allow(check may_insert_member(db, member)),
        sql "INSERT INTO organization_members {insert} RETURNING {row}";

    /// Replaces the roles of a member. A role that may not be given is [`Error::Refused`].
    UpdateMemberRoles = update_member_roles(db, user_id: Uuid, organization_id: Uuid, granted_roles: &[String]) -> one OrganizationMember;
        allow(check may_replace_roles(db, user_id, organization_id, granted_roles)),
        sql "UPDATE organization_members SET roles = :granted_roles WHERE user_id = :user_id AND organization_id = :organization_id RETURNING {row}";

    /// Takes somebody out of an organization, and with that out of its groups.
    DeleteOrganizationMember = delete_organization_member(db, user_id: Uuid, organization_id: Uuid) -> exec;
        allow(check may_delete_member(db, user_id, organization_id)),
        sql "DELETE FROM organization_members WHERE user_id = :user_id AND organization_id = :organization_id";

    /// Takes back every share of an organization's workspaces.
    DeleteWorkspaceACLsByOrganization = delete_workspace_acls_by_organization(db, organization_id: Uuid) -> exec;
        allow(system Update System),
        sql "UPDATE workspaces SET user_acl = json_object(), group_acl = json_object() WHERE organization_id = :organization_id",
        pg "UPDATE workspaces SET user_acl = jsonb_build_object(), group_acl = jsonb_build_object() WHERE organization_id = :organization_id";
}
