//! Fills a SQLite database with rows in every table, made from a seed: every kind of column, nulls, extremes, and texts
//! that break what is careless with them. What the schema refuses is thrown away and made anew.

use std::collections::BTreeMap;

use rockpool::store::portability::tables::{Kind, TABLES, Table};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde_json::Value as Json;

/// How often a row is made anew before the schema's refusal counts as final.
const TRIES: usize = 400;

const TEXTS: &[&str] = &[
    "",
    " ",
    "plain",
    "NULL",
    "\\N",
    "\\.",
    "tab\there",
    "line\nbreak\r\n",
    "back\\slash \\x41 'quotes' \"double\"",
    "ünïcödé ßẞ İı",
    "日本語 עברית العربية",
    "😀👩‍👩‍👧‍👦 e\u{301}",
    "\u{1}\u{7f}\u{85}\u{2028}\u{feff}\u{fffd}",
    "{a,\"b\",NULL}",
];
const JSONS: &[&str] = &[
    "{}",
    "[]",
    "null",
    "true",
    "\"\"",
    r#"{"b": 1, "a": {"z": [], "é": null}, "b": 2}"#,
    r#"["\u0041\/", "\ud83d\ude00", "\\u0000", "tab\t", "\u001f"]"#,
    "[0, -0, -0.0, 1.0, 1.50, 1e3, 1.5E-3, 123456789012345678901234567890.5, 9223372036854775808]",
    "  { \"deep\" : [[[[ { \"x\" : [ 1 , 2 ] } ]]]] }  ",
];
const INETS: &[&str] =
    &["0.0.0.0", "255.255.255.255", "10.0.0.0/8", "10.1.2.3/8", "::1", "fe80::1", "2001:db8::/32", "::ffff:1.2.3.4"];
/// The ends of time, the first and last that Postgres has otherwise, what Go calls zero, and some between.
const TIMES: &[i64] = &[
    i64::MAX,
    i64::MIN,
    -210_866_803_200_000_000,
    9_223_372_036_854_775_806,
    -62_135_596_800_000_000,
    -1,
    0,
    1,
    1_700_000_000_123_456,
    253_402_300_800_000_000,
];
const DATES: &[&str] =
    &["1970-01-01", "2024-02-29", "0001-01-01", "9999-12-31", "-4712-01-01", "123456-07-08", "infinity"];

/// A source of numbers that is the same for the same seed.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    fn uuid(&mut self) -> String {
        match self.below(40) {
            0 => uuid::Uuid::nil().to_string(),
            1 => uuid::Uuid::max().to_string(),
            _ => uuid::Uuid::from_u64_pair(self.next(), self.next()).to_string(),
        }
    }
}

/// Puts up to `rows` rows into every table of `conn`, and at least one.
pub fn fill(conn: &Connection, schema: &Json, random: &mut Random, rows: usize) {
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).expect("triggers off");
    conn.pragma_update(None, "foreign_keys", true).expect("foreign keys on");
    conn.execute_batch("BEGIN").expect("to begin");
    for table in TABLES {
        let mut made = 0;
        let mut refused = String::new();
        for _ in 0..TRIES {
            match insert(conn, schema, table, random, made) {
                Ok(()) => made += 1,
                Err(error) => refused = error.to_string(),
            }
            if made == rows {
                break;
            }
        }
        assert!(made > 0, "no row for {}: {refused}", table.name);
    }
    conn.execute_batch("COMMIT").expect("to commit");
}

