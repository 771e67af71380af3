//! Deletion of what has outlived its retention: each step, what it spares, its limits, and its metrics.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rockpool::ids::Ids;
use rockpool::purge::{self, Metrics, Purged, Retention};
use rockpool::store::postgres::PostgresOptions;
use rockpool::store::sqlite::Options;
use rockpool::store::{Setup, Store, Switches, functions, queries};
use rockpool::time::{Clock, Time};
use rusqlite::Connection;
use uuid::Uuid;

use self::Val::{At, Id, Null, Number, Text};
use crate::support::postgres::{self, Engine, TestDatabase};
use crate::support::{Server, eventually};

const NOW: i64 = 1_795_000_000_000_000;
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
const PREBUILDS: &str = "c42fdf75-3097-471c-8c33-fb52454d81c0";

/// A connection beside the store's, to fill tables and to look into them. It minds no references and wakes no trigger.
enum Side {
    Sqlite(Connection),
    Postgres(RefCell<::postgres::Client>),
}

/// A value of a column, whichever engine keeps it.
#[derive(Clone, Copy)]
enum Val<'a> {
    Text(&'a str),
    /// The id of something that the test calls so.
    Id(&'a str),
    Number(i64),
    /// A time, in microseconds.
    At(i64),
    Null,
}

/// A store, and a connection beside it.
struct Bench {
    store: Store,
    side: Side,
    names: RefCell<BTreeMap<String, String>>,
    registry: prometheus::Registry,
    metrics: Metrics,
    _folder: tempfile::TempDir,
    _database: Option<TestDatabase>,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let registry = prometheus::Registry::new();
        let setup = Setup { switches: Switches::default(), registry: &registry, count_queries: true };
        let database = (postgres::engine() == Engine::Postgres).then(postgres::database);
        let (store, side) = match &database {
            None => {
                let store = Store::sqlite(&path, &Options::default(), &setup).unwrap();
                let conn = Connection::open(&path).unwrap();
                functions::register(&conn).unwrap();
                conn.pragma_update(None, "foreign_keys", false).unwrap();
                conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
                (store, Side::Sqlite(conn))
            }
            Some(database) => {
                let store = Store::postgres(&PostgresOptions::new(database.url()).unwrap(), &setup).unwrap();
                let mut client = database.connect();
                client.batch_execute("SET session_replication_role = replica").unwrap();
                (store, Side::Postgres(RefCell::new(client)))
            }
        };
        let metrics = Metrics::new(&registry);
        Bench { store, side, names: RefCell::default(), registry, metrics, _folder: folder, _database: database }
    }

    fn run(&self, sql: &str) {
        match &self.side {
            Side::Sqlite(conn) => conn.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}")),
            Side::Postgres(client) => {
                client.borrow_mut().batch_execute(sql).unwrap_or_else(|e| panic!("{sql}: {:?}", e.as_db_error()));
            }
        }
    }

    /// The texts of a query of so many columns.
    fn ask(&self, sql: &str, columns: usize) -> Vec<Vec<String>> {
        match &self.side {
            Side::Sqlite(conn) => {
                let mut query = conn.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
                let rows = query.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
                rows.unwrap().map(Result::unwrap).collect()
            }
            Side::Postgres(client) => {
                let rows = client.borrow_mut().query(sql, &[]);
                let rows = rows.unwrap_or_else(|e| panic!("{sql}: {:?}", e.as_db_error()));
                rows.iter().map(|row| (0..columns).map(|at| row.get(at)).collect()).collect()
            }
        }
    }

    fn literal(&self, value: Val<'_>) -> String {
        match value {
            Text(text) => format!("'{text}'"),
            Id(name) => {
                let id = self.id(name);
                self.names.borrow_mut().insert(id.clone(), name.to_owned());
                format!("'{id}'")
            }
            Number(number) => number.to_string(),
            At(micros) => match self.side {
                Side::Sqlite(_) => micros.to_string(),
                Side::Postgres(_) => format!("to_timestamp({micros} / 1000000)"),
            },
            Null => "NULL".to_owned(),
        }
    }

    /// The id of what the test calls so.
    fn id(&self, name: &str) -> String {
        let mut bytes = [0x40; 16];
        for (at, byte) in name.bytes().enumerate() {
            bytes[at % 16] ^= byte.rotate_left(at as u32 / 16);
        }
        Uuid::from_bytes(bytes).to_string()
    }

    /// The columns of a table that need a value, and some value for each.
    fn needed(&self, table: &str) -> Vec<(String, String)> {
        let columns = match self.side {
            Side::Sqlite(_) => self.ask(
                &format!(
                    "SELECT name, type FROM pragma_table_info('{table}')
                     WHERE \"notnull\" AND dflt_value IS NULL AND type <> '' AND (pk = 0 OR type <> 'INTEGER')"
                ),
                2,
            ),
            Side::Postgres(_) => self.ask(
                &format!(
                    "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
                     WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull
                         AND NOT atthasdef AND attidentity = ''"
                ),
                2,
            ),
        };
        let of = |name: &str, kind: &str| {
            let array = |texts: &str| match self.side {
                Side::Sqlite(_) if texts.is_empty() => "'[]'".to_owned(),
                Side::Sqlite(_) => format!("'[\"{texts}\"]'"),
                Side::Postgres(_) => format!("'{{{texts}}}'"),
            };
            match (name, kind) {
                ("provisioners", _) => array(""),
                ("scopes", _) => array("coder:all"),
                ("allow_list", _) => array("*:*"),
                ("diff" | "additional_fields" | "payload" | "input", _) => "'{}'".to_owned(),
                ("login_type", _) => "'password'".to_owned(),
                ("method", _) => "'smtp'".to_owned(),
                ("transition", _) => "'start'".to_owned(),
                ("resource_type", _) => "'user'".to_owned(),
                ("type", _) => "'ssh'".to_owned(),
                (_, "INTEGER" | "integer" | "bigint" | "smallint") => "0".to_owned(),
                (_, "BLOB") => "x'00'".to_owned(),
                (_, "bytea") => "''".to_owned(),
                (_, "boolean") => "FALSE".to_owned(),
                (_, kind) if kind.starts_with("timestamp") => "'epoch'".to_owned(),
                _ => format!("'{}'", Ids::default().uuid()),
            }
        };
        columns.iter().map(|column| (column[0].clone(), of(&column[0], &column[1]))).collect()
    }

    /// A row with these values; every other column that needs one gets some.
    fn row(&self, table: &str, given: &[(&str, Val<'_>)]) {
        let given: Vec<_> = given.iter().map(|(name, value)| (*name, self.literal(*value))).collect();
        self.rows(table, &given, "");
    }

    /// As many rows as `from` has, whose columns are expressions of it; every other column that needs a value gets some.
    fn rows(&self, table: &str, given: &[(&str, String)], from: &str) {
        let mut columns = self.needed(table);
        columns.retain(|(name, _)| !given.iter().any(|(given, _)| given == name));
        columns.extend(given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        self.run(&format!("INSERT INTO {table} ({}) SELECT {} {from}", names.join(", "), values.join(", ")));
    }

    /// Rows with ids and times from 1 on: ids as [`numbered`] has them, times in microseconds.
    fn many(&self, table: &str, kind: u32, time: &str, given: &[(&str, Val<'_>)], count: i64) {
        let (id, at, from) = match self.side {
            Side::Sqlite(_) => (
                format!("printf('%08x-0000-4000-8000-%012x', {kind}, n)"),
                "n",
                format!(
                    "FROM (WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
                           SELECT n FROM numbers)"
                ),
            ),
            Side::Postgres(_) => (
                format!("(lpad(to_hex({kind}), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"),
                "'epoch'::timestamptz + n * INTERVAL '1 microsecond'",
                format!("FROM generate_series(1, {count}) AS n"),
            ),
        };
        let mut columns: Vec<_> = given.iter().map(|(name, value)| (*name, self.literal(*value))).collect();
        columns.extend([("id", id), (time, at.to_owned())]);
        self.rows(table, &columns, &from);
    }

    /// What is left in a column, in the test's own names.
    fn left(&self, table: &str, column: &str) -> BTreeSet<String> {
        let names = self.names.borrow();
        let found = self.ask(&format!("SELECT CAST({column} AS text) FROM {table}"), 1);
        found.into_iter().map(|row| names.get(&row[0]).cloned().unwrap_or_else(|| row[0].clone())).collect()
    }

    /// How many rows are left.
    fn count(&self, table: &str) -> String {
        self.ask(&format!("SELECT CAST(count(*) AS text) FROM {table}"), 1)[0][0].clone()
    }

    fn tick(&self, retention: &Retention) -> Result<Option<Purged>, rockpool::store::Error> {
        purge::tick(&self.store, &Clock::held(Time::from_micros(NOW)), retention, Some(&self.metrics))
    }

    fn shown(&self) -> String {
        String::from_utf8(rockpool::metrics::exposition(&self.registry).unwrap()).unwrap()
    }

    /// An agent with a line of log, in a build of a workspace.
    fn agent(&self, name: &str, workspace: &str, build_number: i64, created: i64, connected: Option<i64>) {
        let [resource, job] = ["resource", "job"].map(|kind| format!("{kind} of {name}"));
        self.row(
            "workspace_builds",
            &[("workspace_id", Id(workspace)), ("build_number", Number(build_number)), ("job_id", Id(&job))],
        );
        self.row("workspace_resources", &[("id", Id(&resource)), ("job_id", Id(&job)), ("name", Text("r"))]);
        self.row(
            "workspace_agents",
            &[
                ("id", Id(name)),
                ("name", Text("main")),
                ("resource_id", Id(&resource)),
                ("created_at", At(created)),
                ("last_connected_at", connected.map_or(Null, At)),
            ],
        );
        self.row("workspace_agent_logs", &[("agent_id", Id(name)), ("output", Text("hello"))]);
    }

    fn key(&self, id: &str, user: Val<'_>, name: &str, expires: i64) {
        let given = [("id", Text(id)), ("user_id", user), ("token_name", Text(name)), ("expires_at", At(expires))];
        self.row("api_keys", &given);
    }
}

/// The id of a row of [`Bench::many`].
fn numbered(kind: u32, number: u64) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
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
        let seen = seen.map_or(Null, At);
        bench.row("provisioner_daemons", &[("name", Text(name)), ("created_at", At(created)), ("last_seen_at", seen)]);
    }
    for (name, updated) in [("old", NOW - 8 * DAY), ("young", NOW - 6 * DAY)] {
        bench.row("notification_messages", &[("created_by", Text(name)), ("updated_at", At(updated))]);
    }
    for (name, expires) in [("old", NOW - 8 * DAY), ("expired lately", NOW - 6 * DAY), ("valid", NOW + DAY)] {
        bench.key(name, Id("somebody"), "", expires);
    }
    for (event, hours) in [("aibridge_interceptions_summary", 25), ("boundary_usage_summary", 23)] {
        let ended = At(NOW - hours * HOUR);
        bench.row("telemetry_locks", &[("event_type", Text(event)), ("period_ending_at", ended)]);
    }
    for (name, started) in [("old", NOW - 61 * DAY), ("young", NOW - 59 * DAY)] {
        bench.row("aibridge_interceptions", &[("id", Id(name)), ("started_at", At(started))]);
        for part in ["aibridge_token_usages", "aibridge_tool_usages", "aibridge_user_prompts"] {
            bench.row(part, &[("interception_id", Id(name))]);
        }
    }
    for (name, connect_time) in [("old", NOW - 31 * DAY), ("young", NOW - 29 * DAY)] {
        bench.row("connection_logs", &[("id", Id(name)), ("connect_time", At(connect_time))]);
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
        bench.row("audit_logs", &[("id", Id(name)), ("action", Text(action)), ("time", At(time))]);
    }

    let purged = bench.tick(&everything()).unwrap().unwrap();

    let wanted = Purged {
        workspace_agent_logs: 2,
        expired_api_keys: 1,
        aibridge_records: 4,
        connection_logs: 1,
        audit_logs: 1,
        reached_limit: false,
    };
    assert_eq!(purged, wanted);
    for (table, column, left) in [
        ("workspace_agent_logs", "agent_id", &["connected lately", "made lately", "of the latest build"][..]),
        ("provisioner_daemons", "name", &["seen", "new"]),
        ("notification_messages", "created_by", &["young"]),
        ("api_keys", "id", &["expired lately", "valid"]),
        ("telemetry_locks", "event_type", &["boundary_usage_summary"]),
        ("aibridge_interceptions", "id", &["young"]),
        ("aibridge_token_usages", "interception_id", &["young"]),
        ("aibridge_tool_usages", "interception_id", &["young"]),
        ("aibridge_user_prompts", "interception_id", &["young"]),
        ("connection_logs", "id", &["young"]),
        ("audit_logs", "id", &["young", "connect"]),
    ] {
        assert_eq!(bench.left(table, column), names(left), "{table}");
    }
    let shown = bench.shown();
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
    // No step was left out: each was asked of the store, as the one subject that may purge.
    let steps: Vec<_> = queries::all().filter(|query| query.method.starts_with("delete_old_")).collect();
    assert_eq!(steps.len(), 12, "a step that is new needs rows above");
    let others = ["DeleteExpiredAPIKeys", "ExpirePrebuildsAPIKeys"];
    for name in steps.iter().map(|query| query.name).chain(others) {
        assert!(shown.contains(&format!("query=\"{name}\"")), "{name}\n{shown}");
    }
}

#[test]
fn what_has_no_retention_is_kept_for_ever() {
    let bench = Bench::new();
    bench.agent("old", "workspace", 1, 0, None);
    bench.agent("latest", "workspace", 2, 0, None);
    bench.key("expired", Id("somebody"), "", 0);
    bench.row("aibridge_interceptions", &[]);
    bench.row("connection_logs", &[]);
    bench.row("audit_logs", &[("action", Text("write"))]);
    assert_eq!(bench.tick(&Retention::default()).unwrap(), Some(Purged::default()));
    for (table, count) in [
        ("workspace_agent_logs", "2"),
        ("api_keys", "1"),
        ("aibridge_interceptions", "1"),
        ("connection_logs", "1"),
        ("audit_logs", "1"),
    ] {
        assert_eq!(bench.count(table), count, "{table}");
    }
    // And what is set alone goes alone.
    let purged = bench.tick(&Retention { audit_logs: of_days(1), ..Retention::default() }).unwrap().unwrap();
    assert_eq!(purged, Purged { audit_logs: 1, ..Purged::default() });
}

#[test]
fn statistics_stay_until_they_are_summed_up_and_go_four_hours_at_a_time() {
    let bench = Bench::new();
    let stats = |at: i64| bench.row("workspace_agent_stats", &[("created_at", At(at))]);
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
    bench.row("template_usage_stats", &[("start_time", At(NOW - 99 * DAY))]);
    bench.tick(&Retention::default()).unwrap();
    assert_eq!(left(), 1, "the day before the newest sum is kept");
    bench.row("template_usage_stats", &[("start_time", At(NOW - 98 * DAY))]);
    bench.tick(&Retention::default()).unwrap();
    assert_eq!(left(), 0);
}

#[test]
fn keys_of_the_prebuild_user_end_with_its_workspaces() {
    let bench = Bench::new();
    let [claimed, still, gone] = [1, 2, 3].map(|n| format!("00000000-0000-4000-8000-00000000000{n}"));
    let owned = |id: &str, owner| {
        bench.row("workspaces", &[("id", Text(id)), ("owner_id", owner), ("name", Text(id))]);
    };
    owned(&claimed, Id("somebody"));
    owned(&still, Text(PREBUILDS));
    let session = |workspace: &str| format!("{PREBUILDS}_{workspace}_session_token");
    let prebuilds = Text(PREBUILDS);
    bench.key("claimed", prebuilds, &session(&claimed), NOW + DAY);
    bench.key("still", prebuilds, &session(&still), NOW + DAY);
    bench.key("gone", prebuilds, &session(&gone), NOW + DAY);
    bench.key("unnamed", prebuilds, "", NOW + DAY);
    bench.key("other", prebuilds, "mine", NOW + DAY);
    bench.key("ended", prebuilds, "", NOW - HOUR);
    bench.key("of a user", Id("somebody"), "", NOW + DAY);
    bench.tick(&Retention::default()).unwrap();
    let ended = bench.left(&format!("api_keys WHERE expires_at = {}", bench.literal(At(NOW))), "id");
    assert_eq!(ended, names(&["claimed", "unnamed"]));
}

#[test]
fn a_step_deletes_so_many_rows_at_most_the_oldest_first() {
    let bench = Bench::new();
    bench.many("connection_logs", 1, "connect_time", &[], 10_003);
    bench.many("audit_logs", 2, "time", &[("action", Text("connect"))], 1_002);
    bench.many("audit_logs", 3, "time", &[("action", Text("write"))], 10_001);
    bench.many("api_keys", 4, "expires_at", &[], 10_001);
    bench.many("notification_messages", 5, "updated_at", &[], 10_001);
    bench.many("aibridge_interceptions", 6, "started_at", &[], 1_001);
    bench.many("aibridge_user_prompts", 6, "created_at", &[("interception_id", Text(&numbered(6, 1)))], 2_000);
    bench.row("aibridge_user_prompts", &[("interception_id", Text(&numbered(6, 1_001)))]);
    let line = |agent: &str| bench.row("workspace_agent_logs", &[("agent_id", Id(agent))]);
    bench.agent("old", "workspace", 1, 0, None);
    bench.agent("latest", "workspace", 2, 0, None);
    for _ in 0..14 {
        // Twice as many each time.
        let copy = "SELECT agent_id, created_at, output, log_source_id FROM workspace_agent_logs";
        bench.run(&format!("INSERT INTO workspace_agent_logs (agent_id, created_at, output, log_source_id) {copy}"));
    }
    line("old");
    let logs = 1 << 14;

    let first = bench.tick(&everything()).unwrap().unwrap();
    let wanted = Purged {
        workspace_agent_logs: 10_000,
        expired_api_keys: 10_000,
        aibridge_records: 3_000,
        connection_logs: 10_000,
        audit_logs: 10_000,
        reached_limit: true,
    };
    assert_eq!(first, wanted);
    let ids = |of: &[(u32, u64)]| of.iter().map(|(kind, number)| numbered(*kind, *number)).collect::<BTreeSet<_>>();
    assert_eq!(bench.left("connection_logs", "id"), ids(&[(1, 10_001), (1, 10_002), (1, 10_003)]));
    assert_eq!(bench.left("audit_logs", "id"), ids(&[(2, 1_001), (2, 1_002), (3, 10_001)]));
    assert_eq!(bench.left("api_keys", "id"), ids(&[(4, 10_001)]));
    assert_eq!(bench.left("aibridge_interceptions", "id"), ids(&[(6, 1_001)]));
    assert_eq!(bench.left("aibridge_user_prompts", "interception_id"), ids(&[(6, 1_001)]));
    assert_eq!(bench.count("notification_messages"), "1");

    let rest = bench.tick(&everything()).unwrap().unwrap();
    let wanted = Purged {
        workspace_agent_logs: logs + 1 - 10_000,
        expired_api_keys: 1,
        aibridge_records: 2,
        connection_logs: 3,
        audit_logs: 1,
        reached_limit: false,
    };
    assert_eq!(rest, wanted, "what one tick leaves the next one finds");
    assert_eq!(bench.count("notification_messages"), "0");
    assert_eq!(bench.count("workspace_agent_logs"), logs.to_string(), "of the latest build all are there");
}

#[test]
fn a_tick_that_fails_deletes_nothing_and_is_counted_as_failed() {
    let bench = Bench::new();
    bench.agent("old", "workspace", 1, 0, None);
    bench.agent("latest", "workspace", 2, 0, None);
    bench.run("ALTER TABLE audit_logs RENAME TO elsewhere");
    bench.tick(&everything()).unwrap_err();
    assert_eq!(bench.count("workspace_agent_logs"), "2");
    let shown = bench.shown();
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
