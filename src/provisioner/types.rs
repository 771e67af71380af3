//! What a provisioner takes and gives: the messages of the provisioner protocol as Rust values.
//!
//! Field names are the protocol's, so that the wire codec, the job runner and the database rows line
//! up by name. Nothing here does anything; [`super::Session`] says who sends what, and when.

use std::collections::BTreeMap;

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

/// What a build does to its workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WorkspaceTransition {
    /// Bring it up.
    #[default]
    Start,
    /// Take down what does not persist.
    Stop,
    /// Take everything down.
    Destroy,
}

impl WorkspaceTransition {
    /// The word a template sees (`start`, `stop`, `destroy`).
    pub const fn as_str(self) -> &'static str {
        match self {
            WorkspaceTransition::Start => "start",
            WorkspaceTransition::Stop => "stop",
            WorkspaceTransition::Destroy => "destroy",
        }
    }
}

/// Where in the life of a prebuilt workspace a build stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PrebuiltWorkspaceBuildStage {
    /// Not a prebuilt workspace.
    #[default]
    None,
    /// Built ahead, for nobody yet.
    Create,
    /// Handed to the one who asked.
    Claim,
}

/// What the build is for: who, which workspace, which template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// The deployment's access URL.
    pub coder_url: String,
    /// Start, stop or destroy.
    pub workspace_transition: WorkspaceTransition,
    /// The workspace's name.
    pub workspace_name: String,
    /// The owner's username.
    pub workspace_owner: String,
    /// The workspace's id.
    pub workspace_id: String,
    /// The owner's id.
    pub workspace_owner_id: String,
    /// The owner's email address.
    pub workspace_owner_email: String,
    /// The template's name.
    pub template_name: String,
    /// The template version's name.
    pub template_version: String,
    /// An OpenID Connect access token of the owner, or nothing.
    pub workspace_owner_oidc_access_token: String,
    /// An API token of the owner that lives as long as the workspace runs.
    pub workspace_owner_session_token: String,
    /// The template's id.
    pub template_id: String,
    /// The owner's full name.
    pub workspace_owner_name: String,
    /// Names of the owner's groups in the organization.
    pub workspace_owner_groups: Vec<String>,
    /// The owner's git SSH public key.
    pub workspace_owner_ssh_public_key: String,
    /// The owner's git SSH private key.
    pub workspace_owner_ssh_private_key: String,
    /// The build's id.
    pub workspace_build_id: String,
    /// How the owner logs in.
    pub workspace_owner_login_type: String,
    /// The owner's roles, on the site and in the organization.
    pub workspace_owner_rbac_roles: Vec<Role>,
    /// Whether the workspace is built ahead or being claimed.
    pub prebuilt_workspace_build_stage: PrebuiltWorkspaceBuildStage,
    /// Tokens that agents of a claimed workspace already run with.
    pub running_agent_auth_tokens: Vec<RunningAgentAuthToken>,
    /// The task the workspace is for; empty or nil without one.
    pub task_id: String,
    /// That task's prompt.
    pub task_prompt: String,
    /// The template version's id.
    pub template_version_id: String,
    /// The stored file with the version's modules; empty without one.
    pub template_version_modules_file: String,
}

/// A role of the workspace's owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Role {
    /// The role's name.
    pub name: String,
    /// The organization it holds in; empty for the whole site.
    pub org_id: String,
}

/// The token an agent already runs with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunningAgentAuthToken {
    /// The agent's id.
    pub agent_id: String,
    /// Its token.
    pub token: String,
}

/// A value chosen for a parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RichParameterValue {
    /// The parameter's name.
    pub name: String,
    /// Its value, as text whatever its type.
    pub value: String,
}

/// A value given to a template variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VariableValue {
    /// The variable's name.
    pub name: String,
    /// Its value, as text whatever its type.
    pub value: String,
    /// Whether it must not be shown.
    pub sensitive: bool,
}

/// The owner's access token at an external provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExternalAuthProvider {
    /// The provider's id.
    pub id: String,
    /// The token.
    pub access_token: String,
}

