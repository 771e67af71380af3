//! From settings to [`Config`]: types, and what must hold between options.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::*;

/// Builds the configuration; `env` is asked for the home directory and the like.
pub(super) fn config(
    settings: Settings,
    mut warnings: Vec<String>,
    env: &BTreeMap<String, String>,
) -> Result<Config, ConfigError> {
    let read = Reader { settings: &settings, env };
    let data_dir = read.directory("data-dir")?;
    let (http_address, tls) = listeners(&read, &mut warnings)?;
    let access_url = read.parsed("access-url", WebUrl::parse)?;
    if let Some(url) = access_url.as_ref().filter(|url| url.is_loopback()) {
        warnings.push(format!(
            "the access URL {url} leads to this machine only: agents and users elsewhere cannot reach the server by it"
        ));
    }
    let config = Config {
        http_address,
        tls,
        access_url,
        cache_dir: cache_dir(&read, &data_dir)?,
        data_dir,
        postgres_url: postgres_url(&read)?,
        postgres_pool: postgres_pool(&read)?,
        experiments: read.list("experiments"),
        provisioner: Provisioner {
            daemons: read.count("provisioner-daemons")?,
            force_cancel_interval: read.duration("provisioner-force-cancel-interval")?,
            psk: read.secret("provisioner-daemon-psk"),
        },
        rate_limits: rate_limits(&read),
        sessions: sessions(&read)?,
        cookies: Cookies {
            secure: read.switch("secure-auth-cookie"),
            same_site: if read.text("samesite-auth-cookie") == "none" { SameSite::None } else { SameSite::Lax },
        },
        oidc: login::Oidc::read(&settings)?,
        github: login::Github::read(&settings)?,
        idp_sync: login::IdpSync::read(&settings),
        scim_key: read.secret("scim-auth-header"),
        disable_password_auth: read.switch("disable-password-auth"),
        disable_owner_workspace_access: read.switch("disable-owner-workspace-access"),
        disable_workspace_sharing: read.switch("disable-workspace-sharing"),
        enable_terraform_debug_mode: read.switch("enable-terraform-debug-mode"),
        allow_workspace_renames: read.switch("allow-workspace-renames"),
        ssh_keygen_algorithm: match read.text("ssh-keygen-algorithm").as_str() {
            "ed25519" => SshKeyAlgorithm::Ed25519,
            "ecdsa" => SshKeyAlgorithm::Ecdsa,
            "rsa4096" => SshKeyAlgorithm::Rsa4096,
            other => {
                return Err(
                    read.invalid("ssh-keygen-algorithm", format!("{other:?} is none of ed25519, ecdsa, rsa4096"))
                );
            }
        },
        log: Log {
            verbose: read.switch("verbose"),
            filter: read.list("log-filter"),
            human: read.path("log-human"),
            json: read.path("log-json"),
            stackdriver: read.path("log-stackdriver"),
        },
        prometheus_address: if read.switch("prometheus-enable") {
            read.parsed("prometheus-address", HostPort::parse)?
        } else {
            None
        },
        clients: clients(&read)?,
        notifications_method: read.text("notifications-method"),
        licensing: if read.text("licensing") == "enforced" { Licensing::Enforced } else { Licensing::Entitled },
        reported_version: read.text("reported-version"),
        organization_name: read.text("organization-name"),
        first_user: first_user(&read)?,
        warnings,
        settings: settings.clone(),
    };
    Ok(config)
}

/// The Postgres database, which can be logged in to with a password or a certificate.
fn postgres_url(read: &Reader<'_>) -> Result<Option<Secret>, ConfigError> {
    let url = read.secret("postgres-url");
    if url.is_some() && read.text("postgres-auth") == "awsiamrds" {
        return Err(contradiction(
            "--postgres-auth=awsiamrds is not supported: give the database user a password, in the URL or in a file \
             that PGPASSFILE names",
        ));
    }
    Ok(url)
}

