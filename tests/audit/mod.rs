//! The audit log and the log of connections: what each route leaves there, what a search finds, and who may
//! read it.

mod connections;
mod reading;
mod routes;
mod secrets;

use rockpool::sdk::{AuditLog, AuditLogResponse};

use crate::support::Client;

/// The entries that a search finds, newest first.
#[track_caller]
fn found(client: &Client, query: &str) -> Vec<AuditLog> {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    client.get(&format!("/api/v2/audit?limit=100&q={query}")).ok::<AuditLogResponse>(200).audit_logs
}
