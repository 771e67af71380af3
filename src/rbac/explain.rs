//! Why a check comes out as it does: the role, permission, scope or access list entry that decides.
//!
//! The product decides on folded bits ([`Subject::can`](super::Subject::can)), which have forgotten who put them there.
//! This module goes through the lists again, slowly, for people who ask; nothing on the way of a request comes here.
//! A test holds both to the same answers. Start at [`explain`].

use std::borrow::Cow;

use uuid::Uuid;

use super::acl::Acl;
use super::kinds::{Action, Resource};
use super::object::Object;
use super::permission::{ActionSet, Ask, Permission, PermissionEntry, Vote, Votes};
use super::roles;
use super::subject::{RoleOptions, RoleRef, SubjectSpec};

/// Where a role's permission holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Everywhere.
    Site,
    /// On one's own things outside of organizations.
    User,
    /// On the things of an organization.
    Org,
    /// On one's own things in an organization.
    Member,
}

impl Level {
    /// The words for it in a sentence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Site => "site",
            Level::User => "user",
            Level::Org => "organization",
            Level::Member => "organization member",
        }
    }
}

/// A permission of a role that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Which of the role's lists has it.
    pub level: Level,
    /// The role.
    pub role: RoleRef,
    /// The permission, with the wildcards it was written with.
    pub permission: PermissionEntry,
}

/// What lets somebody do something, the scope aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A role.
    Role(Voice),
    /// The object's list has an entry for the subject.
    User(&'static str),
    /// The object's list has an entry for a group of the subject.
    Group(Uuid, &'static str),
    /// The object's list has an entry for everyone in its organization.
    Everyone(Uuid, &'static str),
}

/// Why nothing grants what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The subject holds no role that counts everywhere and names the action.
    Site,
    /// Permissions on one's own things do not count: the object belongs to somebody else, or to nobody.
    NotOwn,
    /// Permissions on one's own things do not name the action.
    Own,
    /// The subject is in no organization.
    NoOrganization,
    /// The subject is not a member of the object's organization.
    NotMember(Uuid),
    /// No role in the organization names the action.
    Org(Uuid),
    /// No role in any organization names the action.
    AnyOrg,
    /// The object's access lists have no entry that counts.
    Lists,
}

/// What decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is granted, and the scope lets it through.
    Granted(Grant),
    /// A negative permission forbids what other permissions may grant.
    Forbidden(Voice),
    /// Nothing grants it.
    Nothing(Vec<Silence>),
    /// It is granted, but the scope, of this name, does not hold the action.
    ScopeLacksAction(Grant, String),
    /// It is granted, but the allow list of the scope does not have the object.
    NotOnAllowList(Grant),
    /// One organization and any organization at once is a question that makes no sense.
    Contradiction,
}

impl Rule {
    /// Whether this lets the subject do it.
    pub fn allows(&self) -> bool {
        matches!(self, Rule::Granted(_))
    }
}

/// What decides whether the subject of `spec` may do `action` to `object`. Without an action, one that this version
/// has no name for is meant, as in [`Subject::can_unknown`](super::Subject::can_unknown).
pub fn explain(spec: &SubjectSpec, options: RoleOptions, action: Option<Action>, object: &Object) -> Rule {
    if object.any_org && object.org.is_some() {
        return Rule::Contradiction;
    }
    let question = Question { spec, held: held(spec, options), ask: action.map_or(Ask::Unknown, Ask::Known), object };
    let granted = match question.roles() {
        Ok(grant) => grant,
        // Access lists stand beside roles: no permission of a role takes an entry back.
        Err(refused) => match question.lists() {
            Some(grant) => grant,
            None => return refused,
        },
    };
    if Votes::of(&spec.scope.permissions).ask(question.ask, object.resource) != Vote::Allow {
        return Rule::ScopeLacksAction(granted, spec.scope.name.clone());
    }
    if !spec.scope.allow_list.passes(object.resource, object.id.as_ref()) {
        return Rule::NotOnAllowList(granted);
    }
    Rule::Granted(granted)
}

/// The lists of a role that is held.
struct Held<'a> {
    role: &'a RoleRef,
    site: Cow<'a, [Permission]>,
    user: &'a [Permission],
    org: &'a [Permission],
    member: &'a [Permission],
}

