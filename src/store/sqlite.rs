//! The SQLite engine: one file, one writer, a pool of readers.
//!
//! Why so: SQLite lets one connection write at a time, and a second one that waits by its busy
//! handler waits unfairly, for up to a second under load. A single writer behind a fair lock does
//! not. Every transaction that may write begins IMMEDIATE, so none fails half-way for want of the
//! lock. `synchronous=FULL`: what was acknowledged survives a power cut.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::lock_api::ArcMutexGuard;
use parking_lot::{Mutex, RawMutex};
use rusqlite::{Connection, OpenFlags, types::ValueRef};

use crate::store::driver::{Conn, Dialect, Driver, Pool, Row, Transaction};
use crate::store::lock::Lock;
use crate::store::migrate::sqlite as migrate;
use crate::store::value::{Column, Value};
use crate::store::{Error, functions};

/// The first SQLite without the WAL-reset corruption bug.
const OLDEST_VERSION: i32 = 3_053_000;
/// How long a caller waits for the writer or a reader before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);
const STATEMENTS_KEPT: usize = 256;

/// An open database.
pub struct Sqlite {
    readers: r2d2::Pool<Readers>,
    writer: Arc<Mutex<Connection>>,
    waits: Waits,
    /// Dropped last, when no connection is left.
    _lock: Lock,
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

struct Readers {
    path: PathBuf,
    ephemeral: PathBuf,
}

impl Sqlite {
    /// Opens the database at `path`, creating it if need be, and brings its schema up to date.
    /// `readers`: the most connections that read at once.
    pub fn open(path: &Path, readers: u32) -> Result<Sqlite, Error> {
        if rusqlite::version_number() < OLDEST_VERSION {
            return Err(Error::Unavailable(format!(
                "SQLite {} has a bug that can lose data; 3.53 or newer is needed",
                rusqlite::version()
            )));
        }
        let lock = Lock::take(path).map_err(|e| Error::Unavailable(e.to_string()))?;
        let ephemeral = path.with_extension("ephemeral");
        for suffix in ["", "-wal", "-shm"] {
            let mut name = ephemeral.clone().into_os_string();
            name.push(suffix);
            match std::fs::remove_file(&name) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::Unavailable(format!("cannot remove {}: {e}", name.to_string_lossy())));
                }
                _ => {}
            }
        }
        let mut writer = Connection::open(path).map_err(|e| explain(path, e))?;
        prepare(&writer).map_err(|e| explain(path, e))?;
        writer.pragma_update(None, "journal_mode", "WAL").map_err(|e| explain(path, e))?;
        if let Some(copy) = migrate::back_up(&writer).map_err(|e| Error::Unavailable(e.to_string()))? {
            log::info!("copied the database to {} before changing its schema", copy.display());
        }
        migrate::up(&mut writer).map_err(|e| Error::Unavailable(e.to_string()))?;
        attach(&writer, &ephemeral)?;
        migrate::attach_ephemeral(&mut writer).map_err(|e| Error::Unavailable(e.to_string()))?;
        let readers = r2d2::Pool::builder()
            .max_size(readers.max(1))
            .min_idle(Some(0))
            .max_lifetime(None)
            .idle_timeout(None)
            .test_on_check_out(false)
            .connection_timeout(PATIENCE)
            .thread_pool(Arc::new(
                scheduled_thread_pool::ScheduledThreadPool::builder()
                    .num_threads(1)
                    .thread_name_pattern("sqlite-pool-{}")
                    .build(),
            ))
            .build_unchecked(Readers { path: path.to_owned(), ephemeral });
        Ok(Sqlite { readers, writer: Arc::new(Mutex::new(writer)), waits: Waits::default(), _lock: lock })
    }
}

/// Settings of every connection.
fn prepare(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(PATIENCE)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -8000; PRAGMA journal_size_limit = 67108864; PRAGMA recursive_triggers = ON;",
    )?;
    functions::register(conn)
}

fn attach(conn: &Connection, ephemeral: &Path) -> Result<(), Error> {
    conn.execute("ATTACH DATABASE ?1 AS ephemeral", [ephemeral.to_string_lossy()]).map_err(fault)?;
    conn.pragma_update(Some("ephemeral"), "journal_mode", "WAL").map_err(fault)?;
    conn.pragma_update(Some("ephemeral"), "synchronous", "OFF").map_err(fault)
}

fn explain(path: &Path, e: rusqlite::Error) -> Error {
    let hint = match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => {
            "it is not an SQLite database; nothing was changed. Move it away, or point --data-dir elsewhere"
        }
        Some(rusqlite::ErrorCode::CannotOpen) => "check that the folder exists and may be written",
        Some(rusqlite::ErrorCode::DatabaseBusy) => "another process has it locked",
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
        prepare(&conn)?;
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
        let wait = || self.writer.try_lock_arc_for(PATIENCE);
        match self.writer.try_lock_arc().or_else(|| self.waits.during(wait)) {
            Some(guard) => Ok(Box::new(Writer(guard))),
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
}

struct Reader(r2d2::PooledConnection<Readers>);
struct Writer(ArcMutexGuard<RawMutex, Connection>);

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // The caller panicked or gave up inside a transaction: nothing of it may last.
            self.0.execute_batch("ROLLBACK").ok();
        }
    }
}

