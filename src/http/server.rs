//! Starts and stops the front door: its settings, its counters, its accept threads, and the list of
//! open connections that a shutdown drains. What happens on a connection is the porter's.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender};
use parking_lot::{Condvar, Mutex};

use super::conn::{Conn, Socket};
use super::engine::{Engine, EngineConfig};
use super::framing;
use super::listen::{Address, Listener};
use super::upgrade::Never;
use super::{App, porter};
use crate::ids::Ids;

/// Everything that a server needs to be told.
pub struct Config {
    /// Where clients come in; at least one.
    pub listeners: Vec<Listener>,
    /// A folder in which the engine may make a private one for its socket.
    pub private_dir: PathBuf,
    /// Threads that answer plain requests.
    pub workers: usize,
    /// Plain requests that may wait for one of them; more are answered 503 at once.
    pub queue: usize,
    /// Client connections; more are answered 503 and closed.
    pub max_connections: usize,
    /// Streams among them; more are answered 503.
    pub max_streams: usize,
    /// Memory for the bodies of requests under way, in bytes; what goes beyond is answered 503.
    pub body_memory_bytes: u64,
    /// Stack of a thread that runs [`App::stream`], in bytes.
    pub stream_stack_bytes: usize,
    /// How long and how much.
    pub limits: Limits,
    /// Where request ids come from.
    pub ids: Ids,
}

impl Config {
    /// The usual settings for these listeners.
    pub fn new(listeners: Vec<Listener>, private_dir: PathBuf) -> Config {
        let cores = thread::available_parallelism().map_or(2, usize::from);
        Config {
            listeners,
            private_dir,
            workers: (cores * 4).clamp(8, 64),
            queue: 1024,
            max_connections: 8192,
            max_streams: 4096,
            body_memory_bytes: 256 * 1024 * 1024,
            stream_stack_bytes: 512 * 1024,
            limits: Limits::default(),
            ids: Ids::random(),
        }
    }
}

/// Deadlines and sizes on the way in and out.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From a connection's first byte of a request (or of TLS) to the end of the request's head.
    pub head: Duration,
    /// For a request's body, beside what its length needs at 8 KiB/s.
    pub body: Duration,
    /// Between requests, and before the first.
    pub idle: Duration,
    /// For a worker to become free; then the answer is 503.
    pub queue: Duration,
    /// For an answer, beside what its length needs at 8 KiB/s.
    pub write: Duration,
    /// How long an ended connection is read on, so that the client gets the answer that ended it.
    pub linger: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Header fields; at most 128.
    pub head_fields: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head: Duration::from_secs(20),
            body: Duration::from_secs(60),
            idle: Duration::from_secs(120),
            queue: Duration::from_secs(30),
            write: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            head_bytes: 64 * 1024,
            head_fields: 100,
        }
    }
}

/// What the front door counts, for the server's metrics to read.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections open now.
    pub connections: AtomicU64,
    /// Connections accepted so far.
    pub accepted: AtomicU64,
    /// Connections turned away because there were too many.
    pub connections_refused: AtomicU64,
    /// Times that the system would not give a connection (out of file descriptors, say).
    pub accept_errors: AtomicU64,
    /// Streams open now.
    pub streams: AtomicU64,
    /// Plain requests that run or wait now.
    pub requests_in_flight: AtomicU64,
    /// Requests answered 503 because too many were waiting.
    pub requests_refused: AtomicU64,
    /// Requests refused before anybody looked at them, because they were malformed, too large or too slow.
    pub requests_malformed: AtomicU64,
    /// Bytes of request bodies that are in memory now.
    pub body_bytes: AtomicU64,
    /// Handlers that panicked.
    pub panics: AtomicU64,
}

/// What every connection shares.
pub(crate) struct Door {
    pub app: Arc<dyn App>,
    pub engine: Engine,
    pub limits: Limits,
    pub counters: Arc<Counters>,
    pub ids: Ids,
    pub max_streams: usize,
    pub stream_stack_bytes: usize,
    pub body_memory_bytes: u64,
    pub draining: AtomicBool,
    /// Disconnects when the server shuts down.
    pub going: Receiver<Never>,
    max_connections: usize,
    open: Mutex<Open>,
    all_closed: Condvar,
    date: Mutex<(u64, Arc<str>)>,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    conns: HashMap<u64, Arc<Entry>>,
}

