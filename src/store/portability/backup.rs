//! Copies a SQLite database to one file, while a server serves writes or not.

use std::fs;
use std::path::Path;

use super::sqlite_file::{self, remove, sync_folder};
use super::{Error, Progress, io_error};
use crate::store::sqlite::file::beside;

/// A backup that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its size.
    pub bytes: u64,
    /// The version of its schema.
    pub version: i64,
}

/// Copies the database at `database` to `to`, as it is at one moment. `overwrite`: a file that is there may go.
///
/// The file appears under its name once it is whole and on disk; until then it is called `<to>.unfinished`.
///
/// # Errors
/// When there is no deployment's database, or the file is there already or cannot be written.
pub fn backup(database: &Path, to: &Path, overwrite: bool, progress: Progress<'_>) -> Result<Backup, Error> {
    if is_part_of(database, to) {
        return Err(Error::Refused(format!("{} is the database itself", to.display())));
    }
    if !overwrite && to.symlink_metadata().is_ok() {
        return Err(Error::Refused(format!("{} is there already: name another file, or give --force", to.display())));
    }
    let mut conn = sqlite_file::open(database, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let version = sqlite_file::version(&conn, database)?;
    let unfinished = beside(to, ".unfinished");
    remove(&unfinished)?;
    let copied = sqlite_file::copy(&mut conn, &unfinished, progress)
        .and_then(|()| fs::rename(&unfinished, to).map_err(io_error("cannot write", to)));
    if let Err(error) = copied {
        // What is left of a failed copy is of no use; the first error is the one to tell.
        let _ = remove(&unfinished);
        return Err(error);
    }
    sync_folder(to)?;
    let bytes = fs::metadata(to).map_err(io_error("cannot read", to))?.len();
    Ok(Backup { bytes, version })
}

/// Whether `path` is the database or a file that SQLite keeps beside it.
fn is_part_of(database: &Path, path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    ["", "-wal", "-shm", ".lock"]
        .iter()
        .any(|suffix| beside(database, suffix).canonicalize().is_ok_and(|part| part == path))
}
