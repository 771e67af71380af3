//! Rockpool: a self-hosted control plane for remote development workspaces.
//!
//! The house, front to back: [`cli`] and [`server`] compose everything; [`http`] owns the sockets;
//! [`api`] holds one handler file a resource; services decide; [`store`] keeps; [`rbac`] says who may.
//! Dependencies point one way (`cli, server → api → services → store, pubsub, rbac → sdk, ids, time`);
//! ARCHITECTURE.md walks a request and a build through the rooms.

pub mod access_list;
pub mod api;
pub mod archive;
pub mod audit;
pub mod auth;
pub mod background;
pub mod builds;
pub mod cli;
pub mod config;
pub mod crypto_keys;
pub mod deployment;
pub mod external_auth;
pub mod health;
pub mod http;
pub mod idpsync;
pub mod ids;
pub mod jobs;
pub mod licensing;
pub mod logging;
pub mod login;
pub mod markdown;
pub mod metrics;
pub mod oauth2;
pub mod organizations;
pub mod outbound;
pub mod parameters;
pub mod provisioner;
pub mod provisioners;
pub mod pubsub;
pub mod purge;
pub mod rbac;
pub mod replicas;
pub mod schedule;
pub mod sdk;
pub mod server;
pub mod store;
pub mod templates;
pub mod time;
pub mod users;
pub mod version;
pub mod words;
