//! Draws up what the database keeps of a plan or a state: resources with their agents, applications,
//! scripts and metadata; parameters; presets.
//!
//! What belongs to what follows the rules of the reference: an agent is in the nearest resource that
//! depends on it, by the graph without its shortcuts; everything of an agent finds it by its id, or in
//! a plan that has no ids yet by a direct edge.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::plan::{Action, Plan, address};
use super::schema;
use super::state::{Address, Key};
use crate::provisioner::hcl::config::{Config, Mode};
use crate::provisioner::hcl::graph::{Graph, Item, Node};
use crate::provisioner::hcl::value::Value;
use crate::provisioner::types::*;

/// Types that are parts of an agent or say something about a resource, and are no resources themselves.
const PARTS: [&str; 5] = ["coder_script", "coder_agent", "coder_agent_instance", "coder_app", "coder_metadata"];

/// The icons of an agent's own scripts.
const START_ICON: &str = "/emojis/25b6-fe0f.png";
const STOP_ICON: &str = "/emojis/25c0.png";

/// Draws up a plan, or the state after it was made to happen.
pub fn graph(plan: &Plan, from: GraphSource) -> Result<GraphComplete, String> {
    let mut objects: Vec<(Address, Value)> = Vec::new();
    for (address, stored) in &plan.state.instances {
        let wanted = from == GraphSource::State || address.mode == Mode::Data;
        if let Some(schema) = schema::find(address.mode, &address.of).filter(|_| wanted) {
            objects.push((address.clone(), stored.object.value(schema)));
        }
    }
    if from == GraphSource::Plan {
        let planned = plan.changes.iter().filter(|c| c.action != Action::Delete);
        let planned = planned.filter(|c| c.address.mode == Mode::Managed || c.action == Action::Read);
        objects.extend(planned.map(|c| (c.address.clone(), c.after.clone())));
    }
    objects.sort_by(|a, b| a.0.cmp(&b.0));
    let drawing = Drawing::new(&plan.world.config, &plan.world.graph, &objects, from);
    let parameters = drawing.parameters()?;
    let presets = drawing.presets()?;
    let has = |of: &str| plan.world.graph.order.iter().any(|n| matches!(&n.1, Item::Resource(_, t, _) if t == of));
    Ok(GraphComplete {
        timings: Vec::new(),
        resources: drawing.resources()?,
        parameters,
        external_auth_providers: drawing.external_auth(),
        presets,
        has_ai_tasks: has("coder_ai_task"),
        ai_tasks: drawing.ai_tasks(),
        has_external_agents: has("coder_external_agent"),
    })
}

struct Drawing<'d> {
    objects: &'d [(Address, Value)],
    from: GraphSource,
    /// What each block needs directly, without shortcuts.
    needs: BTreeMap<String, BTreeSet<String>>,
    /// What needs each block directly, without shortcuts.
    needed_by: BTreeMap<String, BTreeSet<String>>,
}

fn text(value: &Value, name: &str) -> String {
    value.attribute(name).as_str().unwrap_or_default().to_owned()
}
fn flag(value: &Value, name: &str) -> bool {
    value.attribute(name).as_bool() == Some(true)
}
fn long(value: &Value, name: &str) -> i64 {
    value.attribute(name).as_number().and_then(|n| n.as_i64()).unwrap_or_default()
}
fn int(value: &Value, name: &str) -> i32 {
    let n = long(value, name);
    i32::try_from(n).unwrap_or(if n < 0 { i32::MIN } else { i32::MAX })
}
fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.attribute(name).as_seq().unwrap_or_default()
}