fn insert(conn: &Connection, schema: &Json, table: &Table, random: &mut Random, made: usize) -> rusqlite::Result<()> {
    let mut row: BTreeMap<&str, Value> = BTreeMap::new();
    for column in schema["tables"][table.name]["columns"].as_array().into_iter().flatten() {
        let Some(kind) = table.columns.iter().find(|known| column["name"] == known.name).map(|known| known.kind) else {
            continue;
        };
        let name = column["name"].as_str().unwrap_or_default();
        let of_type = column["type"].as_str().unwrap_or_default();
        let is_null = column["nullable"] == true && random.below(3) == 0;
        let value = if is_null { Value::Null } else { value(schema, table.name, name, of_type, kind, random, made) };
        row.insert(name, value);
    }
    // Rows that are referred to: of each key, the columns of one row that is there.
    let mut keys: BTreeMap<i64, (String, Vec<(String, String)>)> = BTreeMap::new();
    let mut query = conn.prepare_cached("SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1)")?;
    let mut found = query.query([table.name])?;
    while let Some(key) = found.next()? {
        keys.entry(key.get(0)?).or_insert((key.get(1)?, vec![])).1.push((key.get(2)?, key.get(3)?));
    }
    drop(found);
    for (parent, columns) in keys.values() {
        let first = &columns[0].0;
        if row.get(first.as_str()) == Some(&Value::Null) {
            continue;
        }
        let wanted: Vec<_> = columns.iter().map(|(_, to)| format!("\"{to}\"")).collect();
        let sql = format!("SELECT {} FROM {parent} LIMIT 1 OFFSET ?1", wanted.join(", "));
        let count: i64 = conn.query_row(&format!("SELECT count(*) FROM {parent}"), [], |row| row.get(0))?;
        if count == 0 && *parent == table.name {
            row.insert(table.columns.iter().find(|c| c.name == *first).map_or("", |c| c.name), Value::Null);
            continue;
        }
        let at = random.below(count as usize) as i64;
        let taken: Vec<Value> = conn.query_row(&sql, [at], |row| (0..columns.len()).map(|at| row.get(at)).collect())?;
        for ((from, _), value) in columns.iter().zip(taken) {
            row.insert(table.columns.iter().find(|c| c.name == *from).map_or("", |c| c.name), value);
        }
    }
    let names: Vec<_> = row.keys().map(|name| format!("\"{name}\"")).collect();
    let marks = vec!["?"; names.len()].join(", ");
    let sql = format!("INSERT INTO {} ({}) VALUES ({marks})", table.name, names.join(", "));
    conn.execute(&sql, params_from_iter(row.values())).map(drop)
}

fn value(schema: &Json, table: &str, name: &str, of_type: &str, kind: Kind, random: &mut Random, made: usize) -> Value {
    let words = |of: &str| schema["enums"][of].as_array().map(|words| words.iter().filter_map(Json::as_str).collect());
    let integer = |random: &mut Random, low: i64, high: i64| {
        let nearby = random.below(1000) as i64;
        Value::Integer(*random.pick(&[low, high, 0, 1, -1, nearby, nearby]))
    };
    match kind {
        Kind::Bool => Value::Integer(random.below(2) as i64),
        Kind::Int2 => integer(random, i16::MIN.into(), i16::MAX.into()),
        Kind::Int4 => integer(random, i32::MIN.into(), i32::MAX.into()),
        Kind::Int8 => integer(random, i64::MIN, i64::MAX),
        Kind::Float4 => Value::Real(*random.pick(&[0.0, -0.0, 0.1, 1e-30, 3.4e38, f64::INFINITY, 1.0 / 3.0])),
        Kind::Float8 => Value::Real(*random.pick(&[0.0, -0.0, 0.1, f64::MAX, f64::MIN_POSITIVE, f64::NEG_INFINITY])),
        Kind::Uuid => Value::Text(random.uuid()),
        Kind::Time => Value::Integer(*random.pick(TIMES)),
        Kind::Date => Value::Text((*random.pick(DATES)).to_owned()),
        Kind::Json => Value::Text((*random.pick(JSONS)).to_owned()),
        Kind::Bytes => {
            // Elsewhere bytes may be a key, and Postgres has no room for long ones.
            let length = *random.pick(if name == "data" { &[0, 3000, 70_000] } else { &[0, 1, 200] });
            Value::Blob((0..length).map(|_| random.next() as u8).collect())
        }
        Kind::Inet => Value::Text((*random.pick(INETS)).to_owned()),
        Kind::Uuids => {
            let items: Vec<_> = (0..random.below(4)).map(|_| random.uuid()).collect();
            Value::Text(serde_json::to_string(&items).expect("an array"))
        }
        Kind::Texts => {
            let words: Vec<&str> = words(of_type.trim_end_matches("[]")).unwrap_or_else(|| TEXTS.to_vec());
            let mut items: Vec<Option<&str>> = (0..random.below(4)).map(|_| Some(*random.pick(&words))).collect();
            if of_type == "text[]" && random.below(4) == 0 {
                items.push(None);
            }
            Value::Text(serde_json::to_string(&items).expect("an array"))
        }
        Kind::Text => {
            let only: Option<Vec<&str>> = words(of_type);
            let only = only.or(match (table, name) {
                ("telemetry_locks", "event_type") => {
                    Some(vec!["aibridge_interceptions_summary", "boundary_usage_summary"])
                }
                ("usage_events", "event_type") => Some(vec!["dc_managed_agents_v1"]),
                ("template_version_parameters", "validation_monotonic") => Some(vec!["increasing", "decreasing", ""]),
                _ => None,
            });
            if let Some(words) = only {
                return Value::Text((*random.pick(&words)).to_owned());
            }
            let mut text = (*random.pick(TEXTS)).to_owned();
            // Names are keys, and which of them are equal apart from case is not the same on both engines.
            if name.contains("name") || name.contains("mail") || random.below(2) == 0 {
                text = format!("{made}-{}-{text}", random.below(1_000_000));
            }
            Value::Text(text)
        }
    }
}
