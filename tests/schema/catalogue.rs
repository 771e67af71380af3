//! Both catalogues as sets of lines, one a column, key, check, index, view or trigger: the reference's from its
//! facts, ours from SQLite's tables. The sets must be equal but for [`DIFFERENCES`].

use std::collections::BTreeSet;

use regex::Regex;
use rusqlite::Connection;
use serde_json::Value as Json;

use super::{facts, fresh, list, text};

/// Where the two may differ: the start of a line that only the reference has, the start of what we have instead, and
/// why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "column workspace_proxies.region_id INTEGER NOT NULL DEFAULT sequence",
        "column workspace_proxies.region_id INTEGER NOT NULL",
        "SQLite numbers only primary keys; the store passes one above the highest, and no row is ever removed",
    ),
    (
        "trigger tailnet_",
        "",
        "these only notify; on SQLite there is one process, and who writes the row publishes the change",
    ),
    (
        "trigger users trigger_update_users AFTER INSERT",
        "",
        "it deletes by the id of the old row, and an insert has none",
    ),
    (
        "trigger users trigger_update_users_update AFTER UPDATE",
        "trigger users trigger_update_users AFTER UPDATE",
        "the only event left, so it keeps the plain name",
    ),
    (
        "trigger notification_messages update_notification_message_dedupe_hash BEFORE INSERT",
        "trigger notification_messages update_notification_message_dedupe_hash AFTER INSERT",
        "SQLite's triggers cannot change the row on its way in, so the hash is set right after",
    ),
    (
        "trigger notification_messages update_notification_message_dedupe_hash_update BEFORE UPDATE",
        "trigger notification_messages update_notification_message_dedupe_hash_update AFTER UPDATE OF \
         notification_template_id, user_id, method, payload, targets, created_at",
        "as above, and only when something changes that the hash is made of",
    ),
];

#[test]
fn the_live_catalogue_is_the_references() {
    let (mut want, mut have) = (wanted(&facts("schema.json")), live(&fresh()));
    let agreed: BTreeSet<String> = want.intersection(&have).cloned().collect();
    want.retain(|line| !agreed.contains(line));
    have.retain(|line| !agreed.contains(line));
    for (reference, ours, why) in DIFFERENCES {
        let before = (want.len(), have.len());
        want.retain(|line| !line.starts_with(reference));
        have.retain(|line| line != ours);
        assert!(want.len() < before.0, "no difference any more: {reference} ({why})");
        assert!(ours.is_empty() || have.len() < before.1, "not here: {ours} ({why})");
    }
    let show = |lines: &BTreeSet<String>| lines.iter().map(|line| format!("  {line}\n")).collect::<String>();
    assert!(
        want.is_empty() && have.is_empty(),
        "only the reference has\n{}and only we have\n{}",
        show(&want),
        show(&have)
    );
    assert!(agreed.len() > 1300, "only {} lines were compared", agreed.len());
}

#[test]
fn only_the_tailnet_tables_are_ephemeral() {
    let conn = fresh();
    for table in ["tailnet_coordinators", "tailnet_peers", "tailnet_tunnels"] {
        let schemas: Vec<String> = column(&conn, &format!("SELECT schema FROM pragma_table_list('{table}')"));
        assert_eq!(schemas, ["ephemeral"], "{table}");
    }
    let count = column(&conn, "SELECT count(*) || '' FROM ephemeral.sqlite_schema WHERE type = 'table'");
    assert_eq!(count, ["3"]);
}