impl<'d> Drawing<'d> {
    fn new(config: &Config, graph: &Graph, objects: &'d [(Address, Value)], from: GraphSource) -> Drawing<'d> {
        let label = |n: &Node| match n.1 {
            Item::Resource(..) => address(config, n, Key::None).block(),
            _ => config.address(n),
        };
        let mut drawing = Drawing { objects, from, needs: BTreeMap::new(), needed_by: BTreeMap::new() };
        for (node, needs) in &graph.needs {
            // A need that another need has too is a shortcut.
            let indirect: HashSet<&Node> = needs.iter().flat_map(|n| graph.ancestors(n)).collect();
            for need in needs.iter().filter(|n| !indirect.contains(n)) {
                drawing.needs.entry(label(node)).or_default().insert(label(need));
                drawing.needed_by.entry(label(need)).or_default().insert(label(node));
            }
        }
        drawing
    }

    fn of(&self, of: &'static str) -> impl Iterator<Item = &'d (Address, Value)> {
        self.objects.iter().filter(move |(a, _)| a.of == of)
    }

    /// The nearest block along `edges` that is a resource by itself; the first by label among equals.
    fn nearest(&self, from: &str, edges: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
        let resource = |label: &str| {
            self.objects.iter().any(|(a, _)| {
                let own = !a.of.starts_with("coder_") || a.of == "coder_external_agent";
                a.mode == Mode::Managed && own && a.block() == label
            })
        };
        let mut seen = BTreeSet::from([from.to_owned()]);
        let mut level = vec![from.to_owned()];
        while !level.is_empty() {
            let next: BTreeSet<String> = level.iter().filter_map(|l| edges.get(l)).flatten().cloned().collect();
            let next: Vec<String> = next.into_iter().filter(|l| seen.insert(l.clone())).collect();
            if let Some(found) = next.iter().find(|l| resource(l)) {
                return Some(found.clone());
            }
            level = next;
        }
        None
    }

    /// Whether a part with that agent id belongs to the agent `(address, agent)`.
    fn belongs(&self, part: &Address, agent_id: &str, agent: &Address, id: &str) -> bool {
        if id.is_empty() && agent_id.is_empty() {
            return self.needs.get(&part.block()).is_some_and(|n| n.contains(&agent.block()));
        }
        id == agent_id
    }

    fn resources(&self) -> Result<Vec<Resource>, String> {
        let agents = self.agents()?;
        let metadata = self.metadata()?;
        let mut out = Vec::new();
        for (address, _) in self.objects {
            if address.mode == Mode::Data || PARTS.contains(&address.of.as_str()) {
                continue;
            }
            let label = address.block();
            let mut resource = Resource {
                name: address.name.clone(),
                r#type: address.of.clone(),
                module_path: address.module.clone(),
                agents: agents.iter().filter(|(l, _)| *l == label).map(|(_, a)| a.clone()).collect(),
                ..Resource::default()
            };
            if let Some(about) = metadata.get(&label) {
                resource.hide = flag(about, "hide");
                resource.icon = text(about, "icon");
                resource.daily_cost = int(about, "daily_cost");
                let item = |i: &Value| ResourceMetadata {
                    key: text(i, "key"),
                    value: text(i, "value"),
                    sensitive: flag(i, "sensitive"),
                    // Which items have no value, the provider says only when it makes them.
                    is_null: self.from == GraphSource::State && flag(i, "is_null"),
                };
                resource.metadata = list(about, "item").iter().map(item).collect();
            }
            out.push(resource);
        }
        Ok(out)
    }

    /// What is said about each block.
    fn metadata(&self) -> Result<BTreeMap<String, &'d Value>, String> {
        let mut out = BTreeMap::new();
        for (address, value) in self.of("coder_metadata") {
            if let Some(label) = self.nearest(&address.block(), &self.needs)
                && out.insert(label.clone(), value).is_some()
            {
                return Err(format!("two coder_metadata are about the same resource: {label}"));
            }
        }
        Ok(out)
    }

    /// Agents with everything of theirs, by the block they are in.
    fn agents(&self) -> Result<Vec<(String, Agent)>, String> {
        let mut names = BTreeSet::new();
        let mut out: Vec<(String, Address, Agent)> = Vec::new();
        for (address, value) in self.of("coder_agent") {
            agent_name(&address.name)?;
            if !names.insert(address.name.to_lowercase()) {
                return Err(format!("duplicate agent name: {}", address.name));
            }
            if let Some(label) = self.nearest(&address.block(), &self.needed_by) {
                out.push((label, address.clone(), agent(&address.name, value)));
            }
        }
        for (address, value) in self.of("coder_devcontainer") {
            let agent_id = text(value, "agent_id");
            for (_, at, agent) in &mut out {
                if self.belongs(address, &agent_id, at, &agent.id) {
                    agent.devcontainers.push(Devcontainer {
                        workspace_folder: text(value, "workspace_folder"),
                        config_path: text(value, "config_path"),
                        name: address.name.clone(),
                        id: text(value, "id"),
                        ..Devcontainer::default()
                    });
                }
            }
        }
        for (_, value) in self.of("coder_agent_instance") {
            let agent_id = text(value, "agent_id");
            for (_, _, agent) in out.iter_mut().filter(|(_, _, a)| !agent_id.is_empty() && a.id == agent_id) {
                if let AgentAuth::InstanceId(id) = &mut agent.auth {
                    *id = text(value, "instance_id");
                }
            }
        }
        let mut slugs = BTreeSet::new();
        for (address, value) in self.of("coder_app") {
            let app = app(&address.name, value)?;
            if !slugs.insert(app.slug.clone()) {
                return Err(format!("two apps of the template have the slug {:?}", app.slug));
            }
            if let Some(agent) = self.agent_of(&mut out, address, value) {
                agent.apps.push(app);
            }
        }
        for (address, value) in self.of("coder_env") {
            if let Some(agent) = self.agent_of(&mut out, address, value) {
                agent.extra_envs.push(Env { name: text(value, "name"), value: text(value, "value") });
            }
        }
        for (address, value) in self.of("coder_script") {
            if let Some(agent) = self.agent_of(&mut out, address, value) {
                agent.scripts.push(script(value));
            }
        }
        Ok(out.into_iter().map(|(label, _, agent)| (label, agent)).collect())
    }

    fn agent_of<'a>(
        &self,
        agents: &'a mut [(String, Address, Agent)],
        part: &Address,
        value: &Value,
    ) -> Option<&'a mut Agent> {
        let agent_id = text(value, "agent_id");
        agents.iter_mut().find(|(_, at, a)| self.belongs(part, &agent_id, at, &a.id)).map(|(_, _, a)| a)
    }

    fn parameters(&self) -> Result<Vec<RichParameter>, String> {
        let mut out: Vec<RichParameter> = Vec::new();
        let mut twice: Vec<String> = Vec::new();
        for (address, value) in self.of("coder_parameter") {
            let parameter = parameter(address, value)?;
            let quoted = format!("{:?}", parameter.name);
            if out.iter().any(|p| p.name == parameter.name) && !twice.contains(&quoted) {
                twice.push(quoted);
            }
            out.push(parameter);
        }
        if let [first, rest @ ..] = twice.as_slice() {
            let names = rest.iter().fold(first.clone(), |all, n| format!("{all} and {n}"));
            return Err(format!("coder_parameter names must be unique, and more than one is named {names}"));
        }
        Ok(out)
    }

    fn presets(&self) -> Result<Vec<Preset>, String> {
        let mut out: Vec<Preset> = Vec::new();
        for (_, value) in self.of("coder_workspace_preset") {
            let preset = preset(value);
            if out.iter().any(|p| p.name == preset.name) {
                return Err(format!(
                    "coder_workspace_preset names must be unique, and more than one is named {:?}",
                    preset.name
                ));
            }
            out.push(preset);
        }
        match out.iter().filter(|p| p.default).count() {
            0 | 1 => Ok(out),
            n => Err(format!("a maximum of 1 coder_workspace_preset can be marked as default, but {n} are set")),
        }
    }

    fn external_auth(&self) -> Vec<ExternalAuthProviderResource> {
        let all = self.of("coder_external_auth").map(|(_, v)| (text(v, "id"), flag(v, "optional")));
        let once: BTreeMap<String, bool> = all.collect();
        once.into_iter().map(|(id, optional)| ExternalAuthProviderResource { id, optional }).collect()
    }

    fn ai_tasks(&self) -> Vec<AITask> {
        let task = |(_, v): &(Address, Value)| {
            let beside = list(v, "sidebar_app").first().map(|s| text(s, "id")).unwrap_or_default();
            let app_id = Some(text(v, "app_id")).filter(|id| !id.is_empty()).unwrap_or(beside);
            AITask { id: text(v, "id"), sidebar_app: Some(AITaskSidebarApp { id: app_id.clone() }), app_id }
        };
        self.of("coder_ai_task").map(task).collect()
    }
}

