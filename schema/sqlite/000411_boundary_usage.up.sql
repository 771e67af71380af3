-- Boundary usage: a table each replica counts in, a telemetry lock for its summary, scopes to read and change it.

CREATE TABLE boundary_usage_stats (
    replica_id TEXT NOT NULL,
    unique_workspaces_count INTEGER NOT NULL DEFAULT 0,
    unique_users_count INTEGER NOT NULL DEFAULT 0,
    allowed_requests INTEGER NOT NULL DEFAULT 0,
    denied_requests INTEGER NOT NULL DEFAULT 0,
    window_start INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    updated_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    CONSTRAINT boundary_usage_stats_pkey PRIMARY KEY (replica_id)
) STRICT;

ALTER TABLE telemetry_locks DROP CONSTRAINT telemetry_lock_event_type_constraint;
ALTER TABLE telemetry_locks ADD CONSTRAINT telemetry_lock_event_type_constraint
    CHECK (event_type IN ('aibridge_interceptions_summary', 'boundary_usage_summary'));

DROP TRIGGER api_keys_scopes_enum;
DROP TRIGGER api_keys_scopes_enum_update;

CREATE TRIGGER api_keys_scopes_enum BEFORE INSERT ON api_keys
    WHEN EXISTS (SELECT 1 FROM json_each(NEW.scopes) WHERE value NOT IN (
        'coder:all', 'coder:application_connect', 'aibridge_interception:create', 'aibridge_interception:read',
        'aibridge_interception:update', 'api_key:create', 'api_key:delete', 'api_key:read', 'api_key:update',
        'assign_org_role:assign', 'assign_org_role:create', 'assign_org_role:delete', 'assign_org_role:read',
        'assign_org_role:unassign', 'assign_org_role:update', 'assign_role:assign', 'assign_role:read',
        'assign_role:unassign', 'audit_log:create', 'audit_log:read', 'connection_log:read',
        'connection_log:update', 'crypto_key:create', 'crypto_key:delete', 'crypto_key:read',
        'crypto_key:update', 'debug_info:read', 'deployment_config:read', 'deployment_config:update',
        'deployment_stats:read', 'file:create', 'file:read', 'group:create', 'group:delete', 'group:read',
        'group:update', 'group_member:read', 'idpsync_settings:read', 'idpsync_settings:update',
        'inbox_notification:create', 'inbox_notification:read', 'inbox_notification:update', 'license:create',
        'license:delete', 'license:read', 'notification_message:create', 'notification_message:delete',
        'notification_message:read', 'notification_message:update', 'notification_preference:read',
        'notification_preference:update', 'notification_template:read', 'notification_template:update',
        'oauth2_app:create', 'oauth2_app:delete', 'oauth2_app:read', 'oauth2_app:update',
        'oauth2_app_code_token:create', 'oauth2_app_code_token:delete', 'oauth2_app_code_token:read',
        'oauth2_app_secret:create', 'oauth2_app_secret:delete', 'oauth2_app_secret:read',
        'oauth2_app_secret:update', 'organization:create', 'organization:delete', 'organization:read',
        'organization:update', 'organization_member:create', 'organization_member:delete',
        'organization_member:read', 'organization_member:update', 'prebuilt_workspace:delete',
        'prebuilt_workspace:update', 'provisioner_daemon:create', 'provisioner_daemon:delete',
        'provisioner_daemon:read', 'provisioner_daemon:update', 'provisioner_jobs:create',
        'provisioner_jobs:read', 'provisioner_jobs:update', 'replicas:read', 'system:create', 'system:delete',
        'system:read', 'system:update', 'tailnet_coordinator:create', 'tailnet_coordinator:delete',
        'tailnet_coordinator:read', 'tailnet_coordinator:update', 'template:create', 'template:delete',
        'template:read', 'template:update', 'template:use', 'template:view_insights', 'usage_event:create',
        'usage_event:read', 'usage_event:update', 'user:create', 'user:delete', 'user:read',
        'user:read_personal', 'user:update', 'user:update_personal', 'user_secret:create', 'user_secret:delete',
        'user_secret:read', 'user_secret:update', 'webpush_subscription:create', 'webpush_subscription:delete',
        'webpush_subscription:read', 'workspace:application_connect', 'workspace:create',
        'workspace:create_agent', 'workspace:delete', 'workspace:delete_agent', 'workspace:read',
        'workspace:ssh', 'workspace:start', 'workspace:stop', 'workspace:update',
        'workspace_agent_devcontainers:create', 'workspace_agent_resource_monitor:create',
        'workspace_agent_resource_monitor:read', 'workspace_agent_resource_monitor:update',
        'workspace_dormant:application_connect', 'workspace_dormant:create', 'workspace_dormant:create_agent',
        'workspace_dormant:delete', 'workspace_dormant:delete_agent', 'workspace_dormant:read',
        'workspace_dormant:ssh', 'workspace_dormant:start', 'workspace_dormant:stop',
        'workspace_dormant:update', 'workspace_proxy:create', 'workspace_proxy:delete', 'workspace_proxy:read',
        'workspace_proxy:update', 'coder:workspaces.create', 'coder:workspaces.operate',
        'coder:workspaces.delete', 'coder:workspaces.access', 'coder:templates.build', 'coder:templates.author',
        'coder:apikeys.manage_self', 'aibridge_interception:*', 'api_key:*', 'assign_org_role:*',
        'assign_role:*', 'audit_log:*', 'connection_log:*', 'crypto_key:*', 'debug_info:*',
        'deployment_config:*', 'deployment_stats:*', 'file:*', 'group:*', 'group_member:*',
        'idpsync_settings:*', 'inbox_notification:*', 'license:*', 'notification_message:*',
        'notification_preference:*', 'notification_template:*', 'oauth2_app:*', 'oauth2_app_code_token:*',
        'oauth2_app_secret:*', 'organization:*', 'organization_member:*', 'prebuilt_workspace:*',
        'provisioner_daemon:*', 'provisioner_jobs:*', 'replicas:*', 'system:*', 'tailnet_coordinator:*',
        'template:*', 'usage_event:*', 'user:*', 'user_secret:*', 'webpush_subscription:*', 'workspace:*',
        'workspace_agent_devcontainers:*', 'workspace_agent_resource_monitor:*', 'workspace_dormant:*',
        'workspace_proxy:*', 'task:create', 'task:read', 'task:update', 'task:delete', 'task:*',
        'workspace:share', 'workspace_dormant:share', 'boundary_usage:*', 'boundary_usage:delete',
        'boundary_usage:read', 'boundary_usage:update'
    ))
