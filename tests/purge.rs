//! Deletion of what has outlived its retention: each step, what it spares, its limits, and its metrics.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rockpool::ids::Ids;
use rockpool::purge::{self, Metrics, Purged, Retention};
use rockpool::store::sqlite::Options;
use rockpool::store::{Setup, Store, Switches, functions};
use rockpool::time::{Clock, Time};
use rusqlite::Connection;

use crate::support::{Server, eventually};

const NOW: i64 = 1_795_000_000_000_000;
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
const PREBUILDS: &str = "c42fdf75-3097-471c-8c33-fb52454d81c0";

/// A store, and a connection to fill it with, which minds no references.
struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
    conn: Connection,
    registry: prometheus::Registry,
    metrics: Metrics,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let registry = prometheus::Registry::new();
        let setup = Setup { switches: Switches::default(), registry: &registry, count_queries: false };
        let store = Store::sqlite(&path, &Options::default(), &setup).unwrap();
        let metrics = Metrics::new(&registry);
        Bench { conn: connect(&path), _folder: folder, store, registry, metrics }
    }

    /// A row with these values; every other column that needs one gets some.
    fn row(&self, table: &str, given: &[(&str, rusqlite::types::Value)]) {
        let mut columns = self
            .conn
            .prepare_cached("SELECT name, type, \"notnull\", dflt_value IS NULL FROM pragma_table_info(?1)")
            .unwrap();
        let needed: Vec<(String, String)> = columns
            .query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, bool>(2)? && row.get::<_, bool>(3)?)))
            .unwrap()
            .map(Result::unwrap)
            .filter(|(name, _, needed): &(String, String, bool)| {
                *needed && !given.iter().any(|(given, _)| given == name)
            })
            .map(|(name, kind, _)| (name, kind))
            .collect();
        let mut names: Vec<String> = given.iter().map(|(name, _)| format!("{name:?}")).collect();
        let mut values: Vec<rusqlite::types::Value> = given.iter().map(|(_, value)| value.clone()).collect();
        for (name, kind) in needed {
            if table == "workspace_agent_logs" && name == "id" {
                continue;
            }
            names.push(format!("{name:?}"));
            values.push(match (kind.as_str(), name.as_str()) {
                ("INTEGER", _) => 0.into(),
                ("BLOB", _) => vec![0_u8].into(),
                (_, "provisioners") => "[]".to_owned().into(),
                (_, "diff" | "additional_fields" | "payload" | "input") => "{}".to_owned().into(),
                (_, "scopes") => r#"["coder:all"]"#.to_owned().into(),
                (_, "allow_list") => r#"["*:*"]"#.to_owned().into(),
                (_, "login_type") => "password".to_owned().into(),
                (_, "method") => "smtp".to_owned().into(),
                (_, "transition") => "start".to_owned().into(),
                (_, "resource_type") => "user".to_owned().into(),
                (_, "type") => "ssh".to_owned().into(),
                _ => Ids::default().uuid().to_string().into(),
            });
        }
        let marks = vec!["?"; values.len()].join(", ");
        let sql = format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", "));
        self.conn.execute(&sql, rusqlite::params_from_iter(values)).unwrap_or_else(|e| panic!("{table}: {e}"));
    }

    /// What is left in a column.
    fn left(&self, table: &str, column: &str) -> BTreeSet<String> {
        let mut found = self.conn.prepare(&format!("SELECT CAST({column} AS text) FROM {table}")).unwrap();
        found.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn tick(&self, retention: &Retention) -> Result<Option<Purged>, rockpool::store::Error> {
        purge::tick(&self.store, &Clock::held(Time::from_micros(NOW)), retention, Some(&self.metrics))
    }

    /// An agent with a line of log, in a build of a workspace.
    fn agent(&self, name: &str, workspace: &str, build_number: i64, created: i64, connected: Option<i64>) {
        let [resource, job] = ["resource", "job"].map(|kind| format!("{kind} of {name}"));
        self.row(
            "workspace_builds",
            &[("workspace_id", text(workspace)), ("build_number", build_number.into()), ("job_id", text(&job))],
        );
        self.row("workspace_resources", &[("id", text(&resource)), ("job_id", text(&job)), ("name", text("r"))]);
        self.row(
            "workspace_agents",
            &[
                ("id", text(name)),
                ("name", text("main")),
                ("resource_id", text(&resource)),
                ("created_at", created.into()),
                ("last_connected_at", connected.map_or(rusqlite::types::Value::Null, Into::into)),
            ],
        );
        self.row("workspace_agent_logs", &[("agent_id", text(name)), ("output", text("hello"))]);
    }

    fn key(&self, id: &str, user: &str, name: &str, expires: i64) {
        let given =
            [("id", text(id)), ("user_id", text(user)), ("token_name", text(name)), ("expires_at", expires.into())];
        self.row("api_keys", &given);
    }
}

