//! What each built-in role may do, and which roles it may hand out.
//!
//! One list a level: `site` everywhere, `org` in the organization the role is held in, `user` on the
//! holder's own things outside of organizations. A test holds these tables against
//! `fixtures/reference/rbac.json`.

use super::{Builtin, Kind, OrganizationMember};
use crate::rbac::kinds::{Action::*, Resource::*};
use crate::rbac::permission::Permission;

const fn all(resource: crate::rbac::Resource) -> Permission {
    Permission::all(resource)
}
const fn some(resource: crate::rbac::Resource, actions: &[crate::rbac::Action]) -> Permission {
    Permission::some(resource, actions)
}
const fn no(resource: crate::rbac::Resource, actions: &[crate::rbac::Action]) -> Permission {
    Permission::no(resource, actions)
}

/// Every built-in role, those of the deployment first.
pub(super) const BUILTIN: &[&Builtin] = &[
    &OWNER,
    &MEMBER,
    &AUDITOR,
    &TEMPLATE_ADMIN,
    &USER_ADMIN,
    &ORGANIZATION_ADMIN,
    &ORGANIZATION_AUDITOR,
    &ORGANIZATION_USER_ADMIN,
    &ORGANIZATION_TEMPLATE_ADMIN,
    &ORGANIZATION_WORKSPACE_CREATION_BAN,
];

const OWNER: Builtin = Builtin {
    name: "owner",
    display_name: "Owner",
    kind: Kind::Site,
    site: &[
        all(AibridgeInterception),
        all(ApiKey),
        all(AssignOrgRole),
        all(AssignRole),
        all(AuditLog),
        all(ConnectionLog),
        all(CryptoKey),
        all(DebugInfo),
        all(DeploymentConfig),
        all(DeploymentStats),
        all(File),
        all(Group),
        all(GroupMember),
        all(IdpsyncSettings),
        all(InboxNotification),
        all(License),
        all(NotificationMessage),
        all(NotificationPreference),
        all(NotificationTemplate),
        all(Oauth2App),
        all(Oauth2AppCodeToken),
        all(Oauth2AppSecret),
        all(Organization),
        all(OrganizationMember),
        some(PrebuiltWorkspace, &[Delete, Update]),
        all(ProvisionerDaemon),
        all(ProvisionerJobs),
        all(Replicas),
        all(System),
        all(TailnetCoordinator),
        all(Task),
        all(Template),
        all(User),
        all(WebpushSubscription),
        some(
            Workspace,
            &[ApplicationConnect, Create, CreateAgent, Delete, DeleteAgent, Read, Share, Ssh, Start, Stop, Update],
        ),
        all(WorkspaceAgentDevcontainers),
        all(WorkspaceAgentResourceMonitor),
        some(WorkspaceDormant, &[Create, CreateAgent, Delete, DeleteAgent, Read, Stop, Update]),
        all(WorkspaceProxy),
    ],
    org: &[],
    user: &[],
};

const MEMBER: Builtin = Builtin {
    name: "member",
    display_name: "Member",
    kind: Kind::Site,
    site: &[some(AssignRole, &[Read]), some(Oauth2App, &[Read]), some(WorkspaceProxy, &[Read])],
    org: &[],
    user: &[
        all(AibridgeInterception),
        all(ApiKey),
        all(AssignOrgRole),
        all(AssignRole),
        all(AuditLog),
        all(ConnectionLog),
        all(CryptoKey),
        all(DebugInfo),
        all(DeploymentConfig),
        all(DeploymentStats),
        all(File),
        all(Group),
        all(GroupMember),
        all(IdpsyncSettings),
        all(InboxNotification),
        all(License),
        all(NotificationMessage),
        all(NotificationPreference),
        all(NotificationTemplate),
        all(Oauth2App),
        all(Oauth2AppCodeToken),
        all(Oauth2AppSecret),
        all(Organization),
        all(ProvisionerDaemon),
        all(ProvisionerJobs),
        all(Replicas),
        all(System),
        all(TailnetCoordinator),
        all(Task),
        all(Template),
        all(UsageEvent),
        some(User, &[Read, ReadPersonal, UpdatePersonal]),
        all(UserSecret),
        all(WebpushSubscription),
        all(WorkspaceAgentDevcontainers),
        all(WorkspaceAgentResourceMonitor),
        all(WorkspaceProxy),
    ],
};

