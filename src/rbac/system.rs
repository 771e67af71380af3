//! The server's own parts, when they use the store: each acts as a subject with just its permissions.
//!
//! There is no "no check": a background service names itself by one of these functions. All have the
//! scope `coder:all` and no groups; only [`sub_agent_api`] is tied to a user and an organization.

use std::sync::{Arc, LazyLock};

use uuid::Uuid;

use super::kinds::{Action::*, Resource::*};
use super::permission::Permission;
use super::scopes::ScopeSpec;
use super::subject::{RoleRef, StoredRole, Subject, SubjectSpec};

/// The system user that owns prebuilt workspaces until they are claimed.
pub const PREBUILDS_USER_ID: Uuid = Uuid::from_u128(0xc42fdf75_3097_471c_8c33_fb52454d81c0);
/// Whom [`file_reader`] acts as.
const FILE_READER_ID: Uuid = Uuid::from_u128(0xacbf0be6_6fed_47b6_8c43_962cb5cab994);

const fn all(resource: super::Resource) -> Permission {
    Permission::all(resource)
}
const fn some(resource: super::Resource, actions: &[super::Action]) -> Permission {
    Permission::some(resource, actions)
}

fn compile(id: Uuid, name: &str, role: StoredRole) -> Arc<Subject> {
    let held = match role.organization_id {
        Some(org) => RoleRef::Org(role.name.clone(), org),
        None => RoleRef::Site(role.name.clone()),
    };
    let (roles, custom) = (vec![held], vec![role]);
    let spec = SubjectSpec { id, name: name.to_owned(), roles, custom, groups: Vec::new(), scope: ScopeSpec::all() };
    Arc::new(spec.compile().expect("a system subject has a role"))
}

