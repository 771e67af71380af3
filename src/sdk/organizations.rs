//! Organizations, who is in them, and their settings.

#![allow(missing_docs, reason = "the fields are the API's own")]

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::roles::SlimRole;
use super::validate::{Checks, Rule, Validate};
use crate::time::Time;

/// An organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Organization {
    pub id: Uuid,
    pub name: String,
    pub display_name: String,
    pub icon: String,
    pub description: String,
    pub created_at: Time,
    pub updated_at: Time,
    pub is_default: bool,
}

/// As much of an organization as a list needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MinimalOrganization {
    pub id: Uuid,
    pub name: String,
    pub display_name: String,
    pub icon: String,
}

/// Makes an organization.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateOrganizationRequest {
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
}

impl Validate for CreateOrganizationRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("name", &self.name, &[Rule::Required, Rule::Name]);
        checks.field("display_name", &self.display_name, &[Rule::MayBeEmpty, Rule::DisplayName]);
    }
}

/// Changes what is given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateOrganizationRequest {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
}

impl Validate for UpdateOrganizationRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("name", &self.name, &[Rule::MayBeEmpty, Rule::Name]);
        checks.field("display_name", &self.display_name, &[Rule::MayBeEmpty, Rule::DisplayName]);
    }
}

/// Someone in an organization, and as what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrganizationMember {
    pub user_id: Uuid,
    pub organization_id: Uuid,
    pub created_at: Time,
    pub updated_at: Time,
    pub roles: Vec<SlimRole>,
}

/// A member and who that is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrganizationMemberWithUserData {
    pub user_id: Uuid,
    pub organization_id: Uuid,
    pub created_at: Time,
    pub updated_at: Time,
    pub roles: Vec<SlimRole>,
    pub username: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub avatar_url: String,
    pub email: String,
    pub global_roles: Vec<SlimRole>,
}

/// A page of members, and how many there are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PaginatedMembersResponse {
    pub members: Vec<OrganizationMemberWithUserData>,
    pub count: i64,
}

/// Whether workspaces of an organization may be shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkspaceSharingSettings {
    pub sharing_disabled: bool,
}

impl Validate for WorkspaceSharingSettings {}

/// What a user's workspaces may cost a day, and do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkspaceQuota {
    pub credits_consumed: i64,
    pub budget: i64,
}
