//! What of each thing is logged. One place: a thing that is not here is not audited, and a column of an
//! audited table that is not here fails a test.

use crate::sdk::ResourceType;

/// What becomes of a field that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Shown, before and after.
    Track(Kind),
    /// Said to have changed, no more.
    Secret(Kind),
    /// Left out: it never changes, or says nothing.
    Ignore,
}

/// What a field holds, which decides how it is written and what stands for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; nothing is "".
    Text,
    /// Text or none, which is "null".
    OptionalText,
    /// An id; nothing is "".
    Id,
    /// An id or none, which is "null".
    OptionalId,
    /// A moment; nothing is the zero time.
    Time,
    /// A moment or none: `{"Time", "Valid"}`.
    OptionalTime,
    /// A number; nothing is 0.
    Integer,
    /// Yes or no; nothing is no.
    Boolean,
    /// Yes, no or none: `{"Bool", "Valid"}`.
    OptionalBoolean,
    /// Texts; nothing is null, which an empty list is not.
    List,
    /// JSON, as it is; nothing is null.
    Json,
    /// JSON or none: `{"RawMessage", "Valid"}`.
    OptionalJson,
    /// Who may do what: `map[<id>:[<actions>]]`.
    AccessList,
    /// Permissions of a role: `<resource>.<action>`, with "-" before those that are taken away.
    Permissions,
    /// Bytes, which are never shown.
    Bytes,
}

/// The fields of a kind of thing.
#[derive(Debug)]
pub struct Table {
    /// What kind of thing.
    pub resource: ResourceType,
    /// The database table whose rows it is made of; none where it is kept elsewhere.
    pub rows_of: Option<&'static str>,
    /// Each field, and what becomes of it.
    pub fields: &'static [(&'static str, Treatment)],
}

/// What is logged of a kind of thing.
pub fn of(resource: ResourceType) -> &'static Table {
    TABLES.iter().find(|table| table.resource == resource).unwrap_or(&NOTHING)
}

/// Agents and apps of workspaces: older logs have entries of them; connections have a log of their own now.
static NOTHING: Table = Table { resource: ResourceType::WorkspaceAgent, rows_of: None, fields: &[] };

/// Declares tables: a kind of thing, where it is kept, and its fields by what becomes of them.
macro_rules! tables {
    ($($resource:ident $(in $rows_of:literal)? {
        $(track { $($tracked:ident: $tracked_kind:ident),* $(,)? })?
        $(secret { $($secret:ident: $secret_kind:ident),* $(,)? })?
        $(ignore { $($ignored:ident),* $(,)? })?
    })*) => {
        /// Everything that is audited.
        pub static TABLES: &[Table] = &[$(Table {
            resource: ResourceType::$resource,
            rows_of: tables!(@rows_of $($rows_of)?),
            fields: &[
                $($((stringify!($tracked), Treatment::Track(Kind::$tracked_kind)),)*)?
                $($((stringify!($secret), Treatment::Secret(Kind::$secret_kind)),)*)?
                $($((stringify!($ignored), Treatment::Ignore),)*)?
            ],
        }),*];
    };
    (@rows_of) => { None };
    (@rows_of $rows_of:literal) => { Some($rows_of) };
}

