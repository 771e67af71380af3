//! Counters of the store: how often each query ran, for whom, and how long it took.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::store::db::Origin;

/// The store's metrics, registered once.
pub(super) struct Metrics {
    counts: IntCounterVec,
    latencies: HistogramVec,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Metrics {
        let counts = IntCounterVec::new(
            Opts::new("coderd_db_query_counts_total", "Queries run, by name and by the route that asked."),
            &["route", "method", "query"],
        );
        let latencies = HistogramVec::new(
            HistogramOpts::new("coderd_db_query_latencies_seconds", "How long queries took, in seconds.")
                .buckets(vec![0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]),
            &["query"],
        );
        let (counts, latencies) = (counts.expect("valid names"), latencies.expect("valid names"));
        registry.register(Box::new(counts.clone())).ok();
        registry.register(Box::new(latencies.clone())).ok();
        Metrics { counts, latencies }
    }

    pub(super) fn ran(&self, query: &str, origin: Origin, took: Duration) {
        self.counts.with_label_values(&[origin.route, origin.method, query]).inc();
        self.latencies.with_label_values(&[query]).observe(took.as_secs_f64());
    }
}
