//! Takes a deployment's data elsewhere and back: backups, copies between engines, and looking whether all is well.
//!
//! Works on database files and servers themselves, below the declared queries: it knows tables and columns, nobody's
//! permissions. The command line drives it; a running server does not use it.
//!
//! [`backup`] and [`restore`] are about SQLite files as a whole. [`copy`], [`dump`] and [`check`] read a database row by
//! row through [`side::Source`], which both engines implement; [`tables`] declares what there is to read, and
//! [`value::Value`] is what a column holds whichever engine keeps it.

pub mod backup;
pub mod check;
pub mod copy;
mod date;
pub mod dump;
pub mod json;
mod pg_values;
pub mod place;
mod postgres_side;
pub mod restore;
pub mod side;
mod sqlite_file;
mod sqlite_side;
mod sqlite_values;
pub mod tables;
pub mod value;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use self::place::Place;
use self::side::Flaw;
use self::tables::TABLES;
use crate::store::migrate;
use crate::store::migrate::UNFINISHED_COPY as UNFINISHED;

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
    /// Postgres.
    #[error("{what}: {said}")]
    Postgres {
        /// What was tried.
        what: String,
        /// What Postgres said, with where and why.
        said: String,
    },
    /// A value that cannot be taken along.
    #[error("{}, {}, column {}: {}", .0.table, .0.row, .0.column, .0.problem)]
    Value(Flaw),
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

fn io_error_of(what: &str) -> impl FnOnce(io::Error) -> Error {
    let what = what.to_owned();
    move |source| Error::Io { what, source }
}

/// An error of Postgres, with what was tried on which database.
fn postgres_error(what: &str, place: &Place) -> impl FnOnce(::postgres::Error) -> Error {
    let what = format!("{what} {place}");
    move |error| {
        let said = match error.as_db_error() {
            None => error.to_string(),
            Some(said) => {
                let more = [said.detail(), said.where_()].into_iter().flatten().map(|more| format!(" ({more})"));
                format!("{}{}", said.message(), more.collect::<String>())
            }
        };
        Error::Postgres { what, said }
    }
}

/// Refuses a database that is not at the version whose tables are declared here.
fn expect_latest(place: &Place, version: i64) -> Result<(), Error> {
    match version {
        migrate::LATEST => Ok(()),
        migrate::EMPTY => Err(Error::Refused(format!("{place} holds no deployment"))),
        version => Err(Error::Refused(format!(
            "{place} has version {version}, and this needs version {}: bring it up to date first, by starting a server \
             on it or with \"rockpool db migrate up\"",
            migrate::LATEST
        ))),
    }
}

/// Refuses a database whose tables lack a column, or have one that would be left behind.
fn expect_columns(place: &Place, found: &BTreeMap<String, Vec<String>>) -> Result<(), Error> {
    let refuse = |table: &str, why: String| Err(Error::Refused(format!("{place}: the table {table} {why}")));
    for table in TABLES {
        let Some(columns) = found.get(table.name) else { return refuse(table.name, "is missing".to_owned()) };
        if let Some(missing) = table.columns.iter().find(|column| !columns.iter().any(|name| name == column.name)) {
            return refuse(table.name, format!("lacks the column {}", missing.name));
        }
        if let Some(other) = columns.iter().find(|name| !table.columns.iter().any(|column| column.name == **name)) {
            return refuse(
                table.name,
                format!("has a column {other} that does not belong to version {}", migrate::LATEST),
            );
        }
    }
    Ok(())
}

/// How far something is: `done` of `total`, in whatever unit the caller of it names.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);
