//! Evaluates a template for its form: variables, locals, data and what they depend on, but nothing that
//! only a plan can know. What cannot be read, or is not known, is passed over.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::Rendered;
use super::block::Block;
use super::diagnostics::{MODULE_NOT_LOADED, coded, error, warning};
use super::parameter;
use super::presets::{self, Preset};
use super::tags;
use crate::provisioner::embedded::state::Key;
use crate::provisioner::embedded::world::{Each, Names, World};
use crate::provisioner::hcl::config::{Config, Mode, ResourceBlock};
use crate::provisioner::hcl::functions::Host;
use crate::provisioner::hcl::graph::{Graph, Item, Node};
use crate::provisioner::hcl::place::Place;
use crate::provisioner::hcl::value::Value;
use crate::provisioner::types::VariableValue;
use crate::sdk::PreviewParameter;

/// A template, ready to be rendered again and again.
pub struct Template {
    config: Arc<Config>,
    graph: Arc<Graph>,
    host: Host,
    variables: Vec<VariableValue>,
    plan: Json,
}

impl Template {
    /// Reads a template. `plan` is the plan of its import as JSON, for data that was read outside; null
    /// without one.
    pub fn read(host: Host, variables: Vec<VariableValue>, plan: Json) -> Template {
        let config = Config::load_what_reads(host.source.clone());
        let graph = Graph::build_what_holds(&config);
        Template { config: Arc::new(config), graph: Arc::new(graph), host, variables, plan }
    }

    /// The form for an owner, as templates see one, who chose these values.
    pub fn render(&self, owner: &Value, values: &BTreeMap<String, String>) -> Rendered {
        let world = World::new(self.config.clone(), self.graph.clone(), self.host.clone());
        let mut walk = Walk { template: self, owner, values, world, found: Vec::new(), presets: Vec::new() };
        let mut out = Rendered { diagnostics: self.modules_left_out(), ..Rendered::default() };
        for node in &self.graph.order {
            walk.node(node, &mut out);
        }
        walk.duplicates(&mut out);
        let mut parameters: Vec<PreviewParameter> = walk.found.into_iter().map(|f| f.parameter).collect();
        parameters.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
        out.wrong_presets = presets::check(walk.presets, &parameters);
        out.parameters = Some(parameters);
        out
    }

    fn modules_left_out(&self) -> Vec<crate::sdk::FriendlyDiagnostic> {
        let modules = self.config.left_out.iter().filter(|d| d.block.starts_with("module "));
        let told = |block: &str, place: Option<&Place>| {
            let at = place.map_or_else(String::new, |p| format!(" at {p}"));
            let detail = format!("{block}{at} is not among the template's files, so the form is without it.");
            coded(MODULE_NOT_LOADED, warning("A module is left out", detail))
        };
        modules.map(|d| told(&d.block, d.place.as_ref())).collect()
    }

    /// What the import's plan read of a data block.
    fn planned(&self, node: &Node, of: &str, name: &str) -> Option<Value> {
        let path = &self.config.modules.get(node.0)?.path;
        let root = self.plan.pointer("/prior_state/values/root_module")?;
        let module = (1..=path.len()).try_fold(root, |module, depth| {
            let address = path[..depth].iter().map(|n| format!("module.{n}")).collect::<Vec<_>>().join(".");
            let children = module.get("child_modules")?.as_array()?;
            children.iter().find(|c| c.get("address").and_then(Json::as_str) == Some(&address))
        })?;
        let is = |r: &&Json, key: &str, word: &str| r.get(key).and_then(Json::as_str) == Some(word);
        let instances: Vec<&Json> = module
            .get("resources")?
            .as_array()?
            .iter()
            .filter(|r| is(r, "mode", "data") && is(r, "type", of) && is(r, "name", name))
            .collect();
        let value = |r: &Json| r.get("values").map_or(Value::UNKNOWN, Value::from_json);
        match instances.first()?.get("index") {
            None | Some(Json::Null) => Some(value(instances[0])),
            Some(Json::String(_)) => Some(Value::object(
                instances.iter().filter_map(|r| Some((r.get("index")?.as_str()?.to_owned(), value(r)))),
            )),
            Some(_) => Some(Value::tuple(instances.into_iter().map(value).collect())),
        }
    }
}

/// A parameter, and where it is declared.
struct Found {
    parameter: PreviewParameter,
    address: String,
    place: Place,
}

