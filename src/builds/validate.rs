//! Whether a value will do for a parameter, by the rules its template gave it. Says no more than what
//! is wrong: who hears of it, and whether a value is kept, is decided elsewhere.

use crate::sdk::ParameterFormType;
use crate::store::queries::template_versions::TemplateVersionParameter as Parameter;

/// Checks a value that was chosen for a parameter, or its default where nothing was. `previous` is the
/// value of the build before.
pub fn check(parameter: &Parameter, value: &str, previous: Option<&str>) -> Result<(), String> {
    if parameter.required && value.is_empty() {
        return Err("parameter value is required".into());
    }
    let value = if value.is_empty() { parameter.default_value.as_str() } else { value };
    among_options(parameter, value)?;
    let typed = matches!(parameter.r#type.as_str(), "bool" | "list(string)");
    if typed || is_worded(parameter) { by_rules(parameter, value, previous) } else { Ok(()) }
}

/// Whether a parameter has an error text, a pattern or a direction. Bounds that stand alone count for nothing here, and are
/// left to the template, which refuses in the build: this is how the classic flow has always been.
fn is_worded(parameter: &Parameter) -> bool {
    let words = [&parameter.validation_error, &parameter.validation_regex, &parameter.validation_monotonic];
    words.iter().any(|word| !word.is_empty())
}

/// Whether a value is of the parameter's type. Nothing chosen is of every type.
pub fn of_type(parameter: &Parameter, value: &str) -> Result<(), String> {
    if parameter.r#type == "number" && !value.is_empty() && value.parse::<f64>().is_err() {
        return Err(format!("value {value:?} is not a number"));
    }
    Ok(())
}

/// Whether a value is one of the options, where there are any. Of several choices each must be one.
pub fn among_options(parameter: &Parameter, value: &str) -> Result<(), String> {
    let options = &parameter.options.0;
    if options.is_empty() {
        return Ok(());
    }
    let offered = |chosen: &str| options.iter().any(|o| o.value == chosen);
    let several = parameter.r#type == "list(string)" && parameter.form_type == ParameterFormType::MultiSelect;
    let fits = if several { list(value).is_some_and(|all| all.iter().all(|one| offered(one))) } else { offered(value) };
    if fits {
        return Ok(());
    }
    let offers: Vec<&str> = options.iter().map(|o| o.value.as_str()).collect();
    Err(format!("parameter value must be one of its options: {}", offers.join(", ")))
}

