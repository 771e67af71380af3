//! What a server listens on: TCP or Unix sockets, plain or TLS, bound here or handed over.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use socket2::SockRef;

use super::conn::Socket;

/// A bound socket that clients come to.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) address: Address,
    /// The socket's file, if it was made here.
    owned_path: Option<PathBuf>,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Where a listener can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Host and port.
    Tcp(SocketAddr),
    /// The socket's file.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Address {
    /// Host and port, of a TCP listener.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        }
    }
}

impl Listener {
    /// Binds a TCP address; port 0 takes a free one.
    pub fn tcp(address: impl ToSocketAddrs) -> io::Result<Listener> {
        Listener::from_tcp(TcpListener::bind(address)?)
    }
    /// Takes over a TCP listener that is bound already (socket activation).
    pub fn from_tcp(socket: TcpListener) -> io::Result<Listener> {
        let address = Address::Tcp(socket.local_addr()?);
        Ok(Listener { socket: Bound::Tcp(socket), tls: None, address, owned_path: None })
    }
    /// Takes over a Unix socket that is bound already; whoever bound it removes its file.
    pub fn from_unix(socket: UnixListener) -> io::Result<Listener> {
        let address = Address::Unix(socket.local_addr()?.as_pathname().map(Path::to_owned).unwrap_or_default());
        Ok(Listener { socket: Bound::Unix(socket), tls: None, address, owned_path: None })
    }
    /// Binds a Unix socket. A file that an earlier process left there is replaced if nobody answers on it.
    pub fn unix(path: &Path) -> io::Result<Listener> {
        let socket = match UnixListener::bind(path) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && UnixStream::connect(path).is_err() => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            other => other?,
        };
        let (address, owned_path) = (Address::Unix(path.to_owned()), Some(path.to_owned()));
        Ok(Listener { socket: Bound::Unix(socket), tls: None, address, owned_path })
    }
    /// The same, speaking TLS.
    pub fn with_tls(mut self, config: Arc<ServerConfig>) -> Listener {
        self.tls = Some(config);
        self
    }
    /// Where clients find it.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn accept(&self) -> io::Result<Socket> {
        match &self.socket {
            Bound::Tcp(l) => l.accept().map(|(s, _)| Socket::Tcp(s)),
            Bound::Unix(l) => l.accept().map(|(s, _)| Socket::Unix(s)),
        }
    }

    /// Makes a thread that waits in [`Listener::accept`] come back, by a connection that says nothing.
    pub(crate) fn knock(&self) -> io::Result<()> {
        match &self.address {
            Address::Tcp(address) => {
                let mut address = *address;
                if address.ip().is_unspecified() {
                    let localhost: IpAddr =
                        if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
                    address.set_ip(localhost);
                }
                TcpStream::connect_timeout(&address, Duration::from_millis(100)).map(drop)
            }
            Address::Unix(path) => UnixStream::connect(path).map(drop),
        }
    }

    /// Does the same by force. Not for a socket that another process holds as well (socket activation):
    /// it would stop listening there too.
    pub(crate) fn stop(&self) -> io::Result<()> {
        match &self.socket {
            Bound::Tcp(l) => SockRef::from(l).shutdown(Shutdown::Both),
            Bound::Unix(l) => SockRef::from(l).shutdown(Shutdown::Both),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.owned_path {
            // Gone already, or somebody's business who took its place.
            let _ = std::fs::remove_file(path);
        }
    }
}
