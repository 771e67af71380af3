//! The deployment: what it is, what it may do, how it looks.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::validate::Validate;
use super::wire::Word;
use crate::time::Time;
use crate::wire_enum;

/// What runs here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BuildInfoResponse {
    pub external_url: String,
    pub version: String,
    pub dashboard_url: String,
    pub telemetry: bool,
    pub workspace_proxy: bool,
    pub agent_api_version: String,
    pub provisioner_api_version: String,
    pub upgrade_message: String,
    pub deployment_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub webpush_public_key: String,
}

/// What the dashboard shows of whose it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AppearanceConfig {
    pub application_name: String,
    pub logo_url: String,
    pub docs_url: String,
    pub service_banner: BannerConfig,
    pub announcement_banners: Vec<BannerConfig>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub support_links: Vec<LinkConfig>,
}

/// Changes what the dashboard shows of whose it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateAppearanceConfig {
    pub application_name: String,
    pub logo_url: String,
    pub service_banner: BannerConfig,
    pub announcement_banners: Vec<BannerConfig>,
}

impl Validate for UpdateAppearanceConfig {}

/// A line across the dashboard.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BannerConfig {
    pub enabled: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub background_color: String,
}

/// A link in the dashboard's menu.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkConfig {
    pub name: String,
    pub target: String,
    pub icon: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub location: String,
}

/// What the licence allows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entitlements {
    pub features: BTreeMap<String, Feature>,
    pub warnings: Vec<String>,
    pub errors: Vec<String>,
    pub has_license: bool,
    pub trial: bool,
    pub require_telemetry: bool,
    pub refreshed_at: Time,
}

/// Whether a feature is allowed and on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Feature {
    pub entitlement: Entitlement,
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft_limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_period: Option<UsagePeriod>,
}

/// From when to when use is counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UsagePeriod {
    pub issued_at: Time,
    pub start: Time,
    pub end: Time,
}

/// The experiments that are safe to turn on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AvailableExperiments {
    pub safe: Vec<String>,
}

/// Whether there is something newer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UpdateCheckResponse {
    pub current: bool,
    pub version: String,
    pub url: String,
}

/// How much is going on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeploymentStats {
    pub aggregated_from: Time,
    pub collected_at: Time,
    pub next_update_at: Time,
    pub workspaces: WorkspaceDeploymentStats,
    pub session_count: SessionCountDeploymentStats,
}

/// How many workspaces are in which state, and what they move.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceDeploymentStats {
    pub pending: i64,
    pub building: i64,
    pub running: i64,
    pub failed: i64,
    pub stopped: i64,
    pub connection_latency_ms: WorkspaceConnectionLatencyMS,
    pub rx_bytes: i64,
    pub tx_bytes: i64,
}

/// How many sessions of which kind are open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionCountDeploymentStats {
    pub vscode: i64,
    pub ssh: i64,
    pub jetbrains: i64,
    pub reconnecting_pty: i64,
}

/// How long connections take.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceConnectionLatencyMS {
    #[serde(rename = "P50")]
    pub p50: f64,
    #[serde(rename = "P95")]
    pub p95: f64,
}

/// What goes into a client's SSH configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SSHConfigResponse {
    pub hostname_prefix: String,
    pub hostname_suffix: String,
    pub ssh_config_options: Option<BTreeMap<String, String>>,
}

/// Which parts of the health report are not to be minded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthSettings {
    pub dismissed_healthchecks: Option<Vec<HealthSection>>,
}

/// Changes which parts of the health report are not to be minded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateHealthSettings {
    pub dismissed_healthchecks: Option<Vec<Word<HealthSection>>>,
}

impl Validate for UpdateHealthSettings {}

/// Where apps of workspaces can be reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Region {
    pub id: Uuid,
    pub name: String,
    pub display_name: String,
    pub icon_url: String,
    pub healthy: bool,
    pub path_app_url: String,
    pub wildcard_hostname: String,
}

/// All regions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegionsResponse<R> {
    pub regions: Vec<R>,
}

/// A region with its state: the deployment itself, or a proxy elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceProxy {
    #[serde(flatten)]
    pub region: Region,
    pub derp_enabled: bool,
    pub derp_only: bool,
    pub status: WorkspaceProxyStatus,
    pub created_at: Time,
    pub updated_at: Time,
    pub deleted: bool,
    pub version: String,
}

/// Whether a proxy works, as of when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceProxyStatus {
    pub status: ProxyHealthStatus,
    pub report: ProxyHealthReport,
    pub checked_at: Time,
}

/// What is wrong with a proxy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProxyHealthReport {
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
}

/// A server of the deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replica {
    pub id: Uuid,
    pub hostname: String,
    pub created_at: Time,
    pub relay_address: String,
    pub region_id: i32,
    pub error: String,
    pub database_latency: i32,
}

wire_enum! {
    /// Whether the licence allows a feature.
    pub enum Entitlement {
        Entitled = "entitled",
        GracePeriod = "grace_period",
        NotEntitled = "not_entitled",
    }
}

wire_enum! {
    /// What a licence may allow.
    pub enum FeatureName {
        Aibridge = "aibridge",
        AiGovernanceUserLimit = "ai_governance_user_limit",
        AccessControl = "access_control",
        AdvancedTemplateScheduling = "advanced_template_scheduling",
        Appearance = "appearance",
        AuditLog = "audit_log",
        Boundary = "boundary",
        BrowserOnly = "browser_only",
        ConnectionLog = "connection_log",
        ControlSharedPorts = "control_shared_ports",
        CustomRoles = "custom_roles",
        ExternalProvisionerDaemons = "external_provisioner_daemons",
        ExternalTokenEncryption = "external_token_encryption",
        HighAvailability = "high_availability",
        ManagedAgentLimit = "managed_agent_limit",
        MultipleExternalAuth = "multiple_external_auth",
        MultipleOrganizations = "multiple_organizations",
        Scim = "scim",
        TaskBatchActions = "task_batch_actions",
        TemplateRbac = "template_rbac",
        UserLimit = "user_limit",
        UserRoleManagement = "user_role_management",
        WorkspaceBatchActions = "workspace_batch_actions",
        WorkspaceExternalAgent = "workspace_external_agent",
        WorkspacePrebuilds = "workspace_prebuilds",
        WorkspaceProxy = "workspace_proxy",
    }
}

wire_enum! {
    /// A bundle of features.
    pub enum FeatureSet {
        Enterprise = "enterprise",
        Unset = "",
        Premium = "premium",
    }
}

wire_enum! {
    /// Whether a proxy works.
    pub enum ProxyHealthStatus {
        Ok = "ok",
        Unhealthy = "unhealthy",
        Unreachable = "unreachable",
        Unregistered = "unregistered",
    }
}

wire_enum! {
    /// A part of the health report.
    pub enum HealthSection {
        AccessURL = "AccessURL",
        Derp = "DERP",
        Database = "Database",
        ProvisionerDaemons = "ProvisionerDaemons",
        Websocket = "Websocket",
        WorkspaceProxy = "WorkspaceProxy",
    }
}
