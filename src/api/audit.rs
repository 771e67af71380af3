//! The audit log, for those who may read it: in the deployment, or in an organization.

mod describe;

use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use super::params::{Page, Params};
use super::routes::Routes;
use super::{Cx, Error, OrForbidden, Reply, reply, users};
use crate::audit::MAX_USER_AGENT;
use crate::audit::late;
use crate::rbac::{Action, Object, Resource};
use crate::sdk::{self, AuditAction, ResourceType, WireEnum};
use crate::store::queries::audit_logs::{AuditLog, AuditSearch};
use crate::store::queries::workspace_builds::BuildReason;
use crate::time::Time;

use describe::{Links, description};

/// How many entries are shown where no number is asked for.
pub(super) const PAGE_SIZE: i64 = 100;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/audit", get_audit);
    r.user("POST", "/api/v2/audit/testgenerate", post_test_entry);
}

/// Whoever may not read the log, of the deployment or of any organization, is told nothing.
fn allow(cx: &Cx) -> Result<(), Error> {
    let log = || Object::of(Resource::AuditLog);
    let db = cx.db();
    if db.may(Action::Read, &log()) || db.may(Action::Read, &log().any_org()) {
        Ok(())
    } else {
        Err(Error::forbidden())
    }
}

/// A page of the entries that a search finds, newest first.
fn get_audit(cx: &Cx) -> Reply {
    allow(cx)?;
    let page = Page::of(cx)?;
    let conditions = search(cx)?.conditions(cx.db().dialect());
    late::catch_up(&cx.deployment);
    let count = cx.db().count_audit_logs(&conditions)?;
    let page_size = if page.limit == 0 { PAGE_SIZE } else { page.limit };
    let found = match count {
        0 => Vec::new(),
        _ => cx.db().get_audit_logs_offset(&conditions, page_size, page.offset)?,
    };
    reply::ok(&sdk::AuditLogResponse { audit_logs: show(cx, found)?, count })
}

fn search(cx: &Cx) -> Result<AuditSearch, Error> {
    let mut terms = Params::of_search(&cx.query("q").to_lowercase(), "resource_type");
    let mut search = AuditSearch::default();
    if terms.is_fine() {
        search = AuditSearch {
            request_id: terms.uuid("request_id").filter(|id| !id.is_nil()),
            resource_id: terms.uuid("resource_id").filter(|id| !id.is_nil()),
            resource_target: terms.text("resource_target"),
            resource_type: terms.parsed("resource_type", word::<ResourceType>),
            user_id: None,
            username: terms.text("username"),
            email: terms.text("email"),
            organization_id: terms.parsed("organization", |text| organization(cx, text)).filter(|id| !id.is_nil()),
            action: terms.parsed("action", word::<AuditAction>),
            build_reason: terms.parsed("build_reason", word::<BuildReason>),
            from: terms.parsed("date_from", |text| moment(text, "00:00:00")),
            to: terms.parsed("date_to", |text| moment(text, "23:59:59")),
        };
        terms.refuse_others();
    }
    terms.finish("The search of the audit log cannot be read.")?;
    if search.username == "me" {
        search.username.clear();
        search.user_id = Some(cx.actor()?.user_id);
    }
    Ok(search)
}

/// A word of a closed set.
pub(super) fn word<W: WireEnum>(text: &str) -> Result<W, String> {
    W::parse(text).ok_or_else(|| format!("has invalid value: {text:?} is not a valid value"))
}

/// An organization by id or name, for searches. An id need not be one of an organization that is there.
pub(super) fn organization(cx: &Cx, text: &str) -> Result<Uuid, String> {
    if let Ok(id) = Uuid::try_parse(text) {
        return Ok(id);
    }
    let unknown = |_| format!("has invalid value: no organization {text:?} is there, or none that you may know of");
    cx.db().get_organization_by_name(text, false).map(|organization| organization.id).map_err(unknown)
}

/// A time of a day such as 2006-01-02.
fn moment(day: &str, time: &str) -> Result<Time, String> {
    let text = format!("{day}T{time}Z");
    let is_day = day.len() == "2006-01-02".len();
    Time::parse(&text).filter(|_| is_day).ok_or_else(|| format!("must be a date such as 2006-01-02, not {day:?}"))
}

