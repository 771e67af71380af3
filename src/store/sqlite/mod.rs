//! The SQLite engine: one file, one writer, a pool of readers.
//!
//! Why so: SQLite lets one connection write at a time, and a second one that waits by its busy
//! handler waits unfairly, for up to a second under load. A single writer behind a fair lock does
//! not. Every transaction that may write begins IMMEDIATE, so none fails half-way for want of the
//! lock. `synchronous=FULL`: what was acknowledged survives a power cut.
//!
//! [`file`] judges a file before it is opened, [`upkeep`] keeps the database in shape while it is used.

mod condition;
mod conn;
pub(in crate::store) mod file;
mod upkeep;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use condition::Condition;
use conn::{Reader, Writer, fault};
use file::Found;
use upkeep::{Bell, LogSize, Upkeep};

use crate::store::driver::{Conn, Dialect, Driver, Pool, Transaction};
use crate::store::lock::Lock;
use crate::store::migrate::sqlite as migrate;
use crate::store::{Error, functions};

/// The first SQLite without the WAL-reset corruption bug.
const OLDEST_VERSION: i32 = 3_053_000;
/// How long SQLite waits for another process, such as a backup, to let go of a lock.
const BUSY: Duration = Duration::from_secs(5);
const STATEMENTS_KEPT: usize = 256;
/// At how many pages of log, 32 MiB, a commit moves them itself, should [`upkeep`] not keep pace.
const LONGEST_LOG_PAGES: u32 = 8192;

/// With less room than this, a database that could not be written is not well again.
const ENOUGH_ROOM: u64 = 16 << 20;

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most connections that read at once.
    pub readers: u32,
    /// How long a caller waits for the writer or a reader before it is told to come back.
    pub patience: Duration,
    /// Whether Litestream replicates the database: it moves the log itself and must find all of it.
    pub litestream: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { readers: 2, patience: Duration::from_secs(5), litestream: false }
    }
}

/// An open database.
pub struct Sqlite {
    /// First, so that it ends before the connections that it works with.
    _upkeep: Upkeep,
    readers: r2d2::Pool<Readers>,
    writer: Arc<Mutex<Connection>>,
    path: PathBuf,
    patience: Duration,
    waits: Waits,
    condition: Arc<Condition>,
    bell: Arc<Bell>,
    /// Last, when no connection is left.
    _lock: Lock,
}

struct Readers {
    path: PathBuf,
    ephemeral: PathBuf,
    litestream: bool,
}

/// How often, and for how long, somebody waited for a connection.
#[derive(Default)]
struct Waits {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Waits {
    /// What `wait` gives, counted as one wait.
    fn during<T>(&self, wait: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        self.count.fetch_add(1, Ordering::Relaxed);
        let given = wait();
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(took, Ordering::Relaxed);
        given
    }
}

impl Sqlite {
    /// Opens the database at `path`, creating it if need be, and brings its schema up to date. A file
    /// that is not ours, not whole or in use is refused and left as it is.
    pub fn open(path: &Path, options: &Options) -> Result<Sqlite, Error> {
        if rusqlite::version_number() < OLDEST_VERSION {
            return Err(Error::Unavailable(format!(
                "SQLite {} has a bug that can lose data; 3.53 or newer is needed",
                rusqlite::version()
            )));
        }
        file::check_filesystem(path)?;
        // Twice: a file that is none of ours gets no lock beside it, and one of ours may have changed until it is locked.
        file::examine(path)?;
        let lock = Lock::take(path).map_err(unavailable)?;
        let found = file::examine(path)?;
        if found != Found::Nothing {
            file::check(path)?;
        }
        let ephemeral = path.with_extension("ephemeral");
        for suffix in ["", "-wal", "-shm"] {
            remove(&file::beside(&ephemeral, suffix))?;
        }
        let explain = |e| explain(path, e);
        if found == Found::Nothing {
            file::make_private(path).map_err(unavailable)?;
        }
        let mut writer = Connection::open(path).map_err(explain)?;
        prepare(&writer, options.litestream).map_err(explain)?;
        mark(&writer, found).map_err(explain)?;
        writer
            .pragma_update(None, "wal_autocheckpoint", if options.litestream { 0 } else { LONGEST_LOG_PAGES })
            .map_err(explain)?;
        if let Some(copy) = migrate::back_up(&writer).map_err(unavailable)? {
            log::info!("copied the database to {} before changing its schema", copy.display());
        }
        migrate::up(&mut writer).map_err(unavailable)?;
        attach(&writer, &ephemeral)?;
        migrate::attach_ephemeral(&mut writer).map_err(unavailable)?;
        let readers = Readers { path: path.to_owned(), ephemeral, litestream: options.litestream };
        let upkeeps_own = Connection::open(path).map_err(explain)?;
        prepare(&upkeeps_own, options.litestream).map_err(explain)?;
        let (writer, condition, bell) =
            (Arc::new(Mutex::new(writer)), Arc::<Condition>::default(), Arc::<Bell>::default());
        let parts = upkeep::Parts {
            path: path.to_owned(),
            writer: Arc::clone(&writer),
            condition: Arc::clone(&condition),
            leave_log: options.litestream,
        };
        Ok(Sqlite {
            _upkeep: Upkeep::start(parts, Arc::clone(&bell), upkeeps_own).map_err(unavailable)?,
            readers: pool(readers, options),
            writer,
            path: path.to_owned(),
            patience: options.patience,
            waits: Waits::default(),
            condition,
            bell,
            _lock: lock,
        })
    }
}

fn pool(readers: Readers, options: &Options) -> r2d2::Pool<Readers> {
    r2d2::Pool::builder()
        .max_size(options.readers.max(1))
        .min_idle(Some(0))
        .max_lifetime(None)
        .idle_timeout(None)
        .test_on_check_out(false)
        .connection_timeout(options.patience)
        .thread_pool(Arc::new(
            scheduled_thread_pool::ScheduledThreadPool::builder()
                .num_threads(1)
                .thread_name_pattern("sqlite-pool-{}")
                .build(),
        ))
        .build_unchecked(readers)
}

fn unavailable(e: impl std::fmt::Display) -> Error {
    Error::Unavailable(e.to_string())
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::Unavailable(format!("cannot remove {}: {e}", path.display())))
        }
        _ => Ok(()),
    }
}

