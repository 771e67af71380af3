//! The lock of an SQLite file: one server, or one tool that replaces the file, at a time. With Postgres a server takes
//! it by the same name, though no such file is there: a data directory has one server whatever the engine.
//!
//! SQLite's own locks would let two servers write in turns. Each would then trust what it keeps in memory
//! while the other changes it, so the second is refused. The lock is `flock` on `<database>.lock`: it ends
//! with the process, however that ends. The file itself stays; to remove it would let two processes lock
//! two files of that name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::store::sqlite::file::beside;

/// How long to wait for a holder that has ended already. A child that it had just forked may keep the
/// lock until it runs its own program.
const GRACE: Duration = Duration::from_secs(2);

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "{} is in use by another process ({}): a database has one server at a time, and so has a data directory. Stop \
         that one first, or give this one a data directory of its own",
        path(database).display(),
        pid.map_or_else(|| "which has not said its id".to_owned(), |pid| format!("pid {pid}")),
    )]
    Held {
        /// The database, or where it would be.
        database: PathBuf,
        /// Who has it, where that is known.
        pid: Option<u32>,
    },
    /// The lock file cannot be used.
    #[error("cannot lock {}: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Holds a database, or the data directory that it would be in, for this process until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the database at `database`, which need not exist yet; its folder must.
    pub fn take(database: &Path) -> Result<Lock, LockError> {
        let path = path(database);
        let io = |source| LockError::Io { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(io(source)),
                Err(TryLockError::WouldBlock) => {
                    let pid = holder(&mut file);
                    if pid.is_none_or(is_another) || begun.elapsed() > GRACE {
                        return Err(LockError::Held { database: database.to_owned(), pid });
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
        // Who it is helps a person and decides nothing, so a full disk is no reason to give up here.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Lock { _file: file })
    }
}

/// Where the lock of a database is.
fn path(database: &Path) -> PathBuf {
    beside(database, ".lock")
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.take(32).read_to_string(&mut text)).ok()?;
    text.trim().parse().ok()
}

/// Whether it is a process that lives, and not this one: a server of this process that has just been stopped may still be
/// letting go, or a child that is being started have a copy of the lock until it runs its own program.
fn is_another(pid: u32) -> bool {
    pid != std::process::id() && lives(pid)
}

fn lives(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    // A process of another user cannot be signalled, but it is there.
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_held_by_one_at_a_time_and_the_second_hears_by_whom() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("rockpool.db");
        let first = Lock::take(&database).unwrap();
        let refused = Lock::take(&database).unwrap_err();
        assert!(matches!(refused, LockError::Held { pid: Some(pid), .. } if pid == std::process::id()), "{refused:?}");
        let said = refused.to_string();
        assert!(
            said.contains("rockpool.db.lock is in use") && said.contains(&format!("pid {}", std::process::id())),
            "{said}"
        );
        drop(first);
        Lock::take(&database).unwrap();
        assert!(!database.exists());
    }

    #[test]
    fn what_an_ended_process_wrote_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("rockpool.db");
        std::fs::write(path(&database), "4194304999").unwrap();
        let _held = Lock::take(&database).unwrap();
        assert_eq!(std::fs::read_to_string(path(&database)).unwrap(), format!("{}\n", std::process::id()));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let said = Lock::take(Path::new("/nowhere/rockpool.db")).unwrap_err().to_string();
        assert!(said.contains("/nowhere/rockpool.db.lock"), "{said}");
    }
}