/// Declares system subjects: function, id, name in logs, role, and what the role may do everywhere.
macro_rules! system_subjects {
    ($($(#[$doc:meta])* $function:ident($id:expr, $name:literal, $role:literal) = $permissions:expr;)+) => {
        $(
            $(#[$doc])*
            pub fn $function() -> &'static Arc<Subject> {
                static SUBJECT: LazyLock<Arc<Subject>> = LazyLock::new(|| {
                    let permissions: &[Permission] = $permissions;
                    compile($id, $name, StoredRole { site: permissions.to_vec(), ..StoredRole::new($role, None) })
                });
                &SUBJECT
            }
        )+

        /// Every system subject but [`sub_agent_api`], by the name of its function.
        pub fn every() -> impl Iterator<Item = (&'static str, &'static Arc<Subject>)> {
            [$((stringify!($function), $function as fn() -> _)),+].into_iter().map(|(name, subject)| (name, subject()))
        }
    };
}

system_subjects! {
    /// Provisioner daemons: what they ask for and report, and the steps a build takes on their behalf.
    provisionerd(Uuid::nil(), "Provisioner Daemon", "provisionerd") = &[
        all(ApiKey),
        some(File, &[Create, Read]),
        some(Group, &[Read]),
        some(NotificationMessage, &[Create, Read]),
        some(Organization, &[Read]),
        some(ProvisionerJobs, &[Create, Read, Update]),
        all(System),
        some(Task, &[Delete, Read, Update]),
        some(Template, &[Read, Update]),
        some(UsageEvent, &[Create]),
        some(User, &[Read, ReadPersonal, UpdatePersonal]),
        some(Workspace, &[CreateAgent, Delete, Read, Start, Stop, Update]),
        some(WorkspaceAgentDevcontainers, &[Create]),
        some(WorkspaceAgentResourceMonitor, &[Create]),
        some(WorkspaceDormant, &[CreateAgent, Delete, Read, Stop, Update]),
    ];
    /// Starts, stops and deletes workspaces when their time has come.
    autostart(Uuid::nil(), "Autostart", "autostart") = &[
        some(File, &[Read]),
        some(NotificationMessage, &[Create, Read]),
        some(OrganizationMember, &[Read]),
        all(System),
        some(Task, &[Read, Update]),
        some(Template, &[Read, Update]),
        some(User, &[Read]),
        some(Workspace, &[Delete, Read, Start, Stop, Update]),
        some(WorkspaceDormant, &[Delete, Read, Stop, Update]),
    ];
    /// Ends provisioner jobs that hang or were never picked up.
    job_reaper(Uuid::nil(), "Job Reaper", "jobreaper") = &[
        some(ProvisionerJobs, &[Read, Update]),
        all(System),
        some(Template, &[Read, Update]),
        some(Workspace, &[Read, Update]),
        some(WorkspaceDormant, &[Read, Update]),
    ];
    /// Makes and retires signing and encryption keys.
    crypto_key_rotator(Uuid::nil(), "Crypto Key Rotator", "keyrotator") = &[
        all(CryptoKey),
    ];
    /// Reads signing and encryption keys for use; the role is the rotator's.
    crypto_key_reader(Uuid::nil(), "Crypto Key Reader", "keyrotator") = &[
        all(CryptoKey),
    ];
    /// Writes connection logs.
    connection_logger(Uuid::nil(), "Connection Logger", "connectionlogger") = &[
        some(ConnectionLog, &[Read, Update]),
    ];
    /// Queues and delivers notifications: mail, webhooks, inbox, web push.
    notifier(Uuid::nil(), "Notifier", "notifier") = &[
        some(DeploymentConfig, &[Read, Update]),
        some(InboxNotification, &[Create]),
        some(NotificationMessage, &[Create, Delete, Read, Update]),
        some(WebpushSubscription, &[Create, Delete, Read, Update]),
    ];
    /// Keeps the state of agents' resource monitors.
    resource_monitor(Uuid::nil(), "Resource Monitor", "resourcemonitor") = &[
        some(WorkspaceAgentResourceMonitor, &[Update]),
    ];
    /// The server itself, where no user can be named: logins, sessions, caches, role upkeep.
    restricted(Uuid::nil(), "System", "system") = &[
        Permission::any_type(&[Read]),
        some(ApiKey, &[Create, Delete, Read, Update]),
        some(AssignOrgRole, &[Assign, Create, Delete, Read, Unassign, Update]),
        some(AssignRole, &[Assign, Read, Unassign]),
        some(CryptoKey, &[Create, Delete, Update]),
        some(DeploymentConfig, &[Create, Delete, Update]),
        some(File, &[Create, Read]),
        some(Group, &[Create, Update]),
        some(NotificationMessage, &[Create, Delete, Read, Update]),
        some(NotificationPreference, &[Create, Delete, Update]),
        some(NotificationTemplate, &[Create, Delete, Update]),
        some(Oauth2App, &[Create, Delete, Read, Update]),
        some(Oauth2AppSecret, &[Create, Delete, Read, Update]),
        some(Organization, &[Create, Read]),
        some(OrganizationMember, &[Create, Delete, Read]),
        some(ProvisionerDaemon, &[Create, Read, Update]),
        some(ProvisionerJobs, &[Create, Read, Update]),
        all(System),
        some(User, &[Create, Delete, Read, ReadPersonal, Update, UpdatePersonal]),
        some(Workspace, &[CreateAgent, Delete, DeleteAgent, Ssh, Start, Stop, Update]),
        some(WorkspaceDormant, &[Delete, Stop, Update]),
        some(WorkspaceProxy, &[Create, Delete, Update]),
    ];
    /// Revokes tokens for the OAuth2 provider.
    oauth(Uuid::nil(), "System OAuth2", "system-oauth2") = &[
        some(ApiKey, &[Delete, Read]),
        some(Oauth2App, &[Create, Delete, Read, Update]),
        some(Oauth2AppCodeToken, &[Create, Delete, Read]),
        some(Oauth2AppSecret, &[Create, Delete, Read, Update]),
        some(Organization, &[Read]),
        some(User, &[Read]),
    ];
    /// Counts matching daemons for users who may not read daemons.
    read_provisioner_daemons(Uuid::nil(), "Provisioner Daemons Reader", "system-read-provisioner-daemons") = &[
        some(ProvisionerDaemon, &[Read]),
    ];
    /// Keeps prebuilt workspaces in stock; acts as the user that owns them.
    prebuilds_orchestrator(PREBUILDS_USER_ID, "Prebuilds Orchestrator", "prebuilds-orchestrator") = &[
        some(AssignOrgRole, &[Assign]),
        some(File, &[Read]),
        some(Group, &[Create, Read, Update]),
        some(GroupMember, &[Read]),
        some(Organization, &[Read]),
        some(OrganizationMember, &[Create, Read]),
        some(PrebuiltWorkspace, &[Delete, Update]),
        some(Template, &[Read, Update, Use, ViewInsights]),
        some(User, &[Read]),
        some(Workspace, &[Create, Delete, Read, Start, Stop, Update]),
    ];
    /// Reads any uploaded file, for the file cache and for rendering parameters.
    file_reader(FILE_READER_ID, "Can Read All Files", "file-reader") = &[
        some(File, &[Read]),
    ];
    /// Publishes usage events.
    usage_publisher(Uuid::nil(), "Usage Publisher", "usage-publisher") = &[
        some(License, &[Read]),
        some(UsageEvent, &[Read, Update]),
    ];
    /// The AI bridge.
    aibridged(Uuid::nil(), "AI Bridge Daemon", "aibridged") = &[
        some(AibridgeInterception, &[Create, Delete, Read, Update]),
        some(ApiKey, &[Read]),
        some(User, &[Read, ReadPersonal]),
    ];
    /// Deletes what has outlived its retention.
    dbpurge(Uuid::nil(), "DB Purge", "dbpurge") = &[
        some(AibridgeInterception, &[Delete]),
        some(ApiKey, &[Delete]),
        some(NotificationMessage, &[Delete]),
        some(System, &[Delete]),
    ];
    /// Counts the use of boundaries; nobody else may touch those counts.
    boundary_usage_tracker(Uuid::nil(), "Boundary Usage Tracker", "boundary-usage-tracker") = &[
        some(BoundaryUsage, &[Delete, Read, Update]),
    ];
    /// Keeps the tailnet coordinators' shared state.
    tailnet_coordinator(Uuid::nil(), "Tailnet Coordinator", "tailnetcoordinator") = &[
        all(TailnetCoordinator),
    ];
}

/// Writes the audit log. Ours: the reference writes it without asking who may.
pub fn audit_logger() -> &'static Arc<Subject> {
    static SUBJECT: LazyLock<Arc<Subject>> = LazyLock::new(|| {
        let site = vec![some(AuditLog, &[Create])];
        compile(Uuid::nil(), "Audit Logger", StoredRole { site, ..StoredRole::new("auditlogger", None) })
    });
    &SUBJECT
}

/// Does what the configuration says about the default organization before there is anybody. Ours: the reference has no
/// such option.
pub fn configuration() -> &'static Arc<Subject> {
    static SUBJECT: LazyLock<Arc<Subject>> = LazyLock::new(|| {
        let site = vec![some(Organization, &[Read, Update])];
        compile(Uuid::nil(), "Configuration", StoredRole { site, ..StoredRole::new("configuration", None) })
    });
    &SUBJECT
}

/// Makes, lists and deletes sub agents for an agent: acts as the workspace's owner, on the owner's
/// workspaces in one organization.
pub fn sub_agent_api(owner: Uuid, organization: Uuid) -> Arc<Subject> {
    let member = vec![some(Workspace, &[CreateAgent, DeleteAgent, Read, Update])];
    compile(owner, "Sub Agent API", StoredRole { member, ..StoredRole::new("subagentapi", Some(organization)) })
}
