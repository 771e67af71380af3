//! State as Terraform keeps it (version 4), so that either can go on where the other stopped.
//!
//! In memory, state is a map from address to instance. What an instance holds that this program does
//! not know is carried along untouched.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::schema::{Attr, Body, Of, Schema};
use crate::provisioner::hcl::config::Mode;
use crate::provisioner::hcl::types::Type;
use crate::provisioner::hcl::value::{Data, Keyed, Value};

/// The version of the Terraform language and of the state format that this program follows. State says
/// it, so that a Terraform of that version or later takes it over.
pub const TERRAFORM_VERSION: &str = "1.11.4";

/// Which instance of a block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The only one.
    None,
    /// One of several, by number.
    Index(u64),
    /// One of several, by name.
    Name(String),
}

/// An instance of a resource or data block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// `module.a.module.b`, or nothing for the root.
    pub module: String,
    /// Resource or data.
    pub mode: Mode,
    /// The type.
    pub of: String,
    /// The name.
    pub name: String,
    /// Which instance.
    pub key: Key,
}

impl Address {
    /// The address of the block, without the instance.
    pub fn block(&self) -> String {
        let dot = if self.module.is_empty() { "" } else { "." };
        let data = if self.mode == Mode::Data { "data." } else { "" };
        format!("{}{dot}{data}{}.{}", self.module, self.of, self.name)
    }
    /// The address within its module.
    pub fn local(&self) -> String {
        Address { module: String::new(), ..self.clone() }.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.block())?;
        match &self.key {
            Key::None => Ok(()),
            Key::Index(n) => write!(f, "[{n}]"),
            Key::Name(name) => write!(f, "[{}]", Json::from(name.as_str())),
        }
    }
}

/// All that is known to exist.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Counts the states of a line.
    pub serial: u64,
    /// Names the line.
    pub lineage: String,
    /// The root module's outputs, as written.
    pub outputs: Map<String, Json>,
    /// What exists, by address.
    pub instances: BTreeMap<Address, Stored>,
    /// What exists and was replaced already.
    pub deposed: Vec<(Address, Stored)>,
}

/// An instance in state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    /// The provider's address.
    pub provider: String,
    /// The instance.
    pub object: Object,
}

/// An instance as it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Object {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index_key: Option<Json>,
    /// `tainted` when making it failed half-way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deposed: Option<String>,
    #[serde(default)]
    schema_version: u64,
    #[serde(default)]
    attributes: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sensitive_attributes: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private: Option<String>,
    /// What it depended on when it was made: addresses of blocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
    /// Whether its replacement comes first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub create_before_destroy: bool,
    #[serde(flatten)]
    rest: Map<String, Json>,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u64,
    #[serde(default)]
    terraform_version: String,
    #[serde(default)]
    serial: u64,
    #[serde(default)]
    lineage: String,
    #[serde(default)]
    outputs: Map<String, Json>,
    #[serde(default)]
    resources: Vec<FileResource>,
    #[serde(default)]
    check_results: Json,
}

#[derive(Serialize, Deserialize)]
struct FileResource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    mode: String,
    #[serde(rename = "type")]
    of: String,
    name: String,
    provider: String,
    instances: Vec<Object>,
}

