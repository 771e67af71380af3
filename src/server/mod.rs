//! The composition root: makes a deployment of a configuration, starts its threads, and ends them in
//! the order in which they depend on one another. Nothing imports this but the command line and tests.

mod bootstrap;
mod exposition;
mod folder;
pub mod signals;

use std::sync::Arc;
use std::time::Duration;

use crate::api::door::Door;
use crate::audit;
use crate::auth::Subjects;
use crate::auth::oidc::Known;
use crate::auth::password::Hasher;
use crate::background::Repeating;
use crate::config::{Config, Listen, Value};
use crate::deployment::{Deployment, Parts};
use crate::external_auth::Providers;
use crate::health::Monitor;
use crate::http;
use crate::ids::Ids;
use crate::jobs::runner::Provisioners;
use crate::provisioner::embedded::Embedded;
use crate::pubsub::Pubsub;
use crate::pubsub::relay::{self, Relay};
use crate::purge;
use crate::rbac::RoleOptions;
use crate::replicas::Presence;
use crate::store::lock::Lock;
use crate::store::postgres::{PostgresOptions, Target};
use crate::store::{self, Setup, Store, Switches};
use crate::time::Clock;
use crate::users::dormancy;

/// How long requests under way may take to end when the server is told to.
const DRAIN: Duration = Duration::from_secs(10);

/// The database's file, below the data directory.
pub const DATABASE: &str = "rockpool.db";

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data directory or a listener.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// Something that this build cannot do.
    #[error("{0}")]
    Unsupported(String),
}

/// The services where users connect their accounts.
fn external_auth(config: &Config) -> Result<Providers, Error> {
    match &config.settings.get("external-auth-providers").value {
        Value::ExternalAuth(entries) => Providers::of(entries).map_err(Error::Unsupported),
        _ => Ok(Providers::default()),
    }
}

fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.into();
    move |source| Error::Io { what, source }
}

/// What a test may hold in its hands, and a real server never does.
#[derive(Clone, Default)]
pub struct Hands {
    /// The time.
    pub clock: Clock,
    /// Ids and secrets.
    pub ids: Ids,
}

/// A server that answers.
pub struct Running {
    /// What it is made of.
    pub deployment: Deployment,
    http: http::Server,
    metrics: Option<http::Server>,
    provisioners: Provisioners,
    late_audit: audit::late::Writer,
    purge: Repeating,
    dormancy: Repeating,
    presence: Option<Presence>,
    /// To other replicas, where there may be some.
    relay: Option<Relay>,
    /// Nobody else's while this runs.
    _folder: Option<Lock>,
}

