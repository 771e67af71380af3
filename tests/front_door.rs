//! The front door as its clients meet it: raw bytes on a real socket, in and out.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use rockpool::http::{
    App, Config, Head, Limits, Listener, Message, Plan, Request, Response, Server, Upgrade, WebSocketOptions,
};

/// Long enough for a loaded machine, short enough to notice a hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// An app with a route for each thing that can go right or wrong.
struct Probe {
    /// `/hold` waits for a word from the test.
    hold: Receiver<()>,
    /// And says that it has begun.
    held: Sender<()>,
    /// How a stream's handler ended.
    ended: Sender<String>,
}

fn response(status: u16, body: impl Into<Vec<u8>>) -> Response {
    Response { status, headers: vec![("Content-Type".into(), "text/plain".into())], body: body.into() }
}

impl App for Probe {
    fn plan(&self, head: &Head) -> Plan {
        match head.path.as_str() {
            "/ws" | "/ws-push" | "/sse" | "/tunnel" | "/refuse" | "/forget" => Plan::Stream { max_body: 0 },
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
            "/ws" => {
                let Ok(socket) = upgrade.websocket(WebSocketOptions { max_message_bytes: 1000, ..Default::default() })
                else {
                    return;
                };
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
struct Door {
    server: Server,
    address: SocketAddr,
    release: Sender<()>,
    held: Receiver<()>,
    ended: Receiver<String>,
    _dir: tempfile::TempDir,
}

fn door() -> Door {
    door_with(|_| {})
}

fn door_with(change: impl FnOnce(&mut Config)) -> Door {
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
    Door { server, address, release, held, ended, _dir: dir }
}

impl Door {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What a fresh connection that sends these bytes and then only listens is told, to the end.
    fn ask(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes.as_ref()).unwrap();
        let mut out = Vec::new();
        stream.read_to_end(&mut out).unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
}

/// Reads one answer whose length is given: its head and its body.
fn read_answer(stream: &mut impl Read) -> (String, Vec<u8>) {
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

#[test]
fn a_plain_request_is_answered_with_its_request_id_and_length() {
    let door = door();
    let answer = door.ask(get("/hello?a=b%20c"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nX-Coder-Request-Id: "), "{answer}");
    assert!(answer.contains("\r\nDate: "), "{answer}");
    assert!(answer.ends_with("GET /hello?a=b%20c tls=false peer=Some(127.0.0.1)\n"), "{answer}");
}

#[test]
fn bodies_of_either_framing_arrive_and_the_connection_goes_on() {
    let door = door();
    let mut stream = door.connect();
    let long = "b".repeat(300_000);
    let cases = [
        ("Content-Length: 5\r\n\r\nhello".to_owned(), "hello"),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: t\r\n\r\n".to_owned(), "hello"),
        (format!("Content-Length: 300000\r\n\r\n{long}"), &long),
        (format!("Transfer-Encoding: Chunked\r\n\r\n493e0\r\n{long}\r\n0\r\n\r\n"), &long),
    ];
    for (rest, want) in &cases {
        stream.write_all(format!("POST /p HTTP/1.1\r\nHost: h\r\n{rest}").as_bytes()).unwrap();
        let (head, body) = read_answer(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(body.ends_with(want.as_bytes()), "{}", &rest[..40]);
    }
}

#[test]
fn a_websocket_echoes_and_closes() {
    let door = door();
    let (mut socket, _) = tungstenite::client(format!("ws://{}/ws", door.address), door.connect()).unwrap();
    socket.send("hello".into()).unwrap();
    assert_eq!(socket.read().unwrap(), "hello".into());
    socket.send(vec![1, 2, 3].into()).unwrap();
    assert_eq!(socket.read().unwrap(), vec![1, 2, 3].into());
    socket.close(None).unwrap();
    assert!(socket.read().unwrap().is_close());
    assert_eq!(door.ended.recv_timeout(PATIENCE).unwrap(), "Some(1005)");
}

#[test]
fn a_server_push_needs_no_word_from_the_client() {
    let door = door();
    let (mut socket, _) = tungstenite::client(format!("ws://{}/ws-push", door.address), door.connect()).unwrap();
    for _ in 0..3 {
        door.release.send(()).unwrap();
        loop {
            let message = socket.read().unwrap();
            if message.is_text() {
                assert_eq!(message, "\"pushed\"".into());
                break;
            }
        }
    }
}

#[test]
fn an_event_arrives_at_once_and_a_hang_up_ends_the_stream() {
    let door = door();
    let mut stream = door.connect();
    stream.write_all(b"GET /sse HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let (head, _) = read_answer(&mut stream);
    assert!(head.contains("Content-Type: text/event-stream\r\n"), "{head}");
    assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
    let mut chunk = [0; 18];
    stream.read_exact(&mut chunk).unwrap();
    assert_eq!(&chunk, b"d\r\nevent: ping\n\n\r\n");
    let asked = Instant::now();
    door.release.send(()).unwrap();
    let mut chunk = [0; 34];
    stream.read_exact(&mut chunk).unwrap();
    assert_eq!(std::str::from_utf8(&chunk).unwrap(), "1c\r\nevent: data\ndata: \"pushed\"\n\n\r\n");
    assert!(asked.elapsed() < PATIENCE / 2);
    drop(stream);
    assert_eq!(door.ended.recv_timeout(PATIENCE).unwrap(), "sse");
}

#[test]
fn a_shutdown_answers_what_is_under_way_and_closes_streams() {
    let door = door();
    let mut busy = door.connect();
    busy.write_all(get("/hold").as_bytes()).unwrap();
    door.held.recv_timeout(PATIENCE).unwrap();
    let mut idle = door.connect();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    read_answer(&mut idle);
    let (mut socket, _) = tungstenite::client(format!("ws://{}/ws", door.address), door.connect()).unwrap();
    let server = door.server;
    let stopping = std::thread::spawn(move || server.shutdown(PATIENCE));
    // The idle one and the stream are told while the busy one is still being answered.
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    match socket.read().unwrap() {
        tungstenite::Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1001),
        other => panic!("{other:?}"),
    }
    door.release.send(()).unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("held"), "{answer}");
    assert_eq!(stopping.join().unwrap().cut, 0);
    assert!(TcpStream::connect(door.address).is_err());
}
