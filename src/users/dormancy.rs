//! Lets accounts sleep that nobody has used for long. [`tick`] is the whole of it; [`start`] calls it now and then.
//!
//! A dormant user is not counted as one who uses the deployment, and wakes by coming back: that is done where users sign
//! in, not here.

use std::time::Duration;

use uuid::Uuid;

use crate::audit::{self, Asked, Entry, Snapshot, Subsystem};
use crate::background::Repeating;
use crate::deployment::Deployment;
use crate::rbac::system;
use crate::sdk::{AuditAction, ResourceType, UserStatus};
use crate::store;

/// How long nobody may use an account before it sleeps.
const PATIENCE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long after the end of a tick the next one begins.
const PAUSE: Duration = Duration::from_secs(15 * 60);

/// Marks every account that was not used for long, and logs each. Says how many there were.
///
/// # Errors
/// When the database cannot be read or written; then none is marked.
pub fn tick(deployment: &Deployment) -> Result<usize, store::Error> {
    let now = deployment.clock.now();
    let marked = deployment.db_as(system::restricted()).update_inactive_users_to_dormant(now - PATIENCE, now)?;
    for user in &marked {
        log::info!(target: "dormancy", username = user.username.as_str(); "marked as dormant");
        let status = |status: UserStatus| {
            Some(Snapshot::new(ResourceType::User, user.id, user.username.clone()).with("status", status))
        };
        let entry = Entry {
            before: status(UserStatus::Active),
            after: status(UserStatus::Dormant),
            additional_fields: audit::by_itself(Subsystem::Dormancy),
            ..Entry::new(ResourceType::User, AuditAction::Write)
        };
        let asked = Asked { user_id: Some(user.id), ip: None, user_agent: None, request_id: Uuid::nil() };
        audit::in_background(deployment, &entry, &asked, 200, now);
    }
    Ok(marked.len())
}

/// Begins to call [`tick`] every quarter of an hour.
pub fn start(deployment: &Deployment) -> std::io::Result<Repeating> {
    let deployment = deployment.clone();
    Repeating::start("dormancy", PAUSE, PAUSE, move || {
        if let Err(e) = tick(&deployment) {
            log::error!(target: "dormancy", "accounts that nobody uses were not marked: {e}");
        }
    })
}