impl Running {
    /// Starts a server.
    pub fn start(config: Config, hands: Hands) -> Result<Running, Error> {
        let data_dir = config.data_dir.clone();
        folder::prepare(&data_dir).map_err(io(format!("cannot use the data directory {}", data_dir.display())))?;
        let listeners = listeners(&config)?;
        let registry = prometheus::Registry::new();
        let switches = Switches { workspace_sharing_disabled: config.disable_workspace_sharing };
        let setup = Setup { switches, registry: &registry, count_queries: counts_queries(&config) };
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let mut folder = None;
        let (store, pubsub, relay) = match postgres_options(&config)? {
            Some(options) => {
                // Replicas are told apart by their folders. With SQLite, the store itself takes the lock.
                let held = Lock::take(&data_dir.join(DATABASE)).map_err(|e| Error::Unsupported(e.to_string()))?;
                folder = Some(held);
                let store = Store::postgres(&options, &setup)?;
                let (pubsub, relay) = relay::start(&options.target, &hands.ids).map_err(io("cannot start a thread"))?;
                (store, pubsub, Some(relay))
            }
            None => {
                let path = data_dir.join(DATABASE);
                (Store::sqlite(&path, &sqlite_options(&config), &setup)?, Pubsub::default(), None)
            }
        };
        let deployment = Deployment::new(Parts {
            id: bootstrap::deployment_id(&store, &hands.ids)?,
            access_url: access_url(&config, &listeners),
            version: crate::version::reported(&config),
            subjects: Subjects::new(RoleOptions {
                disable_owner_workspace_access: config.disable_owner_workspace_access,
            }),
            late_audit: Default::default(),
            workspace_order: Default::default(),
            passwords: Hasher::new(cores, hands.ids.clone()),
            build_times: Default::default(),
            replica: bootstrap::replica(&hands.clock, &hands.ids),
            outbound: Default::default(),
            external_auth: external_auth(&config)?,
            oidc: Known::of(config.oidc.as_ref())
                .map_err(|e| Error::Unsupported(format!("the OIDC client key cannot be used: {e}")))?,
            health: Monitor::default(),
            config,
            store,
            pubsub,
            clock: hands.clock,
            ids: hands.ids,
            registry,
        });
        bootstrap::prepare(&deployment)?;
        bootstrap::name_organization(&deployment)?;
        if let Some(first_user) = &deployment.config.first_user {
            bootstrap::first_user(&deployment, first_user)?;
        }
        let http = http::Server::start(http::Config::new(listeners, data_dir.clone()), Door::open(deployment.clone()))
            .map_err(io("cannot start the HTTP server"))?;
        let metrics = deployment.config.prometheus_address.as_ref();
        let metrics = metrics.and_then(|address| exposition::serve(address, &deployment.registry, data_dir));
        let work_dir = deployment.config.cache_dir.join("provisioner");
        let engine = Embedded::new(deployment.clock.clone(), deployment.ids.clone(), work_dir);
        let provisioners = Provisioners::start(&deployment, Arc::new(move || Box::new(engine.session())))?;
        let late_audit = audit::late::start(&deployment).map_err(io("cannot start a thread"))?;
        let purge = purge::start(&deployment).map_err(io("cannot start a thread"))?;
        let presence = Presence::start(&deployment)?;
        let dormancy = dormancy::start(&deployment).map_err(io("cannot start a thread"))?;
        Ok(Running {
            deployment,
            http,
            metrics,
            provisioners,
            late_audit,
            purge,
            dormancy,
            presence,
            relay,
            _folder: folder,
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<http::Address> {
        self.http.addrs()
    }

    /// Where metrics are served, if they are.
    pub fn metrics_addresses(&self) -> Vec<http::Address> {
        self.metrics.as_ref().map(http::Server::addrs).unwrap_or_default()
    }

    /// Ends it: no new requests, those under way are answered, then the threads behind them end.
    pub fn stop(self) {
        self.http.shutdown(DRAIN);
        self.provisioners.stop();
        self.late_audit.stop();
        self.purge.stop();
        self.dormancy.stop();
        if let Some(presence) = self.presence {
            presence.stop();
        }
        // After all that may have something to tell other replicas.
        if let Some(relay) = self.relay {
            relay.stop();
        }
        // Last, so that what happens at the end is still seen.
        if let Some(metrics) = self.metrics {
            metrics.shutdown(DRAIN);
        }
    }
}

fn sqlite_options(config: &Config) -> store::sqlite::Options {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let litestream = config.settings.get("litestream").value == Value::Bool(true);
    store::sqlite::Options { readers: cores.max(2) as u32, litestream, ..Default::default() }
}

/// Whether each query is counted: only where metrics are served at all, since it is not free.
fn counts_queries(config: &Config) -> bool {
    let asked = &config.settings.get("prometheus-collect-db-metrics").value;
    config.prometheus_address.is_some() && *asked == Value::Bool(true)
}

/// Where the Postgres database is, if one is configured.
fn postgres_options(config: &Config) -> Result<Option<PostgresOptions>, Error> {
    let Some(url) = &config.postgres_url else { return Ok(None) };
    let target = Target::parse(url.expose()).map_err(|e| Error::Unsupported(e.to_string()))?;
    let pool = config.postgres_pool;
    Ok(Some(PostgresOptions { target, max_open: pool.max_open, max_idle: pool.max_idle }))
}

/// Why a server cannot listen at an address, and what to do where another program does.
fn bind(address: &impl std::fmt::Display, flag: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    let what = format!("configure http(s): listen tcp {address}: bind");
    move |source| {
        let is_taken = source.kind() == std::io::ErrorKind::AddrInUse;
        let hint = format!("{source}: another program listens there, choose another address with {flag}");
        io(what)(if is_taken { std::io::Error::new(source.kind(), hint) } else { source })
    }
}

fn listeners(config: &Config) -> Result<Vec<http::Listener>, Error> {
    let mut listeners = Vec::new();
    match &config.http_address {
        Some(Listen::Tcp(address)) => {
            let listener = http::Listener::tcp(address);
            listeners.push(listener.map_err(bind(address, "--http-address"))?);
        }
        Some(Listen::Unix(path)) => {
            let listener = http::Listener::unix(path);
            listeners.push(listener.map_err(io(format!("configure http(s): listen unix {}", path.display())))?);
        }
        None => {}
    }
    if let Some(tls) = &config.tls {
        let server = tls_options(tls)?.load().map_err(|e| Error::Unsupported(e.to_string()))?;
        let listener = http::Listener::tcp(&tls.address);
        listeners.push(listener.map_err(bind(&tls.address, "--tls-address"))?.with_tls(server));
    }
    Ok(listeners)
}

fn tls_options(tls: &crate::config::Tls) -> Result<http::TlsOptions, Error> {
    use crate::config::ClientAuth;
    let authorities = || {
        tls.client_ca_file
            .clone()
            .ok_or_else(|| Error::Unsupported("--tls-client-auth needs --tls-client-ca-file".into()))
    };
    let client_auth = match tls.client_auth {
        ClientAuth::None => http::ClientAuth::Off,
        ClientAuth::VerifyIfGiven => http::ClientAuth::IfGiven(authorities()?),
        ClientAuth::RequireAndVerify => http::ClientAuth::Required(authorities()?),
        ClientAuth::Request | ClientAuth::RequireAny => {
            return Err(Error::Unsupported("--tls-client-auth can be none, verify-if-given or require-and-verify: a certificate that nobody checks proves nothing".into()));
        }
    };
    let pairs = tls.cert_files.iter().cloned().zip(tls.key_files.iter().cloned()).collect();
    Ok(http::TlsOptions { pairs, only_tls13: tls.only_tls13, client_auth })
}

/// The configured address, or that of the first listener.
fn access_url(config: &Config, listeners: &[http::Listener]) -> String {
    if let Some(url) = &config.access_url {
        return url.to_string().trim_end_matches('/').to_owned();
    }
    let scheme = if config.http_address.is_some() { "http" } else { "https" };
    match listeners.first().and_then(|l| l.address().tcp()) {
        Some(address) if address.ip().is_unspecified() => format!("{scheme}://127.0.0.1:{}", address.port()),
        Some(address) => format!("{scheme}://{address}"),
        None => format!("{scheme}://localhost"),
    }
}
