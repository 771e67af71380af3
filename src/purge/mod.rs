//! Deletes what has outlived its retention. [`tick`] is the whole of it; [`start`] calls it now and then.
//!
//! It acts as the subject that may delete such things and nothing else. What may be deleted is said by
//! the queries it calls, when by the options; both are looked at each time, and nothing is remembered.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::background::Repeating;
use crate::config::{Settings, Value};
use crate::deployment::Deployment;
use crate::rbac::system;
use crate::store::queries::locks::LockId;
use crate::store::{Error, Store};
use crate::time::{Clock, Time};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WEEK: Duration = DAY.saturating_mul(7);
/// How long after the end of a tick the next one begins.
const PAUSE: Duration = Duration::from_secs(10 * 60);
/// Statistics that were never summed up are kept for half a year.
const AGENT_STATS: Duration = DAY.saturating_mul(180);
/// Locks of telemetry tell replicas within a day what was sent.
const TELEMETRY_LOCKS: Duration = DAY;
/// Connections were once written into the audit log, and whatever its retention they leave it.
const AUDITED_CONNECTIONS: Duration = DAY.saturating_mul(90);
/// How many rows a step deletes at most, where there may be very many: nobody else writes to SQLite meanwhile.
const BATCH: i64 = 10_000;
const AUDITED_CONNECTIONS_BATCH: i64 = 1_000;
/// Interceptions go with all that belongs to them, so fewer of them go at a time.
const INTERCEPTIONS_BATCH: i64 = 1_000;
/// How many ticks follow each other while there is more than one takes, each a transaction of its own. What is left then
/// waits for the next time.
const TICKS_IN_A_ROW: usize = 20;

/// How long things are kept; none for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Logs of agents of builds that are not the latest, from when they last connected.
    pub workspace_agent_logs: Option<Duration>,
    /// API keys, from when they expired.
    pub api_keys: Option<Duration>,
    /// What went over the AI bridge.
    pub aibridge: Option<Duration>,
    /// The log of connections.
    pub connection_logs: Option<Duration>,
    /// The audit log.
    pub audit_logs: Option<Duration>,
}

impl Retention {
    /// What the options say.
    pub fn of(settings: &Settings) -> Retention {
        let kept = |flag: &str| match settings.get(flag).value {
            Value::DurationNs(ns) => u64::try_from(ns).ok().filter(|ns| *ns > 0).map(Duration::from_nanos),
            _ => None,
        };
        Retention {
            workspace_agent_logs: kept("workspace-agent-logs-retention"),
            api_keys: kept("api-keys-retention"),
            aibridge: kept("aibridge-retention"),
            connection_logs: kept("connection-logs-retention"),
            audit_logs: kept("audit-logs-retention"),
        }
    }
}

/// Rows deleted, of the kinds that are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Lines of agents' logs.
    pub workspace_agent_logs: u64,
    /// API keys.
    pub expired_api_keys: u64,
    /// Interceptions of the AI bridge and what belongs to them.
    pub aibridge_records: u64,
    /// Connections.
    pub connection_logs: u64,
    /// Entries of the audit log.
    pub audit_logs: u64,
    /// Whether a step deleted as much as it may at a time, so that more may be due.
    pub reached_limit: bool,
}

impl Purged {
    /// Notes that a step with a limit has deleted so many.
    fn limited(&mut self, deleted: u64, most: i64) -> u64 {
        self.reached_limit |= deleted >= most.unsigned_abs();
        deleted
    }
}

/// Deletes what is due, in one transaction; of what there may be very much, so much at a time. `None` when another
/// replica is at it.
///
/// # Errors
/// The first that a step meets; then nothing was deleted.
pub fn tick(
    store: &Store,
    clock: &Clock,
    retention: &Retention,
    metrics: Option<&Metrics>,
) -> Result<Option<Purged>, Error> {
    let began = clock.now();
    let done = store.acting_as(system::dbpurge()).tx_named("db_purge", |db| {
        if !db.try_acquire_lock(LockId::DbPurge as i64)? {
            return Ok(None);
        }
        purge(db, began, retention).map(Some)
    });
    if let Some(metrics) = metrics {
        metrics.ticked(&done, clock.now().since(began));
    }
    done
}

