//! WebSockets: the handshake, the sending half that any thread may use, and the reading half that
//! runs on the porter's thread, answers pings, and closes a connection whose client is gone.
//!
//! Sending never waits for the client to send. A client that does not take what it is sent within
//! the write limit is dropped, so the socket's buffer is the bounded queue in front of it.
//! Frames are tungstenite's; sockets and timing are ours. Start at [`Upgrade::websocket`].

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, select};
use parking_lot::Mutex;
use serde::Serialize;
use tungstenite::Message as WireMessage;
use tungstenite::error::{Error as WireError, ProtocolError};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use super::Response;
use super::conn::Conn;
use super::framing::Follows;
use super::server::Door;
use super::upgrade::{Never, Refused, StreamReader, Upgrade};

/// How a WebSocket behaves.
#[derive(Debug, Clone)]
pub struct WebSocketOptions {
    /// Longest message that the client may send.
    pub max_message_bytes: usize,
    /// A ping is sent this often, and must be answered before the next is due; none leaves liveness
    /// to the protocol above.
    pub heartbeat: Option<Duration>,
    /// Messages that may wait for the handler before the client is made to wait.
    pub inbound_messages: usize,
    /// When the client may not send messages: the close code and reason it gets if it does.
    pub one_way: Option<(u16, &'static str)>,
    /// Subprotocols that are spoken, best first.
    pub protocols: Vec<String>,
    /// Whether pages of other origins may connect.
    pub any_origin: bool,
}

impl Default for WebSocketOptions {
    fn default() -> WebSocketOptions {
        WebSocketOptions {
            max_message_bytes: 4 * 1024 * 1024,
            heartbeat: Some(Duration::from_secs(15)),
            inbound_messages: 16,
            one_way: None,
            protocols: Vec::new(),
            any_origin: false,
        }
    }
}

/// A data message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

/// The stream has ended: nothing can be sent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client has gone")]
pub struct Closed;

/// Why no message was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecvError {
    /// None came in time.
    #[error("no message came in time")]
    Timeout,
    /// None will come.
    #[error("the client has gone")]
    Closed,
}

/// How a WebSocket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The close code; 1006 when the connection broke without one.
    pub code: u16,
    /// The reason that came with it.
    pub reason: String,
}

/// An open WebSocket. Dropping it closes it with code 1000, or 1011 in a panic.
pub struct WebSocket {
    sender: WebSocketSender,
    inbound: Receiver<Message>,
    gone: Receiver<Never>,
}

/// The sending half; clones send on the same socket.
#[derive(Clone)]
pub struct WebSocketSender(Arc<Outbound>);

struct Outbound {
    conn: Arc<Conn>,
    /// None once a close frame has been sent or the connection is broken; dropping it tells the handler.
    /// The lock also keeps frames whole and in order.
    open: Mutex<Option<Sender<Never>>>,
    closed: AtomicBool,
    /// Who closed first, and how.
    closing: Mutex<Option<Closing>>,
}

