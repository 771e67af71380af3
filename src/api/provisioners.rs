//! An organization's provisioner daemons and jobs, for those who look after them.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::params::Params;
use super::routes::Routes;
use super::{Cx, Error, Reply, jobs as job_view, lookup, reply};
use crate::config::duration;
use crate::jobs::JobWithQueue;
use crate::jobs::queue::{self, STALE};
use crate::provisioners;
use crate::rbac::{Action, Object, Resource};
use crate::sdk::{self, WireEnum};
use crate::store::queries::organizations::Organization;
use crate::store::queries::provisioner_daemons::ProvisionerDaemon;
use crate::store::queries::provisioner_jobs::ProvisionerJob;
use crate::store::queries::provisioner_lists::{DaemonAtWork, JobPurpose};

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/organizations/{organization}/provisionerdaemons", get_daemons);
    r.user("GET", "/api/v2/organizations/{organization}/provisionerjobs", get_jobs);
    r.user("GET", "/api/v2/organizations/{organization}/provisionerjobs/{job}", get_job);
}

/// How many are listed when nobody says how many.
const USUAL_LIMIT: i64 = 50;
const WRONG: &str = "Invalid query parameters.";

/// The organization, for whoever may read its jobs: its daemons tell of them.
fn organization(cx: &Cx) -> Result<Organization, Error> {
    let organization = lookup::organization(cx)?;
    cx.db().require(Action::Read, &Object::of(Resource::ProvisionerJobs).org(organization.id))?;
    Ok(organization)
}

/// The daemons, with what they are doing.
fn get_daemons(cx: &Cx) -> Reply {
    let organization = organization(cx)?;
    let mut params = Params::of_query(cx);
    let most = limit(cx, &mut params);
    let ids = params.uuids("ids");
    let tags = tags(&mut params);
    let wants_offline = params.boolean("offline").unwrap_or_default();
    let statuses: Vec<sdk::ProvisionerDaemonStatus> = params.list("status", word);
    let max_age = params.parsed("max_age", duration::parse_ns).filter(|ns| *ns > 0);
    params.refuse_others();
    params.finish(WRONG)?;

    use sdk::ProvisionerDaemonStatus::{Busy, Idle, Offline};
    let now = cx.now();
    let wants = |status| statuses.is_empty() || statuses.contains(&status);
    let offline = wants_offline || statuses.contains(&Offline);
    let stale = now - STALE;
    let daemons = cx.db().get_provisioner_daemons_with_status_by_organization(
        organization.id,
        ids.is_empty(),
        &ids,
        tags,
        max_age.map(|ns| now.plus_micros(-ns / 1000)),
        stale,
        wants(Busy),
        wants(Idle),
        offline,
        most,
    )?;
    let jobs: Vec<Uuid> = daemons.iter().flat_map(|d| [d.current_job_id, d.previous_job_id]).flatten().collect();
    let purposes = purposes(cx, &jobs)?;
    let show = |daemon: DaemonAtWork| {
        let is_stale = daemon.last_seen_at.is_none_or(|seen| seen < stale);
        let status = match daemon.current_job_id {
            Some(_) => Busy,
            None if offline && is_stale => Offline,
            None => Idle,
        };
        let job = |id: Option<Uuid>, status| Some(daemon_job(id?, status?, purposes.get(&id?)));
        sdk::ProvisionerDaemon {
            status: Some(status),
            key_name: Some(daemon.key_name.clone()),
            current_job: job(daemon.current_job_id, daemon.current_job_status),
            previous_job: job(daemon.previous_job_id, daemon.previous_job_status),
            ..provisioners::render(of(daemon))
        }
    };
    reply::ok(&daemons.into_iter().map(show).collect::<Vec<_>>())
}

fn of(daemon: DaemonAtWork) -> ProvisionerDaemon {
    ProvisionerDaemon {
        id: daemon.id,
        created_at: daemon.created_at,
        name: daemon.name,
        provisioners: daemon.provisioners,
        tags: daemon.tags,
        last_seen_at: daemon.last_seen_at,
        version: daemon.version,
        api_version: daemon.api_version,
        organization_id: daemon.organization_id,
        key_id: daemon.key_id,
    }
}

fn daemon_job(id: Uuid, status: sdk::ProvisionerJobStatus, of: Option<&JobPurpose>) -> sdk::ProvisionerDaemonJob {
    let text = |pick: fn(&JobPurpose) -> &String| of.map(pick).cloned().unwrap_or_default();
    sdk::ProvisionerDaemonJob {
        id,
        status,
        template_name: text(|p| &p.template_name),
        template_icon: text(|p| &p.template_icon),
        template_display_name: text(|p| &p.template_display_name),
    }
}

