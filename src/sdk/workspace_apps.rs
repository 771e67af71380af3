//! Apps of workspaces, and what they report.

#![allow(missing_docs, reason = "the fields are the API's own")]

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Time;
use crate::wire_enum;

/// An app of a workspace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceApp {
    pub id: Uuid,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    pub external: bool,
    pub slug: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub icon: String,
    pub subdomain: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subdomain_name: String,
    pub sharing_level: WorkspaceAppSharingLevel,
    pub healthcheck: Healthcheck,
    pub health: WorkspaceAppHealth,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    pub hidden: bool,
    pub open_in: WorkspaceAppOpenIn,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tooltip: String,
    pub statuses: Vec<WorkspaceAppStatus>,
}

/// How the agent finds out whether an app is well.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Healthcheck {
    pub url: String,
    pub interval: i32,
    pub threshold: i32,
}

/// What an app says it is doing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceAppStatus {
    pub id: Uuid,
    pub created_at: Time,
    pub workspace_id: Uuid,
    pub agent_id: Uuid,
    pub app_id: Uuid,
    pub state: WorkspaceAppStatusState,
    pub message: String,
    pub uri: String,
    pub icon: String,
    pub needs_user_attention: bool,
}

/// Where apps with their own host name are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AppHostResponse {
    pub host: String,
}

wire_enum! {
    /// Whether an app is well.
    pub enum WorkspaceAppHealth {
        Disabled = "disabled",
        Healthy = "healthy",
        Initializing = "initializing",
        Unhealthy = "unhealthy",
    }
}

wire_enum! {
    /// Where the dashboard opens an app.
    pub enum WorkspaceAppOpenIn {
        SlimWindow = "slim-window",
        Tab = "tab",
    }
}

wire_enum! {
    /// Who may open an app.
    pub enum WorkspaceAppSharingLevel {
        Authenticated = "authenticated",
        Organization = "organization",
        Owner = "owner",
        Public = "public",
    }
}

wire_enum! {
    /// What an app is doing.
    pub enum WorkspaceAppStatusState {
        Complete = "complete",
        Failure = "failure",
        Idle = "idle",
        Working = "working",
    }
}
