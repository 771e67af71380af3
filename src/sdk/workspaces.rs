//! Workspaces, and what can be changed about them.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::groups::GroupSource;
use super::users::ReducedUser;
use super::validate::{Checks, Rule, Validate};
use super::wire::Word;
use super::workspace_apps::WorkspaceAppStatus;
use super::workspace_builds::{WorkspaceBuild, WorkspaceBuildParameter};
use crate::time::Time;
use crate::wire_enum;

/// A workspace with its latest build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Workspace {
    pub id: Uuid,
    pub created_at: Time,
    pub updated_at: Time,
    pub owner_id: Uuid,
    pub owner_name: String,
    pub owner_avatar_url: String,
    pub organization_id: Uuid,
    pub organization_name: String,
    pub template_id: Uuid,
    pub template_name: String,
    pub template_display_name: String,
    pub template_icon: String,
    pub template_allow_user_cancel_workspace_jobs: bool,
    pub template_active_version_id: Uuid,
    pub template_require_active_version: bool,
    pub template_use_classic_parameter_flow: bool,
    pub latest_build: WorkspaceBuild,
    pub latest_app_status: Option<WorkspaceAppStatus>,
    pub outdated: bool,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autostart_schedule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<i64>,
    pub last_used_at: Time,
    pub deleting_at: Option<Time>,
    pub dormant_at: Option<Time>,
    pub health: WorkspaceHealth,
    pub automatic_updates: AutomaticUpdates,
    pub allow_renames: bool,
    pub favorite: bool,
    pub next_start_at: Option<Time>,
    pub is_prebuild: bool,
    pub task_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_with: Vec<SharedWorkspaceActor>,
}

/// A page of workspaces, and how many match in all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspacesResponse {
    pub workspaces: Vec<Workspace>,
    pub count: i64,
}

/// Whether all agents are well.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceHealth {
    pub healthy: bool,
    pub failing_agents: Vec<Uuid>,
}

/// Makes a workspace and starts it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateWorkspaceRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_version_id: Option<Uuid>,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autostart_schedule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rich_parameter_values: Vec<WorkspaceBuildParameter>,
    #[serde(skip_serializing_if = "Word::is_empty")]
    pub automatic_updates: Word<AutomaticUpdates>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_version_preset_id: Option<Uuid>,
}

impl Validate for CreateWorkspaceRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.exactly_one([("template_id", &self.template_id), ("template_version_id", &self.template_version_id)]);
        checks.field("name", &self.name, &[Rule::Name, Rule::Required]);
    }
}

/// Renames a workspace.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateWorkspaceRequest {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl Validate for UpdateWorkspaceRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("name", &self.name, &[Rule::Name]);
    }
}

/// When to start by itself; empty for never.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateWorkspaceAutostartRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
}

impl Validate for UpdateWorkspaceAutostartRequest {}

/// How long to run after a start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateWorkspaceTTLRequest {
    pub ttl_ms: Option<i64>,
}

impl Validate for UpdateWorkspaceTTLRequest {}

/// Puts to sleep, or wakes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateWorkspaceDormancy {
    pub dormant: bool,
}

impl Validate for UpdateWorkspaceDormancy {}

/// Whether starting takes the newest version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateWorkspaceAutomaticUpdatesRequest {
    pub automatic_updates: Word<AutomaticUpdates>,
}

impl Validate for UpdateWorkspaceAutomaticUpdatesRequest {}

/// Moves the deadline of the running build.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PutExtendWorkspaceRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
}

impl Validate for PutExtendWorkspaceRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("deadline", &self.deadline, &[Rule::Required]);
    }
}

/// Says that a workspace is in use.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PostWorkspaceUsageRequest {
    pub agent_id: Uuid,
    pub app_name: Word<UsageAppName>,
}

impl Validate for PostWorkspaceUsageRequest {}

/// Whether the next automatic start would lack parameter values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResolveAutostartResponse {
    pub parameter_mismatch: bool,
}

/// How an agent outside the template's reach starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExternalAgentCredentials {
    pub command: String,
    pub agent_token: String,
}

/// Who else may use a workspace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceACL {
    pub users: Vec<WorkspaceUser>,
    pub group: Vec<WorkspaceGroup>,
}

/// A user, and what they may do with a workspace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceUser {
    pub id: Uuid,
    pub username: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub avatar_url: String,
    pub role: WorkspaceRole,
}

/// A group, and what its members may do with a workspace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceGroup {
    pub id: Uuid,
    pub name: String,
    pub display_name: String,
    pub organization_id: Uuid,
    pub members: Vec<ReducedUser>,
    pub total_member_count: i64,
    pub avatar_url: String,
    pub quota_allowance: i64,
    pub source: GroupSource,
    pub organization_name: String,
    pub organization_display_name: String,
    pub role: WorkspaceRole,
}

/// Someone a workspace is shared with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SharedWorkspaceActor {
    pub id: Uuid,
    pub actor_type: SharedWorkspaceActorType,
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub avatar_url: String,
    pub roles: Vec<WorkspaceRole>,
}

/// Gives and (with an empty role) takes roles.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateWorkspaceACL {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub user_roles: BTreeMap<String, Word<WorkspaceRole>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub group_roles: BTreeMap<String, Word<WorkspaceRole>>,
}

impl Validate for UpdateWorkspaceACL {}

wire_enum! {
    /// Whether starting takes the newest version.
    pub enum AutomaticUpdates {
        Always = "always",
        Never = "never",
    }
}

wire_enum! {
    /// What one may do with someone's workspace; unset to take it away.
    pub enum WorkspaceRole {
        Admin = "admin",
        Unset = "",
        Use = "use",
    }
}

wire_enum! {
    /// Whom a workspace is shared with.
    pub enum SharedWorkspaceActorType {
        Group = "group",
        User = "user",
    }
}

wire_enum! {
    /// What a workspace is used with.
    pub enum UsageAppName {
        Jetbrains = "jetbrains",
        ReconnectingPty = "reconnecting-pty",
        Ssh = "ssh",
        Vscode = "vscode",
    }
}
