//! The porter: serves one client connection from its first byte to its last, on a thread of its own.
//!
//! It reads a request head, asks the app how to take it, reads the body, has the engine or a stream
//! thread answer, writes the answer, and waits for the next. One request is in flight at a time, however
//! many a client sends ahead. While a stream runs, this thread is its reader. Start at [`serve`].

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::chunked::ChunkedDecoder;
use super::conn::{Conn, time_for};
use super::engine::{Busy, PANIC_MESSAGE, panic_text};
use super::framing::{self, BodyLength, ParsedHead, Refusal};
use super::server::{Door, Seat};
use super::upgrade::{Upgrade, Verdict};
use super::{Plan, Request, Response};

/// The header field that names a request in answers and logs.
pub(crate) const REQUEST_ID_FIELD: &str = "X-Coder-Request-Id";
/// Bytes asked of the socket at once, and kept between requests.
const READ_BYTES: usize = 4 * 1024;
/// Bytes asked of the socket at once while a long body arrives.
const BODY_READ_BYTES: usize = 32 * 1024;
/// What is read and thrown away of a request that was refused.
const LINGER_MAX_BYTES: usize = 1024 * 1024;

/// Serves a connection until it ends.
pub(crate) fn serve(seat: Seat) {
    let conn = seat.entry.conn.clone();
    let mut connection = Connection { door: seat.door.clone(), seat, conn, buf: Vec::new() };
    let end = connection.run();
    // Freed first: the farewell may take a while.
    connection.buf = Vec::new();
    match end {
        End::Gone => connection.conn.cut(),
        End::Close => {
            connection.conn.finish_writing();
            connection.conn.cut();
        }
        End::CloseGently => connection.conn.close_gently(connection.door.limits.linger, LINGER_MAX_BYTES),
    }
}

struct Connection {
    door: Arc<Door>,
    seat: Seat,
    conn: Arc<Conn>,
    /// Bytes that arrived and are not yet used.
    buf: Vec<u8>,
}

/// How a connection ends.
enum End {
    /// The client has gone, or is too slow to be told anything.
    Gone,
    /// Both sides know that nothing more comes.
    Close,
    /// The client may still be sending.
    CloseGently,
}

/// How a stream's request ended.
enum StreamEnd {
    /// It became no stream: this is the answer, and the connection goes on.
    Refused(Response),
    /// It became no stream, and the connection cannot go on.
    Failed(Response),
    /// The stream has been and gone.
    Over,
}

const TOO_MANY_STREAMS: &str = "The server has too many open streams. Try again in a moment.";

/// Why reading a request did not give one.
enum NoRequest {
    End(End),
    Refused(Refusal),
}

impl From<Refusal> for NoRequest {
    fn from(refusal: Refusal) -> NoRequest {
        NoRequest::Refused(refusal)
    }
}

const SLOW_HEAD: Refusal = Refusal { status: 408, why: "The request head took too long to arrive." };
const SLOW_BODY: Refusal = Refusal { status: 408, why: "The request body took too long to arrive." };

const NO_BODY_MEMORY: Refusal =
    Refusal { status: 503, why: "The server is taking too many large requests. Try again in a moment." };

/// The part of a body that every connection may hold, and the step in which more is taken.
const BODY_FREE_BYTES: u64 = 64 * 1024;

