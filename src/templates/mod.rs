//! Templates: how versions are made and promoted, what templates can be set to, and what that means for
//! their workspaces. Callers have read what they change with the rights of whoever asks; the store checks
//! each change. Knows no HTTP.
//!
//! [`versions`] makes versions and moves them; [`settings`] makes, changes and deletes templates; [`acl`] says who may use them;
//! [`schedule`] is about when workspaces stop; [`stats`] counts; [`examples`] come with the server.

pub mod acl;
pub mod examples;
pub mod schedule;
pub mod settings;
pub mod stats;
pub mod versions;

use uuid::Uuid;

use crate::builds;
use crate::deployment::Deployment;
use crate::sdk::{ProvisionerJobStatus, ValidationError};
use crate::store::{self, TxError};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The times of a workspace cannot be worked out under the new schedule.
    #[error(transparent)]
    Times(#[from] builds::Error),
    /// Settings that cannot be.
    #[error("{} settings cannot be used", .0.len())]
    Invalid(Vec<ValidationError>),
    /// A template of that name exists.
    #[error("a template named {0:?} exists")]
    NameTaken(String),
    /// A version of that name exists.
    #[error("the template has a version named {0:?}")]
    VersionNameTaken(String),
    /// There is no such version.
    #[error("there is no template version {0}")]
    NoVersion(Uuid),
    /// The version is archived, so it cannot be promoted.
    #[error("the template version {0} is archived")]
    Unusable(Uuid),
    /// The version is archived, so no template can be made of it.
    #[error("the template version {0} is archived")]
    Archived(Uuid),
    /// The version already is a template's.
    #[error("the template version {0} is part of a template")]
    HasTemplate(Uuid),
    /// The version is not this template's.
    #[error("the template version belongs to another template, or to none")]
    OtherTemplate,
    /// The version's import did not end well.
    #[error("the import of the template version is {0}")]
    NotImported(ProvisionerJobStatus),
    /// The version belongs to no template.
    #[error("a template version without a template cannot be archived")]
    NoTemplate,
    /// A workspace is at the version, or it is the active one, or its import has not ended.
    #[error("the template version is in use")]
    InUse,
    /// The template has workspaces.
    #[error("the template has workspaces")]
    HasWorkspaces,
    /// The job has ended.
    #[error("the job has completed")]
    Completed,
    /// The job was canceled before.
    #[error("the job was canceled before")]
    Canceled,
}

impl TxError for Error {
    fn store_error(&self) -> Option<&store::Error> {
        match self {
            Error::Store(e) => Some(e),
            Error::Times(e) => e.store_error(),
            _ => None,
        }
    }
}

/// Tells those who watch a template that it changed.
pub fn publish_update(deployment: &Deployment, template: Uuid) {
    deployment.pubsub.publish(&format!("template:{template}"), "");
}
