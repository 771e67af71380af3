-- The schema of database version 408, on SQLite.
--
-- Names are the reference's, since clients of the database, error handling and the Postgres twin of this file
-- share them. Types translate so:
--
--   uuid          TEXT, lower case, with hyphens
--   timestamps    INTEGER, microseconds since 1970-01-01 UTC; the time 0001-01-01, which Go calls zero and the
--                 reference stores for "never", is -62135596800000000
--   date          TEXT, YYYY-MM-DD
--   boolean       INTEGER, 0 or 1
--   jsonb         TEXT that is valid JSON
--   arrays        TEXT that is a JSON array
--   enums         TEXT; the constraint <table>_<column>_enum holds the values, for arrays a trigger of that name
--   varchar(n)    TEXT of at most n characters
--   inet          TEXT
--   bytea         BLOB
--   sequences     AUTOINCREMENT where the sequence feeds the primary key
--
-- Two things differ under the same words. lower() folds ASCII only, so names that differ in the case of other
-- letters count as different. Tables that are UNLOGGED in the reference but hold what users want to keep, such as
-- agent logs, are tables like any other; only the tailnet ones are ephemeral, from version 412 on.
--
-- A partial index serves the queries that spell its condition exactly as it does, in upper case too:
-- `deleted = FALSE`, never `deleted = 0`, `deleted = false` or `NOT deleted`.
--
-- Defaults that need a clock or randomness use SQLite's own, so that any SQLite can insert here. The store
-- passes times and ids itself and leaves such defaults unused.
--
-- One trigger needs a function of ours: update_notification_message_dedupe_hash calls md5().

-- Identity
-- Users, how they prove who they are, and what they chose for themselves.

-- People, and the system accounts that act for none of them. Never removed: `deleted` hides them.
CREATE TABLE users (
    id TEXT NOT NULL,
    email TEXT NOT NULL,
    username TEXT NOT NULL DEFAULT '',
    hashed_password BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'dormant',
    rbac_roles TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(rbac_roles) AND json_type(rbac_roles) = 'array'),
    login_type TEXT NOT NULL DEFAULT 'password',
    avatar_url TEXT NOT NULL DEFAULT '',
    deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    last_seen_at INTEGER NOT NULL DEFAULT -62135596800000000,
    quiet_hours_schedule TEXT NOT NULL DEFAULT '',
    name TEXT NOT NULL DEFAULT '',
    github_com_user_id INTEGER,
    hashed_one_time_passcode BLOB,
    one_time_passcode_expires_at INTEGER,
    is_system INTEGER NOT NULL DEFAULT 0 CHECK (is_system IN (0, 1)),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT one_time_passcode_set
        CHECK ((hashed_one_time_passcode IS NULL) = (one_time_passcode_expires_at IS NULL)),
    CONSTRAINT users_username_min_length CHECK (length(username) >= 1),
    CONSTRAINT users_status_enum CHECK (status IN ('active', 'suspended', 'dormant')),
    CONSTRAINT users_login_type_enum CHECK (login_type IN (
        'password', 'github', 'oidc', 'token', 'none', 'oauth2_provider_app'
    ))
) STRICT;
CREATE UNIQUE INDEX idx_users_email ON users (email) WHERE deleted = FALSE;
CREATE UNIQUE INDEX idx_users_username ON users (username) WHERE deleted = FALSE;
CREATE UNIQUE INDEX users_email_lower_idx ON users (lower(email)) WHERE deleted = FALSE;
CREATE UNIQUE INDEX users_username_lower_idx ON users (lower(username)) WHERE deleted = FALSE;

-- How a user signs in at an outside identity provider.
CREATE TABLE user_links (
    user_id TEXT NOT NULL,
    login_type TEXT NOT NULL,
    linked_id TEXT NOT NULL DEFAULT '',
    oauth_access_token TEXT NOT NULL DEFAULT '',
    oauth_refresh_token TEXT NOT NULL DEFAULT '',
    oauth_expiry INTEGER NOT NULL DEFAULT -62135596800000000,
    oauth_access_token_key_id TEXT,
    oauth_refresh_token_key_id TEXT,
    claims TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(claims)),
    CONSTRAINT user_links_pkey PRIMARY KEY (user_id, login_type),
    CONSTRAINT user_links_oauth_access_token_key_id_fkey FOREIGN KEY (oauth_access_token_key_id)
        REFERENCES dbcrypt_keys(active_key_digest),
    CONSTRAINT user_links_oauth_refresh_token_key_id_fkey FOREIGN KEY (oauth_refresh_token_key_id)
        REFERENCES dbcrypt_keys(active_key_digest),
    CONSTRAINT user_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT user_links_login_type_enum CHECK (login_type IN (
        'password', 'github', 'oidc', 'token', 'none', 'oauth2_provider_app'
    ))
) STRICT;
CREATE UNIQUE INDEX user_links_linked_id_login_type_idx ON user_links (linked_id, login_type) WHERE linked_id <> '';

-- Preferences, a row each.
CREATE TABLE user_configs (
    user_id TEXT NOT NULL,
    key TEXT NOT NULL CHECK (length(key) <= 256),
    value TEXT NOT NULL,
    CONSTRAINT user_configs_pkey PRIMARY KEY (user_id, key),
    CONSTRAINT user_configs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
) STRICT;

-- When users were deleted. Written by a trigger on users.
CREATE TABLE user_deleted (
    id TEXT NOT NULL DEFAULT (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    user_id TEXT NOT NULL,
    deleted_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    CONSTRAINT user_deleted_pkey PRIMARY KEY (id),
    CONSTRAINT user_deleted_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)
) STRICT;
CREATE INDEX idx_user_deleted_deleted_at ON user_deleted (deleted_at);

-- When users changed between active, dormant and suspended. Written by a trigger on users.
CREATE TABLE user_status_changes (
    id TEXT NOT NULL DEFAULT (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    user_id TEXT NOT NULL,
    new_status TEXT NOT NULL,
    changed_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    CONSTRAINT user_status_changes_pkey PRIMARY KEY (id),
    CONSTRAINT user_status_changes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id),
    CONSTRAINT user_status_changes_new_status_enum CHECK (new_status IN ('active', 'suspended', 'dormant'))
) STRICT;
CREATE INDEX idx_user_status_changes_changed_at ON user_status_changes (changed_at);

-- Secrets that a user hands to all their workspaces.
CREATE TABLE user_secrets (
    id TEXT NOT NULL DEFAULT (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    value TEXT NOT NULL,
    env_name TEXT NOT NULL DEFAULT '',
    file_path TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    updated_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    CONSTRAINT user_secrets_pkey PRIMARY KEY (id),
    CONSTRAINT user_secrets_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX user_secrets_user_env_name_idx ON user_secrets (user_id, env_name) WHERE env_name <> '';
CREATE UNIQUE INDEX user_secrets_user_file_path_idx ON user_secrets (user_id, file_path) WHERE file_path <> '';
CREATE UNIQUE INDEX user_secrets_user_name_idx ON user_secrets (user_id, name);

-- The SSH key pair that each user may give to git.
CREATE TABLE gitsshkeys (
    user_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    private_key TEXT NOT NULL,
    public_key TEXT NOT NULL,
    CONSTRAINT gitsshkeys_pkey PRIMARY KEY (user_id),
    CONSTRAINT gitsshkeys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)
) STRICT;

-- Session tokens and long-lived tokens. Only the hash of the secret is kept.
CREATE TABLE api_keys (
    id TEXT NOT NULL,
    hashed_secret BLOB NOT NULL,
    user_id TEXT NOT NULL,
    last_used INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    login_type TEXT NOT NULL,
    lifetime_seconds INTEGER NOT NULL DEFAULT 86400,
    ip_address TEXT NOT NULL DEFAULT '0.0.0.0',
    token_name TEXT NOT NULL DEFAULT '',
    scopes TEXT NOT NULL CHECK (json_valid(scopes) AND json_type(scopes) = 'array'),
    allow_list TEXT NOT NULL CHECK (json_valid(allow_list) AND json_type(allow_list) = 'array'),
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_user_id_uuid_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT api_keys_allow_list_not_empty CHECK (json_array_length(allow_list) > 0),
    CONSTRAINT api_keys_login_type_enum CHECK (login_type IN (
        'password', 'github', 'oidc', 'token', 'none', 'oauth2_provider_app'
    ))
) STRICT;
CREATE INDEX api_keys_last_used_idx ON api_keys (last_used DESC);
CREATE UNIQUE INDEX idx_api_key_name ON api_keys (user_id, token_name) WHERE login_type = 'token';
CREATE INDEX idx_api_keys_user ON api_keys (user_id);

-- Tokens that a user has at git hosts and the like.
CREATE TABLE external_auth_links (
    provider_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    oauth_access_token TEXT NOT NULL,
    oauth_refresh_token TEXT NOT NULL,
    oauth_expiry INTEGER NOT NULL,
    oauth_access_token_key_id TEXT,
    oauth_refresh_token_key_id TEXT,
    oauth_extra TEXT CHECK (json_valid(oauth_extra)),
    oauth_refresh_failure_reason TEXT NOT NULL DEFAULT '',
    CONSTRAINT git_auth_links_provider_id_user_id_key UNIQUE (provider_id, user_id),
    CONSTRAINT git_auth_links_oauth_access_token_key_id_fkey FOREIGN KEY (oauth_access_token_key_id)
        REFERENCES dbcrypt_keys(active_key_digest),
    CONSTRAINT git_auth_links_oauth_refresh_token_key_id_fkey FOREIGN KEY (oauth_refresh_token_key_id)
        REFERENCES dbcrypt_keys(active_key_digest)
) STRICT;

-- Browsers that want push messages.
CREATE TABLE webpush_subscriptions (
    id TEXT NOT NULL DEFAULT (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    user_id TEXT NOT NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    endpoint TEXT NOT NULL,
    endpoint_p256dh_key TEXT NOT NULL,
    endpoint_auth_key TEXT NOT NULL,
    CONSTRAINT webpush_subscriptions_pkey PRIMARY KEY (id),
    CONSTRAINT webpush_subscriptions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
) STRICT;

-- Organizations and roles

-- Homes of templates, workspaces and members.
CREATE TABLE organizations (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    is_default INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
    display_name TEXT NOT NULL,
    icon TEXT NOT NULL DEFAULT '',
    deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    workspace_sharing_disabled INTEGER NOT NULL DEFAULT 0 CHECK (workspace_sharing_disabled IN (0, 1)),
    CONSTRAINT organizations_pkey PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX idx_organization_name_lower ON organizations (lower(name)) WHERE deleted = FALSE;
CREATE UNIQUE INDEX organizations_single_default_org ON organizations (is_default) WHERE is_default = TRUE;

-- Who belongs where, with which organization roles.
CREATE TABLE organization_members (
    user_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    roles TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(roles) AND json_type(roles) = 'array'),
    CONSTRAINT organization_members_pkey PRIMARY KEY (organization_id, user_id),
    CONSTRAINT organization_members_organization_id_uuid_fkey FOREIGN KEY (organization_id)
        REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT organization_members_user_id_uuid_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX idx_organization_member_organization_id_uuid ON organization_members (organization_id);
CREATE INDEX idx_organization_member_user_id_uuid ON organization_members (user_id);

-- Roles beyond the built-in ones, and the system role that each organization's members have.
CREATE TABLE custom_roles (
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    site_permissions TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(site_permissions)),
    org_permissions TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(org_permissions)),
    user_permissions TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(user_permissions)),
    created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    updated_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    organization_id TEXT,
    id TEXT NOT NULL DEFAULT (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    is_system INTEGER NOT NULL DEFAULT 0 CHECK (is_system IN (0, 1)),
    member_permissions TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(member_permissions)),
    CONSTRAINT custom_roles_unique_key UNIQUE (name, organization_id),
    CONSTRAINT organization_id_not_zero CHECK (organization_id <> '00000000-0000-0000-0000-000000000000')
) STRICT;
CREATE INDEX idx_custom_roles_id ON custom_roles (id);
CREATE UNIQUE INDEX idx_custom_roles_name_lower_organization_id
    ON custom_roles (lower(name), coalesce(organization_id, '00000000-0000-0000-0000-000000000000'));

-- Sets of members. The group that has its organization's id holds everyone.
CREATE TABLE groups (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    avatar_url TEXT NOT NULL DEFAULT '',
    quota_allowance INTEGER NOT NULL DEFAULT 0,
    display_name TEXT NOT NULL DEFAULT '',
    source TEXT NOT NULL DEFAULT 'user',
    CONSTRAINT groups_pkey PRIMARY KEY (id),
    CONSTRAINT groups_name_organization_id_key UNIQUE (name, organization_id),
    CONSTRAINT groups_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT groups_source_enum CHECK (source IN ('user', 'oidc'))
) STRICT;

-- Members of all groups but Everyone, whose members are those of the organization.
CREATE TABLE group_members (
    user_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    CONSTRAINT group_members_user_id_group_id_key UNIQUE (user_id, group_id),
    CONSTRAINT group_members_group_id_fkey FOREIGN KEY (group_id) REFERENCES groups(id) ON DELETE CASCADE,
    CONSTRAINT group_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
) STRICT;

-- Files and provisioners

