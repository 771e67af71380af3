//! Makes a plan happen: unmakes what goes, in the order opposite to that in which it was made, then
//! makes and changes what is wanted. State is kept after every step, so that a failure half-way leaves
//! behind what there is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::coder;
use super::exec::{Failed, Task};
use super::plan::{Action, Change, Plan, address, configured, deletion, parts, read, stored};
use super::report::{Report, seconds};
use super::schema::{self, Schema};
use super::state::{Address, Key, Stored};
use super::world::Names;
use crate::provisioner::hcl::config::{Mode, Provisioner, ResourceBlock};
use crate::provisioner::hcl::graph::{Item, Node};
use crate::provisioner::hcl::place::Diagnostic;
use crate::provisioner::hcl::types::Type;
use crate::provisioner::hcl::value::{Data, Value};

/// Why a step failed.
enum Trouble {
    /// Something is wrong with the template.
    Template(Box<Diagnostic>),
    /// A command did not end well.
    Command(String),
    /// The job was canceled.
    Canceled,
}

impl From<Diagnostic> for Trouble {
    fn from(diagnostic: Diagnostic) -> Trouble {
        Trouble::Template(Box::new(diagnostic))
    }
}

/// An apply under way.
pub struct Apply<'p> {
    plan: &'p mut Plan,
    /// The environment commands start from: the machine's and the build's.
    environment: Vec<(String, String)>,
    /// Where the template's files go when a command runs.
    folder: PathBuf,
    unpacked: bool,
    /// Blocks that failed, or wait for one that did.
    failed: BTreeSet<Node>,
    /// What went wrong, in lines.
    errors: Vec<String>,
    counts: (u32, u32, u32),
}

