//! Users: the first one, the list, one of them, making and deleting them, what they are called, whether
//! they may act and with which roles. Their passwords are in [`password`], their settings in [`settings`].

mod list;
pub mod password;
mod roles;
mod settings;

use uuid::Uuid;

use super::routes::Routes;
use super::{Audit, Cx, Error, OrForbidden, Reply, lookup, reply};
use crate::auth::password::objection;
use crate::rbac::{Action, Object, Resource, RoleRef, roles as rbac_roles};
use crate::sdk::{self, AuditAction, LoginType, ResourceType, UserStatus};
use crate::store::Optional;
use crate::store::queries::users::User;
use crate::users;

pub use list::find;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.anyone("GET", "/api/v2/users/first", get_first_user);
    r.anyone("POST", "/api/v2/users/first", post_first_user);
    r.user("GET", "/api/v2/users", list::get_users);
    r.user("POST", "/api/v2/users", post_user);
    r.user("GET", "/api/v2/users/{user}", get_user);
    r.user("DELETE", "/api/v2/users/{user}", delete_user);
    r.user("PUT", "/api/v2/users/{user}/profile", put_profile);
    r.user("PUT", "/api/v2/users/{user}/status/suspend", put_suspend);
    r.user("PUT", "/api/v2/users/{user}/status/activate", put_activate);
    r.user("GET", "/api/v2/users/{user}/login-type", get_login_type);
    roles::routes(r);
    password::routes(r);
    settings::routes(r);
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
    if let Some(why) = objection(&body.password) {
        return Err(unacceptable_password(why));
    }
    let organization = db.get_default_organization()?;
    let new = users::New {
        email: body.email,
        username: body.username,
        name: body.name,
        hashed_password: password::hash(cx, &body.password)?,
        login_type: LoginType::Password,
        status: UserStatus::Active,
        roles: vec![rbac_roles::OWNER.to_owned()],
        organizations: vec![organization.id],
    };
    let new = users::prepare(&cx.deployment, new).map_err(Error::internal)?;
    let user = db.tx::<_, Error>(|db| {
        if db.get_user_count()? != 0 {
            return Err(taken());
        }
        Ok(users::insert(db, &new)?)
    })?;
    reply::created(&sdk::CreateFirstUserResponse { user_id: user.id, organization_id: organization.id })
}

/// Makes a user.
fn post_user(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::User, AuditAction::Create);
    let mut body: sdk::CreateUserRequestWithOrgs = cx.body()?;
    body.organization_ids.extend(body.organization_id.take());
    let login_type = match body.login_type.as_str() {
        "" => Some(LoginType::Password),
        _ => body.login_type.known(),
    };
    if login_type != Some(LoginType::Password) && !body.password.is_empty() {
        let kind = body.login_type.as_str();
        return Err(Error::bad(format!("Who signs in with {kind:?} has no password. Leave the password out.")));
    }
    if login_type == Some(LoginType::Password) && cx.deployment.config.disable_password_auth {
        return Err(Error::new(
            403,
            "Signing in with a password is switched off here, so nobody can be made who would.",
        ));
    }
    if body.organization_ids.is_empty() {
        let message = "A user is a member of at least one organization: give the id of one.";
        return Err(Error::invalid(message, "organization_ids", "This must not be empty.")
            .detail("The list \"organization_ids\" is empty."));
    }
    let taken = || Error::conflict("There is a user of this name or with this address already.");
    let db = cx.db();
    match db.get_user_by_email_or_username(&body.username, &body.email) {
        Ok(_) => return Err(taken()),
        Err(e) if e.is_hidden() => {}
        Err(e) => return Err(e.into()),
    }
    let organizations = organizations_to_join(cx, &body.organization_ids)?;
    let login_type = match login_type {
        Some(kind @ (LoginType::None | LoginType::Github)) => kind,
        Some(LoginType::Password) => match objection(&body.password) {
            Some(why) => return Err(unacceptable_password(why)),
            None => LoginType::Password,
        },
        Some(LoginType::Oidc) if cx.deployment.config.oidc.is_some() => LoginType::Oidc,
        Some(LoginType::Oidc) => {
            return Err(Error::bad("OpenID Connect is not set up here, so nobody could sign in with it."));
        }
        _ => {
            let kind = body.login_type.as_str();
            return Err(Error::bad(format!("Nobody can be made who signs in with {kind:?}.")));
        }
    };
    let status = match &body.user_status {
        None => UserStatus::Dormant,
        Some(word) if word.as_str().is_empty() => UserStatus::Dormant,
        Some(word) => word.known().ok_or_else(|| {
            let statuses: Vec<&str> = UserStatus::ALL.iter().map(|s| s.as_str()).collect();
            Error::invalid("There is no such status.", "user_status", format!("One of: {}.", statuses.join(", ")))
        })?,
    };
    let forbidden = || Error::new(403, "You are not allowed to make users.");
    // Asked again by the store; asked here so that nobody makes the server hash in vain.
    db.require(Action::Create, &Object::of(Resource::User)).map_err(|_| forbidden())?;
    let hashed_password = if body.password.is_empty() { Vec::new() } else { password::hash(cx, &body.password)? };
    let new = users::New {
        email: body.email,
        username: body.username,
        name: body.name,
        hashed_password,
        login_type,
        status,
        roles: Vec::new(),
        organizations: organizations.clone(),
    };
    let new = users::prepare(&cx.deployment, new).map_err(Error::internal)?;
    match users::insert(db, &new) {
        Ok(user) => {
            audit.after(&user);
            reply::created(&render(user, organizations))
        }
        Err(crate::store::Error::Denied(_)) => Err(forbidden()),
        Err(e) if e.is_unique() => Err(taken()),
        Err(e) => Err(e.into()),
    }
}

