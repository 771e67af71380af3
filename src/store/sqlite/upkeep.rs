//! Keeps a database in shape beside its use, in a thread of its own: moves the write-ahead log into
//! the database, refreshes the planner's statistics, and reads a large database through once.
//!
//! Why not leave the log to SQLite: it moves it inside the commit that makes it too long, and that
//! caller waits. Where a replication tool does it (Litestream), nothing here may.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGauge, Opts};
use rusqlite::Connection;

use super::condition::Condition;
use super::file;

/// How often the log is moved while there are writes.
const WHILE_WRITING: Duration = Duration::from_secs(1);
/// How long nobody must have written before the log is emptied, for which writers would have to wait.
const IDLE: Duration = Duration::from_secs(5);
/// How long after the start, and then after the last time, statistics are refreshed.
const FIRST_STATISTICS: Duration = Duration::from_secs(60);
const STATISTICS: Duration = Duration::from_secs(60 * 60);
/// How long emptying the log may keep writers waiting for readers to end.
const PATIENCE: Duration = Duration::from_millis(100);

/// The thread; ends when dropped.
pub(super) struct Upkeep {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

/// Tells the thread of writes and of the end.
#[derive(Default)]
pub(super) struct Bell {
    /// Written since the thread last looked.
    written: AtomicBool,
    ended: Mutex<bool>,
    ring: Condvar,
}

impl Bell {
    /// Somebody has written. Costs next to nothing while the thread knows.
    pub(super) fn written(&self) {
        if !self.written.swap(true, Ordering::Relaxed) {
            let _held = self.ended.lock();
            self.ring.notify_one();
        }
    }
    /// Waits for a write, if `for_writes`, or the end, but not for longer than `most`; says whether it is the end.
    fn wait(&self, most: Duration, for_writes: bool) -> bool {
        let until = Instant::now() + most;
        let mut ended = self.ended.lock();
        while !(*ended || for_writes && self.written.load(Ordering::Relaxed)) {
            if self.ring.wait_until(&mut ended, until).timed_out() {
                break;
            }
        }
        *ended
    }
}

/// What the thread works with.
pub(super) struct Parts {
    /// The database.
    pub path: PathBuf,
    /// The connection that all writes go through.
    pub writer: Arc<Mutex<Connection>>,
    /// What is known of the database's condition.
    pub condition: Arc<Condition>,
    /// Whether another program moves the log.
    pub leave_log: bool,
}

impl Upkeep {
    pub(super) fn start(parts: Parts, bell: Arc<Bell>, own: Connection) -> std::io::Result<Upkeep> {
        let heard = Arc::clone(&bell);
        let run = move || run(&parts, &heard, &own);
        let thread = std::thread::Builder::new().name("sqlite-upkeep".to_owned()).spawn(run)?;
        Ok(Upkeep { bell, thread: Some(thread) })
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        *self.bell.ended.lock() = true;
        self.bell.ring.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has told the log if it panicked; there is nothing more to do about it.
            let _ = thread.join();
        }
    }
}

fn run(parts: &Parts, bell: &Bell, own: &Connection) {
    read_through(parts, own);
    let mut statistics_due = Instant::now() + FIRST_STATISTICS;
    let mut log_has_content = true;
    loop {
        let pause = match (parts.leave_log, log_has_content) {
            (false, true) => IDLE,
            _ => statistics_due.saturating_duration_since(Instant::now()),
        };
        if bell.wait(pause, true) {
            return;
        }
        if bell.written.load(Ordering::Relaxed) {
            // Let a second of writes gather.
            if bell.wait(WHILE_WRITING, false) {
                return;
            }
            bell.written.store(false, Ordering::Relaxed);
            log_has_content = true;
            if !parts.leave_log {
                note(move_log(own));
            }
        } else if log_has_content && !parts.leave_log {
            log_has_content = !note(empty_log(&parts.writer, own));
        }
        if Instant::now() >= statistics_due {
            statistics_due = Instant::now() + STATISTICS;
            note(refresh_statistics(&parts.writer));
        }
    }
}

/// Whether it was done; why not is logged.
fn note(done: rusqlite::Result<bool>) -> bool {
    done.unwrap_or_else(|e| {
        log::warn!(target: "store", "upkeep of the database: {e}");
        false
    })
}

