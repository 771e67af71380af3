//! A template's blocks, sorted: variables, locals, resources, data, outputs, local modules.
//!
//! [`Config::load`] reads the `.tf` and `.tf.json` files of the root folder and of local modules below
//! it. What a block says is kept as expressions; whether a resource type exists, and what it takes, is
//! not known here. What only Terraform can do is found out here already and named with its place.
//! [`Config::load_what_reads`] is for forms, which are shown as far as a template makes sense.

use std::sync::Arc;

use hcl_edit::expr::Expression;
use hcl_edit::structure as syntax;

use super::body::{Attr, Block, Body};
use super::graph;
use super::json;
use super::place::{Diagnostic, FileText, Place, Result};
use super::types::Type;
use super::value::Value;
use crate::provisioner::source::Source;

/// A template.
#[derive(Debug)]
pub struct Config {
    /// Its files.
    pub source: Arc<Source>,
    /// Its modules; the first is the root.
    pub modules: Vec<Module>,
    /// What could not be read and was left out; nothing may be, unless it was asked for so.
    pub left_out: Vec<Diagnostic>,
    /// Whether what cannot be read is left out.
    lenient: bool,
}

/// A module: the root, or a local one that a module above it calls.
#[derive(Debug, Default)]
pub struct Module {
    /// The names of the calls that lead to it; empty for the root.
    pub path: Vec<String>,
    /// Its folder below the template's.
    pub folder: String,
    /// The module that calls it, and the call's block; nothing for the root.
    pub call: Option<(usize, Block)>,
    /// Its variables, by file and line.
    pub variables: Vec<Variable>,
    /// Its locals.
    pub locals: Vec<Attr>,
    /// Its resources and data, by file and line.
    pub resources: Vec<ResourceBlock>,
    /// Its outputs.
    pub outputs: Vec<Output>,
    /// Its `provider` blocks.
    pub providers: Vec<Block>,
    /// Its `required_providers`: local name and source.
    pub required_providers: Vec<(String, String, Place)>,
}

/// A `variable` block.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its type as written; empty without one.
    pub type_text: String,
    /// Its type.
    pub of: Type,
    /// What it is when nothing is given.
    pub default: Option<Value>,
    /// The same as written, before it is fitted to the type.
    pub written_default: Option<Value>,
    /// Whether its value must not be shown.
    pub sensitive: bool,
    /// Whether it may be null.
    pub nullable: bool,
    /// Its `validation` blocks.
    pub validations: Vec<Block>,
    /// Where it is.
    pub place: Place,
}

/// An `output` block.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub value: Attr,
    /// Whether it must not be shown.
    pub sensitive: bool,
    /// What it waits for.
    pub depends_on: Vec<Expression>,
}

/// A resource, or data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Something that is only read.
    Data,
    /// Something that is made and unmade.
    Managed,
}

/// A `resource` or `data` block.
#[derive(Clone, Debug)]
pub struct ResourceBlock {
    /// Resource or data.
    pub mode: Mode,
    /// Its type.
    pub of: String,
    /// Its name.
    pub name: String,
    /// How many there are.
    pub count: Option<Attr>,
    /// For which keys there is one each.
    pub for_each: Option<Attr>,
    /// What it waits for besides what it refers to.
    pub depends_on: Vec<Expression>,
    /// What happens when it changes.
    pub lifecycle: Lifecycle,
    /// What runs when it is made or unmade.
    pub provisioners: Vec<Provisioner>,
    /// All else.
    pub body: Body,
    /// Where it is.
    pub place: Place,
}

impl ResourceBlock {
    /// The block in messages: `resource "coder_agent" "main"`.
    pub fn title(&self) -> String {
        let word = if self.mode == Mode::Data { "data" } else { "resource" };
        format!("{word} {:?} {:?}", self.of, self.name)
    }
}

