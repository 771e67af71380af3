//! Provisioner jobs: how one is posted, where it stands in the queue, and what tells of its log.
//! [`runner`] runs them in this process: [`import`], [`build`] and [`dry_run`] know what each kind
//! does, [`made`] stores what it made.

pub mod build;
pub mod dry_run;
pub mod import;
pub mod log;
pub mod made;
mod orphans;
pub mod queue;
pub mod runner;

use std::collections::BTreeMap;

use serde_json::json;
use uuid::Uuid;

use crate::deployment::Deployment;
use crate::provisioner::{self, RichParameterValue};
use crate::rbac::system;
use crate::sdk::{JobErrorCode, ProvisionerJobType, ProvisionerStorageMethod, ProvisionerType};
use crate::store::queries::provisioner_jobs::{NewProvisionerJob, ProvisionerJob};
use crate::store::{self, Db};
use crate::time::Time;

/// The channel that tells of every posted job.
pub const POSTED: &str = "provisioner_job_posted";

/// The channel that tells of a job's log: `{"created_after": <id>}`, `{"end_of_logs": true}`.
pub fn log_channel(job: Uuid) -> String {
    format!("provisioner-log-logs:{job}")
}

/// What a job is to do; kept as JSON in the job's `input`.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Read a template version.
    TemplateVersionImport {
        /// The version.
        template_version_id: Uuid,
        /// Values for its variables.
        user_variable_values: Vec<(String, String)>,
    },
    /// Build a workspace.
    WorkspaceBuild {
        /// The build.
        workspace_build_id: Uuid,
        /// The least level of the provisioner's log; empty for the usual one.
        log_level: String,
        /// 0 for an ordinary build, 1 for a prebuilt workspace, 2 for one that is claimed.
        prebuilt_workspace_stage: i32,
    },
    /// Plan a template version without building anything.
    TemplateVersionDryRun {
        /// The version.
        template_version_id: Uuid,
        /// The workspace's name as the template sees it.
        workspace_name: String,
        /// Parameter values.
        rich_parameter_values: Vec<RichParameterValue>,
    },
}

impl Input {
    /// As the database keeps it.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Input::TemplateVersionImport { template_version_id, user_variable_values } => {
                let values: Vec<_> =
                    user_variable_values.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
                json!({ "template_version_id": template_version_id, "user_variable_values": values })
            }
            Input::WorkspaceBuild { workspace_build_id, log_level, prebuilt_workspace_stage } => {
                let mut input = json!({ "workspace_build_id": workspace_build_id, "dry_run": false });
                if !log_level.is_empty() {
                    input["log_level"] = json!(log_level);
                }
                if *prebuilt_workspace_stage != 0 {
                    input["prebuilt_workspace_stage"] = json!(prebuilt_workspace_stage);
                }
                input
            }
            Input::TemplateVersionDryRun { template_version_id, workspace_name, rich_parameter_values } => {
                let values: Vec<_> =
                    rich_parameter_values.iter().map(|v| json!({ "name": v.name, "value": v.value })).collect();
                json!({ "template_version_id": template_version_id, "workspace_name": workspace_name, "rich_parameter_values": values })
            }
        }
    }

    /// Reads what the database keeps.
    pub fn from_job(job: &ProvisionerJob) -> Option<Input> {
        let input = &job.input;
        let id = |key: &str| input.get(key)?.as_str()?.parse::<Uuid>().ok();
        let text = |key: &str| input.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        let pairs = |key: &str| -> Vec<(String, String)> {
            let list = input.get(key).and_then(|v| v.as_array()).cloned().unwrap_or_default();
            let field =
                |v: &serde_json::Value, name: &str| v.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
            list.iter().map(|v| (field(v, "name"), field(v, "value"))).collect()
        };
        Some(match job.kind {
            ProvisionerJobType::TemplateVersionImport => Input::TemplateVersionImport {
                template_version_id: id("template_version_id")?,
                user_variable_values: pairs("user_variable_values"),
            },
            ProvisionerJobType::WorkspaceBuild => Input::WorkspaceBuild {
                workspace_build_id: id("workspace_build_id")?,
                log_level: text("log_level"),
                prebuilt_workspace_stage: input
                    .get("prebuilt_workspace_stage")
                    .and_then(|v| v.as_i64())
                    .unwrap_or_default() as i32,
            },
            ProvisionerJobType::TemplateVersionDryRun => Input::TemplateVersionDryRun {
                template_version_id: id("template_version_id")?,
                workspace_name: text("workspace_name"),
                rich_parameter_values: pairs("rich_parameter_values")
                    .into_iter()
                    .map(|(name, value)| RichParameterValue { name, value })
                    .collect(),
            },
        })
    }
}

/// Why a job failed, and what is kept of it all the same.
#[derive(Debug, Default)]
pub struct Failed {
    /// What the job reports.
    pub message: String,
    /// The kind of failure, where clients act on it.
    pub code: Option<&'static str>,
    /// The state as far as the provisioner came; none when it touched nothing.
    pub state: Option<Vec<u8>>,
    /// How long its parts took.
    pub timings: Vec<provisioner::Timing>,
    /// A store error behind it.
    store: Option<store::Error>,
}

