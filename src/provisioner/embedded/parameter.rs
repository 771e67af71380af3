//! What makes a parameter and a value for it right: form types, options, validation rules.
//!
//! The rules are those of the coder provider's `coder_parameter`. The input is the data block as
//! decoded; the answer is the value to use, or why there is none.

use regex::Regex;

use crate::provisioner::hcl::value::Value;
use crate::provisioner::types::ParameterFormType;

/// A value refused, or a parameter that makes no sense. The text is for the template's author and for
/// the one who fills in the form.
pub type Refused = String;

/// Form types by parameter type; the first is what an unset one becomes.
fn form_types(of: &str, options: bool) -> &'static [ParameterFormType] {
    use ParameterFormType::*;
    match (of, options) {
        ("string" | "number" | "bool", true) => &[Radio, Dropdown],
        ("string", false) => &[Input, Textarea],
        ("number", false) => &[Input, Slider],
        ("bool", false) => &[Checkbox, Switch],
        ("list(string)", true) => &[Radio, Multiselect],
        ("list(string)", false) => &[Tagselect],
        _ => &[],
    }
}

/// The form type that a parameter is asked with.
pub fn form_type(of: &str, options: bool, given: Option<&str>) -> Result<ParameterFormType, Refused> {
    let allowed = form_types(of, options);
    let first = *allowed.first().ok_or_else(|| format!("{of:?} is no type of parameter"))?;
    let Some(given) = given else { return Ok(first) };
    let chosen = ParameterFormType::parse(given).filter(|t| allowed.contains(t));
    chosen.ok_or_else(|| {
        let otherwise = form_types(of, !options).iter().any(|t| t.as_str() == given);
        let when = match (otherwise, options) {
            (true, true) => " when there are options",
            (true, false) => " when there are no options",
            _ => "",
        };
        let names = allowed.iter().map(|t| t.as_str()).collect::<Vec<_>>().join(", ");
        format!("form_type {given:?} does not go with type {of:?}{when}; choose one of: {names}")
    })
}

fn strings(value: &str) -> Option<Vec<String>> {
    serde_json::from_str(value).ok()
}

/// Whether a text can be a value of that type.
fn is_type(of: &str, value: &str) -> bool {
    match of {
        "number" => value.parse::<f64>().is_ok(),
        "bool" => {
            matches!(value, "1" | "t" | "T" | "TRUE" | "true" | "True" | "0" | "f" | "F" | "FALSE" | "false" | "False")
        }
        "list(string)" => strings(value).is_some(),
        _ => true,
    }
}

/// The value of a parameter: the given one, else its default, checked against everything it declares.
pub fn value(
    parameter: &Value,
    given: Option<&str>,
    previous: Option<&str>,
) -> Result<(String, ParameterFormType), Refused> {
    let word = |name: &str| parameter.attribute(name).as_str();
    let flag = |name: &str| parameter.attribute(name).as_bool() == Some(true);
    let of = word("type").unwrap_or("string");
    let default = word("default");
    if flag("ephemeral") && !flag("mutable") {
        return Err("a parameter cannot be both immutable and ephemeral".to_owned());
    }
    if flag("ephemeral") && default.is_none() {
        return Err("an ephemeral parameter needs a default".to_owned());
    }
    let options = parameter.attribute("option").as_seq().unwrap_or_default();
    let form = form_type(of, !options.is_empty(), word("form_type"))?;
    let of_option = if form == ParameterFormType::Multiselect { "string" } else { of };
    let offered = offered(options, of_option)?;
    let validation = parameter.attribute("validation").as_seq().and_then(<[Value]>::first);
    let (name, chosen) = match (given, default) {
        (Some(given), _) => ("value", Some(given)),
        (None, Some(default)) => ("default value", Some(default)),
        (None, None) => ("value", None),
    };
    if chosen.is_none() && validation.is_none() {
        return Ok((String::new(), form));
    }
    let chosen = chosen.unwrap_or_default();
    if !offered.is_empty() {
        among(&offered, of, of_option, name, chosen)?;
    }
    if let Some(rules) = validation {
        validate(rules, of, chosen, previous).map_err(|e| format!("the {name} does not pass its validation: {e}"))?;
    }
    if !is_type(of, chosen) {
        return Err(format!("the {name} {chosen:?} is not of type {of:?}"));
    }
    Ok((chosen.to_owned(), form))
}

