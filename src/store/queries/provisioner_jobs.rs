//! Provisioner jobs: what is to be run, what runs, what ran, and what it said.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::rbac::{Acl, Action, Object, Resource};
use crate::sdk::{
    LogLevel, LogSource, ProvisionerJobStatus, ProvisionerJobType, ProvisionerStorageMethod, ProvisionerType,
    TimingStage,
};
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::{Db, Error};
use crate::time::Time;

rows! {
    /// A row of `provisioner_jobs`.
    pub struct ProvisionerJob {
        pub id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub started_at: Option<Time>,
        pub canceled_at: Option<Time>,
        pub completed_at: Option<Time>,
        pub error: Option<String>,
        pub error_code: Option<String>,
        pub organization_id: Uuid,
        pub initiator_id: Uuid,
        pub provisioner: ProvisionerType,
        pub storage_method: ProvisionerStorageMethod,
        pub kind: ProvisionerJobType = "type",
        pub input: serde_json::Value,
        pub worker_id: Option<Uuid>,
        pub file_id: Uuid,
        pub tags: BTreeMap<String, String>,
        pub job_status: ProvisionerJobStatus,
        pub logs_length: i32,
        pub logs_overflowed: bool,
    }

    /// A job that is about to be posted.
    pub struct NewProvisionerJob {
        pub id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub organization_id: Uuid,
        pub initiator_id: Uuid,
        pub provisioner: ProvisionerType,
        pub storage_method: ProvisionerStorageMethod,
        pub kind: ProvisionerJobType = "type",
        pub input: serde_json::Value,
        pub file_id: Uuid,
        pub tags: BTreeMap<String, String>,
    }

    /// A row of `provisioner_job_logs`.
    pub struct ProvisionerJobLog {
        pub id: i64,
        pub job_id: Uuid,
        pub created_at: Time,
        pub source: LogSource,
        pub level: LogLevel,
        pub stage: String,
        pub output: String,
    }

    /// A row of `provisioner_job_timings`.
    pub struct ProvisionerJobTiming {
        pub job_id: Uuid,
        pub started_at: Time,
        pub ended_at: Time,
        pub stage: TimingStage,
        pub source: String,
        pub action: String,
        pub resource: String,
    }

    /// A job that waits, as much of it as its place in the queue depends on.
    pub struct WaitingJob {
        pub id: Uuid,
        pub created_at: Time,
        pub initiator_id: Uuid,
        pub tags: BTreeMap<String, String>,
    }

    /// What a job is about: the workspace of its build, or the template of its version.
    pub struct JobTarget {
        pub organization_id: Uuid,
        pub workspace_id: Option<Uuid>,
        pub owner_id: Option<Uuid>,
        pub dormant_at: Option<Time>,
        pub template_id: Option<Uuid>,
        pub user_acl: Option<String>,
        pub group_acl: Option<String>,
        pub allow_user_cancel_workspace_jobs: Option<bool>,
    }
}

impl Guarded for JobTarget {
    fn object(&self, switches: Switches) -> Object {
        let acl = |text: &Option<String>| text.clone().unwrap_or_default();
        if let (Some(id), Some(owner)) = (self.workspace_id, self.owner_id) {
            let kind = if self.dormant_at.is_some() { Resource::WorkspaceDormant } else { Resource::Workspace };
            let object = Object::of(kind).id(id).owner(owner).org(self.organization_id);
            if self.dormant_at.is_some() || switches.workspace_sharing_disabled {
                return object;
            }
            let parse = |text: &Option<String>| Acl::parse_workspace(&acl(text)).unwrap_or_default();
            return object.acl_user(parse(&self.user_acl)).acl_group(parse(&self.group_acl));
        }
        let object = Object::of(Resource::Template).org(self.organization_id);
        let parse = |text: &Option<String>| Acl::parse_template(&acl(text)).unwrap_or_default();
        match self.template_id {
            Some(id) => object.id(id).acl_user(parse(&self.user_acl)).acl_group(parse(&self.group_acl)),
            None => object,
        }
    }
}

impl Guarded for ProvisionerJob {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::ProvisionerJobs).org(self.organization_id)
    }
}

