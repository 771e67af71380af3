//! Runs jobs in this process: one provisioner daemon with a few workers, each a thread that takes one
//! job at a time.
//!
//! A worker waits for a posting, and looks by itself now and then. While a job runs, a second thread
//! keeps its log, shows that it is alive and looks whether it is to be canceled. What a job does is
//! the business of [`import`], [`build`] and [`dry_run`].

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::log::JobLog;
use super::orphans;
use super::{Failed, Input, POSTED, build, dry_run, import, log_channel};
use crate::deployment::Deployment;
use crate::provisioner::{LogLevel, Session, WorkspaceTransition};
use crate::pubsub::Subscription;
use crate::rbac::system;
use crate::sdk::{self, ProvisionerJobType};
use crate::store::driver::Dialect;
use crate::store::queries::provisioner_daemons::ProvisionerDaemon;
use crate::store::queries::provisioner_jobs::ProvisionerJob;
use crate::store::{self, Db, Optional};

/// Opens a provisioner for a job.
pub type Open = dyn Fn() -> Box<dyn Session> + Send + Sync;

/// The key under which the daemons of the server itself are kept.
pub(super) const BUILT_IN_KEY: Uuid = Uuid::from_u128(1);
/// How often a worker looks for a job by itself.
const BACKUP_POLL: Duration = Duration::from_secs(30);
/// How often a daemon shows that it is there.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// How often a running job's log is kept.
const FLUSH: Duration = Duration::from_millis(50);
/// How often a running job shows that it is alive, and looks whether it is to be canceled.
const UPDATE: Duration = Duration::from_millis(500);
/// Stack of a worker: templates nest expressions.
const STACK_BYTES: usize = 8 << 20;

/// The daemon of this process.
pub struct Provisioners {
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Provisioners {
    /// Fails what a server that is no more left unfinished ([`orphans`]), then starts the workers. Without any,
    /// nothing is registered: jobs wait for a daemon from elsewhere.
    pub fn start(deployment: &Deployment, open: Arc<Open>) -> Result<Provisioners, store::Error> {
        let db = deployment.db_as(system::provisionerd());
        let (stop, stopped) = crossbeam_channel::bounded(0);
        let workers = deployment.config.provisioner.daemons;
        let daemon = if workers > 0 { Some(Arc::new(register(deployment)?)) } else { None };
        orphans::sweep(deployment, &db, daemon.as_ref().map(|daemon| daemon.id))?;
        let mut threads = Vec::new();
        if db.dialect() == Dialect::Postgres {
            let (deployment, db, stopped) = (deployment.clone(), db.clone(), stopped.clone());
            threads.push(std::thread::spawn(move || orphans::keep_sweeping(&deployment, &db, &stopped)));
        }
        if let Some(daemon) = daemon {
            for i in 0..workers {
                let worker = Worker {
                    deployment: deployment.clone(),
                    db: db.clone(),
                    daemon: Arc::clone(&daemon),
                    open: Arc::clone(&open),
                    stopped: stopped.clone(),
                    posted: deployment.pubsub.subscribe(POSTED),
                };
                let thread = std::thread::Builder::new().name(format!("provisioner-{i}")).stack_size(STACK_BYTES);
                let started = thread.spawn(move || worker.run());
                threads.push(
                    started
                        .map_err(|e| store::Error::Unavailable(format!("cannot start a provisioner thread: {e}")))?,
                );
            }
            let deployment = deployment.clone();
            threads.push(std::thread::spawn(move || keep_alive(&deployment, daemon.id, &stopped)));
        }
        Ok(Provisioners { stop: Some(stop), threads })
    }

    /// Ends them: a job that runs is given up and failed with a message that says so.
    pub fn stop(mut self) {
        self.stop = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked is gone as well.
            let _ = thread.join();
        }
    }
}

/// Shows now and then that the daemon is there, however busy its workers are.
fn keep_alive(deployment: &Deployment, daemon: Uuid, stopped: &Receiver<()>) {
    let db = deployment.system_db();
    while stopped.recv_timeout(HEARTBEAT) == Err(crossbeam_channel::RecvTimeoutError::Timeout) {
        if let Err(e) = db.update_provisioner_daemon_last_seen_at(daemon, deployment.clock.now()) {
            log::warn!(target: "provisionerd", "the provisioner cannot show that it is there: {e}");
        }
    }
}

fn register(deployment: &Deployment) -> Result<ProvisionerDaemon, store::Error> {
    let db = deployment.system_db();
    let now = deployment.clock.now();
    // Replicas that share a database may well share a host, and never a folder.
    let suffix = match db.dialect() {
        Dialect::Sqlite => "-0".to_owned(),
        Dialect::Postgres => format!("-{}", folder_mark(&deployment.config.data_dir)),
    };
    let host: String = deployment.replica.hostname.chars().take(64 - suffix.len()).collect();
    let daemon = ProvisionerDaemon {
        id: deployment.ids.uuid(),
        created_at: now,
        name: host + &suffix,
        provisioners: vec![sdk::ProvisionerType::Terraform.as_str().to_owned()],
        tags: super::owner_tags(Uuid::nil(), &[&BTreeMap::new()]),
        last_seen_at: Some(now),
        version: deployment.version.clone(),
        api_version: crate::version::PROVISIONER_API.to_owned(),
        organization_id: db.get_default_organization()?.id,
        key_id: BUILT_IN_KEY,
    };
    db.upsert_provisioner_daemon(&daemon)
}