impl State {
    /// Reads state. Nothing at all is the state before the first build.
    pub fn read(bytes: &[u8]) -> Result<State, String> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(State::default());
        }
        let file: File = serde_json::from_slice(bytes).map_err(|e| format!("the state is not readable: {e}"))?;
        if file.version != 4 {
            return Err(format!("the state is in format {}; only format 4 is readable", file.version));
        }
        let mut state = State { serial: file.serial, lineage: file.lineage, outputs: file.outputs, ..State::default() };
        for resource in file.resources {
            let mode = if resource.mode == "data" { Mode::Data } else { Mode::Managed };
            for object in resource.instances {
                let key = match &object.index_key {
                    Some(Json::Number(n)) => Key::Index(n.as_u64().ok_or("the state has a negative index")?),
                    Some(Json::String(s)) => Key::Name(s.clone()),
                    _ => Key::None,
                };
                let module = resource.module.clone().unwrap_or_default();
                let address = Address { module, mode, of: resource.of.clone(), name: resource.name.clone(), key };
                let stored = Stored { provider: resource.provider.clone(), object };
                match stored.object.deposed {
                    Some(_) => state.deposed.push((address, stored)),
                    None => drop(state.instances.insert(address, stored)),
                }
            }
        }
        Ok(state)
    }

    /// Writes state as Terraform does.
    pub fn write(&self) -> Vec<u8> {
        let mut resources: Vec<FileResource> = Vec::new();
        let deposed = self.deposed.iter().map(|(a, s)| (a, s));
        let mut all: Vec<(&Address, &Stored)> = self.instances.iter().chain(deposed).collect();
        all.sort_by(|a, b| a.0.cmp(b.0));
        let mut last: Option<String> = None;
        for (address, stored) in all {
            let block = address.block();
            if last.as_ref() != Some(&block) {
                resources.push(FileResource {
                    module: Some(address.module.clone()).filter(|m| !m.is_empty()),
                    mode: if address.mode == Mode::Data { "data" } else { "managed" }.to_owned(),
                    of: address.of.clone(),
                    name: address.name.clone(),
                    provider: stored.provider.clone(),
                    instances: Vec::new(),
                });
                last = Some(block);
            }
            let mut object = stored.object.clone();
            object.index_key = match &address.key {
                Key::None => None,
                Key::Index(n) => Some(json!(n)),
                Key::Name(name) => Some(json!(name)),
            };
            if let Some(resource) = resources.last_mut() {
                resource.instances.push(object);
            }
        }
        let file = File {
            version: 4,
            terraform_version: TERRAFORM_VERSION.to_owned(),
            serial: self.serial,
            lineage: self.lineage.clone(),
            outputs: self.outputs.clone(),
            resources,
            check_results: Json::Null,
        };
        // These structures have string keys only, which is all that writing JSON can fail for.
        let mut text = serde_json::to_vec_pretty(&file).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

impl Object {
    /// The attributes as a value.
    pub fn value(&self, schema: &Schema) -> Value {
        let mut value = body_value(&schema.body, &self.attributes);
        for path in self.sensitive_attributes.as_ref().and_then(Json::as_array).into_iter().flatten() {
            mark(&mut value, path.as_array().map_or(&[], Vec::as_slice));
        }
        value
    }

    /// An instance with these attributes.
    pub fn new(schema: &Schema, value: &Value, dependencies: Vec<String>) -> Object {
        let mut object = Object { schema_version: schema.version, dependencies, ..Object::default() };
        object.set(schema, value);
        if schema.mode == Mode::Managed && schema.source() == "coder" {
            // What the plugin SDK keeps to itself: the version of the schema, or null for version 0.
            object.private = Some(match schema.version {
                0 => "bnVsbA==".to_owned(),
                n => base64::Engine::encode(
                    &base64::engine::general_purpose::STANDARD,
                    format!("{{\"schema_version\":\"{n}\"}}"),
                ),
            });
        }
        object
    }

    /// The same instance with other attributes.
    pub fn set(&mut self, schema: &Schema, value: &Value) {
        self.schema_version = schema.version;
        self.attributes = body_json(&schema.body, value);
        let mut paths = Vec::new();
        sensitive_paths(value, &mut Vec::new(), &mut paths);
        self.sensitive_attributes = Some(Json::Array(paths));
    }

    /// Calls the instance deposed, by that key.
    pub fn depose(&mut self, key: String) {
        self.deposed = Some(key);
    }
}

fn attr_value(attr: &Attr, json: &Json) -> Value {
    if attr.of == Of::Any {
        // Attributes of any type carry it along.
        let (Some(value), Some(of)) = (json.get("value"), json.get("type")) else { return Value::from_json(json) };
        let of = Type::from_json(of);
        return of.convert(Value::from_json(value)).unwrap_or_else(|_| Value::from_json(value));
    }
    let value = Value::from_json(json);
    attr.of.constraint().convert(value.clone()).unwrap_or(value).marked(attr.sensitive)
}

fn body_value(body: &Body, json: &Json) -> Value {
    let mut out = BTreeMap::new();
    for attr in body.attrs {
        out.insert(attr.name.to_owned(), attr_value(attr, json.get(attr.name).unwrap_or(&Json::Null)));
    }
    for nested in body.blocks {
        let value = match json.get(nested.kind) {
            Some(Json::Array(items)) => {
                let items = items.iter().map(|item| body_value(&nested.body, item)).collect();
                if nested.set { Value::set(items) } else { Value::list(items) }
            }
            _ => Value::NULL,
        };
        out.insert(nested.kind.to_owned(), value);
    }
    Data::Map(Keyed::Object, out).into()
}

fn body_json(body: &Body, value: &Value) -> Json {
    let mut out = Map::new();
    for attr in body.attrs {
        let value = value.attribute(attr.name);
        let json = match attr.of {
            Of::Any if !value.is_null() => json!({ "value": value.to_json(), "type": value.type_json() }),
            _ => value.to_json(),
        };
        out.insert(attr.name.to_owned(), json);
    }
    for nested in body.blocks {
        let json = match value.attribute(nested.kind).as_seq() {
            Some(items) => items.iter().map(|item| body_json(&nested.body, item)).collect(),
            None => Json::Null,
        };
        out.insert(nested.kind.to_owned(), json);
    }
    out.sort_keys();
    Json::Object(out)
}

/// Where the sensitive parts of a value are, as state writes paths.
fn sensitive_paths(value: &Value, path: &mut Vec<Json>, out: &mut Vec<Json>) {
    if value.sensitive {
        out.push(Json::Array(path.clone()));
        return;
    }
    let mut below = |step: Json, value: &Value| {
        path.push(step);
        sensitive_paths(value, path, out);
        path.pop();
    };
    match &value.data {
        Data::Map(Keyed::Object, map) => {
            map.iter().for_each(|(k, v)| below(json!({ "type": "get_attr", "value": k }), v));
        }
        Data::Map(Keyed::Map, map) => map
            .iter()
            .for_each(|(k, v)| below(json!({ "type": "index", "value": { "value": k, "type": "string" } }), v)),
        Data::Seq(_, items) => items
            .iter()
            .enumerate()
            .for_each(|(i, v)| below(json!({ "type": "index", "value": { "value": i, "type": "number" } }), v)),
        _ => {}
    }
}

/// Marks the part of a value that a path leads to.
fn mark(value: &mut Value, path: &[Json]) {
    let Some((step, rest)) = path.split_first() else {
        value.sensitive = true;
        return;
    };
    let at = &step["value"];
    let at = at.get("value").unwrap_or(at);
    let inner = match (&mut value.data, at) {
        (Data::Map(_, map), Json::String(name)) => map.get_mut(name),
        (Data::Seq(_, items), Json::Number(n)) => n.as_u64().and_then(|n| items.get_mut(usize::try_from(n).ok()?)),
        _ => None,
    };
    if let Some(inner) = inner {
        mark(inner, rest);
    }
}
