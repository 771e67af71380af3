//! The list of objects that a key may touch: `TYPE:ID`, `TYPE:*` or `*:*`.
//!
//! Lists are kept in one form: sorted, without duplicates and without what a wildcard already covers.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use uuid::Uuid;

use crate::rbac::kinds::Resource;
use crate::rbac::object::ObjectId;

/// One entry; `None` is `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllowEntry {
    /// The kind of object.
    pub resource: Option<Resource>,
    /// Its id. Objects whose ids are not UUIDs can only be allowed by `*`.
    pub id: Option<Uuid>,
}

/// Why a text is no entry. The texts are those that clients of the API know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AllowEntryError {
    /// Not two parts.
    #[error("{0:?} is no entry of an allow list, which are of the form <type>:<id>")]
    Form(String),
    /// No such kind.
    #[error("unknown resource type {0:?}")]
    Resource(String),
    /// Neither `*` nor a UUID.
    #[error("the id of a {0} is a UUID or *, not {1:?}")]
    Id(String, String),
}

impl FromStr for AllowEntry {
    type Err = AllowEntryError;
    fn from_str(text: &str) -> Result<AllowEntry, AllowEntryError> {
        let text = text.to_lowercase();
        let text = text.trim();
        let (kind, id) = match text.split_once(':') {
            Some((kind, id)) if !kind.is_empty() && !id.is_empty() => (kind, id),
            _ => return Err(AllowEntryError::Form(text.to_owned())),
        };
        let resource = match kind {
            "*" => None,
            name => Some(Resource::parse(name).ok_or_else(|| AllowEntryError::Resource(name.to_owned()))?),
        };
        let bad_id = |_| AllowEntryError::Id(kind.to_owned(), id.to_owned());
        let id = if id == "*" { None } else { Some(Uuid::try_parse(id).map_err(bad_id)?) };
        Ok(AllowEntry { resource, id })
    }
}

impl fmt::Display for AllowEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.resource.map_or("*", Resource::as_str))?;
        match self.id {
            Some(id) => write!(f, "{id}"),
            None => f.write_str("*"),
        }
    }
}

/// Why a list is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AllowListError {
    /// One of its entries is none.
    #[error(transparent)]
    Entry(#[from] AllowEntryError),
    /// It is too long.
    #[error("the allow_list has {0} entries, and {max} is the most", max = AllowList::MAX_ENTRIES)]
    TooLong(usize),
}

/// The objects a key may touch. An empty list allows none.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AllowList(Vec<AllowEntry>);

impl AllowList {
    /// How many entries a request may have.
    pub const MAX_ENTRIES: usize = 128;

    /// Every object (`*:*`).
    pub fn any() -> AllowList {
        AllowList(vec![AllowEntry { resource: None, id: None }])
    }
    /// Reads the list of a request.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<AllowList, AllowListError> {
        if entries.len() > Self::MAX_ENTRIES {
            return Err(AllowListError::TooLong(entries.len()));
        }
        let entries: Result<AllowList, AllowEntryError> = entries.iter().map(|e| e.as_ref().parse()).collect();
        Ok(entries?)
    }
    /// The objects that both lists allow.
    pub fn intersect(&self, other: &AllowList) -> AllowList {
        let pairs = self.0.iter().flat_map(|a| other.0.iter().map(move |b| (a, b)));
        pairs
            .filter_map(|(a, b)| {
                Some(AllowEntry { resource: common(a.resource, b.resource)?, id: common(a.id, b.id)? })
            })
            .collect()
    }
    /// Whether it allows every object.
    pub fn is_any(&self) -> bool {
        matches!(self.0[..], [AllowEntry { resource: None, id: None }])
    }
    /// The entries, in order.
    pub fn entries(&self) -> &[AllowEntry] {
        &self.0
    }
    /// Whether an object of this kind and id is allowed. An object without an id passes only a wildcard.
    pub fn passes(&self, resource: Resource, id: Option<&ObjectId>) -> bool {
        self.0.iter().any(|entry| {
            let kind = entry.resource.is_none_or(|r| r == resource);
            kind && match (entry.id, id) {
                (None, _) => true,
                (Some(listed), Some(ObjectId::Uuid(id))) => listed == *id,
                (Some(_), _) => false,
            }
        })
    }
    /// The ids of this kind that are allowed; `None` when all are.
    pub(super) fn ids_of(&self, resource: Resource) -> Option<Vec<Uuid>> {
        let of_kind = self.0.iter().filter(|e| e.resource.is_none_or(|r| r == resource));
        of_kind.map(|e| e.id).collect()
    }
}

