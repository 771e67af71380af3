//! What an API key or an agent is limited to: named permissions, and a list of allowed objects.
//!
//! A scope never adds anything: what it names must also be granted by roles or access lists. Every
//! scope has permissions of the site level only. Start at [`effective`] for keys and at
//! [`workspace_agent`] for agents; [`REQUESTABLE`] is what users may ask for.

mod allow_list;

use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

pub use allow_list::{AllowEntry, AllowEntryError, AllowList, AllowListError};

use super::filter::ScopeIds;
use super::kinds::{Action::*, Resource, Resource::*};
use super::object::Object;
use super::permission::{Ask, Permission, Vote, Votes};

/// Everything the user may do.
pub const ALL: &str = "coder:all";
/// Nothing but connecting to applications of workspaces.
pub const APPLICATION_CONNECT: &str = "coder:application_connect";
/// Everything but users. Agents have it, keys cannot.
pub const NO_USER_DATA: &str = "no_user_data";

/// The composite scopes: what one purpose needs.
const COMPOSITE: &[(&str, &[Permission])] = &[
    ("coder:apikeys.manage_self", &[some(ApiKey, &[Create, Delete, Read, Update])]),
    (
        "coder:templates.author",
        &[some(File, &[Create, Read]), some(Template, &[Create, Delete, Read, Update, ViewInsights])],
    ),
    ("coder:templates.build", &[some(File, &[Create, Read]), some(ProvisionerJobs, &[Read]), some(Template, &[Read])]),
    ("coder:workspaces.access", &[some(Workspace, &[ApplicationConnect, Read, Ssh])]),
    ("coder:workspaces.create", &[some(Template, &[Read, Use]), some(Workspace, &[Create, Read, Update])]),
    ("coder:workspaces.delete", &[some(Workspace, &[Delete, Read])]),
    ("coder:workspaces.operate", &[some(Workspace, &[Read, Update])]),
];

/// The names that may be asked for when a token is made, in the order they are listed in.
pub const REQUESTABLE: &[&str] = &[
    "api_key:*",
    "api_key:create",
    "api_key:delete",
    "api_key:read",
    "api_key:update",
    "coder:all",
    "coder:apikeys.manage_self",
    "coder:application_connect",
    "coder:templates.author",
    "coder:templates.build",
    "coder:workspaces.access",
    "coder:workspaces.create",
    "coder:workspaces.delete",
    "coder:workspaces.operate",
    "file:*",
    "file:create",
    "file:read",
    "organization:*",
    "organization:delete",
    "organization:read",
    "organization:update",
    "task:*",
    "task:create",
    "task:delete",
    "task:read",
    "task:update",
    "template:*",
    "template:create",
    "template:delete",
    "template:read",
    "template:update",
    "template:use",
    "user:read_personal",
    "user:update_personal",
    "user_secret:*",
    "user_secret:create",
    "user_secret:delete",
    "user_secret:read",
    "user_secret:update",
    "workspace:*",
    "workspace:application_connect",
    "workspace:create",
    "workspace:delete",
    "workspace:read",
    "workspace:ssh",
    "workspace:start",
    "workspace:stop",
    "workspace:update",
];

/// A scope as data: what a [`super::SubjectSpec`] is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeSpec {
    /// For logs.
    pub name: String,
    /// What may be done; on everything, when `allow_list` lets it.
    pub permissions: Vec<Permission>,
    /// The objects it may be done to.
    pub allow_list: AllowList,
}

impl ScopeSpec {
    /// No limit: sessions, and everything that acts for itself.
    pub fn all() -> ScopeSpec {
        ScopeSpec { name: ALL.to_owned(), permissions: vec![Permission::everything()], allow_list: AllowList::any() }
    }
}

/// Why a scope cannot be expanded. A key that holds such a scope cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScopeError {
    /// No scope has this name.
    #[error("no scope named {0:?}")]
    Unknown(String),
    /// The key has no scope at all.
    #[error("no scopes provided")]
    Empty,
    /// An agent's scope was asked for with a nil id in it.
    #[error("an agent's scope needs the ids of its workspace, owner, template and version")]
    NilId,
}

/// The permissions that a scope name stands for: built in, composite, `RESOURCE:ACTION` or `RESOURCE:*`.
pub fn expand(name: &str) -> Option<Vec<Permission>> {
    match name {
        ALL => return Some(vec![Permission::everything()]),
        APPLICATION_CONNECT => return Some(vec![some(Workspace, &[ApplicationConnect])]),
        NO_USER_DATA => {
            let others = Resource::ALL.iter().filter(|r| **r != User);
            return Some(others.map(|r| Permission::all(*r)).collect());
        }
        _ => {}
    }
    if let Some((_, permissions)) = COMPOSITE.iter().find(|c| c.0 == name) {
        return Some(permissions.to_vec());
    }
    let (resource, action) = name.split_once(':')?;
    let resource = Resource::parse(resource)?;
    if action == "*" {
        return Some(vec![Permission::all(resource)]);
    }
    let action = resource.actions().iter().find(|a| a.as_str() == action)?;
    Some(vec![some(resource, &[*action])])
}

