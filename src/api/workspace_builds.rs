//! Builds of workspaces: starting, stopping and deleting one, and reading what became of it.

use std::collections::HashMap;

use super::params::Page;
use super::routes::{Routes, Stream};
use super::workspaces::{owner_param, param};
use super::{Cx, Error, Reply, jobs as job_view, reply, resources, workspace_view as view};
use crate::audit::{self, Asked, Auditable, Entry};
use crate::builds::{self, State, Version, Wanted, events};
use crate::jobs;
use crate::rbac::Action;
use crate::sdk::{self, AuditAction, ProvisionerJobStatus, ResourceType, WorkspaceTransition};
use crate::store::queries::provisioner_jobs::ProvisionerJob;
use crate::store::queries::workspace_builds::{BuildReason, WorkspaceBuild};
use crate::store::queries::workspaces::Workspace;
use crate::time::Time;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/workspaces/{workspace}/builds", list);
    r.user("POST", "/api/v2/workspaces/{workspace}/builds", post);
    r.user("GET", "/api/v2/workspaces/{workspace}/timings", get_timings_of_workspace);
    r.user("GET", "/api/v2/users/{user}/workspace/{workspacename}/builds/{buildnumber}", get_by_number);
    r.user("GET", "/api/v2/workspacebuilds/{workspacebuild}", get);
    r.user("PATCH", "/api/v2/workspacebuilds/{workspacebuild}/cancel", patch_cancel);
    r.follow("/api/v2/workspacebuilds/{workspacebuild}/logs", get_logs, follow_logs);
    r.user("GET", "/api/v2/workspacebuilds/{workspacebuild}/parameters", get_parameters);
    r.user("GET", "/api/v2/workspacebuilds/{workspacebuild}/resources", get_resources);
    r.user("GET", "/api/v2/workspacebuilds/{workspacebuild}/state", get_state);
    r.user("PUT", "/api/v2/workspacebuilds/{workspacebuild}/state", put_state);
    r.user("GET", "/api/v2/workspacebuilds/{workspacebuild}/timings", get_timings);
}

impl From<builds::Error> for Error {
    fn from(e: builds::Error) -> Error {
        match e {
            builds::Error::Store(e) => e.into(),
            builds::Error::Refused { status, body } => {
                let sdk::Response { message, detail, validations } = *body;
                let error = Error::new(status, message).detail(detail);
                validations.into_iter().fold(error, |error, v| error.field(&v.field, v.detail))
            }
        }
    }
}

/// The build that `{workspacebuild}` names, and its workspace.
pub fn build_param(cx: &Cx) -> Result<(WorkspaceBuild, Workspace), Error> {
    let build = cx.db().get_workspace_build_by_id(cx.uuid_param("workspacebuild")?)?;
    let workspace = cx.db().get_workspace_by_id(build.workspace_id)?;
    Ok((build, workspace))
}

fn job_param(cx: &Cx) -> Result<ProvisionerJob, Error> {
    let (build, _) = build_param(cx)?;
    Ok(cx.db().get_provisioner_job_by_id(build.job_id)?)
}

/// The builds of a workspace, newest first.
fn list(cx: &Cx) -> Reply {
    let workspace = param(cx)?;
    let page = Page::of(cx)?;
    let since = match cx.query("since") {
        "" => Time::ZERO,
        text => Time::parse(text).ok_or_else(|| {
            Error::bad("`since` takes a time as in RFC 3339.").detail(format!("{text:?} is no time of that form."))
        })?,
    };
    let above_number = match page.after_id {
        None => 0,
        Some(id) => {
            cx.db()
                .get_workspace_build_by_id(id)
                .map_err(|e| {
                    if e.is_hidden() {
                        Error::bad(format!("There is no build {id} to list those after it."))
                    } else {
                        e.into()
                    }
                })?
                .build_number
        }
    };
    let limit = if page.limit == 0 { -1 } else { page.limit };
    let rows = cx.db().get_workspace_builds_by_workspace_id(workspace.id, since, above_number, limit, page.offset)?;
    reply::ok(&view::builds(cx, rows, &HashMap::from([(workspace.id, &workspace)]))?)
}

/// A build by its number.
fn get_by_number(cx: &Cx) -> Reply {
    let owner = owner_param(cx)?;
    let text = cx.param("buildnumber");
    let number: i32 = text.parse().map_err(|_| {
        Error::bad("The number of a build is a whole number.").detail(format!("{text:?} is no number of a build."))
    })?;
    let name = cx.param("workspacename");
    let workspace = cx.db().get_workspace_by_owner_id_and_name(owner.user.id, name, false)?;
    let build = cx.db().get_workspace_build_by_number(workspace.id, number).map_err(|e| {
        if e.is_hidden() {
            Error::new(404, format!("Workspace {name:?} Build {number} does not exist."))
        } else {
            e.into()
        }
    })?;
    reply::ok(&view::build(cx, build, &workspace)?)
}

/// A build.
fn get(cx: &Cx) -> Reply {
    let (build, workspace) = build_param(cx)?;
    let mut shown = view::build(cx, build, &workspace)?;
    // This one answer does not look for provisioners.
    shown.matched_provisioners = Some(sdk::MatchedProvisioners::default());
    reply::ok(&shown)
}

