//! `rockpool server` as a process: what it prints, what it listens on, how it ends, and what it refuses.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Options, postgres};

/// The command in a folder of its own, with nothing of this machine's settings.
fn rockpool(folder: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rockpool"));
    command.args(args).env_clear().env("HOME", folder.path()).env("ROCKPOOL_DATA_DIR", folder.path().join("data"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

fn output(mut command: Command) -> Output {
    command.output().expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server that has said that it is up, and what it said until then.
struct Up {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    said: String,
}

impl Up {
    fn start(mut command: Command) -> Up {
        let mut child = command.spawn().expect("the command runs");
        let mut out = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut said = String::new();
        while !said.contains("==> Logs will stream in below") {
            if out.read_line(&mut said).expect("it is text") == 0 {
                let mut log = String::new();
                let _ = child.stderr.take().map(|mut err| err.read_to_string(&mut log));
                panic!("the server ended at start: {said}\n{log}");
            }
        }
        Up { child, out, said }
    }

    /// Sends a signal; answers with the rest of its output, its errors, and its exit status.
    fn end(mut self, signal: &str) -> (String, String, Option<i32>) {
        let sent = Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        let (mut rest, mut log) = (String::new(), String::new());
        self.out.read_to_string(&mut rest).expect("it is text");
        let mut err = self.child.stderr.take().expect("standard error is piped");
        err.read_to_string(&mut log).expect("it is text");
        (rest, log, self.child.wait().expect("it ends").code())
    }
}

/// Asks for /healthz and answers with all that comes back.
fn healthz(mut stream: impl Read + Write) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: pool\r\nConnection: close\r\n\r\n").expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is text");
    answer
}

#[test]
fn a_server_says_where_it_listens_and_ends_in_order_on_a_signal() {
    for (signal, last_words) in [("INT", "Interrupt caught, gracefully exiting."), ("TERM", "Stop caught, waiting")] {
        let folder = folder();
        let up = Up::start(rockpool(&folder, &["server", "--http-address", "127.0.0.1:0"]));
        let (_, rest) = up.said.split_once("Started HTTP listener at http://").expect("it names its listener");
        let address = rest.lines().next().unwrap_or_default().to_owned();
        assert!(!address.ends_with(":0"), "{address}");
        assert!(up.said.contains("View the Web UI:") && up.said.contains(&format!("\x1b[4mhttp://{address}\x1b[0m")));
        let stream = std::net::TcpStream::connect(&address).expect("it listens where it says");
        assert!(healthz(stream).ends_with("OK"));
        let (rest, log, status) = up.end(signal);
        assert!(rest.contains(last_words), "{signal}: {rest}");
        assert_eq!(status, Some(0), "{signal}: {log}");
    }
}

#[test]
fn no_host_means_every_address() {
    let folder = folder();
    let up = Up::start(rockpool(&folder, &["server", "--http-address", ":0"]));
    let port = up.said.lines().next().and_then(|line| line.rsplit(':').next()).unwrap_or_default();
    let stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).expect("it listens on IPv4");
    assert!(healthz(stream).ends_with("OK"));
    assert_eq!(up.end("TERM").2, Some(0));
}

#[test]
fn a_unix_socket_serves_and_is_named() {
    let folder = folder();
    let socket = folder.path().join("pool.sock");
    let address = format!("unix:{}", socket.display());
    let up = Up::start(rockpool(&folder, &["server", "--http-address", &address]));
    assert!(up.said.contains(&format!("Started HTTP listener at {address}")), "{}", up.said);
    assert!(healthz(UnixStream::connect(&socket).expect("it listens there")).ends_with("OK"));
    assert_eq!(up.end("TERM").2, Some(0));
}

#[test]
fn a_server_that_nobody_reads_serves_and_ends_in_order() {
    let folder = folder();
    let Up { mut child, out, said } = Up::start(rockpool(&folder, &["server", "--http-address", "127.0.0.1:0"]));
    let address = said.lines().next().and_then(|line| line.rsplit('/').next()).unwrap_or_default();
    // Closes the reading ends, as a pipe into `head` does.
    drop(out);
    drop(child.stderr.take());
    let stream = std::net::TcpStream::connect(address).expect("it listens");
    assert!(healthz(stream).ends_with("OK"));
    let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn systemd_hears_when_the_server_is_ready_and_when_it_ends() {
    let folder = folder();
    let path = folder.path().join("notify.sock");
    let systemd = UnixDatagram::bind(&path).expect("a socket can be made");
    systemd.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout can be set");
    let hear = || {
        let mut message = [0; 256];
        let length = systemd.recv(&mut message).expect("a message comes");
        text(&message[..length]).trim().to_owned()
    };
    let mut command = rockpool(&folder, &["server", "--http-address", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", &path);
    let up = Up::start(command);
    assert_eq!(hear(), "READY=1");
    assert_eq!(up.end("TERM").2, Some(0));
    assert_eq!(hear(), "STOPPING=1");
}

#[test]
fn a_taken_port_ends_the_start_with_the_address() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    let output = output(rockpool(&folder, &["server", "--http-address", &address]));
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains(&format!("configure http(s): listen tcp {address}: bind: ")), "{said}");
    assert!(said.to_lowercase().contains("address already in use") && said.contains("--http-address"), "{said}");
}

#[test]
fn options_without_effect_are_warned_of_and_the_server_starts() {
    let folder = folder();
    let mut command = rockpool(&folder, &["server", "--http-address", "127.0.0.1:0", "--pprof-enable"]);
    command.env("CODER_NOTIFICATIONS_METHOD", "webhook").env("CODER_TELEMETRY_ENABLE", "false");
    let (_, log, status) = Up::start(command).end("TERM");
    let warnings: Vec<_> = log.lines().filter(|line| line.starts_with("WARN: ")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].contains("--pprof-enable") && warnings[0].contains("CODER_NOTIFICATIONS_METHOD"), "{log}");
    assert!(!log.contains("TELEMETRY"), "switching off what is not there needs no warning: {log}");
    assert_eq!(status, Some(0));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let folder = folder();
    let yaml = folder.path().join("config.yaml");
    std::fs::write(&yaml, "networking:\n  colour: red\n").expect("the file can be written");
    let yaml = yaml.to_str().expect("the path is text");
    for (args, status, want) in [
        (&["server", "--colour", "red"][..], 2, "unknown flag: --colour"),
        (&["server", "--htp-address", "x"], 2, "did you mean --http-address?"),
        (&["server", "-x"], 2, "unknown shorthand flag: 'x' in -x"),
        (&["server", "--access-url"], 2, "flag needs an argument: --access-url"),
        (&["server", "now"], 2, "unexpected argument \"now\""),
        (&["server", "--session-duration", "soon"], 1, "--session-duration: \"soon\" is not a duration"),
        (&["server", "-c", yaml], 1, "applying yaml: unknown option \"networking.colour\""),
        (&["server", "-c", "/nowhere.yaml"], 1, "--config: reading /nowhere.yaml"),
        (&["server", "--browser-only"], 1, "--browser-only is not supported"),
        (&["serve"], 2, "unknown command \"serve\" (did you mean \"server\"?)"),
    ] {
        let output = output(rockpool(&folder, args));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        assert!(said.contains(want), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn logs_go_where_they_are_told_in_the_form_asked_for() {
    let folder = folder();
    let json = folder.path().join("log.json");
    let mut command = rockpool(&folder, &["server", "--http-address", "127.0.0.1:0"]);
    command.env("CODER_LOGGING_HUMAN", "/dev/stderr").env("CODER_LOGGING_JSON", &json);
    let (_, log, status) = Up::start(command).end("TERM");
    assert_eq!(status, Some(0));
    let written = std::fs::read_to_string(&json).expect("the log is there");
    let first = written.lines().next().expect("it has a line");
    let first: serde_json::Value = serde_json::from_str(first).expect("a line is JSON");
    let message = first["msg"].as_str().expect("it has a message");
    assert!(first["ts"].is_string() && first["level"].is_string(), "{first}");
    let same = log.lines().find(|line| line.contains(message)).expect("people read it too");
    let level = same.split_once('[').and_then(|(_, rest)| rest.split_once("]  ")).map(|(level, _)| level);
    assert!(level.is_some_and(|level| ["debu", "info", "warn"].contains(&level)), "{same}");
}

#[test]
fn help_and_versions_are_printed() {
    let folder = folder();
    for (args, want) in [
        (&["--help"][..], "SUBCOMMANDS:"),
        (&[], "SUBCOMMANDS:"),
        (&["server", "--help"], "--http-address string, $CODER_HTTP_ADDRESS (default: 127.0.0.1:3000)"),
        (&["help", "server"], "$ROCKPOOL_DATA_DIR"),
        (&["--version"], concat!("rockpool v", env!("CARGO_PKG_VERSION"))),
        (&["version"], concat!("rockpool v", env!("CARGO_PKG_VERSION"))),
    ] {
        let output = output(rockpool(&folder, args));
        assert!(text(&output.stdout).contains(want), "{args:?}: {}", text(&output.stdout));
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
    let json = output(rockpool(&folder, &["version", "-o", "json"])).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).expect("it is JSON");
    assert_eq!(json["version"], concat!("v", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_data_directory_that_others_can_enter_is_warned_of_and_its_database_closed_to_them() {
    use std::os::unix::fs::PermissionsExt;
    if postgres::skips("the database is a file there alone") {
        return;
    }
    let mut server = Options::default().process().start();
    assert!(!server.process().log.lock().contains("other users"), "what the server makes is closed");
    server.stop();
    let data_dir = server.folder().join("data");
    let database = data_dir.join("rockpool.db");
    let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    set(&data_dir, 0o755);
    set(&database, 0o644);
    server.start_again();
    let log = server.process().log.lock().clone();
    assert!(log.contains("can enter the data directory") && log.contains("chmod 700"), "{log}");
    assert_eq!(std::fs::metadata(&database).unwrap().permissions().mode() & 0o777, 0o640, "{log}");
}