impl Upgrade {
    /// Makes the connection a WebSocket. A request that is no proper handshake is answered here: 426
    /// when it does not ask for a WebSocket, 400 when it asks wrongly, 403 for a page of another origin.
    pub fn websocket(mut self, options: WebSocketOptions) -> Result<WebSocket, Refused> {
        let accept = match self.check_handshake(&options) {
            Ok(accept) => accept,
            Err(response) => return Err(self.refuse_with(response)),
        };
        let mut own = vec![("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", &*accept.key)];
        if let Some(protocol) = &accept.protocol {
            own.push(("Sec-WebSocket-Protocol", protocol));
        }
        self.send_head(101, &[], &own, Follows::Nothing)?;

        let (gone_sender, gone) = crossbeam_channel::bounded(0);
        let conn = self.conn.clone();
        let outbound = Arc::new(Outbound {
            conn: conn.clone(),
            open: Mutex::new(Some(gone_sender)),
            closed: AtomicBool::new(false),
            closing: Mutex::new(None),
        });
        let (inbound_sender, inbound) = crossbeam_channel::bounded(options.inbound_messages.max(1));
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(options.max_message_bytes))
            .max_frame_size(Some(options.max_message_bytes));
        let ahead = std::mem::take(&mut self.ahead);
        let reader = Reader {
            half: Half { conn, outbound: outbound.clone(), wait: Duration::ZERO, reply: Vec::new(), closing: None },
            context: WebSocketContext::from_partially_read(ahead, Role::Server, Some(config)),
            pulse: Pulse::new(options.heartbeat, Instant::now()),
            one_way: options.one_way,
            inbound: Some(inbound_sender),
            door: self.door.clone(),
        };
        self.begin(Box::new(reader));
        Ok(WebSocket { sender: WebSocketSender(outbound), inbound, gone })
    }

    fn check_handshake(&self, options: &WebSocketOptions) -> Result<Accept, Response> {
        let Some(asked) = self.asked.as_ref().filter(|_| self.manner.http11) else {
            let mut response = Response::error(426, "This route is a WebSocket. Ask for an upgrade.");
            response.headers.push(("Upgrade".to_owned(), "websocket".to_owned()));
            return Err(response);
        };
        if !self.is_get() {
            return Err(Response::error(405, "A WebSocket is opened with GET."));
        }
        if asked.version.as_deref() != Some("13") {
            let mut response = Response::error(400, "Only version 13 of the WebSocket protocol is spoken here.");
            response.headers.push(("Sec-WebSocket-Version".to_owned(), "13".to_owned()));
            return Err(response);
        }
        let key = asked.key.as_deref().unwrap_or_default();
        if !BASE64_STANDARD.decode(key).is_ok_and(|key| key.len() == 16) {
            return Err(Response::error(400, "Sec-WebSocket-Key is not 16 bytes in base64."));
        }
        if !options.any_origin && !is_same_origin(asked.origin.as_deref(), asked.host.as_deref()) {
            return Err(Response::error(403, "Pages of another origin may not open this WebSocket."));
        }
        let protocol = options.protocols.iter().find(|ours| asked.protocols.contains(ours)).cloned();
        Ok(Accept { key: derive_accept_key(key.as_bytes()), protocol })
    }
}

struct Accept {
    key: String,
    protocol: Option<String>,
}

/// A program sends no origin; a page must come from the host that it talks to.
fn is_same_origin(origin: Option<&str>, host: Option<&str>) -> bool {
    let Some(origin) = origin else { return true };
    let (Some((_, origin_host)), Some(host)) = (origin.split_once("://"), host) else { return false };
    origin_host.eq_ignore_ascii_case(host)
}

/// Bytes read at once, and held by each WebSocket.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// Without a heartbeat, how often the reader looks whether it is wanted.
const IDLE_LOOK: Duration = Duration::from_secs(15);
/// How long the client may take to answer our close frame.
const CLOSE_ANSWER: Duration = Duration::from_secs(5);