/// The reference's catalogue, in SQLite's types.
fn wanted(schema: &Json) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let object = |of: &Json| of.as_object().cloned().expect("an object");
    for (table, about) in object(&schema["tables"]) {
        for column in list(&about["columns"]) {
            wanted_column(schema, &table, column, &mut lines);
        }
        for constraint in
            [&about["primary_key"]].into_iter().chain(list(&about["unique"])).chain(list(&about["foreign_keys"]))
        {
            if constraint.is_object() {
                lines.insert(format!("constraint {table} {} {}", text(constraint, "name"), text(constraint, "def")));
            }
        }
        for check in list(&about["checks"]) {
            lines.insert(format!("check {table} {}", text(check, "name")));
        }
        for index in list(&about["indexes"]) {
            lines.insert(index_line(index.as_str().expect("text")));
        }
    }
    for (view, about) in object(&schema["views"]) {
        let columns: Vec<_> = list(&about["columns"]).map(|column| text(column, "name")).collect();
        lines.insert(format!("view {view} {}", columns.join(", ")));
    }
    for trigger in list(&schema["triggers"]) {
        let (table, name) = (text(trigger, "table"), text(trigger, "name"));
        let when = text(trigger, "when").split(" -> ").next().unwrap_or_default();
        let (moment, events) = when.split_once(' ').expect("a moment and events");
        for (number, event) in events.split(' ').enumerate() {
            let suffix = if number == 0 { String::new() } else { format!("_{}", event.to_lowercase()) };
            let columns: Vec<_> = list(&trigger["update_of"]).filter_map(Json::as_str).collect();
            let of = if event == "UPDATE" && !columns.is_empty() {
                format!(" OF {}", columns.join(", "))
            } else {
                String::new()
            };
            lines.insert(format!("trigger {table} {name}{suffix} {moment} {event}{of}"));
        }
    }
    lines
}

fn wanted_column(schema: &Json, table: &str, column: &Json, lines: &mut BTreeSet<String>) {
    let (name, postgres) = (text(column, "name"), text(column, "type"));
    let values = |of: &str| {
        let mut values: Vec<_> = list(&schema["enums"][of]).filter_map(Json::as_str).collect();
        values.sort_unstable();
        values.join(" ")
    };
    let element = postgres.strip_suffix("[]");
    let sqlite = match postgres {
        "bytea" => "BLOB",
        "double precision" | "real" => "REAL",
        "boolean" | "integer" | "bigint" | "smallint" => "INTEGER",
        _ if postgres.starts_with("timestamp") => "INTEGER",
        _ => "TEXT",
    };
    let mut line = format!("column {table}.{name} {sqlite}");
    if column.get("nullable").is_none() {
        line += " NOT NULL";
    }
    if let Some(default) = column["default"].as_str() {
        line += &format!(" DEFAULT {}", wanted_default(default, postgres));
    }
    if column.get("generated").is_some() {
        line += " GENERATED";
    }
    lines.insert(line);

    match (postgres, element) {
        ("boolean", _) => drop(lines.insert(format!("boolean {table}.{name}"))),
        ("jsonb", _) => drop(lines.insert(format!("json {table}.{name}"))),
        (_, Some(element)) => {
            lines.insert(format!("array {table}.{name}"));
            if schema["enums"].get(element).is_some() {
                lines.insert(format!("elements {table}.{name} at INSERT {}", values(element)));
                lines.insert(format!("elements {table}.{name} at UPDATE {}", values(element)));
            }
        }
        _ if schema["enums"].get(postgres).is_some() => {
            lines.insert(format!("enum {table}.{name} {}", values(postgres)));
        }
        _ => {
            if let Some(length) = postgres.strip_prefix("character varying(") {
                lines.insert(format!("length {table}.{name} {}", length.trim_end_matches(')')));
            }
        }
    }
}

/// A default of Postgres as SQLite has it: `'{}'::text[]` is `'[]'`.
fn wanted_default(postgres: &str, of_type: &str) -> String {
    let literal = Regex::new(r"^'(.*)'::[a-z_ \[\]]+$").expect("a pattern");
    match postgres {
        "now()" | "CURRENT_TIMESTAMP" => "now".into(),
        "gen_random_uuid()" => "uuid".into(),
        "true" => "1".into(),
        "false" => "0".into(),
        _ if postgres.starts_with("nextval(") => "sequence".into(),
        _ => match literal.captures(postgres).map(|found| found[1].to_owned()) {
            Some(time) if time.starts_with("0001-01-01") => super::ZERO_TIME.to_string(),
            Some(array) if of_type.ends_with("[]") => {
                let elements: Vec<_> =
                    array.trim_matches(['{', '}']).split(',').filter(|each| !each.is_empty()).collect();
                format!("'{}'", serde_json::json!(elements))
            }
            Some(number) if matches!(of_type, "bigint" | "double precision") => number,
            Some(other) => format!("'{other}'"),
            None => postgres.to_owned(),
        },
    }
}