/// Tells the folders of replicas on one host apart, in a few letters.
fn folder_mark(folder: &std::path::Path) -> String {
    let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

struct Worker {
    deployment: Deployment,
    db: Db,
    daemon: Arc<ProvisionerDaemon>,
    open: Arc<Open>,
    stopped: Receiver<()>,
    posted: Subscription,
}

impl Worker {
    fn run(self) {
        loop {
            match self.acquire() {
                Ok(Some(job)) => self.work(job),
                Ok(None) => select! {
                    recv(self.stopped) -> _ => return,
                    recv(self.posted.messages) -> _ => while self.posted.messages.try_recv().is_ok() {},
                    default(BACKUP_POLL) => {}
                },
                Err(e) => {
                    log::error!(target: "provisionerd", "a provisioner cannot look for jobs: {e}");
                    if self.stopped.recv_timeout(Duration::from_secs(1))
                        != Err(crossbeam_channel::RecvTimeoutError::Timeout)
                    {
                        return;
                    }
                }
            }
        }
    }

    fn acquire(&self) -> Result<Option<ProvisionerJob>, store::Error> {
        if self.stopped.try_recv() == Err(crossbeam_channel::TryRecvError::Disconnected) {
            return Ok(None);
        }
        let d = &self.daemon;
        // A look first: waiting daemons must not take the writer's turn for nothing.
        if self.db.get_waiting_provisioner_jobs()?.is_empty() {
            return Ok(None);
        }
        self.db
            .acquire_provisioner_job(d.organization_id, &d.provisioners, &d.tags, d.id, self.deployment.clock.now())
            .optional()
    }

    fn work(&self, job: ProvisionerJob) {
        let began = Instant::now();
        let outcome = self.run_job(&job);
        let word = if outcome.is_ok() { "succeeded" } else { "failed" };
        log::info!(target: "provisionerd", job:% = job.id, kind = job.kind.as_str(), took_ms = began.elapsed().as_millis() as u64; "job {word}");
        if outcome.is_ok() && job.kind == ProvisionerJobType::WorkspaceBuild {
            build::log_end(&self.deployment, &self.db, &job, 200);
        }
        if let Err(failed) = outcome
            && let Err(e) = fail(&self.deployment, &self.db, &job, failed)
        {
            log::error!(target: "provisionerd", job:% = job.id; "a failed job cannot be marked as failed: {e}");
        }
        self.deployment.pubsub.publish(&log_channel(job.id), r#"{"end_of_logs":true}"#);
    }

    fn run_job(&self, job: &ProvisionerJob) -> Result<(), Failed> {
        let input = Input::from_job(job).ok_or_else(|| Failed::because("the job's input cannot be read"))?;
        let least = match &input {
            Input::WorkspaceBuild { log_level, .. } if log_level == "debug" => LogLevel::Debug,
            _ => LogLevel::Trace,
        };
        let log = JobLog::new(&self.deployment, &self.db, job.id, least);
        let running = Running { deployment: &self.deployment, db: &self.db, job, log: &log };
        if let Input::WorkspaceBuild { .. } = &input {
            build::announce(&running)?;
        }
        std::thread::scope(|scope| {
            let (done, over) = crossbeam_channel::bounded::<()>(0);
            scope.spawn(|| self.watch(job, &log, over));
            log.stage("Setting up");
            let session = (self.open)();
            let worked = catch_unwind(AssertUnwindSafe(|| match input {
                Input::TemplateVersionImport { template_version_id, user_variable_values } => {
                    import::run(&running, session, template_version_id, user_variable_values)
                }
                Input::WorkspaceBuild { workspace_build_id, prebuilt_workspace_stage, .. } => {
                    build::run(&running, session, workspace_build_id, prebuilt_workspace_stage)
                }
                Input::TemplateVersionDryRun { template_version_id, workspace_name, rich_parameter_values } => {
                    dry_run::run(&running, session, template_version_id, workspace_name, rich_parameter_values)
                }
            }));
            drop(done);
            // Whoever follows the log reads it to the end before the job is marked as over.
            log.flush_or_complain();
            worked.unwrap_or_else(|_| Err(Failed::because("the provisioner broke down; the server's log says where")))
        })
    }

    /// Beside a running job: keeps its log, shows that it is alive, passes on that it is canceled.
    fn watch(&self, job: &ProvisionerJob, log: &JobLog, over: Receiver<()>) {
        let mut updated = Instant::now();
        loop {
            select! {
                recv(over) -> _ => return,
                recv(self.stopped) -> _ => {
                    log.cancel();
                    // The job sees it at its next step; the log is kept to the end.
                    while over.recv_timeout(FLUSH) == Err(crossbeam_channel::RecvTimeoutError::Timeout) {
                        log.flush_or_complain();
                    }
                    return;
                }
                default(FLUSH) => {}
            }
            log.flush_or_complain();
            if updated.elapsed() >= UPDATE {
                updated = Instant::now();
                match self.db.update_provisioner_job_by_id(job.id, self.deployment.clock.now()) {
                    Ok(now) if now.canceled_at.is_some() => log.cancel(),
                    Ok(_) => {}
                    Err(e) => {
                        log::warn!(target: "provisionerd", job:% = job.id; "a running job cannot show that it is alive: {e}")
                    }
                }
            }
        }
    }
}

/// A job on its way, for those who know what it does.
pub struct Running<'a> {
    /// The server.
    pub deployment: &'a Deployment,
    /// The data, as the provisioner daemon sees it.
    pub db: &'a Db,
    /// The job.
    pub job: &'a ProvisionerJob,
    /// Its log.
    pub log: &'a JobLog,
}

impl Running<'_> {
    /// The template's archive.
    pub fn archive(&self) -> Result<Vec<u8>, Failed> {
        Ok(self.db.get_file_by_id(self.job.file_id)?.data)
    }

    /// Ends a job well: what `store` does and the mark that it is over last together. The last lines
    /// of the log come before.
    pub fn complete(&self, store: impl Fn(&Db) -> Result<(), Failed>) -> Result<(), Failed> {
        self.end(None, store)
    }

    /// Ends a job, well or with an error that leaves what `store` does in place.
    pub fn end(&self, error: Option<String>, store: impl Fn(&Db) -> Result<(), Failed>) -> Result<(), Failed> {
        self.log.stage("Cleaning Up");
        self.log.flush()?;
        self.db.tx(|db| {
            store(db)?;
            let now = self.deployment.clock.now();
            match db.update_provisioner_job_with_complete_by_id(self.job.id, now, error.clone(), None)? {
                // Another server took this one for dead and failed the job; nothing of it may last any more.
                0 => Err(Failed::because("the job was ended by somebody else while it was running")),
                _ => Ok(()),
            }
        })
    }

    /// Keeps how long the parts took. Steps that never began or ended are left out.
    pub fn keep_timings(&self, db: &Db, timings: &[crate::provisioner::Timing]) -> Result<(), store::Error> {
        for t in timings {
            let Some(stage) = sdk::TimingStage::parse(&t.stage) else { continue };
            if t.start.is_zero() || t.end.is_zero() {
                continue;
            }
            db.insert_provisioner_job_timing(&crate::store::queries::provisioner_jobs::ProvisionerJobTiming {
                job_id: self.job.id,
                started_at: t.start,
                ended_at: t.end,
                stage,
                source: t.source.clone(),
                action: t.action.clone(),
                resource: t.resource.clone(),
            })?;
        }
        Ok(())
    }
}

