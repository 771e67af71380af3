//! The store: what holds for every declared query, and for transactions.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rockpool::rbac::system;
use rockpool::sdk::UserStatus;
use rockpool::store::driver::Dialect;
use rockpool::store::postgres::PostgresOptions;
use rockpool::store::sqlite::Options;
use rockpool::store::watch::{self, Watch};
use rockpool::store::{Db, Error, Optional, Origin, Setup, Store, Switches, queries};
use rockpool::time::Time;

use crate::support::eventually;
use crate::support::postgres::{self, Engine, TestDatabase};

/// Where one test keeps everything, on the engine that the run is about.
struct Place {
    folder: tempfile::TempDir,
    database: Option<TestDatabase>,
}

impl Place {
    fn new() -> Place {
        let database = (postgres::engine() == Engine::Postgres).then(postgres::database);
        Place { folder: tempfile::tempdir().unwrap(), database }
    }

    fn open(&self, registry: &prometheus::Registry, count_queries: bool) -> Store {
        let setup = Setup { switches: Switches::default(), registry, count_queries };
        match &self.database {
            Some(database) => Store::postgres(&PostgresOptions::new(database.url()).unwrap(), &setup).unwrap(),
            None => Store::sqlite(&self.file(), &Options::default(), &setup).unwrap(),
        }
    }

    /// The file, on SQLite.
    fn file(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }
}

/// An empty store in a place of its own, which goes last.
fn store() -> (Store, Place) {
    let place = Place::new();
    (place.open(&prometheus::Registry::new(), false), place)
}

fn system_db(store: &Store) -> Db {
    store.acting_as(system::restricted())
}

