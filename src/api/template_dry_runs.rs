//! Dry runs of template versions: what a workspace would be, planned and not made. They are for those
//! who may make workspaces.

use uuid::Uuid;

use super::routes::{Routes, Stream};
use super::template_versions::show_resources;
use super::{Cx, Error, Reply, jobs, lookup, reply};
use crate::jobs::{Input, JobWithQueue};
use crate::provisioner::RichParameterValue;
use crate::rbac::{Action, Object, Resource};
use crate::sdk::{self, ProvisionerJobType};
use crate::store::queries::provisioner_jobs::ProvisionerJob;
use crate::templates::versions;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("POST", "/api/v2/templateversions/{templateversion}/dry-run", post_dry_run);
    r.user("GET", "/api/v2/templateversions/{templateversion}/dry-run/{jobID}", get_dry_run);
    r.user("PATCH", "/api/v2/templateversions/{templateversion}/dry-run/{jobID}/cancel", cancel_dry_run);
    r.user("GET", "/api/v2/templateversions/{templateversion}/dry-run/{jobID}/resources", get_resources);
    let matched = "/api/v2/templateversions/{templateversion}/dry-run/{jobID}/matched-provisioners";
    r.user("GET", matched, get_matched_provisioners);
    r.follow("/api/v2/templateversions/{templateversion}/dry-run/{jobID}/logs", get_logs, follow_logs);
}

fn workspaces_of(organization: Uuid, owner: Uuid) -> Object {
    Object::of(Resource::Workspace).org(organization).owner(owner)
}

/// Plans a version that has been imported.
fn post_dry_run(cx: &Cx) -> Reply {
    let version = lookup::template_version(cx)?;
    let caller = cx.actor()?.user_id;
    cx.db().require(Action::Create, &workspaces_of(version.organization_id, caller))?;
    let body: sdk::CreateTemplateVersionDryRunRequest = cx.body()?;
    let import = cx.db().get_provisioner_job_by_id(version.job_id)?;
    if import.completed_at.is_none() {
        return Err(Error::new(425, "The import of the template version has not ended yet."));
    }
    let values = body.rich_parameter_values.into_iter();
    let input = Input::TemplateVersionDryRun {
        template_version_id: version.id,
        workspace_name: body.workspace_name,
        rich_parameter_values: values.map(|v| RichParameterValue { name: v.name, value: v.value }).collect(),
    };
    let job = versions::dry_run(&cx.deployment, cx.db(), caller, &import, input)?;
    reply::created(&jobs::render(JobWithQueue { job, position: 0, size: 0 }))
}

/// The dry run that the path names, if it is of the version that the path names.
fn dry_run(cx: &Cx) -> Result<ProvisionerJob, Error> {
    let version = lookup::template_version(cx)?;
    let text = cx.param("jobID");
    let id = Uuid::try_parse(text).map_err(|_| {
        Error::bad(format!("{text:?} is no UUID, so no job has it for an id."))
            .detail("It is in the answer to making the dry run.")
    })?;
    let job = cx.db().get_provisioner_jobs_by_ids(&[id])?.pop();
    let job = job.ok_or_else(|| Error::new(404, format!("There is no provisioner job {id}.")))?;
    let is_of_version = match Input::from_job(&job) {
        Some(Input::TemplateVersionDryRun { template_version_id, .. }) => template_version_id == version.id,
        _ => false,
    };
    let may_read = cx.db().may(Action::Read, &workspaces_of(version.organization_id, job.initiator_id));
    if job.kind == ProvisionerJobType::TemplateVersionDryRun && is_of_version && may_read {
        Ok(job)
    } else {
        Err(Error::forbidden())
    }
}

/// How far a dry run is.
fn get_dry_run(cx: &Cx) -> Reply {
    let job = dry_run(cx)?;
    reply::ok(&jobs::render_one(cx, job)?)
}

/// The daemons that could take a dry run.
fn get_matched_provisioners(cx: &Cx) -> Reply {
    let job = dry_run(cx)?;
    reply::ok(&jobs::matched_provisioners(cx, &job)?)
}

/// What the workspace would be made of.
fn get_resources(cx: &Cx) -> Reply {
    show_resources(cx, &dry_run(cx)?)
}

/// The log of a dry run.
fn get_logs(cx: &Cx) -> Reply {
    jobs::logs(cx, &dry_run(cx)?)
}

/// The same while it grows.
fn follow_logs(cx: &Cx) -> Result<Stream, Error> {
    jobs::follow(cx, &dry_run(cx)?)
}

/// Cancels a dry run.
fn cancel_dry_run(cx: &Cx) -> Reply {
    let job = dry_run(cx)?;
    cx.db().require(Action::Update, &workspaces_of(job.organization_id, job.initiator_id))?;
    versions::cancel(&cx.deployment, cx.db(), job.id)?;
    reply::message("The job has been marked as canceled.")
}