const AUDITOR: Builtin = Builtin {
    name: "auditor",
    display_name: "Auditor",
    kind: Kind::Site,
    site: &[
        some(AibridgeInterception, &[Read]),
        some(AssignOrgRole, &[Read]),
        some(AuditLog, &[Read]),
        some(ConnectionLog, &[Read]),
        some(DeploymentConfig, &[Read]),
        some(DeploymentStats, &[Read]),
        some(Group, &[Read]),
        some(GroupMember, &[Read]),
        some(Organization, &[Read]),
        some(OrganizationMember, &[Read]),
        some(Template, &[Read, ViewInsights]),
        some(User, &[Read]),
    ],
    org: &[],
    user: &[],
};

const TEMPLATE_ADMIN: Builtin = Builtin {
    name: "template-admin",
    display_name: "Template Admin",
    kind: Kind::Site,
    site: &[
        some(AssignOrgRole, &[Read]),
        some(File, &[Create, Read]),
        some(Group, &[Read]),
        some(GroupMember, &[Read]),
        some(Organization, &[Read]),
        some(OrganizationMember, &[Read]),
        some(PrebuiltWorkspace, &[Delete, Update]),
        some(ProvisionerDaemon, &[Create, Delete, Read, Update]),
        some(Template, &[Create, Delete, Read, Update, Use, ViewInsights]),
        some(User, &[Read]),
        some(Workspace, &[Read]),
    ],
    org: &[],
    user: &[],
};

const USER_ADMIN: Builtin = Builtin {
    name: "user-admin",
    display_name: "User Admin",
    kind: Kind::Site,
    site: &[
        some(AssignOrgRole, &[Assign, Read, Unassign]),
        some(AssignRole, &[Assign, Read, Unassign]),
        some(Group, &[Create, Delete, Read, Update]),
        some(GroupMember, &[Read]),
        some(IdpsyncSettings, &[Read, Update]),
        some(Organization, &[Read]),
        some(OrganizationMember, &[Create, Delete, Read, Update]),
        some(User, &[Create, Delete, Read, ReadPersonal, Update, UpdatePersonal]),
    ],
    org: &[],
    user: &[],
};

const ORGANIZATION_ADMIN: Builtin = Builtin {
    name: "organization-admin",
    display_name: "Organization Admin",
    kind: Kind::Organization,
    site: &[some(User, &[Read])],
    org: &[
        all(AibridgeInterception),
        all(ApiKey),
        all(AssignOrgRole),
        all(AuditLog),
        all(ConnectionLog),
        all(CryptoKey),
        all(DebugInfo),
        all(DeploymentConfig),
        all(DeploymentStats),
        all(File),
        all(Group),
        all(GroupMember),
        all(IdpsyncSettings),
        all(InboxNotification),
        all(License),
        all(NotificationMessage),
        all(NotificationPreference),
        all(NotificationTemplate),
        all(Oauth2App),
        all(Oauth2AppCodeToken),
        all(Oauth2AppSecret),
        all(Organization),
        all(OrganizationMember),
        some(PrebuiltWorkspace, &[Delete, Update]),
        all(ProvisionerDaemon),
        all(ProvisionerJobs),
        all(Replicas),
        all(System),
        all(TailnetCoordinator),
        all(Task),
        all(Template),
        all(UsageEvent),
        all(User),
        all(WebpushSubscription),
        some(Workspace, &[Create, CreateAgent, Delete, DeleteAgent, Read, Share, Start, Stop, Update]),
        all(WorkspaceAgentDevcontainers),
        all(WorkspaceAgentResourceMonitor),
        some(WorkspaceDormant, &[Create, CreateAgent, Delete, DeleteAgent, Read, Stop, Update]),
        all(WorkspaceProxy),
    ],
    user: &[],
};

const ORGANIZATION_AUDITOR: Builtin = Builtin {
    name: "organization-auditor",
    display_name: "Organization Auditor",
    kind: Kind::Organization,
    site: &[],
    org: &[
        some(AuditLog, &[Read]),
        some(ConnectionLog, &[Read]),
        some(Group, &[Read]),
        some(GroupMember, &[Read]),
        some(Organization, &[Read]),
        some(OrganizationMember, &[Read]),
        some(Template, &[Read, ViewInsights]),
    ],
    user: &[],
};

const ORGANIZATION_USER_ADMIN: Builtin = Builtin {
    name: "organization-user-admin",
    display_name: "Organization User Admin",
    kind: Kind::Organization,
    site: &[some(User, &[Read])],
    org: &[
        some(AssignOrgRole, &[Assign, Read, Unassign]),
        some(Group, &[Create, Delete, Read, Update]),
        some(GroupMember, &[Read]),
        some(IdpsyncSettings, &[Read, Update]),
        some(Organization, &[Read]),
        some(OrganizationMember, &[Create, Delete, Read, Update]),
    ],
    user: &[],
};

