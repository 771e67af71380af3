//! The audit log: what is written of a change, and when nothing is.
//!
//! An [`Entry`] holds what was done to what, with a [`Snapshot`] of the thing before and after. Which fields
//! of a thing are shown, which are only said to have changed, and which are left out is declared in
//! [`table`]; [`diff`] compares two snapshots by it. Handlers keep their entries through
//! [`Cx::audit`](crate::api::Cx::audit), and they are written once the answer's status is known;
//! background work writes its own with [`in_background`].

pub mod connections;
pub mod diff;
pub mod late;
pub mod table;
mod things;

use serde_json::{Map, json};
use uuid::Uuid;

use crate::deployment::Deployment;
use crate::rbac::system;
use crate::sdk::{AuditAction, ResourceType};
use crate::store::clause::owned;
use crate::store::queries::audit_logs::AuditLog;
use crate::store::record::{Bind, Bound, FromRow};
use crate::store::value::{ToValue, Value};
use crate::time::Time;

pub use things::{GroupWithMembers, LoginConversion, MemberOfOrganization, Settings};

/// The longest user agent that the log has room for, in characters.
pub const MAX_USER_AGENT: usize = 256;

/// A thing whose changes are logged.
pub trait Auditable {
    /// What it is like now.
    fn snapshot(&self) -> Snapshot;
}

/// What a thing is like at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What kind of thing.
    pub resource: ResourceType,
    /// Which.
    pub id: Uuid,
    /// What it is called in the log.
    pub target: String,
    /// The organization it belongs to.
    pub organization_id: Option<Uuid>,
    fields: Vec<(&'static str, Value<'static>)>,
}

impl Auditable for Snapshot {
    fn snapshot(&self) -> Snapshot {
        self.clone()
    }
}

impl Snapshot {
    /// A thing without fields; [`with`](Snapshot::with) adds them.
    pub fn new(resource: ResourceType, id: Uuid, target: impl Into<String>) -> Snapshot {
        Snapshot { resource, id, target: target.into(), organization_id: None, fields: Vec::new() }
    }
    /// A row, with every column that it has.
    pub fn of_row<R: FromRow + Bind>(resource: ResourceType, id: Uuid, target: impl Into<String>, row: &R) -> Snapshot {
        let mut bound = Bound::default();
        row.bind("", &mut bound);
        let fields = bound.values.into_iter().map(|(name, value)| (name, owned(value))).collect();
        Snapshot { fields, ..Snapshot::new(resource, id, target) }
    }
    /// Adds a field, or replaces it.
    pub fn with(mut self, name: &'static str, value: impl ToValue) -> Snapshot {
        self.fields.retain(|(known, _)| *known != name);
        self.fields.push((name, owned(value.to_value())));
        self
    }
    /// Says which organization it belongs to.
    pub fn of_organization(self, id: Uuid) -> Snapshot {
        Snapshot { organization_id: Some(id), ..self }
    }
    /// A field's value; nothing when it has no such field.
    pub fn field(&self, name: &str) -> Option<&Value<'static>> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// Who did something, and by which request.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The user; nobody is logged for doing nothing.
    pub user_id: Option<Uuid>,
    /// From where.
    pub ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// By which request, or for which job.
    pub request_id: Uuid,
}

/// Something that was done, or tried.
#[derive(Debug, Clone)]
pub struct Entry {
    /// To what kind of thing.
    pub resource: ResourceType,
    /// What was done.
    pub action: AuditAction,
    /// The thing before; nothing when it is new.
    pub before: Option<Snapshot>,
    /// The thing after; nothing when it is gone.
    pub after: Option<Snapshot>,
    /// The organization, where the thing itself does not say it.
    pub organization_id: Option<Uuid>,
    /// Who did it, where no key says it.
    pub user_id: Option<Uuid>,
    /// What else is told.
    pub additional_fields: serde_json::Value,
}

impl Entry {
    /// Nothing is known but what is being done.
    pub fn new(resource: ResourceType, action: AuditAction) -> Entry {
        let (before, after, organization_id, user_id) = (None, None, None, None);
        Entry { resource, action, before, after, organization_id, user_id, additional_fields: json!({}) }
    }

