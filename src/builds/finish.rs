//! What a finished build changes about its workspace: until when it runs, and when it starts next.

use uuid::Uuid;

use super::Error;
use crate::config::Config;
use crate::deployment::Deployment;
use crate::licensing;
use crate::rbac::system;
use crate::schedule::{self, Autostop, Cron, Days, Policy};
use crate::sdk::FeatureName;
use crate::store::Db;
use crate::store::queries::templates::Template;
use crate::store::queries::workspaces::Workspace;
use crate::time::Time;
use crate::users::quiet_hours;

/// What a template's schedule comes to in this deployment. Beyond a default time to run and a bump,
/// schedules of templates are a licensed feature.
pub fn policy(config: &Config, template: &Template) -> Policy {
    if !licensing::entitled(config, FeatureName::AdvancedTemplateScheduling) {
        return Policy::unlicensed(template.default_ttl, template.activity_bump);
    }
    // The database keeps the days of which nothing starts.
    let days = |bits: i16| Days((bits & 0b0111_1111) as u8);
    Policy {
        user_autostart: template.allow_user_autostart,
        user_autostop: template.allow_user_autostop,
        default_ttl: template.default_ttl,
        activity_bump: template.activity_bump,
        autostart_days: days(!template.autostart_block_days_of_week),
        autostop_days: days(template.autostop_requirement_days_of_week),
        autostop_weeks: template.autostop_requirement_weeks.max(1),
        failure_ttl: template.failure_ttl,
        time_til_dormant: template.time_til_dormant,
        time_til_dormant_autodelete: template.time_til_dormant_autodelete,
    }
}

/// Whether workspaces of a template start with its active version only, where that can be required.
pub fn requires_active_version(config: &Config, template: &Template) -> bool {
    template.require_active_version && licensing::entitled(config, FeatureName::AccessControl)
}

/// The quiet hours of a user; none where there are none.
fn quiet_hours_of(deployment: &Deployment, db: &Db, user: Uuid) -> Result<Option<Cron>, Error> {
    let config = &deployment.config;
    if quiet_hours::of_everybody(config).is_empty()
        || !licensing::entitled(config, FeatureName::AdvancedTemplateScheduling)
    {
        return Ok(None);
    }
    let own = db.acting_as(system::restricted()).get_user_by_id(user)?.quiet_hours_schedule;
    quiet_hours::once_a_day(quiet_hours::of_user(config, &own))
        .map(Some)
        .map_err(|why| Error::refused(500, "The quiet hours of the owner are no schedule.", why))
}

/// Until when a workspace may run whose build was finished at `completed_at`. A prebuilt workspace has no
/// deadline: it waits until it is claimed.
pub fn deadlines(
    deployment: &Deployment,
    db: &Db,
    workspace: &Workspace,
    completed_at: Time,
) -> Result<Autostop, Error> {
    if workspace.is_prebuild() {
        return Ok(Autostop::NEVER);
    }
    let template = db.get_template_by_id(workspace.template_id)?;
    let autostart = workspace.autostart_schedule.as_deref();
    let policy = policy(&deployment.config, &template);
    let quiet =
        if policy.autostop_days == Days::NONE { None } else { quiet_hours_of(deployment, db, workspace.owner_id)? };
    schedule::autostop(completed_at, workspace.ttl, autostart, &policy, quiet.as_ref())
        .map_err(|e| Error::refused(500, "The deadline of the build cannot be worked out.", e.to_string()))
}

/// When a workspace starts next by itself; none when it does not.
pub fn next_start_at(
    deployment: &Deployment,
    db: &Db,
    workspace: &Workspace,
    now: Time,
) -> Result<Option<Time>, Error> {
    let Some(autostart) = workspace.autostart_schedule.as_deref() else { return Ok(None) };
    let template = db.get_template_by_id(workspace.template_id)?;
    Ok(schedule::next_allowed_autostart(now, autostart, &policy(&deployment.config, &template)))
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
    let now = deployment.clock.now();
    // A stop is given its deadlines like a start; they mean nothing until the next start is given its own.
    let autostop = deadlines(deployment, db, workspace, completed_at)?;
    db.update_workspace_build_deadline_by_id(build.id, autostop.deadline, autostop.max_deadline, now)?;
    if !workspace.is_prebuild() {
        let next = next_start_at(deployment, db, workspace, now)?;
        db.update_workspace_next_start_at(workspace.id, next)?;
    }
    if build.transition == crate::sdk::WorkspaceTransition::Delete {
        db.update_workspace_deleted_by_id(workspace.id, true)?;
    }
    Ok(())
}
