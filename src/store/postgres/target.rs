//! Which server, as whom, and how: a connection string and the environment, by the rules of the driver that
//! deployments wrote theirs for. Opens files of passwords and certificates, and connects; keeps nothing open.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use postgres::config::SslMode;
use postgres::error::SqlState;
use postgres::{Client, Config};
use r2d2::ManageConnection;
use r2d2_postgres::PostgresConnectionManager;

use super::passfile;
use super::tls::{self, Connector, Files, Verify};

const DEFAULT_PORT: u16 = 5432;
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long a server may be silent until the connection to it is taken for lost.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const LOST_AFTER: Duration = Duration::from_secs(60);

/// The same for the server: what a host that has lost its power had locked, others get after that long. Whoever connects may
/// say otherwise.
const SERVER_KEEPALIVE: &str =
    "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 -c tcp_user_timeout=60000";
/// Some columns have times without a zone, which are of UTC: the session must not take them for others.
const TIME_ZONE: &str = "-c TimeZone=UTC";

/// Why a connection string was refused. Messages never hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TargetError {
    /// It cannot be read.
    #[error("the Postgres connection string cannot be read: {0}")]
    Syntax(String),
    /// A parameter has a value that it cannot have.
    #[error("the Postgres connection string: {name}: {problem}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Certificates or keys cannot be used.
    #[error("TLS to Postgres cannot be set up: {0}")]
    Tls(String),
}

/// A server that can be connected to.
#[derive(Clone)]
pub struct Target {
    /// One, or two where the second way is for when the first fails.
    ways: Arc<[PostgresConnectionManager<Connector>]>,
    shown: String,
    /// Over TCP, and never by TLS.
    is_plain: bool,
}

/// Host, port, database and user, without the password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.shown)
    }
}

/// What a connection string and the environment come to.
#[derive(Debug)]
struct Settings {
    config: Config,
    modes: Vec<SslMode>,
    verify: Verify,
    files: Files,
    shown: String,
    is_tcp: bool,
}

impl Target {
    /// Reads a connection string, completed by the `PG...` variables of this process.
    ///
    /// # Errors
    /// Says what is wrong with it, or with a file that it names.
    pub fn parse(text: &str) -> Result<Target, TargetError> {
        let Settings { config, modes, verify, files, shown, is_tcp } =
            settings(text, &|name| std::env::var(name).ok())?;
        let connector = tls::connector(verify, &files)?;
        let way = |mode: &SslMode| {
            let mut config = config.clone();
            config.ssl_mode(*mode);
            PostgresConnectionManager::new(config, connector.clone())
        };
        let is_plain = is_tcp && modes == [SslMode::Disable];
        Ok(Target { ways: modes.iter().map(way).collect(), shown, is_plain })
    }

    /// Connects.
    pub(crate) fn connect(&self) -> Result<Client, postgres::Error> {
        let mut ways = self.ways.iter();
        let mut answer = ways.next().map_or_else(|| Config::new().connect(postgres::NoTls), ManageConnection::connect);
        for way in ways {
            answer = answer.or_else(|_| way.connect());
        }
        answer
    }

    /// Whether trying again is of no use, since the two cannot agree: on a password, or on TLS.
    pub(super) fn refuses_for_good(&self, e: &postgres::Error) -> bool {
        e.code().is_some_and(|code| code.code().starts_with("28")) || tls::Refusal::of(e).is_some()
    }

