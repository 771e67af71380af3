//! Access lists: what single users and groups may do with one template or workspace.
//!
//! Entries stand beside roles: no negative permission takes them back. Two stored forms exist,
//! `{id: [actions]}` on templates and `{id: {"permissions": [actions]}}` on workspaces.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::kinds::{Action, Resource};
use super::permission::ActionSet;

/// Entries from a user or group id to what it may do, ordered by id.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Acl(Vec<(Uuid, ActionSet)>);

impl Acl {
    /// No entries.
    pub const EMPTY: Acl = Acl(Vec::new());

    /// Reads a template's `user_acl` or `group_acl`.
    pub fn parse_template(json: &str) -> serde_json::Result<Acl> {
        parse::<ActionList>(json)
    }
    /// Reads a workspace's `user_acl` or `group_acl`.
    pub fn parse_workspace(json: &str) -> serde_json::Result<Acl> {
        parse::<WorkspaceEntry>(json)
    }
    /// Writes the list as templates keep it.
    pub fn template_json(&self) -> String {
        self.json(|set| set)
    }
    /// Writes the list as workspaces keep it.
    pub fn workspace_json(&self) -> String {
        self.json(|set| WorkspaceEntry { permissions: set })
    }
    fn json<E: Serialize>(&self, entry: impl Fn(ActionList) -> E) -> String {
        let mut out = serde_json::Map::new();
        for (id, set) in &self.0 {
            let value = serde_json::to_value(entry(ActionList(*set))).expect("names serialize");
            out.insert(id.to_string(), value);
        }
        serde_json::Value::Object(out).to_string()
    }
    /// What `id` may do; nothing when it is not listed.
    pub fn get(&self, id: Uuid) -> ActionSet {
        match self.0.binary_search_by_key(&id, |entry| entry.0) {
            Ok(at) => self.0[at].1,
            Err(_) => ActionSet::NONE,
        }
    }
    /// Sets what `id` may do; an empty set removes the entry.
    pub fn set(&mut self, id: Uuid, actions: ActionSet) {
        match (self.0.binary_search_by_key(&id, |entry| entry.0), actions.is_empty()) {
            (Ok(at), true) => drop(self.0.remove(at)),
            (Ok(at), false) => self.0[at].1 = actions,
            (Err(_), true) => {}
            (Err(at), false) => self.0.insert(at, (id, actions)),
        }
    }
    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The entries, ordered by id.
    pub fn entries(&self) -> &[(Uuid, ActionSet)] {
        &self.0
    }
}

impl FromIterator<(Uuid, ActionSet)> for Acl {
    fn from_iter<I: IntoIterator<Item = (Uuid, ActionSet)>>(entries: I) -> Acl {
        let mut acl = Acl::EMPTY;
        for (id, actions) in entries {
            acl.set(id, actions.union(acl.get(id)));
        }
        acl
    }
}

/// The actions that a role of an access list stands for: `admin` or `use`, of a template or a workspace.
pub const fn role_actions(resource: Resource, role: &str) -> Option<ActionSet> {
    use Action::*;
    match (resource, role.as_bytes()) {
        (Resource::Template, b"admin") => Some(ActionSet::ANY),
        (Resource::Template, b"use") => Some(ActionSet::of(&[Read, Use])),
        (Resource::Workspace, b"admin") => Some(ActionSet::of(&[
            ApplicationConnect,
            Create,
            CreateAgent,
            DeleteAgent,
            Read,
            Share,
            Ssh,
            Start,
            Stop,
            Update,
        ])),
        (Resource::Workspace, b"use") => Some(ActionSet::of(&[ApplicationConnect, Read, Ssh, Start, Stop])),
        _ => None,
    }
}

/// The role that exactly these actions show as; any other list shows as an empty name.
pub fn role_name(resource: Resource, actions: ActionSet) -> &'static str {
    ["admin", "use"].into_iter().find(|role| role_actions(resource, role) == Some(actions)).unwrap_or("")
}

/// A JSON list of action names. Names of other versions stand for nothing.
#[derive(Default)]
struct ActionList(ActionSet);

impl<'de> Deserialize<'de> for ActionList {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<ActionList, D::Error> {
        let names = Option::<Vec<Cow<'de, str>>>::deserialize(d)?.unwrap_or_default();
        Ok(ActionList(ActionSet::parse(names.iter().map(|name| &**name))))
    }
}

