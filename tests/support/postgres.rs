//! A real Postgres for tests: a cluster a test process, a database a test.
//!
//! [`database`] is what most tests want: a database of their own at the latest version, cloned from a template in a few
//! dozen milliseconds, and gone when the value is. [`Cluster`] is for those that stop the server itself.
//!
//! The cluster's folder and process go when the test process does, whichever way it ends. A server that runs already
//! can be used instead: `ROCKPOOL_TEST_POSTGRES_URL`, whose user must be allowed to make databases.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use postgres::{Client, NoTls};
use rockpool::store::migrate;

/// The engine of this test run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// What `ROCKPOOL_TEST_ENGINE` says; SQLite when it says nothing.
pub fn engine() -> Engine {
    match std::env::var("ROCKPOOL_TEST_ENGINE").as_deref() {
        Err(_) | Ok("" | "sqlite") => Engine::Sqlite,
        Ok("postgres") => Engine::Postgres,
        Ok(other) => panic!("ROCKPOOL_TEST_ENGINE is sqlite or postgres, not {other:?}"),
    }
}

/// Whether a test that is about SQLite's file itself has nothing to do in this run. Says so, with the reason.
pub fn skips(reason: &str) -> bool {
    let skips = engine() == Engine::Postgres;
    if skips {
        eprintln!("skipped on Postgres: {reason}");
    }
    skips
}

/// Whether a test that needs Postgres has nothing to do, since this run is about SQLite; says so. `cargo test` runs it in
/// its second half.
pub fn waits_for_its_run() -> bool {
    let waits = engine() != Engine::Postgres;
    if waits {
        eprintln!("left to the run on Postgres");
    }
    waits
}

/// The schema that everything lives in, when it is not the usual one: `ROCKPOOL_TEST_PG_SCHEMA`. There is then no
/// schema `public` at all.
fn other_schema() -> Option<String> {
    std::env::var("ROCKPOOL_TEST_PG_SCHEMA").ok().filter(|schema| !schema.is_empty())
}

/// A database of one test's own, dropped with the value.
pub struct TestDatabase {
    name: String,
    url: String,
}

/// A database at the latest version.
pub fn database() -> TestDatabase {
    database_like(template())
}

/// A database with nothing in it.
pub fn empty_database() -> TestDatabase {
    database_in("template0", other_schema().as_deref())
}

/// A database with nothing in it but this schema, in which everything is to be; not even `public` is there.
pub fn empty_database_with_schema(schema: &str) -> TestDatabase {
    database_in("template0", Some(schema))
}

/// A copy of a database that nobody is connected to.
pub fn database_like(original: &str) -> TestDatabase {
    let name = fresh_name();
    run(&format!("CREATE DATABASE {name} TEMPLATE {original}{}", copied_as_files()));
    TestDatabase { url: url_of(&name, other_schema().as_deref()), name }
}

fn database_in(template: &str, schema: Option<&str>) -> TestDatabase {
    let name = fresh_name();
    make(&name, template, schema);
    TestDatabase { url: url_of(&name, schema), name }
}

fn fresh_name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("rockpool_test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

/// Makes a database, and the one schema that is to be in it.
fn make(name: &str, template: &str, schema: Option<&str>) {
    run(&format!("CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'"));
    if let Some(schema) = schema {
        let mut client = connect(&url_of(name, None));
        client
            .batch_execute(&format!("CREATE SCHEMA \"{schema}\"; DROP SCHEMA public"))
            .unwrap_or_else(|err| panic!("the schema {schema} in {name}: {err}"));
    }
}

impl TestDatabase {
    /// Where a server finds it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection to it.
    #[track_caller]
    pub fn connect(&self) -> Client {
        connect(&self.url)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let dropped = maintenance().lock().batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        if let (Err(err), false) = (dropped, std::thread::panicking()) {
            panic!("to drop {}: {err}", self.name);
        }
    }
}

#[track_caller]
fn connect(url: &str) -> Client {
    Client::connect(url, NoTls).unwrap_or_else(|err| panic!("{url}: {err}"))
}

/// Runs a statement that concerns the cluster.
fn run(sql: &str) {
    maintenance().lock().batch_execute(sql).unwrap_or_else(|err| {
        let said = err.as_db_error().map(ToString::to_string).unwrap_or_default();
        panic!("{sql}: {err} {said}")
    });
}

/// The connection that makes and drops databases.
fn maintenance() -> &'static Mutex<Client> {
    static CLIENT: OnceLock<Mutex<Client>> = OnceLock::new();
    CLIENT.get_or_init(|| Mutex::new(connect(&url_of("postgres", None))))
}

