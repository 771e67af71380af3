//! How much is going on in the deployment.

use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// Workspaces by what their last build did.
    pub struct WorkspacesByState {
        pub pending: i64,
        pub building: i64,
        pub running: i64,
        pub failed: i64,
        pub stopped: i64,
    }

    /// What agents moved, and the sessions that each last reported.
    pub struct AgentTraffic {
        pub rx_bytes: i64,
        pub tx_bytes: i64,
        pub vscode: i64,
        pub ssh: i64,
        pub jetbrains: i64,
        pub reconnecting_pty: i64,
    }
}

queries! {
    /// How many workspaces are in which state. A build whose provisioner was not heard of since
    /// `heard_since` counts as no state.
    GetDeploymentWorkspaceStats = get_deployment_workspace_stats(db, heard_since: Time) -> one WorkspacesByState;
        allow(none),
        sql "SELECT
                count(CASE WHEN j.started_at IS NULL THEN 1 END),
                count(CASE WHEN j.started_at IS NOT NULL AND j.canceled_at IS NULL AND j.completed_at IS NULL AND j.updated_at > :heard_since THEN 1 END),
                count(CASE WHEN j.completed_at IS NOT NULL AND j.canceled_at IS NULL AND j.error IS NULL AND b.transition = 'start' THEN 1 END),
                count(CASE WHEN (j.canceled_at IS NOT NULL OR j.completed_at IS NOT NULL) AND j.error IS NOT NULL THEN 1 END),
                count(CASE WHEN j.completed_at IS NOT NULL AND j.canceled_at IS NULL AND j.error IS NULL AND b.transition = 'stop' THEN 1 END)
            FROM workspaces w
            LEFT JOIN workspace_builds b ON b.workspace_id = w.id
                AND b.build_number = (SELECT max(l.build_number) FROM workspace_builds l WHERE l.workspace_id = w.id)
            LEFT JOIN provisioner_jobs j ON j.id = b.job_id
            WHERE w.deleted = FALSE";

    /// What agents have moved since a time, and the sessions in the last report of each.
    GetDeploymentWorkspaceAgentStats = get_deployment_workspace_agent_stats(db, since: Time) -> one AgentTraffic;
        allow(none),
        sql "WITH reports AS (
                SELECT s.*, row_number() OVER (PARTITION BY s.agent_id ORDER BY s.created_at DESC) AS age
                FROM workspace_agent_stats s WHERE s.created_at > :since)
            SELECT coalesce(sum(rx_bytes), 0), coalesce(sum(tx_bytes), 0),
                coalesce(sum(CASE WHEN age = 1 THEN session_count_vscode END), 0),
                coalesce(sum(CASE WHEN age = 1 THEN session_count_ssh END), 0),
                coalesce(sum(CASE WHEN age = 1 THEN session_count_jetbrains END), 0),
                coalesce(sum(CASE WHEN age = 1 THEN session_count_reconnecting_pty END), 0)
            FROM reports",
        pg "WITH reports AS (
                SELECT s.*, row_number() OVER (PARTITION BY s.agent_id ORDER BY s.created_at DESC) AS age
                FROM workspace_agent_stats s WHERE s.created_at > :since)
            SELECT coalesce(sum(rx_bytes), 0)::bigint, coalesce(sum(tx_bytes), 0)::bigint,
                coalesce(sum(CASE WHEN age = 1 THEN session_count_vscode END), 0)::bigint,
                coalesce(sum(CASE WHEN age = 1 THEN session_count_ssh END), 0)::bigint,
                coalesce(sum(CASE WHEN age = 1 THEN session_count_jetbrains END), 0)::bigint,
                coalesce(sum(CASE WHEN age = 1 THEN session_count_reconnecting_pty END), 0)::bigint
            FROM reports";

    /// How long connections to agents took, by their reports since a time, in order.
    GetDeploymentWorkspaceAgentStats = get_deployment_connection_latencies(db, since: Time) -> many f64;
        allow(none),
        sql "SELECT connection_median_latency_ms FROM workspace_agent_stats
            WHERE created_at > :since AND connection_median_latency_ms > 0 ORDER BY connection_median_latency_ms";
}
