//! Postgres as what is copied from, and as what is copied to.
//!
//! As a source it is read in one `REPEATABLE READ` transaction. As a target it takes everything in one transaction, table
//! by table in the order of references, so that foreign keys hold all along. The schema's own triggers, which would add
//! and change rows, are switched off for a table while its rows arrive (`DISABLE TRIGGER USER`): the table's owner may do
//! that, where `session_replication_role` takes a superuser. Nobody sees it, since it is undone in the same transaction.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use postgres::Client;

use super::pg_values::{self, Form};
use super::place::Place;
use super::side::{EachRow, Flaw, PutRow, Source, Target};
use super::tables::{Kind, Sequence, TABLES, Table};
use super::{Error, UNFINISHED, expect_columns, expect_latest, io_error_of, postgres_error};
use crate::store::{migrate, postgres as engine};

/// How long to wait for whoever uses the target.
const PATIENCE: &str = "5s";
/// How much is gathered before it is sent.
const CHUNK: usize = 64 * 1024;
/// Tables that are emptied, though nothing is copied into them.
const EPHEMERAL: &str = "tailnet_tunnels, tailnet_peers, tailnet_coordinators";
/// The columns of every table, the number of the type of an array's elements, and whether it is generated.
const COLUMNS: &str = "SELECT class.relname::text, attribute.attname::text, type.typelem
    FROM pg_catalog.pg_class AS class
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
    JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = class.oid
    JOIN pg_catalog.pg_type AS type ON type.oid = attribute.atttypid
    WHERE namespace.nspname = current_schema() AND class.relkind IN ('r', 'p')
        AND attribute.attnum > 0 AND NOT attribute.attisdropped AND attribute.attgenerated = ''";

/// An open database.
pub struct PostgresSide {
    client: Client,
    place: Place,
    elements: BTreeMap<(String, String), u32>,
}

impl PostgresSide {
    /// Opens a database to read, as it is now: what servers write from here on is not seen.
    pub(super) fn source(target: &engine::Target) -> Result<PostgresSide, Error> {
        let mut side = PostgresSide::new(target)?;
        side.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        expect_latest(&side.place, migrate::postgres::status(&mut side.client)?.known()?)?;
        side.learn_columns()?;
        Ok(side)
    }

    /// Opens a database to fill.
    pub(super) fn target(target: &engine::Target) -> Result<PostgresSide, Error> {
        let mut side = PostgresSide::new(target)?;
        let status = migrate::postgres::status(&mut side.client)?;
        if !status.unfinished_copy {
            if status.known()? == migrate::EMPTY {
                migrate::postgres::up(&mut side.client)?;
            }
            expect_latest(&side.place, migrate::postgres::status(&mut side.client)?.known()?)?;
        }
        side.learn_columns()?;
        let alive = "SELECT hostname FROM replicas WHERE stopped_at IS NULL AND updated_at > now() - INTERVAL '30 s'";
        if let Some(host) = side.texts(alive, 1)?.first() {
            return Err(Error::Refused(format!("a server on {host} uses {}: stop it first", side.place)));
        }
        Ok(side)
    }

    fn new(target: &engine::Target) -> Result<PostgresSide, Error> {
        let client = engine::connect(target).map_err(|error| Error::Refused(error.to_string()))?;
        let place = Place::Postgres(Box::new(target.clone()));
        let mut side = PostgresSide { client, place, elements: BTreeMap::new() };
        side.run("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")?;
        Ok(side)
    }

    fn run(&mut self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).map_err(postgres_error("cannot use", &self.place))
    }

    fn learn_columns(&mut self) -> Result<(), Error> {
        let rows = self.client.query(COLUMNS, &[]).map_err(postgres_error("cannot read", &self.place))?;
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in &rows {
            let (table, column): (String, String) = (row.get(0), row.get(1));
            found.entry(table.clone()).or_default().push(column.clone());
            self.elements.insert((table, column), row.get(2));
        }
        expect_columns(&self.place, &found)
    }

    fn forms(&self, table: &Table) -> Vec<Form> {
        let form = |column: &super::tables::Column| {
            let is_array = matches!(column.kind, Kind::Texts | Kind::Uuids);
            let known = self.elements.get(&(table.name.to_owned(), column.name.to_owned())).copied();
            Form { kind: column.kind, element: known.filter(|_| is_array).unwrap_or(0) }
        };
        table.columns.iter().map(form).collect()
    }
}

impl Source for PostgresSide {
    fn place(&self) -> &Place {
        &self.place
    }

    fn count(&mut self, table: &Table) -> Result<u64, Error> {
        let row = self.client.query_one(&format!("SELECT count(*) FROM {}", table.name), &[]);
        row.map(|row| row.get::<_, i64>(0).unsigned_abs()).map_err(postgres_error("cannot read", &self.place))
    }

