//! The runner: both ways through all versions, with rows, several at once, and what it refuses.

use std::collections::BTreeSet;

use postgres::Client;
use rockpool::store::migrate::{EMPTY, LATEST, MigrateError, postgres as migrate};

use super::super::facts;
use super::{column, live};
use crate::support::postgres::{database, empty_database, empty_database_with_schema, waits_for_its_run};

/// The catalogue without enums, from which Postgres cannot take a value on the way down.
fn snapshot(client: &mut Client) -> BTreeSet<String> {
    live(client).into_iter().filter(|line| !line.starts_with("enum ")).collect()
}

#[test]
fn every_version_has_one_catalogue_from_above_and_from_below() {
    if waits_for_its_run() {
        return;
    }
    let database = empty_database();
    let mut client = database.connect();
    let mut versions = Vec::new();
    for version in 408..=LATEST {
        migrate::to(&mut client, version).expect("up");
        assert_eq!(migrate::version(&mut client).expect("version"), Some(version));
        versions.push((version, snapshot(&mut client)));
    }
    for way in ["down", "up again"] {
        versions.reverse();
        for (version, before) in &versions {
            migrate::to(&mut client, *version).unwrap_or_else(|error| panic!("{way} to {version}: {error}"));
            let differ: Vec<_> = snapshot(&mut client).symmetric_difference(before).cloned().collect();
            assert!(differ.is_empty(), "{way} at {version}: {differ:#?}");
        }
    }
}

#[test]
fn undoing_everything_leaves_what_is_not_ours() {
    if waits_for_its_run() {
        return;
    }
    let database = database();
    let mut client = database.connect();
    client.batch_execute("CREATE TABLE guests (id int); INSERT INTO guests VALUES (7)").expect("a guest");
    migrate::to(&mut client, EMPTY).expect("down");
    assert_eq!(migrate::version(&mut client).expect("version"), None);
    let left: Vec<_> = live(&mut client).into_iter().filter(|line| !line.starts_with("column ")).collect();
    assert_eq!(
        left,
        [
            "constraint schema_migrations schema_migrations_pkey PRIMARY KEY (version)",
            "table guests",
            "table schema_migrations"
        ]
    );
    migrate::up(&mut client).expect("up again");
    assert_eq!(column(&mut client, "SELECT id::text FROM guests"), ["7"]);
}

#[test]
fn the_tailnet_tables_leave_the_log_children_first_and_come_back_parent_first() {
    if waits_for_its_run() {
        return;
    }
    let order = facts("migrations.json")["412"]["sets_unlogged_in_this_order"].clone();
    let order: Vec<_> = order.as_array().expect("an order").iter().filter_map(|name| name.as_str()).collect();
    let database = database();
    let mut client = database.connect();
    let run = |client: &mut Client, tables: &mut dyn Iterator<Item = &&str>, to: &str| {
        let sql: String = tables.map(|table| format!("ALTER TABLE {table} SET {to};")).collect();
        client
            .batch_execute(&format!("BEGIN; {sql} ROLLBACK"))
            .inspect_err(|_| client.batch_execute("ROLLBACK").unwrap())
    };
    for (version, to, right) in [(LATEST, "LOGGED", false), (411, "UNLOGGED", true)] {
        migrate::to(&mut client, version).expect("down");
        let (right, wrong) = if right {
            (run(&mut client, &mut order.iter(), to), run(&mut client, &mut order.iter().rev(), to))
        } else {
            (run(&mut client, &mut order.iter().rev(), to), run(&mut client, &mut order.iter(), to))
        };
        right.unwrap_or_else(|err| panic!("the right order, {to}: {err:?}"));
        let wrong = wrong.expect_err("the wrong order");
        assert_eq!(wrong.code(), Some(&postgres::error::SqlState::INVALID_TABLE_DEFINITION), "{to}: {wrong:?}");
    }
    migrate::up(&mut client).expect("ours is the right one");
    let unlogged = column(
        &mut client,
        "SELECT count(*)::text FROM pg_class WHERE relname LIKE 'tailnet_%' AND relkind = 'r' AND relpersistence = 'u'",
    );
    assert_eq!(unlogged, ["3"]);
}