/// Cancelling is updating what the job is about; where the template keeps users from cancelling
/// builds, only an owner of the deployment may.
fn may_cancel(db: &Db, job: Uuid) -> Result<(), Error> {
    let target = db.unguarded().get_provisioner_job_target(job)?;
    if target.workspace_id.is_some() && target.allow_user_cancel_workspace_jobs == Some(false) {
        let owner = db.subject().is_none_or(|s| s.has_role(crate::rbac::roles::OWNER));
        if !owner {
            return db.require(Action::Update, &Object::of(Resource::ProvisionerJobs));
        }
    }
    db.require_on(Action::Update, &target)
}

queries! {
    /// What a job is about.
    GetProvisionerJobByID = get_provisioner_job_target(db, job_id: Uuid) -> one JobTarget;
        allow(row Read),
        sql "SELECT j.organization_id, w.id, w.owner_id, w.dormant_at, coalesce(wt.id, t.id),
                coalesce(w.user_acl, t.user_acl), coalesce(w.group_acl, t.group_acl), wt.allow_user_cancel_workspace_jobs
            FROM provisioner_jobs j
            LEFT JOIN workspace_builds b ON b.job_id = j.id
            LEFT JOIN workspaces w ON w.id = b.workspace_id
            LEFT JOIN templates wt ON wt.id = w.template_id
            LEFT JOIN template_versions v ON v.id = j.input ->> '$.template_version_id'
            LEFT JOIN templates t ON t.id = v.template_id
            WHERE j.id = :job_id",
        pg "SELECT j.organization_id, w.id, w.owner_id, w.dormant_at, coalesce(wt.id, t.id),
                coalesce(w.user_acl, t.user_acl), coalesce(w.group_acl, t.group_acl), wt.allow_user_cancel_workspace_jobs
            FROM provisioner_jobs j
            LEFT JOIN workspace_builds b ON b.job_id = j.id
            LEFT JOIN workspaces w ON w.id = b.workspace_id
            LEFT JOIN templates wt ON wt.id = w.template_id
            LEFT JOIN template_versions v ON v.id = (j.input ->> 'template_version_id')::uuid
            LEFT JOIN templates t ON t.id = v.template_id
            WHERE j.id = :job_id";

    /// A job, for those who may read what it is about.
    GetProvisionerJobByID = get_provisioner_job_by_id(db, id: Uuid) -> one ProvisionerJob;
        allow(via Read |row| db.unguarded().get_provisioner_job_target(row.id)?),
        sql "SELECT {row} FROM provisioner_jobs WHERE id = :id";

    /// Jobs of things that the caller was found to be allowed to read.
    GetProvisionerJobsByIDsWithQueuePosition = get_provisioner_jobs_by_ids(db, ids: &[Uuid]) -> many ProvisionerJob;
        allow(none),
        sql "SELECT {row} FROM provisioner_jobs WHERE id IN [:ids]";

    /// The jobs that wait for a provisioner.
    GetProvisionerJobsByIDsWithQueuePosition = get_waiting_provisioner_jobs(db) -> many WaitingJob;
        allow(none),
        sql "SELECT {row} FROM provisioner_jobs WHERE job_status = 'pending'";

    /// Posts a job. Who may is decided by what it is for.
    InsertProvisionerJob = insert_provisioner_job(db, job: &NewProvisionerJob) -> one ProvisionerJob;
        allow(none),
        sql "INSERT INTO provisioner_jobs {insert} RETURNING {row}";

    /// Gives the next job that fits to a worker: those of people before those of the prebuilds user,
    /// then the oldest.
    AcquireProvisionerJob = acquire_provisioner_job(db, organization_id: Uuid, provisioners: &[String], tags: &BTreeMap<String, String>, worker_id: Uuid, now: Time) -> one ProvisionerJob;
        allow(system Update ProvisionerJobs),
        sql "UPDATE provisioner_jobs SET started_at = :now, updated_at = :now, worker_id = :worker_id
            WHERE id = (
                SELECT j.id FROM provisioner_jobs j
                WHERE j.job_status = 'pending' AND j.organization_id = :organization_id AND j.provisioner IN [:provisioners]
                    AND provisioner_tagset_contains(:tags, j.tags)
                ORDER BY j.initiator_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0', j.created_at LIMIT 1)
            RETURNING {row}",
        pg "UPDATE provisioner_jobs SET started_at = :now, updated_at = :now, worker_id = :worker_id
            WHERE id = (
                SELECT j.id FROM provisioner_jobs j
                WHERE j.job_status = 'pending' AND j.organization_id = :organization_id AND j.provisioner::text IN [:provisioners]
                    AND provisioner_tagset_contains(:tags, j.tags)
                ORDER BY j.initiator_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0', j.created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING {row}";

    /// The worker's sign of life.
    UpdateProvisionerJobByID = update_provisioner_job_by_id(db, id: Uuid, updated_at: Time) -> one ProvisionerJob;
        allow(system Update ProvisionerJobs),
        sql "UPDATE provisioner_jobs SET updated_at = :updated_at WHERE id = :id RETURNING {row}";

    /// Marks a job as to be canceled; as over, too, when nobody has begun it.
    UpdateProvisionerJobWithCancelByID = update_provisioner_job_with_cancel_by_id(db, id: Uuid, canceled_at: Option<Time>, completed_at: Option<Time>) -> exec;
        allow(check may_cancel(db, id)),
        sql "UPDATE provisioner_jobs SET canceled_at = :canceled_at, completed_at = :completed_at WHERE id = :id";

    /// Marks a job as over, unless it is already: then nothing is changed.
    UpdateProvisionerJobWithCompleteByID = update_provisioner_job_with_complete_by_id(db, id: Uuid, completed_at: Time, error: Option<String>, error_code: Option<&str>) -> exec;
        allow(system Update ProvisionerJobs),
        sql "UPDATE provisioner_jobs SET updated_at = :completed_at, completed_at = :completed_at, error = :error, error_code = :error_code WHERE id = :id AND completed_at IS NULL";

    /// Marks a job as over that nobody ever began.
    UpdateProvisionerJobWithCompleteWithStartedAtByID = update_provisioner_job_with_complete_with_started_at_by_id(db, id: Uuid, completed_at: Time, error: Option<String>) -> exec;
        allow(system Update ProvisionerJobs),
        sql "UPDATE provisioner_jobs SET updated_at = :completed_at, completed_at = :completed_at, started_at = :completed_at, error = :error WHERE id = :id";

    /// The jobs that a server which is no more had begun.
    GetProvisionerJobsToBeReaped = get_unfinished_provisioner_jobs(db) -> many ProvisionerJob;
        allow(system Read ProvisionerJobs),
        sql "SELECT {row} FROM provisioner_jobs WHERE completed_at IS NULL AND started_at IS NOT NULL";

    /// Keeps a line of a job's log; the answer is its id.
    InsertProvisionerJobLogs = insert_provisioner_job_log(db, job_id: Uuid, created_at: Time, source: LogSource, level: LogLevel, stage: &str, output: &str) -> one i64;
        allow(none),
        sql "INSERT INTO provisioner_job_logs {insert} RETURNING id";

    /// How many bytes of log a job has.
    UpdateProvisionerJobLogsLength = update_provisioner_job_logs_length(db, id: Uuid, added: i32) -> exec;
        allow(system Update ProvisionerJobs),
        sql "UPDATE provisioner_jobs SET logs_length = logs_length + :added WHERE id = :id";

    /// That a job has said more than is kept.
    UpdateProvisionerJobLogsOverflowed = update_provisioner_job_logs_overflowed(db, id: Uuid, logs_overflowed: bool) -> exec;
        allow(system Update ProvisionerJobs),
        sql "UPDATE provisioner_jobs SET logs_overflowed = :logs_overflowed WHERE id = :id";

    /// A job's log after a line, in order.
    GetProvisionerLogsAfterID = get_provisioner_logs_after_id(db, job_id: Uuid, after_id: i64) -> many ProvisionerJobLog;
        allow(on Read db.unguarded().get_provisioner_job_target(job_id)?),
        sql "SELECT {row} FROM provisioner_job_logs WHERE job_id = :job_id AND id > :after_id ORDER BY id";

    /// Keeps how long a part of a job took.
    InsertProvisionerJobTimings = insert_provisioner_job_timing(db, timing: &ProvisionerJobTiming) -> exec;
        allow(system Update ProvisionerJobs),
        sql "INSERT INTO provisioner_job_timings {insert}";

    /// How long the parts of a job took.
    GetProvisionerJobTimingsByJobID = get_provisioner_job_timings_by_job_id(db, job_id: Uuid) -> many ProvisionerJobTiming;
        allow(on Read db.unguarded().get_provisioner_job_target(job_id)?),
        sql "SELECT {row} FROM provisioner_job_timings WHERE job_id = :job_id ORDER BY started_at";
}
