//! Provisioner daemons as clients are told of them.

use crate::jobs::queue::STALE;
use crate::sdk;
use crate::store::queries::provisioner_daemons::ProvisionerDaemon;
use crate::time::Time;

/// Whether a daemon was heard of lately.
pub fn is_live(daemon: &ProvisionerDaemon, now: Time) -> bool {
    daemon.last_seen_at.is_some_and(|seen| seen + STALE >= now)
}

/// A daemon as the API shows one, without what it is doing.
pub fn render(daemon: ProvisionerDaemon) -> sdk::ProvisionerDaemon {
    sdk::ProvisionerDaemon {
        id: daemon.id,
        organization_id: daemon.organization_id,
        key_id: daemon.key_id,
        created_at: daemon.created_at,
        last_seen_at: daemon.last_seen_at,
        name: daemon.name,
        version: daemon.version,
        api_version: daemon.api_version,
        provisioners: daemon.provisioners.iter().filter_map(|p| sdk::ProvisionerType::parse(p)).collect(),
        tags: daemon.tags,
        key_name: None,
        status: None,
        current_job: None,
        previous_job: None,
    }
}
