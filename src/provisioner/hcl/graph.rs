//! What depends on what.
//!
//! Every variable, local, resource, data block and output of every module is a node. [`Graph::build`]
//! finds what each refers to, refuses what does not exist, and puts all in an order in which everything
//! comes after what it needs; a circle is an error that names its members. [`Graph::build_what_holds`]
//! passes over both, for forms, which are shown as far as a template makes sense.

use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::expr::{Expression, Traversal, TraversalOperator};
use hcl_edit::visit::{self, Visit};

use super::body::{Attr, Body};
use super::config::{Config, Mode, Module};
use super::place::{Diagnostic, Place, Result};

/// A node of the graph: something with a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// A variable.
    Variable(String),
    /// A local value.
    Local(String),
    /// A resource or data block: mode, type, name.
    Resource(Mode, String, String),
    /// An output.
    Output(String),
}

/// A node and the module it is in.
pub type Node = (usize, Item);

/// All nodes in order, with what each needs.
#[derive(Debug, Default)]
pub struct Graph {
    /// The nodes; each comes after what it needs.
    pub order: Vec<Node>,
    /// What each node needs directly.
    pub needs: BTreeMap<Node, BTreeSet<Node>>,
}

impl Item {
    /// The item as an address within its module.
    pub fn address(&self) -> String {
        match self {
            Item::Variable(n) => format!("var.{n}"),
            Item::Local(n) => format!("local.{n}"),
            Item::Output(n) => format!("output.{n}"),
            Item::Resource(Mode::Data, t, n) => format!("data.{t}.{n}"),
            Item::Resource(Mode::Managed, t, n) => format!("{t}.{n}"),
        }
    }
}

impl Module {
    /// What goes before an address in this module: nothing, or `module.a.module.b.`.
    pub fn prefix(&self) -> String {
        self.path.iter().map(|name| format!("module.{name}.")).collect()
    }
}

impl Config {
    /// A node's address, without the index of an instance.
    pub fn address(&self, (module, item): &Node) -> String {
        let prefix = self.modules.get(*module).map(Module::prefix).unwrap_or_default();
        prefix + &item.address()
    }
    /// The index of the module that `parent` calls by `name`.
    pub fn child(&self, parent: usize, name: &str) -> Option<usize> {
        self.modules.iter().position(|m| {
            m.call.as_ref().is_some_and(|(p, _)| *p == parent) && m.path.last().is_some_and(|n| n == name)
        })
    }
}

/// A name with what follows it, as far as it is known before evaluation.
type Reference = Vec<String>;

#[derive(Default)]
struct Finder {
    found: Vec<Reference>,
}

impl Visit for Finder {
    fn visit_traversal(&mut self, node: &Traversal) {
        match node.expr.as_variable() {
            Some(root) => {
                let attr = |o: &hcl_edit::Decorated<TraversalOperator>| match o.value() {
                    TraversalOperator::GetAttr(name) => Some(name.as_str().to_owned()),
                    _ => None,
                };
                let rest = node.operators.iter().map_while(attr);
                self.found.push([root.as_str().to_owned()].into_iter().chain(rest).collect());
                for operator in &node.operators {
                    if let TraversalOperator::Index(e) = operator.value() {
                        self.visit_expr(e);
                    }
                }
            }
            None => visit::visit_traversal(self, node),
        }
    }
    fn visit_expr(&mut self, node: &Expression) {
        if let Some(name) = node.as_variable() {
            self.found.push(vec![name.as_str().to_owned()]);
        }
        visit::visit_expr(self, node);
    }
}

/// Everything an expression refers to by name.
pub fn references(expr: &Expression) -> Vec<Reference> {
    let mut finder = Finder::default();
    finder.visit_expr(expr);
    finder.found
}

fn attrs_of<'b>(body: &'b Body, out: &mut Vec<&'b Attr>) {
    out.extend(&body.attrs);
    for block in &body.blocks {
        attrs_of(&block.body, out);
    }
}

struct Builder<'c> {
    config: &'c Config,
    graph: Graph,
    /// Nodes by declaration, for order and for existence.
    nodes: Vec<(Node, Place)>,
    /// Whether references to nothing, and circles, are passed over.
    lenient: bool,
}

/// The most nodes of a template. The largest in use have a few hundred.
const MAX_NODES: usize = 5000;

impl Graph {
    /// Finds all nodes and what they need.
    pub fn build(config: &Config) -> Result<Graph> {
        Graph::build_with(config, false)
    }

    /// Finds all nodes and what they need among each other. Nodes in a circle come last.
    pub fn build_what_holds(config: &Config) -> Graph {
        Graph::build_with(config, true).unwrap_or_default()
    }

    fn build_with(config: &Config, lenient: bool) -> Result<Graph> {
        let mut builder = Builder { config, graph: Graph::default(), nodes: Vec::new(), lenient };
        for (index, module) in config.modules.iter().enumerate() {
            builder.declare(index, module);
        }
        if builder.nodes.len() > MAX_NODES {
            let what = format!("the template has more than {MAX_NODES} blocks and values");
            return Err(Diagnostic::new(what, None, ""));
        }
        for (index, module) in config.modules.iter().enumerate() {
            builder.connect(index, module)?;
        }
        builder.sort()
    }

