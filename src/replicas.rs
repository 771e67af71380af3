//! The processes of a deployment that share a database: each shows now and then that it is there, and forgets those
//! that have not for long.
//!
//! On SQLite there is one process, and nobody to show it to.

use std::time::{Duration, Instant};

use crate::background::Repeating;
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
    deployment: Deployment,
    beats: Repeating,
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
        let of_thread = deployment.clone();
        let beats = Repeating::start("replica", BEAT, BEAT, move || show(&of_thread, None))
            .map_err(|e| Error::Unavailable(format!("cannot start a thread: {e}")))?;
        Ok(Some(Presence { deployment: deployment.clone(), beats }))
    }

    /// Says that this process ends.
    pub fn stop(self) {
        self.beats.stop();
        show(&self.deployment, Some(self.deployment.clock.now()));
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

/// Shows that this process is there, or that it ends, and forgets those that have been gone for long.
fn show(deployment: &Deployment, stopped_at: Option<Time>) {
    let (db, now) = (deployment.system_db(), deployment.clock.now());
    let shown = latency_ms(&db)
        .and_then(|latency| db.update_replica(deployment.replica.id, now, stopped_at, latency))
        .and_then(|_| db.delete_replicas_updated_before(now - FORGOTTEN));
    if let Err(e) = shown {
        log::warn!(target: "replicas", "this replica cannot show that it is there: {e}");
    }
}

fn latency_ms(db: &Db) -> Result<i32, Error> {
    let began = Instant::now();
    db.get_deployment_id()?;
    Ok(i32::try_from(began.elapsed().as_millis()).unwrap_or(i32::MAX))
}
