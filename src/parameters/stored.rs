//! The form of a version whose parameters were stored at its import: always the same parameters, with
//! the values that were chosen or else their defaults. It knows no tags.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::diagnostics::warning;
use super::parameter::{self, PLAIN};
use super::{Rendered, Renderer};
use crate::sdk::{
    NullHCLString, OptionType, ParameterFormType, PreviewParameter, PreviewParameterOption, PreviewParameterValidation,
};
use crate::store;
use crate::store::queries::template_versions::TemplateVersionParameter;

/// The form of stored parameters.
#[derive(Debug, Clone)]
pub struct StoredForm {
    parameters: Vec<PreviewParameter>,
}

impl StoredForm {
    /// Of these parameters.
    pub fn new(rows: Vec<TemplateVersionParameter>) -> StoredForm {
        StoredForm { parameters: rows.into_iter().map(show).collect() }
    }
}

impl Renderer for StoredForm {
    fn render(&self, _: Uuid, values: &BTreeMap<String, String>) -> Result<Rendered, store::Error> {
        let mut parameters = self.parameters.clone();
        for p in &mut parameters {
            if let Some(chosen) = values.get(&p.name) {
                p.value = known(chosen);
            }
            p.diagnostics = parameter::check(p, Some(&p.value.value)).into_iter().collect();
        }
        // The form works, but it cannot change with what is chosen.
        let odd = warning(
            "This version's parameters are fixed: its import kept nothing to work them out anew.",
            "Importing the template again as a new version makes its form dynamic.",
        );
        Ok(Rendered { parameters: Some(parameters), diagnostics: vec![odd], ..Rendered::default() })
    }
}

fn show(row: TemplateVersionParameter) -> PreviewParameter {
    let of = OptionType::parse(&row.r#type).unwrap_or(OptionType::String);
    let options = row.options.0.iter().map(|o| PreviewParameterOption {
        name: o.name.clone(),
        description: o.description.clone(),
        value: known(&o.value),
        icon: o.icon.clone(),
    });
    let form_type = parameter::form_type(of, !row.options.0.is_empty(), Some(row.form_type));
    PreviewParameter {
        validations: validations(&row),
        options: options.collect(),
        name: row.name,
        display_name: row.display_name,
        description: row.description,
        r#type: of,
        form_type: form_type.unwrap_or(ParameterFormType::Error),
        styling: PLAIN,
        mutable: row.mutable,
        default_value: known(&row.default_value),
        icon: row.icon,
        required: row.required,
        order: i64::from(row.display_order),
        ephemeral: row.ephemeral,
        value: known(&row.default_value),
        diagnostics: Vec::new(),
    }
}

fn known(text: &str) -> NullHCLString {
    NullHCLString { value: text.to_owned(), valid: true }
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
