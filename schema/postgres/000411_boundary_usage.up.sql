-- Boundary usage: a table each replica counts in, a telemetry lock for its summary, scopes to read and change it.

CREATE TABLE boundary_usage_stats (
    replica_id uuid NOT NULL,
    unique_workspaces_count bigint NOT NULL DEFAULT 0,
    unique_users_count bigint NOT NULL DEFAULT 0,
    allowed_requests bigint NOT NULL DEFAULT 0,
    denied_requests bigint NOT NULL DEFAULT 0,
    window_start timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT boundary_usage_stats_pkey PRIMARY KEY (replica_id)
);

ALTER TABLE telemetry_locks DROP CONSTRAINT telemetry_lock_event_type_constraint;
ALTER TABLE telemetry_locks ADD CONSTRAINT telemetry_lock_event_type_constraint
    CHECK (event_type IN ('aibridge_interceptions_summary', 'boundary_usage_summary'));

-- Postgres cannot take a value out of an enum: after a way down they are still there.
ALTER TYPE api_key_scope ADD VALUE IF NOT EXISTS 'boundary_usage:*';
ALTER TYPE api_key_scope ADD VALUE IF NOT EXISTS 'boundary_usage:delete';
ALTER TYPE api_key_scope ADD VALUE IF NOT EXISTS 'boundary_usage:read';
ALTER TYPE api_key_scope ADD VALUE IF NOT EXISTS 'boundary_usage:update';
