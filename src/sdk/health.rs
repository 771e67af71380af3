//! The health report: what was checked, and what was found.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::deployment::{RegionsResponse, WorkspaceProxy};
use super::provisioner_jobs::ProvisionerDaemon;
use crate::time::Time;
use crate::wire_enum;

/// The whole report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthcheckReport {
    pub time: Time,
    pub healthy: bool,
    pub severity: HealthSeverity,
    pub derp: DERPHealthReport,
    pub access_url: AccessURLReport,
    pub websocket: WebsocketReport,
    pub database: DatabaseReport,
    pub workspace_proxy: WorkspaceProxyReport,
    pub provisioner_daemons: ProvisionerDaemonsReport,
    pub coder_version: String,
}

/// What every part of the report has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BaseReport {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub severity: HealthSeverity,
    pub warnings: Vec<HealthMessage>,
    pub dismissed: bool,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthMessage {
    pub code: String,
    pub message: String,
}

/// Whether the server can be reached where it says it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessURLReport {
    #[serde(flatten)]
    pub base: BaseReport,
    pub healthy: bool,
    pub access_url: String,
    pub reachable: bool,
    pub status_code: i64,
    pub healthz_response: String,
}

/// Whether the database answers, and how fast.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DatabaseReport {
    #[serde(flatten)]
    pub base: BaseReport,
    pub healthy: bool,
    pub reachable: bool,
    pub latency: String,
    pub latency_ms: i64,
    pub threshold_ms: i64,
}

/// Whether relays work, a region a number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DERPHealthReport {
    #[serde(flatten)]
    pub base: BaseReport,
    pub healthy: bool,
    pub regions: BTreeMap<i64, serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netcheck: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netcheck_err: Option<String>,
    pub netcheck_logs: Vec<String>,
}

/// Whether a WebSocket gets through to the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebsocketReport {
    #[serde(flatten)]
    pub base: BaseReport,
    pub healthy: bool,
    pub body: String,
    pub code: i64,
}

/// Whether the proxies work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceProxyReport {
    #[serde(flatten)]
    pub base: BaseReport,
    pub healthy: bool,
    pub workspace_proxies: RegionsResponse<WorkspaceProxy>,
}

/// Whether there are daemons, and of the right version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvisionerDaemonsReport {
    #[serde(flatten)]
    pub base: BaseReport,
    pub items: Vec<ProvisionerDaemonsReportItem>,
}

/// A daemon, and what is wrong with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvisionerDaemonsReportItem {
    pub provisioner_daemon: ProvisionerDaemon,
    pub warnings: Vec<HealthMessage>,
}

wire_enum! {
    /// How bad it is.
    pub enum HealthSeverity {
        Error = "error",
        Ok = "ok",
        Warning = "warning",
    }
}
