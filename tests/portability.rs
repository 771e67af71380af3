//! `rockpool db copy`: what goes from one engine to the other comes back the same, and what goes wrong on the way shows.

mod cut_off;
mod generate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use proptest::prelude::*;
use rockpool::store::migrate;
use rockpool::store::portability::place::Place;
use rockpool::store::portability::tables::{Kind, SEQUENCES, TABLES};
use rockpool::store::portability::{copy, dump};
use rusqlite::Connection;
use serde_json::Value as Json;

use self::generate::{Random, fill};
use crate::support::postgres;

fn schema() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/reference/schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect(path)).expect(path)
}

/// A database that nobody has used.
fn fresh(path: &Path) -> Connection {
    let mut conn = Connection::open(path).expect("to open");
    migrate::sqlite::up(&mut conn).expect("to migrate");
    conn
}

fn place(text: &str) -> Place {
    Place::parse(text).expect(text)
}

fn sqlite(path: &Path) -> Place {
    Place::Sqlite(path.to_owned())
}

#[track_caller]
fn copied(from: &Place, to: &Place) -> copy::Report {
    copy::copy(from, to, false, &mut |_| {}).unwrap_or_else(|error| panic!("{from} to {to}: {error}"))
}

/// Copies over what an unfinished copy left.
#[track_caller]
fn copied_again(from: &Place, to: &Place) -> copy::Report {
    copy::copy(from, to, true, &mut |_| {}).unwrap_or_else(|error| panic!("{from} to {to}: {error}"))
}

fn dumped(place: &Place) -> String {
    let mut out = Vec::new();
    let mut source = place.source().unwrap_or_else(|error| panic!("{error}"));
    dump::dump(source.as_mut(), &mut out).unwrap_or_else(|error| panic!("{error}"));
    String::from_utf8(out).expect("it is text")
}

/// Fails with the first line that is not the same.
#[track_caller]
fn assert_same(one: &str, other: &str, what: &str) {
    for (one, other) in one.lines().zip(other.lines()) {
        assert_eq!(one, other, "{what}");
    }
    assert_eq!(one.lines().count(), other.lines().count(), "{what}");
}

fn db(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rockpool"));
    command.arg("db").args(args).env_clear().stdin(Stdio::null()).output().expect("the command runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a folder"))
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[test]
fn the_declared_tables_are_those_of_the_reference_and_parents_come_first() {
    let schema = schema();
    let enums = schema["enums"].as_object().expect("enums");
    let kind = |of_type: &str| match of_type {
        "boolean" => Kind::Bool,
        "smallint" => Kind::Int2,
        "integer" => Kind::Int4,
        "bigint" => Kind::Int8,
        "real" => Kind::Float4,
        "double precision" => Kind::Float8,
        "text" => Kind::Text,
        "uuid" => Kind::Uuid,
        "date" => Kind::Date,
        "jsonb" | "tagset" => Kind::Json,
        "bytea" => Kind::Bytes,
        "inet" => Kind::Inet,
        "uuid[]" => Kind::Uuids,
        _ if of_type.ends_with("[]") => Kind::Texts,
        _ if of_type.starts_with("timestamp") => Kind::Time,
        _ if of_type.starts_with("character varying") || enums.contains_key(of_type) => Kind::Text,
        other => panic!("what kind is {other}?"),
    };
    let mut expected = BTreeMap::new();
    for (table, about) in schema["tables"].as_object().expect("tables") {
        if table.starts_with("tailnet_") {
            continue;
        }
        let columns = about["columns"].as_array().expect("columns").iter().filter(|it| it.get("generated").is_none());
        let columns =
            columns.map(|it| (it["name"].as_str().expect("a name"), kind(it["type"].as_str().expect("a type"))));
        expected.insert(table.as_str(), columns.collect::<Vec<_>>());
    }
    let declared = TABLES.iter().map(|table| (table.name, table.columns.iter().map(|it| (it.name, it.kind)).collect()));
    assert_eq!(declared.collect::<BTreeMap<_, Vec<_>>>(), expected);

    let mut seen = BTreeSet::new();
    for table in TABLES {
        for key in schema["tables"][table.name]["foreign_keys"].as_array().into_iter().flatten() {
            let def = key["def"].as_str().expect("a definition");
            let parent = def.split("REFERENCES ").nth(1).and_then(|rest| rest.split('(').next()).expect("a parent");
            assert!(parent == table.name || seen.contains(parent), "{} comes before {parent}", table.name);
        }
        seen.insert(table.name);
    }
    let sequences = schema["sequences"].as_array().expect("sequences").iter();
    let sequences = sequences.map(|it| (it["name"].clone(), it["owned_by"].clone())).collect::<Vec<_>>();
    let declared = SEQUENCES.iter().map(|it| (it.name.into(), format!("{}.{}", it.table, it.column).into()));
    assert_eq!(declared.collect::<Vec<(Json, Json)>>(), sequences);
}

