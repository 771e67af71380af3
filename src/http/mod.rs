//! The front door: sockets in, requests out, answers back. Knows no resource, no database, no user.
//!
//! An [`App`] says of each request head how it is to be taken ([`Plan`]), then answers it: plain
//! requests on a pool of workers, streams on a thread of their own with the raw connection.
//!
//! Three rooms, front to back. The porter owns every client socket: limits, deadlines, strict framing,
//! TLS. The engine is tiny_http on a private Unix socket, whose workers run [`App::respond`]; no byte
//! that a client wrote reaches its parser. Streams never enter the engine: [`Upgrade`] hands the
//! connection over as a [`WebSocket`], an [`Sse`], a [`BodyWriter`] or a [`Tunnel`].
//! Start at [`Server::start`].

use std::net::IpAddr;
use std::time::Instant;

use uuid::Uuid;

mod chunked;
mod conn;
mod engine;
mod framing;
mod listen;
mod porter;
mod router;
mod server;
mod sse;
mod status;
mod tls;
mod tunnel;
mod upgrade;
mod websocket;

pub use listen::{Address, Listener};
pub use router::{Found, Lookup, Params, Router};
pub use server::{Config, Counters, Drained, Limits, Server};
pub use sse::{BodyWriter, Sse};
pub use tls::{ClientAuth, TlsError, TlsOptions};
pub use tunnel::Tunnel;
pub use upgrade::{Never, Refused, Upgrade};
pub use websocket::{Closed, Closing, Message, RecvError, WebSocket, WebSocketOptions, WebSocketSender};

/// The first lines of a request, before its body is read.
#[derive(Debug, Clone)]
pub struct Head {
    /// Upper-case method.
    pub method: String,
    /// Path as sent, without the query; begins with `/`, except that `CONNECT` has `host:port` here.
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
    /// Whether the comma-separated lists in the fields of that name contain a token.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(|v| v.split(',')).any(|t| t.trim().eq_ignore_ascii_case(token))
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

/// How a request is to be taken. A longer body than `max_body` bytes is refused with 413 before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Answered by a worker.
    Plain {
        /// Bytes.
        max_body: u64,
    },
    /// Taken with its raw connection by a thread of its own (WebSocket, server-sent events, proxied streams).
    Stream {
        /// Bytes; zero for a stream whose request has no body.
        max_body: u64,
    },
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

impl Response {
    /// The error body of the public API, for what goes wrong before or instead of a handler.
    pub(crate) fn error(status: u16, message: &str) -> Response {
        let body = serde_json::json!({ "message": message }).to_string().into_bytes();
        let headers = vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Response { status, headers, body }
    }
    /// The answer when there is no room: try again in a second.
    pub(crate) fn busy(message: &str) -> Response {
        let mut response = Response::error(503, message);
        response.headers.push(("Retry-After".to_owned(), "1".to_owned()));
        response
    }
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
