//! URIs as the protocol compares them (RFC 3986): taken apart without being interpreted, so that nothing
//! which was checked can mean something else to whoever reads it next.

use std::fmt::Write as _;

/// A URI in its parts, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// Empty for a relative reference.
    pub scheme: &'a str,
    /// What follows `//`, if there is one.
    pub authority: Option<&'a str>,
    /// Path; for a URI such as `urn:x:y` all that follows the scheme.
    pub path: &'a str,
    /// What follows `?`, if there is one.
    pub query: Option<&'a str>,
    /// What follows `#`, if there is one; may be empty.
    pub fragment: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Takes a URI apart. None for what no URI contains: white space, control characters, backslashes
    /// (which browsers read as slashes), bad escapes, a host with characters that hosts have not.
    pub fn parse(text: &'a str) -> Option<Uri<'a>> {
        let odd =
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\\' | '"' | '<' | '>' | '`' | '{' | '}');
        if text.contains(odd) || !escapes_are_whole(text) {
            return None;
        }
        let (rest, fragment) = cut(text, '#');
        let (rest, query) = cut(rest, '?');
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
            // A first segment with a colon would be neither a scheme nor a path.
            Some((before, _)) if !before.contains('/') => return None,
            _ => ("", rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(authority), path)
            }
            None => (None, rest),
        };
        let uri = Uri { scheme, authority, path, query, fragment };
        uri.has_good_port().then_some(uri)
    }

    /// Whether it has a scheme.
    pub fn is_absolute(&self) -> bool {
        !self.scheme.is_empty()
    }

    /// Whether its scheme is this one, in any case.
    pub fn has_scheme(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Whether it is one of the web: http or https, with a host.
    pub fn is_web(&self) -> bool {
        (self.has_scheme("http") || self.has_scheme("https")) && !self.host().is_empty()
    }

    /// Host and port, without who logs in there.
    pub fn host_and_port(&self) -> &'a str {
        let authority = self.authority.unwrap_or_default();
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    }

    /// Whether it names somebody who logs in.
    pub fn has_user(&self) -> bool {
        self.authority.is_some_and(|a| a.contains('@'))
    }

    /// The host; an IPv6 address without its brackets.
    pub fn host(&self) -> &'a str {
        let host = self.host_and_port();
        match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => host.split(':').next().unwrap_or_default(),
        }
    }

    /// Whether a segment of the path, escaped or not, leads up or stays where it is.
    pub fn has_dot_segments(&self) -> bool {
        let path = self.path.replace("%2e", ".").replace("%2E", ".").replace("%2f", "/").replace("%2F", "/");
        path.split('/').any(|segment| matches!(segment, "." | ".."))
    }

    fn has_good_port(&self) -> bool {
        let host = self.host_and_port();
        let port = match host.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((_, "")) => return true,
                Some((_, port)) => port.strip_prefix(':'),
                None => None,
            },
            None => match host.split_once(':') {
                Some((_, port)) => Some(port),
                None => return true,
            },
        };
        port.is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
    }
}

/// What an audience is compared as (RFC 3986, section 6.2): scheme and host in lower case, no default
/// port, no dot segments, no slash at the end of a path, no fragment. What is no URI stays as it is.
pub fn normalized(text: &str) -> String {
    let Some(uri) = Uri::parse(text) else { return text.to_owned() };
    let scheme = uri.scheme.to_ascii_lowercase();
    let mut host = uri.authority.unwrap_or_default().to_lowercase();
    let default_port = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    if !default_port.is_empty()
        && let Some(bare) = host.strip_suffix(default_port)
    {
        host.truncate(bare.len());
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in uri.path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(&scheme);
        out.push(':');
    }
    if uri.authority.is_some() {
        let _ = write!(out, "//{host}");
    }
    out.push('/');
    out.push_str(&segments.join("/"));
    if let Some(query) = uri.query {
        let _ = write!(out, "?{query}");
    }
    out
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn escapes_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|after| after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_taken_apart_as_it_is_written() {
        let uri = Uri::parse("https://ann@Example.com:8443/a/b?x=1?2#part").unwrap();
        assert_eq!((uri.scheme, uri.path, uri.query, uri.fragment), ("https", "/a/b", Some("x=1?2"), Some("part")));
        assert_eq!((uri.host_and_port(), uri.host(), uri.has_user()), ("Example.com:8443", "Example.com", true));
        let v6 = Uri::parse("http://[::1]:80/back").unwrap();
        assert_eq!((v6.host(), v6.host_and_port()), ("::1", "[::1]:80"));
        let urn = Uri::parse("urn:ietf:wg:oauth:2.0:oob").unwrap();
        assert_eq!((urn.scheme, urn.authority, urn.path), ("urn", None, "ietf:wg:oauth:2.0:oob"));
        assert!(!Uri::parse("relative/path").unwrap().is_absolute());
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_uri() {
        for bad in [
            "https://exa mple.com",
            "https://a\r\nLocation: x",
            "https://good.example\\@evil.example/",
            "https://a/%zz",
            "https://a/%2",
            "https://a:port/",
            "https://[::1",
            "https://[::1]x/",
            "1a:b",
            "https://a/\"onload",
            "https://a/<b>",
            "https://a/\u{0}",
        ] {
            assert_eq!(Uri::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn audiences_are_the_same_however_they_are_written() {
        for (a, b, same) in [
            ("https://Example.com", "https://example.com/", true),
            ("HTTPS://example.com:443/", "https://example.com", true),
            ("http://example.com:80", "http://example.com/", true),
            ("https://example.com/a/../b/", "https://example.com/b", true),
            ("https://example.com/a#part", "https://example.com/a", true),
            ("https://example.com:8443", "https://example.com", false),
            ("http://example.com", "https://example.com", false),
            ("https://example.com.evil.example", "https://example.com", false),
            ("https://example.com@evil.example", "https://example.com", false),
            ("https://example.com/api", "https://example.com", false),
            ("https://example.com/?a", "https://example.com/", false),
        ] {
            assert_eq!(normalized(a) == normalized(b), same, "{a} {b}: {} {}", normalized(a), normalized(b));
        }
    }
}
