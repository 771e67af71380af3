//! The audit log, and the log of connections.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::organizations::MinimalOrganization;
use super::users::User;
use super::validate::Validate;
use super::wire::Word;
use super::workspace_builds::BuildReason;
use crate::time::Time;
use crate::wire_enum;

/// Who did what to what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditLog {
    pub id: Uuid,
    pub request_id: Uuid,
    pub time: Time,
    pub ip: String,
    pub user_agent: String,
    pub resource_type: ResourceType,
    pub resource_id: Uuid,
    pub resource_target: String,
    pub resource_icon: String,
    pub action: AuditAction,
    pub diff: BTreeMap<String, AuditDiffField>,
    pub status_code: i32,
    pub additional_fields: Value,
    pub description: String,
    pub resource_link: String,
    pub is_deleted: bool,
    pub organization_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<MinimalOrganization>,
    pub user: Option<User>,
}

/// A page of entries, and how many match in all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditLogResponse {
    pub audit_logs: Vec<AuditLog>,
    pub count: i64,
}

/// A field before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditDiffField {
    #[serde(alias = "Old", skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    #[serde(alias = "New", skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    #[serde(alias = "Secret")]
    pub secret: bool,
}

/// Makes an entry, for tests.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateTestAuditLogRequest {
    #[serde(skip_serializing_if = "Word::is_empty")]
    pub action: Word<AuditAction>,
    #[serde(skip_serializing_if = "Word::is_empty")]
    pub resource_type: Word<ResourceType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_fields: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    #[serde(skip_serializing_if = "Word::is_empty")]
    pub build_reason: Word<BuildReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Uuid>,
}

impl Validate for CreateTestAuditLogRequest {}

wire_enum! {
    /// What was done.
    pub enum AuditAction {
        Close = "close",
        Connect = "connect",
        Create = "create",
        Delete = "delete",
        Disconnect = "disconnect",
        Login = "login",
        Logout = "logout",
        Open = "open",
        Register = "register",
        RequestPasswordReset = "request_password_reset",
        Start = "start",
        Stop = "stop",
        Write = "write",
    }
}

wire_enum! {
    /// What it was done to.
    pub enum ResourceType {
        ApiKey = "api_key",
        ConvertLogin = "convert_login",
        CustomRole = "custom_role",
        GitSshKey = "git_ssh_key",
        Group = "group",
        HealthSettings = "health_settings",
        IdpSyncSettingsGroup = "idp_sync_settings_group",
        IdpSyncSettingsOrganization = "idp_sync_settings_organization",
        IdpSyncSettingsRole = "idp_sync_settings_role",
        License = "license",
        NotificationTemplate = "notification_template",
        NotificationsSettings = "notifications_settings",
        Oauth2ProviderApp = "oauth2_provider_app",
        Oauth2ProviderAppSecret = "oauth2_provider_app_secret",
        Organization = "organization",
        OrganizationMember = "organization_member",
        PrebuildsSettings = "prebuilds_settings",
        Task = "task",
        Template = "template",
        TemplateVersion = "template_version",
        User = "user",
        Workspace = "workspace",
        WorkspaceAgent = "workspace_agent",
        WorkspaceApp = "workspace_app",
        WorkspaceBuild = "workspace_build",
        WorkspaceProxy = "workspace_proxy",
    }
}

/// A connection to a workspace, open or closed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionLog {
    pub id: Uuid,
    pub connect_time: Time,
    pub organization: MinimalOrganization,
    pub workspace_owner_id: Uuid,
    pub workspace_owner_username: String,
    pub workspace_id: Uuid,
    pub workspace_name: String,
    pub agent_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    pub r#type: ConnectionType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_info: Option<ConnectionLogWebInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_info: Option<ConnectionLogSSHInfo>,
}

/// A page of connections, and how many match in all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionLogResponse {
    pub connection_logs: Vec<ConnectionLog>,
    pub count: i64,
}

/// What is known of a connection of a browser.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionLogWebInfo {
    pub user_agent: String,
    pub user: Option<User>,
    pub slug_or_port: String,
    pub status_code: i32,
}

/// What is known of a connection to an agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionLogSSHInfo {
    pub connection_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect_time: Option<Time>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub disconnect_reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

wire_enum! {
    /// What is connected.
    pub enum ConnectionType {
        Jetbrains = "jetbrains",
        PortForwarding = "port_forwarding",
        ReconnectingPty = "reconnecting_pty",
        Ssh = "ssh",
        Vscode = "vscode",
        WorkspaceApp = "workspace_app",
    }
}

wire_enum! {
    /// Whether a connection is still open.
    pub enum ConnectionLogStatus {
        Completed = "completed",
        Ongoing = "ongoing",
    }
}
