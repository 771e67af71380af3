//! Moves a SQLite database between schema versions: up at every start, down when asked.
//!
//! The SQL is in `schema/sqlite`; this module decides which of it runs. It opens no database and
//! knows nothing of the queries. Start at [`to`].
//!
//! A step and the change of the recorded version are one transaction, and references are checked before it commits,
//! so that a database is at one version or the next and never between. Tables that no step names, such as those a
//! replication tool keeps, are left alone.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::functions;

/// The version that this program works with.
pub const LATEST: i64 = 412;

/// The version of a database that has nothing of ours: where [`to`] ends when it undoes every step.
pub const EMPTY: i64 = 0;

/// What leads to `version` from the one before it, and back.
struct Step {
    version: i64,
    up: &'static str,
    down: &'static str,
}

macro_rules! step {
    ($version:literal, $file:literal) => {
        Step {
            version: $version,
            up: include_str!(concat!("../../schema/sqlite/", $file, ".up.sql")),
            down: include_str!(concat!("../../schema/sqlite/", $file, ".down.sql")),
        }
    };
}

/// All steps, oldest first.
const STEPS: &[Step] = &[
    step!(408, "000408_base"),
    step!(409, "000409_task_pausing"),
    step!(410, "000410_drop_tailnet_v1"),
    step!(411, "000411_boundary_usage"),
    step!(412, "000412_ephemeral_tailnet"),
];

/// The version that a database must have reached for this program to take it over.
const OLDEST: i64 = STEPS[0].version;

const EPHEMERAL: &str = include_str!("../../schema/sqlite/ephemeral.sql");

