//! The blocking client of the API: one server, one token, connections that are kept.
//!
//! [`Client::call`] reads and writes the SDK's types and turns error bodies into [`Error::Refused`];
//! [`Client::send`] takes and gives bytes; [`Client::open`] leaves the body to be read as it comes;
//! [`Client::websocket`] upgrades. Plain HTTP only: TLS is ended by whatever stands in front. Speaking
//! HTTP/1.1 is [`connection`]'s business.

mod connection;

use std::io::Read;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::{HeaderName, HeaderValue};

use self::connection::{Connection, ReadError};
use super::{Response, json};

pub use self::connection::Body;

/// The header that carries a session's or a token's key.
pub const SESSION_TOKEN_HEADER: &str = "Coder-Session-Token";

/// A WebSocket to the server.
pub type Socket = tungstenite::WebSocket<TcpStream>;

/// A server, and who speaks to it.
#[derive(Debug)]
pub struct Client {
    base: Base,
    token: Option<String>,
    timeout: Option<Duration>,
    idle: Mutex<Option<Connection>>,
}

/// `http://host:port/prefix` in its parts.
#[derive(Clone, Debug, PartialEq)]
struct Base {
    /// As it stands in the Host header.
    authority: String,
    host: String,
    port: u16,
    prefix: String,
}

/// What is sent.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// Upper-case method.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Fields beyond those that the client writes itself.
    pub headers: Vec<(&'a str, &'a str)>,
    /// What goes after the head; the type is a field like any other.
    pub body: &'a [u8],
}

/// What came back, but for its body.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Its status.
    pub status: u16,
    /// Its fields, in the order they came.
    pub headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its fields, in the order they came.
    pub headers: Vec<(String, String)>,
    /// Its whole body.
    pub body: Vec<u8>,
}

/// Why there is no answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the server cannot be used.
    #[error("{0:?} is not the address of a server: it must be http://HOST[:PORT][/PATH]")]
    Address(String),
    /// The server could not be reached, or went away.
    #[error("talking to {0}: {1}")]
    Io(String, std::io::Error),
    /// What the server sent is not HTTP.
    #[error("the answer of {0} cannot be read: {1}")]
    Protocol(String, String),
    /// The server said no.
    #[error("{call}: status {status}: {}", explain(response))]
    Refused {
        /// What was asked: method and target.
        call: String,
        /// What it was answered with.
        status: u16,
        /// Why.
        response: Response,
    },
    /// The body is not of the expected type.
    #[error("{call}: the answer is not what it should be: {reason}")]
    Body {
        /// What was asked: method and target.
        call: String,
        /// What is wrong with it.
        reason: String,
    },
}

fn explain(response: &Response) -> String {
    let mut text = response.message.clone();
    if !response.detail.is_empty() {
        text += &format!(" ({})", response.detail);
    }
    for v in &response.validations {
        text += &format!("\n  {}: {}", v.field, v.detail);
    }
    text
}

impl Error {
    /// The status of an answer that said no.
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl Client {
    /// A client of the server at an address, as nobody.
    pub fn new(address: &str) -> Result<Client, Error> {
        let base = Base::parse(address).ok_or_else(|| Error::Address(address.to_owned()))?;
        Ok(Client { base, token: None, timeout: None, idle: Mutex::new(None) })
    }

    /// The same server, as the owner of a key.
    pub fn with_token(&self, token: impl Into<String>) -> Client {
        Client { token: Some(token.into()), ..self.anonymous() }
    }

    /// The same server, as nobody.
    pub fn anonymous(&self) -> Client {
        Client { base: self.base.clone(), token: None, timeout: self.timeout, idle: Mutex::new(None) }
    }

    /// How long to wait for the server to say something; without it, for ever.
    pub fn with_timeout(self, timeout: Duration) -> Client {
        Client { timeout: Some(timeout), ..self }
    }

    /// The key that is sent along.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The server's address.
    pub fn address(&self) -> String {
        format!("http://{}{}", self.base.authority, self.base.prefix)
    }

    /// Asks for a value.
    pub fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, Error> {
        self.call("GET", target, None::<&()>)
    }

    /// Sends a value, and reads what comes back.
    pub fn post<T: DeserializeOwned>(&self, target: &str, body: &impl Serialize) -> Result<T, Error> {
        self.call("POST", target, Some(body))
    }

    /// Sends a value if there is one, and reads what comes back; `()` for nothing.
    pub fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        target: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Error> {
        let body = body.map(json::to_vec).unwrap_or_default();
        let mut request = Request { method, target, body: &body, ..Request::default() };
        if !body.is_empty() {
            request.headers.push(("Content-Type", "application/json"));
        }
        self.send(&request)?.into_value(method, target)
    }

    /// Sends bytes, and reads all that comes back, whatever its status.
    pub fn send(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let (head, mut body) = self.open(request)?;
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).map_err(|err| self.io(err))?;
        if let Some(connection) = body.into_reusable() {
            *self.idle.lock() = Some(connection);
        }
        Ok(Answer { status: head.status, headers: head.headers, body: bytes })
    }