/// An index without what the dialects spell differently. SQLite cannot carry columns beside the key (INCLUDE), so
/// they follow it in the key, which serves the same queries.
fn index_line(sql: &str) -> String {
    let spelling = Regex::new(r#"USING \w+|::\w+|[\s()"]+"#).expect("a pattern");
    let sql = sql.replace(") INCLUDE (", ", ");
    spelling.replace_all(&sql, " ").to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",")
}

/// Our catalogue, as SQLite gives it.
fn live(conn: &Connection) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for schema in ["main", "ephemeral"] {
        let mut objects = conn
            .prepare(&format!(
                "SELECT type, name, sql FROM {schema}.sqlite_schema
                 WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations'"
            ))
            .expect("the catalogue");
        let objects = objects.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("the catalogue");
        for object in objects {
            let (kind, name, sql): (String, String, String) = object.expect("an object");
            match kind.as_str() {
                "table" => live_table(conn, &name, &sql, &mut lines),
                "index" => drop(lines.insert(index_line(&sql))),
                "trigger" => drop(lines.insert(trigger_line(&sql))),
                _ => {
                    let columns = column(conn, &format!("SELECT name FROM pragma_table_xinfo('{name}') ORDER BY cid"));
                    lines.insert(format!("view {name} {}", columns.join(", ")));
                }
            }
        }
    }
    lines
}

fn live_table(conn: &Connection, table: &str, sql: &str, lines: &mut BTreeSet<String>) {
    let items = items(sql);
    let mut columns = conn
        .prepare(&format!("SELECT name, type, \"notnull\", dflt_value, hidden FROM pragma_table_xinfo('{table}')"))
        .expect("columns");
    let mut columns = columns.query([]).expect("columns");
    while let Some(row) = columns.next().expect("a column") {
        let name: String = row.get(0).expect("name");
        let of_type: String = row.get(1).expect("type");
        let item = items
            .iter()
            .find(|item| {
                item.trim_start_matches('"').starts_with(&format!("{name} "))
                    || item.starts_with(&format!("\"{name}\" "))
            })
            .unwrap_or_else(|| panic!("{table} has no item for {name}"));
        let mut line = format!("column {table}.{name} {of_type}");
        if row.get(2).expect("notnull") {
            line += " NOT NULL";
        }
        match row.get::<_, Option<String>>(3).expect("default") {
            Some(default) if default.contains("unixepoch") => line += " DEFAULT now",
            Some(default) if default.contains("randomblob") => line += " DEFAULT uuid",
            Some(default) => line += &format!(" DEFAULT {default}"),
            None if item.ends_with(" AUTOINCREMENT") => line += " DEFAULT sequence",
            None => {}
        }
        if row.get::<_, i64>(4).expect("hidden") == 3 {
            line += " GENERATED";
        }
        lines.insert(line);
        live_column_checks(table, &name, item, lines);
    }
    for item in &items {
        if let Some(constraint) = item.strip_prefix("CONSTRAINT ") {
            lines.insert(constraint_line(table, constraint));
        }
    }
    // SQLite's own view of the keys must be what their text says, or the text would prove nothing.
    for (of, from) in [
        ("FOREIGN KEY", format!("SELECT DISTINCT id || '' FROM pragma_foreign_key_list('{table}')")),
        ("UNIQUE", format!("SELECT name FROM pragma_index_list('{table}') WHERE origin = 'u'")),
    ] {
        let written =
            items.iter().filter(|item| item.starts_with("CONSTRAINT ") && item.contains(&format!(" {of} ("))).count();
        assert_eq!(column(conn, &from).len(), written, "{of} of {table}");
    }
}

