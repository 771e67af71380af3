//! The document of `rockpool authz check`: subjects, and what they should and should not be able to do.
//!
//! Ids in it are any texts, so that a document can be read; equal texts are the same id. A role or a kind of thing
//! that the rules do not know grants nothing. An action that a kind of thing has not is granted by wildcards alone, as the
//! rules are written; it cannot be done, so `POST /authcheck` says no to it. All of that is told as a warning.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use uuid::Uuid;

use crate::rbac::explain::explain;
use crate::rbac::roles;
use crate::rbac::scopes::{self, AllowList, ScopeSpec};
use crate::rbac::{Acl, Action, ActionSet, Object, ObjectId, Resource, RoleOptions, RoleRef, Subject, SubjectSpec};

/// A document as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    #[serde(default)]
    subjects: Vec<SubjectText>,
    #[serde(default)]
    cases: Vec<CaseText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectText {
    name: String,
    id: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    groups: Vec<String>,
    #[serde(default)]
    scope: Option<ScopeText>,
}

/// One scope, or several that hold together.
#[derive(Deserialize)]
#[serde(untagged)]
enum ScopeText {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseText {
    name: String,
    object: ObjectText,
    #[serde(default, deserialize_with = "null_is_default")]
    actions: Vec<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    allow: Vec<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    deny: Vec<String>,
}

/// A thing. What it does not have is left out, or empty.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectText {
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, deserialize_with = "null_is_default")]
    id: String,
    #[serde(default, deserialize_with = "null_is_default")]
    owner: String,
    #[serde(default, deserialize_with = "null_is_default")]
    org: String,
    #[serde(default, deserialize_with = "null_is_default")]
    any_org: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    acl_user: BTreeMap<String, Vec<String>>,
    #[serde(default, deserialize_with = "null_is_default")]
    acl_group: BTreeMap<String, Vec<String>>,
}

fn null_is_default<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

/// Why a document cannot be checked.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Error {
    /// It is not such a document.
    #[error("not a document of subjects and cases: {0}")]
    Form(String),
    /// Two subjects have one name.
    #[error("two subjects are named {0:?}")]
    Twice(String),
    /// A subject cannot be told from one without an id.
    #[error("the subject {0:?} has an empty id")]
    NoId(String),
    /// A role that is none.
    #[error("the subject {subject:?} has the role {role:?}: write NAME, or NAME:ORGANIZATION")]
    Role {
        /// Whose.
        subject: String,
        /// The text.
        role: String,
    },
    /// A scope that no key can have.
    #[error("the subject {subject:?} has a scope that does not exist: {why}")]
    Scope {
        /// Whose.
        subject: String,
        /// What is wrong with it.
        why: String,
    },
    /// A case names a subject that the document does not have.
    #[error("the case {case:?} names the subject {subject:?}, which the document does not have")]
    NoSuchSubject {
        /// The case.
        case: String,
        /// The name.
        subject: String,
    },
    /// The two evaluators disagree: a defect of the program.
    #[error("{0}: the decision and its explanation differ, which is a defect of this program")]
    Disagreement(String),
}

/// What became of a document.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// How many cases it has.
    pub cases: usize,
    /// How many single questions they are.
    pub checks: usize,
    /// How many cases do not hold.
    pub failed_cases: usize,
    /// Every question that has another answer than expected.
    pub failures: Vec<Unmet>,
    /// What the rules do not know.
    pub warnings: Vec<String>,
}

/// An expectation that does not hold.
#[derive(Debug, PartialEq, serde::Serialize)]
pub struct Unmet {
    /// The case.
    pub case: String,
    /// Who.
    pub subject: String,
    /// What.
    pub action: String,
    /// The kind of thing.
    pub resource_type: String,
    /// `allow` or `deny`.
    pub expected: &'static str,
    /// The other one.
    pub actual: &'static str,
    /// What sort of rule decided.
    pub rule: &'static str,
    /// The rule, for people.
    pub reason: String,
}

/// Texts as ids and back.
#[derive(Default)]
pub struct Ids(RefCell<(HashMap<String, Uuid>, Vec<String>)>);

