//! Agents in workspaces, their logs, scripts, metadata and ports.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::common::LogLevel;
use super::validate::Validate;
use super::wire::{Word, is_default};
use super::workspace_apps::WorkspaceApp;
use crate::time::Time;
use crate::wire_enum;

/// An agent and how it does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgent {
    pub id: Uuid,
    pub parent_id: Option<Uuid>,
    pub created_at: Time,
    pub updated_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_connected_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_connected_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnected_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Time>,
    pub status: WorkspaceAgentStatus,
    pub lifecycle_state: WorkspaceAgentLifecycle,
    pub name: String,
    pub resource_id: Uuid,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance_id: String,
    pub architecture: String,
    pub environment_variables: Option<BTreeMap<String, String>>,
    pub operating_system: String,
    pub logs_length: i32,
    pub logs_overflowed: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub directory: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expanded_directory: String,
    pub version: String,
    pub api_version: String,
    pub apps: Vec<WorkspaceApp>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub latency: BTreeMap<String, DERPRegion>,
    pub connection_timeout_seconds: i32,
    pub troubleshooting_url: String,
    pub subsystems: Vec<AgentSubsystem>,
    pub health: WorkspaceAgentHealth,
    pub display_apps: Vec<DisplayApp>,
    pub log_sources: Vec<WorkspaceAgentLogSource>,
    pub scripts: Vec<WorkspaceAgentScript>,
    pub startup_script_behavior: WorkspaceAgentStartupScriptBehavior,
}

/// Whether it is well, and why not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentHealth {
    pub healthy: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A line that an agent wrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentLog {
    pub id: i64,
    pub created_at: Time,
    pub output: String,
    pub level: LogLevel,
    pub source_id: Uuid,
}

/// What lines of an agent come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentLogSource {
    pub workspace_agent_id: Uuid,
    pub id: Uuid,
    pub created_at: Time,
    pub display_name: String,
    pub icon: String,
}

/// A script that an agent runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentScript {
    pub id: Uuid,
    pub log_source_id: Uuid,
    pub log_path: String,
    pub script: String,
    pub cron: String,
    pub run_on_start: bool,
    pub run_on_stop: bool,
    pub start_blocks_login: bool,
    pub timeout: i64,
    pub display_name: String,
}

/// A fact that an agent keeps measuring, and its last value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentMetadata {
    pub result: WorkspaceAgentMetadataResult,
    pub description: WorkspaceAgentMetadataDescription,
}

/// A value as measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentMetadataResult {
    pub collected_at: Time,
    pub age: i64,
    pub value: String,
    pub error: String,
}

/// How it is measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentMetadataDescription {
    pub display_name: String,
    pub key: String,
    pub script: String,
    pub interval: i64,
    pub timeout: i64,
}

/// How far an agent is from a relay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DERPRegion {
    pub preferred: bool,
    pub latency_ms: f64,
}

/// The ports that something listens on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentListeningPortsResponse {
    pub ports: Vec<WorkspaceAgentListeningPort>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentListeningPort {
    pub process_name: String,
    pub network: String,
    pub port: u16,
}

/// The shared ports of a workspace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentPortShares {
    pub shares: Vec<WorkspaceAgentPortShare>,
}

/// A shared port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentPortShare {
    pub workspace_id: Uuid,
    pub agent_name: String,
    pub port: i32,
    pub share_level: WorkspaceAgentPortShareLevel,
    pub protocol: WorkspaceAgentPortShareProtocol,
}

/// Shares a port, or changes with whom.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpsertWorkspaceAgentPortShareRequest {
    pub agent_name: String,
    pub port: i32,
    pub share_level: Word<WorkspaceAgentPortShareLevel>,
    pub protocol: Word<WorkspaceAgentPortShareProtocol>,
}

impl Validate for UpsertWorkspaceAgentPortShareRequest {}

/// Stops sharing a port.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteWorkspaceAgentPortShareRequest {
    pub agent_name: String,
    pub port: i32,
}

impl Validate for DeleteWorkspaceAgentPortShareRequest {}

/// What containers an agent sees.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentListContainersResponse {
    pub devcontainers: Vec<WorkspaceAgentDevcontainer>,
    pub containers: Vec<WorkspaceAgentContainer>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentContainer {
    pub created_at: Time,
    pub id: String,
    pub name: String,
    pub image: String,
    pub labels: BTreeMap<String, String>,
    pub running: bool,
    pub ports: Vec<WorkspaceAgentContainerPort>,
    pub status: String,
    pub volumes: BTreeMap<String, String>,
}

/// A port of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentContainerPort {
    pub port: u16,
    pub network: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host_ip: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub host_port: u16,
}

/// A development container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentDevcontainer {
    pub id: Uuid,
    pub name: String,
    pub workspace_folder: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub config_path: String,
    pub status: WorkspaceAgentDevcontainerStatus,
    pub dirty: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<WorkspaceAgentContainer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<WorkspaceAgentDevcontainerAgent>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// The agent inside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAgentDevcontainerAgent {
    pub id: Uuid,
    pub name: String,
    pub directory: String,
}

wire_enum! {
    /// Whether an agent is connected.
    pub enum WorkspaceAgentStatus {
        Connected = "connected",
        Connecting = "connecting",
        Disconnected = "disconnected",
        Timeout = "timeout",
    }
}

wire_enum! {
    /// How far an agent has started or stopped.
    pub enum WorkspaceAgentLifecycle {
        Created = "created",
        Off = "off",
        Ready = "ready",
        ShutdownError = "shutdown_error",
        ShutdownTimeout = "shutdown_timeout",
        ShuttingDown = "shutting_down",
        StartError = "start_error",
        StartTimeout = "start_timeout",
        Starting = "starting",
    }
}

wire_enum! {
    /// Whether signing in waits for the startup script.
    pub enum WorkspaceAgentStartupScriptBehavior {
        Blocking = "blocking",
        NonBlocking = "non-blocking",
    }
}

wire_enum! {
    /// What a development container is doing.
    pub enum WorkspaceAgentDevcontainerStatus {
        Deleting = "deleting",
        Error = "error",
        Running = "running",
        Starting = "starting",
        Stopped = "stopped",
        Stopping = "stopping",
    }
}

wire_enum! {
    /// With whom a port is shared.
    pub enum WorkspaceAgentPortShareLevel {
        Authenticated = "authenticated",
        Organization = "organization",
        Owner = "owner",
        Public = "public",
    }
}

wire_enum! {
    /// What a shared port speaks.
    pub enum WorkspaceAgentPortShareProtocol {
        Http = "http",
        Https = "https",
    }
}

wire_enum! {
    /// What else came with an agent.
    pub enum AgentSubsystem {
        Envbox = "envbox",
        Envbuilder = "envbuilder",
        Exectrace = "exectrace",
    }
}

wire_enum! {
    /// A built-in app that the dashboard may show.
    pub enum DisplayApp {
        PortForwardingHelper = "port_forwarding_helper",
        SshHelper = "ssh_helper",
        Vscode = "vscode",
        VscodeInsiders = "vscode_insiders",
        WebTerminal = "web_terminal",
    }
}
