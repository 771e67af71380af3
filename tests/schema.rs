//! The schema on SQLite: its catalogue against the reference's, migrations both ways, and what its triggers and
//! views do. Everything here runs on the SQL files as the program carries them.

mod catalogue;
mod checks;
mod migrations;
mod plans;
mod postgres;
mod seed;
mod triggers;
mod views;

use std::cell::Cell;
use std::collections::BTreeMap;

use rockpool::store::migrate::sqlite as migrate;
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, ToSql};
use serde_json::Value as Json;

/// What Go calls the zero time, in microseconds.
const ZERO_TIME: i64 = -62_135_596_800_000_000;
const PREBUILDS_USER: &str = "c42fdf75-3097-471c-8c33-fb52454d81c0";

/// The facts of one file in `fixtures/reference`.
fn facts(file: &str) -> Json {
    let path = format!("{}/fixtures/reference/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A database that has nothing yet, with the ephemeral one beside it and the settings that the store uses.
fn empty() -> Connection {
    let mut conn = Connection::open_in_memory().expect("open");
    conn.execute_batch("PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON; ATTACH ':memory:' AS ephemeral")
        .expect("settings");
    migrate::attach_ephemeral(&mut conn).expect("ephemeral tables");
    conn
}

/// A database as a first start finds it.
fn fresh() -> Connection {
    let mut conn = empty();
    migrate::up(&mut conn).expect("migrate");
    conn
}

/// The names in a JSON object, or the elements of an array.
fn list(of: &Json) -> impl Iterator<Item = &Json> {
    of.as_array().into_iter().flatten()
}

fn text<'a>(of: &'a Json, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_else(|| panic!("{key} is not text in {of}"))
}

/// Inserts rows of which a test names only what it is about; the rest is filled with something of the right type.
struct Rows {
    conn: Connection,
    schema: Json,
    made: Cell<u32>,
}

impl Rows {
    /// A fresh database in which rows need not have the rows they refer to.
    fn without_references() -> Self {
        let rows = Self::with_references();
        rows.conn.pragma_update(None, "foreign_keys", false).expect("foreign keys");
        rows
    }

    fn with_references() -> Self {
        Self { conn: fresh(), schema: facts("schema.json"), made: Cell::new(0) }
    }

    /// An id that no other call has returned.
    fn id(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("00000000-0000-4000-8000-{:012}", self.made.get())
    }

    /// Inserts a row and returns the value of its column `id`, or nothing where there is none.
    fn insert(&self, table: &str, given: &[(&str, &dyn ToSql)]) -> String {
        self.try_insert(table, given).unwrap_or_else(|error| panic!("{table}: {error}"))
    }

    fn try_insert(&self, table: &str, given: &[(&str, &dyn ToSql)]) -> rusqlite::Result<String> {
        let mut values: BTreeMap<&str, Value> = BTreeMap::new();
        for column in list(&self.schema["tables"][table]["columns"]) {
            let name = text(column, "name");
            let optional = column.get("nullable").is_some() || column.get("default").is_some();
            let wanted = name == "username" || name == "id" && text(column, "type") == "uuid";
            if wanted || !optional && column.get("generated").is_none() {
                values.insert(name, self.filling(table, name, text(column, "type")));
            }
        }
        for (name, value) in given {
            let value = match value.to_sql()? {
                ToSqlOutput::Borrowed(value) => value.try_into()?,
                ToSqlOutput::Owned(value) => value,
                _ => panic!("{table}.{name} is given as something else than a value"),
            };
            values.insert(name, value);
        }
        let names: Vec<_> = values.keys().map(|name| format!("\"{name}\"")).collect();
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", "));
        self.conn.execute(&sql, rusqlite::params_from_iter(values.values()))?;
        Ok(match values.get("id") {
            Some(Value::Text(id)) => id.clone(),
            _ => String::new(),
        })
    }

    fn filling(&self, table: &str, column: &str, of_type: &str) -> Value {
        if let Some(first) = self.schema["enums"][of_type].get(0) {
            return Value::Text(first.as_str().expect("enum values are text").to_owned());
        }
        match of_type {
            "uuid" => Value::Text(self.id()),
            "jsonb" => Value::Text("{}".into()),
            "inet" => Value::Text("127.0.0.1".into()),
            "date" => Value::Text("2026-01-02".into()),
            "bytea" => Value::Blob(self.id().into_bytes()),
            "double precision" | "real" => Value::Real(0.5),
            "boolean" => Value::Integer(0),
            "integer" | "bigint" | "smallint" => Value::Integer(1),
            _ if of_type.starts_with("timestamp") => Value::Integer(1_000_000),
            _ if column == "allow_list" => Value::Text(r#"["*:*"]"#.into()),
            _ if of_type.ends_with("[]") => Value::Text("[]".into()),
            _ if table == "telemetry_locks" && column == "event_type" => Value::Text("boundary_usage_summary".into()),
            _ if table == "usage_events" && column == "event_type" => Value::Text("dc_managed_agents_v1".into()),
            _ => Value::Text(format!("n{}", self.id().trim_start_matches("00000000-0000-4000-8000-"))),
        }
    }

    fn set(&self, table: &str, id: &str, change: &str) {
        self.try_set(table, id, change).unwrap_or_else(|error| panic!("{table}: {change}: {error}"));
    }

    fn try_set(&self, table: &str, id: &str, change: &str) -> rusqlite::Result<usize> {
        self.conn.execute(&format!("UPDATE {table} SET {change} WHERE id = ?1"), [id])
    }

    /// The values of one column, as text, in order.
    fn column(&self, sql: &str) -> Vec<String> {
        let mut statement = self.conn.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let rows = statement.query_map([], |row| row.get::<_, Value>(0)).expect(sql);
        let show = |value| match value {
            Value::Null => "NULL".to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Text(text) => text,
            Value::Blob(bytes) => format!("{bytes:?}"),
        };
        rows.map(|value| show(value.expect(sql))).collect()
    }

    /// The one value that a query finds, as text.
    fn one(&self, sql: &str) -> String {
        let found = self.column(sql);
        assert_eq!(found.len(), 1, "{sql} finds {found:?}");
        found.into_iter().next().unwrap_or_default()
    }
}

/// Asserts that a trigger refused, in words that hold `words`.
fn assert_refused<T: std::fmt::Debug>(result: rusqlite::Result<T>, words: &str) {
    let error = result.expect_err(words);
    assert_eq!(
        error.sqlite_error().map(|error| error.extended_code),
        Some(rusqlite::ffi::SQLITE_CONSTRAINT_TRIGGER),
        "{error}"
    );
    assert!(error.to_string().contains(words), "{error} does not say {words:?}");
}