/// The way to clone that is the quickest for a small database, where the server knows another: older ones have this one alone.
fn copied_as_files() -> &'static str {
    static STRATEGY: OnceLock<&str> = OnceLock::new();
    STRATEGY.get_or_init(|| {
        let asked = "SELECT current_setting('server_version_num')::int >= 150000";
        let has_another = maintenance().lock().query_one(asked, &[]).expect("the version of the server").get(0);
        if has_another { " STRATEGY FILE_COPY" } else { "" }
    })
}

/// The name of the database that others are cloned from, made when it is first asked for.
///
/// It carries a digest of the schema: on a server that is kept between runs it stays, and a change makes another.
fn template() -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let schema = other_schema();
        let name = format!("rockpool_template_{}", digest(schema.as_deref().unwrap_or_default()));
        // Another test process may be at it: on a server that several use, the lock is the server's.
        run("SELECT pg_advisory_lock(7625432)");
        let known = maintenance()
            .lock()
            .query_opt("SELECT datallowconn FROM pg_database WHERE datname = $1", &[&name])
            .expect("the databases");
        // One that may be connected to was left unfinished.
        if known.is_none_or(|row| row.get(0)) {
            run(&format!("DROP DATABASE IF EXISTS {name}"));
            make(&name, "template0", schema.as_deref());
            let mut client = connect(&url_of(&name, schema.as_deref()));
            migrate::postgres::up(&mut client).unwrap_or_else(|err| panic!("{err}"));
            client.close().expect("to close the connection");
            run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        }
        run("SELECT pg_advisory_unlock(7625432)");
        name
    })
}

/// Sixteen digits that change with the scripts of the schema and with `salt`.
fn digest(salt: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/postgres");
    let mut scripts: Vec<_> =
        std::fs::read_dir(folder).expect(folder).map(|entry| entry.expect(folder).path()).collect();
    scripts.sort();
    let mut hasher = DefaultHasher::new();
    salt.hash(&mut hasher);
    for script in scripts {
        std::fs::read(&script).expect("a script").hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Where a database is.
fn url_of(database: &str, schema: Option<&str>) -> String {
    let server = match std::env::var("ROCKPOOL_TEST_POSTGRES_URL") {
        Ok(url) => url,
        Err(_) => cluster().url(),
    };
    let (server, options) = server.split_once('?').unwrap_or((&server, ""));
    let authority = server.find("://").map_or(0, |at| at + "://".len());
    let server = server[authority..].find('/').map_or(server, |path| &server[..authority + path]);
    let search_path = schema.map(|schema| {
        // A backslash keeps a space from ending the setting.
        let setting = format!("-c search_path=\"{}\"", schema.replace(' ', "\\ "));
        format!("options={}", utf8_percent_encode(&setting, NON_ALPHANUMERIC))
    });
    let options: Vec<_> = [options.to_owned()].into_iter().filter(|o| !o.is_empty()).chain(search_path).collect();
    format!("{server}/{database}?{}", options.join("&"))
}

/// The cluster of this test process.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        Cluster::start(&[
            "max_connections=400",
            "shared_buffers=64MB",
            // Nothing here outlives the tests.
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "wal_level=minimal",
            "max_wal_senders=0",
            // Whoever leans on the session's zone by mistake shall notice.
            "timezone=<+0545>-05:45",
        ])
    })
}

/// A Postgres of one's own, which may be stopped and started.
pub struct Cluster {
    folder: PathBuf,
    settings: Vec<String>,
    port: u16,
    running: Mutex<Option<Child>>,
}

/// Runs the server (from the second argument on) until standard input ends, which it does when whoever started this has
/// ended, however that came; then removes the folder (the first argument), unless [`KEPT`] lies in it.
const SUPERVISE: &str = r#"
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -INT $server; } 2>/dev/null &
wait $server
[ -e "$folder/kept" ] || rm -rf "$folder"
"#;

/// Marks the folder of a server that is to start again.
const KEPT: &str = "kept";

