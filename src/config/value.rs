//! Types of option values: reading them from text, writing them as text and as the API's JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::address::HostPort;
use super::duration;

/// The type of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`; as a flag it needs no value.
    Bool,
    /// A whole number.
    Int,
    /// A duration, see [`super::duration`].
    Duration,
    /// Any text.
    Text,
    /// Texts separated by commas, with CSV quoting.
    List,
    /// A URL.
    Url,
    /// `host:port`.
    HostPort,
    /// A regular expression.
    Regexp,
    /// The path of a YAML file with options.
    ConfigPath,
    /// One of several words, in any case.
    Choice(&'static [&'static str]),
    /// Structured data, written as YAML.
    Struct(StructKind),
}

/// The shapes of structured data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructKind {
    /// A map from text to text.
    Strings,
    /// A map from text to lists of text.
    StringLists,
    /// A map from text to lists of ids.
    UuidLists,
    /// A list of [`Link`]s.
    Links,
    /// A list of [`ExternalAuth`]s.
    ExternalAuth,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of [`Kind::Bool`].
    Bool(bool),
    /// Of [`Kind::Int`].
    Int(i64),
    /// Of [`Kind::Duration`], in nanoseconds.
    DurationNs(i64),
    /// Of every kind whose values are text.
    Text(String),
    /// Of [`Kind::List`].
    List(Vec<String>),
    /// Of [`StructKind::Strings`].
    Strings(BTreeMap<String, String>),
    /// Of [`StructKind::StringLists`].
    StringLists(BTreeMap<String, Vec<String>>),
    /// Of [`StructKind::UuidLists`].
    UuidLists(BTreeMap<String, Vec<Uuid>>),
    /// Of [`StructKind::Links`].
    Links(Vec<Link>),
    /// Of [`StructKind::ExternalAuth`].
    ExternalAuth(Vec<ExternalAuth>),
}

/// A link in the dashboard's help menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its text.
    pub name: String,
    /// Where it leads.
    pub target: String,
    /// One of `bug`, `chat`, `docs`, `star`, or the URL of an image.
    #[serde(default)]
    pub icon: String,
    /// `navbar` or `dropdown`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub location: String,
}

/// A service that users connect their account to. What the API must not show is not serialized.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the API's, under its names")]
pub struct ExternalAuth {
    #[serde(rename = "type")]
    pub kind: String,
    pub client_id: String,
    #[serde(skip_serializing)]
    pub client_secret: String,
    pub id: String,
    pub auth_url: String,
    pub token_url: String,
    pub validate_url: String,
    pub revoke_url: String,
    pub app_install_url: String,
    pub app_installations_url: String,
    pub no_refresh: bool,
    pub scopes: Vec<String>,
    #[serde(skip_serializing)]
    pub extra_token_keys: Vec<String>,
    pub device_flow: bool,
    pub device_code_url: String,
    pub mcp_url: String,
    pub mcp_tool_allow_regex: String,
    pub mcp_tool_deny_regex: String,
    pub regex: String,
    pub display_name: String,
    pub display_icon: String,
    pub code_challenge_methods_supported: Vec<String>,
}

