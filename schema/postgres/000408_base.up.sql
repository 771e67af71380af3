-- The schema of database version 408, on PostgreSQL 13 and later.
--
-- Names are the reference's, since clients of the database, error handling and the SQLite twin of this file
-- share them; so are types, defaults and the text of checks, as the catalogue shows them.
--
-- Nothing here names a schema: all of it goes wherever search_path puts it first, and the functions find it there
-- because whoever calls them has the same search_path.
--
-- The time 0001-01-01, which Go calls zero, stands for "never".

-- Enums and other types

CREATE TYPE agent_key_scope_enum AS ENUM ('all', 'no_user_data');
CREATE TYPE api_key_scope AS ENUM (
    'coder:all', 'coder:application_connect', 'aibridge_interception:create', 'aibridge_interception:read',
    'aibridge_interception:update', 'api_key:create', 'api_key:delete', 'api_key:read', 'api_key:update',
    'assign_org_role:assign', 'assign_org_role:create', 'assign_org_role:delete', 'assign_org_role:read',
    'assign_org_role:unassign', 'assign_org_role:update', 'assign_role:assign', 'assign_role:read',
    'assign_role:unassign', 'audit_log:create', 'audit_log:read', 'connection_log:read', 'connection_log:update',
    'crypto_key:create', 'crypto_key:delete', 'crypto_key:read', 'crypto_key:update', 'debug_info:read',
    'deployment_config:read', 'deployment_config:update', 'deployment_stats:read', 'file:create', 'file:read',
    'group:create', 'group:delete', 'group:read', 'group:update', 'group_member:read', 'idpsync_settings:read',
    'idpsync_settings:update', 'inbox_notification:create', 'inbox_notification:read', 'inbox_notification:update',
    'license:create', 'license:delete', 'license:read', 'notification_message:create', 'notification_message:delete',
    'notification_message:read', 'notification_message:update', 'notification_preference:read',
    'notification_preference:update', 'notification_template:read', 'notification_template:update', 'oauth2_app:create',
    'oauth2_app:delete', 'oauth2_app:read', 'oauth2_app:update', 'oauth2_app_code_token:create',
    'oauth2_app_code_token:delete', 'oauth2_app_code_token:read', 'oauth2_app_secret:create',
    'oauth2_app_secret:delete', 'oauth2_app_secret:read', 'oauth2_app_secret:update', 'organization:create',
    'organization:delete', 'organization:read', 'organization:update', 'organization_member:create',
    'organization_member:delete', 'organization_member:read', 'organization_member:update', 'prebuilt_workspace:delete',
    'prebuilt_workspace:update', 'provisioner_daemon:create', 'provisioner_daemon:delete', 'provisioner_daemon:read',
    'provisioner_daemon:update', 'provisioner_jobs:create', 'provisioner_jobs:read', 'provisioner_jobs:update',
    'replicas:read', 'system:create', 'system:delete', 'system:read', 'system:update', 'tailnet_coordinator:create',
    'tailnet_coordinator:delete', 'tailnet_coordinator:read', 'tailnet_coordinator:update', 'template:create',
    'template:delete', 'template:read', 'template:update', 'template:use', 'template:view_insights',
    'usage_event:create', 'usage_event:read', 'usage_event:update', 'user:create', 'user:delete', 'user:read',
    'user:read_personal', 'user:update', 'user:update_personal', 'user_secret:create', 'user_secret:delete',
    'user_secret:read', 'user_secret:update', 'webpush_subscription:create', 'webpush_subscription:delete',
    'webpush_subscription:read', 'workspace:application_connect', 'workspace:create', 'workspace:create_agent',
    'workspace:delete', 'workspace:delete_agent', 'workspace:read', 'workspace:ssh', 'workspace:start',
    'workspace:stop', 'workspace:update', 'workspace_agent_devcontainers:create',
    'workspace_agent_resource_monitor:create', 'workspace_agent_resource_monitor:read',
    'workspace_agent_resource_monitor:update', 'workspace_dormant:application_connect', 'workspace_dormant:create',
    'workspace_dormant:create_agent', 'workspace_dormant:delete', 'workspace_dormant:delete_agent',
    'workspace_dormant:read', 'workspace_dormant:ssh', 'workspace_dormant:start', 'workspace_dormant:stop',
    'workspace_dormant:update', 'workspace_proxy:create', 'workspace_proxy:delete', 'workspace_proxy:read',
    'workspace_proxy:update', 'coder:workspaces.create', 'coder:workspaces.operate', 'coder:workspaces.delete',
    'coder:workspaces.access', 'coder:templates.build', 'coder:templates.author', 'coder:apikeys.manage_self',
    'aibridge_interception:*', 'api_key:*', 'assign_org_role:*', 'assign_role:*', 'audit_log:*', 'connection_log:*',
    'crypto_key:*', 'debug_info:*', 'deployment_config:*', 'deployment_stats:*', 'file:*', 'group:*', 'group_member:*',
    'idpsync_settings:*', 'inbox_notification:*', 'license:*', 'notification_message:*', 'notification_preference:*',
    'notification_template:*', 'oauth2_app:*', 'oauth2_app_code_token:*', 'oauth2_app_secret:*', 'organization:*',
    'organization_member:*', 'prebuilt_workspace:*', 'provisioner_daemon:*', 'provisioner_jobs:*', 'replicas:*',
    'system:*', 'tailnet_coordinator:*', 'template:*', 'usage_event:*', 'user:*', 'user_secret:*',
    'webpush_subscription:*', 'workspace:*', 'workspace_agent_devcontainers:*', 'workspace_agent_resource_monitor:*',
    'workspace_dormant:*', 'workspace_proxy:*', 'task:create', 'task:read', 'task:update', 'task:delete', 'task:*',
    'workspace:share', 'workspace_dormant:share'
);
CREATE TYPE app_sharing_level AS ENUM ('owner', 'authenticated', 'organization', 'public');
CREATE TYPE audit_action AS ENUM (
    'create', 'write', 'delete', 'start', 'stop', 'login', 'logout', 'register', 'request_password_reset', 'connect',
    'disconnect', 'open', 'close'
);
CREATE TYPE automatic_updates AS ENUM ('always', 'never');
CREATE TYPE build_reason AS ENUM (
    'initiator', 'autostart', 'autostop', 'dormancy', 'failedstop', 'autodelete', 'dashboard', 'cli', 'ssh_connection',
    'vscode_connection', 'jetbrains_connection'
);
CREATE TYPE connection_status AS ENUM ('connected', 'disconnected');
CREATE TYPE connection_type AS ENUM (
    'ssh', 'vscode', 'jetbrains', 'reconnecting_pty', 'workspace_app', 'port_forwarding'
);
CREATE TYPE cors_behavior AS ENUM ('simple', 'passthru');
CREATE TYPE crypto_key_feature AS ENUM (
    'workspace_apps_token', 'workspace_apps_api_key', 'oidc_convert', 'tailnet_resume'
);
CREATE TYPE display_app AS ENUM ('vscode', 'vscode_insiders', 'web_terminal', 'ssh_helper', 'port_forwarding_helper');
CREATE TYPE group_source AS ENUM ('user', 'oidc');
CREATE TYPE inbox_notification_read_status AS ENUM ('all', 'unread', 'read');
CREATE TYPE log_level AS ENUM ('trace', 'debug', 'info', 'warn', 'error');
CREATE TYPE log_source AS ENUM ('provisioner_daemon', 'provisioner');
CREATE TYPE login_type AS ENUM ('password', 'github', 'oidc', 'token', 'none', 'oauth2_provider_app');
CREATE TYPE notification_message_status AS ENUM (
    'pending', 'leased', 'sent', 'permanent_failure', 'temporary_failure', 'unknown', 'inhibited'
);
CREATE TYPE notification_method AS ENUM ('smtp', 'webhook', 'inbox');
CREATE TYPE notification_template_kind AS ENUM ('system', 'custom');
CREATE TYPE parameter_destination_scheme AS ENUM ('none', 'environment_variable', 'provisioner_variable');
CREATE TYPE parameter_form_type AS ENUM (
    '', 'error', 'radio', 'dropdown', 'input', 'textarea', 'slider', 'checkbox', 'switch', 'tag-select', 'multi-select'
);
CREATE TYPE parameter_scope AS ENUM ('template', 'import_job', 'workspace');
CREATE TYPE parameter_source_scheme AS ENUM ('none', 'data');
CREATE TYPE parameter_type_system AS ENUM ('none', 'hcl');
CREATE TYPE port_share_protocol AS ENUM ('http', 'https');
CREATE TYPE prebuild_status AS ENUM ('healthy', 'hard_limited', 'validation_failed');
CREATE TYPE provisioner_daemon_status AS ENUM ('offline', 'idle', 'busy');
CREATE TYPE provisioner_job_status AS ENUM (
    'pending', 'running', 'succeeded', 'canceling', 'canceled', 'failed', 'unknown'
);
CREATE TYPE provisioner_job_timing_stage AS ENUM ('init', 'plan', 'graph', 'apply');
CREATE TYPE provisioner_job_type AS ENUM ('template_version_import', 'workspace_build', 'template_version_dry_run');
CREATE TYPE provisioner_storage_method AS ENUM ('file');
CREATE TYPE provisioner_type AS ENUM ('echo', 'terraform');
CREATE TYPE resource_type AS ENUM (
    'organization', 'template', 'template_version', 'user', 'workspace', 'git_ssh_key', 'api_key', 'group',
    'workspace_build', 'license', 'workspace_proxy', 'convert_login', 'health_settings', 'oauth2_provider_app',
    'oauth2_provider_app_secret', 'custom_role', 'organization_member', 'notifications_settings',
    'notification_template', 'idp_sync_settings_organization', 'idp_sync_settings_group', 'idp_sync_settings_role',
    'workspace_agent', 'workspace_app', 'prebuilds_settings', 'task'
);
CREATE TYPE startup_script_behavior AS ENUM ('blocking', 'non-blocking');
CREATE TYPE tailnet_status AS ENUM ('ok', 'lost');
CREATE TYPE task_status AS ENUM ('pending', 'initializing', 'active', 'paused', 'unknown', 'error');
CREATE TYPE user_status AS ENUM ('active', 'suspended', 'dormant');
CREATE TYPE workspace_agent_lifecycle_state AS ENUM (
    'created', 'starting', 'start_timeout', 'start_error', 'ready', 'shutting_down', 'shutdown_timeout',
    'shutdown_error', 'off'
);
CREATE TYPE workspace_agent_monitor_state AS ENUM ('OK', 'NOK');
CREATE TYPE workspace_agent_script_timing_stage AS ENUM ('start', 'stop', 'cron');
CREATE TYPE workspace_agent_script_timing_status AS ENUM ('ok', 'exit_failure', 'timed_out', 'pipes_left_open');
CREATE TYPE workspace_agent_subsystem AS ENUM ('envbuilder', 'envbox', 'none', 'exectrace');
CREATE TYPE workspace_app_health AS ENUM ('disabled', 'initializing', 'healthy', 'unhealthy');
CREATE TYPE workspace_app_open_in AS ENUM ('tab', 'window', 'slim-window');
CREATE TYPE workspace_app_status_state AS ENUM ('working', 'complete', 'failure', 'idle');
CREATE TYPE workspace_transition AS ENUM ('start', 'stop', 'delete');

CREATE TYPE agent_id_name_pair AS (id uuid, name text);
CREATE TYPE name_organization_pair AS (name text, organization_id uuid);

-- Tags of provisioners and jobs: an object of texts.
CREATE DOMAIN tagset AS jsonb;

-- Identity
-- Users, how they prove who they are, and what they chose for themselves.

-- People, and the system accounts that act for none of them. Never removed: `deleted` hides them.
CREATE TABLE users (
    id uuid NOT NULL,
    email text NOT NULL,
    username text NOT NULL DEFAULT '',
    hashed_password bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    status user_status NOT NULL DEFAULT 'dormant',
    rbac_roles text[] NOT NULL DEFAULT '{}',
    login_type login_type NOT NULL DEFAULT 'password',
    avatar_url text NOT NULL DEFAULT '',
    deleted boolean NOT NULL DEFAULT FALSE,
    last_seen_at timestamp NOT NULL DEFAULT '0001-01-01 00:00:00',
    quiet_hours_schedule text NOT NULL DEFAULT '',
    name text NOT NULL DEFAULT '',
    github_com_user_id bigint,
    hashed_one_time_passcode bytea,
    one_time_passcode_expires_at timestamptz,
    is_system boolean NOT NULL DEFAULT FALSE,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT one_time_passcode_set CHECK (
        (hashed_one_time_passcode IS NULL AND one_time_passcode_expires_at IS NULL)
        OR (hashed_one_time_passcode IS NOT NULL AND one_time_passcode_expires_at IS NOT NULL)
    ),
    CONSTRAINT users_username_min_length CHECK (length(username) >= 1)
);
CREATE UNIQUE INDEX idx_users_email ON users (email) WHERE deleted = FALSE;
CREATE UNIQUE INDEX idx_users_username ON users (username) WHERE deleted = FALSE;
CREATE UNIQUE INDEX users_email_lower_idx ON users (lower(email)) WHERE deleted = FALSE;
CREATE UNIQUE INDEX users_username_lower_idx ON users (lower(username)) WHERE deleted = FALSE;

-- How a user signs in at an outside identity provider.
CREATE TABLE user_links (
    user_id uuid NOT NULL,
    login_type login_type NOT NULL,
    linked_id text NOT NULL DEFAULT '',
    oauth_access_token text NOT NULL DEFAULT '',
    oauth_refresh_token text NOT NULL DEFAULT '',
    oauth_expiry timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    oauth_access_token_key_id text,
    oauth_refresh_token_key_id text,
    claims jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT user_links_pkey PRIMARY KEY (user_id, login_type),
    CONSTRAINT user_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX user_links_linked_id_login_type_idx ON user_links (linked_id, login_type) WHERE linked_id <> '';

-- Preferences, a row each.
CREATE TABLE user_configs (
    user_id uuid NOT NULL,
    key varchar(256) NOT NULL,
    value text NOT NULL,
    CONSTRAINT user_configs_pkey PRIMARY KEY (user_id, key),
    CONSTRAINT user_configs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

-- When users were deleted. Written by a trigger on users.
CREATE TABLE user_deleted (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT user_deleted_pkey PRIMARY KEY (id),
    CONSTRAINT user_deleted_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)
);
CREATE INDEX idx_user_deleted_deleted_at ON user_deleted (deleted_at);

-- When users changed between active, dormant and suspended. Written by a trigger on users.
CREATE TABLE user_status_changes (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    new_status user_status NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT user_status_changes_pkey PRIMARY KEY (id),
    CONSTRAINT user_status_changes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)
);
CREATE INDEX idx_user_status_changes_changed_at ON user_status_changes (changed_at);