impl WebSocket {
    /// The messages of the client, for a `select!`; disconnects when no more will come.
    pub fn incoming(&self) -> &Receiver<Message> {
        &self.inbound
    }
    /// The next message of the client; waits for it.
    pub fn recv(&self) -> Result<Message, Closed> {
        self.inbound.recv().map_err(|_| Closed)
    }
    /// The next message of the client, if it comes in time.
    pub fn recv_timeout(&self, limit: Duration) -> Result<Message, RecvError> {
        self.inbound.recv_timeout(limit).map_err(|e| match e {
            RecvTimeoutError::Timeout => RecvError::Timeout,
            RecvTimeoutError::Disconnected => RecvError::Closed,
        })
    }
    /// A channel that disconnects when nothing can be sent any more, for a `select!`: the client has gone,
    /// the server is going, or either side has closed.
    pub fn closed(&self) -> &Receiver<Never> {
        &self.gone
    }
    /// Whether nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
    /// How it ended, once it has.
    pub fn closing(&self) -> Option<Closing> {
        self.sender.0.closing.lock().clone()
    }
    /// Another handle to send with.
    pub fn sender(&self) -> WebSocketSender {
        self.sender.clone()
    }
    /// Sends a text message.
    pub fn send_text(&self, text: impl Into<String>) -> Result<(), Closed> {
        self.sender.send_text(text)
    }
    /// Sends a value as JSON in a text message.
    pub fn send_json(&self, value: &impl Serialize) -> Result<(), Closed> {
        self.sender.send_json(value)
    }
    /// Sends a binary message.
    pub fn send_binary(&self, bytes: &[u8]) -> Result<(), Closed> {
        self.sender.send_binary(bytes)
    }
    /// Closes with a code and a reason of at most 123 bytes. The first close wins.
    pub fn close(&self, code: u16, reason: &str) {
        self.sender.close(code, reason);
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.close(1011, "An internal server error occurred.");
        }
        self.close(1000, "");
    }
}

impl WebSocketSender {
    /// Sends a text message.
    pub fn send_text(&self, text: impl Into<String>) -> Result<(), Closed> {
        self.0.send(Frame::message(text.into().into_bytes(), OpCode::Data(Data::Text), true))
    }
    /// Sends a value as JSON in a text message.
    pub fn send_json(&self, value: &impl Serialize) -> Result<(), Closed> {
        match serde_json::to_string(value) {
            Ok(text) => self.send_text(text),
            Err(error) => {
                log::error!("a message cannot be written as JSON: {error}");
                self.close(1011, "The message could not be encoded.");
                Err(Closed)
            }
        }
    }
    /// Sends a binary message.
    pub fn send_binary(&self, bytes: &[u8]) -> Result<(), Closed> {
        self.0.send(Frame::message(bytes.to_vec(), OpCode::Data(Data::Binary), true))
    }
    /// Closes with a code and a reason of at most 123 bytes. The first close wins.
    pub fn close(&self, code: u16, reason: &str) {
        self.0.close(code, reason);
    }
    /// Whether nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }
}

impl Outbound {
    fn send(&self, frame: Frame) -> Result<(), Closed> {
        let mut bytes = Vec::with_capacity(frame.len());
        // Writing to memory does not fail.
        frame.format(&mut bytes).map_err(|_| Closed)?;
        self.send_bytes(&bytes, None)
    }

    /// Sends whole frames; with how the stream closes, if the last of them is a close frame.
    fn send_bytes(&self, bytes: &[u8], last: Option<Closing>) -> Result<(), Closed> {
        let mut open = self.open.lock();
        if open.is_none() {
            return Err(Closed);
        }
        let sent = self.conn.write_all(bytes);
        let ends = if sent.is_ok() { last } else { Some(broken("the client took too long, or has gone")) };
        if let Some(closing) = ends {
            // Before the handler is told that there is something to read here.
            self.closing.lock().get_or_insert(closing);
            self.closed.store(true, Ordering::Release);
            *open = None;
        }
        sent.map_err(|_| {
            // Too slow or gone: wake the reader as well.
            self.conn.cut();
            Closed
        })
    }

    fn close(&self, code: u16, reason: &str) {
        let mut end = reason.len().min(123);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let frame = Frame::close(Some(CloseFrame { code: code.into(), reason: reason[..end].into() }));
        let mut bytes = Vec::with_capacity(frame.len());
        if frame.format(&mut bytes).is_ok() {
            // An error says that it is closed, which is what was wanted.
            let _ = self.send_bytes(&bytes, Some(Closing { code, reason: reason[..end].to_owned() }));
        }
    }

