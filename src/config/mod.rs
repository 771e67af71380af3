//! What the server was told to do.
//!
//! [`options`] declares every option once, [`load`] finds its value, and [`Config`] is what the
//! values mean: typed, checked against one another, with secrets wrapped. [`render`] shows them to
//! the API. Nothing here listens, opens or writes anything.

pub mod address;
pub mod duration;
mod error;
mod external_auth;
pub mod load;
pub mod login;
pub mod options;
mod postgres_pool;
pub mod render;
mod secret;
pub mod suggest;
mod typed;
pub mod value;
pub mod yaml;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use address::{HostPort, Listen, WebUrl};
pub use error::ConfigError;
pub use load::{Setting, Settings, Source};
pub use postgres_pool::PostgresPool;
pub use secret::Secret;
pub use value::{ExternalAuth, Link, Value};

/// Everything that the server needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to take HTTP connections; nowhere when that is turned off.
    pub http_address: Option<Listen>,
    /// How to take HTTPS connections, when that is turned on.
    pub tls: Option<Tls>,
    /// Address under which others reach the server; made from the listener when left out.
    pub access_url: Option<WebUrl>,
    /// Directory below which everything is kept.
    pub data_dir: PathBuf,
    /// Directory for what can be fetched or made again.
    pub cache_dir: PathBuf,
    /// Postgres database, where SQLite is not to be used.
    pub postgres_url: Option<Secret>,
    /// Connections to it.
    pub postgres_pool: PostgresPool,
    /// Features under trial that were asked for, as written.
    pub experiments: Vec<String>,
    /// Builds in this process.
    pub provisioner: Provisioner,
    /// Limits on requests by address.
    pub rate_limits: RateLimits,
    /// Lifetimes of sessions and tokens.
    pub sessions: Sessions,
    /// Attributes of cookies.
    pub cookies: Cookies,
    /// Logging in through an identity provider, where one is set up.
    pub oidc: Option<login::Oidc>,
    /// Logging in through GitHub, where that is set up.
    pub github: Option<login::Github>,
    /// What an identity provider decides about those who log in through it.
    pub idp_sync: login::IdpSync,
    /// Key of the directory that makes and suspends users (SCIM), if there is one.
    pub scim_key: Option<Secret>,
    /// Only owners may log in with a password.
    pub disable_password_auth: bool,
    /// Owners do not get into other people's workspaces.
    pub disable_owner_workspace_access: bool,
    /// Workspaces are not shared.
    pub disable_workspace_sharing: bool,
    /// Administrators may ask for the provisioner's debug log.
    pub enable_terraform_debug_mode: bool,
    /// Workspaces may be renamed.
    pub allow_workspace_renames: bool,
    /// Kind of SSH keys made for users.
    pub ssh_keygen_algorithm: SshKeyAlgorithm,
    /// Logs.
    pub log: Log,
    /// Where to serve metrics, if at all.
    pub prometheus_address: Option<HostPort>,
    /// What clients are told about how to behave.
    pub clients: Clients,
    /// How messages to users are sent where their kind says nothing of it.
    pub notifications_method: String,
    /// Whether licences decide what the server may do.
    pub licensing: Licensing,
    /// Version that clients are told instead of the true one; empty for that.
    pub reported_version: String,
    /// Name of the default organization of a new database.
    pub organization_name: String,
    /// The owner to make when there is no user yet.
    pub first_user: Option<FirstUser>,
    /// Every option with where it came from; for what has no field of its own.
    pub settings: Settings,
    /// What the administrator should hear, a line each.
    pub warnings: Vec<String>,
}

/// HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Where to listen.
    pub address: HostPort,
    /// PEM files of certificates; as many as keys.
    pub cert_files: Vec<PathBuf>,
    /// PEM files of their keys.
    pub key_files: Vec<PathBuf>,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
    /// PEM file of the authorities for those.
    pub client_ca_file: Option<PathBuf>,
    /// Whether TLS 1.2 is refused too; older versions never work.
    pub only_tls13: bool,
}

/// What is asked of clients' certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// None is asked for.
    None,
    /// One is asked for, and not looked at.
    Request,
    /// One must be there, and is not looked at.
    RequireAny,
    /// One that is shown must be valid.
    VerifyIfGiven,
    /// A valid one must be there.
    RequireAndVerify,
}

