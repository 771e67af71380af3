//! [`Db`]: the only way to the data. A handle is bound to a subject; what it runs is checked by the
//! query's own rule, counted and timed under the route that asked.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::rbac::{Action, Filter, Object, Resource, Subject};
use crate::store::driver::{Conn, Dialect, Driver, Transaction};
use crate::store::filter::Columns;
use crate::store::kept::{Kept, Key};
use crate::store::metrics::{self, Metrics};
use crate::store::record::{Bound, FromRow};
use crate::store::statement::{Prepared, Query};
use crate::store::watch::{Changes, Counts, Watch};
use crate::store::{Error, TxError};

/// How often a transaction that loses a race is tried.
const TRIES: u32 = 10;
/// How long the first pause before another try may be; each later one may be twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_micros(500);

/// Switches of the deployment that change what an object is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Switches {
    /// Workspaces carry no ACL.
    pub workspace_sharing_disabled: bool,
}

/// What all handles share.
pub(super) struct Shared {
    pub driver: Box<dyn Driver>,
    pub metrics: Metrics,
    pub switches: Switches,
    /// Counts committed changes of what is kept in memory.
    pub counts: Counts,
    /// Answers of queries that are kept.
    pub kept: Kept,
}

/// Who asks, for the counters: a route and its method, or a background service and nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin {
    /// Route pattern.
    pub route: &'static str,
    /// HTTP method.
    pub method: &'static str,
}

#[derive(Clone)]
enum Guard {
    Subject(Arc<Subject>),
    Unguarded,
}

type Tx = Arc<Mutex<Running>>;

/// A transaction under way.
struct Running {
    /// Gone once the transaction has ended.
    conn: Option<Box<dyn Conn>>,
    /// What it changed that is kept in memory.
    changes: Changes,
}

/// A handle to the data, bound to a subject, and to a transaction while inside one.
#[derive(Clone)]
pub struct Db {
    shared: Arc<Shared>,
    guard: Guard,
    origin: Origin,
    tx: Option<Tx>,
}

thread_local! {
    /// Whether this thread is inside a transaction: a second writer handle would wait for itself.
    static IN_TX: Cell<bool> = const { Cell::new(false) };
}

/// A row that authorization has something to say about.
pub trait Guarded {
    /// The object that checks are made on.
    fn object(&self, switches: Switches) -> Object;
}