impl std::fmt::Debug for ExternalAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The id is what tells providers apart; a secret must not get into a log this way.
        f.debug_struct("ExternalAuth").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Kind {
    /// The name of the type, as `--help` and the comments of YAML files show it.
    pub fn name(self) -> String {
        match self {
            Kind::Bool => "bool".to_owned(),
            Kind::Int => "int".to_owned(),
            Kind::Duration => "duration".to_owned(),
            Kind::Text => "string".to_owned(),
            Kind::List => "string-array".to_owned(),
            Kind::Url => "url".to_owned(),
            Kind::HostPort => "host:port".to_owned(),
            Kind::Regexp => "regexp".to_owned(),
            Kind::ConfigPath => "yaml-config-path".to_owned(),
            Kind::Choice(words) => words.join("|"),
            Kind::Struct(StructKind::Strings) => "struct[map[string]string]".to_owned(),
            Kind::Struct(StructKind::StringLists) => "struct[map[string][]string]".to_owned(),
            Kind::Struct(StructKind::UuidLists) => "struct[map[string][]uuid.UUID]".to_owned(),
            Kind::Struct(StructKind::Links) => "struct[[]codersdk.LinkConfig]".to_owned(),
            Kind::Struct(StructKind::ExternalAuth) => "struct[[]codersdk.ExternalAuthConfig]".to_owned(),
        }
    }

    /// The value of an option that nobody set and that has no default.
    pub fn empty(self) -> Value {
        match self {
            Kind::Bool => Value::Bool(false),
            Kind::Int => Value::Int(0),
            Kind::Duration => Value::DurationNs(0),
            Kind::List => Value::List(Vec::new()),
            Kind::Struct(StructKind::Strings) => Value::Strings(BTreeMap::new()),
            Kind::Struct(StructKind::StringLists) => Value::StringLists(BTreeMap::new()),
            Kind::Struct(StructKind::UuidLists) => Value::UuidLists(BTreeMap::new()),
            Kind::Struct(StructKind::Links) => Value::Links(Vec::new()),
            Kind::Struct(StructKind::ExternalAuth) => Value::ExternalAuth(Vec::new()),
            Kind::Text | Kind::Url | Kind::HostPort | Kind::Regexp | Kind::ConfigPath | Kind::Choice(_) => {
                Value::Text(String::new())
            }
        }
    }

    /// Reads a value as flags, variables and defaults give it. The error says what is wrong with it.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        match self {
            Kind::Bool => parse_bool(text).map(Value::Bool),
            Kind::Int => text.parse().map(Value::Int).map_err(|_| format!("{text:?} is not a whole number")),
            Kind::Duration => duration::parse_ns(text).map(Value::DurationNs),
            Kind::Text | Kind::ConfigPath => Ok(Value::Text(text.to_owned())),
            Kind::List => parse_csv(text).map(Value::List),
            Kind::Url => check_url(text).map(|()| Value::Text(text.to_owned())),
            Kind::HostPort => HostPort::parse(text).map(|_| Value::Text(text.to_owned())),
            Kind::Regexp => match regex::Regex::new(text) {
                Ok(_) => Ok(Value::Text(text.to_owned())),
                Err(error) => Err(format!("{text:?} is not a regular expression: {error}")),
            },
            Kind::Choice(words) => match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
                Some(word) => Ok(Value::Text((*word).to_owned())),
                None => Err(format!("{text:?} is none of {}", words.join(", "))),
            },
            Kind::Struct(kind) => {
                let node = serde_norway::from_str(text).map_err(|error| error.to_string())?;
                kind.read_yaml(node)
            }
        }
    }

    /// Reads a value from a node of a YAML file; null counts as empty.
    pub fn read_yaml(self, node: serde_norway::Value) -> Result<Value, String> {
        use serde_norway::Value as Node;
        match (self, node) {
            (_, Node::Null) => Ok(self.empty()),
            (Kind::Struct(kind), node) => kind.read_yaml(node),
            (_, Node::String(text)) => self.parse(&text),
            (_, Node::Bool(flag)) => self.parse(if flag { "true" } else { "false" }),
            (_, Node::Number(number)) => self.parse(&number.to_string()),
            (Kind::List, Node::Sequence(items)) => {
                let texts = items.into_iter().map(|item| match item {
                    Node::String(text) => Ok(text),
                    Node::Bool(flag) => Ok(flag.to_string()),
                    Node::Number(number) => Ok(number.to_string()),
                    _ => Err("a list may hold only texts".to_owned()),
                });
                texts.collect::<Result<_, _>>().map(Value::List)
            }
            (_, Node::Sequence(_)) => Err(format!("a list stands where a {} belongs", self.name())),
            (_, Node::Mapping(_) | Node::Tagged(_)) => Err(format!("a map stands where a {} belongs", self.name())),
        }
    }
}

impl StructKind {
    fn read_yaml(self, node: serde_norway::Value) -> Result<Value, String> {
        if node.is_null() {
            return Ok(Kind::Struct(self).empty());
        }
        match self {
            StructKind::Strings => serde_norway::from_value(node).map(Value::Strings),
            StructKind::StringLists => serde_norway::from_value(node).map(Value::StringLists),
            StructKind::UuidLists => serde_norway::from_value(node).map(Value::UuidLists),
            StructKind::Links => serde_norway::from_value(node).map(Value::Links),
            StructKind::ExternalAuth => serde_norway::from_value(node).map(Value::ExternalAuth),
        }
        .map_err(|error| error.to_string())
    }
}

impl Value {
    /// Whether it is the value of an option that nobody set: false, zero, no text, no entries.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Bool(flag) => !flag,
            Value::Int(number) | Value::DurationNs(number) => *number == 0,
            Value::Text(text) => text.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Strings(map) => map.is_empty(),
            Value::StringLists(map) => map.is_empty(),
            Value::UuidLists(map) => map.is_empty(),
            Value::Links(items) => items.is_empty(),
            Value::ExternalAuth(items) => items.is_empty(),
        }
    }

    /// The value as the API shows it.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::json;
        match self {
            Value::Bool(flag) => json!(flag),
            Value::Int(number) | Value::DurationNs(number) => json!(number),
            Value::Text(text) => json!(text),
            Value::List(items) => json!(items),
            Value::Strings(map) => json!(map),
            Value::StringLists(map) => json!(map),
            Value::UuidLists(map) => json!(map),
            Value::Links(items) => json!(items),
            Value::ExternalAuth(items) => json!(items),
        }
    }
}

