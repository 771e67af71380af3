//! The settings: read from where they are kept, or from the configuration, and kept.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::config::login::IdpSync;
use crate::sdk::{GroupSyncSettings, Mapping, OrganizationSyncSettings, RoleSyncSettings};
use crate::store::{Db, Error, Optional};

const ORGANIZATIONS: &str = "organization-sync-settings";
const GROUPS: &str = "group-sync-settings";
const ROLES: &str = "role-sync-settings";

/// How those of organizations are kept; the API calls a field otherwise.
#[derive(Serialize, Deserialize)]
struct KeptOrganizations {
    field: String,
    mapping: Option<Mapping<Uuid>>,
    assign_default: bool,
}

/// Those of organizations.
pub fn organization_settings(config: &IdpSync, db: &Db) -> Result<OrganizationSyncSettings, Error> {
    let kept: Option<KeptOrganizations> = read(db, ORGANIZATIONS)?;
    Ok(match kept {
        Some(kept) => OrganizationSyncSettings {
            field: kept.field,
            mapping: kept.mapping.unwrap_or_default(),
            organization_assign_default: kept.assign_default,
        },
        None => OrganizationSyncSettings {
            field: config.organization_field.clone(),
            mapping: config.organization_mapping.iter().map(|(k, v)| (k.clone(), Some(v.clone()))).collect(),
            organization_assign_default: config.organization_assign_default,
        },
    })
}

/// Keeps those of organizations.
pub fn set_organization_settings(db: &Db, settings: &OrganizationSyncSettings) -> Result<(), Error> {
    let kept = KeptOrganizations {
        field: settings.field.clone(),
        mapping: Some(settings.mapping.clone()),
        assign_default: settings.organization_assign_default,
    };
    write(db, ORGANIZATIONS, &kept)
}

/// Whether those of an organization's groups were ever set.
pub fn keeps_group_settings(db: &Db, organization: Uuid) -> Result<bool, Error> {
    keeps(db, &of(organization, GROUPS))
}

/// Whether those of an organization's roles were ever set.
pub fn keeps_role_settings(db: &Db, organization: Uuid) -> Result<bool, Error> {
    keeps(db, &of(organization, ROLES))
}

fn keeps(db: &Db, key: &str) -> Result<bool, Error> {
    Ok(db.get_runtime_config(key).optional()?.is_some())
}

/// Those of an organization's groups. The configuration's are the default organization's.
pub fn group_settings(config: &IdpSync, db: &Db, organization: Uuid) -> Result<GroupSyncSettings, Error> {
    if let Some(kept) = read(db, &of(organization, GROUPS))? {
        return Ok(kept);
    }
    if config.group_field.is_empty() || db.get_default_organization()?.id != organization {
        return Ok(GroupSyncSettings::default());
    }
    Ok(GroupSyncSettings {
        field: config.group_field.clone(),
        regex_filter: Some(config.group_regex_filter.clone()).filter(|text| !text.is_empty()),
        auto_create_missing_groups: config.group_auto_create,
        legacy_group_name_mapping: config.group_mapping.clone(),
        ..GroupSyncSettings::default()
    })
}

/// Keeps those of an organization's groups.
pub fn set_group_settings(db: &Db, organization: Uuid, settings: &GroupSyncSettings) -> Result<(), Error> {
    write(db, &of(organization, GROUPS), settings)
}

/// Those of an organization's roles.
pub fn role_settings(db: &Db, organization: Uuid) -> Result<RoleSyncSettings, Error> {
    Ok(read(db, &of(organization, ROLES))?.unwrap_or_default())
}

/// Keeps those of an organization's roles.
pub fn set_role_settings(db: &Db, organization: Uuid, settings: &RoleSyncSettings) -> Result<(), Error> {
    write(db, &of(organization, ROLES), settings)
}

fn of(organization: Uuid, key: &str) -> String {
    format!("{organization}:{key}")
}

fn read<T: DeserializeOwned>(db: &Db, key: &str) -> Result<Option<T>, Error> {
    let Some(text) = db.get_runtime_config(key).optional()? else { return Ok(None) };
    let parsed = serde_json::from_str(&text);
    parsed.map(Some).map_err(|e| Error::Decode(format!("the settings kept as {key:?} cannot be read: {e}")))
}

fn write(db: &Db, key: &str, settings: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string(settings).map_err(|e| Error::Bug(format!("{key}: {e}")))?;
    db.upsert_runtime_config(key, &text).map(|_| ())
}
