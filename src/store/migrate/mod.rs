//! Moves a database between schema versions: up at every start, down when asked.
//!
//! The SQL is in `schema/`, a folder an engine; this module decides which of it runs, [`sqlite`] and [`postgres`] run
//! it. It opens no database and knows nothing of the queries. Start at [`postgres::to`] or [`sqlite::to`].
//!
//! A step and the change of the recorded version are one transaction, so that a database is at one version or the next
//! and never between. Tables that no step names, such as those a replication tool keeps, are left alone.

use std::path::PathBuf;

pub mod postgres;
pub mod sqlite;

/// The version that this program works with.
pub const LATEST: i64 = 412;

/// The version of a database that has nothing of ours: where the way down ends.
pub const EMPTY: i64 = 0;

/// The SQL of a step on one engine.
struct Scripts {
    up: &'static str,
    down: &'static str,
}

/// What leads to `version` from the one before it, and back.
struct Step {
    version: i64,
    name: &'static str,
    sqlite: Scripts,
    postgres: Scripts,
}

macro_rules! scripts {
    ($engine:literal, $version:literal, $name:literal) => {
        Scripts {
            up: include_str!(concat!("../../../schema/", $engine, "/000", $version, "_", $name, ".up.sql")),
            down: include_str!(concat!("../../../schema/", $engine, "/000", $version, "_", $name, ".down.sql")),
        }
    };
}

macro_rules! step {
    ($version:literal, $name:literal) => {
        Step {
            version: $version,
            name: $name,
            sqlite: scripts!("sqlite", $version, $name),
            postgres: scripts!("postgres", $version, $name),
        }
    };
}

/// All steps, oldest first.
const STEPS: &[Step] = &[
    step!(408, "base"),
    step!(409, "task_pausing"),
    step!(410, "drop_tailnet_v1"),
    step!(411, "boundary_usage"),
    step!(412, "ephemeral_tailnet"),
];

/// The version that a database must have reached for this program to take it over.
const OLDEST: i64 = STEPS[0].version;

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
         or finish it by hand and clear the column dirty in schema_migrations"
    )]
    Dirty {
        /// The version that the other program was moving to.
        version: i64,
    },
    /// A copy into the database was cut off.
    #[error(
        "the database holds a part of another one: copying into it was not finished. Run \"rockpool db copy --force\" \
         again, or start with an empty one"
    )]
    UnfinishedCopy,
    /// A transaction was open, in which SQLite cannot switch foreign keys off.
    #[error("the schema cannot be changed inside an open transaction")]
    InTransaction,
    /// Postgres would not know where to put tables.
    #[error("search_path ({search_path}) names no schema that exists: create one of them, or name another in the URL")]
    NoSchema {
        /// The setting.
        search_path: String,
    },
    /// Rows would refer to rows that are not there.
    #[error("version {version} would leave rows without the row they refer to ({rows}); nothing was changed")]
    BrokenReferences {
        /// The version that was being reached.
        version: i64,
        /// The first of these rows, for a reader.
        rows: String,
    },
    /// A statement of a step failed.
    #[error("the step between version {from} and version {to} failed, and nothing was changed: {}", spelled_out(.source))]
    Step {
        /// The version before the step.
        from: i64,
        /// The version after it.
        to: i64,
        /// What the engine said.
        source: Fault,
    },
    /// The copy that is made before a change could not be put in place.
    #[error("{} could not be written, so the database was left as it is: {source}", copy.display())]
    BackUp {
        /// Where the copy belongs.
        copy: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The engine failed outside a step.
    #[error("{}", spelled_out(.0))]
    Engine(#[source] Fault),
}

/// What an engine says when it fails.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// An error and what caused it: the driver for Postgres keeps the server's own words in the cause.
fn spelled_out(fault: &Fault) -> String {
    match fault.source() {
        Some(cause) => format!("{fault}: {cause}"),
        None => fault.to_string(),
    }
}

impl From<rusqlite::Error> for MigrateError {
    fn from(error: rusqlite::Error) -> MigrateError {
        MigrateError::Engine(error.into())
    }
}

impl From<::postgres::Error> for MigrateError {
    fn from(error: ::postgres::Error) -> MigrateError {
        MigrateError::Engine(error.into())
    }
}

/// What a database says of itself, as golang-migrate keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Its version; `None` when it has nothing of ours.
    pub version: Option<i64>,
    /// Whether another program left it between two versions.
    pub dirty: bool,
    /// Whether a copy into it has begun and not ended; it is dirty then too, so that others keep off it.
    pub unfinished_copy: bool,
}

