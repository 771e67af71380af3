//! Where log lines go: the `log` crate's logger, in the formats that the ecosystem's tools read.
//!
//! Callers hand over an [`Entry`] and go on; a thread of its own formats and writes. Its queue is
//! bounded: a caller waits a moment for room, and when there still is none the line is dropped and
//! counted, so that a stuck terminal cannot hold the server up. [`Guard`] sees to it that everything
//! queued is written before the process ends. [`format`] knows what lines look like, [`sink`] where
//! they are written.
//!
//! A line's name is its target without the crate: `rockpool::http::porter` becomes `http.porter`.

pub mod format;
pub mod sink;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use log::{LevelFilter, Metadata, Record};
use regex::Regex;

use crate::config;
use crate::time::{Clock, Time};
use format::{Format, Level};
use sink::Sink;

/// Lines that may wait to be written.
const QUEUE_LINES: usize = 8192;
/// How long a caller waits for room in the queue.
const PATIENCE: Duration = Duration::from_millis(20);
/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(5);

/// A log line before it is formatted.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When.
    pub time: Time,
    /// How grave.
    pub level: Level,
    /// Who says it.
    pub name: String,
    /// What.
    pub message: String,
    /// With what: keys and values in the order they were given.
    pub fields: Vec<(String, serde_json::Value)>,
    /// Source file and line.
    pub caller: Option<(String, u32)>,
    /// The module it stands in.
    pub module: String,
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// A log file that cannot be opened.
    #[error("opening the log file {}: {source}", path.display())]
    Open {
        /// The file.
        path: std::path::PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// No place for logs is configured.
    #[error("there is nowhere to log to: set --log-human, --log-json or --log-stackdriver (/dev/null for nothing)")]
    Nowhere,
    /// A filter that is not a regular expression.
    #[error("--log-filter: {0}")]
    Filter(Box<regex::Error>),
    /// The process logs already.
    #[error("logging was set up twice")]
    Twice,
}

/// Keeps the process logging; dropping it writes out what is queued.
#[must_use = "logging ends when it is dropped"]
#[derive(Debug)]
pub struct Guard(Sender<Order>);

impl Drop for Guard {
    fn drop(&mut self) {
        flush(&self.0);
    }
}

/// Starts logging for the whole process, and has panics logged too.
pub fn init(config: &config::Log, clock: Clock) -> Result<Guard, LoggingError> {
    let filter = Filter::new(config)?;
    let sinks = open(config)?;
    let (orders, queue) = bounded(QUEUE_LINES);
    let most = filter.most();
    let logger = Logger { orders: orders.clone(), filter, clock, dropped: AtomicU64::new(0) };
    log::set_logger(Box::leak(Box::new(logger))).map_err(|_| LoggingError::Twice)?;
    log::set_max_level(most);
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_all(&queue, sinks))
        .map_err(|source| LoggingError::Open { path: "the logging thread".into(), source })?;
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let message = text.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log::error!(target: "rockpool::panic", critical = true, place = place.as_str(); "{message}");
    }));
    Ok(Guard(orders))
}

fn open(config: &config::Log) -> Result<Vec<(Format, Sink)>, LoggingError> {
    let places =
        [(Format::Human, &config.human), (Format::Json, &config.json), (Format::Stackdriver, &config.stackdriver)];
    let mut sinks = Vec::new();
    for (format, path) in places {
        if let Some(path) = path {
            let sink = Sink::open(path).map_err(|source| LoggingError::Open { path: path.clone(), source })?;
            sinks.push((format, sink));
        }
    }
    if sinks.is_empty() { Err(LoggingError::Nowhere) } else { Ok(sinks) }
}

/// What the writing thread is told.
enum Order {
    Write(Entry),
    /// To answer once everything before this is written.
    Flush(Sender<()>),
}

fn write_all(queue: &Receiver<Order>, mut sinks: Vec<(Format, Sink)>) {
    while let Ok(first) = queue.recv() {
        let mut waiting = Vec::new();
        // What has queued up meanwhile is written in one go.
        for order in std::iter::once(first).chain(queue.try_iter()) {
            match order {
                Order::Write(entry) => {
                    for (format, sink) in &mut sinks {
                        let line = format.line(&entry, sink.is_terminal());
                        sink.push(&line);
                    }
                }
                Order::Flush(done) => {
                    waiting.push(done);
                    break;
                }
            }
        }
        for (_, sink) in &mut sinks {
            sink.flush();
        }
        for done in waiting {
            // The one that asked may have given up.
            let _ = done.send(());
        }
    }
}

fn flush(orders: &Sender<Order>) {
    let (done, written) = bounded(1);
    if orders.send_timeout(Order::Flush(done), LAST_LINES).is_ok() {
        let _ = written.recv_timeout(LAST_LINES);
    }
}

/// Which lines are shown.
struct Filter {
    verbose: bool,
    debug: Option<Regex>,
}

impl Filter {
    fn new(config: &config::Log) -> Result<Filter, LoggingError> {
        let debug = match config.filter.as_slice() {
            [] => None,
            some => {
                let any: Vec<_> = some.iter().map(|one| format!("({one})")).collect();
                Some(Regex::new(&any.join("|")).map_err(|error| LoggingError::Filter(Box::new(error)))?)
            }
        };
        Ok(Filter { verbose: config.verbose, debug })
    }

    fn most(&self) -> LevelFilter {
        if self.verbose || self.debug.is_some() { LevelFilter::Debug } else { LevelFilter::Info }
    }