const fn some(resource: Resource, actions: &[super::Action]) -> Permission {
    Permission::some(resource, actions)
}

/// Whether users may ask for a scope of this name.
pub fn is_requestable(name: &str) -> bool {
    REQUESTABLE.contains(&name)
}

/// Whether a key can be stored with a scope of this name: every name that expands, but for [`NO_USER_DATA`].
pub fn is_storable(name: &str) -> bool {
    name != NO_USER_DATA && expand(name).is_some()
}

/// Today's name for a name of the deprecated single `scope` field.
pub fn legacy_alias(name: &str) -> Option<&'static str> {
    match name {
        "all" => Some(ALL),
        "application_connect" => Some(APPLICATION_CONNECT),
        _ => None,
    }
}

/// The deprecated single name that a key with these scopes is shown with.
pub fn legacy_name<S: AsRef<str>>(scopes: &[S]) -> &'static str {
    let has = |name| scopes.iter().any(|s| s.as_ref() == name);
    if has(APPLICATION_CONNECT) {
        "application_connect"
    } else if has(ALL) {
        "all"
    } else {
        ""
    }
}

/// What a key is limited to: all of its scopes together, on the objects of its stored list. A key
/// with an empty list may do nothing.
pub fn effective<S: AsRef<str>>(scopes: &[S], allow_list: &AllowList) -> Result<ScopeSpec, ScopeError> {
    if scopes.is_empty() {
        return Err(ScopeError::Empty);
    }
    let mut permissions = Vec::new();
    for name in scopes {
        let name = name.as_ref();
        permissions.extend(expand(name).ok_or_else(|| ScopeError::Unknown(name.to_owned()))?);
    }
    let name = scopes.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("+");
    // Every named scope allows every object, so their union leaves the stored list as it is.
    Ok(ScopeSpec { name, permissions, allow_list: AllowList::any().intersect(allow_list) })
}

/// The ids an agent is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentIds {
    /// Its workspace.
    pub workspace: Uuid,
    /// The workspace's owner, whom the agent acts as.
    pub owner: Uuid,
    /// The workspace's template.
    pub template: Uuid,
    /// The template version of the agent's build.
    pub version: Uuid,
    /// The task the workspace was made for.
    pub task: Option<Uuid>,
}

/// What an agent is limited to: its own workspace, and what goes with it. With `no_user_data`
/// (`workspace_agents.api_key_scope`) its owner's account is left out.
pub fn workspace_agent(ids: AgentIds, no_user_data: bool) -> Result<ScopeSpec, ScopeError> {
    let AgentIds { workspace, owner, template, version, task } = ids;
    if [workspace, owner, template, version].iter().any(Uuid::is_nil) {
        return Err(ScopeError::NilId);
    }
    let base = if no_user_data { NO_USER_DATA } else { ALL };
    let permissions = expand(base).ok_or_else(|| ScopeError::Unknown(base.to_owned()))?;
    let allowed = [(Workspace, workspace), (Template, template), (Template, version), (User, owner)];
    let allowed = allowed.into_iter().chain(task.map(|id| (Task, id)));
    let allow_list = allowed.map(|(resource, id)| AllowEntry { resource: Some(resource), id: Some(id) }).collect();
    Ok(ScopeSpec { name: format!("workspace agent ({base})"), permissions, allow_list })
}

/// A scope compiled for checking. Cheap to clone.
#[derive(Clone)]
pub(super) struct Scope {
    /// Whether it limits nothing: by far the most common.
    everything: bool,
    limits: Arc<Limits>,
}

struct Limits {
    votes: Votes,
    spec: ScopeSpec,
}

impl Scope {
    pub(super) fn compile(spec: ScopeSpec) -> Scope {
        let votes = Votes::of(&spec.permissions);
        let everything = votes.allows_everything() && spec.allow_list.is_any();
        Scope { everything, limits: Arc::new(Limits { votes, spec }) }
    }
    pub(super) fn spec(&self) -> &ScopeSpec {
        &self.limits.spec
    }
    #[inline]
    pub(super) fn allows(&self, ask: Ask, object: &Object) -> bool {
        self.everything
            || (self.limits.votes.ask(ask, object.resource) == Vote::Allow
                && self.limits.spec.allow_list.passes(object.resource, object.id.as_ref()))
    }
    /// What the scope leaves of a list of `resource`.
    pub(super) fn ids(&self, ask: Ask, resource: Resource) -> ScopeIds {
        if self.everything {
            return ScopeIds::Any;
        }
        if self.limits.votes.ask(ask, resource) != Vote::Allow {
            return ScopeIds::Nothing;
        }
        match self.limits.spec.allow_list.ids_of(resource) {
            None => ScopeIds::Any,
            Some(ids) if ids.is_empty() => ScopeIds::Nothing,
            Some(ids) => ScopeIds::These(ids),
        }
    }
}