/// The roles that mean something: built in, or stored.
fn held(spec: &SubjectSpec, options: RoleOptions) -> Vec<Held<'_>> {
    let lists = |role| {
        if let Some(builtin) = roles::builtin(role) {
            let site = builtin.site_permissions(options);
            return Some(Held { role, site, user: builtin.user, org: builtin.org, member: &[] });
        }
        let stored = spec.custom.iter().find(|r| r.name == role.name() && r.organization_id == role.org())?;
        let site = Cow::Borrowed(&*stored.site);
        Some(Held { role, site, user: &stored.user, org: &stored.org, member: &stored.member })
    };
    spec.roles.iter().filter_map(lists).collect()
}

struct Question<'a> {
    spec: &'a SubjectSpec,
    held: Vec<Held<'a>>,
    ask: Ask,
    object: &'a Object,
}

/// A level's answer, with the permission that gave it.
type Answer = (Vote, Option<Voice>);

impl Question<'_> {
    /// What the roles say: the grant, or the refusal that stands if no access list helps.
    fn roles(&self) -> Result<Grant, Rule> {
        match self.level(Level::Site, |_| true) {
            (Vote::Allow, Some(voice)) => return Ok(Grant::Role(voice)),
            (Vote::Deny, Some(voice)) => return Err(Rule::Forbidden(voice)),
            _ => {}
        }
        let own = self.object.owner == Some(self.spec.id);
        let mut silent = vec![Silence::Site];
        match self.object.org {
            None if !self.object.any_org => {
                if let (Vote::Allow, Some(voice)) = self.level(Level::User, |_| own) {
                    return Ok(Grant::Role(voice));
                }
                silent.push(if own { Silence::Own } else { Silence::NotOwn });
            }
            org => {
                match self.organizations(Level::Org) {
                    (Vote::Allow, Some(voice)) => return Ok(Grant::Role(voice)),
                    (Vote::Deny, Some(voice)) => return Err(Rule::Forbidden(voice)),
                    _ => {}
                }
                if let (true, (Vote::Allow, Some(voice))) = (own, self.organizations(Level::Member)) {
                    return Ok(Grant::Role(voice));
                }
                match (org, self.memberships().is_empty()) {
                    (Some(org), _) if !self.memberships().contains(&org) => silent.push(Silence::NotMember(org)),
                    (None, true) => silent.push(Silence::NoOrganization),
                    (org, _) => {
                        silent.push(org.map_or(Silence::AnyOrg, Silence::Org));
                        silent.push(if own { Silence::Own } else { Silence::NotOwn });
                    }
                }
            }
        }
        if !(self.object.acl_user.is_empty() && self.object.acl_group.is_empty()) {
            silent.push(Silence::Lists);
        }
        Err(Rule::Nothing(silent))
    }

    /// The organizations of the roles; being listed in one is being a member.
    fn memberships(&self) -> Vec<Uuid> {
        let mut all: Vec<Uuid> = self.held.iter().filter_map(|held| held.role.org()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The answer of the object's organization, or the highest that any organization gives.
    fn organizations(&self, level: Level) -> Answer {
        let asked = match self.object.org {
            Some(org) => vec![org],
            None => self.memberships(),
        };
        let answers = asked.into_iter().map(|org| self.level(level, |role| role.org() == Some(org)));
        answers.max_by_key(|answer| answer.0).unwrap_or((Vote::Abstain, None))
    }

    /// The answer of one level of those roles that `counts`: a negative permission beats every other.
    fn level(&self, level: Level, counts: impl Fn(&RoleRef) -> bool) -> Answer {
        let mut answer = (Vote::Abstain, None);
        for held in self.held.iter().filter(|held| counts(held.role)) {
            let list = match level {
                Level::Site => &held.site,
                Level::User => held.user,
                Level::Org => held.org,
                Level::Member => held.member,
            };
            for permission in list {
                if !self.matches(permission) || (answer.0 == Vote::Allow && !permission.negate) {
                    continue;
                }
                let voice = Voice { level, role: held.role.clone(), permission: self.written(permission) };
                if permission.negate {
                    return (Vote::Deny, Some(voice));
                }
                answer = (Vote::Allow, Some(voice));
            }
        }
        answer
    }

    fn matches(&self, permission: &Permission) -> bool {
        permission.resource.is_none_or(|kind| kind == self.object.resource) && permission.actions.allows(self.ask)
    }

    fn written(&self, permission: &Permission) -> PermissionEntry {
        let resource_type = permission.resource.map_or("*", Resource::as_str);
        PermissionEntry { negate: permission.negate, resource_type, action: self.entry(permission.actions) }
    }

    /// The word of a set that covers what is asked.
    fn entry(&self, actions: ActionSet) -> &'static str {
        match self.ask {
            Ask::Known(action) if !actions.is_any() => action.as_str(),
            _ => "*",
        }
    }

    /// What the object's access lists say.
    fn lists(&self) -> Option<Grant> {
        let grants = |acl: &Acl, id| Some(acl.get(id)).filter(|set| set.allows(self.ask)).map(|set| self.entry(set));
        if let Some(action) = grants(&self.object.acl_user, self.spec.id) {
            return Some(Grant::User(action));
        }
        let member = match self.object.org {
            Some(org) => self.memberships().contains(&org),
            None => self.object.any_org && !self.memberships().is_empty(),
        };
        if !member {
            return None;
        }
        let lists = &self.object.acl_group;
        let group = self.spec.groups.iter().find_map(|id| Some(Grant::Group(*id, grants(lists, *id)?)));
        group.or_else(|| {
            let org = self.object.org?;
            Some(Grant::Everyone(org, grants(lists, org)?))
        })
    }
}

