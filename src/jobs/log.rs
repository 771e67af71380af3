//! The log of a running job: lines are gathered for a moment, kept in one transaction, and those who
//! follow are told. What a job may say in all is bounded; the line that says so is its last.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use uuid::Uuid;

use super::log_channel;
use crate::deployment::Deployment;
use crate::provisioner::{self, Sink};
use crate::sdk::{LogLevel, LogSource};
use crate::store::{self, Db};
use crate::time::Time;

/// Bytes of output that a job may have in its log.
const MAX_BYTES: usize = 1 << 20;
/// Characters of one line; longer ones go on in the next.
const MAX_LINE: usize = 1024;
/// Lines that are kept at once at the latest.
const BATCH: usize = 100;
/// Said where a log is cut. A fact of the wire: clients look for it.
const OVERFLOW: &str =
    "Provisioner logs exceeded the max size of 1MB. Will not continue to write provisioner logs for workspace build.";

struct Line {
    created_at: Time,
    source: LogSource,
    level: LogLevel,
    stage: String,
    output: String,
}

#[derive(Default)]
struct State {
    stage: String,
    waiting: Vec<Line>,
    bytes: usize,
    overflowed: bool,
}

/// Takes a job's lines.
pub struct JobLog {
    deployment: Deployment,
    db: Db,
    job: Uuid,
    least: provisioner::LogLevel,
    state: Mutex<State>,
    canceled: AtomicBool,
}

impl JobLog {
    /// For a job. `least`: what is below it is left out.
    pub fn new(deployment: &Deployment, db: &Db, job: Uuid, least: provisioner::LogLevel) -> JobLog {
        JobLog {
            deployment: deployment.clone(),
            db: db.clone(),
            job,
            least,
            state: Mutex::default(),
            canceled: AtomicBool::new(false),
        }
    }

    /// Begins a stage, and says so.
    pub fn stage(&self, name: &str) {
        self.state.lock().stage = name.to_owned();
        self.add(LogSource::ProvisionerDaemon, LogLevel::Info, "");
    }

    /// Begins a stage of the provisioner, which speaks for itself.
    pub fn enter(&self, name: &str) {
        self.state.lock().stage = name.to_owned();
    }

    /// A line of the daemon's own.
    pub fn say(&self, level: LogLevel, output: &str) {
        self.add(LogSource::ProvisionerDaemon, level, output);
    }

    /// Notes that the job is to be canceled.
    pub fn cancel(&self) {
        self.canceled.store(true, Ordering::Release);
    }

    fn add(&self, source: LogSource, level: LogLevel, output: &str) {
        let created_at = self.deployment.clock.now();
        let full = {
            let mut state = self.state.lock();
            for output in pieces(output) {
                if state.overflowed {
                    return;
                }
                let stage = state.stage.clone();
                if state.bytes + output.len() + OVERFLOW.len() > MAX_BYTES {
                    state.overflowed = true;
                    state.waiting.push(Line {
                        created_at,
                        source,
                        level: LogLevel::Warn,
                        stage,
                        output: OVERFLOW.to_owned(),
                    });
                } else {
                    state.bytes += output.len();
                    state.waiting.push(Line { created_at, source, level, stage, output });
                }
            }
            state.waiting.len() >= BATCH
        };
        if full {
            self.flush_or_complain();
        }
    }

    /// Keeps what waits, and tells who follows.
    pub fn flush(&self) -> Result<(), store::Error> {
        let (lines, overflowed) = {
            let mut state = self.state.lock();
            (std::mem::take(&mut state.waiting), state.overflowed)
        };
        if lines.is_empty() {
            return Ok(());
        }
        let added: usize = lines.iter().map(|l| l.output.len()).sum();
        let first = self.db.tx(|db| {
            let mut first = None;
            for l in &lines {
                let id =
                    db.insert_provisioner_job_log(self.job, l.created_at, l.source, l.level, &l.stage, &l.output)?;
                first.get_or_insert(id);
            }
            db.update_provisioner_job_logs_length(self.job, added as i32)?;
            if overflowed {
                db.update_provisioner_job_logs_overflowed(self.job, true)?;
            }
            Ok::<_, store::Error>(first)
        })?;
        if let Some(first) = first {
            self.deployment.pubsub.publish(&log_channel(self.job), &format!(r#"{{"created_after":{}}}"#, first - 1));
        }
        Ok(())
    }

    /// The same, where nobody can be told of a failure but the server's log.
    pub fn flush_or_complain(&self) {
        if let Err(e) = self.flush() {
            log::error!(target: "provisionerd", job:% = self.job; "cannot keep the job's log: {e}");
        }
    }
}

/// A line in pieces that fit, without the characters that a text column cannot hold.
fn pieces(output: &str) -> Vec<String> {
    let clean: Vec<char> = output.chars().filter(|c| *c != '\0').collect();
    if clean.is_empty() {
        return vec![String::new()];
    }
    clean.chunks(MAX_LINE).map(|chunk| chunk.iter().collect()).collect()
}

impl Sink for JobLog {
    fn log(&self, level: provisioner::LogLevel, output: &str) {
        if level < self.least {
            return;
        }
        let level = match level {
            provisioner::LogLevel::Trace => LogLevel::Trace,
            provisioner::LogLevel::Debug => LogLevel::Debug,
            provisioner::LogLevel::Info => LogLevel::Info,
            provisioner::LogLevel::Warn => LogLevel::Warn,
            provisioner::LogLevel::Error => LogLevel::Error,
        };
        self.add(LogSource::Provisioner, level, output);
    }
    fn canceled(&self) -> bool {
        self.canceled.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_go_on_in_the_next() {
        assert_eq!(pieces(""), [""]);
        assert_eq!(pieces("a\0b"), ["ab"]);
        let long = "é".repeat(MAX_LINE + 1);
        assert_eq!(pieces(&long), ["é".repeat(MAX_LINE), "é".to_owned()]);
    }
}
