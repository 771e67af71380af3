//! Permissions, as roles and scopes list them, and the bits that a list compiles to.
//!
//! A [`Permission`] names actions on one kind of thing (or on every kind), and may be negative.
//! The permissions of one level of all roles of a subject vote together: one negative match
//! refuses, else one positive match allows, else the level abstains. [`Votes`] holds that outcome
//! for every pair of action and kind, so that a check is two bit tests.

use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

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
    pub fn names(self) -> impl Iterator<Item = &'static str> {
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
    fn wire(&self) -> impl Iterator<Item = WirePermission<'static>> {
        let (negate, resource_type) = (self.negate, self.resource.map_or("*", Resource::as_str));
        self.actions.names().map(move |action| WirePermission {
            negate,
            resource_type: resource_type.into(),
            action: action.into(),
        })
    }
}

/// One entry of the JSON lists in `custom_roles` and in the API: a single action.
#[derive(Serialize, Deserialize)]
struct WirePermission<'a> {
    #[serde(default)]
    negate: bool,
    #[serde(borrow)]
    resource_type: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    action: std::borrow::Cow<'a, str>,
}

/// Reads a permission list of `custom_roles`. Entries that name a kind or an action of some other
/// version are left out: they can match nothing here. An empty object is the column's default and
/// is an empty list.
pub fn parse_permissions(json: &str) -> serde_json::Result<Vec<Permission>> {
    if matches!(json.trim(), "[]" | "{}" | "null") {
        return Ok(Vec::new());
    }
    let entries: Vec<WirePermission> = serde_json::from_str(json)?;
    Ok(entries
        .iter()
        .filter_map(|entry| {
            let resource = match &*entry.resource_type {
                "*" => None,
                name => Some(Resource::parse(name)?),
            };
            let actions = ActionSet::parse([&*entry.action]);
            (!actions.is_empty()).then_some(Permission { negate: entry.negate, resource, actions })
        })
        .collect())
}

/// Writes a permission list as `custom_roles` and the API have it: one entry an action.
pub fn permissions_json(permissions: &[Permission]) -> String {
    /// Serializes the entries of a list without collecting them.
    struct Entries<'a>(&'a [Permission]);
    impl Serialize for Entries<'_> {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            let mut list = s.serialize_seq(None)?;
            for entry in self.0.iter().flat_map(Permission::wire) {
                list.serialize_element(&entry)?;
            }
            list.end()
        }
    }
    serde_json::to_string(&Entries(permissions)).expect("names serialize")
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
#[derive(Clone, PartialEq, Eq, Hash, Default)]
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
