//! A client's connection: one socket, plain or TLS, that two threads can use at once, one reading
//! and one writing. Knows no HTTP.
//!
//! Every wait is bounded: a read takes its own time limit, a write has the connection's and what its
//! length needs at [`SLOWEST_BYTES_PER_SEC`], so that a peer cannot hold a thread by taking a byte now and then.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::{ServerConfig, ServerConnection};

/// The socket below.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(s) => (&mut &*s).read(buf),
            Socket::Unix(s) => (&mut &*s).read(buf),
        }
    }
    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(s) => (&mut &*s).write(buf),
            Socket::Unix(s) => (&mut &*s).write(buf),
        }
    }
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Socket::Tcp(s) => s.set_read_timeout(limit),
            Socket::Unix(s) => s.set_read_timeout(limit),
        }
    }
    fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Socket::Tcp(s) => s.set_write_timeout(limit),
            Socket::Unix(s) => s.set_write_timeout(limit),
        }
    }
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Socket::Tcp(s) => s.shutdown(how),
            Socket::Unix(s) => s.shutdown(how),
        }
    }
}

/// One client's connection.
pub(crate) struct Conn {
    socket: Socket,
    tls: Option<Tls>,
    /// Held by whoever writes, so that what is written whole arrives whole.
    writer: Mutex<()>,
    /// The read timeout that the socket has now, in microseconds, to spare a system call a request.
    read_timeout_us: AtomicU64,
    write_limit: Duration,
    /// The client's address; none on a Unix socket.
    pub peer: Option<IpAddr>,
}

struct Tls {
    session: Mutex<ServerConnection>,
    /// Ciphertext that was read and not yet taken by the session.
    arrived: Mutex<Vec<u8>>,
}

/// A client slower than this is given up.
pub(crate) const SLOWEST_BYTES_PER_SEC: u64 = 8 * 1024;

/// Bytes read from a TLS peer at once; a TLS record is at most a little longer than 16 KiB.
const TLS_READ_BYTES: usize = 8 * 1024;
/// How long a peer that does not read may delay the end of its connection.
const FAREWELL: Duration = Duration::from_millis(100);

/// Plaintext handed to TLS at once, so that a long write does not need its size again in ciphertext.
const TLS_WRITE_BYTES: usize = 32 * 1024;

/// What `bytes` may take on top of a fixed limit.
pub(crate) fn time_for(bytes: usize) -> Duration {
    Duration::from_secs(bytes as u64 / SLOWEST_BYTES_PER_SEC)
}

