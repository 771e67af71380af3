//! Permissions, as roles and scopes list them, and the bits that a list compiles to.
//!
//! A [`Permission`] names actions on one kind of thing (or on every kind), and may be negative.
//! The permissions of one level of all roles of a subject vote together: one negative match
//! refuses, else one positive match allows, else the level abstains. [`Votes`] holds that outcome
//! for every pair of action and kind, so that a check is two bit tests.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::kinds::{Action, Resource};

/// A set of actions, or every action there will ever be (`*`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ActionSet(u32);

/// The column of the wildcard, after those of the actions.
const ANY_COLUMN: usize = Action::ALL.len();
const COLUMNS: usize = ANY_COLUMN + 1;
const ALL_RESOURCES: u64 = (1 << Resource::ALL.len()) - 1;

impl ActionSet {
    /// No action.
    pub const NONE: ActionSet = ActionSet(0);
    /// Every action (`*`).
    pub const ANY: ActionSet = ActionSet(1 << ANY_COLUMN);

    /// These actions.
    pub const fn of(actions: &[Action]) -> ActionSet {
        let (mut bits, mut i) = (0, 0);
        while i < actions.len() {
            bits |= 1 << actions[i] as u32;
            i += 1;
        }
        ActionSet(bits)
    }
    /// Both sets.
    pub const fn union(self, other: ActionSet) -> ActionSet {
        ActionSet(self.0 | other.0)
    }
    /// This set less `other`; from `*` nothing can be taken.
    pub const fn without(self, other: ActionSet) -> ActionSet {
        ActionSet(self.0 & !other.0)
    }
    /// Whether the set has no action.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Whether the set is `*`.
    pub const fn is_any(self) -> bool {
        self.0 & Self::ANY.0 != 0
    }
    /// Whether the set has `action`, by name or by `*`.
    pub const fn contains(self, action: Action) -> bool {
        self.allows(Ask::Known(action))
    }
    pub(super) const fn allows(self, ask: Ask) -> bool {
        self.0 & (1 << ask.column() | Self::ANY.0) != 0
    }
    /// The set of these names; names that are no action stand for nothing.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> ActionSet {
        names.into_iter().fold(ActionSet::NONE, |set, name| match (name, Action::parse(name)) {
            ("*", _) => set.union(ActionSet::ANY),
            (_, Some(action)) => set.union(ActionSet::of(&[action])),
            (_, None) => set,
        })
    }
    /// The names of the set: `*`, or each action in order.
    pub fn names(self) -> impl Iterator<Item = &'static str> + use<> {
        let any = self.is_any().then_some("*");
        let listed = Action::ALL.iter().filter(move |a| !self.is_any() && self.contains(**a)).map(|a| a.as_str());
        any.into_iter().chain(listed)
    }
}

impl std::fmt::Debug for ActionSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// What a check asks for: a known action, or one that this version does not know, which only `*` grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Known(Action),
    Unknown,
}

impl Ask {
    const fn column(self) -> usize {
        match self {
            Ask::Known(action) => action as usize,
            Ask::Unknown => ANY_COLUMN,
        }
    }
}

/// Actions on one kind of thing, or on every kind, granted or (when `negate`) forbidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permission {
    /// Forbids instead of granting; it beats every grant of the same level.
    pub negate: bool,
    /// The kind of thing; `None` is every kind (`*`).
    pub resource: Option<Resource>,
    /// What may (or may not) be done.
    pub actions: ActionSet,
}

impl Permission {
    /// Every action on one kind.
    pub const fn all(resource: Resource) -> Permission {
        Permission { negate: false, resource: Some(resource), actions: ActionSet::ANY }
    }
    /// Some actions on one kind.
    pub const fn some(resource: Resource, actions: &[Action]) -> Permission {
        Permission { negate: false, resource: Some(resource), actions: ActionSet::of(actions) }
    }
    /// Forbids some actions on one kind.
    pub const fn no(resource: Resource, actions: &[Action]) -> Permission {
        Permission { negate: true, resource: Some(resource), actions: ActionSet::of(actions) }
    }
    /// Some actions on every kind.
    pub const fn any_type(actions: &[Action]) -> Permission {
        Permission { negate: false, resource: None, actions: ActionSet::of(actions) }
    }
    /// Every action on every kind.
    pub const fn everything() -> Permission {
        Permission { negate: false, resource: None, actions: ActionSet::ANY }
    }
    /// The permission as the API and the database list it: one entry an action.
    pub fn entries(&self) -> impl Iterator<Item = PermissionEntry> + use<> {
        let (negate, resource_type) = (self.negate, self.resource.map_or("*", Resource::as_str));
        self.actions.names().map(move |action| PermissionEntry { negate, resource_type, action })
    }
}

/// One entry of the JSON lists in `custom_roles` and in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PermissionEntry {
    /// Forbids instead of granting.
    pub negate: bool,
    /// A kind of thing, or `*`.
    pub resource_type: &'static str,
    /// An action, or `*`.
    pub action: &'static str,
}

/// An entry as it is read: its names may be those of another version.
#[derive(Deserialize)]
struct StoredEntry<'a> {
    #[serde(default)]
    negate: bool,
    #[serde(borrow)]
    resource_type: Cow<'a, str>,
    #[serde(borrow)]
    action: Cow<'a, str>,
}

fn stored_entries(json: &str) -> serde_json::Result<Vec<StoredEntry<'_>>> {
    // An empty object is the default of one of the columns.
    if matches!(json.trim(), "[]" | "{}" | "null") { Ok(Vec::new()) } else { serde_json::from_str(json) }
}

