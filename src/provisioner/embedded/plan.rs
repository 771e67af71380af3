//! Works out what has to happen: reads data, brings state up to date, compares it with the template.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::coder::{self, Build};
use super::decode::{decode, settled};
use super::report::{Report, seconds};
use super::schema::{self, Need, Schema};
use super::state::{Address, Key, State, Stored};
use super::world::{Names, World, shallow};
use crate::provisioner::hcl::config::{Config, Mode, ResourceBlock};
use crate::provisioner::hcl::functions::Host;
use crate::provisioner::hcl::graph::{Graph, Item, Node};
use crate::provisioner::hcl::place::{Diagnostic, Result};
use crate::provisioner::hcl::value::{Data, Value};
use crate::provisioner::types::{ResourceReplacement, VariableValue};

/// What happens to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Data that could not be read yet is read.
    Read,
    /// It is made.
    Create,
    /// It is changed where it is.
    Update,
    /// It is unmade and made anew, in this order or the other.
    Replace {
        /// Whether the new one comes first.
        create_first: bool,
    },
    /// It is unmade.
    Delete,
}

/// A change to an instance.
#[derive(Clone, Debug)]
pub struct Change {
    /// The instance.
    pub address: Address,
    /// Its block, unless that is gone from the template.
    pub node: Option<Node>,
    /// `each.value`.
    pub each_value: Value,
    /// What happens.
    pub action: Action,
    /// What it was.
    pub before: Option<Value>,
    /// What it will be, as far as that is known.
    pub after: Value,
    /// The attributes that force it to be replaced.
    pub forced_by: Vec<String>,
}

/// A plan.
pub struct Plan {
    /// What names stand for.
    pub world: World,
    /// The build.
    pub build: Build,
    /// The variables' values as given.
    pub variables: Vec<VariableValue>,
    /// State, brought up to date.
    pub state: State,
    /// What happens, in an order in which it can be made.
    pub changes: Vec<Change>,
    /// Whether everything is unmade.
    pub destroys: bool,
    /// Blocks whose replacement comes first.
    create_first: BTreeSet<Node>,
}

/// The most instances of a template.
const MAX_CHANGES: usize = 10_000;

impl Plan {
    /// Works a plan out.
    pub fn make(
        config: Arc<Config>,
        graph: Arc<Graph>,
        host: Host,
        build: Build,
        variables: Vec<VariableValue>,
        state: State,
        report: &mut Report<'_>,
    ) -> Result<Plan> {
        let destroys = build.metadata.workspace_transition == crate::provisioner::types::WorkspaceTransition::Destroy;
        let world = World::new(config, graph.clone(), host);
        let mut create_first = BTreeSet::new();
        for node in &graph.order {
            if parts(&world.config, node).is_ok_and(|(b, _)| b.lifecycle.create_before_destroy) {
                create_first.insert(node.clone());
                create_first.extend(graph.ancestors(node).into_iter().cloned());
            }
        }
        let mut plan = Plan { world, build, variables, state, changes: Vec::new(), destroys, create_first };
        for node in &graph.order {
            if report.canceled() {
                return Err(Diagnostic::new("the job was canceled", None, ""));
            }
            match &node.1 {
                Item::Resource(Mode::Data, ..) => plan.data(node, report)?,
                Item::Resource(Mode::Managed, ..) => plan.resource(node, report)?,
                // When everything goes, an output may refer to what is gone already.
                Item::Output(_) if destroys => {
                    let (variables, node) = (plan.variables.clone(), node.clone());
                    if plan.world.work_out(&node, &variables).is_err() {
                        plan.world.set(node, Value::UNKNOWN);
                    }
                }
                _ => {
                    let variables = std::mem::take(&mut plan.variables);
                    let worked = plan.world.work_out(node, &variables);
                    plan.variables = variables;
                    worked?;
                }
            }
        }
        if plan.changes.len() > MAX_CHANGES {
            return Err(Diagnostic::new(format!("the template makes more than {MAX_CHANGES} instances"), None, ""));
        }
        plan.orphans()?;
        plan.tell(report);
        Ok(plan)
    }

