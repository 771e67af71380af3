//! Keeps everything. Callers hold a [`Db`], bound to a subject, and call declared queries on it; each
//! is checked by its own rule, counted and timed. Answers of a few are kept in memory (`kept`), and are never
//! older than what is in the database. Knows no HTTP.
//!
//! Start at [`query`] for how a query is declared, at [`db`] for how one runs, at [`driver`] for what
//! an engine must do. `queries/` holds the declarations, a file an aggregate.

pub mod clause;
pub mod db;
pub mod driver;
mod error;
pub mod filter;
pub mod functions;
mod kept;
pub mod lock;
mod metrics;
pub mod migrate;
pub mod portability;
pub mod postgres;
pub mod queries;
pub mod query;
pub mod record;
pub mod sqlite;
pub mod statement;
pub mod value;
pub mod watch;

use std::path::Path;
use std::sync::Arc;

pub use clause::Where;
pub use db::{Db, Guarded, Origin, Switches};
pub use error::{Error, Optional, TxError};
pub use value::Json;

use crate::rbac::Subject;

/// An open database of either engine; clones are the same one.
#[derive(Clone)]
pub struct Store(Arc<db::Shared>);

/// What a store is opened with, whatever its engine.
pub struct Setup<'a> {
    /// The deployment's switches.
    pub switches: Switches,
    /// Where its metrics go.
    pub registry: &'a prometheus::Registry,
    /// Whether each query is counted and timed.
    pub count_queries: bool,
}

impl Store {
    /// Opens (and, when it is new or older, migrates) the SQLite database at `path`.
    pub fn sqlite(path: &Path, options: &sqlite::Options, setup: &Setup<'_>) -> Result<Store, Error> {
        Ok(Store::of(Box::new(sqlite::Sqlite::open(path, options)?), setup))
    }

    fn of(driver: Box<dyn driver::Driver>, setup: &Setup<'_>) -> Store {
        let shared = Arc::new(db::Shared {
            driver,
            metrics: metrics::Metrics::new(setup.registry, setup.count_queries),
            switches: setup.switches,
            counts: Default::default(),
            kept: Default::default(),
        });
        let pools = metrics::Pools::new(Arc::downgrade(&shared));
        for collector in shared.driver.collectors().into_iter().chain([Box::new(pools) as Box<_>]) {
            // Refused only where another store of the same deployment has registered its own.
            setup.registry.register(collector).ok();
        }
        Store(shared)
    }

    /// Opens (and, when it is empty or older, migrates) a Postgres database.
    pub fn postgres(options: &postgres::PostgresOptions, setup: &Setup<'_>) -> Result<Store, Error> {
        Ok(Store::of(Box::new(postgres::Postgres::open(options)?), setup))
    }

    /// A handle for a subject.
    pub fn acting_as(&self, subject: &Arc<Subject>) -> Db {
        Db::new(Arc::clone(&self.0), Arc::clone(subject))
    }
}
