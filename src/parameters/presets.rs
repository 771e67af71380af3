//! Whether the presets of a template go with its parameters.

use std::collections::BTreeMap;

use super::Named;
use super::block::Block;
use super::diagnostics::error;
use super::parameter;
use crate::provisioner::hcl::value::Value;
use crate::sdk::{FriendlyDiagnostic, PreviewParameter};

/// A `coder_workspace_preset`.
pub struct Preset {
    name: String,
    values: BTreeMap<String, String>,
    default: bool,
    wrong: Vec<FriendlyDiagnostic>,
}

/// Reads a block.
pub fn read(block: &Block<'_>) -> Preset {
    let name = block.text("name");
    let wrong = match name {
        Some(_) => Vec::new(),
        None => vec![error("A preset has no name", "Its name is missing, or cannot be worked out.")],
    };
    let values = block.body.attr("parameters").map(|attr| block.eval_parts(&attr.expr));
    let values = values.iter().filter_map(Value::as_map).flatten();
    Preset {
        name: name.unwrap_or_default(),
        values: values.filter_map(|(name, value)| Some((name.clone(), value.to_text()?))).collect(),
        default: block.flag("default"),
        wrong,
    }
}

/// What is wrong with presets, given all parameters.
pub fn check(presets: Vec<Preset>, parameters: &[PreviewParameter]) -> Named {
    let mut named = Named::new();
    let mut default: Option<String> = None;
    for mut preset in presets {
        match (&default, preset.default) {
            (Some(first), true) => {
                let detail = format!("Only one preset can be the default, and {first:?} is already.");
                preset.wrong.push(error("There is more than one default preset", detail));
            }
            (None, true) => default = Some(preset.name.clone()),
            (_, false) => {}
        }
        for (name, value) in &preset.values {
            match parameters.iter().find(|p| p.name == *name) {
                Some(found) => preset.wrong.extend(parameter::check(found, Some(value))),
                None => {
                    let detail = format!("The template has no parameter {name:?}.");
                    preset.wrong.push(error("A preset sets a parameter that is not there", detail));
                }
            }
        }
        if !preset.wrong.is_empty() {
            named.entry(preset.name).or_default().extend(preset.wrong);
        }
    }
    named
}