fn live_column_checks(table: &str, name: &str, item: &str, lines: &mut BTreeSet<String>) {
    let item = item.replace('"', "");
    let valid = format!("json_valid({name})");
    if item.contains(&format!("CHECK ({name} IN (0, 1))")) {
        lines.insert(format!("boolean {table}.{name}"));
    } else if item.contains(&format!("CHECK ({valid} AND json_type({name}) = 'array')")) {
        lines.insert(format!("array {table}.{name}"));
    } else if item.contains(&format!("CHECK ({valid})")) {
        lines.insert(format!("json {table}.{name}"));
    } else if let Some((_, length)) = item.split_once(&format!("CHECK (length({name}) <= ")) {
        lines.insert(format!("length {table}.{name} {}", length.trim_end_matches(')')));
    }
    if let Some((_, key)) = item.split_once(" CONSTRAINT ") {
        let key = key.trim_end_matches(" PRIMARY KEY AUTOINCREMENT");
        lines.insert(format!("constraint {table} {key} PRIMARY KEY ({name})"));
    }
}

/// The line of a named table constraint, whose text is `name KIND ...`.
fn constraint_line(table: &str, text: &str) -> String {
    let (name, rest) = text.split_once(' ').expect("a name and a body");
    let Some(check) = rest.strip_prefix("CHECK (") else {
        return format!("constraint {table} {name} {rest}");
    };
    match name.strip_suffix("_enum") {
        Some(place) => {
            let column = place.strip_prefix(&format!("{table}_")).expect("the table's name first");
            format!("enum {table}.{column} {}", quoted_values(check))
        }
        None => format!("check {table} {name}"),
    }
}

fn trigger_line(sql: &str) -> String {
    let head =
        Regex::new(r"(?s)^CREATE TRIGGER (\w+)\s+(BEFORE|AFTER) (\w+)( OF [\w, ]+)? ON (\w+)(.*)$").expect("a pattern");
    let found = head.captures(sql).unwrap_or_else(|| panic!("not understood: {sql}"));
    let (name, moment, event, table) = (&found[1], &found[2], &found[3], &found[5]);
    let of = found.get(4).map_or("", |of| of.as_str());
    // The guards of enum arrays are ours; they say what CHECKs say elsewhere.
    if let Some(place) = name.strip_suffix("_update").unwrap_or(name).strip_suffix("_enum") {
        let column = place.strip_prefix(&format!("{table}_")).expect("the table's name first");
        let (_, values) = found[6].split_once("NOT IN").expect("a list of values");
        let values = values.split("BEGIN").next().unwrap_or_default();
        return format!("elements {table}.{column} at {event} {}", quoted_values(values));
    }
    format!("trigger {table} {name} {moment} {event}{of}")
}

fn quoted_values(sql: &str) -> String {
    let quoted = Regex::new("'([^']*)'").expect("a pattern");
    let mut values: Vec<_> = quoted.captures_iter(sql).map(|found| found[1].to_owned()).collect();
    values.sort_unstable();
    values.join(" ")
}

/// The columns and constraints of a `CREATE TABLE`, each on one line.
pub(super) fn items(sql: &str) -> Vec<String> {
    let body = &sql[sql.find('(').map_or(0, |at| at + 1)..sql.rfind(')').unwrap_or(sql.len())];
    let (mut items, mut depth, mut quoted, mut item) = (Vec::new(), 0, false, String::new());
    for letter in body.chars() {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                items.push(squash(&item));
                item.clear();
                continue;
            }
            _ => {}
        }
        item.push(letter);
    }
    items.push(squash(&item));
    items
}

/// Text with single spaces, and none inside the ends of brackets.
pub(super) fn squash(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(").replace(" )", ")")
}

fn column(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    statement.query_map([], |row| row.get(0)).expect(sql).collect::<Result<_, _>>().expect(sql)
}
