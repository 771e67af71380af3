//! What every name of a template stands for at some point of a plan or an apply.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::state::Key;
use crate::provisioner::hcl::body::Attr;
use crate::provisioner::hcl::config::{Config, Mode, Variable};
use crate::provisioner::hcl::eval::{self, EvalError, Evaluator, Scope};
use crate::provisioner::hcl::functions::Host;
use crate::provisioner::hcl::graph::{Graph, Item, Node};
use crate::provisioner::hcl::place::{Diagnostic, Place, Result};
use crate::provisioner::hcl::types::Type;
use crate::provisioner::hcl::value::Value;
use crate::provisioner::types::VariableValue;

/// All values found so far.
pub struct World {
    /// The template.
    pub config: Arc<Config>,
    /// What depends on what.
    pub graph: Arc<Graph>,
    /// Files, time, randomness.
    pub host: Host,
    values: BTreeMap<Node, Value>,
    instances: BTreeMap<Node, Vec<(Key, Value)>>,
}

/// How a block becomes instances.
#[derive(Clone, Debug, PartialEq)]
pub enum Each {
    /// There is one.
    One,
    /// There are as many as `count` says.
    Count(u64),
    /// There is one for each key of `for_each`.
    Keys(Vec<(String, Value)>),
}

/// Where an expression is evaluated: a module, and an instance of a block in it.
pub struct Names<'w> {
    /// The values.
    pub world: &'w World,
    /// The module.
    pub module: usize,
    /// `count.index` or `each.key` and `each.value`.
    pub key: Option<(&'w Key, &'w Value)>,
    /// `self`.
    pub own: Option<&'w Value>,
}

impl World {
    /// Knows nothing yet.
    pub fn new(config: Arc<Config>, graph: Arc<Graph>, host: Host) -> World {
        World { config, graph, host, values: BTreeMap::new(), instances: BTreeMap::new() }
    }

