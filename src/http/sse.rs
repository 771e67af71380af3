//! Answers that are sent piece by piece: a streamed body, and server-sent events on top of it.
//!
//! Every piece is sent off at once. A client that does not take its pieces in time is dropped; one that
//! hangs up is noticed at once, because the porter's thread reads while the handler writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};
use serde::Serialize;

use super::conn::Conn;
use super::framing::Follows;
use super::upgrade::{Never, Refused, StreamReader, Upgrade};
use super::websocket::Closed;

/// A body of unknown length, written piece by piece. Dropped before [`BodyWriter::finish`], it breaks
/// the connection, so that the client does not take a part for the whole.
pub struct BodyWriter {
    conn: Arc<Conn>,
    chunked: bool,
    state: Arc<State>,
    gone: Receiver<Never>,
    finished: bool,
}

#[derive(Default)]
struct State {
    closed: AtomicBool,
}

impl Upgrade {
    /// Answers with this head and a body that the handler writes as it comes.
    pub fn body(self, status: u16, headers: &[(String, String)]) -> Result<BodyWriter, Refused> {
        self.body_with(status, headers, "close")
    }

    /// Answers with a stream of server-sent events.
    pub fn sse(self) -> Result<Sse, Refused> {
        let headers = [
            ("Content-Type".to_owned(), "text/event-stream".to_owned()),
            ("Cache-Control".to_owned(), "no-cache".to_owned()),
            ("X-Accel-Buffering".to_owned(), "no".to_owned()),
        ];
        self.body_with(200, &headers, "keep-alive").map(|body| Sse { body })
    }

    fn body_with(self, status: u16, headers: &[(String, String)], connection: &str) -> Result<BodyWriter, Refused> {
        let chunked = self.manner.http11;
        let follows = if chunked { Follows::Chunked } else { Follows::UntilClose };
        self.send_head(status, headers, &[("Connection", connection)], follows)?;
        let state = Arc::new(State::default());
        let (gone_sender, gone) = crossbeam_channel::bounded(0);
        let body = BodyWriter { conn: self.conn.clone(), chunked, state: state.clone(), gone, finished: false };
        let reader = HangUp { conn: self.conn.clone(), state, _gone: gone_sender };
        self.begin(Box::new(reader));
        Ok(body)
    }
}

impl BodyWriter {
    /// Sends a piece.
    pub fn send(&self, piece: &[u8]) -> Result<(), Closed> {
        if piece.is_empty() {
            return Ok(());
        }
        let mut out = Vec::with_capacity(piece.len() + 20);
        if self.chunked {
            out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        }
        out.extend_from_slice(piece);
        if self.chunked {
            out.extend_from_slice(b"\r\n");
        }
        self.write(&out)
    }

    fn write(&self, out: &[u8]) -> Result<(), Closed> {
        if self.is_closed() {
            return Err(Closed);
        }
        self.conn.write_all(out).map_err(|_| {
            self.state.closed.store(true, Ordering::Release);
            self.conn.cut();
            Closed
        })
    }

    /// Ends the body: the client knows that it has all of it.
    pub fn finish(mut self) -> Result<(), Closed> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Closed> {
        self.finished = true;
        // Also when the server is going: the client then knows that it has what there was.
        let ended = if self.chunked { self.conn.write_all(b"0\r\n\r\n") } else { Ok(()) };
        self.conn.stop_reading();
        ended.map_err(|_| Closed)
    }

    /// Whether the client has gone, or the server is going.
    pub fn is_closed(&self) -> bool {
        self.state.closed.load(Ordering::Acquire)
    }

    /// A channel that disconnects when the client has gone or the server is going.
    pub fn closed(&self) -> &Receiver<Never> {
        &self.gone
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        if !self.finished {
            self.conn.cut();
        }
    }
}

/// A stream of server-sent events. Dropping it ends the stream in good order, except in a panic.
pub struct Sse {
    body: BodyWriter,
}

impl Sse {
    /// Sends an event whose data is JSON.
    pub fn event(&self, name: &str, data: &impl Serialize) -> Result<(), Closed> {
        let Ok(json) = serde_json::to_string(data) else {
            log::error!("an event's data cannot be written as JSON; the stream ends");
            return Err(Closed);
        };
        self.body.send(format!("event: {name}\ndata: {json}\n\n").as_bytes())
    }
    /// Sends an event without data, which keeps proxies from closing the stream.
    pub fn ping(&self) -> Result<(), Closed> {
        self.body.send(b"event: ping\n\n")
    }
    /// Whether the client has gone, or the server is going.
    pub fn is_closed(&self) -> bool {
        self.body.is_closed()
    }
    /// A channel that disconnects when the client has gone or the server is going.
    pub fn closed(&self) -> &Receiver<Never> {
        self.body.closed()
    }
}

impl Drop for Sse {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // The client may have gone first.
        let _ = self.body.end();
    }
}

/// Notices that the client hangs up. What it sends meanwhile is nobody's business; much of it ends the stream.
struct HangUp {
    conn: Arc<Conn>,
    state: Arc<State>,
    _gone: Sender<Never>,
}

const UNASKED_MAX_BYTES: usize = 64 * 1024;

impl StreamReader for HangUp {
    fn run(self: Box<Self>) {
        let mut unasked = 0;
        let mut buf = [0; 1024];
        while unasked < UNASKED_MAX_BYTES {
            match self.conn.read(&mut buf, super::upgrade::LONG_WAIT) {
                Ok(0) => break,
                Ok(n) => unasked += n,
                Err(e) if e.kind() == std::io::ErrorKind::TimedOut => {}
                Err(_) => break,
            }
        }
        self.state.closed.store(true, Ordering::Release);
    }
}
