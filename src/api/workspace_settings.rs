//! What can be changed about a workspace without building it: its name, when it starts and stops, its
//! sleep, its place in its owner's list.

use super::routes::Routes;
use super::workspaces::{name_taken, param, valid_deadline, valid_schedule, valid_ttl};
use super::{Audit, Cx, Error, Reply, reply, workspace_view as view};
use crate::builds::{events, finish, parameters};
use crate::rbac::Action;
use crate::schedule::next_allowed_autostart;
use crate::sdk::{self, AuditAction, AutomaticUpdates, ResourceType, WorkspaceTransition};
use crate::store::queries::workspaces::Workspace;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("PATCH", "/api/v2/workspaces/{workspace}", patch);
    r.user("PUT", "/api/v2/workspaces/{workspace}/autostart", put_autostart);
    r.user("PUT", "/api/v2/workspaces/{workspace}/ttl", put_ttl);
    r.user("PUT", "/api/v2/workspaces/{workspace}/extend", put_extend);
    r.user("PUT", "/api/v2/workspaces/{workspace}/dormant", put_dormant);
    r.user("PUT", "/api/v2/workspaces/{workspace}/favorite", put_favorite);
    r.user("DELETE", "/api/v2/workspaces/{workspace}/favorite", delete_favorite);
    r.user("PUT", "/api/v2/workspaces/{workspace}/autoupdates", put_autoupdates);
    r.user("GET", "/api/v2/workspaces/{workspace}/resolve-autostart", get_resolve_autostart);
    r.user("POST", "/api/v2/workspaces/{workspace}/usage", post_usage);
}

fn tell(cx: &Cx, workspace: &Workspace) {
    events::publish(&cx.deployment.pubsub, workspace.owner_id, workspace.id, events::Kind::MetadataUpdate);
}

/// What may be read but not changed is 403.
fn may_update(cx: &Cx, workspace: &Workspace) -> Result<(), Error> {
    if cx.db().may_on(Action::Update, workspace) { Ok(()) } else { Err(Error::forbidden()) }
}

/// Prebuilt workspaces go by the rules of their preset.
fn not_prebuilt(workspace: &Workspace, what: &str) -> Result<(), Error> {
    if workspace.is_prebuild() {
        return Err(Error::conflict(format!("{what} is not supported for prebuilt workspaces."))
            .detail("A prebuilt workspace goes by its preset until somebody claims it."));
    }
    Ok(())
}

/// The workspace that `{workspace}` names, and the entry that a change is logged with.
pub fn workspace_to_change(cx: &Cx) -> Result<(Workspace, Audit), Error> {
    let audit = cx.audit(ResourceType::Workspace, AuditAction::Write);
    let workspace = param(cx)?;
    audit.before(&workspace);
    Ok((workspace, audit))
}

/// Renames a workspace.
fn patch(cx: &Cx) -> Reply {
    let (workspace, audit) = workspace_to_change(cx)?;
    let body: sdk::UpdateWorkspaceRequest = cx.body()?;
    if body.name.is_empty() || body.name == workspace.name {
        audit.after(&workspace);
        return reply::none();
    }
    if !cx.deployment.config.allow_workspace_renames {
        return Err(Error::bad("Workspaces keep their names on this deployment."));
    }
    may_update(cx, &workspace)?;
    let renamed = cx
        .db()
        .update_workspace(workspace.id, &body.name)
        .map_err(|e| if e.is_unique() { name_taken(&body.name) } else { e.into() })?;
    if renamed == 0 {
        return Err(Error::new(
            405,
            format!("The workspace {:?} is deleted: nothing of it can be changed.", workspace.name),
        ));
    }
    tell(cx, &workspace);
    audit.after(&Workspace { name: body.name, ..workspace });
    reply::none()
}

