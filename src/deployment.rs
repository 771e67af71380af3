//! What a running server is made of, for those who work inside it: the store, the clock, the
//! settings, the channels. Composed by the server, handed to handlers and services.

use std::sync::Arc;

use uuid::Uuid;

use crate::config::Config;
use crate::external_auth::Providers;
use crate::ids::Ids;
use crate::outbound::Outbound;
use crate::pubsub::Pubsub;
use crate::rbac::{Subject, system};
use crate::store::{Db, Store};
use crate::time::{Clock, Time};

/// A running deployment; clones are the same.
#[derive(Clone)]
pub struct Deployment(Arc<Parts>);

/// Its parts.
pub struct Parts {
    /// Settings.
    pub config: Config,
    /// The data.
    pub store: Store,
    /// Change notices.
    pub pubsub: Pubsub,
    /// The time.
    pub clock: Clock,
    /// Ids and secrets.
    pub ids: Ids,
    /// The id of this deployment.
    pub id: String,
    /// Address under which others reach the server, without a trailing slash.
    pub access_url: String,
    /// The version that clients are told.
    pub version: String,
    /// Metrics.
    pub registry: prometheus::Registry,
    /// Entries of the audit log that are written after their answer.
    pub late_audit: crate::audit::late::Late,
    /// Compiled subjects of users.
    pub subjects: crate::auth::Subjects,
    /// The order in which lists show workspaces.
    pub workspace_order: crate::builds::order::WorkspaceOrder,
    /// Bounds how many passwords are hashed at once.
    pub passwords: crate::auth::password::Hasher,
    /// How long builds of templates take.
    pub build_times: crate::templates::stats::BuildTimes,
    /// This process among those of the deployment.
    pub replica: Replica,
    /// Talks to other services.
    pub outbound: Outbound,
    /// The services where users connect their accounts.
    pub external_auth: Providers,
    /// What is known of the identity provider.
    pub oidc: crate::auth::oidc::Known,
    /// The last look at the deployment's health.
    pub health: crate::health::Monitor,
}

/// One process of a deployment.
#[derive(Debug, Clone)]
pub struct Replica {
    /// Its id, new at each start.
    pub id: Uuid,
    /// The machine that it runs on.
    pub hostname: String,
    /// When it started.
    pub started_at: Time,
}

impl Deployment {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Deployment {
        Deployment(Arc::new(parts))
    }
    /// The data, seen by `subject`.
    pub fn db_as(&self, subject: &Arc<Subject>) -> Db {
        self.store.acting_as(subject)
    }
    /// The data, seen by the server itself.
    pub fn system_db(&self) -> Db {
        self.db_as(system::restricted())
    }
}

impl std::ops::Deref for Deployment {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
