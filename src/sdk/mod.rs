//! The JSON types of the public API, the rules that requests follow, and a client.
//!
//! A file a resource; all types are re-exported here, since the API's documents know one namespace.
//! A response writes exactly the fields that clients expect: what may be absent is left out when it
//! is empty, what may be null is an `Option`, and everything else is always there. A request reads
//! leniently ([`lenient`]) and knows its rules ([`validate`]). Nothing here decides anything, and
//! only [`client`] knows a socket.

pub mod client;
pub mod json;
pub mod lenient;
pub mod names;
pub mod validate;
pub mod wire;

mod agent_api;
mod audit;
mod common;
mod deployment;
mod dynamic_parameters;
mod external_auth;
mod files;
mod groups;
mod health;
mod idp_sync;
mod licenses;
mod notifications;
mod oauth2;
mod organizations;
mod provisioner_jobs;
mod roles;
mod scim;
mod sessions;
mod template_versions;
mod templates;
mod users;
mod workspace_agents;
mod workspace_apps;
mod workspace_builds;
mod workspaces;

pub use agent_api::*;
pub use audit::*;
pub use client::Client;
pub use common::*;
pub use deployment::*;
pub use dynamic_parameters::*;
pub use external_auth::*;
pub use files::*;
pub use groups::*;
pub use health::*;
pub use idp_sync::*;
pub use licenses::*;
pub use notifications::*;
pub use oauth2::*;
pub use organizations::*;
pub use provisioner_jobs::*;
pub use roles::*;
pub use scim::*;
pub use sessions::*;
pub use template_versions::*;
pub use templates::*;
pub use users::*;
pub use validate::{Validate, read};
pub use wire::{Bytes, WireEnum, Word};
pub use workspace_agents::*;
pub use workspace_apps::*;
pub use workspace_builds::*;
pub use workspaces::*;
