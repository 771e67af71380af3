//! The groups of a user, in each organization that takes them from a claim.

use regex::Regex;
use uuid::Uuid;

use super::{Claims, group_settings, texts};
use crate::deployment::Deployment;
use crate::sdk::{GroupSource, GroupSyncSettings};
use crate::store::queries::groups::{EVERYONE, Group};
use crate::store::queries::users::User;
use crate::store::{Db, Error, Where};

/// What a claim asks for: groups by id and, where nothing else is said, by name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    ids: Vec<Uuid>,
    names: Vec<String>,
}

pub(super) fn sync(deployment: &Deployment, db: &Db, user: &User, claims: &Claims) -> Result<(), Error> {
    let mut present = Where::new();
    present.and_with("EXISTS (SELECT 1 FROM group_members m WHERE m.group_id = g.id AND m.user_id = ?)", user.id);
    let present = db.get_groups(&present)?;
    for member in db.get_memberships_of_user(user.id)? {
        let organization = member.organization_id;
        let settings = group_settings(&deployment.config.idp_sync, db, organization)?;
        if settings.field.is_empty() {
            continue;
        }
        // An organization whose settings are wrong keeps nobody from signing in elsewhere.
        let expected = match expected(&settings, claims) {
            Ok(expected) => expected,
            Err(why) => {
                log::warn!(target: "idpsync", organization:% = organization, user = user.username.as_str(); "groups are left as they are: {why}");
                continue;
            }
        };
        if settings.auto_create_missing_groups {
            for name in &expected.names {
                create_if_missing(deployment, db, organization, name)?;
            }
        }
        let mut wanted = expected.ids;
        if !expected.names.is_empty() {
            let mut which = Where::new();
            which.and_with("g.organization_id = ?", organization);
            let named = db.get_groups(&which)?.into_iter().filter(|group| expected.names.contains(&group.name));
            wanted.extend(named.map(|group| group.id));
        }
        let held: Vec<Uuid> = present.iter().filter(|g| g.organization_id == organization).map(|g| g.id).collect();
        // Everybody is in the group of everybody without being put there.
        wanted.retain(|id| *id != organization);
        let lost: Vec<Uuid> = held.iter().copied().filter(|id| !wanted.contains(id)).collect();
        wanted.retain(|id| !held.contains(id));
        if !lost.is_empty() {
            db.remove_user_from_groups(user.id, &lost)?;
        }
        if !wanted.is_empty() {
            db.insert_user_groups_by_id(user.id, organization, &wanted)?;
        }
    }
    Ok(())
}

fn expected(settings: &GroupSyncSettings, claims: &Claims) -> Result<Expected, String> {
    let filter = settings.regex_filter.as_deref().map(Regex::new).transpose().map_err(|e| e.to_string())?;
    let mut expected = Expected::default();
    for given in texts(claims.get(&settings.field))? {
        let name = settings.legacy_group_name_mapping.get(&given).cloned().unwrap_or(given);
        if filter.as_ref().is_some_and(|filter| !filter.is_match(&name)) {
            continue;
        }
        match settings.mapping.get(&name) {
            Some(ids) => expected.ids.extend(ids.iter().flatten()),
            None => expected.names.push(name),
        }
    }
    Ok(expected)
}

fn create_if_missing(deployment: &Deployment, db: &Db, organization_id: Uuid, name: &str) -> Result<(), Error> {
    if name == EVERYONE {
        return Ok(());
    }
    let group = Group {
        id: deployment.ids.uuid(),
        name: name.to_owned(),
        organization_id,
        avatar_url: String::new(),
        quota_allowance: 0,
        display_name: String::new(),
        source: GroupSource::Oidc,
    };
    db.insert_missing_group(&group).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_claim_is_renamed_then_filtered_then_mapped() {
        let id = Uuid::from_u128(7);
        let settings: GroupSyncSettings = serde_json::from_value(json!({
            "field": "groups", "regex_filter": "^dev", "mapping": {"dev-a": [id], "dev-none": null},
            "legacy_group_name_mapping": {"old": "dev-a", "ops": "ops"},
        }))
        .unwrap();
        for (claim, ids, names) in [
            (json!(["dev-a"]), vec![id], vec![]),
            (json!(["old"]), vec![id], vec![]),
            (json!(["ops", "dev-b", "dev-none"]), vec![], vec!["dev-b"]),
            (json!("dev-b"), vec![], vec!["dev-b"]),
            (json!([]), vec![], vec![]),
        ] {
            let claims = json!({ "groups": claim });
            let got = expected(&settings, claims.as_object().unwrap()).unwrap();
            let names = names.into_iter().map(str::to_owned).collect();
            assert_eq!(got, Expected { ids, names }, "{claims}");
        }
        assert!(expected(&settings, json!({"groups": 7}).as_object().unwrap()).is_err());
    }
}
