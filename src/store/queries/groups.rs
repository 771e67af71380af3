//! Groups of an organization's members. The group of everybody has the organization's own id.

use uuid::Uuid;

use crate::rbac::{Acl, Action, ActionSet, Object, Resource};
use crate::sdk::{GroupSource, LoginType, UserStatus};
use crate::store::clause::Where;
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::{Db, Error};
use crate::time::Time;

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

    /// A group, and what its organization is called.
    pub struct GroupOfOrganization {
        pub id: Uuid,
        pub name: String,
        pub organization_id: Uuid,
        pub avatar_url: String,
        pub quota_allowance: i32,
        pub display_name: String,
        pub source: GroupSource,
        pub organization_name: String,
        pub organization_display_name: String,
    }

    /// A user in a group.
    pub struct GroupMember {
        pub group_id: Uuid,
        pub organization_id: Uuid,
        pub user_id: Uuid,
        pub user_username: String,
        pub user_name: String,
        pub user_avatar_url: String,
        pub user_email: String,
        pub user_created_at: Time,
        pub user_updated_at: Time,
        pub user_last_seen_at: Time,
        pub user_status: UserStatus,
        pub user_login_type: LoginType,
    }

    /// How many are in a group.
    pub struct GroupSize {
        pub group_id: Uuid,
        pub members: i64,
    }
}

/// Whoever is in a group may read it.
fn group_object(id: Uuid, organization_id: Uuid) -> Object {
    let mut readers = Acl::default();
    readers.set(id, ActionSet::of(&[Action::Read]));
    Object::of(Resource::Group).id(id).org(organization_id).acl_group(readers)
}

impl Guarded for Group {
    fn object(&self, _: Switches) -> Object {
        group_object(self.id, self.organization_id)
    }
}

impl Guarded for GroupOfOrganization {
    fn object(&self, _: Switches) -> Object {
        group_object(self.id, self.organization_id)
    }
}

impl Guarded for GroupMember {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::GroupMember).id(self.user_id).owner(self.user_id).org(self.organization_id)
    }
}

/// Whoever may read a group may know how many are in it.
fn may_count(db: &Db, ids: &[Uuid]) -> Result<(), Error> {
    db.unguarded().get_groups_by_ids(ids)?.iter().try_for_each(|group| db.require_on(Action::Read, group))
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

    /// A group by organization and name.
    GetGroupByOrgAndName = get_group_by_org_and_name(db, organization_id: Uuid, name: &str) -> one Group;
        allow(row Read),
        sql "SELECT {row} FROM groups WHERE organization_id = :organization_id AND name = :name";

    /// Groups that meet a condition, of those that the caller may read.
    GetGroups = get_groups(db, which: &Where) -> many GroupOfOrganization;
        allow(rows Read),
        sql "SELECT g.id, g.name, g.organization_id, g.avatar_url, g.quota_allowance, g.display_name, g.source, o.name, o.display_name
            FROM groups g JOIN organizations o ON o.id = g.organization_id WHERE {where} ORDER BY o.name, g.name";

    /// These groups by name, of those that the caller may read, and what their organizations are called.
    GetGroups = get_groups_of_organizations_by_ids(db, ids: &[Uuid]) -> many GroupOfOrganization;
        allow(rows Read),
        sql "SELECT g.id, g.name, g.organization_id, g.avatar_url, g.quota_allowance, g.display_name, g.source, o.name, o.display_name
            FROM groups g JOIN organizations o ON o.id = g.organization_id WHERE g.id IN [:ids] ORDER BY lower(g.name), g.id";

    /// These groups, of those that the caller may read.
    GetGroups = get_groups_by_ids(db, ids: &[Uuid]) -> many Group;
        allow(rows Read),
        sql "SELECT {row} FROM groups WHERE id IN [:ids]";

    /// The people in these groups, of those that the caller may read.
    GetGroupMembersByGroupID = get_group_members_by_group_ids(db, ids: &[Uuid]) -> many GroupMember;
        allow(rows Read),
        sql "SELECT {row} FROM group_members_expanded WHERE group_id IN [:ids] AND user_is_system = FALSE ORDER BY user_created_at, user_id";

    /// How many people are in each of these groups.
    GetGroupMembersCountByGroupID = get_group_members_count_by_group_ids(db, ids: &[Uuid]) -> many GroupSize;
        allow(check may_count(db, ids)),
        sql "SELECT group_id, count(*) FROM group_members_expanded WHERE group_id IN [:ids] AND user_is_system = FALSE GROUP BY group_id";

    /// Makes a group.
    InsertGroup = insert_group(db, group: &Group) -> one Group;
        allow(object Create Object::of(Resource::Group).org(group.organization_id)),
        sql "INSERT INTO groups {insert} RETURNING {row}";

    /// Changes a group.
    UpdateGroupByID = update_group_by_id(db, id: Uuid, name: &str, display_name: &str, avatar_url: &str, quota_allowance: i32) -> one Group;
        allow(on Update db.unguarded().get_group_by_id(id)?),
        sql "UPDATE groups SET {set} WHERE id = :id RETURNING {row}";

    /// Deletes a group.
    DeleteGroupByID = delete_group_by_id(db, id: Uuid) -> exec;
        allow(on Delete db.unguarded().get_group_by_id(id)?),
        sql "DELETE FROM groups WHERE id = :id";

    /// Makes a group, unless the organization has one of its name.
    InsertMissingGroups = insert_missing_group(db, group: &Group) -> exec;
        allow(system Create System),
        sql "INSERT INTO groups {insert} ON CONFLICT (organization_id, name) DO NOTHING";

    /// Puts a user into these groups of an organization; what is no group of its own is left out.
    InsertUserGroupsByID = insert_user_groups_by_id(db, user_id: Uuid, organization_id: Uuid, ids: &[Uuid]) -> exec;
        allow(system Update System),
        sql "INSERT INTO group_members (user_id, group_id)
            SELECT :user_id::uuid, g.id FROM groups g WHERE g.organization_id = :organization_id AND g.id IN [:ids] ON CONFLICT DO NOTHING";

    /// Takes a user out of these groups.
    RemoveUserFromGroups = remove_user_from_groups(db, user_id: Uuid, ids: &[Uuid]) -> exec;
        allow(system Update System),
        sql "DELETE FROM group_members WHERE user_id = :user_id AND group_id IN [:ids]";

    /// Puts a user into a group.
    InsertGroupMember = insert_group_member(db, group_id: Uuid, user_id: Uuid) -> exec;
        allow(on Update db.unguarded().get_group_by_id(group_id)?),
        sql "INSERT INTO group_members (user_id, group_id) VALUES (:user_id, :group_id)";

    /// Takes a user out of a group.
    DeleteGroupMemberFromGroup = delete_group_member_from_group(db, group_id: Uuid, user_id: Uuid) -> exec;
        allow(on Update db.unguarded().get_group_by_id(group_id)?),
        sql "DELETE FROM group_members WHERE user_id = :user_id AND group_id = :group_id";

    /// The id of a group by its name.
    GetGroupByOrgAndName = get_group_id_by_org_and_name(db, organization_id: Uuid, name: &str) -> one Uuid;
        allow(check db.require_on(Action::Read, &db.unguarded().get_group_by_id(db.unguarded().get_group_id_by_org_and_name(organization_id, name)?)?)),
        sql "SELECT id FROM groups WHERE organization_id = :organization_id AND name = :name";
}
