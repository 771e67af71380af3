//! How the engines would run the declared queries on a database of a grown deployment: a million lines of agents' logs, a hundred
//! thousand builds. A query that has to read all of such a table is found here, not in somebody's production.

use std::collections::{BTreeMap, BTreeSet};

use rockpool::store::driver::Dialect;
use rockpool::store::migrate::sqlite as migrate;
use rockpool::store::{functions, queries};
use rusqlite::Connection;

use crate::support::postgres;

/// From how many rows on a table is not to be read whole.
const TOO_MANY: i64 = 100_000;

/// The tables that grow, and how many rows they have by then.
const LARGE: [(&str, i64); 14] = [
    ("workspace_agent_logs", 1_000_000),
    ("provisioner_job_logs", 2_000_000),
    ("workspace_agent_stats", 500_000),
    ("audit_logs", 500_000),
    ("connection_logs", 200_000),
    ("workspace_resources", 200_000),
    ("workspace_build_parameters", 200_000),
    ("workspace_builds", 100_000),
    ("provisioner_jobs", 100_000),
    ("workspace_agents", 100_000),
    ("workspace_apps", 100_000),
    ("workspaces", 10_000),
    ("api_keys", 10_000),
    ("users", 5_000),
];

/// The methods that read all of a large table, and why they may.
const WHOLE: &[(&str, &str)] = &[
    ("insert_organization", "SQLite looks for rows that wait for their parent, but only while some do"),
    ("insert_workspace_agent", "the same"),
    ("delete_old_workspace_agent_logs", "every ten minutes, and the schema has no index on when agents connected"),
    ("delete_old_workspace_agent_stats", "it looks for the oldest, which an index has at its end"),
    ("get_unfinished_provisioner_jobs", "once at a start; the schema has no index on jobs under way"),
    (
        "get_user_workspace_build_parameters",
        "the schema's index on owners leaves out deleted workspaces, which count here",
    ),
    ("get_provisioner_jobs_of_organization", "the schema has no index on the organization of a job"),
    ("get_deployment_workspace_stats", "it counts every workspace by its latest build"),
    ("get_template_build_times", "builds of some templates are a part of all builds; the answers are kept"),
];

/// Whether what a query looks for is known only when it is called: a search.
fn is_search(sql: &str) -> bool {
    sql.contains("{where}") || sql.contains("{filter}")
}

fn check(engine: &str, mut found: BTreeMap<&'static str, BTreeSet<String>>) {
    for (method, _) in WHOLE {
        assert!(queries::all().any(|query| query.method == *method), "there is no query {method}");
        found.remove(method);
    }
    let listed: Vec<String> = found.iter().map(|(method, tables)| format!("{method}: all of {tables:?}")).collect();
    assert!(listed.is_empty(), "on {engine}:\n{}", listed.join("\n"));
}

#[test]
fn on_sqlite_no_query_reads_all_of_a_large_table() {
    if postgres::skips("it asks SQLite's planner") {
        return;
    }
    let conn = large();
    let mut found: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for query in queries::all().filter(|query| !is_search(query.sql)) {
        let text = query.prepared(Dialect::Sqlite).unwrap().open_text();
        for table in read_whole(&conn, &text) {
            found.entry(query.method).or_default().insert(table);
        }
    }
    check("SQLite", found);
}

#[test]
fn an_unindexed_look_up_would_be_found() {
    if postgres::skips("it asks SQLite's planner") {
        return;
    }
    let conn = large();
    let whole = |sql: &str| read_whole(&conn, sql);
    assert_eq!(whole("SELECT id FROM workspace_agent_logs WHERE output = ?1"), ["workspace_agent_logs"]);
    assert_eq!(whole("SELECT count(*) FROM workspace_builds WHERE reason = ?1"), ["workspace_builds"]);
    assert!(whole("SELECT id FROM workspace_agent_logs WHERE agent_id = ?1").is_empty());
    assert!(whole("SELECT id FROM audit_logs ORDER BY time DESC LIMIT 10").is_empty());
}

/// An empty database whose statistics are those of a large one.
fn large() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    conn.execute_batch("ATTACH ':memory:' AS ephemeral").unwrap();
    functions::register(&conn).unwrap();
    migrate::attach_ephemeral(&mut conn).unwrap();
    migrate::up(&mut conn).unwrap();
    pretend_to_be_large(&conn);
    conn
}

