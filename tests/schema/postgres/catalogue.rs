//! The live catalogue against the facts: no line may differ, in whatever schema it all lies.

use std::collections::BTreeSet;

use postgres::Client;
use rockpool::store::migrate::{EMPTY, LATEST, postgres as migrate};
use serde_json::Value as Json;

use super::super::{facts, list, text};
use super::live;
use crate::support::postgres::{TestDatabase, database, empty_database, empty_database_with_schema, waits_for_its_run};

/// A way to the latest version, and a database that has gone it.
type Way = (&'static str, fn() -> TestDatabase);

#[test]
fn the_live_catalogue_is_the_references() {
    if waits_for_its_run() {
        return;
    }
    let stepwise: Way = ("version by version", || {
        let database = empty_database();
        go(&database, &[408, 409, 410, 411, LATEST]);
        database
    });
    let down_and_up: Way = ("down and up again", || {
        let database = database();
        go(&database, &[408, LATEST]);
        database
    });
    let from_nothing: Way = ("down to nothing and up again", || {
        let database = database();
        go(&database, &[EMPTY, LATEST]);
        database
    });
    let elsewhere: Way = ("in a schema of another name", || {
        let database = empty_database_with_schema("El se");
        go(&database, &[LATEST, 408, LATEST]);
        database
    });
    for (way, make) in [("at once", database as fn() -> TestDatabase), stepwise, down_and_up, from_nothing, elsewhere] {
        let database = make();
        let mut client = database.connect();
        let (want, have) = (wanted(&facts("schema.json"), &mut client), live(&mut client));
        let show = |lines: Vec<&String>| lines.iter().map(|line| format!("  {line}\n")).collect::<String>();
        let (missing, extra) = (show(want.difference(&have).collect()), show(have.difference(&want).collect()));
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{way}: only the reference has\n{missing}and only we have\n{extra}"
        );
        assert!(want.len() > 1400, "only {} lines were compared", want.len());
    }
}

fn go(database: &TestDatabase, versions: &[i64]) {
    let mut client = database.connect();
    for &version in versions {
        migrate::to(&mut client, version).unwrap_or_else(|err| panic!("to {version}: {err}"));
    }
}

/// The reference's catalogue, as [`live`] writes ours.
fn wanted(schema: &Json, client: &mut Client) -> BTreeSet<String> {
    let old: bool =
        client.query_one("SELECT current_setting('server_version_num')::int < 140000", &[]).expect("version").get(0);
    let object = |of: &Json| of.as_object().cloned().expect("an object");
    let mut lines = BTreeSet::new();
    for (table, about) in object(&schema["tables"]).into_iter().chain(object(&schema["bookkeeping"])) {
        let unlogged = if about["unlogged"] == true { "unlogged " } else { "" };
        lines.insert(format!("{unlogged}table {table}"));
        columns(&table, &about, false, old, &mut lines);
        let keys = [&about["primary_key"]].into_iter().filter(|key| key.is_object());
        for constraint in
            keys.chain(list(&about["unique"])).chain(list(&about["foreign_keys"])).chain(list(&about["checks"]))
        {
            lines.insert(format!("constraint {table} {} {}", text(constraint, "name"), text(constraint, "def")));
        }
        lines.extend(list(&about["indexes"]).map(|index| format!("index {}", index.as_str().expect("text"))));
    }
    for (view, about) in object(&schema["views"]) {
        lines.insert(format!("view {view}"));
        columns(&view, &about, true, old, &mut lines);
    }
    let words = |of: &Json| list(of).filter_map(Json::as_str).collect::<Vec<_>>().join(" ");
    lines.extend(object(&schema["enums"]).iter().map(|(name, values)| format!("enum {name} {}", words(values))));
    for (name, fields) in object(&schema["composite_types"]) {
        let fields: Vec<_> =
            list(&fields).map(|field| format!("{} {}", text(field, "name"), text(field, "type"))).collect();
        lines.insert(format!("type {name} {}", fields.join(", ")));
    }
    lines.extend(
        list(&schema["domains"]).map(|domain| format!("domain {} {}", text(domain, "name"), text(domain, "base"))),
    );
    lines.extend(
        list(&schema["sequences"])
            .map(|sequence| format!("sequence {} {}", text(sequence, "name"), text(sequence, "owned_by"))),
    );
    lines.extend(list(&schema["functions"]).map(|function| format!("function {}", function.as_str().expect("text"))));
    lines.extend(list(&schema["triggers"]).map(trigger));
    lines
}

fn columns(table: &str, about: &Json, view: bool, old: bool, lines: &mut BTreeSet<String>) {
    for (at, column) in list(&about["columns"]).enumerate() {
        let mut kind = text(column, "type");
        if old && column["note"].as_str().is_some_and(|note| note.starts_with("double precision on Postgres 13")) {
            kind = "double precision";
        }
        let mut line = format!("column {table} {} {} {kind}", at + 1, text(column, "name"));
        // Columns of views promise nothing.
        if !view && column.get("nullable").is_none() {
            line += " NOT NULL";
        }
        for (key, word) in [("generated", "GENERATED"), ("default", "DEFAULT")] {
            if let Some(expression) = column[key].as_str() {
                line += &format!(" {word} {}", expression.trim());
            }
        }
        lines.insert(line);
    }
}

/// What would make this trigger.
fn trigger(of: &Json) -> String {
    let (when, function) = text(of, "when").split_once(" -> ").expect("an event and a function");
    let (moment, events) = when.split_once(' ').expect("a moment and events");
    let mut events = events.replace(' ', " OR ");
    let columns: Vec<_> = list(&of["update_of"]).filter_map(Json::as_str).collect();
    if !columns.is_empty() {
        events = events.replace("UPDATE", &format!("UPDATE OF {}", columns.join(", ")));
    }
    let condition =
        of["condition"].as_str().map(|condition| format!("WHEN {} ", spelled_out(condition))).unwrap_or_default();
    format!(
        "trigger CREATE TRIGGER {} {moment} {events} ON {} FOR EACH ROW {condition}EXECUTE FUNCTION {function}()",
        text(of, "name"),
        text(of, "table"),
    )
}

/// A condition of the facts, `new.a AND NOT old.b`, as Postgres shows it.
fn spelled_out(condition: &str) -> String {
    let parts: Vec<_> = condition
        .split(" AND ")
        .map(|part| match part.strip_prefix("NOT ") {
            Some(column) => format!("({column} = false)"),
            None => format!("({part} = true)"),
        })
        .collect();
    if parts.len() == 1 { format!("({})", parts[0]) } else { format!("(({}))", parts.join(" AND ")) }
}