/// A `lifecycle` block.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Whether a replacement comes first.
    pub create_before_destroy: bool,
    /// Whether it must never be destroyed.
    pub prevent_destroy: bool,
    /// Attributes whose changes do not matter.
    pub ignore_changes: Vec<String>,
    /// Whether no change matters.
    pub ignore_all: bool,
}

/// A `provisioner "local-exec"` block.
#[derive(Clone, Debug)]
pub struct Provisioner {
    /// Whether it runs when the resource is unmade, not made.
    pub at_destroy: bool,
    /// Whether its failure does not matter.
    pub continues: bool,
    /// What it runs, where, and with what.
    pub body: Body,
    /// Where it is.
    pub place: Place,
}

/// How deep local modules may call each other.
const MAX_MODULE_DEPTH: usize = 16;
/// The most modules of a template.
const MAX_MODULES: usize = 256;

impl Config {
    /// Reads a template.
    pub fn load(source: Arc<Source>) -> Result<Config> {
        let mut config = Config { source, modules: Vec::new(), left_out: Vec::new(), lenient: false };
        config.module(Module::default())?;
        Ok(config)
    }

    /// Reads what can be read of a template. Files, blocks and modules that cannot are left out.
    pub fn load_what_reads(source: Arc<Source>) -> Config {
        let mut config = Config { source, modules: Vec::new(), left_out: Vec::new(), lenient: true };
        if let Err(wrong) = config.module(Module::default()) {
            config.left_out.push(wrong);
        }
        config
    }

    /// What was read, or nothing where it is left out.
    fn unless_left_out<T>(&mut self, read: Result<T>) -> Result<Option<T>> {
        match read {
            Err(wrong) if self.lenient => {
                self.left_out.push(wrong);
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    fn module(&mut self, mut module: Module) -> Result<()> {
        let index = self.modules.len();
        let mut calls = Vec::new();
        let files: Vec<Arc<FileText>> = files(&self.source, &module.folder).collect();
        for file in files {
            let Some(body) = self.unless_left_out(parse(&file))? else { continue };
            if let Some(attr) = body.attrs.first() {
                let what = format!("an attribute named {:?} is not expected outside a block", attr.name);
                self.unless_left_out::<()>(Err(Diagnostic::new(what, Some(&attr.place), "")))?;
            }
            for block in body.blocks {
                let read = module.block(block, &mut calls);
                self.unless_left_out(read)?;
            }
        }
        let unique = module.unique();
        self.unless_left_out(unique)?;
        self.modules.push(module);
        for call in calls {
            let called = self.call(index, call);
            self.unless_left_out(called)?;
        }
        Ok(())
    }

    /// Reads the module that a `module` block of the module `index` calls.
    fn call(&mut self, index: usize, mut call: Block) -> Result<()> {
        let (path, folder) = (self.modules[index].path.clone(), self.modules[index].folder.clone());
        let name = call.labeled(1)?[0].clone();
        let place = call.place.clone();
        let title = call.title();
        let from = call.constant("source")?.and_then(|v| v.to_text());
        let from = from.ok_or_else(|| Diagnostic::new("a module needs a source", Some(&place), &title))?;
        if !from.starts_with("./") && !from.starts_with("../") {
            return Err(Diagnostic::unsupported(format!("the module source {from:?}"), &place, &title));
        }
        if let Some(meta) = call.body.attrs.iter().find(|a| ["count", "for_each"].contains(&a.name.as_str())) {
            return Err(Diagnostic::unsupported(format!("{} on modules", meta.name), &meta.place, &title));
        }
        let below = inside(&folder, &from).filter(|f| files(&self.source, f).next().is_some());
        let below = below.ok_or_else(|| {
            Diagnostic::new(format!("there is no module in {from:?} of this template"), Some(&place), &title)
        })?;
        if path.len() >= MAX_MODULE_DEPTH || self.modules.len() >= MAX_MODULES {
            return Err(Diagnostic::new("modules call each other too deeply", Some(&place), &title));
        }
        call.body.take("providers");
        call.body.take("version");
        let path = path.iter().cloned().chain([name]).collect();
        self.module(Module { path, folder: below, call: Some((index, call)), ..Module::default() })
    }
}

/// `folder/path` with `.` and `..` resolved, unless it leads out of the template.
fn inside(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The configuration files of a folder, by name.
fn files<'s>(source: &'s Source, folder: &str) -> impl Iterator<Item = Arc<FileText>> + use<'s> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    source.files().filter_map(move |(path, file)| {
        let name = path.strip_prefix(&prefix)?;
        let wanted =
            (name.ends_with(".tf") || name.ends_with(".tf.json")) && !name.contains('/') && !name.starts_with('.');
        let text = || String::from_utf8_lossy(&file.data).into_owned();
        wanted.then(|| Arc::new(FileText { name: path.to_owned(), text: text() }))
    })
}

