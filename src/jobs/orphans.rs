//! Jobs whose server is no more: nobody knows how far they came, so they are failed with a message that says so.
//!
//! Only jobs of servers' own daemons are looked at. Those of daemons elsewhere, which may outlive any server, are left
//! alone, even when such a daemon is no more, for as long as it is listed.
//!
//! On SQLite there is one server, so at its start every job that is under way is an orphan. On Postgres others may be
//! running theirs: there an orphan is a job that this server's own daemon had before it was started again, or one that has
//! not shown for a while that it is alive, and whoever finds it first fails it.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use uuid::Uuid;

use super::Failed;
use super::runner::{self, BUILT_IN_KEY};
use crate::config::Value;
use crate::deployment::Deployment;
use crate::sdk::{LogLevel, LogSource};
use crate::store::driver::Dialect;
use crate::store::queries::locks::LockId;
use crate::store::queries::provisioner_jobs::ProvisionerJob;
use crate::store::{Db, Error};

/// A running job shows twice a second that it is alive; after this long without, its server is no more.
const ABANDONED: Duration = Duration::from_secs(30);
/// How often they are looked for, unless the options say otherwise.
const EVERY: Duration = Duration::from_secs(60);

/// Fails the orphans that there are. `own` is the daemon that is about to start, and works at nothing yet.
pub(super) fn sweep(deployment: &Deployment, db: &Db, own: Option<Uuid>) -> Result<(), Error> {
    let found = db.tx_named("fail_orphaned_jobs", |db| {
        // One replica at a time: another would fail the same ones.
        if !db.try_acquire_lock(LockId::OrphanedJobs as i64)? {
            return Ok(Vec::new());
        }
        let found = orphans(deployment, db, own)?;
        let now = deployment.clock.now();
        for job in &found {
            // Not by way of a `JobLog`, which would tell who follows before anything is kept.
            let (source, level) = (LogSource::ProvisionerDaemon, LogLevel::Error);
            db.insert_provisioner_job_log(job.id, now, source, level, "Cleaning Up", MESSAGE)?;
            db.update_provisioner_job_logs_length(job.id, MESSAGE.len() as i32)?;
            runner::mark_failed(deployment, db, job, Failed::because(MESSAGE))?;
        }
        Ok::<_, Error>(found)
    })?;
    for job in found {
        log::warn!(target: "provisionerd", job:% = job.id; "failed a job that a server had begun before it ended");
        if let Err(e) = runner::announce_failed(deployment, db, &job) {
            // It is failed all the same, and there may be others to tell of.
            log::warn!(target: "provisionerd", job:% = job.id; "who watches a job cannot be told that it failed: {e}");
        }
    }
    Ok(())
}

const MESSAGE: &str = "The server ended while this job was running, so how far it came is not known. Try again.";

/// Looks for them now and then, until the server stops.
pub(super) fn keep_sweeping(deployment: &Deployment, db: &Db, stopped: &Receiver<()>) {
    let every = match deployment.config.settings.get("job-hang-detector-interval").value {
        Value::DurationNs(ns) => u64::try_from(ns).ok().filter(|ns| *ns > 0).map_or(EVERY, Duration::from_nanos),
        _ => EVERY,
    };
    while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        if let Err(e) = sweep(deployment, db, None) {
            log::warn!(target: "provisionerd", "jobs of servers that are no more cannot be failed: {e}");
        }
    }
}

fn orphans(deployment: &Deployment, db: &Db, own: Option<Uuid>) -> Result<Vec<ProvisionerJob>, Error> {
    let daemons = db.acting_as(crate::rbac::system::restricted()).get_provisioner_daemons()?;
    let elsewhere: Vec<Uuid> = daemons.into_iter().filter(|d| d.key_id != BUILT_IN_KEY).map(|d| d.id).collect();
    let silent_since = deployment.clock.now() - ABANDONED;
    let is_orphan = |job: &ProvisionerJob| {
        // A daemon that is not listed any more has not shown itself for days.
        job.worker_id.is_some_and(|worker| !elsewhere.contains(&worker))
            && (db.dialect() == Dialect::Sqlite || job.worker_id == own || job.updated_at < silent_since)
    };
    Ok(db.get_unfinished_provisioner_jobs()?.into_iter().filter(is_orphan).collect())
}
