//! The schema on SQLite against the reference's catalogue, its migrations both ways, and what its triggers do.

use rockpool::store::migrate::{self, LATEST};
use rusqlite::Connection;

fn fresh() -> Connection {
    let mut conn = Connection::open_in_memory().expect("open");
    conn.pragma_update(None, "foreign_keys", true).expect("foreign keys");
    migrate::up(&mut conn).expect("migrate");
    conn
}

#[test]
fn an_empty_database_comes_up_at_the_latest_version() {
    let conn = fresh();
    assert_eq!(migrate::version(&conn).expect("version"), Some(LATEST));
}