impl Ids {
    /// The id that stands for a text; the empty text is no id.
    fn of(&self, text: &str) -> Option<Uuid> {
        if text.is_empty() {
            return None;
        }
        let (ids, texts) = &mut *self.0.borrow_mut();
        Some(*ids.entry(text.to_owned()).or_insert_with(|| {
            texts.push(text.to_owned());
            Uuid::from_u128(texts.len() as u128)
        }))
    }
    /// The text that an id stands for.
    fn text(&self, id: Uuid) -> String {
        let at = (id.as_u128() as usize).wrapping_sub(1);
        self.0.borrow().1.get(at).cloned().unwrap_or_else(|| id.to_string())
    }
}

/// How the texts of an object become ids: those of a document stand for themselves, those of a deployment are UUIDs.
type IdOf<'a> = &'a dyn Fn(&str) -> Option<Uuid>;

impl ObjectText {
    /// The object, unless its kind is none.
    pub fn object(&self, id_of: IdOf<'_>) -> Option<Object> {
        let acl = |entries: &BTreeMap<String, Vec<String>>| -> Acl {
            let entry = |(id, actions): (&String, &Vec<String>)| {
                Some((id_of(id)?, ActionSet::parse(actions.iter().map(String::as_str))))
            };
            entries.iter().filter_map(entry).collect()
        };
        Some(Object {
            resource: Resource::parse(&self.kind)?,
            id: id_of(&self.id).map(ObjectId::Uuid),
            owner: id_of(&self.owner),
            org: id_of(&self.org),
            any_org: self.any_org,
            acl_user: acl(&self.acl_user),
            acl_group: acl(&self.acl_group),
        })
    }
}

/// A subject in both forms: for deciding and for explaining. One without roles cannot be compiled.
struct Asker {
    subject: Option<Subject>,
    spec: SubjectSpec,
}

/// Checks every case of a document.
pub fn check(text: &str) -> Result<Outcome, Error> {
    let document: Document = serde_json::from_str(text).map_err(|e| Error::Form(e.to_string()))?;
    let ids = Ids::default();
    let mut outcome = Outcome { cases: document.cases.len(), ..Outcome::default() };
    let mut askers = HashMap::new();
    for subject in document.subjects {
        let name = subject.name.clone();
        let asker = asker(subject, &ids, &mut outcome.warnings)?;
        if askers.insert(name.clone(), asker).is_some() {
            return Err(Error::Twice(name));
        }
    }
    for case in &document.cases {
        let failed = outcome.failures.len();
        check_case(case, &askers, &ids, &mut outcome)?;
        outcome.failed_cases += usize::from(outcome.failures.len() > failed);
    }
    Ok(outcome)
}

fn asker(text: SubjectText, ids: &Ids, warnings: &mut Vec<String>) -> Result<Asker, Error> {
    let id = ids.of(&text.id).ok_or_else(|| Error::NoId(text.name.clone()))?;
    let (mut held, mut custom) = (Vec::new(), Vec::new());
    for role in &text.roles {
        let bad = || Error::Role { subject: text.name.clone(), role: role.clone() };
        let parsed = match role.split_once(':') {
            Some((name, org)) => RoleRef::Org(name.to_owned(), ids.of(org).ok_or_else(bad)?),
            None => RoleRef::Site(role.clone()),
        };
        match (&parsed, parsed.name()) {
            (_, "") => return Err(bad()),
            (RoleRef::Org(_, org), roles::ORGANIZATION_MEMBER) => {
                custom.push(roles::organization_member(false).stored(*org));
            }
            _ if roles::builtin(&parsed).is_none() => {
                warnings.push(format!("subject {:?}: there is no role {role:?}; it grants nothing", text.name));
            }
            _ => {}
        }
        held.push(parsed);
    }
    let named = match text.scope {
        None => vec![scopes::ALL.to_owned()],
        Some(ScopeText::One(name)) => vec![name],
        Some(ScopeText::Several(names)) => names,
    };
    let named: Vec<&str> = named.iter().map(|name| scopes::legacy_alias(name).unwrap_or(name)).collect();
    let scope: ScopeSpec = scopes::effective(&named, &AllowList::any())
        .map_err(|e| Error::Scope { subject: text.name.clone(), why: e.to_string() })?;
    let groups = text.groups.iter().filter_map(|group| ids.of(group)).collect();
    if held.is_empty() {
        warnings.push(format!("subject {:?} holds no role, so nothing is granted", text.name));
    }
    let spec = SubjectSpec { id, name: text.name, roles: held, custom, groups, scope };
    Ok(Asker { subject: spec.clone().compile().ok(), spec })
}

