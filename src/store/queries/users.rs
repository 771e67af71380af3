//! Users.

use uuid::Uuid;

use crate::rbac::{Object, Resource};
use crate::sdk::{LoginType, UserStatus};
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A row of `users`.
    pub struct User {
        pub id: Uuid,
        pub email: String,
        pub username: String,
        pub name: String,
        pub hashed_password: Vec<u8>,
        pub created_at: Time,
        pub updated_at: Time,
        pub status: UserStatus,
        pub rbac_roles: Vec<String>,
        pub login_type: LoginType,
        pub avatar_url: String,
        pub deleted: bool,
        pub last_seen_at: Time,
        pub quiet_hours_schedule: String,
        pub is_system: bool,
    }

    /// A user that is about to be made.
    pub struct NewUser {
        pub id: Uuid,
        pub email: String,
        pub username: String,
        pub name: String,
        pub hashed_password: Vec<u8>,
        pub created_at: Time,
        pub updated_at: Time,
        pub status: UserStatus,
        pub rbac_roles: Vec<String>,
        pub login_type: LoginType,
    }

    /// What compiling a subject needs: role names with their organization, groups, and status.
    pub struct AuthorizationRoles {
        pub id: Uuid,
        pub username: String,
        pub email: String,
        pub status: UserStatus,
        pub roles: Vec<String>,
        pub groups: Vec<Uuid>,
    }

    /// The organizations of a user.
    pub struct UserOrganizations {
        pub user_id: Uuid,
        pub organization_ids: Vec<Uuid>,
    }
}

/// The object that stands for a user.
pub fn user_object(id: Uuid) -> Object {
    Object::of(Resource::User).id(id).owner(id)
}

impl Guarded for User {
    fn object(&self, _: Switches) -> Object {
        user_object(self.id)
    }
}

queries! {
    /// A user by id, deleted or not.
    GetUserByID = get_user_by_id(db, id: Uuid) -> one User;
        allow(row Read),
        sql "SELECT {row} FROM users WHERE id = :id";

    /// A living user by name or address, without regard to case.
    GetUserByEmailOrUsername = get_user_by_email_or_username(db, username: &str, email: &str) -> one User;
        allow(row Read),
        sql "SELECT {row} FROM users WHERE ((:username <> '' AND lower(username) = lower(:username)) OR (:email <> '' AND lower(email) = lower(:email))) AND deleted = FALSE LIMIT 1";

    /// How many people there are, system users aside.
    GetUserCount = get_user_count(db) -> one i64;
        allow(system Read System),
        sql "SELECT count(*) FROM users WHERE deleted = FALSE AND is_system = FALSE";

    /// How many people are active.
    GetActiveUserCount = get_active_user_count(db) -> one i64;
        allow(system Read System),
        sql "SELECT count(*) FROM users WHERE status = 'active' AND deleted = FALSE AND is_system = FALSE";

    /// Makes a user. The roles must have been checked by `roles::assignable`.
    InsertUser = insert_user(db, user: &NewUser) -> one User;
        allow(system Create User),
        sql "INSERT INTO users {insert} RETURNING {row}";

    /// What a subject is compiled from. The implied roles are part of the answer.
    GetAuthorizationUserRoles = get_authorization_user_roles(db, user_id: Uuid) -> one AuthorizationRoles;
        allow(system Read System),
        sql "SELECT id, username, email, status,
                (SELECT json_group_array(role) FROM (
                    SELECT 'member' AS role
                    UNION ALL SELECT value FROM json_each(users.rbac_roles)
                    UNION ALL SELECT 'organization-member:' || m.organization_id FROM organization_members m WHERE m.user_id = users.id
                    UNION ALL SELECT r.value || ':' || m.organization_id FROM organization_members m, json_each(m.roles) r WHERE m.user_id = users.id)) AS roles,
                (SELECT json_group_array(group_id) FROM group_members WHERE user_id = users.id) AS groups
            FROM users WHERE id = :user_id",
        pg "SELECT id, username, email, status,
                array_to_json(ARRAY['member'] || rbac_roles
                    || ARRAY(SELECT 'organization-member:' || m.organization_id FROM organization_members m WHERE m.user_id = users.id)
                    || ARRAY(SELECT r || ':' || m.organization_id FROM organization_members m, unnest(m.roles) r WHERE m.user_id = users.id)) AS roles,
                array_to_json(ARRAY(SELECT group_id FROM group_members WHERE user_id = users.id)) AS groups
            FROM users WHERE id = :user_id";

    /// When a user was last there.
    UpdateUserLastSeenAt = update_user_last_seen_at(db, id: Uuid, last_seen_at: Time, updated_at: Time) -> exec;
        allow(on Update db.unguarded().get_user_by_id(id)?),
        sql "UPDATE users SET last_seen_at = :last_seen_at, updated_at = :updated_at WHERE id = :id";

    /// Changes a user's status.
    UpdateUserStatus = update_user_status(db, id: Uuid, status: UserStatus, updated_at: Time) -> one User;
        allow(on Update db.unguarded().get_user_by_id(id)?),
        sql "UPDATE users SET status = :status, updated_at = :updated_at WHERE id = :id RETURNING {row}";

    /// The organizations of each of these users.
    GetOrganizationIDsByMemberIDs = get_organization_ids_by_member_ids(db, ids: &[Uuid]) -> many UserOrganizations;
        allow(rows Read),
        sql "SELECT user_id, json_group_array(organization_id) FROM organization_members WHERE user_id IN [:ids] GROUP BY user_id",
        pg "SELECT user_id, array_to_json(array_agg(organization_id)) FROM organization_members WHERE user_id IN [:ids] GROUP BY user_id";
}

impl Guarded for UserOrganizations {
    fn object(&self, _: Switches) -> Object {
        user_object(self.user_id)
    }
}
