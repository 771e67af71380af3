//! Connections that are kept open between uses.
//!
//! r2d2 keeps them. What it has no word for is added: a most number of idle ones, as the reference's option has it,
//! and answers that come at once while the server is known to be away, instead of each after its whole patience.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::fault::{fault, with_cause};
use super::options::PostgresOptions;
use super::session::Session;
use super::target::Target;
use crate::store::{Error, driver};

/// How long a caller waits for a connection before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same, while connecting fails.
const PATIENCE_WHILE_AWAY: Duration = Duration::from_millis(200);

/// The pool.
pub(super) struct Pool {
    pool: r2d2::Pool<Sessions>,
    counts: Arc<Counts>,
    max_open: u32,
}

#[derive(Debug, Default)]
struct Counts {
    open: AtomicU32,
    in_use: AtomicU32,
    waiting: AtomicU32,
    waits: AtomicU64,
    waited_ns: AtomicU64,
    closed_as_idle: AtomicU64,
    /// The last attempt to connect failed.
    away: AtomicBool,
}

impl Counts {
    fn enter(count: &AtomicU32) {
        count.fetch_add(1, Ordering::AcqRel);
    }
    fn leave(count: &AtomicU32) {
        count.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Pool {
    pub fn new(options: &PostgresOptions) -> Pool {
        let max_open = options.max_open.max(1);
        let counts = Arc::new(Counts::default());
        let sessions =
            Sessions { target: options.target.clone(), max_idle: options.max_idle, counts: Arc::clone(&counts) };
        let pool = r2d2::Pool::builder()
            .max_size(max_open)
            .min_idle(Some(0))
            .max_lifetime(None)
            .idle_timeout(None)
            .test_on_check_out(false)
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(Warn))
            .thread_pool(Arc::new(
                scheduled_thread_pool::ScheduledThreadPool::builder()
                    .num_threads(2)
                    .thread_name_pattern("postgres-pool-{}")
                    .build(),
            ))
            .build_unchecked(sessions);
        Pool { pool, counts, max_open }
    }

    /// A connection, given back when dropped.
    pub fn lease(&self) -> Result<Lease, Error> {
        if let Some(conn) = self.pool.try_get() {
            Counts::enter(&self.counts.in_use);
            return Ok(Lease(conn));
        }
        let began = Instant::now();
        let is_full = self.counts.open.load(Ordering::Acquire) >= self.max_open;
        Counts::enter(&self.counts.waiting);
        let patience = if self.counts.away.load(Ordering::Acquire) { PATIENCE_WHILE_AWAY } else { PATIENCE };
        let taken = self.pool.get_timeout(patience);
        Counts::leave(&self.counts.waiting);
        if is_full {
            self.counts.waits.fetch_add(1, Ordering::Relaxed);
            self.counts.waited_ns.fetch_add(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
        }
        let conn = taken.map_err(|e| Error::Unavailable(format!("no connection to Postgres: {e}")))?;
        Counts::enter(&self.counts.in_use);
        Ok(Lease(conn))
    }

    /// What it is doing.
    pub fn state(&self) -> driver::Pool {
        let counts = &self.counts;
        driver::Pool {
            max_open: self.max_open,
            open: counts.open.load(Ordering::Acquire),
            in_use: counts.in_use.load(Ordering::Acquire),
            waits: counts.waits.load(Ordering::Relaxed),
            waited: Duration::from_nanos(counts.waited_ns.load(Ordering::Relaxed)),
            closed_as_idle: counts.closed_as_idle.load(Ordering::Relaxed),
        }
    }
}

/// A connection in somebody's hands.
pub(super) struct Lease(r2d2::PooledConnection<Sessions>);

impl Lease {
    pub fn session(&mut self) -> &mut Session {
        &mut self.0.session
    }

    /// Puts a new connection in the place of one that was lost.
    pub fn reconnect(&mut self) -> Result<(), Error> {
        let Pooled { session, target, counts } = &mut *self.0;
        let client = target.connect();
        counts.away.store(client.is_err(), Ordering::Release);
        *session = Session::new(client.map_err(fault)?);
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.session().is_in_transaction() {
            // The caller panicked or gave up inside a transaction: nothing of it may last.
            self.session().rollback().ok();
        }
    }
}

/// A connection as the pool keeps it.
struct Pooled {
    session: Session,
    target: Target,
    counts: Arc<Counts>,
}

impl Drop for Pooled {
    fn drop(&mut self) {
        Counts::leave(&self.counts.open);
    }
}

/// Makes connections for r2d2, and judges those that come back.
struct Sessions {
    target: Target,
    max_idle: u32,
    counts: Arc<Counts>,
}

impl r2d2::ManageConnection for Sessions {
    type Connection = Pooled;
    type Error = postgres::Error;

    fn connect(&self) -> Result<Pooled, postgres::Error> {
        let client = self.target.connect();
        self.counts.away.store(client.is_err(), Ordering::Release);
        let session = Session::new(client?);
        Counts::enter(&self.counts.open);
        Ok(Pooled { session, target: self.target.clone(), counts: Arc::clone(&self.counts) })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), postgres::Error> {
        pooled.session.client().is_valid(PATIENCE)
    }

    /// r2d2 asks this of each connection that comes back, and closes it when the answer is yes.
    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        let in_use = self.counts.in_use.fetch_sub(1, Ordering::AcqRel);
        let idle = self.counts.open.load(Ordering::Acquire).saturating_sub(in_use);
        let wanted = self.max_idle.max(self.counts.waiting.load(Ordering::Acquire));
        if pooled.session.is_spent() {
            return true;
        }
        if idle < wanted {
            return false;
        }
        self.counts.closed_as_idle.fetch_add(1, Ordering::Relaxed);
        true
    }
}

/// A server that is away is a warning: whoever waited for a connection gets the error.
#[derive(Debug)]
struct Warn;

impl r2d2::HandleError<postgres::Error> for Warn {
    fn handle_error(&self, e: postgres::Error) {
        log::warn!(target: "store", "cannot connect to Postgres: {}", with_cause(&e));
    }
}