/// Entries as the API shows them. What they tell of is looked up once for all, as far as the caller may know it.
fn show(cx: &Cx, entries: Vec<AuditLog>) -> Result<Vec<sdk::AuditLog>, Error> {
    let links = Links::of(cx, &entries)?;
    let people = people(cx, entries.iter().map(|entry| entry.user_id))?;
    let organizations = organizations(cx, entries.iter().map(|entry| entry.organization_id))?;
    let mut shown = Vec::with_capacity(entries.len());
    for entry in entries {
        let (is_deleted, resource_link) = links.of_entry(&entry);
        shown.push(sdk::AuditLog {
            description: description(&entry),
            resource_link,
            is_deleted,
            user: people.get(&entry.user_id).cloned(),
            organization: organizations.get(&entry.organization_id).cloned(),
            id: entry.id,
            request_id: entry.request_id,
            time: entry.time,
            ip: entry.ip.unwrap_or_default(),
            user_agent: entry.user_agent.unwrap_or_default(),
            resource_type: entry.resource_type,
            resource_id: entry.resource_id,
            resource_target: entry.resource_target,
            resource_icon: entry.resource_icon,
            action: entry.action,
            diff: serde_json::from_value(entry.diff).unwrap_or_default(),
            status_code: entry.status_code,
            additional_fields: told(entry.additional_fields),
            organization_id: entry.organization_id,
        });
    }
    Ok(shown)
}

/// What else an entry tells, when it is of the form that clients read; else that nothing is known.
fn told(additional_fields: serde_json::Value) -> serde_json::Value {
    let texts = ["workspace_name", "build_number", "build_reason", "workspace_owner"];
    let is_text = |fields: &serde_json::Map<_, serde_json::Value>, key: &str| {
        fields.get(key).is_none_or(|value| value.is_string() || value.is_null())
    };
    match &additional_fields {
        serde_json::Value::Object(fields) if texts.iter().all(|key| is_text(fields, key)) => additional_fields,
        serde_json::Value::Null => additional_fields,
        _ => {
            let mut unknown: serde_json::Map<_, _> =
                texts.iter().map(|key| ((*key).to_owned(), "unknown".into())).collect();
            unknown.insert("workspace_id".to_owned(), json!(Uuid::nil()));
            unknown.into()
        }
    }
}

/// Whoever did something is shown to everybody who may read that it was done, without their organizations.
pub(super) fn people(cx: &Cx, ids: impl Iterator<Item = Uuid>) -> Result<HashMap<Uuid, sdk::User>, Error> {
    let ids = distinct(ids);
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = cx.system_db().get_users_by_ids(&ids)?;
    Ok(found.into_iter().map(|user| (user.id, users::render(user, Vec::new()))).collect())
}

/// The same of organizations.
pub(super) fn organizations(
    cx: &Cx,
    ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, sdk::MinimalOrganization>, Error> {
    let ids = distinct(ids);
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = cx.system_db().get_organizations_by_ids(&ids)?;
    let minimal = found.into_iter().map(|o| sdk::MinimalOrganization {
        id: o.id,
        name: o.name,
        display_name: o.display_name,
        icon: o.icon,
    });
    Ok(minimal.map(|o| (o.id, o)).collect())
}

fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.filter(|id| !id.is_nil()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Writes an entry for trying things out.
fn post_test_entry(cx: &Cx) -> Reply {
    allow(cx)?;
    let body: sdk::CreateTestAuditLogRequest = cx.body()?;
    let actor = cx.actor()?;
    let id = cx.deployment.ids.uuid();
    let action = match body.action.as_str() {
        "" => AuditAction::Write,
        text => AuditAction::parse(text).ok_or_else(|| unknown("action", text))?,
    };
    let resource_type = match body.resource_type.as_str() {
        "" => ResourceType::User,
        text => ResourceType::parse(text).ok_or_else(|| unknown("resource_type", text))?,
    };
    let entry = AuditLog {
        id,
        time: body.time.unwrap_or_else(|| cx.now()),
        user_id: actor.user_id,
        organization_id: body.organization_id.unwrap_or_default(),
        ip: cx.request.peer.map(|ip| ip.to_string()),
        user_agent: cx.request.head.headers.get("User-Agent").map(|text| text.chars().take(MAX_USER_AGENT).collect()),
        resource_type,
        resource_id: body.resource_id.unwrap_or_else(|| cx.deployment.ids.uuid()),
        resource_target: actor.username.to_string(),
        action,
        diff: json!({ "foo": { "old": "bar", "new": "baz", "secret": false } }),
        status_code: 200,
        additional_fields: body.additional_fields.unwrap_or_else(|| json!({})),
        request_id: body.request_id.unwrap_or_default(),
        resource_icon: String::new(),
    };
    cx.db().insert_audit_log(&entry).or_forbidden()?;
    reply::none()
}

fn unknown(field: &str, text: &str) -> Error {
    Error::invalid("The entry cannot be written.", field, format!("There is no {field} {text:?}."))
}
