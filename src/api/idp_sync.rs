//! Settings of what an identity provider decides: organizations for the deployment, groups and roles for an
//! organization. Each as a whole, or without or only what claims stand for; and what claims there have been.

use regex::Regex;
use uuid::Uuid;

use super::routes::Routes;
use super::{Audit, Cx, Error, OrForbidden, Reply, lookup, reply};
use crate::audit::Settings;
use crate::idpsync;
use crate::rbac::{Action, Object, Resource};
use crate::sdk::{
    AuditAction, GroupSyncSettings, Mapping, OrganizationSyncSettings, PatchGroupIDPSyncConfigRequest,
    PatchGroupIDPSyncMappingRequest, PatchOrganizationIDPSyncConfigRequest, PatchOrganizationIDPSyncMappingRequest,
    PatchRoleIDPSyncConfigRequest, PatchRoleIDPSyncMappingRequest, ResourceType, RoleSyncSettings, Validate,
};
use crate::store::value::Json;
use crate::store::{Db, Error as StoreError};

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/settings/idpsync/organization", get_organizations);
    r.user("PATCH", "/api/v2/settings/idpsync/organization", patch_organizations);
    r.user("PATCH", "/api/v2/settings/idpsync/organization/config", patch_organizations_config);
    r.user("PATCH", "/api/v2/settings/idpsync/organization/mapping", patch_organizations_mapping);
    r.user("GET", "/api/v2/settings/idpsync/available-fields", get_fields);
    r.user("GET", "/api/v2/settings/idpsync/field-values", get_values);
    r.user("GET", "/api/v2/organizations/{organization}/settings/idpsync/groups", get_groups);
    r.user("PATCH", "/api/v2/organizations/{organization}/settings/idpsync/groups", patch_groups);
    r.user("PATCH", "/api/v2/organizations/{organization}/settings/idpsync/groups/config", patch_groups_config);
    r.user("PATCH", "/api/v2/organizations/{organization}/settings/idpsync/groups/mapping", patch_groups_mapping);
    r.user("GET", "/api/v2/organizations/{organization}/settings/idpsync/roles", get_roles);
    r.user("PATCH", "/api/v2/organizations/{organization}/settings/idpsync/roles", patch_roles);
    r.user("PATCH", "/api/v2/organizations/{organization}/settings/idpsync/roles/config", patch_roles_config);
    r.user("PATCH", "/api/v2/organizations/{organization}/settings/idpsync/roles/mapping", patch_roles_mapping);
    r.user("GET", "/api/v2/organizations/{organization}/settings/idpsync/available-fields", get_organization_fields);
    r.user("GET", "/api/v2/organizations/{organization}/settings/idpsync/field-values", get_organization_values);
}

/// Settings of one kind, of the deployment or of an organization.
trait Kind: serde::Serialize + Sized {
    const RESOURCE: ResourceType;
    fn read(cx: &Cx, db: &Db, organization: Option<Uuid>) -> Result<Self, StoreError>;
    fn write(&self, db: &Db, organization: Option<Uuid>) -> Result<(), StoreError>;
    /// Whether they were ever set. Those that were not have no mapping, rather than an empty one.
    fn is_kept(db: &Db, organization: Option<Uuid>) -> Result<bool, StoreError>;
    /// As the audit log shows them.
    fn logged(&self, is_kept: bool) -> Settings;
}

impl Kind for OrganizationSyncSettings {
    const RESOURCE: ResourceType = ResourceType::IdpSyncSettingsOrganization;
    fn read(cx: &Cx, db: &Db, _: Option<Uuid>) -> Result<Self, StoreError> {
        idpsync::organization_settings(&cx.deployment.config.idp_sync, db)
    }
    fn write(&self, db: &Db, _: Option<Uuid>) -> Result<(), StoreError> {
        idpsync::set_organization_settings(db, self)
    }
    fn is_kept(_: &Db, _: Option<Uuid>) -> Result<bool, StoreError> {
        Ok(true) // The configuration has a mapping, if an empty one, where nothing was set.
    }
    fn logged(&self, is_kept: bool) -> Settings {
        Settings::new(Self::RESOURCE, "Organization Sync")
            .with("field", self.field.as_str())
            .with("mapping", mapping(&self.mapping, is_kept))
            .with("assign_default", self.organization_assign_default)
    }
}

