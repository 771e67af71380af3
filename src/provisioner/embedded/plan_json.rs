//! A plan in the shape of `terraform show -json`, for those who read plans: the database keeps it, and
//! parameter forms take the data out of it.

use serde_json::{Map, Value as Json, json};

use super::plan::{Action, Change, Plan};
use super::schema;
use super::state::{Address, Key, TERRAFORM_VERSION};
use crate::provisioner::hcl::config::Mode;
use crate::provisioner::hcl::graph::Item;
use crate::provisioner::hcl::value::{Data, Value};

/// The plan as JSON text.
pub fn write(plan: &Plan) -> Vec<u8> {
    let mut planned = Modules::default();
    let mut kept: Vec<&Change> = plan.kept().collect();
    kept.sort_by(|a, b| a.address.cmp(&b.address));
    for change in kept {
        planned.add(&change.address, &change.after, &[]);
    }
    let mut prior = Modules::default();
    for (address, stored) in &plan.state.instances {
        if let Some(schema) = schema::find(address.mode, &address.of) {
            prior.add(address, &stored.object.value(schema), &stored.object.dependencies);
        }
    }
    let variables: Map<String, Json> = (plan.world.config.modules.first().into_iter())
        .flat_map(|m| &m.variables)
        .map(|v| {
            let node = (0, Item::Variable(v.name.clone()));
            (v.name.clone(), json!({ "value": plan.world.get(&node).to_json() }))
        })
        .collect();
    let mut json = json!({
        "format_version": "1.2",
        "terraform_version": TERRAFORM_VERSION,
        "variables": variables,
        "planned_values": { "outputs": outputs(plan), "root_module": planned.tree("") },
        "resource_changes": plan.changes.iter().map(resource_change).collect::<Vec<_>>(),
        "prior_state": {
            "format_version": "1.0",
            "terraform_version": TERRAFORM_VERSION,
            "values": { "root_module": prior.tree("") },
        },
        "timestamp": crate::time::Time::from_micros(plan.world.host.planned_at.seconds() * 1_000_000),
        "applyable": plan.changes.iter().any(|c| !matches!(c.action, Action::None | Action::Read)),
        "complete": true,
        "errored": false,
    });
    if variables.is_empty()
        && let Some(map) = json.as_object_mut()
    {
        map.remove("variables");
    }
    json.to_string().into_bytes()
}

/// The root module's outputs, as far as they are known.
fn outputs(plan: &Plan) -> Map<String, Json> {
    let outputs = plan.world.config.modules.first().map(|m| m.outputs.as_slice()).unwrap_or_default();
    let output = |o: &crate::provisioner::hcl::config::Output| {
        let value = plan.world.get(&(0, Item::Output(o.name.clone())));
        let mut json = json!({ "sensitive": o.sensitive });
        if !value.has_unknown() {
            json["type"] = value.type_json();
            json["value"] = value.to_json();
        }
        (o.name.clone(), json)
    };
    outputs.iter().filter(|_| !plan.destroys).map(output).collect()
}

/// Resources by the module they are in.
#[derive(Default)]
struct Modules {
    resources: std::collections::BTreeMap<String, Vec<Json>>,
}

impl Modules {
    fn add(&mut self, address: &Address, value: &Value, dependencies: &[String]) {
        let mut json = head(address);
        if let Some(map) = json.as_object_mut() {
            map.insert(
                "schema_version".to_owned(),
                schema::find(address.mode, &address.of).map_or(0, |s| s.version).into(),
            );
            map.insert("values".to_owned(), known(value).unwrap_or(Json::Null));
            map.insert("sensitive_values".to_owned(), marks(value));
            if !dependencies.is_empty() {
                map.insert("depends_on".to_owned(), dependencies.into());
            }
        }
        self.resources.entry(address.module.clone()).or_default().push(json);
    }

