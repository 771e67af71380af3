//! Settings that are kept in the database, one text a key.

use crate::store::query::queries;

queries! {
    /// The id of this deployment.
    GetDeploymentID = get_deployment_id(db) -> one String;
        allow(none),
        sql "SELECT value FROM site_configs WHERE key = 'deployment_id'";

    /// Keeps the id of this deployment, once.
    InsertDeploymentID = insert_deployment_id(db, value: &str) -> exec;
        allow(system Create System),
        sql "INSERT INTO site_configs (key, value) VALUES ('deployment_id', :value)";

    /// The text kept under a key of the server's own.
    GetRuntimeConfig = get_runtime_config(db, key: &str) -> one String;
        allow(system Read System),
        sql "SELECT value FROM site_configs WHERE key = :key";

    /// Keeps a text under a key.
    UpsertRuntimeConfig = upsert_runtime_config(db, key: &str, value: &str) -> exec;
        allow(system Create System),
        sql "INSERT INTO site_configs (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
}
