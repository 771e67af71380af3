//! Takes a deployment's data elsewhere and back: backups, restoring them, and looking whether all is well.
//!
//! Works on database files and servers themselves, below the declared queries: it knows tables and columns, nobody's
//! permissions. The command line drives it; a running server does not use it.

pub mod backup;
pub mod restore;
mod sqlite_file;

use std::io;
use std::path::Path;

/// Why something could not be done. What was there before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It would do harm, or cannot be meant.
    #[error("{0}")]
    Refused(String),
    /// The file system.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// SQLite.
    #[error("{what}: {source}")]
    Sqlite {
        /// What was tried.
        what: String,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Another process uses the database.
    #[error(transparent)]
    InUse(#[from] crate::store::lock::LockError),
    /// The schema.
    #[error(transparent)]
    Migrate(#[from] crate::store::migrate::MigrateError),
}

/// An error of the file system, with what was tried on which path.
fn io_error(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let what = format!("{what} {}", path.display());
    move |source| Error::Io { what, source }
}

/// An error of SQLite, with what was tried on which file.
fn sqlite_error(what: &str, path: &Path) -> impl FnOnce(rusqlite::Error) -> Error {
    let what = format!("{what} {}", path.display());
    move |source| Error::Sqlite { what, source }
}

/// How far something is: `done` of `total`, in whatever unit the caller of it names.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);
