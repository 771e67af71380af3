//! Users: made with everything that belongs to a new one, and changed so that the deployment is never
//! left without an owner who can act. Who may do it is the store's to say.

pub mod dormancy;
pub mod git_keys;
pub mod quiet_hours;

use uuid::Uuid;

use crate::deployment::Deployment;
use crate::rbac::{roles, system};
use crate::sdk::names::normalize_real_name;
use crate::sdk::{LoginType, UserStatus};
use crate::store::queries::git_ssh_keys::GitSshKey;
use crate::store::queries::organizations::OrganizationMember;
use crate::store::queries::users::{NewUser, User};
use crate::store::{self, Db, TxError};

/// A user to be made.
pub struct New {
    /// Address.
    pub email: String,
    /// Name for signing in and in paths.
    pub username: String,
    /// Name for people.
    pub name: String,
    /// As [`Hasher::hash`](crate::auth::password::Hasher::hash) gives it; empty for who has none.
    pub hashed_password: Vec<u8>,
    /// How the user signs in.
    pub login_type: LoginType,
    /// Whether the user may act at once.
    pub status: UserStatus,
    /// Roles in the deployment.
    pub roles: Vec<String>,
    /// Organizations to be a member of.
    pub organizations: Vec<Uuid>,
}

/// Why a user is not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Nobody could administer the deployment any more.
    #[error("this is the last owner who can act; make somebody else an owner first")]
    LastOwner,
    /// The user's workspaces would be nobody's.
    #[error("the user has workspaces; delete them first")]
    HasWorkspaces,
}

impl TxError for Error {
    fn store_error(&self) -> Option<&store::Error> {
        match self {
            Error::Store(e) => Some(e),
            Error::LastOwner | Error::HasWorkspaces => None,
        }
    }
}

/// What a new user brings along that takes time to make; made before a transaction is opened.
pub struct Prepared {
    user: NewUser,
    organizations: Vec<Uuid>,
    git_keys: git_keys::Pair,
}

/// Gets everything ready for [`insert`].
pub fn prepare(deployment: &Deployment, wanted: New) -> Result<Prepared, ssh_key::Error> {
    let now = deployment.clock.now();
    Ok(Prepared {
        user: NewUser {
            id: deployment.ids.uuid(),
            email: wanted.email,
            username: wanted.username,
            name: normalize_real_name(&wanted.name).to_owned(),
            hashed_password: wanted.hashed_password,
            created_at: now,
            updated_at: now,
            status: wanted.status,
            rbac_roles: wanted.roles,
            login_type: wanted.login_type,
        },
        organizations: wanted.organizations,
        git_keys: git_keys::generate(deployment.config.ssh_keygen_algorithm, &deployment.ids)?,
    })
}

/// Makes the user; inside a transaction of the caller's, or in one of its own.
pub fn insert(db: &Db, new: &Prepared) -> Result<User, store::Error> {
    let at = new.user.created_at;
    db.tx(|db| {
        let user = db.insert_user(&new.user)?;
        db.insert_git_ssh_key(&GitSshKey {
            user_id: user.id,
            created_at: at,
            updated_at: at,
            private_key: new.git_keys.private.clone(),
            public_key: new.git_keys.public.clone(),
        })?;
        for organization_id in &new.organizations {
            db.insert_organization_member(&OrganizationMember {
                user_id: user.id,
                organization_id: *organization_id,
                created_at: at,
                updated_at: at,
                roles: Vec::new(),
            })?;
        }
        Ok(user)
    })
}

/// Replaces the roles of a user in the deployment; a name given twice counts once.
pub fn set_roles(db: &Db, user: Uuid, wanted: &[String]) -> Result<User, Error> {
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    db.tx(|db| {
        let before = db.get_user_by_id(user)?;
        let updated = db.update_user_roles(user, &wanted)?;
        if is_owner(&before) && !is_owner(&updated) {
            keep_an_owner(db, user)?;
        }
        Ok(updated)
    })
}

/// Suspends or activates a user.
pub fn set_status(deployment: &Deployment, db: &Db, user: Uuid, status: UserStatus) -> Result<User, Error> {
    let now = deployment.clock.now();
    db.tx(|db| {
        let updated = db.update_user_status(user, status, now, false)?;
        if status != UserStatus::Active && is_owner(&updated) {
            keep_an_owner(db, user)?;
        }
        Ok(updated)
    })
}

/// Deletes a user who has no workspaces.
pub fn delete(db: &Db, user: &User) -> Result<(), Error> {
    db.tx(|db| {
        if db.acting_as(system::restricted()).count_workspaces_of_owner(user.id)? > 0 {
            return Err(Error::HasWorkspaces);
        }
        db.update_user_deleted_by_id(user.id)?;
        if is_owner(user) {
            keep_an_owner(db, user.id)?;
        }
        Ok(())
    })
}

fn is_owner(user: &User) -> bool {
    user.rbac_roles.iter().any(|role| role == roles::OWNER)
}

/// Fails when nobody but this user is an owner who can act. Inside the transaction of the change that
/// takes this one away, so that two owners cannot remove each other at once.
fn keep_an_owner(db: &Db, user: Uuid) -> Result<(), Error> {
    match db.acting_as(system::restricted()).get_other_active_owner_count(user)? {
        0 => Err(Error::LastOwner),
        _ => Ok(()),
    }
}
