//! Who asks: a user, an API key of one, or a part of the server, compiled for checking.
//!
//! A [`SubjectSpec`] is what the database knows of somebody; [`SubjectSpec::compile`] folds its
//! roles and scope into bits. The [`Subject`] that comes out never changes and is shared behind an
//! `Arc`; a check on it neither allocates nor locks. Start at [`Subject::authorize`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use super::kinds::{Action, Resource};
use super::object::Object;
use super::permission::{Ask, Permission, Vote, Votes, parse_permissions};
use super::roles;
use super::scopes::{Scope, ScopeSpec};

/// A role that somebody holds, by name: everywhere, or in one organization.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleRef {
    /// A role of the deployment.
    Site(String),
    /// A role in one organization.
    Org(String, Uuid),
}

impl RoleRef {
    /// The name without the organization.
    pub fn name(&self) -> &str {
        match self {
            RoleRef::Site(name) | RoleRef::Org(name, _) => name,
        }
    }
    /// The organization it is held in.
    pub fn org(&self) -> Option<Uuid> {
        match self {
            RoleRef::Site(_) => None,
            RoleRef::Org(_, org) => Some(*org),
        }
    }
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RoleRef::Site(name) => f.write_str(name),
            RoleRef::Org(name, org) => write!(f, "{name}:{org}"),
        }
    }
}

/// Why a text is no role name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not a role: write NAME, or NAME:ORGANIZATION_ID")]
pub struct RoleRefError(String);

impl FromStr for RoleRef {
    type Err = RoleRefError;
    fn from_str(text: &str) -> Result<RoleRef, RoleRefError> {
        let bad = || RoleRefError(text.to_owned());
        match text.split_once(':') {
            Some(("", _)) => Err(bad()),
            Some((name, org)) => Ok(RoleRef::Org(name.to_owned(), Uuid::try_parse(org).map_err(|_| bad())?)),
            None if text.is_empty() => Err(bad()),
            None => Ok(RoleRef::Site(text.to_owned())),
        }
    }
}

/// A role that is not built in: a row of `custom_roles`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StoredRole {
    /// Its name.
    pub name: String,
    /// The organization it belongs to; all but the roles of system subjects belong to one.
    pub organization_id: Option<Uuid>,
    /// What it grants everywhere.
    pub site: Vec<Permission>,
    /// What it grants on its organization's objects.
    pub org: Vec<Permission>,
    /// What it grants on the holder's own objects outside of organizations.
    pub user: Vec<Permission>,
    /// What it grants on the holder's own objects in its organization.
    pub member: Vec<Permission>,
}

impl StoredRole {
    /// A role without permissions; being listed in an organization's role makes a member all the same.
    pub fn new(name: impl Into<String>, organization_id: Option<Uuid>) -> StoredRole {
        StoredRole { name: name.into(), organization_id, ..StoredRole::default() }
    }
    /// With the four JSON columns of its row.
    pub fn with_columns(self, site: &str, org: &str, user: &str, member: &str) -> serde_json::Result<StoredRole> {
        Ok(StoredRole {
            site: parse_permissions(site)?,
            org: parse_permissions(org)?,
            user: parse_permissions(user)?,
            member: parse_permissions(member)?,
            ..self
        })
    }
}

/// What the database knows of somebody, before compilation.
#[derive(Clone, Debug)]
pub struct SubjectSpec {
    /// The user id.
    pub id: Uuid,
    /// For logs only.
    pub name: String,
    /// Every role held, with the implied ones (`member`, `organization-member`).
    pub roles: Vec<RoleRef>,
    /// The stored roles among them. Names that are neither built in nor listed here grant nothing.
    pub custom: Vec<StoredRole>,
    /// The groups the user is in; the Everyone groups are not among them.
    pub groups: Vec<Uuid>,
    /// What the key or agent in use is limited to.
    pub scope: ScopeSpec,
}

/// Switches of the deployment that change built-in roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct RoleOptions {
    /// Takes workspace `ssh` and `application_connect` from owners (`disable-owner-workspace-access`).
    pub disable_owner_workspace_access: bool,
}

/// Why a subject cannot be compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CompileError {
    /// Everybody holds some role, so this is a mistake of the caller and not a refusal.
    #[error("subject {0} has no roles")]
    NoRoles(Uuid),
}