/// A connection in the list, and what a shutdown has to know of it.
pub(crate) struct Entry {
    pub conn: Arc<Conn>,
    /// No request is under way, or one is that may last for ever: a shutdown wakes its reader.
    pub interruptible: AtomicBool,
}

impl Door {
    /// The time, as the `Date` field wants it.
    pub(crate) fn date(&self) -> Arc<str> {
        let now = SystemTime::now();
        let secs = now.duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or(0);
        let mut held = self.date.lock();
        if held.0 != secs {
            *held = (secs, framing::http_date(now).into());
        }
        held.1.clone()
    }

    /// Takes a fresh connection in, unless there are too many.
    fn enter(self: &Arc<Door>, conn: Arc<Conn>) -> Result<Seat, Arc<Conn>> {
        let mut open = self.open.lock();
        if open.conns.len() >= self.max_connections {
            return Err(conn);
        }
        let id = open.next_id;
        open.next_id += 1;
        let entry = Arc::new(Entry { conn, interruptible: AtomicBool::new(true) });
        open.conns.insert(id, entry.clone());
        self.counters.connections.store(open.conns.len() as u64, Ordering::Relaxed);
        Ok(Seat { door: self.clone(), entry, id })
    }

    fn wait_until_empty(&self, deadline: Instant) -> usize {
        let mut open = self.open.lock();
        while !open.conns.is_empty() {
            if self.all_closed.wait_until(&mut open, deadline).timed_out() {
                break;
            }
        }
        open.conns.len()
    }
}

/// A connection's place in the list; leaving it is what a shutdown waits for.
pub(crate) struct Seat {
    pub door: Arc<Door>,
    pub entry: Arc<Entry>,
    id: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.door.open.lock();
        open.conns.remove(&self.id);
        self.door.counters.connections.store(open.conns.len() as u64, Ordering::Relaxed);
        if open.conns.is_empty() {
            self.door.all_closed.notify_all();
        }
    }
}

/// A running front door. Dropping it shuts it down without waiting for anybody.
pub struct Server {
    door: Arc<Door>,
    listeners: Vec<Arc<Listener>>,
    acceptors: Vec<JoinHandle<()>>,
    /// Dropped to tell every stream that the server goes.
    going: Option<Sender<Never>>,
}

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy when the time was up, and were cut.
    pub cut: usize,
}

/// Stack of a thread that owns a connection. An idle one touches a few pages of it.
const CONNECTION_STACK_BYTES: usize = 256 * 1024;
/// Pause after the system refused a connection, so that the accept loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// After the cut, how long connections may take to notice.
const CUT_GRACE: Duration = Duration::from_millis(500);

impl Server {
    /// Starts to listen and answer.
    pub fn start(config: Config, app: Arc<dyn App>) -> io::Result<Server> {
        let counters = Arc::new(Counters::default());
        let engine = EngineConfig {
            workers: config.workers,
            queue: config.queue,
            queue_limit: config.limits.queue,
            private_dir: config.private_dir.clone(),
        };
        let engine = Engine::start(&engine, app.clone(), counters.clone(), &config.ids)?;
        let (going_sender, going) = crossbeam_channel::bounded(0);
        let door = Arc::new(Door {
            app,
            engine,
            limits: config.limits,
            counters,
            ids: config.ids,
            max_streams: config.max_streams,
            stream_stack_bytes: config.stream_stack_bytes,
            body_memory_bytes: config.body_memory_bytes,
            draining: AtomicBool::new(false),
            going,
            max_connections: config.max_connections,
            open: Mutex::default(),
            all_closed: Condvar::new(),
            date: Mutex::new((0, "".into())),
        });
        let mut server = Server { door, listeners: Vec::new(), acceptors: Vec::new(), going: Some(going_sender) };
        for listener in config.listeners {
            let listener = Arc::new(listener);
            server.listeners.push(listener.clone());
            let door = server.door.clone();
            let acceptor = thread::Builder::new().name("http-accept".to_owned());
            server.acceptors.push(acceptor.spawn(move || accept(&door, &listener))?);
        }
        Ok(server)
    }

    /// Where it listens, in the order of the listeners.
    pub fn addrs(&self) -> Vec<Address> {
        self.listeners.iter().map(|l| l.address.clone()).collect()
    }

