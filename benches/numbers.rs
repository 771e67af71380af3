//! The figures that the README's claims rest on, each measured on the real binary, with a yardstick in the same run where
//! there is one. `cargo bench --bench numbers` prints them as a table; it judges nothing.
//!
//! - start on an empty directory and again on the same, to the first 200 on `/healthz`; idle memory; size of the binary
//! - `GET /users/me` at 8 keep-alive connections, against bare tiny_http that gives the same bytes
//! - `GET /workspaces?limit=25` among 100 and among 10,000 workspaces
//! - a build of `fixtures/templates/local`, from the request to `running`

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rockpool::sdk::client::Client;
use serde_json::{Value, json};

const CONNECTIONS: usize = 8;
const SPAN: Duration = Duration::from_secs(3);

fn main() {
    // `cargo test --benches` runs this too; it must not take the time.
    if !std::env::args().any(|a| a == "--bench") {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let data = dir.path().join("data");

    let fresh = median((0..5).map(|i| start_and_stop(&dir.path().join(format!("fresh{i}")))));
    let (server, _) = Server::start(&data);
    drop(server);
    let again = median((0..5).map(|_| start_and_stop(&data)));
    row("start on an empty directory", format!("{:.0} ms", fresh.as_secs_f64() * 1e3));
    row("start again", format!("{:.0} ms", again.as_secs_f64() * 1e3));

    let (server, _) = Server::start(&data);
    std::thread::sleep(Duration::from_secs(1));
    row("idle memory (resident)", format!("{:.1} MiB", server.resident_kib() as f64 / 1024.0));
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_rockpool")).map_or(0, |m| m.len());
    row("binary", format!("{:.1} MiB", size as f64 / 1048576.0));

    let token = first_user(&server.url);
    let path = "/api/v2/users/me";
    let sample = fetch(&server.url, path, &token);
    let ours = rate(&server.url, path, &token);
    let bare = bare_tiny_http(body_of(&sample));
    let yardstick = rate(&bare, "/", &token);
    row(
        "users/me, 8 connections",
        format!("{ours:.0}/s; bare tiny_http {yardstick:.0}/s; ratio {:.2}", ours / yardstick),
    );

    let template = push_template(&server.url, &token);
    let builds = median((0..5).map(|i| build(&server.url, &token, &template, &format!("box{i}"))));
    row("build of the local template, request to running", format!("{:.0} ms", builds.as_secs_f64() * 1e3));
    drop(server);

    let mut times = Vec::new();
    for total in [100, 10_000] {
        fill(&data, total);
        let (server, _) = Server::start(&data);
        let path = "/api/v2/workspaces?limit=25";
        fetch(&server.url, path, &token);
        let took = median((0..40).map(|_| {
            let began = Instant::now();
            fetch(&server.url, path, &token);
            began.elapsed()
        }));
        let rate = rate(&server.url, path, &token);
        row(&format!("25 of {total} workspaces"), format!("{:.2} ms; {rate:.0}/s", took.as_secs_f64() * 1e3));
        times.push(took.as_secs_f64());
    }
    row("10,000 against 100", format!("{:.2} times", times[1] / times[0]));
}

fn row(name: &str, figure: String) {
    println!("{name:<50} {figure}");
}

fn median(values: impl Iterator<Item = Duration>) -> Duration {
    let mut values: Vec<Duration> = values.collect();
    values.sort();
    values[values.len() / 2]
}

struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Starts the binary; gives how long it took to the first 200 on `/healthz`.
    fn start(data: &Path) -> (Server, Duration) {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_rockpool"))
            .args(["server", "--http-address", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .env("CODER_RATE_LIMIT_DISABLE_ALL", "true")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = lines
            .find_map(|line| line.ok()?.split_once("listener at ").map(|(_, url)| url.trim().to_owned()))
            .expect("a ready line");
        let server = Server { child, url };
        assert!(fetch(&server.url, "/healthz", "").starts_with("HTTP/1.1 200"));
        let took = began.elapsed();
        std::thread::spawn(move || lines.for_each(drop));
        (server, took)
    }
    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().ok();
        self.child.wait().ok();
    }
}

fn start_and_stop(data: &Path) -> Duration {
    Server::start(data).1
}

fn first_user(url: &str) -> String {
    let client = Client::new(url).expect("a URL");
    let who = json!({ "email": "o@example.com", "username": "o", "password": "SomeSecurePassword!" });
    call::<Value>(&client, "/api/v2/users/first", &who);
    let session: Value = call(&client, "/api/v2/users/login", &who);
    session["session_token"].as_str().expect("a token").to_owned()
}

fn call<T: serde::de::DeserializeOwned>(client: &Client, path: &str, body: &Value) -> T {
    client.post(path, body).unwrap_or_else(|e| panic!("{e}"))
}

/// One request on a connection of its own: the whole answer.
fn fetch(url: &str, path: &str, token: &str) -> String {
    let authority = url.trim_start_matches("http://");
    let mut answer = String::new();
    let Ok(mut stream) = TcpStream::connect(authority) else { return answer };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nCoder-Session-Token: {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok();
    stream.read_to_string(&mut answer).ok();
    answer
}

fn body_of(answer: &str) -> Vec<u8> {
    answer.split_once("\r\n\r\n").map_or(Vec::new(), |(_, body)| body.as_bytes().to_vec())
}

/// Requests a second that kept connections get answered.
fn rate(url: &str, path: &str, token: &str) -> f64 {
    let authority = url.trim_start_matches("http://").to_owned();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nCoder-Session-Token: {token}\r\n\r\n");
    let (answered, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let began = Instant::now();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (answered, over, request, authority) =
                (answered.clone(), over.clone(), request.clone(), authority.clone());
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(authority).expect("a connection");
                stream.set_nodelay(true).ok();
                let mut buffer = vec![0; 256 << 10];
                while !over.load(Ordering::Relaxed) {
                    stream.write_all(request.as_bytes()).expect("the server reads");
                    read_answer(&mut stream, &mut buffer);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    std::thread::sleep(SPAN);
    over.store(true, Ordering::Relaxed);
    let took = began.elapsed();
    clients.into_iter().for_each(|c| c.join().expect("a client"));
    answered.load(Ordering::Relaxed) as f64 / took.as_secs_f64()
}

/// Reads one answer with a Content-Length.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut have = 0;
    loop {
        let more = stream.read(&mut buffer[have..]).expect("an answer");
        assert!(more > 0, "an answer was cut off, or is longer than the buffer");
        have += more;
        let text = &buffer[..have];
        let Some(head) = text.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let fields = String::from_utf8_lossy(&text[..head]).to_ascii_lowercase();
        assert!(fields.starts_with("http/1.1 200"), "{fields}");
        let length = fields
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok())
            .expect("a length");
        if have >= head + 4 + length {
            return;
        }
    }
}

/// tiny_http alone, with the workers that our server has, giving fixed bytes. Runs as long as the process.
fn bare_tiny_http(body: Vec<u8>) -> String {
    let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").expect("a port"));
    let url = format!("http://{}", server.server_addr());
    for _ in 0..8 {
        let (server, body) = (Arc::clone(&server), body.clone());
        std::thread::spawn(move || {
            while let Ok(request) = server.recv() {
                request.respond(tiny_http::Response::from_data(body.clone())).ok();
            }
        });
    }
    url
}

/// Makes a template of `fixtures/templates/local`; gives its id.
fn push_template(url: &str, token: &str) -> String {
    let client = Client::new(url).expect("a URL").with_token(token);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_dir_all(".", concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/templates/local")).expect("the template");
    let archive = tar.into_inner().expect("an archive");
    let request = rockpool::sdk::client::Request {
        method: "POST",
        target: "/api/v2/files",
        headers: vec![("Content-Type", "application/x-tar")],
        body: &archive,
    };
    let uploaded: Value = serde_json::from_slice(&client.send(&request).expect("an answer").body).expect("JSON");
    let organization = "/api/v2/organizations/default";
    let wanted =
        json!({ "storage_method": "file", "file_id": uploaded["hash"], "provisioner": "terraform", "tags": {} });
    let version: Value = call(&client, &format!("{organization}/templateversions"), &wanted);
    let id = version["id"].as_str().expect("an id");
    until(&client, &format!("/api/v2/templateversions/{id}"), |v| v["job"]["status"] == "succeeded");
    let template: Value =
        call(&client, &format!("{organization}/templates"), &json!({ "name": "local", "template_version_id": id }));
    template["id"].as_str().expect("an id").to_owned()
}

fn until(client: &Client, path: &str, done: impl Fn(&Value) -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let found: Value = client.get(path).unwrap_or_else(|e| panic!("{e}"));
        if done(&found) {
            return;
        }
        assert!(Instant::now() < end, "{path} did not come about: {found}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Builds a workspace, and deletes it; gives how long it took to run.
fn build(url: &str, token: &str, template: &str, name: &str) -> Duration {
    let client = Client::new(url).expect("a URL").with_token(token);
    let began = Instant::now();
    let made: Value = call(&client, "/api/v2/users/me/workspaces", &json!({ "template_id": template, "name": name }));
    let path = format!("/api/v2/workspaces/{}", made["id"].as_str().expect("an id"));
    until(&client, &path, |w| w["latest_build"]["status"] == "running");
    let took = began.elapsed();
    call::<Value>(&client, &format!("{path}/builds"), &json!({ "transition": "delete" }));
    until(&client, &format!("{path}?include_deleted=true"), |w| w["latest_build"]["status"] == "deleted");
    took
}

/// Fills the database up to `total` workspaces, copies of one that was built.
fn fill(data: &Path, total: i64) {
    let conn = rusqlite::Connection::open(data.join("rockpool.db")).expect("the database");
    let id = |kind: u8| format!("printf('00000000-0000-4000-800{kind}-%012d', n)");
    let copies: [(&str, Vec<(&str, String)>); 3] = [
        ("workspaces", vec![("id", id(0)), ("name", "printf('copy-%d', n)".into()), ("deleted", "0".into())]),
        ("provisioner_jobs", vec![("id", id(1))]),
        (
            "workspace_builds",
            vec![
                ("id", id(2)),
                ("workspace_id", id(0)),
                ("job_id", id(1)),
                ("build_number", "1".into()),
                ("transition", "'start'".into()),
            ],
        ),
    ];
    conn.execute_batch("BEGIN").expect("a transaction");
    for (table, changed) in copies {
        let mut statement = conn
            .prepare(&format!("SELECT name FROM pragma_table_xinfo('{table}') WHERE hidden = 0"))
            .expect("the table");
        let columns: Vec<String> =
            statement.query_map([], |row| row.get(0)).expect("columns").map(|c| c.expect("a name")).collect();
        let values: Vec<String> = columns
            .iter()
            .map(|c| {
                changed.iter().find(|(name, _)| name == c).map_or_else(|| format!("o.{c:?}"), |(_, sql)| sql.clone())
            })
            .collect();
        let kind = if table == "provisioner_jobs" { "WHERE type = 'workspace_build'" } else { "" };
        let names: Vec<String> = columns.iter().map(|c| format!("{c:?}")).collect();
        conn.execute(
            &format!(
                "INSERT OR IGNORE INTO {table} ({}) WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ?1)
                SELECT {} FROM counted, (SELECT * FROM {table} {kind} LIMIT 1) o",
                names.join(", "),
                values.join(", ")
            ),
            [total],
        )
        .expect("copies");
    }
    conn.execute_batch("COMMIT; PRAGMA optimize").expect("a commit");
}