/// Reads a permission list of `custom_roles`. Entries that name a kind or an action of some other
/// version are left out: they can match nothing here.
pub fn parse_permissions(json: &str) -> serde_json::Result<Vec<Permission>> {
    let permissions = stored_entries(json)?.into_iter().filter_map(|entry| {
        let resource = match &*entry.resource_type {
            "*" => None,
            name => Some(Resource::parse(name)?),
        };
        let actions = ActionSet::parse([&*entry.action]);
        (!actions.is_empty()).then_some(Permission { negate: entry.negate, resource, actions })
    });
    Ok(permissions.collect())
}

/// Writes a permission list as `custom_roles` and the API have it.
pub fn permissions_json(permissions: &[Permission]) -> String {
    let entries: Vec<PermissionEntry> = permissions.iter().flat_map(Permission::entries).collect();
    serde_json::to_string(&entries).expect("names serialize")
}

/// Whether a stored list holds exactly these permissions, in whatever order. A list that cannot be
/// read, or that names what this version does not know, does not.
pub fn permissions_equal(json: &str, permissions: &[Permission]) -> bool {
    let Ok(stored) = stored_entries(json) else { return false };
    let stored: HashSet<(bool, &str, &str)> =
        stored.iter().map(|e| (e.negate, &*e.resource_type, &*e.action)).collect();
    let wanted = permissions.iter().flat_map(Permission::entries);
    stored == wanted.map(|e| (e.negate, e.resource_type, e.action)).collect()
}

/// How a level answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Vote {
    Deny,
    Abstain,
    Allow,
}

/// For each column (action, or the wildcard) one bit a kind of thing.
type Bits = [u64; COLUMNS];

/// What a level answers to every question: the compiled form of its permission lists.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Votes {
    allow: Bits,
    deny: Bits,
}

impl Votes {
    pub(super) fn of(permissions: &[Permission]) -> Votes {
        let mut votes = Votes::default();
        votes.add(permissions);
        votes
    }
    pub(super) fn add(&mut self, permissions: &[Permission]) {
        for p in permissions {
            let kinds = p.resource.map_or(ALL_RESOURCES, |r| 1 << r as u32);
            let bits = if p.negate { &mut self.deny } else { &mut self.allow };
            for (column, bits) in bits.iter_mut().enumerate() {
                if p.actions.0 & (1 << column | ActionSet::ANY.0) != 0 {
                    *bits |= kinds;
                }
            }
        }
    }
    #[inline]
    pub(super) fn ask(&self, ask: Ask, resource: Resource) -> Vote {
        let (column, kind) = (ask.column(), 1_u64 << resource as u32);
        if self.deny[column] & kind != 0 {
            Vote::Deny
        } else if self.allow[column] & kind != 0 {
            Vote::Allow
        } else {
            Vote::Abstain
        }
    }
    /// The highest answers among `all`; nothing at all abstains.
    pub(super) fn highest<'a>(all: impl Iterator<Item = &'a Votes>) -> Votes {
        let mut highest: Option<Votes> = None;
        for votes in all {
            let highest = highest.get_or_insert(Votes { allow: [0; COLUMNS], deny: [ALL_RESOURCES; COLUMNS] });
            for column in 0..COLUMNS {
                highest.allow[column] |= votes.allow[column] & !votes.deny[column];
                highest.deny[column] &= votes.deny[column];
            }
        }
        highest.unwrap_or_default()
    }
    /// Whether everything is allowed.
    pub(super) fn allows_everything(&self) -> bool {
        self.allow.iter().all(|b| *b == ALL_RESOURCES) && self.deny.iter().all(|b| *b == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::*;

    #[test]
    fn stored_lists_read_back_as_they_were_written() {
        let list = [Permission::all(Resource::ApiKey), Permission::no(Resource::Workspace, &[Delete, Read])];
        let json = permissions_json(&list);
        let entry =
            |negate, kind, action| format!(r#"{{"negate":{negate},"resource_type":"{kind}","action":"{action}"}}"#);
        let entries = [(false, "api_key", "*"), (true, "workspace", "delete"), (true, "workspace", "read")];
        assert_eq!(json, format!("[{}]", entries.map(|(n, k, a)| entry(n, k, a)).join(",")));
        assert_eq!(Votes::of(&parse_permissions(&json).unwrap()), Votes::of(&list));
    }

    #[test]
    fn stored_lists_compare_as_sets() {
        let list = [Permission::some(Resource::File, &[Create, Read])];
        let entry = |kind, action| format!(r#"{{"resource_type":"{kind}","action":"{action}"}}"#);
        let (create, read) = (entry("file", "create"), entry("file", "read"));
        for (json, equal) in [
            (format!("[{create},{read}]"), true),
            (format!("[{read}, {create}, {read}]"), true),
            (format!("[{create}]"), false),
            (format!("[{create},{read},{}]", entry("castle", "read")), false),
            ("nonsense".to_owned(), false),
        ] {
            assert_eq!(permissions_equal(&json, &list), equal, "{json}");
        }
        assert!(permissions_equal("{}", &[]));
    }

    #[test]
    fn names_of_another_version_grant_nothing_and_broken_lists_are_errors() {
        for (json, want) in [
            ("[]", Some(0)),
            ("{}", Some(0)),
            (r#"[{"negate":false,"resource_type":"castle","action":"*"}]"#, Some(0)),
            (r#"[{"negate":false,"resource_type":"file","action":"burn"}]"#, Some(0)),
            (r#"[{"negate":true,"resource_type":"*","action":"*"}]"#, Some(1)),
            (r#"[{"negate":false,"resource_type":"file"}]"#, None),
            (r#"{"file":"read"}"#, None),
            ("", None),
        ] {
            assert_eq!(parse_permissions(json).ok().map(|p| p.len()), want, "{json}");
        }
    }
}
