//! Resources and what runs in them: agents, applications, scripts, tasks.

use std::collections::BTreeMap;

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