type Before<'a> = &'a dyn Fn(&Db) -> Result<Option<(Filter, &'static Columns)>, Error>;
type Keep<'a, T> = &'a dyn Fn(&Db, &T) -> Result<bool, Error>;

/// A pause between half of what it may be and all of it, so that two that met do not meet again.
fn pause(tries: u32, elapsed: Duration) -> Duration {
    let most = FIRST_PAUSE * 2u32.pow(tries.min(8) - 1);
    most / 2 + most / 2 * (elapsed.subsec_nanos() % 1000) / 1000
}

impl Db {
    pub(super) fn new(shared: Arc<Shared>, subject: Arc<Subject>) -> Db {
        Db { shared, guard: Guard::Subject(subject), origin: Origin::default(), tx: None }
    }

    /// The same data, seen by another subject.
    pub fn acting_as(&self, subject: &Arc<Subject>) -> Db {
        Db { guard: Guard::Subject(Arc::clone(subject)), ..self.clone() }
    }

    /// The same handle, counted under a route.
    pub fn counted_under(&self, origin: Origin) -> Db {
        Db { origin, ..self.clone() }
    }

    /// The subject it is bound to.
    pub fn subject(&self) -> Option<&Arc<Subject>> {
        match &self.guard {
            Guard::Subject(s) => Some(s),
            Guard::Unguarded => None,
        }
    }

    /// The store's own look at rows that a rule needs; never handed out.
    pub(in crate::store) fn unguarded(&self) -> Db {
        Db { guard: Guard::Unguarded, ..self.clone() }
    }

    /// How often committed transactions changed what is watched: what was read of it holds as long as this stands
    /// still. None where that cannot be known, because others write to the same database or this handle is inside a
    /// transaction: then nothing may be kept.
    pub fn count_of(&self, watch: Watch) -> Option<u64> {
        (self.dialect() == Dialect::Sqlite && self.tx.is_none()).then(|| self.shared.counts.of(watch))
    }

    /// Which engine is behind it.
    pub fn dialect(&self) -> Dialect {
        self.shared.driver.dialect()
    }

    /// The deployment's switches.
    pub fn switches(&self) -> Switches {
        self.shared.switches
    }

    /// Refuses while the database cannot be written, as on a full disk.
    pub fn check_writes(&self) -> Result<(), Error> {
        self.shared.driver.check_writes()
    }

    /// Refuses unless the subject may do this to that object.
    pub fn require(&self, action: Action, object: &Object) -> Result<(), Error> {
        match &self.guard {
            Guard::Subject(subject) => subject.authorize(action, object).map_err(Error::Denied),
            Guard::Unguarded => Ok(()),
        }
    }

    /// Refuses unless the subject may do this to that row.
    pub fn require_on(&self, action: Action, row: &impl Guarded) -> Result<(), Error> {
        match &self.guard {
            Guard::Subject(_) => self.require(action, &row.object(self.shared.switches)),
            Guard::Unguarded => Ok(()),
        }
    }

    /// Whether the subject may do this to that object.
    pub fn may(&self, action: Action, object: &Object) -> bool {
        self.require(action, object).is_ok()
    }

    /// Whether the subject may do this to that row.
    pub fn may_on(&self, action: Action, row: &impl Guarded) -> bool {
        self.require_on(action, row).is_ok()
    }

    /// The condition on rows of a resource that the subject may see; none for the store itself.
    pub fn visible(
        &self,
        action: Action,
        resource: Resource,
        columns: &'static Columns,
    ) -> Option<(Filter, &'static Columns)> {
        match &self.guard {
            Guard::Subject(subject) => Some((subject.filter(action, resource), columns)),
            Guard::Unguarded => None,
        }
    }

    /// Runs `f` in a transaction: everything it does lasts, or nothing. Inside another transaction it
    /// joins that one. A transaction that loses a race is run again, so `f` must have no effect
    /// outside the store.
    pub fn tx<T, E: TxError>(&self, f: impl FnMut(&Db) -> Result<T, E>) -> Result<T, E> {
        self.tx_named(metrics::UNLABELED, f)
    }

    /// The same, counted and timed under a name. Few need one: each makes several time series.
    pub fn tx_named<T, E: TxError>(&self, id: &'static str, mut f: impl FnMut(&Db) -> Result<T, E>) -> Result<T, E> {
        if self.tx.is_some() {
            return f(self);
        }
        let began = Instant::now();
        let (answer, tries) = self.tries(id, Transaction::Serial, &mut f);
        self.shared.metrics.transacted(id, answer.is_ok(), tries, began.elapsed());
        answer
    }

    /// Runs `f` in a transaction, again when it loses a race; says how often.
    fn tries<T, E: TxError>(
        &self,
        id: &str,
        transaction: Transaction,
        f: &mut dyn FnMut(&Db) -> Result<T, E>,
    ) -> (Result<T, E>, u32) {
        if IN_TX.get() {
            let why = "a transaction was begun while this thread is inside another one";
            return (Err(E::from(Error::Bug(why.into()))), 1);
        }
        let began = Instant::now();
        let mut tries = 1;
        loop {
            let answer = self.try_tx(transaction, f);
            let lost = matches!(answer.as_ref().err().and_then(TxError::store_error), Some(Error::LostRace(_)));
            if lost && tries < TRIES {
                std::thread::sleep(pause(tries, began.elapsed()));
                tries += 1;
                continue;
            }
            match (lost, tries) {
                (false, 1) => {}
                (false, _) => {
                    log::warn!(target: "store", tx_id = id, tries; "a transaction lost a race and was run again");
                }
                (true, _) => log::error!(target: "store", tx_id = id, tries; "a transaction lost every race"),
            }
            return (answer, tries);
        }
    }

    fn try_tx<T, E: TxError>(&self, transaction: Transaction, f: &mut dyn FnMut(&Db) -> Result<T, E>) -> Result<T, E> {
        struct Inside;
        impl Drop for Inside {
            fn drop(&mut self) {
                IN_TX.set(false);
            }
        }
        let mut conn = self.shared.driver.writer()?;
        conn.begin(transaction)?;
        let tx: Tx = Arc::new(Mutex::new(Running { conn: Some(conn), changes: Changes::default() }));
        IN_TX.set(true);
        let inside = Inside;
        let answer = f(&Db { tx: Some(Arc::clone(&tx)), ..self.clone() });
        drop(inside);
        let (conn, changes) = {
            let mut running = tx.lock();
            (running.conn.take(), running.changes)
        };
        let Some(mut conn) = conn else {
            return Err(E::from(Error::Bug("the transaction's connection is gone".into())));
        };
        match answer {
            Ok(value) => {
                conn.commit()?;
                self.shared.counts.committed(changes);
                Ok(value)
            }
            Err(e) => {
                // Whoever gave up knows best why; a connection that cannot even roll back is not used again.
                conn.rollback()
                    .unwrap_or_else(|e| log::warn!(target: "store", "a transaction could not be rolled back: {e}"));
                Err(e)
            }
        }
    }

    pub(super) fn run_one<T: FromRow>(
        &self,
        query: &'static Query,
        bound: &Bound<'_>,
        before: Before<'_>,
        keep: Keep<'_, T>,
    ) -> Result<T, Error> {
        self.guarded(query, |db| {
            let mut found = db.fetch::<T>(query, bound, before, 1)?;
            let row = found.pop().ok_or(Error::NotFound)?;
            if db.is_guarded() && !keep(db, &row)? {
                return Err(Error::NotFound);
            }
            Ok(row)
        })
    }

    pub(super) fn run_many<T: FromRow>(
        &self,
        query: &'static Query,
        bound: &Bound<'_>,
        before: Before<'_>,
        keep: Keep<'_, T>,
    ) -> Result<Vec<T>, Error> {
        self.guarded(query, |db| {
            let found = db.fetch::<T>(query, bound, before, usize::MAX)?;
            if !db.is_guarded() {
                return Ok(found);
            }
            let mut kept = Vec::with_capacity(found.len());
            for row in found {
                if keep(db, &row)? {
                    kept.push(row);
                }
            }
            Ok(kept)
        })
    }

    pub(super) fn run_exec(&self, query: &'static Query, bound: &Bound<'_>, before: Before<'_>) -> Result<u64, Error> {
        self.guarded(query, |db| {
            if db.is_guarded() {
                before(db)?;
            }
            db.run(query, bound, None, &mut |_| Ok(()))
        })
    }

    fn is_guarded(&self) -> bool {
        matches!(self.guard, Guard::Subject(_))
    }

    /// A statement that writes runs in one transaction with its rule.
    fn guarded<T>(&self, query: &'static Query, f: impl Fn(&Db) -> Result<T, Error>) -> Result<T, Error> {
        let prepared = query.prepared(self.dialect())?;
        if prepared.writes && self.tx.is_none() {
            self.tries(query.name, Transaction::Statement, &mut |db| f(db)).0
        } else {
            f(self)
        }
    }

    /// The rows of a query, from memory where its answers are kept.
    fn fetch<T: FromRow>(
        &self,
        query: &'static Query,
        bound: &Bound<'_>,
        before: Before<'_>,
        most: usize,
    ) -> Result<Vec<T>, Error> {
        // The count comes first: what changes in between makes the answer be read once more.
        let count = query.kept.and_then(|watch| self.count_of(watch));
        let Some((count, key)) = count.and_then(|count| Some((count, Key::of(query, bound)?))) else {
            return self.read(query, bound, before, most);
        };
        if let Some(rows) = self.shared.kept.get::<T>(&key, count) {
            return Ok(rows);
        }
        let rows = self.read::<T>(query, bound, before, most)?;
        self.shared.kept.put(key, count, &rows);
        Ok(rows)
    }

    fn read<T: FromRow>(
        &self,
        query: &'static Query,
        bound: &Bound<'_>,
        before: Before<'_>,
        most: usize,
    ) -> Result<Vec<T>, Error> {
        let visible = if self.is_guarded() { before(self)? } else { None };
        if matches!(visible, Some((Filter::None, _))) && query.sql.trim_start().starts_with("SELECT {row") {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        self.run(query, bound, visible.as_ref(), &mut |row| {
            if rows.len() < most {
                rows.push(T::from_row(row, 0)?);
            }
            Ok(())
        })?;
        Ok(rows)
    }

    fn run(
        &self,
        query: &'static Query,
        bound: &Bound<'_>,
        visible: Option<&(Filter, &'static Columns)>,
        on_row: &mut dyn FnMut(&dyn crate::store::driver::Row) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let began = self.shared.metrics.begin();
        let dialect = self.dialect();
        let prepared: &Prepared = query.prepared(dialect)?;
        let ready = prepared.ready(dialect, bound, visible)?;
        let answer = match &self.tx {
            Some(tx) => {
                let mut running = tx.lock();
                running.changes.add(prepared.changes);
                match running.conn.as_mut() {
                    Some(conn) => conn.run(&ready.sql, &ready.args, on_row),
                    None => Err(Error::Bug("used after its transaction ended".into())),
                }
            }
            None => self.shared.driver.reader()?.run(&ready.sql, &ready.args, on_row),
        };
        self.shared.metrics.ran(query.name, self.origin, began);
        if let Err(Error::Bug(why)) = &answer {
            log::error!(target: "store", query = query.name; "{why}");
        }
        answer
    }
}
