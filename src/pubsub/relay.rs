//! Carries notices between replicas that share a Postgres, by its NOTIFY.
//!
//! All notices go over one channel of Postgres, the name of ours in the payload: a subscription needs no word to the
//! server, so it holds from the moment it is made, and there is nothing to resubscribe but one name. Notices are small
//! and tell that something changed; every replica reading all of them costs less than keeping lists of who wants what.
//!
//! A notice is told here at once and sent on by a thread, in order. It comes back from Postgres like any other, and is
//! left out by the process id of the connection that sent it. After either connection was lost, and when a notice is
//! longer than Postgres takes, listeners are told that they missed something, which makes them read the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use parking_lot::Mutex;
use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;

use super::{Inner, Pubsub};
use crate::store::postgres::Target;

/// The channel of Postgres.
const CHANNEL: &str = "rockpool";
/// Postgres takes payloads of fewer than 8,000 bytes.
const PAYLOAD_BYTES: usize = 7_999;
/// Notices that may wait to be sent; when more do, replicas are told that they missed some.
const OUTBOX: usize = 4096;
/// How long a connection that fails is left alone, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often threads look whether they should end.
const LOOK: Duration = Duration::from_millis(250);
/// After this long without a notice, a connection has to show that it is alive.
const SILENCE: Duration = Duration::from_secs(15);
/// How many connections of this process are remembered, for what is still on its way from the ones before.
const OWN_KEPT: usize = 8;

/// Where [`Pubsub::publish`] leaves what goes to other replicas.
pub(super) struct Outbox {
    letters: Sender<String>,
    /// Some did not fit.
    lost: Arc<AtomicBool>,
}

impl Outbox {
    pub(super) fn post(&self, channel: &str, message: &str) {
        if let Err(TrySendError::Full(_)) = self.letters.try_send(letter(channel, message)) {
            self.lost.store(true, Ordering::Release);
        }
    }
}

/// The threads behind a [`Pubsub`] that is shared between replicas.
pub struct Relay {
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What the two threads know of each other.
struct Shared {
    target: Target,
    stopping: Arc<AtomicBool>,
    lost: Arc<AtomicBool>,
    /// Process ids, at the server, of the connections that this process sends by.
    own: Mutex<Vec<i32>>,
}

/// Channels whose notices reach every replica on the database at `target`, and the threads that see to it.
///
/// # Errors
/// When no thread can be started. A database that cannot be reached is tried again until it can.
pub fn start(target: &Target) -> std::io::Result<(Pubsub, Relay)> {
    let (letters, outgoing) = crossbeam_channel::bounded(OUTBOX);
    let (stopping, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let outbox = Outbox { letters, lost: Arc::clone(&lost) };
    let pubsub = Pubsub(Arc::new(Inner { outbox: Some(outbox), ..Inner::default() }));
    let shared =
        Arc::new(Shared { target: target.clone(), stopping: Arc::clone(&stopping), lost, own: Mutex::default() });
    let (ready, listening) = crossbeam_channel::bounded(1);
    let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
    let threads = vec![
        {
            let shared = Arc::clone(&shared);
            thread("pubsub-send").spawn(move || send(&shared, &outgoing))?
        },
        {
            let (shared, pubsub) = (Arc::clone(&shared), pubsub.clone());
            thread("pubsub-listen").spawn(move || listen(&shared, &pubsub, &ready))?
        },
    ];
    // A server that is there is listened to before anybody subscribes.
    listening.recv_timeout(Duration::from_secs(5)).ok();
    Ok((pubsub, Relay { stopping, threads }))
}

impl Relay {
    /// Ends the threads; what is still to be sent is sent first, if the server takes it.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        for thread in self.threads {
            // A thread that panicked is gone as well.
            let _ = thread.join();
        }
    }
}

/// A notice as a payload: the channel, a line feed, the message. Without the message where it does not fit, and
/// without anything for all channels: then listeners only learn that they missed something.
fn letter(channel: &str, message: &str) -> String {
    let whole = format!("{channel}\n{message}");
    // A message that ends early in C would not be the same message.
    if whole.len() > PAYLOAD_BYTES || whole.contains('\0') { channel.to_owned() } else { whole }
}

