//! What a change of a template's schedule means for the workspaces that run, and for when the others start.

use std::collections::HashMap;
use std::time::Duration;

use super::Error;
use super::finish::{deadlines, next_start_at};
use crate::deployment::Deployment;
use crate::rbac::system;
use crate::schedule::Autostop;
use crate::store::Db;
use crate::store::queries::templates::{ActiveBuild, Template};
use crate::store::queries::workspaces::Workspace;
use crate::time::Time;

/// No change stops a workspace sooner than this.
const WARNING: Duration = Duration::from_secs(2 * 60 * 60);

/// Works out anew until when workspaces of a template run and when they start next, inside the
/// transaction that changed the template.
pub fn reschedule(deployment: &Deployment, db: &Db, template: &Template) -> Result<(), Error> {
    let db = db.acting_as(system::restricted());
    let now = deployment.clock.now();
    let active = db.get_active_builds_by_template_id(template.id)?;
    let mut ids = db.get_self_starting_workspaces_by_template_id(template.id)?;
    ids.extend(active.iter().map(|build| build.workspace_id));
    ids.sort_unstable();
    ids.dedup();
    let workspaces: HashMap<_, Workspace> =
        db.get_workspaces_by_ids(&ids)?.into_iter().map(|workspace| (workspace.id, workspace)).collect();
    for build in &active {
        let Some(workspace) = workspaces.get(&build.workspace_id) else { continue };
        if !build.max_deadline.is_zero() && build.max_deadline < now + WARNING {
            continue;
        }
        let fresh = deadlines(deployment, &db, workspace, build.completed_at)?;
        let changed = moved(build, fresh, now);
        db.update_workspace_build_deadline_by_id(build.id, changed.deadline, changed.max_deadline, now)?;
    }
    for workspace in workspaces.values().filter(|workspace| workspace.autostart_schedule.is_some()) {
        let next = next_start_at(deployment, &db, workspace, now)?;
        db.update_workspace_next_start_at(workspace.id, next)?;
    }
    Ok(())
}

/// The deadlines of a running build under a new schedule. Its deadline stays, unless it may now run on for
/// good or must stop earlier.
fn moved(build: &ActiveBuild, fresh: Autostop, now: Time) -> Autostop {
    let mut max_deadline = fresh.max_deadline;
    if !max_deadline.is_zero() {
        max_deadline = max_deadline.max(now + WARNING);
    }
    let mut deadline = if fresh.deadline.is_zero() { Time::ZERO } else { build.deadline };
    if !max_deadline.is_zero() && (deadline.is_zero() || deadline > max_deadline) {
        deadline = max_deadline;
    }
    Autostop { deadline, max_deadline }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_running_build_keeps_its_deadline_unless_the_schedule_says_otherwise() {
        let hour = |n: i64| Time::from_micros(n * 3_600_000_000);
        let never = Time::ZERO;
        for (deadline, fresh, max, want) in [
            (hour(8), hour(20), never, (hour(8), never)),
            (hour(8), never, never, (never, never)),
            (hour(8), hour(6), hour(6), (hour(6), hour(6))),
            (never, hour(6), hour(6), (hour(6), hour(6))),
            (hour(8), hour(1), hour(1), (hour(3), hour(3))),
        ] {
            let build = ActiveBuild {
                id: Uuid::nil(),
                workspace_id: Uuid::nil(),
                deadline,
                max_deadline: never,
                completed_at: hour(0),
            };
            let got = moved(&build, Autostop { deadline: fresh, max_deadline: max }, hour(1));
            assert_eq!((got.deadline, got.max_deadline), want, "{deadline} {fresh} {max}");
        }
    }
}
