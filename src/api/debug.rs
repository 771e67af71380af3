//! Doors for those who look for faults; for owners of the deployment.

use super::error::OrForbidden;
use super::routes::{Routes, Stream};
use super::{Cx, Error, Reply, lookup, reply};
use crate::http::{Message, WebSocketOptions};
use crate::metrics;
use crate::rbac::{Action, Object, Resource};
use crate::sdk::LoginType;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/debug/coordinator", get_coordinator);
    r.user("GET", "/api/v2/debug/tailnet", get_coordinator);
    r.user("GET", "/api/v2/debug/derp/traffic", get_traffic);
    r.user("GET", "/api/v2/debug/expvar", get_process);
    r.user("GET", "/api/v2/debug/metrics", get_metrics);
    r.user("GET", "/api/v2/debug/pprof", get_profiles);
    r.user("GET", "/api/v2/debug/pprof/*", get_profiles);
    r.user("GET", "/api/v2/debug/{user}", get_nothing);
    r.user("GET", "/api/v2/debug/{user}/debug-link", get_link);
    r.stream("/api/v2/debug/ws", echo);
}

/// Refuses whoever may not look behind the scenes.
pub fn allow(cx: &Cx) -> Result<(), Error> {
    cx.db().require(Action::Read, &Object::of(Resource::DebugInfo)).or_forbidden()
}

/// Who is connected to whom through this server.
fn get_coordinator(cx: &Cx) -> Reply {
    allow(cx)?;
    const NOBODY: &str = "<!doctype html><title>Tunnels</title><p>No peers: this server coordinates no tunnels.</p>\n";
    reply::bytes(200, "text/html; charset=utf-8", NOBODY.into())
}

/// What the relay moves, a line a connection: there is no relay, so no line.
fn get_traffic(cx: &Cx) -> Reply {
    allow(cx)?;
    reply::bytes(200, "application/json", Vec::new())
}

/// What the process is using.
fn get_process(cx: &Cx) -> Reply {
    allow(cx)?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    reply::ok(&serde_json::json!({
        "version": cx.deployment.version,
        "started_at": cx.deployment.replica.started_at,
        "resident_kib": number("VmRSS"),
        "threads": number("Threads"),
    }))
}

/// Metrics, in the form that Prometheus reads.
fn get_metrics(cx: &Cx) -> Reply {
    allow(cx)?;
    let text = metrics::exposition(&cx.deployment.registry).map_err(Error::internal)?;
    reply::bytes(200, metrics::CONTENT_TYPE, text)
}

/// Profiles of the Go runtime, of which there is none here.
fn get_profiles(cx: &Cx) -> Reply {
    allow(cx)?;
    Err(Error::new(404, "This server is not a Go program and has no Go profiles."))
}

/// A user has nothing to debug but the login.
fn get_nothing(cx: &Cx) -> Reply {
    allow(cx)?;
    lookup::user(cx)?;
    Err(Error::new(404, "Route not found."))
}

/// What the identity provider said of a user at the last login.
fn get_link(cx: &Cx) -> Reply {
    allow(cx)?;
    let user = lookup::user(cx)?;
    if user.login_type != LoginType::Oidc {
        return Err(Error::bad("The user does not sign in with OIDC."));
    }
    let link = cx.system_db().get_user_link_by_user_id_login_type(user.id, LoginType::Oidc)?;
    reply::ok(&link.claims)
}

/// Sends back what it is sent, to see whether WebSockets get through.
fn echo(cx: &Cx) -> Result<Stream, Error> {
    allow(cx)?;
    Ok(Box::new(|upgrade| {
        let Ok(socket) = upgrade.websocket(WebSocketOptions::default()) else { return };
        while let Ok(message) = socket.recv() {
            let sent = match message {
                Message::Text(text) => socket.send_text(text),
                Message::Binary(bytes) => socket.send_binary(&bytes),
            };
            if sent.is_err() {
                return;
            }
        }
    }))
}