/// How ids are told: by their names where these are known.
pub type Namer<'a> = &'a dyn Fn(Uuid) -> String;

impl Voice {
    fn tell(&self, name: Namer<'_>) -> String {
        let role = match &self.role {
            RoleRef::Site(role) => role.clone(),
            RoleRef::Org(role, org) => format!("{role}:{}", name(*org)),
        };
        let PermissionEntry { negate, resource_type, action } = self.permission;
        let not = if negate { "!" } else { "" };
        format!("the {} permission {not}{resource_type}:{action} of the role {role}", self.level.as_str())
    }
}

impl Grant {
    fn tell(&self, name: Namer<'_>) -> String {
        match self {
            Grant::Role(voice) => voice.tell(name),
            Grant::User(action) => format!("the user entry {action:?} of the object's access list"),
            Grant::Group(group, action) => {
                format!("the entry {action:?} of the object's access list for the group {}", name(*group))
            }
            Grant::Everyone(org, action) => {
                format!(
                    "the entry {action:?} of the object's access list for everyone in the organization {}",
                    name(*org)
                )
            }
        }
    }
}

impl Silence {
    fn tell(self, name: Namer<'_>) -> String {
        match self {
            Silence::Site => "no role grants it everywhere".to_owned(),
            Silence::NotOwn => "the object is not the subject's own".to_owned(),
            Silence::Own => "no role grants it on one's own things there".to_owned(),
            Silence::NoOrganization => "the subject is a member of no organization".to_owned(),
            Silence::NotMember(org) => format!("the subject is not a member of the organization {}", name(org)),
            Silence::Org(org) => format!("no role grants it in the organization {}", name(org)),
            Silence::AnyOrg => "no role grants it in any organization".to_owned(),
            Silence::Lists => "no entry of the object's access lists is for the subject and grants it".to_owned(),
        }
    }
}