impl SubjectSpec {
    /// Compiles with the default switches.
    pub fn compile(self) -> Result<Subject, CompileError> {
        self.compile_with(RoleOptions::default())
    }
    /// Compiles under the deployment's switches.
    pub fn compile_with(self, options: RoleOptions) -> Result<Subject, CompileError> {
        if self.roles.is_empty() {
            return Err(CompileError::NoRoles(self.id));
        }
        let powers = Powers::fold(&self.roles, &self.custom, options);
        let mut groups = self.groups;
        groups.sort_unstable();
        groups.dedup();
        let identity = Identity { id: self.id, name: self.name, roles: self.roles, groups, powers };
        Ok(Subject { who: Arc::new(identity), scope: Scope::compile(self.scope) })
    }
}

/// Somebody who asks, compiled. Cheap to clone.
#[derive(Clone)]
pub struct Subject {
    who: Arc<Identity>,
    scope: Scope,
}

struct Identity {
    id: Uuid,
    name: String,
    roles: Vec<RoleRef>,
    /// Sorted.
    groups: Vec<Uuid>,
    powers: Powers,
}

/// The folded permission lists of all roles of a subject.
#[derive(Default)]
pub(super) struct Powers {
    pub(super) site: Votes,
    pub(super) user: Votes,
    /// One for every organization the subject is a member of, ordered by id.
    pub(super) orgs: Vec<OrgPowers>,
    /// The highest votes over `orgs`, for "in any organization".
    any_org: OrgPowers,
}

/// The folded lists of one organization.
#[derive(Clone, Default)]
pub(super) struct OrgPowers {
    pub(super) id: Uuid,
    pub(super) org: Votes,
    pub(super) member: Votes,
}

impl Powers {
    fn fold(held: &[RoleRef], stored: &[StoredRole], options: RoleOptions) -> Powers {
        let mut powers = Powers::default();
        for role in held {
            if let Some(builtin) = roles::builtin(role) {
                powers.site.add(&builtin.site_permissions(options));
                powers.user.add(builtin.user);
                if let Some(org) = role.org() {
                    powers.in_org(org).org.add(builtin.org);
                }
            } else if let Some(row) = stored.iter().find(|r| r.name == role.name() && r.organization_id == role.org()) {
                powers.site.add(&row.site);
                powers.user.add(&row.user);
                if let Some(org) = role.org() {
                    let lists = powers.in_org(org);
                    lists.org.add(&row.org);
                    lists.member.add(&row.member);
                }
            }
        }
        powers.any_org.org = Votes::highest(powers.orgs.iter().map(|o| &o.org));
        powers.any_org.member = Votes::highest(powers.orgs.iter().map(|o| &o.member));
        powers
    }
    fn in_org(&mut self, id: Uuid) -> &mut OrgPowers {
        let at = self.orgs.binary_search_by_key(&id, |o| o.id).unwrap_or_else(|at| {
            self.orgs.insert(at, OrgPowers { id, ..OrgPowers::default() });
            at
        });
        &mut self.orgs[at]
    }
    fn of_org(&self, id: Uuid) -> Option<&OrgPowers> {
        self.orgs.binary_search_by_key(&id, |o| o.id).ok().map(|at| &self.orgs[at])
    }
}

/// A refusal. It is for logs; a client learns no more than that it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{subject} may not {action} {resource}")]
pub struct Denied {
    /// Who asked.
    pub subject: Uuid,
    /// What for.
    pub action: Action,
    /// On which kind of thing.
    pub resource: Resource,
}

/// The answer to a question that names an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedAnswer {
    /// Whether the rules grant it.
    pub granted: bool,
    /// Whether there is such an action on that kind of thing at all.
    pub is_defined: bool,
}

impl NamedAnswer {
    /// Whether it can be done.
    pub fn can_be_done(self) -> bool {
        self.granted && self.is_defined
    }
}

impl Subject {
    /// The user id; several system subjects share the nil UUID.
    pub fn id(&self) -> Uuid {
        self.who.id
    }
    /// The name, for logs.
    pub fn name(&self) -> &str {
        &self.who.name
    }
    /// The roles held, as they were given.
    pub fn roles(&self) -> &[RoleRef] {
        &self.who.roles
    }
    /// The groups, ordered.
    pub fn groups(&self) -> &[Uuid] {
        &self.who.groups
    }
    /// What the subject is limited to.
    pub fn scope(&self) -> &ScopeSpec {
        self.scope.spec()
    }
    /// Whether it holds a role of this name, in whichever organization.
    pub fn has_role(&self, name: &str) -> bool {
        self.who.roles.iter().any(|r| r.name() == name)
    }
    /// Whether it is an owner of the deployment: a few decisions ask for that role and not for a permission.
    pub fn is_owner(&self) -> bool {
        self.who.roles.iter().any(|r| r.org().is_none() && r.name() == roles::OWNER)
    }
    /// The organizations it is a member of, ordered.
    pub fn organizations(&self) -> impl ExactSizeIterator<Item = Uuid> {
        self.who.powers.orgs.iter().map(|o| o.id)
    }
    /// Whether it is a member of this organization.
    pub fn is_member_of(&self, org: Uuid) -> bool {
        self.who.powers.of_org(org).is_some()
    }
    /// The same somebody under another scope, in place of the present one.
    pub fn under_scope(&self, scope: ScopeSpec) -> Subject {
        Subject { who: Arc::clone(&self.who), scope: Scope::compile(scope) }
    }