/// A variable that a template declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateVariable {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its type constraint, as the template writes it.
    pub r#type: String,
    /// Its default as text; empty without one.
    pub default_value: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether its value must not be shown.
    pub sensitive: bool,
}

/// How a parameter is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ParameterFormType {
    /// As its type suggests.
    #[default]
    Default,
    /// Not at all: it is in error.
    FormError,
    /// One of a few, all in sight.
    Radio,
    /// One of many.
    Dropdown,
    /// A line of text.
    Input,
    /// Several lines of text.
    Textarea,
    /// A number in a range.
    Slider,
    /// Yes or no.
    Checkbox,
    /// On or off.
    Switch,
    /// Free words.
    Tagselect,
    /// Several of many.
    Multiselect,
}

impl ParameterFormType {
    const NAMES: [(&'static str, ParameterFormType); 11] = [
        ("", ParameterFormType::Default),
        ("error", ParameterFormType::FormError),
        ("radio", ParameterFormType::Radio),
        ("dropdown", ParameterFormType::Dropdown),
        ("input", ParameterFormType::Input),
        ("textarea", ParameterFormType::Textarea),
        ("slider", ParameterFormType::Slider),
        ("checkbox", ParameterFormType::Checkbox),
        ("switch", ParameterFormType::Switch),
        ("tag-select", ParameterFormType::Tagselect),
        ("multi-select", ParameterFormType::Multiselect),
    ];
    /// The name a template writes and the database keeps.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, t)| *t == self).map_or("", |(name, _)| name)
    }
    /// The form type of that name.
    pub fn parse(name: &str) -> Option<ParameterFormType> {
        Self::NAMES.iter().find(|(n, _)| *n == name).map(|(_, t)| *t)
    }
}

/// One of the values a parameter offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RichParameterOption {
    /// What it is called.
    pub name: String,
    /// What choosing it means.
    pub description: String,
    /// The value it stands for.
    pub value: String,
    /// Its icon.
    pub icon: String,
}

/// A parameter that a template asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RichParameter {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// `string`, `number`, `bool` or `list(string)`.
    pub r#type: String,
    /// Whether it may change after the workspace was made.
    pub mutable: bool,
    /// Its default as text; empty without one.
    pub default_value: String,
    /// Its icon.
    pub icon: String,
    /// The values it offers; empty when any value goes.
    pub options: Vec<RichParameterOption>,
    /// A pattern its value must match.
    pub validation_regex: String,
    /// What to say when its value is refused.
    pub validation_error: String,
    /// The least value.
    pub validation_min: Option<i32>,
    /// The greatest value.
    pub validation_max: Option<i32>,
    /// `increasing` or `decreasing`, or nothing.
    pub validation_monotonic: String,
    /// Whether a value must be given.
    pub required: bool,
    /// What it is called in a form.
    pub display_name: String,
    /// Its place in a form.
    pub order: i32,
    /// Whether its value is forgotten after the build.
    pub ephemeral: bool,
    /// How it is asked for.
    pub form_type: ParameterFormType,
}

/// A named set of parameter values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preset {
    /// Its name.
    pub name: String,
    /// The values it sets.
    pub parameters: Vec<PresetParameter>,
    /// How many workspaces of it are kept ready.
    pub prebuild: Option<Prebuild>,
    /// Whether it is chosen when nothing else is.
    pub default: bool,
    /// What it is for.
    pub description: String,
    /// Its icon.
    pub icon: String,
}

/// A value that a preset sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PresetParameter {
    /// The parameter's name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// How many workspaces of a preset are kept ready, and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prebuild {
    /// How many, when no schedule says otherwise.
    pub instances: i32,
    /// Seconds after which an unclaimed one is replaced.
    pub expiration_policy: Option<ExpirationPolicy>,
    /// Other numbers at other times.
    pub scheduling: Option<Scheduling>,
}

/// When an unclaimed prebuilt workspace is too old.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpirationPolicy {
    /// Its life in seconds.
    pub ttl: i32,
}

/// Numbers of prebuilt workspaces by time of the week.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scheduling {
    /// The time zone the schedules are read in.
    pub timezone: String,
    /// The schedules; they do not overlap.
    pub schedule: Vec<Schedule>,
}