impl Connection {
    fn run(&mut self) -> End {
        match self.conn.handshake(self.door.limits.head) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
                // If it does not arrive, the client learns as much from the closed connection.
                let _ = self.conn.write_without_tls(
                    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThis port speaks HTTPS.\n",
                );
                return End::Gone;
            }
            Err(_) => return End::Gone,
        }
        loop {
            self.seat.entry.interruptible.store(true, Ordering::SeqCst);
            if self.door.draining.load(Ordering::SeqCst) && self.buf.is_empty() {
                return End::Close;
            }
            let parsed = match self.read_head() {
                Ok(parsed) => parsed,
                Err(no_request) => return self.give_up(no_request, None),
            };
            if let Err(end) = self.take(parsed) {
                return end;
            }
        }
    }

    /// Reads one request head; what follows it stays in `buf`.
    fn read_head(&mut self) -> Result<ParsedHead, NoRequest> {
        let limits = &self.door.limits;
        let mut scanned = 0;
        // The idle limit holds until the first byte, the head limit from then on.
        let mut deadline = (!self.buf.is_empty()).then(|| Instant::now() + limits.head);
        loop {
            if let Some(end) = framing::find_head_end(&self.buf, scanned, limits.head_bytes)? {
                let parsed = framing::parse_head(&self.buf[..end], limits.head_fields)?;
                self.buf.drain(..end);
                return Ok(parsed);
            }
            scanned = self.buf.len();
            let wait = deadline.map_or(limits.idle, |at| at.saturating_duration_since(Instant::now()));
            if wait.is_zero() {
                return Err(SLOW_HEAD.into());
            }
            match read_more(&self.conn, &mut self.buf, READ_BYTES, wait) {
                Ok(0) => return Err(NoRequest::End(if scanned == 0 { End::Close } else { End::Gone })),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::TimedOut && scanned == 0 => {
                    return Err(NoRequest::End(End::Close));
                }
                Err(e) if e.kind() == io::ErrorKind::TimedOut => return Err(SLOW_HEAD.into()),
                Err(_) => return Err(NoRequest::End(End::Gone)),
            }
            if deadline.is_none() {
                self.seat.entry.interruptible.store(false, Ordering::SeqCst);
                deadline = Some(Instant::now() + limits.head);
            }
        }
    }

    /// Takes one request from its head to the end of its answer; an error ends the connection.
    fn take(&mut self, parsed: ParsedHead) -> Result<(), End> {
        self.seat.entry.interruptible.store(false, Ordering::SeqCst);
        let received = Instant::now();
        let id = self.door.ids.uuid();
        let plan = match catch_unwind(AssertUnwindSafe(|| self.door.app.plan(&parsed.head))) {
            Ok(plan) => plan,
            Err(panic) => {
                self.door.counters.panics.fetch_add(1, Ordering::Relaxed);
                log::error!(
                    "request {id} ({} {}) panicked: {}",
                    parsed.head.method,
                    parsed.head.path,
                    panic_text(&*panic)
                );
                return Err(self.answer_and_close(&Response::error(500, PANIC_MESSAGE), id));
            }
        };
        let max_body = match plan {
            Plan::Plain { max_body } | Plan::Stream { max_body } => max_body,
        };
        let mut charge = BodyCharge { door: self.door.clone(), bytes: 0 };
        let body = match self.read_body(&parsed, max_body, &mut charge) {
            Ok(body) => body,
            Err(no_request) => return Err(self.give_up(no_request, Some(id))),
        };
        let mut manner =
            Manner { head_only: parsed.head.method == "HEAD", http11: parsed.http11, keep_alive: parsed.keep_alive };
        let request = Request { head: parsed.head, body, peer: self.conn.peer, tls: self.conn.is_tls(), id, received };
        let response = match plan {
            Plan::Plain { .. } => self.door.engine.respond(request).unwrap_or_else(|Busy| {
                self.door.counters.requests_refused.fetch_add(1, Ordering::Relaxed);
                Response::busy("The server is busy. Try again in a moment.")
            }),
            Plan::Stream { .. } => match self.stream(request, manner) {
                StreamEnd::Refused(response) => response,
                StreamEnd::Failed(response) => {
                    // What the client sent ahead went down with the handler.
                    manner.keep_alive = false;
                    response
                }
                StreamEnd::Over => return Err(End::CloseGently),
            },
        };
        self.answer(&response, manner, id)
    }

    /// Reads the body that the head announced.
    fn read_body(&mut self, parsed: &ParsedHead, max_body: u64, charge: &mut BodyCharge) -> Result<Vec<u8>, NoRequest> {
        match parsed.body {
            BodyLength::Exact(0) => return Ok(Vec::new()),
            BodyLength::Exact(length) if length > max_body => return Err(framing::TOO_LARGE_BODY.into()),
            _ => {}
        }
        if parsed.expects_continue && self.buf.is_empty() {
            self.conn.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| NoRequest::End(End::Gone))?;
        }
        let started = Instant::now();
        let mut body = Vec::new();
        match parsed.body {
            BodyLength::Exact(length) => {
                // No more than `max_body`, which is memory that the route is ready to give.
                let length = usize::try_from(length).map_err(|_| framing::TOO_LARGE_BODY)?;
                let ready = self.buf.len().min(length);
                body.extend(self.buf.drain(..ready));
                while body.len() < length {
                    // Grows with what arrives, not with what was announced.
                    let ask = (length - body.len()).min(BODY_READ_BYTES);
                    self.read_body_part(&mut body, ask, started)?;
                    charge.cover(body.len())?;
                }
            }
            BodyLength::Chunked => {
                let mut decoder = ChunkedDecoder::new();
                loop {
                    let used = decoder.feed(&self.buf, &mut body, max_body)?;
                    self.buf.drain(..used);
                    charge.cover(body.len())?;
                    if decoder.is_done() {
                        break;
                    }
                    let mut more = std::mem::take(&mut self.buf);
                    let read = self.read_body_part(&mut more, BODY_READ_BYTES, started);
                    self.buf = more;
                    read?;
                }
            }
        }
        Ok(body)
    }

    fn read_body_part(&self, into: &mut Vec<u8>, ask: usize, started: Instant) -> Result<(), NoRequest> {
        let deadline = started + self.door.limits.body + time_for(into.len());
        let wait = deadline.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            return Err(SLOW_BODY.into());
        }
        match read_more(&self.conn, into, ask, wait) {
            Ok(0) => Err(NoRequest::End(End::Gone)),
            Ok(_) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::TimedOut => Err(SLOW_BODY.into()),
            Err(_) => Err(NoRequest::End(End::Gone)),
        }
    }

    /// Has a stream thread take the request, and reads for it meanwhile.
    fn stream(&mut self, request: Request, manner: Manner) -> StreamEnd {
        let door = &self.door;
        let Some(_place) = StreamPlace::enter(door) else {
            door.counters.requests_refused.fetch_add(1, Ordering::Relaxed);
            return StreamEnd::Refused(Response::busy(TOO_MANY_STREAMS));
        };
        let (verdicts, verdict) = crossbeam_channel::bounded(1);
        let ahead = std::mem::take(&mut self.buf);
        let upgrade = Upgrade::new(self.conn.clone(), door.clone(), &request, manner, ahead, verdicts);
        let app = door.app.clone();
        let counters = door.counters.clone();
        let thread = thread::Builder::new().name("http-stream".to_owned()).stack_size(door.stream_stack_bytes);
        let spawned = thread.spawn(move || {
            let (id, method, path) = (request.id, request.head.method.clone(), request.head.path.clone());
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| app.stream(request, upgrade))) {
                counters.panics.fetch_add(1, Ordering::Relaxed);
                log::error!("stream {id} ({method} {path}) panicked: {}", panic_text(&*panic));
            }
        });
        let handler = match spawned {
            Ok(handler) => handler,
            Err(error) => {
                log::error!("cannot start a thread for a stream: {error}");
                return StreamEnd::Failed(Response::busy(TOO_MANY_STREAMS));
            }
        };
        let end = match verdict.recv() {
            Ok(Verdict::Refuse { response, ahead }) => {
                self.buf = ahead;
                StreamEnd::Refused(response)
            }
            Ok(Verdict::Read(reader)) => {
                self.seat.entry.interruptible.store(true, Ordering::SeqCst);
                // A shutdown that looked just before would not have woken the reader.
                if self.door.draining.load(Ordering::SeqCst) {
                    self.conn.stop_reading();
                }
                reader.run();
                StreamEnd::Over
            }
            // The handler dropped the upgrade: it panicked, or forgot to answer.
            Err(_) => StreamEnd::Failed(Response::error(500, PANIC_MESSAGE)),
        };
        // It catches its panics.
        let _ = handler.join();
        end
    }

    /// Writes an answer, and says whether the connection goes on.
    fn answer(&mut self, response: &Response, manner: Manner, id: Uuid) -> Result<(), End> {
        let goes_on = manner.keep_alive && !self.door.draining.load(Ordering::SeqCst);
        let out = render(&self.door, response, manner, goes_on, id);
        if self.conn.write_all(&out).is_err() {
            return Err(End::Gone);
        }
        if self.buf.is_empty() && self.buf.capacity() > READ_BYTES * 2 {
            self.buf = Vec::new();
        }
        if goes_on { Ok(()) } else { Err(End::CloseGently) }
    }

    fn answer_and_close(&mut self, response: &Response, id: Uuid) -> End {
        let manner = Manner { head_only: false, http11: true, keep_alive: false };
        match self.answer(response, manner, id) {
            Ok(()) => End::CloseGently,
            Err(end) => end,
        }
    }

    fn give_up(&mut self, no_request: NoRequest, id: Option<Uuid>) -> End {
        match no_request {
            NoRequest::End(end) => end,
            NoRequest::Refused(refusal) => {
                let id = id.unwrap_or_else(|| self.door.ids.uuid());
                let (counter, response) = match refusal.status {
                    503 => (&self.door.counters.requests_refused, Response::busy(refusal.why)),
                    status => (&self.door.counters.requests_malformed, Response::error(status, refusal.why)),
                };
                counter.fetch_add(1, Ordering::Relaxed);
                self.answer_and_close(&response, id)
            }
        }
    }
}

