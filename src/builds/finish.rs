//! What a finished build changes about its workspace: until when it runs, and when it starts next.

use super::Error;
use crate::deployment::Deployment;
use crate::schedule::{self, Autostop, Policy};
use crate::store::Db;
use crate::store::queries::templates::Template;
use crate::store::queries::workspaces::Workspace;
use crate::time::Time;

/// What a template's schedule comes to in this deployment. Beyond a default time to run and a bump,
/// schedules of templates are a licensed feature.
pub fn policy(template: &Template) -> Policy {
    Policy::unlicensed(template.default_ttl, template.activity_bump)
}

/// Until when a workspace runs whose start was finished at `completed_at`. A prebuilt workspace has no
/// deadline: it waits until it is claimed.
pub fn deadlines(db: &Db, workspace: &Workspace, completed_at: Time) -> Result<Autostop, Error> {
    if workspace.is_prebuild() {
        return Ok(Autostop::NEVER);
    }
    let template = db.get_template_by_id(workspace.template_id)?;
    let autostart = workspace.autostart_schedule.as_deref();
    schedule::autostop(completed_at, workspace.ttl, autostart, &policy(&template), None)
        .map_err(|e| Error::refused(500, "The deadline of the build cannot be worked out.", e.to_string()))
}

/// When a workspace starts next by itself; none when it does not.
pub fn next_start_at(db: &Db, workspace: &Workspace, now: Time) -> Result<Option<Time>, Error> {
    let Some(autostart) = workspace.autostart_schedule.as_deref() else { return Ok(None) };
    let template = db.get_template_by_id(workspace.template_id)?;
    Ok(schedule::next_allowed_autostart(now, autostart, &policy(&template)))
}

/// Keeps what a build that succeeded at `completed_at` changes: its deadlines, the next start, and,
/// after a deletion, that the workspace is gone. Inside the transaction that ends the job.
pub fn succeeded(
    deployment: &Deployment,
    db: &Db,
    workspace: &Workspace,
    build: &crate::store::queries::workspace_builds::WorkspaceBuild,
    completed_at: Time,
) -> Result<(), Error> {
    use crate::sdk::WorkspaceTransition::{Delete, Start};
    let now = deployment.clock.now();
    let autostop = if build.transition == Start { deadlines(db, workspace, completed_at)? } else { Autostop::NEVER };
    db.update_workspace_build_deadline_by_id(build.id, autostop.deadline, autostop.max_deadline, now)?;
    if !workspace.is_prebuild() {
        let next = next_start_at(db, workspace, now)?;
        db.update_workspace_next_start_at(workspace.id, next)?;
    }
    if build.transition == Delete {
        db.update_workspace_deleted_by_id(workspace.id, true)?;
    }
    Ok(())
}
