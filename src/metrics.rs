//! Metrics of the API: requests by route, how long they took, and what is under way. The store keeps
//! its own; all are in one registry, which [`exposition`] writes as Prometheus reads it.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The media type of [`exposition`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The label of paths that no route has, below `/api` and elsewhere.
pub const UNKNOWN_PATH: &str = "UNKNOWN";
/// The label of paths outside of `/api` that no route has: pages and their parts.
pub const STATIC_PATH: &str = "STATIC";

/// All metrics of a registry.
pub fn exposition(registry: &Registry) -> Result<Vec<u8>, prometheus::Error> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(text)
}

/// What is counted of requests.
pub struct Requests {
    processed: IntCounterVec,
    latencies: HistogramVec,
    concurrent: IntGaugeVec,
    websockets: IntGaugeVec,
    websocket_durations: HistogramVec,
}

/// Something under way, until it is dropped.
pub struct UnderWay(IntGauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Requests {
    /// Counts into a registry.
    pub fn new(registry: &Registry) -> Requests {
        const MINUTE: f64 = 60.0;
        const HOUR: f64 = 60.0 * MINUTE;
        let options = |name: &str, help: &str| Opts::new(format!("coderd_api_{name}"), help);
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            HistogramOpts::new(format!("coderd_api_{name}"), help).buckets(buckets.to_vec())
        };
        let requests = Requests {
            processed: known(IntCounterVec::new(
                options("requests_processed_total", "Requests answered, by status, method and route."),
                &["code", "method", "path"],
            )),
            latencies: known(HistogramVec::new(
                histogram(
                    "request_latencies_seconds",
                    "How long requests took, in seconds.",
                    &[0.001, 0.005, 0.010, 0.025, 0.050, 0.100, 0.500, 1.0, 5.0, 10.0, 30.0],
                ),
                &["method", "path"],
            )),
            concurrent: known(IntGaugeVec::new(
                options("concurrent_requests", "Requests that are being answered."),
                &["method", "path"],
            )),
            websockets: known(IntGaugeVec::new(options("concurrent_websockets", "Streams that are open."), &["path"])),
            websocket_durations: known(HistogramVec::new(
                histogram(
                    "websocket_durations_seconds",
                    "How long streams were open, in seconds.",
                    &[0.001, 1.0, MINUTE, HOUR, 15.0 * HOUR, 30.0 * HOUR],
                ),
                &["path"],
            )),
        };
        let collectors: [Box<dyn Collector>; 5] = [
            Box::new(requests.processed.clone()),
            Box::new(requests.latencies.clone()),
            Box::new(requests.concurrent.clone()),
            Box::new(requests.websockets.clone()),
            Box::new(requests.websocket_durations.clone()),
        ];
        for collector in collectors {
            // Refused only where another door of the same deployment has registered it already.
            registry.register(collector).ok();
        }
        requests
    }

    /// A request is being answered, until the result is dropped.
    pub fn begin(&self, method: &str, path: &str) -> UnderWay {
        under_way(self.concurrent.with_label_values(&[method, path]))
    }
    /// A request was answered.
    pub fn answered(&self, status: u16, method: &str, path: &str, took: Duration) {
        self.count(status, method, path);
        self.latencies.with_label_values(&[method, path]).observe(took.as_secs_f64());
    }
    /// A stream is open, until the result is dropped.
    pub fn begin_stream(&self, path: &str) -> UnderWay {
        under_way(self.websockets.with_label_values(&[path]))
    }
    /// A stream has ended.
    pub fn stream_ended(&self, status: u16, method: &str, path: &str, took: Duration) {
        self.count(status, method, path);
        self.websocket_durations.with_label_values(&[path]).observe(took.as_secs_f64());
    }

    fn count(&self, status: u16, method: &str, path: &str) {
        let mut digits = [0; 3];
        let code = three_digits(status, &mut digits);
        self.processed.with_label_values(&[code, method, path]).inc();
    }
}

fn under_way(gauge: IntGauge) -> UnderWay {
    gauge.inc();
    UnderWay(gauge)
}

/// A status as text, without asking for memory at each request.
fn three_digits(status: u16, digits: &mut [u8; 3]) -> &str {
    for (at, place) in [100, 10, 1].into_iter().enumerate() {
        digits[at] = b'0' + u8::try_from(status / place % 10).unwrap_or_default();
    }
    std::str::from_utf8(digits).unwrap_or_default()
}

#[allow(clippy::expect_used, reason = "names and labels are constants")]
fn known<T>(made: Result<T, prometheus::Error>) -> T {
    made.expect("valid names")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_status_method_and_route() {
        let registry = Registry::new();
        let requests = Requests::new(&registry);
        let running = requests.begin("GET", "/api/v2/users/{user}");
        requests.answered(200, "GET", "/api/v2/users/{user}", Duration::from_millis(2));
        requests.answered(404, "GET", UNKNOWN_PATH, Duration::from_millis(1));
        let text = String::from_utf8(exposition(&registry).unwrap()).unwrap();
        for line in [
            r#"coderd_api_requests_processed_total{code="200",method="GET",path="/api/v2/users/{user}"} 1"#,
            r#"coderd_api_requests_processed_total{code="404",method="GET",path="UNKNOWN"} 1"#,
            r#"coderd_api_concurrent_requests{method="GET",path="/api/v2/users/{user}"} 1"#,
            r#"coderd_api_request_latencies_seconds_bucket{method="GET",path="/api/v2/users/{user}",le="0.005"} 1"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        drop(running);
        let text = String::from_utf8(exposition(&registry).unwrap()).unwrap();
        assert!(
            text.contains(r#"coderd_api_concurrent_requests{method="GET",path="/api/v2/users/{user}"} 0"#),
            "{text}"
        );
    }
}