/// A stretch of the week with a number of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule {
    /// When, as a cron expression with `*` minutes.
    pub cron: String,
    /// How many.
    pub instances: i32,
}

/// A resource of a plan or a state, as the API shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// Its name in the template.
    pub name: String,
    /// Its type.
    pub r#type: String,
    /// The agents that run in it.
    pub agents: Vec<Agent>,
    /// What `coder_metadata` says about it.
    pub metadata: Vec<ResourceMetadata>,
    /// Whether it is left out of sight.
    pub hide: bool,
    /// Its icon.
    pub icon: String,
    /// The kind of machine, if it is one.
    pub instance_type: String,
    /// What it costs a day.
    pub daily_cost: i32,
    /// The module it is in; empty for the root.
    pub module_path: String,
}

/// A fact about a resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceMetadata {
    /// What it is about.
    pub key: String,
    /// The fact.
    pub value: String,
    /// Whether it is hidden until asked for.
    pub sensitive: bool,
    /// Whether the template gave no value.
    pub is_null: bool,
}

/// How an agent proves who it is.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentAuth {
    /// By a token.
    Token(String),
    /// By the identity of the cloud instance it runs on.
    InstanceId(String),
}

impl Default for AgentAuth {
    fn default() -> Self {
        AgentAuth::Token(String::new())
    }
}

/// An agent that will run in a resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agent {
    /// Its id in the state (the database gives each build's agents ids of their own).
    pub id: String,
    /// Its name.
    pub name: String,
    /// Environment variables of everything it starts.
    pub env: BTreeMap<String, String>,
    /// `linux`, `darwin` or `windows`.
    pub operating_system: String,
    /// `amd64`, `armv7` or `arm64`.
    pub architecture: String,
    /// Where it starts.
    pub directory: String,
    /// Its applications.
    pub apps: Vec<App>,
    /// How it proves who it is.
    pub auth: AgentAuth,
    /// Seconds until it counts as lost when it does not connect.
    pub connection_timeout_seconds: i32,
    /// Where to read on when it fails.
    pub troubleshooting_url: String,
    /// The file shown at login.
    pub motd_file: String,
    /// What it reports about itself.
    pub metadata: Vec<AgentMetadata>,
    /// The built-in applications that are shown.
    pub display_apps: DisplayApps,
    /// What it runs at start, stop and by schedule.
    pub scripts: Vec<Script>,
    /// Environment variables from `coder_env`.
    pub extra_envs: Vec<Env>,
    /// Its place among agents.
    pub order: i64,
    /// Thresholds it warns at.
    pub resources_monitoring: ResourcesMonitoring,
    /// Dev containers it starts.
    pub devcontainers: Vec<Devcontainer>,
    /// `all` or `no_user_data`.
    pub api_key_scope: String,
}

/// A value that an agent reports from time to time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentMetadata {
    /// Its key.
    pub key: String,
    /// What it is called.
    pub display_name: String,
    /// The script whose output it is.
    pub script: String,
    /// Seconds between runs.
    pub interval: i64,
    /// Seconds a run may take.
    pub timeout: i64,
    /// Its place among the others.
    pub order: i64,
}

/// Which built-in applications are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisplayApps {
    /// VS Code Desktop.
    pub vscode: bool,
    /// VS Code Insiders.
    pub vscode_insiders: bool,
    /// The web terminal.
    pub web_terminal: bool,
    /// The SSH hint.
    pub ssh_helper: bool,
    /// The port forwarding hint.
    pub port_forwarding_helper: bool,
}

impl Default for DisplayApps {
    fn default() -> Self {
        DisplayApps {
            vscode: true,
            vscode_insiders: false,
            web_terminal: true,
            ssh_helper: true,
            port_forwarding_helper: true,
        }
    }
}

/// Thresholds at which an agent's machine is reported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourcesMonitoring {
    /// Memory.
    pub memory: Option<MemoryResourceMonitor>,
    /// Disks.
    pub volumes: Vec<VolumeResourceMonitor>,
}

/// When memory is short.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemoryResourceMonitor {
    /// Whether it is watched.
    pub enabled: bool,
    /// Percent in use at which it is short.
    pub threshold: i32,
}