impl Conn {
    pub(crate) fn new(socket: Socket, tls: Option<Arc<ServerConfig>>, write_limit: Duration) -> io::Result<Conn> {
        let peer = match &socket {
            Socket::Tcp(s) => {
                // A reply is written whole: waiting to fill a segment would only delay it.
                s.set_nodelay(true)?;
                Some(s.peer_addr()?.ip().to_canonical())
            }
            Socket::Unix(_) => None,
        };
        let tls = match tls {
            None => None,
            Some(config) => {
                let session = ServerConnection::new(config).map_err(io::Error::other)?;
                Some(Tls { session: Mutex::new(session), arrived: Mutex::new(Vec::new()) })
            }
        };
        socket.set_write_timeout(Some(write_limit))?;
        Ok(Conn { socket, tls, writer: Mutex::new(()), read_timeout_us: AtomicU64::new(0), write_limit, peer })
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Completes the TLS handshake, if there is TLS. [`io::ErrorKind::InvalidInput`] says that the client
    /// speaks something else, which it can be told with [`Conn::write_without_tls`].
    pub(crate) fn handshake(&self, limit: Duration) -> io::Result<()> {
        let Some(tls) = &self.tls else { return Ok(()) };
        let deadline = Instant::now() + limit;
        let mut arrived = tls.arrived.lock();
        loop {
            let (fed, handshaking) = {
                let mut session = tls.session.lock();
                (feed(&mut session, &mut arrived), session.is_handshaking())
            };
            // Our part of the handshake, or the alert that says what is wrong with theirs.
            let written = self.write_tls_out(tls, deadline);
            fed?;
            written?;
            if !handshaking {
                return Ok(());
            }
            let first_read = arrived.is_empty();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if self.fill(&mut arrived, left)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if first_read && arrived[0].is_ascii_uppercase() {
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
    }

    /// Writes past TLS, to a client that does not speak it.
    pub(crate) fn write_without_tls(&self, data: &[u8]) -> io::Result<()> {
        self.write_socket(data, Instant::now() + FAREWELL)
    }

    /// Reads what is there, waiting at most `limit` for the first of it. Zero is the end;
    /// [`io::ErrorKind::TimedOut`] says that nothing came. One thread reads at a time.
    pub(crate) fn read(&self, buf: &mut [u8], limit: Duration) -> io::Result<usize> {
        let Some(tls) = &self.tls else { return self.read_socket(buf, limit) };
        let started = Instant::now();
        let mut arrived = tls.arrived.lock();
        loop {
            let (read, owes) = {
                let mut session = tls.session.lock();
                (take_plaintext(&mut session, &mut arrived, buf)?, session.wants_write())
            };
            if owes {
                // Key updates and the like. When another thread writes, it sends these as well.
                if let Some(_writer) = self.writer.try_lock() {
                    self.write_tls_out(tls, Instant::now() + self.write_limit)?;
                }
            }
            if let Some(n) = read {
                return Ok(n);
            }
            if self.fill(&mut arrived, limit.saturating_sub(started.elapsed()))? == 0 {
                return Ok(0);
            }
        }
    }

    /// Appends ciphertext from the socket to `arrived`.
    fn fill(&self, arrived: &mut Vec<u8>, limit: Duration) -> io::Result<usize> {
        let held = arrived.len();
        arrived.resize(held + TLS_READ_BYTES, 0);
        let read = self.read_socket(&mut arrived[held..], limit);
        arrived.truncate(held + *read.as_ref().unwrap_or(&0));
        read
    }

    fn read_socket(&self, buf: &mut [u8], limit: Duration) -> io::Result<usize> {
        let limit_us = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX).max(1000);
        if self.read_timeout_us.swap(limit_us, Ordering::Relaxed) != limit_us {
            self.socket.set_read_timeout(Some(Duration::from_micros(limit_us)))?;
        }
        loop {
            match self.socket.read(buf) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
                other => return other,
            }
        }
    }

    /// Writes all of `data` and sends it off, or fails within the connection's write limit.
    pub(crate) fn write_all(&self, data: &[u8]) -> io::Result<()> {
        let _writer = self.writer.lock();
        let deadline = Instant::now() + self.write_limit + time_for(data.len());
        let Some(tls) = &self.tls else { return self.write_socket(data, deadline) };
        for part in data.chunks(TLS_WRITE_BYTES) {
            tls.session.lock().writer().write_all(part)?;
            self.write_tls_out(tls, deadline)?;
        }
        Ok(())
    }

    /// Sends what the session has ready. The caller holds `writer`.
    fn write_tls_out(&self, tls: &Tls, deadline: Instant) -> io::Result<()> {
        let mut out = Vec::new();
        {
            let mut session = tls.session.lock();
            while session.wants_write() {
                session.write_tls(&mut out)?;
            }
        }
        self.write_socket(&out, deadline)
    }

    fn write_socket(&self, mut data: &[u8], deadline: Instant) -> io::Result<()> {
        while !data.is_empty() {
            match self.socket.write(data) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => data = &data[n..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
                Err(e) => return Err(e),
            }
            if !data.is_empty() && Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    /// Wakes a thread that waits in [`Conn::read`]: it sees the end of the stream.
    pub(crate) fn stop_reading(&self) {
        // Fails only when the peer is gone already, and then there is nothing to wake.
        let _ = self.socket.shutdown(Shutdown::Read);
    }

    /// Says that nothing more will be written.
    pub(crate) fn finish_writing(&self) {
        if let Some(tls) = &self.tls
            && let Some(_writer) = self.writer.try_lock_for(FAREWELL)
        {
            tls.session.lock().send_close_notify();
            // The peer may be gone; then it needs no farewell.
            let _ = self.write_tls_out(tls, Instant::now() + FAREWELL);
        }
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Cuts the connection in both directions; whoever reads or writes it fails at once.
    pub(crate) fn cut(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Ends the connection so that the last answer arrives even though the client still sends: closing
    /// with unread bytes would reset it. Reads on for at most `limit` and `max_bytes`.
    pub(crate) fn close_gently(&self, limit: Duration, max_bytes: usize) {
        self.finish_writing();
        let deadline = Instant::now() + limit;
        let mut buf = [0; 4096];
        let mut seen = 0;
        while seen < max_bytes {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.read_socket(&mut buf, left) {
                Ok(n) if n > 0 => seen += n,
                _ => break,
            }
        }
        self.cut();
    }
}

/// Plaintext for `buf`, feeding the session as needed; none when it needs more ciphertext.
fn take_plaintext(session: &mut ServerConnection, arrived: &mut Vec<u8>, buf: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match session.reader().read(buf) {
            Ok(n) => return Ok(Some(n)),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            // The peer closed without saying so; HTTP's own framing tells whether anything is missing.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(Some(0)),
            Err(e) => return Err(e),
        }
        if arrived.is_empty() {
            return Ok(None);
        }
        feed(session, arrived)?;
    }
}

/// Hands ciphertext to the session, which takes no more while it has plaintext to give.
fn feed(session: &mut ServerConnection, arrived: &mut Vec<u8>) -> io::Result<()> {
    if arrived.is_empty() {
        return Ok(());
    }
    let mut rest = arrived.as_slice();
    session.read_tls(&mut rest)?;
    let used = arrived.len() - rest.len();
    arrived.drain(..used);
    session.process_new_packets().map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    Ok(())
}
