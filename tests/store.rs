//! The store: what holds for every declared query, and for transactions.

use std::collections::BTreeSet;

use rockpool::rbac::system;
use rockpool::store::driver::Dialect;
use rockpool::store::{Db, Error, Optional, Store, Switches, queries};
use rockpool::time::Time;

/// An empty store in a folder of its own.
fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store =
        Store::sqlite(&dir.path().join("test.db"), 2, Switches::default(), &prometheus::Registry::new()).unwrap();
    (dir, store)
}

fn system_db(store: &Store) -> Db {
    store.acting_as(system::restricted())
}

#[test]
fn every_query_is_understood_by_the_engine() {
    let (dir, _store) = store();
    let conn = rusqlite::Connection::open(dir.path().join("test.db")).unwrap();
    rockpool::store::functions::register(&conn).unwrap();
    conn.execute("ATTACH DATABASE ?1 AS ephemeral", [dir.path().join("test.ephemeral").to_string_lossy()]).unwrap();
    rockpool::store::functions::register(&conn).unwrap();
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
    let (_dir, store) = store();
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
    let (_dir, store) = store();
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
    let (_dir, store) = store();
    let db = system_db(&store);
    let answer = db.tx::<(), Error>(|_| db.tx::<(), Error>(|_| Ok(())));
    assert!(matches!(answer, Err(Error::Bug(_))), "{answer:?}");
}

#[test]
fn changes_of_memberships_are_counted_when_they_last() {
    let (_dir, store) = store();
    let db = system_db(&store);
    let before = db.authz_generation();
    db.upsert_runtime_config("k", "v").unwrap();
    assert_eq!(db.authz_generation(), before);
    db.update_user_last_seen_at(system::PREBUILDS_USER_ID, Time::from_micros(1), Time::from_micros(1)).unwrap();
    assert_eq!(db.authz_generation(), before + 1);
}
