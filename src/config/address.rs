//! Addresses to listen on, and URLs that lead here.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// A host and a port. No host means every address of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// Name or address, an IPv6 address without brackets; may be empty.
    pub host: String,
    /// Port; 0 picks a free one when listening.
    pub port: u16,
}

impl HostPort {
    /// Reads `host:port`, `[address]:port` or `:port`.
    pub fn parse(text: &str) -> Result<HostPort, String> {
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("{text:?} has no port"))?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or_else(|| format!("{text:?} lacks a closing bracket"))?,
            None if host.contains(':') => {
                return Err(format!("{text:?} has too many colons; put an IPv6 address in brackets"));
            }
            None => host,
        };
        let port = port.parse().map_err(|_| format!("{text:?} has no port between 0 and 65535"))?;
        Ok(HostPort { host: host.to_owned(), port })
    }
}

/// The addresses to listen on or connect to, best first.
impl ToSocketAddrs for HostPort {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        if self.host.is_empty() {
            // The IPv6 wildcard takes IPv4 connections too; where there is no IPv6 the second one remains.
            let any: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
            return Ok(any.map(|ip| SocketAddr::new(ip, self.port)).to_vec().into_iter());
        }
        (self.host.as_str(), self.port).to_socket_addrs()
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Where the server takes connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address.
    Tcp(HostPort),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Listen {
    /// Reads `host:port` or `unix:/path`.
    pub fn parse(text: &str) -> Result<Listen, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("unix: needs the path of a socket after it".to_owned()),
            Some(path) => Ok(Listen::Unix(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))),
            None => HostPort::parse(text).map(Listen::Tcp),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => address.fmt(f),
            Listen::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An `http` or `https` URL with a host, such as the access URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl {
    text: String,
    https: bool,
    host: String,
    port: Option<u16>,
    path: String,
}

impl WebUrl {
    /// Reads a URL. It may have a path, but no user, query or fragment.
    pub fn parse(text: &str) -> Result<WebUrl, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(format!("{text:?} must begin with http:// or https://")),
        };
        if let Some(odd) = rest.chars().find(|&c| c.is_control() || c == ' ' || "@?#\\".contains(c)) {
            return Err(format!("{text:?} may not have {odd:?} in it"));
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        // A bracketed address has colons of its own, so the port is what follows the bracket.
        let name_end = authority.find(']').map_or_else(|| authority.find(':').unwrap_or(authority.len()), |at| at + 1);
        let (host, port) = authority.split_at(name_end);
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some(digits) => Some(digits.parse().map_err(|_| format!("{text:?} has no port between 0 and 65535"))?),
            None => return Err(format!("{text:?} has something odd after its host")),
        };
        if host.is_empty() {
            return Err(format!("{text:?} has no host"));
        }
        let (text, host, path) = (text.to_owned(), host.to_ascii_lowercase(), path.to_owned());
        Ok(WebUrl { text, https, host, port, path })
    }

    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.https
    }
    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }
    /// Name or address in lower case, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }
    /// The port: the one written, else the scheme's.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.https { 443 } else { 80 })
    }
    /// Host and, where one was written, port, as a `Host` header has them.
    pub fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }
    /// Scheme, host and port, as an `Origin` header has them.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority())
    }
    /// The URL with `path` (beginning with a slash) after its own.
    pub fn join(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin(), self.path.trim_end_matches('/'))
    }
    /// Whether the host is this very machine, so that nothing on another one can use the URL.
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) => address.is_loopback() || address.is_unspecified(),
            Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
        }
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses_are_tcp_or_unix() {
        for (text, want) in [
            ("127.0.0.1:0", Some("127.0.0.1:0")),
            (":3000", Some(":3000")),
            ("[::1]:80", Some("[::1]:80")),
            ("unix:/run/rockpool.sock", Some("unix:/run/rockpool.sock")),
            ("unix:///run/rockpool.sock", Some("unix:/run/rockpool.sock")),
            ("unix:", None),
            ("127.0.0.1", None),
            ("::1:80", None),
            ("[::1:80", None),
            ("host:99999", None),
            ("host:http", None),
        ] {
            assert_eq!(Listen::parse(text).ok().map(|listen| listen.to_string()).as_deref(), want, "{text:?}");
        }
    }

    #[test]
    fn web_urls_are_taken_apart() {
        for (text, want) in [
            ("http://pool.example", Some(("pool.example", 80, "http://pool.example/x"))),
            ("HTTPS://Pool.Example:8443/", Some(("pool.example", 8443, "https://pool.example:8443/x"))),
            ("https://[::1]:3000/base/", Some(("[::1]", 3000, "https://[::1]:3000/base/x"))),
            ("pool.example", None),
            ("ftp://pool.example", None),
            ("https://", None),
            ("https://:80", None),
            ("https://user@pool.example", None),
            ("https://pool.example?x=1", None),
            ("https://pool.example:port", None),
            ("https://[::1]x", None),
        ] {
            let url = WebUrl::parse(text).ok();
            let got = url.as_ref().map(|url| (url.host(), url.port(), url.join("/x")));
            assert_eq!(got.as_ref().map(|(host, port, joined)| (*host, *port, joined.as_str())), want, "{text:?}");
        }
    }

    #[test]
    fn loopback_urls_are_known() {
        for (text, want) in [
            ("http://localhost:3000", true),
            ("http://127.0.0.1", true),
            ("http://[::1]", true),
            ("http://0.0.0.0:3000", true),
            ("http://10.0.0.5", false),
            ("https://pool.example", false),
        ] {
            assert_eq!(WebUrl::parse(text).map(|url| url.is_loopback()), Ok(want), "{text:?}");
        }
    }
}