/// Agents are named like hosts, since they are reached by name.
fn agent_name(name: &str) -> Result<(), String> {
    if super::coder::is_slug(&name.to_lowercase()) {
        return Ok(());
    }
    Err(match name.contains('_') {
        true => {
            format!("agent name {name:?} contains underscores, which agent names no longer may; use hyphens instead")
        }
        false => format!("agent name {name:?} must be letters and digits, with single hyphens between them"),
    })
}

fn agent(name: &str, value: &Value) -> Agent {
    let mut scripts = Vec::new();
    let start = text(value, "startup_script");
    if !start.is_empty() {
        scripts.push(Script {
            display_name: "Startup Script".to_owned(),
            icon: START_ICON.to_owned(),
            script: start,
            start_blocks_login: text(value, "startup_script_behavior") == "blocking",
            run_on_start: true,
            log_path: "coder-startup-script.log".to_owned(),
            ..Script::default()
        });
    }
    let stop = text(value, "shutdown_script");
    if !stop.is_empty() {
        scripts.push(Script {
            display_name: "Shutdown Script".to_owned(),
            icon: STOP_ICON.to_owned(),
            script: stop,
            run_on_stop: true,
            log_path: "coder-shutdown-script.log".to_owned(),
            ..Script::default()
        });
    }
    let metadata = |m: &Value| AgentMetadata {
        key: text(m, "key"),
        display_name: text(m, "display_name"),
        script: text(m, "script"),
        interval: long(m, "interval"),
        timeout: long(m, "timeout"),
        order: long(m, "order"),
    };
    let shown = list(value, "display_apps").first().map(|d| DisplayApps {
        vscode: flag(d, "vscode"),
        vscode_insiders: flag(d, "vscode_insiders"),
        web_terminal: flag(d, "web_terminal"),
        ssh_helper: flag(d, "ssh_helper"),
        port_forwarding_helper: flag(d, "port_forwarding_helper"),
    });
    let mut monitoring = ResourcesMonitoring::default();
    for watched in list(value, "resources_monitoring") {
        let memory = list(watched, "memory").last();
        monitoring.memory =
            memory.map(|m| MemoryResourceMonitor { enabled: flag(m, "enabled"), threshold: int(m, "threshold") });
        monitoring.volumes.extend(list(watched, "volume").iter().map(|v| VolumeResourceMonitor {
            path: text(v, "path"),
            enabled: flag(v, "enabled"),
            threshold: int(v, "threshold"),
        }));
    }
    let env = value.attribute("env").as_map().into_iter().flatten();
    Agent {
        id: text(value, "id"),
        name: name.to_owned(),
        env: env.filter_map(|(k, v)| Some((k.clone(), v.to_text()?))).collect(),
        operating_system: text(value, "os"),
        architecture: text(value, "arch"),
        directory: text(value, "dir"),
        apps: Vec::new(),
        auth: match value.attribute("auth").as_str() {
            Some("token") => AgentAuth::Token(text(value, "token")),
            _ => AgentAuth::InstanceId(String::new()),
        },
        connection_timeout_seconds: int(value, "connection_timeout"),
        troubleshooting_url: text(value, "troubleshooting_url"),
        motd_file: text(value, "motd_file"),
        metadata: list(value, "metadata").iter().map(metadata).collect(),
        display_apps: shown.unwrap_or_default(),
        scripts,
        extra_envs: Vec::new(),
        order: long(value, "order"),
        resources_monitoring: monitoring,
        devcontainers: Vec::new(),
        api_key_scope: text(value, "api_key_scope"),
    }
}