fn parse(file: &Arc<FileText>) -> Result<Body> {
    let stem = file.name.rsplit('/').next().unwrap_or_default();
    let stem = stem.trim_end_matches(".json").trim_end_matches(".tf");
    if stem == "override" || stem.ends_with("_override") {
        let place = Place { file: file.clone(), at: 0, exact: true };
        return Err(Diagnostic::unsupported("override files", &place, &format!("the file {:?}", file.name)));
    }
    if file.name.ends_with(".json") {
        return json::parse(file);
    }
    if file.text.contains('\u{fffd}') {
        let at = file.text.find('\u{fffd}').unwrap_or_default();
        let place = Place { file: file.clone(), at, exact: true };
        return Err(Diagnostic::new("the file is not UTF-8 text", Some(&place), ""));
    }
    match file.text.trim_start_matches('\u{feff}').parse::<syntax::Body>() {
        Ok(body) => Ok(Body::from_syntax(&body, file)),
        Err(e) => {
            let place = Place { file: file.clone(), at: e.location().offset(), exact: true };
            Err(Diagnostic::new(format!("the template does not parse: {}", e.message()), Some(&place), ""))
        }
    }
}

impl Module {
    fn block(&mut self, block: Block, calls: &mut Vec<Block>) -> Result<()> {
        match block.kind.as_str() {
            "variable" => self.variables.push(variable(block)?),
            "locals" => self.locals.extend(block.body.attrs),
            "output" => self.outputs.push(output(block)?),
            "resource" => self.resources.push(resource(block, Mode::Managed)?),
            "data" => self.resources.push(resource(block, Mode::Data)?),
            "provider" => self.providers.push(block),
            "module" => calls.push(block),
            "terraform" => self.terraform(block)?,
            "action" | "check" | "ephemeral" | "import" | "moved" | "removed" => {
                let what = format!("{} blocks", block.kind);
                return Err(Diagnostic::unsupported(what, &block.place, &block.title()));
            }
            other => {
                let what = format!("blocks of type {other:?} are not expected here");
                return Err(Diagnostic::new(what, Some(&block.place), ""));
            }
        }
        Ok(())
    }

    fn terraform(&mut self, block: Block) -> Result<()> {
        for inner in block.body.blocks {
            if inner.kind != "required_providers" {
                let what = format!("terraform {} blocks", inner.kind);
                return Err(Diagnostic::unsupported(what, &inner.place, "terraform"));
            }
            for attr in inner.body.attrs {
                // What a provider is required as may hold references (configuration_aliases), so only
                // its source is looked at.
                let source = attr.expr.as_object().and_then(|o| {
                    o.iter().find_map(|(k, v)| {
                        let named = k.as_ident().is_some_and(|i| i.as_str() == "source")
                            || k.as_expr().and_then(|e| e.as_str()) == Some("source");
                        named.then(|| v.expr().as_str().map(str::to_owned)).flatten()
                    })
                });
                let source = source.unwrap_or_else(|| format!("hashicorp/{}", attr.name));
                self.required_providers.push((attr.name, source, attr.place));
            }
        }
        Ok(())
    }

