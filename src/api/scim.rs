//! SCIM 2.0: a directory makes, suspends and wakes users. It proves itself with a key of the settings; without
//! one there is no SCIM. A directory always hears that there is no user yet, so that it makes each of them,
//! and making one who is there already is how it learns their id.

use serde::Serialize;
use serde_json::json;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::routes::{Access, Handler, Limit, Plain, Route, Routes};
use super::{Cx, Error, Reply, entitlements, reply};
use crate::http::Response;
use crate::idpsync;
use crate::sdk::names::{self, username_from};
use crate::sdk::{AuditAction, FeatureName, LoginType, ResourceType, SCIMUser, UserStatus};
use crate::store::Optional;
use crate::store::queries::users::User;
use crate::users;

const CONTENT_TYPE: &str = "application/scim+json";
const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const LIST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const CONFIG_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// When what the server says of itself was last changed.
const CONFIG_CHANGED: &str = "2024-10-25T17:00:00Z";
const DOCUMENTATION: &str = "https://coder.com/docs/admin/users/oidc-auth#scim";
const MAX_BODY: u64 = 1 << 20;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    let mut add = |method, pattern, handler: Plain| {
        let handler = Handler::Plain(handler);
        r.add(method, pattern, Route { access: Access::Anyone, handler, max_body: MAX_BODY, limit: Limit::Usual });
    };
    add("GET", "/scim/v2/ServiceProviderConfig", get_config);
    add("GET", "/scim/v2/Users", get_users);
    add("POST", "/scim/v2/Users", post_user);
    add("GET", "/scim/v2/Users/{id}", get_user);
    add("PATCH", "/scim/v2/Users/{id}", patch_user);
    add("PUT", "/scim/v2/Users/{id}", put_user);
}

/// The answer to a path below `/scim/v2` that is none.
pub fn elsewhere(cx: &Cx) -> Error {
    match enter(cx) {
        Err(refusal) => refusal,
        Ok(()) => Error::new(404, format!("There is nothing of SCIM at {}.", cx.request.head.path))
            .detail("Here SCIM is about users alone: /scim/v2/Users and /scim/v2/ServiceProviderConfig."),
    }
}

/// Whether there is SCIM here at all.
fn enter(cx: &Cx) -> Result<(), Error> {
    if cx.deployment.config.scim_key.is_none() {
        return Err(Error::new(404, "SCIM is switched off here.")
            .detail("It is switched on by giving the directory's key as CODER_SCIM_AUTH_HEADER."));
    }
    entitlements::require(cx, FeatureName::Scim)
}

/// Lets a directory in that shows the key, with or without a scheme before it.
fn admit(cx: &Cx) -> Result<Result<(), Response>, Error> {
    enter(cx)?;
    let sent = cx.request.head.headers.get("Authorization").unwrap_or_default();
    let sent = match sent.split_at_checked(7) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer ") => key,
        _ => sent,
    };
    let key = cx.deployment.config.scim_key.as_ref().map_or("", |key| key.expose());
    let fits = !key.is_empty() && bool::from(sent.as_bytes().ct_eq(key.as_bytes()));
    Ok(if fits { Ok(()) } else { Err(failure(401, "invalidAuthorization", "the key is missing or wrong")) })
}

/// Refuses with an answer of SCIM's own, or goes on.
macro_rules! or_answer {
    ($tried:expr) => {
        match $tried {
            Ok(value) => value,
            Err(response) => return Ok(response),
        }
    };
}

/// An error as SCIM has it.
fn failure(status: u16, kind: &str, detail: &str) -> Response {
    let body = json!({ "schemas": [ERROR_SCHEMA], "scimType": kind, "status": status, "detail": detail });
    scim(status, &body)
}

fn scim(status: u16, body: &impl Serialize) -> Response {
    Response {
        status,
        headers: vec![("Content-Type".into(), CONTENT_TYPE.into())],
        body: crate::sdk::json::to_vec(body),
    }
}

/// What of SCIM there is here; no key is needed to know.
fn get_config(cx: &Cx) -> Reply {
    enter(cx)?;
    let no = json!({ "supported": false });
    Ok(scim(
        200,
        &json!({
            "schemas": [CONFIG_SCHEMA],
            "documentationUri": DOCUMENTATION,
            "patch": { "supported": true },
            "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
            "filter": { "supported": false, "maxResults": 0 },
            "changePassword": no,
            "sort": no,
            "etag": no,
            "authenticationSchemes": [{
                "type": "oauthbearertoken",
                "name": "HTTP Header Authentication",
                "description": "The key of the settings, as the value of the Authorization header",
                "specUri": "",
                "documentationUri": DOCUMENTATION,
            }],
            "meta": {
                "created": CONFIG_CHANGED,
                "lastModified": CONFIG_CHANGED,
                "location": format!("{}/scim/v2/ServiceProviderConfig", cx.deployment.access_url),
                "resourceType": "ServiceProviderConfig",
            },
        }),
    ))
}

/// Nobody, always.
fn get_users(cx: &Cx) -> Reply {
    or_answer!(admit(cx)?);
    Ok(scim(200, &json!({ "schemas": [LIST_SCHEMA], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0 })))
}