    /// The plan of a workspace that is to go and never was.
    pub fn nothing(config: Arc<Config>, graph: Arc<Graph>, host: Host, build: Build) -> Plan {
        let world = World::new(config, graph, host);
        let (variables, changes, create_first) = (Vec::new(), Vec::new(), BTreeSet::new());
        Plan { world, build, variables, state: State::default(), changes, destroys: true, create_first }
    }
    /// Whether there is nothing to make happen, and no state to keep.
    pub fn is_nothing(&self) -> bool {
        self.destroys && self.state.lineage.is_empty() && self.state.instances.is_empty()
    }

    fn data(&mut self, node: &Node, report: &mut Report<'_>) -> Result<()> {
        let config = self.world.config.clone();
        let (block, schema) = parts(&config, node)?;
        let title = block.title();
        let each = self.world.each(node.0, block.count.as_ref(), block.for_each.as_ref(), &title)?;
        let mut instances = Vec::new();
        let waits = self.waits_for_changes(node, block);
        for (key, each_value) in each.keys() {
            let address = address(&self.world.config, node, key.clone());
            let names = Names { key: Some((&key, &each_value)), ..self.world.names(node.0) };
            let wanted = decode(&schema.body, &block.body, &names, &block.place, &title)?;
            shallow(&wanted).map_err(|e| Diagnostic::new(e, Some(&block.place), &title))?;
            if wanted.has_unknown() || waits {
                let after = unknown_where_computed(schema, wanted);
                self.changes.push(Change {
                    address,
                    node: Some(node.clone()),
                    each_value,
                    action: Action::Read,
                    before: None,
                    after: after.clone(),
                    forced_by: Vec::new(),
                });
                instances.push((key, after));
                continue;
            }
            let value = read(&self.build, schema, wanted, &address, report);
            let value = value.map_err(|e| Diagnostic::new(e, Some(&block.place), &title))?;
            self.state.instances.insert(address, stored(schema, &value, Vec::new()));
            instances.push((key, value));
        }
        self.forget_data(node, &instances);
        self.world.set_instances(node.clone(), &each, instances);
        Ok(())
    }

    /// Data that this plan does not read is gone from state.
    fn forget_data(&mut self, node: &Node, instances: &[(Key, Value)]) {
        let block = address(&self.world.config, node, Key::None).block();
        let gone =
            |a: &Address| a.mode == Mode::Data && a.block() == block && !instances.iter().any(|(k, _)| *k == a.key);
        self.state.instances.retain(|a, _| !gone(a));
    }

    /// Whether data must wait for a resource it names in `depends_on` and that is about to change.
    fn waits_for_changes(&self, node: &Node, block: &ResourceBlock) -> bool {
        let named = block.depends_on.iter().flat_map(crate::provisioner::hcl::graph::references);
        let blocks: BTreeSet<String> = named.map(|r| r.join(".")).collect();
        let prefix = self.world.config.modules.get(node.0).map(|m| m.prefix()).unwrap_or_default();
        self.changes
            .iter()
            .any(|c| c.action != Action::None && blocks.iter().any(|b| c.address.block() == format!("{prefix}{b}")))
    }

