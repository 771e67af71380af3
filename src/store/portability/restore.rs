//! Puts a backup in the place of a SQLite database, and keeps what was there.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::sqlite_file::{self, remove, sync_folder};
use super::{Error, Progress, io_error, sqlite_error};
use crate::store::lock::Lock;
use crate::store::sqlite::file::beside;
use crate::time::Time;

/// How many problems of a damaged backup are told.
const SHOWN: u32 = 5;

/// A backup that took its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The version of its schema.
    pub version: i64,
    /// Where the database that was there before is now.
    pub kept: Option<PathBuf>,
}

/// Makes `from` the database at `database`. What was there is kept beside it, under a name with the time `now`.
///
/// A server that runs on the database refuses this by its lock. At every moment, one whole database is in place: the old
/// one until the new one, checked and on disk, takes its name.
///
/// # Errors
/// When `from` is damaged or no deployment of a version that this program knows, the database is in use, or a file
/// cannot be written.
pub fn restore(from: &Path, database: &Path, now: Time, progress: Progress<'_>) -> Result<Restored, Error> {
    let version = verify(from)?;
    if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(io_error("cannot make", folder))?;
    }
    let _lock = Lock::take(database)?;
    let staged = beside(database, ".restoring");
    remove(&staged)?;
    // What a write-ahead log beside the backup holds belongs to it: copying by SQLite takes that along.
    let mut source = sqlite_file::open(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    sqlite_file::copy(&mut source, &staged, progress)?;
    drop(source);
    let kept = match database.symlink_metadata() {
        Ok(_) => Some(keep(database, now)?),
        Err(_) => None,
    };
    // A log that is left from the old database would be played into the new one.
    for suffix in ["-wal", "-shm", "-journal"] {
        remove(&beside(database, suffix))?;
    }
    fs::rename(&staged, database).map_err(io_error("cannot write", database))?;
    sync_folder(database)?;
    Ok(Restored { version, kept })
}

/// Looks whether the file is one to restore, and answers with its version.
fn verify(from: &Path) -> Result<i64, Error> {
    let conn = sqlite_file::open(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let version = sqlite_file::version(&conn, from)?;
    let found = sqlite_file::problems(&conn, SHOWN).map_err(sqlite_error("cannot check", from))?;
    if found.is_empty() {
        return Ok(version);
    }
    let said = found.iter().map(|problem| match problem.row {
        Some(row) => format!("{}: {} row {row} {}", problem.kind, problem.table, problem.says),
        None => format!("{}: {} {}", problem.kind, problem.table, problem.says),
    });
    let said = said.collect::<Vec<_>>().join("; ");
    Err(Error::Refused(format!("{} is damaged, so nothing was changed: {said}", from.display())))
}

/// Gives the database at `path` a second name, under which it stays when the first is taken.
fn keep(path: &Path, now: Time) -> Result<PathBuf, Error> {
    let when = now.timestamp().strftime("%Y%m%dT%H%M%SZ");
    let kept = path.with_extension(format!("before-restore-{when}.db"));
    let log = beside(path, "-wal");
    // Moves what is only in the log into the file. One that cannot be opened keeps its log beside it instead.
    let whole = Connection::open(path).and_then(|conn| {
        conn.pragma_update(None, "journal_mode", "DELETE")?;
        conn.close().map_err(|(_, error)| error)
    });
    fs::hard_link(path, &kept).map_err(io_error("cannot keep the database as", &kept))?;
    if whole.is_err() && log.exists() {
        fs::rename(&log, beside(&kept, "-wal")).map_err(io_error("cannot keep", &log))?;
    }
    sync_folder(path)?;
    Ok(kept)
}