tables! {
    ApiKey in "api_keys" {
        track { user_id: Id, last_used: Time, expires_at: Time, created_at: Time }
        ignore {
            id, hashed_secret, updated_at, login_type, lifetime_seconds, ip_address, token_name, scopes, allow_list,
        }
    }
    ConvertLogin {
        track { created_at: Time, expires_at: Time, from_login_type: Text, to_login_type: Text, user_id: Id }
    }
    CustomRole in "custom_roles" {
        track {
            name: Text, display_name: Text, site_permissions: Permissions, org_permissions: Permissions,
            user_permissions: Permissions, member_permissions: Permissions,
        }
        ignore { organization_id, is_system, id, created_at, updated_at }
    }
    GitSshKey in "gitsshkeys" {
        track { user_id: Id, public_key: Text }
        secret { private_key: Text }
        ignore { created_at, updated_at, private_key_key_id }
    }
    Group in "groups" {
        track {
            id: Id, name: Text, display_name: Text, avatar_url: Text, quota_allowance: Integer, members: Json,
        }
        ignore { organization_id, source }
    }
    HealthSettings {
        track { dismissed_healthchecks: Json }
    }
    IdpSyncSettingsGroup {
        track { field: Text, mapping: Json, regex_filter: Json, auto_create_missing_groups: Boolean }
        ignore { legacy_group_name_mapping }
    }
    IdpSyncSettingsOrganization {
        track { field: Text, mapping: Json, assign_default: Boolean }
    }
    IdpSyncSettingsRole {
        track { field: Text, mapping: Json }
    }
    License in "licenses" {
        track { uploaded_at: Time, exp: Time, uuid: Id }
        ignore { id, jwt }
    }
    NotificationTemplate in "notification_templates" {
        track {
            name: Text, title_template: Text, body_template: Text, actions: Json, group: OptionalText, method: Text,
            kind: Text, enabled_by_default: Boolean,
        }
        ignore { id }
    }
    NotificationsSettings {
        track { notifier_paused: Boolean }
    }
    Oauth2ProviderApp in "oauth2_provider_apps" {
        track {
            name: Text, icon: Text, callback_url: Text, redirect_uris: List, client_type: OptionalText,
            dynamically_registered: OptionalBoolean, client_secret_expires_at: OptionalTime, grant_types: List,
            response_types: List, token_endpoint_auth_method: OptionalText, scope: OptionalText, contacts: List,
            client_uri: OptionalText, logo_uri: OptionalText, tos_uri: OptionalText, policy_uri: OptionalText,
            jwks_uri: OptionalText, software_id: OptionalText, software_version: OptionalText,
            registration_client_uri: OptionalText,
        }
        secret { jwks: OptionalJson, registration_access_token: Bytes }
        ignore { id, created_at, updated_at, client_id_issued_at }
    }
    Oauth2ProviderAppSecret in "oauth2_provider_app_secrets" {
        ignore { id, created_at, last_used_at, hashed_secret, display_secret, app_id, secret_prefix }
    }
    Organization in "organizations" {
        track {
            name: Text, description: Text, deleted: Boolean, updated_at: Time, is_default: Boolean, display_name: Text,
            icon: Text, workspace_sharing_disabled: Boolean,
        }
        ignore { id, created_at }
    }
    OrganizationMember in "organization_members" {
        track { username: Text, user_id: Id, created_at: Time, updated_at: Time, roles: List }
        ignore { organization_id }
    }
    PrebuildsSettings {
        track { reconciliation_paused: Boolean }
    }
    Task in "tasks" {
        track {
            id: Id, owner_id: Id, name: Text, display_name: Text, workspace_id: OptionalId, template_version_id: Id,
            template_parameters: Json, prompt: Text,
        }
        ignore { organization_id, created_at, deleted_at }
    }
    Template in "templates" {
        track {
            id: Id, name: Text, display_name: Text, provisioner: Text, active_version_id: Id, description: Text,
            icon: Text, default_ttl: Integer, autostart_block_days_of_week: Integer,
            autostop_requirement_days_of_week: Integer, autostop_requirement_weeks: Integer, created_by: Id,
            group_acl: AccessList, user_acl: AccessList, allow_user_autostart: Boolean, allow_user_autostop: Boolean,
            allow_user_cancel_workspace_jobs: Boolean, failure_ttl: Integer, time_til_dormant: Integer,
            time_til_dormant_autodelete: Integer, require_active_version: Boolean, deprecated: Text,
            max_port_sharing_level: Text, activity_bump: Integer, use_classic_parameter_flow: Boolean,
            cors_behavior: Text,
        }
        ignore {
            created_at, updated_at, organization_id, deleted, organization_name, organization_display_name,
            organization_icon, created_by_username, created_by_name, created_by_avatar_url,
        }
    }
    TemplateVersion in "template_versions" {
        track { id: Id, template_id: OptionalId, name: Text, readme: Text, created_by: Id, archived: Boolean }
        ignore {
            organization_id, created_at, updated_at, message, job_id, external_auth_providers,
            created_by_avatar_url, created_by_username, created_by_name, source_example_id, has_ai_task,
            has_external_agent,
        }
    }
    User in "users" {
        track {
            id: Id, email: Text, username: Text, status: Text, rbac_roles: List, login_type: Text, deleted: Boolean,
            quiet_hours_schedule: Text, name: Text, one_time_passcode_expires_at: OptionalTime, is_system: Boolean,
        }
        secret { hashed_password: Bytes }
        ignore { created_at, updated_at, avatar_url, last_seen_at, github_com_user_id, hashed_one_time_passcode }
    }
    Workspace in "workspaces" {
        track {
            id: Id, owner_id: Id, template_id: Id, name: Text, autostart_schedule: OptionalText, ttl: Integer,
            dormant_at: OptionalTime, deleting_at: OptionalTime, automatic_updates: Text, favorite: Boolean,
            next_start_at: OptionalTime, group_acl: Json, user_acl: Json,
        }
        ignore {
            created_at, updated_at, organization_id, deleted, last_used_at, owner_username, owner_name,
            owner_avatar_url, organization_name, template_name, template_display_name, template_icon, task_id,
        }
    }
    WorkspaceBuild in "workspace_builds" {
        track { template_version_id: Id }
        ignore {
            id, created_at, updated_at, workspace_id, build_number, transition, initiator_id, provisioner_state,
            job_id, deadline, reason, daily_cost, max_deadline, initiator_by_avatar_url, initiator_by_username,
            initiator_by_name, template_version_preset_id, has_ai_task, has_external_agent,
        }
    }
    WorkspaceProxy in "workspace_proxies" {
        track {
            id: Id, name: Text, display_name: Text, icon: Text, url: Text, wildcard_hostname: Text, created_at: Time,
            derp_enabled: Boolean, derp_only: Boolean, region_id: Integer, version: Text,
        }
        secret { token_hashed_secret: Bytes }
        ignore { updated_at, deleted }
    }
}
