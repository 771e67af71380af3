//! What is known to go wrong with SQLite in production, each shown not to go wrong here: versions,
//! settings, locks, logs, and files that are damaged, foreign or in use.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rockpool::store::driver::{Conn, Driver, Transaction};
use rockpool::store::sqlite::{Options, Sqlite};
use rockpool::store::value::Column;
use rockpool::store::{Error, functions};
use rusqlite::Connection;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &TempDir) -> Sqlite {
    Sqlite::open(&folder.path().join("rockpool.db"), &Options::default()).unwrap()
}

/// The first column of the first row, as text.
fn ask(conn: &mut dyn Conn, sql: &str) -> Result<String, Error> {
    let mut answer = None;
    conn.run(sql, &[], &mut |row| {
        answer.get_or_insert(match row.column(0)? {
            Column::Int(number) => number.to_string(),
            Column::Text(text) => text.to_owned(),
            other => format!("{other:?}"),
        });
        Ok(())
    })?;
    Ok(answer.unwrap_or_default())
}

/// Every file of a folder with what is in it.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files.map(|f| (f.file_name().into_string().unwrap(), std::fs::read(f.path()).unwrap())).collect()
}

/// Why there is no server on this file. The folder is as it was, but for the lock of a file of ours.
fn refused(folder: &TempDir) -> String {
    let before = contents(folder.path());
    let Err(e) = Sqlite::open(&folder.path().join("rockpool.db"), &Options::default()) else { panic!("it was opened") };
    let mut after = contents(folder.path());
    if !before.contains_key("rockpool.db.lock") {
        after.remove("rockpool.db.lock");
    }
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    // What SQLite shares between its users in memory is no part of the database.
    let changed = before.iter().find(|(name, bytes)| !name.ends_with("-shm") && after[*name] != **bytes);
    assert!(changed.is_none(), "{:?} was changed", changed.map(|(name, _)| name));
    e.to_string()
}

#[test]
fn the_library_is_free_of_the_bug_that_resets_logs() {
    assert!(rusqlite::version_number() >= 3_053_000, "{}", rusqlite::version());
}

#[test]
fn every_connection_has_the_settings_that_durability_and_speed_rest_on() {
    let folder = folder();
    let sqlite = open(&folder);
    for (who, conn) in [("reader", sqlite.reader().unwrap()), ("writer", sqlite.writer().unwrap())] {
        let mut conn = conn;
        for (setting, value) in [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("busy_timeout", "5000"),
            ("temp_store", "2"),
            ("cache_size", "-8000"),
            ("journal_size_limit", "67108864"),
            ("mmap_size", "0"),
            ("application_id", &0x526f_636b_i32.to_string()),
            ("user_version", "1"),
        ] {
            assert_eq!(ask(&mut *conn, &format!("PRAGMA main.{setting}")).unwrap(), value, "{who}: {setting}");
        }
    }
    let loose = "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite%'";
    assert_eq!(ask(&mut *sqlite.reader().unwrap(), loose).unwrap(), "0", "tables that are not STRICT");
}

#[test]
fn readers_cannot_write() {
    let folder = folder();
    let sqlite = open(&folder);
    let refused = ask(&mut *sqlite.reader().unwrap(), "DELETE FROM site_configs");
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn threads_that_read_and_then_write_lose_no_race() {
    let folder = folder();
    let sqlite = open(&folder);
    ask(&mut *sqlite.writer().unwrap(), "INSERT INTO site_configs (key, value) VALUES ('n', '0')").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut conn = sqlite.writer().unwrap();
                    conn.begin(Transaction::Serial).unwrap();
                    let n: u64 =
                        ask(&mut *conn, "SELECT value FROM site_configs WHERE key = 'n'").unwrap().parse().unwrap();
                    ask(&mut *conn, &format!("UPDATE site_configs SET value = '{}' WHERE key = 'n'", n + 1)).unwrap();
                    conn.commit().unwrap();
                }
            });
        }
    });
    assert_eq!(ask(&mut *sqlite.reader().unwrap(), "SELECT value FROM site_configs WHERE key = 'n'").unwrap(), "200");
}

