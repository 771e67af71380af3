//! A copy that ends half-way, by an error or by a kill at the worst moment: nobody takes what is there for a whole deployment.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rockpool::store::migrate;
use rockpool::store::portability::copy;
use rockpool::store::portability::tables::TABLES;
use rusqlite::Connection;
use serde_json::Value as Json;

use super::generate::{Random, fill};
use super::{Folder, assert_same, db, dumped, fresh, place, schema, sqlite, text};
use crate::support::{eventually, postgres};

/// What a server says that is to start on this data directory, or on this Postgres.
fn server(data_dir: &Path, postgres: Option<&str>) -> Output {
    let mut server = Command::new(env!("CARGO_BIN_EXE_rockpool"));
    server.args(["server", "--http-address", "127.0.0.1:0", "--data-dir", text(data_dir)]);
    server.args(postgres.map(|url| ["--postgres-url", url]).into_iter().flatten());
    server.env_clear().env("HOME", data_dir).stdin(Stdio::null()).output().expect("the command runs")
}

#[track_caller]
fn assert_refused_as_unfinished(server: Output) {
    let said = String::from_utf8_lossy(&server.stderr).into_owned();
    assert!(!server.status.success() && said.contains("copying into it was not finished"), "{said}");
    assert!(said.contains("rockpool db copy --force"), "{said}");
}

/// Only by force is it copied into again, and then everything arrives.
#[track_caller]
fn assert_copied_only_by_force(from: &str, to: &str) {
    let refused = db(&["copy", from, to]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("an earlier copy into") && said.contains("--force"), "{said}");

    let done = db(&["copy", from, to, "--force", "-o", "json"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let report: Json = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(report["tables"].as_array().map(Vec::len), Some(TABLES.len()));
    assert_same(&dumped(&place(from)), &dumped(&place(to)), to);
}

/// A copy that runs in a process of its own.
fn begun(from: &str, to: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rockpool"));
    command.args(["db", "copy", from, to]).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null()).spawn().expect("to start the copy")
}

/// Kills a copy once its connection waits for a lock in this statement.
#[track_caller]
fn killed_in(mut copy: Child, client: &mut ::postgres::Client, statement: &str) {
    eventually("the copy waits for the lock", || {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND position($1::text IN query) > 0";
        // Activity is looked at once a transaction, unless one asks for another look.
        client.batch_execute("SELECT pg_stat_clear_snapshot()").expect("to look again");
        (client.query_one(waiting, &[&statement]).expect("the activity").get::<_, i64>(0) == 1).then_some(())
    });
    copy.kill().expect("to kill the copy");
    assert_eq!(copy.wait().expect("to wait for the copy").signal(), Some(9), "it was not over before");
}

#[test]
fn a_server_refuses_a_database_whose_copy_was_cut_off() {
    if postgres::waits_for_its_run() {
        return;
    }
    let folder = Folder::new();
    let database = postgres::database();
    // NaN has no place in SQLite, so this copy ends half-way.
    let insert = "INSERT INTO usage_events_daily (day, event_type, usage_data) VALUES ('2024-01-01', 'x', '{}')";
    database.connect().batch_execute(insert).expect("to insert");
    let stats = "INSERT INTO workspace_agent_stats (id, created_at, user_id, agent_id, workspace_id, template_id,
            connection_median_latency_ms)
        SELECT id, now(), id, id, id, id, 'NaN' FROM (SELECT gen_random_uuid() AS id) AS ids";
    database.connect().batch_execute(stats).expect("to insert");
    let data_dir = folder.path("data");
    std::fs::create_dir(&data_dir).expect("to make");
    let refused = copy::copy(&place(database.url()), &sqlite(&data_dir.join("rockpool.db")), false, &mut |_| {});
    let said = refused.expect_err("NaN is refused").to_string();
    assert!(
        said.contains("workspace_agent_stats") && said.contains("connection_median_latency_ms") && said.contains("NaN"),
        "{said}"
    );
    assert_refused_as_unfinished(server(&data_dir, None));
}

#[test]
fn a_copy_into_postgres_that_is_killed_leaves_a_target_that_says_so() {
    if postgres::waits_for_its_run() {
        return;
    }
    let folder = Folder::new();
    let from = folder.path("pool.db");
    fill(&fresh(&from), &schema(), &mut Random(11), 3);
    let database = postgres::database();
    let mut holder = database.connect();
    // Sequences are set when every row has been sent, and whoever alters one keeps others from setting it.
    holder.batch_execute("BEGIN; ALTER SEQUENCE licenses_id_seq CACHE 1").expect("to hold");
    killed_in(begun(text(&from), database.url()), &mut holder, "setval");
    holder.batch_execute("ROLLBACK").expect("to let go");
    eventually("Postgres notices that the copy is gone", || {
        let others =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND backend_type = 'client backend'";
        (holder.query_one(others, &[]).expect("the activity").get::<_, i64>(0) == 0).then_some(())
    });

    // Coder looks at this.
    let dirty: bool = holder.query_one("SELECT dirty FROM schema_migrations", &[]).expect("to read").get(0);
    assert!(dirty);
    let data_dir = folder.path("data");
    assert_refused_as_unfinished(server(&data_dir, Some(database.url())));
    assert_copied_only_by_force(text(&from), database.url());
    assert!(matches!(migrate::postgres::version(&mut holder), Ok(Some(migrate::LATEST))));
}

#[test]
fn a_copy_into_sqlite_that_is_killed_leaves_a_target_that_says_so() {
    if postgres::waits_for_its_run() {
        return;
    }
    let folder = Folder::new();
    let database = postgres::database();
    fill(&fresh(&folder.path("pool.db")), &schema(), &mut Random(12), 3);
    super::copied(&sqlite(&folder.path("pool.db")), &place(database.url()));
    let data_dir = folder.path("data");
    std::fs::create_dir(&data_dir).expect("to make");
    let to = data_dir.join("rockpool.db");
    let mut holder = database.connect();
    // Sequences are read when every row has arrived, and whoever renames one keeps others from reading it.
    holder.batch_execute("BEGIN; ALTER SEQUENCE licenses_id_seq RENAME TO held").expect("to hold");
    killed_in(begun(database.url(), text(&to)), &mut holder, "licenses_id_seq");
    holder.batch_execute("ROLLBACK").expect("to let go");

    // The worst that a kill can leave: pages that are half of the copy, and a journal that undoes them.
    let worst = folder.path("worst");
    std::fs::create_dir(&worst).expect("to make");
    let conn = Connection::open(&to).expect("to open");
    conn.execute_batch("PRAGMA cache_size = 1; BEGIN IMMEDIATE; DELETE FROM notification_templates").expect("to begin");
    let many = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 200)
        INSERT INTO site_configs (key, value) SELECT n, hex(zeroblob(2000)) FROM n";
    conn.execute_batch(many).expect("to write");
    for suffix in ["", "-journal"] {
        let name = format!("rockpool.db{suffix}");
        std::fs::copy(data_dir.join(&name), worst.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let half = std::fs::read(worst.join("rockpool.db")).expect("to read");
    drop(conn);
    assert_ne!(half, std::fs::read(&to).expect("to read"), "the pages went to the file");

    for data_dir in [data_dir, worst] {
        assert_refused_as_unfinished(server(&data_dir, None));
        assert_copied_only_by_force(database.url(), text(&data_dir.join("rockpool.db")));
    }
}