/// Not there, always.
fn get_user(cx: &Cx) -> Reply {
    or_answer!(admit(cx)?);
    Ok(failure(404, "notFound", "users are not shown here one by one"))
}

fn body(cx: &Cx) -> Result<SCIMUser, Response> {
    crate::sdk::read::<SCIMUser>(&cx.request.body).map_err(|why| failure(400, "invalidRequest", &why.detail))
}

fn is_active(user: &SCIMUser) -> Result<bool, Response> {
    user.active.ok_or_else(|| failure(400, "invalidRequest", "active must be true or false"))
}

/// Makes a user, or says who is there already; whoever was suspended may sign in again.
fn post_user(cx: &Cx) -> Reply {
    or_answer!(admit(cx)?);
    let audit = cx.audit(ResourceType::User, AuditAction::Create);
    audit.fields(crate::audit::by_itself(crate::audit::Subsystem::Scim));
    let wanted = or_answer!(body(cx));
    let active = or_answer!(is_active(&wanted));
    let primary = wanted.emails.iter().flatten().find(|email| email.primary).map(|email| email.value.clone());
    let Some(email) = primary.filter(|email| !email.is_empty()) else {
        return Ok(failure(400, "invalidEmail", "none of the emails is the primary one"));
    };
    if names::email(&email).is_err() {
        return Ok(failure(400, "invalidEmail", "the primary email is not an address"));
    }
    let db = cx.system_db();
    if let Some(found) = db.get_user_by_email_or_username(&wanted.user_name, &email).optional()? {
        audit.user(found.id).before(&found);
        let user = match (active, found.status) {
            (true, UserStatus::Suspended) => db.update_user_status(found.id, UserStatus::Dormant, cx.now(), false)?,
            _ => found,
        };
        audit.after(&user);
        return show(wanted, &user);
    }
    let username = match wanted.user_name.as_str() {
        "" => username_from(&email),
        name => username_from(name).or_else(|| username_from(&email)),
    };
    let organizations = match idpsync::organization_settings(&cx.deployment.config.idp_sync, &db)? {
        settings if settings.organization_assign_default => vec![db.get_default_organization()?.id],
        _ => Vec::new(),
    };
    let new = users::New {
        email,
        username: username.unwrap_or_else(|| format!("user-{}", cx.deployment.ids.alphanumeric(6).to_lowercase())),
        name: String::new(),
        hashed_password: Vec::new(),
        login_type: LoginType::Oidc,
        status: UserStatus::Dormant,
        roles: Vec::new(),
        organizations,
    };
    let new = users::prepare(&cx.deployment, new).map_err(Error::internal)?;
    let user = match users::insert(&db, &new) {
        Err(e) if e.is_unique() => return Ok(failure(409, "uniqueness", "the username or the address is taken")),
        made => made?,
    };
    audit.user(user.id).after(&user);
    show(wanted, &user)
}

fn show(mut shown: SCIMUser, user: &User) -> Reply {
    shown.id = user.id.to_string();
    shown.user_name = user.username.clone();
    reply::ok(&shown)
}

/// Suspends a user, or lets them sign in again.
fn patch_user(cx: &Cx) -> Reply {
    or_answer!(admit(cx)?);
    let wanted = or_answer!(body(cx));
    let id = or_answer!(id(cx));
    change(cx, id, wanted)
}

/// The same; who is meant may be repeated and not changed.
fn put_user(cx: &Cx) -> Reply {
    or_answer!(admit(cx)?);
    let wanted = or_answer!(body(cx));
    or_answer!(is_active(&wanted));
    let id = or_answer!(id(cx));
    if let Some(user) = cx.system_db().get_user_by_id(id).optional()?
        && !wanted.user_name.is_empty()
        && wanted.user_name != user.username
    {
        let detail = format!("the userName stays {:?} and cannot become {:?}", user.username, wanted.user_name);
        return Ok(failure(400, "mutability", &detail));
    }
    change(cx, id, wanted)
}

fn id(cx: &Cx) -> Result<Uuid, Response> {
    Uuid::try_parse(cx.param("id")).map_err(|_| failure(400, "invalidId", "the id must be a UUID"))
}

fn change(cx: &Cx, id: Uuid, mut wanted: SCIMUser) -> Reply {
    let audit = cx.audit(ResourceType::User, AuditAction::Write);
    let db = cx.system_db();
    let Some(user) = db.get_user_by_id(id).optional()? else {
        // Not 404, which would make directories forget the user: they have always been told 500.
        return Ok(failure(500, "internal", "there is no such user"));
    };
    let active = or_answer!(is_active(&wanted));
    let status = match (active, user.status) {
        (false, _) => UserStatus::Suspended,
        (true, UserStatus::Active) => UserStatus::Active,
        (true, _) => UserStatus::Dormant,
    };
    if status != user.status {
        audit.user(user.id).before(&user);
        match users::set_status(&cx.deployment, &db, user.id, status) {
            Ok(changed) => _ = audit.after(&changed),
            Err(users::Error::Store(e)) => return Err(e.into()),
            Err(e) => return Ok(failure(409, "mutability", &e.to_string())),
        }
    }
    wanted.id = cx.param("id").to_owned();
    reply::ok(&wanted)
}