#[test]
fn whoever_finds_no_connection_is_told_so_after_a_while() {
    let folder = folder();
    let options = Options { readers: 1, patience: Duration::from_millis(50), ..Options::default() };
    let sqlite = Sqlite::open(&folder.path().join("rockpool.db"), &options).unwrap();
    let (_reader, _writer) = (sqlite.reader().unwrap(), sqlite.writer().unwrap());
    let begun = Instant::now();
    assert!(matches!(sqlite.reader().err(), Some(Error::Unavailable(_))));
    assert!(matches!(sqlite.writer().err(), Some(Error::Unavailable(_))));
    assert!(begun.elapsed() >= Duration::from_millis(100));
    let pool = sqlite.pool();
    assert_eq!((pool.max_open, pool.open, pool.in_use, pool.waits), (2, 2, 2, 2));
}

#[test]
fn a_connection_given_back_inside_a_transaction_is_of_no_harm() {
    let folder = folder();
    let sqlite =
        Sqlite::open(&folder.path().join("rockpool.db"), &Options { readers: 1, ..Options::default() }).unwrap();
    let mut reader = sqlite.reader().unwrap();
    reader.begin(Transaction::Serial).unwrap();
    assert_eq!(ask(&mut *reader, "SELECT count(*) FROM site_configs WHERE key = 'k'").unwrap(), "0");
    drop(reader);
    let mut writer = sqlite.writer().unwrap();
    writer.begin(Transaction::Serial).unwrap();
    ask(&mut *writer, "INSERT INTO site_configs (key, value) VALUES ('lost', '')").unwrap();
    drop(writer);
    ask(&mut *sqlite.writer().unwrap(), "INSERT INTO site_configs (key, value) VALUES ('k', '')").unwrap();
    let found = "SELECT group_concat(key) FROM site_configs WHERE key IN ('k', 'lost')";
    assert_eq!(ask(&mut *sqlite.reader().unwrap(), found).unwrap(), "k");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    for bytes in [b"not a database".to_vec(), vec![0xa5; 20_000], b"SQLite format 3\0".to_vec()] {
        let folder = folder();
        std::fs::write(folder.path().join("rockpool.db"), &bytes).unwrap();
        std::fs::write(folder.path().join("rockpool.ephemeral"), "another's").unwrap();
        let said = refused(&folder);
        assert!(said.contains("rockpool.db") && said.contains("not an SQLite database"), "{said}");
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    for schema in [
        "CREATE TABLE albums (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO albums VALUES (1, 'x')",
        "PRAGMA application_id = 252006673; CREATE TABLE schema_migrations (version); CREATE TABLE provisioner_jobs (id)",
        "PRAGMA journal_mode = WAL; CREATE TABLE schema_migrations (version INTEGER, dirty INTEGER)",
    ] {
        let folder = folder();
        let other = Connection::open(folder.path().join("rockpool.db")).unwrap();
        other.execute_batch(schema).unwrap();
        // Once while its program has it open and what it wrote is in its log, and once after.
        let said = refused(&folder);
        assert!(said.contains("another program"), "{said}");
        drop(other);
        let said = refused(&folder);
        assert!(said.contains("another program") && said.contains("--data-dir"), "{said}");
    }
}

#[test]
fn a_database_of_a_later_version_of_its_format_is_refused_and_left_alone() {
    let folder = folder();
    drop(open(&folder));
    let conn = Connection::open(folder.path().join("rockpool.db")).unwrap();
    conn.pragma_update(None, "user_version", 2).unwrap();
    drop(conn);
    let said = refused(&folder);
    assert!(said.contains("later version") && said.contains("format 2"), "{said}");
}

#[test]
fn a_damaged_database_is_refused_and_left_alone() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 3] = [
        ("cut short", |bytes| bytes.truncate(bytes.len() / 2)),
        ("a page of rubbish", |bytes| bytes[40 * 4096..41 * 4096].fill(0xa5)),
        ("many pages of nothing", |bytes| bytes[100 * 4096..200 * 4096].fill(0)),
    ];
    for (what, damage) in damages {
        let folder = folder();
        let path = folder.path().join("rockpool.db");
        drop(open(&folder));
        let mut bytes = std::fs::read(&path).unwrap();
        damage(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        let said = refused(&folder);
        assert!(said.contains("damaged") && said.contains("backup"), "{what}: {said}");
    }
}