    fn unique(&self) -> Result<()> {
        let resources = self.resources.iter().map(|r| (r.title(), &r.place));
        let variables = self.variables.iter().map(|v| (format!("variable {:?}", v.name), &v.place));
        let locals = self.locals.iter().map(|l| (format!("local value {:?}", l.name), &l.place));
        let outputs = self.outputs.iter().map(|o| (format!("output {:?}", o.name), &o.value.place));
        let mut seen = std::collections::HashMap::new();
        for (title, place) in resources.chain(variables).chain(locals).chain(outputs) {
            if let Some(first) = seen.insert(title.clone(), place) {
                let what = format!("there is another {title} at {first}");
                return Err(Diagnostic::new(what, Some(place), &title));
            }
        }
        Ok(())
    }
}

fn variable(mut block: Block) -> Result<Variable> {
    let title = block.title();
    let name = block.labeled(1)?[0].clone();
    let (mut of, mut type_text) = (Type::Any, String::new());
    if let Some(attr) = block.body.take("type") {
        type_text = attr.expr.to_string().trim().to_owned();
        of = Type::parse(&attr.expr).map_err(|e| Diagnostic::new(e, Some(&attr.place), &title))?;
    }
    let default_place = block.body.attr("default").map(|a| a.place.clone());
    let written_default = block.constant("default")?;
    let default = match written_default.clone() {
        Some(value) => Some(of.convert(value).map_err(|e| {
            Diagnostic::new(format!("the default does not fit the type: {e}"), default_place.as_ref(), &title)
        })?),
        None => None,
    };
    let variable = Variable {
        name,
        description: block.constant("description")?.and_then(|v| v.to_text()).unwrap_or_default(),
        type_text,
        of,
        default,
        written_default,
        sensitive: block.flag("sensitive", false)?,
        nullable: block.flag("nullable", true)?,
        validations: block.body.take_blocks("validation"),
        place: block.place.clone(),
    };
    block.flag("ephemeral", false)?;
    block.done()?;
    Ok(variable)
}

fn output(mut block: Block) -> Result<Output> {
    let title = block.title();
    let name = block.labeled(1)?[0].clone();
    let value = block.body.take("value");
    let value = value.ok_or_else(|| Diagnostic::new("an output needs a value", Some(&block.place), &title))?;
    block.constant("description")?;
    let sensitive = block.flag("sensitive", false)?;
    block.flag("ephemeral", false)?;
    let depends_on = depends_on(&mut block)?;
    if let Some(check) = block.body.blocks.first() {
        return Err(Diagnostic::unsupported(format!("{} blocks of outputs", check.kind), &check.place, &title));
    }
    block.done()?;
    Ok(Output { name, value, sensitive, depends_on })
}

fn depends_on(block: &mut Block) -> Result<Vec<Expression>> {
    let Some(attr) = block.body.take("depends_on") else { return Ok(Vec::new()) };
    match attr.expr.as_array() {
        Some(items) => Ok(items.iter().cloned().collect()),
        None => Err(Diagnostic::new("depends_on must be a list of references", Some(&attr.place), &block.title())),
    }
}

fn resource(mut block: Block, mode: Mode) -> Result<ResourceBlock> {
    let title = block.title();
    let [of, name] = block.labeled(2)? else { unreachable!("labeled(2) gives two") };
    let (of, name) = (of.clone(), name.clone());
    let (count, for_each) = (block.body.take("count"), block.body.take("for_each"));
    if let (Some(_), Some(each)) = (&count, &for_each) {
        return Err(Diagnostic::new("count and for_each exclude each other", Some(&each.place), &title));
    }
    let depends_on = depends_on(&mut block)?;
    block.body.take("provider");
    block.body.take_blocks("connection");
    let mut lifecycle = Lifecycle::default();
    for inner in block.body.take_blocks("lifecycle") {
        lifecycle.read(inner, &title)?;
    }
    let provisioners = block.body.take_blocks("provisioner").into_iter().map(|b| provisioner(b, &title));
    let provisioners = provisioners.collect::<Result<_>>()?;
    let Block { body, place, .. } = block;
    Ok(ResourceBlock { mode, of, name, count, for_each, depends_on, lifecycle, provisioners, body, place })
}

