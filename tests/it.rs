//! The integration tests: one binary, a module a capability, each against a server of its own.

mod audit;
mod cli_server;
mod config;
mod crash;
mod db_migrate;
mod db_tools;
mod deployment;
mod disk_full;
mod files;
mod first_steps;
mod front_door;
mod organizations;
mod parameters;
mod provisioner;
mod purge;
mod rbac;
mod schema;
mod sdk_types;
mod sessions;
mod sqlite_traps;
mod store;
mod store_postgres;
mod support;
mod templates;
mod users;
mod workspaces;
