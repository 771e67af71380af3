//! Looks whether the deployment works: reaches itself where it says it is, asks the database, counts
//! provisioner daemons. A report is kept for a while ([`Monitor`]); who may read it, and which parts
//! somebody does not want to hear of, is the API's business.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tungstenite::Message;

use crate::config::{self, duration};
use crate::deployment::Deployment;
use crate::provisioners;
use crate::sdk::client::{Client, Request};
use crate::sdk::{
    AccessURLReport, BaseReport, DERPHealthReport, DatabaseReport, HealthMessage, HealthSection, HealthSeverity,
    HealthcheckReport, ProvisionerDaemonsReport, ProvisionerDaemonsReportItem, RegionsResponse, WebsocketReport,
    WorkspaceProxy, WorkspaceProxyReport,
};
use crate::store::Db;
use crate::store::queries::provisioner_daemons::ProvisionerDaemon;
use crate::version;

/// How long the server waits for itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many pings the database is judged by; the middle one counts.
const PINGS: usize = 5;
/// How many messages must come back over a WebSocket.
const ECHOES: usize = 3;

/// The last report, and the lock that keeps two from being made at a time.
#[derive(Default)]
pub struct Monitor {
    last: Mutex<Option<HealthcheckReport>>,
    looking: Mutex<()>,
}

/// Another request is looking just now, and nothing is known yet.
#[derive(Debug, thiserror::Error)]
#[error("somebody else is looking just now")]
pub struct Busy;

/// What a look needs of whoever asks.
pub struct Look<'a> {
    /// A session token that opens `/debug/ws`.
    pub token: &'a str,
    /// The data, seen by the server itself.
    pub db: &'a Db,
    /// The deployment's own region and its proxies.
    pub proxies: Vec<WorkspaceProxy>,
    /// Whether a kept report will not do.
    pub force: bool,
}

/// How the deployment is.
pub fn report(deployment: &Deployment, look: Look<'_>) -> Result<HealthcheckReport, Busy> {
    let monitor = &deployment.health;
    let kept = |only_fresh: bool| {
        let refresh = nanoseconds(deployment, "health-check-refresh");
        let is_fresh = |r: &HealthcheckReport| deployment.clock.now().since(r.time).saturating_mul(1000) < refresh;
        monitor.last.lock().as_ref().filter(|r| !only_fresh || is_fresh(r)).cloned()
    };
    if !look.force
        && let Some(report) = kept(true)
    {
        return Ok(report);
    }
    // Whoever comes while somebody looks is not made to wait: looking takes a worker, and so does the
    // server's answer to itself.
    let Some(_looking) = monitor.looking.try_lock() else { return kept(false).ok_or(Busy) };
    let report = look_around(deployment, look);
    *monitor.last.lock() = Some(report.clone());
    Ok(report)
}

fn nanoseconds(deployment: &Deployment, flag: &str) -> i64 {
    match deployment.config.settings.get(flag).value {
        config::Value::DurationNs(ns) => ns,
        _ => 0,
    }
}

fn look_around(deployment: &Deployment, look: Look<'_>) -> HealthcheckReport {
    let database = database(look.db, nanoseconds(deployment, "health-check-threshold-database") / 1_000_000);
    let access_url = access_url(&deployment.access_url);
    let websocket = websocket(&deployment.access_url, look.token);
    let provisioner_daemons = provisioner_daemons(deployment, look.db);
    let derp = DERPHealthReport {
        base: fine(),
        healthy: true,
        regions: BTreeMap::new(),
        netcheck: None,
        netcheck_err: None,
        netcheck_logs: Vec::new(),
    };
    let workspace_proxy = WorkspaceProxyReport {
        base: fine(),
        healthy: true,
        workspace_proxies: RegionsResponse { regions: look.proxies },
    };
    let severities = [
        &database.base,
        &access_url.base,
        &websocket.base,
        &provisioner_daemons.base,
        &derp.base,
        &workspace_proxy.base,
    ]
    .map(|base| base.severity);
    HealthcheckReport {
        time: deployment.clock.now(),
        healthy: database.healthy
            && access_url.healthy
            && websocket.healthy
            && provisioner_daemons.base.severity != HealthSeverity::Error,
        severity: worst(severities),
        derp,
        access_url,
        websocket,
        database,
        workspace_proxy,
        provisioner_daemons,
        coder_version: deployment.version.clone(),
    }
}

