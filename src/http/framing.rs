//! HTTP/1 framing as bytes in, bytes out: reads request heads, writes response heads. Does no I/O and
//! keeps no time; [`super::porter`] owns the socket and the deadlines.
//!
//! It is stricter than the RFC allows a server to be, because whatever two parsers may read
//! differently is a way to smuggle: lines end in CR LF, no header line is folded, and exactly one
//! field says how long the body is. Start at [`parse_head`].

use std::time::{SystemTime, UNIX_EPOCH};

use super::status::reason;
use super::{Head, Headers, Response};

/// Why a request is turned away before anybody looks at it. The connection closes after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Status code of the answer.
    pub status: u16,
    /// What the client should do differently.
    pub why: &'static str,
}

const fn refuse(status: u16, why: &'static str) -> Refusal {
    Refusal { status, why }
}

const BAD_LINE_END: Refusal = refuse(400, "Lines of a request head end in CR LF.");
const TOO_LARGE_HEAD: Refusal = refuse(431, "The request head is too large.");

/// The refusal of a body that is longer than its route allows.
pub(crate) const TOO_LARGE_BODY: Refusal = refuse(413, "The request body is larger than this route accepts.");

/// How the end of a request's body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// This many bytes; zero when there is no body.
    Exact(u64),
    /// Chunks, until the empty one.
    Chunked,
}

/// A request head and what it says about the connection.
#[derive(Debug, Clone)]
pub(crate) struct ParsedHead {
    pub head: Head,
    pub body: BodyLength,
    /// HTTP/1.1, as opposed to 1.0.
    pub http11: bool,
    /// The client is willing to send another request on this connection.
    pub keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
}

/// Looks for the end of the head in `buf`, of which `scanned` bytes were looked at before.
/// Gives the length of the head with its empty line, or none when more bytes are needed.
pub(crate) fn find_head_end(buf: &[u8], scanned: usize, limit: usize) -> Result<Option<usize>, Refusal> {
    // Empty lines before a request line are skipped, as the RFC asks.
    let start = buf.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(buf.len());
    for (i, byte) in buf.iter().enumerate().skip(scanned.max(start)) {
        if *byte != b'\n' {
            continue;
        }
        if i == 0 || buf[i - 1] != b'\r' {
            return Err(BAD_LINE_END);
        }
        if i >= start + 3 && buf[i - 3..i] == *b"\r\n\r" {
            return if i < limit { Ok(Some(i + 1)) } else { Err(TOO_LARGE_HEAD) };
        }
    }
    if buf.len() >= limit { Err(TOO_LARGE_HEAD) } else { Ok(None) }
}

/// Parses a whole head, as delimited by [`find_head_end`].
pub(crate) fn parse_head(bytes: &[u8], max_fields: usize) -> Result<ParsedHead, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let room = max_fields.min(fields.len());
    let mut request = httparse::Request::new(&mut fields[..room]);
    match request.parse(bytes) {
        // Both agree on where the head ends, or nobody is to be trusted about what follows.
        Ok(httparse::Status::Complete(end)) if end == bytes.len() => {}
        Ok(_) => return Err(BAD_LINE_END),
        Err(httparse::Error::TooManyHeaders) => return Err(refuse(431, "The request has too many header fields.")),
        Err(httparse::Error::Version) => return Err(refuse(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.")),
        Err(_) => return Err(refuse(400, "The request head is malformed.")),
    }
    // `parse` gave `Complete`, so all three are there.
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(refuse(400, "The request head is malformed."));
    };
    let http11 = minor == 1;
    let mut headers: Vec<(String, String)> = Vec::with_capacity(request.headers.len());
    for field in request.headers.iter() {
        headers.push((field.name.to_owned(), field_text(field.value)));
    }
    let mut headers = Headers(headers);
    let (path, query) = split_target(method, target, &mut headers)?;
    check_host(&headers, http11)?;
    let body = body_length(&headers, http11)?;
    let expects_continue = match headers.get("Expect") {
        None => false,
        Some(value) if value.eq_ignore_ascii_case("100-continue") => http11,
        Some(_) => return Err(refuse(417, "The only expectation met here is 100-continue.")),
    };
    let keep_alive =
        !headers.has_token("Connection", "close") && (http11 || headers.has_token("Connection", "keep-alive"));
    let head = Head { method: method.to_owned(), path, query, headers };
    Ok(ParsedHead { head, body, http11, keep_alive, expects_continue })
}

/// A field's value as text: UTF-8 where it is that, else each byte as the Latin-1 character it once meant.
fn field_text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().map(|b| char::from(*b)).collect(),
    }
}

