//! Organizations and their members.

use uuid::Uuid;

use crate::rbac::{Object, Resource};
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
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
}

impl Guarded for Organization {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::Organization).id(self.id).org(self.id)
    }
}

impl Guarded for OrganizationMember {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::OrganizationMember).id(self.user_id).owner(self.user_id).org(self.organization_id)
    }
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

    /// Makes somebody a member. The roles must have been checked by `roles::assignable`.
    InsertOrganizationMember = insert_organization_member(db, member: &OrganizationMember) -> one OrganizationMember;
        allow(object Create Object::of(Resource::OrganizationMember).id(member.user_id).org(member.organization_id)),
        sql "INSERT INTO organization_members {insert} RETURNING {row}";
}
