//! Ports of workspaces that their owners share with others.

use uuid::Uuid;

use crate::sdk::{WorkspaceAgentPortShareLevel, WorkspaceAgentPortShareProtocol};
use crate::store::query::queries;
use crate::store::record::rows;

rows! {
    /// A row of `workspace_agent_port_share`.
    pub struct WorkspaceAgentPortShare {
        pub workspace_id: Uuid,
        pub agent_name: String,
        pub port: i32,
        pub share_level: WorkspaceAgentPortShareLevel,
        pub protocol: WorkspaceAgentPortShareProtocol,
    }
}

queries! {
    /// The shared ports of a workspace, the lowest first.
    ListWorkspaceAgentPortShares = list_workspace_agent_port_shares(db, workspace_id: Uuid) -> many WorkspaceAgentPortShare;
        allow(on Read db.unguarded().get_workspace_by_id(workspace_id)?),
        sql "SELECT {row} FROM workspace_agent_port_share WHERE workspace_id = :workspace_id ORDER BY port, agent_name";

    /// Shares a port, or changes with whom.
    UpsertWorkspaceAgentPortShare = upsert_workspace_agent_port_share(db, share: &WorkspaceAgentPortShare) -> one WorkspaceAgentPortShare;
        allow(on Update db.unguarded().get_workspace_by_id(share.workspace_id)?),
        sql "INSERT INTO workspace_agent_port_share {insert}
             ON CONFLICT (workspace_id, agent_name, port)
             DO UPDATE SET share_level = excluded.share_level, protocol = excluded.protocol
             RETURNING {row}";

    /// Shares a port no more. The answer is how many there were.
    DeleteWorkspaceAgentPortShare = delete_workspace_agent_port_share(db, workspace_id: Uuid, agent_name: &str, port: i32) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(workspace_id)?),
        sql "DELETE FROM workspace_agent_port_share
              WHERE workspace_id = :workspace_id AND agent_name = :agent_name AND port = :port";
}
