//! What jobs made, as the API shows it: resources, agents, apps. Reads a fixed number of times,
//! however many jobs are asked about.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use uuid::Uuid;

use super::{Cx, Error};
use crate::rbac::system;
use crate::sdk::{self, WireEnum, WorkspaceAgentLifecycle as Lifecycle, WorkspaceAgentStatus as Status};
use crate::store::queries::resources::{self as rows, WorkspaceAgent, WorkspaceApp};
use crate::time::Time;

/// How long an agent may be silent before it counts as gone: twice the interval of its signs of life.
const SILENCE: Duration = Duration::from_secs(30);

/// The workspace that a job's agents are in, for the host names of its apps. Nothing for imports.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The workspace's name.
    pub workspace: String,
    /// Its owner's name.
    pub owner: String,
}

/// What each of these jobs made. The caller must have been found to be allowed to read what the jobs are for.
pub fn of_jobs(cx: &Cx, jobs: &HashMap<Uuid, Place>) -> Result<HashMap<Uuid, Vec<sdk::WorkspaceResource>>, Error> {
    let db = cx.db_as(system::restricted());
    let ids: Vec<Uuid> = jobs.keys().copied().collect();
    let found = if ids.is_empty() { Vec::new() } else { db.get_workspace_resources_by_job_ids(&ids)? };
    if found.is_empty() {
        return Ok(HashMap::new());
    }
    let resource_ids: Vec<Uuid> = found.iter().map(|r| r.id).collect();
    let mut facts =
        group(db.get_workspace_resource_metadata_by_resource_ids(&resource_ids)?, |f| f.workspace_resource_id);
    let agents = db.get_workspace_agents_by_resource_ids(&resource_ids)?;
    let agent_ids: Vec<Uuid> = agents.iter().map(|a| a.id).collect();
    let (mut apps, mut scripts, mut sources) = if agent_ids.is_empty() {
        Default::default()
    } else {
        (
            group(db.get_workspace_apps_by_agent_ids(&agent_ids)?, |a| a.agent_id),
            group(db.get_workspace_agent_scripts_by_agent_ids(&agent_ids)?, |s| s.workspace_agent_id),
            group(db.get_workspace_agent_log_sources_by_agent_ids(&agent_ids)?, |s| s.workspace_agent_id),
        )
    };
    let mut agents = group(agents, |a| a.resource_id);
    let mut made: HashMap<Uuid, Vec<(i32, sdk::WorkspaceResource)>> = HashMap::new();
    for resource in found {
        let place = jobs.get(&resource.job_id).cloned().unwrap_or_default();
        let mut inside = agents.remove(&resource.id).unwrap_or_default();
        inside.sort_by(|a, b| (a.display_order, &a.name).cmp(&(b.display_order, &b.name)));
        let order = inside.first().map_or(i32::MAX, |a| a.display_order);
        let inside = inside
            .into_iter()
            .map(|agent| {
                let parts = AgentParts {
                    apps: apps.remove(&agent.id).unwrap_or_default(),
                    scripts: scripts.remove(&agent.id).unwrap_or_default(),
                    log_sources: sources.remove(&agent.id).unwrap_or_default(),
                };
                render_agent(cx, agent, parts, &place)
            })
            .collect();
        let metadata = facts.remove(&resource.id).unwrap_or_default();
        made.entry(resource.job_id).or_default().push((order, render_resource(resource, inside, metadata)));
    }
    Ok(made
        .into_iter()
        .map(|(job, mut resources)| {
            resources.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
            (job, resources.into_iter().map(|(_, r)| r).collect())
        })
        .collect())
}

fn group<T>(rows: Vec<T>, key: impl Fn(&T) -> Uuid) -> HashMap<Uuid, Vec<T>> {
    let mut groups: HashMap<Uuid, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups
}

