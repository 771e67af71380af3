-- Version 408 has no word for a pause or a resume. Builds that carry one keep the nearest reason it knows.

UPDATE workspace_builds SET reason = 'autostop' WHERE reason = 'task_auto_pause';
UPDATE workspace_builds SET reason = 'initiator' WHERE reason IN ('task_manual_pause', 'task_resume');

ALTER TABLE workspace_builds DROP CONSTRAINT workspace_builds_reason_enum;
ALTER TABLE workspace_builds ADD CONSTRAINT workspace_builds_reason_enum
    CHECK (reason IN (
        'initiator', 'autostart', 'autostop', 'dormancy', 'failedstop', 'autodelete', 'dashboard', 'cli',
        'ssh_connection', 'vscode_connection', 'jetbrains_connection'
    ));

DROP TABLE task_snapshots;