/// The table that is there while a database is copied into.
pub const UNFINISHED_COPY: &str = "rockpool_unfinished_copy";

impl Status {
    /// A database that has nothing of ours.
    pub const NOTHING: Status = Status { version: None, dirty: false, unfinished_copy: false };

    /// The version, unless another program left the database between two.
    ///
    /// # Errors
    /// [`MigrateError::Dirty`].
    pub fn clean(self) -> Result<Option<i64>, MigrateError> {
        match self {
            Status { unfinished_copy: true, .. } => Err(MigrateError::UnfinishedCopy),
            Status { version: Some(version), dirty: true, .. } => Err(MigrateError::Dirty { version }),
            Status { version, .. } => Ok(version),
        }
    }

    /// The version, when it is one that steps lead from; [`EMPTY`] when nothing of ours is there.
    ///
    /// # Errors
    /// When the database is not one that this program knows.
    pub fn known(self) -> Result<i64, MigrateError> {
        match self.clean()? {
            None => Ok(EMPTY),
            Some(found) if position(found).is_some() => Ok(found),
            Some(found) if found > LATEST => Err(MigrateError::TooNew { found }),
            Some(found) => Err(MigrateError::Unknown { found }),
        }
    }
}

/// Every version that this program knows, oldest first, and what the step to it is called.
pub fn versions() -> impl Iterator<Item = (i64, &'static str)> {
    STEPS.iter().map(|step| (step.version, step.name))
}

/// An open transaction, as far as steps need one.
trait Steps {
    /// Which of a step's scripts are for this engine.
    fn scripts(step: &'static Step) -> &'static Scripts;
    /// Where the database is.
    fn status(&mut self) -> Result<Status, MigrateError>;
    /// Runs statements.
    fn run(&mut self, sql: &str) -> Result<(), Fault>;
    /// Writes down the version as golang-migrate does: one row, or none for an empty database.
    fn record(&mut self, version: i64) -> Result<(), MigrateError>;
    /// Refuses what may not be committed.
    fn check(&mut self, version: i64) -> Result<(), MigrateError>;
}

/// Where in [`STEPS`] the step to `version` is.
fn position(version: i64) -> Option<usize> {
    STEPS.iter().position(|step| step.version == version)
}

/// Refuses a version that does not exist.
fn exists(version: i64) -> Result<(), MigrateError> {
    if version == EMPTY || position(version).is_some() {
        Ok(())
    } else {
        Err(MigrateError::NoSuchVersion { asked: version })
    }
}

/// Goes one transaction nearer to `target`, and says where that leads; the caller commits.
///
/// An empty database goes all the way: nobody has used it yet, so no version on the way is worth stopping at.
fn advance<T: Steps>(tx: &mut T, target: i64) -> Result<i64, MigrateError> {
    let started_at = tx.status()?.known()?;
    let mut at = started_at;
    while at != target {
        at = apply(tx, at, target)?;
        if started_at != EMPTY {
            break;
        }
    }
    tx.record(at)?;
    tx.check(at)?;
    Ok(at)
}

/// Runs the one step from `at` in the direction of `target`, and returns the version it leads to.
fn apply<T: Steps>(tx: &mut T, at: i64, target: i64) -> Result<i64, MigrateError> {
    // An empty database stands before the first step, so `next` is also how many steps are behind it.
    let next = position(at).map_or(0, |here| here + 1);
    let (sql, to) = if target > at {
        (T::scripts(&STEPS[next]).up, STEPS[next].version)
    } else {
        (T::scripts(&STEPS[next - 1]).down, next.checked_sub(2).map_or(EMPTY, |before| STEPS[before].version))
    };
    tx.run(sql).map_err(|source| MigrateError::Step { from: at, to, source })?;
    Ok(to)
}
