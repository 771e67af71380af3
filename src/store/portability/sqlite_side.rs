//! SQLite as what is copied from, and as what is copied to.
//!
//! As a target it takes everything in one transaction. Triggers and foreign keys are off for the connection, so that rows
//! arrive as they are; references are checked before the end. The journal is the plain one, not the write-ahead log,
//! since pages that are new need not be written twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Statement};

use super::place::Place;
use super::side::{EachRow, Flaw, PutRow, Source, Target};
use super::tables::{Sequence, TABLES, Table};
use super::value::Value;
use super::{Error, UNFINISHED, expect_columns, expect_latest, sqlite_error, sqlite_file, sqlite_values};
use crate::store::lock::Lock;
use crate::store::migrate;

/// How much of a target is kept in memory, in kB.
const CACHE_KB: i64 = 262_144;

/// An open database.
pub struct SqliteSide {
    conn: Connection,
    path: PathBuf,
    place: Place,
    // Given up when the connection is closed.
    _lock: Option<Lock>,
}

impl SqliteSide {
    /// Opens a database to read, as it is now: what a server writes from here on is not seen.
    pub(super) fn source(path: &Path) -> Result<SqliteSide, Error> {
        let conn = sqlite_file::open_reader(path)?;
        let side = SqliteSide::new(conn, path, None);
        side.run("BEGIN")?;
        // Only a read fixes the moment.
        expect_latest(&side.place, migrate::sqlite::status(&side.conn)?.known()?)?;
        expect_columns(&side.place, &side.columns()?)?;
        Ok(side)
    }

    /// Opens a database to fill, or makes it.
    pub(super) fn target(path: &Path) -> Result<SqliteSide, Error> {
        let lock = Lock::take(path)?;
        let conn = match path.metadata() {
            Ok(about) if about.len() > 0 => sqlite_file::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?,
            Ok(_) => Connection::open(path).map_err(sqlite_error("cannot make", path))?,
            Err(_) => {
                sqlite_file::make_private(path)?;
                Connection::open(path).map_err(sqlite_error("cannot make", path))?
            }
        };
        let mut side = SqliteSide::new(conn, path, Some(lock));
        side.run(&format!(
            "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -{CACHE_KB};"
        ))?;
        let status = migrate::sqlite::status(&side.conn)?;
        if !status.unfinished_copy {
            if status.known()? == migrate::EMPTY {
                migrate::sqlite::up(&mut side.conn)?;
            }
            expect_latest(&side.place, migrate::sqlite::status(&side.conn)?.known()?)?;
        }
        expect_columns(&side.place, &side.columns()?)?;
        Ok(side)
    }

    fn new(conn: Connection, path: &Path, lock: Option<Lock>) -> SqliteSide {
        SqliteSide { conn, path: path.to_owned(), place: Place::Sqlite(path.to_owned()), _lock: lock }
    }

    fn run(&self, sql: &str) -> Result<(), Error> {
        self.conn.execute_batch(sql).map_err(sqlite_error("cannot use", &self.path))
    }

    /// The columns of each table that are written.
    fn columns(&self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let read = || {
            let mut query = self.conn.prepare(
                "SELECT tables.name, columns.name FROM main.sqlite_schema AS tables
                 JOIN pragma_table_xinfo(tables.name, 'main') AS columns
                 WHERE tables.type = 'table' AND columns.hidden = 0",
            )?;
            let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
            let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
            for row in rows {
                let (table, column) = row?;
                found.entry(table).or_default().push(column);
            }
            Ok(found)
        };
        read().map_err(sqlite_error("cannot read", &self.path))
    }
}

impl Source for SqliteSide {
    fn place(&self) -> &Place {
        &self.place
    }

    fn count(&mut self, table: &Table) -> Result<u64, Error> {
        let count = self.conn.query_row(&format!("SELECT count(*) FROM main.{}", table.name), [], |row| row.get(0));
        count.map(i64::unsigned_abs).map_err(sqlite_error("cannot read", &self.path))
    }

