//! What agents write to their workspace's log.

use uuid::Uuid;

use crate::sdk::LogLevel;
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::value::Json;
use crate::time::Time;

rows! {
    /// A row of `workspace_agent_logs`.
    pub struct WorkspaceAgentLog {
        pub agent_id: Uuid,
        pub created_at: Time,
        pub output: String,
        pub id: i64,
        pub level: LogLevel,
        pub log_source_id: Uuid,
    }
}

queries! {
    /// Keeps lines of an agent, each a level and a text, in their order. One statement for all: an agent that is set up writes
    /// thousands.
    InsertWorkspaceAgentLogs = insert_workspace_agent_logs(
        db, agent_id: Uuid, log_source_id: Uuid, created_at: Time, lines: Json<&[(LogLevel, &str)]>
    ) -> many WorkspaceAgentLog;
        allow(none),
        sql "INSERT INTO workspace_agent_logs (agent_id, created_at, output, level, log_source_id)
             SELECT :agent_id, :created_at, line.value ->> 1, line.value ->> 0, :log_source_id FROM json_each(:lines) line
             ORDER BY line.key
             RETURNING {row}",
        pg "INSERT INTO workspace_agent_logs (agent_id, created_at, output, level, log_source_id)
            SELECT CAST(:agent_id AS uuid), CAST(:created_at AS timestamptz), line.value ->> 1, CAST(line.value ->> 0 AS log_level),
                   CAST(:log_source_id AS uuid)
              FROM jsonb_array_elements(CAST(:lines AS jsonb)) WITH ORDINALITY line(value, number)
             ORDER BY line.number
            RETURNING {row}";

    /// Counts the length of lines that are about to be kept, which the schema limits; the answer is the new length.
    InsertWorkspaceAgentLogs = add_workspace_agent_logs_length(db, agent_id: Uuid, length: i32) -> one i32;
        allow(none),
        sql "UPDATE workspace_agents SET logs_length = logs_length + :length WHERE id = :agent_id RETURNING logs_length";
}