impl Lifecycle {
    fn read(&mut self, mut block: Block, title: &str) -> Result<()> {
        self.create_before_destroy = block.flag("create_before_destroy", false)?;
        self.prevent_destroy = block.flag("prevent_destroy", false)?;
        if let Some(attr) = block.body.take("ignore_changes") {
            let word =
                |e: &Expression| e.as_variable().map(|v| v.as_str().to_owned()).or(e.as_str().map(str::to_owned));
            self.ignore_all = word(&attr.expr).as_deref() == Some("all");
            if !self.ignore_all {
                let names: Option<Vec<String>> = attr.expr.as_array().and_then(|a| a.iter().map(word).collect());
                self.ignore_changes = names.ok_or_else(|| {
                    Diagnostic::unsupported("ignore_changes of parts of attributes", &attr.place, title)
                })?;
            }
        }
        let left = block.body.attrs.first().map(|a| (&a.name, &a.place));
        match left.or(block.body.blocks.first().map(|b| (&b.kind, &b.place))) {
            Some((name, place)) => Err(Diagnostic::unsupported(format!("lifecycle {name}"), place, title)),
            None => Ok(()),
        }
    }
}

fn provisioner(mut block: Block, title: &str) -> Result<Provisioner> {
    let kind = block.labeled(1)?[0].clone();
    if kind != "local-exec" {
        return Err(Diagnostic::unsupported(format!("the provisioner {kind:?}"), &block.place, title));
    }
    let word = |attr: Option<Attr>| {
        attr.map(|a| {
            let name = a.expr.as_variable().map(|v| v.as_str().to_owned()).or(a.expr.as_str().map(str::to_owned));
            (name.unwrap_or_default(), a.place)
        })
    };
    let mut out =
        Provisioner { at_destroy: false, continues: false, body: Body::default(), place: block.place.clone() };
    if let Some((when, place)) = word(block.body.take("when")) {
        out.at_destroy = match when.as_str() {
            "create" => false,
            "destroy" => true,
            _ => return Err(Diagnostic::new("when must be create or destroy", Some(&place), title)),
        };
    }
    if let Some((on_failure, place)) = word(block.body.take("on_failure")) {
        out.continues = match on_failure.as_str() {
            "continue" => true,
            "fail" => false,
            _ => return Err(Diagnostic::new("on_failure must be continue or fail", Some(&place), title)),
        };
    }
    block.body.take_blocks("connection");
    for attr in &block.body.attrs {
        if !["command", "environment", "interpreter", "quiet", "working_dir"].contains(&attr.name.as_str()) {
            let what = format!("an attribute named {:?} is not expected here", attr.name);
            return Err(Diagnostic::new(what, Some(&attr.place), title));
        }
    }
    if block.body.attr("command").is_none() {
        return Err(Diagnostic::new("local-exec needs a command", Some(&block.place), title));
    }
    // What is unmade may outlive everything else that the template says.
    for attr in block.body.attrs.iter().filter(|_| out.at_destroy) {
        let own = |root: &str| ["self", "each", "count", "path", "terraform"].contains(&root);
        let other = graph::references(&attr.expr).into_iter().find(|r| r.len() > 1 && !own(&r[0]));
        if let Some(other) = other {
            let what = format!("at destroy only self, each.key and count.index can be used, not {}", other.join("."));
            return Err(Diagnostic::new(what, Some(&attr.place), title));
        }
    }
    out.body = block.body;
    Ok(out)
}