/// A transition as the provisioner has it.
pub fn provisioner_transition(transition: sdk::WorkspaceTransition) -> WorkspaceTransition {
    match transition {
        sdk::WorkspaceTransition::Start => WorkspaceTransition::Start,
        sdk::WorkspaceTransition::Stop => WorkspaceTransition::Stop,
        sdk::WorkspaceTransition::Delete => WorkspaceTransition::Destroy,
    }
}

/// Fails a job: what is kept of it all the same, and the news of it.
fn fail(deployment: &Deployment, db: &Db, job: &ProvisionerJob, failed: Failed) -> Result<(), store::Error> {
    mark_failed(deployment, db, job, failed)?;
    announce_failed(deployment, db, job)
}

/// Marks a job as failed, with what is kept of it all the same; one that is over already stays as it is.
pub(super) fn mark_failed(
    deployment: &Deployment,
    db: &Db,
    job: &ProvisionerJob,
    failed: Failed,
) -> Result<(), store::Error> {
    let now = deployment.clock.now();
    db.tx(|db| {
        let error = Some(failed.message.clone());
        if db.update_provisioner_job_with_complete_by_id(job.id, now, error, failed.code)? == 0 {
            return Ok(());
        }
        if job.kind == ProvisionerJobType::WorkspaceBuild {
            build::keep_failed(db, job, &failed, now)?;
        }
        let running = Running { deployment, db, job, log: &JobLog::new(deployment, db, job.id, LogLevel::Trace) };
        running.keep_timings(db, &failed.timings)
    })
}

/// Tells of a job that was marked as failed, once that is kept.
pub(super) fn announce_failed(deployment: &Deployment, db: &Db, job: &ProvisionerJob) -> Result<(), store::Error> {
    if job.kind == ProvisionerJobType::WorkspaceBuild {
        build::announce_job(deployment, db, job)?;
        build::log_end(deployment, db, job, 500);
    }
    deployment.pubsub.publish(&log_channel(job.id), r#"{"end_of_logs":true}"#);
    Ok(())
}