/// Reads a switch in the spellings that Go programs take; no text is off.
fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

/// Reads one CSV record; no text is no fields.
fn parse_csv(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    if text.is_empty() {
        return Ok(fields);
    }
    let mut rest = text;
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let end = rest.find(',').unwrap_or(rest.len());
            if rest[..end].contains('"') {
                return Err(format!("a bare quote in {text:?}: quote the whole field and double the quote"));
            }
            fields.push(rest[..end].to_owned());
            match rest.get(end + 1..) {
                Some(after) => rest = after,
                None => return Ok(fields),
            }
            continue;
        };
        let mut field = String::new();
        let mut tail = quoted;
        loop {
            let end = tail.find('"').ok_or_else(|| format!("a quote that does not end in {text:?}"))?;
            field.push_str(&tail[..end]);
            tail = &tail[end + 1..];
            match tail.strip_prefix('"') {
                Some(after) => {
                    field.push('"');
                    tail = after;
                }
                None => break,
            }
        }
        fields.push(field);
        match tail.strip_prefix(',') {
            Some(after) => rest = after,
            None if tail.is_empty() => return Ok(fields),
            None => return Err(format!("text after a closing quote in {text:?}")),
        }
    }
}

/// Checks what every URL must hold to; whether it needs a scheme or a host is up to the option.
fn check_url(text: &str) -> Result<(), String> {
    if text.chars().any(|c| c.is_control() || c == ' ') {
        return Err(format!("{text:?} is not a URL: it has spaces or control characters"));
    }
    let first_segment = text.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some((scheme, _)) = first_segment.split_once(':') {
        let letters_first = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
        let well_formed = scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        if !letters_first || !well_formed {
            return Err(format!("{text:?} is not a URL: write the scheme too, as in https://{text}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_type() {
        for (kind, text, want) in [
            (Kind::Bool, "T", Ok(Value::Bool(true))),
            (Kind::Bool, "", Ok(Value::Bool(false))),
            (Kind::Bool, "yes", Err("\"yes\" is neither true nor false")),
            (Kind::Int, "-1", Ok(Value::Int(-1))),
            (Kind::Int, "1.5", Err("\"1.5\" is not a whole number")),
            (Kind::Duration, "1m", Ok(Value::DurationNs(60_000_000_000))),
            (Kind::Url, "https://a.example/x", Ok(Value::Text("https://a.example/x".into()))),
            (
                Kind::Url,
                "10.0.0.1:80",
                Err("\"10.0.0.1:80\" is not a URL: write the scheme too, as in https://10.0.0.1:80"),
            ),
            (Kind::HostPort, "[::1]:80", Ok(Value::Text("[::1]:80".into()))),
            (Kind::HostPort, "", Err("must not be empty")),
            (Kind::Choice(&["lax", "none"]), "LAX", Ok(Value::Text("lax".into()))),
            (Kind::Choice(&["lax", "none"]), "strict", Err("\"strict\" is none of lax, none")),
        ] {
            assert_eq!(kind.parse(text), want.map_err(str::to_owned), "{kind:?} {text:?}");
        }
        assert!(Kind::Regexp.parse("(").is_err());
    }

    #[test]
    fn lists_are_one_csv_record() {
        for (text, want) in [
            ("", Some(vec![])),
            ("a,b", Some(vec!["a", "b"])),
            ("a,", Some(vec!["a", ""])),
            ("\"a,b\",c", Some(vec!["a,b", "c"])),
            ("\"say \"\"hi\"\"\"", Some(vec!["say \"hi\""])),
            ("a\"b", None),
            ("\"a", None),
            ("\"a\"b", None),
        ] {
            let want = want.map(|items| items.into_iter().map(str::to_owned).collect());
            assert_eq!(parse_csv(text).ok(), want, "{text:?}");
        }
    }

    #[test]
    fn structures_are_read_as_yaml_and_refuse_unknown_keys() {
        let links = Kind::Struct(StructKind::Links);
        let text = "[{name: Help, target: 'https://a.example', icon: docs}]";
        let want = Link {
            name: "Help".into(),
            target: "https://a.example".into(),
            icon: "docs".into(),
            location: String::new(),
        };
        assert_eq!(links.parse(text), Ok(Value::Links(vec![want])));
        let error = links.parse("[{name: Help, target: x, colour: red}]").expect_err("colour is no key of a link");
        assert!(error.contains("colour"), "{error}");
    }

    #[test]
    fn a_provider_shows_no_secret() {
        let kind = Kind::Struct(StructKind::ExternalAuth);
        let value = kind.parse("[{id: gh, client_secret: hunter2}]").expect("it is well formed");
        assert!(!value.to_json().to_string().contains("hunter2"));
        assert!(!format!("{value:?}").contains("hunter2"));
    }
}
