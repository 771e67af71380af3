//! The configuration as the API shows it to administrators: `GET /api/v2/deployment/config`.
//!
//! Values of secrets are blanked, and options of Rockpool's own are left out: the answer has the
//! reference's shape, and clients compare it with what they know.

use serde_json::{Map, Value as Json, json};

use super::options::{self, Group, OptionSpec};
use super::value::{Kind, StructKind};
use super::{Config, Setting};

impl Config {
    /// The body of `GET /api/v2/deployment/config`.
    pub fn deployment_config_json(&self) -> Json {
        let mut values = Map::new();
        // It has a place in the answer, but no option sets it.
        place(&mut values, "telemetry.trace", Json::Bool(false));
        let mut shown = Vec::new();
        for (spec, setting) in self.settings.iter() {
            if let Some(field) = spec.field {
                let value = self.effective(spec, setting);
                // Deprecated options share their place with the current one, and have the same value.
                if !(spec.omitted_if_empty && value.is_empty()) {
                    place(&mut values, field, value_json(spec.kind, &value));
                }
                shown.push(option_json(spec, Some(value)));
            }
        }
        json!({ "config": values, "options": shown })
    }

    /// What an option's value comes to; secrets come to nothing.
    fn effective(&self, spec: &OptionSpec, setting: &Setting) -> super::Value {
        match spec.flag {
            _ if spec.secret => spec.kind.empty(),
            "cache-dir" => super::Value::Text(self.cache_dir.display().to_string()),
            _ => setting.value.clone(),
        }
    }
}

/// Puts a value at its place in `DeploymentValues`, making the objects on the way.
fn place(values: &mut Map<String, Json>, field: &str, value: Json) {
    match field.split_once('.') {
        None => {
            values.insert(field.to_owned(), value);
        }
        Some((part, rest)) => {
            let inner = values.entry(part).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(inner) = inner {
                place(inner, rest, value);
            }
        }
    }
}

/// Lists without entries are null, as Go writes them.
fn value_json(kind: Kind, value: &super::Value) -> Json {
    match kind {
        Kind::List | Kind::Struct(StructKind::Links | StructKind::ExternalAuth) if value.is_empty() => Json::Null,
        _ => value.to_json(),
    }
}

/// One of the `options`. Without `value` for secrets and for options named in `use_instead`.
fn option_json(spec: &OptionSpec, value: Option<super::Value>) -> Json {
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(spec.name));
    out.insert("description".to_owned(), json!(spec.help));
    out.insert("flag".to_owned(), json!(spec.flag));
    let mut text = |key: &str, text: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            out.insert(key.to_owned(), Json::String(text));
        }
    };
    text("flag_shorthand", spec.short.map(String::from));
    text("env", spec.env.map(str::to_owned));
    text("yaml", spec.yaml.map(str::to_owned));
    text("default", spec.default.map(str::to_owned));
    if let Some(value) = value.filter(|_| !spec.secret) {
        out.insert("value".to_owned(), value_json(spec.kind, &value));
    }
    let annotations = annotations_json(spec);
    if !annotations.is_empty() {
        out.insert("annotations".to_owned(), Json::Object(annotations));
    }
    if let Some(group) = spec.group {
        out.insert("group".to_owned(), group_json(group));
    }
    if !spec.use_instead.is_empty() {
        let others = spec.use_instead.iter().filter_map(|flag| options::find(flag));
        out.insert("use_instead".to_owned(), others.map(|other| option_json(other, None)).collect());
    }
    if spec.hidden {
        out.insert("hidden".to_owned(), json!(true));
    }
    Json::Object(out)
}

fn annotations_json(spec: &OptionSpec) -> Map<String, Json> {
    let marks = [
        ("enterprise", spec.enterprise),
        ("external_workspace_proxies", spec.proxies),
        ("format_duration", spec.kind == Kind::Duration),
        ("secret", spec.secret),
    ];
    marks.into_iter().filter(|(_, set)| *set).map(|(mark, _)| (mark.to_owned(), json!("true"))).collect()
}

fn group_json(group: &Group) -> Json {
    let mut out = Map::new();
    if let Some(parent) = group.parent {
        out.insert("parent".to_owned(), group_json(parent));
    }
    out.insert("name".to_owned(), json!(group.name));
    if let Some(yaml) = group.yaml {
        out.insert("yaml".to_owned(), json!(yaml));
    }
    Json::Object(out)
}
