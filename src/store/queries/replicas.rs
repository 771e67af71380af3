//! Replicas: the processes of a deployment that share a database.

use uuid::Uuid;

use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A process of the deployment, as it last showed itself.
    pub struct Replica {
        pub id: Uuid,
        pub created_at: Time,
        pub started_at: Time,
        pub stopped_at: Option<Time>,
        pub updated_at: Time,
        pub hostname: String,
        pub region_id: i32,
        pub relay_address: String,
        pub database_latency: i32,
        pub version: String,
        pub error: String,
        pub primary: bool,
    }
}

queries! {
    /// A process that has started.
    InsertReplica = insert_replica(db, replica: &Replica) -> one Replica;
        allow(system Create System),
        sql "INSERT INTO replicas {insert} RETURNING {row}";

    /// A process's sign of life, or that it has ended.
    UpdateReplica = update_replica(db, id: Uuid, updated_at: Time, stopped_at: Option<Time>, database_latency: i32) -> exec;
        allow(system Update System),
        sql "UPDATE replicas SET {set} WHERE id = :id";

    /// Those that have shown themselves since then and have not ended.
    GetReplicasUpdatedAfter = get_replicas_updated_after(db, updated_at: Time) -> many Replica;
        allow(system Read System),
        sql "SELECT {row} FROM replicas WHERE updated_at > :updated_at AND stopped_at IS NULL ORDER BY created_at, id";

    /// Forgets those that have not shown themselves since then.
    DeleteReplicasUpdatedBefore = delete_replicas_updated_before(db, updated_at: Time) -> exec;
        allow(system Delete System),
        sql "DELETE FROM replicas WHERE updated_at < :updated_at";
}