/// Why a database could not be moved. Whatever the reason, the step that failed has changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A later program has been here.
    #[error(
        "the database has version {found}, and this program works with version {LATEST}: start the program that \
         wrote it, or restore a backup from before it was upgraded"
    )]
    TooNew {
        /// The version in the database.
        found: i64,
    },
    /// The database has a version that no step leads to or from.
    #[error(
        "the database has version {found}, and this program can take over versions {OLDEST} to {LATEST}: bring it \
         to one of these first, with the program that wrote it"
    )]
    Unknown {
        /// The version in the database.
        found: i64,
    },
    /// A version was asked for that does not exist.
    #[error("there is no version {asked}: this program knows {OLDEST} to {LATEST}, and {EMPTY} for an empty database")]
    NoSuchVersion {
        /// The version that was asked for.
        asked: i64,
    },
    /// Another program left a migration half done and said so. Ours cannot, since a step is one transaction.
    #[error(
        "a migration to version {version} was left unfinished by another program: restore a backup from before it, \
         or finish it by hand and set dirty to 0 in schema_migrations"
    )]
    Dirty {
        /// The version that the other program was moving to.
        version: i64,
    },
    /// A transaction was open, in which SQLite cannot switch foreign keys off.
    #[error("the schema cannot be changed inside an open transaction")]
    InTransaction,
    /// Rows would refer to rows that are not there.
    #[error("version {version} would leave rows without the row they refer to ({rows}); nothing was changed")]
    BrokenReferences {
        /// The version that was being reached.
        version: i64,
        /// The first of these rows, for a reader.
        rows: String,
    },
    /// A statement of a step failed.
    #[error("the step between version {from} and version {to} failed, and nothing was changed: {source}")]
    Step {
        /// The version before the step.
        from: i64,
        /// The version after it.
        to: i64,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The copy that is made before a change could not be put in place.
    #[error("{} could not be written, so the database was left as it is: {source}", copy.display())]
    BackUp {
        /// Where the copy belongs.
        copy: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// SQLite failed outside a step.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

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
    if version != EMPTY && position(version).is_none() {
        return Err(MigrateError::NoSuchVersion { asked: version });
    }
    if !conn.is_autocommit() {
        return Err(MigrateError::InTransaction);
    }
    if known_version(conn)? == version {
        return Ok(());
    }
    functions::register(conn)?;
    without_foreign_keys(conn, |conn| {
        while step_towards(conn, version)? {}
        Ok(())
    })
}

/// Copies a database that [`up`] is about to change to `<name>.pre-<LATEST>.db` in its own folder, and returns where.
/// An empty database, one at [`LATEST`] and one in memory need no copy.
///
/// A copy that an earlier attempt left is replaced, and only once the new one is whole.
///
/// # Errors
/// When the database is not one that this program knows, or the copy cannot be written.
pub fn back_up(conn: &Connection) -> Result<Option<PathBuf>, MigrateError> {
    let path = match conn.path() {
        Some(path) if !path.is_empty() && !matches!(known_version(conn)?, EMPTY | LATEST) => Path::new(path),
        _ => return Ok(None),
    };
    let copy = path.with_extension(format!("pre-{LATEST}.db"));
    let unfinished = copy.with_extension("unfinished");
    let failed = |source| MigrateError::BackUp { copy: copy.clone(), source };
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    conn.execute("VACUUM main INTO ?1", [unfinished.to_string_lossy()])?;
    // SQLite does not wait for the disk here, and what follows must not outrun the copy.
    std::fs::File::open(&unfinished).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(&unfinished, &copy).map_err(failed)?;
    Ok(Some(copy))
}

/// The version of a database, or `None` when it is empty.
///
/// # Errors
/// When it cannot be read, or another program has marked it as half migrated.
pub fn version(conn: &Connection) -> Result<Option<i64>, MigrateError> {
    let kept = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'";
    if conn.query_row(kept, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let row = conn
        .query_row("SELECT version, dirty FROM main.schema_migrations", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match row {
        Some((version, true)) => Err(MigrateError::Dirty { version }),
        Some((version, false)) => Ok(Some(version)),
        None => Ok(None),
    }
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

/// Where in [`STEPS`] the step to `version` is.
fn position(version: i64) -> Option<usize> {
    STEPS.iter().position(|step| step.version == version)
}

/// The version of a database that we can move; [`EMPTY`] when nothing of ours is there.
fn known_version(conn: &Connection) -> Result<i64, MigrateError> {
    match version(conn)? {
        None => Ok(EMPTY),
        Some(found) if position(found).is_some() => Ok(found),
        Some(found) if found > LATEST => Err(MigrateError::TooNew { found }),
        Some(found) => Err(MigrateError::Unknown { found }),
    }
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
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let started_at = known_version(&tx)?;
    let mut at = started_at;
    while at != target {
        at = apply(&tx, at, target)?;
        // Nobody has used an empty database yet, so there is no version worth stopping at on the way.
        if started_at != EMPTY {
            break;
        }
    }
    record(&tx, at)?;
    check_references(&tx, at)?;
    tx.commit()?;
    Ok(at != target)
}

/// Runs the one step from `at` in the direction of `target`, and returns the version it leads to.
fn apply(tx: &Transaction<'_>, at: i64, target: i64) -> Result<i64, MigrateError> {
    // An empty database stands before the first step, so `next` is also how many steps are behind it.
    let next = position(at).map_or(0, |here| here + 1);
    let (sql, to) = if target > at {
        (STEPS[next].up, STEPS[next].version)
    } else {
        (STEPS[next - 1].down, next.checked_sub(2).map_or(EMPTY, |before| STEPS[before].version))
    };
    tx.execute_batch(sql).map_err(|source| MigrateError::Step { from: at, to, source })?;
    Ok(to)
}

/// Writes down the version as golang-migrate does: one row, or none for an empty database.
fn record(tx: &Transaction<'_>, version: i64) -> rusqlite::Result<()> {
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS main.schema_migrations (
            version INTEGER NOT NULL,
            dirty INTEGER NOT NULL CHECK (dirty IN (0, 1)),
            CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)
        ) STRICT;
        DELETE FROM main.schema_migrations;",
    )?;
    if version != EMPTY {
        tx.execute("INSERT INTO main.schema_migrations (version, dirty) VALUES (?1, 0)", [version])?;
    }
    Ok(())
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
