//! The embedded provisioner: plans and applies templates in this process, without any binary.
//!
//! It has the providers `coder`, `terraform` (its `terraform_data`) and `null`. Everything it does
//! besides running a template's own commands happens in memory. [`plan`] compares template and state,
//! [`apply`] makes the difference, [`convert`] draws up the result; [`coder`] is what the coder provider
//! knows, [`schema`] what it takes, and [`state`] and [`plan_json`] are what others read. A template that
//! needs more is refused with the place of the first thing that does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::apply::Apply;
use self::coder::Build;
use self::plan::Plan;
use self::report::Report;
use self::state::State;
use super::hcl::config::Config;
use super::hcl::functions::Host;
use super::hcl::graph::Graph;
use super::hcl::place::Diagnostic;
use super::source::Source;
use super::types::*;
use super::{Failure, Session, Sink};
use crate::ids::Ids;
use crate::time::Clock;

pub mod apply;
pub mod coder;
pub mod convert;
pub mod decode;
pub mod exec;
pub mod parameter;
pub mod plan;
pub mod plan_json;
pub mod prebuilds;
pub mod report;
pub mod schema;
pub mod state;
mod tags;
pub mod world;

/// The embedded provisioner, ready for sessions.
#[derive(Clone)]
pub struct Embedded {
    /// What time it is.
    pub clock: Clock,
    /// Where ids and tokens come from.
    pub ids: Ids,
    /// The folder in which each session that runs commands gets a folder of its own.
    pub work_dir: PathBuf,
    /// Scripts that start an agent, by `<os>_<arch>` (`linux_amd64`); `${ACCESS_URL}` and `${AUTH_TYPE}`
    /// in them are filled in.
    pub agent_scripts: BTreeMap<String, String>,
    /// The environment that a template's commands start from.
    pub environment: Vec<(String, String)>,
}

impl Embedded {
    /// Commands start from this process's environment, without what is the server's own.
    pub fn new(clock: Clock, ids: Ids, work_dir: PathBuf) -> Embedded {
        let own = |name: &str| name.starts_with("CODER_") || name.starts_with("ROCKPOOL_");
        let pairs = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        let environment = pairs.filter(|(name, _)| !own(name)).collect();
        Embedded { clock, ids, work_dir, agent_scripts: BTreeMap::new(), environment }
    }

    /// Removes folders of sessions that ended with their server, a week or more ago.
    fn sweep(&self) {
        let Ok(entries) = std::fs::read_dir(&self.work_dir) else { return };
        for entry in entries.flatten() {
            let ours = entry.file_name().to_string_lossy().starts_with("Session");
            let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
            if ours
                && age.is_some_and(|a| a > STALE)
                && let Err(e) = std::fs::remove_dir_all(entry.path())
            {
                log::warn!("the folder {} of an old provisioner session stays behind: {e}", entry.path().display());
            }
        }
    }

    /// Begins a session.
    pub fn session(&self) -> EmbeddedSession {
        let folder = self.work_dir.join(format!("Session{}", self.ids.uuid()));
        EmbeddedSession { provisioner: self.clone(), folder, template: None, plan: None, applied: false }
    }
}

/// When a session's folder is nobody's any more.
const STALE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// One job's session.
pub struct EmbeddedSession {
    provisioner: Embedded,
    folder: PathBuf,
    template: Option<Arc<Config>>,
    plan: Option<Plan>,
    applied: bool,
}

impl Drop for EmbeddedSession {
    fn drop(&mut self) {
        if self.folder.exists()
            && let Err(e) = std::fs::remove_dir_all(&self.folder)
        {
            log::warn!("the folder {} of a provisioner session stays behind: {e}", self.folder.display());
        }
    }
}

/// The words of a failed phase that clients know, and what is wrong in full.
fn failure(message: &str, diagnostic: &Diagnostic, report: Report<'_>) -> Failure {
    diagnostic.lines().iter().for_each(|line| report.error(line));
    let detail = diagnostic.to_string();
    let message = if diagnostic.unsupported { detail.clone() } else { message.to_owned() };
    Failure { message, detail, state: None, timings: report.end(true) }
}

fn out_of_order(what: &str) -> Failure {
    let message = format!("{what} was asked for out of order");
    Failure { detail: message.clone(), message, ..Failure::default() }
}

impl EmbeddedSession {
    fn template(&self, what: &str) -> Result<Arc<Config>, Failure> {
        self.template.clone().ok_or_else(|| out_of_order(what))
    }
}

impl Session for EmbeddedSession {
    fn init(&mut self, request: InitRequest, sink: &dyn Sink) -> Result<InitComplete, Failure> {
        if self.template.is_some() {
            return Err(out_of_order("a second init"));
        }
        self.provisioner.sweep();
        let report = Report::begin("init", sink, &self.provisioner.clock);
        report.info("Initializing the embedded provisioner...");
        let source = match Source::from_tar(&request.template_source_archive) {
            Ok(source) => Arc::new(source),
            Err(e) => {
                report.error(format!("Error: {e}"));
                let message = e.to_string();
                return Err(Failure { detail: message.clone(), message, state: None, timings: report.end(true) });
            }
        };
        let loaded = Config::load(source).and_then(|config| {
            plan::known_types(&config)?;
            Ok(config)
        });
        // What refers to nothing is found when planning, as Terraform does.
        let config = match loaded {
            Ok(config) => Arc::new(config),
            Err(diagnostic) => return Err(failure("initialize terraform: exit status 1", &diagnostic, report)),
        };
        let called = config.modules.iter().filter(|m| m.call.is_some());
        let modules = called.map(|m| Module {
            source: format!("./{}", m.folder),
            version: String::new(),
            key: m.path.join("."),
            dir: m.folder.clone(),
        });
        let modules = modules.collect();
        self.template = Some(config);
        report.info("The template needs no other provider.");
        Ok(InitComplete { timings: report.end(false), modules, module_files: Vec::new() })
    }

