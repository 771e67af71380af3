//! The store on PostgreSQL: that each declared query is one there, and what happens when the server is slow, contended
//! or gone. Belongs to the run on Postgres.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use rockpool::rbac::system;
use rockpool::store::driver::Dialect;
use rockpool::store::postgres::PostgresOptions;
use rockpool::store::{Db, Error, Optional, Setup, Store, Switches, queries};

use crate::support::server::PATIENCE;
use crate::support::{eventually, postgres};

/// A store on that database.
fn open(url: &str) -> Store {
    let options = PostgresOptions::new(&plain(url)).unwrap();
    let setup = Setup { switches: Switches::default(), registry: &prometheus::Registry::new(), count_queries: false };
    Store::postgres(&options, &setup).unwrap()
}

/// The test clusters have no TLS.
fn plain(url: &str) -> String {
    if url.contains("sslmode=") {
        return url.to_owned();
    }
    format!("{url}{}sslmode=disable", if url.contains('?') { '&' } else { '?' })
}

fn system_db(store: &Store) -> Db {
    store.acting_as(system::restricted())
}

/// Adds one to a number that is kept as a text, as code does that knows nothing of other transactions.
fn add_one(db: &Db) -> Result<(), Error> {
    db.tx(|tx| {
        let number: u32 = tx.get_runtime_config("number").optional()?.map_or(0, |n| n.parse().unwrap());
        tx.upsert_runtime_config("number", &(number + 1).to_string())?;
        Ok(())
    })
}

#[test]
fn every_query_is_understood_by_postgres() {
    if postgres::waits_for_its_run() {
        return;
    }
    let database = postgres::database();
    let mut client = database.connect();
    let mut failed = Vec::new();
    for query in queries::all() {
        let text = match query.prepared(Dialect::Postgres) {
            Ok(prepared) => prepared.open_text(),
            Err(e) => {
                failed.push(e.to_string());
                continue;
            }
        };
        if let Err(e) = client.prepare(&text) {
            let said = e.as_db_error().map_or_else(|| e.to_string(), ToString::to_string);
            failed.push(format!("{} ({}): {said}\n{text}", query.name, query.method));
        }
    }
    assert!(failed.is_empty(), "{} of the queries are wrong:\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn transactions_that_meet_are_run_again_until_none_is_lost() {
    if postgres::waits_for_its_run() {
        return;
    }
    let database = postgres::database();
    let store = open(database.url());
    add_one(&system_db(&store)).unwrap();
    let lost = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let db = system_db(&store);
                for _ in 0..10 {
                    // Whoever loses every race is told so, and has changed nothing.
                    while let Err(e) = add_one(&db) {
                        assert!(matches!(e, Error::LostRace(_)), "{e}");
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(system_db(&store).get_runtime_config("number").unwrap(), "41", "{} were lost", lost.into_inner());
}

#[test]
fn what_failed_inside_a_transaction_is_never_taken_for_done() {
    if postgres::waits_for_its_run() {
        return;
    }
    let database = postgres::database();
    let store = open(database.url());
    let db = system_db(&store);
    db.insert_deployment_id("one").unwrap();
    let went_on = db.tx(|tx| {
        tx.upsert_runtime_config("before", "x")?;
        let taken = tx.insert_deployment_id("two");
        assert!(taken.as_ref().is_err_and(Error::is_unique), "{taken:?}");
        Ok::<_, Error>(())
    });
    assert!(
        matches!(&went_on, Err(Error::Bug(why)) if why.contains("after a statement of it had failed")),
        "{went_on:?}"
    );
    assert!(db.get_runtime_config("before").optional().unwrap().is_none());
    // The name of what was broken is the schema's own.
    let Err(Error::Unique(name)) = db.insert_deployment_id("two") else { panic!("it was kept twice") };
    assert_eq!(name, "site_configs_key_key");
}

#[test]
fn a_statement_that_takes_too_long_is_unavailability_and_harms_nothing() {
    if postgres::waits_for_its_run() {
        return;
    }
    let database = postgres::database();
    let store = open(&format!("{}&statement_timeout=200", plain(database.url())));
    let db = system_db(&store);
    let mut other = database.connect();
    let mut locked = other.transaction().unwrap();
    locked.batch_execute("LOCK TABLE site_configs").unwrap();
    for failed in [db.get_runtime_config("x").map(drop), db.upsert_runtime_config("x", "y").map(drop)] {
        assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    }
    locked.rollback().unwrap();
    db.upsert_runtime_config("x", "y").unwrap();
    assert_eq!(db.get_runtime_config("x").unwrap(), "y");
}

#[test]
fn the_server_can_be_stopped_and_started_under_load() {
    if postgres::waits_for_its_run() {
        return;
    }
    let cluster = postgres::Cluster::start(&[]);
    let store = open(&cluster.url());
    let acknowledged = AtomicU32::new(0);
    let unavailable = AtomicU32::new(0);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for worker in 0..6 {
            let (store, acknowledged, unavailable, over) = (&store, &acknowledged, &unavailable, &over);
            scope.spawn(move || {
                let db = system_db(store);
                let key = format!("worker{worker}");
                let mut last = 0;
                while !over.load(Ordering::Acquire) {
                    let done = db
                        .upsert_runtime_config(&key, &(last + 1).to_string())
                        .and_then(|_| db.get_runtime_config(&key));
                    match done {
                        Ok(kept) => {
                            last += 1;
                            // What was acknowledged is there; what was not may be.
                            assert!(kept.parse::<u32>().unwrap() >= last, "{kept} of {last}");
                            acknowledged.fetch_add(1, Ordering::AcqRel);
                        }
                        Err(Error::Unavailable(_)) => {
                            unavailable.fetch_add(1, Ordering::AcqRel);
                        }
                        Err(e) => panic!("{e}"),
                    }
                }
            });
        }
        let more = |count: &AtomicU32, what: &str| {
            let until = count.load(Ordering::Acquire) + 20;
            eventually(what, || (count.load(Ordering::Acquire) >= until).then_some(()));
        };
        more(&acknowledged, "anything");
        cluster.stop();
        let stopped = Instant::now();
        more(&unavailable, "an outage");
        // They are told so soon, not each after the patience that a busy pool deserves.
        assert!(stopped.elapsed() < PATIENCE / 2);
        cluster.start_again();
        more(&acknowledged, "recovery");
        over.store(true, Ordering::Release);
    });
}

#[test]
fn a_pool_opens_so_many_connections_at_most_and_keeps_so_many_while_idle() {
    if postgres::waits_for_its_run() {
        return;
    }
    let database = postgres::database();
    let options = PostgresOptions { max_open: 4, max_idle: 1, ..PostgresOptions::new(&plain(database.url())).unwrap() };
    let setup = Setup { switches: Switches::default(), registry: &prometheus::Registry::new(), count_queries: false };
    let store = Store::postgres(&options, &setup).unwrap();
    let mut admin = database.connect();
    let mut connections = || {
        let count = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'rockpool'";
        admin.query_one(count, &[]).unwrap().get::<_, i64>(0)
    };
    let mut other = database.connect();
    let mut locked = other.transaction().unwrap();
    locked.batch_execute("LOCK TABLE site_configs").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            // Two of them wait for a connection, the others for the table.
            scope.spawn(|| system_db(&store).get_runtime_config("x").optional().unwrap());
        }
        eventually("four at once", || (connections() == 4).then_some(()));
        locked.rollback().unwrap();
    });
    eventually("one is left", || (connections() == 1).then_some(()));
}
