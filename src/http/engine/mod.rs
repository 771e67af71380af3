//! The engine: tiny_http on a private Unix socket, and the workers that run [`App::respond`].
//!
//! Between porter and engine a request travels in two parts. Its head, parsed and typed, waits in the
//! slot of the link that carries it; its body goes over the link, after a request line and two fields
//! that are all ours. So nothing that a client wrote reaches tiny_http's parser, and nothing that a
//! client writes can pass for our fields. The answer comes back the same way.
//!
//! A link is a keep-alive connection with one request in flight. tiny_http gives each connection a
//! thread, but may queue two that come at once behind one: links are therefore made one by one, each
//! proved by a round trip before the next.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use parking_lot::Mutex;

use self::links::{Link, Pool, exchange};
use self::private_dir::PrivateDir;
pub(crate) use self::worker::{PANIC_MESSAGE, panic_text};
use super::server::Counters;
use super::{App, Never, Request, Response};
use crate::ids::Ids;

mod links;
mod private_dir;
mod worker;

/// How the engine is sized and where its socket lives.
pub(crate) struct EngineConfig {
    pub workers: usize,
    /// Requests that may wait for a worker.
    pub queue: usize,
    /// And how long.
    pub queue_limit: Duration,
    pub private_dir: PathBuf,
}

/// The engine was full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

pub(crate) struct Engine {
    links: Pool,
    /// Requests running or waiting, at most this many.
    admit_max: usize,
    queue_limit: Duration,
    shared: Arc<Shared>,
    server: Option<Arc<tiny_http::Server>>,
    workers: Vec<JoinHandle<()>>,
    /// Disconnects when the last worker has ended.
    all_ended: Receiver<Never>,
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

/// How long the workers may take to end when the engine stops.
const LAST_GRACE: Duration = Duration::from_millis(500);
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
            secret: ids.alphanumeric(22),
            slots: (0..links).map(|_| Mutex::default()).collect(),
            tickets: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
        });
        let (ended, all_ended) = crossbeam_channel::bounded(0);
        let mut engine = Engine {
            links: Pool::default(),
            admit_max: workers + config.queue,
            queue_limit: config.queue_limit,
            shared: shared.clone(),
            server: Some(server.clone()),
            workers: Vec::new(),
            all_ended,
            home,
        };
        for n in 0..workers {
            let (server, shared, ended) = (server.clone(), shared.clone(), ended.clone());
            let thread = thread::Builder::new().name(format!("http-worker-{n}"));
            engine.workers.push(thread.spawn(move || worker::work(&server, &shared, &ended))?);
        }
        for slot in 0..links {
            let stream = engine.connect(slot)?;
            engine.links.put(Link { slot, stream: Some(stream), buf: Vec::new() });
        }
        Ok(engine)
    }

    /// Has a worker answer, or says at once that too many are waiting.
    pub(crate) fn respond(&self, request: Request) -> Result<Response, Busy> {
        let Some(_admitted) = Admitted::enter(&self.shared.counters, self.admit_max) else { return Err(Busy) };
        let mut link = self.links.take(self.queue_limit).ok_or(Busy)?;
        let (id, method, path) = (request.id, request.head.method.clone(), request.head.path.clone());
        let answer = self.over(&mut link, request);
        if answer.is_err() {
            link.stream = None;
        }
        if link.buf.capacity() > LINK_BUFFER_BYTES {
            link.buf = Vec::new();
        }
        self.links.put(link);
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
        // The buffer stays with the link, unless it is more than a link keeps.
        let body = match link.buf.capacity() > LINK_BUFFER_BYTES {
            true => std::mem::take(&mut link.buf),
            false => link.buf.as_slice().to_vec(),
        };
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
        self.links.clear();
        if let Some(server) = self.server.take() {
            for _ in &self.workers {
                server.unblock();
            }
        }
        // A handler may never end; that must not keep the server from doing so.
        if let Err(RecvTimeoutError::Timeout) = self.all_ended.recv_timeout(LAST_GRACE) {
            log::warn!(
                "{} workers are still in a handler; they are left to it",
                self.workers.iter().filter(|w| !w.is_finished()).count()
            );
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
