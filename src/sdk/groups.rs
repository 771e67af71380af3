//! Groups of an organization's members.

#![allow(missing_docs, reason = "the fields are the API's own")]

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::users::ReducedUser;
use super::validate::{Checks, Rule, Validate};
use crate::wire_enum;

/// A group and who is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    pub id: Uuid,
    pub name: String,
    pub display_name: String,
    pub organization_id: Uuid,
    pub members: Vec<ReducedUser>,
    pub total_member_count: i64,
    pub avatar_url: String,
    pub quota_allowance: i64,
    pub source: GroupSource,
    pub organization_name: String,
    pub organization_display_name: String,
}

/// Makes a group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateGroupRequest {
    pub name: String,
    pub display_name: String,
    pub avatar_url: String,
    pub quota_allowance: i64,
}

impl Validate for CreateGroupRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("name", &self.name, &[Rule::Required, Rule::GroupName]);
        checks.field("display_name", &self.display_name, &[Rule::MayBeEmpty, Rule::DisplayName]);
    }
}

/// Changes what is given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatchGroupRequest {
    pub add_users: Vec<String>,
    pub remove_users: Vec<String>,
    pub name: String,
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
    pub quota_allowance: Option<i64>,
}

impl Validate for PatchGroupRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("name", &self.name, &[Rule::MayBeEmpty, Rule::GroupName]);
        checks.field("display_name", &self.display_name, &[Rule::MayBeEmpty, Rule::DisplayName]);
    }
}

wire_enum! {
    /// Who put the members into a group.
    pub enum GroupSource {
        Oidc = "oidc",
        User = "user",
    }
}
