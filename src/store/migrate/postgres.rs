//! Steps on Postgres, in the first schema of `search_path`. No script names a schema.
//!
//! Servers that start at once wait for each other: every step holds an advisory lock until it is committed, the one that
//! Coder's own migrations hold too.

use postgres::{Client, GenericClient, Transaction};

use super::{EMPTY, Fault, LATEST, MigrateError, Scripts, Status, Step, Steps, UNFINISHED_COPY, advance, exists};

/// The advisory lock of whoever changes the schema.
const LOCK: i64 = 1_037_453_835_920_848_937;

/// Brings a database, empty or not, to [`LATEST`].
///
/// # Errors
/// As [`to`].
pub fn up(client: &mut Client) -> Result<(), MigrateError> {
    to(client, LATEST)
}

/// Brings a database to `version`, up or down; [`EMPTY`] removes all that is ours.
///
/// An empty database gets there in one transaction, another one in a transaction a step. Several processes may try
/// at once: each step looks again at where the database is.
///
/// # Errors
/// When the database or `version` is not one that this program knows, or a step fails.
pub fn to(client: &mut Client, version: i64) -> Result<(), MigrateError> {
    exists(version)?;
    if status(client)?.known()? == version {
        return Ok(());
    }
    loop {
        let mut tx = client.transaction()?;
        // A step may take as long as it needs, and waits as long as another server's does.
        tx.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")?;
        tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
        let at = advance(&mut tx, version)?;
        tx.commit()?;
        if at == version {
            return Ok(());
        }
    }
}

/// The version of a database, or `None` when it is empty.
///
/// # Errors
/// When it cannot be read, or another program has marked it as half migrated.
pub fn version(client: &mut Client) -> Result<Option<i64>, MigrateError> {
    status(client)?.clean()
}

/// What a database says of itself.
///
/// # Errors
/// When it cannot be read, or has no schema to look in.
pub fn status(client: &mut impl GenericClient) -> Result<Status, MigrateError> {
    let row = client.query_one(
        "SELECT current_schema()::text, current_setting('search_path'), EXISTS (
            SELECT 1 FROM pg_catalog.pg_class AS class
            JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
            WHERE class.relname = 'schema_migrations' AND namespace.nspname = current_schema()
        )",
        &[],
    )?;
    if row.get::<_, Option<&str>>(0).is_none() {
        return Err(MigrateError::NoSchema { search_path: row.get(1) });
    }
    if !row.get::<_, bool>(2) {
        return Ok(Status::NOTHING);
    }
    let found = client.query_opt(
        "SELECT version, dirty, EXISTS (
            SELECT 1 FROM pg_catalog.pg_class AS class
            JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
            WHERE class.relname = $1::text AND namespace.nspname = current_schema()
        ) FROM schema_migrations",
        &[&UNFINISHED_COPY],
    )?;
    Ok(match found {
        Some(row) => Status { version: Some(row.get(0)), dirty: row.get(1), unfinished_copy: row.get(2) },
        None => Status::NOTHING,
    })
}

impl Steps for Transaction<'_> {
    fn scripts(step: &'static Step) -> &'static Scripts {
        &step.postgres
    }

    fn status(&mut self) -> Result<Status, MigrateError> {
        status(self)
    }

    fn run(&mut self, sql: &str) -> Result<(), Fault> {
        Ok(self.batch_execute(sql)?)
    }

    fn record(&mut self, version: i64) -> Result<(), MigrateError> {
        self.batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (
                version bigint NOT NULL,
                dirty boolean NOT NULL,
                CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)
            );
            DELETE FROM schema_migrations;",
        )?;
        if version != EMPTY {
            self.execute("INSERT INTO schema_migrations (version, dirty) VALUES ($1, FALSE)", &[&version])?;
        }
        Ok(())
    }

    /// Nothing to look for: Postgres holds foreign keys while the step runs.
    fn check(&mut self, _version: i64) -> Result<(), MigrateError> {
        Ok(())
    }
}