fn check_case(case: &CaseText, askers: &HashMap<String, Asker>, ids: &Ids, outcome: &mut Outcome) -> Result<(), Error> {
    let object = case.object.object(&|text| ids.of(text));
    if object.is_none() {
        outcome.warnings.push(format!("case {:?}: there is no resource type {:?}", case.name, case.object.kind));
    }
    for action in &case.actions {
        let known = Action::parse(action);
        let defined = object.as_ref().zip(known).is_some_and(|(o, action)| o.resource.actions().contains(&action));
        if object.is_some() && !defined {
            outcome.warnings.push(format!("case {:?}: {:?} is no action of a {}", case.name, action, case.object.kind));
        }
        for (names, expected) in [(&case.allow, true), (&case.deny, false)] {
            for name in names {
                let asker = askers
                    .get(name)
                    .ok_or_else(|| Error::NoSuchSubject { case: case.name.clone(), subject: name.clone() })?;
                outcome.checks += 1;
                let (allowed, rule, reason) = decide(asker, action, object.as_ref(), ids)
                    .ok_or_else(|| Error::Disagreement(format!("case {:?}, {name}, {action}", case.name)))?;
                if allowed == expected {
                    continue;
                }
                let word = |allowed| if allowed { "allow" } else { "deny" };
                outcome.failures.push(Unmet {
                    case: case.name.clone(),
                    subject: name.clone(),
                    action: action.clone(),
                    resource_type: case.object.kind.clone(),
                    expected: word(expected),
                    actual: word(allowed),
                    rule,
                    reason,
                });
            }
        }
    }
    Ok(())
}