    fn rows(&mut self, table: &'static Table, each: EachRow<'_>) -> Result<(), Error> {
        let failed = sqlite_error("cannot read", &self.path);
        let sql = format!("SELECT {} FROM main.{}", table.column_list(), table.name);
        let mut query = match self.conn.prepare(&sql) {
            Ok(query) => query,
            Err(error) => return Err(failed(error)),
        };
        let mut rows = query.raw_query();
        let mut number = 0;
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(()),
                Err(error) => return Err(failed(error)),
            };
            number += 1;
            let mut values = Vec::with_capacity(table.columns.len());
            let mut flaw = None;
            for (at, column) in table.columns.iter().enumerate() {
                match row
                    .get_ref(at)
                    .map_err(|error| error.to_string())
                    .and_then(|it| sqlite_values::read(it, column.kind))
                {
                    Ok(value) => values.push(value),
                    Err(problem) => {
                        flaw = Some(Flaw::new(table, number, &values, at, problem));
                        break;
                    }
                }
            }
            match flaw {
                Some(flaw) => each(Err(flaw))?,
                None => each(Ok(&values))?,
            }
        }
    }

    fn last_number(&mut self, sequence: &Sequence) -> Result<i64, Error> {
        let kept = self
            .conn
            .query_row("SELECT seq FROM main.sqlite_sequence WHERE name = ?1", [sequence.table], |row| row.get(0))
            .optional();
        let used = || {
            let sql = format!("SELECT coalesce(max(\"{}\"), 0) FROM main.{}", sequence.column, sequence.table);
            self.conn.query_row(&sql, [], |row| row.get(0))
        };
        kept.and_then(|kept| kept.map_or_else(used, Ok)).map_err(sqlite_error("cannot read", &self.path))
    }

    fn texts(&mut self, sql: &str, at_most: usize) -> Result<Vec<String>, Error> {
        let read =
            || self.conn.prepare(sql)?.query_map([], |row| row.get(0))?.take(at_most).collect::<rusqlite::Result<_>>();
        read().map_err(sqlite_error("cannot read", &self.path))
    }
}

impl Target for SqliteSide {
    fn is_unfinished(&mut self) -> Result<bool, Error> {
        Ok(migrate::sqlite::status(&self.conn)?.unfinished_copy)
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.run(&format!(
            "BEGIN IMMEDIATE;
             CREATE TABLE IF NOT EXISTS main.{UNFINISHED} (note TEXT) STRICT;
             UPDATE main.schema_migrations SET dirty = 1;
             COMMIT;
             PRAGMA foreign_keys = OFF;"
        ))?;
        let off = self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false);
        off.map_err(sqlite_error("cannot use", &self.path))?;
        self.run("BEGIN IMMEDIATE")?;
        TABLES.iter().rev().try_for_each(|table| self.run(&format!("DELETE FROM main.{}", table.name)))?;
        self.run("DELETE FROM main.sqlite_sequence")
    }

    fn load(
        &mut self,
        table: &'static Table,
        feed: &mut dyn FnMut(PutRow<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let places = vec!["?"; table.columns.len()].join(", ");
        let sql = format!("INSERT INTO main.{} ({}) VALUES ({places})", table.name, table.column_list());
        let failed = |error| sqlite_error("cannot write", &self.path)(error);
        let mut insert = self.conn.prepare(&sql).map_err(failed)?;
        let mut number = 0;
        feed(&mut |values| {
            number += 1;
            let flaw = |at, problem| Error::Value(Flaw::new(table, number, values, at, problem));
            // SQLite would keep it as NULL.
            let nan = values.iter().position(|value| match value {
                Value::Float8(float) => float.is_nan(),
                Value::Float4(float) => float.is_nan(),
                _ => false,
            });
            if let Some(at) = nan {
                return Err(flaw(at, "NaN, which SQLite cannot hold".to_owned()));
            }
            put(&mut insert, values).map_err(|error| flaw(0, error.to_string()))
        })
    }

    fn set_last_number(&mut self, sequence: &Sequence, last: i64) -> Result<(), Error> {
        // Those that number no primary key go on from the highest number that is in the table.
        let is_primary = "SELECT 1 FROM main.sqlite_schema WHERE name = ?1 AND sql LIKE '%AUTOINCREMENT%'";
        let set = || {
            if last == 0 || self.conn.query_row(is_primary, [sequence.table], |_| Ok(())).optional()?.is_none() {
                return Ok(());
            }
            self.conn.execute("DELETE FROM main.sqlite_sequence WHERE name = ?1", [sequence.table])?;
            let insert = "INSERT INTO main.sqlite_sequence (name, seq) VALUES (?1, ?2)";
            self.conn.execute(insert, (sequence.table, last)).map(drop)
        };
        set().map_err(sqlite_error("cannot write", &self.path))
    }

    fn finish(&mut self) -> Result<(), Error> {
        let broken = self.texts(r#"SELECT "table" || ' to ' || parent FROM pragma_foreign_key_check()"#, 5)?;
        if !broken.is_empty() {
            let broken = broken.join(", ");
            return Err(Error::Refused(format!(
                "rows refer to rows that are not there, from {broken}: see \"rockpool db check\""
            )));
        }
        self.run(&format!("DROP TABLE main.{UNFINISHED}; UPDATE main.schema_migrations SET dirty = 0; COMMIT"))?;
        // A database that was just made, by its name too.
        sqlite_file::sync_folder(&self.path)
    }
}

fn put(insert: &mut Statement<'_>, values: &[Value<'_>]) -> rusqlite::Result<()> {
    for (at, value) in values.iter().enumerate() {
        insert.raw_bind_parameter(at + 1, sqlite_values::bind(value))?;
    }
    insert.raw_execute().map(drop)
}
