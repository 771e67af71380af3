//! Entries that are written once their answer is on its way: those of refused sign-ins. Only an account that there is
//! gets an entry, and whoever waited for it to be on disk could tell by the time which addresses have one.

use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, select};

use super::{Asked, Entry, after_request};
use crate::deployment::Deployment;

/// How many entries may wait; what comes then is written at once.
const WAITING: usize = 1024;
/// How long a reader waits for what is still to be written.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where such entries wait.
pub struct Late {
    letters: Sender<Letter>,
    inbox: Receiver<Letter>,
}

enum Letter {
    Entry(Box<(Entry, Asked, u16)>),
    /// Everything before this one is written.
    Read(Sender<()>),
}

impl Default for Late {
    fn default() -> Late {
        let (letters, inbox) = crossbeam_channel::bounded(WAITING);
        Late { letters, inbox }
    }
}

/// The thread that writes them.
pub struct Writer {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// Begins to write what is left.
pub fn start(deployment: &Deployment) -> std::io::Result<Writer> {
    let (stop, stopped) = crossbeam_channel::bounded::<()>(0);
    let deployment = deployment.clone();
    let run = move || {
        let inbox = &deployment.late_audit.inbox;
        loop {
            select! {
                recv(inbox) -> letter => if let Ok(letter) = letter { open(&deployment, letter) },
                recv(stopped) -> _ => break,
            }
        }
        inbox.try_iter().for_each(|letter| open(&deployment, letter));
    };
    Ok(Writer { stop, thread: std::thread::Builder::new().name("audit".to_owned()).spawn(run)? })
}

fn open(deployment: &Deployment, letter: Letter) {
    match letter {
        Letter::Entry(left) => after_request(deployment, &left.0, &left.1, left.2),
        // Whoever waited may have given up.
        Letter::Read(told) => drop(told.send(())),
    }
}

impl Writer {
    /// Ends it, once all that was left is written.
    pub fn stop(self) {
        drop(self.stop);
        // A thread that panicked has told the log; there is nothing more to do about it.
        let _ = self.thread.join();
    }
}

/// Leaves an entry to be written, as [`after_request`] does at once.
pub fn leave(deployment: &Deployment, entry: Entry, asked: Asked, status: u16) {
    let letter = Letter::Entry(Box::new((entry, asked, status)));
    if let Err(TrySendError::Full(letter) | TrySendError::Disconnected(letter)) =
        deployment.late_audit.letters.try_send(letter)
    {
        open(deployment, letter);
    }
}

/// Waits until all that was left before now is written, for whoever reads the log.
pub fn catch_up(deployment: &Deployment) {
    let (told, written) = crossbeam_channel::bounded(1);
    if deployment.late_audit.letters.send_timeout(Letter::Read(told), PATIENCE).is_ok() {
        // A log that is read without its last entries is better than none.
        written.recv_timeout(PATIENCE).ok();
    }
}