    /// Everything a node needs, directly or not.
    pub fn ancestors(&self, node: &Node) -> BTreeSet<&Node> {
        let mut seen = BTreeSet::new();
        let mut todo: Vec<&Node> = self.needs.get(node).into_iter().flatten().collect();
        while let Some(next) = todo.pop() {
            if seen.insert(next) {
                todo.extend(self.needs.get(next).into_iter().flatten());
            }
        }
        seen
    }
}

impl Builder<'_> {
    fn declare(&mut self, index: usize, module: &Module) {
        let variables = module.variables.iter().map(|v| (Item::Variable(v.name.clone()), v.place.clone()));
        let locals = module.locals.iter().map(|l| (Item::Local(l.name.clone()), l.place.clone()));
        let resources =
            module.resources.iter().map(|r| (Item::Resource(r.mode, r.of.clone(), r.name.clone()), r.place.clone()));
        let outputs = module.outputs.iter().map(|o| (Item::Output(o.name.clone()), o.value.place.clone()));
        for (item, place) in variables.chain(locals).chain(resources).chain(outputs) {
            self.graph.needs.insert((index, item.clone()), BTreeSet::new());
            self.nodes.push(((index, item), place));
        }
    }

    fn connect(&mut self, index: usize, module: &Module) -> Result<()> {
        for variable in &module.variables {
            let node = (index, Item::Variable(variable.name.clone()));
            if let Some((parent, call)) = &module.call
                && let Some(attr) = call.body.attr(&variable.name)
            {
                self.attr(&node, *parent, attr, &call.title())?;
            }
            let mut inside = Vec::new();
            variable.validations.iter().for_each(|b| attrs_of(&b.body, &mut inside));
            for attr in inside {
                self.attr(&node, index, attr, &format!("variable {:?}", variable.name))?;
            }
            // Its rules are about itself, and are looked at when it has its value.
            self.graph.needs.entry(node.clone()).or_default().remove(&node);
        }
        for local in &module.locals {
            self.attr(&(index, Item::Local(local.name.clone())), index, local, "locals")?;
        }
        for output in &module.outputs {
            let node = (index, Item::Output(output.name.clone()));
            let title = format!("output {:?}", output.name);
            self.attr(&node, index, &output.value, &title)?;
            self.exprs(&node, index, &output.depends_on, &output.value.place, &title)?;
        }
        for resource in &module.resources {
            let node = (index, Item::Resource(resource.mode, resource.of.clone(), resource.name.clone()));
            let title = resource.title();
            let mut inside = Vec::new();
            attrs_of(&resource.body, &mut inside);
            resource.provisioners.iter().for_each(|p| attrs_of(&p.body, &mut inside));
            for attr in inside.into_iter().chain(&resource.count).chain(&resource.for_each) {
                self.attr(&node, index, attr, &title)?;
            }
            self.exprs(&node, index, &resource.depends_on, &resource.place, &title)?;
            self.inherited(&node, index)?;
        }
        Ok(())
    }

    /// What the calls that lead to a module wait for, its resources wait for too.
    fn inherited(&mut self, node: &Node, index: usize) -> Result<()> {
        let config = self.config;
        let mut at = index;
        while let Some((parent, call)) = config.modules.get(at).and_then(|m| m.call.as_ref()) {
            if let Some(attr) = call.body.attr("depends_on") {
                self.attr(node, *parent, attr, &call.title())?;
            }
            at = *parent;
        }
        Ok(())
    }

    fn attr(&mut self, node: &Node, scope: usize, attr: &Attr, title: &str) -> Result<()> {
        self.exprs(node, scope, std::slice::from_ref(&attr.expr), &attr.place, title)
    }

    fn exprs(&mut self, node: &Node, scope: usize, exprs: &[Expression], place: &Place, title: &str) -> Result<()> {
        for reference in exprs.iter().flat_map(references) {
            let needs = match self.targets(scope, &reference, place, title) {
                Err(_) if self.lenient => continue,
                needs => needs?,
            };
            for need in needs {
                if need == *node && self.lenient {
                    continue;
                }
                let own_rule = matches!(node.1, Item::Variable(_)) && scope == node.0;
                if need == *node && !own_rule {
                    let what = format!("{} refers to itself", self.config.address(node));
                    return Err(Diagnostic::new(what, Some(place), title));
                }
                self.graph.needs.entry(node.clone()).or_default().insert(need);
            }
        }
        Ok(())
    }

    fn targets(&self, scope: usize, reference: &[String], place: &Place, title: &str) -> Result<Vec<Node>> {
        let part = |i: usize| reference.get(i).cloned().unwrap_or_default();
        let item = match reference[0].as_str() {
            "var" => Item::Variable(part(1)),
            "local" => Item::Local(part(1)),
            "data" => Item::Resource(Mode::Data, part(1), part(2)),
            "module" => return self.module_outputs(scope, reference, place, title),
            "each" | "count" | "path" | "terraform" | "self" => return Ok(Vec::new()),
            // A name by itself is a variable of a for expression or a dynamic block, or nothing.
            _ if reference.len() == 1 => return Ok(Vec::new()),
            of => Item::Resource(Mode::Managed, of.to_owned(), part(1)),
        };
        let node = (scope, item);
        if self.graph.needs.contains_key(&node) {
            return Ok(vec![node]);
        }
        // `option.value` of a dynamic block or `x.name` of a for expression looks like a resource.
        let declared = |of: &str| of.contains('_') && self.config.modules[scope].resources.iter().any(|r| r.of == of);
        match &node.1 {
            Item::Resource(Mode::Managed, of, _) if !declared(of) && !is_resource_type(of) => Ok(Vec::new()),
            item => {
                let what = match item {
                    Item::Variable(name) => format!("there is no variable {name:?} in this template"),
                    Item::Local(name) => format!("there is no local value {name:?} in this template"),
                    item => format!("there is no {} in this template", item.address()),
                };
                Err(Diagnostic::new(what, Some(place), title))
            }
        }
    }

    fn module_outputs(&self, scope: usize, reference: &[String], place: &Place, title: &str) -> Result<Vec<Node>> {
        let name = reference.get(1).map(String::as_str).unwrap_or_default();
        let child = self.config.child(scope, name).ok_or_else(|| {
            Diagnostic::new(format!("there is no module {name:?} in this template"), Some(place), title)
        })?;
        let outputs = || self.config.modules[child].outputs.iter().map(|o| (child, Item::Output(o.name.clone())));
        match reference.get(2) {
            Some(output) => {
                let node = (child, Item::Output(output.clone()));
                if !self.graph.needs.contains_key(&node) {
                    let what = format!("the module {name:?} has no output {output:?}");
                    return Err(Diagnostic::new(what, Some(place), title));
                }
                Ok(vec![node])
            }
            // The whole module: all it shows and all it makes.
            None => {
                let made = self.config.modules[child].resources.iter();
                let made = made.map(|r| (child, Item::Resource(r.mode, r.of.clone(), r.name.clone())));
                Ok(outputs().chain(made).collect())
            }
        }
    }

    /// Layer by layer: what needs nothing, then what needs only that, each as it is declared.
    fn sort(mut self) -> Result<Graph> {
        let place: BTreeMap<&Node, usize> = self.nodes.iter().enumerate().map(|(i, (n, _))| (n, i)).collect();
        let mut missing: Vec<usize> = self.nodes.iter().map(|(n, _)| self.graph.needs[n].len()).collect();
        let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (i, (node, _)) in self.nodes.iter().enumerate() {
            self.graph.needs[node].iter().for_each(|need| needed_by[place[need]].push(i));
        }
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut layer: Vec<usize> = (0..self.nodes.len()).filter(|i| missing[*i] == 0).collect();
        while !layer.is_empty() {
            let mut next = Vec::new();
            for i in layer {
                order.push(self.nodes[i].0.clone());
                for waiting in &needed_by[i] {
                    missing[*waiting] -= 1;
                    if missing[*waiting] == 0 {
                        next.push(*waiting);
                    }
                }
            }
            next.sort_unstable();
            layer = next;
        }
        let stuck: Vec<&(Node, Place)> =
            (0..self.nodes.len()).filter(|i| missing[*i] > 0).map(|i| &self.nodes[i]).collect();
        if !stuck.is_empty() && !self.lenient {
            return Err(self.circle(&stuck));
        }
        order.extend(stuck.iter().map(|n| n.0.clone()));
        self.graph.order = order;
        Ok(self.graph)
    }

    /// Names the members of a circle among nodes that wait for each other.
    fn circle(&self, stuck: &[&(Node, Place)]) -> Diagnostic {
        let waiting = |n: &Node| stuck.iter().any(|(s, _)| s == n);
        let mut path: Vec<&Node> = vec![&stuck[0].0];
        let members = loop {
            let last = path[path.len() - 1];
            let Some(next) = self.graph.needs[last].iter().find(|d| waiting(d)) else { break path };
            if let Some(at) = path.iter().position(|n| *n == next) {
                break path.split_off(at);
            }
            path.push(next);
        };
        let names: Vec<String> = members.iter().map(|n| self.config.address(n)).collect();
        let place = stuck.iter().find(|(n, _)| Some(&n) == members.first()).map(|(_, p)| p);
        Diagnostic::new(format!("these refer to each other in a circle: {}", names.join(", ")), place, "")
    }
}

/// Whether a word can only be a resource type: those of the providers this program has.
fn is_resource_type(word: &str) -> bool {
    word.starts_with("coder_") || ["terraform_data", "null_resource"].contains(&word)
}
