//! Users, their passwords, and the small settings of each.

use uuid::Uuid;

use super::roles::may_change_roles;
use crate::rbac::{Action, Object, Resource, RoleRef};
use crate::sdk::{LoginType, UserStatus};
use crate::store::clause::Where;
use crate::store::db::{Guarded, Switches};
use crate::store::filter::Columns;
use crate::store::query::queries;
use crate::store::record::{Counted, rows};
use crate::store::{Db, Error};
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

    /// A code by which a forgotten password can be changed.
    pub struct OneTimePasscode {
        pub hashed_one_time_passcode: Option<Vec<u8>>,
        pub one_time_passcode_expires_at: Option<Time>,
    }

    /// A value that was given to a parameter.
    pub struct ParameterValue {
        pub name: String,
        pub value: String,
    }

    /// The name of a user.
    pub struct Username {
        pub id: Uuid,
        pub username: String,
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

impl Guarded for Username {
    fn object(&self, _: Switches) -> Object {
        user_object(self.id)
    }
}

const COLUMNS: Columns = Columns { id: "id", org: None, owner: Some("id"), acl: None };

/// Those who may make users make them with roles that they may hand out.
fn may_insert(db: &Db, user: &NewUser) -> Result<(), Error> {
    may_change_roles(db, None, &[], &site_roles(&user.rbac_roles))?;
    db.require(Action::Create, &Object::of(Resource::User))
}

/// Reading the user, and handing out and taking away what differs.
fn may_update_roles(db: &Db, id: Uuid, wanted: &[String]) -> Result<(), Error> {
    let user = db.unguarded().get_user_by_id(id)?;
    db.require_on(Action::Read, &user)?;
    may_change_roles(db, None, &site_roles(&user.rbac_roles), &site_roles(wanted))
}

/// Roles of the deployment, as their column holds them. The member role is implied and not stored, so
/// a change always counts as handing it out too.
fn site_roles(names: &[String]) -> Vec<RoleRef> {
    names.iter().map(|name| RoleRef::Site(name.clone())).collect()
}

/// One's own password, or anybody's for those who may change users.
fn may_update_password(db: &Db, id: Uuid) -> Result<(), Error> {
    let user = db.unguarded().get_user_by_id(id)?;
    db.require_on(Action::UpdatePersonal, &user).or_else(|_| db.require_on(Action::Update, &user))
}

queries! {
    /// A user by id, deleted or not.
    GetUserByID = get_user_by_id(db, id: Uuid) -> one User;
        allow(row Read),
        kept Users,
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

    /// Makes a user.
    InsertUser = insert_user(db, user: &NewUser) -> one User;
        allow(check may_insert(db, user)),
        sql "INSERT INTO users {insert} RETURNING {row}";

    /// A page of the living people who fit, by name, each with how many fit in all.
    GetUsers = get_users(db, conditions: &Where, after_id: Option<Uuid>, limit: i64, offset: i64) -> many Counted<User>;
        allow(filter Read User COLUMNS),
        sql "SELECT {row}, count(*) OVER () FROM users
            WHERE deleted = FALSE AND is_system = FALSE
                AND (:after_id::uuid IS NULL OR lower(username) > (SELECT lower(a.username) FROM users a WHERE a.id = :after_id))
                AND {where} AND {filter}
            ORDER BY lower(username) LIMIT :limit OFFSET :offset";

    /// The names of these users; those who cannot be read are left out.
    GetUsersByIDs = get_usernames_by_ids(db, ids: &[Uuid]) -> many Username;
        allow(rows Read),
        sql "SELECT {row} FROM users WHERE id IN [:ids]";

    /// Users by id, deleted or not.
    GetUsersByIDs = get_users_by_ids(db, ids: &[Uuid]) -> many User;
        allow(rows Read),
        sql "SELECT {row} FROM users WHERE id IN [:ids]";

    /// How many owners besides this one can act.
    GetActiveUserCount = get_other_active_owner_count(db, id: Uuid) -> one i64;
        allow(system Read System),
        sql "SELECT count(*) FROM users WHERE id <> :id AND deleted = FALSE AND status = 'active' AND EXISTS (SELECT 1 FROM json_each(rbac_roles) WHERE value = 'owner')",
        pg "SELECT count(*) FROM users WHERE id <> :id AND deleted = FALSE AND status = 'active' AND 'owner' = ANY(rbac_roles)";

    /// How many workspaces a user has.
    GetWorkspaces = count_workspaces_of_owner(db, owner_id: Uuid) -> one i64;
        allow(system Read System),
        sql "SELECT count(*) FROM workspaces WHERE owner_id = :owner_id AND deleted = FALSE";

    /// Changes how a user is called.
    UpdateUserProfile = update_user_profile(db, id: Uuid, username: &str, name: &str, updated_at: Time) -> one User;
        allow(on UpdatePersonal db.unguarded().get_user_by_id(id)?),
        sql "UPDATE users SET username = :username, name = :name, updated_at = :updated_at WHERE id = :id RETURNING {row}";

    /// Makes a user be called as the identity provider says.
    UpdateUserProfile = update_user_profile_of_provider(db, id: Uuid, email: &str, name: &str, avatar_url: &str, updated_at: Time) -> one User;
        allow(on UpdatePersonal db.unguarded().get_user_by_id(id)?),
        sql "UPDATE users SET email = :email, name = :name, avatar_url = :avatar_url, updated_at = :updated_at WHERE id = :id RETURNING {row}";

    /// Changes how a user signs in; who signs in elsewhere has the password given here, an empty one, that nothing matches.
    UpdateUserLoginType = update_user_login_type(db, id: Uuid, login_type: LoginType, hashed_password: &[u8]) -> one User;
        allow(system Update System),
        sql "UPDATE users SET login_type = :login_type, hashed_password = :hashed_password WHERE id = :id RETURNING {row}";

    /// Keeps which account at github.com a user has.
    UpdateUserGithubComUserID = update_user_github_com_user_id(db, id: Uuid, github_com_user_id: i64) -> exec;
        allow(check may_update_password(db, id)),
        sql "UPDATE users SET github_com_user_id = :github_com_user_id WHERE id = :id";

    /// Replaces a user's roles in the deployment.
    UpdateUserRoles = update_user_roles(db, id: Uuid, roles: &[String]) -> one User;
        allow(check may_update_roles(db, id, roles)),
        sql "UPDATE users SET rbac_roles = :roles WHERE id = :id RETURNING {row}";

    /// Replaces a user's password; a code for a forgotten one is void then.
    UpdateUserHashedPassword = update_user_hashed_password(db, id: Uuid, hashed_password: &[u8]) -> exec;
        allow(check may_update_password(db, id)),
        sql "UPDATE users SET hashed_password = :hashed_password, hashed_one_time_passcode = NULL, one_time_passcode_expires_at = NULL WHERE id = :id";

    /// The code that a user may use in place of a forgotten password.
    GetUserByID = get_one_time_passcode(db, id: Uuid) -> one OneTimePasscode;
        allow(system Read System),
        sql "SELECT {row} FROM users WHERE id = :id";

    /// Keeps a code that a user may use in place of a forgotten password.
    UpdateUserHashedOneTimePasscode = update_user_hashed_one_time_passcode(db, id: Uuid, hashed: &[u8], expires_at: Time) -> exec;
        allow(system Update System),
        sql "UPDATE users SET hashed_one_time_passcode = :hashed, one_time_passcode_expires_at = :expires_at WHERE id = :id";

    /// Deletes a user: the row stays, the name is free, keys and links go.
    UpdateUserDeletedByID = update_user_deleted_by_id(db, id: Uuid) -> exec;
        allow(on Delete db.unguarded().get_user_by_id(id)?),
        sql "UPDATE users SET deleted = TRUE WHERE id = :id";

    /// Changes the hours in which a user does not mind a stopped workspace.
    UpdateUserQuietHoursSchedule = update_user_quiet_hours_schedule(db, id: Uuid, schedule: &str) -> one User;
        allow(on UpdatePersonal db.unguarded().get_user_by_id(id)?),
        sql "UPDATE users SET quiet_hours_schedule = :schedule WHERE id = :id RETURNING {row}";

    /// The theme that a user likes.
    GetUserThemePreference = get_user_theme_preference(db, user_id: Uuid) -> one String;
        allow(on ReadPersonal db.unguarded().get_user_by_id(user_id)?),
        sql "SELECT value FROM user_configs WHERE user_id = :user_id AND key = 'theme_preference'";

    /// Keeps the theme that a user likes.
    UpdateUserThemePreference = update_user_theme_preference(db, user_id: Uuid, value: &str) -> exec;
        allow(on UpdatePersonal db.unguarded().get_user_by_id(user_id)?),
        sql "INSERT INTO user_configs (user_id, key, value) VALUES (:user_id, 'theme_preference', :value)
            ON CONFLICT (user_id, key) DO UPDATE SET value = excluded.value";

    /// The font of a user's terminals.
    GetUserTerminalFont = get_user_terminal_font(db, user_id: Uuid) -> one String;
        allow(on ReadPersonal db.unguarded().get_user_by_id(user_id)?),
        sql "SELECT value FROM user_configs WHERE user_id = :user_id AND key = 'terminal_font'";

    /// Keeps the font of a user's terminals.
    UpdateUserTerminalFont = update_user_terminal_font(db, user_id: Uuid, value: &str) -> exec;
        allow(on UpdatePersonal db.unguarded().get_user_by_id(user_id)?),
        sql "INSERT INTO user_configs (user_id, key, value) VALUES (:user_id, 'terminal_font', :value)
            ON CONFLICT (user_id, key) DO UPDATE SET value = excluded.value";

    /// Whether a user has dismissed the hint on task notifications: `true` or `false`.
    GetUserTaskNotificationAlertDismissed = get_user_task_notification_alert_dismissed(db, user_id: Uuid) -> one String;
        allow(on ReadPersonal db.unguarded().get_user_by_id(user_id)?),
        sql "SELECT value FROM user_configs WHERE user_id = :user_id AND key = 'preference_task_notification_alert_dismissed'";

    /// Keeps whether a user has dismissed the hint on task notifications.
    UpdateUserTaskNotificationAlertDismissed = update_user_task_notification_alert_dismissed(db, user_id: Uuid, value: &str) -> exec;
        allow(on UpdatePersonal db.unguarded().get_user_by_id(user_id)?),
        sql "INSERT INTO user_configs (user_id, key, value) VALUES (:user_id, 'preference_task_notification_alert_dismissed', :value)
            ON CONFLICT (user_id, key) DO UPDATE SET value = excluded.value";

    /// What a subject is compiled from. The implied roles are part of the answer.
    GetAuthorizationUserRoles = get_authorization_user_roles(db, user_id: Uuid) -> one AuthorizationRoles;
        allow(system Read System),
        sql "SELECT id, username, email, status,
                (SELECT json_group_array(role) FROM (
                    SELECT value AS role FROM json_each(users.rbac_roles)
                    UNION ALL SELECT 'member'
                    UNION ALL SELECT r.value || ':' || m.organization_id FROM organization_members m, json_each(m.roles) r WHERE m.user_id = users.id
                    UNION ALL SELECT 'organization-member:' || m.organization_id FROM organization_members m WHERE m.user_id = users.id)) AS roles,
                (SELECT json_group_array(group_id) FROM group_members WHERE user_id = users.id) AS groups
            FROM users WHERE id = :user_id",
        pg "SELECT id, username, email, status,
                array_to_json(rbac_roles || ARRAY['member']
                    || ARRAY(SELECT r || ':' || m.organization_id FROM organization_members m, unnest(m.roles) r WHERE m.user_id = users.id)
                    || ARRAY(SELECT 'organization-member:' || m.organization_id FROM organization_members m WHERE m.user_id = users.id)) AS roles,
                array_to_json(ARRAY(SELECT group_id FROM group_members WHERE user_id = users.id)) AS groups
            FROM users WHERE id = :user_id";

    /// When a user was last there.
    UpdateUserLastSeenAt = update_user_last_seen_at(db, id: Uuid, last_seen_at: Time, updated_at: Time) -> exec;
        allow(on Update db.unguarded().get_user_by_id(id)?),
        sql "UPDATE users SET last_seen_at = :last_seen_at, updated_at = :updated_at WHERE id = :id";

    /// The values that a user gave the parameters of a template last, those of passing ones aside.
    GetUserWorkspaceBuildParameters = get_user_workspace_build_parameters(db, owner_id: Uuid, template_id: Uuid) -> many ParameterValue;
        allow(on ReadPersonal db.unguarded().get_user_by_id(owner_id)?),
        sql "SELECT name, value FROM (
                SELECT p.name, v.value, b.created_at, row_number() OVER (PARTITION BY p.name ORDER BY b.created_at DESC) AS place
                FROM workspaces w
                JOIN workspace_builds b ON b.workspace_id = w.id AND b.transition = 'start'
                JOIN workspace_build_parameters v ON v.workspace_build_id = b.id
                JOIN template_version_parameters p ON p.template_version_id = b.template_version_id AND p.name = v.name AND p.ephemeral = FALSE
                WHERE w.owner_id = :owner_id AND w.template_id = :template_id) given
            WHERE place = 1 ORDER BY created_at DESC, name LIMIT 100";

    /// Changes a user's status.
    UpdateUserStatus = update_user_status(db, id: Uuid, status: UserStatus, updated_at: Time, is_seen: bool) -> one User;
        allow(on Update db.unguarded().get_user_by_id(id)?),
        sql "UPDATE users SET status = :status, updated_at = :updated_at::timestamptz,
                last_seen_at = CASE WHEN :is_seen THEN :updated_at::timestamptz ELSE last_seen_at END
            WHERE id = :id RETURNING {row}";

    /// Lets the accounts sleep that nobody has used since then.
    UpdateInactiveUsersToDormant = update_inactive_users_to_dormant(db, last_seen_after: Time, updated_at: Time) -> many User;
        allow(system Create System),
        sql "UPDATE users SET status = 'dormant', updated_at = :updated_at
            WHERE last_seen_at < :last_seen_after AND status = 'active' AND is_system = FALSE RETURNING {row}";

    /// The organizations of each of these users.
    GetOrganizationIDsByMemberIDs = get_organization_ids_by_member_ids(db, ids: &[Uuid]) -> many UserOrganizations;
        allow(rows Read),
        kept Members,
        sql "SELECT user_id, json_group_array(organization_id) FROM organization_members WHERE user_id IN [:ids] GROUP BY user_id",
        pg "SELECT user_id, array_to_json(array_agg(organization_id)) FROM organization_members WHERE user_id IN [:ids] GROUP BY user_id";
}

impl Guarded for UserOrganizations {
    fn object(&self, _: Switches) -> Object {
        user_object(self.user_id)
    }
}
