//! Says on standard error how far something is: a bar that moves where a person looks, now and then a line where not.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

const WIDTH: usize = 30;
const REDRAWN: Duration = Duration::from_millis(100);
const REPEATED: Duration = Duration::from_secs(5);

/// What shows how far something is. Dropped, it clears its line.
pub(super) struct Progress {
    what: String,
    terminal: bool,
    begun: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// Nothing yet of `what`.
    pub fn new(what: impl Into<String>) -> Progress {
        Progress { what: what.into(), terminal: io::stderr().is_terminal(), begun: Instant::now(), shown: None }
    }

    /// From now on it is about this.
    pub fn rename(&mut self, what: &str) {
        if self.what != what {
            self.what = what.to_owned();
        }
    }

    /// `done` of `total`, and in which words to say so.
    pub fn show(&mut self, done: u64, total: u64, amount: impl Fn(u64) -> String) {
        let every = if self.terminal { REDRAWN } else { REPEATED };
        // What takes less than that needs no line.
        if self.shown.unwrap_or(self.begun).elapsed() < every {
            return;
        }
        self.shown = Some(Instant::now());
        let line = self.line(done, total, amount);
        // Who closed standard error does not want to know.
        let _ = if self.terminal { write!(io::stderr(), "\r\x1b[K{line}") } else { writeln!(io::stderr(), "{line}") };
    }

    fn line(&self, done: u64, total: u64, amount: impl Fn(u64) -> String) -> String {
        let percent = (done.min(total) * 100).checked_div(total).unwrap_or(100);
        let so_far = format!("{percent:3} %  {} of {}", amount(done), amount(total));
        if !self.terminal {
            return format!("{}: {}", self.what, so_far.trim_start());
        }
        let filled = WIDTH * percent as usize / 100;
        format!("{:24} [{}{}] {so_far}", self.what, "█".repeat(filled), "░".repeat(WIDTH - filled))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal && self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// A number of bytes for a person.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

/// A number of rows for a person.
pub(super) fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_for_people_and_a_line_for_logs() {
        let mut progress = Progress::new("agent logs");
        progress.terminal = true;
        let bar = progress.line(1, 2, |n| format!("{n} rows"));
        assert!(bar.contains(&format!("[{}{}]  50 %  1 rows of 2 rows", "█".repeat(15), "░".repeat(15))), "{bar}");
        progress.terminal = false;
        assert_eq!(progress.line(0, 0, bytes), "agent logs: 100 %  0 bytes of 0 bytes");
        assert_eq!(progress.line(2_500_000, 10_000_000, bytes), "agent logs: 25 %  2.5 MB of 10.0 MB");
    }
}