#[test]
fn every_query_is_understood_by_the_engine() {
    if postgres::skips("store_postgres prepares them there") {
        return;
    }
    let (_store, place) = store();
    let conn = rusqlite::Connection::open(place.file()).unwrap();
    rockpool::store::functions::register(&conn).unwrap();
    conn.execute("ATTACH DATABASE ?1 AS ephemeral", [place.file().with_extension("ephemeral").to_string_lossy()])
        .unwrap();
    let mut failed = Vec::new();
    for query in queries::all() {
        let text = query.prepared(Dialect::Sqlite).unwrap().open_text();
        if let Err(e) = conn.prepare(&text) {
            failed.push(format!("{}: {e}\n{text}", query.name));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn every_query_has_a_name_and_a_method_of_its_own() {
    let mut names = BTreeSet::new();
    let mut methods = BTreeSet::new();
    for query in queries::all() {
        assert!(methods.insert(query.method), "{} is declared twice", query.method);
        names.insert(query.name);
    }
    assert!(names.len() > 10);
}

#[test]
fn a_failed_transaction_leaves_nothing() {
    let (store, _place) = store();
    let db = system_db(&store);
    let failed = db.tx::<(), Error>(|db| {
        db.upsert_runtime_config("k", "v")?;
        assert_eq!(db.get_runtime_config("k")?, "v");
        Err(Error::NotFound)
    });
    assert!(matches!(failed, Err(Error::NotFound)));
    assert_eq!(db.get_runtime_config("k").optional().unwrap(), None);
}

#[test]
fn a_panic_inside_a_transaction_leaves_nothing_and_locks_nobody_out() {
    let (store, _place) = store();
    let db = system_db(&store);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        db.tx::<(), Error>(|db| {
            db.upsert_runtime_config("k", "v")?;
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(db.get_runtime_config("k").optional().unwrap(), None);
    db.upsert_runtime_config("k", "w").unwrap();
    assert_eq!(db.get_runtime_config("k").unwrap(), "w");
}

#[test]
fn a_second_transaction_inside_the_first_is_refused_at_once() {
    let (store, _place) = store();
    let db = system_db(&store);
    let answer = db.tx::<(), Error>(|_| db.tx::<(), Error>(|_| Ok(())));
    assert!(matches!(answer, Err(Error::Bug(_))), "{answer:?}");
}

#[test]
fn changes_of_memberships_are_counted_when_they_last() {
    if postgres::skips("nothing is counted there, since others write to the database too") {
        return;
    }
    let (store, _place) = store();
    let db = system_db(&store);
    let count = || db.count_of(Watch::Subjects).expect("nobody else writes to it");
    let before = count();
    db.upsert_runtime_config("k", "v").unwrap();
    db.update_user_last_seen_at(system::PREBUILDS_USER_ID, Time::from_micros(1), Time::from_micros(1)).unwrap();
    assert_eq!(count(), before);
    let failed = db.tx::<(), Error>(|db| {
        db.update_user_status(system::PREBUILDS_USER_ID, UserStatus::Suspended, Time::from_micros(1), true)?;
        Err(Error::NotFound)
    });
    assert!(failed.is_err());
    let before = count();
    db.update_user_status(system::PREBUILDS_USER_ID, UserStatus::Suspended, Time::from_micros(1), true).unwrap();
    assert_eq!(count(), before + 1);
}

/// What a statement takes with it, a count must not miss: a kept answer would outlive its row.
#[test]
fn every_watch_counts_the_tables_that_cascade_or_trigger_into_its_own() {
    if postgres::skips("nothing is kept there, since others write to the database too") {
        return;
    }
    let (_store, place) = store();
    let conn = rusqlite::Connection::open(place.file()).unwrap();
    let mut reaches: BTreeSet<(String, String)> = BTreeSet::new();
    let mut tables = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    for table in &tables {
        let mut keys = conn.prepare(&format!("PRAGMA foreign_key_list({table})")).unwrap();
        let keys = keys.query_map([], |r| Ok((r.get::<_, String>(2)?, r.get::<_, String>(6)?))).unwrap();
        for (parent, on_delete) in keys.map(Result::unwrap) {
            if on_delete == "CASCADE" || on_delete.starts_with("SET") {
                reaches.insert((parent, table.clone()));
            }
        }
    }
    let mut triggers = conn.prepare("SELECT tbl_name, sql FROM sqlite_schema WHERE type = 'trigger'").unwrap();
    let triggers = triggers.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?))).unwrap();
    for (on, sql) in triggers.map(Result::unwrap) {
        let body = &sql[sql.find("BEGIN").unwrap()..];
        for table in &tables {
            if ["INSERT INTO ", "UPDATE ", "DELETE FROM "].iter().any(|verb| body.contains(&format!("{verb}{table} ")))
            {
                reaches.insert((on.clone(), table.clone()));
            }
        }
    }
    assert!(reaches.contains(&("oauth2_provider_app_tokens".into(), "api_keys".into())), "triggers are found");
    assert!(reaches.contains(&("organizations".into(), "organization_members".into())), "cascades are found");
    let mut missed = Vec::new();
    for watch in watch::ALL {
        let watched = |table: &str| watch.tables().iter().any(|(t, _)| *t == table);
        let from_outside = |(from, to): &&(String, String)| watched(to) && !watched(from);
        missed.extend(reaches.iter().filter(from_outside).map(|(from, to)| format!("{watch:?}: {from} reaches {to}")));
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

/// The lines of the metrics that begin so.
fn metrics(registry: &prometheus::Registry, prefix: &str) -> Vec<String> {
    let text = String::from_utf8(rockpool::metrics::exposition(registry).unwrap()).unwrap();
    text.lines().filter(|line| line.starts_with(prefix)).map(str::to_owned).collect()
}

#[test]
fn queries_are_counted_under_the_route_that_asked_where_that_is_wanted() {
    for count in [true, false] {
        let place = Place::new();
        let registry = prometheus::Registry::new();
        let db = system_db(&place.open(&registry, count));
        db.upsert_runtime_config("k", "v").unwrap();
        let asked = db.counted_under(Origin { route: "/api/v2/users/{user}", method: "GET" });
        asked.get_runtime_config("k").unwrap();
        asked.tx::<_, Error>(|db| db.get_runtime_config("k")).unwrap();
        let of_route = r#"{method="GET",query="GetRuntimeConfig",route="/api/v2/users/{user}"} 2"#;
        let of_none = r#"{method="",query="UpsertRuntimeConfig",route=""} 1"#;
        let wanted: &[String] = &[of_none, of_route].map(|labels| format!("coderd_db_query_counts_total{labels}"));
        assert_eq!(metrics(&registry, "coderd_db_query_counts_total{"), if count { wanted } else { &[] });
        let timed = metrics(&registry, r#"coderd_db_query_latencies_seconds_count{query="GetRuntimeConfig"} 2"#);
        assert_eq!(timed.len(), usize::from(count));
    }
}

#[test]
fn transactions_are_counted_by_name_outcome_and_tries() {
    let place = Place::new();
    let registry = prometheus::Registry::new();
    let db = system_db(&place.open(&registry, false));
    db.tx::<_, Error>(|db| db.tx(|db| db.upsert_runtime_config("k", "v"))).unwrap();
    let mut races = 2;
    db.tx_named::<_, Error>("racing", |_| {
        races -= 1;
        if races >= 0 { Err(Error::LostRace("another was first".into())) } else { Ok(()) }
    })
    .unwrap();
    db.tx_named::<(), _>("racing", |_| Err(Error::LostRace("another always is".into()))).unwrap_err();
    db.tx_named::<(), _>("failing", |_| Err(Error::NotFound)).unwrap_err();
    let wanted = [
        r#"{retries="0",success="false",tx_id="failing"} 1"#,
        r#"{retries="0",success="true",tx_id="unlabeled"} 1"#,
        r#"{retries="2",success="true",tx_id="racing"} 1"#,
        r#"{retries="9",success="false",tx_id="racing"} 1"#,
    ];
    assert_eq!(
        metrics(&registry, "coderd_db_tx_executions_count{"),
        wanted.map(|labels| format!("coderd_db_tx_executions_count{labels}"))
    );
    for (success, id) in [("false", "failing"), ("true", "unlabeled"), ("true", "racing"), ("false", "racing")] {
        let line = format!(r#"coderd_db_tx_duration_seconds_count{{success="{success}",tx_id="{id}"}} 1"#);
        assert_eq!(metrics(&registry, &line).len(), 1, "{line}");
    }
}

#[test]
fn connections_and_waits_for_them_are_shown() {
    if postgres::skips("it tells of the one writer, which is SQLite's") {
        return;
    }
    let place = Place::new();
    let registry = prometheus::Registry::new();
    let db = system_db(&place.open(&registry, false));
    let shown = |name: &str| -> f64 {
        let lines = metrics(&registry, &format!("go_sql_{name}{{db_name=\"\"}} "));
        let [line] = lines.as_slice() else { panic!("{name}: {lines:?}") };
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    db.upsert_runtime_config("k", "v").unwrap();
    db.get_runtime_config("k").unwrap();
    assert_eq!(shown("max_open_connections"), 3.0);
    assert_eq!((shown("open_connections"), shown("in_use_connections"), shown("idle_connections")), (2.0, 0.0, 2.0));
    assert_eq!((shown("wait_count_total"), shown("wait_duration_seconds_total")), (0.0, 0.0));

    let other = db.clone();
    std::thread::scope(|scope| {
        db.tx::<_, Error>(|db| {
            db.upsert_runtime_config("k", "w")?;
            scope.spawn(|| other.upsert_runtime_config("k", "x").unwrap());
            eventually("the other to wait", || (shown("wait_count_total") == 1.0).then_some(()));
            assert_eq!(shown("in_use_connections"), 1.0);
            Ok(())
        })
        .unwrap();
    });
    assert_eq!(shown("wait_count_total"), 1.0);
    assert!(shown("wait_duration_seconds_total") > 0.0);
    assert_eq!(db.get_runtime_config("k").unwrap(), "x");
}