/// Path and query of a request target. An absolute target's authority takes the place of `Host`.
fn split_target(method: &str, target: &str, headers: &mut Headers) -> Result<(String, String), Refusal> {
    const BAD_TARGET: Refusal = refuse(400, "The request target is malformed.");
    if method == "CONNECT" {
        let fits = target.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        return if fits { Ok((target.to_owned(), String::new())) } else { Err(BAD_TARGET) };
    }
    let mut rest = target;
    if !target.starts_with('/') {
        let lower = target.get(..8).map(str::to_ascii_lowercase).unwrap_or_default();
        let skip = if lower.starts_with("http://") {
            7
        } else if lower == "https://" {
            8
        } else {
            return Err(BAD_TARGET);
        };
        let after = &target[skip..];
        let end = after.find(['/', '?']).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        if authority.is_empty() {
            return Err(BAD_TARGET);
        }
        headers.0.retain(|(name, _)| !name.eq_ignore_ascii_case("Host"));
        headers.0.push(("Host".to_owned(), authority.to_owned()));
        rest = tail;
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !percent_escapes_are_whole(path) {
        return Err(BAD_TARGET);
    }
    Ok((if path.is_empty() { "/".to_owned() } else { path.to_owned() }, query.to_owned()))
}

fn percent_escapes_are_whole(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'%')
        .all(|(i, _)| bytes.get(i + 1..i + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)))
}

fn check_host(headers: &Headers, http11: bool) -> Result<(), Refusal> {
    let mut hosts = headers.all("Host");
    match (hosts.next(), hosts.next()) {
        (None, _) if http11 => Err(refuse(400, "The request has no Host field.")),
        (_, Some(_)) => Err(refuse(400, "The request has more than one Host field.")),
        (Some(host), None)
            if host.bytes().any(|b| b <= b' ' || matches!(b, b'/' | b'@' | b'?' | b'#' | b'\\' | 127)) =>
        {
            Err(refuse(400, "The Host field is malformed."))
        }
        _ => Ok(()),
    }
}

fn body_length(headers: &Headers, http11: bool) -> Result<BodyLength, Refusal> {
    let mut codings = headers.all("Transfer-Encoding");
    let mut lengths = headers.all("Content-Length");
    match (codings.next(), lengths.next()) {
        (None, None) => Ok(BodyLength::Exact(0)),
        (Some(_), Some(_)) => Err(refuse(400, "Transfer-Encoding and Content-Length exclude each other.")),
        (Some(coding), None) if http11 && codings.next().is_none() && coding.eq_ignore_ascii_case("chunked") => {
            Ok(BodyLength::Chunked)
        }
        (Some(_), None) => Err(refuse(400, "The only transfer coding understood here is chunked.")),
        (None, Some(length)) => {
            let digits = !length.is_empty() && length.len() <= 18 && length.bytes().all(|b| b.is_ascii_digit());
            match length.parse() {
                Ok(length) if digits && lengths.next().is_none() => Ok(BodyLength::Exact(length)),
                _ => Err(refuse(400, "The Content-Length field is malformed.")),
            }
        }
    }
}

/// What a response head says about the connection and the body that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    /// A body of this many bytes.
    Exact(usize),
    /// Chunks.
    Chunked,
    /// Bytes until the connection closes.
    UntilClose,
    /// Nothing that HTTP frames: an upgrade, or a status that has no body.
    Nothing,
}

