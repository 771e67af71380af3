//! The engine: tiny_http on a private Unix socket, and the workers that run [`App::respond`].
//!
//! Between porter and engine a request travels in two parts. Its head, parsed and typed, waits in the
//! slot of the link that carries it; its body goes over the link, after a request line and four fields
//! that are all ours. So nothing that a client wrote reaches tiny_http's parser, and nothing that a
//! client writes can pass for our fields. The answer comes back the same way.
//!
//! A link is a keep-alive connection with one request in flight. tiny_http gives each connection a
//! thread, but may queue two that come at once behind one: links are therefore made one by one, each
//! proved by a round trip before the next.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use super::server::Counters;
use super::{App, Request, Response};
use crate::ids::Ids;

/// How the engine is sized and where its socket lives.
pub(crate) struct EngineConfig {
    pub workers: usize,
    /// Requests that may wait for a worker.
    pub queue: usize,
    pub private_dir: PathBuf,
}

/// The engine was full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

pub(crate) struct Engine {
    idle: Receiver<Link>,
    give_back: Sender<Link>,
    /// Requests running or waiting, at most this many.
    admit_max: usize,
    shared: Arc<Shared>,
    server: Option<Arc<tiny_http::Server>>,
    workers: Vec<JoinHandle<()>>,
    home: PrivateDir,
}

/// What links and workers share.
struct Shared {
    app: Arc<dyn App>,
    counters: Arc<Counters>,
    secret: String,
    slots: Vec<Mutex<Slot>>,
    tickets: AtomicU64,
    stopping: AtomicBool,
}

/// What waits beside a link: at most one request or its answer.
#[derive(Default)]
struct Slot {
    /// Which request this is. A worker that comes late, for a link that broke, finds another ticket.
    ticket: u64,
    request: Option<Request>,
    /// Status and fields of the answer; its body is on the link.
    answer: Option<(u16, Vec<(String, String)>)>,
}

/// One connection to tiny_http; none when it broke and must be made anew.
struct Link {
    slot: usize,
    stream: Option<UnixStream>,
    buf: Vec<u8>,
}

const SECRET_FIELD: &str = "X-Secret";
const SLOT_FIELD: &str = "X-Slot";
const TICKET_FIELD: &str = "X-Ticket";
/// How long a new link may take to answer its first round trip.
const LINK_PROOF: Duration = Duration::from_secs(5);
/// A link keeps a buffer of this size between requests.
const LINK_BUFFER_BYTES: usize = 64 * 1024;

impl Engine {
    pub(crate) fn start(
        config: &EngineConfig,
        app: Arc<dyn App>,
        counters: Arc<Counters>,
        ids: &Ids,
    ) -> io::Result<Engine> {
        let workers = config.workers.max(1);
        // Twice the workers: while one answer is relayed, the next request already waits at the worker.
        let links = workers * 2;
        let home = PrivateDir::create(&config.private_dir, ids)?;
        let listener = UnixListener::bind(home.socket())?;
        let server = tiny_http::Server::from_listener(listener, None).map_err(io::Error::other)?;
        let server = Arc::new(server);
        let shared = Arc::new(Shared {
            app,
            counters,
            secret: ids.alphanumeric(43),
            slots: (0..links).map(|_| Mutex::default()).collect(),
            tickets: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
        });
        let (give_back, idle) = crossbeam_channel::bounded(links);
        let mut engine = Engine {
            idle,
            give_back,
            admit_max: workers + config.queue,
            shared: shared.clone(),
            server: Some(server.clone()),
            workers: Vec::new(),
            home,
        };
        for n in 0..workers {
            let (server, shared) = (server.clone(), shared.clone());
            let worker = thread::Builder::new().name(format!("http-worker-{n}"));
            engine.workers.push(worker.spawn(move || work(&server, &shared))?);
        }
        for slot in 0..links {
            let stream = engine.connect(slot)?;
            // The channel holds as many as there are links.
            let _ = engine.give_back.send(Link { slot, stream: Some(stream), buf: Vec::new() });
        }
        Ok(engine)
    }

    /// Has a worker answer, or says at once that too many are waiting.
    pub(crate) fn respond(&self, request: Request) -> Result<Response, Busy> {
        let Some(_admitted) = Admitted::enter(&self.shared.counters, self.admit_max) else { return Err(Busy) };
        let Ok(mut link) = self.idle.recv() else { return Err(Busy) };
        let (id, method, path) = (request.id, request.head.method.clone(), request.head.path.clone());
        let answer = self.over(&mut link, request);
        if answer.is_err() {
            link.stream = None;
        }
        if link.buf.capacity() > LINK_BUFFER_BYTES {
            link.buf = Vec::new();
        }
        // Holds: the channel has room for every link.
        let _ = self.give_back.send(link);
        Ok(answer.unwrap_or_else(|error| {
            log::error!("request {id} ({method} {path}) was lost between porter and engine: {error}");
            Response::error(500, "The server lost this request. Try again.")
        }))
    }