    fn resource(&mut self, node: &Node, report: &mut Report<'_>) -> Result<()> {
        let config = self.world.config.clone();
        let (block, schema) = parts(&config, node)?;
        let title = block.title();
        let path = address(&self.world.config, node, Key::None).block();
        let prior: Vec<(Address, Stored)> = self
            .state
            .instances
            .iter()
            .filter(|(a, _)| a.block() == path)
            .map(|(a, s)| (a.clone(), s.clone()))
            .collect();
        let mut before = BTreeMap::new();
        for (address, stored) in prior {
            let value = self.refresh(schema, &address, &stored, report);
            before.insert(address.key.clone(), (address, value));
        }
        if self.destroys {
            return self.destroy(node, block, before);
        }
        let each = self.world.each(node.0, block.count.as_ref(), block.for_each.as_ref(), &title)?;
        let mut instances = Vec::new();
        for (key, each_value) in each.keys() {
            let was = before.remove(&key).map(|(_, v)| v);
            let address = address(&self.world.config, node, key.clone());
            let names = Names { key: Some((&key, &each_value)), ..self.world.names(node.0) };
            let wanted = configured(schema, block, &names)?;
            coder::check(&block.of, &wanted).map_err(|e| Diagnostic::new(e, Some(&block.place), &title))?;
            let stored = self.state.instances.get(&address);
            let tainted = stored.is_some_and(|s| s.object.status.as_deref() == Some("tainted"));
            let mut change = compare(schema, block, wanted, was, tainted, self.creates_first(node));
            if block.lifecycle.prevent_destroy && matches!(change.action, Action::Replace { .. }) {
                return Err(prevented(block));
            }
            change.address = address;
            change.node = Some(node.clone());
            change.each_value = each_value;
            instances.push((key, change.after.clone()));
            self.changes.push(change);
        }
        for (_, (address, value)) in before {
            if block.lifecycle.prevent_destroy {
                return Err(prevented(block));
            }
            self.changes.push(deletion(address, Some(node.clone()), value));
        }
        self.world.set_instances(node.clone(), &each, instances);
        Ok(())
    }

    fn refresh(
        &mut self,
        schema: &'static Schema,
        address: &Address,
        stored: &Stored,
        report: &mut Report<'_>,
    ) -> Value {
        let start = report.now();
        let value = stored.object.value(schema);
        let id = value.attribute("id").as_str().unwrap_or_default().to_owned();
        report.info(format!("{address}: Refreshing state... [id={id}]"));
        let value = self.build.refresh(schema.of, value);
        if let Some(stored) = self.state.instances.get_mut(address) {
            stored.object.set(schema, &value);
        }
        report.info(format!("{address}: Refresh complete [id={id}]"));
        report.timed(start, "state refresh", schema.source(), address.local(), false);
        value
    }

    fn destroy(&mut self, node: &Node, block: &ResourceBlock, before: BTreeMap<Key, (Address, Value)>) -> Result<()> {
        if block.lifecycle.prevent_destroy && !before.is_empty() {
            return Err(prevented(block));
        }
        let many = block.count.is_some() || block.for_each.is_some();
        let each = match before.keys().next() {
            Some(Key::Index(_)) => super::world::Each::Count(0),
            Some(Key::Name(_)) => super::world::Each::Keys(Vec::new()),
            _ if many => super::world::Each::Count(0),
            _ => super::world::Each::One,
        };
        let instances = before.iter().map(|(k, (_, v))| (k.clone(), v.clone())).collect();
        self.world.set_instances(node.clone(), &each, instances);
        self.changes.extend(before.into_values().map(|(a, v)| deletion(a, Some(node.clone()), v)));
        Ok(())
    }

    /// What is in state and no longer in the template goes.
    fn orphans(&mut self) -> Result<()> {
        let declared: BTreeSet<String> = self.world.graph.order.iter().map(|n| self.world.config.address(n)).collect();
        let gone = self.state.instances.iter().filter(|(a, _)| !declared.contains(&a.block()));
        let mut deletions = Vec::new();
        for (address, stored) in gone {
            match (address.mode, schema::find(address.mode, &address.of)) {
                (Mode::Data, _) => {}
                (Mode::Managed, Some(schema)) => {
                    deletions.push(deletion(address.clone(), None, stored.object.value(schema)));
                }
                (Mode::Managed, None) => {
                    let what = format!(
                        "{address} exists in the workspace's state and needs Terraform: the embedded provisioner does not have its type"
                    );
                    return Err(Diagnostic { unsupported: false, ..Diagnostic::new(what, None, "") });
                }
            }
        }
        self.state.instances.retain(|a, _| a.mode == Mode::Managed || declared.contains(&a.block()));
        self.changes.extend(deletions);
        Ok(())
    }