fn postgres_pool(read: &Reader<'_>) -> Result<PostgresPool, ConfigError> {
    let max_open = postgres_pool::max_open(read.int("postgres-conn-max-open"))
        .map_err(|problem| read.invalid("postgres-conn-max-open", problem))?;
    let max_idle = postgres_pool::max_idle(max_open, &read.text("postgres-conn-max-idle"))
        .map_err(|problem| read.invalid("postgres-conn-max-idle", problem))?;
    Ok(PostgresPool { max_open, max_idle })
}

/// Where to listen. `--address` is the older way to say it, for HTTP or, with TLS, for HTTPS alone.
fn listeners(read: &Reader<'_>, warnings: &mut Vec<String>) -> Result<(Option<Listen>, Option<Tls>), ConfigError> {
    let tls_enabled = read.switch("tls-enable");
    let older = read.parsed("address", HostPort::parse)?;
    let http = match &older {
        Some(_) if tls_enabled => None,
        Some(address) => Some(Listen::Tcp(address.clone())),
        None => read.parsed("http-address", Listen::parse)?,
    };
    if !tls_enabled {
        return match http {
            Some(_) => Ok((http, None)),
            None => Err(contradiction("there is nothing to listen on: set --http-address, or --tls-enable")),
        };
    }
    let Some(address) = older.or(read.parsed("tls-address", HostPort::parse)?) else {
        return Err(contradiction("--tls-enable needs a --tls-address"));
    };
    let paths = |flag| read.list(flag).into_iter().map(PathBuf::from).collect::<Vec<_>>();
    let (cert_files, key_files) = (paths("tls-cert-file"), paths("tls-key-file"));
    if cert_files.len() != key_files.len() || cert_files.is_empty() {
        return Err(ConfigError::Contradiction(format!(
            "--tls-enable needs a certificate and a key for it: there are {} of --tls-cert-file and {} of --tls-key-file",
            cert_files.len(),
            key_files.len()
        )));
    }
    let client_auth = match read.text("tls-client-auth").as_str() {
        "none" => ClientAuth::None,
        "request" => ClientAuth::Request,
        "require-any" => ClientAuth::RequireAny,
        "verify-if-given" => ClientAuth::VerifyIfGiven,
        "require-and-verify" => ClientAuth::RequireAndVerify,
        other => {
            let words = "none, request, require-any, verify-if-given, require-and-verify";
            return Err(read.invalid("tls-client-auth", format!("{other:?} is none of {words}")));
        }
    };
    let client_ca_file = read.path("tls-client-ca-file");
    let verifies = matches!(client_auth, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify);
    if verifies && client_ca_file.is_none() {
        return Err(contradiction("to verify client certificates, name their authorities with --tls-client-ca-file"));
    }
    let only_tls13 = match read.text("tls-min-version").as_str() {
        "tls13" => true,
        "tls12" => false,
        "tls10" | "tls11" => {
            warnings.push("TLS 1.0 and 1.1 are not spoken: clients need TLS 1.2".to_owned());
            false
        }
        other => {
            return Err(read.invalid("tls-min-version", format!("{other:?} is none of tls10, tls11, tls12, tls13")));
        }
    };
    Ok((http, Some(Tls { address, cert_files, key_files, client_auth, client_ca_file, only_tls13 })))
}

/// The cache is below the data directory unless somebody says otherwise, by option or as a systemd unit.
fn cache_dir(read: &Reader<'_>, data_dir: &std::path::Path) -> Result<PathBuf, ConfigError> {
    if read.settings.get("cache-dir").source > Source::Default {
        return read.directory("cache-dir");
    }
    // A unit may have several; the first one is as good as any.
    let by_systemd = read.env.get("CACHE_DIRECTORY").and_then(|all| all.split(':').next());
    Ok(by_systemd.filter(|path| !path.is_empty()).map_or_else(|| data_dir.join("cache"), PathBuf::from))
}

