//! What a first start leaves in the database, and what every start brings up to date.

use crate::deployment::{Deployment, Replica};
use crate::ids::Ids;
use crate::organizations;
use crate::rbac::system;
use crate::store::{Error, Optional, Store};
use crate::time::Clock;

/// The id of this deployment, made at its first start.
pub fn deployment_id(store: &Store, ids: &Ids) -> Result<String, Error> {
    let db = store.acting_as(system::restricted());
    db.tx(|db| {
        if let Some(id) = db.get_deployment_id().optional()? {
            return Ok(id);
        }
        let id = ids.uuid().to_string();
        db.insert_deployment_id(&id)?;
        Ok(id)
    })
}

/// This process, for those who look at which there are.
pub fn replica(clock: &Clock, ids: &Ids) -> Replica {
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Replica { id: ids.uuid(), hostname, started_at: clock.now() }
}

/// Brings the rows that the server itself keeps up to date: every organization's `organization-member`
/// role holds the permissions that this version gives it.
pub fn prepare(deployment: &Deployment) -> Result<(), Error> {
    let db = deployment.system_db();
    let now = deployment.clock.now();
    db.tx(|db| {
        for role in db.get_organization_member_roles()? {
            organizations::write_member_role(db, &role, now)?;
        }
        Ok(())
    })
}
