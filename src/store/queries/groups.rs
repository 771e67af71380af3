//! Groups of an organization's members. The group of everybody has the organization's own id.

use uuid::Uuid;

use crate::rbac::{Acl, Action, ActionSet, Object, Resource};
use crate::sdk::GroupSource;
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;

/// The name of the group of everybody.
pub const EVERYONE: &str = "Everyone";

rows! {
    /// A row of `groups`.
    pub struct Group {
        pub id: Uuid,
        pub name: String,
        pub organization_id: Uuid,
        pub avatar_url: String,
        pub quota_allowance: i32,
        pub display_name: String,
        pub source: GroupSource,
    }
}

impl Guarded for Group {
    /// Whoever is in a group may read it.
    fn object(&self, _: Switches) -> Object {
        let mut readers = Acl::default();
        readers.set(self.id, ActionSet::of(&[Action::Read]));
        Object::of(Resource::Group).id(self.id).org(self.organization_id).acl_group(readers)
    }
}

queries! {
    /// A group by id.
    GetGroupByID = get_group_by_id(db, id: Uuid) -> one Group;
        allow(row Read),
        sql "SELECT {row} FROM groups WHERE id = :id";

    /// Makes the group of everybody in an organization.
    InsertAllUsersGroup = insert_all_users_group(db, group: &Group) -> one Group;
        allow(object Create Object::of(Resource::Group).org(group.organization_id)),
        sql "INSERT INTO groups {insert} RETURNING {row}";
}
