//! A server of one's own, in a folder of its own, on a port of its own.
//!
//! It runs within the test, where it starts in milliseconds and its clock can be held in the hand,
//! or ([`Options::process`]) as the built binary, where it can be killed.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rockpool::config::{Asked, Config};
use rockpool::sdk::{self, CreateFirstUserResponse, LoginWithPasswordResponse, User};
use rockpool::server::{Hands, Running};
use serde_json::json;
use uuid::Uuid;

use super::client::Client;
use super::postgres::{self, TestDatabase};
use super::process::Process;

/// Long enough for a loaded machine, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Every user's password.
pub const PASSWORD: &str = "SomeSecurePassword1!";

/// How a server is started.
#[derive(Clone, Default)]
pub struct Options {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    hands: Hands,
    process: bool,
    database: Option<Arc<TestDatabase>>,
}

impl Options {
    /// Adds an argument to `rockpool server`.
    pub fn argument(mut self, argument: &str) -> Options {
        self.arguments.push(argument.to_owned());
        self
    }
    /// Sets an environment variable.
    pub fn set(mut self, name: &str, value: &str) -> Options {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
    /// Gives it a clock and ids of the test's own.
    pub fn hands(self, hands: Hands) -> Options {
        Options { hands, ..self }
    }
    /// Runs the built binary.
    pub fn process(self) -> Options {
        Options { process: true, ..self }
    }

    /// Keeps everything in this Postgres database, whichever engine the test run is about.
    pub fn database(self, database: Arc<TestDatabase>) -> Options {
        Options { database: Some(database), ..self }
    }

    /// Starts the server, on a database of its own of the engine that the test run is about.
    #[track_caller]
    pub fn start(mut self) -> Server {
        if postgres::engine() == postgres::Engine::Postgres && self.database.is_none() {
            self.database = Some(Arc::new(postgres::database()));
        }
        let folder = tempfile::tempdir().expect("a folder");
        let (engine, url) = Engine::start(&self, folder.path());
        Server { options: self, engine: Some(engine), url, folder, owner: OnceCell::new() }
    }

    /// What comes after `rockpool server`.
    pub fn arguments(&self, folder: &Path) -> Vec<String> {
        let data = folder.join("data").display().to_string();
        let first = ["--http-address", "127.0.0.1:0", "--data-dir", &data].map(str::to_owned);
        let database =
            self.database.iter().flat_map(|database| ["--postgres-url".to_owned(), database.url().to_owned()]);
        first.into_iter().chain(database).chain(self.arguments.iter().cloned()).collect()
    }

    /// Nothing of the machine's own settings, and no limits that a quick test would meet.
    pub fn environment(&self, folder: &Path) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::from([
            ("HOME".to_owned(), folder.display().to_string()),
            ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
            ("CODER_RATE_LIMIT_DISABLE_ALL".to_owned(), "true".to_owned()),
        ]);
        environment.extend(self.environment.iter().cloned());
        environment
    }
}

/// What runs the server.
enum Engine {
    Here(Box<Running>),
    Process(Process),
}

impl Engine {
    #[track_caller]
    fn start(options: &Options, folder: &Path) -> (Engine, String) {
        if options.process {
            let (process, url) = Process::start(options, folder);
            return (Engine::Process(process), url);
        }
        let arguments = options.arguments(folder).into_iter().map(Into::into);
        let config = match Config::read(arguments, &options.environment(folder)) {
            Ok(Asked::Run(config)) => *config,
            Ok(_) => panic!("the arguments do not ask for a server"),
            Err(err) => panic!("{err}"),
        };
        let running = Running::start(config, options.hands.clone()).unwrap_or_else(|err| panic!("{err}"));
        let address = running.addresses().iter().find_map(|address| address.tcp()).expect("a TCP listener");
        (Engine::Here(Box::new(running)), format!("http://{address}"))
    }
}

/// A running server. When it goes out of scope it is asked to end, and must end well.
pub struct Server {
    options: Options,
    engine: Option<Engine>,
    url: String,
    folder: tempfile::TempDir,
    owner: OnceCell<(CreateFirstUserResponse, String)>,
}

