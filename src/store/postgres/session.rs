//! One connection: the statements prepared on it, and whether it is inside a transaction. Knows no pool.

use std::collections::HashMap;

use postgres::fallible_iterator::FallibleIterator;
use postgres::types::ToSql;
use postgres::{Client, Statement};

use super::fault::{fault, is_broken, is_stale, with_cause};
use super::values::Cell;
use crate::store::Error;
use crate::store::driver::{Row, Transaction};
use crate::store::value::{Column, Value};

/// A connection keeps at most this many statements prepared: all declared queries, and what `{where}` and
/// `{filter}` make of some of them.
const STATEMENTS_KEPT: usize = 512;

/// A connection and what is known of it.
pub(super) struct Session {
    client: Client,
    statements: HashMap<String, Kept>,
    /// Counts statements run, to know which was not used for longest.
    runs: u64,
    in_transaction: bool,
    /// Why a statement of this transaction failed. Postgres does nothing more in such a transaction.
    aborted: Option<String>,
    broken: bool,
}

struct Kept {
    statement: Statement,
    last_run: u64,
}

/// Why a statement failed, and whether it would have worked on another connection.
pub(super) struct Failed {
    pub error: Error,
    /// Nothing has happened: the connection had been lost, or was lost before the first row.
    pub try_another: bool,
}

impl Session {
    pub fn new(client: Client) -> Session {
        Session { client, statements: HashMap::new(), runs: 0, in_transaction: false, aborted: None, broken: false }
    }

    /// The connection itself, for what is no statement of the store.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Whether nobody should use it again.
    pub fn is_spent(&self) -> bool {
        self.broken || self.in_transaction || self.client.is_closed()
    }

    pub fn is_in_transaction(&self) -> bool {
        self.in_transaction
    }

    pub fn begin(&mut self, transaction: Transaction) -> Result<(), Failed> {
        let begun = self.client.batch_execute(match transaction {
            Transaction::Statement => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Transaction::Serial => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        });
        self.note(begun).map_err(|e| Failed { try_another: is_broken(&e), error: fault(e) })?;
        self.in_transaction = true;
        Ok(())
    }

    pub fn commit(&mut self) -> Result<(), Error> {
        if let Some(why) = self.aborted.take() {
            // Postgres would answer COMMIT with ROLLBACK, and with no error.
            self.rollback()?;
            return Err(Error::Bug(format!("a transaction went on after a statement of it had failed: {why}")));
        }
        let ended = self.client.batch_execute("COMMIT");
        self.in_transaction = false;
        self.note(ended).map_err(fault)
    }

    pub fn rollback(&mut self) -> Result<(), Error> {
        self.aborted = None;
        let ended = self.client.batch_execute("ROLLBACK");
        self.in_transaction = false;
        self.note(ended).map_err(fault)
    }

    /// Runs a statement; gives each row to `on_row`, and the number of rows changed.
    pub fn run(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        on_row: &mut dyn FnMut(&dyn Row) -> Result<(), Error>,
    ) -> Result<u64, Failed> {
        match self.attempt(sql, args, on_row) {
            Err(Stop::Server { e, rows: 0 }) if is_stale(&e) && !self.in_transaction => {
                self.statements.remove(sql);
                self.attempt(sql, args, on_row)
            }
            Err(Stop::Server { e, .. }) if is_stale(&e) => {
                self.statements.remove(sql);
                let error = Error::LostRace("the schema has changed under a transaction".into());
                return Err(Failed { error, try_another: false });
            }
            other => other,
        }
        .map_err(|stop| match stop {
            Stop::Caller(error) => Failed { error, try_another: false },
            Stop::Server { e, rows } => {
                let broken = is_broken(&e);
                self.broken |= broken;
                if self.in_transaction {
                    self.aborted.get_or_insert_with(|| with_cause(&e));
                }
                Failed { try_another: broken && rows == 0, error: fault(e) }
            }
        })
    }

    fn attempt(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        on_row: &mut dyn FnMut(&dyn Row) -> Result<(), Error>,
    ) -> Result<u64, Stop> {
        let statement = self.statement(sql).map_err(|e| Stop::Server { e, rows: 0 })?;
        let args = args.iter().map(|arg| arg as &(dyn ToSql + Sync));
        let mut found = self.client.query_raw(&statement, args).map_err(|e| Stop::Server { e, rows: 0 })?;
        let mut rows = 0;
        while let Some(row) = found.next().map_err(|e| Stop::Server { e, rows })? {
            rows += 1;
            on_row(&PostgresRow(&row)).map_err(Stop::Caller)?;
        }
        Ok(found.rows_affected().unwrap_or(0))
    }

    /// The statement of that text, prepared when it is not yet.
    fn statement(&mut self, sql: &str) -> Result<Statement, postgres::Error> {
        self.runs += 1;
        if let Some(kept) = self.statements.get_mut(sql) {
            kept.last_run = self.runs;
            return Ok(kept.statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        if self.statements.len() >= STATEMENTS_KEPT {
            let oldest = self.statements.iter().min_by_key(|(_, kept)| kept.last_run).map(|(sql, _)| sql.clone());
            oldest.map(|sql| self.statements.remove(&sql));
        }
        let kept = Kept { statement: statement.clone(), last_run: self.runs };
        self.statements.insert(sql.to_owned(), kept);
        Ok(statement)
    }

    fn note<T>(&mut self, answer: Result<T, postgres::Error>) -> Result<T, postgres::Error> {
        self.broken |= answer.as_ref().is_err_and(is_broken);
        answer
    }
}

/// What ended a statement.
enum Stop {
    /// The server or the way to it, after so many rows.
    Server { e: postgres::Error, rows: usize },
    /// Whoever took the rows.
    Caller(Error),
}

struct PostgresRow<'a>(&'a postgres::Row);

impl Row for PostgresRow<'_> {
    fn column(&self, index: usize) -> Result<Column<'_>, Error> {
        let cell = self.0.try_get::<_, Cell<'_>>(index);
        cell.map(|cell| cell.0).map_err(|e| Error::Decode(with_cause(&e)))
    }
}