/// What of a request shapes the form of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub head_only: bool,
    pub http11: bool,
    pub keep_alive: bool,
}

/// A whole answer as bytes.
fn render(door: &Door, response: &Response, manner: Manner, goes_on: bool, id: Uuid) -> Vec<u8> {
    let date = door.date();
    let mut id_text = Uuid::encode_buffer();
    let id = &*id.hyphenated().encode_lower(&mut id_text);
    let mut own = vec![("Date", &*date), (REQUEST_ID_FIELD, id)];
    match (goes_on, manner.http11) {
        (false, _) => own.push(("Connection", "close")),
        (true, false) => own.push(("Connection", "keep-alive")),
        (true, true) => {}
    }
    let mut out = Vec::with_capacity(512 + response.body.len());
    framing::write_head(&mut out, response.status, &response.headers, &own, framing::follows(response));
    if !manner.head_only && framing::follows(response) != framing::Follows::Nothing {
        out.extend_from_slice(&response.body);
    }
    out
}

/// Appends what one read gives to `buf`; asks for at most `ask` bytes.
fn read_more(conn: &Conn, buf: &mut Vec<u8>, ask: usize, wait: Duration) -> io::Result<usize> {
    let held = buf.len();
    buf.resize(held + ask, 0);
    let read = conn.read(&mut buf[held..], wait);
    buf.truncate(held + *read.as_ref().unwrap_or(&0));
    read
}

/// A request's share of the memory for bodies.
struct BodyCharge {
    door: Arc<Door>,
    bytes: u64,
}

impl BodyCharge {
    /// Takes more for a body that has grown to `len`, in steps; small bodies are free.
    fn cover(&mut self, len: usize) -> Result<(), Refusal> {
        let short = (len as u64).saturating_sub(self.bytes + BODY_FREE_BYTES);
        if short == 0 {
            return Ok(());
        }
        let more = short.next_multiple_of(BODY_FREE_BYTES);
        let held = self.door.counters.body_bytes.fetch_add(more, Ordering::Relaxed) + more;
        self.bytes += more;
        if held > self.door.body_memory_bytes { Err(NO_BODY_MEMORY) } else { Ok(()) }
    }
}

impl Drop for BodyCharge {
    fn drop(&mut self) {
        self.door.counters.body_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Counts a stream in, if there is room, and out again.
struct StreamPlace(Arc<Door>);

impl StreamPlace {
    fn enter(door: &Arc<Door>) -> Option<StreamPlace> {
        let before = door.counters.streams.fetch_add(1, Ordering::Relaxed);
        let place = StreamPlace(door.clone());
        (before < door.max_streams as u64).then_some(place)
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.0.counters.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
