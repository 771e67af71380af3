//! The runner: both ways through all versions, with rows, and what it refuses.

use std::collections::BTreeSet;

use rockpool::store::migrate::{EMPTY, LATEST, MigrateError, sqlite as migrate};
use rusqlite::Connection;

use super::{Rows, catalogue, empty, facts, fresh, text};

/// Everything in the main database, as text that does not depend on the order of constraints.
fn snapshot(conn: &Connection) -> BTreeSet<String> {
    let mut objects = conn
        .prepare("SELECT type, name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
        .expect("the catalogue");
    let objects = objects
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .expect("the catalogue")
        .collect::<Result<Vec<(String, String, String)>, _>>()
        .expect("the catalogue");
    let mut lines = BTreeSet::new();
    for (kind, name, sql) in objects {
        if kind == "table" {
            lines.extend(catalogue::items(&sql).into_iter().map(|item| format!("{name}: {item}")));
        } else {
            lines.insert(format!("{kind} {name}: {}", catalogue::squash(&sql)));
        }
    }
    lines
}

#[test]
fn an_empty_database_comes_up_at_the_latest_version() {
    let conn = fresh();
    assert_eq!(migrate::version(&conn).expect("version"), Some(LATEST));
    let dirty: bool = conn.query_row("SELECT dirty FROM schema_migrations", [], |row| row.get(0)).expect("one row");
    assert!(!dirty);
    let foreign_keys: bool = conn.pragma_query_value(None, "foreign_keys", |row| row.get(0)).expect("foreign keys");
    assert!(foreign_keys, "the setting is put back");
}

#[test]
fn every_version_has_one_catalogue_from_above_and_from_below() {
    let mut conn = empty();
    let mut versions = Vec::new();
    for version in 408..=LATEST {
        migrate::to(&mut conn, version).expect("up");
        assert_eq!(migrate::version(&conn).expect("version"), Some(version));
        versions.push((version, snapshot(&conn)));
    }
    for way in ["down", "up again"] {
        versions.reverse();
        for (version, before) in &versions {
            migrate::to(&mut conn, *version).unwrap_or_else(|error| panic!("{way} to {version}: {error}"));
            let differ: Vec<_> = snapshot(&conn).symmetric_difference(before).cloned().collect();
            assert!(differ.is_empty(), "{way} at {version}: {differ:#?}");
        }
    }
    assert_eq!(snapshot(&fresh()), versions.last().expect("the latest").1, "in one go");
}

#[test]
fn each_version_adds_and_drops_what_the_reference_does() {
    let facts = facts("migrations.json");
    let mut conn = empty();
    let tables = |conn: &Connection| -> BTreeSet<String> {
        snapshot(conn).iter().filter_map(|line| line.split_once(": ")).map(|(name, _)| name.to_owned()).collect()
    };
    migrate::to(&mut conn, 408).expect("the base");
    for version in 409..=LATEST {
        let before = tables(&conn);
        migrate::to(&mut conn, version).expect("up");
        let (after, change) = (tables(&conn), &facts[version.to_string()]);
        let is_table = |name: &&String| !name.contains(' ');
        let added: Vec<_> = after.difference(&before).filter(is_table).cloned().collect();
        let mut dropped: Vec<_> = before.difference(&after).filter(is_table).cloned().collect();
        let want: Vec<_> = change["adds_table"].as_str().into_iter().map(str::to_owned).collect();
        assert_eq!(added, want, "{version} adds");
        let mut want: Vec<_> =
            change["drops_tables"].as_object().into_iter().flat_map(|tables| tables.keys().cloned()).collect();
        want.extend(
            super::list(&change["sets_unlogged_in_this_order"]).filter_map(|name| name.as_str()).map(str::to_owned),
        );
        want.sort();
        dropped.sort();
        assert_eq!(dropped, want, "{version} drops");
    }
    migrate::to(&mut conn, 409).expect("down");
    for (table, about) in facts["410"]["drops_tables"].as_object().expect("tables") {
        let have = snapshot(&conn);
        let key = format!(
            "{table}: CONSTRAINT {} {}",
            text(&about["primary_key"], "name"),
            text(&about["primary_key"], "def")
        );
        assert!(have.contains(&key), "{key}");
        for column in super::list(&about["columns"]) {
            let start = format!("{table}: {} ", text(column, "name"));
            assert!(have.iter().any(|line| line.starts_with(&start) && line.contains(" NOT NULL")), "{start}");
        }
    }
}

#[test]
fn rows_that_only_a_later_version_knows_survive_the_way_down() {
    let mut rows = Rows::with_references();
    rows.conn.pragma_update(None, "foreign_keys", false).expect("foreign keys");
    let owner = rows.one("SELECT id FROM users");
    let organization = rows.one("SELECT id FROM organizations");
    let job = rows.insert("provisioner_jobs", &[("organization_id", &organization)]);
    let key = rows.insert(
        "api_keys",
        &[("id", &"key"), ("user_id", &owner), ("scopes", &r#"["boundary_usage:read","coder:all"]"#)],
    );
    let template = rows.insert("templates", &[("organization_id", &organization), ("created_by", &owner)]);
    let version = rows.insert(
        "template_versions",
        &[("organization_id", &organization), ("created_by", &owner), ("job_id", &job), ("template_id", &template)],
    );
    let workspace = rows
        .insert("workspaces", &[("organization_id", &organization), ("owner_id", &owner), ("template_id", &template)]);
    for (number, reason) in [(1, "task_auto_pause"), (2, "task_manual_pause"), (3, "task_resume"), (4, "dormancy")] {
        let job = rows.insert("provisioner_jobs", &[("organization_id", &organization)]);
        rows.insert(
            "workspace_builds",
            &[
                ("workspace_id", &workspace),
                ("template_version_id", &version),
                ("job_id", &job),
                ("build_number", &number),
                ("reason", &reason),
            ],
        );
    }
    for (period, event) in [(1, "boundary_usage_summary"), (2, "aibridge_interceptions_summary")] {
        rows.insert("telemetry_locks", &[("event_type", &event), ("period_ending_at", &period)]);
    }
    migrate::to(&mut rows.conn, 408).expect("down");
    assert_eq!(rows.one(&format!("SELECT scopes FROM api_keys WHERE id = '{key}'")), r#"["coder:all"]"#);
    assert_eq!(
        rows.column("SELECT reason FROM workspace_builds ORDER BY build_number"),
        ["autostop", "initiator", "initiator", "dormancy"]
    );
    assert_eq!(rows.column("SELECT event_type FROM telemetry_locks"), ["aibridge_interceptions_summary"]);
    for change in
        ["UPDATE workspace_builds SET reason = 'task_resume'", r#"UPDATE api_keys SET scopes = '["boundary_usage:*"]'"#]
    {
        rows.conn.execute(change, []).expect_err("version 408 does not know this");
    }
    migrate::up(&mut rows.conn).expect("up again");
    assert_eq!(rows.one("SELECT count(*) FROM workspace_builds"), "4");
}

#[test]
fn undoing_everything_leaves_what_is_not_ours() {
    let mut conn = empty();
    conn.execute_batch("CREATE TABLE _litestream_seq (id INTEGER); INSERT INTO _litestream_seq VALUES (7);")
        .expect("a guest");
    migrate::up(&mut conn).expect("up");
    migrate::to(&mut conn, EMPTY).expect("down");
    assert_eq!(migrate::version(&conn).expect("version"), None);
    let left = snapshot(&conn)
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, _)| name.to_owned())
        .collect::<BTreeSet<_>>();
    assert_eq!(left, BTreeSet::from(["_litestream_seq".into(), "schema_migrations".into()]));
    migrate::up(&mut conn).expect("up again");
    let kept: i64 = conn.query_row("SELECT id FROM _litestream_seq", [], |row| row.get(0)).expect("the guest's row");
    assert_eq!(kept, 7);
}

#[test]
fn a_database_that_we_do_not_know_is_refused_with_both_versions() {
    for (found, words) in [(413, ["413", "412", "backup"]), (407, ["407", "408 to 412", "bring it"])] {
        let mut conn = fresh();
        conn.execute("UPDATE schema_migrations SET version = ?1", [found]).expect("update");
        let before = snapshot(&conn);
        let error = migrate::up(&mut conn).expect_err("refused").to_string();
        for word in words {
            assert!(error.contains(word), "{error} does not say {word}");
        }
        assert_eq!(snapshot(&conn), before, "nothing was changed");
    }
    let mut conn = fresh();
    conn.execute("UPDATE schema_migrations SET dirty = 1", []).expect("update");
    assert!(matches!(migrate::up(&mut conn), Err(MigrateError::Dirty { version: 412 })));
    assert!(matches!(migrate::to(&mut fresh(), 411 + 100), Err(MigrateError::NoSuchVersion { asked: 511 })));
}

#[test]
fn a_step_that_fails_changes_nothing() {
    let mut conn = fresh();
    migrate::to(&mut conn, 410).expect("down");
    let before = snapshot(&conn);
    // The step to 411 makes a table of this name, after it could already have changed others.
    conn.execute_batch("CREATE TABLE boundary_usage_stats (id INTEGER)").expect("an obstacle");
    assert!(matches!(migrate::up(&mut conn), Err(MigrateError::Step { from: 410, to: 411, .. })));
    conn.execute_batch("DROP TABLE boundary_usage_stats").expect("out of the way");
    assert_eq!(snapshot(&conn), before);
    assert_eq!(migrate::version(&conn).expect("version"), Some(410));
    let foreign_keys: bool = conn.pragma_query_value(None, "foreign_keys", |row| row.get(0)).expect("foreign keys");
    assert!(foreign_keys, "the setting is put back");
}

#[test]
fn a_row_without_the_row_it_refers_to_stops_the_step() {
    let mut rows = Rows::without_references();
    migrate::to(&mut rows.conn, 411).expect("down");
    rows.insert("gitsshkeys", &[]);
    let error = migrate::up(&mut rows.conn).expect_err("refused").to_string();
    assert!(error.contains("gitsshkeys row 1 to users"), "{error}");
    assert_eq!(migrate::version(&rows.conn).expect("version"), Some(411));
}

#[test]
fn an_open_transaction_is_not_the_place() {
    let mut conn = empty();
    conn.execute_batch("BEGIN").expect("begin");
    assert!(matches!(migrate::up(&mut conn), Err(MigrateError::InTransaction)));
}

#[test]
fn ephemeral_tables_start_empty_each_time() {
    let mut conn = fresh();
    conn.execute("INSERT INTO tailnet_coordinators (id, heartbeat_at) VALUES ('c', 1)", []).expect("insert");
    conn.execute("INSERT INTO tailnet_tunnels VALUES ('c', 'a', 'b', 1)", []).expect("insert");
    migrate::attach_ephemeral(&mut conn).expect("again");
    let left: i64 = conn.query_row("SELECT count(*) FROM tailnet_coordinators", [], |row| row.get(0)).expect("count");
    assert_eq!(left, 0);
    conn.execute("INSERT INTO tailnet_tunnels VALUES ('c', 'a', 'b', 1)", []).expect_err("its coordinator is gone");
}

#[test]
fn an_older_database_is_copied_before_it_is_changed_and_others_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rock.db");
    let mut conn = Connection::open(&path).expect("open");
    assert_eq!(migrate::back_up(&conn).expect("empty"), None);
    migrate::up(&mut conn).expect("up");
    assert_eq!(migrate::back_up(&conn).expect("latest"), None);
    assert_eq!(migrate::back_up(&fresh()).expect("in memory"), None);

    migrate::to(&mut conn, 410).expect("down");
    for name in ["first", "second"] {
        conn.execute("UPDATE organizations SET display_name = ?1", [name]).expect("update");
        let copy = migrate::back_up(&conn).expect("older").expect("a copy");
        assert_eq!(copy, folder.path().join("rock.pre-412.db"));
        let copy = Connection::open(copy).expect("open the copy");
        assert_eq!(migrate::version(&copy).expect("version"), Some(410));
        let kept: String =
            copy.query_row("SELECT display_name FROM organizations", [], |row| row.get(0)).expect("a row");
        assert_eq!(kept, name);
    }
    let left = std::fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 2, "nothing else is left behind");
}