    fn parse(&mut self, sink: &dyn Sink) -> Result<ParseComplete, Failure> {
        let config = self.template("parse")?;
        let report = Report::begin("init", sink, &self.provisioner.clock);
        let workspace_tags = match tags::raw(&config) {
            Ok(tags) => tags,
            Err(diagnostic) => {
                return Err(failure("load module: the template's tags are not readable", &diagnostic, report));
            }
        };
        let variables = config.modules.first().map(|m| m.variables.as_slice()).unwrap_or_default();
        Ok(ParseComplete {
            template_variables: variables.iter().map(tags::template_variable).collect(),
            readme: config.source.get("README.md").map(|f| f.data.clone()).unwrap_or_default(),
            workspace_tags,
        })
    }

    fn plan(&mut self, request: PlanRequest, sink: &dyn Sink) -> Result<PlanComplete, Failure> {
        let config = self.template("plan")?;
        self.applied = false;
        self.plan = None;
        let clock = &self.provisioner.clock;
        let mut report = Report::begin("plan", sink, clock);
        const MESSAGE: &str = "terraform plan: exit status 1";
        let state = match State::read(&request.state) {
            Ok(state) => state,
            Err(e) => return Err(failure(MESSAGE, &Diagnostic::new(e, None, ""), report)),
        };
        let host = Host {
            source: config.source.clone(),
            folder: self.folder.to_string_lossy().into_owned(),
            planned_at: clock.now(),
            applying: false,
            clock: clock.clone(),
            ids: self.provisioner.ids.clone(),
        };
        let by_name = |values: Vec<RichParameterValue>| values.into_iter().map(|v| (v.name, v.value)).collect();
        let build = Build {
            metadata: request.metadata,
            parameters: by_name(request.rich_parameter_values),
            previous: by_name(request.previous_parameter_values),
            external_auth: request.external_auth_providers.into_iter().map(|p| (p.id, p.access_token)).collect(),
            agent_scripts: self.provisioner.agent_scripts.clone(),
            ids: self.provisioner.ids.clone(),
        };
        let destroys = build.metadata.workspace_transition == WorkspaceTransition::Destroy;
        if destroys && request.state.is_empty() {
            // A workspace that was never made can be deleted, whatever its template says by now.
            report.info("There is no state, so there is nothing to destroy.");
            let graph = Graph::build(&config).unwrap_or_default();
            self.plan = Some(Plan::nothing(config, Arc::new(graph), host, build));
            return Ok(PlanComplete { timings: report.end(false), ..PlanComplete::default() });
        }
        let planned = plan::not_empty(&config).and_then(|()| Graph::build(&config)).and_then(|graph| {
            let variables = request.variable_values;
            Plan::make(config.clone(), Arc::new(graph), host, build, variables, state, &mut report)
        });
        let plan = match planned {
            Ok(plan) => plan,
            Err(diagnostic) => return Err(failure(MESSAGE, &diagnostic, report)),
        };
        let complete = PlanComplete {
            timings: report.end(false),
            plan: plan_json::write(&plan),
            daily_cost: plan.daily_cost(),
            resource_replacements: plan.replacements(),
            ai_task_count: plan.ai_tasks(),
        };
        self.plan = Some(plan);
        Ok(complete)
    }

    fn apply(&mut self, sink: &dyn Sink) -> Result<ApplyComplete, Failure> {
        let plan = match &mut self.plan {
            Some(plan) if !self.applied => plan,
            _ => return Err(out_of_order("apply")),
        };
        self.applied = true;
        let mut report = Report::begin("apply", sink, &self.provisioner.clock);
        let mut environment = self.provisioner.environment.clone();
        environment.extend(plan.build.environment());
        if plan.is_nothing() {
            report.info("There is nothing to destroy.");
            return Ok(ApplyComplete { state: Vec::new(), timings: report.end(false) });
        }
        match Apply::new(plan, environment, self.folder.clone()).run(&mut report) {
            Ok(()) => Ok(ApplyComplete { state: plan.state.write(), timings: report.end(false) }),
            Err(lines) => Err(Failure {
                message: "terraform apply: exit status 1".to_owned(),
                detail: lines.join("\n"),
                state: Some(plan.state.write()),
                timings: report.end(true),
            }),
        }
    }

    fn graph(&mut self, from: GraphSource, sink: &dyn Sink) -> Result<GraphComplete, Failure> {
        let report = Report::begin("graph", sink, &self.provisioner.clock);
        let plan = self.plan.as_ref().ok_or_else(|| out_of_order("graph"))?;
        match convert::graph(plan, from) {
            Ok(complete) => {
                let agents: usize = complete.resources.iter().map(|r| r.agents.len()).sum();
                report.info(format!("Found {} resource(s) with {agents} agent(s).", complete.resources.len()));
                Ok(GraphComplete { timings: report.end(false), ..complete })
            }
            Err(message) => {
                report.error(format!("Error: {message}"));
                Err(Failure { detail: message.clone(), message, state: None, timings: report.end(true) })
            }
        }
    }
}