fn render_resource(
    row: rows::WorkspaceResource,
    agents: Vec<sdk::WorkspaceAgent>,
    metadata: Vec<rows::WorkspaceResourceMetadata>,
) -> sdk::WorkspaceResource {
    sdk::WorkspaceResource {
        id: row.id,
        created_at: row.created_at,
        job_id: row.job_id,
        workspace_transition: row.transition,
        r#type: row.kind,
        name: row.name,
        hide: row.hide,
        icon: row.icon,
        agents,
        metadata: metadata
            .into_iter()
            .map(|f| sdk::WorkspaceResourceMetadata {
                key: f.key,
                value: f.value.unwrap_or_default(),
                sensitive: f.sensitive,
            })
            .collect(),
        daily_cost: row.daily_cost,
    }
}

/// What belongs to an agent.
#[derive(Default)]
pub struct AgentParts {
    /// Its applications.
    pub apps: Vec<WorkspaceApp>,
    /// Its scripts.
    pub scripts: Vec<rows::WorkspaceAgentScript>,
    /// Where its log lines come from.
    pub log_sources: Vec<rows::WorkspaceAgentLogSource>,
}

/// An agent as the API shows it.
pub fn render_agent(cx: &Cx, agent: WorkspaceAgent, parts: AgentParts, place: &Place) -> sdk::WorkspaceAgent {
    let connection = connection(&agent, cx.now());
    let blocks = parts.scripts.iter().any(|s| s.run_on_start && s.start_blocks_login);
    let environment: BTreeMap<String, String> = rows::environment(&agent);
    let mut apps = parts.apps;
    apps.sort_by(|a, b| (a.display_order, &a.display_name, &a.slug).cmp(&(b.display_order, &b.display_name, &b.slug)));
    sdk::WorkspaceAgent {
        health: health(connection.status, agent.lifecycle_state),
        apps: apps.into_iter().map(|app| render_app(app, &agent.name, place)).collect(),
        id: agent.id,
        parent_id: agent.parent_id,
        created_at: agent.created_at,
        updated_at: agent.updated_at,
        first_connected_at: agent.first_connected_at,
        last_connected_at: agent.last_connected_at,
        disconnected_at: connection.disconnected_at,
        started_at: agent.started_at,
        ready_at: agent.ready_at,
        status: connection.status,
        lifecycle_state: agent.lifecycle_state,
        name: agent.name,
        resource_id: agent.resource_id,
        instance_id: agent.auth_instance_id.unwrap_or_default(),
        architecture: agent.architecture,
        environment_variables: agent.environment_variables.is_some().then_some(environment),
        operating_system: agent.operating_system,
        logs_length: agent.logs_length,
        logs_overflowed: agent.logs_overflowed,
        directory: agent.directory,
        expanded_directory: agent.expanded_directory,
        version: agent.version,
        api_version: agent.api_version,
        latency: BTreeMap::new(),
        connection_timeout_seconds: agent.connection_timeout_seconds,
        troubleshooting_url: if agent.troubleshooting_url.is_empty() {
            cx.deployment.config.clients.agent_fallback_troubleshooting_url.clone()
        } else {
            agent.troubleshooting_url
        },
        subsystems: words(&agent.subsystems),
        display_apps: words(&agent.display_apps),
        log_sources: parts
            .log_sources
            .into_iter()
            .map(|s| sdk::WorkspaceAgentLogSource {
                workspace_agent_id: s.workspace_agent_id,
                id: s.id,
                created_at: s.created_at,
                display_name: s.display_name,
                icon: s.icon,
            })
            .collect(),
        scripts: parts.scripts.into_iter().map(render_script).collect(),
        startup_script_behavior: if blocks {
            sdk::WorkspaceAgentStartupScriptBehavior::Blocking
        } else {
            sdk::WorkspaceAgentStartupScriptBehavior::NonBlocking
        },
    }
}

/// The words of a list that are known; the schema lets no others in.
fn words<E: WireEnum>(list: &[String]) -> Vec<E> {
    list.iter().filter_map(|word| E::parse(word)).collect()
}

