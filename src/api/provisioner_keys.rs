//! The keys with which provisioner daemons of other machines come in, for those who look after daemons. How a
//! daemon comes in with one is not here.

use std::collections::HashMap;

use uuid::Uuid;

use super::routes::Routes;
use super::{Cx, Error, OrForbidden, Reply, entitlements, lookup, reply};
use crate::auth::token;
use crate::provisioners;
use crate::sdk::{self, FeatureName};
use crate::store::Optional;
use crate::store::queries::organizations::Organization;
use crate::store::queries::provisioner_daemons::ProvisionerDaemon;
use crate::store::queries::provisioner_keys::ProvisionerKey;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/organizations/{organization}/provisionerkeys", get_keys);
    r.user("POST", "/api/v2/organizations/{organization}/provisionerkeys", post_key);
    r.user("GET", "/api/v2/organizations/{organization}/provisionerkeys/daemons", get_keys_with_daemons);
    r.user("DELETE", "/api/v2/organizations/{organization}/provisionerkeys/{provisionerkey}", delete_key);
    r.anyone("GET", "/api/v2/provisionerkeys/{provisionerkey}", get_own_key);
}

/// What stands for daemons of the server itself, for those that came in with a user's session, and for those
/// that knew the deployment's shared secret.
const BUILT_IN: Uuid = Uuid::from_u128(1);
const USER_AUTH: Uuid = Uuid::from_u128(2);
const PSK: Uuid = Uuid::from_u128(3);
const USER_AUTH_NAME: &str = "user-auth";
const RESERVED: [&str; 3] = ["built-in", USER_AUTH_NAME, "psk"];

const SECRET_LENGTH: usize = 43;
const MAX_NAME_LENGTH: usize = 64;
const KEY_HEADER: &str = "Coder-Provisioner-Daemon-Key";

/// The organization, where the deployment lets daemons of other machines in.
fn organization(cx: &Cx) -> Result<Organization, Error> {
    let organization = lookup::organization(cx)?;
    entitlements::require(cx, FeatureName::ExternalProvisionerDaemons)?;
    Ok(organization)
}

/// The keys of an organization.
fn get_keys(cx: &Cx) -> Reply {
    let organization = organization(cx)?;
    let reserved = [BUILT_IN, USER_AUTH, PSK];
    let keys = cx.db().list_provisioner_keys_by_organization_exclude_reserved(organization.id, &reserved)?;
    reply::ok(&keys.into_iter().map(render).collect::<Vec<_>>())
}

/// Makes a key, and tells it this once.
fn post_key(cx: &Cx) -> Reply {
    let organization = organization(cx)?;
    let body: sdk::CreateProvisionerKeyRequest = cx.body()?;
    usable(&body.name)?;
    let secret = cx.deployment.ids.alphanumeric(SECRET_LENGTH);
    let key = ProvisionerKey {
        id: cx.deployment.ids.uuid(),
        created_at: cx.now(),
        organization_id: organization.id,
        name: body.name.to_lowercase(),
        hashed_secret: token::hash(&secret),
        tags: body.tags,
    };
    match cx.db().insert_provisioner_key(&key) {
        Ok(_) => reply::created(&sdk::CreateProvisionerKeyResponse { key: secret }),
        Err(e) if e.is_unique() => {
            Err(Error::conflict(format!("The organization has a provisioner key named {:?} already.", key.name)))
        }
        Err(e) => Err(e).or_forbidden(),
    }
}

fn usable(name: &str) -> Result<(), Error> {
    let refused = |message: String| Err(Error::invalid(message.clone(), "name", message));
    if name.is_empty() {
        return refused("A provisioner key needs a name.".to_owned());
    }
    if name.len() > MAX_NAME_LENGTH {
        return refused(format!("The name of a provisioner key has at most {MAX_NAME_LENGTH} characters."));
    }
    if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return refused(format!("{name:?} stands for daemons that come in without a key; choose another name."));
    }
    Ok(())
}

/// The keys of an organization, each with the daemons that came in with it and still show that they are there.
fn get_keys_with_daemons(cx: &Cx) -> Reply {
    let organization = organization(cx)?;
    let keys = cx.db().list_provisioner_keys_by_organization(organization.id)?;
    let mut keys: Vec<_> = keys.into_iter().map(render).collect();
    // One row stands for the sessions of users in every organization; it is the default organization's.
    match keys.iter_mut().find(|key| key.id == USER_AUTH) {
        Some(key) => key.organization = organization.id,
        None => keys.push(sdk::ProvisionerKey {
            id: USER_AUTH,
            created_at: crate::time::Time::ZERO,
            organization: organization.id,
            name: USER_AUTH_NAME.to_owned(),
            tags: Default::default(),
        }),
    }
    let mut daemons: HashMap<Uuid, Vec<sdk::ProvisionerDaemon>> = HashMap::new();
    let now = cx.now();
    let live = |daemon: &ProvisionerDaemon| provisioners::is_live(daemon, now);
    for daemon in cx.db().get_provisioner_daemons_by_organization(organization.id)?.into_iter().filter(live) {
        daemons.entry(daemon.key_id).or_default().push(provisioners::render(daemon));
    }
    let with_daemons = |key: sdk::ProvisionerKey| {
        let daemons = daemons.remove(&key.id).unwrap_or_default();
        sdk::ProvisionerKeyDaemons { key, daemons }
    };
    reply::ok(&keys.into_iter().map(with_daemons).collect::<Vec<_>>())
}

/// Deletes a key by its name.
fn delete_key(cx: &Cx) -> Reply {
    let organization = organization(cx)?;
    let key = cx.db().get_provisioner_key_by_name(organization.id, cx.param("provisionerkey"))?;
    if [BUILT_IN, USER_AUTH, PSK].contains(&key.id) {
        return Err(Error::bad(format!("{:?} is no key that could be deleted.", key.name)));
    }
    cx.db().delete_provisioner_key(key.id).or_forbidden()?;
    reply::none_of_json()
}

/// The key that a daemon holds. It is the one in the header: the path is for people who read logs.
fn get_own_key(cx: &Cx) -> Reply {
    let secret = cx.request.head.headers.get(KEY_HEADER).unwrap_or_default();
    if secret.is_empty() {
        return Err(Error::new(401, "Send a provisioner key in the header Coder-Provisioner-Daemon-Key."));
    }
    if secret.len() != SECRET_LENGTH {
        let detail = format!("A key has {SECRET_LENGTH} characters.");
        return Err(Error::bad("The provisioner key cannot be one.").detail(detail));
    }
    match cx.system_db().get_provisioner_key_by_hashed_secret(&token::hash(secret)).optional()? {
        Some(key) => reply::ok(&render(key)),
        None => Err(Error::new(401, "There is no such provisioner key.")),
    }
}

fn render(key: ProvisionerKey) -> sdk::ProvisionerKey {
    sdk::ProvisionerKey {
        id: key.id,
        created_at: key.created_at,
        organization: key.organization_id,
        name: key.name,
        tags: key.tags,
    }
}
