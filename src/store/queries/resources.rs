//! What a job made: resources, the agents in them, and what belongs to an agent.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::sdk::{
    WorkspaceAgentLifecycle, WorkspaceAppHealth, WorkspaceAppOpenIn, WorkspaceAppSharingLevel, WorkspaceTransition,
};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A row of `workspace_resources`.
    pub struct WorkspaceResource {
        pub id: Uuid,
        pub created_at: Time,
        pub job_id: Uuid,
        pub transition: WorkspaceTransition,
        pub kind: String = "type",
        pub name: String,
        pub hide: bool,
        pub icon: String,
        pub instance_type: Option<String>,
        pub daily_cost: i32,
        pub module_path: Option<String>,
    }

    /// A row of `workspace_resource_metadata`.
    pub struct WorkspaceResourceMetadata {
        pub workspace_resource_id: Uuid,
        pub key: String,
        pub value: Option<String>,
        pub sensitive: bool,
    }

    /// A row of `workspace_agents`.
    pub struct WorkspaceAgent {
        pub id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub name: String,
        pub first_connected_at: Option<Time>,
        pub last_connected_at: Option<Time>,
        pub disconnected_at: Option<Time>,
        pub resource_id: Uuid,
        pub auth_token: Uuid,
        pub auth_instance_id: Option<String>,
        pub architecture: String,
        pub environment_variables: Option<serde_json::Value>,
        pub operating_system: String,
        pub directory: String,
        pub version: String,
        pub connection_timeout_seconds: i32,
        pub troubleshooting_url: String,
        pub motd_file: String,
        pub lifecycle_state: WorkspaceAgentLifecycle,
        pub expanded_directory: String,
        pub logs_length: i32,
        pub logs_overflowed: bool,
        pub started_at: Option<Time>,
        pub ready_at: Option<Time>,
        pub subsystems: Vec<String>,
        pub display_apps: Vec<String>,
        pub api_version: String,
        pub display_order: i32,
        pub parent_id: Option<Uuid>,
        pub api_key_scope: String,
        pub deleted: bool,
    }

    /// A row of `workspace_apps`.
    pub struct WorkspaceApp {
        pub id: Uuid,
        pub created_at: Time,
        pub agent_id: Uuid,
        pub display_name: String,
        pub icon: String,
        pub command: Option<String>,
        pub url: Option<String>,
        pub healthcheck_url: String,
        pub healthcheck_interval: i32,
        pub healthcheck_threshold: i32,
        pub health: WorkspaceAppHealth,
        pub subdomain: bool,
        pub sharing_level: WorkspaceAppSharingLevel,
        pub slug: String,
        pub external: bool,
        pub display_order: i32,
        pub hidden: bool,
        pub open_in: WorkspaceAppOpenIn,
        pub display_group: Option<String>,
        pub tooltip: String,
    }

    /// A row of `workspace_agent_scripts`.
    pub struct WorkspaceAgentScript {
        pub id: Uuid,
        pub workspace_agent_id: Uuid,
        pub log_source_id: Uuid,
        pub log_path: String,
        pub created_at: Time,
        pub script: String,
        pub cron: String,
        pub start_blocks_login: bool,
        pub run_on_start: bool,
        pub run_on_stop: bool,
        pub timeout_seconds: i32,
        pub display_name: String,
    }

    /// A row of `workspace_agent_log_sources`.
    pub struct WorkspaceAgentLogSource {
        pub workspace_agent_id: Uuid,
        pub id: Uuid,
        pub created_at: Time,
        pub display_name: String,
        pub icon: String,
    }

    /// A row of `workspace_agent_metadata`.
    pub struct WorkspaceAgentMetadatum {
        pub workspace_agent_id: Uuid,
        pub display_name: String,
        pub key: String,
        pub script: String,
        pub timeout: i64,
        pub interval: i64,
        pub display_order: i32,
    }

    /// A row of `workspace_modules`.
    pub struct WorkspaceModule {
        pub id: Uuid,
        pub job_id: Uuid,
        pub transition: WorkspaceTransition,
        pub source: String,
        pub version: String,
        pub key: String,
        pub created_at: Time,
    }

    /// A row of `workspace_agent_memory_resource_monitors`, as it begins.
    pub struct MemoryResourceMonitor {
        pub agent_id: Uuid,
        pub enabled: bool,
        pub threshold: i32,
        pub created_at: Time,
        pub updated_at: Time,
    }

    /// A row of `workspace_agent_volume_resource_monitors`, as it begins.
    pub struct VolumeResourceMonitor {
        pub agent_id: Uuid,
        pub enabled: bool,
        pub threshold: i32,
        pub path: String,
        pub created_at: Time,
        pub updated_at: Time,
    }

    /// A row of `workspace_agent_devcontainers`.
    pub struct WorkspaceAgentDevcontainer {
        pub id: Uuid,
        pub workspace_agent_id: Uuid,
        pub created_at: Time,
        pub workspace_folder: String,
        pub config_path: String,
        pub name: String,
    }
}

/// Environment variables of an agent row.
pub fn environment(agent: &WorkspaceAgent) -> BTreeMap<String, String> {
    agent.environment_variables.as_ref().and_then(|v| serde_json::from_value(v.clone()).ok()).unwrap_or_default()
}

