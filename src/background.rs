//! Work that a server does by itself, again and again, in a thread of its own.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender};

/// A thread that does something again and again until it is stopped.
pub struct Repeating {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Repeating {
    /// Does `task` after `first`, and again a `pause` after each time it has ended.
    pub fn start(
        name: &str,
        first: Duration,
        pause: Duration,
        mut task: impl FnMut() + Send + 'static,
    ) -> io::Result<Repeating> {
        let (stop, stopped) = crossbeam_channel::bounded::<()>(0);
        let run = move || {
            let mut wait = first;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                task();
                wait = pause;
            }
        };
        Ok(Repeating { stop, thread: std::thread::Builder::new().name(name.to_owned()).spawn(run)? })
    }

    /// Ends it, once what is under way has ended.
    pub fn stop(self) {
        drop(self.stop);
        // A thread that panicked has told the log; there is nothing more to do about it.
        let _ = self.thread.join();
    }
}
