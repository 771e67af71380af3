//! What an identity provider decides about a user who signs in: in which organizations, in which of their
//! groups and with which roles. Settings are kept in the database, for the deployment or an organization;
//! until somebody changes them there, those of the configuration hold. Who may change them is the API's to
//! ask; everything here acts as the server itself. Start at [`apply`]. What the provider decides for those who
//! sign in through it (`decides_...`), the API refuses to change by hand: it would last until they next sign in.

mod groups;
mod roles;
mod settings;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::config::Config;
use crate::deployment::Deployment;
use crate::licensing::entitled;
use crate::sdk::FeatureName;
use crate::store::queries::organizations::OrganizationMember;
use crate::store::queries::users::User;
use crate::store::{self, Db};

pub use settings::{
    group_settings, keeps_group_settings, keeps_role_settings, organization_settings, role_settings,
    set_group_settings, set_organization_settings, set_role_settings,
};

/// What a provider says of a user.
pub type Claims = Map<String, Value>;

/// Why somebody may not sign in.
#[derive(Debug, thiserror::Error)]
pub enum NotAllowed {
    /// The user is in none of the groups that it takes.
    #[error("None of your groups may sign in here. Ask an administrator to add one of them to the list.")]
    NoAllowedGroup,
    /// The claim with groups cannot be read.
    #[error("The claim with your groups cannot be read: {0}")]
    Groups(String),
    /// The claim with roles cannot be read.
    #[error("The claim with your roles cannot be read: {0}. Until it can, nobody can sign in whose roles it decides.")]
    Roles(String),
}

/// Whether somebody may sign in at all: by group, and with roles that can be read.
pub fn admit(config: &Config, claims: &Claims) -> Result<(), NotAllowed> {
    let sync = &config.idp_sync;
    if !sync.group_field.is_empty() && !sync.group_allow_list.is_empty() {
        let groups = texts(claims.get(&sync.group_field)).map_err(NotAllowed::Groups)?;
        if !groups.iter().any(|group| sync.group_allow_list.contains(group)) {
            return Err(NotAllowed::NoAllowedGroup);
        }
    }
    if decides_roles(config) {
        texts(claims.get(&sync.role_field)).map_err(NotAllowed::Roles)?;
    }
    Ok(())
}

/// Whether the provider decides who has which roles in the deployment.
pub fn decides_roles(config: &Config) -> bool {
    entitled(config, FeatureName::UserRoleManagement) && !config.idp_sync.role_field.is_empty()
}

/// Whether the provider decides who is in which organization.
pub fn decides_organizations(config: &Config, db: &Db) -> Result<bool, store::Error> {
    Ok(entitled(config, FeatureName::MultipleOrganizations)
        && !organization_settings(&config.idp_sync, db)?.field.is_empty())
}

/// Whether the provider decides who has which roles in an organization.
pub fn decides_roles_of(config: &Config, db: &Db, organization: Uuid) -> Result<bool, store::Error> {
    Ok(entitled(config, FeatureName::UserRoleManagement) && !role_settings(db, organization)?.field.is_empty())
}

/// Makes a user a member of what the claims say; in the transaction of the sign-in. `db` is the server's own.
pub fn apply(deployment: &Deployment, db: &Db, user: &User, claims: &Claims) -> Result<(), store::Error> {
    let config = &deployment.config;
    if entitled(config, FeatureName::MultipleOrganizations) {
        sync_organizations(deployment, db, user, claims)?;
    }
    // Groups and roles are those of organizations that the user is in by now.
    if entitled(config, FeatureName::TemplateRbac) {
        groups::sync(deployment, db, user, claims)?;
    }
    if entitled(config, FeatureName::UserRoleManagement) {
        roles::sync(deployment, db, user, claims)?;
    }
    Ok(())
}

fn sync_organizations(deployment: &Deployment, db: &Db, user: &User, claims: &Claims) -> Result<(), store::Error> {
    let settings = organization_settings(&deployment.config.idp_sync, db)?;
    if settings.field.is_empty() {
        return Ok(());
    }
    let mut expected: Vec<Uuid> = Vec::new();
    if settings.organization_assign_default {
        expected.push(db.get_default_organization()?.id);
    }
    let given = texts(claims.get(&settings.field))
        .map_err(|why| store::Error::Refused(format!("the claim with organizations cannot be read: {why}")))?;
    expected.extend(given.iter().filter_map(|name| settings.mapping.get(name)).flatten().flatten());
    let living = db.get_organizations_by_ids(&expected)?;
    let expected: Vec<Uuid> = living.iter().filter(|o| !o.deleted).map(|o| o.id).collect();
    let present: Vec<Uuid> = db.get_memberships_of_user(user.id)?.iter().map(|m| m.organization_id).collect();
    let now = deployment.clock.now();
    for organization_id in expected.iter().copied().filter(|id| !present.contains(id)) {
        db.insert_organization_member(&OrganizationMember {
            user_id: user.id,
            organization_id,
            created_at: now,
            updated_at: now,
            roles: Vec::new(),
        })?;
    }
    for id in present.iter().filter(|id| !expected.contains(id)) {
        db.delete_organization_member(user.id, *id)?;
    }
    Ok(())
}

/// The texts of a claim: a list of them or, as some providers write it, a single one. Who has none may have no
/// claim at all.
fn texts(claim: Option<&Value>) -> Result<Vec<String>, String> {
    match claim {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) if text.contains(',') => {
            Err("it is one text with commas; have the provider send a list".to_owned())
        }
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| "it holds what is no text".to_owned()))
            .collect(),
        Some(_) => Err("it is no list of texts".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn claims_are_lists_of_texts_or_one() {
        for (claim, want) in [
            (json!(["a", "b"]), Some(vec!["a", "b"])),
            (json!("a"), Some(vec!["a"])),
            (json!(""), Some(vec![])),
            (json!(null), Some(vec![])),
            (json!([]), Some(vec![])),
            (json!("a,b"), None),
            (json!(["a", 1]), None),
            (json!({"a": "b"}), None),
            (json!(true), None),
        ] {
            let got = texts(Some(&claim)).ok();
            assert_eq!(got, want.map(|all| all.into_iter().map(str::to_owned).collect::<Vec<_>>()), "{claim}");
        }
        assert_eq!(texts(None), Ok(Vec::new()));
    }
}