fn rate_limits(read: &Reader<'_>) -> RateLimits {
    if read.switch("dangerous-disable-rate-limits") {
        return RateLimits { api_per_minute: None, login_per_minute: None, files_per_minute: None };
    }
    let api_per_minute = u32::try_from(read.int("api-rate-limit")).ok().filter(|limit| *limit > 0);
    RateLimits { api_per_minute, login_per_minute: Some(60), files_per_minute: Some(12) }
}

fn sessions(read: &Reader<'_>) -> Result<Sessions, ConfigError> {
    let sessions = Sessions {
        default_duration: read.duration("session-duration")?,
        disable_expiry_refresh: read.switch("disable-session-expiry-refresh"),
        default_token_lifetime: read.duration("default-token-lifetime")?,
        max_token_lifetime: read.duration("max-token-lifetime")?,
        max_admin_token_lifetime: read.duration("max-admin-token-lifetime")?,
        oauth_refresh_lifetime: read.duration("default-oauth-refresh-lifetime")?,
    };
    if sessions.default_duration.is_zero() {
        return Err(read.invalid("session-duration", "must be longer than 0s".to_owned()));
    }
    if sessions.oauth_refresh_lifetime <= sessions.default_duration {
        return Err(contradiction(
            "--default-oauth-refresh-lifetime must be longer than --session-duration, \
             or refresh tokens would end before the access tokens they renew",
        ));
    }
    Ok(sessions)
}

fn clients(read: &Reader<'_>) -> Result<Clients, ConfigError> {
    let workspace_hostname_suffix = read.text("workspace-hostname-suffix");
    if workspace_hostname_suffix.starts_with('.') {
        let problem = format!("leave the dot off {workspace_hostname_suffix:?}: it is added");
        return Err(read.invalid("workspace-hostname-suffix", problem));
    }
    let mut ssh_config_options = Vec::new();
    for line in read.list("ssh-config-options") {
        let Some((key, value)) = line.split_once(['=', ' ']) else {
            return Err(read.invalid("ssh-config-options", format!("{line:?} is not of the form key=value")));
        };
        ssh_config_options.push((key.to_owned(), value.to_owned()));
    }
    let support_links = match &read.settings.get("support-links").value {
        Value::Links(links) => links.clone(),
        _ => Vec::new(),
    };
    Ok(Clients {
        docs_url: read.text("docs-url"),
        ssh_hostname_prefix: read.text("ssh-hostname-prefix"),
        workspace_hostname_suffix,
        ssh_config_options,
        cli_upgrade_message: read.text("cli-upgrade-message"),
        web_terminal_renderer: read.text("web-terminal-renderer"),
        hide_ai_tasks: read.switch("hide-ai-tasks"),
        support_links,
        terms_of_service_url: read.text("terms-of-service-url"),
        agent_fallback_troubleshooting_url: read.text("agent-fallback-troubleshooting-url"),
    })
}

fn first_user(read: &Reader<'_>) -> Result<Option<FirstUser>, ConfigError> {
    let email = read.text("first-user-email");
    if email.is_empty() {
        let rest = ["first-user-username", "first-user-password", "first-user-password-file", "first-user-token"];
        return match rest.iter().find(|flag| !read.settings.get(flag).value.is_empty()) {
            None => Ok(None),
            Some(flag) => {
                Err(ConfigError::Contradiction(format!("{} needs ROCKPOOL_FIRST_USER_EMAIL too", place(flag))))
            }
        };
    }
    let Some((before_at, _)) = email.split_once('@') else {
        return Err(read.invalid("first-user-email", format!("{email:?} is not an email address")));
    };
    let username = match read.text("first-user-username") {
        chosen if chosen.is_empty() => username_from(before_at),
        chosen => chosen,
    };
    let password = match (read.secret("first-user-password"), read.path("first-user-password-file")) {
        (Some(password), None) => password,
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable {
                place: "ROCKPOOL_FIRST_USER_PASSWORD_FILE",
                path,
                source,
            })?;
            Secret::new(text.trim_end_matches(['\r', '\n']))
        }
        (Some(_), Some(_)) => {
            return Err(contradiction("the first user's password is set twice: by value and by file"));
        }
        (None, None) => {
            return Err(contradiction(
                "the first user needs ROCKPOOL_FIRST_USER_PASSWORD or ROCKPOOL_FIRST_USER_PASSWORD_FILE",
            ));
        }
    };
    let token = match read.secret("first-user-token") {
        None => None,
        Some(token) => Some(split_token(token.expose()).ok_or_else(|| {
            read.invalid("first-user-token", "must be 10 letters or digits, a dash, and 22 more".to_owned())
        })?),
    };
    Ok(Some(FirstUser { email, username, password, token }))
}

