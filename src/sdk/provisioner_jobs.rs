//! Provisioner jobs, their logs, and the daemons and keys that run them.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::common::LogLevel;
use super::validate::Validate;
use super::wire::Word;
use crate::time::Time;
use crate::wire_enum;

/// A job and how far it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvisionerJob {
    pub id: Uuid,
    pub created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canceled_at: Option<Time>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<Word<JobErrorCode>>,
    pub status: ProvisionerJobStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub worker_name: String,
    pub file_id: Uuid,
    pub tags: BTreeMap<String, String>,
    pub queue_position: i64,
    pub queue_size: i64,
    pub organization_id: Uuid,
    pub initiator_id: Uuid,
    pub input: ProvisionerJobInput,
    pub r#type: ProvisionerJobType,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub available_workers: Vec<Uuid>,
    pub metadata: ProvisionerJobMetadata,
    pub logs_overflowed: bool,
}

/// What a job is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvisionerJobInput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_version_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_build_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// Names of what a job is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvisionerJobMetadata {
    pub template_version_name: String,
    pub template_id: Uuid,
    pub template_name: String,
    pub template_display_name: String,
    pub template_icon: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub workspace_name: String,
}

/// A line that a job wrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvisionerJobLog {
    pub id: i64,
    pub created_at: Time,
    pub log_source: LogSource,
    pub log_level: LogLevel,
    pub stage: String,
    pub output: String,
}

/// How many daemons could take a job.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MatchedProvisioners {
    pub count: i64,
    pub available: i64,
    pub most_recently_seen: Option<Time>,
}

/// A daemon that runs jobs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvisionerDaemon {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub key_id: Uuid,
    pub created_at: Time,
    pub last_seen_at: Option<Time>,
    pub name: String,
    pub version: String,
    pub api_version: String,
    pub provisioners: Vec<ProvisionerType>,
    pub tags: BTreeMap<String, String>,
    pub key_name: Option<String>,
    pub status: Option<ProvisionerDaemonStatus>,
    pub current_job: Option<ProvisionerDaemonJob>,
    pub previous_job: Option<ProvisionerDaemonJob>,
}

/// A job that a daemon runs or ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvisionerDaemonJob {
    pub id: Uuid,
    pub status: ProvisionerJobStatus,
    pub template_name: String,
    pub template_icon: String,
    pub template_display_name: String,
}

/// A key with which daemons come in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvisionerKey {
    pub id: Uuid,
    pub created_at: Time,
    pub organization: Uuid,
    pub name: String,
    pub tags: BTreeMap<String, String>,
}

/// A key and the daemons that came in with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvisionerKeyDaemons {
    pub key: ProvisionerKey,
    pub daemons: Vec<ProvisionerDaemon>,
}

/// Makes a key for daemons.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateProvisionerKeyRequest {
    pub name: String,
    pub tags: BTreeMap<String, String>,
}

impl Validate for CreateProvisionerKeyRequest {}

/// The key, the only time that it can be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreateProvisionerKeyResponse {
    pub key: String,
}

wire_enum! {
    /// What runs a job.
    pub enum ProvisionerType {
        Echo = "echo",
        Terraform = "terraform",
    }
}

wire_enum! {
    /// Where a template's source is kept.
    pub enum ProvisionerStorageMethod {
        File = "file",
    }
}

wire_enum! {
    /// How far a job is.
    pub enum ProvisionerJobStatus {
        Canceled = "canceled",
        Canceling = "canceling",
        Failed = "failed",
        Pending = "pending",
        Running = "running",
        Succeeded = "succeeded",
        Unknown = "unknown",
    }
}

wire_enum! {
    /// What a job does.
    pub enum ProvisionerJobType {
        TemplateVersionDryRun = "template_version_dry_run",
        TemplateVersionImport = "template_version_import",
        WorkspaceBuild = "workspace_build",
    }
}

wire_enum! {
    /// What a daemon is doing.
    pub enum ProvisionerDaemonStatus {
        Busy = "busy",
        Idle = "idle",
        Offline = "offline",
    }
}

wire_enum! {
    /// How much a build shall write.
    pub enum ProvisionerLogLevel {
        Debug = "debug",
    }
}

wire_enum! {
    /// Who wrote a line of a job.
    pub enum LogSource {
        Provisioner = "provisioner",
        ProvisionerDaemon = "provisioner_daemon",
    }
}

wire_enum! {
    /// Errors that programs act on.
    pub enum JobErrorCode {
        RequiredTemplateVariables = "REQUIRED_TEMPLATE_VARIABLES",
    }
}