/// Moves what can be moved without anybody waiting. Says whether that was all.
pub(super) fn move_log(own: &Connection) -> rusqlite::Result<bool> {
    let (log, moved): (i64, i64) =
        own.query_row("PRAGMA main.wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))?;
    Ok(log == moved)
}

/// Moves everything and makes the file of the log empty, unless somebody reads an older state.
pub(super) fn empty_log(writer: &Mutex<Connection>, own: &Connection) -> rusqlite::Result<bool> {
    // Held, so that writers wait in their fair queue instead of at SQLite's lock.
    let Some(_nobody_writes) = writer.try_lock() else { return Ok(false) };
    own.busy_timeout(PATIENCE)?;
    let busy: bool = own.query_row("PRAGMA main.wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(!busy)
}

/// Refreshes the statistics of tables that have changed much; SQLite bounds how much it reads for that.
pub(super) fn refresh_statistics(writer: &Mutex<Connection>) -> rusqlite::Result<bool> {
    let Some(conn) = writer.try_lock() else { return Ok(false) };
    conn.execute_batch("PRAGMA main.optimize = 0x10002")?;
    Ok(true)
}

/// Reads through what was too large to be read through at the start.
fn read_through(parts: &Parts, own: &Connection) {
    if std::fs::metadata(&parts.path).map_or(0, |file| file.len()) <= file::READ_THROUGH_AT_START {
        return;
    }
    match file::damage(own) {
        Ok(None) => {}
        Ok(Some(what)) => parts.condition.damaged(&what),
        Err(e) => parts.condition.damaged(&e.to_string()),
    }
}

/// The size of the log, looked at when somebody reads the metrics.
pub(super) struct LogSize {
    log: PathBuf,
    gauge: IntGauge,
}

impl LogSize {
    #[allow(clippy::expect_used, reason = "the name is a constant")]
    pub(super) fn new(database: &Path) -> LogSize {
        let opts = Opts::new("rockpool_sqlite_wal_bytes", "Size of the write-ahead log of the database.");
        LogSize { log: file::beside(database, "-wal"), gauge: IntGauge::with_opts(opts).expect("a valid name") }
    }
}

impl Collector for LogSize {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }
    fn collect(&self) -> Vec<MetricFamily> {
        let size = std::fs::metadata(&self.log).map_or(0, |file| file.len());
        self.gauge.set(i64::try_from(size).unwrap_or(i64::MAX));
        self.gauge.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, PathBuf, Arc<Mutex<Connection>>, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let writer = Connection::open(&path).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        writer.execute_batch("CREATE TABLE t (a); CREATE INDEX i ON t (a)").unwrap();
        let own = Connection::open(&path).unwrap();
        (folder, path, Arc::new(Mutex::new(writer)), own)
    }

    fn size_of_log(path: &Path) -> u64 {
        std::fs::metadata(file::beside(path, "-wal")).unwrap().len()
    }

    #[test]
    fn a_long_reader_holds_the_log_and_nobody_else_up() {
        let (_folder, path, writer, own) = database();
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM t").unwrap();
        writer.lock().execute_batch("INSERT INTO t VALUES (1)").unwrap();
        assert!(!move_log(&own).unwrap());
        assert!(!empty_log(&writer, &own).unwrap());
        writer.lock().execute_batch("INSERT INTO t VALUES (2)").unwrap();
        assert!(size_of_log(&path) > 0);

        reader.execute_batch("COMMIT").unwrap();
        assert!(move_log(&own).unwrap());
        assert!(empty_log(&writer, &own).unwrap());
        assert_eq!(size_of_log(&path), 0);
    }

    #[test]
    fn upkeep_waits_for_no_writer() {
        let (_folder, _path, writer, own) = database();
        let _writing = writer.lock();
        assert!(!empty_log(&writer, &own).unwrap());
        assert!(!refresh_statistics(&writer).unwrap());
    }

    #[test]
    fn statistics_are_there_once_refreshed() {
        let (_folder, _path, writer, _own) = database();
        writer
            .lock()
            .execute_batch(
                "INSERT INTO t WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000)
                 SELECT n FROM n",
            )
            .unwrap();
        assert!(refresh_statistics(&writer).unwrap());
        let known = "SELECT count(*) FROM sqlite_stat1 WHERE tbl = 't'";
        assert_eq!(writer.lock().query_row(known, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    }

    #[test]
    fn the_thread_moves_the_log_after_writes_and_ends_when_told() {
        let (_folder, path, writer, own) = database();
        let bell = Arc::new(Bell::default());
        let parts =
            Parts { path: path.clone(), writer: Arc::clone(&writer), condition: Arc::default(), leave_log: false };
        let before = std::fs::metadata(&path).unwrap().len();
        let upkeep = Upkeep::start(parts, Arc::clone(&bell), own).unwrap();
        writer.lock().execute_batch("INSERT INTO t VALUES (zeroblob(100000))").unwrap();
        bell.written();
        let begun = Instant::now();
        while std::fs::metadata(&path).unwrap().len() == before {
            assert!(begun.elapsed() < Duration::from_secs(60), "the log was not moved");
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(upkeep);
    }
}
