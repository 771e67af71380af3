//! Logins elsewhere, such as at Git hosts.

#![allow(missing_docs, reason = "the fields are the API's own")]

use serde::{Deserialize, Serialize};

use super::validate::Validate;
use crate::time::Time;

/// Whether the reader is signed in elsewhere, and how to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExternalAuth {
    pub authenticated: bool,
    pub device: bool,
    pub display_name: String,
    pub supports_revocation: bool,
    pub user: Option<ExternalAuthUser>,
    pub app_installable: bool,
    pub installations: Vec<ExternalAuthAppInstallation>,
    pub app_install_url: String,
}

/// Who the reader is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExternalAuthUser {
    pub id: i64,
    pub login: String,
    pub avatar_url: String,
    pub profile_url: String,
    pub name: String,
}

/// Where the app is installed there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExternalAuthAppInstallation {
    pub id: i64,
    pub account: ExternalAuthUser,
    pub configure_url: String,
}

/// A code to enter elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExternalAuthDevice {
    pub device_code: String,
    pub user_code: String,
    pub verification_uri: String,
    pub expires_in: i64,
    pub interval: i64,
}

/// A login elsewhere that the reader has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExternalAuthLink {
    pub provider_id: String,
    pub created_at: Time,
    pub updated_at: Time,
    pub has_refresh_token: bool,
    pub expires: Time,
    pub authenticated: bool,
    pub validate_error: String,
}

/// A place to sign in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExternalAuthLinkProvider {
    pub id: String,
    pub r#type: String,
    pub device: bool,
    pub display_name: String,
    pub display_icon: String,
    pub allow_refresh: bool,
    pub allow_validate: bool,
    pub supports_revocation: bool,
    pub code_challenge_methods_supported: Vec<String>,
}

/// All of both.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListUserExternalAuthResponse {
    pub providers: Vec<ExternalAuthLinkProvider>,
    pub links: Vec<ExternalAuthLink>,
}

/// Whether the token was revoked there too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeleteExternalAuthByIDResponse {
    pub token_revoked: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token_revocation_error: String,
}

/// A device code, once it was entered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExternalAuthDeviceExchange {
    pub device_code: String,
}

impl Validate for ExternalAuthDeviceExchange {}
