//! Steps on SQLite, and the copy of the file that is made before them.
//!
//! Foreign keys are off while a step runs, since SQLite checks them too early and cannot switch them in a transaction;
//! all references are checked before it commits.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::{EMPTY, Fault, LATEST, MigrateError, Scripts, Status, Step, Steps, UNFINISHED_COPY, advance, exists};
use crate::store::functions;

const EPHEMERAL: &str = include_str!("../../../schema/sqlite/ephemeral.sql");

/// Brings a database, empty or not, to [`LATEST`].
///
/// # Errors
/// As [`to`].
pub fn up(conn: &mut Connection) -> Result<(), MigrateError> {
    to(conn, LATEST)
}

/// Brings a database to `version`, up or down; [`EMPTY`] removes all that is ours.
///
/// An empty database gets there in one transaction, another one in a transaction a step. Several processes may try
/// at once: each step looks again at where the database is.
///
/// # Errors
/// When the database or `version` is not one that this program knows, or a step fails.
pub fn to(conn: &mut Connection, version: i64) -> Result<(), MigrateError> {
    exists(version)?;
    if !conn.is_autocommit() {
        return Err(MigrateError::InTransaction);
    }
    if status(conn)?.known()? == version {
        return Ok(());
    }
    functions::register(conn)?;
    without_foreign_keys(conn, |conn| {
        while step_towards(conn, version)? {}
        Ok(())
    })
}

/// Copies a database that [`up`] is about to change to `<name>.pre-<LATEST>.db` in its own folder, and returns where.
///
/// # Errors
/// As [`back_up_before`].
pub fn back_up(conn: &Connection) -> Result<Option<PathBuf>, MigrateError> {
    back_up_before(conn, LATEST)
}

/// Copies a database that [`to`] is about to bring to `version`, to `<name>.pre-<version>.db` in its own folder, and
/// returns where. An empty database, one that is there already and one in memory need no copy.
///
/// A copy that an earlier attempt left is replaced, and only once the new one is whole.
///
/// # Errors
/// When the database is not one that this program knows, or the copy cannot be written.
pub fn back_up_before(conn: &Connection, version: i64) -> Result<Option<PathBuf>, MigrateError> {
    let at = status(conn)?.known()?;
    let path = match conn.path() {
        Some(path) if !path.is_empty() && at != EMPTY && at != version => Path::new(path),
        _ => return Ok(None),
    };
    let copy = path.with_extension(format!("pre-{version}.db"));
    let unfinished = copy.with_extension("unfinished");
    let failed = |source| MigrateError::BackUp { copy: copy.clone(), source };
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    // Made first, so that nobody else can read what is secret in it.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).map_err(failed)?;
    conn.execute("VACUUM main INTO ?1", [unfinished.to_string_lossy()])?;
    // SQLite does not wait for the disk here, and what follows must not outrun the copy.
    file.sync_all().map_err(failed)?;
    std::fs::rename(&unfinished, &copy).map_err(failed)?;
    Ok(Some(copy))
}

/// The version of a database, or `None` when it is empty.
///
/// # Errors
/// When it cannot be read, or another program has marked it as half migrated.
pub fn version(conn: &Connection) -> Result<Option<i64>, MigrateError> {
    status(conn)?.clean()
}

/// What a database says of itself.
///
/// # Errors
/// When it cannot be read.
pub fn status(conn: &Connection) -> Result<Status, MigrateError> {
    let kept = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'";
    if conn.query_row(kept, [], |_| Ok(())).optional()?.is_none() {
        return Ok(Status::NOTHING);
    }
    let row = conn
        .query_row(
            "SELECT version, dirty, EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1)
             FROM main.schema_migrations",
            [UNFINISHED_COPY],
            |row| Ok(Status { version: Some(row.get(0)?), dirty: row.get(1)?, unfinished_copy: row.get(2)? }),
        )
        .optional()?;
    Ok(row.unwrap_or(Status::NOTHING))
}

/// Makes the tables that live only as long as the server, empty, in the database attached as `ephemeral`.
///
/// Only the writer does this, once, before others attach the same file.
///
/// # Errors
/// When nothing is attached under that name, or it cannot be written.
pub fn attach_ephemeral(conn: &mut Connection) -> Result<(), MigrateError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(EPHEMERAL)?;
    Ok(tx.commit()?)
}

/// Runs `change` with foreign keys off, which SQLite ignores in a transaction, and puts the setting back.
fn without_foreign_keys(
    conn: &mut Connection,
    change: impl FnOnce(&mut Connection) -> Result<(), MigrateError>,
) -> Result<(), MigrateError> {
    let before: bool = conn.pragma_query_value(None, "foreign_keys", |row| row.get(0))?;
    conn.pragma_update(None, "foreign_keys", false)?;
    let changed = change(conn);
    let restored = conn.pragma_update(None, "foreign_keys", before);
    changed?;
    Ok(restored?)
}

/// Goes one transaction nearer to `target`, and says whether there is more to do.
fn step_towards(conn: &mut Connection, target: i64) -> Result<bool, MigrateError> {
    let mut tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let at = advance(&mut tx, target)?;
    tx.commit()?;
    Ok(at != target)
}

impl Steps for Transaction<'_> {
    fn scripts(step: &'static Step) -> &'static Scripts {
        &step.sqlite
    }

    fn status(&mut self) -> Result<Status, MigrateError> {
        status(self)
    }

    fn run(&mut self, sql: &str) -> Result<(), Fault> {
        Ok(self.execute_batch(sql)?)
    }

    fn record(&mut self, version: i64) -> Result<(), MigrateError> {
        self.execute_batch(
            "CREATE TABLE IF NOT EXISTS main.schema_migrations (
                version INTEGER NOT NULL,
                dirty INTEGER NOT NULL CHECK (dirty IN (0, 1)),
                CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)
            ) STRICT;
            DELETE FROM main.schema_migrations;",
        )?;
        if version != EMPTY {
            self.execute("INSERT INTO main.schema_migrations (version, dirty) VALUES (?1, 0)", [version])?;
        }
        Ok(())
    }

    fn check(&mut self, version: i64) -> Result<(), MigrateError> {
        check_references(self, version)
    }
}

/// Refuses to commit a step that breaks what foreign keys promise.
fn check_references(tx: &Transaction<'_>, version: i64) -> Result<(), MigrateError> {
    const SHOWN: usize = 5;
    let mut broken = Vec::new();
    let mut check = tx.prepare("PRAGMA main.foreign_key_check")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        if broken.len() == SHOWN {
            broken.push("...".to_owned());
            break;
        }
        let (table, rowid, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let rowid = rowid.map_or_else(|| "?".to_owned(), |rowid| rowid.to_string());
        broken.push(format!("{table} row {rowid} to {parent}"));
    }
    if broken.is_empty() { Ok(()) } else { Err(MigrateError::BrokenReferences { version, rows: broken.join(", ") }) }
}