impl Server {
    /// A server as it comes, within the test.
    #[track_caller]
    pub fn start() -> Server {
        Options::default().start()
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }
    /// Where it keeps everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
    /// What it is made of, when it runs within the test.
    #[track_caller]
    pub fn running(&self) -> &Running {
        match &self.engine {
            Some(Engine::Here(running)) => running,
            _ => panic!("the server does not run within the test"),
        }
    }
    /// Its process, when it is one.
    #[track_caller]
    pub fn process(&self) -> &Process {
        match &self.engine {
            Some(Engine::Process(process)) => process,
            _ => panic!("the server is not a process"),
        }
    }

    /// Talks to it as nobody.
    pub fn anonymous(&self) -> Client {
        Client(sdk::Client::new(&self.url).expect("an address").with_timeout(PATIENCE))
    }

    /// Talks to it as its first user, `owner`, who is made when first asked for.
    #[track_caller]
    pub fn owner(&self) -> Client {
        let (_, token) = self.first_user();
        self.anonymous().with_token(token)
    }
    /// The organization that every server begins with.
    #[track_caller]
    pub fn organization(&self) -> Uuid {
        self.first_user().0.organization_id
    }
    /// The first user's id.
    #[track_caller]
    pub fn owner_id(&self) -> Uuid {
        self.first_user().0.user_id
    }
    #[track_caller]
    fn first_user(&self) -> &(CreateFirstUserResponse, String) {
        self.owner.get_or_init(|| {
            let body = json!({"email": "owner@example.com", "username": "owner", "password": PASSWORD});
            let made = self.anonymous().post("/api/v2/users/first", body).ok(201);
            (made, self.log_in("owner@example.com").token().to_owned())
        })
    }

    /// Signs a user in.
    #[track_caller]
    pub fn log_in(&self, email: &str) -> Client {
        let anonymous = self.anonymous();
        let body = json!({"email": email, "password": PASSWORD});
        let session: LoginWithPasswordResponse = anonymous.post("/api/v2/users/login", body).ok(201);
        anonymous.with_token(&session.session_token)
    }

    /// Makes a member of the first organization with roles of the site, `NAME@example.com`, and signs them in.
    #[track_caller]
    pub fn user(&self, name: &str, roles: &[&str]) -> (User, Client) {
        let owner = self.owner();
        let email = format!("{name}@example.com");
        let body = json!({
            "email": email, "username": name, "password": PASSWORD, "organization_ids": [self.organization()],
        });
        let mut user: User = owner.post("/api/v2/users", body).ok(201);
        if !roles.is_empty() {
            user = owner.put(&format!("/api/v2/users/{name}/roles"), json!({"roles": roles})).ok(200);
        }
        (user, self.log_in(&email))
    }

    /// Asks it to end, and waits for that; a process must end with success.
    #[track_caller]
    pub fn stop(&mut self) {
        match self.engine.take().expect("a running server") {
            Engine::Here(running) => running.stop(),
            Engine::Process(process) => {
                process.signal("TERM");
                let log = process.log.clone();
                let status = process.wait();
                assert!(status.success(), "the server ended with {status}\n{}", log.lock());
            }
        }
    }

    /// Ends the process at once, as a power cut would.
    #[track_caller]
    pub fn kill(&mut self) {
        match self.engine.take() {
            Some(Engine::Process(process)) => process.kill(),
            _ => panic!("the server is not a process"),
        }
    }

    /// Sets an environment variable for its next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.options.environment.retain(|(known, _)| known != name);
        self.options.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts it again in the same folder, on another port.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.engine.is_none(), "the server still runs");
        let (engine, url) = Engine::start(&self.options, self.folder.path());
        self.engine = Some(engine);
        self.url = url;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.engine.take() {
            None => {}
            // The test has failed already: what the server said matters more than how it ends.
            Some(Engine::Process(process)) if std::thread::panicking() => {
                let log = process.log.clone();
                process.kill();
                eprintln!("--- the server's log ---\n{}", log.lock());
            }
            Some(Engine::Here(running)) if std::thread::panicking() => drop(running),
            engine => {
                self.engine = engine;
                self.stop();
            }
        }
    }
}

/// Asks again and again until there is an answer; for what the server does on its own.
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}
