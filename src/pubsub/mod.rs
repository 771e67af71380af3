//! Tells whoever listens that something changed. Messages are hints: a listener that misses some is
//! told so, and reads the truth from the store.
//!
//! Within a process it is this module alone. Replicas that share a Postgres tell each other through it: [`relay`].

pub mod relay;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use parking_lot::Mutex;

use self::relay::Outbox;

/// How many messages a listener may be behind before it misses some.
const BACKLOG: usize = 64;

/// The channels of one process; clones are the same.
#[derive(Clone, Default)]
pub struct Pubsub(Arc<Inner>);

#[derive(Default)]
struct Inner {
    channels: Mutex<HashMap<String, Vec<Listener>>>,
    next: AtomicU64,
    /// On the way to other replicas, where there may be some.
    outbox: Option<Outbox>,
}

struct Listener {
    id: u64,
    send: Sender<Arc<str>>,
    missed: Arc<AtomicBool>,
}

/// Receives what is published on one channel until it is dropped.
pub struct Subscription {
    /// Messages, in order. Can stand in a `select!` beside other channels.
    pub messages: Receiver<Arc<str>>,
    missed: Arc<AtomicBool>,
    id: u64,
    channel: String,
    of: Pubsub,
}

impl Pubsub {
    /// Listens on a channel from now on.
    pub fn subscribe(&self, channel: &str) -> Subscription {
        let (send, messages) = crossbeam_channel::bounded(BACKLOG);
        let missed = Arc::new(AtomicBool::new(false));
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let listener = Listener { id, send, missed: Arc::clone(&missed) };
        self.0.channels.lock().entry(channel.to_owned()).or_default().push(listener);
        Subscription { messages, missed, id, channel: channel.to_owned(), of: self.clone() }
    }

    /// Tells all listeners of a channel, here and at other replicas. Never waits: a listener that is too far behind
    /// misses it.
    pub fn publish(&self, channel: &str, message: &str) {
        self.deliver(channel, message);
        if let Some(outbox) = &self.0.outbox {
            outbox.post(channel, message);
        }
    }

    /// Tells the listeners of this process.
    fn deliver(&self, channel: &str, message: &str) {
        let channels = self.0.channels.lock();
        let Some(listeners) = channels.get(channel) else { return };
        let message: Arc<str> = message.into();
        for l in listeners {
            if let Err(TrySendError::Full(_)) = l.send.try_send(Arc::clone(&message)) {
                l.missed.store(true, Ordering::Release);
            }
        }
    }

    /// Tells the listeners of a channel, or of all, that they missed something, and wakes them with an empty message.
    fn deliver_missed(&self, channel: Option<&str>) {
        let nothing: Arc<str> = "".into();
        for (_, listeners) in self.0.channels.lock().iter().filter(|(name, _)| channel.is_none_or(|c| c == *name)) {
            for l in listeners {
                l.missed.store(true, Ordering::Release);
                // Whoever is behind wakes up anyway.
                l.send.try_send(Arc::clone(&nothing)).ok();
            }
        }
    }
}

impl Subscription {
    /// Whether messages were missed since this was last asked.
    pub fn missed(&self) -> bool {
        self.missed.swap(false, Ordering::AcqRel)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut channels = self.of.0.channels.lock();
        if let Some(listeners) = channels.get_mut(&self.channel) {
            listeners.retain(|l| l.id != self.id);
            if listeners.is_empty() {
                channels.remove(&self.channel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_hear_their_channel_and_learn_what_they_missed() {
        let bus = Pubsub::default();
        let sub = bus.subscribe("a");
        bus.publish("b", "not this");
        for i in 0..=BACKLOG {
            bus.publish("a", &i.to_string());
        }
        assert_eq!(&*sub.messages.recv().unwrap(), "0");
        assert!(sub.missed());
        assert!(!sub.missed());
        drop(sub);
        assert!(bus.0.channels.lock().is_empty());
    }
}