/// Starts, stops or deletes a workspace.
fn post(cx: &Cx) -> Reply {
    let workspace = param(cx)?;
    let body: sdk::CreateWorkspaceBuildRequest = cx.body()?;
    let Some(transition) = body.transition.known() else {
        return Err(Error::internal(format!("the transition {:?} was let through", body.transition.as_str())));
    };
    if workspace.deleted && transition != WorkspaceTransition::Delete {
        return Err(Error::conflict(format!("Cannot {transition} a deleted workspace!"))
            .detail("A deleted workspace stays deleted: make a new one."));
    }
    let state = wanted_state(&body, transition)?;
    let reason = match BuildReason::parse(body.reason.as_str()) {
        Some(reason) if transition == WorkspaceTransition::Start => reason,
        _ => BuildReason::Initiator,
    };
    let wakes = workspace.dormant_at.is_some() && transition == WorkspaceTransition::Start;
    let initiator_id = cx.actor()?.user_id;
    let now = cx.now();
    let made = cx.db().tx::<_, Error>(|db| {
        if wakes && db.may_on(Action::Update, &workspace) {
            db.update_workspace_dormant_deleting_at(workspace.id, None, now)?;
        }
        let wanted = Wanted {
            version: body.template_version_id.map_or(Version::Last, Version::Of),
            state: state.clone(),
            initiator_id: Some(initiator_id),
            reason,
            log_level: body.log_level.as_str(),
            parameters: &body.rich_parameter_values,
            preset_id: body.template_version_preset_id,
            ..Wanted::new(&workspace, transition)
        };
        Ok(builds::build(&cx.deployment, db, &wanted)?)
    })?;
    if wakes {
        log_waking(cx, &workspace);
    }
    jobs::post(&cx.deployment, &made.job);
    events::publish(&cx.deployment.pubsub, workspace.owner_id, workspace.id, events::Kind::StateChange);
    reply::created(&view::fresh_build(cx, made, &workspace)?)
}

/// That a start woke a workspace is logged beside the build, whatever becomes of that.
fn log_waking(cx: &Cx, workspace: &Workspace) {
    let awake = Workspace { dormant_at: None, ..workspace.clone() };
    let entry = Entry {
        before: Some(workspace.snapshot()),
        after: Some(awake.snapshot()),
        ..Entry::new(ResourceType::Workspace, AuditAction::Write)
    };
    let asked = Asked {
        user_id: cx.actor_if_any().map(|actor| actor.user_id),
        ip: cx.request.peer.map(|ip| ip.to_string()),
        user_agent: None,
        request_id: workspace.id,
    };
    audit::in_background(&cx.deployment, &entry, &asked, 200, cx.now());
}

fn wanted_state(body: &sdk::CreateWorkspaceBuildRequest, transition: WorkspaceTransition) -> Result<State, Error> {
    let given = body.state.0.clone();
    if !body.orphan {
        return Ok(if given.is_empty() { State::Kept } else { State::Given(given) });
    }
    if transition != WorkspaceTransition::Delete {
        return Err(Error::bad("Orphan is only permitted when deleting a workspace."));
    }
    if !given.is_empty() {
        return Err(Error::bad("ProvisionerState cannot be set alongside Orphan since state intent is unclear."));
    }
    Ok(State::Orphaned)
}

/// Cancels a build that waits or runs.
fn patch_cancel(cx: &Cx) -> Reply {
    let expected = match cx.query("expect_status") {
        "" => None,
        "running" => Some(ProvisionerJobStatus::Running),
        "pending" => Some(ProvisionerJobStatus::Pending),
        other => {
            return Err(Error::bad(format!("expect_status is running or pending, not {other:?}.")));
        }
    };
    let (build, workspace) = build_param(cx)?;
    let canceled = cx.db().tx::<_, Error>(|db| {
        if expected != Some(ProvisionerJobStatus::Pending) && !may_cancel(cx, &workspace)? {
            return Err(not_owner());
        }
        let job = db.get_provisioner_job_by_id(build.job_id)?;
        if job.completed_at.is_some() {
            return Err(Error::bad("Job has already completed!"));
        }
        if job.canceled_at.is_some() {
            return Err(Error::bad("Job has already been marked as canceled!"));
        }
        if expected.is_some_and(|status| status != job.job_status) {
            return Err(Error::new(412, "Job is not in the expected state."));
        }
        jobs::cancel(&cx.deployment, db, &job).map_err(|e| if e.is_hidden() { not_owner() } else { e.into() })?;
        Ok(job)
    })?;
    jobs::announce_cancel(&cx.deployment, &canceled);
    events::publish(&cx.deployment.pubsub, workspace.owner_id, workspace.id, events::Kind::StateChange);
    reply::message("Job has been marked as canceled...")
}

fn not_owner() -> Error {
    Error::new(403, "User is not allowed to cancel workspace builds. Owner role is required.")
}

