//! Users: the first one, reading one.

use uuid::Uuid;

use super::routes::Routes;
use super::{Cx, Error, Reply, lookup, reply};
use crate::auth::password;
use crate::rbac::{RoleRef, roles};
use crate::sdk;
use crate::store::queries::users::User;
use crate::users;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.anyone("GET", "/api/v2/users/first", get_first_user);
    r.anyone("POST", "/api/v2/users/first", post_first_user);
    r.user("GET", "/api/v2/users/{user}", get_user);
}

/// Whether there is a first user.
fn get_first_user(cx: &Cx) -> Reply {
    match cx.system_db().get_user_count()? {
        0 => Err(Error::new(404, "There is no first user yet: make one.")),
        _ => reply::message("There is a first user."),
    }
}

/// Makes the first user, an owner.
fn post_first_user(cx: &Cx) -> Reply {
    let body: sdk::CreateFirstUserRequest = cx.body()?;
    let taken = || Error::conflict("The first user has been made already. Sign in instead.");
    let db = cx.system_db();
    if db.get_user_count()? != 0 {
        return Err(taken());
    }
    if let Some(why) = password::objection(&body.password) {
        return Err(Error::invalid("The password cannot be taken.", "password", why));
    }
    let organization = db.get_default_organization()?;
    let hashed = cx.deployment.passwords.hash(&body.password).map_err(|e| Error::new(503, e.to_string()))?;
    let user = db.tx::<_, Error>(|db| {
        if db.get_user_count()? != 0 {
            return Err(taken());
        }
        let wanted = users::New {
            email: body.email.clone(),
            username: body.username.clone(),
            name: body.name.clone(),
            hashed_password: hashed.clone().into_bytes(),
            login_type: sdk::LoginType::Password,
            status: sdk::UserStatus::Active,
            roles: vec![roles::OWNER.to_owned()],
            organizations: vec![organization.id],
        };
        Ok(users::create(&cx.deployment, db, wanted)?)
    })?;
    reply::created(&sdk::CreateFirstUserResponse { user_id: user.id, organization_id: organization.id })
}

/// One user.
fn get_user(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    let organizations = organizations_of(cx, user.id)?;
    reply::ok(&render(user, organizations))
}

fn organizations_of(cx: &Cx, user: Uuid) -> Result<Vec<Uuid>, Error> {
    let found = cx.db().get_organization_ids_by_member_ids(&[user])?;
    Ok(found.into_iter().next().map(|o| o.organization_ids).unwrap_or_default())
}

/// A user as the API shows one.
pub fn render(user: User, organization_ids: Vec<Uuid>) -> sdk::User {
    sdk::User {
        id: user.id,
        username: user.username,
        name: user.name,
        avatar_url: user.avatar_url,
        email: user.email,
        created_at: user.created_at,
        updated_at: user.updated_at,
        last_seen_at: user.last_seen_at,
        status: user.status,
        login_type: user.login_type,
        theme_preference: String::new(),
        organization_ids,
        roles: user.rbac_roles.into_iter().map(slim_role).collect(),
    }
}

fn slim_role(name: String) -> sdk::SlimRole {
    let display_name =
        roles::builtin(&RoleRef::Site(name.clone())).map_or_else(String::new, |r| r.display_name.to_owned());
    sdk::SlimRole { name, display_name, organization_id: String::new() }
}
