//! The roles that users have in the deployment: reading, giving and taking them.

use std::collections::BTreeMap;

use super::{render_with_organizations, user_to_change};
use crate::api::routes::Routes;
use crate::api::{Cx, Error, OrForbidden, Reply, lookup, reply};
use crate::idpsync;
use crate::rbac::Action;
use crate::sdk;
use crate::store;
use crate::users;

/// The routes answered here.
pub(super) fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/users/{user}/roles", get_user_roles);
    r.user("PUT", "/api/v2/users/{user}/roles", put_user_roles);
}

/// The roles that a user has, in the deployment and by organization.
fn get_user_roles(cx: &Cx) -> Reply {
    let user = lookup::user(cx)?;
    cx.db().require_on(Action::ReadPersonal, &user)?;
    // Neither who is gone nor the system's own accounts count as members.
    let is_member = !user.deleted && !user.is_system;
    let memberships = if is_member { cx.db().get_memberships_of_user(user.id)? } else { Vec::new() };
    let organization_roles: BTreeMap<_, _> = memberships.into_iter().map(|m| (m.organization_id, m.roles)).collect();
    reply::ok(&sdk::UserRoles { roles: user.rbac_roles, organization_roles })
}

/// Replaces the roles that a user has in the deployment.
fn put_user_roles(cx: &Cx) -> Reply {
    let (user, audit) = user_to_change(cx)?;
    if user.login_type == sdk::LoginType::Oidc && idpsync::decides_roles(&cx.deployment.config) {
        return Err(Error::bad("The identity provider decides this user's roles.")
            .detail("Change them there; they take effect when the user next signs in."));
    }
    if cx.actor()?.user_id == user.id {
        return Err(Error::bad("Nobody can change their own roles."));
    }
    let body: sdk::UpdateRoles = cx.body()?;
    match users::set_roles(cx.db(), user.id, &body.roles) {
        Ok(user) => {
            audit.after(&user);
            render_with_organizations(cx, user)
        }
        Err(users::Error::Store(store::Error::Refused(why))) => Err(Error::bad(format!("Cannot do that: {why}."))),
        Err(users::Error::Store(e)) => Err(e).or_forbidden(),
        Err(e) => Err(e.into()),
    }
}
