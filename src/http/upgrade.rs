//! What a stream handler is given: a request's raw connection before anything is answered, to be
//! refused or turned into a WebSocket, server-sent events, a streamed body or a tunnel.
//!
//! The handler runs on a thread of its own; the porter's thread becomes the stream's reader, so that
//! the client's side is watched at every moment.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use uuid::Uuid;

use super::conn::Conn;
use super::framing::{self, Follows};
use super::porter::{Manner, REQUEST_ID_FIELD};
use super::server::Door;
use super::{Request, Response};

/// A value that does not exist: a channel of it never carries anything, but tells by
/// disconnecting that something has ended, which a `select!` can wait for.
#[derive(Debug, Clone, Copy)]
pub enum Never {}

/// The stream did not come about: the client has been told why, or has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client has been answered with status {status} instead of a stream")]
pub struct Refused {
    /// The status it was answered with; 499 if it had gone.
    pub status: u16,
}

/// How long a reader waits at once where only the end of the stream can wake it.
pub(super) const LONG_WAIT: Duration = Duration::from_secs(3600);

/// The status that stands for a client which went before it was answered.
const CLIENT_GONE: u16 = 499;

/// What the handler decided, for the porter.
pub(crate) enum Verdict {
    /// No stream: this answer, and the connection goes on with what the client sent ahead.
    Refuse { response: Response, ahead: Vec<u8> },
    /// A stream, of which the porter's thread is the reader.
    Read(Box<dyn StreamReader>),
}

/// The half of a stream that listens to the client.
pub(crate) trait StreamReader: Send {
    /// Reads until the stream ends.
    fn run(self: Box<Self>);
}

/// The raw connection of a stream, before anything is answered.
pub struct Upgrade {
    pub(super) conn: Arc<Conn>,
    pub(super) door: Arc<Door>,
    pub(super) manner: Manner,
    /// What the client sent after the request.
    pub(super) ahead: Vec<u8>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) asked: Option<AskedWebSocket>,
    id: Uuid,
    is_get: bool,
    verdicts: Sender<Verdict>,
}

/// What a request for a WebSocket says.
pub(super) struct AskedWebSocket {
    pub version: Option<String>,
    pub key: Option<String>,
    pub protocols: Vec<String>,
    pub origin: Option<String>,
    pub host: Option<String>,
}

impl Upgrade {
    pub(super) fn new(
        conn: Arc<Conn>,
        door: Arc<Door>,
        request: &Request,
        manner: Manner,
        ahead: Vec<u8>,
        verdicts: Sender<Verdict>,
    ) -> Upgrade {
        let headers = &request.head.headers;
        let own = |name: &str| headers.get(name).map(str::to_owned);
        let asks = headers.has_token("Connection", "upgrade") && headers.has_token("Upgrade", "websocket");
        let asked = asks.then(|| AskedWebSocket {
            version: own("Sec-WebSocket-Version"),
            key: own("Sec-WebSocket-Key"),
            protocols: headers
                .all("Sec-WebSocket-Protocol")
                .flat_map(|v| v.split(','))
                .map(|p| p.trim().to_owned())
                .collect(),
            origin: own("Origin"),
            host: own("Host"),
        });
        let is_get = request.head.method == "GET";
        Upgrade { conn, door, manner, ahead, headers: Vec::new(), asked, id: request.id, is_get, verdicts }
    }

    /// Whether the client asks for a WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether the request was a GET.
    pub(super) fn is_get(&self) -> bool {
        self.is_get
    }

    /// Adds a field to whatever head this connection is answered with.
    pub fn add_header(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.headers.push((name.into(), value.into()));
    }

    /// A channel that disconnects when the server begins to shut down.
    pub fn shutdown(&self) -> Receiver<Never> {
        self.door.going.clone()
    }

    /// Answers with a plain response instead, and lets the connection go on.
    pub fn refuse(mut self, mut response: Response) {
        response.headers.append(&mut self.headers);
        // The porter waits for this; if it is gone, so is the client.
        let _ = self.verdicts.send(Verdict::Refuse { response, ahead: self.ahead });
    }

    pub(super) fn refuse_with(self, response: Response) -> Refused {
        let status = response.status;
        self.refuse(response);
        Refused { status }
    }

    /// Sends the head that begins a stream.
    pub(super) fn send_head(
        &self,
        status: u16,
        headers: &[(String, String)],
        own: &[(&str, &str)],
        follows: Follows,
    ) -> Result<(), Refused> {
        let (date, id) = (self.door.date(), self.id.to_string());
        let mut fields = vec![("Date", &*date), (REQUEST_ID_FIELD, id.as_str())];
        fields.extend_from_slice(own);
        let all: Vec<_> = headers.iter().chain(&self.headers).cloned().collect();
        let mut out = Vec::with_capacity(512);
        framing::write_head(&mut out, status, &all, &fields, follows);
        self.conn.write_all(&out).map_err(|_| Refused { status: CLIENT_GONE })
    }

    /// Makes the porter's thread the reader of the stream.
    pub(super) fn begin(self, reader: Box<dyn StreamReader>) {
        // The porter waits for this; it cannot be gone.
        let _ = self.verdicts.send(Verdict::Read(reader));
    }
}