/// Marks the parts that somebody does not want to hear of.
pub fn dismiss(report: &mut HealthcheckReport, sections: &[HealthSection]) {
    for section in sections {
        let base = match section {
            HealthSection::AccessURL => &mut report.access_url.base,
            HealthSection::Database => &mut report.database.base,
            HealthSection::Derp => &mut report.derp.base,
            HealthSection::ProvisionerDaemons => &mut report.provisioner_daemons.base,
            HealthSection::Websocket => &mut report.websocket.base,
            HealthSection::WorkspaceProxy => &mut report.workspace_proxy.base,
        };
        base.dismissed = true;
    }
}

fn fine() -> BaseReport {
    BaseReport { error: None, severity: HealthSeverity::Ok, warnings: Vec::new(), dismissed: false }
}

fn warn(base: &mut BaseReport, code: &str, message: impl Into<String>) {
    base.severity = worst([base.severity, HealthSeverity::Warning]);
    base.warnings.push(message_of(code, message));
}

fn fail(base: &mut BaseReport, code: &str, why: impl std::fmt::Display) {
    base.severity = HealthSeverity::Error;
    base.error = Some(format!("{code}: {why}"));
}

fn message_of(code: &str, message: impl Into<String>) -> HealthMessage {
    HealthMessage { code: code.to_owned(), message: message.into() }
}

fn worst(severities: impl IntoIterator<Item = HealthSeverity>) -> HealthSeverity {
    let rank = |s: &HealthSeverity| match s {
        HealthSeverity::Ok => 0,
        HealthSeverity::Warning => 1,
        HealthSeverity::Error => 2,
    };
    severities.into_iter().max_by_key(rank).unwrap_or(HealthSeverity::Ok)
}

fn database(db: &Db, threshold_ms: i64) -> DatabaseReport {
    let mut report = DatabaseReport {
        base: fine(),
        healthy: false,
        reachable: false,
        latency: String::new(),
        latency_ms: 0,
        threshold_ms,
    };
    let mut pings = Vec::with_capacity(PINGS);
    for _ in 0..PINGS {
        let began = Instant::now();
        if let Err(e) = db.get_deployment_id() {
            fail(&mut report.base, "EDB01", e);
            return report;
        }
        pings.push(began.elapsed());
    }
    pings.sort_unstable();
    let middle = pings[PINGS / 2];
    report.latency = duration::format_ns(i64::try_from(middle.as_nanos()).unwrap_or(i64::MAX));
    report.latency_ms = i64::try_from(middle.as_millis()).unwrap_or(i64::MAX);
    report.reachable = true;
    match db.check_writes() {
        Ok(()) => report.healthy = true,
        Err(e) => fail(&mut report.base, "EDB01", e),
    }
    if report.latency_ms >= threshold_ms {
        warn(&mut report.base, "EDB02", "The database answers more slowly than it should.");
    }
    report
}

/// The client to reach oneself with; https cannot be spoken yet, and is not judged.
fn client(access_url: &str) -> Result<Client, String> {
    match Client::new(access_url) {
        Ok(client) => Ok(client.with_timeout(PATIENCE)),
        Err(e) if access_url.starts_with("https:") => Err(format!("https is not checked by this version ({e})")),
        Err(e) => Err(e.to_string()),
    }
}

fn access_url(access_url: &str) -> AccessURLReport {
    let mut report = AccessURLReport {
        base: fine(),
        healthy: false,
        access_url: access_url.to_owned(),
        reachable: false,
        status_code: 0,
        healthz_response: String::new(),
    };
    let client = match client(access_url) {
        Ok(client) => client,
        Err(why) => {
            warn(&mut report.base, "EUNKNOWN", why);
            return report;
        }
    };
    match client.send(&Request { method: "GET", target: "/healthz", ..Request::default() }) {
        Err(e) => fail(&mut report.base, "EACS03", e),
        Ok(answer) => {
            report.reachable = true;
            report.healthy = answer.status == 200;
            report.status_code = answer.status.into();
            report.healthz_response = String::from_utf8_lossy(&answer.body).into_owned();
            if !report.healthy {
                warn(&mut report.base, "EACS04", "/healthz at the access URL does not answer 200.");
            }
        }
    }
    report
}

