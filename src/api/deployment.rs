//! The deployment for administrators and clients: its configuration, how much is going on, what SSH
//! clients need.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::OrForbidden;
use super::routes::Routes;
use super::{Cx, Reply, reply};
use crate::rbac::{Action, Object, Resource};
use crate::sdk;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/deployment/config", get_config);
    r.user("GET", "/api/v2/deployment/stats", get_stats);
    r.user("GET", "/api/v2/deployment/ssh", get_ssh);
}

/// How far back traffic and latencies are added up.
const STATS_WINDOW: Duration = Duration::from_secs(15 * 60);
/// When a client that shows statistics should ask again.
const STATS_FRESH: Duration = Duration::from_secs(60);
/// A build whose provisioner has been silent for so long is not under way.
const PROVISIONER_SILENCE: Duration = Duration::from_secs(30);

/// The configuration without its secrets.
fn get_config(cx: &Cx) -> Reply {
    cx.db().require(Action::Read, &Object::of(Resource::DeploymentConfig)).or_forbidden()?;
    reply::ok(&cx.deployment.config.deployment_config_json())
}

/// How many workspaces and sessions there are, and what they move.
fn get_stats(cx: &Cx) -> Reply {
    let db = cx.db();
    db.require(Action::Read, &Object::of(Resource::DeploymentStats)).or_forbidden()?;
    let now = cx.now();
    let since = now - STATS_WINDOW;
    let workspaces = db.get_deployment_workspace_stats(now - PROVISIONER_SILENCE)?;
    let traffic = db.get_deployment_workspace_agent_stats(since)?;
    let latencies = db.get_deployment_connection_latencies(since)?;
    reply::ok(&sdk::DeploymentStats {
        aggregated_from: since,
        collected_at: now,
        next_update_at: now + STATS_FRESH,
        workspaces: sdk::WorkspaceDeploymentStats {
            pending: workspaces.pending,
            building: workspaces.building,
            running: workspaces.running,
            failed: workspaces.failed,
            stopped: workspaces.stopped,
            connection_latency_ms: sdk::WorkspaceConnectionLatencyMS {
                p50: percentile(&latencies, 0.5),
                p95: percentile(&latencies, 0.95),
            },
            rx_bytes: traffic.rx_bytes,
            tx_bytes: traffic.tx_bytes,
        },
        session_count: sdk::SessionCountDeploymentStats {
            vscode: traffic.vscode,
            ssh: traffic.ssh,
            jetbrains: traffic.jetbrains,
            reconnecting_pty: traffic.reconnecting_pty,
        },
    })
}

/// What goes into clients' SSH configuration.
fn get_ssh(cx: &Cx) -> Reply {
    let clients = &cx.deployment.config.clients;
    let options: BTreeMap<_, _> = clients.ssh_config_options.iter().cloned().collect();
    reply::ok(&sdk::SSHConfigResponse {
        hostname_prefix: clients.ssh_hostname_prefix.clone(),
        hostname_suffix: clients.workspace_hostname_suffix.clone(),
        ssh_config_options: (!options.is_empty()).then_some(options),
    })
}

/// The value below which that share of the ordered values lies, between two of them if need be; -1 for
/// no values, as clients expect.
fn percentile(ordered: &[f64], share: f64) -> f64 {
    let Some(last) = ordered.len().checked_sub(1) else { return -1.0 };
    let place = share * last as f64;
    let (below, above) = (ordered[place.floor() as usize], ordered[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_values() {
        for (values, share, want) in [
            (&[][..], 0.5, -1.0),
            (&[4.0], 0.95, 4.0),
            (&[1.0, 2.0], 0.5, 1.5),
            (&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95, 4.8),
        ] {
            assert!((percentile(values, share) - want).abs() < 1e-9, "{values:?} {share}");
        }
    }
}