    /// Sends bytes, and leaves the body of the answer to be read as it comes.
    pub fn open(&self, request: &Request<'_>) -> Result<(Head, Body), Error> {
        let kept = self.idle.lock().take().filter(Connection::is_open);
        if let Some(connection) = kept {
            // The server may still close it before it reads anything. What it may have read and done
            // is not sent twice, unless that makes no difference.
            let repeatable = matches!(request.method, "GET" | "HEAD" | "PUT" | "DELETE");
            match self.exchange(connection, request) {
                Err(ReadError::Closed) if repeatable => {}
                other => return other.map_err(|err| self.wrong(err)),
            }
        }
        let connection = Connection::new(self.connect()?);
        self.exchange(connection, request).map_err(|err| self.wrong(err))
    }

    /// Opens a WebSocket.
    pub fn websocket(&self, target: &str) -> Result<Socket, Error> {
        let url = format!("ws://{}{}{target}", self.base.authority, self.base.prefix);
        let mut request = url.into_client_request().map_err(|err| self.protocol(err.to_string()))?;
        if let Some(token) = &self.token {
            let value = HeaderValue::from_str(token).map_err(|err| self.protocol(err.to_string()))?;
            request.headers_mut().insert(HeaderName::from_static("coder-session-token"), value);
        }
        match tungstenite::client::client(request, self.connect()?) {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                let body = answer.body().as_deref().unwrap_or_default();
                Err(refused("GET", target, answer.status().as_u16(), body))
            }
            Err(err) => Err(self.protocol(err.to_string())),
        }
    }

    fn exchange(&self, mut connection: Connection, request: &Request<'_>) -> Result<(Head, Body), ReadError> {
        let target = format!("{}{}", self.base.prefix, request.target);
        let mut headers = vec![("Host", self.base.authority.as_str())];
        if let Some(token) = &self.token {
            headers.push((SESSION_TOKEN_HEADER, token));
        }
        headers.extend_from_slice(&request.headers);
        connection.write(request.method, &target, &headers, request.body)?;
        connection.read(request.method)
    }

    fn connect(&self) -> Result<TcpStream, Error> {
        let addresses = (self.base.host.as_str(), self.base.port).to_socket_addrs().map_err(|err| self.io(err))?;
        let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
        for address in addresses {
            match TcpStream::connect(address) {
                Ok(stream) => {
                    stream.set_nodelay(true).map_err(|err| self.io(err))?;
                    stream.set_read_timeout(self.timeout).map_err(|err| self.io(err))?;
                    return Ok(stream);
                }
                Err(err) => last = err,
            }
        }
        Err(self.io(last))
    }

    fn io(&self, err: std::io::Error) -> Error {
        Error::Io(self.address(), err)
    }
    fn protocol(&self, reason: String) -> Error {
        Error::Protocol(self.address(), reason)
    }
    fn wrong(&self, err: ReadError) -> Error {
        match err {
            ReadError::Closed => self.io(std::io::ErrorKind::UnexpectedEof.into()),
            ReadError::Io(err) => self.io(err),
            ReadError::Malformed(reason) => self.protocol(reason),
        }
    }
}

impl Answer {
    /// The first field of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as a value, if the status says that all is well.
    pub fn into_value<T: DeserializeOwned>(self, method: &str, target: &str) -> Result<T, Error> {
        if !(200..300).contains(&self.status) {
            return Err(refused(method, target, self.status, &self.body));
        }
        // Nothing reads as null.
        let body = if self.body.is_empty() { b"null" } else { self.body.as_slice() };
        serde_json::from_slice(body)
            .map_err(|err| Error::Body { call: format!("{method} {target}"), reason: err.to_string() })
    }
}

impl Head {
    /// The first field of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn refused(method: &str, target: &str, status: u16, body: &[u8]) -> Error {
    let response =
        serde_json::from_slice(body).unwrap_or_else(|_| Response::new(String::from_utf8_lossy(body).trim().to_owned()));
    Error::Refused { call: format!("{method} {target}"), status, response }
}

