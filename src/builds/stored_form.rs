//! The form of a version whose parameters were stored at its import: always the same parameters, with
//! the values that were chosen or else their defaults. Its tags are worked out from those values.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::parameters::{Rendered, Renderer, error};
use super::tags::TagExpressions;
use super::{Error, validate};
use crate::sdk::{
    DiagnosticExtra, DiagnosticSeverityString, FriendlyDiagnostic, NullHCLString, OptionType, PreviewParameter,
    PreviewParameterOption, PreviewParameterStyling, PreviewParameterValidation,
};
use crate::store::queries::template_versions::TemplateVersionParameter;

/// The form of stored parameters.
#[derive(Debug, Clone)]
pub struct StoredForm {
    parameters: Vec<TemplateVersionParameter>,
    tags: TagExpressions,
}

impl StoredForm {
    /// Of these parameters, with no tags.
    pub fn new(parameters: Vec<TemplateVersionParameter>) -> StoredForm {
        StoredForm { parameters, tags: TagExpressions::default() }
    }
    /// With these tags.
    pub fn with_tags(self, tags: TagExpressions) -> StoredForm {
        StoredForm { tags, ..self }
    }
}

impl Renderer for StoredForm {
    fn render(&self, _: Uuid, values: &BTreeMap<String, String>) -> Result<Rendered, Error> {
        let parameters: Vec<_> =
            self.parameters.iter().map(|p| show(p, values.get(&p.name).map(String::as_str))).collect();
        let of_form = parameters.iter().map(|p| (p.name.clone(), p.value.value.clone())).collect();
        Ok(Rendered { tags: self.tags.evaluate(&of_form)?, parameters, diagnostics: vec![missing_metadata()] })
    }
}

/// The form works, but it cannot change with what is chosen.
fn missing_metadata() -> FriendlyDiagnostic {
    FriendlyDiagnostic {
        severity: DiagnosticSeverityString::Warning,
        summary: "This version's parameters are fixed: its import kept nothing to work them out anew.".into(),
        detail: "Importing the template again as a new version makes its form dynamic.".into(),
        extra: DiagnosticExtra { code: String::new() },
    }
}

fn show(p: &TemplateVersionParameter, chosen: Option<&str>) -> PreviewParameter {
    let value = chosen.unwrap_or(&p.default_value);
    PreviewParameter {
        name: p.name.clone(),
        display_name: p.display_name.clone(),
        description: p.description.clone(),
        r#type: OptionType::parse(&p.r#type).unwrap_or(OptionType::String),
        form_type: p.form_type,
        styling: PreviewParameterStyling { placeholder: None, disabled: None, label: None, mask_input: None },
        mutable: p.mutable,
        default_value: known(&p.default_value),
        icon: p.icon.clone(),
        options: p
            .options
            .0
            .iter()
            .map(|o| PreviewParameterOption {
                name: o.name.clone(),
                description: o.description.clone(),
                value: known(&o.value),
                icon: o.icon.clone(),
            })
            .collect(),
        validations: validations(p),
        required: p.required,
        order: i64::from(p.display_order),
        ephemeral: p.ephemeral,
        value: known(value),
        diagnostics: wrong(p, chosen, value),
    }
}

fn known(text: &str) -> NullHCLString {
    NullHCLString { value: text.to_owned(), valid: true }
}

fn wrong(p: &TemplateVersionParameter, chosen: Option<&str>, value: &str) -> Vec<FriendlyDiagnostic> {
    if p.required && chosen.is_none() {
        return vec![error("Required parameter not provided", "The parameter has no default: give it a value.")];
    }
    if let Err(why) = validate::among_options(p, value) {
        return vec![error("Value must be a valid option", why)];
    }
    let kept = if validate::has_rules(p) { validate::by_rules(p, value, None) } else { validate::of_type(p, value) };
    match kept {
        Err(why) => vec![error(format!("Invalid parameter {}", p.name), why)],
        Ok(()) => Vec::new(),
    }
}

fn validations(p: &TemplateVersionParameter) -> Vec<PreviewParameterValidation> {
    let text = |t: &String| (!t.is_empty()).then(|| t.clone());
    if p.validation_error.is_empty() && p.validation_regex.is_empty() && p.validation_monotonic.is_empty() {
        return Vec::new();
    }
    vec![PreviewParameterValidation {
        validation_error: p.validation_error.clone(),
        validation_regex: text(&p.validation_regex),
        validation_min: p.validation_min.map(i64::from),
        validation_max: p.validation_max.map(i64::from),
        validation_monotonic: text(&p.validation_monotonic),
    }]
}