    fn over(&self, link: &mut Link, mut request: Request) -> io::Result<Response> {
        let ticket = self.shared.tickets.fetch_add(1, Ordering::Relaxed);
        let body = std::mem::take(&mut request.body);
        let slot = &self.shared.slots[link.slot];
        *slot.lock() = Slot { ticket, request: Some(request), answer: None };
        let stream = match &mut link.stream {
            Some(stream) => stream,
            broken => broken.insert(self.connect(link.slot)?),
        };
        exchange(stream, &mut link.buf, &self.shared.secret, link.slot, ticket, &body)?;
        let body = std::mem::take(&mut link.buf);
        let answer = slot.lock().answer.take();
        let (status, headers) = answer.ok_or_else(|| io::Error::other("the answer has no head"))?;
        Ok(Response { status, headers, body })
    }

    /// Makes a link and proves it, so that tiny_http has a thread on it before another is made.
    fn connect(&self, slot: usize) -> io::Result<UnixStream> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock();
        let mut stream = UnixStream::connect(self.home.socket())?;
        stream.set_read_timeout(Some(LINK_PROOF))?;
        exchange(&mut stream, &mut Vec::new(), &self.shared.secret, slot, 0, &[])?;
        stream.set_read_timeout(None)?;
        Ok(stream)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // Closing the links ends the threads that tiny_http has on them.
        while self.idle.try_recv().is_ok() {}
        if let Some(server) = self.server.take() {
            for _ in &self.workers {
                server.unblock();
            }
        }
        for worker in self.workers.drain(..) {
            // A worker that panicked outside a handler has said so in the log.
            let _ = worker.join();
        }
    }
}

/// Counts a request in, if there is room, and out again.
struct Admitted<'a>(&'a Counters);

