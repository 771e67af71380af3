//! What there is to take along: every table with its columns, and what kind of value each column holds.
//!
//! SQLite's own types say too little (a UUID, a time and an enumeration are TEXT, INTEGER and TEXT), so the kinds are
//! declared here, once for both engines. A test holds the list against the reference's catalogue.
//!
//! Left out: the tailnet tables, which hold connections of the moment and are empty after every start; the generated
//! column `provisioner_jobs.job_status`, which each engine works out; `schema_migrations`, which says where a database
//! is and is not part of what is in it; and tables of others.

/// How a column's values look, whichever engine keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A boolean.
    Bool,
    /// An integer of two bytes.
    Int2,
    /// An integer of four bytes.
    Int4,
    /// An integer of eight bytes.
    Int8,
    /// A floating point number of four bytes.
    Float4,
    /// A floating point number of eight bytes.
    Float8,
    /// Text, enumerations included.
    Text,
    /// A UUID.
    Uuid,
    /// An instant; both of Postgres's types, with a time zone and without.
    Time,
    /// A day.
    Date,
    /// A JSON value.
    Json,
    /// Bytes.
    Bytes,
    /// An address with or without a prefix length.
    Inet,
    /// An array of texts, enumerations included.
    Texts,
    /// An array of UUIDs.
    Uuids,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, as far as they are written.
    pub columns: &'static [Column],
}

impl Table {
    /// Its columns' names as a list in SQL.
    pub fn column_list(&self) -> String {
        // Some are words of SQL.
        let names: Vec<String> = self.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        names.join(", ")
    }
}

/// A column that gets its values from a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The sequence on Postgres. It is not always named after the table, which has been renamed.
    pub name: &'static str,
}

/// Every sequence. On SQLite, those of primary keys are AUTOINCREMENT.
pub const SEQUENCES: &[Sequence] = &[
    sequence("licenses", "id", "licenses_id_seq"),
    sequence("provisioner_job_logs", "id", "provisioner_job_logs_id_seq"),
    sequence("workspace_agent_logs", "id", "workspace_agent_startup_logs_id_seq"),
    sequence("workspace_app_stats", "id", "workspace_app_stats_id_seq"),
    sequence("workspace_proxies", "region_id", "workspace_proxies_region_id_seq"),
    sequence("workspace_resource_metadata", "id", "workspace_resource_metadata_id_seq"),
];

const fn sequence(table: &'static str, column: &'static str, name: &'static str) -> Sequence {
    Sequence { table, column, name }
}

macro_rules! tables {
    ($($table:ident { $($column:ident $kind:ident),* })*) => {
        &[$(Table {
            name: stringify!($table),
            columns: &[$(Column { name: stringify!($column), kind: Kind::$kind }),*],
        }),*]
    };
}