fn purge(db: &crate::store::Db, now: Time, retention: &Retention) -> Result<Purged, Error> {
    let mut purged = Purged::default();
    if let Some(kept) = retention.workspace_agent_logs {
        let deleted = db.delete_old_workspace_agent_logs(now - kept, BATCH)?;
        purged.workspace_agent_logs = purged.limited(deleted, BATCH);
    }
    db.delete_old_workspace_agent_stats(now - AGENT_STATS)?;
    db.delete_old_provisioner_daemons(now - WEEK)?;
    let deleted = db.delete_old_notification_messages(now - WEEK, BATCH)?;
    purged.limited(deleted, BATCH);
    db.expire_prebuilds_api_keys(now)?;
    if let Some(kept) = retention.api_keys {
        let deleted = db.delete_expired_api_keys(now - kept, BATCH)?;
        purged.expired_api_keys = purged.limited(deleted, BATCH);
    }
    db.delete_old_telemetry_locks(now - TELEMETRY_LOCKS)?;
    let most = AUDITED_CONNECTIONS_BATCH;
    let deleted = db.delete_old_audit_log_connection_events(now - AUDITED_CONNECTIONS, most)?;
    purged.limited(deleted, most);
    if let Some(kept) = retention.aibridge {
        let (before, most) = (now - kept, INTERCEPTIONS_BATCH);
        let parts = db.delete_old_aibridge_tool_usages(before, most)?
            + db.delete_old_aibridge_token_usages(before, most)?
            + db.delete_old_aibridge_user_prompts(before, most)?;
        let interceptions = db.delete_old_aibridge_interceptions(before, most)?;
        purged.aibridge_records = parts + purged.limited(interceptions, most);
    }
    if let Some(kept) = retention.connection_logs {
        let deleted = db.delete_old_connection_logs(now - kept, BATCH)?;
        purged.connection_logs = purged.limited(deleted, BATCH);
    }
    if let Some(kept) = retention.audit_logs {
        let deleted = db.delete_old_audit_logs(now - kept, BATCH)?;
        purged.audit_logs = purged.limited(deleted, BATCH);
    }
    Ok(purged)
}

/// What is counted of ticks.
pub struct Metrics {
    durations: HistogramVec,
    records: IntCounterVec,
}

impl Metrics {
    /// Counts into a registry.
    #[allow(clippy::expect_used, reason = "names and labels are constants")]
    pub fn new(registry: &Registry) -> Metrics {
        let durations = HistogramOpts::new(
            "coderd_dbpurge_iteration_duration_seconds",
            "How long deleting what has outlived its retention took, in seconds.",
        )
        .buckets(vec![1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0]);
        let records =
            Opts::new("coderd_dbpurge_records_purged_total", "Rows that had outlived their retention, by kind.");
        let metrics = Metrics {
            durations: HistogramVec::new(durations, &["success"]).expect("valid names"),
            records: IntCounterVec::new(records, &["record_type"]).expect("valid names"),
        };
        // Refused only where another of the same deployment has registered them already.
        registry.register(Box::new(metrics.durations.clone())).ok();
        registry.register(Box::new(metrics.records.clone())).ok();
        metrics
    }

    fn ticked(&self, done: &Result<Option<Purged>, Error>, took_us: i64) {
        let seconds = took_us as f64 / 1e6;
        match done {
            // Another replica did it, and counts it.
            Ok(None) => {}
            Ok(Some(purged)) => {
                self.durations.with_label_values(&["true"]).observe(seconds);
                for (kind, count) in [
                    ("workspace_agent_logs", purged.workspace_agent_logs),
                    ("expired_api_keys", purged.expired_api_keys),
                    ("aibridge_records", purged.aibridge_records),
                    ("connection_logs", purged.connection_logs),
                    ("audit_logs", purged.audit_logs),
                ] {
                    self.records.with_label_values(&[kind]).inc_by(count);
                }
            }
            Err(_) => self.durations.with_label_values(&["false"]).observe(seconds),
        }
    }
}

/// Begins to call [`tick`] now and every ten minutes, and then as often as there is more to delete.
pub fn start(deployment: &Deployment) -> std::io::Result<Repeating> {
    let deployment = deployment.clone();
    let retention = Retention::of(&deployment.config.settings);
    let metrics = Metrics::new(&deployment.registry);
    Repeating::start("purge", Duration::ZERO, PAUSE, move || {
        for _ in 0..TICKS_IN_A_ROW {
            match tick(&deployment.store, &deployment.clock, &retention, Some(&metrics)) {
                Ok(Some(purged)) => {
                    log::debug!(target: "purge", "deleted {purged:?}");
                    if !purged.reached_limit {
                        return;
                    }
                }
                Ok(None) => return log::debug!(target: "purge", "another replica is at it"),
                Err(e) => return log::error!(target: "purge", "what has outlived its retention was not deleted: {e}"),
            }
        }
    })
}
