//! What an identity provider decides about users: settings of organizations, groups and roles.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::validate::{Checks, Validate};

/// What a claim's values stand for. A value that stands for nothing has no list, or an empty one.
pub type Mapping<T> = BTreeMap<String, Option<Vec<T>>>;

/// Groups from a claim.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupSyncSettings {
    pub field: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub mapping: Mapping<Uuid>,
    pub regex_filter: Option<String>,
    pub auto_create_missing_groups: bool,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub legacy_group_name_mapping: BTreeMap<String, String>,
}

/// Roles in an organization from a claim.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleSyncSettings {
    pub field: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub mapping: Mapping<String>,
}

/// Organizations from a claim.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OrganizationSyncSettings {
    pub field: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub mapping: Mapping<Uuid>,
    pub organization_assign_default: bool,
}

/// Changes the settings of groups but for what claims stand for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatchGroupIDPSyncConfigRequest {
    pub field: String,
    pub regex_filter: Option<String>,
    pub auto_create_missing_groups: bool,
}

/// Changes which claim roles come from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatchRoleIDPSyncConfigRequest {
    pub field: String,
}

/// Changes the settings of organizations but for what claims stand for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatchOrganizationIDPSyncConfigRequest {
    pub field: String,
    pub assign_default: bool,
}

/// What a claim's value stands for, among other things.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IDPSyncMapping<T> {
    #[serde(rename = "Given")]
    pub given: String,
    #[serde(rename = "Gets")]
    pub gets: T,
}

/// Adds to and removes from what claims stand for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "T: Default + Deserialize<'de>"))]
pub struct PatchIDPSyncMappingRequest<T> {
    #[serde(rename = "Add", deserialize_with = "null_is_empty")]
    pub add: Vec<IDPSyncMapping<T>>,
    #[serde(rename = "Remove", deserialize_with = "null_is_empty")]
    pub remove: Vec<IDPSyncMapping<T>>,
}

/// Of groups, by id.
pub type PatchGroupIDPSyncMappingRequest = PatchIDPSyncMappingRequest<Uuid>;
/// Of organizations, by id.
pub type PatchOrganizationIDPSyncMappingRequest = PatchIDPSyncMappingRequest<Uuid>;
/// Of roles, by name.
pub type PatchRoleIDPSyncMappingRequest = PatchIDPSyncMappingRequest<String>;

impl<T: PartialEq + Clone> PatchIDPSyncMappingRequest<T> {
    /// The mapping with what is added, each once, and without what is removed. A list that was empty before
    /// is null afterwards, one that becomes empty is not: clients are told the two apart.
    pub fn apply(self, mut mapping: Mapping<T>) -> Mapping<T> {
        for all in mapping.values_mut() {
            *all = all.take().filter(|all| !all.is_empty());
        }
        for IDPSyncMapping { given, gets } in self.add {
            let all = mapping.entry(given).or_default().get_or_insert_default();
            if !all.contains(&gets) {
                all.push(gets);
            }
        }
        for IDPSyncMapping { given, gets } in self.remove {
            if let Some(all) = mapping.entry(given).or_default() {
                all.retain(|one| *one != gets);
            }
        }
        mapping
    }
}

fn null_is_empty<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

macro_rules! nothing_to_check {
    ($($name:ty),* $(,)?) => { $(impl Validate for $name { fn validate(&self, _: &mut Checks) {} })* };
}
nothing_to_check!(
    GroupSyncSettings,
    RoleSyncSettings,
    OrganizationSyncSettings,
    PatchGroupIDPSyncConfigRequest,
    PatchRoleIDPSyncConfigRequest,
    PatchOrganizationIDPSyncConfigRequest,
    PatchIDPSyncMappingRequest<Uuid>,
    PatchIDPSyncMappingRequest<String>,
);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mapping_is_changed_value_by_value() {
        let before: Mapping<String> = serde_json::from_value(json!({"a": ["x", "y"], "b": null})).unwrap();
        let request: PatchRoleIDPSyncMappingRequest = serde_json::from_value(json!({
            "Add": [{"Given": "a", "Gets": "x"}, {"Given": "c", "Gets": "z"}, {"Given": "d", "Gets": "z"}],
            "Remove": [{"Given": "a", "Gets": "y"}, {"Given": "d", "Gets": "z"}, {"Given": "e", "Gets": "z"}],
        }))
        .unwrap();
        let after = json!(request.apply(before));
        assert_eq!(after, json!({"a": ["x"], "b": null, "c": ["z"], "d": [], "e": null}));
    }
}
