//! `rockpool db`: backups of a database in use, and what restoring one refuses.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Options, postgres};

/// Runs `rockpool db` on the database of a data directory.
fn db(data_dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rockpool"));
    command.arg("db").args(args).env_clear().env("HOME", data_dir).env("ROCKPOOL_DATA_DIR", data_dir);
    command.stdin(Stdio::null()).output().expect("the command runs")
}

/// What it printed, of one that succeeded.
#[track_caller]
fn ok(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

/// Why it failed, of one that did.
#[track_caller]
fn refused(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("it prints text")
}

/// Makes the database of a server that has never run.
fn fresh(data_dir: &Path) -> Connection {
    let mut conn = Connection::open(data_dir.join("rockpool.db")).expect("to open");
    conn.pragma_update(None, "journal_mode", "WAL").expect("to set");
    rockpool::store::migrate::sqlite::up(&mut conn).expect("to migrate");
    conn
}

fn set(conn: &Connection, value: &str) {
    conn.execute("INSERT OR REPLACE INTO site_configs (key, value) VALUES ('mark', ?1)", [value]).expect("to write");
}

fn mark(database: &Path) -> String {
    let conn = Connection::open(database).expect("to open");
    conn.query_row("SELECT value FROM site_configs WHERE key = 'mark'", [], |row| row.get(0)).expect("to read")
}

#[test]
fn a_backup_of_a_serving_database_has_what_was_acknowledged_and_can_be_restored() {
    if postgres::skips("backups are of SQLite's file; Postgres has tools of its own") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pool.backup");
    let file = file.to_str().expect("text");
    let mut server = Options::default().process().start();
    let data_dir = server.folder().join("data");
    let owner = server.owner();

    let before = owner.get("/api/v2/users").ok::<Value>(200)["count"].as_u64().expect("a count");
    let made: Value = serde_json::from_str(&ok(db(&data_dir, &["backup", file, "-o", "json"]))).expect("JSON");
    assert_eq!(made["version"], 412);
    assert_eq!(made["bytes"], std::fs::metadata(file).expect("it is there").len());
    let again = refused(db(&data_dir, &["backup", file]));
    assert!(again.contains("is there already") && again.contains("--force"), "{again}");
    ok(db(&data_dir, &["backup", file, "--force"]));

    let held = refused(db(&data_dir, &["restore", file]));
    assert!(held.contains("in use by another process"), "{held}");
    owner.post("/api/v2/organizations", json!({"name": "later"})).ok::<Value>(201);

    server.stop();
    let restored = ok(db(&data_dir, &["restore", file, "-o", "json"]));
    let restored: Value = serde_json::from_str(&restored).expect("JSON");
    server.start_again();
    let owner = server.anonymous().with_token(owner.token());
    assert_eq!(owner.get("/api/v2/users").ok::<Value>(200)["count"].as_u64(), Some(before));
    owner.get("/api/v2/organizations/later").refused(404);
    // What was there before the restore is kept whole.
    let kept = Connection::open(restored["kept"].as_str().expect("a path")).expect("to open");
    let later: i64 = kept
        .query_row("SELECT count(*) FROM organizations WHERE name = 'later'", [], |row| row.get(0))
        .expect("to read");
    assert_eq!(later, 1);
}

#[test]
fn a_backup_is_one_consistent_moment_while_others_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let conn = fresh(folder.path());
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        // Two rows that always agree after each transaction.
        for number in 0.. {
            conn.execute_batch(&format!(
                "BEGIN IMMEDIATE;
                 INSERT OR REPLACE INTO site_configs (key, value) VALUES ('mark', '{number}');
                 INSERT OR REPLACE INTO site_configs (key, value) VALUES ('twin', '{number}');
                 COMMIT;"
            ))
            .expect("to write");
            let _ = begun.send(());
            if stopped.try_recv() != Err(std::sync::mpsc::TryRecvError::Empty) {
                return;
            }
        }
    });
    has_begun.recv().expect("the writer writes");
    for round in 0..5 {
        let file = folder.path().join(format!("{round}.db"));
        ok(db(folder.path(), &["backup", file.to_str().expect("text")]));
        let copy = Connection::open(&file).expect("to open");
        let values: Vec<String> = copy
            .prepare("SELECT value FROM site_configs WHERE key IN ('mark', 'twin')")
            .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
            .expect("to read");
        assert_eq!(values.len(), 2);
        assert_eq!(values[0], values[1], "round {round}");
    }
    drop(stop);
    writer.join().expect("the writer ends");
}