-- Uploaded archives, one row for each content and uploader.
CREATE TABLE files (
    hash TEXT NOT NULL CHECK (length(hash) <= 64),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    mimetype TEXT NOT NULL CHECK (length(mimetype) <= 64),
    data BLOB NOT NULL,
    id TEXT NOT NULL DEFAULT (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    CONSTRAINT files_pkey PRIMARY KEY (id),
    CONSTRAINT files_hash_created_by_key UNIQUE (hash, created_by)
) STRICT;

-- Keys that external provisioner daemons authenticate with.
CREATE TABLE provisioner_keys (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    organization_id TEXT NOT NULL,
    name TEXT NOT NULL CHECK (length(name) <= 64),
    hashed_secret BLOB NOT NULL,
    tags TEXT NOT NULL CHECK (json_valid(tags)),
    CONSTRAINT provisioner_keys_pkey PRIMARY KEY (id),
    CONSTRAINT provisioner_keys_organization_id_fkey FOREIGN KEY (organization_id)
        REFERENCES organizations(id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX provisioner_keys_organization_id_name_idx ON provisioner_keys (organization_id, lower(name));

-- Daemons that were seen, inside and outside the server.
CREATE TABLE provisioner_daemons (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    name TEXT NOT NULL CHECK (length(name) <= 64),
    provisioners TEXT NOT NULL CHECK (json_valid(provisioners) AND json_type(provisioners) = 'array'),
    replica_id TEXT,
    tags TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(tags)),
    last_seen_at INTEGER,
    version TEXT NOT NULL DEFAULT '',
    api_version TEXT NOT NULL DEFAULT '1.0',
    organization_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    CONSTRAINT provisioner_daemons_pkey PRIMARY KEY (id),
    CONSTRAINT provisioner_daemons_key_id_fkey FOREIGN KEY (key_id) REFERENCES provisioner_keys(id) ON DELETE CASCADE,
    CONSTRAINT provisioner_daemons_organization_id_fkey FOREIGN KEY (organization_id)
        REFERENCES organizations(id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX idx_provisioner_daemons_org_name_owner_key
    ON provisioner_daemons (organization_id, name, lower(coalesce(tags ->> 'owner', '')));

-- Work for provisioners: imports, builds, dry runs. The status follows from the other columns.
CREATE TABLE provisioner_jobs (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    canceled_at INTEGER,
    completed_at INTEGER,
    error TEXT,
    organization_id TEXT NOT NULL,
    initiator_id TEXT NOT NULL,
    provisioner TEXT NOT NULL,
    storage_method TEXT NOT NULL,
    type TEXT NOT NULL,
    input TEXT NOT NULL CHECK (json_valid(input)),
    worker_id TEXT,
    file_id TEXT NOT NULL,
    tags TEXT NOT NULL DEFAULT '{"scope": "organization"}' CHECK (json_valid(tags)),
    error_code TEXT,
    trace_metadata TEXT CHECK (json_valid(trace_metadata)),
    job_status TEXT NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN error <> '' THEN 'failed'
            WHEN completed_at IS NOT NULL THEN iif(canceled_at IS NULL, 'succeeded', 'canceled')
            WHEN canceled_at IS NOT NULL THEN 'canceling'
            WHEN started_at IS NULL THEN 'pending'
            ELSE 'running'
        END
    ) STORED,
    logs_length INTEGER NOT NULL DEFAULT 0,
    logs_overflowed INTEGER NOT NULL DEFAULT 0 CHECK (logs_overflowed IN (0, 1)),
    CONSTRAINT provisioner_jobs_pkey PRIMARY KEY (id),
    CONSTRAINT provisioner_jobs_organization_id_fkey FOREIGN KEY (organization_id)
        REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT max_provisioner_logs_length CHECK (logs_length <= 1048576),
    CONSTRAINT provisioner_jobs_provisioner_enum CHECK (provisioner IN ('echo', 'terraform')),
    CONSTRAINT provisioner_jobs_storage_method_enum CHECK (storage_method IN ('file')),
    CONSTRAINT provisioner_jobs_type_enum CHECK (type IN (
        'template_version_import', 'workspace_build', 'template_version_dry_run'
    )),
    CONSTRAINT provisioner_jobs_job_status_enum CHECK (job_status IN (
        'pending', 'running', 'succeeded', 'canceling', 'canceled', 'failed', 'unknown'
    ))
) STRICT;
CREATE INDEX idx_provisioner_jobs_status ON provisioner_jobs (job_status);
CREATE INDEX provisioner_jobs_started_at_idx ON provisioner_jobs (started_at) WHERE started_at IS NULL;
CREATE INDEX provisioner_jobs_worker_id_organization_id_completed_at_idx
    ON provisioner_jobs (worker_id, organization_id, completed_at DESC);

-- What jobs printed.
CREATE TABLE provisioner_job_logs (
    job_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    level TEXT NOT NULL,
    stage TEXT NOT NULL CHECK (length(stage) <= 128),
    output TEXT NOT NULL CHECK (length(output) <= 1024),
    id INTEGER NOT NULL CONSTRAINT provisioner_job_logs_pkey PRIMARY KEY AUTOINCREMENT,
    CONSTRAINT provisioner_job_logs_job_id_fkey FOREIGN KEY (job_id) REFERENCES provisioner_jobs(id) ON DELETE CASCADE,
    CONSTRAINT provisioner_job_logs_source_enum CHECK (source IN ('provisioner_daemon', 'provisioner')),
    CONSTRAINT provisioner_job_logs_level_enum CHECK (level IN ('trace', 'debug', 'info', 'warn', 'error'))
) STRICT;
CREATE INDEX provisioner_job_logs_id_job_id_idx ON provisioner_job_logs (job_id, id);

-- How long the steps of jobs took, a resource and action each.
CREATE TABLE provisioner_job_timings (
    job_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    stage TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    CONSTRAINT provisioner_job_timings_job_id_fkey FOREIGN KEY (job_id)
        REFERENCES provisioner_jobs(id) ON DELETE CASCADE,
    CONSTRAINT provisioner_job_timings_stage_enum CHECK (stage IN ('init', 'plan', 'graph', 'apply'))
) STRICT;

-- Parameters of the retired first generation.
CREATE TABLE parameter_schemas (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    name TEXT NOT NULL CHECK (length(name) <= 64),
    description TEXT NOT NULL DEFAULT '' CHECK (length(description) <= 8192),
    default_source_scheme TEXT NOT NULL,
    default_source_value TEXT NOT NULL,
    allow_override_source INTEGER NOT NULL CHECK (allow_override_source IN (0, 1)),
    default_destination_scheme TEXT NOT NULL,
    allow_override_destination INTEGER NOT NULL CHECK (allow_override_destination IN (0, 1)),
    default_refresh TEXT NOT NULL,
    redisplay_value INTEGER NOT NULL CHECK (redisplay_value IN (0, 1)),
    validation_error TEXT NOT NULL CHECK (length(validation_error) <= 256),
    validation_condition TEXT NOT NULL CHECK (length(validation_condition) <= 512),
    validation_type_system TEXT NOT NULL,
    validation_value_type TEXT NOT NULL CHECK (length(validation_value_type) <= 64),
    "index" INTEGER NOT NULL,
    CONSTRAINT parameter_schemas_pkey PRIMARY KEY (id),
    CONSTRAINT parameter_schemas_job_id_name_key UNIQUE (job_id, name),
    CONSTRAINT parameter_schemas_job_id_fkey FOREIGN KEY (job_id) REFERENCES provisioner_jobs(id) ON DELETE CASCADE,
    CONSTRAINT parameter_schemas_default_source_scheme_enum CHECK (default_source_scheme IN ('none', 'data')),
    CONSTRAINT parameter_schemas_default_destination_scheme_enum CHECK (default_destination_scheme IN (
        'none', 'environment_variable', 'provisioner_variable'
    )),
    CONSTRAINT parameter_schemas_validation_type_system_enum CHECK (validation_type_system IN ('none', 'hcl'))
) STRICT;

-- Values of the retired first generation.
CREATE TABLE parameter_values (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    scope TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    name TEXT NOT NULL CHECK (length(name) <= 64),
    source_scheme TEXT NOT NULL,
    source_value TEXT NOT NULL,
    destination_scheme TEXT NOT NULL,
    CONSTRAINT parameter_values_pkey PRIMARY KEY (id),
    CONSTRAINT parameter_values_scope_id_name_key UNIQUE (scope_id, name),
    CONSTRAINT parameter_values_scope_enum CHECK (scope IN ('template', 'import_job', 'workspace')),
    CONSTRAINT parameter_values_source_scheme_enum CHECK (source_scheme IN ('none', 'data')),
    CONSTRAINT parameter_values_destination_scheme_enum CHECK (destination_scheme IN (
        'none', 'environment_variable', 'provisioner_variable'
    ))
) STRICT;

-- Templates

-- What workspaces are made from, with the rules for them.
CREATE TABLE templates (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    organization_id TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    name TEXT NOT NULL CHECK (length(name) <= 64),
    provisioner TEXT NOT NULL,
    active_version_id TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '' CHECK (length(description) <= 128),
    default_ttl INTEGER NOT NULL DEFAULT 604800000000000,
    created_by TEXT NOT NULL,
    icon TEXT NOT NULL DEFAULT '' CHECK (length(icon) <= 256),
    user_acl TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(user_acl)),
    group_acl TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(group_acl)),
    display_name TEXT NOT NULL DEFAULT '' CHECK (length(display_name) <= 64),
    allow_user_cancel_workspace_jobs INTEGER NOT NULL DEFAULT 1 CHECK (allow_user_cancel_workspace_jobs IN (0, 1)),
    allow_user_autostart INTEGER NOT NULL DEFAULT 1 CHECK (allow_user_autostart IN (0, 1)),
    allow_user_autostop INTEGER NOT NULL DEFAULT 1 CHECK (allow_user_autostop IN (0, 1)),
    failure_ttl INTEGER NOT NULL DEFAULT 0,
    time_til_dormant INTEGER NOT NULL DEFAULT 0,
    time_til_dormant_autodelete INTEGER NOT NULL DEFAULT 0,
    autostop_requirement_days_of_week INTEGER NOT NULL DEFAULT 0,
    autostop_requirement_weeks INTEGER NOT NULL DEFAULT 0,
    autostart_block_days_of_week INTEGER NOT NULL DEFAULT 0,
    require_active_version INTEGER NOT NULL DEFAULT 0 CHECK (require_active_version IN (0, 1)),
    deprecated TEXT NOT NULL DEFAULT '',
    activity_bump INTEGER NOT NULL DEFAULT 3600000000000,
    max_port_sharing_level TEXT NOT NULL DEFAULT 'owner',
    use_classic_parameter_flow INTEGER NOT NULL DEFAULT 0 CHECK (use_classic_parameter_flow IN (0, 1)),
    cors_behavior TEXT NOT NULL DEFAULT 'simple',
    CONSTRAINT templates_pkey PRIMARY KEY (id),
    CONSTRAINT templates_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(id) ON DELETE RESTRICT,
    CONSTRAINT templates_organization_id_fkey FOREIGN KEY (organization_id)
        REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT templates_provisioner_enum CHECK (provisioner IN ('echo', 'terraform')),
    CONSTRAINT templates_max_port_sharing_level_enum CHECK (max_port_sharing_level IN (
        'owner', 'authenticated', 'organization', 'public'
    )),
    CONSTRAINT templates_cors_behavior_enum CHECK (cors_behavior IN ('simple', 'passthru'))
) STRICT;
CREATE UNIQUE INDEX templates_organization_id_name_idx
    ON templates (organization_id, lower(name))
    WHERE deleted = FALSE;

-- Imported states of a template. One without a template is still a draft.
CREATE TABLE template_versions (
    id TEXT NOT NULL,
    template_id TEXT,
    organization_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    name TEXT NOT NULL CHECK (length(name) <= 64),
    readme TEXT NOT NULL CHECK (length(readme) <= 1048576),
    job_id TEXT NOT NULL,
    created_by TEXT NOT NULL,
    external_auth_providers TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(external_auth_providers)),
    message TEXT NOT NULL DEFAULT '' CHECK (length(message) <= 1048576),
    archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
    source_example_id TEXT,
    has_ai_task INTEGER CHECK (has_ai_task IN (0, 1)),
    has_external_agent INTEGER CHECK (has_external_agent IN (0, 1)),
    CONSTRAINT template_versions_pkey PRIMARY KEY (id),
    CONSTRAINT template_versions_template_id_name_key UNIQUE (template_id, name),
    CONSTRAINT template_versions_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(id) ON DELETE RESTRICT,
    CONSTRAINT template_versions_organization_id_fkey FOREIGN KEY (organization_id)
        REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT template_versions_template_id_fkey FOREIGN KEY (template_id) REFERENCES templates(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX idx_template_versions_has_ai_task ON template_versions (has_ai_task);

-- Parameters that a version asks for.
CREATE TABLE template_version_parameters (
    template_version_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    type TEXT NOT NULL,
    mutable INTEGER NOT NULL CHECK (mutable IN (0, 1)),
    default_value TEXT NOT NULL,
    icon TEXT NOT NULL,
    options TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(options)),
    validation_regex TEXT NOT NULL,
    validation_min INTEGER,
    validation_max INTEGER,
    validation_error TEXT NOT NULL DEFAULT '',
    validation_monotonic TEXT NOT NULL DEFAULT '',
    required INTEGER NOT NULL DEFAULT 1 CHECK (required IN (0, 1)),
    display_name TEXT NOT NULL DEFAULT '',
    display_order INTEGER NOT NULL DEFAULT 0,
    ephemeral INTEGER NOT NULL DEFAULT 0 CHECK (ephemeral IN (0, 1)),
    form_type TEXT NOT NULL DEFAULT '',
    CONSTRAINT template_version_parameters_template_version_id_name_key UNIQUE (template_version_id, name),
    CONSTRAINT template_version_parameters_template_version_id_fkey FOREIGN KEY (template_version_id)
        REFERENCES template_versions(id) ON DELETE CASCADE,
    CONSTRAINT validation_monotonic_order CHECK (validation_monotonic IN ('increasing', 'decreasing', '')),
    CONSTRAINT template_version_parameters_form_type_enum CHECK (form_type IN (
        '', 'error', 'radio', 'dropdown', 'input', 'textarea', 'slider', 'checkbox', 'switch', 'tag-select',
        'multi-select'
    ))
) STRICT;

-- Terraform variables that a version declares, and their values.
CREATE TABLE template_version_variables (
    template_version_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    type TEXT NOT NULL,
    value TEXT NOT NULL,
    default_value TEXT NOT NULL,
    required INTEGER NOT NULL CHECK (required IN (0, 1)),
    sensitive INTEGER NOT NULL CHECK (sensitive IN (0, 1)),
    CONSTRAINT template_version_variables_template_version_id_name_key UNIQUE (template_version_id, name),
    CONSTRAINT template_version_variables_template_version_id_fkey FOREIGN KEY (template_version_id)
        REFERENCES template_versions(id) ON DELETE CASCADE
) STRICT;

-- Tags, as expressions, that choose the provisioner of a workspace.
CREATE TABLE template_version_workspace_tags (
    template_version_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT template_version_workspace_tags_template_version_id_key_key UNIQUE (template_version_id, key),
    CONSTRAINT template_version_workspace_tags_template_version_id_fkey FOREIGN KEY (template_version_id)
        REFERENCES template_versions(id) ON DELETE CASCADE
) STRICT;

-- The cached plan and module files that parameters are evaluated from.
CREATE TABLE template_version_terraform_values (
    template_version_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    cached_plan TEXT NOT NULL CHECK (json_valid(cached_plan)),
    cached_module_files TEXT,
    provisionerd_version TEXT NOT NULL DEFAULT '',
    CONSTRAINT template_version_terraform_values_template_version_id_key UNIQUE (template_version_id),
    CONSTRAINT template_version_terraform_values_cached_module_files_fkey FOREIGN KEY (cached_module_files)
        REFERENCES files(id),
    CONSTRAINT template_version_terraform_values_template_version_id_fkey FOREIGN KEY (template_version_id)
        REFERENCES template_versions(id) ON DELETE CASCADE
) STRICT;

-- Named sets of parameter values, and how many prebuilt workspaces each wants.
CREATE TABLE template_version_presets (
    id TEXT NOT NULL DEFAULT (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    template_version_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    desired_instances INTEGER,
    invalidate_after_secs INTEGER DEFAULT 0,
    prebuild_status TEXT NOT NULL DEFAULT 'healthy',
    scheduling_timezone TEXT NOT NULL DEFAULT '',
    is_default INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
    description TEXT NOT NULL DEFAULT '' CHECK (length(description) <= 128),
    icon TEXT NOT NULL DEFAULT '' CHECK (length(icon) <= 256),
    last_invalidated_at INTEGER,
    CONSTRAINT template_version_presets_pkey PRIMARY KEY (id),
    CONSTRAINT template_version_presets_template_version_id_fkey FOREIGN KEY (template_version_id)
        REFERENCES template_versions(id) ON DELETE CASCADE,
    CONSTRAINT template_version_presets_prebuild_status_enum CHECK (prebuild_status IN (
        'healthy', 'hard_limited', 'validation_failed'
    ))
) STRICT;
CREATE UNIQUE INDEX idx_template_version_presets_default
    ON template_version_presets (template_version_id)
    WHERE is_default = TRUE;
CREATE UNIQUE INDEX idx_unique_preset_name ON template_version_presets (name, template_version_id);

-- The values in a preset.
CREATE TABLE template_version_preset_parameters (
    id TEXT NOT NULL DEFAULT (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    template_version_preset_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT template_version_preset_parameters_pkey PRIMARY KEY (id),
    CONSTRAINT template_version_preset_paramet_template_version_preset_id_fkey FOREIGN KEY (template_version_preset_id)
        REFERENCES template_version_presets(id) ON DELETE CASCADE
) STRICT;

-- Hours at which a preset wants another number of prebuilt workspaces.
CREATE TABLE template_version_preset_prebuild_schedules (
    id TEXT NOT NULL DEFAULT (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    preset_id TEXT NOT NULL,
    cron_expression TEXT NOT NULL,
    desired_instances INTEGER NOT NULL,
    CONSTRAINT template_version_preset_prebuild_schedules_pkey PRIMARY KEY (id),
    CONSTRAINT template_version_preset_prebuild_schedules_preset_id_fkey FOREIGN KEY (preset_id)
        REFERENCES template_version_presets(id) ON DELETE CASCADE
) STRICT;

-- Use of templates in half-hour buckets, rolled up from agent and app statistics.
CREATE TABLE template_usage_stats (
    start_time INTEGER NOT NULL,
    end_time INTEGER NOT NULL,
    template_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    median_latency_ms REAL,
    usage_mins INTEGER NOT NULL,
    ssh_mins INTEGER NOT NULL,
    sftp_mins INTEGER NOT NULL,
    reconnecting_pty_mins INTEGER NOT NULL,
    vscode_mins INTEGER NOT NULL,
    jetbrains_mins INTEGER NOT NULL,
    app_usage_mins TEXT CHECK (json_valid(app_usage_mins)),
    CONSTRAINT template_usage_stats_pkey PRIMARY KEY (start_time, template_id, user_id)
) STRICT;
CREATE INDEX template_usage_stats_start_time_idx ON template_usage_stats (start_time DESC);
CREATE UNIQUE INDEX template_usage_stats_start_time_template_id_user_id_idx
    ON template_usage_stats (start_time, template_id, user_id);

-- Workspaces

-- Development environments. Never removed: `deleted` hides them.
CREATE TABLE workspaces (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    owner_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    template_id TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    name TEXT NOT NULL CHECK (length(name) <= 64),
    autostart_schedule TEXT,
    ttl INTEGER,
    last_used_at INTEGER NOT NULL DEFAULT -62135596800000000,
    dormant_at INTEGER,
    deleting_at INTEGER,
    automatic_updates TEXT NOT NULL DEFAULT 'never',
    favorite INTEGER NOT NULL DEFAULT 0 CHECK (favorite IN (0, 1)),
    next_start_at INTEGER,
    group_acl TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(group_acl)),
    user_acl TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(user_acl)),
    CONSTRAINT workspaces_pkey PRIMARY KEY (id),
    CONSTRAINT workspaces_organization_id_fkey FOREIGN KEY (organization_id)
        REFERENCES organizations(id) ON DELETE RESTRICT,
    CONSTRAINT workspaces_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users(id) ON DELETE RESTRICT,
    CONSTRAINT workspaces_template_id_fkey FOREIGN KEY (template_id) REFERENCES templates(id) ON DELETE RESTRICT,
    CONSTRAINT workspaces_automatic_updates_enum CHECK (automatic_updates IN ('always', 'never'))
) STRICT;
CREATE INDEX workspace_next_start_at_idx ON workspaces (next_start_at) WHERE deleted = FALSE;
CREATE INDEX workspace_template_id_idx ON workspaces (template_id) WHERE deleted = FALSE;
CREATE UNIQUE INDEX workspaces_owner_id_lower_idx ON workspaces (owner_id, lower(name)) WHERE deleted = FALSE;

-- Starts, stops and deletions of a workspace, numbered from 1.
CREATE TABLE workspace_builds (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    workspace_id TEXT NOT NULL,
    template_version_id TEXT NOT NULL,
    build_number INTEGER NOT NULL,
    transition TEXT NOT NULL,
    initiator_id TEXT NOT NULL,
    provisioner_state BLOB,
    job_id TEXT NOT NULL,
    deadline INTEGER NOT NULL DEFAULT -62135596800000000,
    reason TEXT NOT NULL DEFAULT 'initiator',
    daily_cost INTEGER NOT NULL DEFAULT 0,
    max_deadline INTEGER NOT NULL DEFAULT -62135596800000000,
    template_version_preset_id TEXT,
    has_ai_task INTEGER CHECK (has_ai_task IN (0, 1)),
    has_external_agent INTEGER CHECK (has_external_agent IN (0, 1)),
    CONSTRAINT workspace_builds_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_builds_job_id_key UNIQUE (job_id),
    CONSTRAINT workspace_builds_workspace_id_build_number_key UNIQUE (workspace_id, build_number),
    CONSTRAINT workspace_builds_job_id_fkey FOREIGN KEY (job_id) REFERENCES provisioner_jobs(id) ON DELETE CASCADE,
    CONSTRAINT workspace_builds_template_version_id_fkey FOREIGN KEY (template_version_id)
        REFERENCES template_versions(id) ON DELETE CASCADE,
    CONSTRAINT workspace_builds_template_version_preset_id_fkey FOREIGN KEY (template_version_preset_id)
        REFERENCES template_version_presets(id) ON DELETE SET NULL,
    CONSTRAINT workspace_builds_workspace_id_fkey FOREIGN KEY (workspace_id)
        REFERENCES workspaces(id) ON DELETE CASCADE,
    CONSTRAINT workspace_builds_deadline_below_max_deadline
        CHECK ((deadline <> -62135596800000000 AND deadline <= max_deadline) OR max_deadline = -62135596800000000),
    CONSTRAINT workspace_builds_transition_enum CHECK (transition IN ('start', 'stop', 'delete')),
    CONSTRAINT workspace_builds_reason_enum CHECK (reason IN (
        'initiator', 'autostart', 'autostop', 'dormancy', 'failedstop', 'autodelete', 'dashboard', 'cli',
        'ssh_connection', 'vscode_connection', 'jetbrains_connection'
    ))
) STRICT;
CREATE INDEX idx_workspace_builds_initiator_id ON workspace_builds (initiator_id);

-- The parameter values of a build.
CREATE TABLE workspace_build_parameters (
    workspace_build_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT workspace_build_parameters_workspace_build_id_name_key UNIQUE (workspace_build_id, name),
    CONSTRAINT workspace_build_parameters_workspace_build_id_fkey FOREIGN KEY (workspace_build_id)
        REFERENCES workspace_builds(id) ON DELETE CASCADE
) STRICT;

-- Terraform modules that a job used.
CREATE TABLE workspace_modules (
    id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    transition TEXT NOT NULL,
    source TEXT NOT NULL,
    version TEXT NOT NULL,
    key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT workspace_modules_job_id_fkey FOREIGN KEY (job_id) REFERENCES provisioner_jobs(id) ON DELETE CASCADE,
    CONSTRAINT workspace_modules_transition_enum CHECK (transition IN ('start', 'stop', 'delete'))
) STRICT;
CREATE INDEX workspace_modules_created_at_idx ON workspace_modules (created_at);

-- What a job made or would make.
CREATE TABLE workspace_resources (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    transition TEXT NOT NULL,
    type TEXT NOT NULL CHECK (length(type) <= 192),
    name TEXT NOT NULL CHECK (length(name) <= 64),
    hide INTEGER NOT NULL DEFAULT 0 CHECK (hide IN (0, 1)),
    icon TEXT NOT NULL DEFAULT '' CHECK (length(icon) <= 256),
    instance_type TEXT CHECK (length(instance_type) <= 256),
    daily_cost INTEGER NOT NULL DEFAULT 0,
    module_path TEXT,
    CONSTRAINT workspace_resources_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_resources_job_id_fkey FOREIGN KEY (job_id) REFERENCES provisioner_jobs(id) ON DELETE CASCADE,
    CONSTRAINT workspace_resources_transition_enum CHECK (transition IN ('start', 'stop', 'delete'))
) STRICT;
CREATE INDEX workspace_resources_job_id_idx ON workspace_resources (job_id);

-- Facts that a resource shows to the user.
CREATE TABLE workspace_resource_metadata (
    workspace_resource_id TEXT NOT NULL,
    key TEXT NOT NULL CHECK (length(key) <= 1024),
    value TEXT CHECK (length(value) <= 65536),
    sensitive INTEGER NOT NULL CHECK (sensitive IN (0, 1)),
    id INTEGER NOT NULL CONSTRAINT workspace_resource_metadata_pkey PRIMARY KEY AUTOINCREMENT,
    CONSTRAINT workspace_resource_metadata_name UNIQUE (workspace_resource_id, key),
    CONSTRAINT workspace_resource_metadata_workspace_resource_id_fkey FOREIGN KEY (workspace_resource_id)
        REFERENCES workspace_resources(id) ON DELETE CASCADE
) STRICT;

-- Proxies that bring apps nearer to users. The store numbers regions: one above the highest so far.
CREATE TABLE workspace_proxies (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    icon TEXT NOT NULL,
    url TEXT NOT NULL,
    wildcard_hostname TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    token_hashed_secret BLOB NOT NULL,
    region_id INTEGER NOT NULL,
    derp_enabled INTEGER NOT NULL DEFAULT 1 CHECK (derp_enabled IN (0, 1)),
    derp_only INTEGER NOT NULL DEFAULT 0 CHECK (derp_only IN (0, 1)),
    version TEXT NOT NULL DEFAULT '',
    CONSTRAINT workspace_proxies_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_proxies_region_id_unique UNIQUE (region_id)
) STRICT;
CREATE UNIQUE INDEX workspace_proxies_lower_name_idx ON workspace_proxies (lower(name)) WHERE deleted = FALSE;

-- Workspace agents

-- Agents that builds declared, and sub-agents that those started.
CREATE TABLE workspace_agents (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    name TEXT NOT NULL CHECK (length(name) <= 64),
    first_connected_at INTEGER,
    last_connected_at INTEGER,
    disconnected_at INTEGER,
    resource_id TEXT NOT NULL,
    auth_token TEXT NOT NULL,
    auth_instance_id TEXT,
    architecture TEXT NOT NULL CHECK (length(architecture) <= 64),
    environment_variables TEXT CHECK (json_valid(environment_variables)),
    operating_system TEXT NOT NULL CHECK (length(operating_system) <= 64),
    instance_metadata TEXT CHECK (json_valid(instance_metadata)),
    resource_metadata TEXT CHECK (json_valid(resource_metadata)),
    directory TEXT NOT NULL DEFAULT '' CHECK (length(directory) <= 4096),
    version TEXT NOT NULL DEFAULT '',
    last_connected_replica_id TEXT,
    connection_timeout_seconds INTEGER NOT NULL DEFAULT 0,
    troubleshooting_url TEXT NOT NULL DEFAULT '',
    motd_file TEXT NOT NULL DEFAULT '',
    lifecycle_state TEXT NOT NULL DEFAULT 'created',
    expanded_directory TEXT NOT NULL DEFAULT '' CHECK (length(expanded_directory) <= 4096),
    logs_length INTEGER NOT NULL DEFAULT 0,
    logs_overflowed INTEGER NOT NULL DEFAULT 0 CHECK (logs_overflowed IN (0, 1)),
    started_at INTEGER,
    ready_at INTEGER,
    subsystems TEXT DEFAULT '[]' CHECK (json_valid(subsystems) AND json_type(subsystems) = 'array'),
    display_apps TEXT DEFAULT '["vscode","vscode_insiders","web_terminal","ssh_helper","port_forwarding_helper"]'
        CHECK (json_valid(display_apps) AND json_type(display_apps) = 'array'),
    api_version TEXT NOT NULL DEFAULT '',
    display_order INTEGER NOT NULL DEFAULT 0,
    parent_id TEXT,
    api_key_scope TEXT NOT NULL DEFAULT 'all',
    deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    CONSTRAINT workspace_agents_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_agents_parent_id_fkey FOREIGN KEY (parent_id)
        REFERENCES workspace_agents(id) ON DELETE CASCADE,
    CONSTRAINT workspace_agents_resource_id_fkey FOREIGN KEY (resource_id)
        REFERENCES workspace_resources(id) ON DELETE CASCADE,
    CONSTRAINT max_logs_length CHECK (logs_length <= 1048576),
    CONSTRAINT subsystems_not_none CHECK (instr(subsystems, '"none"') = 0),
    CONSTRAINT workspace_agents_lifecycle_state_enum CHECK (lifecycle_state IN (
        'created', 'starting', 'start_timeout', 'start_error', 'ready', 'shutting_down', 'shutdown_timeout',
        'shutdown_error', 'off'
    )),
    CONSTRAINT workspace_agents_api_key_scope_enum CHECK (api_key_scope IN ('all', 'no_user_data'))
) STRICT;
CREATE INDEX workspace_agents_auth_instance_id_deleted_idx ON workspace_agents (auth_instance_id, deleted);
CREATE INDEX workspace_agents_auth_token_idx ON workspace_agents (auth_token);
CREATE INDEX workspace_agents_resource_id_idx ON workspace_agents (resource_id);

-- Values that agents measure over and over.
CREATE TABLE workspace_agent_metadata (
    workspace_agent_id TEXT NOT NULL,
    display_name TEXT NOT NULL CHECK (length(display_name) <= 127),
    key TEXT NOT NULL CHECK (length(key) <= 127),
    script TEXT NOT NULL CHECK (length(script) <= 65535),
    value TEXT NOT NULL DEFAULT '' CHECK (length(value) <= 65535),
    error TEXT NOT NULL DEFAULT '' CHECK (length(error) <= 65535),
    timeout INTEGER NOT NULL,
    interval INTEGER NOT NULL,
    collected_at INTEGER NOT NULL DEFAULT -62135596800000000,
    display_order INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT workspace_agent_metadata_pkey PRIMARY KEY (workspace_agent_id, key),
    CONSTRAINT workspace_agent_metadata_workspace_agent_id_fkey FOREIGN KEY (workspace_agent_id)
        REFERENCES workspace_agents(id) ON DELETE CASCADE
) STRICT;

-- Where an agent's log lines come from.
CREATE TABLE workspace_agent_log_sources (
    workspace_agent_id TEXT NOT NULL,
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    display_name TEXT NOT NULL CHECK (length(display_name) <= 127),
    icon TEXT NOT NULL,
    CONSTRAINT workspace_agent_log_sources_pkey PRIMARY KEY (workspace_agent_id, id),
    CONSTRAINT workspace_agent_log_sources_workspace_agent_id_fkey FOREIGN KEY (workspace_agent_id)
        REFERENCES workspace_agents(id) ON DELETE CASCADE
) STRICT;

-- What agents' scripts printed.
CREATE TABLE workspace_agent_logs (
    agent_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    output TEXT NOT NULL CHECK (length(output) <= 1024),
    id INTEGER NOT NULL CONSTRAINT workspace_agent_startup_logs_pkey PRIMARY KEY AUTOINCREMENT,
    level TEXT NOT NULL DEFAULT 'info',
    log_source_id TEXT NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    CONSTRAINT workspace_agent_startup_logs_agent_id_fkey FOREIGN KEY (agent_id)
        REFERENCES workspace_agents(id) ON DELETE CASCADE,
    CONSTRAINT workspace_agent_logs_level_enum CHECK (level IN ('trace', 'debug', 'info', 'warn', 'error'))
) STRICT;
CREATE INDEX workspace_agent_startup_logs_id_agent_id_idx ON workspace_agent_logs (agent_id, id);

-- Scripts that agents run at start, at stop, or by the clock.
CREATE TABLE workspace_agent_scripts (
    workspace_agent_id TEXT NOT NULL,
    log_source_id TEXT NOT NULL,
    log_path TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    script TEXT NOT NULL,
    cron TEXT NOT NULL,
    start_blocks_login INTEGER NOT NULL CHECK (start_blocks_login IN (0, 1)),
    run_on_start INTEGER NOT NULL CHECK (run_on_start IN (0, 1)),
    run_on_stop INTEGER NOT NULL CHECK (run_on_stop IN (0, 1)),
    timeout_seconds INTEGER NOT NULL,
    display_name TEXT NOT NULL,
    id TEXT NOT NULL DEFAULT (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    CONSTRAINT workspace_agent_scripts_id_key UNIQUE (id),
    CONSTRAINT workspace_agent_scripts_workspace_agent_id_fkey FOREIGN KEY (workspace_agent_id)
        REFERENCES workspace_agents(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX workspace_agent_scripts_workspace_agent_id_idx ON workspace_agent_scripts (workspace_agent_id);

-- How long scripts took and how they ended.
CREATE TABLE workspace_agent_script_timings (
    script_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    exit_code INTEGER NOT NULL,
    stage TEXT NOT NULL,
    status TEXT NOT NULL,
    CONSTRAINT workspace_agent_script_timings_script_id_started_at_key UNIQUE (script_id, started_at),
    CONSTRAINT workspace_agent_script_timings_script_id_fkey FOREIGN KEY (script_id)
        REFERENCES workspace_agent_scripts(id) ON DELETE CASCADE,
    CONSTRAINT workspace_agent_script_timings_stage_enum CHECK (stage IN ('start', 'stop', 'cron')),
    CONSTRAINT workspace_agent_script_timings_status_enum CHECK (status IN (
        'ok', 'exit_failure', 'timed_out', 'pipes_left_open'
    ))
) STRICT;

-- Traffic and sessions that agents report.
CREATE TABLE workspace_agent_stats (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    template_id TEXT NOT NULL,
    connections_by_proto TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(connections_by_proto)),
    connection_count INTEGER NOT NULL DEFAULT 0,
    rx_packets INTEGER NOT NULL DEFAULT 0,
    rx_bytes INTEGER NOT NULL DEFAULT 0,
    tx_packets INTEGER NOT NULL DEFAULT 0,
    tx_bytes INTEGER NOT NULL DEFAULT 0,
    connection_median_latency_ms REAL NOT NULL DEFAULT -1,
    session_count_vscode INTEGER NOT NULL DEFAULT 0,
    session_count_jetbrains INTEGER NOT NULL DEFAULT 0,
    session_count_reconnecting_pty INTEGER NOT NULL DEFAULT 0,
    session_count_ssh INTEGER NOT NULL DEFAULT 0,
    usage INTEGER NOT NULL DEFAULT 0 CHECK (usage IN (0, 1)),
    CONSTRAINT agent_stats_pkey PRIMARY KEY (id)
) STRICT;
CREATE INDEX idx_agent_stats_created_at ON workspace_agent_stats (created_at);
CREATE INDEX idx_agent_stats_user_id ON workspace_agent_stats (user_id);
CREATE INDEX workspace_agent_stats_template_id_created_at_user_id_idx
    ON workspace_agent_stats (template_id, created_at, user_id, session_count_vscode,
        session_count_jetbrains, session_count_reconnecting_pty, session_count_ssh, connection_median_latency_ms)
    WHERE connection_count > 0;

-- When to warn that memory runs out.
CREATE TABLE workspace_agent_memory_resource_monitors (
    agent_id TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    threshold INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    state TEXT NOT NULL DEFAULT 'OK',
    debounced_until INTEGER NOT NULL DEFAULT -62135596800000000,
    CONSTRAINT workspace_agent_memory_resource_monitors_pkey PRIMARY KEY (agent_id),
    CONSTRAINT workspace_agent_memory_resource_monitors_agent_id_fkey FOREIGN KEY (agent_id)
        REFERENCES workspace_agents(id) ON DELETE CASCADE,
    CONSTRAINT workspace_agent_memory_resource_monitors_state_enum CHECK (state IN ('OK', 'NOK'))
) STRICT;

-- When to warn that a volume runs full.
CREATE TABLE workspace_agent_volume_resource_monitors (
    agent_id TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    threshold INTEGER NOT NULL,
    path TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    state TEXT NOT NULL DEFAULT 'OK',
    debounced_until INTEGER NOT NULL DEFAULT -62135596800000000,
    CONSTRAINT workspace_agent_volume_resource_monitors_pkey PRIMARY KEY (agent_id, path),
    CONSTRAINT workspace_agent_volume_resource_monitors_agent_id_fkey FOREIGN KEY (agent_id)
        REFERENCES workspace_agents(id) ON DELETE CASCADE,
    CONSTRAINT workspace_agent_volume_resource_monitors_state_enum CHECK (state IN ('OK', 'NOK'))
) STRICT;

-- Dev containers that agents run.
CREATE TABLE workspace_agent_devcontainers (
    id TEXT NOT NULL,
    workspace_agent_id TEXT NOT NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    workspace_folder TEXT NOT NULL,
    config_path TEXT NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT workspace_agent_devcontainers_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_agent_devcontainers_workspace_agent_id_fkey FOREIGN KEY (workspace_agent_id)
        REFERENCES workspace_agents(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX workspace_agent_devcontainers_workspace_agent_id ON workspace_agent_devcontainers (workspace_agent_id);

-- Ports that are shared beyond the owner.
CREATE TABLE workspace_agent_port_share (
    workspace_id TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    port INTEGER NOT NULL,
    share_level TEXT NOT NULL,
    protocol TEXT NOT NULL DEFAULT 'http',
    CONSTRAINT workspace_agent_port_share_pkey PRIMARY KEY (workspace_id, agent_name, port),
    CONSTRAINT workspace_agent_port_share_workspace_id_fkey FOREIGN KEY (workspace_id)
        REFERENCES workspaces(id) ON DELETE CASCADE,
    CONSTRAINT workspace_agent_port_share_share_level_enum CHECK (share_level IN (
        'owner', 'authenticated', 'organization', 'public'
    )),
    CONSTRAINT workspace_agent_port_share_protocol_enum CHECK (protocol IN ('http', 'https'))
) STRICT;

-- Apps behind agents.
CREATE TABLE workspace_apps (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    agent_id TEXT NOT NULL,
    display_name TEXT NOT NULL CHECK (length(display_name) <= 64),
    icon TEXT NOT NULL CHECK (length(icon) <= 256),
    command TEXT CHECK (length(command) <= 65534),
    url TEXT CHECK (length(url) <= 65534),
    healthcheck_url TEXT NOT NULL DEFAULT '',
    healthcheck_interval INTEGER NOT NULL DEFAULT 0,
    healthcheck_threshold INTEGER NOT NULL DEFAULT 0,
    health TEXT NOT NULL DEFAULT 'disabled',
    subdomain INTEGER NOT NULL DEFAULT 0 CHECK (subdomain IN (0, 1)),
    sharing_level TEXT NOT NULL DEFAULT 'owner',
    slug TEXT NOT NULL,
    external INTEGER NOT NULL DEFAULT 0 CHECK (external IN (0, 1)),
    display_order INTEGER NOT NULL DEFAULT 0,
    hidden INTEGER NOT NULL DEFAULT 0 CHECK (hidden IN (0, 1)),
    open_in TEXT NOT NULL DEFAULT 'slim-window',
    display_group TEXT,
    tooltip TEXT NOT NULL DEFAULT '' CHECK (length(tooltip) <= 2048),
    CONSTRAINT workspace_apps_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_apps_agent_id_slug_idx UNIQUE (agent_id, slug),
    CONSTRAINT workspace_apps_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE,
    CONSTRAINT workspace_apps_health_enum CHECK (health IN ('disabled', 'initializing', 'healthy', 'unhealthy')),
    CONSTRAINT workspace_apps_sharing_level_enum CHECK (sharing_level IN (
        'owner', 'authenticated', 'organization', 'public'
    )),
    CONSTRAINT workspace_apps_open_in_enum CHECK (open_in IN ('tab', 'window', 'slim-window'))
) STRICT;

-- Sessions of apps.
CREATE TABLE workspace_app_stats (
    id INTEGER NOT NULL CONSTRAINT workspace_app_stats_pkey PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    access_method TEXT NOT NULL,
    slug_or_port TEXT NOT NULL,
    session_id TEXT NOT NULL,
    session_started_at INTEGER NOT NULL,
    session_ended_at INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    CONSTRAINT workspace_app_stats_user_id_agent_id_session_id_key UNIQUE (user_id, agent_id, session_id),
    CONSTRAINT workspace_app_stats_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES workspace_agents(id),
    CONSTRAINT workspace_app_stats_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id),
    CONSTRAINT workspace_app_stats_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
) STRICT;
CREATE INDEX workspace_app_stats_workspace_id_idx ON workspace_app_stats (workspace_id);

-- What a coding agent says about its progress.
CREATE TABLE workspace_app_statuses (
    id TEXT NOT NULL DEFAULT (
        lower(
            hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
            || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
        )
    ),
    created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    agent_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL,
    uri TEXT,
    CONSTRAINT workspace_app_statuses_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_app_statuses_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES workspace_agents(id),
    CONSTRAINT workspace_app_statuses_app_id_fkey FOREIGN KEY (app_id) REFERENCES workspace_apps(id),
    CONSTRAINT workspace_app_statuses_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id),
    CONSTRAINT workspace_app_statuses_state_enum CHECK (state IN ('working', 'complete', 'failure', 'idle'))
) STRICT;
CREATE INDEX idx_workspace_app_statuses_workspace_id_created_at
    ON workspace_app_statuses (workspace_id, created_at DESC);
CREATE INDEX workspace_app_statuses_app_id_idx ON workspace_app_statuses (app_id, created_at DESC);

-- Which app openings have been audited already.
CREATE TABLE workspace_app_audit_sessions (
    agent_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    slug_or_port TEXT NOT NULL,
    status_code INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    id TEXT NOT NULL,
    CONSTRAINT workspace_app_audit_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_app_audit_sessions_agent_id_app_id_user_id_ip_use_key
        UNIQUE (agent_id, app_id, user_id, ip, user_agent, slug_or_port, status_code),
    CONSTRAINT workspace_app_audit_sessions_agent_id_fkey FOREIGN KEY (agent_id)
        REFERENCES workspace_agents(id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX workspace_app_audit_sessions_unique_index
    ON workspace_app_audit_sessions (agent_id, app_id, user_id, ip, user_agent, slug_or_port, status_code);

-- Findings of an image scanner, by agent.
CREATE TABLE jfrog_xray_scans (
    agent_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    critical INTEGER NOT NULL DEFAULT 0,
    high INTEGER NOT NULL DEFAULT 0,
    medium INTEGER NOT NULL DEFAULT 0,
    results_url TEXT NOT NULL DEFAULT '',
    CONSTRAINT jfrog_xray_scans_pkey PRIMARY KEY (agent_id, workspace_id),
    CONSTRAINT jfrog_xray_scans_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES workspace_agents(id) ON DELETE CASCADE,
    CONSTRAINT jfrog_xray_scans_workspace_id_fkey FOREIGN KEY (workspace_id)
        REFERENCES workspaces(id) ON DELETE CASCADE
) STRICT;

-- Tasks

-- A prompt and the workspace that works on it.
CREATE TABLE tasks (
    id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    name TEXT NOT NULL,
    workspace_id TEXT,
    template_version_id TEXT NOT NULL,
    template_parameters TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(template_parameters)),
    prompt TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    display_name TEXT NOT NULL DEFAULT '' CHECK (length(display_name) <= 127),
    CONSTRAINT tasks_pkey PRIMARY KEY (id),
    CONSTRAINT tasks_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT tasks_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT tasks_template_version_id_fkey FOREIGN KEY (template_version_id)
        REFERENCES template_versions(id) ON DELETE CASCADE,
    CONSTRAINT tasks_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX tasks_organization_id_idx ON tasks (organization_id);
CREATE INDEX tasks_owner_id_idx ON tasks (owner_id);
CREATE UNIQUE INDEX tasks_owner_id_name_unique_idx ON tasks (owner_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX tasks_workspace_id_idx ON tasks (workspace_id);

-- Which agent and app serve a task in which build.
CREATE TABLE task_workspace_apps (
    task_id TEXT NOT NULL,
    workspace_agent_id TEXT,
    workspace_app_id TEXT,
    workspace_build_number INTEGER NOT NULL,
    CONSTRAINT task_workspace_apps_pkey PRIMARY KEY (task_id, workspace_build_number),
    CONSTRAINT task_workspace_apps_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE,
    CONSTRAINT task_workspace_apps_workspace_agent_id_fkey FOREIGN KEY (workspace_agent_id)
        REFERENCES workspace_agents(id) ON DELETE CASCADE,
    CONSTRAINT task_workspace_apps_workspace_app_id_fkey FOREIGN KEY (workspace_app_id)
        REFERENCES workspace_apps(id) ON DELETE CASCADE
) STRICT;

-- Notifications

-- Kinds of messages: words, buttons, how they are sent.
CREATE TABLE notification_templates (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    title_template TEXT NOT NULL,
    body_template TEXT NOT NULL,
    actions TEXT CHECK (json_valid(actions)),
    "group" TEXT,
    method TEXT,
    kind TEXT NOT NULL DEFAULT 'system',
    enabled_by_default INTEGER NOT NULL DEFAULT 1 CHECK (enabled_by_default IN (0, 1)),
    CONSTRAINT notification_templates_pkey PRIMARY KEY (id),
    CONSTRAINT notification_templates_name_key UNIQUE (name),
    CONSTRAINT notification_templates_method_enum CHECK (method IN ('smtp', 'webhook', 'inbox')),
    CONSTRAINT notification_templates_kind_enum CHECK (kind IN ('system', 'custom'))
) STRICT;

-- Kinds that a user switched off, or on.
CREATE TABLE notification_preferences (
    user_id TEXT NOT NULL,
    notification_template_id TEXT NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    updated_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    CONSTRAINT notification_preferences_pkey PRIMARY KEY (user_id, notification_template_id),
    CONSTRAINT notification_preferences_notification_template_id_fkey FOREIGN KEY (notification_template_id)
        REFERENCES notification_templates(id) ON DELETE CASCADE,
    CONSTRAINT notification_preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
) STRICT;

-- The queue of messages to send.
CREATE TABLE notification_messages (
    id TEXT NOT NULL,
    notification_template_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    method TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    status_reason TEXT,
    created_by TEXT NOT NULL,
    payload TEXT NOT NULL CHECK (json_valid(payload)),
    attempt_count INTEGER DEFAULT 0,
    targets TEXT CHECK (json_valid(targets) AND json_type(targets) = 'array'),
    created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    updated_at INTEGER,
    leased_until INTEGER,
    next_retry_after INTEGER,
    queued_seconds REAL,
    dedupe_hash TEXT,
    CONSTRAINT notification_messages_pkey PRIMARY KEY (id),
    CONSTRAINT notification_messages_notification_template_id_fkey FOREIGN KEY (notification_template_id)
        REFERENCES notification_templates(id) ON DELETE CASCADE,
    CONSTRAINT notification_messages_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT notification_messages_method_enum CHECK (method IN ('smtp', 'webhook', 'inbox')),
    CONSTRAINT notification_messages_status_enum CHECK (status IN (
        'pending', 'leased', 'sent', 'permanent_failure', 'temporary_failure', 'unknown', 'inhibited'
    ))
) STRICT;
CREATE INDEX idx_notification_messages_status ON notification_messages (status);
CREATE UNIQUE INDEX notification_messages_dedupe_hash_idx ON notification_messages (dedupe_hash);

-- When each report went out last.
CREATE TABLE notification_report_generator_logs (
    notification_template_id TEXT NOT NULL,
    last_generated_at INTEGER NOT NULL,
    CONSTRAINT notification_report_generator_logs_pkey PRIMARY KEY (notification_template_id)
) STRICT;

-- Messages shown in the dashboard.
CREATE TABLE inbox_notifications (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    template_id TEXT NOT NULL,
    targets TEXT CHECK (json_valid(targets) AND json_type(targets) = 'array'),
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    icon TEXT NOT NULL,
    actions TEXT NOT NULL CHECK (json_valid(actions)),
    read_at INTEGER,
    created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    CONSTRAINT inbox_notifications_pkey PRIMARY KEY (id),
    CONSTRAINT inbox_notifications_template_id_fkey FOREIGN KEY (template_id)
        REFERENCES notification_templates(id) ON DELETE CASCADE,
    CONSTRAINT inbox_notifications_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX idx_inbox_notifications_user_id_read_at ON inbox_notifications (user_id, read_at);
CREATE INDEX idx_inbox_notifications_user_id_template_id_targets ON inbox_notifications (user_id, template_id, targets);

-- OAuth2 provider
-- The server as an identity provider for other applications.

-- Registered applications.
CREATE TABLE oauth2_provider_apps (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    name TEXT NOT NULL CHECK (length(name) <= 64),
    icon TEXT NOT NULL CHECK (length(icon) <= 256),
    callback_url TEXT NOT NULL,
    redirect_uris TEXT CHECK (json_valid(redirect_uris) AND json_type(redirect_uris) = 'array'),
    client_type TEXT DEFAULT 'confidential',
    dynamically_registered INTEGER DEFAULT 0 CHECK (dynamically_registered IN (0, 1)),
    client_id_issued_at INTEGER DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    client_secret_expires_at INTEGER,
    grant_types TEXT DEFAULT '["authorization_code","refresh_token"]'
        CHECK (json_valid(grant_types) AND json_type(grant_types) = 'array'),
    response_types TEXT DEFAULT '["code"]' CHECK (json_valid(response_types) AND json_type(response_types) = 'array'),
    token_endpoint_auth_method TEXT DEFAULT 'client_secret_basic',
    scope TEXT DEFAULT '',
    contacts TEXT CHECK (json_valid(contacts) AND json_type(contacts) = 'array'),
    client_uri TEXT,
    logo_uri TEXT,
    tos_uri TEXT,
    policy_uri TEXT,
    jwks_uri TEXT,
    jwks TEXT CHECK (json_valid(jwks)),
    software_id TEXT,
    software_version TEXT,
    registration_access_token BLOB,
    registration_client_uri TEXT,
    CONSTRAINT oauth2_provider_apps_pkey PRIMARY KEY (id)
) STRICT;

-- Secrets of applications; only hashes are kept.
CREATE TABLE oauth2_provider_app_secrets (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    hashed_secret BLOB NOT NULL,
    display_secret TEXT NOT NULL,
    app_id TEXT NOT NULL,
    secret_prefix BLOB NOT NULL,
    CONSTRAINT oauth2_provider_app_secrets_pkey PRIMARY KEY (id),
    CONSTRAINT oauth2_provider_app_secrets_secret_prefix_key UNIQUE (secret_prefix),
    CONSTRAINT oauth2_provider_app_secrets_app_id_fkey FOREIGN KEY (app_id)
        REFERENCES oauth2_provider_apps(id) ON DELETE CASCADE
) STRICT;

-- Authorization codes that wait to be exchanged.
CREATE TABLE oauth2_provider_app_codes (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    secret_prefix BLOB NOT NULL,
    hashed_secret BLOB NOT NULL,
    user_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    resource_uri TEXT,
    code_challenge TEXT,
    code_challenge_method TEXT,
    CONSTRAINT oauth2_provider_app_codes_pkey PRIMARY KEY (id),
    CONSTRAINT oauth2_provider_app_codes_secret_prefix_key UNIQUE (secret_prefix),
    CONSTRAINT oauth2_provider_app_codes_app_id_fkey FOREIGN KEY (app_id)
        REFERENCES oauth2_provider_apps(id) ON DELETE CASCADE,
    CONSTRAINT oauth2_provider_app_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
) STRICT;

-- Refresh tokens, each tied to the API key it renews.
CREATE TABLE oauth2_provider_app_tokens (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    hash_prefix BLOB NOT NULL,
    refresh_hash BLOB NOT NULL,
    app_secret_id TEXT NOT NULL,
    api_key_id TEXT NOT NULL,
    audience TEXT,
    user_id TEXT NOT NULL,
    CONSTRAINT oauth2_provider_app_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT oauth2_provider_app_tokens_hash_prefix_key UNIQUE (hash_prefix),
    CONSTRAINT fk_oauth2_provider_app_tokens_user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT oauth2_provider_app_tokens_api_key_id_fkey FOREIGN KEY (api_key_id)
        REFERENCES api_keys(id) ON DELETE CASCADE,
    CONSTRAINT oauth2_provider_app_tokens_app_secret_id_fkey FOREIGN KEY (app_secret_id)
        REFERENCES oauth2_provider_app_secrets(id) ON DELETE CASCADE
) STRICT;

-- Audit, AI bridge, usage

-- Who changed what. It refers to others without keys, so that it outlives them.
CREATE TABLE audit_logs (
    id TEXT NOT NULL,
    time INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    ip TEXT,
    user_agent TEXT CHECK (length(user_agent) <= 256),
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    resource_target TEXT NOT NULL,
    action TEXT NOT NULL,
    diff TEXT NOT NULL CHECK (json_valid(diff)),
    status_code INTEGER NOT NULL,
    additional_fields TEXT NOT NULL CHECK (json_valid(additional_fields)),
    request_id TEXT NOT NULL,
    resource_icon TEXT NOT NULL,
    CONSTRAINT audit_logs_pkey PRIMARY KEY (id),
    CONSTRAINT audit_logs_resource_type_enum CHECK (resource_type IN (
        'organization', 'template', 'template_version', 'user', 'workspace', 'git_ssh_key', 'api_key', 'group',
        'workspace_build', 'license', 'workspace_proxy', 'convert_login', 'health_settings',
        'oauth2_provider_app', 'oauth2_provider_app_secret', 'custom_role', 'organization_member',
        'notifications_settings', 'notification_template', 'idp_sync_settings_organization',
        'idp_sync_settings_group', 'idp_sync_settings_role', 'workspace_agent', 'workspace_app',
        'prebuilds_settings', 'task'
    )),
    CONSTRAINT audit_logs_action_enum CHECK (action IN (
        'create', 'write', 'delete', 'start', 'stop', 'login', 'logout', 'register', 'request_password_reset',
        'connect', 'disconnect', 'open', 'close'
    ))
) STRICT;
CREATE INDEX idx_audit_log_organization_id ON audit_logs (organization_id);
CREATE INDEX idx_audit_log_resource_id ON audit_logs (resource_id);
CREATE INDEX idx_audit_log_user_id ON audit_logs (user_id);
CREATE INDEX idx_audit_logs_time_desc ON audit_logs (time DESC);

-- Who connected to which workspace, and how.
CREATE TABLE connection_logs (
    id TEXT NOT NULL,
    connect_time INTEGER NOT NULL,
    organization_id TEXT NOT NULL,
    workspace_owner_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    workspace_name TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    type TEXT NOT NULL,
    ip TEXT,
    code INTEGER,
    user_agent TEXT,
    user_id TEXT,
    slug_or_port TEXT,
    connection_id TEXT,
    disconnect_time INTEGER,
    disconnect_reason TEXT,
    CONSTRAINT connection_logs_pkey PRIMARY KEY (id),
    CONSTRAINT connection_logs_organization_id_fkey FOREIGN KEY (organization_id)
        REFERENCES organizations(id) ON DELETE CASCADE,
    CONSTRAINT connection_logs_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE CASCADE,
    CONSTRAINT connection_logs_workspace_owner_id_fkey FOREIGN KEY (workspace_owner_id)
        REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT connection_logs_type_enum CHECK (type IN (
        'ssh', 'vscode', 'jetbrains', 'reconnecting_pty', 'workspace_app', 'port_forwarding'
    ))
) STRICT;
CREATE INDEX idx_connection_logs_connect_time_desc ON connection_logs (connect_time DESC);
CREATE UNIQUE INDEX idx_connection_logs_connection_id_workspace_id_agent_name
    ON connection_logs (connection_id, workspace_id, agent_name);
CREATE INDEX idx_connection_logs_organization_id ON connection_logs (organization_id);
CREATE INDEX idx_connection_logs_workspace_id ON connection_logs (workspace_id);
CREATE INDEX idx_connection_logs_workspace_owner_id ON connection_logs (workspace_owner_id);

-- Requests to AI providers that went through the bridge.
CREATE TABLE aibridge_interceptions (
    id TEXT NOT NULL,
    initiator_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    metadata TEXT CHECK (json_valid(metadata)),
    ended_at INTEGER,
    api_key_id TEXT,
    CONSTRAINT aibridge_interceptions_pkey PRIMARY KEY (id),
    CONSTRAINT aibridge_interceptions_initiator_id_fkey FOREIGN KEY (initiator_id) REFERENCES users(id)
) STRICT;
CREATE INDEX idx_aibridge_interceptions_initiator_id ON aibridge_interceptions (initiator_id);
CREATE INDEX idx_aibridge_interceptions_model ON aibridge_interceptions (model);
CREATE INDEX idx_aibridge_interceptions_provider ON aibridge_interceptions (provider);
CREATE INDEX idx_aibridge_interceptions_started_id_desc ON aibridge_interceptions (started_at DESC, id DESC);

-- Tokens that a request spent.
CREATE TABLE aibridge_token_usages (
    id TEXT NOT NULL,
    interception_id TEXT NOT NULL,
    provider_response_id TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    metadata TEXT CHECK (json_valid(metadata)),
    created_at INTEGER NOT NULL,
    CONSTRAINT aibridge_token_usages_pkey PRIMARY KEY (id)
) STRICT;
CREATE INDEX idx_aibridge_token_usages_interception_id ON aibridge_token_usages (interception_id);
CREATE INDEX idx_aibridge_token_usages_provider_response_id ON aibridge_token_usages (provider_response_id);

-- Tools that a model called.
CREATE TABLE aibridge_tool_usages (
    id TEXT NOT NULL,
    interception_id TEXT NOT NULL,
    provider_response_id TEXT NOT NULL,
    server_url TEXT,
    tool TEXT NOT NULL,
    input TEXT NOT NULL,
    injected INTEGER NOT NULL DEFAULT 0 CHECK (injected IN (0, 1)),
    invocation_error TEXT,
    metadata TEXT CHECK (json_valid(metadata)),
    created_at INTEGER NOT NULL,
    CONSTRAINT aibridge_tool_usages_pkey PRIMARY KEY (id)
) STRICT;
CREATE INDEX idx_aibridge_tool_usages_interception_id ON aibridge_tool_usages (interception_id);
CREATE INDEX idx_aibridge_tool_usagesprovider_response_id ON aibridge_tool_usages (provider_response_id);

-- What users asked.
CREATE TABLE aibridge_user_prompts (
    id TEXT NOT NULL,
    interception_id TEXT NOT NULL,
    provider_response_id TEXT NOT NULL,
    prompt TEXT NOT NULL,
    metadata TEXT CHECK (json_valid(metadata)),
    created_at INTEGER NOT NULL,
    CONSTRAINT aibridge_user_prompts_pkey PRIMARY KEY (id)
) STRICT;
CREATE INDEX idx_aibridge_user_prompts_interception_id ON aibridge_user_prompts (interception_id);
CREATE INDEX idx_aibridge_user_prompts_provider_response_id ON aibridge_user_prompts (provider_response_id);

-- Events that count for a licence, until they are published.
CREATE TABLE usage_events (
    id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    event_data TEXT NOT NULL CHECK (json_valid(event_data)),
    created_at INTEGER NOT NULL,
    publish_started_at INTEGER,
    published_at INTEGER,
    failure_message TEXT,
    CONSTRAINT usage_events_pkey PRIMARY KEY (id),
    CONSTRAINT usage_event_type_check CHECK (event_type IN ('dc_managed_agents_v1'))
) STRICT;
CREATE INDEX idx_usage_events_select_for_publishing ON usage_events (published_at, publish_started_at, created_at);

-- The same, summed by day (UTC, YYYY-MM-DD). Written by a trigger on usage_events.
CREATE TABLE usage_events_daily (
    day TEXT NOT NULL,
    event_type TEXT NOT NULL,
    usage_data TEXT NOT NULL CHECK (json_valid(usage_data)),
    CONSTRAINT usage_events_daily_pkey PRIMARY KEY (day, event_type)
) STRICT;

-- Small values that telemetry wants to keep.
CREATE TABLE telemetry_items (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    updated_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    CONSTRAINT telemetry_items_pkey PRIMARY KEY (key)
) STRICT;

-- Which replica reports which period.
CREATE TABLE telemetry_locks (
    event_type TEXT NOT NULL,
    period_ending_at INTEGER NOT NULL,
    CONSTRAINT telemetry_locks_pkey PRIMARY KEY (event_type, period_ending_at),
    CONSTRAINT telemetry_lock_event_type_constraint CHECK (event_type IN ('aibridge_interceptions_summary'))
) STRICT;
CREATE INDEX idx_telemetry_locks_period_ending_at ON telemetry_locks (period_ending_at);

-- Deployment

-- Values of the deployment as a whole.
CREATE TABLE site_configs (
    key TEXT NOT NULL CHECK (length(key) <= 256),
    value TEXT NOT NULL,
    CONSTRAINT site_configs_key_key UNIQUE (key)
) STRICT;

-- Licences, as signed tokens.
CREATE TABLE licenses (
    id INTEGER NOT NULL CONSTRAINT licenses_pkey PRIMARY KEY AUTOINCREMENT,
    uploaded_at INTEGER NOT NULL,
    jwt TEXT NOT NULL,
    exp INTEGER NOT NULL,
    uuid TEXT NOT NULL,
    CONSTRAINT licenses_jwt_key UNIQUE (jwt)
) STRICT;

-- Digests of the keys that encrypt columns.
CREATE TABLE dbcrypt_keys (
    number INTEGER NOT NULL,
    active_key_digest TEXT,
    revoked_key_digest TEXT,
    created_at INTEGER DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000),
    revoked_at INTEGER,
    test TEXT NOT NULL,
    CONSTRAINT dbcrypt_keys_pkey PRIMARY KEY (number),
    CONSTRAINT dbcrypt_keys_active_key_digest_key UNIQUE (active_key_digest),
    CONSTRAINT dbcrypt_keys_revoked_key_digest_key UNIQUE (revoked_key_digest)
) STRICT;

-- Signing and encryption keys, in rotation.
CREATE TABLE crypto_keys (
    feature TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    secret TEXT,
    secret_key_id TEXT,
    starts_at INTEGER NOT NULL,
    deletes_at INTEGER,
    CONSTRAINT crypto_keys_pkey PRIMARY KEY (feature, sequence),
    CONSTRAINT crypto_keys_secret_key_id_fkey FOREIGN KEY (secret_key_id) REFERENCES dbcrypt_keys(active_key_digest),
    CONSTRAINT crypto_keys_feature_enum CHECK (feature IN (
        'workspace_apps_token', 'workspace_apps_api_key', 'oidc_convert', 'tailnet_resume'
    ))
) STRICT;

-- Servers that are, or lately were, running.
CREATE TABLE replicas (
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    stopped_at INTEGER,
    updated_at INTEGER NOT NULL,
    hostname TEXT NOT NULL,
    region_id INTEGER NOT NULL,
    relay_address TEXT NOT NULL,
    database_latency INTEGER NOT NULL,
    version TEXT NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    "primary" INTEGER NOT NULL DEFAULT 1 CHECK ("primary" IN (0, 1))
) STRICT;

-- Tailnet
-- Who coordinates, which peers there are, which tunnels they want. Version 412 moves the first three elsewhere.

-- Coordinators and their heartbeats.
CREATE TABLE tailnet_coordinators (
    id TEXT NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    CONSTRAINT tailnet_coordinators_pkey PRIMARY KEY (id)
) STRICT;

-- Peers and their nodes (protobuf).
CREATE TABLE tailnet_peers (
    id TEXT NOT NULL,
    coordinator_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    node BLOB NOT NULL,
    status TEXT NOT NULL DEFAULT 'ok',
    CONSTRAINT tailnet_peers_pkey PRIMARY KEY (id, coordinator_id),
    CONSTRAINT tailnet_peers_coordinator_id_fkey FOREIGN KEY (coordinator_id)
        REFERENCES tailnet_coordinators(id) ON DELETE CASCADE,
    CONSTRAINT tailnet_peers_status_enum CHECK (status IN ('ok', 'lost'))
) STRICT;
CREATE INDEX idx_tailnet_peers_coordinator ON tailnet_peers (coordinator_id);

-- Pairs of peers that want to know each other.
CREATE TABLE tailnet_tunnels (
    coordinator_id TEXT NOT NULL,
    src_id TEXT NOT NULL,
    dst_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT tailnet_tunnels_pkey PRIMARY KEY (coordinator_id, src_id, dst_id),
    CONSTRAINT tailnet_tunnels_coordinator_id_fkey FOREIGN KEY (coordinator_id)
        REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX idx_tailnet_tunnels_dst_id ON tailnet_tunnels (dst_id);
CREATE INDEX idx_tailnet_tunnels_src_id ON tailnet_tunnels (src_id);

-- Agents of the first protocol.
CREATE TABLE tailnet_agents (
    id TEXT NOT NULL,
    coordinator_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    node TEXT NOT NULL CHECK (json_valid(node)),
    CONSTRAINT tailnet_agents_pkey PRIMARY KEY (id, coordinator_id),
    CONSTRAINT tailnet_agents_coordinator_id_fkey FOREIGN KEY (coordinator_id)
        REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX idx_tailnet_agents_coordinator ON tailnet_agents (coordinator_id);

-- Clients of the first protocol.
CREATE TABLE tailnet_clients (
    id TEXT NOT NULL,
    coordinator_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    node TEXT NOT NULL CHECK (json_valid(node)),
    CONSTRAINT tailnet_clients_pkey PRIMARY KEY (id, coordinator_id),
    CONSTRAINT tailnet_clients_coordinator_id_fkey FOREIGN KEY (coordinator_id)
        REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX idx_tailnet_clients_coordinator ON tailnet_clients (coordinator_id);

-- Which client wants which agent, in the first protocol.
CREATE TABLE tailnet_client_subscriptions (
    client_id TEXT NOT NULL,
    coordinator_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT tailnet_client_subscriptions_pkey PRIMARY KEY (client_id, coordinator_id, agent_id),
    CONSTRAINT tailnet_client_subscriptions_coordinator_id_fkey FOREIGN KEY (coordinator_id)
        REFERENCES tailnet_coordinators(id) ON DELETE CASCADE
) STRICT;

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
    (
        SELECT json_group_object(
            entry.key,
            json_object('name', coalesce(groups.name, ''), 'avatar_url', coalesce(groups.avatar_url, ''))
        )
        FROM json_each(workspaces.group_acl) AS entry
        LEFT JOIN groups ON groups.id = entry.key
    ) AS group_acl_display_info,
    (
        SELECT json_group_object(
            entry.key,
            json_object('name', coalesce(sharer.name, ''), 'avatar_url', coalesce(sharer.avatar_url, ''))
        )
        FROM json_each(workspaces.user_acl) AS entry
        LEFT JOIN visible_users AS sharer ON sharer.id = entry.key
    ) AS user_acl_display_info
FROM workspaces
JOIN visible_users AS owner ON owner.id = workspaces.owner_id
JOIN organizations ON organizations.id = workspaces.organization_id
JOIN templates ON templates.id = workspaces.template_id
LEFT JOIN tasks ON tasks.workspace_id = workspaces.id;

-- The latest build of each workspace that is not deleted. A workspace without a build is a row of nulls.
-- Fast by workspace_id and as the left side of a join. On the right of a LEFT JOIN SQLite works out all rows first.
CREATE VIEW workspace_latest_builds AS
SELECT
    latest.id AS id,
    latest.workspace_id AS workspace_id,
    latest.template_version_id AS template_version_id,
    latest.job_id AS job_id,
    latest.template_version_preset_id AS template_version_preset_id,
    latest.transition AS transition,
    latest.created_at AS created_at,
    provisioner_jobs.job_status AS job_status
FROM workspaces
LEFT JOIN workspace_builds AS latest
    ON latest.workspace_id = workspaces.id
    AND latest.build_number = (
        SELECT max(build_number) FROM workspace_builds AS build WHERE build.workspace_id = workspaces.id
    )
LEFT JOIN provisioner_jobs ON provisioner_jobs.id = latest.job_id
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
                SELECT min(workspace_agents.lifecycle_state = 'ready')
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
            0
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
)
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
    max(0.0, coalesce((job.started_at - job.created_at) / 1e6, 0.0)) AS queued_secs,
    max(0.0, coalesce((job.completed_at - job.started_at) / 1e6, 0.0)) AS completion_secs,
    max(0.0, coalesce((job.canceled_at - job.started_at) / 1e6, 0.0)) AS canceled_secs,
    max(
        0.0,
        coalesce(
            (max(iif(timing.stage = 'init', timing.ended_at, NULL))
                - min(iif(timing.stage = 'init', timing.started_at, NULL))) / 1e6,
            0.0
        )
    ) AS init_secs,
    max(
        0.0,
        coalesce(
            (max(iif(timing.stage = 'plan', timing.ended_at, NULL))
                - min(iif(timing.stage = 'plan', timing.started_at, NULL))) / 1e6,
            0.0
        )
    ) AS plan_secs,
    max(
        0.0,
        coalesce(
            (max(iif(timing.stage = 'graph', timing.ended_at, NULL))
                - min(iif(timing.stage = 'graph', timing.started_at, NULL))) / 1e6,
            0.0
        )
    ) AS graph_secs,
    max(
        0.0,
        coalesce(
            (max(iif(timing.stage = 'apply', timing.ended_at, NULL))
                - min(iif(timing.stage = 'apply', timing.started_at, NULL))) / 1e6,
            0.0
        )
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
        WHEN workspace_id IS NULL THEN 'pending'
        WHEN build_status <> 'active' THEN build_status
        WHEN agent_status <> 'active' THEN agent_status
        ELSE app_status
    END AS status,
    json_object(
        'build', json_object('transition', transition, 'job_status', job_status, 'computed', build_status),
        'agent', json_object('lifecycle_state', workspace_agent_lifecycle_state, 'computed', agent_status),
        'app', json_object('health', workspace_app_health, 'computed', app_status)
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
            WHEN provisioner_jobs.job_status IS NULL THEN 'pending'
            WHEN provisioner_jobs.job_status IN ('failed', 'canceling', 'canceled') THEN 'error'
            WHEN build.transition IN ('stop', 'delete') AND provisioner_jobs.job_status = 'succeeded' THEN 'paused'
            WHEN build.transition = 'start' AND provisioner_jobs.job_status = 'pending' THEN 'initializing'
            WHEN build.transition = 'start' AND provisioner_jobs.job_status IN ('running', 'succeeded') THEN 'active'
            ELSE 'unknown'
        END AS build_status,
        CASE
            WHEN agent.lifecycle_state IS NULL THEN 'initializing'
            WHEN agent.lifecycle_state IN ('created', 'starting') THEN 'initializing'
            WHEN agent.lifecycle_state IN ('ready', 'start_timeout', 'start_error') THEN 'active'
            ELSE 'unknown'
        END AS agent_status,
        CASE app.health
            WHEN 'initializing' THEN 'initializing'
            WHEN 'unhealthy' THEN 'error'
            WHEN 'healthy' THEN 'active'
            WHEN 'disabled' THEN 'active'
            ELSE 'unknown'
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
);

-- Triggers
--
-- SQLite has one event a trigger: where the reference names several, the second is <name>_update. A refusal is
-- SQLITE_CONSTRAINT_TRIGGER with the text below. AFTER triggers act after RETURNING has been answered.

CREATE TRIGGER trigger_insert_apikeys BEFORE INSERT ON api_keys
    WHEN EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id AND deleted = TRUE)
BEGIN
    SELECT RAISE(ABORT, 'an API key cannot be made for a deleted user');
END;

CREATE TRIGGER trigger_upsert_user_links BEFORE INSERT ON user_links
    WHEN EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id AND deleted = TRUE)
BEGIN
    SELECT RAISE(ABORT, 'a login cannot be linked to a deleted user');
END;

CREATE TRIGGER trigger_upsert_user_links_update BEFORE UPDATE ON user_links
    WHEN EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id AND deleted = TRUE)
BEGIN
    SELECT RAISE(ABORT, 'a login cannot be linked to a deleted user');
END;

-- A deleted user is signed out everywhere. The reference fires this on inserts too, where it finds nothing.
CREATE TRIGGER trigger_update_users AFTER UPDATE ON users
    WHEN NEW.deleted = TRUE
BEGIN
    DELETE FROM api_keys WHERE user_id = OLD.id;
    DELETE FROM user_links WHERE user_id = OLD.id;
END;

CREATE TRIGGER user_status_change_trigger AFTER INSERT ON users
BEGIN
    INSERT INTO user_status_changes (user_id, new_status, changed_at)
    VALUES (NEW.id, NEW.status, NEW.updated_at);
END;

CREATE TRIGGER user_status_change_trigger_update AFTER UPDATE ON users
    WHEN NEW.status <> OLD.status OR NEW.deleted > OLD.deleted
BEGIN
    INSERT INTO user_status_changes (user_id, new_status, changed_at)
    SELECT NEW.id, NEW.status, NEW.updated_at WHERE NEW.status <> OLD.status;

    INSERT INTO user_deleted (user_id, deleted_at)
    SELECT NEW.id, NEW.updated_at WHERE NEW.deleted > OLD.deleted;
END;

-- The permissions of this role are written at every start of the server.
CREATE TRIGGER trigger_insert_org_member_system_role AFTER INSERT ON organizations
BEGIN
    INSERT INTO custom_roles (
        name, display_name, organization_id, is_system,
        site_permissions, org_permissions, user_permissions, member_permissions, created_at, updated_at
    )
    VALUES ('organization-member', '', NEW.id, 1, '[]', '[]', '[]', '[]', NEW.created_at, NEW.created_at);
END;

-- Everyone does not count as a group here, nor one member: nobody can remove themselves.
CREATE TRIGGER protect_deleting_organizations BEFORE UPDATE ON organizations
    WHEN NEW.deleted = TRUE AND OLD.deleted = FALSE
BEGIN
    SELECT RAISE(
        ABORT,
        'the organization cannot be deleted while it has ' || concat_ws(
            ', ',
            iif(workspaces > 0, workspaces || ' workspaces', NULL),
            iif(templates > 0, templates || ' templates', NULL),
            iif(provisioner_keys > 0, provisioner_keys || ' provisioner keys', NULL),
            iif(other_groups > 0, other_groups || ' groups', NULL),
            iif(other_members > 0, other_members || ' members', NULL)
        )
    )
    FROM (
        SELECT
            (SELECT count(*) FROM workspaces WHERE organization_id = OLD.id AND deleted = FALSE) AS workspaces,
            (SELECT count(*) FROM templates WHERE organization_id = OLD.id AND deleted = FALSE) AS templates,
            (SELECT count(*) FROM provisioner_keys WHERE organization_id = OLD.id) AS provisioner_keys,
            (SELECT count(*) FROM groups WHERE organization_id = OLD.id) - 1 AS other_groups,
            (
                SELECT count(*) FROM organization_members
                JOIN users ON users.id = organization_members.user_id AND users.deleted = FALSE
                WHERE organization_members.organization_id = OLD.id
            ) - 1 AS other_members
    )
    WHERE workspaces > 0 OR templates > 0 OR provisioner_keys > 0 OR other_groups > 0 OR other_members > 0;
END;

CREATE TRIGGER trigger_delete_group_members_on_org_member_delete BEFORE DELETE ON organization_members
BEGIN
    DELETE FROM group_members
    WHERE user_id = OLD.user_id
        AND group_id IN (SELECT id FROM groups WHERE organization_id = OLD.organization_id);
END;

CREATE TRIGGER remove_organization_member_custom_role BEFORE DELETE ON custom_roles
    WHEN OLD.organization_id IS NOT NULL
BEGIN
    UPDATE organization_members
    SET roles = (
        SELECT json_group_array(value ORDER BY key)
        FROM json_each(organization_members.roles)
        WHERE value <> OLD.name
    )
    WHERE organization_id = OLD.organization_id
        AND EXISTS (SELECT 1 FROM json_each(organization_members.roles) WHERE value = OLD.name);
END;

-- Refreshing or revoking a token ends the session it renews.
CREATE TRIGGER trigger_delete_oauth2_provider_app_token AFTER DELETE ON oauth2_provider_app_tokens
BEGIN
    DELETE FROM api_keys WHERE id = OLD.api_key_id;
END;

-- The enqueuer knows this refusal by the words "notification is not enabled".
CREATE TRIGGER inhibit_enqueue_if_disabled BEFORE INSERT ON notification_messages
    WHEN EXISTS (
        SELECT 1
        FROM notification_templates AS kind
        LEFT JOIN notification_preferences AS preference
            ON preference.notification_template_id = kind.id AND preference.user_id = NEW.user_id
        WHERE kind.id = NEW.notification_template_id
            AND coalesce(preference.disabled, NOT kind.enabled_by_default)
    )
BEGIN
    SELECT RAISE(ABORT, 'this notification is not enabled for the user');
END;

-- The same message to the same user is queued once a day (UTC): the unique index on the hash sees to it.
CREATE TRIGGER update_notification_message_dedupe_hash AFTER INSERT ON notification_messages
BEGIN
    UPDATE notification_messages
    SET dedupe_hash = md5(
        concat_ws(
            ':',
            notification_template_id,
            user_id,
            method,
            payload,
            iif(
                targets IS NULL,
                NULL,
                coalesce((SELECT group_concat(value, ',' ORDER BY key) FROM json_each(targets)), '')
            ),
            strftime('%Y-%m-%d 00:00:00', created_at / 1000000, 'unixepoch')
        )
    )
    WHERE id = NEW.id;
END;

CREATE TRIGGER update_notification_message_dedupe_hash_update
    AFTER UPDATE OF notification_template_id, user_id, method, payload, targets, created_at ON notification_messages
BEGIN
    UPDATE notification_messages
    SET dedupe_hash = md5(
        concat_ws(
            ':',
            notification_template_id,
            user_id,
            method,
            payload,
            iif(
                targets IS NULL,
                NULL,
                coalesce((SELECT group_concat(value, ',' ORDER BY key) FROM json_each(targets)), '')
            ),
            strftime('%Y-%m-%d 00:00:00', created_at / 1000000, 'unixepoch')
        )
    )
    WHERE id = NEW.id;
END;

CREATE TRIGGER trigger_aggregate_usage_event AFTER INSERT ON usage_events
BEGIN
    SELECT RAISE(ABORT, 'no rule says how to sum usage events of type ' || NEW.event_type)
    WHERE NEW.event_type NOT IN ('dc_managed_agents_v1');

    INSERT INTO usage_events_daily (day, event_type, usage_data)
    VALUES (date(NEW.created_at / 1000000, 'unixepoch'), NEW.event_type, NEW.event_data)
    ON CONFLICT (day, event_type) DO UPDATE SET
        usage_data = json_object(
            'count',
            coalesce(CAST(usage_data ->> 'count' AS INTEGER), 0)
                + coalesce(CAST(NEW.event_data ->> 'count' AS INTEGER), 0)
        );
END;

-- The time of the next start is void once the schedule changes without it, or the workspace is dormant.
CREATE TRIGGER trigger_nullify_next_start_at_on_workspace_autostart_modificati AFTER UPDATE ON workspaces
    WHEN (NEW.autostart_schedule <> OLD.autostart_schedule AND NEW.next_start_at = OLD.next_start_at)
        OR (NEW.dormant_at IS NOT NULL AND NEW.next_start_at IS NOT NULL)
BEGIN
    UPDATE workspaces SET next_start_at = NULL WHERE id = NEW.id;
END;

-- Names of agents are unique in a build, sub-agents included. Agents of imports and dry runs have no build.
CREATE TRIGGER workspace_agent_name_unique_trigger BEFORE INSERT ON workspace_agents
    WHEN EXISTS (
        SELECT 1
        FROM workspace_resources AS home
        JOIN workspace_builds ON workspace_builds.job_id = home.job_id
        JOIN workspace_resources AS sibling ON sibling.job_id = home.job_id
        JOIN workspace_agents AS agent ON agent.resource_id = sibling.id
        WHERE home.id = NEW.resource_id
            AND agent.name = NEW.name
            AND agent.id <> NEW.id
            AND agent.deleted = FALSE
    )
BEGIN
    SELECT RAISE(ABORT, 'the workspace build already has an agent named ' || NEW.name);
END;

CREATE TRIGGER workspace_agent_name_unique_trigger_update BEFORE UPDATE OF name, resource_id ON workspace_agents
    WHEN EXISTS (
        SELECT 1
        FROM workspace_resources AS home
        JOIN workspace_builds ON workspace_builds.job_id = home.job_id
        JOIN workspace_resources AS sibling ON sibling.job_id = home.job_id
        JOIN workspace_agents AS agent ON agent.resource_id = sibling.id
        WHERE home.id = NEW.resource_id
            AND agent.name = NEW.name
            AND agent.id <> NEW.id
            AND agent.deleted = FALSE
    )
BEGIN
    SELECT RAISE(ABORT, 'the workspace build already has an agent named ' || NEW.name);
END;

-- Arrays of enums. A CHECK cannot look into an array, so triggers of ours do.

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
        'workspace:share', 'workspace_dormant:share'
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
        'workspace:share', 'workspace_dormant:share'
    ))
BEGIN
    SELECT RAISE(ABORT, 'api_keys.scopes holds a value that is not of api_key_scope');
END;

CREATE TRIGGER provisioner_daemons_provisioners_enum BEFORE INSERT ON provisioner_daemons
    WHEN EXISTS (SELECT 1 FROM json_each(NEW.provisioners) WHERE value NOT IN ('echo', 'terraform'))
BEGIN
    SELECT RAISE(ABORT, 'provisioner_daemons.provisioners holds a value that is not of provisioner_type');
END;

CREATE TRIGGER provisioner_daemons_provisioners_enum_update BEFORE UPDATE OF provisioners ON provisioner_daemons
    WHEN EXISTS (SELECT 1 FROM json_each(NEW.provisioners) WHERE value NOT IN ('echo', 'terraform'))
BEGIN
    SELECT RAISE(ABORT, 'provisioner_daemons.provisioners holds a value that is not of provisioner_type');
END;

CREATE TRIGGER workspace_agents_subsystems_enum BEFORE INSERT ON workspace_agents
    WHEN EXISTS (SELECT 1 FROM json_each(NEW.subsystems) WHERE value NOT IN (
        'envbuilder', 'envbox', 'none', 'exectrace'
    ))
BEGIN
    SELECT RAISE(ABORT, 'workspace_agents.subsystems holds a value that is not of workspace_agent_subsystem');
END;

CREATE TRIGGER workspace_agents_subsystems_enum_update BEFORE UPDATE OF subsystems ON workspace_agents
    WHEN EXISTS (SELECT 1 FROM json_each(NEW.subsystems) WHERE value NOT IN (
        'envbuilder', 'envbox', 'none', 'exectrace'
    ))
BEGIN
    SELECT RAISE(ABORT, 'workspace_agents.subsystems holds a value that is not of workspace_agent_subsystem');
END;

CREATE TRIGGER workspace_agents_display_apps_enum BEFORE INSERT ON workspace_agents
    WHEN EXISTS (SELECT 1 FROM json_each(NEW.display_apps) WHERE value NOT IN (
        'vscode', 'vscode_insiders', 'web_terminal', 'ssh_helper', 'port_forwarding_helper'
    ))
BEGIN
    SELECT RAISE(ABORT, 'workspace_agents.display_apps holds a value that is not of display_app');
END;

CREATE TRIGGER workspace_agents_display_apps_enum_update BEFORE UPDATE OF display_apps ON workspace_agents
    WHEN EXISTS (SELECT 1 FROM json_each(NEW.display_apps) WHERE value NOT IN (
        'vscode', 'vscode_insiders', 'web_terminal', 'ssh_helper', 'port_forwarding_helper'
    ))
BEGIN
    SELECT RAISE(ABORT, 'workspace_agents.display_apps holds a value that is not of display_app');
END;

-- Rows that every database starts with. Triggers add the first status change and the members' system role.

INSERT INTO organizations (id, name, display_name, description, created_at, updated_at, is_default)
SELECT
    lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    ),
    'coder', 'Coder', 'The organization that comes with the deployment.', now, now, 1
FROM (SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000 AS now);

INSERT INTO groups (id, name, organization_id)
SELECT id, 'Everyone', id FROM organizations;

-- The owner of prebuilt workspaces until somebody claims them. Nobody can sign in as it.
INSERT INTO users (
    id, email, username, name, hashed_password, created_at, updated_at, status, login_type, is_system
)
SELECT
    'c42fdf75-3097-471c-8c33-fb52454d81c0', 'prebuilds@system', 'prebuilds', 'Prebuilds Owner',
    CAST('none' AS BLOB), created_at, created_at, 'active', 'none', 1
FROM organizations;

INSERT INTO organization_members (organization_id, user_id, created_at, updated_at)
SELECT id, 'c42fdf75-3097-471c-8c33-fb52454d81c0', created_at, created_at FROM organizations;

-- Stand-ins for the ways to authenticate a provisioner daemon that need no key. Their secrets match nothing.
INSERT INTO provisioner_keys (id, created_at, organization_id, name, hashed_secret, tags)
SELECT keys.id, organizations.created_at, organizations.id, keys.name, x'', '{}'
FROM organizations
JOIN (
    SELECT '00000000-0000-0000-0000-000000000001' AS id, 'built-in' AS name
    UNION ALL
    SELECT '00000000-0000-0000-0000-000000000002', 'user-auth'
    UNION ALL
    SELECT '00000000-0000-0000-0000-000000000003', 'psk'
) AS keys;

-- Notification templates. Titles and bodies are Go templates over the message's payload, in Markdown; so are the
-- addresses of the buttons. Administrators change how a kind is sent, never its words.

INSERT INTO notification_templates (id, name, "group", kind, enabled_by_default, title_template, body_template, actions)
VALUES
(
    '39b1e189-c857-4b0c-877a-511144c18516', 'Custom Notification', 'Custom Events', 'custom', 1,
    '{{.Labels.custom_title}}',
    '{{.Labels.custom_message}}',
    '[]'
), (
    'c425f63e-716a-4bf4-ae24-78348f706c3f', 'Troubleshooting Notification', 'Notification Events', 'system', 1,
    'Notifications reach you',
    'You asked for a test message. Here it is.',
    '[{"url": "{{base_url}}/deployment/notifications?tab=settings", "label": "View notification settings"}]'
), (
    '8c5a4d12-9f7e-4b3a-a1c8-6e4f2d9b5a7c', 'Task Completed', 'Task Events', 'system', 0,
    '{{.Labels.workspace}}: task done',
    'The task "{{.Labels.task}}" reports that it is done.',
    '[{"url": "{{base_url}}/tasks/{{.UserUsername}}/{{.Labels.workspace}}", "label": "View task"}, '
    || '{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
), (
    '3b7e8f1a-4c2d-49a6-b5e9-7f3a1c8d6b4e', 'Task Failed', 'Task Events', 'system', 0,
    '{{.Labels.workspace}}: task gave up',
    'The task "{{.Labels.task}}" reports a failure. What went wrong is in its logs.',
    '[{"url": "{{base_url}}/tasks/{{.UserUsername}}/{{.Labels.workspace}}", "label": "View task"}, '
    || '{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
), (
    'd4a6271c-cced-4ed0-84ad-afd02a9c7799', 'Task Idle', 'Task Events', 'system', 0,
    '{{.Labels.workspace}}: task waits for you',
    'The task "{{.Labels.task}}" has nothing to do until you answer.',
    '[{"url": "{{base_url}}/tasks/{{.UserUsername}}/{{.Labels.workspace}}", "label": "View task"}, '
    || '{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
), (
    'bd4b7168-d05e-4e19-ad0f-3593b77aa90f', 'Task Working', 'Task Events', 'system', 0,
    '{{.Labels.workspace}}: task at work',
    'The task "{{.Labels.task}}" is working again.',
    '[{"url": "{{base_url}}/tasks/{{.UserUsername}}/{{.Labels.workspace}}", "label": "View task"}, '
    || '{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
), (
    '414d9331-c1fc-4761-b40c-d1f4702279eb', 'Prebuild Failure Limit Reached', 'Template Events', 'system', 1,
    'Prebuilds of {{.Labels.template}} are paused',
    'Too many prebuilt workspaces of template **{{.Labels.template}}** with preset **{{.Labels.preset}}** failed to build, so no more are tried.

Version **{{.Labels.template_version}}** stays paused. Publish a version that builds, and prebuilds go on by themselves.',
    '[{"url": "{{base_url}}/workspaces?filter=owner:prebuilds+status:failed+template:{{.Labels.template}}", "label": "View failed prebuilt workspaces"}, '
    || '{"url": "{{base_url}}/templates/{{.Labels.org}}/{{.Labels.template}}/versions/{{.Labels.template_version}}", "label": "View template version"}]'
), (
    '89d9745a-816e-4695-a17f-3d0a229e2b8d', 'Prebuilt Workspace Resource Replaced', 'Template Events', 'system', 1,
    'Claiming a prebuilt workspace replaced parts of it',
    '**{{.Labels.claimant}}** claimed the prebuilt workspace **{{.Labels.workspace}}** (preset **{{.Labels.preset}}**), and Terraform had to make these resources anew:

{{range $resource, $paths := .Data.replacements}}- `{{$resource}}`, since {{$paths}} changed
{{end}}
Whoever claims has to wait for that. Keep attributes that cannot be changed in place from depending on the owner, or list them under `ignore_changes`.',
    '[{"url": "{{base_url}}/@{{.Labels.claimant}}/{{.Labels.workspace}}/builds/{{.Labels.workspace_build_num}}", "label": "View workspace build"}, '
    || '{"url": "{{base_url}}/templates/{{.Labels.org}}/{{.Labels.template}}/versions/{{.Labels.template_version}}", "label": "View template version"}]'
), (
    '34a20db2-e9cc-4a93-b0e4-8569699d7a00', 'Report: Workspace Builds Failed', 'Template Events', 'system', 1,
    'Workspace builds that failed',
    'Builds that failed in the last {{.Data.report_frequency}}, by template:

{{range $template := .Data.templates}}**{{$template.display_name}}**: {{$template.failed_builds}} of {{$template.total_builds}}

{{range $version := $template.versions}}- version **{{$version.template_version_name}}**: {{$version.failed_count}}
{{range $build := $version.failed_builds}}  - [{{$build.workspace_owner_username}}/{{$build.workspace_name}} #{{$build.build_number}}]({{base_url}}/@{{$build.workspace_owner_username}}/{{$build.workspace_name}}/builds/{{$build.build_number}})
{{end}}{{end}}
{{end}}',
    '[{"url": "{{ base_url }}/workspaces?filter={{$first := true}}{{range $template := .Data.templates}}{{range $version := $template.versions}}{{range $build := $version.failed_builds}}{{if not $first}}+{{else}}{{$first = false}}{{end}}id%3A{{$build.workspace_id}}{{end}}{{end}}{{end}}", "label": "View workspaces"}]'
), (
    '29a09665-2a4c-403f-9648-54301670e7be', 'Template Deleted', 'Template Events', 'system', 1,
    'Template {{.Labels.name}} is gone',
    '**{{.Labels.initiator}}** deleted the template **{{.Labels.name}}**.',
    '[{"url": "{{ base_url }}/templates", "label": "View templates"}]'
), (
    'f40fae84-55a2-42cd-99fa-b41c1ca64894', 'Template Deprecated', 'Template Events', 'system', 1,
    'Template {{.Labels.template}} is deprecated',
    'No new workspaces can be made from the template **{{.Labels.template}}**; those you have keep working. Its maintainers say:

> {{.Labels.message}}',
    '[{"url": "{{base_url}}/workspaces?filter=owner%3Ame+template%3A{{.Labels.template}}", "label": "See affected workspaces"}, '
    || '{"url": "{{base_url}}/templates/{{.Labels.organization}}/{{.Labels.template}}", "label": "View template"}]'
), (
    '62f86a30-2330-4b61-a26d-311ff3b608cf', 'One-Time Passcode', 'User Events', 'system', 1,
    'Choose a new password',
    'Somebody, probably you, asked to reset the password of this account. The link below lets you choose a new one.

If it was not you, do nothing: the password stays as it is.',
    '[{"url": "{{base_url}}/reset-password/change?otp={{.Labels.one_time_passcode}}&email={{.UserEmail | urlquery}}", "label": "Reset password"}]'
), (
    '9f5af851-8408-4e73-a7a1-c6502ba46689', 'User account activated', 'User Events', 'system', 1,
    '{{.Labels.activated_account_name}} is active again',
    '**{{.Labels.initiator}}** activated the account **{{.Labels.activated_account_name}}**{{if .Labels.activated_account_user_name}} of {{.Labels.activated_account_user_name}}{{end}}.',
    '[{"url": "{{ base_url }}/deployment/users?filter=status%3Aactive", "label": "View accounts"}]'
), (
    '4e19c0ac-94e1-4532-9515-d1801aa283b2', 'User account created', 'User Events', 'system', 1,
    'New account: {{.Labels.created_account_name}}',
    '**{{.Labels.initiator}}** created the account **{{.Labels.created_account_name}}**{{if .Labels.created_account_user_name}} for {{.Labels.created_account_user_name}}{{end}}.',
    '[{"url": "{{ base_url }}/deployment/users?filter=status%3Aactive", "label": "View accounts"}]'
), (
    'f44d9314-ad03-4bc8-95d0-5cad491da6b6', 'User account deleted', 'User Events', 'system', 1,
    'Account removed: {{.Labels.deleted_account_name}}',
    '**{{.Labels.initiator}}** deleted the account **{{.Labels.deleted_account_name}}**{{if .Labels.deleted_account_user_name}} of {{.Labels.deleted_account_user_name}}{{end}}.',
    '[{"url": "{{ base_url }}/deployment/users?filter=status%3Aactive", "label": "View accounts"}]'
), (
    'b02ddd82-4733-4d02-a2d7-c36f3598997d', 'User account suspended', 'User Events', 'system', 1,
    '{{.Labels.suspended_account_name}} is suspended',
    '**{{.Labels.initiator}}** suspended the account **{{.Labels.suspended_account_name}}**{{if .Labels.suspended_account_user_name}} of {{.Labels.suspended_account_user_name}}{{end}}.',
    '[{"url": "{{ base_url }}/deployment/users?filter=status%3Asuspended", "label": "View suspended accounts"}]'
), (
    '1a6a6bea-ee0a-43e2-9e7c-eabdb53730e4', 'Your account has been activated', 'User Events', 'system', 1,
    'You can sign in again',
    '**{{.Labels.initiator}}** activated your account **{{.Labels.activated_account_name}}**.',
    '[{"url": "{{ base_url }}", "label": "Open Coder"}]'
), (
    '6a2f0609-9b69-4d36-a989-9f5925b6cbff', 'Your account has been suspended', 'User Events', 'system', 1,
    'Your account is suspended',
    '**{{.Labels.initiator}}** suspended your account **{{.Labels.suspended_account_name}}**. Until it is activated you cannot sign in.',
    '[]'
), (
    '381df2a9-c0c0-4749-420f-80a9280c66f9', 'Workspace Autobuild Failed', 'Workspace Events', 'system', 1,
    '{{.Labels.name}} could not be built on schedule',
    'An automatic build of your workspace **{{.Labels.name}}** failed. What started it: **{{.Labels.reason}}**.',
    '[{"url": "{{ base_url }}/@{{.UserUsername}}/{{.Labels.name}}", "label": "View workspace"}]'
), (
    '281fdf73-c6d6-4cbb-8ff5-888baf8a2fff', 'Workspace Created', 'Workspace Events', 'system', 0,
    'New workspace: {{.Labels.workspace}}',
    'Version **{{.Labels.version}}** of the template **{{.Labels.template}}** became the workspace **{{.Labels.workspace}}**.',
    '[{"url": "{{base_url}}/@{{.Labels.workspace_owner_username}}/{{.Labels.workspace}}", "label": "View workspace"}]'
), (
    'f517da0b-cdc9-410f-ab89-a86107c420ed', 'Workspace Deleted', 'Workspace Events', 'system', 1,
    'Workspace {{.Labels.name}} is gone',
    'Your workspace **{{.Labels.name}}** was deleted. Why: {{.Labels.reason}}{{if .Labels.initiator}}, by **{{.Labels.initiator}}**{{end}}.',
    '[{"url": "{{ base_url }}/workspaces", "label": "View workspaces"}, '
    || '{"url": "{{ base_url }}/templates", "label": "View templates"}]'
), (
    '2faeee0f-26cb-4e96-821c-85ccb9f71513', 'Workspace Manual Build Failed', 'Workspace Events', 'system', 1,
    'A build of {{.Labels.name}} failed',
    '**{{.Labels.initiator}}** built the workspace **{{.Labels.name}}** from version **{{.Labels.template_version_name}}** of the template **{{.Labels.template_name}}**, and the build failed.',
    '[{"url": "{{ base_url }}/@{{.Labels.workspace_owner_username}}/{{.Labels.name}}/builds/{{.Labels.workspace_build_number}}", "label": "View build"}]'
), (
    'd089fe7b-d5c5-4c0c-aaf5-689859f7d392', 'Workspace Manually Updated', 'Workspace Events', 'system', 0,
    '{{.Labels.workspace}} runs another version',
    '**{{.Labels.initiator}}** moved your workspace **{{.Labels.workspace}}** to version **{{.Labels.version}}** of the template **{{.Labels.template}}**.',
    '[{"url": "{{base_url}}/@{{.Labels.workspace_owner_username}}/{{.Labels.workspace}}", "label": "View workspace"}, '
    || '{"url": "{{base_url}}/templates/{{.Labels.organization}}/{{.Labels.template}}/versions/{{.Labels.version}}", "label": "View template version"}]'
), (
    '0ea69165-ec14-4314-91f1-69566ac3c5a0', 'Workspace Marked as Dormant', 'Workspace Events', 'system', 1,
    '{{.Labels.name}} is dormant',
    'Nobody has used your workspace **{{.Labels.name}}** for long enough that it is dormant now. If it stays so, it is deleted in {{.Labels.timeTilDormant}}.

The link below leads to where you can wake it.',
    '[{"url": "{{ base_url }}/@{{.UserUsername}}/{{.Labels.name}}", "label": "View workspace"}]'
), (
    '51ce2fdf-c9ca-4be1-8d70-628674f9bc42', 'Workspace Marked for Deletion', 'Workspace Events', 'system', 1,
    '{{.Labels.name}} will be deleted',
    'Your workspace **{{.Labels.name}}** is deleted after {{.Labels.timeTilDormant}} of dormancy. Why: {{.Labels.reason}}.

Use it before then and it stays.',
    '[{"url": "{{ base_url }}/@{{.UserUsername}}/{{.Labels.name}}", "label": "View workspace"}]'
), (
    'f047f6a3-5713-40f7-85aa-0394cce9fa3a', 'Workspace Out Of Disk', 'Workspace Events', 'system', 1,
    '{{.Labels.workspace}} runs out of disk',
    'These volumes of the workspace **{{.Labels.workspace}}** are nearly full:

{{range $volume := .Data.volumes}}- `{{$volume.path}}`, more than {{$volume.threshold}}
{{end}}',
    '[{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
), (
    'a9d027b4-ac49-4fb1-9f6d-45af15f64e7a', 'Workspace Out Of Memory', 'Workspace Events', 'system', 1,
    '{{.Labels.workspace}} runs out of memory',
    'The workspace **{{.Labels.workspace}}** uses more than **{{.Labels.threshold}}** of its memory.',
    '[{"url": "{{base_url}}/@{{.UserUsername}}/{{.Labels.workspace}}", "label": "View workspace"}]'
), (
    'c34a0c09-0704-4cac-bd1c-0c0146811c2b', 'Workspace Updated Automatically', 'Workspace Events', 'system', 1,
    '{{.Labels.name}} was updated',
    'At its last start your workspace **{{.Labels.name}}** moved to version **{{.Labels.template_version_name}}** of its template. What the version says of itself: {{.Labels.template_version_message}}',
    '[{"url": "{{ base_url }}/@{{.UserUsername}}/{{.Labels.name}}", "label": "View workspace"}]'
);
