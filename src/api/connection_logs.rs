//! The log of connections to workspaces, for those who may read it: in the deployment, or in an organization.

use super::audit::{PAGE_SIZE, organization, organizations, people, word};
use super::params::{Page, Params};
use super::routes::Routes;
use super::{Cx, Error, Reply, entitlements, reply};
use crate::sdk::{self, ConnectionLogStatus, ConnectionType, FeatureName};
use crate::store::queries::connection_logs::{ConnectionLog, ConnectionSearch};

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/connectionlog", get_connections);
}

/// A page of the connections that a search finds, newest first. Who may read none finds none.
fn get_connections(cx: &Cx) -> Reply {
    entitlements::require(cx, FeatureName::ConnectionLog)?;
    let page = Page::of(cx)?;
    let conditions = search(cx)?.conditions(cx.db().dialect());
    let count = cx.db().count_connection_logs(&conditions)?;
    let page_size = if page.limit == 0 { PAGE_SIZE } else { page.limit };
    let found = match count {
        0 => Vec::new(),
        _ => cx.db().get_connection_logs_offset(&conditions, page_size, page.offset)?,
    };
    reply::ok(&sdk::ConnectionLogResponse { connection_logs: show(cx, found)?, count })
}

fn search(cx: &Cx) -> Result<ConnectionSearch, Error> {
    let mut terms = Params::of_search(&cx.query("q").to_lowercase(), "search");
    let mut search = ConnectionSearch::default();
    if terms.is_fine() {
        search = ConnectionSearch {
            organization_id: terms.parsed("organization", |text| organization(cx, text)).filter(|id| !id.is_nil()),
            workspace_owner_id: None,
            workspace_owner: terms.text("workspace_owner"),
            workspace_owner_email: terms.text("workspace_owner_email"),
            workspace_id: terms.uuid("workspace_id").filter(|id| !id.is_nil()),
            kind: terms.parsed("type", word::<ConnectionType>),
            user_id: None,
            username: terms.text("username"),
            user_email: terms.text("user_email"),
            connected_after: terms.time("connected_after"),
            connected_before: terms.time("connected_before"),
            connection_id: terms.uuid("connection_id").filter(|id| !id.is_nil()),
            status: terms.parsed("status", word::<ConnectionLogStatus>),
        };
        terms.refuse_others();
    }
    terms.finish("The search of the connection log cannot be read.")?;
    for (name, id) in
        [(&mut search.username, &mut search.user_id), (&mut search.workspace_owner, &mut search.workspace_owner_id)]
    {
        if name == "me" {
            name.clear();
            *id = Some(cx.actor()?.user_id);
        }
    }
    Ok(search)
}

fn show(cx: &Cx, found: Vec<ConnectionLog>) -> Result<Vec<sdk::ConnectionLog>, Error> {
    let users = found.iter().flat_map(|c| [Some(c.workspace_owner_id), c.user_id]).flatten();
    let people = people(cx, users)?;
    let organizations = organizations(cx, found.iter().map(|c| c.organization_id))?;
    let render = |c: ConnectionLog| {
        let organization = organizations.get(&c.organization_id).cloned();
        let organization = organization.ok_or_else(|| Error::internal(format!("connection {} has no place", c.id)))?;
        let owner = people.get(&c.workspace_owner_id).map(|owner| owner.username.clone());
        let (web_info, ssh_info) = match c.r#type {
            ConnectionType::WorkspaceApp | ConnectionType::PortForwarding => {
                let user = c.user_id.and_then(|id| people.get(&id).cloned());
                let web_info = sdk::ConnectionLogWebInfo {
                    user_agent: c.user_agent.unwrap_or_default(),
                    user,
                    slug_or_port: c.slug_or_port.unwrap_or_default(),
                    status_code: c.code.unwrap_or_default(),
                };
                (Some(web_info), None)
            }
            ConnectionType::Ssh
            | ConnectionType::ReconnectingPty
            | ConnectionType::Jetbrains
            | ConnectionType::Vscode => {
                let ssh_info = sdk::ConnectionLogSSHInfo {
                    connection_id: c.connection_id.unwrap_or_default(),
                    disconnect_time: c.disconnect_time,
                    disconnect_reason: c.disconnect_reason.unwrap_or_default(),
                    exit_code: c.code,
                };
                (None, Some(ssh_info))
            }
        };
        Ok(sdk::ConnectionLog {
            id: c.id,
            connect_time: c.connect_time,
            organization,
            workspace_owner_id: c.workspace_owner_id,
            workspace_owner_username: owner.unwrap_or_default(),
            workspace_id: c.workspace_id,
            workspace_name: c.workspace_name,
            agent_name: c.agent_name,
            ip: c.ip,
            r#type: c.r#type,
            web_info,
            ssh_info,
        })
    };
    found.into_iter().map(render).collect()
}
