-- Tasks can be paused and resumed: builds say so in their reason, and what the agent had said stays readable.

CREATE TABLE task_snapshots (
    task_id TEXT NOT NULL,
    log_snapshot TEXT NOT NULL CHECK (json_valid(log_snapshot)),
    log_snapshot_created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    CONSTRAINT task_snapshots_pkey PRIMARY KEY (task_id),
    CONSTRAINT task_snapshots_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE
) STRICT;

ALTER TABLE workspace_builds DROP CONSTRAINT workspace_builds_reason_enum;
ALTER TABLE workspace_builds ADD CONSTRAINT workspace_builds_reason_enum
    CHECK (reason IN (
        'initiator', 'autostart', 'autostop', 'dormancy', 'failedstop', 'autodelete', 'dashboard', 'cli',
        'ssh_connection', 'vscode_connection', 'jetbrains_connection', 'task_auto_pause', 'task_manual_pause',
        'task_resume'
    ));
