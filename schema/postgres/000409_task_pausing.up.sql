-- Tasks can be paused and resumed: builds say so in their reason, and what the agent had said stays readable.

CREATE TABLE task_snapshots (
    task_id uuid NOT NULL,
    log_snapshot jsonb NOT NULL,
    log_snapshot_created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT task_snapshots_pkey PRIMARY KEY (task_id),
    CONSTRAINT task_snapshots_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE
);

-- Postgres cannot take a value out of an enum: after a way down they are still there.
ALTER TYPE build_reason ADD VALUE IF NOT EXISTS 'task_auto_pause';
ALTER TYPE build_reason ADD VALUE IF NOT EXISTS 'task_manual_pause';
ALTER TYPE build_reason ADD VALUE IF NOT EXISTS 'task_resume';