    /// What to do about that, for the end of a message.
    pub(super) fn hint(&self, e: &postgres::Error) -> &'static str {
        match tls::Refusal::of(e) {
            Some(refusal) => refusal.hint(),
            None if self.is_plain && e.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
                ": perhaps it takes connections over TLS alone, which sslmode=require in the connection string makes"
            }
            None => "",
        }
    }
}

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables that stand for parameters, as libpq and its kin have them.
const VARIABLES: [(&str, &str); 13] = [
    ("PGHOST", "host"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGPASSFILE", "passfile"),
];

fn settings(text: &str, env: Env<'_>) -> Result<Settings, TargetError> {
    let mut parameters: BTreeMap<String, String> = VARIABLES
        .iter()
        .filter_map(|(variable, name)| Some(((*name).to_owned(), env(variable).filter(|v| !v.is_empty())?)))
        .collect();
    let text = text.trim();
    parameters.extend(match text.split_once("://") {
        Some(("postgres" | "postgresql", rest)) => from_url(rest)?,
        Some((scheme, _)) if !scheme.contains(['=', ' ']) => {
            return Err(TargetError::Syntax(format!("{scheme}:// is not postgres://")));
        }
        _ => from_pairs(text)?,
    });
    let mut take = |name: &str| parameters.remove(name).filter(|value| !value.is_empty());

    let mut config = Config::new();
    let host = take("host").unwrap_or_else(|| "localhost".to_owned());
    let port = match take("port") {
        Some(port) => port.parse().map_err(|_| parameter("port", format!("{port:?} is not the number of a port")))?,
        None => DEFAULT_PORT,
    };
    let user = match take("user").or_else(|| env("USER")) {
        Some(user) => user,
        None => return Err(parameter("user", "there is none, and nobody is logged in here")),
    };
    let database = take("dbname").unwrap_or_else(|| user.clone());
    let is_socket = host.starts_with('/');
    config.host(&host).port(port).user(&user).dbname(&database);
    let passfile = take("passfile").map(PathBuf::from);
    let password = match take("password") {
        Some(password) => Some(password),
        None => {
            let path = passfile.or_else(|| env("HOME").map(|home| Path::new(&home).join(".pgpass")));
            let host = if is_socket { "localhost" } else { &host };
            path.and_then(|path| passfile::password(&path, host, port, &database, &user))
        }
    };
    if let Some(password) = &password {
        config.password(password);
    }
    let fallback_name = take("fallback_application_name");
    config.application_name(&take("application_name").or(fallback_name).unwrap_or_else(|| "rockpool".to_owned()));
    config.connect_timeout(match take("connect_timeout").as_deref() {
        None | Some("0") => CONNECT_PATIENCE,
        Some(seconds) => Duration::from_secs(
            seconds
                .parse()
                .map_err(|_| parameter("connect_timeout", format!("{seconds:?} is no number of seconds")))?,
        ),
    });
    config.keepalives_idle(KEEPALIVE_AFTER).keepalives_interval(KEEPALIVE_EVERY).tcp_user_timeout(LOST_AFTER);

    let files = Files {
        authorities: take("sslrootcert").map(PathBuf::from),
        certificate: match (take("sslcert"), take("sslkey")) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            (Some(_), None) => return Err(parameter("sslcert", "it needs an sslkey")),
            (None, Some(_)) => return Err(parameter("sslkey", "it needs an sslcert")),
        },
    };
    let (modes, verify) = match take("sslmode").as_deref() {
        _ if is_socket => (vec![SslMode::Disable], Verify::Nothing),
        Some("disable") => (vec![SslMode::Disable], Verify::Nothing),
        Some("allow") => (vec![SslMode::Disable, SslMode::Require], Verify::Nothing),
        Some("prefer") => (vec![SslMode::Prefer], Verify::Nothing),
        // With authorities at hand the certificate is checked against them, as libpq does.
        None | Some("require") if files.authorities.is_some() => (vec![SslMode::Require], Verify::Authority),
        None | Some("require") => (vec![SslMode::Require], Verify::Nothing),
        Some("verify-ca") => (vec![SslMode::Require], Verify::Authority),
        Some("verify-full") => (vec![SslMode::Require], Verify::Host),
        Some(other) => {
            let known = "disable, allow, prefer, require, verify-ca, verify-full";
            return Err(parameter("sslmode", format!("{other:?} is none of {known}")));
        }
    };
    if let Some(encoding) = take("client_encoding")
        && !["utf8", "utf-8", "unicode"].contains(&encoding.to_ascii_lowercase().as_str())
    {
        return Err(parameter("client_encoding", format!("{encoding:?} is not UTF8")));
    }
    let options = take("options");
    for ignored in
        ["timezone", "TimeZone", "binary_parameters", "disable_prepared_binary_result", "sslsni", "sslinline"]
    {
        take(ignored);
    }
    // Everything else is a setting of the session, such as search_path or statement_timeout.
    let session = parameters.iter().map(|(name, value)| format!("-c {name}={}", escaped(value)));
    let options: Vec<String> =
        [SERVER_KEEPALIVE.to_owned()].into_iter().chain(options).chain(session).chain([TIME_ZONE.to_owned()]).collect();
    config.options(&options.join(" "));
    let shown = format!("{}:{port}, database {database}, user {user}", host.trim_end_matches('/'));
    Ok(Settings { config, modes, verify, files, shown, is_tcp: !is_socket })
}