/// What the engines work out by themselves must come out the same too.
const JOB_STATUSES: &str = "SELECT CAST(job_status AS text) FROM provisioner_jobs ORDER BY CAST(id AS text)";

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_from_sqlite_to_postgres_and_back_is_the_same(seed in any::<u64>()) {
        if postgres::waits_for_its_run() {
            return Ok(());
        }
        let folder = Folder::new();
        let database = postgres::empty_database();
        let (first, second) = (sqlite(&folder.path("first.db")), place(database.url()));
        let third = sqlite(&folder.path("third.db"));
        let conn = fresh(&folder.path("first.db"));
        fill(&conn, &schema(), &mut Random(seed), 5);
        let statuses = |conn: &Connection| -> Vec<String> {
            let mut query = conn.prepare(JOB_STATUSES).expect("to prepare");
            query.query_map([], |row| row.get(0)).expect("to ask").collect::<Result<_, _>>().expect("to read")
        };

        let there = copied(&first, &second);
        let back = copied(&second, &third);

        let original = dumped(&first);
        assert_same(&original, &dumped(&second), "on Postgres");
        assert_same(&original, &dumped(&third), "back on SQLite");
        prop_assert_eq!(there.tables, back.tables);
        let on_postgres: Vec<String> =
            database.connect().query(JOB_STATUSES, &[]).expect("to ask").iter().map(|row| row.get(0)).collect();
        prop_assert_eq!(statuses(&conn), on_postgres);
        prop_assert_eq!(statuses(&conn), statuses(&Connection::open(folder.path("third.db")).expect("to open")));
    }
}

#[test]
fn a_copy_of_postgres_is_the_same_on_another_postgres() {
    if postgres::waits_for_its_run() {
        return;
    }
    let folder = Folder::new();
    let (one, other) = (postgres::empty_database(), postgres::database());
    let conn = fresh(&folder.path("pool.db"));
    fill(&conn, &schema(), &mut Random(7), 3);
    copied(&sqlite(&folder.path("pool.db")), &place(one.url()));
    // A target that was migrated already has rows that would collide.
    copied(&place(one.url()), &place(other.url()));
    assert_same(&dumped(&place(one.url())), &dumped(&place(other.url())), "the other");
}

#[test]
fn numbering_goes_on_where_it_was() {
    if postgres::waits_for_its_run() {
        return;
    }
    let folder = Folder::new();
    let database = postgres::empty_database();
    let conn = fresh(&folder.path("pool.db"));
    conn.execute_batch(
        "INSERT INTO licenses (id, uploaded_at, jwt, exp, uuid) VALUES (41, 0, 'a', 0, '00000000-0000-4000-8000-000000000001'),
             (42, 0, 'b', 0, '00000000-0000-4000-8000-000000000002');
         DELETE FROM licenses WHERE id = 42;",
    )
    .expect("to insert");
    copied(&sqlite(&folder.path("pool.db")), &place(database.url()));
    let next = "INSERT INTO licenses (uploaded_at, jwt, exp, uuid)
        VALUES (now(), 'c', now(), '00000000-0000-4000-8000-000000000003') RETURNING id";
    let id: i32 = database.connect().query_one(next, &[]).expect("to insert").get(0);
    assert_eq!(id, 43);
    copied(&place(database.url()), &sqlite(&folder.path("back.db")));
    let back = Connection::open(folder.path("back.db")).expect("to open");
    let next = "INSERT INTO licenses (uploaded_at, jwt, exp, uuid)
        VALUES (0, 'd', 0, '00000000-0000-4000-8000-000000000004') RETURNING id";
    let id: i64 = back.query_row(next, [], |row| row.get(0)).expect("to insert");
    assert_eq!(id, 44);
    // A table that never had a row begins at 1.
    let first: i64 =
        database.connect().query_one("SELECT nextval('provisioner_job_logs_id_seq')", &[]).expect("a number").get(0);
    assert_eq!(first, 1);
}

