//! The YAML form of the options: reading a file, and writing the settings in effect.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value as Json;
use serde_norway::Value as Node;

use super::duration;
use super::error::ConfigError;
use super::load::Settings;
use super::options::{self, OptionSpec};
use super::value::{Kind, Value};

/// Reads a file: which options it sets (by their place in [`options::all`]), and to what.
pub fn read(path: &Path) -> Result<Vec<(usize, Node)>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        place: "--config",
        path: path.to_owned(),
        source,
    })?;
    let not_yaml = |problem: String| ConfigError::NotYaml { path: path.to_owned(), problem };
    let root = match serde_norway::from_str(&text).map_err(|error| not_yaml(error.to_string()))? {
        Node::Null => return Ok(Vec::new()),
        Node::Mapping(root) => root,
        _ => return Err(not_yaml("the top of the file must be a map".to_owned())),
    };
    let keys: Vec<Option<String>> = options::all().iter().map(|spec| spec.yaml_path()).collect();
    let mut found = Found { keys, set: Vec::new(), unknown: Vec::new() };
    found.walk("", root);
    if found.unknown.is_empty() { Ok(found.set) } else { Err(ConfigError::UnknownKeys(found.unknown)) }
}

struct Found {
    keys: Vec<Option<String>>,
    set: Vec<(usize, Node)>,
    unknown: Vec<String>,
}

impl Found {
    fn walk(&mut self, above: &str, map: serde_norway::Mapping) {
        for (key, node) in map {
            let key = match key {
                Node::String(text) => text,
                other => format!("{other:?}"),
            };
            let path = if above.is_empty() { key } else { format!("{above}.{key}") };
            let below = format!("{path}.");
            if let Some(at) = self.keys.iter().position(|known| known.as_deref() == Some(&path)) {
                self.set.push((at, node));
            } else if self.keys.iter().flatten().any(|known| known.starts_with(&below)) {
                match node {
                    Node::Mapping(inner) => self.walk(&path, inner),
                    Node::Null => {}
                    _ => self.unknown.push(path),
                }
            } else {
                self.unknown.push(path);
            }
        }
    }
}

/// Writes the settings in effect as a file that [`read`] reads back to the same. Secrets have no key
/// in YAML, and those inside of structures are left out.
pub fn write(settings: &Settings) -> String {
    let mut keyed: Vec<(Vec<String>, &OptionSpec, &Value)> = Vec::new();
    for (spec, setting) in settings.iter() {
        if let Some(path) = spec.yaml_path() {
            keyed.push((path.split('.').map(str::to_owned).collect(), spec, &setting.value));
        }
    }
    let mut out = String::new();
    write_level(&mut out, &keyed, 0);
    out
}

/// Writes options that share the first `depth` parts of their key.
fn write_level(out: &mut String, keyed: &[(Vec<String>, &OptionSpec, &Value)], depth: usize) {
    let mut written: Vec<&str> = Vec::new();
    for (path, spec, value) in keyed {
        let key = path[depth].as_str();
        let pad = "  ".repeat(depth);
        if path.len() == depth + 1 {
            let default = spec.default.unwrap_or("<unset>");
            let _ = writeln!(out, "{pad}# {}\n{pad}# (default: {default}, type: {})", spec.help, spec.kind.name());
            let _ = writeln!(out, "{pad}{key}:{}", indented(&node(spec.kind, value), depth + 1));
        } else if !written.contains(&key) {
            written.push(key);
            let _ = writeln!(out, "{pad}{key}:");
            let below: Vec<_> =
                keyed.iter().filter(|(other, ..)| other.len() > depth + 1 && other[depth] == key).cloned().collect();
            write_level(out, &below, depth + 1);
        }
    }
}

fn node(kind: Kind, value: &Value) -> Node {
    match (kind, value) {
        (_, Value::DurationNs(ns)) => Node::String(duration::format_ns(*ns)),
        // An empty text would be refused where it is no value of the type; null is read as empty.
        (Kind::Url | Kind::HostPort | Kind::Regexp | Kind::Choice(_), value) if value.is_empty() => Node::Null,
        (_, value) => serde_norway::to_value(value.to_json()).unwrap_or(Node::Null),
    }
}

/// The node as it stands after a key: on the same line, or on lines of its own below.
fn indented(node: &Node, depth: usize) -> String {
    let text = match node {
        // A text of several lines stays on one when it is written as JSON, which YAML reads too.
        Node::String(text) if text.contains('\n') => Json::String(text.clone()).to_string(),
        node => serde_norway::to_string(node).unwrap_or_default(),
    };
    let text = text.trim_end();
    let nested = matches!(node, Node::Sequence(items) if !items.is_empty())
        || matches!(node, Node::Mapping(map) if !map.is_empty());
    if !nested {
        return format!(" {text}");
    }
    let pad = "  ".repeat(depth);
    text.lines().map(|line| format!("\n{pad}{line}")).collect()
}