/// Every table, those that others refer to before those that refer to them, so that rows can be put in in this order
/// and taken out in the reverse. No two tables refer to each other; `workspace_agents` refers to itself.
#[rustfmt::skip]
pub const TABLES: &[Table] = tables! {
    aibridge_token_usages {
        id Uuid, interception_id Uuid, provider_response_id Text, input_tokens Int8, output_tokens Int8,
        metadata Json, created_at Time
    }
    aibridge_tool_usages {
        id Uuid, interception_id Uuid, provider_response_id Text, server_url Text, tool Text, input Text,
        injected Bool, invocation_error Text, metadata Json, created_at Time
    }
    aibridge_user_prompts {
        id Uuid, interception_id Uuid, provider_response_id Text, prompt Text, metadata Json, created_at Time
    }
    audit_logs {
        id Uuid, time Time, user_id Uuid, organization_id Uuid, ip Inet, user_agent Text, resource_type Text,
        resource_id Uuid, resource_target Text, action Text, diff Json, status_code Int4, additional_fields Json,
        request_id Uuid, resource_icon Text
    }
    boundary_usage_stats {
        replica_id Uuid, unique_workspaces_count Int8, unique_users_count Int8, allowed_requests Int8,
        denied_requests Int8, window_start Time, updated_at Time
    }
    custom_roles {
        name Text, display_name Text, site_permissions Json, org_permissions Json, user_permissions Json,
        created_at Time, updated_at Time, organization_id Uuid, id Uuid, is_system Bool, member_permissions Json
    }
    dbcrypt_keys {
        number Int4, active_key_digest Text, revoked_key_digest Text, created_at Time, revoked_at Time, test Text
    }
    files { hash Text, created_at Time, created_by Uuid, mimetype Text, data Bytes, id Uuid }
    licenses { id Int4, uploaded_at Time, jwt Text, exp Time, uuid Uuid }
    notification_report_generator_logs { notification_template_id Uuid, last_generated_at Time }
    notification_templates {
        id Uuid, name Text, title_template Text, body_template Text, actions Json, group Text, method Text,
        kind Text, enabled_by_default Bool
    }
    oauth2_provider_apps {
        id Uuid, created_at Time, updated_at Time, name Text, icon Text, callback_url Text, redirect_uris Texts,
        client_type Text, dynamically_registered Bool, client_id_issued_at Time, client_secret_expires_at Time,
        grant_types Texts, response_types Texts, token_endpoint_auth_method Text, scope Text, contacts Texts,
        client_uri Text, logo_uri Text, tos_uri Text, policy_uri Text, jwks_uri Text, jwks Json, software_id Text,
        software_version Text, registration_access_token Bytes, registration_client_uri Text
    }
    organizations {
        id Uuid, name Text, description Text, created_at Time, updated_at Time, is_default Bool, display_name Text,
        icon Text, deleted Bool, workspace_sharing_disabled Bool
    }
    parameter_values {
        id Uuid, created_at Time, updated_at Time, scope Text, scope_id Uuid, name Text, source_scheme Text,
        source_value Text, destination_scheme Text
    }
    replicas {
        id Uuid, created_at Time, started_at Time, stopped_at Time, updated_at Time, hostname Text, region_id Int4,
        relay_address Text, database_latency Int4, version Text, error Text, primary Bool
    }
    site_configs { key Text, value Text }
    telemetry_items { key Text, value Text, created_at Time, updated_at Time }
    telemetry_locks { event_type Text, period_ending_at Time }
    template_usage_stats {
        start_time Time, end_time Time, template_id Uuid, user_id Uuid, median_latency_ms Float4, usage_mins Int2,
        ssh_mins Int2, sftp_mins Int2, reconnecting_pty_mins Int2, vscode_mins Int2, jetbrains_mins Int2,
        app_usage_mins Json
    }
    usage_events {
        id Text, event_type Text, event_data Json, created_at Time, publish_started_at Time, published_at Time,
        failure_message Text
    }
    usage_events_daily { day Date, event_type Text, usage_data Json }
    users {
        id Uuid, email Text, username Text, hashed_password Bytes, created_at Time, updated_at Time, status Text,
        rbac_roles Texts, login_type Text, avatar_url Text, deleted Bool, last_seen_at Time,
        quiet_hours_schedule Text, name Text, github_com_user_id Int8, hashed_one_time_passcode Bytes,
        one_time_passcode_expires_at Time, is_system Bool
    }
    workspace_agent_stats {
        id Uuid, created_at Time, user_id Uuid, agent_id Uuid, workspace_id Uuid, template_id Uuid,
        connections_by_proto Json, connection_count Int8, rx_packets Int8, rx_bytes Int8, tx_packets Int8,
        tx_bytes Int8, connection_median_latency_ms Float8, session_count_vscode Int8, session_count_jetbrains Int8,
        session_count_reconnecting_pty Int8, session_count_ssh Int8, usage Bool
    }
    workspace_proxies {
        id Uuid, name Text, display_name Text, icon Text, url Text, wildcard_hostname Text, created_at Time,
        updated_at Time, deleted Bool, token_hashed_secret Bytes, region_id Int4, derp_enabled Bool, derp_only Bool,
        version Text
    }
    aibridge_interceptions {
        id Uuid, initiator_id Uuid, provider Text, model Text, started_at Time, metadata Json, ended_at Time,
        api_key_id Text
    }
    api_keys {
        id Text, hashed_secret Bytes, user_id Uuid, last_used Time, expires_at Time, created_at Time,
        updated_at Time, login_type Text, lifetime_seconds Int8, ip_address Inet, token_name Text, scopes Texts,
        allow_list Texts
    }
    crypto_keys { feature Text, sequence Int4, secret Text, secret_key_id Text, starts_at Time, deletes_at Time }
    external_auth_links {
        provider_id Text, user_id Uuid, created_at Time, updated_at Time, oauth_access_token Text,
        oauth_refresh_token Text, oauth_expiry Time, oauth_access_token_key_id Text,
        oauth_refresh_token_key_id Text, oauth_extra Json, oauth_refresh_failure_reason Text
    }
    gitsshkeys { user_id Uuid, created_at Time, updated_at Time, private_key Text, public_key Text }
    groups {
        id Uuid, name Text, organization_id Uuid, avatar_url Text, quota_allowance Int4, display_name Text,
        source Text
    }
    inbox_notifications {
        id Uuid, user_id Uuid, template_id Uuid, targets Uuids, title Text, content Text, icon Text, actions Json,
        read_at Time, created_at Time
    }
    notification_messages {
        id Uuid, notification_template_id Uuid, user_id Uuid, method Text, status Text, status_reason Text,
        created_by Text, payload Json, attempt_count Int4, targets Uuids, created_at Time, updated_at Time,
        leased_until Time, next_retry_after Time, queued_seconds Float8, dedupe_hash Text
    }
    notification_preferences {
        user_id Uuid, notification_template_id Uuid, disabled Bool, created_at Time, updated_at Time
    }
    oauth2_provider_app_codes {
        id Uuid, created_at Time, expires_at Time, secret_prefix Bytes, hashed_secret Bytes, user_id Uuid,
        app_id Uuid, resource_uri Text, code_challenge Text, code_challenge_method Text
    }
    oauth2_provider_app_secrets {
        id Uuid, created_at Time, last_used_at Time, hashed_secret Bytes, display_secret Text, app_id Uuid,
        secret_prefix Bytes
    }
    organization_members { user_id Uuid, organization_id Uuid, created_at Time, updated_at Time, roles Texts }
    provisioner_jobs {
        id Uuid, created_at Time, updated_at Time, started_at Time, canceled_at Time, completed_at Time, error Text,
        organization_id Uuid, initiator_id Uuid, provisioner Text, storage_method Text, type Text, input Json,
        worker_id Uuid, file_id Uuid, tags Json, error_code Text, trace_metadata Json, logs_length Int4,
        logs_overflowed Bool
    }
    provisioner_keys { id Uuid, created_at Time, organization_id Uuid, name Text, hashed_secret Bytes, tags Json }
    templates {
        id Uuid, created_at Time, updated_at Time, organization_id Uuid, deleted Bool, name Text, provisioner Text,
        active_version_id Uuid, description Text, default_ttl Int8, created_by Uuid, icon Text, user_acl Json,
        group_acl Json, display_name Text, allow_user_cancel_workspace_jobs Bool, allow_user_autostart Bool,
        allow_user_autostop Bool, failure_ttl Int8, time_til_dormant Int8, time_til_dormant_autodelete Int8,
        autostop_requirement_days_of_week Int2, autostop_requirement_weeks Int8, autostart_block_days_of_week Int2,
        require_active_version Bool, deprecated Text, activity_bump Int8, max_port_sharing_level Text,
        use_classic_parameter_flow Bool, cors_behavior Text
    }
    user_configs { user_id Uuid, key Text, value Text }
    user_deleted { id Uuid, user_id Uuid, deleted_at Time }
    user_links {
        user_id Uuid, login_type Text, linked_id Text, oauth_access_token Text, oauth_refresh_token Text,
        oauth_expiry Time, oauth_access_token_key_id Text, oauth_refresh_token_key_id Text, claims Json
    }
    user_secrets {
        id Uuid, user_id Uuid, name Text, description Text, value Text, env_name Text, file_path Text,
        created_at Time, updated_at Time
    }
    user_status_changes { id Uuid, user_id Uuid, new_status Text, changed_at Time }
    webpush_subscriptions {
        id Uuid, user_id Uuid, created_at Time, endpoint Text, endpoint_p256dh_key Text, endpoint_auth_key Text
    }
    group_members { user_id Uuid, group_id Uuid }
    oauth2_provider_app_tokens {
        id Uuid, created_at Time, expires_at Time, hash_prefix Bytes, refresh_hash Bytes, app_secret_id Uuid,
        api_key_id Text, audience Text, user_id Uuid
    }
    parameter_schemas {
        id Uuid, created_at Time, job_id Uuid, name Text, description Text, default_source_scheme Text,
        default_source_value Text, allow_override_source Bool, default_destination_scheme Text,
        allow_override_destination Bool, default_refresh Text, redisplay_value Bool, validation_error Text,
        validation_condition Text, validation_type_system Text, validation_value_type Text, index Int4
    }
    provisioner_daemons {
        id Uuid, created_at Time, name Text, provisioners Texts, replica_id Uuid, tags Json, last_seen_at Time,
        version Text, api_version Text, organization_id Uuid, key_id Uuid
    }
    provisioner_job_logs { job_id Uuid, created_at Time, source Text, level Text, stage Text, output Text, id Int8 }
    provisioner_job_timings {
        job_id Uuid, started_at Time, ended_at Time, stage Text, source Text, action Text, resource Text
    }
    template_versions {
        id Uuid, template_id Uuid, organization_id Uuid, created_at Time, updated_at Time, name Text, readme Text,
        job_id Uuid, created_by Uuid, external_auth_providers Json, message Text, archived Bool,
        source_example_id Text, has_ai_task Bool, has_external_agent Bool
    }
    workspace_modules { id Uuid, job_id Uuid, transition Text, source Text, version Text, key Text, created_at Time }
    workspace_resources {
        id Uuid, created_at Time, job_id Uuid, transition Text, type Text, name Text, hide Bool, icon Text,
        instance_type Text, daily_cost Int4, module_path Text
    }
    workspaces {
        id Uuid, created_at Time, updated_at Time, owner_id Uuid, organization_id Uuid, template_id Uuid,
        deleted Bool, name Text, autostart_schedule Text, ttl Int8, last_used_at Time, dormant_at Time,
        deleting_at Time, automatic_updates Text, favorite Bool, next_start_at Time, group_acl Json, user_acl Json
    }
    connection_logs {
        id Uuid, connect_time Time, organization_id Uuid, workspace_owner_id Uuid, workspace_id Uuid,
        workspace_name Text, agent_name Text, type Text, ip Inet, code Int4, user_agent Text, user_id Uuid,
        slug_or_port Text, connection_id Uuid, disconnect_time Time, disconnect_reason Text
    }
    tasks {
        id Uuid, organization_id Uuid, owner_id Uuid, name Text, workspace_id Uuid, template_version_id Uuid,
        template_parameters Json, prompt Text, created_at Time, deleted_at Time, display_name Text
    }
    template_version_parameters {
        template_version_id Uuid, name Text, description Text, type Text, mutable Bool, default_value Text,
        icon Text, options Json, validation_regex Text, validation_min Int4, validation_max Int4,
        validation_error Text, validation_monotonic Text, required Bool, display_name Text, display_order Int4,
        ephemeral Bool, form_type Text
    }
    template_version_presets {
        id Uuid, template_version_id Uuid, name Text, created_at Time, desired_instances Int4,
        invalidate_after_secs Int4, prebuild_status Text, scheduling_timezone Text, is_default Bool,
        description Text, icon Text, last_invalidated_at Time
    }
    template_version_terraform_values {
        template_version_id Uuid, updated_at Time, cached_plan Json, cached_module_files Uuid,
        provisionerd_version Text
    }
    template_version_variables {
        template_version_id Uuid, name Text, description Text, type Text, value Text, default_value Text,
        required Bool, sensitive Bool
    }
    template_version_workspace_tags { template_version_id Uuid, key Text, value Text }
    workspace_agent_port_share { workspace_id Uuid, agent_name Text, port Int4, share_level Text, protocol Text }
    workspace_agents {
        id Uuid, created_at Time, updated_at Time, name Text, first_connected_at Time, last_connected_at Time,
        disconnected_at Time, resource_id Uuid, auth_token Uuid, auth_instance_id Text, architecture Text,
        environment_variables Json, operating_system Text, instance_metadata Json, resource_metadata Json,
        directory Text, version Text, last_connected_replica_id Uuid, connection_timeout_seconds Int4,
        troubleshooting_url Text, motd_file Text, lifecycle_state Text, expanded_directory Text, logs_length Int4,
        logs_overflowed Bool, started_at Time, ready_at Time, subsystems Texts, display_apps Texts,
        api_version Text, display_order Int4, parent_id Uuid, api_key_scope Text, deleted Bool
    }
    workspace_resource_metadata { workspace_resource_id Uuid, key Text, value Text, sensitive Bool, id Int8 }
    jfrog_xray_scans { agent_id Uuid, workspace_id Uuid, critical Int4, high Int4, medium Int4, results_url Text }
    task_snapshots { task_id Uuid, log_snapshot Json, log_snapshot_created_at Time }
    template_version_preset_parameters { id Uuid, template_version_preset_id Uuid, name Text, value Text }
    template_version_preset_prebuild_schedules { id Uuid, preset_id Uuid, cron_expression Text, desired_instances Int4 }
    workspace_agent_devcontainers {
        id Uuid, workspace_agent_id Uuid, created_at Time, workspace_folder Text, config_path Text, name Text
    }
    workspace_agent_log_sources { workspace_agent_id Uuid, id Uuid, created_at Time, display_name Text, icon Text }
    workspace_agent_logs { agent_id Uuid, created_at Time, output Text, id Int8, level Text, log_source_id Uuid }
    workspace_agent_memory_resource_monitors {
        agent_id Uuid, enabled Bool, threshold Int4, created_at Time, updated_at Time, state Text,
        debounced_until Time
    }
    workspace_agent_metadata {
        workspace_agent_id Uuid, display_name Text, key Text, script Text, value Text, error Text, timeout Int8,
        interval Int8, collected_at Time, display_order Int4
    }
    workspace_agent_scripts {
        workspace_agent_id Uuid, log_source_id Uuid, log_path Text, created_at Time, script Text, cron Text,
        start_blocks_login Bool, run_on_start Bool, run_on_stop Bool, timeout_seconds Int4, display_name Text,
        id Uuid
    }
    workspace_agent_volume_resource_monitors {
        agent_id Uuid, enabled Bool, threshold Int4, path Text, created_at Time, updated_at Time, state Text,
        debounced_until Time
    }
    workspace_app_audit_sessions {
        agent_id Uuid, app_id Uuid, user_id Uuid, ip Text, user_agent Text, slug_or_port Text, status_code Int4,
        started_at Time, updated_at Time, id Uuid
    }
    workspace_app_stats {
        id Int8, user_id Uuid, workspace_id Uuid, agent_id Uuid, access_method Text, slug_or_port Text,
        session_id Uuid, session_started_at Time, session_ended_at Time, requests Int4
    }
    workspace_apps {
        id Uuid, created_at Time, agent_id Uuid, display_name Text, icon Text, command Text, url Text,
        healthcheck_url Text, healthcheck_interval Int4, healthcheck_threshold Int4, health Text, subdomain Bool,
        sharing_level Text, slug Text, external Bool, display_order Int4, hidden Bool, open_in Text,
        display_group Text, tooltip Text
    }
    workspace_builds {
        id Uuid, created_at Time, updated_at Time, workspace_id Uuid, template_version_id Uuid, build_number Int4,
        transition Text, initiator_id Uuid, provisioner_state Bytes, job_id Uuid, deadline Time, reason Text,
        daily_cost Int4, max_deadline Time, template_version_preset_id Uuid, has_ai_task Bool,
        has_external_agent Bool
    }
    task_workspace_apps { task_id Uuid, workspace_agent_id Uuid, workspace_app_id Uuid, workspace_build_number Int4 }
    workspace_agent_script_timings {
        script_id Uuid, started_at Time, ended_at Time, exit_code Int4, stage Text, status Text
    }
    workspace_app_statuses {
        id Uuid, created_at Time, agent_id Uuid, app_id Uuid, workspace_id Uuid, state Text, message Text, uri Text
    }
    workspace_build_parameters { workspace_build_id Uuid, name Text, value Text }
};
