//! The deployment as an OAuth2 provider: the words of the protocol and the types that go over the wire.
//!
//! The enums here are the one place where the protocol's words are written: the server's checks, its
//! metadata and clients all read them. Which of the words this provider supports is said by
//! `crate::oauth2`, not here.

#![allow(missing_docs, reason = "the fields are the API's own")]

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::validate::{Checks, Rule, Validate};
use super::wire::{Word, is_default};
use crate::time::Time;
use crate::wire_enum;

/// The most characters of an application's icon.
pub const ICON_MAX: usize = 256;

wire_enum! {
    /// Grants that a token request may name (RFC 6749).
    pub enum OAuth2ProviderGrantType {
        AuthorizationCode = "authorization_code",
        RefreshToken = "refresh_token",
        Password = "password",
        ClientCredentials = "client_credentials",
        Implicit = "implicit",
    }
}

wire_enum! {
    /// What an authorization request may ask for (RFC 6749).
    pub enum OAuth2ProviderResponseType {
        Code = "code",
        Token = "token",
    }
}

wire_enum! {
    /// How a client proves itself at the token endpoint (RFC 7591).
    pub enum OAuth2TokenEndpointAuthMethod {
        ClientSecretBasic = "client_secret_basic",
        ClientSecretPost = "client_secret_post",
        None = "none",
    }
}

wire_enum! {
    /// How a challenge is made from its verifier (RFC 7636).
    pub enum OAuth2PKCECodeChallengeMethod {
        S256 = "S256",
        Plain = "plain",
    }
}

wire_enum! {
    /// How an access token is used (RFC 6750, RFC 9449).
    pub enum OAuth2TokenType {
        Bearer = "Bearer",
        DPoP = "DPoP",
    }
}

wire_enum! {
    /// What a client believes the token to be that it gives back (RFC 7009).
    pub enum OAuth2RevocationTokenTypeHint {
        AccessToken = "access_token",
        RefreshToken = "refresh_token",
    }
}

wire_enum! {
    /// Why a request was refused (RFC 6749, RFC 7009, RFC 8707).
    pub enum OAuth2ErrorCode {
        InvalidRequest = "invalid_request",
        InvalidClient = "invalid_client",
        InvalidGrant = "invalid_grant",
        UnauthorizedClient = "unauthorized_client",
        UnsupportedGrantType = "unsupported_grant_type",
        InvalidScope = "invalid_scope",
        AccessDenied = "access_denied",
        UnsupportedResponseType = "unsupported_response_type",
        ServerError = "server_error",
        TemporarilyUnavailable = "temporarily_unavailable",
        UnsupportedTokenType = "unsupported_token_type",
        InvalidTarget = "invalid_target",
    }
}

wire_enum! {
    /// Why a registration was refused (RFC 7591, RFC 7592, RFC 6750).
    pub enum OAuth2RegistrationErrorCode {
        InvalidClientMetadata = "invalid_client_metadata",
        InvalidClientId = "invalid_client_id",
        InvalidToken = "invalid_token",
        ServerError = "server_error",
    }
}

/// Where an application finds the provider's endpoints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2AppEndpoints {
    pub authorization: String,
    pub token: String,
    pub token_revoke: String,
    pub device_authorization: String,
}

/// An application that people can let into their accounts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2ProviderApp {
    pub id: Uuid,
    pub name: String,
    pub callback_url: String,
    pub icon: String,
    pub endpoints: OAuth2AppEndpoints,
}

/// A secret of an application, as far as it is shown after it was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2ProviderAppSecret {
    pub id: Uuid,
    pub last_used_at: Option<Time>,
    pub client_secret_truncated: String,
}

/// A secret of an application, shown this once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2ProviderAppSecretFull {
    pub id: Uuid,
    pub client_secret_full: String,
}

/// Makes an application, or changes one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PostOAuth2ProviderAppRequest {
    pub name: String,
    pub callback_url: String,
    pub icon: String,
}

impl Validate for PostOAuth2ProviderAppRequest {
    fn validate(&self, checks: &mut Checks) {
        checks.field("name", &self.name, &[Rule::Required, Rule::Name]);
        checks.field("callback_url", &self.callback_url, &[Rule::Required, Rule::HttpUrl]);
        checks.field("icon", &self.icon, &[Rule::MayBeEmpty, Rule::ShorterThan(ICON_MAX + 1)]);
    }
}

/// Changes an application.
pub type PutOAuth2ProviderAppRequest = PostOAuth2ProviderAppRequest;

/// Tokens (RFC 6749, section 5.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2TokenResponse {
    pub access_token: String,
    pub token_type: OAuth2TokenType,
    #[serde(default, skip_serializing_if = "is_default")]
    pub expires_in: i64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refresh_token: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Time>,
}

/// Why there are no tokens (RFC 6749, section 5.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2Error {
    pub error: OAuth2ErrorCode,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error_description: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error_uri: String,
}

/// What a client says of itself when it registers (RFC 7591).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OAuth2ClientRegistrationRequest {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_uri: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub logo_uri: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tos_uri: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy_uri: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwks_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub software_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub software_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub software_statement: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grant_types: Vec<Word<OAuth2ProviderGrantType>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_types: Vec<Word<OAuth2ProviderResponseType>>,
    #[serde(skip_serializing_if = "Word::is_empty")]
    pub token_endpoint_auth_method: Word<OAuth2TokenEndpointAuthMethod>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
}

impl Validate for OAuth2ClientRegistrationRequest {}

/// A client that has registered, with its secrets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2ClientRegistrationResponse {
    pub client_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_secret: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub client_id_issued_at: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub client_secret_expires_at: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_uri: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub logo_uri: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tos_uri: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy_uri: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub jwks_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub software_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub software_version: String,
    pub grant_types: Vec<OAuth2ProviderGrantType>,
    pub response_types: Vec<OAuth2ProviderResponseType>,
    pub token_endpoint_auth_method: OAuth2TokenEndpointAuthMethod,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    pub registration_access_token: String,
    pub registration_client_uri: String,
}

/// A registered client's own view of itself (RFC 7592).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2ClientConfiguration {
    pub client_id: String,
    pub client_id_issued_at: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub client_secret_expires_at: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_uri: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub logo_uri: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tos_uri: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy_uri: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub jwks_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub software_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub software_version: String,
    pub grant_types: Vec<OAuth2ProviderGrantType>,
    pub response_types: Vec<OAuth2ProviderResponseType>,
    pub token_endpoint_auth_method: OAuth2TokenEndpointAuthMethod,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub registration_access_token: String,
    pub registration_client_uri: String,
}

/// What the authorization server can do (RFC 8414).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2AuthorizationServerMetadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub registration_endpoint: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revocation_endpoint: String,
    pub response_types_supported: Vec<OAuth2ProviderResponseType>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grant_types_supported: Vec<OAuth2ProviderGrantType>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code_challenge_methods_supported: Vec<OAuth2PKCECodeChallengeMethod>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<OAuth2TokenEndpointAuthMethod>,
}

/// Who gives out tokens for the API (RFC 9728).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2ProtectedResourceMetadata {
    pub resource: String,
    pub authorization_servers: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bearer_methods_supported: Vec<String>,
}

/// Why a registration was refused (RFC 7591, section 3.2.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OAuth2ClientRegistrationError {
    pub error: OAuth2RegistrationErrorCode,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error_description: String,
}
