//! What a template's form may know of the owner of a workspace. Keys and tokens that a build is given
//! are not part of it: a form is shown to whoever may see the owner.

use uuid::Uuid;

use crate::deployment::Deployment;
use crate::provisioner::hcl::value::Value;
use crate::rbac::system;
use crate::store::{self, Db, Optional, Where};

/// The owner as `coder_workspace_owner` has one; nothing if the caller may see neither the user nor the
/// member of the organization.
pub fn fetch(deployment: &Deployment, db: &Db, organization: Uuid, owner: Uuid) -> Result<Option<Value>, store::Error> {
    let provisioner = db.acting_as(system::provisionerd());
    let user = match db.get_user_by_id(owner) {
        Ok(user) => user,
        Err(e) if e.is_hidden() => {
            let mut which = Where::new();
            which.and_with("m.user_id = ?", owner).and_with("m.organization_id = ?", organization);
            match db.organization_members(&which) {
                Ok(members) if members.len() == 1 => provisioner.get_user_by_id(owner)?,
                Ok(_) => return Ok(None),
                Err(e) if e.is_hidden() => return Ok(None),
                Err(e) => return Err(e),
            }
        }
        Err(e) => return Err(e),
    };
    let system = db.acting_as(system::restricted());
    let known = match deployment.subjects.of_user(&system, owner) {
        Ok(known) => known,
        Err(crate::auth::Error::Store(e)) => return Err(e),
        // An account whose roles mean nothing is no owner.
        Err(_) => return Ok(None),
    };
    let roles = known.subject.roles().iter().filter(|r| r.org().is_none_or(|org| org == organization));
    let roles = roles.map(|r| {
        let org = r.org().map_or_else(String::new, |org| org.to_string());
        Value::object([("name", Value::from(r.name())), ("org_id", org.into())])
    });
    let key = system.get_git_ssh_key(owner).optional()?.map(|k| k.public_key).unwrap_or_default();
    Ok(Some(Value::object([
        ("id", Value::from(user.id.to_string())),
        ("name", user.username.into()),
        ("full_name", user.name.into()),
        ("email", user.email.into()),
        ("ssh_public_key", key.into()),
        ("groups", Value::strings(system.get_group_names_of_user(owner, organization)?)),
        ("login_type", user.login_type.as_str().into()),
        ("rbac_roles", Value::list(roles.collect())),
    ])))
}