#[test]
fn restoring_leaves_no_log_of_the_old_database_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("rockpool.db");
    let conn = fresh(folder.path());
    set(&conn, "old");
    let file = folder.path().join("backup.db");
    let file = file.to_str().expect("text");
    ok(db(folder.path(), &["backup", file]));
    set(&conn, "new");
    // As after a power cut: the log stays beside the file, with the latest write in it alone.
    let copy = |suffix: &str| std::fs::read(folder.path().join(format!("rockpool.db{suffix}"))).expect("to read");
    let (main, log) = (copy(""), copy("-wal"));
    assert!(!log.is_empty());
    drop(conn);
    std::fs::write(&database, main).expect("to write");
    std::fs::write(folder.path().join("rockpool.db-wal"), log).expect("to write");

    let restored: Value = serde_json::from_str(&ok(db(folder.path(), &["restore", file, "-o", "json"]))).expect("JSON");
    assert_eq!(mark(&database), "old");
    assert_eq!(mark(Path::new(restored["kept"].as_str().expect("a path"))), "new");
}

#[test]
fn a_file_that_is_no_sound_backup_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    set(&fresh(folder.path()), "mine");
    let database = folder.path().join("rockpool.db");
    let whole = std::fs::read(&database).expect("to read");
    let make = |name: &str, change: &dyn Fn(&Path)| {
        let path = folder.path().join(name);
        std::fs::write(&path, &whole).expect("to write");
        change(&path);
        path.to_str().expect("text").to_owned()
    };
    let sql = |path: &Path, statements: &str| {
        Connection::open(path).expect("open").execute_batch(statements).expect(statements)
    };
    let cases = [
        (folder.path().join("missing").to_str().expect("text").to_owned(), "cannot read"),
        (make("text", &|path| std::fs::write(path, "not one").expect("to write")), "is not an SQLite database"),
        (
            make("damaged", &|path| {
                let mut bytes = whole.clone();
                let middle = bytes.len() / 2;
                bytes[middle..middle + 20_000].fill(0xa5);
                std::fs::write(path, bytes).expect("to write");
            }),
            "is damaged",
        ),
        (make("other", &|path| sql(path, "DROP TABLE schema_migrations")), "holds no deployment"),
        (make("newer", &|path| sql(path, "UPDATE schema_migrations SET version = 500")), "version 500"),
        (make("older", &|path| sql(path, "UPDATE schema_migrations SET version = 300")), "version 300"),
        (make("dirty", &|path| sql(path, "UPDATE schema_migrations SET dirty = 1")), "unfinished"),
        (
            make("references", &|path| {
                sql(path, "PRAGMA foreign_keys = OFF; INSERT INTO gitsshkeys VALUES ('x', 0, 0, '', '')")
            }),
            "refers to a row of users that is not there",
        ),
    ];
    for (file, want) in cases {
        let said = refused(db(folder.path(), &["restore", &file]));
        assert!(said.contains(want), "{file}: {said}");
        assert_eq!(mark(&database), "mine", "{file}");
    }
    let said = refused(db(folder.path(), &["backup", database.to_str().expect("text"), "--force"]));
    assert!(said.contains("is the database itself"), "{said}");
}

#[test]
fn a_backup_restores_to_a_machine_that_has_nothing_yet() {
    let folder = tempfile::tempdir().expect("a folder");
    set(&fresh(folder.path()), "moved");
    let file = folder.path().join("backup.db");
    let file = file.to_str().expect("text");
    ok(db(folder.path(), &["backup", file]));
    let elsewhere = folder.path().join("new/home");
    let said = ok(db(&elsewhere, &["restore", file]));
    assert!(!said.contains("before"), "{said}");
    assert_eq!(mark(&elsewhere.join("rockpool.db")), "moved");
}
