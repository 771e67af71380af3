//! Roles and what they permit; asking what one may do.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::validate::{Checks, Rule, Validate};
use super::wire::is_default;

/// A role with its permissions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Role {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<Uuid>,
    pub display_name: String,
    pub site_permissions: Vec<Permission>,
    pub user_permissions: Vec<Permission>,
    pub organization_permissions: Vec<Permission>,
    pub organization_member_permissions: Option<Vec<Permission>>,
}

/// A role's name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SlimRole {
    pub name: String,
    pub display_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub organization_id: String,
}

/// A role, and whether the reader may give it to someone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AssignableRoles {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<Uuid>,
    pub display_name: String,
    pub site_permissions: Vec<Permission>,
    pub user_permissions: Vec<Permission>,
    pub organization_permissions: Vec<Permission>,
    pub organization_member_permissions: Option<Vec<Permission>>,
    pub assignable: bool,
    pub built_in: bool,
}

/// One action on one kind of thing, allowed or (negated) not.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Permission {
    pub negate: bool,
    pub resource_type: String,
    pub action: String,
}

/// Makes or changes an organization's own role.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomRoleRequest {
    pub name: String,
    pub display_name: String,
    pub site_permissions: Vec<Permission>,
    pub user_permissions: Vec<Permission>,
    pub organization_permissions: Vec<Permission>,
    pub organization_member_permissions: Option<Vec<Permission>>,
}

impl Validate for CustomRoleRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("name", &self.name, &[Rule::Name]);
    }
}

/// Questions by name: may I?
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationRequest {
    pub checks: BTreeMap<String, AuthorizationCheck>,
}

impl Validate for AuthorizationRequest {}

/// May I do this to that?
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationCheck {
    pub object: AuthorizationObject,
    pub action: String,
}

/// What is asked about: one thing, or all that fit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationObject {
    pub resource_type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub organization_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub any_org: bool,
}
