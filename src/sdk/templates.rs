//! Templates, who may use them, and what one asks of its workspaces.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::groups::{Group, GroupSource};
use super::provisioner_jobs::ProvisionerType;
use super::roles::SlimRole;
use super::sessions::LoginType;
use super::users::{ReducedUser, UserStatus};
use super::validate::{Checks, Rule, Validate};
use super::wire::{Word, is_default};
use super::workspace_agents::WorkspaceAgentPortShareLevel;
use crate::time::Time;
use crate::wire_enum;

/// A template.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Template {
    pub id: Uuid,
    pub created_at: Time,
    pub updated_at: Time,
    pub organization_id: Uuid,
    pub organization_name: String,
    pub organization_display_name: String,
    pub organization_icon: String,
    pub name: String,
    pub display_name: String,
    pub provisioner: ProvisionerType,
    pub active_version_id: Uuid,
    pub active_user_count: i64,
    pub build_time_stats: BTreeMap<String, TransitionStats>,
    pub description: String,
    pub deprecated: bool,
    pub deprecation_message: String,
    pub icon: String,
    pub default_ttl_ms: i64,
    pub activity_bump_ms: i64,
    pub autostop_requirement: TemplateAutostopRequirement,
    pub autostart_requirement: TemplateAutostartRequirement,
    pub created_by_id: Uuid,
    pub created_by_name: String,
    pub allow_user_autostart: bool,
    pub allow_user_autostop: bool,
    pub allow_user_cancel_workspace_jobs: bool,
    pub failure_ttl_ms: i64,
    pub time_til_dormant_ms: i64,
    pub time_til_dormant_autodelete_ms: i64,
    pub require_active_version: bool,
    pub max_port_share_level: WorkspaceAgentPortShareLevel,
    pub cors_behavior: CORSBehavior,
    pub use_classic_parameter_flow: bool,
}

/// Makes a template of a version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateTemplateRequest {
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
    pub template_version_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_ttl_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity_bump_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autostop_requirement: Option<TemplateAutostopRequirement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autostart_requirement: Option<TemplateAutostartRequirement>,
    pub allow_user_cancel_workspace_jobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_user_autostart: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_user_autostop: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_ttl_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dormant_ttl_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_ttl_ms: Option<i64>,
    pub disable_everyone_group_access: bool,
    pub require_active_version: bool,
    pub max_port_share_level: Option<Word<WorkspaceAgentPortShareLevel>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_use_classic_parameter_flow: Option<bool>,
    pub cors_behavior: Option<Word<CORSBehavior>>,
}

impl Validate for CreateTemplateRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("name", &self.name, &[Rule::Name, Rule::Required]);
        checks.field("display_name", &self.display_name, &[Rule::DisplayName]);
        checks.field("description", &self.description, &[Rule::ShorterThan(128)]);
        checks.field("template_version_id", &self.template_version_id, &[Rule::Required]);
    }
}

/// Changes a template's settings; what is left out falls back to its zero value.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateTemplateMeta {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub default_ttl_ms: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub activity_bump_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autostop_requirement: Option<TemplateAutostopRequirement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autostart_requirement: Option<TemplateAutostartRequirement>,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_user_autostart: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_user_autostop: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_user_cancel_workspace_jobs: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub failure_ttl_ms: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub time_til_dormant_ms: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub time_til_dormant_autodelete_ms: i64,
    pub update_workspace_last_used_at: bool,
    pub update_workspace_dormant_at: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub require_active_version: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecation_message: Option<String>,
    pub disable_everyone_group_access: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_port_share_level: Option<Word<WorkspaceAgentPortShareLevel>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors_behavior: Option<Word<CORSBehavior>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_classic_parameter_flow: Option<bool>,
}

impl Validate for UpdateTemplateMeta {
    fn validate(&self, checks: &mut Checks) {
        checks.field("name", &self.name, &[Rule::MayBeEmpty, Rule::Name]);
        checks.field("display_name", &self.display_name, &[Rule::MayBeEmpty, Rule::DisplayName]);
    }
}

/// On which days workspaces must stop.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TemplateAutostopRequirement {
    pub days_of_week: Vec<String>,
    pub weeks: i64,
}

/// On which days workspaces may start by themselves.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TemplateAutostartRequirement {
    pub days_of_week: Vec<String>,
}

/// How long builds of one kind took, in milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransitionStats {
    #[serde(rename = "P50")]
    pub p50: Option<i64>,
    #[serde(rename = "P95")]
    pub p95: Option<i64>,
}

/// A template that comes with the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TemplateExample {
    pub id: String,
    pub url: String,
    pub name: String,
    pub description: String,
    pub icon: String,
    pub tags: Vec<String>,
    pub markdown: String,
}

/// How many people were active on each day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DAUsResponse {
    pub entries: Vec<DAUEntry>,
    pub tz_hour_offset: i64,
}

/// One day of them, as `2026-01-31`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DAUEntry {
    pub date: String,
    pub amount: i64,
}

/// Who may use a template.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TemplateACL {
    pub users: Vec<TemplateUser>,
    pub group: Vec<TemplateGroup>,
}

/// A user, and what they may do with a template.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TemplateUser {
    pub id: Uuid,
    pub username: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub avatar_url: String,
    pub email: String,
    pub created_at: Time,
    pub updated_at: Time,
    pub last_seen_at: Time,
    pub status: UserStatus,
    pub login_type: LoginType,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub theme_preference: String,
    pub organization_ids: Option<Vec<Uuid>>,
    pub roles: Vec<SlimRole>,
    pub role: TemplateRole,
}

/// A group, and what its members may do with a template.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TemplateGroup {
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
    pub role: TemplateRole,
}

/// Gives and (with an empty role) takes roles.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateTemplateACL {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub user_perms: BTreeMap<String, Word<TemplateRole>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub group_perms: BTreeMap<String, Word<TemplateRole>>,
}

impl Validate for UpdateTemplateACL {}

/// Who could be given a role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ACLAvailable {
    pub users: Vec<ReducedUser>,
    pub groups: Vec<Group>,
}

/// Makes a version the one that new workspaces get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateActiveTemplateVersion {
    pub id: Uuid,
}

impl Validate for UpdateActiveTemplateVersion {
    fn validate(&self, checks: &mut Checks) {
        checks.field("id", &self.id, &[Rule::Required]);
    }
}

/// Archives what no workspace uses.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ArchiveTemplateVersionsRequest {
    pub all: bool,
}

impl Validate for ArchiveTemplateVersionsRequest {}

/// What was archived.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ArchiveTemplateVersionsResponse {
    pub template_id: Uuid,
    pub archived_ids: Option<Vec<Uuid>>,
}

/// The presets whose prebuilt workspaces are replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InvalidatePresetsResponse {
    pub invalidated: Vec<InvalidatedPreset>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InvalidatedPreset {
    pub template_name: String,
    pub template_version_name: String,
    pub preset_name: String,
}

wire_enum! {
    /// What one may do with a template; unset to take it away.
    pub enum TemplateRole {
        Admin = "admin",
        Unset = "",
        Use = "use",
    }
}

wire_enum! {
    /// Who answers preflight requests to an app.
    pub enum CORSBehavior {
        Passthru = "passthru",
        Simple = "simple",
    }
}
