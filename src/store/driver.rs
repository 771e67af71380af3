//! The storage trait: what an engine must do. Two implement it; nothing else in the house knows
//! which one it talks to.

use std::time::Duration;

use prometheus::core::Collector;

use crate::store::Error;
use crate::store::value::{Column, Value};

/// Which SQL an engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite: one file, embedded.
    Sqlite,
    /// PostgreSQL 13 or later.
    Postgres,
}

/// What a transaction must keep others from.
///
/// SQLite has one writer, so there every transaction is alone. On Postgres, closures were written as if they were
/// too: they look and then act on what they saw, and nothing but a serializable transaction keeps that true when
/// another one acts in between. The price, that one of two that meet has to start over, is paid by
/// [`Db::tx`](super::Db::tx), which runs it again. A single declared statement looks at nothing but its rule: it is
/// atomic by itself, so it pays nothing, and the statements that carry most of the writing never have to start over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// A declared statement and the look that its rule takes.
    Statement,
    /// A closure: as if no other transaction ran beside it.
    Serial,
}

/// Hands out connections.
pub trait Driver: Send + Sync {
    /// Which SQL its connections take.
    fn dialect(&self) -> Dialect;
    /// A connection to read with; it may be read-only.
    fn reader(&self) -> Result<Box<dyn Conn>, Error>;
    /// A connection to write with. On SQLite there is one, so it is held for as short as can be.
    fn writer(&self) -> Result<Box<dyn Conn>, Error>;
    /// How its connections are used.
    fn pool(&self) -> Pool;
    /// Whether it can write. Costs nothing while all goes well; after a failure it tries again.
    fn check_writes(&self) -> Result<(), Error> {
        Ok(())
    }
    /// Metrics of its own.
    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        Vec::new()
    }
}

/// The connections of an engine, for whoever watches it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pool {
    /// How many there may be.
    pub max_open: u32,
    /// How many there are.
    pub open: u32,
    /// How many somebody has.
    pub in_use: u32,
    /// How often somebody had to wait for one.
    pub waits: u64,
    /// For how long, in all.
    pub waited: Duration,
    /// How many were closed because there were idle ones enough.
    pub closed_as_idle: u64,
}

/// One connection, given back when dropped; an open transaction is then rolled back.
pub trait Conn: Send {
    /// Runs a statement; gives each row to `on_row`, and the number of rows changed.
    fn run(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        on_row: &mut dyn FnMut(&dyn Row) -> Result<(), Error>,
    ) -> Result<u64, Error>;
    /// Begins a transaction that may write.
    fn begin(&mut self, transaction: Transaction) -> Result<(), Error>;
    /// Makes it last.
    fn commit(&mut self) -> Result<(), Error>;
    /// Takes it back.
    fn rollback(&mut self) -> Result<(), Error>;
}

/// A result row, valid while the engine stands on it.
pub trait Row {
    /// The column at `index`, from 0.
    fn column(&self, index: usize) -> Result<Column<'_>, Error>;
}