impl Cluster {
    /// Makes a cluster and starts it with these settings.
    pub fn start(settings: &[&str]) -> Cluster {
        let folder = tempfile::Builder::new().prefix("rockpool-pg-").tempdir_in(home()).expect("a folder").keep();
        if let Some((user, group)) = unprivileged() {
            std::os::unix::fs::chown(&folder, Some(user), Some(group)).expect("to hand the folder over");
        }
        let made = as_server(&program("initdb"), &folder)
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "-D"])
            .arg(folder.join("data"))
            .output()
            .expect("to run initdb");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        // The port names the socket only, unless the settings ask for an address.
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let cluster = Cluster { folder, settings, port, running: Mutex::new(None) };
        cluster.start_again();
        cluster
    }

    /// Where its first database is, through a socket in its folder.
    pub fn url(&self) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}:{}/postgres", self.port)
    }

    /// Its port, which it listens on when its settings give it an address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it after [`Cluster::stop`], and waits until it answers.
    #[track_caller]
    pub fn start_again(&self) {
        let _ = std::fs::remove_file(self.folder.join(KEPT));
        let log = self.folder.join("log");
        let output = std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("the log");
        let mut command = as_server(Path::new("sh"), &self.folder);
        command.args(["-c", SUPERVISE, "sh"]).arg(&self.folder).arg(program("postgres"));
        command.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses="]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::piped()).stdout(output.try_clone().expect("the log")).stderr(output);
        // Ctrl-C is for the tests; their end is the server's.
        let mut child = command.process_group(0).spawn().expect("to start Postgres");
        let begun = Instant::now();
        while Client::connect(&self.url(), NoTls).is_err() {
            let ended = child.try_wait().expect("to look after Postgres");
            if ended.is_some() || begun.elapsed() > Duration::from_secs(60) {
                panic!("Postgres does not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        *self.running.lock() = Some(child);
    }

    /// Ends it at once, connections and all; what was committed is kept.
    #[track_caller]
    pub fn stop(&self) {
        std::fs::write(self.folder.join(KEPT), "").expect("to mark the folder");
        let child = self.running.lock().take().expect("a running Postgres");
        end(child);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(child) = self.running.lock().take() {
            end(child);
        }
        // It is there still when the server was stopped.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Gives a file or folder to whom the server runs as, and to nobody else.
pub fn hand_over(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("to close it to others");
    if let Some((user, group)) = unprivileged() {
        std::os::unix::fs::chown(path, Some(user), Some(group)).expect("to hand it over");
    }
}

/// How much room clusters may need.
const ROOM: u64 = 4 << 30;

/// Where clusters live: in memory where there is room for them. A database is a thousand small files, and a file system on a
/// disk takes most of a second to make these.
fn home() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let room = rustix::fs::statvfs(&memory).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize));
    if room >= ROOM { memory } else { std::env::temp_dir() }
}

/// Lets the supervisor end the server, and waits for both.
fn end(mut supervisor: Child) {
    drop(supervisor.stdin.take());
    supervisor.wait().expect("to wait for Postgres");
}

/// A command that runs in the cluster's folder, as a user that Postgres is willing to run as.
fn as_server(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C");
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    command
}

/// Whom to run the server as, when these tests run as root, which Postgres refuses: user and group.
fn unprivileged() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    Some(
        ids("postgres")
            .or_else(|| ids("nobody"))
            .expect("a user postgres or nobody, since Postgres refuses to run as root"),
    )
}

/// One of the server's programs.
fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(programs).join(name)
}

/// Where the server's programs are: in `PATH`, or where packages put them, the newest first.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut packaged: Vec<_> = ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local"]
        .into_iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .map(|folder| {
            (folder.to_string_lossy().bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>(), folder.join("bin"))
        })
        .collect();
    packaged.sort_by_key(|(digits, _)| std::cmp::Reverse((digits.len(), digits.clone())));
    std::env::split_paths(&path)
        .chain(packaged.into_iter().map(|(_, folder)| folder))
        .find(|folder| ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file()))
        .expect(
            "the programs of a PostgreSQL server, 13 or newer: install them (Debian and Ubuntu: apt-get install postgresql), \
             put their folder into PATH, or set ROCKPOOL_TEST_POSTGRES_URL to a server that runs already",
        )
}