impl Serialize for ActionList {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.0.names())
    }
}

#[derive(Serialize, Deserialize)]
struct WorkspaceEntry {
    #[serde(default)]
    permissions: ActionList,
}

impl From<WorkspaceEntry> for ActionList {
    fn from(entry: WorkspaceEntry) -> ActionList {
        entry.permissions
    }
}

fn parse<'de, E: Deserialize<'de> + Into<ActionList>>(json: &'de str) -> serde_json::Result<Acl> {
    struct Entries<E>(std::marker::PhantomData<E>);
    impl<'de, E: Deserialize<'de> + Into<ActionList>> Visitor<'de> for Entries<E> {
        type Value = Acl;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object from ids to actions")
        }
        fn visit_unit<Er>(self) -> Result<Acl, Er> {
            Ok(Acl::EMPTY)
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Acl, A::Error> {
            let mut acl = Acl::EMPTY;
            while let Some((id, entry)) = map.next_entry::<Cow<'de, str>, E>()? {
                // Ids of users, groups and organizations are UUIDs; an entry for anything else is for nobody.
                if let Ok(id) = Uuid::try_parse(&id) {
                    acl.set(id, entry.into().0);
                }
            }
            Ok(acl)
        }
    }
    if json == "{}" {
        return Ok(Acl::EMPTY);
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let acl = reader.deserialize_any(Entries::<E>(std::marker::PhantomData))?;
    reader.end()?;
    Ok(acl)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Uuid = Uuid::from_u128(1);

    #[test]
    fn both_stored_forms_read_back_as_they_were_written() {
        let acl: Acl = [(ANN, ActionSet::of(&[Action::Read, Action::Use])), (Uuid::from_u128(2), ActionSet::ANY)]
            .into_iter()
            .collect();
        assert_eq!(
            acl.template_json(),
            r#"{"00000000-0000-0000-0000-000000000001":["read","use"],"00000000-0000-0000-0000-000000000002":["*"]}"#
        );
        assert_eq!(Acl::parse_template(&acl.template_json()).unwrap(), acl);
        assert_eq!(Acl::parse_workspace(&acl.workspace_json()).unwrap(), acl);
        assert!(acl.workspace_json().contains(r#"{"permissions":["*"]}"#));
    }

    #[test]
    fn lists_are_read_as_far_as_they_mean_something() {
        let id = ANN.to_string();
        for (json, want) in [
            ("{}".to_owned(), Some(ActionSet::NONE)),
            ("null".to_owned(), Some(ActionSet::NONE)),
            (format!(r#"{{"{id}":["read","fly"]}}"#), Some(ActionSet::of(&[Action::Read]))),
            (format!(r#"{{"{id}":null,"somebody":["read"]}}"#), Some(ActionSet::NONE)),
            (format!(r#"{{"{id}":"read"}}"#), None),
            (format!(r#"{{"{id}":["read"]"#), None),
            ("[]".to_owned(), None),
            ("{} x".to_owned(), None),
        ] {
            assert_eq!(Acl::parse_template(&json).ok().map(|acl| acl.get(ANN)), want, "{json}");
        }
        let workspace = format!(r#"{{"{id}":{{"permissions":["ssh"]}}}}"#);
        assert_eq!(Acl::parse_workspace(&workspace).unwrap().get(ANN), ActionSet::of(&[Action::Ssh]));
        assert!(Acl::parse_workspace(&format!(r#"{{"{id}":["ssh"]}}"#)).is_err());
    }

    #[test]
    fn only_the_exact_set_shows_as_a_role() {
        for (resource, set, want) in [
            (Resource::Template, ActionSet::ANY, "admin"),
            (Resource::Template, ActionSet::of(&[Action::Use, Action::Read]), "use"),
            (Resource::Template, ActionSet::of(&[Action::Read]), ""),
            (Resource::Workspace, ActionSet::ANY, ""),
            (Resource::Workspace, role_actions(Resource::Workspace, "admin").unwrap(), "admin"),
            (Resource::File, ActionSet::ANY, ""),
        ] {
            assert_eq!(role_name(resource, set), want, "{resource} {set:?}");
        }
    }

    #[test]
    fn an_empty_set_removes_the_entry() {
        let mut acl: Acl = [(ANN, ActionSet::ANY)].into_iter().collect();
        acl.set(ANN, ActionSet::NONE);
        assert!(acl.is_empty());
    }
}