-- Secrets that a user hands to all their workspaces.
CREATE TABLE user_secrets (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    value text NOT NULL,
    env_name text NOT NULL DEFAULT '',
    file_path text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT user_secrets_pkey PRIMARY KEY (id),
    CONSTRAINT user_secrets_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX user_secrets_user_env_name_idx ON user_secrets (user_id, env_name) WHERE env_name <> '';
CREATE UNIQUE INDEX user_secrets_user_file_path_idx ON user_secrets (user_id, file_path) WHERE file_path <> '';
CREATE UNIQUE INDEX user_secrets_user_name_idx ON user_secrets (user_id, name);

-- The SSH key pair that each user may give to git.
CREATE TABLE gitsshkeys (
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    private_key text NOT NULL,
    public_key text NOT NULL,
    CONSTRAINT gitsshkeys_pkey PRIMARY KEY (user_id),
    CONSTRAINT gitsshkeys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)
);

-- Session tokens and long-lived tokens. Only the hash of the secret is kept.
CREATE TABLE api_keys (
    id text NOT NULL,
    hashed_secret bytea NOT NULL,
    user_id uuid NOT NULL,
    last_used timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    login_type login_type NOT NULL,
    lifetime_seconds bigint NOT NULL DEFAULT 86400,
    ip_address inet NOT NULL DEFAULT '0.0.0.0',
    token_name text NOT NULL DEFAULT '',
    scopes api_key_scope[] NOT NULL,
    allow_list text[] NOT NULL,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_user_id_uuid_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT api_keys_allow_list_not_empty CHECK (array_length(allow_list, 1) > 0)
);
CREATE INDEX api_keys_last_used_idx ON api_keys (last_used DESC);
CREATE UNIQUE INDEX idx_api_key_name ON api_keys (user_id, token_name) WHERE login_type = 'token'::login_type;
CREATE INDEX idx_api_keys_user ON api_keys (user_id);

-- Tokens that a user has at git hosts and the like.
CREATE TABLE external_auth_links (
    provider_id text NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    oauth_access_token text NOT NULL,
    oauth_refresh_token text NOT NULL,
    oauth_expiry timestamptz NOT NULL,
    oauth_access_token_key_id text,
    oauth_refresh_token_key_id text,
    oauth_extra jsonb,
    oauth_refresh_failure_reason text NOT NULL DEFAULT '',
    CONSTRAINT git_auth_links_provider_id_user_id_key UNIQUE (provider_id, user_id)
);

-- Browsers that want push messages.
CREATE TABLE webpush_subscriptions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    endpoint text NOT NULL,
    endpoint_p256dh_key text NOT NULL,
    endpoint_auth_key text NOT NULL,
    CONSTRAINT webpush_subscriptions_pkey PRIMARY KEY (id),
    CONSTRAINT webpush_subscriptions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

-- Organizations and roles