    /// What it counts.
    pub fn counters(&self) -> Arc<Counters> {
        self.door.counters.clone()
    }

    /// Stops: no new connections; requests under way are answered; streams are told, WebSockets with
    /// code 1001. What is not done after `patience` is cut.
    pub fn shutdown(mut self, patience: Duration) -> Drained {
        self.stop(patience)
    }

    fn stop(&mut self, patience: Duration) -> Drained {
        let deadline = Instant::now() + patience;
        self.door.draining.store(true, Ordering::SeqCst);
        for (listener, acceptor) in self.listeners.drain(..).zip(self.acceptors.drain(..)) {
            end_accepting(&listener, acceptor);
        }
        self.going = None;
        for entry in self.door.open.lock().conns.values() {
            if entry.interruptible.load(Ordering::SeqCst) {
                entry.conn.stop_reading();
            }
        }
        let cut = self.door.wait_until_empty(deadline);
        if cut > 0 {
            for entry in self.door.open.lock().conns.values() {
                entry.conn.cut();
            }
            let left = self.door.wait_until_empty(Instant::now() + CUT_GRACE);
            if left > 0 {
                log::warn!("{left} handlers go on after the front door has closed");
            }
        }
        Drained { cut }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.acceptors.is_empty() {
            self.stop(Duration::ZERO);
        }
    }
}

/// An accept loop. Nothing that a client or the system does ends it, only a shutdown.
fn accept(door: &Arc<Door>, listener: &Listener) {
    let mut last_logged: Option<Instant> = None;
    loop {
        let accepted = listener.accept();
        if door.draining.load(Ordering::SeqCst) {
            return;
        }
        match accepted {
            Ok(socket) => admit(door, listener, socket),
            // The client went before we took it.
            Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
            Err(e) => {
                door.counters.accept_errors.fetch_add(1, Ordering::Relaxed);
                if last_logged.is_none_or(|at| at.elapsed() > Duration::from_secs(10)) {
                    log::error!("cannot accept connections on {}: {e}; trying again", listener.address);
                    last_logged = Some(Instant::now());
                }
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
}

/// Waits for an accept loop to notice that the door is draining.
fn end_accepting(listener: &Listener, acceptor: JoinHandle<()>) {
    // Somebody else may take a knock: a process that shares the socket.
    let mut knocks = 0;
    while !acceptor.is_finished() && knocks < 20 {
        if listener.knock().is_err() {
            break;
        }
        knocks += 1;
        thread::sleep(Duration::from_millis(knocks));
    }
    if !acceptor.is_finished()
        && let Err(error) = listener.stop()
    {
        log::error!("cannot stop listening on {}: {error}", listener.address);
        return;
    }
    // An accept thread that panicked is gone as well.
    let _ = acceptor.join();
}

fn admit(door: &Arc<Door>, listener: &Listener, socket: Socket) {
    door.counters.accepted.fetch_add(1, Ordering::Relaxed);
    // Fails for a client that has gone already.
    let Ok(conn) = Conn::new(socket, listener.tls.clone(), door.limits.write) else { return };
    let seat = match door.enter(Arc::new(conn)) {
        Ok(seat) => seat,
        Err(conn) => return turn_away(door, &conn),
    };
    let conn = seat.entry.conn.clone();
    let thread = thread::Builder::new().name("http-conn".to_owned()).stack_size(CONNECTION_STACK_BYTES);
    if let Err(error) = thread.spawn(move || porter::serve(seat)) {
        log::error!("cannot start a thread for a connection: {error}");
        turn_away(door, &conn);
    }
}

/// Tells a client that there is no room. Its socket is fresh, so a short answer does not block.
fn turn_away(door: &Door, conn: &Conn) {
    door.counters.connections_refused.fetch_add(1, Ordering::Relaxed);
    if !conn.is_tls() {
        let response = super::Response::busy("The server has too many connections. Try again in a moment.");
        let mut out = Vec::new();
        framing::write_head(&mut out, 503, &response.headers, &[("Connection", "close")], framing::follows(&response));
        out.extend_from_slice(&response.body);
        // If it fails the client is gone, which is as well.
        let _ = conn.write_all(&out);
        conn.finish_writing();
    }
    conn.cut();
}