    fn tell(&self, report: &Report<'_>) {
        let (mut add, mut change, mut destroy) = (0, 0, 0);
        for c in &self.changes {
            let what = match c.action {
                Action::None | Action::Read => continue,
                Action::Create => "create",
                Action::Update => "update",
                Action::Replace { .. } => "replace",
                Action::Delete => "delete",
            };
            add += u32::from(matches!(c.action, Action::Create | Action::Replace { .. }));
            change += u32::from(c.action == Action::Update);
            destroy += u32::from(matches!(c.action, Action::Delete | Action::Replace { .. }));
            report.info(format!("{}: Plan to {what}", c.address));
        }
        report.info(format!("Plan: {add} to add, {change} to change, {destroy} to destroy."));
    }

    /// Whether a block's replacement comes first: it says so, or something that depends on it does.
    pub fn creates_first(&self, node: &Node) -> bool {
        self.create_first.contains(node)
    }
    /// What everything planned costs a day.
    pub fn daily_cost(&self) -> i32 {
        let cost = |c: &Change| c.after.attribute("daily_cost").as_number().and_then(|n| n.as_i64()).unwrap_or(0);
        let sum = self.kept().filter(|c| c.address.of == "coder_metadata").map(cost).sum::<i64>();
        i32::try_from(sum).unwrap_or(i32::MAX)
    }
    /// How many AI tasks there will be.
    pub fn ai_tasks(&self) -> i32 {
        self.kept().filter(|c| c.address.of == "coder_ai_task").count() as i32
    }
    /// What will be there when the plan has happened.
    pub fn kept(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|c| c.action != Action::Delete && c.address.mode == Mode::Managed)
    }
    /// What is replaced for the sake of which attributes.
    pub fn replacements(&self) -> Vec<ResourceReplacement> {
        let replaced = self.changes.iter().filter(|c| !c.forced_by.is_empty() && !c.address.of.starts_with("coder_"));
        replaced.map(|c| ResourceReplacement { resource: c.address.to_string(), paths: c.forced_by.clone() }).collect()
    }
}

/// Refuses types that only Terraform has, the first by file and line.
pub fn known_types(config: &Config) -> Result<()> {
    let known = |name: &str, source: &str| {
        let source = source.trim_start_matches("registry.terraform.io/");
        match name {
            "coder" => source == "coder/coder",
            "null" => source == "hashicorp/null",
            "terraform" => source == "terraform.io/builtin/terraform",
            // Nothing that would use another provider gets past the checks of its block.
            _ => true,
        }
    };
    for module in &config.modules {
        for (name, source, place) in &module.required_providers {
            if !known(name, source) {
                return Err(Diagnostic::unsupported(format!("the provider {source:?}"), place, "required_providers"));
            }
        }
        for block in &module.providers {
            let name = block.labels.first().map_or("", String::as_str);
            if !["coder", "null", "terraform"].contains(&name) {
                return Err(Diagnostic::unsupported(format!("the provider {name:?}"), &block.place, &block.title()));
            }
            // Nothing here is configured by the template: a setting passed over would be a wrong build.
            if let Some(setting) = block.body.attrs.first() {
                let what = format!("the provider setting {:?}", setting.name);
                return Err(Diagnostic::unsupported(what, &setting.place, &block.title()));
            }
        }
        for block in &module.resources {
            if schema::find(block.mode, &block.of).is_none() {
                let provider = block.of.split('_').next().unwrap_or_default();
                let what = match provider {
                    "coder" | "null" | "terraform" => format!("the type {:?}", block.of),
                    other => format!("the provider {other:?}"),
                };
                return Err(Diagnostic::unsupported(what, &block.place, &block.title()));
            }
        }
    }
    Ok(())
}

/// Refuses a template without any configuration.
pub fn not_empty(config: &Config) -> Result<()> {
    let named = |path: &str| !path.contains('/') && (path.ends_with(".tf") || path.ends_with(".tf.json"));
    match config.source.files().any(|(path, _)| named(path)) {
        true => Ok(()),
        false => {
            Err(Diagnostic::new("there is no configuration in this template: no .tf file in its folder", None, ""))
        }
    }
}

