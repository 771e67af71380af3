//! What is known of a database's condition: whether a write has failed, and whether it is damaged.
//! Whoever judges the server's health asks; nothing here decides what may still be done.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::store::Error;

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Condition {
    write_failed: AtomicBool,
    damage: Mutex<Option<String>>,
}

impl Condition {
    /// Takes note of how a write ended.
    pub(super) fn wrote<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        if let Err(e @ (Error::Full(_) | Error::Unavailable(_))) = &answer
            && !self.write_failed.swap(true, Ordering::Relaxed)
        {
            log::error!(target: "store", "the database cannot be written: {e}");
        }
        answer
    }
    /// Takes note of damage.
    pub(super) fn damaged(&self, what: &str) {
        log::error!(target: "store", "the database is damaged; stop the server and restore a backup: {what}");
        *self.damage.lock() = Some(what.to_owned());
    }
    /// Whether a write has failed for want of room or because of the disk. That others went well since says little: a small
    /// one fits where a large one does not.
    pub(super) fn write_failed(&self) -> bool {
        self.write_failed.load(Ordering::Relaxed)
    }
    /// What had failed goes well again.
    pub(super) fn recovered(&self) {
        self.write_failed.store(false, Ordering::Relaxed);
        log::info!(target: "store", "the database can be written again");
    }
    /// Refuses when damage is known.
    pub(super) fn check(&self) -> Result<(), Error> {
        match &*self.damage.lock() {
            Some(what) => Err(Error::Unavailable(format!("the database is damaged: {what}"))),
            None => Ok(()),
        }
    }
}