fn app(name: &str, value: &Value) -> Result<App, String> {
    let or = |text: String, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text };
    let slug = or(text(value, "slug"), name);
    if !super::coder::is_slug(&slug) {
        return Err(format!(
            "app slug {slug:?} must be lower-case letters and digits, with single hyphens between them"
        ));
    }
    let healthcheck = list(value, "healthcheck").first().map(|h| Healthcheck {
        url: text(h, "url"),
        interval: int(h, "interval"),
        threshold: int(h, "threshold"),
    });
    Ok(App {
        display_name: or(text(value, "display_name"), &slug),
        slug,
        command: text(value, "command"),
        url: text(value, "url"),
        icon: text(value, "icon"),
        subdomain: flag(value, "subdomain"),
        healthcheck,
        sharing_level: match value.attribute("share").as_str() {
            Some("authenticated") => AppSharingLevel::Authenticated,
            Some("public") => AppSharingLevel::Public,
            _ => AppSharingLevel::Owner,
        },
        external: flag(value, "external"),
        order: long(value, "order"),
        hidden: flag(value, "hidden"),
        open_in: match value.attribute("open_in").as_str() {
            Some("tab") => AppOpenIn::Tab,
            _ => AppOpenIn::SlimWindow,
        },
        group: text(value, "group"),
        id: text(value, "id"),
        tooltip: text(value, "tooltip"),
    })
}

