//! Workspaces and builds as the API shows them. Reads a fixed number of times, however many are shown.

use std::collections::HashMap;

use uuid::Uuid;

use super::resources::{self, Place};
use super::{Cx, Error, jobs as job_view};
use crate::jobs::{self, JobWithQueue};
use crate::sdk::{self, ProvisionerJobStatus as Job, WorkspaceStatus as Status, WorkspaceTransition as Transition};
use crate::store::queries::templates::Template;
use crate::store::queries::workspace_builds::WorkspaceBuild;
use crate::store::queries::workspaces::{Workspace, WorkspaceAppStatus};

/// What a workspace is doing, from what its latest build does and how far it got.
pub fn status(job: Job, transition: Transition) -> Status {
    match (job, transition) {
        (Job::Pending, _) => Status::Pending,
        (Job::Running, Transition::Start) => Status::Starting,
        (Job::Running, Transition::Stop) => Status::Stopping,
        (Job::Running, Transition::Delete) => Status::Deleting,
        (Job::Succeeded, Transition::Start) => Status::Running,
        (Job::Succeeded, Transition::Stop) => Status::Stopped,
        (Job::Succeeded, Transition::Delete) => Status::Deleted,
        (Job::Canceling, _) => Status::Canceling,
        (Job::Canceled, _) => Status::Canceled,
        (Job::Failed | Job::Unknown, _) => Status::Failed,
    }
}

/// Builds with their jobs and what these made. `workspaces` holds the workspace of each.
pub fn builds(
    cx: &Cx,
    rows: Vec<WorkspaceBuild>,
    workspaces: &HashMap<Uuid, &Workspace>,
) -> Result<Vec<sdk::WorkspaceBuild>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let db = cx.system_db();
    let ids: Vec<Uuid> = rows.iter().map(|b| b.job_id).collect();
    let queued = jobs::with_queue(&cx.deployment, &db, db.get_provisioner_jobs_by_ids(&ids)?)?;
    let waiting: Vec<_> = queued.iter().filter(|j| j.job.job_status == Job::Pending).map(|j| &j.job).collect();
    let mut matched = job_view::matched_provisioners_of(cx, &waiting)?;
    let mut queued: HashMap<Uuid, JobWithQueue> = queued.into_iter().map(|j| (j.job.id, j)).collect();

    let mut version_ids: Vec<Uuid> = rows.iter().map(|b| b.template_version_id).collect();
    version_ids.sort_unstable();
    version_ids.dedup();
    let versions: HashMap<Uuid, String> =
        db.get_template_version_names_by_ids(&version_ids)?.into_iter().map(|v| (v.id, v.name)).collect();

    let places = rows
        .iter()
        .map(|b| (b.job_id, workspaces.get(&b.workspace_id).map(|w| place(w)).unwrap_or_default()))
        .collect();
    let mut made = resources::of_jobs(cx, &places)?;
    rows.into_iter()
        .map(|build| {
            let workspace = workspaces.get(&build.workspace_id);
            let (Some(workspace), Some(job)) = (workspace, queued.remove(&build.job_id)) else {
                return Err(Error::internal(format!("the workspace or job of build {} is gone", build.id)));
            };
            let parts = Parts {
                template_version_name: versions.get(&build.template_version_id).cloned().unwrap_or_default(),
                resources: made.remove(&build.job_id).unwrap_or_default(),
                matched_provisioners: matched.remove(&build.job_id).unwrap_or_default(),
            };
            Ok(render_build(build, workspace, job, parts))
        })
        .collect()
}

/// One build.
pub fn build(cx: &Cx, row: WorkspaceBuild, workspace: &Workspace) -> Result<sdk::WorkspaceBuild, Error> {
    let shown = builds(cx, vec![row], &HashMap::from([(workspace.id, workspace)]))?;
    shown.into_iter().next().ok_or_else(Error::not_found)
}

/// A build that was just made: it stands in no queue yet and has made nothing.
pub fn fresh_build(cx: &Cx, made: crate::builds::Made, workspace: &Workspace) -> Result<sdk::WorkspaceBuild, Error> {
    let matched = job_view::matched_provisioners(cx, &made.job)?;
    let job = JobWithQueue { job: made.job, position: 0, size: 0 };
    Ok(render_build(made.build, workspace, job, Parts { matched_provisioners: matched, ..Parts::default() }))
}

fn place(workspace: &Workspace) -> Place {
    Place { workspace: workspace.name.clone(), owner: workspace.owner_username.clone() }
}

