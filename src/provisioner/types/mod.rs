//! What a provisioner takes and gives: the messages of the provisioner protocol as Rust values.
//!
//! Field names are the protocol's, so that the wire codec, the job runner and the database rows line
//! up by name. Nothing here does anything; [`super::Session`] says who sends what, and when.

mod build;
mod phases;
mod resource;
mod template;

pub use build::*;
pub use phases::*;
pub use resource::*;
pub use template::*;