/// A template may leave cancelling to owners of the deployment.
fn may_cancel(cx: &Cx, workspace: &Workspace) -> Result<bool, Error> {
    let template = cx.db().get_template_by_id(workspace.template_id)?;
    let is_owner = cx.actor()?.subject.is_owner();
    Ok(template.allow_user_cancel_workspace_jobs || is_owner)
}

fn get_logs(cx: &Cx) -> Reply {
    job_view::logs(cx, &job_param(cx)?)
}

fn follow_logs(cx: &Cx) -> Result<Stream, Error> {
    job_view::follow(cx, &job_param(cx)?)
}

/// The values that a build was made with.
fn get_parameters(cx: &Cx) -> Reply {
    let (build, _) = build_param(cx)?;
    let rows = cx.db().get_workspace_build_parameters(build.id)?;
    let shown: Vec<_> =
        rows.into_iter().map(|p| sdk::WorkspaceBuildParameter { name: p.name, value: p.value }).collect();
    reply::ok(&shown)
}

/// What a build made; 400 while it is being made.
fn get_resources(cx: &Cx) -> Reply {
    let (build, workspace) = build_param(cx)?;
    let job = cx.db().get_provisioner_job_by_id(build.job_id)?;
    if job.completed_at.is_none() {
        return Err(Error::bad("Job hasn't completed!"));
    }
    let place = resources::Place { workspace: workspace.name.clone(), owner: workspace.owner_username.clone() };
    let mut made = resources::of_jobs(cx, &HashMap::from([(job.id, place)]))?;
    reply::ok(&made.remove(&job.id).unwrap_or_default())
}

/// Reading and replacing what the provisioner remembers is for those who manage the template.
fn manages_template(cx: &Cx, workspace: &Workspace) -> Result<(), Error> {
    let template = cx.db().get_template_by_id(workspace.template_id)?;
    if cx.db().may_on(Action::Update, &template) { Ok(()) } else { Err(Error::not_found()) }
}

/// What the provisioner remembers, as it is.
fn get_state(cx: &Cx) -> Reply {
    let (build, workspace) = build_param(cx)?;
    manages_template(cx, &workspace)?;
    let state = cx.db().get_workspace_build_provisioner_state(build.id)?;
    reply::bytes(200, "application/json", state.unwrap_or_default())
}

/// Replaces what the provisioner remembers.
fn put_state(cx: &Cx) -> Reply {
    let (build, workspace) = build_param(cx)?;
    manages_template(cx, &workspace)?;
    let body: sdk::UpdateWorkspaceBuildStateRequest = cx.body()?;
    let state = body.state.map(|bytes| bytes.0);
    cx.system_db().update_workspace_build_provisioner_state_by_id(build.id, state, cx.now())?;
    reply::none()
}

fn get_timings(cx: &Cx) -> Reply {
    let (build, _) = build_param(cx)?;
    timings(cx, &build)
}

fn get_timings_of_workspace(cx: &Cx) -> Reply {
    let workspace = param(cx)?;
    let build = cx.db().get_latest_workspace_build_by_workspace_id(workspace.id)?;
    timings(cx, &build)
}

/// How long the parts of a build took. What never began or never ended is left out.
fn timings(cx: &Cx, build: &WorkspaceBuild) -> Reply {
    let system = cx.system_db();
    let real = |t: Option<Time>| t.filter(|t| !t.is_zero());
    let provisioner_timings = cx
        .db()
        .get_provisioner_job_timings_by_job_id(build.job_id)?
        .into_iter()
        .filter(|t| !t.started_at.is_zero() && !t.ended_at.is_zero())
        .map(|t| sdk::ProvisionerTiming {
            job_id: t.job_id,
            started_at: t.started_at,
            ended_at: t.ended_at,
            stage: t.stage,
            source: t.source,
            action: t.action,
            resource: t.resource,
        })
        .collect();
    let agent_script_timings = system
        .get_workspace_agent_script_timings_by_build_id(build.id)?
        .into_iter()
        .filter(|t| !t.started_at.is_zero() && !t.ended_at.is_zero())
        .map(|t| sdk::AgentScriptTiming {
            started_at: t.started_at,
            ended_at: t.ended_at,
            exit_code: t.exit_code,
            stage: t.stage,
            status: t.status,
            display_name: t.display_name,
            workspace_agent_id: t.workspace_agent_id.to_string(),
            workspace_agent_name: t.workspace_agent_name,
        })
        .collect();
    let resource_ids: Vec<_> =
        system.get_workspace_resources_by_job_ids(&[build.job_id])?.into_iter().map(|r| r.id).collect();
    let agents = if resource_ids.is_empty() {
        Vec::new()
    } else {
        system.get_workspace_agents_by_resource_ids(&resource_ids)?
    };
    let agent_connection_timings = agents
        .into_iter()
        .filter_map(|a| {
            Some(sdk::AgentConnectionTiming {
                started_at: real(Some(a.created_at))?,
                ended_at: real(a.first_connected_at)?,
                stage: sdk::TimingStage::Connect,
                workspace_agent_id: a.id.to_string(),
                workspace_agent_name: a.name,
            })
        })
        .collect();
    reply::ok(&sdk::WorkspaceBuildTimings { provisioner_timings, agent_script_timings, agent_connection_timings })
}