fn render_script(s: rows::WorkspaceAgentScript) -> sdk::WorkspaceAgentScript {
    sdk::WorkspaceAgentScript {
        id: s.id,
        log_source_id: s.log_source_id,
        log_path: s.log_path,
        script: s.script,
        cron: s.cron,
        run_on_start: s.run_on_start,
        run_on_stop: s.run_on_stop,
        start_blocks_login: s.start_blocks_login,
        timeout: i64::from(s.timeout_seconds) * 1_000_000_000,
        display_name: s.display_name,
    }
}

/// The first label of the host an application is reached at; empty without one, as for an application of a template.
/// The agent is named only where the application's word is a port, which any agent may have.
fn subdomain(app: &WorkspaceApp, agent: &str, place: &Place) -> String {
    if !app.subdomain || [agent, &place.workspace, &place.owner].iter().any(|part| part.is_empty()) {
        return String::new();
    }
    let word = if app.slug.is_empty() { &app.display_name } else { &app.slug };
    let digits = word.strip_suffix('s').unwrap_or(word);
    let port = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
    let agent = if port { format!("--{agent}") } else { String::new() };
    format!("{word}{agent}--{}--{}", place.workspace, place.owner)
}

fn render_app(app: WorkspaceApp, agent: &str, place: &Place) -> sdk::WorkspaceApp {
    let subdomain_name = subdomain(&app, agent, place);
    sdk::WorkspaceApp {
        id: app.id,
        url: app.url.unwrap_or_default(),
        external: app.external,
        subdomain_name,
        slug: app.slug,
        display_name: app.display_name,
        command: app.command.unwrap_or_default(),
        icon: app.icon,
        subdomain: app.subdomain,
        sharing_level: app.sharing_level,
        healthcheck: sdk::Healthcheck {
            url: app.healthcheck_url,
            interval: app.healthcheck_interval,
            threshold: app.healthcheck_threshold,
        },
        health: app.health,
        group: app.display_group.unwrap_or_default(),
        hidden: app.hidden,
        open_in: app.open_in,
        tooltip: app.tooltip,
        statuses: Vec::new(),
    }
}

/// Whether an agent is there.
pub struct Connection {
    /// In a word.
    pub status: Status,
    /// Since when it is not.
    pub disconnected_at: Option<Time>,
}

/// Works out whether an agent is there from its signs of life.
pub fn connection(agent: &WorkspaceAgent, now: Time) -> Connection {
    let timeout = Duration::from_secs(agent.connection_timeout_seconds.max(0) as u64);
    let (status, disconnected_at) = match (agent.first_connected_at, agent.last_connected_at) {
        (None, _) if !timeout.is_zero() && agent.created_at + timeout < now => (Status::Timeout, agent.disconnected_at),
        (None, _) => (Status::Connecting, agent.disconnected_at),
        (Some(_), Some(last)) if agent.disconnected_at.is_some_and(|gone| gone >= last) => {
            (Status::Disconnected, agent.disconnected_at)
        }
        (Some(_), Some(last)) if last + SILENCE < now => (Status::Disconnected, Some(last)),
        (Some(_), Some(_)) => (Status::Connected, agent.disconnected_at),
        (Some(_), None) => (Status::Disconnected, agent.disconnected_at),
    };
    Connection { status, disconnected_at }
}

/// Whether an agent is well. The reasons are words that clients show as they are.
pub fn health(status: Status, lifecycle: Lifecycle) -> sdk::WorkspaceAgentHealth {
    let shuts_down = matches!(
        lifecycle,
        Lifecycle::ShuttingDown | Lifecycle::ShutdownTimeout | Lifecycle::ShutdownError | Lifecycle::Off
    );
    let reason = match (status, lifecycle) {
        (status, Lifecycle::Off) if status != Status::Connected => "agent is not running",
        (Status::Timeout, _) => "agent is taking too long to connect",
        (Status::Disconnected, _) => "agent has lost connection",
        (_, Lifecycle::StartError) => "agent startup script exited with an error",
        _ if shuts_down => "agent is shutting down",
        _ => "",
    };
    sdk::WorkspaceAgentHealth { healthy: reason.is_empty(), reason: reason.to_owned() }
}
