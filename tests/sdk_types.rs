//! The SDK's types are the API's: what a type reads it writes again, all of it and nothing else.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use rockpool::sdk::{self, *};

use crate::support::api::API;
use crate::support::shapes::{Shape, parse};

/// Reads a full and a sparse sample of a type, and expects the same to be written.
fn goes_round<T: DeserializeOwned + Serialize>(name: &str) {
    for full in [true, false] {
        let mut sample = API.shapes.sample(&parse(name), full);
        if name.starts_with("CreateWorkspaceBuild") || name.starts_with("UpdateWorkspaceBuildState") {
            // What is a text to the facts is bytes in base64.
            if let Some(state) = sample.get_mut("state").filter(|state| **state != "") {
                *state = "e30=".into();
            }
        }
        let read: T = serde_json::from_value(sample.clone()).unwrap_or_else(|err| {
            // The other reader knows where it was.
            let place = sdk::lenient::from_value::<T>(sample.clone()).err();
            panic!("{name}: {err}: {place:?}")
        });
        let written: Value = serde_json::from_slice(&sdk::json::to_vec(&read)).expect("JSON");
        assert_eq!(written, sample, "{name}");
    }
}

#[test]
fn types_write_what_they_read() {
    macro_rules! check {
        ($($name:ident),* $(,)?) => { $(goes_round::<$name>(stringify!($name));)* };
    }
    check![
        Response,
        ValidationError,
        ServerSentEvent,
        User,
        ReducedUser,
        MinimalUser,
        GetUsersResponse,
        CreateFirstUserRequest,
        CreateFirstUserTrialInfo,
        CreateFirstUserResponse,
        CreateUserRequestWithOrgs,
        UpdateUserProfileRequest,
        ValidateUserPasswordRequest,
        ValidateUserPasswordResponse,
        UpdateUserPasswordRequest,
        UpdateRoles,
        UserRoles,
        UserLoginType,
        UserAppearanceSettings,
        UpdateUserAppearanceSettingsRequest,
        UserPreferenceSettings,
        UpdateUserPreferenceSettingsRequest,
        UserQuietHoursScheduleResponse,
        UpdateUserQuietHoursScheduleRequest,
        UserParameter,
        GitSSHKey,
        LoginWithPasswordRequest,
        LoginWithPasswordResponse,
        RequestOneTimePasscodeRequest,
        ChangePasswordWithOneTimePasscodeRequest,
        ConvertLoginRequest,
        OAuthConversionResponse,
        AuthMethods,
        AuthMethod,
        GithubAuthMethod,
        OIDCAuthMethod,
        APIKey,
        APIKeyWithOwner,
        CreateTokenRequest,
        GenerateAPIKeyResponse,
        TokenConfig,
        ExternalAPIKeyScopes,
        Organization,
        MinimalOrganization,
        CreateOrganizationRequest,
        UpdateOrganizationRequest,
        OrganizationMember,
        OrganizationMemberWithUserData,
        PaginatedMembersResponse,
        WorkspaceSharingSettings,
        WorkspaceQuota,
        Role,
        SlimRole,
        AssignableRoles,
        Permission,
        CustomRoleRequest,
        AuthorizationRequest,
        AuthorizationCheck,
        AuthorizationObject,
        Group,
        CreateGroupRequest,
        PatchGroupRequest,
        UploadResponse,
        Template,
        CreateTemplateRequest,
        UpdateTemplateMeta,
        TemplateAutostopRequirement,
        TemplateAutostartRequirement,
        TransitionStats,
        TemplateExample,
        TemplateACL,
        TemplateUser,
        TemplateGroup,
        UpdateTemplateACL,
        ACLAvailable,
        UpdateActiveTemplateVersion,
        ArchiveTemplateVersionsRequest,
        ArchiveTemplateVersionsResponse,
        InvalidatePresetsResponse,
        InvalidatedPreset,
        TemplateVersion,
        CreateTemplateVersionRequest,
        VariableValue,
        PatchTemplateVersionRequest,
        CreateTemplateVersionDryRunRequest,
        TemplateVersionParameter,
        TemplateVersionParameterOption,
        TemplateVersionVariable,
        TemplateVersionExternalAuth,
        Preset,
        PresetParameter,
        PrebuildsSettings,
        DynamicParametersRequest,
        DynamicParametersResponse,
        FriendlyDiagnostic,
        DiagnosticExtra,
        PreviewParameter,
        PreviewParameterStyling,
        PreviewParameterOption,
        PreviewParameterValidation,
        NullHCLString,
        ProvisionerJob,
        ProvisionerJobInput,
        ProvisionerJobMetadata,
        ProvisionerJobLog,
        MatchedProvisioners,
        ProvisionerDaemon,
        ProvisionerDaemonJob,
        ProvisionerKey,
        ProvisionerKeyDaemons,
        CreateProvisionerKeyRequest,
        CreateProvisionerKeyResponse,
        Workspace,
        WorkspacesResponse,
        WorkspaceHealth,
        CreateWorkspaceRequest,
        UpdateWorkspaceRequest,
        UpdateWorkspaceAutostartRequest,
        UpdateWorkspaceTTLRequest,
        UpdateWorkspaceDormancy,
        UpdateWorkspaceAutomaticUpdatesRequest,
        PutExtendWorkspaceRequest,
        PostWorkspaceUsageRequest,
        ResolveAutostartResponse,
        ExternalAgentCredentials,
        WorkspaceACL,
        WorkspaceUser,
        WorkspaceGroup,
        SharedWorkspaceActor,
        UpdateWorkspaceACL,
        WorkspaceBuild,
        CreateWorkspaceBuildRequest,
        WorkspaceBuildParameter,
        UpdateWorkspaceBuildStateRequest,
        WorkspaceBuildTimings,
        ProvisionerTiming,
        AgentScriptTiming,
        AgentConnectionTiming,
        WorkspaceResource,
        WorkspaceResourceMetadata,
        WorkspaceAgent,
        WorkspaceAgentHealth,
        WorkspaceAgentLog,
        WorkspaceAgentLogSource,
        WorkspaceAgentScript,
        WorkspaceAgentMetadata,
        WorkspaceAgentMetadataResult,
        WorkspaceAgentMetadataDescription,
        DERPRegion,
        WorkspaceAgentListeningPortsResponse,
        WorkspaceAgentListeningPort,
        WorkspaceAgentPortShares,
        WorkspaceAgentPortShare,
        UpsertWorkspaceAgentPortShareRequest,
        DeleteWorkspaceAgentPortShareRequest,
        WorkspaceAgentListContainersResponse,
        WorkspaceAgentContainer,
        WorkspaceAgentContainerPort,
        WorkspaceAgentDevcontainer,
        WorkspaceAgentDevcontainerAgent,
        WorkspaceApp,
        Healthcheck,
        WorkspaceAppStatus,
        AppHostResponse,
        BuildInfoResponse,
        AppearanceConfig,
        UpdateAppearanceConfig,
        BannerConfig,
        LinkConfig,
        Entitlements,
        Feature,
        UsagePeriod,
        AvailableExperiments,
        UpdateCheckResponse,
        DeploymentStats,
        WorkspaceDeploymentStats,
        SessionCountDeploymentStats,
        WorkspaceConnectionLatencyMS,
        SSHConfigResponse,
        HealthSettings,
        UpdateHealthSettings,
        Region,
        Replica,
        ExternalAuth,
        ExternalAuthUser,
        ExternalAuthAppInstallation,
        ExternalAuthDevice,
        ExternalAuthLink,
        ExternalAuthLinkProvider,
        ListUserExternalAuthResponse,
        DeleteExternalAuthByIDResponse,
        AuditLog,
        AuditLogResponse,
        AuditDiffField,
        CreateTestAuditLogRequest,
        NotificationsSettings,
        NotificationTemplate,
        NotificationMethodsResponse,
        NotificationPreference,
        UpdateUserNotificationPreferences,
        UpdateNotificationTemplateMethod,
        CustomNotificationRequest,
        CustomNotificationContent,
        InboxNotification,
        InboxNotificationAction,
        ListInboxNotificationsResponse,
        GetInboxNotificationResponse,
        UpdateInboxNotificationReadStatusRequest,
        UpdateInboxNotificationReadStatusResponse,
        WebpushSubscription,
        DeleteWebpushSubscription,
    ];
    goes_round::<AgentGitSSHKey>("agentsdk.GitSSHKey");
    goes_round::<AgentAuthenticateResponse>("agentsdk.AuthenticateResponse");
    goes_round::<AgentExternalAuthResponse>("agentsdk.ExternalAuthResponse");
    goes_round::<ReinitializationEvent>("agentsdk.ReinitializationEvent");
    goes_round::<PatchAgentLogs>("agentsdk.PatchLogs");
    goes_round::<AgentLog>("agentsdk.Log");
    goes_round::<RegionsResponse<Region>>("RegionsResponse<Region>");
}

