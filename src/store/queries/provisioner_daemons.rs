//! Provisioner daemons: the workers that run jobs, in this process or elsewhere.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::rbac::{Object, Resource};
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A row of `provisioner_daemons`.
    pub struct ProvisionerDaemon {
        pub id: Uuid,
        pub created_at: Time,
        pub name: String,
        pub provisioners: Vec<String>,
        pub tags: BTreeMap<String, String>,
        pub last_seen_at: Option<Time>,
        pub version: String,
        pub api_version: String,
        pub organization_id: Uuid,
        pub key_id: Uuid,
    }
}

impl Guarded for ProvisionerDaemon {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::ProvisionerDaemon).id(self.id).org(self.organization_id)
    }
}

fn object_of_new(daemon: &ProvisionerDaemon) -> Object {
    let object = Object::of(Resource::ProvisionerDaemon).org(daemon.organization_id);
    let owner = daemon.tags.get("owner").and_then(|o| Uuid::try_parse(o).ok());
    match (daemon.tags.get("scope").map(String::as_str), owner) {
        (Some("user"), Some(owner)) => object.owner(owner),
        _ => object,
    }
}

queries! {
    /// Makes a daemon known, or known again: name and owner tag tell which it is.
    UpsertProvisionerDaemon = upsert_provisioner_daemon(db, daemon: &ProvisionerDaemon) -> one ProvisionerDaemon;
        allow(object Create object_of_new(daemon)),
        sql "INSERT INTO provisioner_daemons {insert}
            ON CONFLICT (organization_id, name, lower(coalesce(tags ->> 'owner', ''))) DO UPDATE SET
                provisioners = excluded.provisioners, tags = excluded.tags, last_seen_at = excluded.last_seen_at,
                version = excluded.version, api_version = excluded.api_version, key_id = excluded.key_id
            RETURNING {row}";

    /// A daemon's sign of life.
    UpdateProvisionerDaemonLastSeenAt = update_provisioner_daemon_last_seen_at(db, id: Uuid, last_seen_at: Time) -> exec;
        allow(system Update ProvisionerDaemon),
        sql "UPDATE provisioner_daemons SET last_seen_at = :last_seen_at WHERE id = :id AND (last_seen_at IS NULL OR last_seen_at <= :last_seen_at)";

    /// Every daemon that the caller may know of.
    GetProvisionerDaemons = get_provisioner_daemons(db) -> many ProvisionerDaemon;
        allow(rows Read),
        sql "SELECT {row} FROM provisioner_daemons ORDER BY created_at";

    /// The daemons of an organization that the caller may know of.
    GetProvisionerDaemonsByOrganization = get_provisioner_daemons_by_organization(db, organization_id: Uuid) -> many ProvisionerDaemon;
        allow(rows Read),
        sql "SELECT {row} FROM provisioner_daemons WHERE organization_id = :organization_id ORDER BY created_at, id";
}
