//! What a role that somebody makes for an organization may hold: nothing that its maker does not.

use std::borrow::Cow;

use serde::Deserialize;
use uuid::Uuid;

use crate::rbac::{Action, Object, Resource, Subject};

/// A permission as a client asks for it; its names may be no names.
#[derive(Deserialize)]
struct Wanted<'a> {
    #[serde(default)]
    negate: bool,
    #[serde(borrow)]
    resource_type: Cow<'a, str>,
    #[serde(borrow)]
    action: Cow<'a, str>,
}

/// Whether a permission names a kind of thing and one of its actions; either may be `*`. The error
/// says which of the two is wrong.
pub fn valid_permission(resource_type: &str, action: &str) -> Result<(), String> {
    if resource_type == "*" {
        return Ok(());
    }
    let resource =
        Resource::parse(resource_type).ok_or_else(|| format!("there is no resource type {resource_type:?}"))?;
    let defined = Action::parse(action).is_some_and(|a| resource.actions().contains(&a));
    if action == "*" || defined {
        return Ok(());
    }
    Err(format!("resource type {resource_type:?} has no action {action:?}"))
}

/// Whether `maker` may put these permissions (JSON as the API has them) into a role of the organization.
/// The error says which of them it may not, and why.
pub fn check_custom(maker: &Subject, organization_id: Uuid, permissions: &serde_json::Value) -> Result<(), String> {
    let wanted = Vec::<Wanted<'_>>::deserialize(permissions).map_err(|e| e.to_string())?;
    wanted.iter().try_for_each(|w| valid_permission(&w.resource_type, &w.action))?;
    for w in &wanted {
        let refuse = |why| Err(format!("the permission {:?} on {:?} {why}", w.action, w.resource_type));
        if w.negate {
            return refuse("is negative, which roles of one's own cannot be");
        }
        let (Some(resource), Some(action)) = (Resource::parse(&w.resource_type), Action::parse(&w.action)) else {
            return refuse("holds a wildcard, which could come to mean more than it does today");
        };
        if !maker.can(action, &Object::of(resource).org(organization_id)) {
            return refuse("is not yours to give: you do not have it yourself");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rbac::{RoleRef, ScopeSpec, SubjectSpec};

    #[test]
    fn a_role_holds_nothing_that_its_maker_does_not() {
        let org = Uuid::from_u128(7);
        let roles = vec![RoleRef::Org("organization-template-admin".into(), org)];
        let (id, name, scope) = (Uuid::from_u128(1), "ann".to_owned(), ScopeSpec::all());
        let maker = SubjectSpec { id, name, roles, custom: vec![], groups: vec![], scope }.compile().unwrap();
        for (negate, kind, action, want) in [
            (false, "template", "update", None),
            (true, "template", "update", Some("negative")),
            (false, "*", "read", Some("wildcard")),
            (false, "template", "*", Some("wildcard")),
            (false, "template", "fly", Some("no action")),
            (false, "castle", "read", Some("no resource type")),
            (false, "license", "read", Some("not yours")),
            (false, "user_secret", "read", Some("not yours")),
        ] {
            let list = json!([{"negate": negate, "resource_type": kind, "action": action}]);
            let got = check_custom(&maker, org, &list).err();
            assert_eq!(got.is_some(), want.is_some(), "{list}");
            assert!(got.is_none_or(|got| got.contains(want.unwrap_or_default())), "{list}");
        }
        let elsewhere = json!([{"resource_type": "template", "action": "update"}]);
        assert!(check_custom(&maker, Uuid::from_u128(8), &elsewhere).is_err());
    }
}