impl Failed {
    /// With a message.
    pub fn because(message: impl Into<String>) -> Failed {
        Failed { message: message.into(), ..Failed::default() }
    }
    /// As a provisioner's phase failed.
    pub fn of(failure: provisioner::Failure) -> Failed {
        let code = match failure.message.as_str() {
            m if m.contains("missing parameter") => Some("MISSING_TEMPLATE_PARAMETER"),
            m if m.contains("required template variables") => Some(JobErrorCode::RequiredTemplateVariables.as_str()),
            _ => None,
        };
        Failed { message: failure.message, code, state: failure.state, timings: failure.timings, store: None }
    }
    /// Says what was being done.
    pub fn after(mut self, what: &str) -> Failed {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl From<store::Error> for Failed {
    fn from(e: store::Error) -> Failed {
        Failed { message: format!("internal provisionerserver error: {e}"), store: Some(e), ..Failed::default() }
    }
}

impl store::TxError for Failed {
    fn store_error(&self) -> Option<&store::Error> {
        self.store.as_ref()
    }
}

/// A job to be posted.
#[derive(Debug, Clone)]
pub struct New {
    /// Its id.
    pub id: Uuid,
    /// The organization whose daemons run it.
    pub organization_id: Uuid,
    /// Who asked for it.
    pub initiator_id: Uuid,
    /// What it is for.
    pub kind: ProvisionerJobType,
    /// What can run it.
    pub provisioner: ProvisionerType,
    /// How its template is kept.
    pub storage_method: ProvisionerStorageMethod,
    /// Its template.
    pub file_id: Uuid,
    /// What it does.
    pub input: Input,
    /// What a daemon must have; see [`owner_tags`].
    pub tags: BTreeMap<String, String>,
}

/// Keeps a job, in the caller's transaction. Call [`post`] once that has ended well.
pub fn insert(deployment: &Deployment, db: &Db, new: New) -> Result<ProvisionerJob, store::Error> {
    let now = deployment.clock.now();
    db.insert_provisioner_job(&NewProvisionerJob {
        id: new.id,
        created_at: now,
        updated_at: now,
        organization_id: new.organization_id,
        initiator_id: new.initiator_id,
        provisioner: new.provisioner,
        storage_method: new.storage_method,
        kind: new.kind,
        input: new.input.to_json(),
        file_id: new.file_id,
        tags: new.tags,
    })
}

/// Wakes the provisioners.
pub fn post(deployment: &Deployment, job: &ProvisionerJob) {
    let message = json!({ "organization_id": job.organization_id, "type": job.provisioner, "tags": job.tags });
    deployment.pubsub.publish(POSTED, &message.to_string());
}

/// Tags as jobs and daemons carry them: `scope` and `owner` are always there, and `owner` is who it is
/// for when the scope is `user`. Later lists win; empty values never do.
pub fn owner_tags(owner: Uuid, lists: &[&BTreeMap<String, String>]) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for (key, value) in lists.iter().flat_map(|list| list.iter()) {
        if !value.is_empty() {
            tags.insert(key.clone(), value.clone());
        }
    }
    let user = tags.get("scope").is_some_and(|s| s == "user");
    tags.insert("scope".into(), if user { "user" } else { "organization" }.into());
    tags.insert("owner".into(), if user { owner.to_string() } else { String::new() });
    tags
}

/// Cancels a job: one that nobody has begun is over at once, one that runs is told.
pub fn cancel(deployment: &Deployment, db: &Db, job: &ProvisionerJob) -> Result<(), store::Error> {
    let now: Time = deployment.clock.now();
    let completed = job.worker_id.is_none().then_some(now);
    db.update_provisioner_job_with_cancel_by_id(job.id, Some(now), completed).map(|_| ())
}

/// Tells those who follow a canceled job's log that nothing more comes, if nobody had begun it.
pub fn announce_cancel(deployment: &Deployment, job: &ProvisionerJob) {
    if job.worker_id.is_none() {
        deployment.pubsub.publish(&log_channel(job.id), r#"{"end_of_logs":true}"#);
    }
}

/// Jobs with their places in the queue.
pub fn with_queue(
    deployment: &Deployment,
    db: &Db,
    jobs: Vec<ProvisionerJob>,
) -> Result<Vec<JobWithQueue>, store::Error> {
    let waits = jobs.iter().any(|j| j.job_status == crate::sdk::ProvisionerJobStatus::Pending);
    let places = if waits {
        let daemons = db.acting_as(system::restricted()).get_provisioner_daemons()?;
        queue::places(&db.get_waiting_provisioner_jobs()?, &daemons, deployment.clock.now())
    } else {
        Default::default()
    };
    Ok(jobs
        .into_iter()
        .map(|job| {
            let place = places.get(&job.id).copied().unwrap_or_default();
            JobWithQueue { job, position: place.position, size: place.size }
        })
        .collect())
}

/// A job and its place in the queue; both numbers are 0 for one that does not wait.
#[derive(Debug, Clone)]
pub struct JobWithQueue {
    /// The job.
    pub job: ProvisionerJob,
    /// Its place, from 1.
    pub position: i64,
    /// How many wait.
    pub size: i64,
}
