//! Logins elsewhere, such as at Git hosts. No provider is set up in this version, so there is nothing to link.

use super::routes::Routes;
use super::{Cx, Error, Reply, reply};
use crate::sdk;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/external-auth", get_links);
    r.user("GET", "/api/v2/external-auth/{externalauth}", unknown);
    r.user("DELETE", "/api/v2/external-auth/{externalauth}", unknown);
    r.user("GET", "/api/v2/external-auth/{externalauth}/device", unknown);
    r.user("POST", "/api/v2/external-auth/{externalauth}/device", unknown);
}

/// The providers, and the caller's links to them.
fn get_links(_: &Cx) -> Reply {
    reply::ok(&sdk::ListUserExternalAuthResponse { providers: Vec::new(), links: Vec::new() })
}

/// No provider goes by that name.
fn unknown(_: &Cx) -> Reply {
    Err(Error::not_found())
}
