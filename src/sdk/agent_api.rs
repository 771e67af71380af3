//! What agents ask and tell over plain HTTP.

#![allow(missing_docs, reason = "the fields are the API's own")]

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::common::LogLevel;
use super::validate::{Checks, Rule, Validate};
use super::wire::Word;
use super::workspace_apps::WorkspaceAppStatusState;
use crate::time::Time;

/// The key with which a workspace reaches Git.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgentGitSSHKey {
    pub public_key: String,
    pub private_key: String,
}

/// The token for an agent that proved where it runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgentAuthenticateResponse {
    pub session_token: String,
}

/// Credentials for a login elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgentExternalAuthResponse {
    pub access_token: String,
    pub token_extra: Option<serde_json::Map<String, Value>>,
    pub url: String,
    pub r#type: String,
    pub username: String,
    pub password: String,
}

/// Why an agent must start over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReinitializationEvent {
    #[serde(rename = "WorkspaceID")]
    pub workspace_id: Uuid,
    pub reason: String,
}

/// Lines to add to an agent's logs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatchAgentLogs {
    pub log_source_id: Uuid,
    pub logs: Vec<AgentLog>,
}

impl Validate for PatchAgentLogs {}

/// One of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentLog {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    pub output: String,
    pub level: Word<LogLevel>,
}

/// What an app in a workspace is doing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatchAppStatus {
    pub app_slug: String,
    pub state: Word<WorkspaceAppStatusState>,
    pub message: String,
    pub uri: String,
    pub icon: String,
    pub needs_user_attention: bool,
}

impl Validate for PatchAppStatus {}

/// Names what lines come from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PostLogSourceRequest {
    pub id: Uuid,
    pub display_name: String,
    pub icon: String,
}

impl Validate for PostLogSourceRequest {}

/// Proof of an Amazon instance.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AWSInstanceIdentityToken {
    pub signature: String,
    pub document: String,
}

impl Validate for AWSInstanceIdentityToken {
    fn validate(&self, checks: &mut Checks) {
        checks.field("signature", &self.signature, &[Rule::Required]);
        checks.field("document", &self.document, &[Rule::Required]);
    }
}

/// Proof of an Azure instance.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AzureInstanceIdentityToken {
    pub signature: String,
    pub encoding: String,
}

impl Validate for AzureInstanceIdentityToken {
    fn validate(&self, checks: &mut Checks) {
        checks.field("signature", &self.signature, &[Rule::Required]);
        checks.field("encoding", &self.encoding, &[Rule::Required]);
    }
}

/// Proof of a Google instance.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GoogleInstanceIdentityToken {
    pub json_web_token: String,
}

impl Validate for GoogleInstanceIdentityToken {
    fn validate(&self, checks: &mut Checks) {
        checks.field("json_web_token", &self.json_web_token, &[Rule::Required]);
    }
}
