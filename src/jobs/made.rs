//! Stores what a job made: resources, their agents, and all that belongs to an agent.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;
use uuid::Uuid;

use super::Failed;
use crate::ids::Ids;
use crate::provisioner::{self, AgentAuth, AppOpenIn, AppSharingLevel};
use crate::sdk::{
    WorkspaceAgentLifecycle, WorkspaceAppHealth, WorkspaceAppOpenIn, WorkspaceAppSharingLevel, WorkspaceTransition,
};
use crate::store::Db;
use crate::store::queries::resources as rows;
use crate::time::Time;

static AGENT_NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("(?i)^[a-z0-9](-?[a-z0-9])*$").expect("a valid pattern"));
static APP_SLUG: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[a-z0-9](-?[a-z0-9])*$").expect("a valid pattern"));

/// Where and when something was made.
#[derive(Clone, Copy)]
pub struct Occasion<'a> {
    /// The data, as the provisioner daemon sees it.
    pub db: &'a Db,
    /// Ids for what is made.
    pub ids: &'a Ids,
    /// The job that made it.
    pub job: Uuid,
    /// What the job did.
    pub transition: WorkspaceTransition,
    /// When.
    pub now: Time,
}

impl Occasion<'_> {
    /// Stores resources with all that is in them.
    pub fn resources(&self, resources: &[provisioner::Resource]) -> Result<(), Failed> {
        for resource in resources {
            self.resource(resource)?;
        }
        Ok(())
    }

    /// Stores the modules that a template used.
    pub fn modules(&self, modules: &[provisioner::Module]) -> Result<(), Failed> {
        for m in modules {
            self.db.insert_workspace_module(&rows::WorkspaceModule {
                id: self.ids.uuid(),
                job_id: self.job,
                transition: self.transition,
                source: m.source.clone(),
                version: m.version.clone(),
                key: m.key.clone(),
                created_at: self.now,
            })?;
        }
        Ok(())
    }

    fn resource(&self, made: &provisioner::Resource) -> Result<(), Failed> {
        let id = self.ids.uuid();
        self.db.insert_workspace_resource(&rows::WorkspaceResource {
            id,
            created_at: self.now,
            job_id: self.job,
            transition: self.transition,
            kind: made.r#type.clone(),
            name: made.name.clone(),
            hide: made.hide,
            icon: made.icon.clone(),
            instance_type: (!made.instance_type.is_empty()).then(|| made.instance_type.clone()),
            daily_cost: made.daily_cost,
            module_path: Some(made.module_path.clone()),
        })?;
        let mut names = HashSet::new();
        let mut slugs = HashSet::new();
        for agent in &made.agents {
            check_agent_name(&agent.name)?;
            if !names.insert(agent.name.to_lowercase()) {
                return Err(Failed::because(format!("duplicate agent name {:?}", agent.name)));
            }
            self.agent(id, agent, &mut slugs)?;
        }
        for fact in made.metadata.iter().filter(|f| !f.is_null) {
            self.db.insert_workspace_resource_metadata(&rows::WorkspaceResourceMetadata {
                workspace_resource_id: id,
                key: fact.key.clone(),
                value: (!fact.value.is_empty()).then(|| fact.value.clone()),
                sensitive: fact.sensitive,
            })?;
        }
        Ok(())
    }

    fn agent(&self, resource_id: Uuid, made: &provisioner::Agent, slugs: &mut HashSet<String>) -> Result<(), Failed> {
        let id = self.ids.uuid();
        let (auth_token, auth_instance_id) = match &made.auth {
            AgentAuth::Token(token) if token.is_empty() => (self.ids.uuid(), None),
            AgentAuth::Token(token) => {
                (Uuid::try_parse(token).map_err(|_| Failed::because("the agent's token is not a UUID"))?, None)
            }
            AgentAuth::InstanceId(id) => (self.ids.uuid(), (!id.is_empty()).then(|| id.clone())),
        };
        let environment: BTreeMap<&str, &str> = made
            .extra_envs
            .iter()
            .map(|e| (e.name.as_str(), e.value.as_str()))
            .chain(made.env.iter().map(|(k, v)| (k.as_str(), v.as_str())))
            .collect();
        self.db.insert_workspace_agent(&rows::WorkspaceAgent {
            id,
            created_at: self.now,
            updated_at: self.now,
            name: made.name.clone(),
            first_connected_at: None,
            last_connected_at: None,
            disconnected_at: None,
            resource_id,
            auth_token,
            auth_instance_id,
            architecture: made.architecture.clone(),
            environment_variables: (!environment.is_empty()).then(|| serde_json::json!(environment)),
            operating_system: made.operating_system.clone(),
            directory: made.directory.clone(),
            version: String::new(),
            connection_timeout_seconds: made.connection_timeout_seconds,
            troubleshooting_url: made.troubleshooting_url.clone(),
            motd_file: made.motd_file.clone(),
            lifecycle_state: WorkspaceAgentLifecycle::Created,
            expanded_directory: String::new(),
            logs_length: 0,
            logs_overflowed: false,
            started_at: None,
            ready_at: None,
            subsystems: Vec::new(),
            display_apps: display_apps(&made.display_apps),
            api_version: String::new(),
            display_order: made.order as i32,
            parent_id: None,
            api_key_scope: if made.api_key_scope == "no_user_data" { "no_user_data" } else { "all" }.to_owned(),
            deleted: false,
        })?;
        for datum in &made.metadata {
            self.db.insert_workspace_agent_metadata(&rows::WorkspaceAgentMetadatum {
                workspace_agent_id: id,
                display_name: datum.display_name.clone(),
                key: datum.key.clone(),
                script: datum.script.clone(),
                timeout: datum.timeout,
                interval: datum.interval,
                display_order: datum.order as i32,
            })?;
        }
        self.monitors(id, &made.resources_monitoring)?;
        for script in &made.scripts {
            self.script(id, self.ids.uuid(), script)?;
        }
        for devcontainer in &made.devcontainers {
            self.devcontainer(id, devcontainer)?;
        }
        for app in &made.apps {
            self.app(id, app, slugs)?;
        }
        Ok(())
    }

    fn monitors(&self, agent_id: Uuid, wanted: &provisioner::ResourcesMonitoring) -> Result<(), Failed> {
        let (created_at, updated_at) = (self.now, self.now);
        if let Some(memory) = &wanted.memory {
            let (enabled, threshold) = (memory.enabled, memory.threshold);
            self.db.insert_memory_resource_monitor(&rows::MemoryResourceMonitor {
                agent_id,
                enabled,
                threshold,
                created_at,
                updated_at,
            })?;
        }
        for volume in &wanted.volumes {
            let (enabled, threshold, path) = (volume.enabled, volume.threshold, volume.path.clone());
            self.db.insert_volume_resource_monitor(&rows::VolumeResourceMonitor {
                agent_id,
                enabled,
                threshold,
                path,
                created_at,
                updated_at,
            })?;
        }
        Ok(())
    }

    fn script(&self, agent: Uuid, id: Uuid, made: &provisioner::Script) -> Result<(), Failed> {
        let log_source_id = self.ids.uuid();
        self.db.insert_workspace_agent_log_source(&rows::WorkspaceAgentLogSource {
            workspace_agent_id: agent,
            id: log_source_id,
            created_at: self.now,
            display_name: made.display_name.clone(),
            icon: made.icon.clone(),
        })?;
        self.db.insert_workspace_agent_script(&rows::WorkspaceAgentScript {
            id,
            workspace_agent_id: agent,
            log_source_id,
            log_path: made.log_path.clone(),
            created_at: self.now,
            script: made.script.clone(),
            cron: made.cron.clone(),
            start_blocks_login: made.start_blocks_login,
            run_on_start: made.run_on_start,
            run_on_stop: made.run_on_stop,
            timeout_seconds: made.timeout_seconds,
            display_name: made.display_name.clone(),
        })?;
        Ok(())
    }

    /// A dev container is known to agents by its id, which is also that of the script that starts it.
    fn devcontainer(&self, agent: Uuid, made: &provisioner::Devcontainer) -> Result<(), Failed> {
        let id = self.ids.uuid();
        self.db.insert_workspace_agent_devcontainer(&rows::WorkspaceAgentDevcontainer {
            id,
            workspace_agent_id: agent,
            created_at: self.now,
            workspace_folder: made.workspace_folder.clone(),
            config_path: made.config_path.clone(),
            name: made.name.clone(),
        })?;
        let script = provisioner::Script {
            display_name: format!("Dev Container ({})", made.name),
            icon: "/emojis/1f4e6.png".to_owned(),
            script: "echo 'This agent does not start dev containers: update it, or switch dev containers on.'\nexit 1"
                .to_owned(),
            run_on_start: true,
            ..provisioner::Script::default()
        };
        self.script(agent, id, &script)
    }

    fn app(&self, agent_id: Uuid, made: &provisioner::App, slugs: &mut HashSet<String>) -> Result<(), Failed> {
        if made.slug.is_empty() {
            return Err(Failed::because("an app must have a slug or name set"));
        }
        if !APP_SLUG.is_match(&made.slug) {
            return Err(Failed::because(format!("app slug {:?} does not match {:?}", made.slug, APP_SLUG.as_str())));
        }
        if !slugs.insert(made.slug.clone()) {
            return Err(Failed::because(format!("two apps of the template have the slug {:?}", made.slug)));
        }
        let check = made.healthcheck.clone().unwrap_or_default();
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let id = Uuid::try_parse(&made.id).ok().filter(|id| !id.is_nil()).unwrap_or_else(|| self.ids.uuid());
        self.db.upsert_workspace_app(&rows::WorkspaceApp {
            id,
            created_at: self.now,
            agent_id,
            display_name: made.display_name.clone(),
            icon: made.icon.clone(),
            command: some(&made.command),
            url: some(&made.url),
            health: if check.url.is_empty() { WorkspaceAppHealth::Disabled } else { WorkspaceAppHealth::Initializing },
            healthcheck_url: check.url,
            healthcheck_interval: check.interval,
            healthcheck_threshold: check.threshold,
            subdomain: made.subdomain,
            sharing_level: match made.sharing_level {
                AppSharingLevel::Owner => WorkspaceAppSharingLevel::Owner,
                AppSharingLevel::Authenticated => WorkspaceAppSharingLevel::Authenticated,
                AppSharingLevel::Public => WorkspaceAppSharingLevel::Public,
            },
            slug: made.slug.clone(),
            external: made.external,
            display_order: made.order as i32,
            hidden: made.hidden,
            open_in: match made.open_in {
                AppOpenIn::Tab => WorkspaceAppOpenIn::Tab,
                _ => WorkspaceAppOpenIn::SlimWindow,
            },
            display_group: some(&made.group),
            tooltip: made.tooltip.clone(),
        })?;
        Ok(())
    }
}

fn check_agent_name(name: &str) -> Result<(), Failed> {
    let why = match name {
        "" => "an agent has no name".to_owned(),
        name if AGENT_NAME.is_match(name) => return Ok(()),
        name if name.contains('_') => {
            format!("agent name {name:?} contains underscores, which are not supported: use hyphens instead")
        }
        name => format!("agent name {name:?} may have letters, digits and single hyphens between them only"),
    };
    Err(Failed::because(why))
}

fn display_apps(shown: &provisioner::DisplayApps) -> Vec<String> {
    let all = [
        ("vscode", shown.vscode),
        ("vscode_insiders", shown.vscode_insiders),
        ("ssh_helper", shown.ssh_helper),
        ("port_forwarding_helper", shown.port_forwarding_helper),
        ("web_terminal", shown.web_terminal),
    ];
    all.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.to_owned()).collect()
}
