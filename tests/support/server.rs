//! A server of one's own: the built binary in a folder of its own, on a port of its own.

use std::cell::OnceCell;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rockpool::sdk::{self, CreateFirstUserResponse, LoginWithPasswordResponse, User};
use serde_json::json;
use uuid::Uuid;

use super::client::Client;

/// Long enough for a loaded machine, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Every user's password.
pub const PASSWORD: &str = "SomeSecurePassword1!";

const READY: &str = "Started HTTP listener at ";

/// How a server is started.
#[derive(Clone, Default)]
pub struct Options {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Options {
    /// Adds arguments to `rockpool server`.
    pub fn arguments(mut self, arguments: &[&str]) -> Options {
        self.arguments.extend(arguments.iter().map(|a| (*a).to_owned()));
        self
    }
    /// Sets an environment variable.
    pub fn environment(mut self, name: &str, value: &str) -> Options {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
    /// Starts the server.
    #[track_caller]
    pub fn start(self) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let (process, url) = Process::start(&self, folder.path());
        Server { options: self, process: Some(process), url, folder, owner: OnceCell::new() }
    }
}

/// A running server. When it goes out of scope it is asked to end, and must end well.
pub struct Server {
    options: Options,
    process: Option<Process>,
    url: String,
    folder: tempfile::TempDir,
    owner: OnceCell<(CreateFirstUserResponse, String)>,
}

impl Server {
    /// A server as it comes.
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
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a running server").child.id()
    }
    /// What it has written to standard error so far.
    pub fn log(&self) -> String {
        self.process.as_ref().map(|p| p.log.lock().clone()).unwrap_or_default()
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

    /// Asks it to end, waits for that, and says how it ended.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        let process = self.process.take().expect("a running server");
        process.signal("TERM");
        process.wait()
    }

    /// Ends it at once, as a power cut would.
    #[track_caller]
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("a running server");
        process.child.kill().expect("to kill the server");
        process.wait();
    }

    /// Starts it again in the same folder, on another port.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server still runs");
        let (process, url) = Process::start(&self.options, self.folder.path());
        self.process = Some(process);
        self.url = url;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        if std::thread::panicking() {
            // The test has failed already: its end matters less than what the server said.
            let _ = process.child.kill();
            let _ = process.child.wait();
            eprintln!("--- the server's log ---\n{}", process.log.lock());
            return;
        }
        process.signal("TERM");
        let log = process.log.clone();
        let status = process.wait();
        assert!(status.success(), "the server ended with {status}\n{}", log.lock());
    }
}

struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Process {
    #[track_caller]
    fn start(options: &Options, folder: &Path) -> (Process, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rockpool"));
        command.args(["server", "--http-address", "127.0.0.1:0", "--data-dir"]).arg(folder.join("data"));
        command.args(&options.arguments);
        // Nothing of the machine's own settings, and no limits that a quick test would meet.
        command.env_clear().env("HOME", folder).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("CODER_RATE_LIMIT_DISABLE_ALL", "true");
        command.envs(options.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("to start the server");

        let log = Arc::new(Mutex::new(String::new()));
        let (ready, is_ready) = mpsc::channel();
        let stdout = child.stdout.take().expect("standard output");
        std::thread::spawn(move || {
            // Read to the end, so that the server never waits for a reader.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(url) = line.trim().strip_prefix(READY) {
                    let _ = ready.send(url.to_owned());
                }
            }
        });
        let stderr = child.stderr.take().expect("standard error");
        let gathered = log.clone();
        std::thread::spawn(move || gather(stderr, &gathered));

        let mut process = Process { child, log };
        match is_ready.recv_timeout(PATIENCE) {
            Ok(url) => (process, url),
            Err(_) => {
                let _ = process.child.kill();
                let status = process.child.wait();
                panic!("the server did not become ready ({status:?})\n{}", process.log.lock());
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|s| s.success()), "to send {name} to the server");
    }

    /// Waits for the end, but not for ever.
    fn wait(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("to wait for the server") {
                return status;
            }
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("the server does not end\n{}", self.log.lock());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn gather(mut from: impl Read, into: &Mutex<String>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        into.lock().push_str(&String::from_utf8_lossy(&bytes[..count]));
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
