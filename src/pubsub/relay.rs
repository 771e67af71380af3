//! Carries notices between replicas that share a Postgres, by its NOTIFY.
//!
//! All notices go over one channel of Postgres, the name of ours in the payload: a subscription needs no word to the
//! server, so it holds from the moment it is made, and there is nothing to resubscribe but one name. Notices are small
//! and tell that something changed; every replica reading all of them costs less than keeping lists of who wants what.
//!
//! A notice is told here at once and sent on by a thread, in order. It comes back from Postgres like any other, and is
//! left out by the name that this process signs with. One that cannot be sent waits until it can be.
//! After the connection that listens was lost, when more notices wait to be sent than are kept, and when one is longer
//! than Postgres takes, listeners are told that they missed something, which makes them read the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;

use super::{Inner, Pubsub};
use crate::ids::Ids;
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
/// Hexadecimal digits of the name that a process signs with, new at each start.
const NAME_DIGITS: usize = 16;

/// Where [`Pubsub::publish`] leaves what goes to other replicas.
pub(super) struct Outbox {
    letters: Sender<String>,
    /// The name that this process signs with.
    own: Arc<str>,
    /// Some did not fit.
    lost: Arc<AtomicBool>,
}

impl Outbox {
    pub(super) fn post(&self, channel: &str, message: &str) {
        if let Err(TrySendError::Full(_)) = self.letters.try_send(letter(&self.own, channel, message)) {
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
    own: Arc<str>,
}

/// Channels whose notices reach every replica on the database at `target`, and the threads that see to it.
///
/// # Errors
/// When no thread can be started. A database that cannot be reached is tried again until it can.
pub fn start(target: &Target, ids: &Ids) -> std::io::Result<(Pubsub, Relay)> {
    let own: Arc<str> = ids.hex(NAME_DIGITS).into();
    let (letters, outgoing) = crossbeam_channel::bounded(OUTBOX);
    let (stopping, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let outbox = Outbox { letters, own: Arc::clone(&own), lost: Arc::clone(&lost) };
    let pubsub = Pubsub(Arc::new(Inner { outbox: Some(outbox), ..Inner::default() }));
    let shared = Arc::new(Shared { target: target.clone(), stopping: Arc::clone(&stopping), lost, own });
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

/// A notice as a payload: who sends it, the channel, the message, a line feed between each. Without the message where it
/// does not fit: then listeners only learn that they missed something.
fn letter(own: &str, channel: &str, message: &str) -> String {
    let whole = format!("{own}\n{channel}\n{message}");
    // Postgres has no text with a NUL.
    if whole.len() > PAYLOAD_BYTES || whole.contains('\0') { format!("{own}\n{channel}") } else { whole }
}

/// The payload that tells the listeners of every channel that they missed something.
fn letter_to_all(own: &str) -> String {
    own.to_owned()
}

fn send(shared: &Shared, outgoing: &Receiver<String>) {
    let mut connection: Option<Client> = None;
    let mut waiting: Option<String> = None;
    let mut pause = FIRST_PAUSE;
    loop {
        let letter = match waiting.take().map_or_else(|| outgoing.recv_timeout(LOOK), Ok) {
            Ok(letter) => letter,
            Err(RecvTimeoutError::Timeout) if shared.lost.swap(false, Ordering::AcqRel) => letter_to_all(&shared.own),
            Err(RecvTimeoutError::Timeout) if !shared.stopping.load(Ordering::Acquire) => continue,
            Err(_) => return,
        };
        let sent = open(&mut connection, || shared.target.connect())
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
        let mut parts = notice.payload().splitn(3, '\n');
        if parts.next() == Some(&*shared.own) {
            continue;
        }
        match (parts.next(), parts.next()) {
            (Some(channel), Some(message)) => pubsub.deliver(channel, message),
            (channel, _) => pubsub.deliver_missed(channel),
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
        assert_eq!(letter("me", "a", "b\nc"), "me\na\nb\nc");
        assert_eq!(letter("me", "a", &"x".repeat(PAYLOAD_BYTES - 5)).len(), PAYLOAD_BYTES);
        assert_eq!(letter("me", "a", &"x".repeat(PAYLOAD_BYTES - 4)), "me\na");
        assert_eq!(letter("me", "a", "b\0c"), "me\na");
    }
}