/// Whether a value is of the parameter's type and keeps its rules.
pub fn by_rules(parameter: &Parameter, value: &str, previous: Option<&str>) -> Result<(), String> {
    let kind = parameter.r#type.as_str();
    if kind != "number" {
        let bounds = parameter.validation_min.is_some() || parameter.validation_max.is_some();
        if bounds && is_worded(parameter) {
            return Err(format!("a {kind} can have no minimum or maximum"));
        }
        if !parameter.validation_monotonic.is_empty() {
            return Err(format!("only a number can be monotonic, not a {kind}"));
        }
    }
    if kind != "string" && !parameter.validation_regex.is_empty() {
        return Err(format!("a {kind} can have no regular expression"));
    }
    match kind {
        "bool" if value != "true" && value != "false" => {
            Err(r#"boolean value can be either "true" or "false""#.to_owned())
        }
        "string" => matches(parameter, value),
        "number" => number(parameter, value, previous),
        "list(string)" if list(value).is_none() => Err(format!("value {value:?} is no JSON list of strings")),
        _ => Ok(()),
    }
}

fn matches(parameter: &Parameter, value: &str) -> Result<(), String> {
    let (pattern, error) = (&parameter.validation_regex, &parameter.validation_error);
    if pattern.is_empty() {
        return Ok(());
    }
    let regex = regex::Regex::new(pattern).map_err(|_| format!("{pattern:?} is no regular expression"))?;
    if error.is_empty() {
        return Err("a regular expression needs an error text beside it".into());
    }
    if regex.is_match(value) { Ok(()) } else { Err(format!("{error} (value {value:?} does not match {pattern:?})")) }
}

fn number(parameter: &Parameter, value: &str, previous: Option<&str>) -> Result<(), String> {
    let (min, max) = (parameter.validation_min, parameter.validation_max);
    // The template's own words come first, with the numbers put in.
    let say = |otherwise: String| match parameter.validation_error.as_str() {
        "" => otherwise,
        own => own
            .replace("{min}", &min.unwrap_or(0).to_string())
            .replace("{max}", &max.unwrap_or(0).to_string())
            .replace("{value}", value),
    };
    let Ok(n) = value.parse::<i64>() else { return Err(say(format!("value {value:?} is not a number"))) };
    if let Some(min) = min.filter(|min| n < i64::from(*min)) {
        return Err(say(format!("value {n} is less than the minimum {min}")));
    }
    if let Some(max) = max.filter(|max| n > i64::from(*max)) {
        return Err(say(format!("value {n} is more than the maximum {max}")));
    }
    // A previous value that is no number could never be left again, so it counts for nothing.
    let previous = previous.and_then(|p| p.parse::<i64>().ok());
    match (parameter.validation_monotonic.as_str(), previous) {
        ("increasing", Some(p)) if n < p => Err(format!("value {n} may not fall below the previous value {p}")),
        ("decreasing", Some(p)) if n > p => Err(format!("value {n} may not rise above the previous value {p}")),
        ("" | "increasing" | "decreasing", _) => Ok(()),
        (other, _) => Err(format!("a number grows increasing or decreasing, not {other:?}")),
    }
}

fn list(value: &str) -> Option<Vec<String>> {
    serde_json::from_str(value).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::store::Json;
    use crate::store::queries::template_versions::ParameterOption;

    /// A mutable, optional parameter without rules.
    pub fn parameter(name: &str, kind: &str, default: &str) -> Parameter {
        Parameter {
            template_version_id: Uuid::nil(),
            name: name.into(),
            description: String::new(),
            r#type: kind.into(),
            mutable: true,
            default_value: default.into(),
            icon: String::new(),
            options: Json(Vec::new()),
            validation_regex: String::new(),
            validation_min: None,
            validation_max: None,
            validation_error: String::new(),
            validation_monotonic: String::new(),
            required: false,
            display_name: String::new(),
            display_order: 0,
            ephemeral: false,
            form_type: ParameterFormType::Unset,
        }
    }

    fn offered(values: &[&str]) -> Json<Vec<ParameterOption>> {
        Json(values.iter().map(|v| ParameterOption { value: (*v).into(), ..Default::default() }).collect())
    }

    #[test]
    fn values_keep_the_rules_of_their_parameter() {
        let plain = |kind| parameter("p", kind, "");
        let grows = |how: &str| Parameter { validation_monotonic: how.into(), ..plain("number") };
        let bounds = Parameter { validation_min: Some(1), validation_max: Some(5), ..plain("number") };
        let between = Parameter { validation_error: "1 to 5".into(), ..bounds.clone() };
        let lower =
            Parameter { validation_regex: "^[a-z]+$".into(), validation_error: "lower case".into(), ..plain("string") };
        let several = Parameter {
            options: offered(&["a", "b"]),
            form_type: ParameterFormType::MultiSelect,
            ..plain("list(string)")
        };
        let one = Parameter { options: offered(&["a", "b"]), ..plain("string") };
        for (parameter, value, previous, fits) in [
            (plain("string"), "", None, true),
            (Parameter { required: true, ..plain("string") }, "", None, false),
            (plain("number"), "ten", None, true),
            (between.clone(), "5", None, true),
            (between.clone(), "6", None, false),
            (between.clone(), "0", None, false),
            (between.clone(), "x", None, false),
            (bounds.clone(), "6", None, true),
            (bounds.clone(), "x", None, true),
            (Parameter { validation_monotonic: "increasing".into(), ..bounds.clone() }, "6", None, false),
            (Parameter { validation_min: Some(1), ..plain("bool") }, "true", None, true),
            (plain("bool"), "true", None, true),
            (plain("bool"), "yes", None, false),
            (lower.clone(), "abc", None, true),
            (lower.clone(), "ABC", None, false),
            (Parameter { validation_error: String::new(), ..lower.clone() }, "abc", None, false),
            (Parameter { validation_min: Some(1), ..plain("string") }, "a", None, true),
            (Parameter { validation_min: Some(1), validation_error: "no".into(), ..plain("string") }, "a", None, false),
            (grows("increasing"), "2", Some("2"), true),
            (grows("increasing"), "1", Some("2"), false),
            (grows("increasing"), "1", Some("two"), true),
            (grows("decreasing"), "3", Some("2"), false),
            (grows("sideways"), "3", None, false),
            (plain("list(string)"), r#"["a"]"#, None, true),
            (plain("list(string)"), "a", None, false),
            (several.clone(), r#"["a","b"]"#, None, true),
            (several, r#"["a","c"]"#, None, false),
            (one.clone(), "b", None, true),
            (one, "c", None, false),
        ] {
            let got = check(&parameter, value, previous);
            assert_eq!(got.is_ok(), fits, "{} {value:?} after {previous:?}: {got:?}", parameter.r#type);
        }
    }

    #[test]
    fn an_empty_value_is_checked_as_the_default() {
        let one = Parameter { options: offered(&["a"]), ..parameter("p", "string", "a") };
        assert_eq!(check(&one, "", None), Ok(()));
        let number =
            Parameter { validation_max: Some(3), validation_error: "3".into(), ..parameter("p", "number", "9") };
        assert!(check(&number, "", None).is_err());
    }

    #[test]
    fn the_templates_own_words_hold_its_numbers() {
        let own = Parameter {
            validation_max: Some(3),
            validation_error: "{value} is over {max}".into(),
            ..parameter("p", "number", "1")
        };
        assert_eq!(check(&own, "4", None), Err("4 is over 3".into()));
    }
}