/// The decision as the server makes it, and the rule behind it; none when these differ.
fn decide(asker: &Asker, action: &str, object: Option<&Object>, ids: &Ids) -> Option<(bool, &'static str, String)> {
    let Some(object) = object else {
        return Some((false, "unknown_type", "there is no such type, so nothing grants it".to_owned()));
    };
    let Some(subject) = &asker.subject else {
        return Some((false, "no_role", "the subject holds no role".to_owned()));
    };
    let allowed = subject.can_named(action, object).granted;
    let rule = explain(&asker.spec, RoleOptions::default(), Action::parse(action), object);
    (rule.allows() == allowed).then(|| (allowed, rule.kind(), rule.tell(&|id| ids.text(id))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subjects() -> serde_json::Value {
        json!([
            {"name": "root", "id": "u1", "roles": ["owner"]},
            {"name": "ann", "id": "u2", "roles": ["member", "organization-member:acme"], "groups": ["team"]},
            {"name": "bea", "id": "u3", "roles": ["organization-admin:acme"]},
            {"name": "tab", "id": "u2", "roles": ["member", "organization-member:acme"], "scope": "coder:application_connect"},
            {"name": "key", "id": "u1", "roles": ["owner"], "scope": ["workspace:read", "template:*"]},
            {"name": "none", "id": "u4", "roles": []},
        ])
    }

    fn outcome(case: serde_json::Value) -> Outcome {
        check(&json!({"subjects": subjects(), "cases": [case]}).to_string()).unwrap()
    }

    #[test]
    fn expectations_are_held_against_the_rules() {
        let ws = |owner| json!({"type": "workspace", "id": "w", "owner": owner, "org": "acme"});
        for (object, actions, allow, deny) in [
            (ws("u2"), json!(["read", "ssh"]), json!(["root", "ann"]), json!(["none"])),
            (ws("u2"), json!(["ssh"]), json!(["root"]), json!(["bea", "key", "tab"])),
            (ws("u2"), json!(["application_connect"]), json!(["tab", "ann"]), json!(["bea"])),
            (ws("u9"), json!(["read"]), json!(["root", "bea", "key"]), json!(["ann", "tab"])),
            (
                json!({"type": "workspace", "org": "acme", "acl_user": {"u2": ["read"]}}),
                json!(["read"]),
                json!(["ann"]),
                json!(["tab"]),
            ),
            (
                json!({"type": "template", "org": "acme", "acl_group": {"team": ["use"]}}),
                json!(["use"]),
                json!(["ann", "key"]),
                json!(["tab"]),
            ),
            (
                json!({"type": "template", "org": "acme", "acl_group": {"acme": ["*"]}}),
                json!(["use"]),
                json!(["ann"]),
                json!([]),
            ),
            (
                json!({"type": "template", "org": "other", "acl_group": {"team": ["use"]}}),
                json!(["use"]),
                json!([]),
                json!(["ann"]),
            ),
            (
                json!({"type": "workspace", "any_org": true}),
                json!(["create"]),
                json!(["root", "bea"]),
                json!(["ann", "none"]),
            ),
            (
                json!({"type": "workspace", "any_org": true, "owner": "u2"}),
                json!(["create"]),
                json!(["ann"]),
                json!(["tab"]),
            ),
            (
                json!({"type": "workspace", "any_org": true, "org": "acme"}),
                json!(["create"]),
                json!([]),
                json!(["root", "bea"]),
            ),
            (json!({"type": "castle"}), json!(["read"]), json!([]), json!(["root"])),
            // Nobody can do these, but wildcards grant them.
            (json!({"type": "file"}), json!(["ssh", "burn"]), json!(["root"]), json!(["ann", "bea"])),
        ] {
            let case = json!({"name": "c", "object": object, "actions": actions, "allow": allow, "deny": deny});
            let outcome = outcome(case);
            assert_eq!(outcome.failures, [], "{object}");
            assert!(outcome.checks > 0);
        }
    }

    #[test]
    fn what_does_not_hold_is_told_with_the_rule() {
        let object = json!({"type": "workspace", "id": "w", "owner": "u9", "org": "acme"});
        let case = json!({"name": "read it", "object": object, "actions": ["read", "update"], "allow": ["ann"], "deny": ["bea", "none"]});
        let outcome = outcome(case);
        assert_eq!((outcome.cases, outcome.checks, outcome.failed_cases), (1, 6, 1));
        let told: Vec<_> =
            outcome.failures.iter().map(|f| (&*f.subject, &*f.action, f.expected, f.rule, &*f.reason)).collect();
        let nothing = "no role grants it everywhere; no role grants it in the organization acme; the object is not the subject's own";
        let admin = |action| {
            format!("the organization permission workspace:{action} of the role organization-admin:acme grants it")
        };
        assert_eq!(
            told,
            [
                ("ann", "read", "allow", "no_grant", nothing),
                ("bea", "read", "deny", "role", &*admin("read")),
                ("ann", "update", "allow", "no_grant", nothing),
                ("bea", "update", "deny", "role", &*admin("update")),
            ]
        );
    }

    #[test]
    fn documents_that_make_no_sense_are_refused() {
        let case = |allow: &str| json!({"name": "c", "object": {"type": "file"}, "actions": ["read"], "allow": [allow], "deny": []});
        let one = |subject: serde_json::Value| json!({"subjects": [subject], "cases": []});
        for (document, want) in [
            (json!({"subjects": [], "cases": [case("ghost")]}), "names the subject \"ghost\""),
            (one(json!({"name": "a", "id": "", "roles": ["owner"]})), "empty id"),
            (one(json!({"name": "a", "id": "1", "roles": ["organization-admin:"]})), "write NAME"),
            (one(json!({"name": "a", "id": "1", "roles": ["owner"], "scope": "castle:read"})), "castle:read"),
            (one(json!({"name": "a", "id": "1", "role": ["owner"]})), "unknown field"),
            (
                json!({"subjects": [{"name": "a", "id": "1", "roles": []}, {"name": "a", "id": "2", "roles": []}]}),
                "two subjects",
            ),
            (json!([1]), "not a document"),
        ] {
            let why = check(&document.to_string()).unwrap_err().to_string();
            assert!(why.contains(want), "{document}: {why}");
        }
    }

    #[test]
    fn names_that_the_rules_do_not_know_are_warned_about() {
        let document = json!({
            "subjects": [{"name": "a", "id": "1", "roles": ["emperor", "owner:acme"]}],
            "cases": [{"name": "c", "object": {"type": "file"}, "actions": ["burn"], "allow": [], "deny": ["a"]}],
        });
        let outcome = check(&document.to_string()).unwrap();
        assert_eq!(outcome.failures, []);
        assert_eq!(
            outcome.warnings,
            [
                "subject \"a\": there is no role \"emperor\"; it grants nothing",
                "subject \"a\": there is no role \"owner:acme\"; it grants nothing",
                "case \"c\": \"burn\" is no action of a file",
            ]
        );
    }
}
