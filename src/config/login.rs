//! Logging in through others: OpenID Connect, GitHub, and what of a user they decide.

use std::collections::BTreeMap;
use std::path::PathBuf;

use uuid::Uuid;

use super::{ConfigError, Secret, Settings, Value};

/// An identity provider that speaks OpenID Connect.
#[derive(Debug, Clone)]
pub struct Oidc {
    /// Its URL, as its tokens write it.
    pub issuer_url: String,
    /// What it knows this server by.
    pub client_id: String,
    /// By what this server proves itself; none for a public client.
    pub client_secret: Option<Secret>,
    /// Or by this key.
    pub client_key: Option<ClientKeyFiles>,
    /// What to ask for.
    pub scopes: Vec<String>,
    /// Further parameters of the way there.
    pub auth_url_params: BTreeMap<String, String>,
    /// Tokens may name another issuer.
    pub skip_issuer_checks: bool,
    /// Where claims come from beside the ID token.
    pub secondary_claims: SecondaryClaims,
    /// The claim with the username.
    pub username_field: String,
    /// The claim with the address.
    pub email_field: String,
    /// The claim with the name for people.
    pub name_field: String,
    /// Domains of addresses that may log in; all when empty.
    pub email_domains: Vec<String>,
    /// Addresses that the provider has not verified count too.
    pub ignore_email_verified: bool,
    /// Whoever has no account gets one.
    pub allow_signups: bool,
    /// What those are told who do not get one; Markdown.
    pub signups_disabled_text: String,
    /// Text of the button.
    pub sign_in_text: String,
    /// Icon of the button.
    pub icon_url: String,
}

/// The files of a key by which this server proves itself to an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKeyFiles {
    /// The private key, RSA in PEM.
    pub key: PathBuf,
    /// The certificate that the provider knows it by, in PEM.
    pub certificate: Option<PathBuf>,
}

/// Where claims come from beside the ID token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondaryClaims {
    /// Nowhere.
    None,
    /// The provider's userinfo endpoint, where it has one.
    UserInfo,
    /// The access token, which must be signed like the ID token.
    AccessToken,
}

/// An OAuth app at GitHub.
#[derive(Debug, Clone)]
pub struct Github {
    /// What GitHub knows this server by.
    pub client_id: String,
    /// By what this server proves itself; none with the device flow.
    pub client_secret: Option<Secret>,
    /// GitHub, or a GitHub Enterprise server; without a trailing slash.
    pub base_url: String,
    /// Its API; without a trailing slash.
    pub api_url: String,
    /// People type a code there instead of being sent there.
    pub device_flow: bool,
    /// Whoever has no account gets one.
    pub allow_signups: bool,
    /// Who may log in.
    pub allowed: Allowed,
}

/// Who may log in through GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// Everybody.
    Everyone,
    /// Active members of one of these organizations and, where there are teams, of one of the teams.
    Members {
        /// Organizations, by login.
        organizations: Vec<String>,
        /// Teams: organization and slug.
        teams: Vec<(String, String)>,
    },
}

/// What an identity provider decides, where nobody has changed it at run time.
#[derive(Debug, Clone)]
pub struct IdpSync {
    /// The claim with organizations; empty for none.
    pub organization_field: String,
    /// Organizations by what the claim says.
    pub organization_mapping: BTreeMap<String, Vec<Uuid>>,
    /// Everybody is in the default organization.
    pub organization_assign_default: bool,
    /// The claim with groups; empty for none.
    pub group_field: String,
    /// Names of groups by what the claim says.
    pub group_mapping: BTreeMap<String, String>,
    /// What names of groups must look like.
    pub group_regex_filter: String,
    /// Groups that are not there are made.
    pub group_auto_create: bool,
    /// Groups one of which it takes to log in; anybody may when empty.
    pub group_allow_list: Vec<String>,
    /// The claim with roles of the deployment; empty for none.
    pub role_field: String,
    /// Roles by what the claim says.
    pub role_mapping: BTreeMap<String, Vec<String>>,
    /// Roles that everybody has.
    pub role_default: Vec<String>,
}

fn secret(settings: &Settings, flag: &str) -> Option<Secret> {
    Some(settings.text(flag)).filter(|text| !text.is_empty()).map(Secret::new)
}

fn strings(settings: &Settings, flag: &str) -> BTreeMap<String, String> {
    match &settings.get(flag).value {
        Value::Strings(map) => map.clone(),
        _ => BTreeMap::new(),
    }
}

/// The claim with groups. Who asks the provider for the scope of that name means the claim of that name.
fn group_field(settings: &Settings) -> String {
    match settings.text("oidc-group-field") {
        "" if settings.list("oidc-scopes").iter().any(|scope| scope == "groups") => "groups".to_owned(),
        field => field.to_owned(),
    }
}

fn contradiction(message: &str) -> ConfigError {
    ConfigError::Contradiction(message.to_owned())
}

