//! Builds of workspaces: starts, stops and deletions.

#![allow(missing_docs, reason = "the fields are the API's own")]

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::provisioner_jobs::{MatchedProvisioners, ProvisionerJob, ProvisionerLogLevel};
use super::validate::{Checks, Rule, Validate};
use super::wire::{Bytes, Word, is_default};
use super::workspace_agents::WorkspaceAgent;
use crate::time::Time;
use crate::wire_enum;

/// A build with its resources and job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceBuild {
    pub id: Uuid,
    pub created_at: Time,
    pub updated_at: Time,
    pub workspace_id: Uuid,
    pub workspace_name: String,
    pub workspace_owner_id: Uuid,
    pub workspace_owner_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub workspace_owner_avatar_url: String,
    pub template_version_id: Uuid,
    pub template_version_name: String,
    pub build_number: i32,
    pub transition: WorkspaceTransition,
    pub initiator_id: Uuid,
    pub initiator_name: String,
    pub job: ProvisionerJob,
    pub reason: Word<BuildReason>,
    pub resources: Vec<WorkspaceResource>,
    pub deadline: Option<Time>,
    pub max_deadline: Option<Time>,
    pub status: WorkspaceStatus,
    pub daily_cost: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched_provisioners: Option<MatchedProvisioners>,
    pub template_version_preset_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_ai_task: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_external_agent: Option<bool>,
}

/// Starts, stops or deletes a workspace.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateWorkspaceBuildRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_version_id: Option<Uuid>,
    pub transition: Word<WorkspaceTransition>,
    #[serde(skip_serializing_if = "is_default")]
    pub dry_run: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub state: Bytes,
    #[serde(skip_serializing_if = "is_default")]
    pub orphan: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rich_parameter_values: Vec<WorkspaceBuildParameter>,
    #[serde(skip_serializing_if = "Word::is_empty")]
    pub log_level: Word<ProvisionerLogLevel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_version_preset_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Word::is_empty")]
    pub reason: Word<CreateWorkspaceBuildReason>,
}

impl Validate for CreateWorkspaceBuildRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("transition", &self.transition, &[Rule::OneOf(&["start", "stop", "delete"]), Rule::Required]);
        checks.field("log_level", &self.log_level, &[Rule::MayBeEmpty, Rule::OneOf(&["debug"])]);
        checks.field(
            "reason",
            &self.reason,
            &[
                Rule::MayBeEmpty,
                Rule::OneOf(&["dashboard", "cli", "ssh_connection", "vscode_connection", "jetbrains_connection"]),
            ],
        );
    }
}

/// A parameter's value in a build.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkspaceBuildParameter {
    pub name: String,
    pub value: String,
}

/// Replaces what the provisioner remembers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateWorkspaceBuildStateRequest {
    pub state: Option<Bytes>,
}

impl Validate for UpdateWorkspaceBuildStateRequest {}

/// How long the parts of a build took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceBuildTimings {
    pub provisioner_timings: Vec<ProvisionerTiming>,
    pub agent_script_timings: Vec<AgentScriptTiming>,
    pub agent_connection_timings: Vec<AgentConnectionTiming>,
}

/// How long one step on one resource took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvisionerTiming {
    pub job_id: Uuid,
    pub started_at: Time,
    pub ended_at: Time,
    pub stage: TimingStage,
    pub source: String,
    pub action: String,
    pub resource: String,
}

/// How long a script in a workspace took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgentScriptTiming {
    pub started_at: Time,
    pub ended_at: Time,
    pub exit_code: i32,
    pub stage: TimingStage,
    pub status: String,
    pub display_name: String,
    pub workspace_agent_id: String,
    pub workspace_agent_name: String,
}

/// How long an agent took to connect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgentConnectionTiming {
    pub started_at: Time,
    pub ended_at: Time,
    pub stage: TimingStage,
    pub workspace_agent_id: String,
    pub workspace_agent_name: String,
}

/// Something that a build made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceResource {
    pub id: Uuid,
    pub created_at: Time,
    pub job_id: Uuid,
    pub workspace_transition: WorkspaceTransition,
    pub r#type: String,
    pub name: String,
    pub hide: bool,
    pub icon: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<WorkspaceAgent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<WorkspaceResourceMetadata>,
    pub daily_cost: i32,
}

/// A fact about it, to be shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceResourceMetadata {
    pub key: String,
    pub value: String,
    pub sensitive: bool,
}

wire_enum! {
    /// What a build does to its workspace.
    pub enum WorkspaceTransition {
        Delete = "delete",
        Start = "start",
        Stop = "stop",
    }
}

wire_enum! {
    /// What a workspace is doing.
    pub enum WorkspaceStatus {
        Canceled = "canceled",
        Canceling = "canceling",
        Deleted = "deleted",
        Deleting = "deleting",
        Failed = "failed",
        Pending = "pending",
        Running = "running",
        Starting = "starting",
        Stopped = "stopped",
        Stopping = "stopping",
    }
}

wire_enum! {
    /// Why a build was made.
    pub enum BuildReason {
        Autostart = "autostart",
        Autostop = "autostop",
        Cli = "cli",
        Dashboard = "dashboard",
        Dormancy = "dormancy",
        Initiator = "initiator",
        JetbrainsConnection = "jetbrains_connection",
        SshConnection = "ssh_connection",
        VscodeConnection = "vscode_connection",
    }
}

wire_enum! {
    /// Why a client makes a build.
    pub enum CreateWorkspaceBuildReason {
        Cli = "cli",
        Dashboard = "dashboard",
        JetbrainsConnection = "jetbrains_connection",
        SshConnection = "ssh_connection",
        VscodeConnection = "vscode_connection",
    }
}

wire_enum! {
    /// What a build must be for it to be cancelled.
    pub enum CancelWorkspaceBuildStatus {
        Pending = "pending",
        Running = "running",
    }
}

wire_enum! {
    /// A part of a build.
    pub enum TimingStage {
        Apply = "apply",
        Connect = "connect",
        Cron = "cron",
        Graph = "graph",
        Init = "init",
        Plan = "plan",
        Start = "start",
        Stop = "stop",
    }
}