impl Rule {
    /// The rule as a sentence without its end.
    pub fn tell(&self, name: Namer<'_>) -> String {
        match self {
            Rule::Granted(grant) => format!("{} grants it", grant.tell(name)),
            Rule::Forbidden(voice) => format!("{} forbids it", voice.tell(name)),
            Rule::Nothing(silent) => silent.iter().map(|s| s.tell(name)).collect::<Vec<_>>().join("; "),
            Rule::ScopeLacksAction(grant, scope) => {
                format!("the scope {scope} does not hold it, though {} would grant it", grant.tell(name))
            }
            Rule::NotOnAllowList(grant) => {
                format!("the allow list does not have the object, though {} would grant it", grant.tell(name))
            }
            Rule::Contradiction => "the object names one organization and any organization at once".to_owned(),
        }
    }
    /// One word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Rule::Granted(Grant::Role(_)) => "role",
            Rule::Granted(Grant::User(_)) => "user_acl",
            Rule::Granted(Grant::Group(..)) => "group_acl",
            Rule::Granted(Grant::Everyone(..)) => "everyone_acl",
            Rule::Forbidden(_) => "negative_permission",
            Rule::Nothing(_) => "no_grant",
            Rule::ScopeLacksAction(..) => "scope",
            Rule::NotOnAllowList(_) => "allow_list",
            Rule::Contradiction => "contradiction",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rbac::ScopeSpec;
    use crate::rbac::scopes::{AllowList, expand};

    const ANN: Uuid = Uuid::from_u128(1);
    const BOB: Uuid = Uuid::from_u128(2);
    const ORG: Uuid = Uuid::from_u128(3);
    const TEAM: Uuid = Uuid::from_u128(4);

    fn told(roles: &[&str], scope: ScopeSpec, action: Action, object: Object) -> String {
        let roles = roles.iter().map(|r| r.replace("ORG", &ORG.to_string()).parse().unwrap()).collect();
        let custom = vec![roles::organization_member(false).stored(ORG)];
        let spec = SubjectSpec { id: ANN, name: "ann".into(), roles, custom, groups: vec![TEAM], scope };
        let name = |id| if id == ORG { "acme".to_owned() } else { "team".to_owned() };
        explain(&spec, RoleOptions::default(), Some(action), &object).tell(&name)
    }

    #[test]
    fn the_rule_that_decides_is_named() {
        let all = ScopeSpec::all;
        let narrow =
            || ScopeSpec { name: "template:read".into(), permissions: expand("template:read").unwrap(), ..all() };
        let listed = || ScopeSpec { allow_list: AllowList::parse(&["template:*"]).unwrap(), ..all() };
        let bobs = || Object::of(Resource::Workspace).id(BOB).org(ORG).owner(BOB);
        let entry = |id| [(id, ActionSet::of(&[Action::Read]))].into_iter().collect::<Acl>();
        let in_org = &["member", "organization-member:ORG"][..];
        for (roles, scope, object, want) in [
            (&["owner"][..], all(), bobs(), "the site permission workspace:read of the role owner grants it"),
            (
                in_org,
                all(),
                bobs().owner(ANN),
                "the organization member permission workspace:* of the role organization-member:acme grants it",
            ),
            (
                in_org,
                all(),
                bobs().acl_user(entry(ANN)),
                "the user entry \"read\" of the object's access list grants it",
            ),
            (
                in_org,
                all(),
                bobs().acl_group(entry(TEAM)),
                "the entry \"read\" of the object's access list for the group team grants it",
            ),
            (
                in_org,
                all(),
                bobs().acl_group(entry(ORG)),
                "the entry \"read\" of the object's access list for everyone in the organization acme grants it",
            ),
            (
                in_org,
                all(),
                bobs(),
                "no role grants it everywhere; no role grants it in the organization acme; the object is not the subject's own",
            ),
            (
                &["member"],
                all(),
                bobs().acl_user(entry(BOB)),
                "no role grants it everywhere; the subject is not a member of the organization acme; no entry of the object's access lists is for the subject and grants it",
            ),
            (
                &["owner"],
                narrow(),
                bobs(),
                "the scope template:read does not hold it, though the site permission workspace:read of the role owner would grant it",
            ),
            (
                &["owner"],
                listed(),
                bobs(),
                "the allow list does not have the object, though the site permission workspace:read of the role owner would grant it",
            ),
            (
                &["owner"],
                all(),
                Object { any_org: true, ..bobs() },
                "the object names one organization and any organization at once",
            ),
        ] {
            assert_eq!(told(roles, scope, Action::Read, object), want);
        }
        let banned = &["organization-admin:ORG", "organization-workspace-creation-ban:ORG"];
        assert_eq!(
            told(banned, all(), Action::Create, bobs()),
            "the organization permission !workspace:create of the role organization-workspace-creation-ban:acme forbids it"
        );
    }
}