/// The jobs, with what they are for.
fn get_jobs(cx: &Cx) -> Reply {
    let organization = organization(cx)?;
    reply::ok(&jobs(cx, &organization, None)?)
}

/// One job.
fn get_job(cx: &Cx) -> Reply {
    let id = cx.uuid_param("job")?;
    let organization = organization(cx)?;
    match jobs(cx, &organization, Some(id))?.pop() {
        Some(job) => reply::ok(&job),
        None => Err(Error::not_found()),
    }
}

fn jobs(cx: &Cx, organization: &Organization, only: Option<Uuid>) -> Result<Vec<sdk::ProvisionerJob>, Error> {
    let mut params = Params::of_query(cx);
    let most = limit(cx, &mut params);
    let statuses: Vec<sdk::ProvisionerJobStatus> = params.list("status", word);
    let ids = only.map_or_else(|| params.uuids("ids"), |id| vec![id]);
    let tags = tags(&mut params);
    let initiator = params.uuid("initiator").filter(|id| !id.is_nil());
    params.refuse_others();
    params.finish(WRONG)?;
    let statuses: Vec<String> = statuses.iter().map(|status| status.as_str().to_owned()).collect();
    let jobs = cx.db().get_provisioner_jobs_of_organization(
        organization.id,
        ids.is_empty(),
        &ids,
        statuses.is_empty(),
        &statuses,
        tags,
        initiator,
        most,
    )?;
    show(cx, jobs)
}

/// Jobs with their place among all that wait, what they are for, and who could take them.
fn show(cx: &Cx, jobs: Vec<ProvisionerJob>) -> Result<Vec<sdk::ProvisionerJob>, Error> {
    let db = cx.system_db();
    let waiting = db.get_waiting_provisioner_jobs()?;
    let places: HashMap<Uuid, i64> = queue::in_order(&waiting).into_iter().map(|job| job.id).zip(1..).collect();
    let size = i64::try_from(waiting.len()).unwrap_or(i64::MAX);
    let daemons = db.get_provisioner_daemons()?;
    let purposes = purposes(cx, &jobs.iter().map(|job| job.id).collect::<Vec<_>>())?;
    let show = |job: ProvisionerJob| {
        let available_workers = daemons.iter().filter(|daemon| could_take(daemon, &job)).map(|d| d.id).collect();
        let position = places.get(&job.id).copied().unwrap_or_default();
        let purpose = purposes.get(&job.id);
        let shown = job_view::render(JobWithQueue { job, position, size });
        match purpose {
            Some(purpose) => sdk::ProvisionerJob {
                available_workers,
                metadata: metadata(purpose),
                worker_name: purpose.worker_name.clone(),
                ..shown
            },
            None => sdk::ProvisionerJob { available_workers, ..shown },
        }
    };
    Ok(jobs.into_iter().map(show).collect())
}

/// Whether a job that has not begun could be taken by a daemon.
fn could_take(daemon: &ProvisionerDaemon, job: &ProvisionerJob) -> bool {
    job.started_at.is_none() && job_view::suits(daemon, job)
}

fn metadata(purpose: &JobPurpose) -> sdk::ProvisionerJobMetadata {
    sdk::ProvisionerJobMetadata {
        template_version_name: purpose.template_version_name.clone(),
        template_id: purpose.template_id.unwrap_or_default(),
        template_name: purpose.template_name.clone(),
        template_display_name: purpose.template_display_name.clone(),
        template_icon: purpose.template_icon.clone(),
        workspace_id: purpose.workspace_id,
        workspace_name: purpose.workspace_name.clone(),
    }
}

fn purposes(cx: &Cx, jobs: &[Uuid]) -> Result<HashMap<Uuid, JobPurpose>, Error> {
    let found = cx.db().get_purposes_of_provisioner_jobs(jobs)?;
    Ok(found.into_iter().map(|purpose| (purpose.job_id, purpose)).collect())
}

/// How many are wanted; 0 for all.
fn limit(cx: &Cx, params: &mut Params) -> i64 {
    let limit = params.count("limit");
    match cx.query_if_any("limit") {
        None | Some("") => USUAL_LIMIT,
        Some(_) if limit == 0 => i64::MAX,
        Some(_) => limit,
    }
}

/// Tags, written as a JSON object of texts.
fn tags(params: &mut Params) -> Option<serde_json::Value> {
    params.parsed("tags", |text| match serde_json::from_str::<BTreeMap<String, String>>(text) {
        Ok(tags) => Ok(serde_json::json!(tags)),
        Err(e) => Err(format!("must be a JSON object of texts: {e}.")),
    })
}

fn word<E: WireEnum>(text: &str) -> Result<E, String> {
    E::parse(text).ok_or_else(|| format!("{text:?} is no status"))
}