fn parameter(name: &'static str, problem: impl Into<String>) -> TargetError {
    TargetError::Parameter { name, problem: problem.into() }
}

/// A value among the server's command line options, which blanks divide.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace(' ', "\\ ")
}

/// What follows `postgres://`: `user:password@host:port/database?name=value&...`.
fn from_url(rest: &str) -> Result<Vec<(String, String)>, TargetError> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query = query.split('#').next().unwrap_or_default();
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (who, place) = authority.rsplit_once('@').map_or((None, authority), |(who, place)| (Some(who), place));
    let mut found = Vec::new();
    let mut keep = |name: &str, value: &str| -> Result<(), TargetError> {
        if !value.is_empty() {
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| TargetError::Syntax(format!("the {name} is not UTF-8")))?;
            found.push((name.to_owned(), value.into_owned()));
        }
        Ok(())
    };
    if let Some(who) = who {
        let (user, password) = who.split_once(':').unwrap_or((who, ""));
        keep("user", user)?;
        keep("password", password)?;
    }
    let (host, port) = match place.strip_prefix('[') {
        Some(v6) => {
            let (host, port) = v6.split_once(']').ok_or_else(|| TargetError::Syntax("a [ without its ]".into()))?;
            (host, port.strip_prefix(':').unwrap_or(port))
        }
        None => place.split_once(':').unwrap_or((place, "")),
    };
    keep("host", host)?;
    keep("port", port)?;
    keep("dbname", database)?;
    found.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
    Ok(found)
}