#[test]
fn copied_rows_wake_no_trigger_and_triggers_are_awake_afterwards() {
    if postgres::waits_for_its_run() {
        return;
    }
    let folder = Folder::new();
    let database = postgres::empty_database();
    let conn = fresh(&folder.path("pool.db"));
    // A user that was deleted, and whose key the trigger would refuse and whose status it would record.
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).expect("triggers off");
    conn.execute_batch(
        "INSERT INTO users (id, email, username, hashed_password, created_at, updated_at, deleted)
             VALUES ('00000000-0000-4000-8000-00000000000a', 'a@b.c', 'gone', x'00', 0, 0, 1);
         INSERT INTO api_keys (id, hashed_secret, user_id, last_used, expires_at, created_at, updated_at, login_type, scopes, allow_list)
             VALUES ('k', x'00', '00000000-0000-4000-8000-00000000000a', 0, 0, 0, 0, 'token', '[\"coder:all\"]', '[\"*:*\"]');",
    )
    .expect("to insert");
    copied(&sqlite(&folder.path("pool.db")), &place(database.url()));
    assert_same(&dumped(&sqlite(&folder.path("pool.db"))), &dumped(&place(database.url())), "on Postgres");
    let refused = database.connect().execute(
        "INSERT INTO api_keys (id, hashed_secret, user_id, last_used, expires_at, created_at, updated_at, login_type, scopes, allow_list)
             VALUES ('l', '', '00000000-0000-4000-8000-00000000000a', now(), now(), now(), now(), 'token', '{coder:all}', '{*:*}')",
        &[],
    );
    refused.expect_err("the trigger refuses a key of a deleted user");
}