const ORGANIZATION_TEMPLATE_ADMIN: Builtin = Builtin {
    name: "organization-template-admin",
    display_name: "Organization Template Admin",
    kind: Kind::Organization,
    site: &[],
    org: &[
        some(File, &[Create, Read]),
        some(Group, &[Read]),
        some(GroupMember, &[Read]),
        some(Organization, &[Read]),
        some(OrganizationMember, &[Read]),
        some(PrebuiltWorkspace, &[Delete, Update]),
        some(ProvisionerDaemon, &[Create, Delete, Read, Update]),
        some(ProvisionerJobs, &[Create, Read, Update]),
        some(Template, &[Create, Delete, Read, Update, Use, ViewInsights]),
        some(Workspace, &[Read]),
    ],
    user: &[],
};

const ORGANIZATION_WORKSPACE_CREATION_BAN: Builtin = Builtin {
    name: "organization-workspace-creation-ban",
    display_name: "Organization Workspace Creation Ban",
    kind: Kind::Organization,
    site: &[],
    org: &[no(Workspace, &[Create, CreateAgent, Delete, DeleteAgent])],
    user: &[],
};

/// A member's own things in the organization; the same whether or not workspaces may be shared.
const OWN_IN_ORGANIZATION: &[Permission] = &[
    all(AibridgeInterception),
    all(ApiKey),
    all(AssignOrgRole),
    all(AssignRole),
    all(AuditLog),
    all(BoundaryUsage),
    all(ConnectionLog),
    all(CryptoKey),
    all(DebugInfo),
    all(DeploymentConfig),
    all(DeploymentStats),
    all(File),
    all(Group),
    all(GroupMember),
    all(IdpsyncSettings),
    all(InboxNotification),
    all(License),
    all(NotificationMessage),
    all(NotificationPreference),
    all(NotificationTemplate),
    all(Oauth2App),
    all(Oauth2AppCodeToken),
    all(Oauth2AppSecret),
    all(Organization),
    some(OrganizationMember, &[Read]),
    all(ProvisionerDaemon),
    all(ProvisionerJobs),
    all(Replicas),
    all(System),
    all(TailnetCoordinator),
    all(Task),
    all(Template),
    all(UsageEvent),
    all(UserSecret),
    all(WebpushSubscription),
    all(Workspace),
    all(WorkspaceAgentDevcontainers),
    all(WorkspaceAgentResourceMonitor),
    some(WorkspaceDormant, &[Create, CreateAgent, Delete, DeleteAgent, Read, Stop, Update]),
    all(WorkspaceProxy),
];

/// `organization-member` where workspaces may be shared: members see whom they can share with.
pub(super) const ORGANIZATION_MEMBER: OrganizationMember = OrganizationMember {
    org: &[
        some(AssignOrgRole, &[Read]),
        some(Group, &[Read]),
        some(Organization, &[Read]),
        some(OrganizationMember, &[Read]),
        some(ProvisionerDaemon, &[Read]),
    ],
    member: OWN_IN_ORGANIZATION,
};

/// `organization-member` where they may not.
pub(super) const ORGANIZATION_MEMBER_WITHOUT_SHARING: OrganizationMember = OrganizationMember {
    org: &[
        no(Workspace, &[Share]),
        some(AssignOrgRole, &[Read]),
        some(Organization, &[Read]),
        some(ProvisionerDaemon, &[Read]),
    ],
    member: OWN_IN_ORGANIZATION,
};

/// Stands for every stored role of the deployment where roles are assigned.
pub(super) const CUSTOM_SITE_ROLE: &str = "custom-site-role";
/// Stands for every stored role of an organization, but for `organization-member`.
pub(super) const CUSTOM_ORGANIZATION_ROLE: &str = "custom-organization-role";

const EVERY_ROLE: &[&str] = &[
    "owner",
    "auditor",
    "member",
    "organization-admin",
    "organization-member",
    "organization-auditor",
    "organization-user-admin",
    "organization-template-admin",
    "organization-workspace-creation-ban",
    "template-admin",
    "user-admin",
    CUSTOM_SITE_ROLE,
    CUSTOM_ORGANIZATION_ROLE,
];

/// The roles that a holder of `role` may give and take. `system` and `prebuilds-orchestrator` are
/// roles of system subjects.
pub(super) fn assigned_by(role: &str) -> &'static [&'static str] {
    match role {
        "system" | "owner" => EVERY_ROLE,
        "user-admin" => &["member", "organization-member"],
        "organization-admin" => &[
            "organization-admin",
            "organization-member",
            "organization-auditor",
            "organization-user-admin",
            "organization-template-admin",
            "organization-workspace-creation-ban",
            CUSTOM_ORGANIZATION_ROLE,
        ],
        "organization-user-admin" => &["organization-member"],
        "prebuilds-orchestrator" => &["organization-member"],
        _ => &[],
    }
}