    /// Other crates are heard when they warn; their details are not for administrators.
    fn may_show(&self, level: log::Level, target: &str) -> bool {
        let ours = target == "rockpool" || target.starts_with("rockpool::") || !target.contains("::");
        level <= if ours { self.most().to_level().unwrap_or(log::Level::Info) } else { log::Level::Warn }
    }

    /// A filter picks debug lines by name or message.
    fn shows(&self, entry: &Entry) -> bool {
        match &self.debug {
            Some(debug) if entry.level == Level::Debug => debug.is_match(&entry.name) || debug.is_match(&entry.message),
            _ => true,
        }
    }
}

struct Logger {
    orders: Sender<Order>,
    filter: Filter,
    clock: Clock,
    /// Lines lost since the last one that was queued.
    dropped: AtomicU64,
}

impl log::Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.may_show(metadata.level(), metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let entry = format::entry(record, self.clock.now());
        if !self.filter.shows(&entry) {
            return;
        }
        if self.dropped.load(Ordering::Relaxed) > 0 {
            self.own_up(entry.time);
        }
        if self.orders.send_timeout(Order::Write(entry), PATIENCE).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {
        flush(&self.orders);
    }
}

impl Logger {
    /// Says that lines were dropped, once there is room to say it.
    fn own_up(&self, time: Time) {
        let lost = self.dropped.swap(0, Ordering::Relaxed);
        let entry = Entry {
            time,
            level: Level::Warn,
            name: "logging".to_owned(),
            message: "lines were dropped because they could not be written fast enough".to_owned(),
            fields: vec![("lines".to_owned(), lost.into())],
            caller: None,
            module: module_path!().to_owned(),
        };
        if self.orders.try_send(Order::Write(entry)).is_err() {
            self.dropped.fetch_add(lost, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::Log;

    fn settings(verbose: bool, filter: &[&str]) -> config::Log {
        let filter = filter.iter().map(|one| (*one).to_owned()).collect();
        config::Log { verbose, filter, human: None, json: None, stackdriver: None }
    }

    /// What a logger with these settings hands to the writer.
    fn passed(settings: &config::Log, lines: &[(log::Level, &str, &str)]) -> Vec<String> {
        let (orders, queue) = bounded(64);
        let filter = Filter::new(settings).expect("the filter is well formed");
        let clock = Clock::held(Time::from_micros(0));
        let logger = Logger { orders, filter, clock, dropped: AtomicU64::new(0) };
        for (level, target, message) in lines {
            logger.log(&Record::builder().level(*level).target(target).args(format_args!("{message}")).build());
        }
        let messages = queue.try_iter().filter_map(|order| match order {
            Order::Write(entry) => Some(entry.message),
            Order::Flush(_) => None,
        });
        messages.collect()
    }

    #[test]
    fn debug_lines_show_when_asked_for() {
        let lines = [
            (log::Level::Debug, "rockpool::http", "accepted"),
            (log::Level::Debug, "rockpool::store", "opened"),
            (log::Level::Debug, "rustls::client", "handshake"),
            (log::Level::Warn, "rustls::client", "bad record"),
            (log::Level::Info, "coderd", "ready"),
        ];
        for (verbose, filter, want) in [
            (false, &[][..], &["bad record", "ready"][..]),
            (true, &[], &["accepted", "opened", "bad record", "ready"]),
            (false, &["^http$"], &["accepted", "bad record", "ready"]),
            (false, &["^http$", "open"], &["accepted", "opened", "bad record", "ready"]),
        ] {
            assert_eq!(passed(&settings(verbose, filter), &lines), want, "{verbose} {filter:?}");
        }
    }

    #[test]
    fn nothing_to_log_to_is_an_error() {
        assert!(matches!(open(&settings(false, &[])), Err(LoggingError::Nowhere)));
        assert!(matches!(Filter::new(&settings(false, &["("])), Err(LoggingError::Filter(_))));
    }

    #[test]
    fn a_full_queue_drops_lines_and_says_so() {
        let (orders, queue) = bounded(2);
        let filter = Filter::new(&settings(false, &[])).expect("there is no filter");
        let logger = Logger { orders, filter, clock: Clock::held(Time::from_micros(0)), dropped: AtomicU64::new(0) };
        let say = |message: &str| {
            logger.log(&Record::builder().level(log::Level::Info).target("x").args(format_args!("{message}")).build());
        };
        for message in ["one", "two", "three", "four"] {
            say(message);
        }
        let took = |count| {
            let entries = queue.try_iter().take(count).filter_map(|order| match order {
                Order::Write(entry) => Some((entry.message, entry.fields)),
                Order::Flush(_) => None,
            });
            entries.collect::<Vec<_>>()
        };
        let first: Vec<_> = took(2).into_iter().map(|(message, _)| message).collect();
        assert_eq!(first, ["one", "two"]);
        say("five");
        let then = took(2);
        assert_eq!(then[0].1, [("lines".to_owned(), serde_json::json!(2))]);
        assert_eq!(then[1].0, "five");
    }

    #[test]
    fn flushing_waits_until_everything_is_written() {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let path = directory.path().join("server.log");
        let (orders, queue) = bounded(64);
        let sinks = vec![(Format::Human, Sink::open(&path).expect("the file can be made"))];
        let writer = std::thread::spawn(move || write_all(&queue, sinks));
        let record = Record::builder().level(log::Level::Info).target("x").args(format_args!("hello")).build();
        for _ in 0..50 {
            orders.send(Order::Write(format::entry(&record, Time::from_micros(0)))).expect("the writer runs");
        }
        flush(&orders);
        let written = std::fs::read_to_string(&path).expect("the file is there");
        assert_eq!(written.lines().count(), 50);
        drop(orders);
        writer.join().expect("the writer ends with its queue");
    }
}