/// Statistics as ANALYZE would write them for tables of that size.
fn pretend_to_be_large(conn: &Connection) {
    conn.execute_batch("ANALYZE").unwrap();
    let rows_of = |table: &str| LARGE.iter().find(|(large, _)| *large == table).map_or(100, |(_, rows)| *rows);
    let mut indexes = conn
        .prepare(
            "SELECT t.name, i.name, i.\"unique\", (SELECT count(*) FROM pragma_index_info(i.name))
               FROM sqlite_schema t, pragma_index_list(t.name) i WHERE t.type = 'table'",
        )
        .unwrap();
    let indexes: Vec<(String, String, bool, usize)> = indexes
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)? as usize)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    conn.execute("DELETE FROM sqlite_stat1", []).unwrap();
    for (table, index, unique, columns) in indexes {
        let rows = rows_of(&table);
        // A value of the first column has a hundred rows, together with one of the second it has ten, and so on.
        let mut per_value = 1_000;
        let mut stat = vec![rows.to_string()];
        for column in 1..=columns {
            per_value = if unique && column == columns { 1 } else { (per_value / 10).max(1) };
            stat.push(per_value.min(rows).to_string());
        }
        let row = [table, index, stat.join(" ")];
        conn.execute("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?1, ?2, ?3)", row).unwrap();
    }
    conn.execute_batch("ANALYZE sqlite_schema").unwrap();
}