    /// Signing in and out is logged whatever became of it, and has no difference to show.
    fn is_login(&self) -> bool {
        matches!(self.action, AuditAction::Login | AuditAction::Logout)
    }

    fn difference(&self) -> Map<String, serde_json::Value> {
        if self.is_login() {
            return Map::new();
        }
        diff::between(table::of(self.resource), self.before.as_ref(), self.after.as_ref())
    }

    /// The row to be written; none when there is nothing to tell, or nobody to tell it of.
    fn row(
        &self,
        id: Uuid,
        time: Time,
        asked: &Asked,
        status: u16,
        diff: Map<String, serde_json::Value>,
    ) -> Option<AuditLog> {
        let thing = self.after.as_ref().or(self.before.as_ref());
        if thing.is_none() && !self.is_login() {
            return None;
        }
        let user_agent = asked.user_agent.as_ref().map(|text| text.chars().take(MAX_USER_AGENT).collect());
        Some(AuditLog {
            id,
            time,
            user_id: asked.user_id.or(self.user_id)?,
            organization_id: self.organization_id.or(thing.and_then(|t| t.organization_id)).unwrap_or_default(),
            ip: asked.ip.clone(),
            user_agent,
            resource_type: thing.map_or(self.resource, |t| t.resource),
            resource_id: thing.map(|t| t.id).unwrap_or_default(),
            resource_target: thing.map(|t| t.target.clone()).unwrap_or_default(),
            action: self.action,
            diff: serde_json::Value::Object(diff),
            status_code: i32::from(status),
            additional_fields: self.additional_fields.clone(),
            request_id: asked.request_id,
            resource_icon: String::new(),
        })
    }
}

/// What an entry tells of a workspace beside its fields, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct AboutWorkspace<'a> {
    /// Whose it is.
    pub owner: &'a str,
    /// The workspace.
    pub id: Uuid,
    /// Its name.
    pub name: &'a str,
    /// The number of a build.
    pub build_number: Option<i32>,
    /// Why the build was made.
    pub build_reason: &'a str,
}

/// The same as the additional fields of an entry.
pub fn workspace_fields(about: &AboutWorkspace<'_>) -> serde_json::Value {
    json!({
        "workspace_name": about.name,
        "build_number": about.build_number.map_or_else(String::new, |number| number.to_string()),
        "build_reason": about.build_reason,
        "workspace_owner": about.owner,
        "workspace_id": about.id,
    })
}

/// A part of the server that changes things by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsystem {
    /// Lets what nobody uses sleep, and wakes it.
    Dormancy,
    /// Makes and suspends users as a directory says.
    Scim,
}

/// What else an entry tells when nobody asked for the change.
pub fn by_itself(subsystem: Subsystem) -> serde_json::Value {
    let name = match subsystem {
        Subsystem::Dormancy => "dormancy",
        Subsystem::Scim => "scim",
    };
    json!({ "automatic_actor": "coder", "automatic_subsystem": name })
}

/// Writes what a request did, or tried: what was refused is logged with its status and without a difference.
pub fn after_request(deployment: &Deployment, entry: &Entry, asked: &Asked, status: u16) {
    let diff = if status < 400 { entry.difference() } else { Map::new() };
    write(deployment, entry, asked, status, deployment.clock.now(), diff);
}

/// Writes what the server did by itself at `time`. A failure still shows what it was about to change.
pub fn in_background(deployment: &Deployment, entry: &Entry, asked: &Asked, status: u16, time: Time) {
    write(deployment, entry, asked, status, time, entry.difference());
}

/// A change that is made cannot be taken back for want of an entry, so a failure here is only reported.
fn write(
    deployment: &Deployment,
    entry: &Entry,
    asked: &Asked,
    status: u16,
    time: Time,
    diff: Map<String, serde_json::Value>,
) {
    let Some(row) = entry.row(deployment.ids.uuid(), time, asked, status, diff) else { return };
    if let Err(e) = deployment.db_as(system::audit_logger()).insert_audit_log(&row) {
        log::error!(target: "audit", resource = row.resource_type.as_str(), action = row.action.as_str(), request_id:% = row.request_id; "an entry cannot be written: {e}");
    }
}