    fn tree(&self, module: &str) -> Json {
        let mut out = Map::new();
        if !module.is_empty() {
            out.insert("address".to_owned(), module.into());
        }
        if let Some(resources) = self.resources.get(module) {
            out.insert("resources".to_owned(), resources.clone().into());
        }
        let prefix = if module.is_empty() { "module.".to_owned() } else { format!("{module}.module.") };
        // Every module on the way to one that has resources.
        let below = self.resources.keys().filter_map(|m| {
            let name = m.strip_prefix(&prefix)?.split('.').next()?;
            Some(format!("{prefix}{name}"))
        });
        let below: std::collections::BTreeSet<String> = below.collect();
        if !below.is_empty() {
            let children: Vec<Json> = below.iter().map(|m| self.tree(m)).collect();
            out.insert("child_modules".to_owned(), children.into());
        }
        Json::Object(out)
    }
}

fn head(address: &Address) -> Json {
    let mut out = json!({
        "address": address.to_string(),
        "mode": if address.mode == Mode::Data { "data" } else { "managed" },
        "type": address.of,
        "name": address.name,
        "provider_name": schema::find(address.mode, &address.of).map_or("", |s| s.provider_name()),
    });
    match &address.key {
        Key::None => {}
        Key::Index(n) => out["index"] = json!(n),
        Key::Name(name) => out["index"] = json!(name),
    }
    out
}

fn resource_change(change: &Change) -> Json {
    let mut out = head(&change.address);
    if !change.address.module.is_empty() {
        out["module_address"] = change.address.module.as_str().into();
    }
    let actions: &[&str] = match change.action {
        Action::None => &["no-op"],
        Action::Read => &["read"],
        Action::Create => &["create"],
        Action::Update => &["update"],
        Action::Replace { create_first: true } => &["create", "delete"],
        Action::Replace { create_first: false } => &["delete", "create"],
        Action::Delete => &["delete"],
    };
    let before = change.before.as_ref();
    out["change"] = json!({
        "actions": actions,
        "before": before.map_or(Json::Null, Value::to_json),
        "after": if change.action == Action::Delete { Json::Null } else { known(&change.after).unwrap_or(Json::Null) },
        "after_unknown": unknowns(&change.after).unwrap_or_else(|| json!({})),
        "before_sensitive": before.map_or(json!(false), marks),
        "after_sensitive": marks(&change.after),
    });
    if !change.forced_by.is_empty() {
        out["change"]["replace_paths"] = change.forced_by.iter().map(|p| json!([p])).collect();
    }
    out
}

/// The value without what is not known.
fn known(value: &Value) -> Option<Json> {
    match &value.data {
        Data::Unknown => None,
        Data::Seq(_, items) => Some(items.iter().map(|v| known(v).unwrap_or(Json::Null)).collect()),
        Data::Map(_, map) => Some(map.iter().filter_map(|(k, v)| Some((k.clone(), known(v)?))).collect()),
        _ => Some(value.to_json()),
    }
}

/// `true` wherever something is not known; nothing where all is.
fn unknowns(value: &Value) -> Option<Json> {
    match &value.data {
        Data::Unknown => Some(true.into()),
        Data::Seq(_, items) if value.has_unknown() => {
            Some(items.iter().map(|v| unknowns(v).unwrap_or(false.into())).collect())
        }
        Data::Map(_, map) if value.has_unknown() => {
            Some(map.iter().filter_map(|(k, v)| Some((k.clone(), unknowns(v)?))).collect())
        }
        _ => None,
    }
}

/// `true` wherever something is sensitive, in the shape of the value.
fn marks(value: &Value) -> Json {
    if value.sensitive {
        return true.into();
    }
    match &value.data {
        Data::Seq(_, items) => items.iter().map(marks).collect(),
        Data::Map(_, map) => {
            let marked = map.iter().map(|(k, v)| (k, marks(v)));
            marked.filter(|(_, m)| *m != json!(false)).map(|(k, m)| (k.clone(), m)).collect()
        }
        _ => false.into(),
    }
}
