//! One `coder_parameter`: what it asks, the value it has, and what is wrong with either.

use std::collections::BTreeMap;

use super::block::Block;
use super::diagnostics::{REQUIRED, coded, error, has_errors};
use crate::provisioner::embedded::parameter as rules;
use crate::provisioner::hcl::value::Value;
use crate::sdk::{
    FriendlyDiagnostic, NullHCLString, OptionType, ParameterFormType, PreviewParameter, PreviewParameterOption,
    PreviewParameterStyling, PreviewParameterValidation,
};

/// What a block comes to.
pub struct Read {
    /// The block as others refer to it.
    pub object: Value,
    /// The parameter; or why the block makes none.
    pub parameter: Result<PreviewParameter, Vec<FriendlyDiagnostic>>,
}

/// Reads a block. `labels` names it in messages (`coder_parameter.x`); `reference` is how others refer to
/// its value, and is shown in the place of a value that it does not have.
pub fn read(block: &Block<'_>, labels: &str, reference: &str, values: &BTreeMap<String, String>) -> Read {
    let name = name(block, labels);
    let default = block.attr("default");
    let chosen = name.as_ref().ok().and_then(|name| values.get(name));
    let value = match (chosen, &default) {
        (Some(text), _) => Some(Value::from(text.as_str())),
        (None, Some(Ok(value))) => Some(value.clone()),
        // A default that fails leaves the value to the build.
        (None, Some(Err(_)) | None) => None,
    };
    let mut object = block.object();
    if let Some(value) = &value {
        object.insert("value".to_owned(), value.clone());
    }
    let parameter = words(block, labels, name).map(|words| {
        let required = default.is_none();
        let default = shown(default.and_then(Result::ok).as_ref(), "");
        parameter(block, words, required, default, value.as_ref(), reference)
    });
    Read { object: object.into(), parameter }
}

/// The attributes without which there is no parameter.
struct Words {
    name: String,
    of: OptionType,
    form_type: Option<ParameterFormType>,
}

fn name(block: &Block<'_>, labels: &str) -> Result<String, FriendlyDiagnostic> {
    let wrong = |why: String| Err(error(format!("The name of {labels} is no text"), why));
    match block.attr("name") {
        None => Err(error(format!("{labels} has no name"), "A parameter needs an attribute \"name\".")),
        Some(Err(e)) => wrong(e.message),
        Some(Ok(value)) => match value.as_str() {
            Some(name) => Ok(name.to_owned()),
            None => wrong(format!("The name must be a string, but it is {}.", value.kind())),
        },
    }
}

fn words(
    block: &Block<'_>,
    labels: &str,
    name: Result<String, FriendlyDiagnostic>,
) -> Result<Words, Vec<FriendlyDiagnostic>> {
    fn word<T>(text: &str, labels: &str, attr: &str, found: Option<T>) -> Result<T, FriendlyDiagnostic> {
        found.ok_or_else(|| {
            error(format!("The {attr} of {labels} does not exist"), format!("{text:?} is not one to choose."))
        })
    }
    let of = block.text("type").filter(|t| !t.is_empty()).unwrap_or_else(|| "string".to_owned());
    let of = word(&of, labels, "type", OptionType::parse(&of));
    let form_type = block
        .text("form_type")
        .filter(|t| !t.is_empty())
        .map(|t| word(&t, labels, "form_type", ParameterFormType::parse(&t)))
        .transpose();
    match (name, of, form_type) {
        (Ok(name), Ok(of), Ok(form_type)) => Ok(Words { name, of, form_type }),
        (name, of, form_type) => Err([of.err(), form_type.err(), name.err()].into_iter().flatten().collect()),
    }
}

fn parameter(
    block: &Block<'_>,
    words: Words,
    required: bool,
    default_value: NullHCLString,
    value: Option<&Value>,
    reference: &str,
) -> PreviewParameter {
    let text = |name: &str| block.text(name).unwrap_or_default();
    let mut diagnostics = Vec::new();
    let (options, validations) = (block.blocks("option"), block.blocks("validation"));
    let form_type = form_type(words.of, !options.is_empty(), words.form_type).unwrap_or_else(|wrong| {
        diagnostics.push(wrong);
        ParameterFormType::Error
    });
    let offered = options.iter().filter_map(|b| option(b).map_err(|wrong| diagnostics.push(wrong)).ok()).collect();
    if validations.len() > 1 {
        diagnostics.push(error("There is more than one validation", "A parameter may have one validation block."));
    }
    let mut parameter = PreviewParameter {
        name: words.name,
        display_name: text("display_name"),
        description: text("description"),
        r#type: words.of,
        form_type,
        styling: block.text("styling").and_then(|s| serde_json::from_str(&s).ok()).unwrap_or(PLAIN),
        mutable: block.flag("mutable"),
        default_value,
        icon: text("icon"),
        options: offered,
        validations: validations.iter().map(validation).collect(),
        required,
        order: block.integer("order").unwrap_or_default(),
        ephemeral: block.flag("ephemeral"),
        value: shown(value, reference),
        diagnostics: Vec::new(),
    };
    if !has_errors(&diagnostics) {
        let given = parameter.value.valid.then_some(parameter.value.value.as_str());
        diagnostics.extend(check(&parameter, given));
    }
    diagnostics.extend(usable(&parameter, value));
    if required && value.is_none_or(Value::is_null) {
        let wrong = error("This parameter needs a value", "It has no default, and no value was chosen.");
        diagnostics.push(coded(REQUIRED, wrong));
    }
    parameter.diagnostics = diagnostics;
    parameter
}

