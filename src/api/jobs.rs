//! Provisioner jobs as the API shows them, and their logs: read, or followed while they grow.

use std::collections::HashMap;
use std::time::Duration;

use crossbeam_channel::select;
use uuid::Uuid;

use super::routes::Stream;
use super::{Cx, Error, Reply, reply};
use crate::http::{Upgrade, WebSocketOptions};
use crate::jobs::{self, JobWithQueue};
use crate::pubsub::Subscription;
use crate::sdk;
use crate::store::queries::provisioner_daemons::ProvisionerDaemon;
use crate::store::queries::provisioner_jobs::{ProvisionerJob, ProvisionerJobLog};
use crate::store::{self, Db};

/// How often a follower looks by itself, should it have missed a notice.
const BACKUP_POLL: Duration = Duration::from_secs(10);

/// A job as the API shows it.
pub fn render(of: JobWithQueue) -> sdk::ProvisionerJob {
    let JobWithQueue { job, position, size } = of;
    let id = |key: &str| job.input.get(key).and_then(|v| v.as_str()).and_then(|s| s.parse::<Uuid>().ok());
    sdk::ProvisionerJob {
        input: sdk::ProvisionerJobInput {
            template_version_id: id("template_version_id"),
            workspace_build_id: id("workspace_build_id"),
            error: String::new(),
        },
        id: job.id,
        created_at: job.created_at,
        started_at: job.started_at,
        completed_at: job.completed_at,
        canceled_at: job.canceled_at,
        error: job.error.unwrap_or_default(),
        error_code: job
            .error_code
            .map(|code| sdk::JobErrorCode::parse(&code).map_or(sdk::Word::Other(code), sdk::Word::Known)),
        status: job.job_status,
        worker_id: job.worker_id,
        worker_name: String::new(),
        file_id: job.file_id,
        tags: job.tags,
        queue_position: position,
        queue_size: size,
        organization_id: job.organization_id,
        initiator_id: job.initiator_id,
        r#type: job.kind,
        available_workers: Vec::new(),
        metadata: sdk::ProvisionerJobMetadata {
            template_version_name: String::new(),
            template_id: Uuid::nil(),
            template_name: String::new(),
            template_display_name: String::new(),
            template_icon: String::new(),
            workspace_id: None,
            workspace_name: String::new(),
        },
        logs_overflowed: job.logs_overflowed,
    }
}

/// One job, with its place in the queue.
pub fn render_one(cx: &Cx, job: ProvisionerJob) -> Result<sdk::ProvisionerJob, Error> {
    let mut jobs = jobs::with_queue(&cx.deployment, &cx.system_db(), vec![job])?;
    jobs.pop().map(render).ok_or_else(Error::not_found)
}

/// The daemons that have the tags of a job, as of when it was posted.
pub fn matched_provisioners(cx: &Cx, job: &ProvisionerJob) -> Result<sdk::MatchedProvisioners, Error> {
    Ok(matched_provisioners_of(cx, &[job])?.remove(&job.id).unwrap_or_default())
}

/// The daemons that have the tags of each of these jobs.
pub fn matched_provisioners_of(
    cx: &Cx,
    jobs: &[&ProvisionerJob],
) -> Result<HashMap<Uuid, sdk::MatchedProvisioners>, Error> {
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let daemons = cx.system_db().get_provisioner_daemons()?;
    Ok(jobs.iter().map(|job| (job.id, matched_among(&daemons, job))).collect())
}

/// Whether a daemon is of the sort that a job needs.
pub fn suits(daemon: &ProvisionerDaemon, job: &ProvisionerJob) -> bool {
    daemon.organization_id == job.organization_id
        && daemon.provisioners.iter().any(|p| p == job.provisioner.as_str())
        && store::functions::takes(&daemon.tags, &job.tags)
}

fn matched_among(daemons: &[ProvisionerDaemon], job: &ProvisionerJob) -> sdk::MatchedProvisioners {
    let mut matched = sdk::MatchedProvisioners::default();
    // Only the tags count: a daemon that has them is shown even where it runs another kind of job.
    let tagged = daemons.iter().filter(|d| d.organization_id == job.organization_id);
    let tagged = tagged.filter(|d| store::functions::takes(&d.tags, &job.tags));
    for seen in tagged.filter_map(|d| d.last_seen_at) {
        matched.count += 1;
        if seen + jobs::queue::STALE >= job.created_at {
            matched.available += 1;
        }
        matched.most_recently_seen = matched.most_recently_seen.max(Some(seen));
    }
    matched
}

fn after(cx: &Cx) -> Result<i64, Error> {
    let text = cx.query("after");
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| Error::invalid("\"after\" takes a whole number.", "after", "Must be an integer"))
}

fn render_log(line: ProvisionerJobLog) -> sdk::ProvisionerJobLog {
    sdk::ProvisionerJobLog {
        id: line.id,
        created_at: line.created_at,
        log_source: line.source,
        log_level: line.level,
        stage: line.stage,
        output: line.output,
    }
}

/// A job's log: all of it, or what came after the line `after`.
pub fn logs(cx: &Cx, job: &ProvisionerJob) -> Reply {
    let lines = cx.db().get_provisioner_logs_after_id(job.id, after(cx)?)?;
    reply::ok(&lines.into_iter().map(render_log).collect::<Vec<_>>())
}

/// A job's log as it grows: a WebSocket of one line a message, which ends when the job has.
pub fn follow(cx: &Cx, job: &ProvisionerJob) -> Result<Stream, Error> {
    let after = after(cx)?;
    let subscription = cx.deployment.pubsub.subscribe(&jobs::log_channel(job.id));
    let follower = Follower { db: cx.db().clone(), job: job.id, after, subscription };
    Ok(Box::new(move |upgrade| follower.run(upgrade)))
}

struct Follower {
    db: Db,
    job: Uuid,
    after: i64,
    subscription: Subscription,
}

impl Follower {
    fn run(mut self, upgrade: Upgrade) {
        let shutdown = upgrade.shutdown();
        let Ok(socket) = upgrade.websocket(WebSocketOptions::default()) else { return };
        loop {
            // The end is looked for before the lines, so that none that came before it is missed.
            let ended = match self.db.get_provisioner_jobs_by_ids(&[self.job]) {
                Ok(jobs) => jobs.first().is_none_or(|j| j.completed_at.is_some()),
                Err(_) => true,
            };
            let Ok(lines) = self.db.get_provisioner_logs_after_id(self.job, self.after) else { break };
            for line in lines {
                self.after = line.id;
                if socket.send_json(&render_log(line)).is_err() {
                    return;
                }
            }
            if ended {
                break;
            }
            select! {
                recv(self.subscription.messages) -> _ => while self.subscription.messages.try_recv().is_ok() {},
                recv(socket.closed()) -> _ => return,
                recv(shutdown) -> _ => break,
                default(BACKUP_POLL) => {}
            }
        }
        socket.close(1000, "");
    }
}
