//! The front door: sockets in, requests out, answers back. Knows no resource, no database, no user.
//!
//! An [`App`] says of each request head how it is to be taken ([`Plan`]), then answers it: plain
//! requests on a pool of workers, streams on a thread of their own with the raw connection.

use std::net::IpAddr;
use std::time::Instant;

use uuid::Uuid;

/// The first lines of a request, before its body is read.
#[derive(Debug, Clone)]
pub struct Head {
    /// Upper-case method.
    pub method: String,
    /// Path as sent, without the query; begins with `/`.
    pub path: String,
    /// What follows `?`, as sent; empty when there is none.
    pub query: String,
    /// Header fields in the order they came.
    pub headers: Headers,
}

/// Header fields: names are compared without regard to case.
#[derive(Debug, Clone, Default)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The first field of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
    /// Every field of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// A whole request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its first lines.
    pub head: Head,
    /// Its body, within the cap that the [`Plan`] gave.
    pub body: Vec<u8>,
    /// The peer's address; none on a Unix socket.
    pub peer: Option<IpAddr>,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Its id, also sent back as `X-Coder-Request-Id`.
    pub id: Uuid,
    /// When it was received.
    pub received: Instant,
}

/// How a request is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Answered by a worker; a longer body than `max_body` bytes is refused with 413 before it is read.
    Plain {
        /// Bytes.
        max_body: u64,
    },
    /// Taken with its raw connection by a thread of its own (WebSocket, server-sent events).
    Stream,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header fields; never `Connection`, `Content-Length` or `Transfer-Encoding`, which the front door sets.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// What is behind the door.
pub trait App: Send + Sync + 'static {
    /// How this request is to be taken. Called before the body is read, so it must be quick.
    fn plan(&self, head: &Head) -> Plan;
    /// Answers a plain request. A panic becomes a 500 and harms nobody else.
    fn respond(&self, request: Request) -> Response;
    /// Takes a stream: either gives up the connection by [`Upgrade::refuse`] or goes on with it.
    fn stream(&self, request: Request, upgrade: Upgrade);
}

/// The raw connection of a stream, before anything is answered.
pub struct Upgrade;

impl Upgrade {
    /// Answers with a plain response instead, and lets the connection go on or close.
    pub fn refuse(self, _response: Response) {}
}