-- Homes of templates, workspaces and members.
CREATE TABLE organizations (
    id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    is_default boolean NOT NULL DEFAULT FALSE,
    display_name text NOT NULL,
    icon text NOT NULL DEFAULT '',
    deleted boolean NOT NULL DEFAULT FALSE,
    workspace_sharing_disabled boolean NOT NULL DEFAULT FALSE,
    CONSTRAINT organizations_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX idx_organization_name_lower ON organizations (lower(name)) WHERE deleted = FALSE;
CREATE UNIQUE INDEX organizations_single_default_org ON organizations (is_default) WHERE is_default = TRUE;

-- Who belongs where, with which organization roles.
CREATE TABLE organization_members (
    user_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    roles text[] NOT NULL DEFAULT '{}',
    CONSTRAINT organization_members_pkey PRIMARY KEY (organization_id, user_id),
    CONSTRAINT organization_members_organization_id_uuid_fkey
        FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT organization_members_user_id_uuid_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
CREATE INDEX idx_organization_member_organization_id_uuid ON organization_members (organization_id);
CREATE INDEX idx_organization_member_user_id_uuid ON organization_members (user_id);

-- Roles beyond the built-in ones, and the system role that each organization's members have.
CREATE TABLE custom_roles (
    name text NOT NULL,
    display_name text NOT NULL,
    site_permissions jsonb NOT NULL DEFAULT '[]',
    org_permissions jsonb NOT NULL DEFAULT '{}',
    user_permissions jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    organization_id uuid,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    is_system boolean NOT NULL DEFAULT FALSE,
    member_permissions jsonb NOT NULL DEFAULT '[]',
    CONSTRAINT custom_roles_unique_key UNIQUE (name, organization_id),
    CONSTRAINT organization_id_not_zero CHECK (organization_id <> '00000000-0000-0000-0000-000000000000'::uuid)
);
CREATE INDEX idx_custom_roles_id ON custom_roles (id);
CREATE UNIQUE INDEX idx_custom_roles_name_lower_organization_id
    ON custom_roles (lower(name), COALESCE(organization_id, '00000000-0000-0000-0000-000000000000'::uuid));

-- Sets of members. The group that has its organization's id holds everyone.
CREATE TABLE groups (
    id uuid NOT NULL,
    name text NOT NULL,
    organization_id uuid NOT NULL,
    avatar_url text NOT NULL DEFAULT '',
    quota_allowance integer NOT NULL DEFAULT 0,
    display_name text NOT NULL DEFAULT '',
    source group_source NOT NULL DEFAULT 'user',
    CONSTRAINT groups_pkey PRIMARY KEY (id),
    CONSTRAINT groups_name_organization_id_key UNIQUE (name, organization_id),
    CONSTRAINT groups_organization_id_fkey
        FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE
);

-- Members of all groups but Everyone, whose members are those of the organization.
CREATE TABLE group_members (
    user_id uuid NOT NULL,
    group_id uuid NOT NULL,
    CONSTRAINT group_members_user_id_group_id_key UNIQUE (user_id, group_id),
    CONSTRAINT group_members_group_id_fkey FOREIGN KEY (group_id) REFERENCES groups(id) ON DELETE CASCADE,
    CONSTRAINT group_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

-- Files and provisioners

-- Uploaded archives, one row for each content and uploader.
CREATE TABLE files (
    hash varchar(64) NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    mimetype varchar(64) NOT NULL,
    data bytea NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    CONSTRAINT files_pkey PRIMARY KEY (id),
    CONSTRAINT files_hash_created_by_key UNIQUE (hash, created_by)
);

-- Keys that external provisioner daemons authenticate with.
CREATE TABLE provisioner_keys (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    organization_id uuid NOT NULL,
    name varchar(64) NOT NULL,
    hashed_secret bytea NOT NULL,
    tags jsonb NOT NULL,
    CONSTRAINT provisioner_keys_pkey PRIMARY KEY (id),
    CONSTRAINT provisioner_keys_organization_id_fkey
        FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX provisioner_keys_organization_id_name_idx ON provisioner_keys (organization_id, lower(name));

-- Daemons that were seen, inside and outside the server.
CREATE TABLE provisioner_daemons (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    name varchar(64) NOT NULL,
    provisioners provisioner_type[] NOT NULL,
    replica_id uuid,
    tags jsonb NOT NULL DEFAULT '{}',
    last_seen_at timestamptz,
    version text NOT NULL DEFAULT '',
    api_version text NOT NULL DEFAULT '1.0',
    organization_id uuid NOT NULL,
    key_id uuid NOT NULL,
    CONSTRAINT provisioner_daemons_pkey PRIMARY KEY (id),
    CONSTRAINT provisioner_daemons_key_id_fkey FOREIGN KEY (key_id) REFERENCES provisioner_keys(id) ON DELETE CASCADE,
    CONSTRAINT provisioner_daemons_organization_id_fkey
        FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX idx_provisioner_daemons_org_name_owner_key
    ON provisioner_daemons (organization_id, name, lower(COALESCE((tags ->> 'owner'::text), '')));

-- Work for provisioners: imports, builds, dry runs. The status follows from the other columns.
CREATE TABLE provisioner_jobs (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    started_at timestamptz,
    canceled_at timestamptz,
    completed_at timestamptz,
    error text,
    organization_id uuid NOT NULL,
    initiator_id uuid NOT NULL,
    provisioner provisioner_type NOT NULL,
    storage_method provisioner_storage_method NOT NULL,
    type provisioner_job_type NOT NULL,
    input jsonb NOT NULL,
    worker_id uuid,
    file_id uuid NOT NULL,
    tags jsonb NOT NULL DEFAULT '{"scope": "organization"}',
    error_code text,
    trace_metadata jsonb,
    job_status provisioner_job_status GENERATED ALWAYS AS (
        CASE
            WHEN completed_at IS NOT NULL THEN
                CASE
                    WHEN error <> '' THEN 'failed'::provisioner_job_status
                    WHEN canceled_at IS NOT NULL THEN 'canceled'::provisioner_job_status
                    ELSE 'succeeded'::provisioner_job_status
                END
            ELSE
                CASE
                    WHEN error <> '' THEN 'failed'::provisioner_job_status
                    WHEN canceled_at IS NOT NULL THEN 'canceling'::provisioner_job_status
                    WHEN started_at IS NULL THEN 'pending'::provisioner_job_status
                    ELSE 'running'::provisioner_job_status
                END
        END
    ) STORED NOT NULL,
    logs_length integer NOT NULL DEFAULT 0,
    logs_overflowed boolean NOT NULL DEFAULT FALSE,
    CONSTRAINT provisioner_jobs_pkey PRIMARY KEY (id),
    CONSTRAINT provisioner_jobs_organization_id_fkey
        FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT max_provisioner_logs_length CHECK (logs_length <= 1048576)
);
CREATE INDEX idx_provisioner_jobs_status ON provisioner_jobs (job_status);
CREATE INDEX provisioner_jobs_started_at_idx ON provisioner_jobs (started_at) WHERE started_at IS NULL;
CREATE INDEX provisioner_jobs_worker_id_organization_id_completed_at_idx
    ON provisioner_jobs (worker_id, organization_id, completed_at DESC);

-- What jobs printed.
CREATE SEQUENCE provisioner_job_logs_id_seq;
CREATE TABLE provisioner_job_logs (
    job_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    source log_source NOT NULL,
    level log_level NOT NULL,
    stage varchar(128) NOT NULL,
    output varchar(1024) NOT NULL,
    id bigint NOT NULL DEFAULT nextval('provisioner_job_logs_id_seq'),
    CONSTRAINT provisioner_job_logs_pkey PRIMARY KEY (id),
    CONSTRAINT provisioner_job_logs_job_id_fkey FOREIGN KEY (job_id) REFERENCES provisioner_jobs(id) ON DELETE CASCADE
);
ALTER SEQUENCE provisioner_job_logs_id_seq OWNED BY provisioner_job_logs.id;
CREATE INDEX provisioner_job_logs_id_job_id_idx ON provisioner_job_logs (job_id, id);

-- How long the steps of jobs took, a resource and action each.
CREATE TABLE provisioner_job_timings (
    job_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    stage provisioner_job_timing_stage NOT NULL,
    source text NOT NULL,
    action text NOT NULL,
    resource text NOT NULL,
    CONSTRAINT provisioner_job_timings_job_id_fkey
        FOREIGN KEY (job_id) REFERENCES provisioner_jobs(id) ON DELETE CASCADE
);

-- Parameters of the retired first generation.
CREATE TABLE parameter_schemas (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    job_id uuid NOT NULL,
    name varchar(64) NOT NULL,
    description varchar(8192) NOT NULL DEFAULT '',
    default_source_scheme parameter_source_scheme NOT NULL,
    default_source_value text NOT NULL,
    allow_override_source boolean NOT NULL,
    default_destination_scheme parameter_destination_scheme NOT NULL,
    allow_override_destination boolean NOT NULL,
    default_refresh text NOT NULL,
    redisplay_value boolean NOT NULL,
    validation_error varchar(256) NOT NULL,
    validation_condition varchar(512) NOT NULL,
    validation_type_system parameter_type_system NOT NULL,
    validation_value_type varchar(64) NOT NULL,
    index integer NOT NULL,
    CONSTRAINT parameter_schemas_pkey PRIMARY KEY (id),
    CONSTRAINT parameter_schemas_job_id_name_key UNIQUE (job_id, name),
    CONSTRAINT parameter_schemas_job_id_fkey FOREIGN KEY (job_id) REFERENCES provisioner_jobs(id) ON DELETE CASCADE
);

-- Values of the retired first generation.
CREATE TABLE parameter_values (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    scope parameter_scope NOT NULL,
    scope_id uuid NOT NULL,
    name varchar(64) NOT NULL,
    source_scheme parameter_source_scheme NOT NULL,
    source_value text NOT NULL,
    destination_scheme parameter_destination_scheme NOT NULL,
    CONSTRAINT parameter_values_pkey PRIMARY KEY (id),
    CONSTRAINT parameter_values_scope_id_name_key UNIQUE (scope_id, name)
);

-- Templates

-- What workspaces are made from, with the rules for them.
CREATE TABLE templates (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    organization_id uuid NOT NULL,
    deleted boolean NOT NULL DEFAULT FALSE,
    name varchar(64) NOT NULL,
    provisioner provisioner_type NOT NULL,
    active_version_id uuid NOT NULL,
    description varchar(128) NOT NULL DEFAULT '',
    default_ttl bigint NOT NULL DEFAULT '604800000000000',
    created_by uuid NOT NULL,
    icon varchar(256) NOT NULL DEFAULT '',
    user_acl jsonb NOT NULL DEFAULT '{}',
    group_acl jsonb NOT NULL DEFAULT '{}',
    display_name varchar(64) NOT NULL DEFAULT '',
    allow_user_cancel_workspace_jobs boolean NOT NULL DEFAULT TRUE,
    allow_user_autostart boolean NOT NULL DEFAULT TRUE,
    allow_user_autostop boolean NOT NULL DEFAULT TRUE,
    failure_ttl bigint NOT NULL DEFAULT 0,
    time_til_dormant bigint NOT NULL DEFAULT 0,
    time_til_dormant_autodelete bigint NOT NULL DEFAULT 0,
    autostop_requirement_days_of_week smallint NOT NULL DEFAULT 0,
    autostop_requirement_weeks bigint NOT NULL DEFAULT 0,
    autostart_block_days_of_week smallint NOT NULL DEFAULT 0,
    require_active_version boolean NOT NULL DEFAULT FALSE,
    deprecated text NOT NULL DEFAULT '',
    activity_bump bigint NOT NULL DEFAULT '3600000000000',
    max_port_sharing_level app_sharing_level NOT NULL DEFAULT 'owner',
    use_classic_parameter_flow boolean NOT NULL DEFAULT FALSE,
    cors_behavior cors_behavior NOT NULL DEFAULT 'simple',
    CONSTRAINT templates_pkey PRIMARY KEY (id),
    CONSTRAINT templates_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(id) ON DELETE RESTRICT,
    CONSTRAINT templates_organization_id_fkey
        FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX templates_organization_id_name_idx ON templates (organization_id, lower(name))
    WHERE deleted = FALSE;

-- Imported states of a template. One without a template is still a draft.
CREATE TABLE template_versions (
    id uuid NOT NULL,
    template_id uuid,
    organization_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    name varchar(64) NOT NULL,
    readme varchar(1048576) NOT NULL,
    job_id uuid NOT NULL,
    created_by uuid NOT NULL,
    external_auth_providers jsonb NOT NULL DEFAULT '[]',
    message varchar(1048576) NOT NULL DEFAULT '',
    archived boolean NOT NULL DEFAULT FALSE,
    source_example_id text,
    has_ai_task boolean,
    has_external_agent boolean,
    CONSTRAINT template_versions_pkey PRIMARY KEY (id),
    CONSTRAINT template_versions_template_id_name_key UNIQUE (template_id, name),
    CONSTRAINT template_versions_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(id) ON DELETE RESTRICT,
    CONSTRAINT template_versions_organization_id_fkey
        FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT template_versions_template_id_fkey FOREIGN KEY (template_id) REFERENCES templates(id) ON DELETE CASCADE
);
CREATE INDEX idx_template_versions_has_ai_task ON template_versions (has_ai_task);

-- Parameters that a version asks for.
CREATE TABLE template_version_parameters (
    template_version_id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    type text NOT NULL,
    mutable boolean NOT NULL,
    default_value text NOT NULL,
    icon text NOT NULL,
    options jsonb NOT NULL DEFAULT '[]',
    validation_regex text NOT NULL,
    validation_min integer,
    validation_max integer,
    validation_error text NOT NULL DEFAULT '',
    validation_monotonic text NOT NULL DEFAULT '',
    required boolean NOT NULL DEFAULT TRUE,
    display_name text NOT NULL DEFAULT '',
    display_order integer NOT NULL DEFAULT 0,
    ephemeral boolean NOT NULL DEFAULT FALSE,
    form_type parameter_form_type NOT NULL DEFAULT '',
    CONSTRAINT template_version_parameters_template_version_id_name_key UNIQUE (template_version_id, name),
    CONSTRAINT template_version_parameters_template_version_id_fkey
        FOREIGN KEY (template_version_id) REFERENCES template_versions(id) ON DELETE CASCADE,
    CONSTRAINT validation_monotonic_order CHECK (validation_monotonic IN ('increasing', 'decreasing', ''))
);

-- Terraform variables that a version declares, and their values.
CREATE TABLE template_version_variables (
    template_version_id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    type text NOT NULL,
    value text NOT NULL,
    default_value text NOT NULL,
    required boolean NOT NULL,
    sensitive boolean NOT NULL,
    CONSTRAINT template_version_variables_template_version_id_name_key UNIQUE (template_version_id, name),
    CONSTRAINT template_version_variables_template_version_id_fkey
        FOREIGN KEY (template_version_id) REFERENCES template_versions(id) ON DELETE CASCADE
);

-- Tags, as expressions, that choose the provisioner of a workspace.
CREATE TABLE template_version_workspace_tags (
    template_version_id uuid NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    CONSTRAINT template_version_workspace_tags_template_version_id_key_key UNIQUE (template_version_id, key),
    CONSTRAINT template_version_workspace_tags_template_version_id_fkey
        FOREIGN KEY (template_version_id) REFERENCES template_versions(id) ON DELETE CASCADE
);

-- The cached plan and module files that parameters are evaluated from.
CREATE TABLE template_version_terraform_values (
    template_version_id uuid NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    cached_plan jsonb NOT NULL,
    cached_module_files uuid,
    provisionerd_version text NOT NULL DEFAULT '',
    CONSTRAINT template_version_terraform_values_template_version_id_key UNIQUE (template_version_id),
    CONSTRAINT template_version_terraform_values_cached_module_files_fkey
        FOREIGN KEY (cached_module_files) REFERENCES files(id),
    CONSTRAINT template_version_terraform_values_template_version_id_fkey
        FOREIGN KEY (template_version_id) REFERENCES template_versions(id) ON DELETE CASCADE
);

-- Named sets of parameter values, and how many prebuilt workspaces each wants.
CREATE TABLE template_version_presets (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    template_version_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    desired_instances integer,
    invalidate_after_secs integer DEFAULT 0,
    prebuild_status prebuild_status NOT NULL DEFAULT 'healthy',
    scheduling_timezone text NOT NULL DEFAULT '',
    is_default boolean NOT NULL DEFAULT FALSE,
    description varchar(128) NOT NULL DEFAULT '',
    icon varchar(256) NOT NULL DEFAULT '',
    last_invalidated_at timestamptz,
    CONSTRAINT template_version_presets_pkey PRIMARY KEY (id),
    CONSTRAINT template_version_presets_template_version_id_fkey
        FOREIGN KEY (template_version_id) REFERENCES template_versions(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX idx_template_version_presets_default ON template_version_presets (template_version_id)
    WHERE is_default = TRUE;
CREATE UNIQUE INDEX idx_unique_preset_name ON template_version_presets (name, template_version_id);

-- The values in a preset.
CREATE TABLE template_version_preset_parameters (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    template_version_preset_id uuid NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    CONSTRAINT template_version_preset_parameters_pkey PRIMARY KEY (id),
    CONSTRAINT template_version_preset_paramet_template_version_preset_id_fkey
        FOREIGN KEY (template_version_preset_id) REFERENCES template_version_presets(id) ON DELETE CASCADE
);

-- Hours at which a preset wants another number of prebuilt workspaces.
CREATE TABLE template_version_preset_prebuild_schedules (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    preset_id uuid NOT NULL,
    cron_expression text NOT NULL,
    desired_instances integer NOT NULL,
    CONSTRAINT template_version_preset_prebuild_schedules_pkey PRIMARY KEY (id),
    CONSTRAINT template_version_preset_prebuild_schedules_preset_id_fkey
        FOREIGN KEY (preset_id) REFERENCES template_version_presets(id) ON DELETE CASCADE
);

-- Use of templates in half-hour buckets, rolled up from agent and app statistics.
CREATE TABLE template_usage_stats (
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    template_id uuid NOT NULL,
    user_id uuid NOT NULL,
    median_latency_ms real,
    usage_mins smallint NOT NULL,
    ssh_mins smallint NOT NULL,
    sftp_mins smallint NOT NULL,
    reconnecting_pty_mins smallint NOT NULL,
    vscode_mins smallint NOT NULL,
    jetbrains_mins smallint NOT NULL,
    app_usage_mins jsonb,
    CONSTRAINT template_usage_stats_pkey PRIMARY KEY (start_time, template_id, user_id)
);
CREATE INDEX template_usage_stats_start_time_idx ON template_usage_stats (start_time DESC);
CREATE UNIQUE INDEX template_usage_stats_start_time_template_id_user_id_idx
    ON template_usage_stats (start_time, template_id, user_id);

-- Workspaces

-- Development environments. Never removed: `deleted` hides them.
CREATE TABLE workspaces (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    owner_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    template_id uuid NOT NULL,
    deleted boolean NOT NULL DEFAULT FALSE,
    name varchar(64) NOT NULL,
    autostart_schedule text,
    ttl bigint,
    last_used_at timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    dormant_at timestamptz,
    deleting_at timestamptz,
    automatic_updates automatic_updates NOT NULL DEFAULT 'never',
    favorite boolean NOT NULL DEFAULT FALSE,
    next_start_at timestamptz,
    group_acl jsonb NOT NULL DEFAULT '{}',
    user_acl jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT workspaces_pkey PRIMARY KEY (id),
    CONSTRAINT workspaces_organization_id_fkey
        FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE RESTRICT,
    CONSTRAINT workspaces_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users(id) ON DELETE RESTRICT,
    CONSTRAINT workspaces_template_id_fkey FOREIGN KEY (template_id) REFERENCES templates(id) ON DELETE RESTRICT
);
CREATE INDEX workspace_next_start_at_idx ON workspaces (next_start_at) WHERE deleted = FALSE;
CREATE INDEX workspace_template_id_idx ON workspaces (template_id) WHERE deleted = FALSE;
CREATE UNIQUE INDEX workspaces_owner_id_lower_idx ON workspaces (owner_id, lower(name)) WHERE deleted = FALSE;

-- Starts, stops and deletions of a workspace, numbered from 1.
CREATE TABLE workspace_builds (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    workspace_id uuid NOT NULL,
    template_version_id uuid NOT NULL,
    build_number integer NOT NULL,
    transition workspace_transition NOT NULL,
    initiator_id uuid NOT NULL,
    provisioner_state bytea,
    job_id uuid NOT NULL,
    deadline timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    reason build_reason NOT NULL DEFAULT 'initiator',
    daily_cost integer NOT NULL DEFAULT 0,
    max_deadline timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    template_version_preset_id uuid,
    has_ai_task boolean,
    has_external_agent boolean,
    CONSTRAINT workspace_builds_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_builds_job_id_key UNIQUE (job_id),
    CONSTRAINT workspace_builds_workspace_id_build_number_key UNIQUE (workspace_id, build_number),
    CONSTRAINT workspace_builds_job_id_fkey FOREIGN KEY (job_id) REFERENCES provisioner_jobs(id) ON DELETE CASCADE,
    CONSTRAINT workspace_builds_template_version_id_fkey
        FOREIGN KEY (template_version_id) REFERENCES template_versions(id) ON DELETE CASCADE,
    CONSTRAINT workspace_builds_template_version_preset_id_fkey
        FOREIGN KEY (template_version_preset_id) REFERENCES template_version_presets(id) ON DELETE SET NULL,
    CONSTRAINT workspace_builds_workspace_id_fkey
        FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE CASCADE,
    CONSTRAINT workspace_builds_deadline_below_max_deadline CHECK (
        (deadline <> '0001-01-01 00:00:00+00' AND deadline <= max_deadline) OR max_deadline = '0001-01-01 00:00:00+00'
    )
);
CREATE INDEX idx_workspace_builds_initiator_id ON workspace_builds (initiator_id);

-- The parameter values of a build.
CREATE TABLE workspace_build_parameters (
    workspace_build_id uuid NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    CONSTRAINT workspace_build_parameters_workspace_build_id_name_key UNIQUE (workspace_build_id, name),
    CONSTRAINT workspace_build_parameters_workspace_build_id_fkey
        FOREIGN KEY (workspace_build_id) REFERENCES workspace_builds(id) ON DELETE CASCADE
);

-- Terraform modules that a job used.
CREATE TABLE workspace_modules (
    id uuid NOT NULL,
    job_id uuid NOT NULL,
    transition workspace_transition NOT NULL,
    source text NOT NULL,
    version text NOT NULL,
    key text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT workspace_modules_job_id_fkey FOREIGN KEY (job_id) REFERENCES provisioner_jobs(id) ON DELETE CASCADE
);
CREATE INDEX workspace_modules_created_at_idx ON workspace_modules (created_at);

-- What a job made or would make.
CREATE TABLE workspace_resources (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    job_id uuid NOT NULL,
    transition workspace_transition NOT NULL,
    type varchar(192) NOT NULL,
    name varchar(64) NOT NULL,
    hide boolean NOT NULL DEFAULT FALSE,
    icon varchar(256) NOT NULL DEFAULT '',
    instance_type varchar(256),
    daily_cost integer NOT NULL DEFAULT 0,
    module_path text,
    CONSTRAINT workspace_resources_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_resources_job_id_fkey FOREIGN KEY (job_id) REFERENCES provisioner_jobs(id) ON DELETE CASCADE
);
CREATE INDEX workspace_resources_job_id_idx ON workspace_resources (job_id);

-- Facts that a resource shows to the user.
CREATE SEQUENCE workspace_resource_metadata_id_seq;
CREATE TABLE workspace_resource_metadata (
    workspace_resource_id uuid NOT NULL,
    key varchar(1024) NOT NULL,
    value varchar(65536),
    sensitive boolean NOT NULL,
    id bigint NOT NULL DEFAULT nextval('workspace_resource_metadata_id_seq'),
    CONSTRAINT workspace_resource_metadata_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_resource_metadata_name UNIQUE (workspace_resource_id, key),
    CONSTRAINT workspace_resource_metadata_workspace_resource_id_fkey
        FOREIGN KEY (workspace_resource_id) REFERENCES workspace_resources(id) ON DELETE CASCADE
);
ALTER SEQUENCE workspace_resource_metadata_id_seq OWNED BY workspace_resource_metadata.id;

-- Proxies that bring apps nearer to users. The store numbers regions: one above the highest so far.
CREATE SEQUENCE workspace_proxies_region_id_seq AS integer;
CREATE TABLE workspace_proxies (
    id uuid NOT NULL,
    name text NOT NULL,
    display_name text NOT NULL,
    icon text NOT NULL,
    url text NOT NULL,
    wildcard_hostname text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted boolean NOT NULL,
    token_hashed_secret bytea NOT NULL,
    region_id integer NOT NULL DEFAULT nextval('workspace_proxies_region_id_seq'),
    derp_enabled boolean NOT NULL DEFAULT TRUE,
    derp_only boolean NOT NULL DEFAULT FALSE,
    version text NOT NULL DEFAULT '',
    CONSTRAINT workspace_proxies_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_proxies_region_id_unique UNIQUE (region_id)
);
ALTER SEQUENCE workspace_proxies_region_id_seq OWNED BY workspace_proxies.region_id;
CREATE UNIQUE INDEX workspace_proxies_lower_name_idx ON workspace_proxies (lower(name)) WHERE deleted = FALSE;

-- Workspace agents

-- Agents that builds declared, and sub-agents that those started.
CREATE TABLE workspace_agents (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    name varchar(64) NOT NULL,
    first_connected_at timestamptz,
    last_connected_at timestamptz,
    disconnected_at timestamptz,
    resource_id uuid NOT NULL,
    auth_token uuid NOT NULL,
    auth_instance_id varchar,
    architecture varchar(64) NOT NULL,
    environment_variables jsonb,
    operating_system varchar(64) NOT NULL,
    instance_metadata jsonb,
    resource_metadata jsonb,
    directory varchar(4096) NOT NULL DEFAULT '',
    version text NOT NULL DEFAULT '',
    last_connected_replica_id uuid,
    connection_timeout_seconds integer NOT NULL DEFAULT 0,
    troubleshooting_url text NOT NULL DEFAULT '',
    motd_file text NOT NULL DEFAULT '',
    lifecycle_state workspace_agent_lifecycle_state NOT NULL DEFAULT 'created',
    expanded_directory varchar(4096) NOT NULL DEFAULT '',
    logs_length integer NOT NULL DEFAULT 0,
    logs_overflowed boolean NOT NULL DEFAULT FALSE,
    started_at timestamptz,
    ready_at timestamptz,
    subsystems workspace_agent_subsystem[] DEFAULT '{}',
    display_apps display_app[] DEFAULT '{vscode,vscode_insiders,web_terminal,ssh_helper,port_forwarding_helper}',
    api_version text NOT NULL DEFAULT '',
    display_order integer NOT NULL DEFAULT 0,
    parent_id uuid,
    api_key_scope agent_key_scope_enum NOT NULL DEFAULT 'all',
    deleted boolean NOT NULL DEFAULT FALSE,
    CONSTRAINT workspace_agents_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_agents_parent_id_fkey
        FOREIGN KEY (parent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE,
    CONSTRAINT workspace_agents_resource_id_fkey
        FOREIGN KEY (resource_id) REFERENCES workspace_resources(id) ON DELETE CASCADE,
    CONSTRAINT max_logs_length CHECK (logs_length <= 1048576),
    CONSTRAINT subsystems_not_none CHECK (NOT ('none'::workspace_agent_subsystem = ANY (subsystems)))
);
CREATE INDEX workspace_agents_auth_instance_id_deleted_idx ON workspace_agents (auth_instance_id, deleted);
CREATE INDEX workspace_agents_auth_token_idx ON workspace_agents (auth_token);
CREATE INDEX workspace_agents_resource_id_idx ON workspace_agents (resource_id);

-- Values that agents measure over and over.
CREATE UNLOGGED TABLE workspace_agent_metadata (
    workspace_agent_id uuid NOT NULL,
    display_name varchar(127) NOT NULL,
    key varchar(127) NOT NULL,
    script varchar(65535) NOT NULL,
    value varchar(65535) NOT NULL DEFAULT '',
    error varchar(65535) NOT NULL DEFAULT '',
    timeout bigint NOT NULL,
    interval bigint NOT NULL,
    collected_at timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    display_order integer NOT NULL DEFAULT 0,
    CONSTRAINT workspace_agent_metadata_pkey PRIMARY KEY (workspace_agent_id, key),
    CONSTRAINT workspace_agent_metadata_workspace_agent_id_fkey
        FOREIGN KEY (workspace_agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE
);

-- Where an agent's log lines come from.
CREATE TABLE workspace_agent_log_sources (
    workspace_agent_id uuid NOT NULL,
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    display_name varchar(127) NOT NULL,
    icon text NOT NULL,
    CONSTRAINT workspace_agent_log_sources_pkey PRIMARY KEY (workspace_agent_id, id),
    CONSTRAINT workspace_agent_log_sources_workspace_agent_id_fkey
        FOREIGN KEY (workspace_agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE
);

-- What agents' scripts printed.
CREATE SEQUENCE workspace_agent_startup_logs_id_seq;
CREATE UNLOGGED TABLE workspace_agent_logs (
    agent_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    output varchar(1024) NOT NULL,
    id bigint NOT NULL DEFAULT nextval('workspace_agent_startup_logs_id_seq'),
    level log_level NOT NULL DEFAULT 'info',
    log_source_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    CONSTRAINT workspace_agent_startup_logs_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_agent_startup_logs_agent_id_fkey
        FOREIGN KEY (agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE
);
ALTER SEQUENCE workspace_agent_startup_logs_id_seq OWNED BY workspace_agent_logs.id;
CREATE INDEX workspace_agent_startup_logs_id_agent_id_idx ON workspace_agent_logs (agent_id, id);

-- Scripts that agents run at start, at stop, or by the clock.
CREATE TABLE workspace_agent_scripts (
    workspace_agent_id uuid NOT NULL,
    log_source_id uuid NOT NULL,
    log_path text NOT NULL,
    created_at timestamptz NOT NULL,
    script text NOT NULL,
    cron text NOT NULL,
    start_blocks_login boolean NOT NULL,
    run_on_start boolean NOT NULL,
    run_on_stop boolean NOT NULL,
    timeout_seconds integer NOT NULL,
    display_name text NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    CONSTRAINT workspace_agent_scripts_id_key UNIQUE (id),
    CONSTRAINT workspace_agent_scripts_workspace_agent_id_fkey
        FOREIGN KEY (workspace_agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE
);
CREATE INDEX workspace_agent_scripts_workspace_agent_id_idx ON workspace_agent_scripts (workspace_agent_id);

-- How long scripts took and how they ended.
CREATE TABLE workspace_agent_script_timings (
    script_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    exit_code integer NOT NULL,
    stage workspace_agent_script_timing_stage NOT NULL,
    status workspace_agent_script_timing_status NOT NULL,
    CONSTRAINT workspace_agent_script_timings_script_id_started_at_key UNIQUE (script_id, started_at),
    CONSTRAINT workspace_agent_script_timings_script_id_fkey
        FOREIGN KEY (script_id) REFERENCES workspace_agent_scripts(id) ON DELETE CASCADE
);

-- Traffic and sessions that agents report.
CREATE TABLE workspace_agent_stats (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    user_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    template_id uuid NOT NULL,
    connections_by_proto jsonb NOT NULL DEFAULT '{}',
    connection_count bigint NOT NULL DEFAULT 0,
    rx_packets bigint NOT NULL DEFAULT 0,
    rx_bytes bigint NOT NULL DEFAULT 0,
    tx_packets bigint NOT NULL DEFAULT 0,
    tx_bytes bigint NOT NULL DEFAULT 0,
    connection_median_latency_ms double precision NOT NULL DEFAULT -1,
    session_count_vscode bigint NOT NULL DEFAULT 0,
    session_count_jetbrains bigint NOT NULL DEFAULT 0,
    session_count_reconnecting_pty bigint NOT NULL DEFAULT 0,
    session_count_ssh bigint NOT NULL DEFAULT 0,
    usage boolean NOT NULL DEFAULT FALSE,
    CONSTRAINT agent_stats_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_agent_stats_created_at ON workspace_agent_stats (created_at);
CREATE INDEX idx_agent_stats_user_id ON workspace_agent_stats (user_id);
CREATE INDEX workspace_agent_stats_template_id_created_at_user_id_idx
    ON workspace_agent_stats (template_id, created_at, user_id)
    INCLUDE (session_count_vscode, session_count_jetbrains, session_count_reconnecting_pty, session_count_ssh,
    connection_median_latency_ms) WHERE connection_count > 0;

-- When to warn that memory runs out.
CREATE TABLE workspace_agent_memory_resource_monitors (
    agent_id uuid NOT NULL,
    enabled boolean NOT NULL,
    threshold integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    state workspace_agent_monitor_state NOT NULL DEFAULT 'OK',
    debounced_until timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    CONSTRAINT workspace_agent_memory_resource_monitors_pkey PRIMARY KEY (agent_id),
    CONSTRAINT workspace_agent_memory_resource_monitors_agent_id_fkey
        FOREIGN KEY (agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE
);

-- When to warn that a volume runs full.
CREATE TABLE workspace_agent_volume_resource_monitors (
    agent_id uuid NOT NULL,
    enabled boolean NOT NULL,
    threshold integer NOT NULL,
    path text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    state workspace_agent_monitor_state NOT NULL DEFAULT 'OK',
    debounced_until timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    CONSTRAINT workspace_agent_volume_resource_monitors_pkey PRIMARY KEY (agent_id, path),
    CONSTRAINT workspace_agent_volume_resource_monitors_agent_id_fkey
        FOREIGN KEY (agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE
);

-- Dev containers that agents run.
CREATE TABLE workspace_agent_devcontainers (
    id uuid NOT NULL,
    workspace_agent_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    workspace_folder text NOT NULL,
    config_path text NOT NULL,
    name text NOT NULL,
    CONSTRAINT workspace_agent_devcontainers_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_agent_devcontainers_workspace_agent_id_fkey
        FOREIGN KEY (workspace_agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE
);
CREATE INDEX workspace_agent_devcontainers_workspace_agent_id ON workspace_agent_devcontainers (workspace_agent_id);

-- Ports that are shared beyond the owner.
CREATE TABLE workspace_agent_port_share (
    workspace_id uuid NOT NULL,
    agent_name text NOT NULL,
    port integer NOT NULL,
    share_level app_sharing_level NOT NULL,
    protocol port_share_protocol NOT NULL DEFAULT 'http',
    CONSTRAINT workspace_agent_port_share_pkey PRIMARY KEY (workspace_id, agent_name, port),
    CONSTRAINT workspace_agent_port_share_workspace_id_fkey
        FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE CASCADE
);

-- Apps behind agents.
CREATE TABLE workspace_apps (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    agent_id uuid NOT NULL,
    display_name varchar(64) NOT NULL,
    icon varchar(256) NOT NULL,
    command varchar(65534),
    url varchar(65534),
    healthcheck_url text NOT NULL DEFAULT '',
    healthcheck_interval integer NOT NULL DEFAULT 0,
    healthcheck_threshold integer NOT NULL DEFAULT 0,
    health workspace_app_health NOT NULL DEFAULT 'disabled',
    subdomain boolean NOT NULL DEFAULT FALSE,
    sharing_level app_sharing_level NOT NULL DEFAULT 'owner',
    slug text NOT NULL,
    external boolean NOT NULL DEFAULT FALSE,
    display_order integer NOT NULL DEFAULT 0,
    hidden boolean NOT NULL DEFAULT FALSE,
    open_in workspace_app_open_in NOT NULL DEFAULT 'slim-window',
    display_group text,
    tooltip varchar(2048) NOT NULL DEFAULT '',
    CONSTRAINT workspace_apps_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_apps_agent_id_slug_idx UNIQUE (agent_id, slug),
    CONSTRAINT workspace_apps_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE
);

-- Sessions of apps.
CREATE SEQUENCE workspace_app_stats_id_seq;
CREATE TABLE workspace_app_stats (
    id bigint NOT NULL DEFAULT nextval('workspace_app_stats_id_seq'),
    user_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    access_method text NOT NULL,
    slug_or_port text NOT NULL,
    session_id uuid NOT NULL,
    session_started_at timestamptz NOT NULL,
    session_ended_at timestamptz NOT NULL,
    requests integer NOT NULL,
    CONSTRAINT workspace_app_stats_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_app_stats_user_id_agent_id_session_id_key UNIQUE (user_id, agent_id, session_id),
    CONSTRAINT workspace_app_stats_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES workspace_agents(id),
    CONSTRAINT workspace_app_stats_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id),
    CONSTRAINT workspace_app_stats_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);
ALTER SEQUENCE workspace_app_stats_id_seq OWNED BY workspace_app_stats.id;
CREATE INDEX workspace_app_stats_workspace_id_idx ON workspace_app_stats (workspace_id);

-- What a coding agent says about its progress.
CREATE TABLE workspace_app_statuses (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    agent_id uuid NOT NULL,
    app_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    state workspace_app_status_state NOT NULL,
    message text NOT NULL,
    uri text,
    CONSTRAINT workspace_app_statuses_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_app_statuses_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES workspace_agents(id),
    CONSTRAINT workspace_app_statuses_app_id_fkey FOREIGN KEY (app_id) REFERENCES workspace_apps(id),
    CONSTRAINT workspace_app_statuses_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);
CREATE INDEX idx_workspace_app_statuses_workspace_id_created_at
    ON workspace_app_statuses (workspace_id, created_at DESC);
CREATE INDEX workspace_app_statuses_app_id_idx ON workspace_app_statuses (app_id, created_at DESC);

-- Which app openings have been audited already.
CREATE UNLOGGED TABLE workspace_app_audit_sessions (
    agent_id uuid NOT NULL,
    app_id uuid NOT NULL,
    user_id uuid NOT NULL,
    ip text NOT NULL,
    user_agent text NOT NULL,
    slug_or_port text NOT NULL,
    status_code integer NOT NULL,
    started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    id uuid NOT NULL,
    CONSTRAINT workspace_app_audit_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_app_audit_sessions_agent_id_app_id_user_id_ip_use_key
        UNIQUE (agent_id, app_id, user_id, ip, user_agent, slug_or_port, status_code),
    CONSTRAINT workspace_app_audit_sessions_agent_id_fkey
        FOREIGN KEY (agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX workspace_app_audit_sessions_unique_index
    ON workspace_app_audit_sessions (agent_id, app_id, user_id, ip, user_agent, slug_or_port, status_code);

-- Findings of an image scanner, by agent.
CREATE TABLE jfrog_xray_scans (
    agent_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    critical integer NOT NULL DEFAULT 0,
    high integer NOT NULL DEFAULT 0,
    medium integer NOT NULL DEFAULT 0,
    results_url text NOT NULL DEFAULT '',
    CONSTRAINT jfrog_xray_scans_pkey PRIMARY KEY (agent_id, workspace_id),
    CONSTRAINT jfrog_xray_scans_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE,
    CONSTRAINT jfrog_xray_scans_workspace_id_fkey
        FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE CASCADE
);

-- Tasks

-- A prompt and the workspace that works on it.
CREATE TABLE tasks (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    name text NOT NULL,
    workspace_id uuid,
    template_version_id uuid NOT NULL,
    template_parameters jsonb NOT NULL DEFAULT '{}',
    prompt text NOT NULL,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz,
    display_name varchar(127) NOT NULL DEFAULT '',
    CONSTRAINT tasks_pkey PRIMARY KEY (id),
    CONSTRAINT tasks_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT tasks_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT tasks_template_version_id_fkey
        FOREIGN KEY (template_version_id) REFERENCES template_versions(id) ON DELETE CASCADE,
    CONSTRAINT tasks_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE CASCADE
);
CREATE INDEX tasks_organization_id_idx ON tasks (organization_id);
CREATE INDEX tasks_owner_id_idx ON tasks (owner_id);
CREATE UNIQUE INDEX tasks_owner_id_name_unique_idx ON tasks (owner_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX tasks_workspace_id_idx ON tasks (workspace_id);

-- Which agent and app serve a task in which build.
CREATE TABLE task_workspace_apps (
    task_id uuid NOT NULL,
    workspace_agent_id uuid,
    workspace_app_id uuid,
    workspace_build_number integer NOT NULL,
    CONSTRAINT task_workspace_apps_pkey PRIMARY KEY (task_id, workspace_build_number),
    CONSTRAINT task_workspace_apps_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE,
    CONSTRAINT task_workspace_apps_workspace_agent_id_fkey
        FOREIGN KEY (workspace_agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE,
    CONSTRAINT task_workspace_apps_workspace_app_id_fkey
        FOREIGN KEY (workspace_app_id) REFERENCES workspace_apps(id) ON DELETE CASCADE
);

-- Notifications

-- Kinds of messages: words, buttons, how they are sent.
CREATE TABLE notification_templates (
    id uuid NOT NULL,
    name text NOT NULL,
    title_template text NOT NULL,
    body_template text NOT NULL,
    actions jsonb,
    "group" text,
    method notification_method,
    kind notification_template_kind NOT NULL DEFAULT 'system',
    enabled_by_default boolean NOT NULL DEFAULT TRUE,
    CONSTRAINT notification_templates_pkey PRIMARY KEY (id),
    CONSTRAINT notification_templates_name_key UNIQUE (name)
);

-- Kinds that a user switched off, or on.
CREATE TABLE notification_preferences (
    user_id uuid NOT NULL,
    notification_template_id uuid NOT NULL,
    disabled boolean NOT NULL DEFAULT FALSE,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT notification_preferences_pkey PRIMARY KEY (user_id, notification_template_id),
    CONSTRAINT notification_preferences_notification_template_id_fkey
        FOREIGN KEY (notification_template_id) REFERENCES notification_templates(id) ON DELETE CASCADE,
    CONSTRAINT notification_preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

-- The queue of messages to send.
CREATE TABLE notification_messages (
    id uuid NOT NULL,
    notification_template_id uuid NOT NULL,
    user_id uuid NOT NULL,
    method notification_method NOT NULL,
    status notification_message_status NOT NULL DEFAULT 'pending',
    status_reason text,
    created_by text NOT NULL,
    payload jsonb NOT NULL,
    attempt_count integer DEFAULT 0,
    targets uuid[],
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz,
    leased_until timestamptz,
    next_retry_after timestamptz,
    queued_seconds double precision,
    dedupe_hash text,
    CONSTRAINT notification_messages_pkey PRIMARY KEY (id),
    CONSTRAINT notification_messages_notification_template_id_fkey
        FOREIGN KEY (notification_template_id) REFERENCES notification_templates(id) ON DELETE CASCADE,
    CONSTRAINT notification_messages_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
CREATE INDEX idx_notification_messages_status ON notification_messages (status);
CREATE UNIQUE INDEX notification_messages_dedupe_hash_idx ON notification_messages (dedupe_hash);

-- When each report went out last.
CREATE TABLE notification_report_generator_logs (
    notification_template_id uuid NOT NULL,
    last_generated_at timestamptz NOT NULL,
    CONSTRAINT notification_report_generator_logs_pkey PRIMARY KEY (notification_template_id)
);

-- Messages shown in the dashboard.
CREATE TABLE inbox_notifications (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    template_id uuid NOT NULL,
    targets uuid[],
    title text NOT NULL,
    content text NOT NULL,
    icon text NOT NULL,
    actions jsonb NOT NULL,
    read_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inbox_notifications_pkey PRIMARY KEY (id),
    CONSTRAINT inbox_notifications_template_id_fkey
        FOREIGN KEY (template_id) REFERENCES notification_templates(id) ON DELETE CASCADE,
    CONSTRAINT inbox_notifications_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
CREATE INDEX idx_inbox_notifications_user_id_read_at ON inbox_notifications (user_id, read_at);
CREATE INDEX idx_inbox_notifications_user_id_template_id_targets
    ON inbox_notifications (user_id, template_id, targets);

-- OAuth2 provider
-- The server as an identity provider for other applications.

-- Registered applications.
CREATE TABLE oauth2_provider_apps (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    name varchar(64) NOT NULL,
    icon varchar(256) NOT NULL,
    callback_url text NOT NULL,
    redirect_uris text[],
    client_type text DEFAULT 'confidential',
    dynamically_registered boolean DEFAULT FALSE,
    client_id_issued_at timestamptz DEFAULT now(),
    client_secret_expires_at timestamptz,
    grant_types text[] DEFAULT '{authorization_code,refresh_token}',
    response_types text[] DEFAULT '{code}',
    token_endpoint_auth_method text DEFAULT 'client_secret_basic',
    scope text DEFAULT '',
    contacts text[],
    client_uri text,
    logo_uri text,
    tos_uri text,
    policy_uri text,
    jwks_uri text,
    jwks jsonb,
    software_id text,
    software_version text,
    registration_access_token bytea,
    registration_client_uri text,
    CONSTRAINT oauth2_provider_apps_pkey PRIMARY KEY (id)
);

-- Secrets of applications; only hashes are kept.
CREATE TABLE oauth2_provider_app_secrets (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    hashed_secret bytea NOT NULL,
    display_secret text NOT NULL,
    app_id uuid NOT NULL,
    secret_prefix bytea NOT NULL,
    CONSTRAINT oauth2_provider_app_secrets_pkey PRIMARY KEY (id),
    CONSTRAINT oauth2_provider_app_secrets_secret_prefix_key UNIQUE (secret_prefix),
    CONSTRAINT oauth2_provider_app_secrets_app_id_fkey
        FOREIGN KEY (app_id) REFERENCES oauth2_provider_apps(id) ON DELETE CASCADE
);

-- Authorization codes that wait to be exchanged.
CREATE TABLE oauth2_provider_app_codes (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    secret_prefix bytea NOT NULL,
    hashed_secret bytea NOT NULL,
    user_id uuid NOT NULL,
    app_id uuid NOT NULL,
    resource_uri text,
    code_challenge text,
    code_challenge_method text,
    CONSTRAINT oauth2_provider_app_codes_pkey PRIMARY KEY (id),
    CONSTRAINT oauth2_provider_app_codes_secret_prefix_key UNIQUE (secret_prefix),
    CONSTRAINT oauth2_provider_app_codes_app_id_fkey
        FOREIGN KEY (app_id) REFERENCES oauth2_provider_apps(id) ON DELETE CASCADE,
    CONSTRAINT oauth2_provider_app_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

-- Refresh tokens, each tied to the API key it renews.
CREATE TABLE oauth2_provider_app_tokens (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    hash_prefix bytea NOT NULL,
    refresh_hash bytea NOT NULL,
    app_secret_id uuid NOT NULL,
    api_key_id text NOT NULL,
    audience text,
    user_id uuid NOT NULL,
    CONSTRAINT oauth2_provider_app_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT oauth2_provider_app_tokens_hash_prefix_key UNIQUE (hash_prefix),
    CONSTRAINT fk_oauth2_provider_app_tokens_user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT oauth2_provider_app_tokens_api_key_id_fkey
        FOREIGN KEY (api_key_id) REFERENCES api_keys(id) ON DELETE CASCADE,
    CONSTRAINT oauth2_provider_app_tokens_app_secret_id_fkey
        FOREIGN KEY (app_secret_id) REFERENCES oauth2_provider_app_secrets(id) ON DELETE CASCADE
);

-- Audit, AI bridge, usage

-- Who changed what. It refers to others without keys, so that it outlives them.
CREATE TABLE audit_logs (
    id uuid NOT NULL,
    time timestamptz NOT NULL,
    user_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    ip inet,
    user_agent varchar(256),
    resource_type resource_type NOT NULL,
    resource_id uuid NOT NULL,
    resource_target text NOT NULL,
    action audit_action NOT NULL,
    diff jsonb NOT NULL,
    status_code integer NOT NULL,
    additional_fields jsonb NOT NULL,
    request_id uuid NOT NULL,
    resource_icon text NOT NULL,
    CONSTRAINT audit_logs_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_audit_log_organization_id ON audit_logs (organization_id);
CREATE INDEX idx_audit_log_resource_id ON audit_logs (resource_id);
CREATE INDEX idx_audit_log_user_id ON audit_logs (user_id);
CREATE INDEX idx_audit_logs_time_desc ON audit_logs ("time" DESC);

-- Who connected to which workspace, and how.
CREATE TABLE connection_logs (
    id uuid NOT NULL,
    connect_time timestamptz NOT NULL,
    organization_id uuid NOT NULL,
    workspace_owner_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    workspace_name text NOT NULL,
    agent_name text NOT NULL,
    type connection_type NOT NULL,
    ip inet,
    code integer,
    user_agent text,
    user_id uuid,
    slug_or_port text,
    connection_id uuid,
    disconnect_time timestamptz,
    disconnect_reason text,
    CONSTRAINT connection_logs_pkey PRIMARY KEY (id),
    CONSTRAINT connection_logs_organization_id_fkey
        FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT connection_logs_workspace_id_fkey
        FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE CASCADE,
    CONSTRAINT connection_logs_workspace_owner_id_fkey
        FOREIGN KEY (workspace_owner_id) REFERENCES users(id) ON DELETE CASCADE
);
CREATE INDEX idx_connection_logs_connect_time_desc ON connection_logs (connect_time DESC);
CREATE UNIQUE INDEX idx_connection_logs_connection_id_workspace_id_agent_name
    ON connection_logs (connection_id, workspace_id, agent_name);
CREATE INDEX idx_connection_logs_organization_id ON connection_logs (organization_id);
CREATE INDEX idx_connection_logs_workspace_id ON connection_logs (workspace_id);
CREATE INDEX idx_connection_logs_workspace_owner_id ON connection_logs (workspace_owner_id);

-- Requests to AI providers that went through the bridge.
CREATE TABLE aibridge_interceptions (
    id uuid NOT NULL,
    initiator_id uuid NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    started_at timestamptz NOT NULL,
    metadata jsonb,
    ended_at timestamptz,
    api_key_id text,
    CONSTRAINT aibridge_interceptions_pkey PRIMARY KEY (id),
    CONSTRAINT aibridge_interceptions_initiator_id_fkey FOREIGN KEY (initiator_id) REFERENCES users(id)
);
CREATE INDEX idx_aibridge_interceptions_initiator_id ON aibridge_interceptions (initiator_id);
CREATE INDEX idx_aibridge_interceptions_model ON aibridge_interceptions (model);
CREATE INDEX idx_aibridge_interceptions_provider ON aibridge_interceptions (provider);
CREATE INDEX idx_aibridge_interceptions_started_id_desc ON aibridge_interceptions (started_at DESC, id DESC);

-- Tokens that a request spent.
CREATE TABLE aibridge_token_usages (
    id uuid NOT NULL,
    interception_id uuid NOT NULL,
    provider_response_id text NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    metadata jsonb,
    created_at timestamptz NOT NULL,
    CONSTRAINT aibridge_token_usages_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_aibridge_token_usages_interception_id ON aibridge_token_usages (interception_id);
CREATE INDEX idx_aibridge_token_usages_provider_response_id ON aibridge_token_usages (provider_response_id);

-- Tools that a model called.
CREATE TABLE aibridge_tool_usages (
    id uuid NOT NULL,
    interception_id uuid NOT NULL,
    provider_response_id text NOT NULL,
    server_url text,
    tool text NOT NULL,
    input text NOT NULL,
    injected boolean NOT NULL DEFAULT FALSE,
    invocation_error text,
    metadata jsonb,
    created_at timestamptz NOT NULL,
    CONSTRAINT aibridge_tool_usages_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_aibridge_tool_usages_interception_id ON aibridge_tool_usages (interception_id);
CREATE INDEX idx_aibridge_tool_usagesprovider_response_id ON aibridge_tool_usages (provider_response_id);

-- What users asked.
CREATE TABLE aibridge_user_prompts (
    id uuid NOT NULL,
    interception_id uuid NOT NULL,
    provider_response_id text NOT NULL,
    prompt text NOT NULL,
    metadata jsonb,
    created_at timestamptz NOT NULL,
    CONSTRAINT aibridge_user_prompts_pkey PRIMARY KEY (id)
);
CREATE INDEX idx_aibridge_user_prompts_interception_id ON aibridge_user_prompts (interception_id);
CREATE INDEX idx_aibridge_user_prompts_provider_response_id ON aibridge_user_prompts (provider_response_id);

-- Events that count for a licence, until they are published.
CREATE TABLE usage_events (
    id text NOT NULL,
    event_type text NOT NULL,
    event_data jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    publish_started_at timestamptz,
    published_at timestamptz,
    failure_message text,
    CONSTRAINT usage_events_pkey PRIMARY KEY (id),
    CONSTRAINT usage_event_type_check CHECK (event_type = 'dc_managed_agents_v1')
);
CREATE INDEX idx_usage_events_select_for_publishing ON usage_events (published_at, publish_started_at, created_at);

-- The same, summed by day (UTC, YYYY-MM-DD). Written by a trigger on usage_events.
CREATE TABLE usage_events_daily (
    day date NOT NULL,
    event_type text NOT NULL,
    usage_data jsonb NOT NULL,
    CONSTRAINT usage_events_daily_pkey PRIMARY KEY (day, event_type)
);

-- Small values that telemetry wants to keep.
CREATE TABLE telemetry_items (
    key text NOT NULL,
    value text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT telemetry_items_pkey PRIMARY KEY (key)
);

-- Which replica reports which period.
CREATE TABLE telemetry_locks (
    event_type text NOT NULL,
    period_ending_at timestamptz NOT NULL,
    CONSTRAINT telemetry_locks_pkey PRIMARY KEY (event_type, period_ending_at),
    CONSTRAINT telemetry_lock_event_type_constraint CHECK (event_type = 'aibridge_interceptions_summary')
);
CREATE INDEX idx_telemetry_locks_period_ending_at ON telemetry_locks (period_ending_at);

-- Deployment

-- Values of the deployment as a whole.
CREATE TABLE site_configs (
    key varchar(256) NOT NULL,
    value text NOT NULL,
    CONSTRAINT site_configs_key_key UNIQUE (key)
);

-- Licences, as signed tokens.
CREATE SEQUENCE licenses_id_seq AS integer;
CREATE TABLE licenses (
    id integer NOT NULL DEFAULT nextval('licenses_id_seq'),
    uploaded_at timestamptz NOT NULL,
    jwt text NOT NULL,
    exp timestamptz NOT NULL,
    uuid uuid NOT NULL,
    CONSTRAINT licenses_pkey PRIMARY KEY (id),
    CONSTRAINT licenses_jwt_key UNIQUE (jwt)
);
ALTER SEQUENCE licenses_id_seq OWNED BY licenses.id;

-- Digests of the keys that encrypt columns.
CREATE TABLE dbcrypt_keys (
    number integer NOT NULL,
    active_key_digest text,
    revoked_key_digest text,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    revoked_at timestamptz,
    test text NOT NULL,
    CONSTRAINT dbcrypt_keys_pkey PRIMARY KEY (number),
    CONSTRAINT dbcrypt_keys_active_key_digest_key UNIQUE (active_key_digest),
    CONSTRAINT dbcrypt_keys_revoked_key_digest_key UNIQUE (revoked_key_digest)
);

-- Signing and encryption keys, in rotation.
CREATE TABLE crypto_keys (
    feature crypto_key_feature NOT NULL,
    sequence integer NOT NULL,
    secret text,
    secret_key_id text,
    starts_at timestamptz NOT NULL,
    deletes_at timestamptz,
    CONSTRAINT crypto_keys_pkey PRIMARY KEY (feature, sequence),
    CONSTRAINT crypto_keys_secret_key_id_fkey FOREIGN KEY (secret_key_id) REFERENCES dbcrypt_keys(active_key_digest)
);

-- Servers that are, or lately were, running.
CREATE TABLE replicas (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    stopped_at timestamptz,
    updated_at timestamptz NOT NULL,
    hostname text NOT NULL,
    region_id integer NOT NULL,
    relay_address text NOT NULL,
    database_latency integer NOT NULL,
    version text NOT NULL,
    error text NOT NULL DEFAULT '',
    "primary" boolean NOT NULL DEFAULT TRUE
);

-- Tailnet
-- Who coordinates, which peers there are, which tunnels they want. Version 412 moves the first three elsewhere.

-- Coordinators and their heartbeats.
CREATE TABLE tailnet_coordinators (
    id uuid NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    CONSTRAINT tailnet_coordinators_pkey PRIMARY KEY (id)
);

-- Peers and their nodes (protobuf).
CREATE TABLE tailnet_peers (
    id uuid NOT NULL,
    coordinator_id uuid NOT NULL,
    updated_at timestamptz NOT NULL,
    node bytea NOT NULL,
    status tailnet_status NOT NULL DEFAULT 'ok',
    CONSTRAINT tailnet_peers_pkey PRIMARY KEY (id, coordinator_id),
    CONSTRAINT tailnet_peers_coordinator_id_fkey
        FOREIGN KEY (coordinator_id) REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
);
CREATE INDEX idx_tailnet_peers_coordinator ON tailnet_peers (coordinator_id);

-- Pairs of peers that want to know each other.
CREATE TABLE tailnet_tunnels (
    coordinator_id uuid NOT NULL,
    src_id uuid NOT NULL,
    dst_id uuid NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT tailnet_tunnels_pkey PRIMARY KEY (coordinator_id, src_id, dst_id),
    CONSTRAINT tailnet_tunnels_coordinator_id_fkey
        FOREIGN KEY (coordinator_id) REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
);
CREATE INDEX idx_tailnet_tunnels_dst_id ON tailnet_tunnels USING hash (dst_id);
CREATE INDEX idx_tailnet_tunnels_src_id ON tailnet_tunnels USING hash (src_id);

-- Agents of the first protocol.
CREATE TABLE tailnet_agents (
    id uuid NOT NULL,
    coordinator_id uuid NOT NULL,
    updated_at timestamptz NOT NULL,
    node jsonb NOT NULL,
    CONSTRAINT tailnet_agents_pkey PRIMARY KEY (id, coordinator_id),
    CONSTRAINT tailnet_agents_coordinator_id_fkey
        FOREIGN KEY (coordinator_id) REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
);
CREATE INDEX idx_tailnet_agents_coordinator ON tailnet_agents (coordinator_id);

-- Clients of the first protocol.
CREATE TABLE tailnet_clients (
    id uuid NOT NULL,
    coordinator_id uuid NOT NULL,
    updated_at timestamptz NOT NULL,
    node jsonb NOT NULL,
    CONSTRAINT tailnet_clients_pkey PRIMARY KEY (id, coordinator_id),
    CONSTRAINT tailnet_clients_coordinator_id_fkey
        FOREIGN KEY (coordinator_id) REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
);
CREATE INDEX idx_tailnet_clients_coordinator ON tailnet_clients (coordinator_id);

-- Which client wants which agent, in the first protocol.
CREATE TABLE tailnet_client_subscriptions (
    client_id uuid NOT NULL,
    coordinator_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT tailnet_client_subscriptions_pkey PRIMARY KEY (client_id, coordinator_id, agent_id),
    CONSTRAINT tailnet_client_subscriptions_coordinator_id_fkey
        FOREIGN KEY (coordinator_id) REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
);

-- References to tables that stand further down

ALTER TABLE user_links ADD CONSTRAINT user_links_oauth_access_token_key_id_fkey
    FOREIGN KEY (oauth_access_token_key_id) REFERENCES dbcrypt_keys(active_key_digest);
ALTER TABLE user_links ADD CONSTRAINT user_links_oauth_refresh_token_key_id_fkey
    FOREIGN KEY (oauth_refresh_token_key_id) REFERENCES dbcrypt_keys(active_key_digest);
ALTER TABLE external_auth_links ADD CONSTRAINT git_auth_links_oauth_access_token_key_id_fkey
    FOREIGN KEY (oauth_access_token_key_id) REFERENCES dbcrypt_keys(active_key_digest);
ALTER TABLE external_auth_links ADD CONSTRAINT git_auth_links_oauth_refresh_token_key_id_fkey
    FOREIGN KEY (oauth_refresh_token_key_id) REFERENCES dbcrypt_keys(active_key_digest);

-- Views

-- What any member may know about any other.
CREATE VIEW visible_users AS
SELECT id, username, name, avatar_url FROM users;

-- Members of all groups. Everyone in an organization is in the group that has the organization's id.
CREATE VIEW group_members_expanded AS
SELECT
    users.id AS user_id,
    users.email AS user_email,
    users.username AS user_username,
    users.hashed_password AS user_hashed_password,
    users.created_at AS user_created_at,
    users.updated_at AS user_updated_at,
    users.status AS user_status,
    users.rbac_roles AS user_rbac_roles,
    users.login_type AS user_login_type,
    users.avatar_url AS user_avatar_url,
    users.deleted AS user_deleted,
    users.last_seen_at AS user_last_seen_at,
    users.quiet_hours_schedule AS user_quiet_hours_schedule,
    users.name AS user_name,
    users.github_com_user_id AS user_github_com_user_id,
    users.is_system AS user_is_system,
    groups.organization_id AS organization_id,
    groups.name AS group_name,
    groups.id AS group_id
FROM (
    SELECT user_id, group_id FROM group_members
    UNION
    SELECT user_id, organization_id FROM organization_members
) AS membership
JOIN groups ON groups.id = membership.group_id
JOIN users ON users.id = membership.user_id AND users.deleted = FALSE;

CREATE VIEW template_with_names AS
SELECT
    templates.*,
    coalesce(author.avatar_url, '') AS created_by_avatar_url,
    coalesce(author.username, '') AS created_by_username,
    coalesce(author.name, '') AS created_by_name,
    coalesce(organizations.name, '') AS organization_name,
    coalesce(organizations.display_name, '') AS organization_display_name,
    coalesce(organizations.icon, '') AS organization_icon
FROM templates
LEFT JOIN visible_users AS author ON author.id = templates.created_by
LEFT JOIN organizations ON organizations.id = templates.organization_id;

CREATE VIEW template_version_with_user AS
SELECT
    template_versions.*,
    coalesce(author.avatar_url, '') AS created_by_avatar_url,
    coalesce(author.username, '') AS created_by_username,
    coalesce(author.name, '') AS created_by_name
FROM template_versions
LEFT JOIN visible_users AS author ON author.id = template_versions.created_by;

CREATE VIEW workspace_build_with_user AS
SELECT
    workspace_builds.*,
    coalesce(initiator.avatar_url, '') AS initiator_by_avatar_url,
    coalesce(initiator.username, '') AS initiator_by_username,
    coalesce(initiator.name, '') AS initiator_by_name
FROM workspace_builds
LEFT JOIN visible_users AS initiator ON initiator.id = workspace_builds.initiator_id;

-- Workspaces with the names around them, and names for the ids in their access lists.
CREATE VIEW workspaces_expanded AS
SELECT
    workspaces.*,
    owner.avatar_url AS owner_avatar_url,
    owner.username AS owner_username,
    owner.name AS owner_name,
    organizations.name AS organization_name,
    organizations.display_name AS organization_display_name,
    organizations.icon AS organization_icon,
    organizations.description AS organization_description,
    templates.name AS template_name,
    templates.display_name AS template_display_name,
    templates.icon AS template_icon,
    templates.description AS template_description,
    tasks.id AS task_id,
    coalesce(
        (
            SELECT jsonb_object_agg(
                entry.key,
                jsonb_build_object('name', coalesce(groups.name, ''), 'avatar_url', coalesce(groups.avatar_url, ''))
            )
            FROM jsonb_object_keys(workspaces.group_acl) AS entry(key)
            LEFT JOIN groups ON groups.id = entry.key::uuid
        ),
        '{}'
    ) AS group_acl_display_info,
    coalesce(
        (
            SELECT jsonb_object_agg(
                entry.key,
                jsonb_build_object('name', coalesce(sharer.name, ''), 'avatar_url', coalesce(sharer.avatar_url, ''))
            )
            FROM jsonb_object_keys(workspaces.user_acl) AS entry(key)
            LEFT JOIN visible_users AS sharer ON sharer.id = entry.key::uuid
        ),
        '{}'
    ) AS user_acl_display_info
FROM workspaces
JOIN visible_users AS owner ON owner.id = workspaces.owner_id
JOIN organizations ON organizations.id = workspaces.organization_id
JOIN templates ON templates.id = workspaces.template_id
LEFT JOIN tasks ON tasks.workspace_id = workspaces.id;

-- The latest build of each workspace that is not deleted. A workspace without a build is a row of nulls.
CREATE VIEW workspace_latest_builds AS
SELECT latest.*
FROM workspaces
LEFT JOIN LATERAL (
    SELECT
        build.id,
        build.workspace_id,
        build.template_version_id,
        build.job_id,
        build.template_version_preset_id,
        build.transition,
        build.created_at,
        provisioner_jobs.job_status
    FROM workspace_builds AS build
    JOIN provisioner_jobs ON provisioner_jobs.id = build.job_id
    WHERE build.workspace_id = workspaces.id
    ORDER BY build.build_number DESC
    LIMIT 1
) AS latest ON TRUE
WHERE workspaces.deleted = FALSE;

-- Builds that the prebuilds user ordered.
CREATE VIEW workspace_prebuild_builds AS
SELECT id, workspace_id, template_version_id, transition, job_id, template_version_preset_id, build_number
FROM workspace_builds
WHERE initiator_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0';

-- Workspaces that still belong to the prebuilds user. One is ready when all agents of its latest build are.
-- Its preset is that of the latest build which has one; without any it is not a prebuild.
CREATE VIEW workspace_prebuilds AS
SELECT id, name, template_id, created_at, ready, current_preset_id
FROM (
    SELECT
        workspaces.id AS id,
        workspaces.name AS name,
        workspaces.template_id AS template_id,
        workspaces.created_at AS created_at,
        coalesce(
            (
                SELECT bool_and(workspace_agents.lifecycle_state = 'ready')
                FROM workspace_builds AS latest
                JOIN workspace_resources ON workspace_resources.job_id = latest.job_id
                JOIN workspace_agents
                    ON workspace_agents.resource_id = workspace_resources.id AND workspace_agents.deleted = FALSE
                WHERE workspaces.deleted = FALSE
                    AND latest.workspace_id = workspaces.id
                    AND latest.build_number = (
                        SELECT max(build_number) FROM workspace_builds AS build
                        WHERE build.workspace_id = workspaces.id
                    )
            ),
            FALSE
        ) AS ready,
        (
            SELECT build.template_version_preset_id
            FROM workspace_builds AS build
            WHERE build.workspace_id = workspaces.id AND build.template_version_preset_id IS NOT NULL
            ORDER BY build.build_number DESC
            LIMIT 1
        ) AS current_preset_id
    FROM workspaces
    WHERE workspaces.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'
) AS prebuild
WHERE current_preset_id IS NOT NULL;

-- How long the jobs of builds waited and ran, in seconds; what did not happen took 0.
CREATE VIEW provisioner_job_stats AS
SELECT
    job.id AS job_id,
    job.job_status AS job_status,
    workspace_builds.workspace_id AS workspace_id,
    job.worker_id AS worker_id,
    job.error AS error,
    job.error_code AS error_code,
    job.updated_at AS updated_at,
    greatest(extract(epoch FROM job.started_at - job.created_at), 0) AS queued_secs,
    greatest(extract(epoch FROM job.completed_at - job.started_at), 0) AS completion_secs,
    greatest(extract(epoch FROM job.canceled_at - job.started_at), 0) AS canceled_secs,
    greatest(
        extract(epoch FROM max(timing.ended_at) FILTER (WHERE timing.stage = 'init')
            - min(timing.started_at) FILTER (WHERE timing.stage = 'init')),
        0
    ) AS init_secs,
    greatest(
        extract(epoch FROM max(timing.ended_at) FILTER (WHERE timing.stage = 'plan')
            - min(timing.started_at) FILTER (WHERE timing.stage = 'plan')),
        0
    ) AS plan_secs,
    greatest(
        extract(epoch FROM max(timing.ended_at) FILTER (WHERE timing.stage = 'graph')
            - min(timing.started_at) FILTER (WHERE timing.stage = 'graph')),
        0
    ) AS graph_secs,
    greatest(
        extract(epoch FROM max(timing.ended_at) FILTER (WHERE timing.stage = 'apply')
            - min(timing.started_at) FILTER (WHERE timing.stage = 'apply')),
        0
    ) AS apply_secs
FROM provisioner_jobs AS job
JOIN workspace_builds ON workspace_builds.job_id = job.id
LEFT JOIN provisioner_job_timings AS timing ON timing.job_id = job.id
GROUP BY job.id, workspace_builds.workspace_id;

-- Tasks with a status worked out from the build, the agent and the app, in this order: the first that is not
-- active decides.
CREATE VIEW tasks_with_status AS
SELECT
    id,
    organization_id,
    owner_id,
    name,
    workspace_id,
    template_version_id,
    template_parameters,
    prompt,
    created_at,
    deleted_at,
    display_name,
    CASE
        WHEN workspace_id IS NULL THEN 'pending'::task_status
        WHEN build_status <> 'active' THEN build_status
        WHEN agent_status <> 'active' THEN agent_status
        ELSE app_status
    END AS status,
    jsonb_build_object(
        'build', jsonb_build_object('transition', transition, 'job_status', job_status, 'computed', build_status),
        'agent', jsonb_build_object('lifecycle_state', workspace_agent_lifecycle_state, 'computed', agent_status),
        'app', jsonb_build_object('health', workspace_app_health, 'computed', app_status)
    ) AS status_debug,
    workspace_build_number,
    workspace_agent_id,
    workspace_app_id,
    workspace_agent_lifecycle_state,
    workspace_app_health,
    owner_username,
    owner_name,
    owner_avatar_url
FROM (
    SELECT
        tasks.*,
        serving.workspace_build_number AS workspace_build_number,
        serving.workspace_agent_id AS workspace_agent_id,
        serving.workspace_app_id AS workspace_app_id,
        build.transition AS transition,
        provisioner_jobs.job_status AS job_status,
        agent.lifecycle_state AS workspace_agent_lifecycle_state,
        app.health AS workspace_app_health,
        owner.username AS owner_username,
        owner.name AS owner_name,
        owner.avatar_url AS owner_avatar_url,
        CASE
            WHEN provisioner_jobs.job_status IS NULL THEN 'pending'::task_status
            WHEN provisioner_jobs.job_status IN ('failed', 'canceling', 'canceled') THEN 'error'::task_status
            WHEN build.transition IN ('stop', 'delete') AND provisioner_jobs.job_status = 'succeeded'
                THEN 'paused'::task_status
            WHEN build.transition = 'start' AND provisioner_jobs.job_status = 'pending'
                THEN 'initializing'::task_status
            WHEN build.transition = 'start' AND provisioner_jobs.job_status IN ('running', 'succeeded')
                THEN 'active'::task_status
            ELSE 'unknown'::task_status
        END AS build_status,
        CASE
            WHEN agent.lifecycle_state IS NULL THEN 'initializing'::task_status
            WHEN agent.lifecycle_state IN ('created', 'starting') THEN 'initializing'::task_status
            WHEN agent.lifecycle_state IN ('ready', 'start_timeout', 'start_error') THEN 'active'::task_status
            ELSE 'unknown'::task_status
        END AS agent_status,
        CASE app.health
            WHEN 'initializing' THEN 'initializing'::task_status
            WHEN 'unhealthy' THEN 'error'::task_status
            WHEN 'healthy' THEN 'active'::task_status
            WHEN 'disabled' THEN 'active'::task_status
            ELSE 'unknown'::task_status
        END AS app_status
    FROM tasks
    JOIN visible_users AS owner ON owner.id = tasks.owner_id
    LEFT JOIN task_workspace_apps AS serving
        ON serving.task_id = tasks.id
        AND serving.workspace_build_number = (
            SELECT max(workspace_build_number) FROM task_workspace_apps AS each_build
            WHERE each_build.task_id = tasks.id
        )
    LEFT JOIN workspace_builds AS build
        ON build.workspace_id = tasks.workspace_id AND build.build_number = serving.workspace_build_number
    LEFT JOIN provisioner_jobs ON provisioner_jobs.id = build.job_id
    LEFT JOIN workspace_agents AS agent ON agent.id = serving.workspace_agent_id
    LEFT JOIN workspace_apps AS app ON app.id = serving.workspace_app_id
    WHERE tasks.deleted_at IS NULL
) AS task;

-- Triggers
--
-- A refusal is SQLSTATE P0001 with the text below, unless the function names another.

CREATE FUNCTION insert_apikey_fail_if_user_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id AND deleted) THEN
        RAISE EXCEPTION 'an API key cannot be made for a deleted user';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER trigger_insert_apikeys BEFORE INSERT ON api_keys
    FOR EACH ROW EXECUTE FUNCTION insert_apikey_fail_if_user_deleted();

CREATE FUNCTION insert_user_links_fail_if_user_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id AND deleted) THEN
        RAISE EXCEPTION 'a login cannot be linked to a deleted user';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER trigger_upsert_user_links BEFORE INSERT OR UPDATE ON user_links
    FOR EACH ROW EXECUTE FUNCTION insert_user_links_fail_if_user_deleted();

-- A deleted user is signed out everywhere. On inserts there is nothing to find.
CREATE FUNCTION delete_deleted_user_resources() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM api_keys WHERE user_id = NEW.id;
    DELETE FROM user_links WHERE user_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER trigger_update_users AFTER INSERT OR UPDATE ON users
    FOR EACH ROW WHEN (NEW.deleted = TRUE) EXECUTE FUNCTION delete_deleted_user_resources();

CREATE FUNCTION record_user_status_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- On inserts OLD is a row of nulls.
    IF NEW.status IS DISTINCT FROM OLD.status THEN
        INSERT INTO user_status_changes (user_id, new_status, changed_at)
        VALUES (NEW.id, NEW.status, NEW.updated_at);
    END IF;
    IF NEW.deleted > OLD.deleted THEN
        INSERT INTO user_deleted (user_id, deleted_at) VALUES (NEW.id, NEW.updated_at);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER user_status_change_trigger AFTER INSERT OR UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION record_user_status_change();

-- The permissions of this role are written at every start of the server.
CREATE FUNCTION insert_org_member_system_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO custom_roles (
        name, display_name, organization_id, is_system,
        site_permissions, org_permissions, user_permissions, member_permissions, created_at, updated_at
    )
    VALUES ('organization-member', '', NEW.id, TRUE, '[]', '[]', '[]', '[]', NEW.created_at, NEW.created_at);
    RETURN NULL;
END
$$;
CREATE TRIGGER trigger_insert_org_member_system_role AFTER INSERT ON organizations
    FOR EACH ROW EXECUTE FUNCTION insert_org_member_system_role();

-- Everyone does not count as a group here, nor one member: nobody can remove themselves.
CREATE FUNCTION protect_deleting_organizations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    holds text;
BEGIN
    SELECT string_agg(amount || ' ' || thing, ', ' ORDER BY place) INTO holds
    FROM (
        SELECT 1, 'workspaces', count(*) FROM workspaces WHERE organization_id = OLD.id AND deleted = FALSE
        UNION ALL
        SELECT 2, 'templates', count(*) FROM templates WHERE organization_id = OLD.id AND deleted = FALSE
        UNION ALL
        SELECT 3, 'provisioner keys', count(*) FROM provisioner_keys WHERE organization_id = OLD.id
        UNION ALL
        SELECT 4, 'groups', count(*) - 1 FROM groups WHERE organization_id = OLD.id
        UNION ALL
        SELECT 5, 'members', count(*) - 1
        FROM organization_members
        JOIN users ON users.id = organization_members.user_id AND users.deleted = FALSE
        WHERE organization_members.organization_id = OLD.id
    ) AS held (place, thing, amount)
    WHERE amount > 0;
    IF holds IS NOT NULL THEN
        RAISE EXCEPTION 'the organization cannot be deleted while it has %', holds;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER protect_deleting_organizations BEFORE UPDATE ON organizations
    FOR EACH ROW WHEN (NEW.deleted = TRUE AND OLD.deleted = FALSE)
    EXECUTE FUNCTION protect_deleting_organizations();

CREATE FUNCTION delete_group_members_on_org_member_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM group_members
    USING groups
    WHERE groups.id = group_members.group_id
        AND groups.organization_id = OLD.organization_id
        AND group_members.user_id = OLD.user_id;
    RETURN OLD;
END
$$;
CREATE TRIGGER trigger_delete_group_members_on_org_member_delete BEFORE DELETE ON organization_members
    FOR EACH ROW EXECUTE FUNCTION delete_group_members_on_org_member_delete();

CREATE FUNCTION remove_organization_member_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE organization_members
    SET roles = array_remove(roles, OLD.name)
    WHERE organization_id = OLD.organization_id AND OLD.name = ANY (roles);
    RETURN OLD;
END
$$;
CREATE TRIGGER remove_organization_member_custom_role BEFORE DELETE ON custom_roles
    FOR EACH ROW EXECUTE FUNCTION remove_organization_member_role();

-- Refreshing or revoking a token ends the session it renews.
CREATE FUNCTION delete_deleted_oauth2_provider_app_token_api_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM api_keys WHERE id = OLD.api_key_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER trigger_delete_oauth2_provider_app_token AFTER DELETE ON oauth2_provider_app_tokens
    FOR EACH ROW EXECUTE FUNCTION delete_deleted_oauth2_provider_app_token_api_key();

-- The enqueuer knows this refusal by the words "notification is not enabled".
CREATE FUNCTION inhibit_enqueue_if_disabled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1
    FROM notification_templates AS kind
    LEFT JOIN notification_preferences AS preference
        ON preference.notification_template_id = kind.id AND preference.user_id = NEW.user_id
    WHERE kind.id = NEW.notification_template_id
        AND coalesce(preference.disabled, NOT kind.enabled_by_default);
    IF FOUND THEN
        RAISE EXCEPTION 'this notification is not enabled for the user';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER inhibit_enqueue_if_disabled BEFORE INSERT ON notification_messages
    FOR EACH ROW EXECUTE FUNCTION inhibit_enqueue_if_disabled();

-- The same message to the same user is queued once a day (UTC): the unique index on the hash sees to it.
CREATE FUNCTION compute_notification_message_dedupe_hash() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.dedupe_hash = md5(
        concat_ws(
            ':',
            NEW.notification_template_id,
            NEW.user_id,
            NEW.method,
            NEW.payload,
            array_to_string(NEW.targets, ','),
            to_char(NEW.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD 00:00:00')
        )
    );
    RETURN NEW;
END
$$;
CREATE TRIGGER update_notification_message_dedupe_hash BEFORE INSERT OR UPDATE ON notification_messages
    FOR EACH ROW EXECUTE FUNCTION compute_notification_message_dedupe_hash();

CREATE FUNCTION aggregate_usage_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.event_type <> 'dc_managed_agents_v1' THEN
        RAISE EXCEPTION 'no rule says how to sum usage events of type %', NEW.event_type;
    END IF;

    INSERT INTO usage_events_daily AS daily (day, event_type, usage_data)
    VALUES ((NEW.created_at AT TIME ZONE 'UTC')::date, NEW.event_type, NEW.event_data)
    ON CONFLICT (day, event_type) DO UPDATE SET
        usage_data = jsonb_build_object(
            'count',
            coalesce((daily.usage_data ->> 'count')::bigint, 0)
                + coalesce((excluded.usage_data ->> 'count')::bigint, 0)
        );
    RETURN NULL;
END
$$;
CREATE TRIGGER trigger_aggregate_usage_event AFTER INSERT ON usage_events
    FOR EACH ROW EXECUTE FUNCTION aggregate_usage_event();

-- The time of the next start is void once the schedule changes without it, or the workspace is dormant.
CREATE FUNCTION nullify_next_start_at_on_workspace_autostart_modification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.autostart_schedule <> OLD.autostart_schedule AND NEW.next_start_at = OLD.next_start_at)
        OR (NEW.dormant_at IS NOT NULL AND NEW.next_start_at IS NOT NULL)
    THEN
        UPDATE workspaces SET next_start_at = NULL WHERE id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER trigger_nullify_next_start_at_on_workspace_autostart_modificati AFTER UPDATE ON workspaces
    FOR EACH ROW EXECUTE FUNCTION nullify_next_start_at_on_workspace_autostart_modification();

-- Names of agents are unique in a build, sub-agents included. Agents of imports and dry runs have no build.
CREATE FUNCTION check_workspace_agent_name_unique() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1
    FROM workspace_resources AS home
    JOIN workspace_builds ON workspace_builds.job_id = home.job_id
    JOIN workspace_resources AS sibling ON sibling.job_id = home.job_id
    JOIN workspace_agents AS agent ON agent.resource_id = sibling.id
    WHERE home.id = NEW.resource_id
        AND agent.name = NEW.name
        AND agent.id <> NEW.id
        AND agent.deleted = FALSE;
    IF FOUND THEN
        RAISE EXCEPTION 'the workspace build already has an agent named %', NEW.name
            USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER workspace_agent_name_unique_trigger BEFORE INSERT OR UPDATE OF name, resource_id ON workspace_agents
    FOR EACH ROW EXECUTE FUNCTION check_workspace_agent_name_unique();

-- Whether a daemon with these tags takes a job with those. Jobs without tags of their own go to daemons without tags
-- of their own; all others to any that has each of the job's tags.
CREATE FUNCTION provisioner_tagset_contains(provisioner_tags tagset, job_tags tagset) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF job_tags::jsonb = '{"owner": "", "scope": "organization"}' THEN
        RETURN provisioner_tags::jsonb = job_tags::jsonb;
    END IF;
    RETURN provisioner_tags::jsonb @> job_tags::jsonb;
END
$$;

-- Coordinators on other replicas listen on these three channels.

CREATE FUNCTION tailnet_notify_coordinator_heartbeat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tailnet_coordinator_heartbeat', NEW.id::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER tailnet_notify_coordinator_heartbeat AFTER INSERT OR UPDATE ON tailnet_coordinators
    FOR EACH ROW EXECUTE FUNCTION tailnet_notify_coordinator_heartbeat();

CREATE FUNCTION tailnet_notify_peer_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tailnet_peer_update', coalesce(OLD.id, NEW.id)::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER tailnet_notify_peer_change AFTER INSERT OR UPDATE OR DELETE ON tailnet_peers
    FOR EACH ROW EXECUTE FUNCTION tailnet_notify_peer_change();

CREATE FUNCTION tailnet_notify_tunnel_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(
        'tailnet_tunnel_update', coalesce(NEW.src_id, OLD.src_id) || ',' || coalesce(NEW.dst_id, OLD.dst_id)
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER tailnet_notify_tunnel_change AFTER INSERT OR UPDATE OR DELETE ON tailnet_tunnels
    FOR EACH ROW EXECUTE FUNCTION tailnet_notify_tunnel_change();

CREATE FUNCTION tailnet_notify_agent_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tailnet_agent_update', coalesce(OLD.id, NEW.id)::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER tailnet_notify_agent_change AFTER INSERT OR UPDATE OR DELETE ON tailnet_agents
    FOR EACH ROW EXECUTE FUNCTION tailnet_notify_agent_change();

-- A notification for each agent that the client wants: together they could exceed what one may hold.
CREATE FUNCTION tailnet_notify_client_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tailnet_client_update', client_id || ',' || agent_id)
    FROM tailnet_client_subscriptions
    WHERE client_id = NEW.id AND coordinator_id = NEW.coordinator_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER tailnet_notify_client_change AFTER INSERT OR UPDATE OR DELETE ON tailnet_clients
    FOR EACH ROW EXECUTE FUNCTION tailnet_notify_client_change();

CREATE FUNCTION tailnet_notify_client_subscription_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(
        'tailnet_client_update', coalesce(NEW.client_id, OLD.client_id) || ',' || coalesce(NEW.agent_id, OLD.agent_id)
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER tailnet_notify_client_subscription_change
    AFTER INSERT OR UPDATE OR DELETE ON tailnet_client_subscriptions
    FOR EACH ROW EXECUTE FUNCTION tailnet_notify_client_subscription_change();

-- Rows that every database starts with. Triggers add the first status change and the members' system role.

INSERT INTO organizations (id, name, display_name, description, created_at, updated_at, is_default)
VALUES (
    gen_random_uuid(), 'coder', 'Coder', 'The organization that comes with the deployment.', now(), now(), TRUE
);

INSERT INTO groups (id, name, organization_id)
SELECT id, 'Everyone', id FROM organizations;

-- The owner of prebuilt workspaces until somebody claims them. Nobody can sign in as it.
INSERT INTO users (
    id, email, username, name, hashed_password, created_at, updated_at, status, login_type, is_system
)
SELECT
    'c42fdf75-3097-471c-8c33-fb52454d81c0', 'prebuilds@system', 'prebuilds', 'Prebuilds Owner',
    'none', created_at, created_at, 'active', 'none', TRUE
FROM organizations;

INSERT INTO organization_members (organization_id, user_id, created_at, updated_at)
SELECT id, 'c42fdf75-3097-471c-8c33-fb52454d81c0', created_at, created_at FROM organizations;

-- Stand-ins for the ways to authenticate a provisioner daemon that need no key. Their secrets match nothing.
INSERT INTO provisioner_keys (id, created_at, organization_id, name, hashed_secret, tags)
SELECT keys.id, organizations.created_at, organizations.id, keys.name, '', '{}'
FROM organizations
CROSS JOIN (
    VALUES
        ('00000000-0000-0000-0000-000000000001'::uuid, 'built-in'),
        ('00000000-0000-0000-0000-000000000002'::uuid, 'user-auth'),
        ('00000000-0000-0000-0000-000000000003'::uuid, 'psk')
) AS keys (id, name);

-- Notification templates. Titles and bodies are Go templates over the message's payload, in Markdown; so are the
-- addresses of the buttons. Administrators change how a kind is sent, never its words.

INSERT INTO notification_templates (id, name, "group", kind, enabled_by_default, title_template, body_template, actions)
VALUES
(
    '39b1e189-c857-4b0c-877a-511144c18516', 'Custom Notification', 'Custom Events', 'custom', TRUE,
    '{{.Labels.custom_title}}',
    '{{.Labels.custom_message}}',
    '[]'
), (
    'c425f63e-716a-4bf4-ae24-78348f706c3f', 'Troubleshooting Notification', 'Notification Events', 'system', TRUE,
    'Notifications reach you',
    'You asked for a test message. Here it is.',
    '[{"url": "{{base_url}}/deployment/notifications?tab=settings", "label": "View notification settings"}]'
), (
    '8c5a4d12-9f7e-4b3a-a1c8-6e4f2d9b5a7c', 'Task Completed', 'Task Events', 'system', FALSE,
    '{{.Labels.workspace}}: task done',
    'The task "{{.Labels.task}}" reports that it is done.',
    ('[{"url": "{{base_url}}/tasks/{{.UserUsername}}/{{.Labels.workspace}}", "label": "View task"}, '
    || '{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
    )::jsonb
), (
    '3b7e8f1a-4c2d-49a6-b5e9-7f3a1c8d6b4e', 'Task Failed', 'Task Events', 'system', FALSE,
    '{{.Labels.workspace}}: task gave up',
    'The task "{{.Labels.task}}" reports a failure. What went wrong is in its logs.',
    ('[{"url": "{{base_url}}/tasks/{{.UserUsername}}/{{.Labels.workspace}}", "label": "View task"}, '
    || '{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
    )::jsonb
), (
    'd4a6271c-cced-4ed0-84ad-afd02a9c7799', 'Task Idle', 'Task Events', 'system', FALSE,
    '{{.Labels.workspace}}: task waits for you',
    'The task "{{.Labels.task}}" has nothing to do until you answer.',
    ('[{"url": "{{base_url}}/tasks/{{.UserUsername}}/{{.Labels.workspace}}", "label": "View task"}, '
    || '{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
    )::jsonb
), (
    'bd4b7168-d05e-4e19-ad0f-3593b77aa90f', 'Task Working', 'Task Events', 'system', FALSE,
    '{{.Labels.workspace}}: task at work',
    'The task "{{.Labels.task}}" is working again.',
    ('[{"url": "{{base_url}}/tasks/{{.UserUsername}}/{{.Labels.workspace}}", "label": "View task"}, '
    || '{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
    )::jsonb
), (
    '414d9331-c1fc-4761-b40c-d1f4702279eb', 'Prebuild Failure Limit Reached', 'Template Events', 'system', TRUE,
    'Prebuilds of {{.Labels.template}} are paused',
    'Too many prebuilt workspaces of template **{{.Labels.template}}** with preset **{{.Labels.preset}}** failed to build, so no more are tried.

Version **{{.Labels.template_version}}** stays paused. Publish a version that builds, and prebuilds go on by themselves.',
    ('[{"url": "{{base_url}}/workspaces?filter=owner:prebuilds+status:failed+template:{{.Labels.template}}", "label": "View failed prebuilt workspaces"}, '
    || '{"url": "{{base_url}}/templates/{{.Labels.org}}/{{.Labels.template}}/versions/{{.Labels.template_version}}", "label": "View template version"}]'
    )::jsonb
), (
    '89d9745a-816e-4695-a17f-3d0a229e2b8d', 'Prebuilt Workspace Resource Replaced', 'Template Events', 'system', TRUE,
    'Claiming a prebuilt workspace replaced parts of it',
    '**{{.Labels.claimant}}** claimed the prebuilt workspace **{{.Labels.workspace}}** (preset **{{.Labels.preset}}**), and Terraform had to make these resources anew:

{{range $resource, $paths := .Data.replacements}}- `{{$resource}}`, since {{$paths}} changed
{{end}}
Whoever claims has to wait for that. Keep attributes that cannot be changed in place from depending on the owner, or list them under `ignore_changes`.',
    ('[{"url": "{{base_url}}/@{{.Labels.claimant}}/{{.Labels.workspace}}/builds/{{.Labels.workspace_build_num}}", "label": "View workspace build"}, '
    || '{"url": "{{base_url}}/templates/{{.Labels.org}}/{{.Labels.template}}/versions/{{.Labels.template_version}}", "label": "View template version"}]'
    )::jsonb
), (
    '34a20db2-e9cc-4a93-b0e4-8569699d7a00', 'Report: Workspace Builds Failed', 'Template Events', 'system', TRUE,
    'Workspace builds that failed',
    'Builds that failed in the last {{.Data.report_frequency}}, by template:

{{range $template := .Data.templates}}**{{$template.display_name}}**: {{$template.failed_builds}} of {{$template.total_builds}}

{{range $version := $template.versions}}- version **{{$version.template_version_name}}**: {{$version.failed_count}}
{{range $build := $version.failed_builds}}  - [{{$build.workspace_owner_username}}/{{$build.workspace_name}} #{{$build.build_number}}]({{base_url}}/@{{$build.workspace_owner_username}}/{{$build.workspace_name}}/builds/{{$build.build_number}})
{{end}}{{end}}
{{end}}',
    '[{"url": "{{ base_url }}/workspaces?filter={{$first := true}}{{range $template := .Data.templates}}{{range $version := $template.versions}}{{range $build := $version.failed_builds}}{{if not $first}}+{{else}}{{$first = false}}{{end}}id%3A{{$build.workspace_id}}{{end}}{{end}}{{end}}", "label": "View workspaces"}]'
), (
    '29a09665-2a4c-403f-9648-54301670e7be', 'Template Deleted', 'Template Events', 'system', TRUE,
    'Template {{.Labels.name}} is gone',
    '**{{.Labels.initiator}}** deleted the template **{{.Labels.name}}**.',
    '[{"url": "{{ base_url }}/templates", "label": "View templates"}]'
), (
    'f40fae84-55a2-42cd-99fa-b41c1ca64894', 'Template Deprecated', 'Template Events', 'system', TRUE,
    'Template {{.Labels.template}} is deprecated',
    'No new workspaces can be made from the template **{{.Labels.template}}**; those you have keep working. Its maintainers say:

> {{.Labels.message}}',
    ('[{"url": "{{base_url}}/workspaces?filter=owner%3Ame+template%3A{{.Labels.template}}", "label": "See affected workspaces"}, '
    || '{"url": "{{base_url}}/templates/{{.Labels.organization}}/{{.Labels.template}}", "label": "View template"}]'
    )::jsonb
), (
    '62f86a30-2330-4b61-a26d-311ff3b608cf', 'One-Time Passcode', 'User Events', 'system', TRUE,
    'Choose a new password',
    'Somebody, probably you, asked to reset the password of this account. The link below lets you choose a new one.

If it was not you, do nothing: the password stays as it is.',
    '[{"url": "{{base_url}}/reset-password/change?otp={{.Labels.one_time_passcode}}&email={{.UserEmail | urlquery}}", "label": "Reset password"}]'
), (
    '9f5af851-8408-4e73-a7a1-c6502ba46689', 'User account activated', 'User Events', 'system', TRUE,
    '{{.Labels.activated_account_name}} is active again',
    '**{{.Labels.initiator}}** activated the account **{{.Labels.activated_account_name}}**{{if .Labels.activated_account_user_name}} of {{.Labels.activated_account_user_name}}{{end}}.',
    '[{"url": "{{ base_url }}/deployment/users?filter=status%3Aactive", "label": "View accounts"}]'
), (
    '4e19c0ac-94e1-4532-9515-d1801aa283b2', 'User account created', 'User Events', 'system', TRUE,
    'New account: {{.Labels.created_account_name}}',
    '**{{.Labels.initiator}}** created the account **{{.Labels.created_account_name}}**{{if .Labels.created_account_user_name}} for {{.Labels.created_account_user_name}}{{end}}.',
    '[{"url": "{{ base_url }}/deployment/users?filter=status%3Aactive", "label": "View accounts"}]'
), (
    'f44d9314-ad03-4bc8-95d0-5cad491da6b6', 'User account deleted', 'User Events', 'system', TRUE,
    'Account removed: {{.Labels.deleted_account_name}}',
    '**{{.Labels.initiator}}** deleted the account **{{.Labels.deleted_account_name}}**{{if .Labels.deleted_account_user_name}} of {{.Labels.deleted_account_user_name}}{{end}}.',
    '[{"url": "{{ base_url }}/deployment/users?filter=status%3Aactive", "label": "View accounts"}]'
), (
    'b02ddd82-4733-4d02-a2d7-c36f3598997d', 'User account suspended', 'User Events', 'system', TRUE,
    '{{.Labels.suspended_account_name}} is suspended',
    '**{{.Labels.initiator}}** suspended the account **{{.Labels.suspended_account_name}}**{{if .Labels.suspended_account_user_name}} of {{.Labels.suspended_account_user_name}}{{end}}.',
    '[{"url": "{{ base_url }}/deployment/users?filter=status%3Asuspended", "label": "View suspended accounts"}]'
), (
    '1a6a6bea-ee0a-43e2-9e7c-eabdb53730e4', 'Your account has been activated', 'User Events', 'system', TRUE,
    'You can sign in again',
    '**{{.Labels.initiator}}** activated your account **{{.Labels.activated_account_name}}**.',
    '[{"url": "{{ base_url }}", "label": "Open Coder"}]'
), (
    '6a2f0609-9b69-4d36-a989-9f5925b6cbff', 'Your account has been suspended', 'User Events', 'system', TRUE,
    'Your account is suspended',
    '**{{.Labels.initiator}}** suspended your account **{{.Labels.suspended_account_name}}**. Until it is activated you cannot sign in.',
    '[]'
), (
    '381df2a9-c0c0-4749-420f-80a9280c66f9', 'Workspace Autobuild Failed', 'Workspace Events', 'system', TRUE,
    '{{.Labels.name}} could not be built on schedule',
    'An automatic build of your workspace **{{.Labels.name}}** failed. What started it: **{{.Labels.reason}}**.',
    '[{"url": "{{ base_url }}/@{{.UserUsername}}/{{.Labels.name}}", "label": "View workspace"}]'
), (
    '281fdf73-c6d6-4cbb-8ff5-888baf8a2fff', 'Workspace Created', 'Workspace Events', 'system', FALSE,
    'New workspace: {{.Labels.workspace}}',
    'Version **{{.Labels.version}}** of the template **{{.Labels.template}}** became the workspace **{{.Labels.workspace}}**.',
    '[{"url": "{{base_url}}/@{{.Labels.workspace_owner_username}}/{{.Labels.workspace}}", "label": "View workspace"}]'
), (
    'f517da0b-cdc9-410f-ab89-a86107c420ed', 'Workspace Deleted', 'Workspace Events', 'system', TRUE,
    'Workspace {{.Labels.name}} is gone',
    'Your workspace **{{.Labels.name}}** was deleted. Why: {{.Labels.reason}}{{if .Labels.initiator}}, by **{{.Labels.initiator}}**{{end}}.',
    ('[{"url": "{{ base_url }}/workspaces", "label": "View workspaces"}, '
    || '{"url": "{{ base_url }}/templates", "label": "View templates"}]'
    )::jsonb
), (
    '2faeee0f-26cb-4e96-821c-85ccb9f71513', 'Workspace Manual Build Failed', 'Workspace Events', 'system', TRUE,
    'A build of {{.Labels.name}} failed',
    '**{{.Labels.initiator}}** built the workspace **{{.Labels.name}}** from version **{{.Labels.template_version_name}}** of the template **{{.Labels.template_name}}**, and the build failed.',
    '[{"url": "{{ base_url }}/@{{.Labels.workspace_owner_username}}/{{.Labels.name}}/builds/{{.Labels.workspace_build_number}}", "label": "View build"}]'
), (
    'd089fe7b-d5c5-4c0c-aaf5-689859f7d392', 'Workspace Manually Updated', 'Workspace Events', 'system', FALSE,
    '{{.Labels.workspace}} runs another version',
    '**{{.Labels.initiator}}** moved your workspace **{{.Labels.workspace}}** to version **{{.Labels.version}}** of the template **{{.Labels.template}}**.',
    ('[{"url": "{{base_url}}/@{{.Labels.workspace_owner_username}}/{{.Labels.workspace}}", "label": "View workspace"}, '
    || '{"url": "{{base_url}}/templates/{{.Labels.organization}}/{{.Labels.template}}/versions/{{.Labels.version}}", "label": "View template version"}]'
    )::jsonb
), (
    '0ea69165-ec14-4314-91f1-69566ac3c5a0', 'Workspace Marked as Dormant', 'Workspace Events', 'system', TRUE,
    '{{.Labels.name}} is dormant',
    'Nobody has used your workspace **{{.Labels.name}}** for long enough that it is dormant now. If it stays so, it is deleted in {{.Labels.timeTilDormant}}.

The link below leads to where you can wake it.',
    '[{"url": "{{ base_url }}/@{{.UserUsername}}/{{.Labels.name}}", "label": "View workspace"}]'
), (
    '51ce2fdf-c9ca-4be1-8d70-628674f9bc42', 'Workspace Marked for Deletion', 'Workspace Events', 'system', TRUE,
    '{{.Labels.name}} will be deleted',
    'Your workspace **{{.Labels.name}}** is deleted after {{.Labels.timeTilDormant}} of dormancy. Why: {{.Labels.reason}}.

Use it before then and it stays.',
    '[{"url": "{{ base_url }}/@{{.UserUsername}}/{{.Labels.name}}", "label": "View workspace"}]'
), (
    'f047f6a3-5713-40f7-85aa-0394cce9fa3a', 'Workspace Out Of Disk', 'Workspace Events', 'system', TRUE,
    '{{.Labels.workspace}} runs out of disk',
    'These volumes of the workspace **{{.Labels.workspace}}** are nearly full:

{{range $volume := .Data.volumes}}- `{{$volume.path}}`, more than {{$volume.threshold}}
{{end}}',
    '[{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
), (
    'a9d027b4-ac49-4fb1-9f6d-45af15f64e7a', 'Workspace Out Of Memory', 'Workspace Events', 'system', TRUE,
    '{{.Labels.workspace}} runs out of memory',
    'The workspace **{{.Labels.workspace}}** uses more than **{{.Labels.threshold}}** of its memory.',
    '[{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
), (
    'c34a0c09-0704-4cac-bd1c-0c0146811c2b', 'Workspace Updated Automatically', 'Workspace Events', 'system', TRUE,
    '{{.Labels.name}} was updated',
    'At its last start your workspace **{{.Labels.name}}** moved to version **{{.Labels.template_version_name}}** of its template. What the version says of itself: {{.Labels.template_version_message}}',
    '[{"url": "{{ base_url }}/@{{.UserUsername}}/{{.Labels.name}}", "label": "View workspace"}]'
);