    /// The names of a module, outside any instance.
    pub fn names(&self, module: usize) -> Names<'_> {
        Names { world: self, module, key: None, own: None }
    }

    /// Sets the value of a node. One that is nested too deeply ([`shallow`]) counts as not known.
    pub fn set(&mut self, node: Node, value: Value) {
        let value = if shallow(&value).is_ok() { value } else { Value::UNKNOWN };
        self.values.insert(node, value);
    }

    /// The value of a node.
    pub fn get(&self, node: &Node) -> &Value {
        self.values.get(node).unwrap_or(&Value::UNKNOWN)
    }

    /// Sets all instances of a block.
    pub fn set_instances(&mut self, node: Node, each: &Each, instances: Vec<(Key, Value)>) {
        let value = match each {
            Each::One => instances.first().map_or(Value::UNKNOWN, |(_, v)| v.clone()),
            Each::Count(_) => Value::tuple(instances.iter().map(|(_, v)| v.clone()).collect()),
            Each::Keys(_) => Value::object(instances.iter().filter_map(|(k, v)| match k {
                Key::Name(name) => Some((name.clone(), v.clone())),
                _ => None,
            })),
        };
        self.values.insert(node.clone(), value);
        self.instances.insert(node, instances);
    }

    /// Sets one instance of a block whose instances are known.
    pub fn set_instance(&mut self, node: &Node, key: &Key, value: Value) {
        let Some(instances) = self.instances.get_mut(node) else { return };
        if let Some((_, old)) = instances.iter_mut().find(|(k, _)| k == key) {
            *old = value;
        }
        let each = match instances.first() {
            Some((Key::Index(_), _)) => Each::Count(0),
            Some((Key::Name(_), _)) => Each::Keys(Vec::new()),
            _ => Each::One,
        };
        let instances = std::mem::take(instances);
        self.set_instances(node.clone(), &each, instances);
    }

    /// All instances of all blocks, in order.
    pub fn all_instances(&self) -> impl Iterator<Item = (&Node, &Key, &Value)> {
        self.instances.iter().flat_map(|(node, all)| all.iter().map(move |(k, v)| (node, k, v)))
    }

    /// Evaluates an attribute.
    pub fn eval(&self, names: &Names<'_>, attr: &Attr, title: &str) -> Result<Value> {
        Evaluator::new(names).expr(&attr.expr).map_err(|e| Diagnostic::failed(&e, &attr.place, title))
    }

    /// Works out a variable, local or output; resources and data are the planner's.
    pub fn work_out(&mut self, node: &Node, given: &[VariableValue]) -> Result<()> {
        let config = self.config.clone();
        let Some(module) = config.modules.get(node.0) else { return Ok(()) };
        let value = match &node.1 {
            Item::Variable(name) => match module.variables.iter().find(|v| v.name == *name) {
                Some(variable) => self.variable(node, variable, given)?,
                None => return Ok(()),
            },
            Item::Local(name) => match module.locals.iter().find(|l| l.name == *name) {
                Some(local) => self.eval(&self.names(node.0), local, "locals")?,
                None => return Ok(()),
            },
            Item::Output(name) => match module.outputs.iter().find(|o| o.name == *name) {
                Some(output) => {
                    let title = format!("output {name:?}");
                    let value = self.eval(&self.names(node.0), &output.value, &title)?;
                    if node.0 == 0 && value.has_sensitive() && !output.sensitive {
                        let what = "the value is sensitive, so the output must say sensitive = true";
                        return Err(Diagnostic::new(what, Some(&output.value.place), &title));
                    }
                    value.marked(output.sensitive)
                }
                None => return Ok(()),
            },
            Item::Resource(..) => return Ok(()),
        };
        shallow(&value).map_err(|what| Diagnostic::new(what, None, &node.1.address()))?;
        self.set(node.clone(), value);
        Ok(())
    }

    fn variable(&mut self, node: &Node, variable: &Variable, given: &[VariableValue]) -> Result<Value> {
        let title = format!("variable {:?}", variable.name);
        let config = self.config.clone();
        let call = config.modules[node.0].call.as_ref();
        let (value, place) = match call {
            Some((parent, call)) => match call.body.attr(&variable.name) {
                Some(attr) => (Some(self.eval(&self.names(*parent), attr, &call.title())?), attr.place.clone()),
                None => (None, call.place.clone()),
            },
            None => {
                let value = given.iter().rev().find(|v| v.name == variable.name);
                let value = value.map(|v| from_text(variable, &v.value)).transpose()?;
                (value, variable.place.clone())
            }
        };
        let value = match value {
            Some(v) if v.is_null() && !variable.nullable => variable.default.clone(),
            Some(v) => Some(v),
            None => variable.default.clone(),
        };
        let value = value.ok_or_else(|| {
            Diagnostic::new(format!("the variable {:?} needs a value", variable.name), Some(&place), &title)
        })?;
        let value = variable.of.convert(value);
        let value = value
            .map_err(|e| Diagnostic::new(format!("the value does not fit the type: {e}"), Some(&place), &title))?;
        if value.is_null() && !variable.nullable {
            return Err(Diagnostic::new("the value must not be null", Some(&place), &title));
        }
        let value = value.marked(variable.sensitive);
        self.set(node.clone(), value.clone());
        for block in &variable.validations {
            let (Some(condition), Some(message)) = (block.body.attr("condition"), block.body.attr("error_message"))
            else {
                let what = "a validation needs a condition and an error_message";
                return Err(Diagnostic::new(what, Some(&block.place), &title));
            };
            let holds = self.eval(&self.names(node.0), condition, &title)?;
            if holds.to_bool() == Some(false) {
                let message = self.eval(&self.names(node.0), message, &title)?;
                let message = message.to_text().unwrap_or_else(|| "the value does not pass its validation".to_owned());
                return Err(Diagnostic::new(message, Some(&place), &title));
            }
        }
        Ok(value)
    }

    /// How many instances a block has, and for what.
    pub fn each(&self, module: usize, count: Option<&Attr>, for_each: Option<&Attr>, title: &str) -> Result<Each> {
        let names = self.names(module);
        let wrong = |attr: &Attr, what: String| Err(Diagnostic::new(what, Some(&attr.place), title));
        if let Some(attr) = count {
            let value = self.eval(&names, attr, title)?;
            if value.has_unknown() {
                return wrong(attr, "count depends on something that is not known before apply".to_owned());
            }
            return match value.to_number().and_then(|n| n.as_i64()) {
                Some(n) if (0..=MAX_INSTANCES).contains(&n) => Ok(Each::Count(n as u64)),
                _ => wrong(attr, format!("count must be a whole number from 0 to {MAX_INSTANCES}")),
            };
        }
        let Some(attr) = for_each else { return Ok(Each::One) };
        let value = self.eval(&names, attr, title)?;
        if value.has_sensitive() && value.sensitive {
            return wrong(attr, "for_each must not be sensitive: its keys are shown".to_owned());
        }
        let keys = match (&value.data, value.kind()) {
            (_, "not known yet") => {
                return wrong(attr, "for_each depends on something that is not known before apply".to_owned());
            }
            (_, "map" | "object" | "set") => {
                eval::pairs(&value).map_err(|e| Diagnostic::failed(&e, &attr.place, title))?
            }
            (_, kind) => return wrong(attr, format!("for_each needs a map or a set of strings, not {kind}")),
        };
        if keys.len() as i64 > MAX_INSTANCES {
            return wrong(attr, format!("for_each must have at most {MAX_INSTANCES} elements"));
        }
        let named = keys.into_iter().map(|(k, v)| k.as_str().map(|k| (k.to_owned(), v)));
        match named.collect::<Option<Vec<_>>>() {
            Some(keys) => Ok(Each::Keys(keys)),
            None => wrong(attr, "the keys of for_each must be known strings".to_owned()),
        }
    }
}

/// How deep values may nest. Every walk over a value is as deep as the value is.
const MAX_DEPTH: usize = 100;

/// Refuses a value that is nested too deeply: each local may put another level around the last.
pub fn shallow(value: &Value) -> std::result::Result<(), String> {
    match value.is_within(MAX_DEPTH) {
        true => Ok(()),
        false => Err(format!("the value is nested more than {MAX_DEPTH} levels deep")),
    }
}