/// Writes a response head. Fields that only the front door may set are left out of `headers`, and a
/// line break in a value becomes a space, so that no value can end the head early.
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    status: u16,
    headers: &[(String, String)],
    own: &[(&str, &str)],
    follows: Follows,
) {
    let mut digits = itoa(u64::from(status));
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(digits.as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in own {
        push_field(out, name, value);
    }
    for (name, value) in headers {
        let reserved = ["Content-Length", "Transfer-Encoding"].iter().any(|r| name.eq_ignore_ascii_case(r))
            || own.iter().any(|(own, _)| name.eq_ignore_ascii_case(own));
        if !reserved {
            push_field(out, name, value);
        }
    }
    match follows {
        Follows::Exact(length) => {
            digits = itoa(length as u64);
            push_field(out, "Content-Length", &digits);
        }
        Follows::Chunked => push_field(out, "Transfer-Encoding", "chunked"),
        Follows::UntilClose | Follows::Nothing => {}
    }
    out.extend_from_slice(b"\r\n");
}

fn itoa(n: u64) -> String {
    n.to_string()
}

fn push_field(out: &mut Vec<u8>, name: &str, value: &str) {
    let belongs_in_name = |b: &u8| b.is_ascii_graphic() && *b != b':';
    let ends_value = |b: &u8| matches!(b, b'\r' | b'\n' | 0);
    // Nearly every field is as it should be, and a look is quicker than a copy byte by byte.
    match name.as_bytes().iter().all(belongs_in_name) {
        true => out.extend_from_slice(name.as_bytes()),
        false => out.extend(name.bytes().filter(belongs_in_name)),
    }
    out.extend_from_slice(b": ");
    match value.as_bytes().iter().any(ends_value) {
        true => out.extend(value.bytes().map(|b| if ends_value(&b) { b' ' } else { b })),
        false => out.extend_from_slice(value.as_bytes()),
    }
    out.extend_from_slice(b"\r\n");
}

/// How the body of an answer is framed.
pub(crate) fn follows(response: &Response) -> Follows {
    match response.status {
        100..=199 | 204 | 304 => Follows::Nothing,
        _ => Follows::Exact(response.body.len()),
    }
}

/// The time as the `Date` field wants it.
pub(crate) fn http_date(at: SystemTime) -> String {
    let secs = at.duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or(0);
    let stamp = jiff::Timestamp::from_second(i64::try_from(secs).unwrap_or(0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a head of these lines is taken for.
    fn parse(lines: &str) -> Result<ParsedHead, u16> {
        let bytes = format!("{}\r\n\r\n", lines.replace('\n', "\r\n"));
        let end = find_head_end(bytes.as_bytes(), 0, 1 << 16).map_err(|r| r.status)?;
        parse_head(&bytes.as_bytes()[..end.unwrap()], 100).map_err(|r| r.status)
    }

    #[test]
    fn a_target_is_split_into_path_and_query() {
        for (target, path, query) in [
            ("/a/b?c=d?e", "/a/b", "c=d?e"),
            ("/", "/", ""),
            ("//a//", "//a//", ""),
            ("/%2f?%zz", "/%2f", "%zz"),
            ("http://x", "/", ""),
            ("HTTPS://x:1?q", "/", "q"),
            ("http://x/a", "/a", ""),
        ] {
            let head = parse(&format!("GET {target} HTTP/1.1\nHost: h")).unwrap().head;
            assert_eq!((head.path.as_str(), head.query.as_str()), (path, query), "{target}");
        }
        for target in ["*", "a", "ftp://x/", "/%", "/%f", "/%fg", "http://", "http:///a", "http://a@b/"] {
            assert_eq!(parse(&format!("GET {target} HTTP/1.1\nHost: h")).unwrap_err(), 400, "{target}");
        }
    }

    #[test]
    fn connect_names_a_host_and_a_port() {
        assert_eq!(parse("CONNECT a.b:443 HTTP/1.1\nHost: a.b").unwrap().head.path, "a.b:443");
        for target in ["a.b", ":1", "a:99999", "/a"] {
            assert_eq!(parse(&format!("CONNECT {target} HTTP/1.1\nHost: h")).unwrap_err(), 400, "{target}");
        }
    }

    #[test]
    fn the_connection_field_and_the_version_say_whether_another_request_may_come() {
        for (version, fields, want) in [
            ("1.1", "", true),
            ("1.1", "\nConnection: close", false),
            ("1.1", "\nConnection: foo, Close", false),
            ("1.0", "", false),
            ("1.0", "\nConnection: Keep-Alive", true),
            ("1.0", "\nConnection: keep-alive, close", false),
        ] {
            let parsed = parse(&format!("GET / HTTP/{version}\nHost: h{fields}")).unwrap();
            assert_eq!(parsed.keep_alive, want, "{version} {fields}");
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_wherever_the_pieces_part() {
        let bytes = b"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
        for cut in 0..bytes.len() - 4 {
            let scanned = if find_head_end(&bytes[..cut], 0, 100).unwrap().is_none() { cut } else { 0 };
            assert_eq!(find_head_end(bytes, scanned, 100).unwrap(), Some(bytes.len() - 4), "cut at {cut}");
        }
        assert_eq!(find_head_end(bytes, 0, 20).unwrap_err().status, 431);
        assert_eq!(find_head_end(b"GET / HTTP/1.1\n", 0, 100).unwrap_err().status, 400);
    }

    #[test]
    fn a_date_is_written_as_http_wants_it() {
        let at = UNIX_EPOCH + std::time::Duration::from_secs(784_111_777);
        assert_eq!(http_date(at), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_head_holds_what_was_given_but_what_frames_it() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers =
            [field("content-length", "9"), field("Date", "x"), field("Bad\r\n: Name", "a\nb"), field("X", "y")];
        let mut out = Vec::new();
        write_head(&mut out, 299, &headers, &[("Date", "now")], Follows::Exact(3));
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, "HTTP/1.1 299 \r\nDate: now\r\nBadName: a b\r\nX: y\r\nContent-Length: 3\r\n\r\n");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(Some(end)) = find_head_end(&bytes, 0, 300) {
                let _ = parse_head(&bytes[..end], 10);
            }
            let _ = parse_head(&bytes, 10);
        }

        #[test]
        fn no_almost_valid_head_makes_it_panic(
            method in "[A-Z]{1,8}|\\PC{0,4}",
            target in "(/|http://)?[ -~é]{0,20}",
            fields in prop::collection::vec("(Host|Content-Length|Transfer-Encoding|Connection|Expect|X)(: )[ -~]{0,12}", 0..5),
        ) {
            let head = format!("{method} {target} HTTP/1.1\r\n{}\r\n\r\n", fields.join("\r\n"));
            if let Ok(Some(end)) = find_head_end(head.as_bytes(), 0, 1000)
                && let Ok(parsed) = parse_head(&head.as_bytes()[..end], 10) {
                prop_assert!(parsed.head.path.starts_with('/') || parsed.head.method == "CONNECT");
                prop_assert_eq!(parsed.head.headers.all("Host").count(), 1);
            }
        }
    }
}