impl Conn for Reader {
    fn run(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        on_row: &mut dyn FnMut(&dyn Row) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        run(&self.0, sql, args, on_row)
    }
    fn begin(&mut self, _: Transaction) -> Result<(), Error> {
        self.0.execute_batch("BEGIN").map_err(fault)
    }
    fn commit(&mut self) -> Result<(), Error> {
        self.0.execute_batch("COMMIT").map_err(fault)
    }
    fn rollback(&mut self) -> Result<(), Error> {
        self.0.execute_batch("ROLLBACK").map_err(fault)
    }
}

impl Conn for Writer {
    fn run(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        on_row: &mut dyn FnMut(&dyn Row) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        run(&self.0, sql, args, on_row)
    }
    fn begin(&mut self, _: Transaction) -> Result<(), Error> {
        self.0.execute_batch("BEGIN IMMEDIATE").map_err(fault)
    }
    fn commit(&mut self) -> Result<(), Error> {
        self.0.execute_batch("COMMIT").map_err(fault)
    }
    fn rollback(&mut self) -> Result<(), Error> {
        // SQLite itself rolls back on some errors, such as a full disk.
        if self.0.is_autocommit() { Ok(()) } else { self.0.execute_batch("ROLLBACK").map_err(fault) }
    }
}

fn run(
    conn: &Connection,
    sql: &str,
    args: &[Value<'_>],
    on_row: &mut dyn FnMut(&dyn Row) -> Result<(), Error>,
) -> Result<u64, Error> {
    let mut statement = conn.prepare_cached(sql).map_err(fault)?;
    for (i, arg) in args.iter().enumerate() {
        bind(&mut statement, i + 1, arg).map_err(fault)?;
    }
    let writes = !statement.readonly();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(fault)? {
        on_row(&SqliteRow(row))?;
    }
    drop(rows);
    Ok(if writes { conn.changes() } else { 0 })
}

fn bind(statement: &mut rusqlite::Statement<'_>, at: usize, arg: &Value<'_>) -> rusqlite::Result<()> {
    match arg {
        Value::Null => statement.raw_bind_parameter(at, rusqlite::types::Null),
        Value::Bool(b) => statement.raw_bind_parameter(at, *b),
        Value::Int(i) => statement.raw_bind_parameter(at, *i),
        Value::Real(r) => statement.raw_bind_parameter(at, *r),
        Value::Text(t) | Value::Json(t) => statement.raw_bind_parameter(at, t.as_ref()),
        Value::Bytes(b) => statement.raw_bind_parameter(at, b.as_ref()),
        Value::Uuid(u) => statement.raw_bind_parameter(at, u.as_hyphenated().encode_lower(&mut [0; 36]) as &str),
        Value::Time(t) => statement.raw_bind_parameter(at, t.micros()),
        Value::Texts(t) => statement.raw_bind_parameter(at, serde_json::to_string(t).unwrap_or_default()),
        Value::Uuids(u) => statement.raw_bind_parameter(at, serde_json::to_string(u).unwrap_or_default()),
    }
}

struct SqliteRow<'a>(&'a rusqlite::Row<'a>);

impl Row for SqliteRow<'_> {
    fn column(&self, index: usize) -> Result<Column<'_>, Error> {
        Ok(match self.0.get_ref(index).map_err(fault)? {
            ValueRef::Null => Column::Null,
            ValueRef::Integer(i) => Column::Int(i),
            ValueRef::Real(r) => Column::Real(r),
            ValueRef::Text(t) => {
                Column::Text(std::str::from_utf8(t).map_err(|_| Error::Decode("text that is not UTF-8".into()))?)
            }
            ValueRef::Blob(b) => Column::Bytes(b),
        })
    }
}

/// What SQLite's error means to a caller.
fn fault(e: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    use rusqlite::ffi;
    let rusqlite::Error::SqliteFailure(code, message) = &e else { return Error::Bug(e.to_string()) };
    let message = message.clone().unwrap_or_else(|| code.to_string());
    let detail = || message.split_once("failed: ").map_or(message.as_str(), |(_, d)| d).to_owned();
    match code.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            return Error::Unique(detail());
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => return Error::ForeignKey(detail()),
        _ => {}
    }
    match code.code {
        ErrorCode::ConstraintViolation => Error::Refused(detail()),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::LostRace(message),
        ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::OutOfMemory => Error::Unavailable(message),
        _ => Error::Bug(message),
    }
}