#[test]
fn a_target_that_is_in_use_is_replaced_only_by_force() {
    if postgres::waits_for_its_run() {
        return;
    }
    let folder = Folder::new();
    let database = postgres::database();
    fill(&fresh(&folder.path("pool.db")), &schema(), &mut Random(1), 2);
    let from = folder.path("pool.db");
    let full = folder.path("full.db");
    fill(&fresh(&full), &schema(), &mut Random(2), 2);
    copied(&sqlite(&full), &place(database.url()));
    let mut client = database.connect();
    client
        .batch_execute("CREATE TABLE _litestream_lock (id int); INSERT INTO _litestream_lock VALUES (7)")
        .expect("to make");
    for to in [text(&full), database.url()] {
        let refused = db(&["copy", text(&from), to]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            refused.status.code() == Some(1) && said.contains("is not empty") && said.contains("--force"),
            "{said}"
        );
        let done = db(&["copy", text(&from), to, "--force", "-o", "json"]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
        let report: Json = serde_json::from_slice(&done.stdout).expect("JSON");
        assert_eq!(report["tables"].as_array().map(Vec::len), Some(TABLES.len()));
        assert_same(&dumped(&sqlite(&from)), &dumped(&place(to)), to);
    }
    // What others keep beside ours stays.
    let kept: i32 = client.query_one("SELECT id FROM _litestream_lock", &[]).expect("to read").get(0);
    assert_eq!(kept, 7);
}

#[test]
fn what_an_engine_cannot_hold_is_named_and_leaves_the_target_unfinished() {
    if postgres::waits_for_its_run() {
        return;
    }
    let folder = Folder::new();
    let from = folder.path("pool.db");
    let conn = fresh(&from);
    conn.execute("INSERT INTO site_configs (key, value) VALUES ('fine', 'a'), ('mine', 'a' || char(0) || 'b')", [])
        .expect("to insert");
    let database = postgres::empty_database();
    let refused = db(&["copy", text(&from), database.url()]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("site_configs") && said.contains("row 2 (key = mine)") && said.contains("column value"),
        "{said}"
    );
    assert!(said.contains("U+0000"), "{said}");

    // Nobody takes it for a whole deployment: neither this program nor Coder, which looks at `dirty`.
    let dirty: bool = database.connect().query_one("SELECT dirty FROM schema_migrations", &[]).expect("to read").get(0);
    assert!(dirty);
    let refused = db(&["copy", database.url(), text(&folder.path("other.db"))]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("copying into it was not finished"), "{said}");
    assert!(matches!(migrate::postgres::up(&mut database.connect()), Err(migrate::MigrateError::UnfinishedCopy)));

    // The next copy may begin again.
    conn.execute("DELETE FROM site_configs WHERE key = 'mine'", []).expect("to delete");
    copied_again(&sqlite(&from), &place(database.url()));
    assert!(matches!(migrate::postgres::version(&mut database.connect()), Ok(Some(migrate::LATEST))));
}

#[test]
fn the_source_is_read_as_it_was_when_the_copy_began() {
    if postgres::waits_for_its_run() {
        return;
    }
    let folder = Folder::new();
    let database = postgres::empty_database();
    let conn = fresh(&folder.path("pool.db"));
    conn.pragma_update(None, "journal_mode", "WAL").expect("to set");
    let begun = std::cell::Cell::new(false);
    let done = copy::copy(&sqlite(&folder.path("pool.db")), &place(database.url()), false, &mut |_| {
        if !begun.replace(true) {
            conn.execute("INSERT INTO site_configs (key, value) VALUES ('later', 'x')", []).expect("to insert");
        }
    });
    done.expect("to copy");
    let count: i64 = database.connect().query_one("SELECT count(*) FROM site_configs", &[]).expect("to read").get(0);
    assert_eq!(count, 0);
}

#[test]
fn a_check_finds_what_is_wrong_and_nothing_where_all_is_well() {
    if postgres::waits_for_its_run() {
        return;
    }
    let folder = Folder::new();
    let path = folder.path("pool.db");
    let conn = fresh(&path);
    let database = postgres::database();
    for place in [text(&path), database.url()] {
        let sound = db(&["check", place]);
        assert!(
            sound.status.success(),
            "{}{}",
            String::from_utf8_lossy(&sound.stdout),
            String::from_utf8_lossy(&sound.stderr)
        );
    }
    conn.execute_batch(
        "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;
         INSERT INTO gitsshkeys VALUES ('00000000-0000-4000-8000-00000000000a', 0, 0, '', '');
         INSERT INTO audit_logs (id, time, user_id, organization_id, user_agent, resource_type, resource_id, resource_target,
             action, diff, status_code, additional_fields, request_id, resource_icon)
             VALUES ('00000000-0000-4000-8000-00000000000b', 0, 'Nobody', '00000000-0000-4000-8000-00000000000a', '', 'user',
             '00000000-0000-4000-8000-00000000000a', '', 'login', '{', 0, '{}', '00000000-0000-4000-8000-00000000000a', '');
         INSERT INTO external_auth_links (provider_id, user_id, created_at, updated_at, oauth_access_token,
             oauth_refresh_token, oauth_expiry) VALUES ('p', '00000000-0000-4000-8000-00000000000c', 0, 0, '', '', 0);",
    )
    .expect("to insert");
    let found = db(&["check", text(&path), "-o", "json"]);
    assert_eq!(found.status.code(), Some(1));
    let report: Json = serde_json::from_slice(&found.stdout).expect("JSON");
    let problems = report["problems"].as_array().expect("problems");
    let has = |check: &str, table: &str, words: &str| {
        problems.iter().any(|it| it["check"] == check && it["table"] == table && it.to_string().contains(words))
    };
    for (check, table, words) in [
        ("foreign key", "gitsshkeys", "users"),
        ("constraint", "audit_logs", "CHECK"),
        ("value", "audit_logs", "user_id: \\\"Nobody\\\" is not a UUID"),
        ("orphan", "external_auth_links", "00000000000c"),
    ] {
        assert!(has(check, table, words), "{check}: {report:#}");
    }
    // Everything is named, not only what stops the first look at a row.
    conn.execute("UPDATE audit_logs SET user_id = resource_id", []).expect("to update");
    let found = String::from_utf8_lossy(&db(&["check", text(&path)]).stdout).into_owned();
    assert!(found.contains("diff: not JSON"), "{found}");

    let orphan = "INSERT INTO external_auth_links (provider_id, user_id, created_at, updated_at, oauth_access_token,
            oauth_refresh_token, oauth_expiry)
        VALUES ('p', '00000000-0000-4000-8000-00000000000c', now(), now(), '', '', now())";
    database.connect().batch_execute(orphan).expect("to insert");
    let found = db(&["check", database.url()]);
    assert_eq!(found.status.code(), Some(1));
    let table = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(table.contains("orphan") && table.contains("user_id = 00000000-0000-4000-8000-00000000000c"), "{table}");
}
