//! Versions of templates, and what their import found.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::provisioner_jobs::{MatchedProvisioners, ProvisionerJob, ProvisionerStorageMethod, ProvisionerType};
use super::users::MinimalUser;
use super::validate::{Checks, Rule, Validate};
use super::wire::{Word, is_default};
use super::workspace_builds::WorkspaceBuildParameter;
use crate::time::Time;
use crate::wire_enum;

/// A version and how its import went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TemplateVersion {
    pub id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_id: Option<Uuid>,
    pub organization_id: Uuid,
    pub created_at: Time,
    pub updated_at: Time,
    pub name: String,
    pub message: String,
    pub job: ProvisionerJob,
    pub readme: String,
    pub created_by: MinimalUser,
    pub archived: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<TemplateVersionWarning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched_provisioners: Option<MatchedProvisioners>,
    pub has_external_agent: bool,
}

/// Imports a file as a version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateTemplateVersionRequest {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_id: Option<Uuid>,
    pub storage_method: Word<ProvisionerStorageMethod>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_id: Option<Uuid>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub example_id: String,
    pub provisioner: Word<ProvisionerType>,
    pub tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_variable_values: Vec<VariableValue>,
}

impl Validate for CreateTemplateVersionRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("name", &self.name, &[Rule::MayBeEmpty, Rule::TemplateVersionName]);
        checks.field("message", &self.message, &[Rule::ShorterThan(1_048_577)]);
        checks.field("storage_method", &self.storage_method, &[Rule::OneOf(&["file"]), Rule::Required]);
        checks.at_least_one([("file_id", &self.file_id), ("example_id", &self.example_id)]);
        checks.field("provisioner", &self.provisioner, &[Rule::OneOf(&["terraform", "echo"]), Rule::Required]);
    }
}

/// A value for a template's variable.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VariableValue {
    pub name: String,
    pub value: String,
}

/// Changes a version's name or message.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatchTemplateVersionRequest {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Validate for PatchTemplateVersionRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("name", &self.name, &[Rule::MayBeEmpty, Rule::TemplateVersionName]);
        checks.field("message", &self.message, &[Rule::MayBeEmpty, Rule::ShorterThan(1_048_577)]);
    }
}

/// Plans a version without a workspace.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateTemplateVersionDryRunRequest {
    pub workspace_name: String,
    pub rich_parameter_values: Vec<WorkspaceBuildParameter>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_variable_values: Vec<VariableValue>,
}

impl Validate for CreateTemplateVersionDryRunRequest {}

/// What a version asks of those who make a workspace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TemplateVersionParameter {
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    pub description: String,
    pub description_plaintext: String,
    pub r#type: String,
    pub form_type: String,
    pub mutable: bool,
    pub default_value: String,
    pub icon: String,
    pub options: Vec<TemplateVersionParameterOption>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub validation_error: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub validation_regex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_min: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_max: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_monotonic: Option<ValidationMonotonicOrder>,
    pub required: bool,
    pub ephemeral: bool,
}

/// One answer to choose.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TemplateVersionParameterOption {
    pub name: String,
    pub description: String,
    pub value: String,
    pub icon: String,
}

/// What a version asks of those who import it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TemplateVersionVariable {
    pub name: String,
    pub description: String,
    pub r#type: String,
    pub value: String,
    pub default_value: String,
    pub required: bool,
    pub sensitive: bool,
}

/// A login elsewhere that a version wants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TemplateVersionExternalAuth {
    pub id: String,
    pub r#type: String,
    pub display_name: String,
    pub display_icon: String,
    pub authenticate_url: String,
    pub authenticated: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub optional: bool,
}

/// Parameter values that go together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Preset {
    #[serde(rename = "ID")]
    pub id: Uuid,
    #[serde(rename = "Name")]
    pub name: String,
    #[serde(rename = "Parameters")]
    pub parameters: Option<Vec<PresetParameter>>,
    #[serde(rename = "Default")]
    pub default: bool,
    #[serde(rename = "DesiredPrebuildInstances")]
    pub desired_prebuild_instances: Option<i64>,
    #[serde(rename = "Description")]
    pub description: String,
    #[serde(rename = "Icon")]
    pub icon: String,
}

/// One of a preset's values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PresetParameter {
    #[serde(rename = "Name")]
    pub name: String,
    #[serde(rename = "Value")]
    pub value: String,
}

/// Whether prebuilt workspaces are being made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PrebuildsSettings {
    pub reconciliation_paused: bool,
}

impl Validate for PrebuildsSettings {}

wire_enum! {
    /// What is odd about a version.
    pub enum TemplateVersionWarning {
        UnsupportedWorkspaces = "UNSUPPORTED_WORKSPACES",
    }
}

wire_enum! {
    /// Which way a number may change from build to build.
    pub enum ValidationMonotonicOrder {
        Decreasing = "decreasing",
        Increasing = "increasing",
    }
}