/// Sets when a workspace starts by itself.
fn put_autostart(cx: &Cx) -> Reply {
    let (workspace, audit) = workspace_to_change(cx)?;
    let body: sdk::UpdateWorkspaceAutostartRequest = cx.body()?;
    not_prebuilt(&workspace, "Autostart")?;
    let schedule = valid_schedule(body.schedule.as_deref())
        .map_err(|why| Error::invalid("The schedule for starting cannot be read.", "schedule", why))?;
    may_update(cx, &workspace)?;
    let policy = finish::policy(&cx.deployment.config, &cx.db().get_template_by_id(workspace.template_id)?);
    if !policy.user_autostart {
        let why = "The template does not let its workspaces start by themselves.";
        return Err(Error::invalid(why, "schedule", why));
    }
    let next = match &schedule {
        None => None,
        Some(text) => Some(
            next_allowed_autostart(cx.now(), text, &policy)
                .ok_or_else(|| Error::internal(format!("no day within a week allows the autostart {text:?}")))?,
        ),
    };
    cx.db().update_workspace_autostart(workspace.id, schedule.clone(), next)?;
    // When it starts next follows from the schedule and is not told as a change of its own.
    audit.after(&Workspace { autostart_schedule: schedule, ..workspace });
    reply::none()
}

/// Sets how long a workspace runs after a start.
fn put_ttl(cx: &Cx) -> Reply {
    const MESSAGE: &str = "The time until the workspace stops was not changed.";
    let (workspace, audit) = workspace_to_change(cx)?;
    let body: sdk::UpdateWorkspaceTTLRequest = cx.body()?;
    not_prebuilt(&workspace, "Changing the time to run")?;
    let now = cx.now();
    cx.db().tx::<_, Error>(|db| {
        let policy = finish::policy(&cx.deployment.config, &db.get_template_by_id(workspace.template_id)?);
        if !policy.user_autostop {
            let why = "The template decides when its workspaces stop.";
            return Err(Error::invalid(MESSAGE, "ttl_ms", why));
        }
        // Zero switches it off: the template's default does not count here.
        let ttl = valid_ttl(body.ttl_ms, 0).map_err(|why| Error::invalid(MESSAGE, "ttl_ms", why))?;
        may_update(cx, &workspace)?;
        db.update_workspace_ttl(workspace.id, ttl)?;
        if ttl.is_none() {
            let build = db.get_latest_workspace_build_by_workspace_id(workspace.id)?;
            if build.transition == WorkspaceTransition::Start {
                // What the template requires stays; with nothing required there is no deadline.
                db.update_workspace_build_deadline_by_id(build.id, build.max_deadline, build.max_deadline, now)?;
            }
        }
        Ok(())
    })?;
    audit.after(&cx.db().get_workspace_by_id(workspace.id)?);
    reply::none()
}

/// Puts off when a running workspace stops.
fn put_extend(cx: &Cx) -> Reply {
    let workspace = param(cx)?;
    let body: sdk::PutExtendWorkspaceRequest = cx.body()?;
    not_prebuilt(&workspace, "Extending the deadline")?;
    let deadline = body.deadline.unwrap_or(crate::time::Time::ZERO);
    let now = cx.now();
    let extended = cx.db().tx::<_, Error>(|db| {
        let build = db.get_latest_workspace_build_by_workspace_id(workspace.id)?;
        let job = db.get_provisioner_job_by_id(build.job_id)?;
        if build.transition != WorkspaceTransition::Start {
            return Err(Error::conflict(format!(
                "Only a workspace that has started can run longer; this one's transition is {}.",
                build.transition
            )));
        }
        let Some(started_at) = job.completed_at else {
            return Err(Error::conflict("The build of the workspace has not finished yet."));
        };
        if build.deadline.is_zero() {
            return Err(Error::conflict("The workspace has no deadline to move: it runs until somebody stops it."));
        }
        valid_deadline(now, started_at, deadline)
            .map_err(|why| Error::bad(format!("The workspace cannot run longer: {why}")))?;
        if !build.max_deadline.is_zero() && deadline > build.max_deadline {
            return Err(Error::bad("The workspace has to stop before that: the template says when at the latest."));
        }
        may_update(cx, &workspace)?;
        db.update_workspace_build_deadline_by_id(build.id, deadline, build.max_deadline, now)?;
        Ok(())
    });
    extended?;
    tell(cx, &workspace);
    reply::message(&format!("Deadline updated to {}.", crate::time::Time::from_micros(deadline.seconds() * 1_000_000)))
}

