//! The processes of a deployment that share a database: each shows now and then that it is there, and forgets those
//! that have not for long.
//!
//! On SQLite there is one process, and nobody to show it to.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::deployment::Deployment;
use crate::store::driver::Dialect;
use crate::store::queries::replicas::Replica;
use crate::store::{Db, Error};
use crate::time::Time;

/// How often a process shows that it is there.
const BEAT: Duration = Duration::from_secs(5);
/// After this long without, it is not.
const GONE: Duration = Duration::from_secs(15);
/// And after this long, its row is deleted.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// Shows that this process is there, until it is stopped.
pub struct Presence {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Presence {
    /// Begins to show it; nothing on SQLite.
    ///
    /// # Errors
    /// When the database refuses the row, or no thread can be started.
    pub fn start(deployment: &Deployment) -> Result<Option<Presence>, Error> {
        let db = deployment.system_db();
        if db.dialect() == Dialect::Sqlite {
            return Ok(None);
        }
        db.insert_replica(&this(deployment, deployment.clock.now(), latency_ms(&db)?))?;
        let (stop, stopped) = crossbeam_channel::bounded(0);
        let deployment = deployment.clone();
        let thread = std::thread::Builder::new().name("replica".to_owned()).spawn(move || beat(&deployment, &stopped));
        let thread = thread.map_err(|e| Error::Unavailable(format!("cannot start a thread: {e}")))?;
        Ok(Some(Presence { stop, thread }))
    }

    /// Says that this process ends.
    pub fn stop(self) {
        drop(self.stop);
        // A thread that panicked is gone as well.
        let _ = self.thread.join();
    }
}

/// The processes that are there, this one included.
pub fn present(deployment: &Deployment, db: &Db) -> Result<Vec<Replica>, Error> {
    let now = deployment.clock.now();
    let mut found = match db.dialect() {
        Dialect::Sqlite => Vec::new(),
        Dialect::Postgres => db.get_replicas_updated_after(now - GONE)?,
    };
    if !found.iter().any(|r| r.id == deployment.replica.id) {
        found.push(this(deployment, now, latency_ms(db)?));
    }
    Ok(found)
}

fn this(deployment: &Deployment, now: Time, latency_ms: i32) -> Replica {
    let replica = &deployment.replica;
    Replica {
        id: replica.id,
        created_at: replica.started_at,
        started_at: replica.started_at,
        stopped_at: None,
        updated_at: now,
        hostname: replica.hostname.clone(),
        region_id: 0,
        relay_address: String::new(),
        database_latency: latency_ms,
        version: deployment.version.clone(),
        error: String::new(),
        primary: true,
    }
}

fn beat(deployment: &Deployment, stopped: &Receiver<()>) {
    let db = deployment.system_db();
    let show = |stopped_at: Option<Time>| {
        let now = deployment.clock.now();
        db.update_replica(deployment.replica.id, now, stopped_at, latency_ms(&db)?)?;
        db.delete_replicas_updated_before(now - FORGOTTEN)
    };
    let mut goes_on = true;
    while goes_on {
        goes_on = stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout);
        if let Err(e) = show((!goes_on).then(|| deployment.clock.now())) {
            log::warn!(target: "replicas", "this replica cannot show that it is there: {e}");
        }
    }
}

fn latency_ms(db: &Db) -> Result<i32, Error> {
    let began = Instant::now();
    db.get_deployment_id()?;
    Ok(i32::try_from(began.elapsed().as_millis()).unwrap_or(i32::MAX))
}
