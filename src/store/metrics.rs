//! What is counted of the store: queries by name and by the route that asked, transactions, connections.
//!
//! Queries are counted where that was asked for, since it makes a time series of each query of each
//! route; the rest always is. A query is seen inside a transaction as well as outside; one that is answered
//! from memory is not, since nothing is run for it.

use std::sync::Weak;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::store::db::{Origin, Shared};

/// The name of transactions that have none.
pub(super) const UNLABELED: &str = "unlabeled";

/// The store's metrics, registered once.
pub(super) struct Metrics {
    queries: Option<Queries>,
    tx_durations: HistogramVec,
    tx_executions: IntCounterVec,
}

struct Queries {
    counts: IntCounterVec,
    latencies: HistogramVec,
}

impl Metrics {
    pub(super) fn new(registry: &Registry, count_queries: bool) -> Metrics {
        let queries = count_queries.then(|| Queries {
            counts: counter(
                registry,
                "coderd_db_query_counts_total",
                "Queries run, by name and by the route that asked.",
                &["route", "method", "query"],
            ),
            latencies: histogram(
                registry,
                "coderd_db_query_latencies_seconds",
                "How long queries took, in seconds.",
                &["query"],
            ),
        });
        let tx_durations = histogram(
            registry,
            "coderd_db_tx_duration_seconds",
            "How long transactions took, with all their tries, in seconds.",
            &["success", "tx_id"],
        );
        let tx_executions = counter(
            registry,
            "coderd_db_tx_executions_count",
            "Transactions, by how often they were tried again.",
            &["success", "retries", "tx_id"],
        );
        Metrics { queries, tx_durations, tx_executions }
    }

    /// When a query begins, if that is of interest.
    pub(super) fn begin(&self) -> Option<Instant> {
        self.queries.as_ref().map(|_| Instant::now())
    }

    /// A query that began then has run.
    pub(super) fn ran(&self, query: &str, origin: Origin, began: Option<Instant>) {
        if let (Some(queries), Some(began)) = (&self.queries, began) {
            queries.counts.with_label_values(&[origin.route, origin.method, query]).inc();
            queries.latencies.with_label_values(&[query]).observe(began.elapsed().as_secs_f64());
        }
    }

    /// A transaction has ended, after so many tries.
    pub(super) fn transacted(&self, id: &str, success: bool, tries: u32, took: Duration) {
        let success = if success { "true" } else { "false" };
        self.tx_durations.with_label_values(&[success, id]).observe(took.as_secs_f64());
        self.tx_executions.with_label_values(&[success, &(tries - 1).to_string(), id]).inc();
    }
}

#[allow(clippy::expect_used, reason = "names and labels are constants")]
fn counter(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let made = IntCounterVec::new(Opts::new(name, help), labels).expect("valid names");
    // Refused only where another store of the same deployment has registered it already.
    registry.register(Box::new(made.clone())).ok();
    made
}

#[allow(clippy::expect_used, reason = "names and labels are constants")]
fn histogram(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let made = HistogramVec::new(HistogramOpts::new(name, help), labels).expect("valid names");
    registry.register(Box::new(made.clone())).ok();
    made
}

/// The connections, looked at when somebody reads the metrics. The names are those that dashboards
/// for Go's pools know.
pub(super) struct Pools {
    store: Weak<Shared>,
    gauges: [Gauge; 4],
    counters: Mutex<[Counter; 5]>,
}

impl Pools {
    #[allow(clippy::expect_used, reason = "names and labels are constants")]
    pub(super) fn new(store: Weak<Shared>) -> Pools {
        let opts = |name: &str, help: &str| Opts::new(format!("go_sql_{name}"), help).const_label("db_name", "");
        let gauge = |(name, help)| Gauge::with_opts(opts(name, help)).expect("valid names");
        let counter = |(name, help)| Counter::with_opts(opts(name, help)).expect("valid names");
        Pools {
            store,
            gauges: [
                ("max_open_connections", "Connections to the database that there may be."),
                ("open_connections", "Connections to the database."),
                ("in_use_connections", "Connections to the database that are in use."),
                ("idle_connections", "Connections to the database that wait for use."),
            ]
            .map(gauge),
            counters: Mutex::new(
                [
                    ("wait_count_total", "How often a connection had to be waited for."),
                    ("wait_duration_seconds_total", "How long connections were waited for, in seconds."),
                    ("max_idle_closed_total", "Connections closed because enough others were idle."),
                    ("max_idle_time_closed_total", "Connections closed because they were idle for too long."),
                    ("max_lifetime_closed_total", "Connections closed because they were too old."),
                ]
                .map(counter),
            ),
        }
    }
}

impl Collector for Pools {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.iter().flat_map(Collector::desc).collect()
    }
    fn collect(&self) -> Vec<MetricFamily> {
        let Some(store) = self.store.upgrade() else { return Vec::new() };
        let pool = store.driver.pool();
        let idle = pool.open.saturating_sub(pool.in_use);
        for (gauge, value) in self.gauges.iter().zip([pool.max_open, pool.open, pool.in_use, idle]) {
            gauge.set(f64::from(value));
        }
        // Connections are kept however long they live, so nothing is ever closed for its age.
        let totals = [pool.waits as f64, pool.waited.as_secs_f64(), pool.closed_as_idle as f64, 0.0, 0.0];
        let counters = self.counters.lock();
        for (counter, total) in counters.iter().zip(totals) {
            counter.reset();
            counter.inc_by(total);
        }
        self.gauges.iter().flat_map(Collector::collect).chain(counters.iter().flat_map(Collector::collect)).collect()
    }
}