/// Settings of every connection.
fn prepare(conn: &Connection, litestream: bool) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY)?;
    // Closing would move the log behind Litestream's back.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, litestream)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -8000; PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 67108864; PRAGMA recursive_triggers = ON;",
    )?;
    functions::register(conn)
}

/// Makes the file recognisable, and a database with a log. The mark comes first: it is in the file itself then, where the
/// next start finds it without opening anything.
fn mark(conn: &Connection, found: Found) -> rusqlite::Result<()> {
    if found != Found::Ours {
        conn.pragma_update(None, "application_id", file::APPLICATION_ID)?;
        conn.pragma_update(None, "user_version", file::FORMAT)?;
    }
    conn.pragma_update(None, "journal_mode", "WAL")
}

fn attach(conn: &Connection, ephemeral: &Path) -> Result<(), Error> {
    conn.execute("ATTACH DATABASE ?1 AS ephemeral", [ephemeral.to_string_lossy()]).map_err(fault)?;
    conn.pragma_update(Some("ephemeral"), "journal_mode", "WAL").map_err(fault)?;
    conn.pragma_update(Some("ephemeral"), "synchronous", "OFF").map_err(fault)
}

fn explain(path: &Path, e: rusqlite::Error) -> Error {
    let hint = match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::CannotOpen) => "check that the folder exists and may be written",
        Some(rusqlite::ErrorCode::ReadOnly) => "check that the file and its folder may be written",
        Some(rusqlite::ErrorCode::DatabaseBusy) => "another process has it locked",
        Some(rusqlite::ErrorCode::DiskFull) => "the disk is full",
        _ => "see the message",
    };
    Error::Unavailable(format!("cannot open {}: {e} ({hint})", path.display()))
}

impl r2d2::ManageConnection for Readers {
    type Connection = Connection;
    type Error = rusqlite::Error;

    fn connect(&self) -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.path, flags)?;
        prepare(&conn, self.litestream)?;
        conn.execute("ATTACH DATABASE ?1 AS ephemeral", [self.ephemeral.to_string_lossy()])?;
        conn.pragma_update(None, "query_only", true)?;
        Ok(conn)
    }
    fn is_valid(&self, _: &mut Connection) -> Result<(), rusqlite::Error> {
        Ok(())
    }
    /// A connection that comes back inside a transaction must not be used again.
    fn has_broken(&self, conn: &mut Connection) -> bool {
        !conn.is_autocommit()
    }
}

impl Driver for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
    fn reader(&self) -> Result<Box<dyn Conn>, Error> {
        let conn = match self.readers.try_get() {
            Some(conn) => Ok(conn),
            None if self.readers.state().connections < self.readers.max_size() => self.readers.get(),
            None => self.waits.during(|| self.readers.get()),
        };
        let conn = conn.map_err(|e| Error::Unavailable(format!("no free connection: {e}")))?;
        Ok(Box::new(Reader(conn)))
    }
    fn writer(&self) -> Result<Box<dyn Conn>, Error> {
        let wait = || self.writer.try_lock_arc_for(self.patience);
        match self.writer.try_lock_arc().or_else(|| self.waits.during(wait)) {
            Some(conn) => {
                let (condition, bell) = (Arc::clone(&self.condition), Arc::clone(&self.bell));
                Ok(Box::new(Writer { conn, condition, bell }))
            }
            None => Err(Error::Unavailable("the database was busy writing for too long".into())),
        }
    }
    fn pool(&self) -> Pool {
        let readers = self.readers.state();
        Pool {
            max_open: self.readers.max_size() + 1,
            open: readers.connections + 1,
            in_use: readers.connections - readers.idle_connections + u32::from(self.writer.is_locked()),
            waits: self.waits.count.load(Ordering::Relaxed),
            waited: Duration::from_nanos(self.waits.nanoseconds.load(Ordering::Relaxed)),
            closed_as_idle: 0,
        }
    }
    fn check_writes(&self) -> Result<(), Error> {
        self.condition.check()?;
        if !self.condition.write_failed() {
            return Ok(());
        }
        let room = file::room(&self.path);
        if room < ENOUGH_ROOM {
            return Err(Error::Full(format!("there is room for {room} more bytes")));
        }
        // Writes the header's page again, as it is.
        let mut writer = self.writer()?;
        writer.begin(Transaction::Statement)?;
        writer.run(&format!("PRAGMA main.user_version = {}", file::FORMAT), &[], &mut |_| Ok(()))?;
        writer.commit()?;
        self.condition.recovered();
        Ok(())
    }
    fn collectors(&self) -> Vec<Box<dyn prometheus::core::Collector>> {
        vec![Box::new(LogSize::new(&self.path))]
    }
}