    /// Nothing will be sent any more.
    fn end(&self, closing: Closing) {
        self.closing.lock().get_or_insert(closing);
        self.closed.store(true, Ordering::Release);
        *self.open.lock() = None;
    }
}

/// The stream that tungstenite reads from; its replies (pong, close) are gathered and sent as whole frames.
struct Half {
    conn: Arc<Conn>,
    outbound: Arc<Outbound>,
    wait: Duration,
    reply: Vec<u8>,
    /// How the client closes, when the reply is the answer to that.
    closing: Option<Closing>,
}

impl Read for Half {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.conn.read(buf, self.wait)
    }
}

impl Write for Half {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.reply.extend_from_slice(buf);
        Ok(buf.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        if !self.reply.is_empty() {
            // After our own close frame there is nothing to add; a broken connection shows in the next read.
            let _ = self.outbound.send_bytes(&self.reply, self.closing.take());
            self.reply.clear();
        }
        Ok(())
    }
}

/// The reading half.
struct Reader {
    half: Half,
    context: WebSocketContext,
    pulse: Pulse,
    one_way: Option<(u16, &'static str)>,
    /// None once nothing that the client still says is of interest.
    inbound: Option<Sender<Message>>,
    door: Arc<Door>,
}

impl StreamReader for Reader {
    fn run(mut self: Box<Self>) {
        let closing = self.read_to_end();
        self.half.outbound.end(closing);
    }
}

impl Reader {
    fn read_to_end(&mut self) -> Closing {
        let mut farewell: Option<Instant> = None;
        loop {
            let now = Instant::now();
            // We closed: the client has a moment to answer.
            if self.half.outbound.closed.load(Ordering::Acquire) {
                self.inbound = None;
                let until = *farewell.get_or_insert(now + CLOSE_ANSWER);
                self.half.wait = until.saturating_duration_since(now);
                if self.half.wait.is_zero() {
                    return broken("the close was not answered");
                }
            } else {
                match self.pulse.poll(now) {
                    Beat::Wait(wait) => self.half.wait = wait,
                    Beat::Ping => {
                        // A failed send shows in the next read.
                        let _ = self.half.outbound.send(Frame::ping(Vec::new()));
                        continue;
                    }
                    Beat::Dead => {
                        self.half.outbound.close(1001, "Ping failed");
                        self.half.conn.cut();
                        return broken("closed");
                    }
                }
            }
            match self.context.read(&mut self.half) {
                Ok(message) => {
                    self.pulse.heard(Instant::now());
                    if let Some(closing) = self.take(message) {
                        return closing;
                    }
                }
                Err(WireError::Io(e)) if e.kind() == io::ErrorKind::TimedOut => {}
                Err(error) => return self.fail(&error),
            }
        }
    }

    /// Deals with one message; gives the end of the stream if it was that.
    fn take(&mut self, message: WireMessage) -> Option<Closing> {
        let message = match message {
            WireMessage::Text(text) => Message::Text(text.as_str().to_owned()),
            WireMessage::Binary(bytes) => Message::Binary(bytes.into()),
            WireMessage::Close(frame) => {
                let (code, reason) =
                    frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.as_str().to_owned()));
                let closing = Closing { code, reason };
                self.half.closing = Some(closing.clone());
                // Makes the answer; the error says that both sides have closed, which is so.
                let _ = self.context.flush(&mut self.half);
                let _ = self.half.flush();
                return Some(closing);
            }
            WireMessage::Ping(_) => {
                // Sends the pong at once.
                let _ = self.context.flush(&mut self.half);
                return None;
            }
            WireMessage::Pong(_) | WireMessage::Frame(_) => return None,
        };
        if let Some((code, reason)) = self.one_way {
            self.half.outbound.close(code, reason);
            return None;
        }
        // A handler that does not receive makes the client wait, here.
        if let Some(inbound) = &self.inbound {
            select! {
                send(inbound, message) -> _ => {}
                recv(self.door.going) -> _ => {}
            }
        }
        self.pulse.heard(Instant::now());
        None
    }

    fn fail(&self, error: &WireError) -> Closing {
        let (code, reason) = match error {
            WireError::ConnectionClosed | WireError::AlreadyClosed => return broken("closed"),
            WireError::Io(_) | WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake)
                if self.door.draining.load(Ordering::SeqCst) =>
            {
                (1001, "The server is shutting down.")
            }
            WireError::Io(_) | WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                self.half.conn.cut();
                return broken("the connection broke");
            }
            WireError::Capacity(_) => (1009, "The message is too long."),
            WireError::Utf8(_) => (1007, "A text message is not UTF-8."),
            _ => (1002, "The frame breaks the protocol."),
        };
        self.half.outbound.close(code, reason);
        Closing { code, reason: reason.to_owned() }
    }
}

