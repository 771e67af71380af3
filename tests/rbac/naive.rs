//! The rules of authorization word for word, over permission lists of text. No bits, no shortcuts.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    pub negate: bool,
    pub resource: String,
    pub action: String,
}

/// A role: four lists, two of them for one organization each.
#[derive(Clone, Debug, Default)]
pub struct Role {
    pub site: Vec<Permission>,
    pub user: Vec<Permission>,
    /// By organization: its org list and its member list.
    pub orgs: BTreeMap<String, (Vec<Permission>, Vec<Permission>)>,
}

/// A scope that keys and agents can have: a site list, and the objects it holds for.
#[derive(Clone, Debug)]
pub struct Scope {
    pub site: Vec<Permission>,
    /// Type and id, either of which may be `*`.
    pub allow_list: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct Subject {
    pub id: String,
    pub roles: Vec<Role>,
    pub groups: Vec<String>,
    pub scope: Scope,
}

/// Absent fields are empty.
#[derive(Clone, Debug, Default)]
pub struct Object {
    pub kind: String,
    pub id: String,
    pub owner: String,
    pub org: String,
    pub any_org: bool,
    pub acl_user: BTreeMap<String, Vec<String>>,
    pub acl_group: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vote {
    Deny,
    Abstain,
    Allow,
}

fn vote<'a>(list: impl IntoIterator<Item = &'a Permission>, kind: &str, action: &str) -> Vote {
    let mut vote = Vote::Abstain;
    for p in list {
        if (p.resource == kind || p.resource == "*") && (p.action == action || p.action == "*") {
            if p.negate {
                return Vote::Deny;
            }
            vote = Vote::Allow;
        }
    }
    vote
}

/// How the lists of a subject vote on one action and type. Who owns the object does not matter to
/// the lists, so one ballot serves objects of every shape.
pub struct Ballot<'a> {
    subject: &'a Subject,
    action: &'a str,
    site: Vote,
    user: Vote,
    /// By organization the subject is a member of: the votes of its org and member lists.
    orgs: BTreeMap<&'a str, (Vote, Vote)>,
    scope: Vote,
}

impl<'a> Ballot<'a> {
    pub fn cast(subject: &'a Subject, kind: &str, action: &'a str) -> Ballot<'a> {
        let memberships: BTreeSet<&str> = subject.roles.iter().flat_map(|r| r.orgs.keys().map(|k| &**k)).collect();
        let orgs = memberships.into_iter().map(|org| {
            let lists = || subject.roles.iter().filter_map(|r| r.orgs.get(org));
            let org_vote = vote(lists().flat_map(|l| &l.0), kind, action);
            (org, (org_vote, vote(lists().flat_map(|l| &l.1), kind, action)))
        });
        Ballot {
            subject,
            action,
            site: vote(subject.roles.iter().flat_map(|r| &r.site), kind, action),
            user: vote(subject.roles.iter().flat_map(|r| &r.user), kind, action),
            orgs: orgs.collect(),
            scope: vote(&subject.scope.site, kind, action),
        }
    }

    /// allow = (role_allow OR acl_allow) AND scope_allow. Any organization and one organization at
    /// once is an error, and an error is no leave.
    pub fn allows(&self, object: &Object) -> bool {
        if object.any_org && !object.org.is_empty() {
            return false;
        }
        (self.role_allow(object) || self.acl_allow(object)) && self.scope_allow(object)
    }

    pub fn role_allow(&self, object: &Object) -> bool {
        let mine = object.owner == self.subject.id;
        let user = if mine && object.org.is_empty() && !object.any_org { self.user } else { Vote::Abstain };
        let org = self.org_level(object, |lists| lists.0);
        let member =
            if !object.owner.is_empty() && mine { self.org_level(object, |lists| lists.1) } else { Vote::Abstain };
        self.site == Vote::Allow
            || (self.site != Vote::Deny && user == Vote::Allow)
            || (self.site != Vote::Deny && org == Vote::Allow)
            || (self.site != Vote::Deny && org != Vote::Deny && member == Vote::Allow)
    }

    fn org_level(&self, object: &Object, list: impl Fn(&(Vote, Vote)) -> Vote) -> Vote {
        if object.any_org {
            self.orgs.values().map(list).max().unwrap_or(Vote::Abstain)
        } else {
            self.orgs.get(&*object.org).map(list).unwrap_or(Vote::Abstain)
        }
    }

    fn acl_allow(&self, object: &Object) -> bool {
        let lists = |actions: &Vec<String>| actions.iter().any(|a| a == self.action || a == "*");
        let member = if object.any_org { !self.orgs.is_empty() } else { self.orgs.contains_key(&*object.org) };
        object.acl_user.get(&self.subject.id).is_some_and(lists)
            || (member && self.subject.groups.iter().any(|g| object.acl_group.get(g).is_some_and(lists)))
            || (member && object.acl_group.get(&object.org).is_some_and(lists))
    }

    fn scope_allow(&self, object: &Object) -> bool {
        let listed = self.subject.scope.allow_list.iter().any(|(kind, id)| match (&**kind, &**id) {
            ("*", "*") => true,
            (kind, "*") => kind == object.kind,
            (kind, id) => (kind == object.kind || kind == "*") && id == object.id,
        });
        listed && self.scope == Vote::Allow
    }
}