impl<'p> Apply<'p> {
    /// Prepares to make a plan happen.
    pub fn new(plan: &'p mut Plan, environment: Vec<(String, String)>, folder: PathBuf) -> Apply<'p> {
        plan.world.host.applying = true;
        Apply {
            plan,
            environment,
            folder,
            unpacked: false,
            failed: BTreeSet::new(),
            errors: Vec::new(),
            counts: (0, 0, 0),
        }
    }

    /// Makes it happen. On failure the lines say what went wrong; the plan's state is what there is
    /// either way.
    pub fn run(mut self, report: &mut Report<'_>) -> Result<(), Vec<String>> {
        let changes = std::mem::take(&mut self.plan.changes);
        let before = self.plan.state.write();
        let finished =
            self.deletions(&changes, report) && self.makings(&changes, report) && self.deposed(&changes, report);
        if finished {
            self.outputs();
        }
        self.plan.changes = changes;
        if self.plan.state.lineage.is_empty() {
            self.plan.state.lineage = self.plan.build.ids.uuid().to_string();
        }
        if self.plan.state.serial == 0 || self.plan.state.write() != before {
            self.plan.state.serial += 1;
        }
        let (added, changed, destroyed) = self.counts;
        if self.errors.is_empty() {
            report.info(format!("Apply complete! Resources: {added} added, {changed} changed, {destroyed} destroyed."));
            report.info(format!("Outputs: {}", self.plan.state.outputs.len()));
            return Ok(());
        }
        Err(self.errors)
    }

    /// Unmakes everything that goes before anything is made. Says whether to go on.
    fn deletions(&mut self, changes: &[Change], report: &mut Report<'_>) -> bool {
        let goes = |c: &&Change| matches!(c.action, Action::Delete | Action::Replace { create_first: false });
        // Blocks that something still needs whose end did not come.
        let mut needed: BTreeSet<String> = BTreeSet::new();
        for change in self.destroy_order(changes.iter().filter(goes).collect()) {
            let mut gone = false;
            let stays = needed.contains(&change.address.block());
            let go_on = stays
                || self.step(change, report, |apply, report| {
                    apply.delete(change, report)?;
                    gone = true;
                    Ok(())
                });
            if !go_on {
                return false;
            }
            if !gone && let Some(stored) = self.plan.state.instances.get(&change.address) {
                needed.extend(stored.object.dependencies.iter().cloned());
                self.failed.extend(change.node.clone());
            }
        }
        true
    }

    /// Puts what others were made from after those others.
    fn destroy_order<'c>(&self, mut left: Vec<&'c Change>) -> Vec<&'c Change> {
        let mut out = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let needed = |c: &Change| {
                let block = c.address.block();
                left.iter().any(|other| {
                    let stored = self.plan.state.instances.get(&other.address);
                    other.address.block() != block && stored.is_some_and(|s| s.object.dependencies.contains(&block))
                })
            };
            let (later, now): (Vec<_>, Vec<_>) = left.iter().copied().partition(|c| needed(c));
            if now.is_empty() {
                // Only state that somebody wrote by hand goes in circles; any order is as good.
                out.extend(later);
                break;
            }
            // Among equals, the one planned last goes first.
            out.extend(now.into_iter().rev());
            left = later;
        }
        out
    }

    fn makings(&mut self, changes: &[Change], report: &mut Report<'_>) -> bool {
        let order = self.plan.world.graph.order.clone();
        for node in &order {
            if let Item::Resource(..) = node.1 {
                for change in changes.iter().filter(|c| c.node.as_ref() == Some(node)) {
                    if !self.step(change, report, |apply, report| apply.make(node, change, report)) {
                        return false;
                    }
                }
            } else if !self.plan.destroys && !self.waits(node) {
                let variables = std::mem::take(&mut self.plan.variables);
                let worked = self.plan.world.work_out(node, &variables);
                self.plan.variables = variables;
                if let Err(diagnostic) = worked {
                    self.fail(report, Some(node), Trouble::from(diagnostic));
                }
            }
        }
        true
    }

    fn waits(&self, node: &Node) -> bool {
        self.plan.world.graph.ancestors(node).into_iter().any(|n| self.failed.contains(n))
    }

    /// Takes one step and notes how it went; says whether to go on.
    fn step(
        &mut self,
        change: &Change,
        report: &mut Report<'_>,
        act: impl FnOnce(&mut Self, &mut Report<'_>) -> Result<(), Trouble>,
    ) -> bool {
        if report.canceled() {
            self.fail(report, None, Trouble::Canceled);
            return false;
        }
        if let Some(node) = &change.node
            && change.action != Action::Delete
            && (self.failed.contains(node) || self.waits(node))
        {
            self.failed.insert(node.clone());
            return true;
        }
        match act(self, report) {
            Ok(()) => true,
            Err(trouble) => {
                let stop = matches!(trouble, Trouble::Canceled);
                self.fail(report, change.node.as_ref(), trouble);
                !stop
            }
        }
    }

    fn fail(&mut self, report: &Report<'_>, node: Option<&Node>, trouble: Trouble) {
        let lines = match trouble {
            Trouble::Template(diagnostic) => diagnostic.lines(),
            Trouble::Command(message) => vec![message],
            Trouble::Canceled => vec!["Error: the job was canceled".to_owned()],
        };
        lines.iter().for_each(|line| report.error(line));
        self.errors.extend(lines);
        self.failed.extend(node.cloned());
    }

    fn delete(&mut self, change: &Change, report: &mut Report<'_>) -> Result<(), Trouble> {
        let Some(schema) = schema::find(Mode::Managed, &change.address.of) else { return Ok(()) };
        let before = change.before.clone().unwrap_or(Value::NULL);
        let stored = self.plan.state.instances.get(&change.address).cloned();
        self.unmake(change, &change.address, &before, stored.as_ref(), schema, report)?;
        self.plan.state.instances.remove(&change.address);
        Ok(())
    }

    /// Runs what runs at destroy, and counts.
    fn unmake(
        &mut self,
        change: &Change,
        at: &Address,
        before: &Value,
        stored: Option<&Stored>,
        schema: &'static Schema,
        report: &mut Report<'_>,
    ) -> Result<(), Trouble> {
        let start = report.now();
        let id = before.attribute("id").as_str().unwrap_or_default();
        report.info(format!("{at}: Destroying... [id={id}]"));
        let tainted = stored.is_some_and(|s| s.object.status.as_deref() == Some("tainted"));
        let mut result = Ok(());
        let config = self.plan.world.config.clone();
        if let Some(node) = change.node.as_ref().filter(|_| !tainted)
            && let Ok((block, _)) = parts(&config, node)
        {
            result = self.provision(node, block, change, true, before, report);
        }
        report.timed(start, "delete", schema.source(), at.local(), result.is_err());
        if result.is_ok() {
            report.info(format!("{at}: Destruction complete after {}s", seconds(start, report.now())));
            self.counts.2 += 1;
        }
        result
    }

    fn make(&mut self, node: &Node, change: &Change, report: &mut Report<'_>) -> Result<(), Trouble> {
        match change.action {
            Action::Delete => Ok(()),
            Action::None => {
                self.refresh_dependencies(node, change);
                Ok(())
            }
            Action::Read => self.read(node, change, report),
            Action::Update => self.update(node, change, report),
            Action::Create => self.create(node, change, report),
            Action::Replace { create_first } => {
                if create_first {
                    self.depose(&change.address);
                }
                self.create(node, change, report)
            }
        }
    }

    fn names<'n>(&'n self, node: &Node, change: &'n Change) -> Names<'n> {
        Names { key: Some((&change.address.key, &change.each_value)), ..self.plan.world.names(node.0) }
    }

    fn read(&mut self, node: &Node, change: &Change, report: &mut Report<'_>) -> Result<(), Trouble> {
        let config = self.plan.world.config.clone();
        let (block, schema) = parts(&config, node)?;
        let names = self.names(node, change);
        let wanted = super::decode::decode(&schema.body, &block.body, &names, &block.place, &block.title())?;
        let value = read(&self.plan.build, schema, wanted, &change.address, report);
        let value = value.map_err(|e| Diagnostic::new(e, Some(&block.place), &block.title()))?;
        self.keep(node, change, schema, value);
        Ok(())
    }

    fn update(&mut self, node: &Node, change: &Change, report: &mut Report<'_>) -> Result<(), Trouble> {
        let config = self.plan.world.config.clone();
        let (block, schema) = parts(&config, node)?;
        let id = change.after.attribute("id").clone();
        let shown = id.as_str().unwrap_or_default().to_owned();
        let start = report.now();
        report.info(format!("{}: Modifying... [id={shown}]", change.address));
        let wanted = configured(schema, block, &self.names(node, change))?;
        let (mut value, input) = (change.after.clone(), wanted.attribute("input").clone());
        if let Data::Map(_, at) = &mut value.data {
            at.insert("output".to_owned(), input.clone().unmarked());
            at.insert("input".to_owned(), input);
        }
        self.keep(node, change, schema, value);
        self.counts.1 += 1;
        report.timed(start, "update", schema.source(), change.address.local(), false);
        let took = seconds(start, report.now());
        report.info(format!("{}: Modifications complete after {took}s [id={shown}]", change.address));
        Ok(())
    }

    fn create(&mut self, node: &Node, change: &Change, report: &mut Report<'_>) -> Result<(), Trouble> {
        let config = self.plan.world.config.clone();
        let (block, schema) = parts(&config, node)?;
        let start = report.now();
        report.info(format!("{}: Creating...", change.address));
        let made = self.created(node, block, schema, change);
        let result = match made {
            Ok(value) => {
                self.keep(node, change, schema, value.clone());
                let result = self.provision(node, block, change, false, &value, report);
                if result.is_err()
                    && let Some(stored) = self.plan.state.instances.get_mut(&change.address)
                {
                    stored.object.status = Some("tainted".to_owned());
                }
                result.map(|()| value)
            }
            Err(trouble) => Err(trouble),
        };
        report.timed(start, "create", schema.source(), change.address.local(), result.is_err());
        let value = result?;
        self.counts.0 += 1;
        let (id, took) = (value.attribute("id").as_str().unwrap_or_default(), seconds(start, report.now()));
        report.info(format!("{}: Creation complete after {took}s [id={id}]", change.address));
        Ok(())
    }

    fn created(
        &self,
        node: &Node,
        block: &ResourceBlock,
        schema: &'static Schema,
        change: &Change,
    ) -> Result<Value, Trouble> {
        let wrong = |e: String| Diagnostic::new(e, Some(&block.place), &block.title());
        let mut config = configured(schema, block, &self.names(node, change))?;
        // What the lifecycle ignores stays as it was before the replacement.
        if let (Data::Map(_, at), Some(before)) = (&mut config.data, &change.before) {
            for name in &block.lifecycle.ignore_changes {
                at.insert(name.clone(), before.attribute(name).clone());
            }
        }
        if config.has_unknown() {
            return Err(wrong("something is still not known at apply".to_owned()).into());
        }
        coder::check(&block.of, &config).map_err(wrong)?;
        Ok(self.plan.build.create(&block.of, config).map_err(wrong)?)
    }

    /// Keeps an instance, in state and for those that refer to it.
    fn keep(&mut self, node: &Node, change: &Change, schema: &'static Schema, value: Value) {
        let dependencies = if schema.mode == Mode::Managed { self.dependencies(node) } else { Vec::new() };
        let mut kept = stored(schema, &value, dependencies);
        kept.object.create_before_destroy = schema.mode == Mode::Managed && self.plan.creates_first(node);
        self.plan.state.instances.insert(change.address.clone(), kept);
        self.plan.world.set_instance(node, &change.address.key, value);
    }

    /// What did not change may still depend on other blocks than when it was made.
    fn refresh_dependencies(&mut self, node: &Node, change: &Change) {
        let dependencies = self.dependencies(node);
        if let Some(stored) = self.plan.state.instances.get_mut(&change.address) {
            stored.object.dependencies = dependencies;
        }
    }

    fn dependencies(&self, node: &Node) -> Vec<String> {
        let (config, graph) = (&self.plan.world.config, &self.plan.world.graph);
        let all = graph.ancestors(node).into_iter().filter(|n| matches!(n.1, Item::Resource(..)));
        let mut blocks: Vec<String> = all.map(|n| address(config, n, Key::None).block()).collect();
        blocks.sort();
        blocks
    }

    fn depose(&mut self, at: &Address) {
        if let Some(mut stored) = self.plan.state.instances.remove(at) {
            stored.object.depose(self.plan.build.ids.hex(8));
            self.plan.state.deposed.push((at.clone(), stored));
        }
    }

    /// Unmakes what was replaced after its replacement was made, now or by an earlier build that failed.
    fn deposed(&mut self, changes: &[Change], report: &mut Report<'_>) -> bool {
        let mut left = std::mem::take(&mut self.plan.state.deposed);
        let mut kept = Vec::new();
        let mut go_on = true;
        while let Some((at, stored)) = left.pop().filter(|_| go_on) {
            let Some(schema) = schema::find(Mode::Managed, &at.of) else {
                kept.push((at, stored));
                continue;
            };
            let before = stored.object.value(schema);
            // Its replacement may be gone by now, or never have come to be.
            let change = changes.iter().find(|c| c.address == at).cloned();
            let change = change.unwrap_or_else(|| deletion(at.clone(), self.node_of(&at), before.clone()));
            let mut done = false;
            go_on = self.step(&change, report, |apply, report| {
                apply.unmake(&change, &at, &before, Some(&stored), schema, report)?;
                done = true;
                Ok(())
            });
            if !done {
                kept.push((at, stored));
            }
        }
        kept.extend(left);
        self.plan.state.deposed = kept;
        go_on
    }

    /// The node of an instance's block, if the template still has it.
    fn node_of(&self, at: &Address) -> Option<Node> {
        let (config, block) = (&self.plan.world.config, at.block());
        self.plan.world.graph.order.iter().find(|n| config.address(n) == block).cloned()
    }

    /// Keeps the outputs; when everything is gone, data is too.
    fn outputs(&mut self) {
        self.plan.state.outputs.clear();
        if self.plan.destroys {
            self.plan.state.instances.retain(|a, _| a.mode == Mode::Managed);
            return;
        }
        let config = self.plan.world.config.clone();
        for output in config.modules.first().map(|m| m.outputs.as_slice()).unwrap_or_default() {
            let value = self.plan.world.get(&(0, Item::Output(output.name.clone()))).clone();
            if value.is_null() || value.has_unknown() {
                continue;
            }
            let mut json = json!({ "value": value.to_json(), "type": value.type_json() });
            if output.sensitive || value.has_sensitive() {
                json["sensitive"] = true.into();
            }
            self.plan.state.outputs.insert(output.name.clone(), json);
        }
    }

    /// Runs the commands of a block for an instance.
    fn provision(
        &mut self,
        node: &Node,
        block: &ResourceBlock,
        change: &Change,
        at_destroy: bool,
        own: &Value,
        report: &mut Report<'_>,
    ) -> Result<(), Trouble> {
        for provisioner in block.provisioners.iter().filter(|p| p.at_destroy == at_destroy) {
            let start = report.now();
            report.info(format!("{}: Provisioning with 'local-exec'...", change.address));
            let result = self.execute(node, block, provisioner, change, own, report);
            let source = schema::find(block.mode, &block.of).map_or("", |s| s.source());
            report.timed(start, "provision", source, change.address.local(), result.is_err());
            match result {
                Ok(()) => report.info(format!("{}: (local-exec) Provisioning complete", change.address)),
                Err(Trouble::Command(message)) if provisioner.continues => report.warn(message),
                Err(trouble) => {
                    report.info(format!("{}: (local-exec) Provisioning errored", change.address));
                    return Err(trouble);
                }
            }
        }
        Ok(())
    }

    fn execute(
        &mut self,
        node: &Node,
        block: &ResourceBlock,
        provisioner: &Provisioner,
        change: &Change,
        own: &Value,
        report: &mut Report<'_>,
    ) -> Result<(), Trouble> {
        self.unpack()
            .map_err(|e| Trouble::Command(format!("Error: the template's files could not be written: {e}")))?;
        let title = block.title();
        let names = Names { own: Some(own), ..self.names(node, change) };
        let take = |name: &str, of: Type| -> Result<Value, Trouble> {
            let Some(attr) = provisioner.body.attr(name) else { return Ok(Value::NULL) };
            let value = self.plan.world.eval(&names, attr, &title)?;
            if value.has_unknown() {
                let what = format!("{name} depends on something that is not known");
                return Err(Diagnostic::new(what, Some(&attr.place), &title).into());
            }
            Ok(of.convert(value).map_err(|e| Diagnostic::new(format!("{name}: {e}"), Some(&attr.place), &title))?)
        };
        let command = take("command", Type::String)?;
        let interpreter = take("interpreter", Type::List(Type::String.into()))?;
        let environment = take("environment", Type::Map(Type::String.into()))?;
        let folder = take("working_dir", Type::String)?;
        let quiet = take("quiet", Type::Bool)?.as_bool() == Some(true);
        let hidden = [&command, &interpreter, &environment, &folder].iter().any(|v| v.has_sensitive());

        let text = command.as_str().unwrap_or_default();
        let mut program: Vec<String> =
            interpreter.as_seq().unwrap_or_default().iter().filter_map(Value::to_text).collect();
        if program.is_empty() {
            program = vec!["/bin/sh".to_owned(), "-c".to_owned()];
        }
        let mut variables = self.environment.clone();
        let given = environment.as_map().into_iter().flatten();
        variables.extend(given.filter_map(|(k, v)| v.to_text().map(|v| (k.clone(), v))));
        let line = |text: &str| report.info(format!("{}: (local-exec): {text}", change.address));
        if hidden {
            line("(output suppressed due to sensitive value in config)");
        } else if quiet {
            line("Executing: Suppressed by quiet=true");
        } else {
            let words: Vec<String> =
                program.iter().map(String::as_str).chain([text]).map(|w| format!("{w:?}")).collect();
            line(&format!("Executing: [{}]", words.join(" ")));
        }
        let folder = self.folder.join(folder.as_str().map_or(Path::new(""), Path::new));
        let task = Task { interpreter: &program, command: text, folder: &folder, environment: &variables };
        let result = task.run(
            &|text| {
                if !hidden {
                    line(text)
                }
            },
            &|| report.canceled(),
        );
        let shown = if hidden { "(hidden)" } else { text };
        result.map_err(|failed| match failed {
            Failed::Canceled => Trouble::Canceled,
            other => Trouble::Command(format!(
                "Error: local-exec provisioner error: on {}, in {title}: error running command '{shown}': {other}",
                provisioner.place
            )),
        })
    }

    /// Puts the template's files on disk, once, for commands.
    fn unpack(&mut self) -> std::io::Result<()> {
        if !self.unpacked {
            std::fs::create_dir_all(&self.folder)?;
            self.plan.world.host.source.write_to(&self.folder)?;
            self.unpacked = true;
        }
        Ok(())
    }
}
