//! The closed vocabulary of authorization: 17 actions and 42 kinds of things.
//!
//! Both are dense enums, so that a permission list compiles to bits. What an action means for a
//! thing is decided by whoever asks; this module only names them, as the API and the database do.

use std::fmt;

macro_rules! vocabulary {
    (
        $(#[$action_doc:meta])* pub enum Action { $($action:ident = $action_text:literal,)+ }
        $(#[$resource_doc:meta])* pub enum Resource { $($resource:ident = $resource_text:literal [$($defined:ident),+],)+ }
    ) => {
        $(#[$action_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Action { $(#[doc = concat!("`", $action_text, "`")] $action,)+ }

        impl Action {
            /// Every action, in order.
            pub const ALL: &[Action] = &[$(Action::$action),+];
            /// The name in the API and the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Action::$action => $action_text,)+ }
            }
            /// The action of that name; names are exact.
            pub fn parse(text: &str) -> Option<Action> {
                match text { $($action_text => Some(Action::$action),)+ _ => None }
            }
        }

        $(#[$resource_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Resource { $(#[doc = concat!("`", $resource_text, "`")] $resource,)+ }

        impl Resource {
            /// Every kind, in order.
            pub const ALL: &[Resource] = &[$(Resource::$resource),+];
            /// The name in the API and the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Resource::$resource => $resource_text,)+ }
            }
            /// The kind of that name; names are exact.
            pub fn parse(text: &str) -> Option<Resource> {
                match text { $($resource_text => Some(Resource::$resource),)+ _ => None }
            }
            /// The actions that are defined for this kind. A check does not look at them.
            pub const fn actions(self) -> &'static [Action] {
                match self { $(Resource::$resource => &[$(Action::$defined),+],)+ }
            }
        }
    };
}

vocabulary! {
    /// What can be done to a thing.
    pub enum Action {
        ApplicationConnect = "application_connect",
        Assign = "assign",
        Create = "create",
        CreateAgent = "create_agent",
        Delete = "delete",
        DeleteAgent = "delete_agent",
        Read = "read",
        ReadPersonal = "read_personal",
        Share = "share",
        Ssh = "ssh",
        Start = "start",
        Stop = "stop",
        Unassign = "unassign",
        Update = "update",
        UpdatePersonal = "update_personal",
        Use = "use",
        ViewInsights = "view_insights",
    }

    /// The kinds of things that are guarded.
    pub enum Resource {
        AibridgeInterception = "aibridge_interception" [Create, Read, Update],
        ApiKey = "api_key" [Create, Delete, Read, Update],
        AssignOrgRole = "assign_org_role" [Assign, Create, Delete, Read, Unassign, Update],
        AssignRole = "assign_role" [Assign, Read, Unassign],
        AuditLog = "audit_log" [Create, Read],
        BoundaryUsage = "boundary_usage" [Delete, Read, Update],
        ConnectionLog = "connection_log" [Read, Update],
        CryptoKey = "crypto_key" [Create, Delete, Read, Update],
        DebugInfo = "debug_info" [Read],
        DeploymentConfig = "deployment_config" [Read, Update],
        DeploymentStats = "deployment_stats" [Read],
        File = "file" [Create, Read],
        Group = "group" [Create, Delete, Read, Update],
        GroupMember = "group_member" [Read],
        IdpsyncSettings = "idpsync_settings" [Read, Update],
        InboxNotification = "inbox_notification" [Create, Read, Update],
        License = "license" [Create, Delete, Read],
        NotificationMessage = "notification_message" [Create, Delete, Read, Update],
        NotificationPreference = "notification_preference" [Read, Update],
        NotificationTemplate = "notification_template" [Read, Update],
        Oauth2App = "oauth2_app" [Create, Delete, Read, Update],
        Oauth2AppCodeToken = "oauth2_app_code_token" [Create, Delete, Read],
        Oauth2AppSecret = "oauth2_app_secret" [Create, Delete, Read, Update],
        Organization = "organization" [Create, Delete, Read, Update],
        OrganizationMember = "organization_member" [Create, Delete, Read, Update],
        PrebuiltWorkspace = "prebuilt_workspace" [Delete, Update],
        ProvisionerDaemon = "provisioner_daemon" [Create, Delete, Read, Update],
        ProvisionerJobs = "provisioner_jobs" [Create, Read, Update],
        Replicas = "replicas" [Read],
        System = "system" [Create, Delete, Read, Update],
        TailnetCoordinator = "tailnet_coordinator" [Create, Delete, Read, Update],
        Task = "task" [Create, Delete, Read, Update],
        Template = "template" [Create, Delete, Read, Update, Use, ViewInsights],
        UsageEvent = "usage_event" [Create, Read, Update],
        User = "user" [Create, Delete, Read, ReadPersonal, Update, UpdatePersonal],
        UserSecret = "user_secret" [Create, Delete, Read, Update],
        WebpushSubscription = "webpush_subscription" [Create, Delete, Read],
        Workspace = "workspace" [ApplicationConnect, Create, CreateAgent, Delete, DeleteAgent, Read, Share, Ssh, Start, Stop, Update],
        WorkspaceAgentDevcontainers = "workspace_agent_devcontainers" [Create],
        WorkspaceAgentResourceMonitor = "workspace_agent_resource_monitor" [Create, Read, Update],
        WorkspaceDormant = "workspace_dormant" [ApplicationConnect, Create, CreateAgent, Delete, DeleteAgent, Read, Share, Ssh, Start, Stop, Update],
        WorkspaceProxy = "workspace_proxy" [Create, Delete, Read, Update],
    }
}

impl Resource {
    /// Whether objects of this kind carry lists of users or groups (see [`super::Acl`]).
    pub const fn has_acl(self) -> bool {
        matches!(self, Resource::Group | Resource::Template | Resource::Workspace)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
