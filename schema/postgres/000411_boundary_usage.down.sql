-- Version 410 knows neither the summary nor the scopes. Its locks are short-lived and go; an API key loses the scopes
-- that nothing would honour. A key left with no scope may do nothing, which is the safe end. The words themselves stay
-- in the enum, since Postgres cannot take a value out of one; nothing of version 410 writes them.

DELETE FROM telemetry_locks WHERE event_type = 'boundary_usage_summary';
ALTER TABLE telemetry_locks DROP CONSTRAINT telemetry_lock_event_type_constraint;
ALTER TABLE telemetry_locks ADD CONSTRAINT telemetry_lock_event_type_constraint
    CHECK (event_type = 'aibridge_interceptions_summary');

UPDATE api_keys
SET scopes = array(
    SELECT scope
    FROM unnest(scopes) WITH ORDINALITY AS kept (scope, place)
    WHERE scope NOT IN ('boundary_usage:*', 'boundary_usage:delete', 'boundary_usage:read', 'boundary_usage:update')
    ORDER BY place
)
WHERE scopes && ARRAY[
    'boundary_usage:*', 'boundary_usage:delete', 'boundary_usage:read', 'boundary_usage:update'
]::api_key_scope[];

DROP TABLE boundary_usage_stats;