/// When a disk is full.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VolumeResourceMonitor {
    /// The disk's path.
    pub path: String,
    /// Whether it is watched.
    pub enabled: bool,
    /// Percent in use at which it is full.
    pub threshold: i32,
}

/// Who may open an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AppSharingLevel {
    /// The workspace's owner.
    #[default]
    Owner,
    /// Anyone logged in.
    Authenticated,
    /// Anyone.
    Public,
}

impl AppSharingLevel {
    /// The level as the template writes it and the database keeps it.
    pub const fn as_str(self) -> &'static str {
        match self {
            AppSharingLevel::Owner => "owner",
            AppSharingLevel::Authenticated => "authenticated",
            AppSharingLevel::Public => "public",
        }
    }
}

/// Where an application opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AppOpenIn {
    /// A new window (no longer offered to templates).
    Window,
    /// A window without navigation.
    #[default]
    SlimWindow,
    /// A tab.
    Tab,
}

impl AppOpenIn {
    /// The word the template writes and the database keeps.
    pub const fn as_str(self) -> &'static str {
        match self {
            AppOpenIn::Window => "window",
            AppOpenIn::SlimWindow => "slim-window",
            AppOpenIn::Tab => "tab",
        }
    }
}

/// An application of an agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct App {
    /// Its name in URLs.
    pub slug: String,
    /// What it is called.
    pub display_name: String,
    /// A command to run in a terminal.
    pub command: String,
    /// Where it listens, or leads to.
    pub url: String,
    /// Its icon.
    pub icon: String,
    /// Whether it has a subdomain of its own.
    pub subdomain: bool,
    /// How its health is found out.
    pub healthcheck: Option<Healthcheck>,
    /// Who may open it.
    pub sharing_level: AppSharingLevel,
    /// Whether its URL leads elsewhere.
    pub external: bool,
    /// Its place among applications.
    pub order: i64,
    /// Whether it is left out of sight.
    pub hidden: bool,
    /// Where it opens.
    pub open_in: AppOpenIn,
    /// What it is grouped under.
    pub group: String,
    /// Its id in the state.
    pub id: String,
    /// A hint shown over it.
    pub tooltip: String,
}

/// How an application's health is found out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Healthcheck {
    /// What to ask.
    pub url: String,
    /// Seconds between questions.
    pub interval: i32,
    /// Failures in a row until it is unhealthy.
    pub threshold: i32,
}

/// A script that an agent runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// What it is called.
    pub display_name: String,
    /// Its icon.
    pub icon: String,
    /// The script itself.
    pub script: String,
    /// When it runs by schedule.
    pub cron: String,
    /// Whether logins wait for it.
    pub start_blocks_login: bool,
    /// Whether it runs when the workspace starts.
    pub run_on_start: bool,
    /// Whether it runs when the workspace stops.
    pub run_on_stop: bool,
    /// Seconds it may take; 0 for ever.
    pub timeout_seconds: i32,
    /// Where its output goes.
    pub log_path: String,
}

/// An environment variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Env {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A dev container that an agent starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Devcontainer {
    /// The folder it is for.
    pub workspace_folder: String,
    /// Its configuration file.
    pub config_path: String,
    /// Its name.
    pub name: String,
    /// Its id in the state.
    pub id: String,
    /// The id of the agent inside it.
    pub subagent_id: String,
    /// Applications of that agent.
    pub apps: Vec<App>,
    /// Scripts of that agent.
    pub scripts: Vec<Script>,
    /// Environment variables of that agent.
    pub envs: Vec<Env>,
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

/// An AI task that a template provides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AITask {
    /// The task's id.
    pub id: String,
    /// The application beside the chat (older templates).
    pub sidebar_app: Option<AITaskSidebarApp>,
    /// The application that is the chat.
    pub app_id: String,
}

/// The application beside a task's chat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AITaskSidebarApp {
    /// The application's id.
    pub id: String,
}

/// An external provider that a template needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExternalAuthProviderResource {
    /// The provider's id.
    pub id: String,
    /// Whether it works without.
    pub optional: bool,
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