impl Kind for GroupSyncSettings {
    const RESOURCE: ResourceType = ResourceType::IdpSyncSettingsGroup;
    fn read(cx: &Cx, db: &Db, organization: Option<Uuid>) -> Result<Self, StoreError> {
        idpsync::group_settings(&cx.deployment.config.idp_sync, db, organization.unwrap_or_default())
    }
    fn write(&self, db: &Db, organization: Option<Uuid>) -> Result<(), StoreError> {
        idpsync::set_group_settings(db, organization.unwrap_or_default(), self)
    }
    fn is_kept(db: &Db, organization: Option<Uuid>) -> Result<bool, StoreError> {
        idpsync::keeps_group_settings(db, organization.unwrap_or_default())
    }
    fn logged(&self, is_kept: bool) -> Settings {
        Settings::new(Self::RESOURCE, "Organization Group Sync")
            .with("field", self.field.as_str())
            .with("mapping", mapping(&self.mapping, is_kept))
            .with("regex_filter", Json(&self.regex_filter))
            .with("auto_create_missing_groups", self.auto_create_missing_groups)
    }
}

impl Kind for RoleSyncSettings {
    const RESOURCE: ResourceType = ResourceType::IdpSyncSettingsRole;
    fn read(_: &Cx, db: &Db, organization: Option<Uuid>) -> Result<Self, StoreError> {
        idpsync::role_settings(db, organization.unwrap_or_default())
    }
    fn write(&self, db: &Db, organization: Option<Uuid>) -> Result<(), StoreError> {
        idpsync::set_role_settings(db, organization.unwrap_or_default(), self)
    }
    fn is_kept(db: &Db, organization: Option<Uuid>) -> Result<bool, StoreError> {
        idpsync::keeps_role_settings(db, organization.unwrap_or_default())
    }
    fn logged(&self, is_kept: bool) -> Settings {
        Settings::new(Self::RESOURCE, "Organization Role Sync")
            .with("field", self.field.as_str())
            .with("mapping", mapping(&self.mapping, is_kept))
    }
}

fn mapping<T: serde::Serialize>(mapping: &Mapping<T>, is_kept: bool) -> Option<Json<&Mapping<T>>> {
    (is_kept || !mapping.is_empty()).then_some(Json(mapping))
}

fn object(organization: Option<Uuid>) -> Object {
    let settings = Object::of(Resource::IdpsyncSettings);
    match organization {
        Some(id) => settings.org(id),
        None => settings,
    }
}

fn show<K: Kind>(cx: &Cx, organization: Option<Uuid>) -> Reply {
    cx.db().require(Action::Read, &object(organization)).or_forbidden()?;
    reply::ok(&K::read(cx, &cx.system_db(), organization)?)
}

/// Changes settings by what the body says, from what they are at that moment.
fn change<K: Kind, B: Validate + serde::de::DeserializeOwned + Clone>(
    cx: &Cx,
    organization: Option<Uuid>,
    by: impl Fn(B, K) -> Result<K, Error>,
) -> Reply {
    let audit: Audit = cx.audit(K::RESOURCE, AuditAction::Write);
    if let Some(id) = organization {
        audit.organization(id);
    }
    cx.db().require(Action::Update, &object(organization)).or_forbidden()?;
    let body: B = cx.body()?;
    let changed = cx.system_db().tx::<_, Error>(|db| {
        let before = K::read(cx, db, organization)?;
        audit.before(&before.logged(K::is_kept(db, organization)?));
        let changed = by(body.clone(), before)?;
        changed.write(db, organization)?;
        Ok(changed)
    })?;
    audit.after(&changed.logged(true));
    reply::ok(&changed)
}

fn organization(cx: &Cx) -> Result<Option<Uuid>, Error> {
    Ok(Some(lookup::organization(cx)?.id))
}

/// An expression that cannot be read would keep everybody's groups as they are, unnoticed.
fn readable(regex: &Option<String>) -> Result<(), Error> {
    match regex.as_deref().map(Regex::new) {
        Some(Err(e)) => Err(Error::bad("The body of the request is not JSON.").detail(format!("regex_filter: {e}"))),
        _ => Ok(()),
    }
}

/// Organizations by claim.
fn get_organizations(cx: &Cx) -> Reply {
    show::<OrganizationSyncSettings>(cx, None)
}

/// Changes all of that.
fn patch_organizations(cx: &Cx) -> Reply {
    change(cx, None, |body: OrganizationSyncSettings, _: OrganizationSyncSettings| Ok(body))
}

