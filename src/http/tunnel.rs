//! A stream without HTTP: what is left of a connection after `CONNECT`, or after an upgrade to a
//! protocol that is not WebSocket (DERP).

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::conn::Conn;
use super::framing::Follows;
use super::upgrade::{Refused, StreamReader, Upgrade};

/// A raw duplex connection. Two threads may share it, one reading and one writing. It lasts as long as
/// the call of [`App::stream`](super::App::stream) that made it.
pub struct Tunnel {
    conn: Arc<Conn>,
    /// What the client sent together with its request.
    ahead: Mutex<Vec<u8>>,
    read_limit: Mutex<Duration>,
}

impl Upgrade {
    /// Answers with this head and leaves the connection to the handler. For an upgrade (status 101),
    /// `protocol` is its name.
    pub fn tunnel(
        mut self,
        status: u16,
        headers: &[(String, String)],
        protocol: Option<&str>,
    ) -> Result<Tunnel, Refused> {
        let own = protocol.map(|name| [("Connection", "Upgrade"), ("Upgrade", name)]);
        self.send_head(status, headers, own.as_ref().map_or(&[], |own| own.as_slice()), Follows::Nothing)?;
        let ahead = Mutex::new(std::mem::take(&mut self.ahead));
        let tunnel = Tunnel { conn: self.conn.clone(), ahead, read_limit: Mutex::new(Duration::from_secs(120)) };
        self.begin(Box::new(HandlerReads));
        Ok(tunnel)
    }
}

/// The handler reads for itself; the porter's thread only waits for it.
struct HandlerReads;

impl StreamReader for HandlerReads {
    fn run(self: Box<Self>) {}
}

impl Tunnel {
    /// How long a read may wait before it fails with [`io::ErrorKind::TimedOut`]; two minutes unless set.
    pub fn set_read_limit(&self, limit: Duration) {
        *self.read_limit.lock() = limit;
    }
    /// Ends the tunnel in both directions; a thread that waits in it fails at once.
    pub fn cut(&self) {
        self.conn.cut();
    }
    /// Says that nothing more will be written.
    pub fn finish_writing(&self) {
        self.conn.finish_writing();
    }
}

impl Read for &Tunnel {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        {
            let mut ahead = self.ahead.lock();
            if !ahead.is_empty() {
                let n = ahead.len().min(buf.len());
                buf[..n].copy_from_slice(&ahead[..n]);
                ahead.drain(..n);
                return Ok(n);
            }
        }
        let limit = *self.read_limit.lock();
        self.conn.read(buf, limit)
    }
}

impl Write for &Tunnel {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.conn.write_all(buf)?;
        Ok(buf.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Tunnel {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}

impl Write for Tunnel {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