fn script(value: &Value) -> Script {
    Script {
        display_name: text(value, "display_name"),
        icon: text(value, "icon"),
        script: text(value, "script"),
        cron: text(value, "cron"),
        start_blocks_login: flag(value, "start_blocks_login"),
        run_on_start: flag(value, "run_on_start"),
        run_on_stop: flag(value, "run_on_stop"),
        timeout_seconds: int(value, "timeout"),
        log_path: text(value, "log_path"),
    }
}

fn parameter(address: &Address, value: &Value) -> Result<RichParameter, String> {
    let form = text(value, "form_type");
    let form_type =
        ParameterFormType::parse(&form).ok_or_else(|| format!("{form:?} is no form type, and {address} has it"))?;
    let option = |o: &Value| RichParameterOption {
        name: text(o, "name"),
        description: text(o, "description"),
        value: text(o, "value"),
        icon: text(o, "icon"),
    };
    let rules = list(value, "validation").first().unwrap_or(&Value::NULL);
    let bound = |name: &str, disabled: &str| (!rules.is_null() && !flag(rules, disabled)).then(|| int(rules, name));
    Ok(RichParameter {
        name: text(value, "name"),
        description: text(value, "description"),
        r#type: text(value, "type"),
        mutable: flag(value, "mutable"),
        default_value: text(value, "default"),
        icon: text(value, "icon"),
        options: list(value, "option").iter().map(option).collect(),
        validation_regex: text(rules, "regex"),
        validation_error: text(rules, "error"),
        validation_min: bound("min", "min_disabled"),
        validation_max: bound("max", "max_disabled"),
        validation_monotonic: text(rules, "monotonic"),
        required: !flag(value, "optional"),
        display_name: text(value, "display_name"),
        order: int(value, "order"),
        ephemeral: flag(value, "ephemeral"),
        form_type,
    })
}

fn preset(value: &Value) -> Preset {
    let parameters = value.attribute("parameters").as_map().into_iter().flatten();
    let prebuild = list(value, "prebuilds").first().unwrap_or(&Value::NULL);
    let schedule = |s: &Value| Schedule { cron: text(s, "cron"), instances: int(s, "instances") };
    Preset {
        name: text(value, "name"),
        parameters: parameters
            .map(|(name, v)| PresetParameter { name: name.clone(), value: v.to_text().unwrap_or_default() })
            .collect(),
        // The reference always sends one, so that every preset has a number of instances, be it 0.
        prebuild: Some(Prebuild {
            instances: int(prebuild, "instances"),
            expiration_policy: list(prebuild, "expiration_policy")
                .first()
                .map(|p| ExpirationPolicy { ttl: int(p, "ttl") }),
            scheduling: list(prebuild, "scheduling").first().map(|s| Scheduling {
                timezone: text(s, "timezone"),
                schedule: list(s, "schedule").iter().map(schedule).collect(),
            }),
        }),
        default: flag(value, "default"),
        description: text(value, "description"),
        icon: text(value, "icon"),
    }
}
