//! The API: one file a resource, handlers that read like their sentence in the API's documents. A
//! handler parses, calls the store or a service, and renders; it decides nothing that a service could.
//!
//! Start at [`door`] for how a request is taken, at [`routes`] for the list of routes, at [`cx`] for
//! what a handler holds. Adding an endpoint: ARCHITECTURE.md walks through one.

mod api_keys;
pub mod appearance;
pub mod audit;
pub mod authcheck;
pub mod authn;
pub mod connection_logs;
mod cors;
mod csrf;
pub mod cx;
pub mod debug;
pub mod deployment;
pub mod door;
pub mod dynamic_parameters;
pub mod entitlements;
mod error;
pub mod experiments;
pub mod external_auth;
pub mod files;
pub mod general;
pub mod groups;
mod guarded;
pub mod health;
pub mod idp_sync;
pub mod jobs;
mod journal;
pub mod licenses;
pub mod login;
pub mod lookup;
pub mod members;
mod mounts;
mod notifications;
pub mod oauth2;
pub mod organizations;
mod pages;
pub mod params;
mod port_shares;
pub mod presets;
mod provisioner_keys;
pub mod provisioners;
mod ratelimit;
pub mod regions;
pub mod reply;
pub mod resources;
pub mod roles;
pub mod routes;
pub mod scim;
pub mod sessions;
pub mod settings;
pub mod template_acl;
pub mod template_dry_runs;
pub mod template_versions;
pub mod templates;
pub mod users;
pub mod workspace_builds;
mod workspace_search;
pub mod workspace_settings;
pub mod workspace_sharing;
pub mod workspace_view;
pub mod workspace_watch;
pub mod workspaces;

pub use cx::Cx;
pub use error::{Error, OrForbidden};
pub use journal::Audit;
pub use reply::Reply;