impl<'a> Admitted<'a> {
    fn enter(counters: &'a Counters, max: usize) -> Option<Admitted<'a>> {
        let before = counters.requests_in_flight.fetch_add(1, Ordering::Relaxed);
        let admitted = Admitted(counters);
        (before < max as u64).then_some(admitted)
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.requests_in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One round trip over a link: sends `body`, leaves the answer's body in `buf`.
fn exchange(
    stream: &mut UnixStream,
    buf: &mut Vec<u8>,
    secret: &str,
    slot: usize,
    ticket: u64,
    body: &[u8],
) -> io::Result<()> {
    buf.clear();
    write!(
        buf,
        "POST / HTTP/1.1\r\n{SECRET_FIELD}: {secret}\r\n{SLOT_FIELD}: {slot}\r\n{TICKET_FIELD}: {ticket}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )?;
    if body.len() <= 4096 {
        buf.extend_from_slice(body);
        stream.write_all(buf)?;
    } else {
        stream.write_all(buf)?;
        stream.write_all(body)?;
    }
    read_answer(stream, buf)
}

/// Reads tiny_http's answer; afterwards `buf` holds its body alone.
fn read_answer(stream: &mut UnixStream, buf: &mut Vec<u8>) -> io::Result<()> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "tiny_http's answer is malformed");
    buf.clear();
    let mut filled = 0;
    let (head, length) = loop {
        buf.resize(filled + 4096, 0);
        let n = stream.read(&mut buf[filled..])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += n;
        let mut fields = [httparse::EMPTY_HEADER; 8];
        let mut answer = httparse::Response::new(&mut fields);
        if let httparse::Status::Complete(head) = answer.parse(&buf[..filled]).map_err(|_| malformed())? {
            if answer.code != Some(200) {
                return Err(malformed());
            }
            let length = answer.headers.iter().find(|f| f.name.eq_ignore_ascii_case("Content-Length"));
            let length = length.and_then(|f| std::str::from_utf8(f.value).ok()?.parse::<usize>().ok());
            break (head, length.ok_or_else(malformed)?);
        }
    };
    buf.truncate(filled);
    buf.drain(..head);
    let got = buf.len();
    if got > length {
        return Err(malformed());
    }
    buf.resize(length, 0);
    stream.read_exact(&mut buf[got..])
}

/// A worker: takes requests from tiny_http until the engine stops.
fn work(server: &tiny_http::Server, shared: &Shared) {
    while !shared.stopping.load(Ordering::Acquire) {
        match server.recv() {
            Ok(request) => {
                // tiny_http asserts and unwraps here and there; none of it may cost a worker.
                if catch_unwind(AssertUnwindSafe(|| answer(request, shared))).is_err() {
                    log::error!("the engine panicked while it relayed an answer");
                }
            }
            // Either the engine is stopping, or tiny_http stopped accepting: the links that exist go on.
            Err(error) if !shared.stopping.load(Ordering::Acquire) => log::error!("engine: {error}"),
            Err(_) => {}
        }
    }
}

fn answer(mut hop: tiny_http::Request, shared: &Shared) {
    let field = |name: &'static str| {
        hop.headers().iter().find(|h| h.field.equiv(name)).map(|h| h.value.as_str().to_owned()).unwrap_or_default()
    };
    let (secret, slot, ticket) = (field(SECRET_FIELD), field(SLOT_FIELD), field(TICKET_FIELD));
    let trusted = bool::from(secret.as_bytes().ct_eq(shared.secret.as_bytes()));
    let slot = slot.parse::<usize>().ok().and_then(|slot| shared.slots.get(slot));
    let (true, Some(slot), Ok(ticket)) = (trusted, slot, ticket.parse::<u64>()) else {
        log::warn!("somebody other than this server wrote to its private socket");
        send(hop, 403, Vec::new());
        return;
    };
    if ticket == 0 {
        return send(hop, 200, Vec::new());
    }
    let waiting = {
        let mut slot = slot.lock();
        if slot.ticket == ticket { slot.request.take() } else { None }
    };
    let Some(mut request) = waiting else {
        return send(hop, 410, Vec::new());
    };
    let length = hop.body_length().unwrap_or(0);
    request.body.reserve_exact(length);
    if let Err(error) = hop.as_reader().read_to_end(&mut request.body) {
        log::error!("request {}: its body was lost between porter and engine: {error}", request.id);
        return send(hop, 500, Vec::new());
    }
    let response = respond(shared, request);
    {
        let mut slot = slot.lock();
        if slot.ticket != ticket {
            return send(hop, 410, Vec::new());
        }
        slot.answer = Some((response.status, response.headers));
    }
    send(hop, 200, response.body);
}

/// Runs the handler; what it panics with goes to the log, not to the client.
fn respond(shared: &Shared, request: Request) -> Response {
    let (id, method, path) = (request.id, request.head.method.clone(), request.head.path.clone());
    catch_unwind(AssertUnwindSafe(|| shared.app.respond(request))).unwrap_or_else(|panic| {
        shared.counters.panics.fetch_add(1, Ordering::Relaxed);
        log::error!("request {id} ({method} {path}) panicked: {}", panic_text(&*panic));
        Response::error(500, PANIC_MESSAGE)
    })
}

/// What a client reads when its handler panicked.
pub(crate) const PANIC_MESSAGE: &str = "An internal server error occurred. The server's log says more.";

/// The words of a panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

fn send(hop: tiny_http::Request, status: u16, body: Vec<u8>) {
    let length = body.len();
    let response = tiny_http::Response::new(status.into(), Vec::new(), io::Cursor::new(body), Some(length), None)
        .with_chunked_threshold(usize::MAX);
    if let Err(error) = hop.respond(response) {
        log::error!("the engine could not send an answer to the porter: {error}");
    }
}

/// A folder that only this user may enter, removed with what is in it.
struct PrivateDir(PathBuf);

/// The longest path that a Unix socket's address holds on every system.
const SOCKET_PATH_MAX_BYTES: usize = 100;

impl PrivateDir {
    fn create(parent: &Path, ids: &Ids) -> io::Result<PrivateDir> {
        let name = format!("rockpool-{}", ids.alphanumeric(10));
        let mut path = parent.join(&name);
        if path.join("engine").as_os_str().len() > SOCKET_PATH_MAX_BYTES {
            path = std::env::temp_dir().join(&name);
            log::info!("{} is too long a path for a socket; the engine's is in {}", parent.display(), path.display());
        } else {
            fs::create_dir_all(parent)?;
        }
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        let home = PrivateDir(path);
        fs::set_permissions(&home.0, fs::Permissions::from_mode(0o700))?;
        Ok(home)
    }
    fn socket(&self) -> PathBuf {
        self.0.join("engine")
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            log::warn!("cannot remove {}: {error}", self.0.display());
        }
    }
}