fn broken(why: &str) -> Closing {
    Closing { code: 1006, reason: why.to_owned() }
}

/// The heartbeat: when to ping, and when to give the client up. Knows no socket and no clock.
#[derive(Debug)]
struct Pulse {
    every: Option<Duration>,
    due: Instant,
    waiting: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Beat {
    Wait(Duration),
    Ping,
    Dead,
}

impl Pulse {
    fn new(every: Option<Duration>, now: Instant) -> Pulse {
        Pulse { every, due: now + every.unwrap_or(IDLE_LOOK), waiting: false }
    }
    fn poll(&mut self, now: Instant) -> Beat {
        let left = self.due.saturating_duration_since(now);
        let Some(every) = self.every else { return Beat::Wait(IDLE_LOOK) };
        if !left.is_zero() {
            return Beat::Wait(left);
        }
        if self.waiting {
            return Beat::Dead;
        }
        self.waiting = true;
        self.due = now + every;
        Beat::Ping
    }
    /// Anything that arrives shows that the client lives.
    fn heard(&mut self, now: Instant) {
        if self.waiting {
            self.waiting = false;
            self.due = now + self.every.unwrap_or(IDLE_LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_client_is_pinged_once_and_then_given_up() {
        let (start, sec) = (Instant::now(), Duration::from_secs(1));
        let mut pulse = Pulse::new(Some(15 * sec), start);
        assert_eq!(pulse.poll(start + 5 * sec), Beat::Wait(10 * sec));
        assert_eq!(pulse.poll(start + 15 * sec), Beat::Ping);
        assert_eq!(pulse.poll(start + 15 * sec), Beat::Wait(15 * sec));
        assert_eq!(pulse.poll(start + 30 * sec), Beat::Dead);
    }

    #[test]
    fn a_client_that_answers_is_pinged_again_and_again() {
        let (start, sec) = (Instant::now(), Duration::from_secs(1));
        let mut pulse = Pulse::new(Some(15 * sec), start);
        for n in 0..10 {
            let at = start + (15 + 16 * n) * sec;
            assert_eq!(pulse.poll(at), Beat::Ping, "{n}");
            pulse.heard(at + sec);
            assert_eq!(pulse.poll(at + 2 * sec), Beat::Wait(14 * sec), "{n}");
        }
    }

    #[test]
    fn without_a_heartbeat_nobody_is_pinged() {
        let start = Instant::now();
        assert_eq!(Pulse::new(None, start).poll(start + Duration::from_secs(100)), Beat::Wait(IDLE_LOOK));
    }

    #[test]
    fn a_page_must_come_from_the_host_it_talks_to() {
        for (origin, host, want) in [
            (None, Some("a"), true),
            (Some("https://a:1"), Some("A:1"), true),
            (Some("https://a"), Some("a:1"), false),
            (Some("https://b"), Some("a"), false),
            (Some("null"), Some("a"), false),
            (Some("https://a"), None, false),
        ] {
            assert_eq!(is_same_origin(origin, host), want, "{origin:?} {host:?}");
        }
    }
}