/// Builds in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioner {
    /// How many at a time.
    pub daemons: usize,
    /// How long a cancelled one may go on before it is killed.
    pub force_cancel_interval: Duration,
    /// Secret of external provisioners.
    pub psk: Option<Secret>,
}

/// Requests a minute by address and endpoint; none means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Below `/api/v2`.
    pub api_per_minute: Option<u32>,
    /// Logging in and changing passwords.
    pub login_per_minute: Option<u32>,
    /// Uploading files.
    pub files_per_minute: Option<u32>,
}

/// Lifetimes of sessions and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sessions {
    /// Browser sessions, from their last use.
    pub default_duration: Duration,
    /// Whether use does not lengthen them.
    pub disable_expiry_refresh: bool,
    /// API tokens that ask for no lifetime.
    pub default_token_lifetime: Duration,
    /// The longest that a member's API token may ask for.
    pub max_token_lifetime: Duration,
    /// The longest that an owner's API token may ask for.
    pub max_admin_token_lifetime: Duration,
    /// OAuth2 refresh tokens.
    pub oauth_refresh_lifetime: Duration,
}

/// Attributes of session cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookies {
    /// Only over HTTPS.
    pub secure: bool,
    /// Sent along with requests from other sites.
    pub same_site: SameSite,
}

/// The SameSite attribute of a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// Along links only.
    Lax,
    /// Always.
    None,
}

impl SameSite {
    /// The attribute's value, as in `SameSite=Lax`.
    pub fn as_attribute(self) -> &'static str {
        match self {
            SameSite::Lax => "Lax",
            SameSite::None => "None",
        }
    }
}

/// Kinds of SSH keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SshKeyAlgorithm {
    Ed25519,
    Ecdsa,
    Rsa4096,
}

/// Logs: which lines, and where each format goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Show all debug lines.
    pub verbose: bool,
    /// Show debug lines whose target or message matches one of these.
    pub filter: Vec<String>,
    /// Where lines for people go: a path, `/dev/stderr` or `/dev/stdout`.
    pub human: Option<PathBuf>,
    /// Where JSON lines go.
    pub json: Option<PathBuf>,
    /// Where lines for Google Cloud go.
    pub stackdriver: Option<PathBuf>,
}

/// What clients are told about how to behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// Where links to documentation lead.
    pub docs_url: String,
    /// What SSH host names of workspaces begin with.
    pub ssh_hostname_prefix: String,
    /// What host names of workspaces end with, without a leading dot.
    pub workspace_hostname_suffix: String,
    /// Lines for users' SSH configuration.
    pub ssh_config_options: Vec<(String, String)>,
    /// What the command line says when versions differ.
    pub cli_upgrade_message: String,
    /// How the browser draws terminals.
    pub web_terminal_renderer: String,
    /// Leave tasks out of the dashboard.
    pub hide_ai_tasks: bool,
    /// Links of the help menu; none means the usual ones.
    pub support_links: Vec<Link>,
    /// Terms to accept at login; empty for none.
    pub terms_of_service_url: String,
    /// Help for agents that do not connect.
    pub agent_fallback_troubleshooting_url: String,
}

/// Whether licences decide what the server may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Licensing {
    /// Every feature is entitled.
    Entitled,
    /// Only what the deployment's licences entitle to.
    Enforced,
}

/// The owner to make when there is no user yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstUser {
    /// Email address.
    pub email: String,
    /// Username.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// API token to give out: id and secret.
    pub token: Option<(String, Secret)>,
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Asked {
    /// Help on the options.
    Help,
    /// The settings in effect, as YAML.
    WriteConfig(String),
    /// To run the server.
    Run(Box<Config>),
}

impl Config {
    /// Reads what the arguments after `server`, the environment, and the files that these name ask for.
    pub fn read(
        args: impl IntoIterator<Item = OsString>,
        env: &BTreeMap<String, String>,
    ) -> Result<Asked, ConfigError> {
        let (settings, warnings) = match load::load(args, env)? {
            load::Loaded::Help => return Ok(Asked::Help),
            load::Loaded::Settings { settings, warnings } => (settings, warnings),
        };
        if settings.get("write-config").value == Value::Bool(true) {
            return Ok(Asked::WriteConfig(yaml::write(&settings)));
        }
        typed::config(settings, warnings, env).map(|config| Asked::Run(Box::new(config)))
    }
}