fn connect(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    functions::register(&conn).unwrap();
    conn.pragma_update(None, "foreign_keys", false).unwrap();
    conn
}

fn text(text: &str) -> rusqlite::types::Value {
    text.to_owned().into()
}

fn of_days(days: u64) -> Option<Duration> {
    Some(Duration::from_secs(days * 24 * 60 * 60))
}

fn everything() -> Retention {
    Retention {
        workspace_agent_logs: of_days(7),
        api_keys: of_days(7),
        aibridge: of_days(60),
        connection_logs: of_days(30),
        audit_logs: of_days(30),
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_tick_with_every_retention_set_lets_nothing_old_stay_and_nothing_young_go() {
    let bench = Bench::new();
    for (name, build, created, connected) in [
        ("old", 1, NOW - 20 * DAY, Some(NOW - 8 * DAY)),
        ("connected lately", 2, NOW - 20 * DAY, Some(NOW - 6 * DAY)),
        ("never connected", 3, NOW - 8 * DAY, None),
        ("made lately", 4, NOW - 6 * DAY, None),
        ("of the latest build", 5, NOW - 20 * DAY, Some(NOW - 19 * DAY)),
    ] {
        bench.agent(name, "workspace", build, created, connected);
    }
    for (name, created, seen) in [
        ("gone", NOW - 30 * DAY, Some(NOW - 8 * DAY)),
        ("seen", NOW - 30 * DAY, Some(NOW - 6 * DAY)),
        ("never seen", NOW - 8 * DAY, None),
        ("new", NOW - 6 * DAY, None),
    ] {
        let seen = seen.map_or(rusqlite::types::Value::Null, Into::into);
        bench.row(
            "provisioner_daemons",
            &[("name", text(name)), ("created_at", created.into()), ("last_seen_at", seen)],
        );
    }
    for (name, updated) in [("old", NOW - 8 * DAY), ("young", NOW - 6 * DAY)] {
        bench.row("notification_messages", &[("created_by", text(name)), ("updated_at", updated.into())]);
    }
    for (name, expires) in [("old", NOW - 8 * DAY), ("expired lately", NOW - 6 * DAY), ("valid", NOW + DAY)] {
        bench.key(name, "somebody", "", expires);
    }
    for hours in [25, 23] {
        let event = text("aibridge_interceptions_summary");
        bench.row("telemetry_locks", &[("event_type", event), ("period_ending_at", (NOW - hours * HOUR).into())]);
    }
    for (name, started) in [("old", NOW - 61 * DAY), ("young", NOW - 59 * DAY)] {
        bench.row("aibridge_interceptions", &[("id", text(name)), ("started_at", started.into())]);
        for part in ["aibridge_token_usages", "aibridge_tool_usages", "aibridge_user_prompts"] {
            bench.row(part, &[("interception_id", text(name))]);
        }
    }
    for (name, connect_time) in [("old", NOW - 31 * DAY), ("young", NOW - 29 * DAY)] {
        bench.row("connection_logs", &[("id", text(name)), ("connect_time", connect_time.into())]);
    }
    for (name, action, time) in [
        ("old", "write", NOW - 31 * DAY),
        ("young", "write", NOW - 29 * DAY),
        ("old connect", "connect", NOW - 91 * DAY),
        ("old disconnect", "disconnect", NOW - 91 * DAY),
        ("old open", "open", NOW - 91 * DAY),
        ("old close", "close", NOW - 91 * DAY),
        ("connect", "connect", NOW - 89 * DAY),
    ] {
        bench.row("audit_logs", &[("id", text(name)), ("action", text(action)), ("time", time.into())]);
    }

    let purged = bench.tick(&everything()).unwrap().unwrap();

    let wanted =
        Purged { workspace_agent_logs: 2, expired_api_keys: 1, aibridge_records: 4, connection_logs: 1, audit_logs: 1 };
    assert_eq!(purged, wanted);
    for (table, column, left) in [
        ("workspace_agent_logs", "agent_id", &["connected lately", "made lately", "of the latest build"][..]),
        ("provisioner_daemons", "name", &["seen", "new"]),
        ("notification_messages", "created_by", &["young"]),
        ("api_keys", "id", &["expired lately", "valid"]),
        ("telemetry_locks", "period_ending_at", &[&(NOW - 23 * HOUR).to_string()]),
        ("aibridge_interceptions", "id", &["young"]),
        ("aibridge_token_usages", "interception_id", &["young"]),
        ("aibridge_tool_usages", "interception_id", &["young"]),
        ("aibridge_user_prompts", "interception_id", &["young"]),
        ("connection_logs", "id", &["young"]),
        ("audit_logs", "id", &["young", "connect"]),
    ] {
        assert_eq!(bench.left(table, column), names(left), "{table}");
    }
    let shown = String::from_utf8(rockpool::metrics::exposition(&bench.registry).unwrap()).unwrap();
    for line in [
        r#"coderd_dbpurge_iteration_duration_seconds_count{success="true"} 1"#,
        r#"coderd_dbpurge_records_purged_total{record_type="workspace_agent_logs"} 2"#,
        r#"coderd_dbpurge_records_purged_total{record_type="expired_api_keys"} 1"#,
        r#"coderd_dbpurge_records_purged_total{record_type="aibridge_records"} 4"#,
        r#"coderd_dbpurge_records_purged_total{record_type="connection_logs"} 1"#,
        r#"coderd_dbpurge_records_purged_total{record_type="audit_logs"} 1"#,
        r#"coderd_db_tx_executions_count{retries="0",success="true",tx_id="db_purge"} 1"#,
        r#"coderd_dbpurge_iteration_duration_seconds_bucket{success="true",le="600"} 1"#,
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn what_has_no_retention_is_kept_for_ever() {
    let bench = Bench::new();
    bench.agent("old", "workspace", 1, 0, None);
    bench.agent("latest", "workspace", 2, 0, None);
    bench.key("expired", "somebody", "", 0);
    bench.row("aibridge_interceptions", &[]);
    bench.row("connection_logs", &[]);
    bench.row("audit_logs", &[("action", text("write"))]);
    assert_eq!(bench.tick(&Retention::default()).unwrap(), Some(Purged::default()));
    for (table, count) in [
        ("workspace_agent_logs", 2),
        ("api_keys", 1),
        ("aibridge_interceptions", 1),
        ("connection_logs", 1),
        ("audit_logs", 1),
    ] {
        assert_eq!(bench.left(table, "rowid").len(), count, "{table}");
    }
    // And what is set alone goes alone.
    let purged = bench.tick(&Retention { audit_logs: of_days(1), ..Retention::default() }).unwrap().unwrap();
    assert_eq!(purged, Purged { audit_logs: 1, ..Purged::default() });
}

#[test]
fn statistics_stay_until_they_are_summed_up_and_go_four_hours_at_a_time() {
    let bench = Bench::new();
    let stats = |at: i64| bench.row("workspace_agent_stats", &[("created_at", at.into())]);
    for hours in [0, 3, 5, 9] {
        stats(NOW - 181 * DAY + hours * HOUR);
    }
    stats(NOW - 100 * DAY);
    let left = || bench.left("workspace_agent_stats", "created_at").len();
    // Without sums only what is half a year old goes.
    for expected in [3, 2, 1, 1] {
        bench.tick(&Retention::default()).unwrap();
        assert_eq!(left(), expected);
    }
    // With them, all but the day before the newest.
    bench.row("template_usage_stats", &[("start_time", (NOW - 99 * DAY).into())]);
    bench.tick(&Retention::default()).unwrap();
    assert_eq!(left(), 1, "the day before the newest sum is kept");
    bench.row("template_usage_stats", &[("start_time", (NOW - 98 * DAY).into())]);
    bench.tick(&Retention::default()).unwrap();
    assert_eq!(left(), 0);
}

#[test]
fn keys_of_the_prebuild_user_end_with_its_workspaces() {
    let bench = Bench::new();
    let [claimed, still, gone] = [1, 2, 3].map(|n| format!("00000000-0000-4000-8000-00000000000{n}"));
    let owned = |id: &str, owner: &str| {
        bench.row("workspaces", &[("id", text(id)), ("owner_id", text(owner)), ("name", text(id))])
    };
    owned(&claimed, "somebody");
    owned(&still, PREBUILDS);
    let session = |workspace: &str| format!("{PREBUILDS}_{workspace}_session_token");
    bench.key("claimed", PREBUILDS, &session(&claimed), NOW + DAY);
    bench.key("still", PREBUILDS, &session(&still), NOW + DAY);
    bench.key("gone", PREBUILDS, &session(&gone), NOW + DAY);
    bench.key("unnamed", PREBUILDS, "", NOW + DAY);
    bench.key("other", PREBUILDS, "mine", NOW + DAY);
    bench.key("ended", PREBUILDS, "", NOW - 1);
    bench.key("user's", "somebody", "", NOW + DAY);
    bench.tick(&Retention::default()).unwrap();
    let mut ended = bench.conn.prepare("SELECT id FROM api_keys WHERE expires_at = ?1").unwrap();
    let ended: BTreeSet<String> = ended.query_map([NOW], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(ended, names(&["claimed", "unnamed"]));
}

#[test]
fn a_step_deletes_so_many_rows_at_most_the_oldest_first() {
    let bench = Bench::new();
    let many = |table: &str, columns: &str, values: &str, count: i64| {
        bench
            .conn
            .execute(
                &format!(
                    "INSERT INTO {table} ({columns})
                     WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1) SELECT {values} FROM n"
                ),
                [count],
            )
            .unwrap();
    };
    many(
        "connection_logs",
        "id, connect_time, organization_id, workspace_owner_id, workspace_id, workspace_name, agent_name, type",
        "n, n, '', '', '', '', '', 'ssh'",
        10_003,
    );
    let audited =
        "id, time, user_id, organization_id, resource_type, resource_id, resource_target, action, diff, status_code,
         additional_fields, request_id, resource_icon";
    many("audit_logs", audited, "'e' || n, n, '', '', 'user', '', '', 'connect', '{}', 0, '{}', '', ''", 1_002);
    many("audit_logs", audited, "'w' || n, n, '', '', 'user', '', '', 'write', '{}', 0, '{}', '', ''", 10_001);
    many(
        "api_keys",
        "id, expires_at, hashed_secret, user_id, last_used, created_at, updated_at, login_type, scopes, allow_list",
        "n, n, x'00', '', 0, 0, 0, 'password', '[\"coder:all\"]', '[\"*:*\"]'",
        10_001,
    );
    let purged = bench.tick(&everything()).unwrap().unwrap();
    assert_eq!((purged.connection_logs, purged.audit_logs, purged.expired_api_keys), (10_000, 10_000, 10_000));
    assert_eq!(bench.left("connection_logs", "id"), names(&["10001", "10002", "10003"]));
    assert_eq!(bench.left("audit_logs", "id"), names(&["e1001", "e1002", "w10001"]));
    assert_eq!(bench.left("api_keys", "id"), names(&["10001"]));
    let purged = bench.tick(&everything()).unwrap().unwrap();
    assert_eq!((purged.connection_logs, purged.audit_logs, purged.expired_api_keys), (3, 1, 1));
}

#[test]
fn a_tick_that_fails_deletes_nothing_and_is_counted_as_failed() {
    let bench = Bench::new();
    bench.agent("old", "workspace", 1, 0, None);
    bench.agent("latest", "workspace", 2, 0, None);
    bench.conn.execute_batch("ALTER TABLE audit_logs RENAME TO elsewhere").unwrap();
    bench.tick(&everything()).unwrap_err();
    assert_eq!(bench.left("workspace_agent_logs", "agent_id").len(), 2);
    let shown = String::from_utf8(rockpool::metrics::exposition(&bench.registry).unwrap()).unwrap();
    assert!(shown.contains(r#"coderd_dbpurge_iteration_duration_seconds_count{success="false"} 1"#), "{shown}");
    assert!(!shown.contains("coderd_dbpurge_records_purged_total{"), "{shown}");
}

#[test]
fn a_server_purges_when_it_starts_and_ends_without_waiting_for_the_next_time() {
    let mut server = Server::start();
    let registry = server.running().deployment.registry.clone();
    eventually("a tick", || {
        let shown = String::from_utf8(rockpool::metrics::exposition(&registry).unwrap()).unwrap();
        shown.contains(r#"coderd_dbpurge_iteration_duration_seconds_count{success="true"} 1"#).then_some(())
    });
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    let retention = Retention::of(&server.running().deployment.config.settings);
    let wanted = Retention {
        workspace_agent_logs: Some(week),
        api_keys: Some(week),
        aibridge: of_days(60),
        connection_logs: None,
        audit_logs: None,
    };
    assert_eq!(retention, wanted);
    let begun = std::time::Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(30));
}