fn websocket(access_url: &str, token: &str) -> WebsocketReport {
    let mut report = WebsocketReport { base: fine(), healthy: false, body: String::new(), code: 0 };
    let client = match client(access_url) {
        Ok(client) => client.with_token(token),
        Err(why) => {
            warn(&mut report.base, "EUNKNOWN", why);
            return report;
        }
    };
    let mut socket = match client.websocket("/api/v2/debug/ws") {
        Ok(socket) => socket,
        Err(e) => {
            report.code = e.status().unwrap_or_default().into();
            fail(&mut report.base, "EWS01", e);
            return report;
        }
    };
    report.code = 101;
    for number in 0..ECHOES {
        let sent = Message::text(number.to_string());
        match socket.send(sent.clone()).and_then(|()| socket.read()) {
            Err(e) => {
                fail(&mut report.base, "EWS02", e);
                return report;
            }
            Ok(got) if got != sent => {
                fail(&mut report.base, "EWS03", "another message came back than was sent");
                return report;
            }
            Ok(_) => {}
        }
    }
    // How the other side takes the farewell changes nothing.
    let _ = socket.close(None);
    report.healthy = true;
    report
}

fn provisioner_daemons(deployment: &Deployment, db: &Db) -> ProvisionerDaemonsReport {
    let mut report = ProvisionerDaemonsReport { base: fine(), items: Vec::new() };
    let daemons = match db.get_provisioner_daemons() {
        Ok(daemons) => daemons,
        Err(e) => {
            fail(&mut report.base, "EPD01", e);
            return report;
        }
    };
    let now = deployment.clock.now();
    for daemon in daemons.into_iter().filter(|d| provisioners::is_live(d, now)) {
        let warnings = faults(&daemon, &deployment.version);
        for warning in &warnings {
            warn(&mut report.base, &warning.code, format!("Provisioner daemon {}: {}", daemon.name, warning.message));
        }
        report.items.push(ProvisionerDaemonsReportItem { provisioner_daemon: provisioners::render(daemon), warnings });
    }
    if report.items.is_empty() {
        warn(&mut report.base, "EPD01", "No provisioner daemon is there: nothing can be built.");
        report.base.severity = HealthSeverity::Error;
    }
    report
}

/// What is wrong with a daemon: versions that do not go together.
fn faults(daemon: &ProvisionerDaemon, server: &str) -> Vec<HealthMessage> {
    let mut faults = Vec::new();
    if release(&daemon.version) != release(server) {
        faults.push(message_of("EPD02", format!("its version is {:?}, not {server:?}", daemon.version)));
    }
    let major = |version: &str| version.split('.').next().and_then(|m| m.parse::<u32>().ok());
    if major(&daemon.api_version) != major(version::PROVISIONER_API) {
        faults.push(message_of("EPD03", format!("it speaks version {:?} of the API", daemon.api_version)));
    }
    faults
}

/// The first two numbers of a version: those that must be the same.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix('v').unwrap_or(version).split(['.', '-', '+']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_part_decides() {
        use HealthSeverity::{Error, Ok, Warning};
        for (parts, want) in [(vec![], Ok), (vec![Ok, Warning, Ok], Warning), (vec![Error, Warning], Error)] {
            assert_eq!(worst(parts.clone()), want, "{parts:?}");
        }
    }

    #[test]
    fn versions_go_together_by_their_first_two_numbers() {
        for (one, other, want) in
            [("v2.30.0", "v2.30.4-devel+abc", true), ("v2.30.0", "v2.31.0", false), ("v2.30.0", "", false)]
        {
            assert_eq!(release(one) == release(other), want, "{one} {other}");
        }
    }
}