/// Changes which claim, and who is in the default organization.
fn patch_organizations_config(cx: &Cx) -> Reply {
    change(cx, None, |body: PatchOrganizationIDPSyncConfigRequest, now: OrganizationSyncSettings| {
        Ok(OrganizationSyncSettings {
            field: body.field,
            organization_assign_default: body.assign_default,
            mapping: now.mapping,
        })
    })
}

/// Changes what the claim's values stand for.
fn patch_organizations_mapping(cx: &Cx) -> Reply {
    change(cx, None, |body: PatchOrganizationIDPSyncMappingRequest, now: OrganizationSyncSettings| {
        Ok(OrganizationSyncSettings { mapping: body.apply(now.mapping.clone()), ..now })
    })
}

/// Groups by claim.
fn get_groups(cx: &Cx) -> Reply {
    show::<GroupSyncSettings>(cx, organization(cx)?)
}

/// Changes all of that.
fn patch_groups(cx: &Cx) -> Reply {
    change(cx, organization(cx)?, |body: GroupSyncSettings, _: GroupSyncSettings| {
        readable(&body.regex_filter)?;
        if !body.legacy_group_name_mapping.is_empty() {
            let message = "legacy_group_name_mapping cannot be set any more.";
            return Err(Error::invalid(message, "legacy_group_name_mapping", "must be left out or empty")
                .detail("Use mapping, which names groups by their ids."));
        }
        Ok(body)
    })
}

/// Changes which claim, and which of its values count.
fn patch_groups_config(cx: &Cx) -> Reply {
    change(cx, organization(cx)?, |body: PatchGroupIDPSyncConfigRequest, now: GroupSyncSettings| {
        readable(&body.regex_filter)?;
        Ok(GroupSyncSettings {
            field: body.field,
            regex_filter: body.regex_filter,
            auto_create_missing_groups: body.auto_create_missing_groups,
            ..now
        })
    })
}

/// Changes what the claim's values stand for.
fn patch_groups_mapping(cx: &Cx) -> Reply {
    change(cx, organization(cx)?, |body: PatchGroupIDPSyncMappingRequest, now: GroupSyncSettings| {
        Ok(GroupSyncSettings { mapping: body.apply(now.mapping.clone()), ..now })
    })
}

/// Roles by claim.
fn get_roles(cx: &Cx) -> Reply {
    show::<RoleSyncSettings>(cx, organization(cx)?)
}

/// Changes all of that.
fn patch_roles(cx: &Cx) -> Reply {
    change(cx, organization(cx)?, |body: RoleSyncSettings, _: RoleSyncSettings| Ok(body))
}

/// Changes which claim.
fn patch_roles_config(cx: &Cx) -> Reply {
    change(cx, organization(cx)?, |body: PatchRoleIDPSyncConfigRequest, now: RoleSyncSettings| {
        Ok(RoleSyncSettings { field: body.field, ..now })
    })
}

/// Changes what the claim's values stand for.
fn patch_roles_mapping(cx: &Cx) -> Reply {
    change(cx, organization(cx)?, |body: PatchRoleIDPSyncMappingRequest, now: RoleSyncSettings| {
        Ok(RoleSyncSettings { mapping: body.apply(now.mapping.clone()), ..now })
    })
}

/// The claims that anybody has had.
fn get_fields(cx: &Cx) -> Reply {
    show_fields(cx, None)
}

/// The claims that members have had.
fn get_organization_fields(cx: &Cx) -> Reply {
    show_fields(cx, organization(cx)?)
}

/// What a claim has held of anybody.
fn get_values(cx: &Cx) -> Reply {
    show_values(cx, None)
}

/// What a claim has held of members.
fn get_organization_values(cx: &Cx) -> Reply {
    show_values(cx, organization(cx)?)
}

fn show_fields(cx: &Cx, organization: Option<Uuid>) -> Reply {
    let fields = cx.db().oidc_claim_fields(organization).map_err(|e| unreadable(e, "which claims there have been"))?;
    reply::ok(&Some(fields).filter(|fields| !fields.is_empty()))
}

fn show_values(cx: &Cx, organization: Option<Uuid>) -> Reply {
    let claim = cx.query("claimField");
    if claim.is_empty() {
        return Err(Error::bad("Say by claimField which claim is meant."));
    }
    let values = cx.db().oidc_claim_field_values(organization, claim);
    reply::ok(&values.map_err(|e| unreadable(e, "what a claim has held"))?)
}

fn unreadable(e: StoreError, what: &str) -> Error {
    match e {
        StoreError::Denied(_) => {
            Error::new(403, format!("You may not see {what}.")).detail("Only who may read idpsync_settings may.")
        }
        e => e.into(),
    }
}