/// The values a parameter offers, each once, each with a name of its own.
fn offered<'o>(options: &'o [Value], of: &str) -> Result<Vec<&'o str>, Refused> {
    let mut names = Vec::new();
    let mut values = Vec::new();
    for option in options {
        let name = option.attribute("name").as_str().unwrap_or_default();
        let value = option.attribute("value").as_str().unwrap_or_default();
        if names.contains(&name) {
            return Err(format!("two options have the name {name:?}"));
        }
        if values.contains(&value) {
            return Err(format!("two options have the value {value:?}"));
        }
        if !is_type(of, value) {
            return Err(format!("the option {name:?} has the value {value:?}, which is not of type {of:?}"));
        }
        names.push(name);
        values.push(value);
    }
    Ok(values)
}

fn among(offered: &[&str], of: &str, of_option: &str, name: &str, chosen: &str) -> Result<(), Refused> {
    if of == "list(string)" && of_option == "string" {
        let several = strings(chosen).ok_or_else(|| format!("the {name} {chosen:?} is not a JSON list of strings"))?;
        let missing: Vec<_> = several.iter().filter(|v| !offered.contains(&v.as_str())).cloned().collect();
        return match missing.is_empty() {
            true => Ok(()),
            false => Err(format!("the {name} {chosen:?} has {:?}, which the options do not", missing.join(", "))),
        };
    }
    match (offered.contains(&chosen), chosen.is_empty()) {
        (true, _) => Ok(()),
        (false, true) => Err(format!("the {name} is empty; give one of the options, or set a default")),
        (false, false) => Err(format!("the {name} {chosen:?} is not one of the options")),
    }
}

