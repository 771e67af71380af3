//! Asking what one may do, before trying.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::routes::Routes;
use super::{Cx, Error, Reply, reply};
use crate::rbac::{Object, Resource};
use crate::sdk;
use crate::store;
use crate::store::db::Guarded;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("POST", "/api/v2/authcheck", post_authcheck);
}

/// How many single things one request may ask about; each of them is read.
const MOST_THINGS: usize = 10;

/// Somebody or an organization that does not exist: what an id that is no UUID stands for.
const NOBODYS: Uuid = Uuid::max();

/// Answers each question with yes or no.
fn post_authcheck(cx: &Cx) -> Reply {
    let body: sdk::AuthorizationRequest = cx.body()?;
    let things = body.checks.values().filter(|check| !check.object.resource_id.is_empty()).count();
    if things > MOST_THINGS {
        return Err(Error::bad(format!(
            "At most {MOST_THINGS} checks can have a \"resource_id\"; {things} have one, {} too many.",
            things - MOST_THINGS
        )));
    }
    let mut answers = BTreeMap::new();
    for (name, check) in &body.checks {
        answers.insert(name, answer(cx, name, check)?);
    }
    reply::ok(&answers)
}

fn answer(cx: &Cx, name: &str, check: &sdk::AuthorizationCheck) -> Result<bool, Error> {
    let kind = check.object.resource_type.as_str();
    if kind.is_empty() {
        return Err(Error::bad(format!("The object of the check {name:?} has no \"resource_type\".")));
    }
    let object = if check.object.resource_id.is_empty() {
        Resource::parse(kind).map(|resource| described(cx, resource, &check.object)).transpose()?
    } else {
        thing(cx, kind, &check.object.resource_id)?
    };
    let subject = &cx.actor()?.subject;
    Ok(object.is_some_and(|object| subject.can_named(&check.action, &object).can_be_done()))
}

/// The object that a check describes.
fn described(cx: &Cx, resource: Resource, wanted: &sdk::AuthorizationObject) -> Result<Object, Error> {
    let id = |text: &str| (!text.is_empty()).then(|| Uuid::try_parse(text).unwrap_or(NOBODYS));
    let owner = if wanted.owner_id == "me" { Some(cx.actor()?.user_id) } else { id(&wanted.owner_id) };
    Ok(Object { owner, org: id(&wanted.organization_id), any_org: wanted.any_org, ..Object::of(resource) })
}

/// The thing of that id, as far as the caller may read it.
fn thing(cx: &Cx, kind: &str, id: &str) -> Result<Option<Object>, Error> {
    let id = Uuid::try_parse(id).map_err(|_| {
        Error::invalid(format!("The object's id {id:?} is not a UUID."), "resource_id", "must be a UUID")
    })?;
    let db = cx.db();
    match Resource::parse(kind) {
        Some(Resource::Workspace) => readable(cx, db.get_workspace_by_id(id)),
        Some(Resource::Template) => readable(cx, db.get_template_by_id(id)),
        Some(Resource::User) => readable(cx, db.get_user_by_id(id)),
        Some(Resource::Group) => readable(cx, db.get_group_by_id(id)),
        _ => {
            let why = format!("Single objects of type {kind:?} cannot be asked about by \"resource_id\".");
            Err(Error::invalid(why.clone(), "resource_type", why))
        }
    }
}

fn readable(cx: &Cx, found: Result<impl Guarded, store::Error>) -> Result<Option<Object>, Error> {
    match found {
        Ok(row) => Ok(Some(row.object(cx.db().switches()))),
        Err(e) if e.is_hidden() => Ok(None),
        Err(e) => Err(e.into()),
    }
}
