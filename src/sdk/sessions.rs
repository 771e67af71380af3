//! Signing in: passwords, API keys, tokens, and the ways there are.

#![allow(missing_docs, reason = "the fields are the API's own")]

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::validate::{Checks, Rule, Validate};
use super::wire::Word;
use crate::time::Time;
use crate::wire_enum;

/// An e-mail address and its password.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginWithPasswordRequest {
    pub email: String,
    pub password: String,
}

impl Validate for LoginWithPasswordRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("email", &self.email, &[Rule::Required, Rule::Email]);
        checks.field("password", &self.password, &[Rule::Required]);
    }
}

/// The token of a new session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginWithPasswordResponse {
    pub session_token: String,
}

/// Asks for a passcode by e-mail.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestOneTimePasscodeRequest {
    pub email: String,
}

impl Validate for RequestOneTimePasscodeRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("email", &self.email, &[Rule::Required, Rule::Email]);
    }
}

/// Changes a forgotten password with a passcode.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangePasswordWithOneTimePasscodeRequest {
    pub email: String,
    pub password: String,
    pub one_time_passcode: String,
}

impl Validate for ChangePasswordWithOneTimePasscodeRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("email", &self.email, &[Rule::Required, Rule::Email]);
        checks.field("password", &self.password, &[Rule::Required]);
        checks.field("one_time_passcode", &self.one_time_passcode, &[Rule::Required]);
    }
}

/// Asks to sign in another way from now on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConvertLoginRequest {
    pub to_type: Word<LoginType>,
    pub password: String,
}

impl Validate for ConvertLoginRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("to_type", &self.to_type, &[Rule::Required]);
        checks.field("password", &self.password, &[Rule::Required]);
    }
}

/// What to present when signing in the new way for the first time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuthConversionResponse {
    pub state_string: String,
    pub expires_at: Time,
    pub to_type: LoginType,
    pub user_id: Uuid,
}

/// Where to go on after signing in with a code on another device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2DeviceFlowCallbackResponse {
    pub redirect_url: String,
}

/// The ways to sign in here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthMethods {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub terms_of_service_url: String,
    pub password: AuthMethod,
    pub github: GithubAuthMethod,
    pub oidc: OIDCAuthMethod,
}

/// Whether a way is open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthMethod {
    pub enabled: bool,
}

/// Whether GitHub is, and whether it is the built-in app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GithubAuthMethod {
    pub enabled: bool,
    pub default_provider_configured: bool,
}

/// Whether OpenID Connect is, and what its button looks like.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OIDCAuthMethod {
    pub enabled: bool,
    #[serde(rename = "signInText")]
    pub sign_in_text: String,
    #[serde(rename = "iconUrl")]
    pub icon_url: String,
}

/// A key to the API, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct APIKey {
    pub id: String,
    pub user_id: Uuid,
    pub last_used: Time,
    pub expires_at: Time,
    pub created_at: Time,
    pub updated_at: Time,
    pub login_type: LoginType,
    pub scope: String,
    pub scopes: Vec<String>,
    pub token_name: String,
    pub lifetime_seconds: i64,
    pub allow_list: Vec<String>,
}

/// A key and whose it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct APIKeyWithOwner {
    pub id: String,
    pub user_id: Uuid,
    pub last_used: Time,
    pub expires_at: Time,
    pub created_at: Time,
    pub updated_at: Time,
    pub login_type: LoginType,
    pub scope: String,
    pub scopes: Vec<String>,
    pub token_name: String,
    pub lifetime_seconds: i64,
    pub allow_list: Vec<String>,
    pub username: String,
}

/// Makes a token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateTokenRequest {
    pub lifetime: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    pub token_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_list: Vec<String>,
}

impl Validate for CreateTokenRequest {}

/// A new key, the only time that it can be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GenerateAPIKeyResponse {
    pub key: String,
}

/// What limits there are for tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenConfig {
    pub max_token_lifetime: i64,
}

/// The scopes that a token may ask for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExternalAPIKeyScopes {
    pub external: Vec<String>,
}

wire_enum! {
    /// How a user signs in, or what a key came from.
    pub enum LoginType {
        Github = "github",
        None = "none",
        OAuth2ProviderApp = "oauth2_provider_app",
        Oidc = "oidc",
        Password = "password",
        Token = "token",
        Unset = "",
    }
}