impl Base {
    fn parse(address: &str) -> Option<Base> {
        let rest = address.strip_prefix("http://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            // Colons of an IPv6 address are inside its brackets.
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, 80),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || path.contains(['?', '#']) {
            return None;
        }
        Some(Base {
            authority: authority.to_owned(),
            host: host.to_owned(),
            port,
            prefix: path.trim_end_matches('/').to_owned(),
        })
    }
}

/// Writes a query: `?a=b&c=d`, or nothing when there are no pairs.
pub fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if text.is_empty() { text } else { format!("?{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    /// A server that reads one request for each answer, on as many connections as the answers ask for.
    fn serve(answers: &'static [&'static str]) -> (Client, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let mut requests = Vec::new();
            let mut stream = None;
            for answer in answers {
                let mut on = stream.take().unwrap_or_else(|| listener.accept().unwrap().0);
                requests.push(read_request(&mut on));
                on.write_all(answer.as_bytes()).unwrap();
                if !answer.is_empty() && !answer.contains("Connection: close") {
                    stream = Some(on);
                }
            }
            requests
        });
        (client, server)
    }

    fn read_request(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            text.push(byte[0]);
        }
        let head = String::from_utf8(text).unwrap();
        let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: ")).map_or(0, |n| n.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        head + std::str::from_utf8(&body).unwrap()
    }

    #[test]
    fn a_connection_is_kept_until_the_server_closes_it() {
        let (client, server) = serve(&[
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 15\r\n\r\n{\"message\":\"a\"}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"mes\r\nb;x=y\r\nsage\":\"bc\"}\r\n0\r\nT: u\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"message\":\"d\"}",
        ]);
        let client = client.with_token("key");
        let said = |got: Result<Response, Error>| got.unwrap().message;
        assert_eq!(said(client.post("/a?b=c", &Response::new("<x>"))), "a");
        assert_eq!(said(client.get("/b")), "bc");
        client.call::<()>("DELETE", "/c", None::<&()>).unwrap();
        assert_eq!(said(client.get("/d")), "d");
        let requests = server.join().unwrap();
        assert!(requests[0].starts_with("POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:"), "{}", requests[0]);
        assert!(requests[0].contains("\r\nCoder-Session-Token: key\r\n"), "{}", requests[0]);
        assert!(requests[0].ends_with("\r\n\r\n{\"message\":\"\\u003cx\\u003e\"}\n"), "{}", requests[0]);
        assert!(!requests[1].contains("Content-Length"), "{}", requests[1]);
    }

    #[test]
    fn a_refusal_is_told_with_its_reasons() {
        let body = r#"{"message":"No.","validations":[{"field":"name","detail":"is taken"}]}"#;
        let answer = Answer { status: 409, body: body.into(), ..Answer::default() };
        let err = answer.into_value::<()>("POST", "/x").unwrap_err();
        assert_eq!(err.status(), Some(409));
        assert_eq!(err.to_string(), "POST /x: status 409: No.\n  name: is taken");
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for (answer, want) in [
            ("", "unexpected end of file"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabc", "unexpected end of file"),
            ("HTTP/1.1 200 OK\r\nContent-Length: many\r\nConnection: close\r\n\r\n", "not a length"),
            ("SMTP\r\nConnection: close\r\n\r\n", "cannot be read"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nxyz\r\n", "chunk's size"),
        ] {
            let answer: &'static [&'static str] = Box::leak(Box::new([answer]));
            let (client, server) = serve(answer);
            let server = std::thread::spawn(move || drop(server.join()));
            let err = client.get::<Response>("/").unwrap_err().to_string();
            assert!(err.contains(want), "{answer:?}: {err}");
            server.join().unwrap();
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (address, want) in [
            ("http://localhost:3000", Some(("localhost", 3000, ""))),
            ("http://localhost/", Some(("localhost", 80, ""))),
            ("http://[::1]:7/a/b/", Some(("::1", 7, "/a/b"))),
            ("http://[::1]", Some(("::1", 80, ""))),
            ("https://localhost", None),
            ("http://", None),
            ("http://a:b", None),
            ("localhost:3000", None),
        ] {
            let base = Base::parse(address);
            let got = base.as_ref().map(|b| (b.host.as_str(), b.port, b.prefix.as_str()));
            assert_eq!(got, want, "{address}");
        }
        assert_eq!(query([("q", "owner:me a&b"), ("limit", "1")]), "?q=owner%3Ame+a%26b&limit=1");
        assert_eq!(query([]), "");
    }
}
