//! What a template says before anything is evaluated: its variables, and the provisioner tags it asks
//! for as they are written.

use std::collections::BTreeMap;

use hcl_edit::expr::ObjectKey;

use crate::provisioner::hcl::config::{Config, Variable};
use crate::provisioner::hcl::place::{Diagnostic, Result};
use crate::provisioner::hcl::value::{Data, Value};
use crate::provisioner::types::TemplateVariable;

/// The expressions of all `coder_workspace_tags`, by tag.
pub(super) fn raw(config: &Config) -> Result<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    let blocks = config.modules.first().into_iter().flat_map(|m| &m.resources);
    for block in blocks.filter(|r| r.of == "coder_workspace_tags") {
        let Some(attr) = block.body.attr("tags") else { continue };
        let wrong = |what: String| Diagnostic::new(what, Some(&attr.place), &block.title());
        let object = attr.expr.as_object().ok_or_else(|| wrong("tags must be an object".to_owned()))?;
        for (key, value) in object.iter() {
            let name = match key {
                ObjectKey::Ident(name) => Some(name.as_str().to_owned()),
                ObjectKey::Expression(e) => e.as_str().map(str::to_owned),
            };
            let name = name.ok_or_else(|| wrong("the name of a tag must be written out".to_owned()))?;
            let expression = value.expr().to_string().trim().to_owned();
            if out.insert(name.clone(), expression).is_some() {
                return Err(wrong(format!("the tag {name:?} is there twice")));
            }
        }
    }
    Ok(out)
}

/// A variable as the database keeps it.
pub(super) fn template_variable(variable: &Variable) -> TemplateVariable {
    let default_value = match &variable.written_default {
        None => String::new(),
        Some(Value { data: Data::Null, .. }) => String::new(),
        Some(value) => value.to_text().unwrap_or_else(|| value.to_json().to_string()),
    };
    TemplateVariable {
        name: variable.name.clone(),
        description: variable.description.clone(),
        r#type: variable.type_text.clone(),
        required: default_value.is_empty() && variable.default.as_ref().is_none_or(Value::is_null),
        default_value,
        sensitive: variable.sensitive,
    }
}