/// The most instances of one block.
const MAX_INSTANCES: i64 = 1000;

/// A variable's value out of the text it was given as: as it is for text and the like, else as an
/// expression.
fn from_text(variable: &Variable, text: &str) -> Result<Value> {
    if matches!(variable.of, Type::String | Type::Number | Type::Bool | Type::Any) {
        return Ok(text.into());
    }
    let wrong = |why: String| {
        let what = format!("the value {text:?} is not an expression: {why}");
        Diagnostic::new(what, Some(&variable.place), &format!("variable {:?}", variable.name))
    };
    let expr = text.parse().map_err(|e: hcl_edit::parser::Error| wrong(e.message().to_owned()))?;
    eval::constant(&expr).map_err(|e| wrong(e.message))
}

impl Each {
    /// The instances: their keys, and `each.value` for each.
    pub fn keys(&self) -> Vec<(Key, Value)> {
        match self {
            Each::One => vec![(Key::None, Value::NULL)],
            Each::Count(n) => (0..*n).map(|i| (Key::Index(i), Value::NULL)).collect(),
            Each::Keys(keys) => keys.iter().map(|(k, v)| (Key::Name(k.clone()), v.clone())).collect(),
        }
    }
}

impl Names<'_> {
    fn node(&self, item: Item) -> eval::Result<Value> {
        let node = (self.module, item);
        match self.world.values.get(&node) {
            Some(value) => Ok(value.clone()),
            None => Err(EvalError::new(format!("there is no {} in this template", node.1.address()))),
        }
    }
    fn called(&self, path: &[&str]) -> eval::Result<(Value, usize)> {
        let config = &self.world.config;
        let name = path.first().copied().unwrap_or_default();
        let child = config.child(self.module, name);
        let child = child.ok_or_else(|| EvalError::new(format!("there is no module {name:?} in this template")))?;
        let outputs = config.modules[child].outputs.iter();
        let of = |name: &str| self.world.get(&(child, Item::Output(name.to_owned()))).clone();
        match path.get(1) {
            Some(output) if config.modules[child].outputs.iter().any(|o| o.name == **output) => Ok((of(output), 2)),
            Some(output) => Err(EvalError::new(format!("the module {name:?} has no output {output:?}"))),
            None => Ok((Value::object(outputs.map(|o| (o.name.clone(), of(&o.name)))), 1)),
        }
    }
}

impl Scope for Names<'_> {
    fn resolve(&self, root: &str, path: &[&str]) -> eval::Result<(Value, usize)> {
        let part = |i: usize| {
            let missing = || EvalError::new(format!("{root:?} by itself is no value; a name must follow"));
            path.get(i).copied().ok_or_else(missing)
        };
        let nothing = |what: &str| Err(EvalError::new(format!("{what} cannot be used here")));
        match root {
            "var" => Ok((self.node(Item::Variable(part(0)?.to_owned()))?, 1)),
            "local" => Ok((self.node(Item::Local(part(0)?.to_owned()))?, 1)),
            "data" => Ok((self.node(Item::Resource(Mode::Data, part(0)?.to_owned(), part(1)?.to_owned()))?, 2)),
            "module" => self.called(path),
            "count" => match (part(0)?, self.key) {
                ("index", Some((Key::Index(n), _))) => Ok(((*n as i64).into(), 1)),
                _ => nothing("count"),
            },
            "each" => match (part(0)?, self.key) {
                ("key", Some((Key::Name(name), _))) => Ok((name.as_str().into(), 1)),
                ("value", Some((Key::Name(_), value))) => Ok((value.clone(), 1)),
                _ => nothing("each"),
            },
            "self" => match self.own {
                Some(own) => Ok((own.clone(), 0)),
                None => nothing("self"),
            },
            "path" => match part(0)? {
                "module" => {
                    let folder = self.world.config.modules.get(self.module).map_or("", |m| m.folder.as_str());
                    Ok((if folder.is_empty() { "." } else { folder }.into(), 1))
                }
                "root" => Ok((".".into(), 1)),
                "cwd" => Ok((self.world.host.folder.as_str().into(), 1)),
                other => nothing(&format!("path.{other}")),
            },
            "terraform" => match part(0)? {
                "workspace" => Ok(("default".into(), 1)),
                other => nothing(&format!("terraform.{other}")),
            },
            of if path.is_empty() => nothing(&format!("the name {of:?}")),
            of => Ok((self.node(Item::Resource(Mode::Managed, of.to_owned(), part(0)?.to_owned()))?, 1)),
        }
    }
    fn host(&self) -> &Host {
        &self.world.host
    }
}

/// The place of a block, for messages about instances.
pub fn place_of(config: &Config, node: &Node) -> Option<Place> {
    let Item::Resource(mode, of, name) = &node.1 else { return None };
    let resources = &config.modules.get(node.0)?.resources;
    resources.iter().find(|r| r.mode == *mode && r.of == *of && r.name == *name).map(|r| r.place.clone())
}