struct Walk<'t> {
    template: &'t Template,
    owner: &'t Value,
    values: &'t BTreeMap<String, String>,
    world: World,
    found: Vec<Found>,
    presets: Vec<Preset>,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, out: &mut Rendered) {
        let config = self.world.config.clone();
        let Some(module) = config.modules.get(node.0) else { return };
        match &node.1 {
            Item::Variable(_) => {
                // Without a value that fits, whatever depends on it is not known.
                if self.world.work_out(node, &self.template.variables).is_err() {
                    self.world.set(node.clone(), Value::UNKNOWN);
                }
            }
            Item::Local(name) => self.parts(node, module.locals.iter().find(|l| l.name == *name).map(|l| &l.expr)),
            Item::Output(name) => {
                self.parts(node, module.outputs.iter().find(|o| o.name == *name).map(|o| &o.value.expr));
            }
            Item::Resource(mode, of, name) => {
                let found = module.resources.iter().find(|r| r.mode == *mode && r.of == *of && r.name == *name);
                if let Some(block) = found {
                    self.resource(node, block, out);
                }
            }
        }
    }

    fn parts(&mut self, node: &Node, expr: Option<&hcl_edit::expr::Expression>) {
        let Some(expr) = expr else { return };
        let nothing = Default::default();
        let value = Block::new(&self.world.names(node.0), &nothing).eval_parts(expr);
        self.world.set(node.clone(), value);
    }

    fn resource(&mut self, node: &Node, block: &ResourceBlock, out: &mut Rendered) {
        if block.mode == Mode::Data
            && !block.of.starts_with("coder_")
            && let Some(value) = self.template.planned(node, &block.of, &block.name)
        {
            return self.world.set(node.clone(), value);
        }
        // How many there are may not be known yet; then there is one.
        let each = self.world.each(node.0, block.count.as_ref(), block.for_each.as_ref(), &block.title());
        let each = each.unwrap_or(Each::One);
        let mut instances = Vec::new();
        for (key, each_value) in each.keys() {
            let names = Names { key: Some((&key, &each_value)), ..self.world.names(node.0) };
            let written = Block::new(&names, &block.body);
            let value = match (block.mode, block.of.as_str()) {
                (Mode::Data, "coder_parameter") => {
                    let labels = format!("{}.{}", block.of, block.name);
                    let read = parameter::read(&written, &labels, &reference(&labels, &key), self.values);
                    match read.parameter {
                        Ok(parameter) => self.found.push(Found {
                            parameter,
                            address: format!("data.{labels}"),
                            place: block.place.clone(),
                        }),
                        Err(wrong) => out.diagnostics.extend(wrong),
                    }
                    read.object
                }
                (Mode::Data, "coder_workspace_owner") => self.owner.clone(),
                (Mode::Data, "coder_workspace_tags") => {
                    tags::read(&written, out);
                    written.object().into()
                }
                (Mode::Data, "coder_workspace_preset") => {
                    self.presets.push(presets::read(&written));
                    written.object().into()
                }
                _ => written.object().into(),
            };
            instances.push((key, value));
        }
        self.world.set_instances(node.clone(), &each, instances);
    }

    /// Two parameters must not have one name.
    fn duplicates(&self, out: &mut Rendered) {
        let mut by_name: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
        for found in &self.found {
            by_name.entry(&found.parameter.name).or_default().push(found);
        }
        for (name, all) in by_name.iter().filter(|(_, all)| all.len() > 1) {
            let places = all.iter().map(|f| format!("{} at {}\n", f.address, f.place)).collect::<String>();
            out.diagnostics.push(error(format!("{} parameters have the name {name:?}", all.len()), places));
        }
    }
}