/// The large tables that a statement reads from end to end, itself or by an index; not those whose index gives the order in which
/// a statement stops early.
fn read_whole(conn: &Connection, sql: &str) -> Vec<String> {
    let roots: BTreeMap<i64, String> = conn
        .prepare_cached("SELECT rootpage, tbl_name FROM main.sqlite_schema WHERE rootpage > 0")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut explain = conn.prepare(&format!("EXPLAIN {sql}")).unwrap_or_else(|e| panic!("{e}: {sql}"));
    let nothing = vec![rusqlite::types::Null; explain.parameter_count()];
    let steps: Vec<(String, i64, i64, i64)> = explain
        .query_map(rusqlite::params_from_iter(nothing), |row| Ok((row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let stops_early = sql.contains("LIMIT") && !steps.iter().any(|(step, ..)| step == "SorterOpen");
    let mut whole = BTreeSet::new();
    // The statement's own program, and after it those of its triggers, which count their cursors anew.
    for program in steps.chunk_by(|_, (next, ..)| next != "Init") {
        for (_, cursor, ..) in program.iter().filter(|(step, ..)| step == "Rewind" || step == "Last") {
            // Of a number that stands for several things in turn it cannot be told which it is here. What an INSERT opens to
            // write it does not search.
            let opened: Vec<_> =
                program.iter().filter(|(step, first, ..)| step.starts_with("Open") && first == cursor).collect();
            let [(step, _, root, 0)] = opened[..] else { continue };
            let searched = step == "OpenRead" || (step == "OpenWrite" && !sql.trim_start().starts_with("INSERT"));
            let large = |table: &&String| LARGE.iter().any(|(large, rows)| large == *table && *rows >= TOO_MANY);
            if searched && !stops_early {
                whole.extend(roots.get(root).filter(large).cloned());
            }
        }
    }
    whole.into_iter().collect()
}

#[test]
fn on_postgres_no_query_reads_all_of_a_large_table() {
    if postgres::waits_for_its_run() {
        return;
    }
    let database = postgres::database();
    let mut client = database.connect();
    client.batch_execute(GROWN).unwrap();
    let unindexed = scanned_whole(&mut client, "SELECT id FROM workspace_agent_logs WHERE output = $1");
    assert_eq!(unindexed, BTreeSet::from(["workspace_agent_logs".to_owned()]), "an unindexed look-up would be found");
    let mut found: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for query in queries::all().filter(|query| !is_search(query.pg.unwrap_or(query.sql))) {
        let tables = scanned_whole(&mut client, &query.prepared(Dialect::Postgres).unwrap().open_text());
        if !tables.is_empty() {
            found.insert(query.method, tables);
        }
    }
    check("Postgres", found);
}

/// The grown tables that Postgres would read from end to end for a statement.
fn scanned_whole(client: &mut ::postgres::Client, text: &str) -> BTreeSet<String> {
    let arguments = (1..100).take_while(|n| text.contains(&format!("${n}"))).count();
    let arguments = if arguments == 0 { String::new() } else { format!("({})", vec!["NULL"; arguments].join(", ")) };
    client.batch_execute(&format!("PREPARE looked_at AS {text}")).unwrap();
    let plan = client.simple_query(&format!("EXPLAIN EXECUTE looked_at{arguments}")).unwrap();
    client.batch_execute("DEALLOCATE looked_at").unwrap();
    let mut whole = BTreeSet::new();
    for line in plan {
        let ::postgres::SimpleQueryMessage::Row(row) = line else { continue };
        let Some((_, scanned)) = row.get(0).unwrap_or_default().split_once("Seq Scan on ") else { continue };
        let table = scanned.split(' ').next().unwrap_or_default();
        if LARGE.iter().any(|(large, rows)| *large == table && *rows >= TOO_MANY) {
            whole.insert(table.to_owned());
        }
    }
    whole
}

/// Postgres plans by what is there, so there it has to be: a hundred thousand builds with an agent each, ten lines of log an
/// agent, and of everything else that grows enough to make reading all of it the worse way.
const GROWN: &str = "
    SET session_replication_role = replica;
    SET plan_cache_mode = force_generic_plan;
    SET synchronous_commit = off;
    CREATE FUNCTION pg_temp.id(kind int, n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS
        $$ SELECT (lpad(to_hex(kind), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
    INSERT INTO users (id, email, username, hashed_password, created_at, updated_at)
        SELECT pg_temp.id(7, n), n || '@example.com', 'user' || n, '', now(), now() FROM generate_series(1, 5000) n;
    INSERT INTO api_keys (id, hashed_secret, user_id, last_used, expires_at, created_at, updated_at, login_type, scopes, allow_list)
        SELECT 'key' || n, '', pg_temp.id(7, n % 5000 + 1), now(), now(), now(), now(), 'password', '{coder:all}', '{*:*}'
          FROM generate_series(1, 10000) n;
    INSERT INTO workspaces (id, created_at, updated_at, owner_id, organization_id, template_id, name)
        SELECT pg_temp.id(3, n), now(), now(), pg_temp.id(7, n % 5000 + 1), pg_temp.id(9, 1), pg_temp.id(9, n % 20), 'box' || n
          FROM generate_series(1, 10000) n;
    INSERT INTO provisioner_jobs (id, created_at, updated_at, started_at, completed_at, organization_id, initiator_id, provisioner,
                                  storage_method, type, input, file_id, tags)
        SELECT pg_temp.id(1, n), now(), now(), now(), now(), pg_temp.id(9, 1), pg_temp.id(9, 2), 'terraform', 'file',
               'workspace_build', '{}', pg_temp.id(9, 3), '{}' FROM generate_series(1, 100000) n;
    INSERT INTO provisioner_job_logs (job_id, created_at, source, level, stage, output)
        SELECT pg_temp.id(1, n % 20000 + 1), now(), 'provisioner', 'info', 'Planning', 'a line' FROM generate_series(1, 200000) n;
    INSERT INTO workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number, transition,
                                  initiator_id, job_id)
        SELECT pg_temp.id(2, n), now(), now(), pg_temp.id(3, n / 10), pg_temp.id(9, n % 50), n % 10 + 1, 'start',
               pg_temp.id(9, 2), pg_temp.id(1, n) FROM generate_series(1, 100000) n;
    INSERT INTO workspace_build_parameters (workspace_build_id, name, value)
        SELECT pg_temp.id(2, n), 'parameter', 'value' FROM generate_series(1, 100000) n;
    INSERT INTO workspace_resources (id, created_at, job_id, transition, type, name)
        SELECT pg_temp.id(4, n), now(), pg_temp.id(1, n), 'start', 'container', 'main' FROM generate_series(1, 100000) n;
    INSERT INTO workspace_agents (id, created_at, updated_at, name, resource_id, auth_token, architecture, operating_system)
        SELECT pg_temp.id(5, n), now(), now(), 'main', pg_temp.id(4, n), pg_temp.id(6, n), 'amd64', 'linux'
          FROM generate_series(1, 100000) n;
    INSERT INTO workspace_apps (id, created_at, agent_id, display_name, icon, slug)
        SELECT pg_temp.id(8, n), now(), pg_temp.id(5, n), 'App', '', 'app' FROM generate_series(1, 100000) n;
    INSERT INTO workspace_agent_logs (agent_id, created_at, output, log_source_id)
        SELECT pg_temp.id(5, n % 100000 + 1), now(), 'a line of the log', pg_temp.id(9, 4) FROM generate_series(1, 1000000) n;
    INSERT INTO workspace_agent_stats (id, created_at, user_id, agent_id, workspace_id, template_id)
        SELECT pg_temp.id(10, n), now() - n * INTERVAL '1 second', pg_temp.id(7, n % 5000 + 1), pg_temp.id(5, n),
               pg_temp.id(3, n / 10), pg_temp.id(9, n % 20) FROM generate_series(1, 100000) n;
    INSERT INTO audit_logs (id, time, user_id, organization_id, user_agent, resource_type, resource_id, resource_target, action,
                            diff, status_code, additional_fields, request_id, resource_icon)
        SELECT pg_temp.id(11, n), now() - n * INTERVAL '1 minute', pg_temp.id(7, n % 5000 + 1), pg_temp.id(9, 1), '', 'workspace',
               pg_temp.id(3, n / 10), 'box', 'write', '{}', 200, '{}', pg_temp.id(12, n), '' FROM generate_series(1, 100000) n;
    INSERT INTO connection_logs (id, connect_time, organization_id, workspace_owner_id, workspace_id, workspace_name, agent_name,
                                 type)
        SELECT pg_temp.id(13, n), now() - n * INTERVAL '1 minute', pg_temp.id(9, 1), pg_temp.id(7, n % 5000 + 1),
               pg_temp.id(3, n / 10), 'box', 'main', 'ssh' FROM generate_series(1, 100000) n;
    ANALYZE;
";
