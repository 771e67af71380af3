//! A front door with a small app behind it that has a route for each thing that can go right or wrong,
//! and raw clients for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use rockpool::http::{
    App, Config, Head, Limits, Listener, Message, Plan, Request, Response, Server, Upgrade, WebSocketOptions,
};

/// Long enough for a loaded machine, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An app with a route for each thing that can go right or wrong.
pub struct Probe {
    /// `/hold` waits for a word from the test.
    pub hold: Receiver<()>,
    /// And says that it has begun.
    pub held: Sender<()>,
    /// How a stream's handler ended.
    pub ended: Sender<String>,
}

pub fn response(status: u16, body: impl Into<Vec<u8>>) -> Response {
    Response { status, headers: vec![("Content-Type".into(), "text/plain".into())], body: body.into() }
}

impl App for Probe {
    fn plan(&self, head: &Head) -> Plan {
        match head.path.as_str() {
            "/ws" | "/ws-push" | "/ws-slow" | "/ws-flood" | "/sse" | "/sse-panic" | "/ws-panic" | "/body"
            | "/body-part" | "/tunnel" | "/refuse" | "/forget" => Plan::Stream { max_body: 0 },
            "/plan-panic" => panic!("the plan's own words"),
            "/small" => Plan::Plain { max_body: 10 },
            _ => Plan::Plain { max_body: 1 << 20 },
        }
    }

    fn respond(&self, request: Request) -> Response {
        match request.head.path.as_str() {
            "/hold" => {
                self.held.send(()).unwrap();
                self.hold.recv_timeout(PATIENCE).unwrap();
                response(200, "held")
            }
            "/panic" => panic!("the handler's own words"),
            "/large" => response(200, vec![b'x'; 100_000]),
            "/empty" => response(204, ""),
            "/fields" => {
                let fields: Vec<String> = request.head.headers.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
                response(200, fields.join("\n"))
            }
            "/split" => Response {
                headers: vec![("X-Split".into(), "a\r\nX-Injected: b".into()), ("X-Utf8".into(), "grün".into())],
                ..response(200, "")
            },
            _ => {
                let head = &request.head;
                let about = format!(
                    "{} {}?{} tls={} peer={:?}\n",
                    head.method, head.path, head.query, request.tls, request.peer
                );
                response(200, [about.as_bytes(), &request.body].concat())
            }
        }
    }

    fn stream(&self, request: Request, upgrade: Upgrade) {
        match request.head.path.as_str() {
            "/ws" | "/ws-slow" => {
                let Ok(socket) = upgrade.websocket(WebSocketOptions { max_message_bytes: 1000, ..Default::default() })
                else {
                    return;
                };
                if request.head.path == "/ws-slow" {
                    self.hold.recv_timeout(PATIENCE).unwrap();
                }
                while let Ok(message) = socket.recv() {
                    let sent = match message {
                        Message::Text(text) => socket.send_text(text),
                        Message::Binary(bytes) => socket.send_binary(&bytes),
                    };
                    if sent.is_err() {
                        break;
                    }
                }
                self.ended.send(format!("{:?}", socket.closing().map(|c| c.code))).unwrap();
            }
            "/ws-push" => {
                let options = WebSocketOptions {
                    heartbeat: Some(Duration::from_millis(100)),
                    one_way: Some((1002, "listen")),
                    ..Default::default()
                };
                let Ok(socket) = upgrade.websocket(options) else { return };
                loop {
                    select! {
                        recv(self.hold) -> _ => if socket.send_json(&"pushed").is_err() { break },
                        recv(socket.closed()) -> _ => break,
                    }
                }
                self.ended.send(format!("{:?}", socket.closing().map(|c| c.code))).unwrap();
            }
            "/sse" => {
                let Ok(sse) = upgrade.sse() else { return };
                sse.ping().unwrap();
                loop {
                    select! {
                        recv(self.hold) -> _ => if sse.event("data", &"pushed").is_err() { break },
                        recv(sse.closed()) -> _ => break,
                    }
                }
                self.ended.send("sse".into()).unwrap();
            }
            "/ws-flood" => {
                let Ok(socket) = upgrade.websocket(WebSocketOptions { heartbeat: None, ..Default::default() }) else {
                    return;
                };
                while socket.send_binary(&[0; 100_000]).is_ok() {}
                self.ended.send("flooded".into()).unwrap();
            }
            "/body" | "/body-part" => {
                let Ok(body) = upgrade.body(201, &[("X-Kind".into(), "streamed".into())]) else { return };
                body.send(b"one").unwrap();
                body.send(b"two").unwrap();
                if request.head.path == "/body" {
                    body.finish().unwrap();
                }
            }
            "/ws-panic" => {
                let Ok(_socket) = upgrade.websocket(WebSocketOptions::default()) else { return };
                panic!("the stream's own words");
            }
            "/sse-panic" => {
                let Ok(_sse) = upgrade.sse() else { return };
                panic!("the stream's own words");
            }
            "/tunnel" => {
                let Ok(mut tunnel) = upgrade.tunnel(101, &[], Some("echo")) else { return };
                let mut buf = [0; 100];
                while let Ok(n) = tunnel.read(&mut buf) {
                    if n == 0 || tunnel.write_all(&buf[..n]).is_err() {
                        break;
                    }
                }
            }
            "/refuse" => upgrade.refuse(response(403, "no")),
            _ => drop(upgrade),
        }
    }
}

/// A server with a [`Probe`] behind it, and the test's ends of its channels.
pub struct Door {
    pub server: Server,
    pub address: SocketAddr,
    pub release: Sender<()>,
    pub held: Receiver<()>,
    pub ended: Receiver<String>,
    pub dir: tempfile::TempDir,
}

pub fn door() -> Door {
    door_with(|_| {})
}

pub fn door_with(change: impl FnOnce(&mut Config)) -> Door {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(vec![Listener::tcp("127.0.0.1:0").unwrap()], dir.path().to_owned());
    config.workers = 2;
    config.limits = Limits { linger: Duration::from_millis(200), ..Limits::default() };
    change(&mut config);
    let (release, hold) = bounded(100);
    let (held_sender, held) = bounded(100);
    let (ended_sender, ended) = bounded(100);
    let server = Server::start(config, Arc::new(Probe { hold, held: held_sender, ended: ended_sender })).unwrap();
    let address = server.addrs()[0].tcp().unwrap();
    Door { server, address, release, held, ended, dir }
}

impl Door {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The same from a connection that may be refused or reset.
    pub fn ask_or_nothing(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        let mut out = Vec::new();
        let asked = stream.write_all(bytes.as_ref()).and_then(|()| stream.read_to_end(&mut out));
        asked.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&out).into_owned())
    }

    /// What a fresh connection that sends these bytes and then only listens is told, to the end.
    pub fn ask(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes.as_ref()).unwrap();
        let mut out = Vec::new();
        stream.read_to_end(&mut out).unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
}

/// Reads one answer whose length is given: its head and its body.
pub fn read_answer(stream: &mut impl Read) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}