#[test]
fn a_damaged_database_with_writes_in_its_log_is_refused_and_left_alone() {
    let (living, dead) = (folder(), folder());
    drop(open(&living));
    let sqlite = open(&living);
    let wal = living.path().join("rockpool.db-wal");
    for n in 0..20 {
        ask(&mut *sqlite.writer().unwrap(), &format!("INSERT INTO site_configs (key, value) VALUES ('{n}', '')"))
            .unwrap();
    }
    assert!(std::fs::metadata(&wal).unwrap().len() > 0);
    // What a kill would leave, and then a page lost. Copied while nobody writes.
    let mut bytes = std::fs::read(living.path().join("rockpool.db")).unwrap();
    bytes[40 * 4096..41 * 4096].fill(0xa5);
    std::fs::write(dead.path().join("rockpool.db"), bytes).unwrap();
    std::fs::copy(&wal, dead.path().join("rockpool.db-wal")).unwrap();
    let said = refused(&dead);
    assert!(said.contains("damaged"), "{said}");
}

#[test]
fn what_a_killed_server_left_in_its_log_is_there_at_the_next_start() {
    let (living, copy) = (folder(), folder());
    let sqlite = open(&living);
    ask(&mut *sqlite.writer().unwrap(), "INSERT INTO site_configs (key, value) VALUES ('k', 'v')").unwrap();
    for suffix in ["", "-wal"] {
        let name = format!("rockpool.db{suffix}");
        std::fs::copy(living.path().join(&name), copy.path().join(&name)).unwrap();
    }
    let next = open(&copy);
    assert_eq!(ask(&mut *next.reader().unwrap(), "SELECT value FROM site_configs WHERE key = 'k'").unwrap(), "v");
}

#[test]
fn a_second_server_on_the_same_file_is_refused_and_told_of_the_first() {
    let folder = folder();
    let first = open(&folder);
    let Err(e) = Sqlite::open(&folder.path().join("rockpool.db"), &Options::default()) else { panic!("it was opened") };
    assert!(e.to_string().contains(&format!("pid {}", std::process::id())), "{e}");
    ask(&mut *first.writer().unwrap(), "INSERT INTO site_configs (key, value) VALUES ('k', 'v')").unwrap();
    drop(first);
    open(&folder);
}

#[test]
fn a_database_from_before_there_was_a_mark_is_taken_over_and_marked() {
    let folder = folder();
    let path = folder.path().join("rockpool.db");
    drop(open(&folder));
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA application_id = 0; PRAGMA user_version = 0").unwrap();
    drop(conn);
    drop(open(&folder));
    let header = std::fs::read(&path).unwrap();
    assert_eq!((&header[68..72], &header[60..64]), (&b"Rock"[..], &[0, 0, 0, 1][..]));
}

#[test]
fn tables_of_a_replication_tool_are_let_be() {
    for first in [true, false] {
        let folder = folder();
        if !first {
            drop(open(&folder));
        }
        let conn = Connection::open(folder.path().join("rockpool.db")).unwrap();
        conn.execute_batch(
            "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); CREATE TABLE _litestream_lock (id INTEGER);
             INSERT INTO _litestream_seq VALUES (1, 7)",
        )
        .unwrap();
        drop(conn);
        let sqlite = open(&folder);
        assert_eq!(ask(&mut *sqlite.reader().unwrap(), "SELECT seq FROM _litestream_seq").unwrap(), "7");
    }
}

#[test]
fn with_litestream_nobody_else_moves_the_log() {
    let folder = folder();
    let path = folder.path().join("rockpool.db");
    drop(open(&folder));
    let before = std::fs::read(&path).unwrap();
    let sqlite = Sqlite::open(&path, &Options { litestream: true, ..Options::default() }).unwrap();
    let mut writer = sqlite.writer().unwrap();
    assert_eq!(ask(&mut *writer, "PRAGMA wal_autocheckpoint").unwrap(), "0");
    for n in 0..100 {
        ask(&mut *writer, &format!("INSERT INTO site_configs (key, value) VALUES ('{n}', hex(zeroblob(4000)))"))
            .unwrap();
    }
    drop(writer);
    drop(sqlite);
    assert!(std::fs::read(&path).unwrap() == before, "the log was moved");
    assert!(std::fs::metadata(folder.path().join("rockpool.db-wal")).unwrap().len() > 100 * 8000);
    let conn = Connection::open(&path).unwrap();
    functions::register(&conn).unwrap();
    let kept: i64 =
        conn.query_row("SELECT count(*) FROM site_configs WHERE length(value) = 8000", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 100);
}