fn prevented(block: &ResourceBlock) -> Diagnostic {
    let what = "this would be destroyed, and its lifecycle says prevent_destroy";
    Diagnostic::new(what, Some(&block.place), &block.title())
}

/// The change that unmakes an instance.
pub fn deletion(address: Address, node: Option<Node>, before: Value) -> Change {
    Change {
        address,
        node,
        each_value: Value::NULL,
        action: Action::Delete,
        before: Some(before),
        after: Value::NULL,
        forced_by: Vec::new(),
    }
}

/// The block and the schema of a node.
pub fn parts<'c>(config: &'c Config, node: &Node) -> Result<(&'c ResourceBlock, &'static Schema)> {
    let found = match &node.1 {
        Item::Resource(mode, of, name) => config
            .modules
            .get(node.0)
            .and_then(|m| m.resources.iter().find(|r| r.mode == *mode && r.of == *of && r.name == *name))
            .zip(schema::find(*mode, of)),
        _ => None,
    };
    let missing = || Diagnostic::new(format!("there is no {}", node.1.address()), None, "");
    found.ok_or_else(missing)
}

/// The address of an instance of a node.
pub fn address(config: &Config, node: &Node, key: Key) -> Address {
    let module = config.modules.get(node.0).map(|m| m.prefix()).unwrap_or_default();
    let (mode, of, name) = match &node.1 {
        Item::Resource(mode, of, name) => (*mode, of.clone(), name.clone()),
        other => (Mode::Data, other.address(), String::new()),
    };
    Address { module: module.trim_end_matches('.').to_owned(), mode, of, name, key }
}

/// What the template says about an instance, completed as the provider would.
pub fn configured(schema: &'static Schema, block: &ResourceBlock, names: &Names<'_>) -> Result<Value> {
    let mut config = decode(&schema.body, &block.body, names, &block.place, &block.title())?;
    shallow(&config).map_err(|e| Diagnostic::new(e, Some(&block.place), &block.title()))?;
    if block.of == "coder_metadata" {
        coder::mark_nulls(&mut config);
    }
    Ok(settled(&schema.body, config, true))
}

/// Reads data and says so.
pub fn read(
    build: &Build,
    schema: &'static Schema,
    config: Value,
    address: &Address,
    report: &mut Report<'_>,
) -> std::result::Result<Value, String> {
    let start = report.now();
    report.info(format!("{address}: Refreshing..."));
    let value = build.read(schema.of, config);
    report.timed(start, "read", schema.source(), address.local(), value.is_err());
    // Blocks that are not there are null in data, except where the provider always sets a list; so is
    // text that the template leaves empty.
    let mut value = settled(&schema.body, value?, true);
    if let Data::Map(_, at) = &mut value.data {
        for attr in schema.body.attrs.iter().filter(|a| a.need == Need::Optional) {
            if at.get(attr.name).and_then(Value::as_str) == Some("") {
                at.insert(attr.name.to_owned(), Value::NULL);
            }
        }
        for nested in schema.body.blocks.iter().filter(|n| n.kind != "validation") {
            if at.get(nested.kind).and_then(Value::as_seq).is_some_and(<[Value]>::is_empty) {
                at.insert(nested.kind.to_owned(), Value::NULL);
            }
        }
    }
    let (id, took) = (value.attribute("id").as_str().unwrap_or_default(), seconds(start, report.now()));
    report.info(format!("{address}: Refresh complete after {took}s [id={id}]"));
    Ok(value)
}

/// An instance as state keeps it.
pub fn stored(schema: &Schema, value: &Value, dependencies: Vec<String>) -> Stored {
    Stored { provider: schema.provider().to_owned(), object: super::state::Object::new(schema, value, dependencies) }
}