fn validate(rules: &Value, of: &str, value: &str, previous: Option<&str>) -> Result<(), Refused> {
    let word = |name: &str| rules.attribute(name).as_str().unwrap_or_default();
    let bound = |name: &str, disabled: &str| {
        let off = rules.attribute(disabled).as_bool() == Some(true);
        rules.attribute(name).as_number().and_then(|n| n.as_i64()).filter(|_| !off)
    };
    let (min, max) = (bound("min", "min_disabled"), bound("max", "max_disabled"));
    let (monotonic, pattern, error) = (word("monotonic"), word("regex"), word("error"));
    if of != "number" {
        for (set, rule) in [(min.is_some(), "min"), (max.is_some(), "max"), (!monotonic.is_empty(), "monotonic")] {
            if set {
                return Err(format!("{rule} is a rule for numbers, not for type {of:?}"));
            }
        }
    }
    if of != "string" && !pattern.is_empty() {
        return Err(format!("regex is a rule for strings, not for type {of:?}"));
    }
    match of {
        "bool" if value != "true" && value != "false" => Err("a bool is either \"true\" or \"false\"".to_owned()),
        "string" if !pattern.is_empty() => {
            let regex = Regex::new(pattern).map_err(|_| format!("{pattern:?} is not a regular expression"))?;
            if error.is_empty() {
                return Err("a regex needs an error to go with it".to_owned());
            }
            match regex.is_match(value) {
                true => Ok(()),
                false => Err(format!("{error} (value {value:?} does not match {pattern:?})")),
            }
        }
        "number" => {
            let shown = |n: Option<i64>| n.unwrap_or_default().to_string();
            let custom = || {
                let text = error.replace("{min}", &shown(min)).replace("{max}", &shown(max));
                (!error.is_empty()).then(|| text.replace("{value}", value))
            };
            let refuse = |own: String| Err(custom().unwrap_or(own));
            let Ok(n) = value.parse::<i64>() else { return refuse(format!("{value:?} is not a whole number")) };
            match (min, max) {
                (Some(min), _) if n < min => return refuse(format!("{n} is less than the minimum {min}")),
                (_, Some(max)) if n > max => return refuse(format!("{n} is more than the maximum {max}")),
                _ => {}
            }
            // A previous value that is no number must not lock the workspace.
            let before = previous.and_then(|p| p.parse::<i64>().ok());
            match (monotonic, before) {
                ("", _) | ("increasing" | "decreasing", None) => Ok(()),
                ("increasing", Some(before)) if n >= before => Ok(()),
                ("decreasing", Some(before)) if n <= before => Ok(()),
                ("increasing", Some(before)) => Err(format!("{n} must not be less than the previous value {before}")),
                ("decreasing", Some(before)) => Err(format!("{n} must not be more than the previous value {before}")),
                _ => Err("monotonic is either \"increasing\" or \"decreasing\"".to_owned()),
            }
        }
        "list(string)" if strings(value).is_none() => Err(format!("{value:?} is not a JSON list of strings")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provisioner::hcl::number::Number;

    fn parameter(of: &str, rest: &[(&str, Value)]) -> Value {
        let fixed = [("type", Value::from(of)), ("mutable", true.into())];
        Value::object(fixed.into_iter().chain(rest.iter().map(|(k, v)| (*k, v.clone()))))
    }
    fn option(name: &str, value: &str) -> Value {
        Value::object([("name", name.into()), ("value", value.into())])
    }
    fn rules(rest: &[(&str, Value)]) -> (&'static str, Value) {
        let none = [("min_disabled", "min"), ("max_disabled", "max")];
        let off = none.into_iter().map(|(flag, of)| (flag, (!rest.iter().any(|(k, _)| *k == of)).into()));
        let all = off.chain(rest.iter().map(|(k, v)| (*k, v.clone())));
        ("validation", Value::list(vec![Value::object(all)]))
    }
    fn n(n: i128) -> Value {
        Number::Int(n).into()
    }

    #[test]
    fn values_are_held_to_what_the_parameter_declares() {
        let options = || ("option", Value::list(vec![option("One", "one"), option("Two", "two")]));
        let one = || ("default", Value::from("one"));
        let range = || rules(&[("min", n(1)), ("max", n(9)), ("error", "{min} to {max}, not {value}".into())]);
        let up = || rules(&[("monotonic", "increasing".into())]);
        let word = || rules(&[("regex", "^[a-z]+$".into()), ("error", "small letters".into())]);
        for (case, parameter, given, previous, want) in [
            ("default", parameter("string", &[one()]), None, None, Ok("one")),
            ("given", parameter("string", &[one()]), Some("x"), None, Ok("x")),
            ("nothing", parameter("string", &[]), None, None, Ok("")),
            ("option", parameter("string", &[options()]), Some("two"), None, Ok("two")),
            ("no option", parameter("string", &[options(), one()]), Some("x"), None, Err("not one of the options")),
            ("empty", parameter("string", &[options()]), Some(""), None, Err("is empty")),
            ("in range", parameter("number", &[range()]), Some("5"), None, Ok("5")),
            ("over", parameter("number", &[range()]), Some("10"), None, Err("1 to 9, not 10")),
            ("no number", parameter("number", &[range()]), Some("x"), None, Err("1 to 9, not x")),
            ("up", parameter("number", &[up()]), Some("4"), Some("3"), Ok("4")),
            ("down", parameter("number", &[up()]), Some("2"), Some("3"), Err("less than the previous value 3")),
            ("odd past", parameter("number", &[up()]), Some("2"), Some("x"), Ok("2")),
            ("word", parameter("string", &[word()]), Some("abc"), None, Ok("abc")),
            ("no word", parameter("string", &[word()]), Some("A"), None, Err("small letters")),
            ("min on text", parameter("string", &[range()]), Some("a"), None, Err("rule for numbers")),
            ("bool", parameter("bool", &[]), Some("true"), None, Ok("true")),
            ("no bool", parameter("bool", &[]), Some("yes"), None, Err("not of type")),
            ("list", parameter("list(string)", &[]), Some("[\"a\"]"), None, Ok("[\"a\"]")),
            ("no list", parameter("list(string)", &[]), Some("a"), None, Err("not of type")),
            (
                "several",
                parameter("list(string)", &[options(), ("form_type", "multi-select".into())]),
                Some("[\"one\"]"),
                None,
                Ok("[\"one\"]"),
            ),
            (
                "one too many",
                parameter("list(string)", &[options(), ("form_type", "multi-select".into())]),
                Some("[\"x\"]"),
                None,
                Err("options do not"),
            ),
            (
                "slider on text",
                parameter("string", &[("form_type", "slider".into())]),
                None,
                None,
                Err("does not go with"),
            ),
            (
                "radio without options",
                parameter("string", &[("form_type", "radio".into())]),
                None,
                None,
                Err("when there are no options"),
            ),
            (
                "ephemeral without default",
                parameter("string", &[("ephemeral", true.into())]),
                None,
                None,
                Err("needs a default"),
            ),
        ] {
            let got = value(&parameter, given, previous).map(|(v, _)| v);
            match (want, &got) {
                (Ok(want), Ok(got)) => assert_eq!(got, want, "{case}"),
                (Err(part), Err(message)) => assert!(message.contains(part), "{case}: {message}"),
                _ => panic!("{case}: wanted {want:?}, got {got:?}"),
            }
        }
    }
}