/// What belongs to a build beside its row and job.
#[derive(Default)]
struct Parts {
    template_version_name: String,
    resources: Vec<sdk::WorkspaceResource>,
    matched_provisioners: sdk::MatchedProvisioners,
}

fn render_build(build: WorkspaceBuild, workspace: &Workspace, job: JobWithQueue, parts: Parts) -> sdk::WorkspaceBuild {
    let some_time = |t: crate::time::Time| (!t.is_zero()).then_some(t);
    let job = job_view::render(job);
    sdk::WorkspaceBuild {
        id: build.id,
        created_at: build.created_at,
        updated_at: build.updated_at,
        workspace_id: build.workspace_id,
        workspace_name: workspace.name.clone(),
        workspace_owner_id: workspace.owner_id,
        workspace_owner_name: workspace.owner_username.clone(),
        workspace_owner_avatar_url: workspace.owner_avatar_url.clone(),
        template_version_id: build.template_version_id,
        template_version_name: parts.template_version_name,
        build_number: build.build_number,
        transition: build.transition,
        initiator_id: build.initiator_id,
        initiator_name: build.initiator_by_username,
        reason: build.reason.into(),
        resources: parts.resources,
        deadline: some_time(build.deadline),
        max_deadline: some_time(build.max_deadline),
        status: status(job.status, build.transition),
        daily_cost: build.daily_cost,
        matched_provisioners: Some(parts.matched_provisioners),
        template_version_preset_id: build.template_version_preset_id,
        has_ai_task: build.has_ai_task,
        has_external_agent: build.has_external_agent,
        job,
    }
}

/// Workspaces in the order given. One whose template is deleted, or may not be read by the caller, is left out.
pub fn workspaces(cx: &Cx, rows: Vec<Workspace>) -> Result<Vec<sdk::Workspace>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let db = cx.system_db();
    let ids: Vec<Uuid> = rows.iter().map(|w| w.id).collect();
    let mut template_ids: Vec<Uuid> = rows.iter().map(|w| w.template_id).collect();
    template_ids.sort_unstable();
    template_ids.dedup();
    let templates: HashMap<Uuid, Template> =
        cx.db().get_templates_by_ids(&template_ids)?.into_iter().filter(|t| !t.deleted).map(|t| (t.id, t)).collect();
    let mut statuses: HashMap<Uuid, WorkspaceAppStatus> =
        db.get_latest_workspace_app_statuses_by_workspace_ids(&ids)?.into_iter().map(|s| (s.workspace_id, s)).collect();
    let by_id: HashMap<Uuid, &Workspace> = rows.iter().map(|w| (w.id, w)).collect();
    let latest = db.get_latest_workspace_builds_by_workspace_ids(&ids)?;
    let mut latest: HashMap<Uuid, sdk::WorkspaceBuild> =
        builds(cx, latest, &by_id)?.into_iter().map(|b| (b.workspace_id, b)).collect();
    drop(by_id);
    let mut shared_with = shared_with(cx, &rows)?;
    let requester = cx.actor()?.user_id;
    let allow_renames = cx.deployment.config.allow_workspace_renames;
    Ok(rows
        .into_iter()
        .filter_map(|w| {
            let parts = WorkspaceParts {
                template: templates.get(&w.template_id)?,
                latest_build: latest.remove(&w.id)?,
                latest_app_status: statuses.remove(&w.id),
                shared_with: shared_with.remove(&w.id).unwrap_or_default(),
                allow_renames,
                requester,
            };
            Some(render_workspace(w, parts))
        })
        .collect())
}

/// One workspace. 403 when its template is deleted or may not be read.
pub fn workspace(cx: &Cx, row: Workspace) -> Result<sdk::Workspace, Error> {
    workspaces(cx, vec![row])?.pop().ok_or_else(Error::forbidden)
}

/// A workspace that was just made, with its first build.
pub fn fresh_workspace(
    cx: &Cx,
    row: Workspace,
    template: &Template,
    latest_build: sdk::WorkspaceBuild,
) -> Result<sdk::Workspace, Error> {
    let parts = WorkspaceParts {
        template,
        latest_build,
        latest_app_status: None,
        shared_with: Vec::new(),
        allow_renames: cx.deployment.config.allow_workspace_renames,
        requester: cx.actor()?.user_id,
    };
    Ok(render_workspace(row, parts))
}

/// What belongs to a workspace beside its row.
struct WorkspaceParts<'a> {
    template: &'a Template,
    latest_build: sdk::WorkspaceBuild,
    latest_app_status: Option<WorkspaceAppStatus>,
    shared_with: Vec<sdk::SharedWorkspaceActor>,
    allow_renames: bool,
    /// Who asks: only an owner sees a favourite.
    requester: Uuid,
}