    fn rows(&mut self, table: &'static Table, each: EachRow<'_>) -> Result<(), Error> {
        let sql = format!("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)", table.column_list(), table.name);
        let mut stream = self.client.copy_out(&sql).map_err(postgres_error("cannot read", &self.place))?;
        let failed = |source| io_error_of(&format!("cannot read {} from {}", table.name, self.place))(source);
        let mut number = [0; 4];
        let mut head = vec![0; pg_values::HEADER.len()];
        stream.read_exact(&mut head).map_err(failed)?;
        let mut row = Vec::new();
        let mut lengths = Vec::with_capacity(table.columns.len());
        for count in 1u64.. {
            stream.read_exact(&mut number[..2]).map_err(failed)?;
            if number[..2] == *pg_values::TRAILER {
                break;
            }
            row.clear();
            lengths.clear();
            for _ in table.columns {
                stream.read_exact(&mut number).map_err(failed)?;
                let length = usize::try_from(i32::from_be_bytes(number)).ok();
                let begin = row.len();
                row.resize(begin + length.unwrap_or(0), 0);
                stream.read_exact(&mut row[begin..]).map_err(failed)?;
                lengths.push(length);
            }
            let mut values = Vec::with_capacity(table.columns.len());
            let mut rest = row.as_slice();
            let mut flaw = None;
            for (at, (column, length)) in table.columns.iter().zip(&lengths).enumerate() {
                let (bytes, after) = rest.split_at(length.unwrap_or(0));
                rest = after;
                match length.map_or(Ok(super::value::Value::Null), |_| pg_values::read(bytes, column.kind)) {
                    Ok(value) => values.push(value),
                    Err(problem) => {
                        flaw = Some(Flaw::new(table, count, &values, at, problem));
                        break;
                    }
                }
            }
            match flaw {
                Some(flaw) => each(Err(flaw))?,
                None => each(Ok(&values))?,
            }
        }
        Ok(())
    }

    fn last_number(&mut self, sequence: &Sequence) -> Result<i64, Error> {
        let sql = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}", sequence.name);
        let row = self.client.query_one(&sql, &[]).map_err(postgres_error("cannot read", &self.place))?;
        Ok(row.get(0))
    }

    fn texts(&mut self, sql: &str, at_most: usize) -> Result<Vec<String>, Error> {
        // The server stops at the limit, so that no more than that is sent, however much is wrong.
        let sql = format!("SELECT * FROM ({sql}) AS found (found) LIMIT {at_most}");
        let rows = self.client.query(&sql, &[]).map_err(postgres_error("cannot read", &self.place))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

impl Target for PostgresSide {
    fn is_unfinished(&mut self) -> Result<bool, Error> {
        Ok(migrate::postgres::status(&mut self.client)?.unfinished_copy)
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.run(&format!(
            "BEGIN;
             CREATE TABLE IF NOT EXISTS {UNFINISHED} (note text);
             UPDATE schema_migrations SET dirty = TRUE;
             COMMIT;
             BEGIN;
             SET LOCAL lock_timeout = '{PATIENCE}'"
        ))?;
        let tables = TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
        // Without CASCADE: a table of somebody else that refers to ours is not to be emptied by surprise.
        self.run(&format!("TRUNCATE {tables}, {EPHEMERAL}"))
    }

    fn load(
        &mut self,
        table: &'static Table,
        feed: &mut dyn FnMut(PutRow<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.run(&format!("ALTER TABLE {} DISABLE TRIGGER USER", table.name))?;
        let forms = self.forms(table);
        let failed = |error| postgres_error(&format!("cannot write {} to", table.name), &self.place)(error);
        let sql = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, table.column_list());
        let mut stream = self.client.copy_in(&sql).map_err(failed)?;
        let mut chunk = pg_values::HEADER.to_vec();
        let mut number = 0;
        let fed = feed(&mut |values| {
            number += 1;
            pg_values::write_row(values, &forms, &mut chunk)
                .map_err(|(at, problem)| Error::Value(Flaw::new(table, number, values, at, problem)))?;
            if chunk.len() >= CHUNK {
                stream.write_all(&chunk).map_err(io_error_of(&format!("cannot write {}", table.name)))?;
                chunk.clear();
            }
            Ok(())
        });
        chunk.extend(pg_values::TRAILER);
        let sent =
            fed.and_then(|()| stream.write_all(&chunk).map_err(io_error_of(&format!("cannot write {}", table.name))));
        match sent {
            Ok(()) => drop(stream.finish().map_err(failed)?),
            // Why the server hung up is in its own words at the end of the stream.
            Err(Error::Io { what, source }) => {
                return Err(stream.finish().err().map_or(Error::Io { what, source }, failed));
            }
            Err(error) => return Err(error),
        }
        self.run(&format!("ALTER TABLE {} ENABLE TRIGGER USER", table.name))
    }

    fn set_last_number(&mut self, sequence: &Sequence, last: i64) -> Result<(), Error> {
        // Before the first number, a sequence stands at 1 and has not been called.
        let set = "SELECT setval($1::text::regclass, greatest($2::bigint, 1), $2::bigint > 0)";
        let done = self.client.execute(set, &[&sequence.name, &last]);
        done.map(drop).map_err(postgres_error("cannot write", &self.place))
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.run(&format!("DROP TABLE {UNFINISHED}; UPDATE schema_migrations SET dirty = FALSE; COMMIT"))?;
        // Plans are made of what is known about tables, and nothing is known of these rows yet.
        let tables = TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
        self.run(&format!("ANALYZE {tables}"))
    }
}