/// `name=value name='value with \'blanks\''`.
fn from_pairs(text: &str) -> Result<Vec<(String, String)>, TargetError> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) =
            rest.split_once('=').ok_or_else(|| TargetError::Syntax("there is a word without a =".into()))?;
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(TargetError::Syntax("there is a word without a =".into()));
        }
        let after = after.trim_start();
        let quoted = after.strip_prefix('\'');
        let mut chars = quoted.unwrap_or(after).char_indices();
        let mut value = String::new();
        let end = loop {
            match chars.next() {
                Some((at, '\'')) if quoted.is_some() => break at + 1,
                Some((at, c)) if quoted.is_none() && c.is_whitespace() => break at,
                Some((_, '\\')) => value.extend(chars.next().map(|(_, c)| c)),
                Some((_, c)) => value.push(c),
                None if quoted.is_some() => {
                    return Err(TargetError::Syntax(format!("the value of {name} has no closing quote")));
                }
                None => break quoted.unwrap_or(after).len(),
            }
        };
        found.push((name.to_owned(), value));
        rest = quoted.unwrap_or(after)[end..].trim_start();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use postgres::config::Host;

    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn summary(settings: &Settings) -> String {
        let config = &settings.config;
        let host = match config.get_hosts() {
            [Host::Tcp(host)] => host.clone(),
            [Host::Unix(path)] => path.display().to_string(),
            other => format!("{other:?}"),
        };
        let password = config.get_password().map(|p| String::from_utf8_lossy(p).into_owned()).unwrap_or_default();
        format!(
            "{}:{password}@{host}:{}/{} {:?} {:?} {}",
            config.get_user().unwrap_or_default(),
            config.get_ports()[0],
            config.get_dbname().unwrap_or_default(),
            settings.modes,
            settings.verify,
            config
                .get_options()
                .unwrap_or_default()
                .trim_start_matches(SERVER_KEEPALIVE)
                .trim_end_matches(TIME_ZONE)
                .trim_start(),
        )
        .trim_end()
        .to_owned()
    }

    #[test]
    fn connection_strings_are_urls_or_pairs() {
        for (text, want) in [
            ("postgres://ann@db", "ann:@db:5432/ann [Require] Nothing"),
            ("postgresql://ann:p%40ss@db:6000/shop?sslmode=disable", "ann:p@ss@db:6000/shop [Disable] Nothing"),
            ("postgres://ann:a@b@db/shop?sslmode=prefer", "ann:a@b@db:5432/shop [Prefer] Nothing"),
            ("postgres://ann@[::1]:7/x?sslmode=allow", "ann:@::1:7/x [Disable, Require] Nothing"),
            ("postgres://ann@/x?host=/run/pg", "ann:@/run/pg:5432/x [Disable] Nothing"),
            ("postgres://ann@%2Frun%2Fpg/x", "ann:@/run/pg:5432/x [Disable] Nothing"),
            ("postgres://ann@db?sslmode=verify-ca", "ann:@db:5432/ann [Require] Authority"),
            ("postgres://ann@db?sslmode=verify-full", "ann:@db:5432/ann [Require] Host"),
            ("postgres://ann@db?sslrootcert=/ca.pem", "ann:@db:5432/ann [Require] Authority"),
            (
                "postgres://ann@db?sslmode=disable&search_path=a,b%20c&statement_timeout=5000",
                "ann:@db:5432/ann [Disable] Nothing -c search_path=a,b\\ c -c statement_timeout=5000",
            ),
            (
                "postgres://ann@db?sslmode=disable&options=-c%20search_path%3Dx",
                "ann:@db:5432/ann [Disable] Nothing -c search_path=x",
            ),
            ("user=ann host=db", "ann:@db:5432/ann [Require] Nothing"),
            (
                "user = ann  password='it\\'s \\\\ 1' dbname=shop port=7 sslmode=disable host=''",
                "ann:it's \\ 1@localhost:7/shop [Disable] Nothing",
            ),
        ] {
            let got = settings(text, &nothing).map(|s| summary(&s));
            assert_eq!(got, Ok(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_the_string_leaves_out_comes_from_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let passfile = dir.path().join("pass");
        std::fs::write(&passfile, "db:5432:shop:ann:from the file\n").unwrap();
        std::fs::set_permissions(&passfile, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let env = |name: &str| match name {
            "PGHOST" => Some("elsewhere".to_owned()),
            "PGSSLMODE" => Some("disable".to_owned()),
            "PGPASSFILE" => Some(passfile.display().to_string()),
            "USER" => Some("me".to_owned()),
            _ => None,
        };
        for (text, want) in [
            ("postgres://", "me:@elsewhere:5432/me [Disable] Nothing"),
            ("", "me:@elsewhere:5432/me [Disable] Nothing"),
            ("postgres://ann@db/shop", "ann:from the file@db:5432/shop [Disable] Nothing"),
            ("postgres://ann:own@db/shop?sslmode=require", "ann:own@db:5432/shop [Require] Nothing"),
        ] {
            assert_eq!(settings(text, &env).map(|s| summary(&s)), Ok(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn wrong_connection_strings_say_what_is_wrong_and_no_password() {
        for (text, want) in [
            ("mysql://ann:secret@db", "mysql:// is not postgres://"),
            ("postgres://ann:secret@db:port", "port: \"port\" is not the number of a port"),
            ("postgres://ann:secret@[::1", "a [ without its ]"),
            ("postgres://db", "user: there is none"),
            ("postgres://ann:secret@db?sslmode=full", "sslmode: \"full\" is none of disable, allow"),
            ("postgres://ann:secret@db?sslcert=/c", "sslcert: it needs an sslkey"),
            ("postgres://ann:secret@db?connect_timeout=soon", "connect_timeout: \"soon\""),
            ("postgres://ann:secret@db?client_encoding=latin1", "client_encoding: \"latin1\" is not UTF8"),
            ("user=ann password=secret db", "a word without a ="),
            ("user=ann password='secret", "the value of password has no closing quote"),
        ] {
            let refused = settings(text, &nothing).unwrap_err().to_string();
            assert!(refused.contains(want), "{text}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
        let missing = Target::parse("postgres://ann@db?sslmode=verify-ca&sslrootcert=/nowhere/ca.pem").unwrap_err();
        assert!(missing.to_string().contains("/nowhere/ca.pem"), "{missing}");
    }
}