/// No styling.
pub const PLAIN: PreviewParameterStyling =
    PreviewParameterStyling { placeholder: None, disabled: None, label: None, mask_input: None };

/// A value as forms show it, or what stands there instead.
fn shown(value: Option<&Value>, otherwise: &str) -> NullHCLString {
    match value.and_then(Value::to_text) {
        Some(value) => NullHCLString { value, valid: true },
        None => NullHCLString { value: otherwise.to_owned(), valid: false },
    }
}

/// How a parameter is asked for: as it says, or as its type and options suggest.
pub fn form_type(
    of: OptionType,
    options: bool,
    given: Option<ParameterFormType>,
) -> Result<ParameterFormType, FriendlyDiagnostic> {
    let given = given.map(ParameterFormType::as_str).filter(|t| !t.is_empty());
    rules::form_type(of.as_str(), options, given)
        .map(|t| ParameterFormType::parse(t.as_str()).unwrap_or(ParameterFormType::Error))
        .map_err(|why| error("This parameter cannot be asked for in this way", why))
}

fn option(block: &Block<'_>) -> Result<PreviewParameterOption, FriendlyDiagnostic> {
    let name = name(block, "an option")?;
    let value = block
        .attr("value")
        .ok_or_else(|| error(format!("The option {name:?} has no value"), "An option needs an attribute \"value\"."))?;
    let text = |name: &str| block.text(name).unwrap_or_default();
    Ok(PreviewParameterOption {
        name,
        description: text("description"),
        value: shown(value.ok().as_ref(), ""),
        icon: text("icon"),
    })
}

fn validation(block: &Block<'_>) -> PreviewParameterValidation {
    PreviewParameterValidation {
        validation_error: block.text("error").unwrap_or_default(),
        validation_regex: block.text("regex"),
        validation_min: block.integer("min"),
        validation_max: block.integer("max"),
        validation_monotonic: block.text("monotonic"),
    }
}

/// What keeps a parameter from being used, whatever its rules.
fn usable(parameter: &PreviewParameter, value: Option<&Value>) -> Vec<FriendlyDiagnostic> {
    let mut wrong = Vec::new();
    let needs = "A parameter works only with a value, from its default or chosen.";
    match value {
        Some(v) if v.is_unknown() => {
            wrong.push(error("The value is not known: it refers to something without a value", needs));
        }
        Some(v) if !v.is_null() && !parameter.value.valid => {
            wrong.push(error(format!("The value is {}, which a parameter cannot have", v.kind()), needs));
        }
        _ => {}
    }
    let bad = parameter.options.iter().filter(|o| !o.value.valid).count();
    if bad > 0 {
        let limited = "Not all of the options can be worked out, so not all can be chosen.";
        wrong.push(error(format!("{bad} of the options have no usable value"), limited));
    }
    wrong
}

/// Whether a value, or else the default, keeps to what its parameter declares.
pub fn check(parameter: &PreviewParameter, given: Option<&str>) -> Option<FriendlyDiagnostic> {
    let text = |t: &str| Value::from(t);
    let optional = |t: &Option<String>| t.as_deref().map_or(Value::NULL, Value::from);
    let bound = |n: Option<i64>| n.map_or(Value::NULL, Value::from);
    let options = parameter.options.iter().map(|o| {
        Value::object([("name", text(&o.name)), ("value", text(if o.value.valid { &o.value.value } else { "" }))])
    });
    let validations = parameter.validations.iter().map(|v| {
        Value::object([
            ("error", text(&v.validation_error)),
            ("regex", optional(&v.validation_regex)),
            ("min", bound(v.validation_min)),
            ("max", bound(v.validation_max)),
            ("monotonic", optional(&v.validation_monotonic)),
        ])
    });
    let default = Some(&parameter.default_value).filter(|d| d.valid).map(|d| d.value.as_str());
    let form_type = Some(parameter.form_type.as_str()).filter(|t| !t.is_empty());
    let declared = Value::object([
        ("type", text(parameter.r#type.as_str())),
        ("default", default.map_or(Value::NULL, Value::from)),
        ("form_type", form_type.map_or(Value::NULL, Value::from)),
        ("option", Value::list(options.collect())),
        ("validation", Value::list(validations.collect())),
    ]);
    // Monotonic rules are the build's: a form does not know the value before.
    rules::value(&declared, given, None).err().map(|why| error("This value does not fit", why))
}