/// The organizations of these ids, each once; the nil id stands for the default one.
fn organizations_to_join(cx: &Cx, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    let mut found: Vec<Uuid> = Vec::with_capacity(ids.len());
    for id in ids {
        let organization =
            if id.is_nil() { cx.db().get_default_organization() } else { cx.db().get_organization_by_id(*id) };
        match organization {
            Ok(organization) if found.contains(&organization.id) => {}
            Ok(organization) => found.push(organization.id),
            Err(e) if e.is_hidden() => {
                return Err(Error::new(404, format!("There is no organization with the id \"{id}\".")));
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(found)
}

/// One user.
fn get_user(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    render_with_organizations(cx, user)
}

/// Deletes a user who has no workspaces.
fn delete_user(cx: &Cx) -> Reply {
    let audit = cx.audit(ResourceType::User, AuditAction::Delete);
    let user = lookup::user(cx)?;
    audit.before(&user);
    if cx.actor()?.user_id == user.id {
        return Err(Error::new(403, "You cannot delete yourself. Ask another owner to do it."));
    }
    match users::delete(cx.db(), &user) {
        Ok(()) => {
            audit.after(&User { deleted: true, ..user });
            reply::message("The user has been deleted.")
        }
        Err(users::Error::HasWorkspaces) => Err(Error::new(417, "The user still has workspaces. Delete those first.")),
        Err(users::Error::Store(e)) => Err(e).or_forbidden(),
        Err(e) => Err(e.into()),
    }
}

/// Changes what a user is called.
fn put_profile(cx: &Cx) -> Reply {
    let (user, audit) = user_to_change(cx)?;
    let body: sdk::UpdateUserProfileRequest = cx.body()?;
    let taken = || Error::conflict("There is a user of this name already.").field("username", "This name is in use.");
    if body.username != user.username {
        // Names are how users are found, so only those who administer users give them.
        cx.db().require_on(Action::Update, &user)?;
        match cx.db().get_user_by_email_or_username(&body.username, "").optional() {
            Ok(Some(other)) if other.id != user.id => return Err(taken()),
            Ok(_) => {}
            Err(e) if e.is_hidden() => {}
            Err(e) => return Err(e.into()),
        }
    }
    match cx.db().update_user_profile(user.id, &body.username, &body.name, cx.now()) {
        Ok(user) => {
            audit.after(&user);
            render_with_organizations(cx, user)
        }
        Err(e) if e.is_unique() => Err(taken()),
        Err(e) => Err(e.into()),
    }
}

/// Keeps a user out.
fn put_suspend(cx: &Cx) -> Reply {
    let (user, audit) = user_to_change(cx)?;
    if cx.actor()?.user_id == user.id {
        return Err(Error::bad("Nobody can suspend their own account."));
    }
    if user.rbac_roles.iter().any(|role| role == rbac_roles::OWNER) {
        return Err(Error::bad("An owner cannot be suspended. Take the role \"owner\" away first."));
    }
    set_status(cx, user, UserStatus::Suspended, &audit)
}

/// Lets a user in again.
fn put_activate(cx: &Cx) -> Reply {
    let (user, audit) = user_to_change(cx)?;
    set_status(cx, user, UserStatus::Active, &audit)
}

/// The user that `{user}` names, and the entry that a change is logged with.
pub(super) fn user_to_change(cx: &Cx) -> Result<(User, Audit), Error> {
    let audit = cx.audit(ResourceType::User, AuditAction::Write);
    let user = lookup::user(cx)?;
    audit.before(&user);
    Ok((user, audit))
}

fn set_status(cx: &Cx, user: User, status: UserStatus, audit: &Audit) -> Reply {
    let user = users::set_status(&cx.deployment, cx.db(), user.id, status)?;
    audit.after(&user);
    render_with_organizations(cx, user)
}

/// How the caller signs in.
fn get_login_type(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    if cx.actor()?.user_id != user.id {
        return Err(Error::new(403, "How somebody else signs in is not shown."));
    }
    reply::ok(&sdk::UserLoginType { login_type: user.login_type })
}

fn render_with_organizations(cx: &Cx, user: User) -> Reply {
    let found = cx.db().get_organization_ids_by_member_ids(&[user.id])?;
    let organizations = found.into_iter().next().map(|o| o.organization_ids).unwrap_or_default();
    reply::ok(&render(user, organizations))
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
        roles: user.rbac_roles.into_iter().map(|name| super::roles::slim(&RoleRef::Site(name), None)).collect(),
    }
}

fn unacceptable_password(why: String) -> Error {
    Error::invalid("The password cannot be taken.", "password", why)
}

impl From<users::Error> for Error {
    fn from(e: users::Error) -> Error {
        match e {
            users::Error::Store(e) => e.into(),
            e @ (users::Error::LastOwner | users::Error::HasWorkspaces) => {
                Error::bad("This would leave the deployment or its workspaces without an owner.").detail(e.to_string())
            }
        }
    }
}
