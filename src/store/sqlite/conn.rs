//! The connections of the SQLite engine: how a statement runs on one, and what SQLite's errors mean.

use std::sync::Arc;

use parking_lot::RawMutex;
use parking_lot::lock_api::ArcMutexGuard;
use rusqlite::{Connection, types::ValueRef};

use super::Readers;
use super::condition::Condition;
use super::upkeep::Bell;
use crate::store::Error;
use crate::store::driver::{Conn, Row, Transaction};
use crate::store::value::{Column, Value, to_json};

/// Reads only.
pub(super) struct Reader(pub r2d2::PooledConnection<Readers>);

/// The one that writes, while somebody has it.
pub(super) struct Writer {
    pub conn: ArcMutexGuard<RawMutex, Connection>,
    pub condition: Arc<Condition>,
    pub bell: Arc<Bell>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.conn.is_autocommit() {
            // The caller panicked or gave up inside a transaction: nothing of it may last.
            self.conn.execute_batch("ROLLBACK").ok();
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
        execute(&self.0, "BEGIN")
    }
    fn commit(&mut self) -> Result<(), Error> {
        execute(&self.0, "COMMIT")
    }
    fn rollback(&mut self) -> Result<(), Error> {
        execute(&self.0, "ROLLBACK")
    }
}

impl Conn for Writer {
    fn run(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        on_row: &mut dyn FnMut(&dyn Row) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let answer = run(&self.conn, sql, args, on_row);
        // That a statement went well says nothing yet: it is the commit that reaches the disk.
        if answer.is_err() { self.condition.wrote(answer) } else { answer }
    }
    fn begin(&mut self, _: Transaction) -> Result<(), Error> {
        execute(&self.conn, "BEGIN IMMEDIATE")
    }
    fn commit(&mut self) -> Result<(), Error> {
        self.condition.wrote(execute(&self.conn, "COMMIT"))?;
        self.bell.written();
        Ok(())
    }
    fn rollback(&mut self) -> Result<(), Error> {
        // SQLite itself rolls back on some errors, such as a full disk.
        if self.conn.is_autocommit() { Ok(()) } else { execute(&self.conn, "ROLLBACK") }
    }
}

/// Runs a statement that takes nothing and gives nothing; prepared, since each transaction has two.
fn execute(conn: &Connection, sql: &str) -> Result<(), Error> {
    conn.prepare_cached(sql).and_then(|mut statement| statement.raw_execute()).map(drop).map_err(fault)
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
        Value::Texts(t) => statement.raw_bind_parameter(at, to_json(t)),
        Value::Uuids(u) => statement.raw_bind_parameter(at, to_json(u)),
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
pub(super) fn fault(e: rusqlite::Error) -> Error {
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
        // SQLite says "full" only of a full disk; a quota and a limit on the size of files end here.
        ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE => return Error::Full(message),
        _ => {}
    }
    match code.code {
        ErrorCode::ConstraintViolation => Error::Refused(detail()),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::LostRace(message),
        ErrorCode::DiskFull => Error::Full(message),
        ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::OutOfMemory => Error::Unavailable(message),
        _ => Error::Bug(message),
    }
}