/// A valid username out of the part of an email address before the at sign.
fn username_from(local_part: &str) -> String {
    let dashed: String = local_part.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(32).collect();
    let parts: Vec<_> = dashed.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "admin".to_owned() } else { parts.join("-") }
}

fn split_token(token: &str) -> Option<(String, Secret)> {
    let (id, secret) = token.split_once('-')?;
    let is = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_alphanumeric());
    (is(id, 10) && is(secret, 22)).then(|| (id.to_owned(), Secret::new(secret)))
}

fn contradiction(message: &str) -> ConfigError {
    ConfigError::Contradiction(message.to_owned())
}

/// How to call an option in a message: by its flag, or by its variable where it has no flag to give.
fn place(flag: &str) -> String {
    match options::find(flag) {
        Some(spec) if !spec.on_command_line => spec.env.unwrap_or(flag).to_owned(),
        _ => format!("--{flag}"),
    }
}

/// Takes values out of the settings by flag.
struct Reader<'a> {
    settings: &'a Settings,
    env: &'a BTreeMap<String, String>,
}

impl std::ops::Deref for Reader<'_> {
    type Target = Settings;
    fn deref(&self) -> &Settings {
        self.settings
    }
}

impl Reader<'_> {
    fn count(&self, flag: &str) -> Result<usize, ConfigError> {
        usize::try_from(self.int(flag)).map_err(|_| self.invalid(flag, "must not be negative".to_owned()))
    }

    fn duration(&self, flag: &str) -> Result<Duration, ConfigError> {
        let ns = u64::try_from(self.duration_ns(flag));
        ns.map(Duration::from_nanos).map_err(|_| self.invalid(flag, "must not be negative".to_owned()))
    }

    fn text(&self, flag: &str) -> String {
        self.settings.text(flag).to_owned()
    }

    fn list(&self, flag: &str) -> Vec<String> {
        self.settings.list(flag).to_vec()
    }

    fn secret(&self, flag: &str) -> Option<Secret> {
        Some(self.text(flag)).filter(|text| !text.is_empty()).map(Secret::new)
    }

    fn path(&self, flag: &str) -> Option<PathBuf> {
        Some(self.text(flag)).filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    /// A text read further; none when it is empty.
    fn parsed<T>(&self, flag: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, ConfigError> {
        let text = self.text(flag);
        if text.is_empty() {
            return Ok(None);
        }
        parse(&text).map(Some).map_err(|problem| self.invalid(flag, problem))
    }

    /// A directory, with `~/` for the home directory.
    fn directory(&self, flag: &str) -> Result<PathBuf, ConfigError> {
        let text = self.text(flag);
        if text.is_empty() {
            return Err(self.invalid(flag, "must not be empty".to_owned()));
        }
        let Some(below_home) = text.strip_prefix("~/") else {
            return Ok(PathBuf::from(text));
        };
        match self.env.get("HOME").filter(|home| !home.is_empty()) {
            Some(home) => Ok(PathBuf::from(home).join(below_home)),
            None => Err(self.invalid(flag, format!("{text} needs the variable HOME; give a whole path instead"))),
        }
    }

    fn invalid(&self, flag: &str, problem: String) -> ConfigError {
        ConfigError::Invalid { place: place(flag), problem }
    }
}