#[test]
fn words_are_those_of_the_api() {
    macro_rules! check {
        ($($name:ident),* $(,)?) => {
            $(same_words(stringify!($name), $name::ALL.iter().map(|word| word.as_str()).collect());)*
        };
    }
    check![
        ServerSentEventType,
        LogLevel,
        UserStatus,
        TerminalFontName,
        LoginType,
        GroupSource,
        TemplateRole,
        CORSBehavior,
        TemplateVersionWarning,
        ValidationMonotonicOrder,
        DiagnosticSeverityString,
        OptionType,
        ParameterFormType,
        ProvisionerType,
        ProvisionerStorageMethod,
        ProvisionerJobStatus,
        ProvisionerJobType,
        ProvisionerDaemonStatus,
        ProvisionerLogLevel,
        LogSource,
        JobErrorCode,
        AutomaticUpdates,
        WorkspaceRole,
        SharedWorkspaceActorType,
        UsageAppName,
        WorkspaceTransition,
        WorkspaceStatus,
        BuildReason,
        CreateWorkspaceBuildReason,
        CancelWorkspaceBuildStatus,
        TimingStage,
        WorkspaceAgentStatus,
        WorkspaceAgentLifecycle,
        WorkspaceAgentStartupScriptBehavior,
        WorkspaceAgentDevcontainerStatus,
        WorkspaceAgentPortShareLevel,
        WorkspaceAgentPortShareProtocol,
        AgentSubsystem,
        DisplayApp,
        WorkspaceAppHealth,
        WorkspaceAppOpenIn,
        WorkspaceAppSharingLevel,
        WorkspaceAppStatusState,
        Entitlement,
        FeatureName,
        FeatureSet,
        HealthSection,
        AuditAction,
        ResourceType,
        ConnectionType,
    ];
}

fn same_words(name: &str, mut ours: Vec<&str>) {
    let mut theirs = match API.shapes.alias(name) {
        Some(Shape::OneOf(words)) => words.clone(),
        Some(word) => vec![word.clone()],
        None => panic!("there is no type {name}"),
    };
    theirs.sort_by_key(|word| format!("{word:?}"));
    ours.sort_unstable();
    let ours: Vec<_> = ours.into_iter().map(|word| Shape::Literal(word.to_owned())).collect();
    assert_eq!(ours, theirs, "{name}");
}
