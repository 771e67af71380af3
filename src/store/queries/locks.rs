//! Locks between the replicas of a deployment.

use crate::store::query::queries;

/// Whose lock it is. The numbers are those that other programs on the same database use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockId {
    /// Whoever purges.
    DbPurge = 4,
    /// Whoever fails the jobs of servers that are no more. Ours: no other program has this number.
    OrphanedJobs = 7_625_001,
}

queries! {
    /// Takes a lock until the end of the transaction, unless another replica has it. On SQLite there is one process, and its
    /// transaction keeps everybody else out.
    TryAcquireLock = try_acquire_lock(db, id: i64) -> one bool;
        allow(none),
        sql "SELECT :id IS NOT NULL",
        pg "SELECT pg_try_advisory_xact_lock(:id)";
}
