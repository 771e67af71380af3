//! Builds of workspaces: a start, a stop or a deletion is asked for here and becomes a job that a
//! provisioner takes.
//!
//! Start at [`builder::build`]. [`parameters`] works out the values a build is made with, [`tags`]
//! which provisioners may take it, [`presets`] which preset its values amount to; [`order`] says in
//! which order lists show workspaces, which hangs on their builds; [`finish`] says what
//! a finished build changes, and [`events`] tells those who watch. Running the job is not done here.

pub mod builder;
pub mod events;
pub mod finish;
pub mod order;
pub mod parameters;
pub mod presets;
pub mod reschedule;
pub mod tags;
pub mod validate;

use crate::sdk;
use crate::store::{self, TxError};

pub use builder::{Made, Stage, State, Version, Wanted, build};

/// Why there is no build.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is refused, with what the API answers.
    #[error("{status}: {}", body.message)]
    Refused {
        /// Status.
        status: u16,
        /// What is said.
        body: Box<sdk::Response>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<crate::parameters::form::Error> for Error {
    fn from(e: crate::parameters::form::Error) -> Error {
        match e {
            crate::parameters::form::Error::Store(e) => Error::Store(e),
            other => Error::refused(500, "The version's parameters cannot be rendered.", other.to_string()),
        }
    }
}

impl Error {
    /// Refused with a status, a message and what stands behind it.
    pub fn refused(status: u16, message: impl Into<String>, detail: impl Into<String>) -> Error {
        Error::Refused { status, body: Box::new(sdk::Response::new(message).with_detail(detail)) }
    }
    /// The same, where the message says all.
    fn plainly(status: u16, message: impl Into<String>) -> Error {
        let message = message.into();
        Error::refused(status, message.clone(), message)
    }
}

impl TxError for Error {
    fn store_error(&self) -> Option<&store::Error> {
        match self {
            Error::Store(e) => Some(e),
            Error::Refused { .. } => None,
        }
    }
}
