//! Licences. What the deployment is entitled to follows from its settings: there are no licences to
//! keep, and none that could be added.

use super::error::OrForbidden;
use super::routes::Routes;
use super::{Cx, Error, Reply, reply};
use crate::rbac::{Action, Object, Resource};
use crate::sdk;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/licenses", get_licenses);
    r.user("POST", "/api/v2/licenses", post_license);
    r.user("POST", "/api/v2/licenses/refresh-entitlements", refresh);
    r.user("DELETE", "/api/v2/licenses/{id}", delete_license);
}

/// The licences that the caller may read: none, which clients know as `null`.
fn get_licenses(_: &Cx) -> Reply {
    reply::ok(&serde_json::Value::Null)
}

/// Adds a licence: nobody issues any for this server.
fn post_license(cx: &Cx) -> Reply {
    may(cx, Action::Create)?;
    let _: sdk::AddLicenseRequest = cx.body()?;
    Err(Error::bad("Invalid license").detail("Nobody issues licences for this server, and it needs none."))
}

/// Works out again what the deployment is entitled to, which is done at every question anyway.
fn refresh(cx: &Cx) -> Reply {
    may(cx, Action::Create)?;
    reply::message("Entitlements updated")
}

/// Deletes a licence, of which there is none.
fn delete_license(cx: &Cx) -> Reply {
    if cx.param("id").parse::<i32>().is_err() {
        return Err(Error::new(404, "The id of a licence is a whole number."));
    }
    may(cx, Action::Delete)?;
    Err(Error::new(404, "There is no licence of this id."))
}

fn may(cx: &Cx, action: Action) -> Result<(), Error> {
    cx.db().require(action, &Object::of(Resource::License)).or_forbidden()
}
