-- Version 408 has no word for a pause or a resume. Builds that carry one keep the nearest reason it knows. The words
-- themselves stay in the enum, since Postgres cannot take a value out of one; nothing of version 408 writes them.

UPDATE workspace_builds SET reason = 'autostop' WHERE reason = 'task_auto_pause';
UPDATE workspace_builds SET reason = 'initiator' WHERE reason IN ('task_manual_pause', 'task_resume');

DROP TABLE task_snapshots;
