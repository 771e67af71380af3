//! What a list may show: the condition that stands in for one check a row.
//!
//! A [`Filter`] is plain data. The store renders it to SQL with bound parameters; [`Filter::matches`]
//! evaluates it on an object, for lists that are filtered after they were fetched, and so that a
//! test can hold both against the single check.

use uuid::Uuid;

use super::kinds::{Action, Resource};
use super::object::{Object, ObjectId};
use super::permission::{ActionSet, Ask, Vote};
use super::subject::Subject;

/// Which rows of one kind a subject may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every row.
    All,
    /// No row.
    None,
    /// The rows that meet a condition.
    Where(Condition),
}

/// `(roles or acl) and ids`. A row whose organization is NULL has no organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The user for whom rows count as owned.
    pub subject: Uuid,
    /// Roles let every row pass, so that only `ids` decides. The role fields below are then empty.
    pub every_row: bool,
    /// Rows of these organizations pass, whoever owns them.
    pub orgs: Vec<Uuid>,
    /// Rows of these organizations pass when the subject owns them.
    pub owner_orgs: Vec<Uuid>,
    /// Rows without an organization pass when the subject owns them.
    pub own_without_org: bool,
    /// Access lists that let rows pass; only for kinds that have them.
    pub acl: Option<AclTerm>,
    /// When given, only rows with these ids pass, whatever else holds.
    pub ids: Option<Vec<Uuid>>,
}

/// Rows pass whose user list has `action` (or `*`) for the subject, or, in one of `orgs`, whose group
/// list has it for one of `groups` or for the row's organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclTerm {
    /// What must be listed, by its name or as `*`.
    pub action: Action,
    /// The subject's groups.
    pub groups: Vec<Uuid>,
    /// The organizations the subject is a member of.
    pub orgs: Vec<Uuid>,
}

impl Subject {
    /// The rows of one kind on which the subject may do `action`: what [`Subject::can`] answers for
    /// each of them, with id, owner, organization and access lists left open.
    pub fn filter(&self, action: Action, resource: Resource) -> Filter {
        let ask = Ask::Known(action);
        let ids = match self.compiled_scope().ids(ask, resource) {
            ScopeIds::Nothing => return Filter::None,
            ScopeIds::Any => None,
            ScopeIds::These(ids) => Some(ids),
        };
        let powers = self.powers();
        let mut condition = Condition {
            subject: self.id(),
            every_row: false,
            orgs: Vec::new(),
            owner_orgs: Vec::new(),
            own_without_org: false,
            acl: None,
            ids,
        };
        match powers.site.ask(ask, resource) {
            Vote::Allow if condition.ids.is_none() => return Filter::All,
            Vote::Allow => {
                condition.every_row = true;
                return Filter::Where(condition);
            }
            Vote::Deny => {}
            Vote::Abstain => {
                condition.own_without_org = powers.user.ask(ask, resource) == Vote::Allow;
                for org in &powers.orgs {
                    match org.org.ask(ask, resource) {
                        Vote::Allow => condition.orgs.push(org.id),
                        Vote::Abstain if org.member.ask(ask, resource) == Vote::Allow => {
                            condition.owner_orgs.push(org.id)
                        }
                        Vote::Abstain | Vote::Deny => {}
                    }
                }
            }
        }
        if resource.has_acl() {
            let (groups, orgs) = (self.groups().to_vec(), self.organizations().collect());
            condition.acl = Some(AclTerm { action, groups, orgs });
        }
        if condition.can_pass() { Filter::Where(condition) } else { Filter::None }
    }
}

/// What a scope leaves of a list.
pub(super) enum ScopeIds {
    Nothing,
    Any,
    These(Vec<Uuid>),
}

impl Filter {
    /// Whether the row that `object` describes is among them. `object` must be of the filter's kind.
    pub fn matches(&self, object: &Object) -> bool {
        match self {
            Filter::All => true,
            Filter::None => false,
            Filter::Where(condition) => condition.matches(object),
        }
    }
}

impl Condition {
    fn can_pass(&self) -> bool {
        let roles = self.own_without_org || !self.orgs.is_empty() || !self.owner_orgs.is_empty();
        self.every_row || roles || self.acl.is_some()
    }
    fn matches(&self, row: &Object) -> bool {
        let listed =
            self.ids.as_ref().is_none_or(|ids| matches!(&row.id, Some(ObjectId::Uuid(id)) if ids.contains(id)));
        listed && (self.roles_match(row) || self.acl.as_ref().is_some_and(|acl| acl.matches(row, self.subject)))
    }
    fn roles_match(&self, row: &Object) -> bool {
        let mine = row.owner == Some(self.subject);
        self.every_row
            || match &row.org {
                None => self.own_without_org && mine,
                Some(org) => self.orgs.contains(org) || (mine && self.owner_orgs.contains(org)),
            }
    }
}

impl AclTerm {
    fn matches(&self, row: &Object, subject: Uuid) -> bool {
        let grants = |actions: ActionSet| actions.contains(self.action);
        let in_org = row.org.filter(|org| self.orgs.contains(org));
        grants(row.acl_user.get(subject))
            || in_org.is_some_and(|org| {
                let mut entries = row.acl_group.entries().iter();
                entries.any(|(group, actions)| grants(*actions) && (*group == org || self.groups.contains(group)))
            })
    }
}