/// Puts a workspace to sleep, or wakes it.
fn put_dormant(cx: &Cx) -> Reply {
    let (workspace, audit) = workspace_to_change(cx)?;
    let body: sdk::UpdateWorkspaceDormancy = cx.body()?;
    not_prebuilt(&workspace, "Dormancy")?;
    if workspace.dormant_at.is_some() == body.dormant {
        audit.after(&workspace);
        return reply::empty(304);
    }
    may_update(cx, &workspace)?;
    let now = cx.now();
    cx.db().update_workspace_dormant_deleting_at(workspace.id, body.dormant.then_some(now), now)?;
    tell(cx, &workspace);
    let changed = cx.db().get_workspace_by_id(workspace.id)?;
    audit.after(&Workspace { next_start_at: workspace.next_start_at, ..changed.clone() });
    reply::ok(&view::workspace(cx, changed)?)
}

/// Puts a workspace first in its owner's list.
fn put_favorite(cx: &Cx) -> Reply {
    let (workspace, audit) = workspace_to_change(cx)?;
    if cx.actor()?.user_id != workspace.owner_id {
        return Err(Error::new(403, "Only the owner of a workspace can make it a favorite."));
    }
    cx.db().favorite_workspace(workspace.id)?;
    audit.after(&Workspace { favorite: true, ..workspace });
    reply::none()
}

/// Puts a workspace back among the others.
fn delete_favorite(cx: &Cx) -> Reply {
    let (workspace, audit) = workspace_to_change(cx)?;
    if cx.actor()?.user_id != workspace.owner_id {
        return Err(Error::new(403, "Only the owner of a workspace can make it no favorite any more."));
    }
    cx.db().unfavorite_workspace(workspace.id)?;
    audit.after(&Workspace { favorite: false, ..workspace });
    reply::none()
}

/// Sets whether a start takes the template's newest version.
fn put_autoupdates(cx: &Cx) -> Reply {
    let (workspace, audit) = workspace_to_change(cx)?;
    let body: sdk::UpdateWorkspaceAutomaticUpdatesRequest = cx.body()?;
    let automatic_updates = body
        .automatic_updates
        .known()
        .ok_or_else(|| Error::invalid("Invalid request", "automatic_updates", "must be always or never"))?;
    cx.db().update_workspace_automatic_updates(workspace.id, automatic_updates)?;
    audit.after(&Workspace { automatic_updates, ..workspace });
    reply::none()
}

/// Whether the next start by itself would lack a value for a parameter.
fn get_resolve_autostart(cx: &Cx) -> Reply {
    let workspace = param(cx)?;
    reply::ok(&sdk::ResolveAutostartResponse { parameter_mismatch: lacks_a_value(cx, &workspace)? })
}

fn lacks_a_value(cx: &Cx, workspace: &Workspace) -> Result<bool, Error> {
    let db = cx.db();
    let template = db.get_template_by_id(workspace.template_id)?;
    let config = &cx.deployment.config;
    if workspace.automatic_updates != AutomaticUpdates::Always && !finish::requires_active_version(config, &template) {
        return Ok(false);
    }
    let build = db.get_latest_workspace_build_by_workspace_id(workspace.id)?;
    if build.template_version_id == template.active_version_id {
        return Ok(false);
    }
    let declared = db.get_template_version_parameters(template.active_version_id)?;
    let values = db.get_workspace_build_parameters(build.id)?;
    Ok(declared.iter().any(|p| {
        let previous = values.iter().find(|v| v.name == p.name).map(|v| v.value.as_str());
        parameters::resolve(p, None, previous).is_err()
    }))
}

/// Says that a workspace is in use.
fn post_usage(cx: &Cx) -> Reply {
    let workspace = param(cx)?;
    may_update(cx, &workspace)?;
    cx.db().update_workspace_last_used_at(workspace.id, cx.now())?;
    reply::none()
}
