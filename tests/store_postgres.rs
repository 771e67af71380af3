//! The store on PostgreSQL: that each declared query is one there, and what happens when the server is slow, contended
//! or gone. Belongs to the run on Postgres.

use rockpool::store::driver::Dialect;
use rockpool::store::queries;

use crate::support::postgres;

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