/// What the provider finds out is not known yet.
fn unknown_where_computed(schema: &Schema, config: Value) -> Value {
    let sensitive = config.sensitive;
    let Data::Map(kind, mut at) = config.data else { return Value::UNKNOWN };
    for attr in schema.body.attrs {
        let computed = match attr.need {
            Need::Computed => true,
            Need::Either => at.get(attr.name).is_none_or(Value::is_null),
            _ => false,
        };
        if computed {
            at.insert(attr.name.to_owned(), Value::UNKNOWN.marked(attr.sensitive));
        }
    }
    for nested in schema.body.blocks.iter().filter(|n| n.computed) {
        if at.get(nested.kind).and_then(Value::as_seq).is_some_and(<[Value]>::is_empty) {
            at.insert(nested.kind.to_owned(), Value::UNKNOWN);
        }
    }
    Value::from(Data::Map(kind, at)).marked(sensitive)
}

/// Compares what the template says with what there is.
fn compare(
    schema: &Schema,
    block: &ResourceBlock,
    config: Value,
    before: Option<Value>,
    tainted: bool,
    create_first: bool,
) -> Change {
    let blank = |action, after, before, forced_by| Change {
        address: Address {
            module: String::new(),
            mode: Mode::Managed,
            of: String::new(),
            name: String::new(),
            key: Key::None,
        },
        node: None,
        each_value: Value::NULL,
        action,
        before,
        after,
        forced_by,
    };
    let Some(was) = before else {
        return blank(Action::Create, planned(schema, config), None, Vec::new());
    };
    let mut wanted = config;
    let mut forced_by = Vec::new();
    let mut updates = false;
    if let Data::Map(_, at) = &mut wanted.data {
        let attrs = schema.body.attrs.iter().map(|a| (a.name, a.need == Need::Computed, a.need == Need::Either));
        let blocks = schema.body.blocks.iter().map(|n| (n.kind, false, n.computed));
        for (name, computed, either) in attrs.chain(blocks) {
            let old = was.attribute(name);
            let new = at.get(name).cloned().unwrap_or(Value::NULL);
            let unset = new.is_null() || new.as_seq().is_some_and(<[Value]>::is_empty);
            let ignored = block.lifecycle.ignore_all || block.lifecycle.ignore_changes.iter().any(|n| n == name);
            if computed || either && unset || ignored {
                at.insert(name.to_owned(), old.clone());
            } else if new.has_unknown() || !same(&new, old) {
                match (schema.of, name) {
                    ("terraform_data", "input") => updates = true,
                    _ => forced_by.push(name.to_owned()),
                }
            }
        }
    }
    if tainted || !forced_by.is_empty() {
        let action = Action::Replace { create_first };
        // What was carried over from the old one is found out anew.
        if let Data::Map(_, at) = &mut wanted.data {
            for attr in schema.body.attrs.iter().filter(|a| a.need == Need::Computed || a.name == "id") {
                at.insert(attr.name.to_owned(), Value::NULL);
            }
        }
        return blank(action, planned(schema, wanted), Some(was), forced_by);
    }
    if updates {
        if let Data::Map(_, at) = &mut wanted.data {
            at.insert("output".to_owned(), Value::UNKNOWN);
        }
        return blank(Action::Update, wanted, Some(was), Vec::new());
    }
    blank(Action::None, was.clone(), Some(was), Vec::new())
}

/// Equality of attributes: an empty list of blocks is as good as none.
fn same(new: &Value, old: &Value) -> bool {
    let empty = |v: &Value| v.is_null() || v.as_seq().is_some_and(<[Value]>::is_empty);
    match (&new.data, &old.data) {
        (Data::Seq(..), Data::Null) | (Data::Null, Data::Seq(..)) => empty(new) && empty(old),
        _ => new == old,
    }
}

/// What a new instance will be, as far as that is known.
fn planned(schema: &Schema, config: Value) -> Value {
    let mut after = unknown_where_computed(schema, config);
    if let Data::Map(_, at) = &mut after.data
        && schema.of == "terraform_data"
        && at.get("input").is_none_or(Value::is_null)
    {
        at.insert("output".to_owned(), Value::NULL);
    }
    after
}