fn send(shared: &Shared, outgoing: &Receiver<String>) {
    let mut connection: Option<Client> = None;
    let mut waiting: Option<String> = None;
    let mut pause = FIRST_PAUSE;
    loop {
        let letter = match waiting.take().map_or_else(|| outgoing.recv_timeout(LOOK), Ok) {
            Ok(letter) => letter,
            Err(RecvTimeoutError::Timeout) if shared.lost.swap(false, Ordering::AcqRel) => String::new(),
            Err(RecvTimeoutError::Timeout) if !shared.stopping.load(Ordering::Acquire) => continue,
            Err(_) => return,
        };
        let sent = open(&mut connection, || connect_to_send(shared))
            .and_then(|client| client.execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &letter]));
        match sent {
            Ok(_) => pause = FIRST_PAUSE,
            Err(e) => {
                log::warn!(target: "pubsub", "a notice cannot be sent to other replicas, trying again: {e}");
                connection = None;
                waiting = Some(letter);
                if !rest(shared, &mut pause) {
                    return;
                }
            }
        }
    }
}

fn connect_to_send(shared: &Shared) -> Result<Client, postgres::Error> {
    let mut client = shared.target.connect()?;
    let process: i32 = client.query_one("SELECT pg_backend_pid()", &[])?.get(0);
    let mut own = shared.own.lock();
    if own.len() == OWN_KEPT {
        own.remove(0);
    }
    own.push(process);
    drop(own);
    Ok(client)
}

fn listen(shared: &Shared, pubsub: &Pubsub, ready: &Sender<()>) {
    let mut pause = FIRST_PAUSE;
    let mut before = false;
    while !shared.stopping.load(Ordering::Acquire) {
        let opened = shared.target.connect().and_then(|mut client| {
            client.batch_execute(&format!("LISTEN {CHANNEL}"))?;
            Ok(client)
        });
        let ended = match opened {
            Ok(mut client) => {
                pause = FIRST_PAUSE;
                if before {
                    log::info!(target: "pubsub", "listening to other replicas again");
                    pubsub.deliver_missed(None);
                }
                before = true;
                ready.try_send(()).ok();
                hear(shared, pubsub, &mut client)
            }
            Err(e) => Err(e),
        };
        if let Err(e) = ended {
            log::warn!(target: "pubsub", "other replicas cannot be heard, trying again: {e}");
            if !rest(shared, &mut pause) {
                return;
            }
        }
    }
}

/// Passes on what comes until the connection breaks or the server stops.
fn hear(shared: &Shared, pubsub: &Pubsub, client: &mut Client) -> Result<(), postgres::Error> {
    let mut silent = Duration::ZERO;
    while !shared.stopping.load(Ordering::Acquire) {
        let heard = client.notifications().timeout_iter(LOOK).next()?;
        let Some(notice) = heard else {
            silent += LOOK;
            if silent >= SILENCE {
                client.is_valid(Duration::from_secs(5))?;
                silent = Duration::ZERO;
            }
            // Quiet is also what a closed connection gives.
            if client.is_closed() {
                return client.is_valid(Duration::from_secs(1));
            }
            continue;
        };
        silent = Duration::ZERO;
        if shared.own.lock().contains(&notice.process_id()) {
            continue;
        }
        match notice.payload().split_once('\n') {
            Some((channel, message)) => pubsub.deliver(channel, message),
            None => pubsub.deliver_missed(Some(notice.payload()).filter(|channel| !channel.is_empty())),
        }
    }
    Ok(())
}

fn open(
    kept: &mut Option<Client>,
    connect: impl FnOnce() -> Result<Client, postgres::Error>,
) -> Result<&mut Client, postgres::Error> {
    match kept {
        Some(client) => Ok(client),
        None => Ok(kept.insert(connect()?)),
    }
}

/// Waits before the next try, longer each time; false when the server stops.
fn rest(shared: &Shared, pause: &mut Duration) -> bool {
    let until = Instant::now() + *pause;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
    while !shared.stopping.load(Ordering::Acquire) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(LOOK));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_into_a_payload_goes_without_its_message() {
        assert_eq!(letter("a", "b\nc"), "a\nb\nc");
        assert_eq!(letter("a", &"x".repeat(PAYLOAD_BYTES - 2)).len(), PAYLOAD_BYTES);
        assert_eq!(letter("a", &"x".repeat(PAYLOAD_BYTES - 1)), "a");
        assert_eq!(letter("a", "b\0c"), "a");
    }
}
