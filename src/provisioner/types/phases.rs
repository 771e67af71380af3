//! What the phases of a session take and give, and how long they took.

use std::collections::BTreeMap;

use super::{build::*, resource::*, template::*};
use crate::time::Time;

/// How serious a line of a provisioner's log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// For the one who debugs a template.
    Debug,
    /// What happened.
    Info,
    /// Something to look at.
    Warn,
    /// Why it failed.
    Error,
}

impl LogLevel {
    /// The level as the API and the database write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            LogLevel::Trace => "trace",
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        }
    }
}

/// A module that a template calls.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// Where it comes from.
    pub source: String,
    /// Its version.
    pub version: String,
    /// Its name in the template.
    pub key: String,
    /// Where it was put.
    pub dir: String,
}

/// A resource that a plan replaces, and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceReplacement {
    /// The resource's address.
    pub resource: String,
    /// The attributes that force it.
    pub paths: Vec<String>,
}

/// How a timed step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimingState {
    /// Not at all.
    #[default]
    Started,
    /// Well.
    Completed,
    /// Badly.
    Failed,
}

/// How long a step took.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// When it began.
    pub start: Time,
    /// When it ended.
    pub end: Time,
    /// What was done: `terraform`, `load`, `read`, `create`, `delete`, `provision`, ...
    pub action: String,
    /// The provider that did it.
    pub source: String,
    /// To what: an address, or `coder_stage_<stage>`.
    pub resource: String,
    /// `init`, `plan`, `graph` or `apply`.
    pub stage: String,
    /// How it ended.
    pub state: TimingState,
}

/// The template, and what to do about its modules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InitRequest {
    /// The template as a tar archive.
    pub template_source_archive: Vec<u8>,
    /// Whether to leave the modules' archive out of the answer.
    pub omit_module_files: bool,
    /// Modules fetched before, as a tar archive.
    pub initial_module_files: Vec<u8>,
}

/// What unpacking a template and fetching its modules gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InitComplete {
    /// How long it took.
    pub timings: Vec<Timing>,
    /// The modules it calls.
    pub modules: Vec<Module>,
    /// Modules from elsewhere as a tar archive; empty without any.
    pub module_files: Vec<u8>,
}

/// What a template says before it is planned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParseComplete {
    /// The variables it declares.
    pub template_variables: Vec<TemplateVariable>,
    /// Its README.md.
    pub readme: Vec<u8>,
    /// Provisioner tags it asks for: the expressions as written.
    pub workspace_tags: BTreeMap<String, String>,
}

/// What a plan is made from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanRequest {
    /// What the build is for.
    pub metadata: Metadata,
    /// The chosen parameter values.
    pub rich_parameter_values: Vec<RichParameterValue>,
    /// The variables' values.
    pub variable_values: Vec<VariableValue>,
    /// The owner's tokens at external providers.
    pub external_auth_providers: Vec<ExternalAuthProvider>,
    /// The parameter values of the build before.
    pub previous_parameter_values: Vec<RichParameterValue>,
    /// The state the build before left; empty for the first.
    pub state: Vec<u8>,
}

/// What a plan found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanComplete {
    /// How long it took.
    pub timings: Vec<Timing>,
    /// The plan as `terraform show -json` writes it.
    pub plan: Vec<u8>,
    /// What the workspace will cost a day.
    pub daily_cost: i32,
    /// What is replaced, and why.
    pub resource_replacements: Vec<ResourceReplacement>,
    /// How many AI tasks it has.
    pub ai_task_count: i32,
}

/// What applying a plan left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApplyComplete {
    /// The state, as Terraform writes it.
    pub state: Vec<u8>,
    /// How long it took.
    pub timings: Vec<Timing>,
}

/// Which picture to draw the resources from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphSource {
    /// The plan.
    Plan,
    /// The state after apply.
    State,
}

/// Resources with their agents, and everything else the database keeps of a template or a build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphComplete {
    /// How long it took.
    pub timings: Vec<Timing>,
    /// The resources.
    pub resources: Vec<Resource>,
    /// The parameters.
    pub parameters: Vec<RichParameter>,
    /// External providers it needs.
    pub external_auth_providers: Vec<ExternalAuthProviderResource>,
    /// The presets.
    pub presets: Vec<Preset>,
    /// Whether the template has an AI task, even when this pass made none.
    pub has_ai_tasks: bool,
    /// The AI tasks.
    pub ai_tasks: Vec<AITask>,
    /// Whether the template has an agent that runs elsewhere.
    pub has_external_agents: bool,
}
