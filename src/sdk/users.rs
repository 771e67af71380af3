//! Users: people and machines that sign in.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::roles::SlimRole;
use super::sessions::LoginType;
use super::validate::{Checks, Rule, Validate};
use super::wire::Word;
use crate::time::Time;
use crate::wire_enum;

/// A user as those who may read them see them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    pub id: Uuid,
    pub username: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub avatar_url: String,
    pub email: String,
    pub created_at: Time,
    pub updated_at: Time,
    pub last_seen_at: Time,
    pub status: UserStatus,
    pub login_type: LoginType,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub theme_preference: String,
    pub organization_ids: Vec<Uuid>,
    pub roles: Vec<SlimRole>,
}

/// A user without roles and organizations.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReducedUser {
    pub id: Uuid,
    pub username: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub avatar_url: String,
    pub email: String,
    pub created_at: Time,
    pub updated_at: Time,
    pub last_seen_at: Time,
    pub status: UserStatus,
    pub login_type: LoginType,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub theme_preference: String,
}

/// As much of a user as a list needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MinimalUser {
    pub id: Uuid,
    pub username: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub avatar_url: String,
}

/// A page of users, and how many match in all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GetUsersResponse {
    pub users: Vec<User>,
    pub count: i64,
}

/// Makes the first user; works while there is none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateFirstUserRequest {
    pub email: String,
    pub username: String,
    pub name: String,
    pub password: String,
    pub trial: bool,
    pub trial_info: CreateFirstUserTrialInfo,
}

impl Validate for CreateFirstUserRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("email", &self.email, &[Rule::Required, Rule::Email]);
        checks.field("username", &self.username, &[Rule::Required, Rule::Name]);
        checks.field("name", &self.name, &[Rule::UserRealName]);
        checks.field("password", &self.password, &[Rule::Required]);
    }
}

/// What someone who asks for a trial says of themself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateFirstUserTrialInfo {
    pub first_name: String,
    pub last_name: String,
    pub phone_number: String,
    pub job_title: String,
    pub company_name: String,
    pub country: String,
    pub developers: String,
}

/// The first user and their organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreateFirstUserResponse {
    pub user_id: Uuid,
    pub organization_id: Uuid,
}

/// Makes a user.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateUserRequestWithOrgs {
    pub email: String,
    pub username: String,
    pub name: String,
    pub password: String,
    pub login_type: Word<LoginType>,
    pub user_status: Option<Word<UserStatus>>,
    pub organization_ids: Vec<Uuid>,
    /// One more organization, as clients of older servers give their only one.
    #[serde(skip_serializing)]
    pub organization_id: Option<Uuid>,
}

impl Validate for CreateUserRequestWithOrgs {
    fn validate(&self, checks: &mut Checks) {
        checks.field("email", &self.email, &[Rule::Required, Rule::Email]);
        checks.field("username", &self.username, &[Rule::Required, Rule::Name]);
        checks.field("name", &self.name, &[Rule::UserRealName]);
    }
}

/// Renames a user.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateUserProfileRequest {
    pub username: String,
    pub name: String,
}

impl Validate for UpdateUserProfileRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("username", &self.username, &[Rule::Required, Rule::Name]);
        checks.field("name", &self.name, &[Rule::UserRealName]);
    }
}

/// Asks whether a password is good enough.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ValidateUserPasswordRequest {
    pub password: String,
}

impl Validate for ValidateUserPasswordRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("password", &self.password, &[Rule::Required]);
    }
}

/// Whether it is, and what is missing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ValidateUserPasswordResponse {
    pub valid: bool,
    pub details: String,
}

/// Changes a password; users prove that they know the old one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateUserPasswordRequest {
    pub old_password: String,
    pub password: String,
}

impl Validate for UpdateUserPasswordRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("password", &self.password, &[Rule::Required]);
    }
}

/// The roles to have from now on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateRoles {
    pub roles: Vec<String>,
}

impl Validate for UpdateRoles {}

/// A user's roles, of the site and by organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserRoles {
    pub roles: Vec<String>,
    pub organization_roles: BTreeMap<Uuid, Vec<String>>,
}

/// How a user signs in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserLoginType {
    pub login_type: LoginType,
}

/// How a user likes the dashboard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserAppearanceSettings {
    pub theme_preference: String,
    pub terminal_font: TerminalFontName,
}

/// Changes how a user likes the dashboard.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateUserAppearanceSettingsRequest {
    pub theme_preference: String,
    pub terminal_font: Word<TerminalFontName>,
}

impl Validate for UpdateUserAppearanceSettingsRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("theme_preference", &self.theme_preference, &[Rule::Required]);
        checks.field("terminal_font", &self.terminal_font, &[Rule::Required]);
    }
}

/// What a user wants to be spared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserPreferenceSettings {
    pub task_notification_alert_dismissed: bool,
}

/// Changes what a user wants to be spared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateUserPreferenceSettingsRequest {
    pub task_notification_alert_dismissed: bool,
}

impl Validate for UpdateUserPreferenceSettingsRequest {}

/// When a user does not mind a stopped workspace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserQuietHoursScheduleResponse {
    pub raw_schedule: String,
    pub user_set: bool,
    pub user_can_set: bool,
    pub time: String,
    pub timezone: String,
    /// With the offset of the schedule's own zone.
    pub next: String,
}

/// Changes the hours in which a user does not mind a stopped workspace.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateUserQuietHoursScheduleRequest {
    pub schedule: String,
}

impl Validate for UpdateUserQuietHoursScheduleRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("schedule", &self.schedule, &[Rule::Required]);
    }
}

/// A value that a user gave a parameter before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserParameter {
    pub name: String,
    pub value: String,
}

/// The key with which a user's workspaces reach Git; the public half.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GitSSHKey {
    pub user_id: Uuid,
    pub created_at: Time,
    pub updated_at: Time,
    pub public_key: String,
}

wire_enum! {
    /// Whether a user may sign in, and has of late.
    pub enum UserStatus {
        Active = "active",
        Dormant = "dormant",
        Suspended = "suspended",
    }
}

wire_enum! {
    /// The font of the dashboard's terminal.
    pub enum TerminalFontName {
        FiraCode = "fira-code",
        IbmPlexMono = "ibm-plex-mono",
        JetbrainsMono = "jetbrains-mono",
        SourceCodePro = "source-code-pro",
        Unset = "",
    }
}
