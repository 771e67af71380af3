//! Ports of workspaces that are shared with others: which, and with whom. Who reaches one is not here.

use super::routes::Routes;
use super::workspaces::param;
use super::{Cx, Error, OrForbidden, Reply, reply};
use crate::rbac::system;
use crate::sdk::{self, WorkspaceAgentPortShareLevel as Level};
use crate::store::Db;
use crate::store::queries::port_shares::WorkspaceAgentPortShare;
use crate::store::queries::workspaces::Workspace;
use crate::templates::settings::Entitled;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/workspaces/{workspace}/port-share", get_shares);
    r.user("POST", "/api/v2/workspaces/{workspace}/port-share", post_share);
    r.user("DELETE", "/api/v2/workspaces/{workspace}/port-share", delete_share);
}

/// What is below is no port that programs listen on for others.
const LOWEST_PORT: i32 = 9;
const HIGHEST_PORT: i32 = 65535;

/// The shared ports of a workspace.
fn get_shares(cx: &Cx) -> Reply {
    let workspace = param(cx)?;
    let shares = cx.db().list_workspace_agent_port_shares(workspace.id)?.into_iter().map(render).collect();
    reply::ok(&sdk::WorkspaceAgentPortShares { shares })
}

/// Shares a port, or changes with whom.
fn post_share(cx: &Cx) -> Reply {
    let workspace = param(cx)?;
    let body: sdk::UpsertWorkspaceAgentPortShareRequest = cx.body()?;
    let Some(share_level) = body.share_level.known().filter(|level| *level != Level::Owner) else {
        let message = "A port is shared with authenticated users, the organization, or the public.";
        return Err(Error::invalid(message, "share_level", "Must be authenticated, organization or public."));
    };
    if !(LOWEST_PORT..=HIGHEST_PORT).contains(&body.port) {
        let range = format!("Must be between {LOWEST_PORT} and {HIGHEST_PORT}.");
        return Err(Error::invalid("No such port can be shared.", "port", range));
    }
    let Some(protocol) = body.protocol.known() else {
        return Err(Error::bad("The protocol of a port is http or https."));
    };
    let template = cx.db().get_template_by_id(workspace.template_id).or_forbidden()?;
    let most = Entitled::of(&cx.deployment).port_share_level(template.max_port_sharing_level);
    if !reaches(most, share_level) {
        let (wanted, most) = (share_level.as_str(), most.as_str());
        return Err(Error::bad(format!(
            "The template lets ports be shared at most as {most:?}, which excludes {wanted:?}."
        )));
    }
    let share = WorkspaceAgentPortShare {
        workspace_id: workspace.id,
        agent_name: body.agent_name,
        port: body.port,
        share_level,
        protocol,
    };
    if !has_agent(&cx.db_as(system::restricted()), &workspace, &share.agent_name)? {
        return Err(Error::bad("The workspace has no such agent."));
    }
    reply::ok(&render(cx.db().upsert_workspace_agent_port_share(&share).or_forbidden()?))
}

/// Whether a template that allows `most` allows this level: of the two, it reaches no more people.
fn reaches(most: Level, wanted: Level) -> bool {
    let breadth = |level| match level {
        Level::Owner => 0,
        Level::Organization => 1,
        Level::Authenticated => 2,
        Level::Public => 3,
    };
    breadth(wanted) <= breadth(most)
}

/// Whether the latest build made an agent of this name.
fn has_agent(db: &Db, workspace: &Workspace, name: &str) -> Result<bool, Error> {
    let builds = db.get_latest_workspace_builds_by_workspace_ids(&[workspace.id])?;
    let jobs: Vec<_> = builds.iter().map(|build| build.job_id).collect();
    let resources = if jobs.is_empty() { Vec::new() } else { db.get_workspace_resources_by_job_ids(&jobs)? };
    let ids: Vec<_> = resources.iter().map(|resource| resource.id).collect();
    let agents = if ids.is_empty() { Vec::new() } else { db.get_workspace_agents_by_resource_ids(&ids)? };
    Ok(agents.iter().any(|agent| agent.name == name))
}

/// Shares a port no more.
fn delete_share(cx: &Cx) -> Reply {
    let workspace = param(cx)?;
    let body: sdk::DeleteWorkspaceAgentPortShareRequest = cx.body()?;
    match cx.db().delete_workspace_agent_port_share(workspace.id, &body.agent_name, body.port).or_forbidden()? {
        0 => Err(Error::new(404, "The port is not shared.")),
        _ => reply::empty(200),
    }
}

fn render(share: WorkspaceAgentPortShare) -> sdk::WorkspaceAgentPortShare {
    sdk::WorkspaceAgentPortShare {
        workspace_id: share.workspace_id,
        agent_name: share.agent_name,
        port: share.port,
        share_level: share.share_level,
        protocol: share.protocol,
    }
}
