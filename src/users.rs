//! Users as the server makes them: the account, its memberships, and what else a new user has.
//! Who may make one is decided before.

use uuid::Uuid;

use crate::deployment::Deployment;
use crate::sdk::{LoginType, UserStatus};
use crate::store::queries::organizations::OrganizationMember;
use crate::store::queries::users::{NewUser, User};
use crate::store::{self, Db};

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

/// Makes a user; inside a transaction of the caller's, or in one of its own.
pub fn create(deployment: &Deployment, db: &Db, wanted: New) -> Result<User, store::Error> {
    let now = deployment.clock.now();
    let new = NewUser {
        id: deployment.ids.uuid(),
        email: wanted.email,
        username: wanted.username,
        name: wanted.name,
        hashed_password: wanted.hashed_password,
        created_at: now,
        updated_at: now,
        status: wanted.status,
        rbac_roles: wanted.roles,
        login_type: wanted.login_type,
    };
    db.tx(|db| {
        let user = db.insert_user(&new)?;
        for organization_id in &wanted.organizations {
            let member = OrganizationMember {
                user_id: user.id,
                organization_id: *organization_id,
                created_at: now,
                updated_at: now,
                roles: Vec::new(),
            };
            db.insert_organization_member(&member)?;
        }
        Ok(user)
    })
}
