//! The rules that requests declare for their fields, and the answer when one is broken.
//!
//! A request type implements [`Validate`]; [`read`] is how a handler takes a body. Rules that need
//! the database (is the name taken?) belong to handlers and services.

use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::wire::{WireEnum, Word};
use super::{Response, ValidationError, lenient, names};
use crate::time::Time;

/// A request type that knows the rules of its fields.
pub trait Validate {
    /// Checks every field; most requests have no rules.
    fn validate(&self, _checks: &mut Checks) {}
}

/// Reads a body and checks it: the request, or the body of a 400.
pub fn read<T: DeserializeOwned + Validate>(body: &[u8]) -> Result<T, Response> {
    let request: T = lenient::from_slice(body).map_err(|err| {
        Response::new("The request body is not the JSON that is expected here.").with_detail(err.to_string())
    })?;
    check(&request)?;
    Ok(request)
}

/// Checks a request that did not come as a body.
pub fn check<T: Validate>(request: &T) -> Result<(), Response> {
    let mut checks = Checks::default();
    request.validate(&mut checks);
    if checks.0.is_empty() {
        return Ok(());
    }
    Err(Response { message: "Some fields are not valid.".into(), validations: checks.0, ..Response::default() })
}

/// One thing that a field must be.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Not empty, nil or zero.
    Required,
    /// If it is empty, the rules after this one do not count.
    MayBeEmpty,
    /// [`names::email`].
    Email,
    /// [`names::name`].
    Name,
    /// [`names::display_name`].
    DisplayName,
    /// [`names::user_real_name`].
    UserRealName,
    /// [`names::template_version_name`].
    TemplateVersionName,
    /// [`names::group_name`].
    GroupName,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Fewer characters than this.
    ShorterThan(usize),
    /// An http or https URL with a host.
    HttpUrl,
}

/// A field's value as rules see it.
pub trait Field {
    /// Whether it is empty, nil or zero.
    fn is_empty(&self) -> bool;
    /// Its text, if it is one.
    fn text(&self) -> Option<&str> {
        None
    }
}

impl Field for String {
    fn is_empty(&self) -> bool {
        String::is_empty(self)
    }
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}
impl<E: WireEnum> Field for Word<E> {
    fn is_empty(&self) -> bool {
        Word::is_empty(self)
    }
    fn text(&self) -> Option<&str> {
        Some(self.as_str())
    }
}
impl Field for Uuid {
    fn is_empty(&self) -> bool {
        self.is_nil()
    }
}
impl Field for Time {
    fn is_empty(&self) -> bool {
        self.is_zero()
    }
}
impl Field for i64 {
    fn is_empty(&self) -> bool {
        *self == 0
    }
}
impl<T> Field for Vec<T> {
    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}
impl<T: Field> Field for Option<T> {
    fn is_empty(&self) -> bool {
        self.is_none()
    }
    fn text(&self) -> Option<&str> {
        self.as_ref().and_then(Field::text)
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub struct Checks(Vec<ValidationError>);

impl Checks {
    /// Holds a field against its rules; the first that is broken is reported.
    pub fn field(&mut self, name: &str, value: &dyn Field, rules: &[Rule]) {
        for rule in rules {
            if matches!(rule, Rule::MayBeEmpty) && (value.is_empty() || value.text() == Some("")) {
                return;
            }
            if let Err(reason) = rule.holds(value) {
                return self.report(name, reason);
            }
        }
    }
    /// Of two fields one must be given, and both may be.
    pub fn at_least_one(&mut self, fields: [(&str, &dyn Field); 2]) {
        let [(a, first), (b, second)] = fields;
        if first.is_empty() && second.is_empty() {
            self.report(a, format!("this or {b} is required"));
            self.report(b, format!("this or {a} is required"));
        }
    }
    /// Of two fields one must be given, and not both.
    pub fn exactly_one(&mut self, fields: [(&str, &dyn Field); 2]) {
        self.at_least_one(fields);
        let [(a, first), (b, second)] = fields;
        if !first.is_empty() && !second.is_empty() {
            self.report(a, format!("must not be given together with {b}"));
            self.report(b, format!("must not be given together with {a}"));
        }
    }
    /// Reports a field that is wrong for a reason that no [`Rule`] covers.
    pub fn report(&mut self, name: &str, reason: impl Into<String>) {
        self.0.push(ValidationError { field: name.into(), detail: reason.into() });
    }
}

impl Rule {
    fn holds(self, value: &dyn Field) -> Result<(), String> {
        let text = value.text().unwrap_or_default();
        match self {
            Rule::Required if value.is_empty() => Err("is required".into()),
            Rule::Required | Rule::MayBeEmpty => Ok(()),
            Rule::Email => names::email(text),
            Rule::Name => names::name(text),
            Rule::DisplayName => names::display_name(text),
            Rule::UserRealName => names::user_real_name(text),
            Rule::TemplateVersionName => names::template_version_name(text),
            Rule::GroupName => names::group_name(text),
            Rule::OneOf(words) if words.contains(&text) => Ok(()),
            Rule::OneOf(words) => Err(format!("must be one of {}", words.join(", "))),
            Rule::ShorterThan(limit) if text.chars().count() < limit => Ok(()),
            Rule::ShorterThan(limit) => Err(format!("must be shorter than {limit} characters")),
            Rule::HttpUrl => http_url(text),
        }
    }
}

fn http_url(text: &str) -> Result<(), String> {
    let rest = text
        .split_once("://")
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"));
    let host = rest.map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    if host.is_empty() || text.chars().any(char::is_whitespace) {
        return Err("must be an http or https URL".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_broken_rule_of_a_field_is_reported() {
        let long = "x".repeat(8);
        let cases: &[(&str, &[Rule], Option<&str>)] = &[
            ("", &[Rule::Required, Rule::Name], Some("required")),
            ("a b", &[Rule::Required, Rule::Name], Some("letters")),
            ("a", &[Rule::Required, Rule::Name], None),
            ("", &[Rule::MayBeEmpty, Rule::Name], None),
            ("", &[Rule::Name], Some("empty")),
            ("stop", &[Rule::OneOf(&["start", "stop"])], None),
            ("go", &[Rule::OneOf(&["start", "stop"])], Some("start, stop")),
            (&long, &[Rule::ShorterThan(8)], Some("shorter than 8")),
            ("https://example.com/a", &[Rule::HttpUrl], None),
            ("ftp://example.com", &[Rule::HttpUrl], Some("http")),
            ("http:///a", &[Rule::HttpUrl], Some("http")),
        ];
        for (text, rules, want) in cases {
            let mut checks = Checks::default();
            checks.field("f", &(*text).to_owned(), rules);
            match want {
                None => assert!(checks.0.is_empty(), "{text:?} {rules:?}"),
                Some(want) => {
                    assert_eq!(checks.0.len(), 1, "{text:?} {rules:?}");
                    assert!(checks.0[0].detail.contains(want), "{text:?}: {}", checks.0[0].detail);
                }
            }
        }
    }
}