queries! {
    /// Keeps a resource.
    InsertWorkspaceResource = insert_workspace_resource(db, resource: &WorkspaceResource) -> exec;
        allow(system Create System),
        sql "INSERT INTO workspace_resources {insert}";

    /// Keeps a fact about a resource.
    InsertWorkspaceResourceMetadata = insert_workspace_resource_metadata(db, fact: &WorkspaceResourceMetadata) -> exec;
        allow(system Create System),
        sql "INSERT INTO workspace_resource_metadata {insert}";

    /// Keeps an agent. Provisioners do this before anybody could be asked about the workspace.
    InsertWorkspaceAgent = insert_workspace_agent(db, agent: &WorkspaceAgent) -> exec;
        allow(system CreateAgent Workspace),
        sql "INSERT INTO workspace_agents {insert}";

    /// Keeps an application; one that is known by its id moves to its new agent.
    UpsertWorkspaceApp = upsert_workspace_app(db, app: &WorkspaceApp) -> exec;
        allow(system Update Workspace),
        sql "INSERT INTO workspace_apps {insert}
            ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, agent_id = excluded.agent_id, slug = excluded.slug,
                display_name = excluded.display_name, icon = excluded.icon, command = excluded.command, url = excluded.url,
                external = excluded.external, subdomain = excluded.subdomain, sharing_level = excluded.sharing_level,
                healthcheck_url = excluded.healthcheck_url, healthcheck_interval = excluded.healthcheck_interval,
                healthcheck_threshold = excluded.healthcheck_threshold, health = excluded.health,
                display_order = excluded.display_order, hidden = excluded.hidden, open_in = excluded.open_in,
                display_group = excluded.display_group, tooltip = excluded.tooltip";

    /// Keeps a script of an agent.
    InsertWorkspaceAgentScripts = insert_workspace_agent_script(db, script: &WorkspaceAgentScript) -> exec;
        allow(system Create System),
        sql "INSERT INTO workspace_agent_scripts {insert}";

    /// Keeps a source of log lines of an agent.
    InsertWorkspaceAgentLogSources = insert_workspace_agent_log_source(db, source: &WorkspaceAgentLogSource) -> exec;
        allow(none),
        sql "INSERT INTO workspace_agent_log_sources {insert}";

    /// Keeps what an agent measures about itself.
    InsertWorkspaceAgentMetadata = insert_workspace_agent_metadata(db, datum: &WorkspaceAgentMetadatum) -> exec;
        allow(system Create System),
        sql "INSERT INTO workspace_agent_metadata {insert}";

    /// Keeps a dev container of an agent.
    InsertWorkspaceAgentDevcontainers = insert_workspace_agent_devcontainer(db, devcontainer: &WorkspaceAgentDevcontainer) -> exec;
        allow(system Create WorkspaceAgentDevcontainers),
        sql "INSERT INTO workspace_agent_devcontainers {insert}";

    /// Keeps a watch on an agent's memory.
    InsertMemoryResourceMonitor = insert_memory_resource_monitor(db, monitor: &MemoryResourceMonitor) -> exec;
        allow(system Create WorkspaceAgentResourceMonitor),
        sql "INSERT INTO workspace_agent_memory_resource_monitors {insert}";

    /// Keeps a watch on an agent's disk.
    InsertVolumeResourceMonitor = insert_volume_resource_monitor(db, monitor: &VolumeResourceMonitor) -> exec;
        allow(system Create WorkspaceAgentResourceMonitor),
        sql "INSERT INTO workspace_agent_volume_resource_monitors {insert}";

    /// Keeps a module that a template used.
    InsertWorkspaceModule = insert_workspace_module(db, module: &WorkspaceModule) -> exec;
        allow(system Create System),
        sql "INSERT INTO workspace_modules {insert}";

    /// What these jobs made.
    GetWorkspaceResourcesByJobIDs = get_workspace_resources_by_job_ids(db, ids: &[Uuid]) -> many WorkspaceResource;
        allow(system Read System),
        sql "SELECT {row} FROM workspace_resources WHERE job_id IN [:ids]";

    /// Facts about these resources.
    GetWorkspaceResourceMetadataByResourceIDs = get_workspace_resource_metadata_by_resource_ids(db, ids: &[Uuid]) -> many WorkspaceResourceMetadata;
        allow(system Read System),
        sql "SELECT {row} FROM workspace_resource_metadata WHERE workspace_resource_id IN [:ids] ORDER BY id";

    /// The agents in these resources.
    GetWorkspaceAgentsByResourceIDs = get_workspace_agents_by_resource_ids(db, ids: &[Uuid]) -> many WorkspaceAgent;
        allow(system Read System),
        sql "SELECT {row} FROM workspace_agents WHERE resource_id IN [:ids] AND deleted = FALSE";

    /// The applications of these agents.
    GetWorkspaceAppsByAgentIDs = get_workspace_apps_by_agent_ids(db, ids: &[Uuid]) -> many WorkspaceApp;
        allow(system Read System),
        sql "SELECT {row} FROM workspace_apps WHERE agent_id IN [:ids] ORDER BY slug";

    /// The scripts of these agents.
    GetWorkspaceAgentScriptsByAgentIDs = get_workspace_agent_scripts_by_agent_ids(db, ids: &[Uuid]) -> many WorkspaceAgentScript;
        allow(system Read System),
        sql "SELECT {row} FROM workspace_agent_scripts WHERE workspace_agent_id IN [:ids]";

    /// The sources of log lines of these agents.
    GetWorkspaceAgentLogSourcesByAgentIDs = get_workspace_agent_log_sources_by_agent_ids(db, ids: &[Uuid]) -> many WorkspaceAgentLogSource;
        allow(system Read System),
        sql "SELECT {row} FROM workspace_agent_log_sources WHERE workspace_agent_id IN [:ids]";
}