    /// Whether it may do `action` to `object`; a refusal says who asked for what.
    pub fn authorize(&self, action: Action, object: &Object) -> Result<(), Denied> {
        if self.can(action, object) {
            Ok(())
        } else {
            Err(Denied { subject: self.who.id, action, resource: object.resource })
        }
    }
    /// Whether it may do `action` to `object`.
    pub fn can(&self, action: Action, object: &Object) -> bool {
        self.allows(Ask::Known(action), object)
    }
    /// Whether it may do what a name stands for. The rules do not ask whether a kind of thing has the action, so a
    /// wildcard grants what it has not; whoever wants to know what can be done looks at both halves of the answer.
    pub fn can_named(&self, action: &str, object: &Object) -> NamedAnswer {
        let known = Action::parse(action);
        NamedAnswer {
            granted: known.map_or_else(|| self.can_unknown(object), |action| self.can(action, object)),
            is_defined: known.is_some_and(|action| object.resource.actions().contains(&action)),
        }
    }
    /// Whether it may do something that this version has no name for: only a wildcard grants that.
    pub fn can_unknown(&self, object: &Object) -> bool {
        self.allows(Ask::Unknown, object)
    }

    fn allows(&self, ask: Ask, object: &Object) -> bool {
        if object.any_org && object.org.is_some() {
            return false;
        }
        (self.roles_allow(ask, object) || self.acl_allows(ask, object)) && self.scope.allows(ask, object)
    }
    fn roles_allow(&self, ask: Ask, object: &Object) -> bool {
        let powers = &self.who.powers;
        match powers.site.ask(ask, object.resource) {
            Vote::Allow => return true,
            Vote::Deny => return false,
            Vote::Abstain => {}
        }
        let mine = object.owner == Some(self.who.id);
        let org = match object.org {
            Some(org) => powers.of_org(org),
            None if object.any_org => Some(&powers.any_org),
            None => return mine && powers.user.ask(ask, object.resource) == Vote::Allow,
        };
        org.is_some_and(|org| match org.org.ask(ask, object.resource) {
            Vote::Allow => true,
            Vote::Deny => false,
            Vote::Abstain => mine && org.member.ask(ask, object.resource) == Vote::Allow,
        })
    }
    fn acl_allows(&self, ask: Ask, object: &Object) -> bool {
        if object.acl_user.get(self.who.id).allows(ask) {
            return true;
        }
        if object.acl_group.is_empty() {
            return false;
        }
        let member = match object.org {
            Some(org) => self.is_member_of(org),
            None => object.any_org && !self.who.powers.orgs.is_empty(),
        };
        member
            && object.acl_group.entries().iter().any(|(group, actions)| {
                actions.allows(ask) && (object.org == Some(*group) || self.who.groups.binary_search(group).is_ok())
            })
    }

    pub(super) fn powers(&self) -> &Powers {
        &self.who.powers
    }
    pub(super) fn compiled_scope(&self) -> &Scope {
        &self.scope
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("id", &self.who.id)
            .field("name", &self.who.name)
            .field("roles", &self.who.roles)
            .field("groups", &self.who.groups)
            .field("scope", self.scope())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_carry_at_most_one_organization() {
        let org = Uuid::from_u128(7);
        for (text, want) in [
            ("owner".to_owned(), Some(RoleRef::Site("owner".into()))),
            (format!("organization-admin:{org}"), Some(RoleRef::Org("organization-admin".into(), org))),
            (String::new(), None),
            (format!(":{org}"), None),
            ("organization-admin:".to_owned(), None),
            (format!("organization-admin:{org}:{org}"), None),
        ] {
            let parsed = text.parse::<RoleRef>().ok();
            assert_eq!(parsed, want, "{text:?}");
            assert_eq!(parsed.map(|r| r.to_string()).unwrap_or(text.clone()), text);
        }
    }

    #[test]
    fn a_subject_without_roles_is_a_mistake_and_not_a_refusal() {
        let (roles, custom, groups, scope) = (vec![], vec![], vec![], ScopeSpec::all());
        let spec = SubjectSpec { id: Uuid::nil(), name: String::new(), roles, custom, groups, scope };
        assert_eq!(spec.compile().err(), Some(CompileError::NoRoles(Uuid::nil())));
    }
}