/// How others refer to a parameter's value.
fn reference(labels: &str, key: &Key) -> String {
    match key {
        Key::None => format!("data.{labels}.value"),
        Key::Index(n) => format!("data.{labels}.[{n}].value"),
        Key::Name(name) => format!("data.{labels}.[{name}].value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provisioner::source::Source;
    use crate::sdk::FriendlyDiagnostic;

    fn template(files: &[(&str, &str)], plan: Json) -> Template {
        let source = Arc::new(Source::from_files(files.iter().map(|(path, text)| (*path, *text))));
        Template::read(Host { source, ..Host::none() }, Vec::new(), plan)
    }

    fn parameters(template: &Template, values: &[(&str, &str)]) -> BTreeMap<String, PreviewParameter> {
        let values = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let owner = Value::object([("name", Value::from("ann")), ("groups", Value::strings(["devs"]))]);
        let parameters = template.render(&owner, &values).parameters.unwrap();
        parameters.into_iter().map(|p| (p.name.clone(), p)).collect()
    }

    fn said(diagnostics: &[FriendlyDiagnostic]) -> String {
        diagnostics.iter().map(|d| format!("{} {} {}\n", d.extra.code, d.summary, d.detail)).collect()
    }

    /// What each value is, or what stands there, and what is wrong with it.
    #[test]
    fn what_cannot_be_known_is_left_out_of_the_form_and_named() {
        let main = r#"
            module "far" { source = "registry.example.com/far/away" }
            resource "docker_container" "box" { name = data.coder_parameter.name.value }
            data "coder_workspace" "me" {}
            data "coder_workspace_owner" "me" {}
            locals { parts = { bad = docker_container.box.ip, good = "x" } }
            data "coder_parameter" "name" {
              name    = "name"
              default = local.parts.good
            }
            data "coder_parameter" "address" {
              name    = "address"
              default = local.parts.bad
            }
            data "coder_parameter" "workspace" {
              name    = "workspace"
              default = data.coder_workspace.me.name
            }
            data "coder_parameter" "secret" {
              name    = "secret"
              default = data.coder_workspace_owner.me.session_token
            }
            data "coder_parameter" "list" {
              name    = "list"
              default = ["a"]
            }
            data "coder_parameter" "odd" {
              name      = "odd"
              type      = "bool"
              form_type = "slider"
              default   = true
            }
            data "coder_parameter" "must" { name = "must" }
            data "coder_parameter" "picks" {
              name    = "picks"
              default = "a"
              option {
                name  = "A"
                value = "a"
              }
              option {
                name  = "B"
                value = local.parts.bad
              }
            }
        "#;
        let template = template(&[("main.tf", main)], Json::Null);
        assert!(said(&template.render(&Value::UNKNOWN, &BTreeMap::new()).diagnostics).starts_with("module_not_loaded"));
        let form = parameters(&template, &[]);
        let source = |name: &str| format!("data.coder_parameter.{name}.value");
        for (name, value, valid, wrong) in [
            ("name", "x".to_owned(), true, ""),
            ("address", source("address"), false, "not known"),
            // The build finds these out.
            ("workspace", source("workspace"), false, ""),
            ("secret", source("secret"), false, ""),
            ("list", source("list"), false, "tuple"),
            ("odd", "true".to_owned(), true, "slider"),
            ("must", source("must"), false, "required"),
            ("picks", "a".to_owned(), true, "1 of the options"),
        ] {
            let found = &form[name];
            assert_eq!((&found.value.value, found.value.valid), (&value, valid), "{name}");
            let said = said(&found.diagnostics);
            assert!(if wrong.is_empty() { said.is_empty() } else { said.contains(wrong) }, "{name}: {said}");
        }
    }

    #[test]
    fn instances_modules_and_what_an_import_read_are_part_of_the_form() {
        let main = r#"
            module "near" {
              source = "./near"
              prefix = data.coder_parameter.count.value
            }
            data "coder_workspace_owner" "me" {}
            data "coder_parameter" "count" {
              name    = "count"
              type    = "number"
              default = 1
            }
            data "coder_parameter" "disk" {
              count   = data.coder_parameter.count.value
              name    = "disk-${count.index}"
              default = count.index
            }
            data "coder_parameter" "group" {
              for_each = toset(data.coder_workspace_owner.me.groups)
              name     = "group-${each.key}"
              default  = each.value
            }
            data "coder_parameter" "sum" {
              name    = "sum"
              default = join(",", data.coder_parameter.disk[*].value)
            }
            data "docker_image" "base" {}
            data "coder_parameter" "image" {
              name    = "image"
              default = data.docker_image.base.digest
            }
            data "coder_parameter" "prefix" {
              name    = "prefix"
              default = module.near.prefixed
            }
        "#;
        let near = r#"
            variable "prefix" { type = string }
            data "docker_image" "base" {}
            data "coder_parameter" "near" {
              name    = "near"
              default = data.docker_image.base.digest
            }
            output "prefixed" { value = "${var.prefix}-near" }
        "#;
        let read = |digest: &str| serde_json::json!([{"mode": "data", "type": "docker_image", "name": "base", "values": {"digest": digest}}]);
        let plan = serde_json::json!({"prior_state": {"values": {"root_module": {
            "resources": read("sha"),
            "child_modules": [{"address": "module.near", "resources": read("near-sha")}],
        }}}});
        let template = template(&[("main.tf", main), ("near/main.tf", near)], plan);
        for (given, want) in [
            (&[] as &[_], "count=1 disk-0=0 group-devs=devs image=sha near=near-sha prefix=1-near sum=0"),
            (
                &[("count", "2"), ("disk-1", "x")],
                "count=2 disk-0=0 disk-1=x group-devs=devs image=sha near=near-sha prefix=2-near sum=0,x",
            ),
        ] {
            let form = parameters(&template, given);
            let shown: Vec<String> = form.iter().map(|(name, p)| format!("{name}={}", p.value.value)).collect();
            assert_eq!(shown.join(" "), want);
        }
    }

    #[test]
    fn files_that_do_not_parse_and_circles_leave_the_rest_of_the_form() {
        let main = r#"
            locals {
              a = local.b
              b = local.a
            }
            data "coder_parameter" "fine" {
              name    = "fine"
              default = "x"
            }
            data "coder_parameter" "round" {
              name    = "round"
              default = local.a
            }
            data "coder_parameter" "nameless" {}
        "#;
        let template = template(&[("main.tf", main), ("broken.tf", "resource {")], Json::Null);
        let rendered = template.render(&Value::UNKNOWN, &BTreeMap::new());
        assert!(said(&rendered.diagnostics).contains("coder_parameter.nameless has no name"), "{rendered:?}");
        let names: Vec<String> = rendered.parameters.unwrap().into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["fine", "round"]);
    }
}
