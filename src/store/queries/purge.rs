//! Deletion of what has outlived its retention. When that is, the caller says.
//!
//! On Postgres the rows are picked into an array first: for a list of a length that is not known beforehand its planner would
//! read all of the table.

use crate::store::query::queries;
use crate::time::Time;

queries! {
    /// Logs of agents that last connected, or were made if they never did, before a time, and whose build is not its workspace's
    /// latest; so many lines at most.
    DeleteOldWorkspaceAgentLogs = delete_old_workspace_agent_logs(db, before: Time, most: i64) -> exec;
        allow(system Delete System),
        sql "DELETE FROM workspace_agent_logs WHERE id IN (SELECT id FROM workspace_agent_logs WHERE agent_id IN (
                SELECT a.id FROM workspace_agents a
                  JOIN workspace_resources r ON r.id = a.resource_id
                  JOIN workspace_builds b ON b.job_id = r.job_id
                 WHERE coalesce(a.last_connected_at, a.created_at) < :before AND EXISTS (
                    SELECT 1 FROM workspace_builds later
                     WHERE later.workspace_id = b.workspace_id AND later.build_number > b.build_number)) LIMIT :most)",
        pg "DELETE FROM workspace_agent_logs WHERE id = ANY (ARRAY(SELECT id FROM workspace_agent_logs WHERE agent_id IN (
               SELECT a.id FROM workspace_agents a
                 JOIN workspace_resources r ON r.id = a.resource_id
                 JOIN workspace_builds b ON b.job_id = r.job_id
                WHERE coalesce(a.last_connected_at, a.created_at) < :before AND EXISTS (
                   SELECT 1 FROM workspace_builds later
                    WHERE later.workspace_id = b.workspace_id AND later.build_number > b.build_number)) LIMIT :most))";

    /// Statistics of agents that are summed up already, but for the last day; without sums, those from before `fallback`. Only four
    /// hours of them at a time.
    DeleteOldWorkspaceAgentStats = delete_old_workspace_agent_stats(db, fallback: Time) -> exec;
        allow(system Delete System),
        sql "DELETE FROM workspace_agent_stats
              WHERE created_at < (SELECT coalesce(max(start_time) - 86400000000, :fallback) FROM template_usage_stats)
                AND created_at < (SELECT min(created_at) + 14400000000 FROM workspace_agent_stats)",
        pg "DELETE FROM workspace_agent_stats
             WHERE created_at < (SELECT coalesce(max(start_time) - INTERVAL '1 day', :fallback) FROM template_usage_stats)
               AND created_at < (SELECT min(created_at) + INTERVAL '4 hours' FROM workspace_agent_stats)";

    /// Daemons that were last seen, or made if they never were, before a time.
    DeleteOldProvisionerDaemons = delete_old_provisioner_daemons(db, before: Time) -> exec;
        allow(system Delete System),
        sql "DELETE FROM provisioner_daemons WHERE coalesce(last_seen_at, created_at) < :before";

    /// Notifications that nothing has happened to since a time, so many at most.
    DeleteOldNotificationMessages = delete_old_notification_messages(db, before: Time, most: i64) -> exec;
        allow(system Delete NotificationMessage),
        sql "DELETE FROM notification_messages WHERE id IN (
                SELECT id FROM notification_messages WHERE updated_at < :before LIMIT :most)";

    /// Ends the prebuild user's keys that were made for workspaces which have another owner by now, and those without a name.
    ExpirePrebuildsAPIKeys = expire_prebuilds_api_keys(db, now: Time) -> exec;
        allow(system Delete ApiKey),
        sql "UPDATE api_keys SET expires_at = :now
              WHERE user_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0' AND expires_at > :now AND (token_name = '' OR (
                token_name GLOB 'c42fdf75-3097-471c-8c33-fb52454d81c0_????????-????-????-????-????????????_session_token'
                AND EXISTS (SELECT 1 FROM workspaces w
                             WHERE w.id = substr(token_name, 38, 36) AND w.owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0')))",
        pg "UPDATE api_keys SET expires_at = :now
             WHERE user_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0' AND expires_at > :now AND (token_name = '' OR (
               token_name ~ '^c42fdf75-3097-471c-8c33-fb52454d81c0_[-a-f0-9]+_session_token$'
               AND EXISTS (SELECT 1 FROM workspaces w
                            WHERE w.id::text = substr(token_name, 38, 36) AND w.owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0')))";

    /// Keys that expired before a time, so many at most.
    DeleteExpiredAPIKeys = delete_expired_api_keys(db, before: Time, most: i64) -> exec;
        allow(system Delete ApiKey),
        sql "DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE expires_at < :before ORDER BY expires_at LIMIT :most)";

    /// Locks of telemetry whose period ended before a time.
    DeleteOldTelemetryLocks = delete_old_telemetry_locks(db, before: Time) -> exec;
        allow(system Delete System),
        sql "DELETE FROM telemetry_locks WHERE period_ending_at < :before";

    /// Entries of the audit log on connections, which a log of their own holds by now, so many at most, the oldest first.
    DeleteOldAuditLogConnectionEvents = delete_old_audit_log_connection_events(db, before: Time, most: i64) -> exec;
        allow(system Delete System),
        sql "DELETE FROM audit_logs WHERE id IN (
                SELECT id FROM audit_logs
                 WHERE action IN ('connect', 'disconnect', 'open', 'close') AND time < :before ORDER BY time LIMIT :most)",
        pg "DELETE FROM audit_logs WHERE id = ANY (ARRAY(
               SELECT id FROM audit_logs
                WHERE action IN ('connect', 'disconnect', 'open', 'close') AND time < :before ORDER BY time LIMIT :most))";

    /// All other entries of the audit log, so many at most, the oldest first.
    DeleteOldAuditLogs = delete_old_audit_logs(db, before: Time, most: i64) -> exec;
        allow(system Delete System),
        sql "DELETE FROM audit_logs WHERE id IN (
                SELECT id FROM audit_logs
                 WHERE action NOT IN ('connect', 'disconnect', 'open', 'close') AND time < :before ORDER BY time LIMIT :most)",
        pg "DELETE FROM audit_logs WHERE id = ANY (ARRAY(
               SELECT id FROM audit_logs
                WHERE action NOT IN ('connect', 'disconnect', 'open', 'close') AND time < :before ORDER BY time LIMIT :most))";

    /// Connections that began before a time, so many at most, the oldest first.
    DeleteOldConnectionLogs = delete_old_connection_logs(db, before: Time, most: i64) -> exec;
        allow(system Delete System),
        sql "DELETE FROM connection_logs WHERE id IN (
                SELECT id FROM connection_logs WHERE connect_time < :before ORDER BY connect_time LIMIT :most)",
        pg "DELETE FROM connection_logs WHERE id = ANY (ARRAY(
               SELECT id FROM connection_logs WHERE connect_time < :before ORDER BY connect_time LIMIT :most))";

    /// What tools were used in interceptions from before a time, in so many of them at most, the oldest first. The tables of an
    /// interception's parts do not refer to it, so each is its own step, the interceptions last.
    DeleteOldAIBridgeRecords = delete_old_aibridge_tool_usages(db, before: Time, most: i64) -> exec;
        allow(system Delete AibridgeInterception),
        sql "DELETE FROM aibridge_tool_usages WHERE interception_id IN (
                SELECT id FROM aibridge_interceptions WHERE started_at < :before ORDER BY started_at, id LIMIT :most)";

    /// What tokens were used in them.
    DeleteOldAIBridgeRecords = delete_old_aibridge_token_usages(db, before: Time, most: i64) -> exec;
        allow(system Delete AibridgeInterception),
        sql "DELETE FROM aibridge_token_usages WHERE interception_id IN (
                SELECT id FROM aibridge_interceptions WHERE started_at < :before ORDER BY started_at, id LIMIT :most)";

    /// What was asked in them.
    DeleteOldAIBridgeRecords = delete_old_aibridge_user_prompts(db, before: Time, most: i64) -> exec;
        allow(system Delete AibridgeInterception),
        sql "DELETE FROM aibridge_user_prompts WHERE interception_id IN (
                SELECT id FROM aibridge_interceptions WHERE started_at < :before ORDER BY started_at, id LIMIT :most)";

    /// The interceptions themselves.
    DeleteOldAIBridgeRecords = delete_old_aibridge_interceptions(db, before: Time, most: i64) -> exec;
        allow(system Delete AibridgeInterception),
        sql "DELETE FROM aibridge_interceptions WHERE id IN (
                SELECT id FROM aibridge_interceptions WHERE started_at < :before ORDER BY started_at, id LIMIT :most)";
}
