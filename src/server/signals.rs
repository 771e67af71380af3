//! What the operating system tells the server, and what the server tells the service manager.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, unbounded};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

/// A request to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// From a service manager (SIGTERM) or a closed terminal (SIGHUP).
    Stop,
    /// From the keyboard (SIGINT).
    Interrupt,
}

/// From now on, signals to end arrive in the channel instead of ending the process. SIGQUIT still does.
pub fn watch() -> io::Result<Receiver<Signal>> {
    // A write beyond the limit on the size of files must fail, not end the process.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    let (heard, signalled) = unbounded();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for number in signals.forever() {
            let signal = if number == SIGINT { Signal::Interrupt } else { Signal::Stop };
            if heard.send(signal).is_err() {
                return;
            }
        }
    })?;
    Ok(signalled)
}

/// Tells systemd, if it started the process, that the server answers.
pub fn notify_ready() {
    notify(NotifyState::Ready);
}

/// Tells systemd, if it started the process, that the server is about to end.
pub fn notify_stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!(error = error.to_string().as_str(); "cannot reach the service manager");
    }
}
