//! What a phase reports while it runs: lines for the log, and how long things took.

use crate::provisioner::Sink;
use crate::provisioner::types::{LogLevel, Timing, TimingState};
use crate::time::{Clock, Time};

/// The log and the stopwatch of one phase.
pub struct Report<'s> {
    sink: &'s dyn Sink,
    clock: Clock,
    stage: &'static str,
    began: Time,
    timings: Vec<Timing>,
}

impl<'s> Report<'s> {
    /// Begins the phase `init`, `plan`, `apply` or `graph`.
    pub fn begin(stage: &'static str, sink: &'s dyn Sink, clock: &Clock) -> Report<'s> {
        Report { sink, clock: clock.clone(), stage, began: clock.now(), timings: Vec::new() }
    }
    /// Says something that happened.
    pub fn info(&self, line: impl AsRef<str>) {
        self.sink.log(LogLevel::Info, line.as_ref());
    }
    /// Says something to look at.
    pub fn warn(&self, line: impl AsRef<str>) {
        self.sink.log(LogLevel::Warn, line.as_ref());
    }
    /// Says why it fails.
    pub fn error(&self, line: impl AsRef<str>) {
        self.sink.log(LogLevel::Error, line.as_ref());
    }
    /// Whether the job was canceled.
    pub fn canceled(&self) -> bool {
        self.sink.canceled()
    }
    /// What time it is.
    pub fn now(&self) -> Time {
        self.clock.now()
    }
    /// Notes how long `action` on `resource` took since `start`.
    pub fn timed(&mut self, start: Time, action: &str, source: &str, resource: String, failed: bool) {
        let state = if failed { TimingState::Failed } else { TimingState::Completed };
        let end = self.clock.now().max(start);
        let (action, source, stage) = (action.to_owned(), source.to_owned(), self.stage.to_owned());
        self.timings.push(Timing { start, end, action, source, resource, stage, state });
    }
    /// Ends the phase: the stage itself comes first, then what happened in it.
    pub fn end(mut self, failed: bool) -> Vec<Timing> {
        self.timed(self.began, "terraform", "coder", format!("coder_stage_{}", self.stage), failed);
        self.timings.rotate_right(1);
        self.timings
    }
}

/// Whole seconds since `start`, as log lines say how long something took.
pub fn seconds(start: Time, end: Time) -> i64 {
    end.since(start).max(0) / 1_000_000
}