/// What two sides, each of which may be a wildcard, agree on.
fn common<T: PartialEq>(a: Option<T>, b: Option<T>) -> Option<Option<T>> {
    match (a, b) {
        (None, other) | (other, None) => Some(other),
        (Some(a), Some(b)) => (a == b).then_some(Some(a)),
    }
}

impl FromIterator<AllowEntry> for AllowList {
    fn from_iter<I: IntoIterator<Item = AllowEntry>>(entries: I) -> AllowList {
        let mut entries: Vec<AllowEntry> = entries.into_iter().collect();
        if entries.iter().any(|e| e.resource.is_none() && e.id.is_none()) {
            return AllowList::any();
        }
        entries.sort_unstable();
        entries.dedup();
        // Within a kind the wildcard sorts first and covers the ids after it.
        let mut covered = None;
        entries.retain(|e| {
            if e.id.is_none() {
                covered = Some(e.resource);
            }
            e.id.is_none() || covered != Some(e.resource)
        });
        AllowList(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "workspace:aaaaaaaa-0000-0000-0000-000000000000";
    const B: &str = "workspace:bbbbbbbb-0000-0000-0000-000000000000";
    const ANY_A: &str = "*:aaaaaaaa-0000-0000-0000-000000000000";

    fn list(entries: &[&str]) -> AllowList {
        AllowList::parse(entries).unwrap()
    }
    fn texts(list: &AllowList) -> Vec<String> {
        list.entries().iter().map(AllowEntry::to_string).collect()
    }

    #[test]
    fn lists_are_brought_into_one_form() {
        for (given, want) in [
            (vec![], vec![]),
            (vec![A, "*:*", "user:*"], vec!["*:*"]),
            (vec![B, A, B], vec![A, B]),
            (vec!["workspace:*", A, "template:*"], vec!["template:*", "workspace:*"]),
            (vec![A, ANY_A], vec![ANY_A, A]),
            (vec!["  Workspace:AAAAAAAA-0000-0000-0000-000000000000 "], vec![A]),
        ] {
            assert_eq!(texts(&list(&given)), want, "{given:?}");
        }
    }

    #[test]
    fn a_bad_entry_is_refused_in_the_words_that_clients_know() {
        for (entry, want) in [
            ("castle:*", r#"unknown resource type "castle""#),
            ("workspace", r#""workspace" is no entry of an allow list, which are of the form <type>:<id>"#),
            ("*", r#""*" is no entry of an allow list, which are of the form <type>:<id>"#),
            ("workspace:", r#""workspace:" is no entry of an allow list, which are of the form <type>:<id>"#),
            ("workspace:x", r#"the id of a workspace is a UUID or *, not "x""#),
            ("workspace:x:y", r#"the id of a workspace is a UUID or *, not "x:y""#),
        ] {
            assert_eq!(AllowList::parse(&[entry]).unwrap_err().to_string(), want, "{entry}");
        }
        assert!(AllowList::parse(&vec![A; 128]).is_ok());
        assert_eq!(AllowList::parse(&vec![A; 129]), Err(AllowListError::TooLong(129)));
    }

    #[test]
    fn an_intersection_allows_what_both_sides_allow() {
        for (left, right, want) in [
            (vec!["*:*"], vec!["*:*"], vec!["*:*"]),
            (vec!["*:*"], vec![A], vec![A]),
            (vec!["workspace:*"], vec![A, B, "user:*"], vec![A, B]),
            (vec![A], vec![A, B], vec![A]),
            (vec![A], vec![B], vec![]),
            (vec!["workspace:*"], vec![ANY_A], vec![A]),
            (vec!["*:*"], vec![], vec![]),
        ] {
            assert_eq!(texts(&list(&left).intersect(&list(&right))), want, "{left:?} {right:?}");
            assert_eq!(texts(&list(&right).intersect(&list(&left))), want, "{right:?} {left:?}");
        }
    }

    #[test]
    fn only_a_wildcard_allows_an_object_without_a_uuid() {
        let key = ObjectId::from("Ab3dEf6hIj");
        for (entries, want) in [(vec!["*:*"], true), (vec!["api_key:*"], true), (vec![A], false), (vec![], false)] {
            assert_eq!(list(&entries).passes(Resource::ApiKey, Some(&key)), want, "{entries:?}");
            assert_eq!(list(&entries).passes(Resource::ApiKey, None), want, "{entries:?}");
        }
    }
}
