//! What a build is for, and the values chosen for it.

/// What a build does to its workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WorkspaceTransition {
    /// Bring it up.
    #[default]
    Start,
    /// Take down what does not persist.
    Stop,
    /// Take everything down.
    Destroy,
}

impl WorkspaceTransition {
    /// The word a template sees (`start`, `stop`, `destroy`).
    pub const fn as_str(self) -> &'static str {
        match self {
            WorkspaceTransition::Start => "start",
            WorkspaceTransition::Stop => "stop",
            WorkspaceTransition::Destroy => "destroy",
        }
    }
}

/// Where in the life of a prebuilt workspace a build stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PrebuiltWorkspaceBuildStage {
    /// Not a prebuilt workspace.
    #[default]
    None,
    /// Built ahead, for nobody yet.
    Create,
    /// Handed to the one who asked.
    Claim,
}

/// What the build is for: who, which workspace, which template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// The deployment's access URL.
    pub coder_url: String,
    /// Start, stop or destroy.
    pub workspace_transition: WorkspaceTransition,
    /// The workspace's name.
    pub workspace_name: String,
    /// The owner's username.
    pub workspace_owner: String,
    /// The workspace's id.
    pub workspace_id: String,
    /// The owner's id.
    pub workspace_owner_id: String,
    /// The owner's email address.
    pub workspace_owner_email: String,
    /// The template's name.
    pub template_name: String,
    /// The template version's name.
    pub template_version: String,
    /// An OpenID Connect access token of the owner, or nothing.
    pub workspace_owner_oidc_access_token: String,
    /// An API token of the owner that lives as long as the workspace runs.
    pub workspace_owner_session_token: String,
    /// The template's id.
    pub template_id: String,
    /// The owner's full name.
    pub workspace_owner_name: String,
    /// Names of the owner's groups in the organization.
    pub workspace_owner_groups: Vec<String>,
    /// The owner's git SSH public key.
    pub workspace_owner_ssh_public_key: String,
    /// The owner's git SSH private key.
    pub workspace_owner_ssh_private_key: String,
    /// The build's id.
    pub workspace_build_id: String,
    /// How the owner logs in.
    pub workspace_owner_login_type: String,
    /// The owner's roles, on the site and in the organization.
    pub workspace_owner_rbac_roles: Vec<Role>,
    /// Whether the workspace is built ahead or being claimed.
    pub prebuilt_workspace_build_stage: PrebuiltWorkspaceBuildStage,
    /// Tokens that agents of a claimed workspace already run with.
    pub running_agent_auth_tokens: Vec<RunningAgentAuthToken>,
    /// The task the workspace is for; empty or nil without one.
    pub task_id: String,
    /// That task's prompt.
    pub task_prompt: String,
    /// The template version's id.
    pub template_version_id: String,
    /// The stored file with the version's modules; empty without one.
    pub template_version_modules_file: String,
}

/// A role of the workspace's owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Role {
    /// The role's name.
    pub name: String,
    /// The organization it holds in; empty for the whole site.
    pub org_id: String,
}

/// The token an agent already runs with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunningAgentAuthToken {
    /// The agent's id.
    pub agent_id: String,
    /// Its token.
    pub token: String,
}

/// A value chosen for a parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RichParameterValue {
    /// The parameter's name.
    pub name: String,
    /// Its value, as text whatever its type.
    pub value: String,
}

/// A value given to a template variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VariableValue {
    /// The variable's name.
    pub name: String,
    /// Its value, as text whatever its type.
    pub value: String,
    /// Whether it must not be shown.
    pub sensitive: bool,
}

/// The owner's access token at an external provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExternalAuthProvider {
    /// The provider's id.
    pub id: String,
    /// The token.
    pub access_token: String,
}