BEGIN
    SELECT RAISE(ABORT, 'api_keys.scopes holds a value that is not of api_key_scope');
END;

CREATE TRIGGER api_keys_scopes_enum_update BEFORE UPDATE OF scopes ON api_keys
    WHEN EXISTS (SELECT 1 FROM json_each(NEW.scopes) WHERE value NOT IN (
        'coder:all', 'coder:application_connect', 'aibridge_interception:create', 'aibridge_interception:read',
        'aibridge_interception:update', 'api_key:create', 'api_key:delete', 'api_key:read', 'api_key:update',
        'assign_org_role:assign', 'assign_org_role:create', 'assign_org_role:delete', 'assign_org_role:read',
        'assign_org_role:unassign', 'assign_org_role:update', 'assign_role:assign', 'assign_role:read',
        'assign_role:unassign', 'audit_log:create', 'audit_log:read', 'connection_log:read',
        'connection_log:update', 'crypto_key:create', 'crypto_key:delete', 'crypto_key:read',
        'crypto_key:update', 'debug_info:read', 'deployment_config:read', 'deployment_config:update',
        'deployment_stats:read', 'file:create', 'file:read', 'group:create', 'group:delete', 'group:read',
        'group:update', 'group_member:read', 'idpsync_settings:read', 'idpsync_settings:update',
        'inbox_notification:create', 'inbox_notification:read', 'inbox_notification:update', 'license:create',
        'license:delete', 'license:read', 'notification_message:create', 'notification_message:delete',
        'notification_message:read', 'notification_message:update', 'notification_preference:read',
        'notification_preference:update', 'notification_template:read', 'notification_template:update',
        'oauth2_app:create', 'oauth2_app:delete', 'oauth2_app:read', 'oauth2_app:update',
        'oauth2_app_code_token:create', 'oauth2_app_code_token:delete', 'oauth2_app_code_token:read',
        'oauth2_app_secret:create', 'oauth2_app_secret:delete', 'oauth2_app_secret:read',
        'oauth2_app_secret:update', 'organization:create', 'organization:delete', 'organization:read',
        'organization:update', 'organization_member:create', 'organization_member:delete',
        'organization_member:read', 'organization_member:update', 'prebuilt_workspace:delete',
        'prebuilt_workspace:update', 'provisioner_daemon:create', 'provisioner_daemon:delete',
        'provisioner_daemon:read', 'provisioner_daemon:update', 'provisioner_jobs:create',
        'provisioner_jobs:read', 'provisioner_jobs:update', 'replicas:read', 'system:create', 'system:delete',
        'system:read', 'system:update', 'tailnet_coordinator:create', 'tailnet_coordinator:delete',
        'tailnet_coordinator:read', 'tailnet_coordinator:update', 'template:create', 'template:delete',
        'template:read', 'template:update', 'template:use', 'template:view_insights', 'usage_event:create',
        'usage_event:read', 'usage_event:update', 'user:create', 'user:delete', 'user:read',
        'user:read_personal', 'user:update', 'user:update_personal', 'user_secret:create', 'user_secret:delete',
        'user_secret:read', 'user_secret:update', 'webpush_subscription:create', 'webpush_subscription:delete',
        'webpush_subscription:read', 'workspace:application_connect', 'workspace:create',
        'workspace:create_agent', 'workspace:delete', 'workspace:delete_agent', 'workspace:read',
        'workspace:ssh', 'workspace:start', 'workspace:stop', 'workspace:update',
        'workspace_agent_devcontainers:create', 'workspace_agent_resource_monitor:create',
        'workspace_agent_resource_monitor:read', 'workspace_agent_resource_monitor:update',
        'workspace_dormant:application_connect', 'workspace_dormant:create', 'workspace_dormant:create_agent',
        'workspace_dormant:delete', 'workspace_dormant:delete_agent', 'workspace_dormant:read',
        'workspace_dormant:ssh', 'workspace_dormant:start', 'workspace_dormant:stop',
        'workspace_dormant:update', 'workspace_proxy:create', 'workspace_proxy:delete', 'workspace_proxy:read',
        'workspace_proxy:update', 'coder:workspaces.create', 'coder:workspaces.operate',
        'coder:workspaces.delete', 'coder:workspaces.access', 'coder:templates.build', 'coder:templates.author',
        'coder:apikeys.manage_self', 'aibridge_interception:*', 'api_key:*', 'assign_org_role:*',
        'assign_role:*', 'audit_log:*', 'connection_log:*', 'crypto_key:*', 'debug_info:*',
        'deployment_config:*', 'deployment_stats:*', 'file:*', 'group:*', 'group_member:*',
        'idpsync_settings:*', 'inbox_notification:*', 'license:*', 'notification_message:*',
        'notification_preference:*', 'notification_template:*', 'oauth2_app:*', 'oauth2_app_code_token:*',
        'oauth2_app_secret:*', 'organization:*', 'organization_member:*', 'prebuilt_workspace:*',
        'provisioner_daemon:*', 'provisioner_jobs:*', 'replicas:*', 'system:*', 'tailnet_coordinator:*',
        'template:*', 'usage_event:*', 'user:*', 'user_secret:*', 'webpush_subscription:*', 'workspace:*',
        'workspace_agent_devcontainers:*', 'workspace_agent_resource_monitor:*', 'workspace_dormant:*',
        'workspace_proxy:*', 'task:create', 'task:read', 'task:update', 'task:delete', 'task:*',
        'workspace:share', 'workspace_dormant:share', 'boundary_usage:*', 'boundary_usage:delete',
        'boundary_usage:read', 'boundary_usage:update'
    ))
BEGIN
    SELECT RAISE(ABORT, 'api_keys.scopes holds a value that is not of api_key_scope');
END;
