//! Keys with which provisioner daemons of other machines come in. Three of them are not keys but names for how
//! else a daemon may come: the migrations put those there.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::rbac::{Object, Resource};
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A row of `provisioner_keys`.
    pub struct ProvisionerKey {
        pub id: Uuid,
        pub created_at: Time,
        pub organization_id: Uuid,
        pub name: String,
        pub hashed_secret: Vec<u8>,
        pub tags: BTreeMap<String, String>,
    }
}

impl Guarded for ProvisionerKey {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::ProvisionerDaemon).id(self.id).org(self.organization_id)
    }
}

queries! {
    /// Keeps a new key. Its name is kept in small letters by whoever makes it.
    InsertProvisionerKey = insert_provisioner_key(db, key: &ProvisionerKey) -> one ProvisionerKey;
        allow(object Create Object::of(Resource::ProvisionerDaemon).id(key.id).org(key.organization_id)),
        sql "INSERT INTO provisioner_keys {insert} RETURNING {row}";

    /// A key of an organization, by its name in letters of any size.
    GetProvisionerKeyByName = get_provisioner_key_by_name(db, organization_id: Uuid, name: &str) -> one ProvisionerKey;
        allow(row Read),
        sql "SELECT {row} FROM provisioner_keys WHERE organization_id = :organization_id AND lower(name) = lower(:name)",
        pg "SELECT {row} FROM provisioner_keys WHERE organization_id = :organization_id AND lower(name) = lower(:name::text)";

    /// The key that a secret belongs to.
    GetProvisionerKeyByHashedSecret = get_provisioner_key_by_hashed_secret(db, hashed_secret: &[u8]) -> one ProvisionerKey;
        allow(row Read),
        sql "SELECT {row} FROM provisioner_keys WHERE hashed_secret = :hashed_secret";

    /// The keys of an organization, the oldest first.
    ListProvisionerKeysByOrganization = list_provisioner_keys_by_organization(db, organization_id: Uuid) -> many ProvisionerKey;
        allow(rows Read),
        sql "SELECT {row} FROM provisioner_keys WHERE organization_id = :organization_id ORDER BY created_at, name";

    /// The same without those that only name another way to come in.
    ListProvisionerKeysByOrganizationExcludeReserved = list_provisioner_keys_by_organization_exclude_reserved(
        db, organization_id: Uuid, reserved: &[Uuid],
    ) -> many ProvisionerKey;
        allow(rows Read),
        sql "SELECT {row} FROM provisioner_keys WHERE organization_id = :organization_id AND NOT (id IN [:reserved])
             ORDER BY created_at, name";

    /// Deletes a key; daemons that came in with it cannot come again.
    DeleteProvisionerKey = delete_provisioner_key(db, id: Uuid) -> exec;
        allow(on Delete db.unguarded().get_provisioner_key_by_id(id)?),
        sql "DELETE FROM provisioner_keys WHERE id = :id";

    /// A key.
    GetProvisionerKeyByID = get_provisioner_key_by_id(db, id: Uuid) -> one ProvisionerKey;
        allow(row Read),
        sql "SELECT {row} FROM provisioner_keys WHERE id = :id";
}