fn render_workspace(w: Workspace, parts: WorkspaceParts<'_>) -> sdk::Workspace {
    let WorkspaceParts { template, latest_build, .. } = parts;
    let ttl = if template.allow_user_autostop { w.ttl } else { Some(template.default_ttl) };
    // Agents inside other agents come and go with what they are in.
    let failing_agents: Vec<Uuid> = latest_build
        .resources
        .iter()
        .flat_map(|r| &r.agents)
        .filter(|a| a.parent_id.is_none() && !a.health.healthy)
        .map(|a| a.id)
        .collect();
    sdk::Workspace {
        is_prebuild: w.is_prebuild(),
        id: w.id,
        created_at: w.created_at,
        updated_at: w.updated_at,
        owner_id: w.owner_id,
        owner_name: w.owner_username,
        owner_avatar_url: w.owner_avatar_url,
        organization_id: w.organization_id,
        organization_name: w.organization_name,
        template_id: w.template_id,
        template_name: w.template_name,
        template_display_name: w.template_display_name,
        template_icon: w.template_icon,
        template_allow_user_cancel_workspace_jobs: template.allow_user_cancel_workspace_jobs,
        template_active_version_id: template.active_version_id,
        template_require_active_version: template.require_active_version,
        template_use_classic_parameter_flow: template.use_classic_parameter_flow,
        outdated: latest_build.template_version_id != template.active_version_id,
        latest_build,
        latest_app_status: parts.latest_app_status.map(render_app_status),
        name: w.name,
        autostart_schedule: w.autostart_schedule,
        ttl_ms: ttl.map(|ns| ns / 1_000_000),
        last_used_at: w.last_used_at,
        deleting_at: w.deleting_at,
        dormant_at: w.dormant_at,
        health: sdk::WorkspaceHealth { healthy: failing_agents.is_empty(), failing_agents },
        automatic_updates: w.automatic_updates,
        allow_renames: parts.allow_renames,
        favorite: w.favorite && w.owner_id == parts.requester,
        next_start_at: w.next_start_at,
        task_id: w.task_id,
        shared_with: parts.shared_with,
    }
}

fn render_app_status(s: WorkspaceAppStatus) -> sdk::WorkspaceAppStatus {
    sdk::WorkspaceAppStatus {
        id: s.id,
        created_at: s.created_at,
        workspace_id: s.workspace_id,
        agent_id: s.agent_id,
        app_id: s.app_id,
        state: s.state,
        message: s.message,
        uri: s.uri.unwrap_or_default(),
        icon: String::new(),
        needs_user_attention: false,
    }
}

/// Who else may use each workspace; shown only where sharing is on trial.
fn shared_with(cx: &Cx, rows: &[Workspace]) -> Result<HashMap<Uuid, Vec<sdk::SharedWorkspaceActor>>, Error> {
    use crate::rbac::{Acl, Resource, role_name};
    let shared: Vec<Uuid> =
        rows.iter().filter(|w| !w.user_acl.0.is_empty() || !w.group_acl.0.is_empty()).map(|w| w.id).collect();
    if shared.is_empty() || !super::experiments::is_on(cx, super::experiments::WORKSPACE_SHARING) {
        return Ok(HashMap::new());
    }
    let shown = cx.system_db().get_workspace_acl_names(&shared)?;
    let names: HashMap<Uuid, _> = shown.into_iter().map(|n| (n.id, n)).collect();
    let actors = |acl: &Acl, kind: sdk::SharedWorkspaceActorType, info: &serde_json::Value| {
        let text = |id: Uuid, key: &str| {
            info.get(id.to_string()).and_then(|i| i.get(key)?.as_str()).unwrap_or_default().to_owned()
        };
        let entries = acl.entries().iter();
        entries
            .map(|(id, actions)| sdk::SharedWorkspaceActor {
                id: *id,
                actor_type: kind,
                name: text(*id, "name"),
                avatar_url: text(*id, "avatar_url"),
                roles: sdk::WorkspaceRole::parse(role_name(Resource::Workspace, *actions)).into_iter().collect(),
            })
            .collect::<Vec<_>>()
    };
    Ok(rows
        .iter()
        .filter_map(|w| {
            let info = names.get(&w.id)?;
            let mut all = actors(&w.user_acl.0, sdk::SharedWorkspaceActorType::User, &info.user_acl_display_info);
            all.extend(actors(&w.group_acl.0, sdk::SharedWorkspaceActorType::Group, &info.group_acl_display_info));
            Some((w.id, all))
        })
        .collect())
}
