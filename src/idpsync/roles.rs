//! The roles of a user: in the deployment, and in each organization that takes them from a claim.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Claims, decides_roles, role_settings, texts};
use crate::config::login::IdpSync;
use crate::deployment::Deployment;
use crate::rbac::{RoleRef, roles};
use crate::store::queries::users::User;
use crate::store::{Db, Error};

pub(super) fn sync(deployment: &Deployment, db: &Db, user: &User, claims: &Claims) -> Result<(), Error> {
    if decides_roles(&deployment.config) {
        sync_site(&deployment.config.idp_sync, db, user, claims)?;
    }
    for member in db.get_memberships_of_user(user.id)? {
        let organization = member.organization_id;
        let settings = role_settings(db, organization)?;
        if settings.field.is_empty() {
            continue;
        }
        // An organization whose settings are wrong keeps nobody from signing in elsewhere.
        let given = match texts(claims.get(&settings.field)) {
            Ok(given) => given,
            Err(why) => {
                log::warn!(target: "idpsync", organization:% = organization, user = user.username.as_str(); "roles are left as they are: {why}");
                continue;
            }
        };
        let mut wanted = BTreeSet::new();
        for name in given {
            match settings.mapping.get(&name) {
                Some(mapped) => wanted.extend(mapped.iter().flatten().cloned()),
                None => _ = wanted.insert(name),
            }
        }
        let wanted = existing(db, organization, wanted)?;
        if wanted != member.roles.iter().cloned().collect() {
            let wanted: Vec<String> = wanted.into_iter().collect();
            db.update_member_roles(user.id, organization, &wanted)?;
        }
    }
    Ok(())
}

/// Those of the names that are roles of the organization; the one that every member has is not given.
fn existing(db: &Db, organization: Uuid, names: BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
    let is_builtin = |name: &str| roles::builtin(&RoleRef::Org(name.to_owned(), organization)).is_some();
    let (mut found, others): (BTreeSet<_>, Vec<_>) = {
        let (builtin, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| is_builtin(name));
        (builtin.into_iter().collect(), others)
    };
    if !others.is_empty() {
        let custom = db.custom_roles_of(&[organization], &others)?;
        found.extend(custom.into_iter().map(|role| role.name));
    }
    found.remove(roles::ORGANIZATION_MEMBER);
    Ok(found)
}

fn sync_site(config: &IdpSync, db: &Db, user: &User, claims: &Claims) -> Result<(), Error> {
    let given = texts(claims.get(&config.role_field))
        .map_err(|why| Error::Refused(format!("the claim with roles cannot be read: {why}")))?;
    let wanted = site_roles(config, given);
    let present: BTreeSet<String> = user.rbac_roles.iter().cloned().collect();
    if wanted == present {
        return Ok(());
    }
    let was_owner = present.contains(roles::OWNER);
    if was_owner && !wanted.contains(roles::OWNER) && db.get_other_active_owner_count(user.id)? == 0 {
        log::warn!(target: "idpsync", user = user.username.as_str(); "the claims take the role of owner from the last one who can act, who keeps it");
        return Ok(());
    }
    let wanted: Vec<String> = wanted.into_iter().collect();
    db.update_user_roles(user.id, &wanted).map(|_| ())
}

/// Roles of the deployment that the claim stands for, and those that everybody gets; what is no role is left out.
fn site_roles(config: &IdpSync, given: Vec<String>) -> BTreeSet<String> {
    let mut wanted: BTreeSet<String> = config.role_default.iter().cloned().collect();
    for name in given {
        match config.role_mapping.get(&name) {
            Some(mapped) => wanted.extend(mapped.iter().cloned()),
            None => _ = wanted.insert(name),
        }
    }
    wanted.retain(|name| name != roles::MEMBER && roles::builtin(&RoleRef::Site(name.clone())).is_some());
    wanted
}
