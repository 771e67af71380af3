//! The form of a template version's parameters, as answers change it.

#![allow(missing_docs, reason = "the fields are the API's own")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::validate::Validate;
use crate::wire_enum;

/// Answers so far, numbered so that a reply can be matched.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DynamicParametersRequest {
    pub id: i64,
    pub inputs: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Uuid>,
}

impl Validate for DynamicParametersRequest {}

/// The form that these answers give, and what is wrong with them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DynamicParametersResponse {
    pub id: i64,
    pub diagnostics: Vec<FriendlyDiagnostic>,
    pub parameters: Option<Vec<PreviewParameter>>,
}

/// What is wrong or odd, for people.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FriendlyDiagnostic {
    pub severity: DiagnosticSeverityString,
    pub summary: String,
    pub detail: String,
    pub extra: DiagnosticExtra,
}

/// The same, for programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiagnosticExtra {
    pub code: String,
}

/// One question of the form.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviewParameter {
    pub name: String,
    pub display_name: String,
    pub description: String,
    pub r#type: OptionType,
    pub form_type: ParameterFormType,
    pub styling: PreviewParameterStyling,
    pub mutable: bool,
    pub default_value: NullHCLString,
    pub icon: String,
    pub options: Vec<PreviewParameterOption>,
    pub validations: Vec<PreviewParameterValidation>,
    pub required: bool,
    pub order: i64,
    pub ephemeral: bool,
    pub value: NullHCLString,
    pub diagnostics: Vec<FriendlyDiagnostic>,
}

/// How the question looks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviewParameterStyling {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_input: Option<bool>,
}

/// One answer to choose.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviewParameterOption {
    pub name: String,
    pub description: String,
    pub value: NullHCLString,
    pub icon: String,
}

/// A rule for answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviewParameterValidation {
    pub validation_error: String,
    pub validation_regex: Option<String>,
    pub validation_min: Option<i64>,
    pub validation_max: Option<i64>,
    pub validation_monotonic: Option<String>,
}

/// A text that may be unknown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NullHCLString {
    pub value: String,
    pub valid: bool,
}

wire_enum! {
    /// How grave a diagnostic is.
    pub enum DiagnosticSeverityString {
        Error = "error",
        Warning = "warning",
    }
}

wire_enum! {
    /// What kind of value a parameter takes.
    pub enum OptionType {
        Bool = "bool",
        ListString = "list(string)",
        Number = "number",
        String = "string",
    }
}

wire_enum! {
    /// How a parameter is asked for.
    pub enum ParameterFormType {
        Checkbox = "checkbox",
        Unset = "",
        Dropdown = "dropdown",
        Error = "error",
        Input = "input",
        MultiSelect = "multi-select",
        Radio = "radio",
        Slider = "slider",
        Switch = "switch",
        TagSelect = "tag-select",
        Textarea = "textarea",
    }
}