#[test]
fn rows_that_only_a_later_version_knows_survive_the_way_down() {
    if waits_for_its_run() {
        return;
    }
    let database = database();
    let mut client = database.connect();
    // What the rows refer to is not what this is about.
    client
        .batch_execute(
            "SET session_replication_role = replica;
             INSERT INTO api_keys (id, hashed_secret, user_id, last_used, expires_at, created_at, updated_at, login_type, ip_address, token_name, scopes, allow_list)
             SELECT 'key', '', id, now(), now(), now(), now(), 'token', '0.0.0.0', '', '{boundary_usage:read,coder:all}', '{*:*}' FROM users;
             INSERT INTO workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number, transition, initiator_id, job_id, reason)
             SELECT gen_random_uuid(), now(), now(), users.id, users.id, number, 'start', users.id, gen_random_uuid(), reason
             FROM users, (VALUES (1, 'task_auto_pause'::build_reason), (2, 'task_manual_pause'), (3, 'task_resume'), (4, 'dormancy')) AS build (number, reason);
             INSERT INTO telemetry_locks VALUES ('boundary_usage_summary', now()), ('aibridge_interceptions_summary', now());
             SET session_replication_role = DEFAULT",
        )
        .unwrap_or_else(|err| panic!("rows: {err:?}"));
    migrate::to(&mut client, 408).expect("down");
    assert_eq!(column(&mut client, "SELECT scopes::text FROM api_keys"), ["{coder:all}"]);
    assert_eq!(
        column(&mut client, "SELECT reason::text FROM workspace_builds ORDER BY build_number"),
        ["autostop", "initiator", "initiator", "dormancy"]
    );
    assert_eq!(column(&mut client, "SELECT event_type FROM telemetry_locks"), ["aibridge_interceptions_summary"]);
    migrate::up(&mut client).expect("up again");
    assert_eq!(column(&mut client, "SELECT count(*)::text FROM workspace_builds"), ["4"]);
}

#[test]
fn a_database_that_we_do_not_know_is_refused_with_both_versions() {
    if waits_for_its_run() {
        return;
    }
    let database = database();
    let mut client = database.connect();
    for (found, words) in [(413_i64, ["413", "412", "backup"]), (407, ["407", "408 to 412", "bring it"])] {
        client.execute("UPDATE schema_migrations SET version = $1", &[&found]).expect("update");
        let before = live(&mut client);
        let error = migrate::up(&mut client).expect_err("refused").to_string();
        for word in words {
            assert!(error.contains(word), "{error} does not say {word}");
        }
        assert_eq!(live(&mut client), before, "nothing was changed");
    }
    client.execute("UPDATE schema_migrations SET version = 412, dirty = TRUE", &[]).expect("update");
    assert!(matches!(migrate::up(&mut client), Err(MigrateError::Dirty { version: 412 })));
    assert!(matches!(migrate::to(&mut client, 511), Err(MigrateError::NoSuchVersion { asked: 511 })));
}

#[test]
fn a_step_that_fails_changes_nothing() {
    if waits_for_its_run() {
        return;
    }
    let database = database();
    let mut client = database.connect();
    migrate::to(&mut client, 410).expect("down");
    let before = live(&mut client);
    // The step to 411 makes a table of this name, after it could already have changed others.
    client.batch_execute("CREATE TABLE boundary_usage_stats (id int)").expect("an obstacle");
    let error = migrate::up(&mut client).expect_err("an obstacle");
    assert!(matches!(error, MigrateError::Step { from: 410, to: 411, .. }), "{error:?}");
    assert!(error.to_string().contains("boundary_usage_stats"), "{error}");
    client.batch_execute("DROP TABLE boundary_usage_stats").expect("out of the way");
    assert_eq!(live(&mut client), before);
    assert_eq!(migrate::version(&mut client).expect("version"), Some(410));
}

#[test]
fn servers_that_start_at_once_wait_for_each_other() {
    if waits_for_its_run() {
        return;
    }
    let database = empty_database();
    for from in [EMPTY, 409] {
        migrate::to(&mut database.connect(), from).expect("to begin with");
        std::thread::scope(|scope| {
            let starting: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| migrate::up(&mut database.connect()).map_err(|err| err.to_string())))
                .collect();
            for server in starting {
                assert_eq!(server.join().expect("a server"), Ok(()), "from {from}");
            }
        });
        assert_eq!(migrate::version(&mut database.connect()).expect("version"), Some(LATEST));
    }
}

#[test]
fn a_search_path_that_leads_nowhere_is_named() {
    if waits_for_its_run() {
        return;
    }
    let database = empty_database_with_schema("here");
    let mut client = database.connect();
    client.batch_execute("SET search_path = nowhere").expect("set");
    let error = migrate::up(&mut client).expect_err("nowhere to go").to_string();
    assert!(error.contains("nowhere") && error.contains("create"), "{error}");
    // Another program's database beside ours is not ours.
    client
        .batch_execute("CREATE SCHEMA beside; CREATE TABLE beside.schema_migrations (version bigint, dirty boolean)")
        .expect("made");
    client
        .batch_execute("INSERT INTO beside.schema_migrations VALUES (7, FALSE); SET search_path = here, beside")
        .expect("made");
    migrate::up(&mut client).expect("up");
    assert_eq!(migrate::version(&mut client).expect("version"), Some(LATEST));
}