impl Oidc {
    pub(super) fn read(settings: &Settings) -> Result<Option<Oidc>, ConfigError> {
        let text = |flag: &str| settings.text(flag).to_owned();
        let (client_id, issuer_url) = (text("oidc-client-id"), text("oidc-issuer-url"));
        match (client_id.is_empty(), issuer_url.is_empty()) {
            (true, true) => return Ok(None),
            (false, false) => {}
            _ => {
                return Err(contradiction("logging in through OIDC needs both --oidc-client-id and --oidc-issuer-url"));
            }
        }
        let secondary_claims = match (
            settings.switch("oidc-ignore-userinfo"),
            settings.switch("oidc-access-token-claims"),
        ) {
            (true, true) => SecondaryClaims::AccessToken,
            (true, false) => SecondaryClaims::None,
            (false, false) => SecondaryClaims::UserInfo,
            (false, true) => {
                return Err(contradiction(
                    "--oidc-access-token-claims takes the place of the userinfo endpoint: set --oidc-ignore-userinfo too",
                ));
            }
        };
        let client_secret = secret(settings, "oidc-client-secret");
        let path = |flag: &str| Some(settings.text(flag)).filter(|path| !path.is_empty()).map(PathBuf::from);
        let client_key = match (path("oidc-client-key-file"), path("oidc-client-cert-file")) {
            (Some(_), _) if client_secret.is_some() => {
                return Err(contradiction(
                    "this server proves itself by --oidc-client-secret or by --oidc-client-key-file, not by both",
                ));
            }
            // Without a certificate to name, Microsoft would not know the key.
            (Some(_), None) if issuer_url.to_lowercase().contains("microsoftonline") => {
                return Err(contradiction("--oidc-client-key-file needs --oidc-client-cert-file at Microsoft"));
            }
            (Some(key), certificate) => Some(ClientKeyFiles { key, certificate }),
            (None, Some(_)) => {
                return Err(contradiction("--oidc-client-cert-file is of use with --oidc-client-key-file only"));
            }
            (None, None) => None,
        };
        if !settings.list("oidc-allowed-groups").is_empty() && group_field(settings).is_empty() {
            return Err(contradiction("--oidc-allowed-groups needs --oidc-group-field, the claim to find groups in"));
        }
        Ok(Some(Oidc {
            issuer_url,
            client_id,
            client_secret,
            client_key,
            scopes: settings.list("oidc-scopes").to_vec(),
            auth_url_params: strings(settings, "oidc-auth-url-params"),
            skip_issuer_checks: settings.switch("dangerous-oidc-skip-issuer-checks"),
            secondary_claims,
            username_field: text("oidc-username-field"),
            email_field: text("oidc-email-field"),
            name_field: text("oidc-name-field"),
            email_domains: settings.list("oidc-email-domain").to_vec(),
            ignore_email_verified: settings.switch("oidc-ignore-email-verified"),
            allow_signups: settings.switch("oidc-allow-signups"),
            signups_disabled_text: text("oidc-signups-disabled-text"),
            sign_in_text: text("oidc-sign-in-text"),
            icon_url: text("oidc-icon-url"),
        }))
    }
}

impl Github {
    pub(super) fn read(settings: &Settings) -> Result<Option<Github>, ConfigError> {
        let client_id = settings.text("oauth2-github-client-id").to_owned();
        if client_id.is_empty() {
            return Ok(None);
        }
        let organizations = settings.list("oauth2-github-allowed-orgs").to_vec();
        let teams = settings.list("oauth2-github-allowed-teams");
        let allowed = match settings.switch("oauth2-github-allow-everyone") {
            true if !organizations.is_empty() || !teams.is_empty() => {
                return Err(contradiction(
                    "--oauth2-github-allow-everyone lets everybody in, so --oauth2-github-allowed-orgs and \
                     --oauth2-github-allowed-teams must be empty",
                ));
            }
            true => Allowed::Everyone,
            false if organizations.is_empty() => {
                return Err(contradiction(
                    "say who may log in through GitHub: --oauth2-github-allowed-orgs or --oauth2-github-allow-everyone",
                ));
            }
            false => {
                let split = |team: &String| match team.split_once('/') {
                    Some((organization, slug)) if !organization.is_empty() && !slug.is_empty() => {
                        Ok((organization.to_owned(), slug.to_owned()))
                    }
                    _ => Err(ConfigError::Contradiction(format!(
                        "--oauth2-github-allowed-teams: {team:?} is not of the form organization/team"
                    ))),
                };
                Allowed::Members { organizations, teams: teams.iter().map(split).collect::<Result<_, _>>()? }
            }
        };
        let enterprise = settings.text("oauth2-github-enterprise-base-url").trim_end_matches('/').to_owned();
        let (base_url, api_url) = match enterprise.is_empty() {
            true => ("https://github.com".to_owned(), "https://api.github.com".to_owned()),
            false => (enterprise.clone(), format!("{enterprise}/api/v3")),
        };
        Ok(Some(Github {
            client_id,
            client_secret: secret(settings, "oauth2-github-client-secret"),
            base_url,
            api_url,
            device_flow: settings.switch("oauth2-github-device-flow"),
            allow_signups: settings.switch("oauth2-github-allow-signups"),
            allowed,
        }))
    }
}

impl IdpSync {
    pub(super) fn read(settings: &Settings) -> IdpSync {
        let text = |flag: &str| settings.text(flag).to_owned();
        IdpSync {
            organization_field: text("oidc-organization-field"),
            organization_mapping: match &settings.get("oidc-organization-mapping").value {
                Value::UuidLists(mapping) => mapping.clone(),
                _ => BTreeMap::new(),
            },
            organization_assign_default: settings.switch("oidc-organization-assign-default"),
            group_field: group_field(settings),
            group_mapping: strings(settings, "oidc-group-mapping"),
            group_regex_filter: text("oidc-group-regex-filter"),
            group_auto_create: settings.switch("oidc-group-auto-create"),
            group_allow_list: settings.list("oidc-allowed-groups").to_vec(),
            role_field: text("oidc-user-role-field"),
            role_mapping: match &settings.get("oidc-user-role-mapping").value {
                Value::StringLists(mapping) => mapping.clone(),
                _ => BTreeMap::new(),
            },
            role_default: settings.list("oidc-user-role-default").to_vec(),
        }
    }
}
