//! HTTP/1 framing as bytes in, bytes out: reads request heads and chunked bodies, writes response
//! heads. Does no I/O and keeps no time; [`super::porter`] owns the socket and the deadlines.
//!
//! It is stricter than the RFC allows a server to be, because whatever two parsers may read
//! differently is a way to smuggle: lines end in CR LF, no header line is folded, and exactly one
//! field says how long the body is. Start at [`parse_head`].

use std::time::{SystemTime, UNIX_EPOCH};

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
const BAD_CHUNK: Refusal = refuse(400, "The chunked body is malformed.");
const TOO_LARGE_HEAD: Refusal = refuse(431, "The request head is too large.");

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
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(BAD_LINE_END),
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

/// Decodes a chunked body as it arrives. Extensions and trailers are read past and thrown away.
#[derive(Debug)]
pub(crate) struct ChunkedDecoder {
    state: Chunk,
    /// Bytes of the current line, or of all trailers.
    line_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    Size { value: u64, digits: u8 },
    Extension { value: u64 },
    SizeLf { value: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    LastLf,
    Done,
}

/// Longest chunk-size line, and longest trailer section.
const CHUNK_LINE_MAX_BYTES: usize = 4096;

impl ChunkedDecoder {
    pub(crate) fn new() -> ChunkedDecoder {
        ChunkedDecoder { state: Chunk::Size { value: 0, digits: 0 }, line_bytes: 0 }
    }
    /// Whether the last chunk and its trailers were read.
    pub(crate) fn is_done(&self) -> bool {
        self.state == Chunk::Done
    }
    /// Takes from `input`, appends decoded bytes to `out`, and says how many bytes of `input` it used.
    /// It stops at the end of the body: what follows belongs to the next request. A chunk that would
    /// take `out` beyond `max_body` is refused when its size is known.
    pub(crate) fn feed(&mut self, input: &[u8], out: &mut Vec<u8>, max_body: u64) -> Result<usize, Refusal> {
        let mut at = 0;
        while at < input.len() && self.state != Chunk::Done {
            if let Chunk::Data { left } = self.state {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len() - at);
                out.extend_from_slice(&input[at..at + take]);
                at += take;
                let left = left - take as u64;
                self.state = if left == 0 { Chunk::DataCr } else { Chunk::Data { left } };
                continue;
            }
            let byte = input[at];
            at += 1;
            self.line_bytes += 1;
            if self.line_bytes > CHUNK_LINE_MAX_BYTES {
                return Err(BAD_CHUNK);
            }
            self.state = match (self.state, byte) {
                (Chunk::Size { value, digits }, b'\r') if digits > 0 => Chunk::SizeLf { value },
                (Chunk::Size { value, digits }, b';') if digits > 0 => Chunk::Extension { value },
                (Chunk::Size { value, digits }, _) => {
                    let digit = char::from(byte).to_digit(16).ok_or(BAD_CHUNK)?;
                    if digits == 15 {
                        return Err(BAD_CHUNK);
                    }
                    Chunk::Size { value: value * 16 + u64::from(digit), digits: digits + 1 }
                }
                (Chunk::Extension { value }, b'\r') => Chunk::SizeLf { value },
                (Chunk::Extension { .. }, b'\n' | 0) => return Err(BAD_CHUNK),
                (Chunk::Extension { value }, _) => Chunk::Extension { value },
                (Chunk::SizeLf { value }, b'\n') => {
                    self.line_bytes = 0;
                    if value > max_body.saturating_sub(out.len() as u64) {
                        return Err(TOO_LARGE_BODY);
                    }
                    if value == 0 { Chunk::TrailerStart } else { Chunk::Data { left: value } }
                }
                (Chunk::DataCr, b'\r') => Chunk::DataLf,
                (Chunk::DataLf, b'\n') => {
                    self.line_bytes = 0;
                    Chunk::Size { value: 0, digits: 0 }
                }
                (Chunk::TrailerStart, b'\r') => Chunk::LastLf,
                (Chunk::TrailerStart | Chunk::Trailer, b'\n' | 0) => return Err(BAD_CHUNK),
                (Chunk::Trailer, b'\r') => Chunk::TrailerLf,
                (Chunk::TrailerStart | Chunk::Trailer, _) => Chunk::Trailer,
                (Chunk::TrailerLf, b'\n') => Chunk::TrailerStart,
                (Chunk::LastLf, b'\n') => Chunk::Done,
                _ => return Err(BAD_CHUNK),
            };
        }
        Ok(at)
    }
}

/// The refusal of a body that is longer than its route allows.
pub(crate) const TOO_LARGE_BODY: Refusal = refuse(413, "The request body is larger than this route accepts.");

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
    out.extend(name.bytes().filter(|b| b.is_ascii_graphic() && *b != b':'));
    out.extend_from_slice(b": ");
    out.extend(value.bytes().map(|b| if matches!(b, b'\r' | b'\n' | 0) { b' ' } else { b }));
    out.extend_from_slice(b"\r\n");
}

/// How the body of an answer is framed.
pub(crate) fn follows(response: &Response) -> Follows {
    match response.status {
        100..=199 | 204 | 304 => Follows::Nothing,
        _ => Follows::Exact(response.body.len()),
    }
}

/// The standard words for a status code; empty for a code that has none.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        _ => "",
    }
}

/// The time as the `Date` field wants it.
pub(crate) fn http_date(at: SystemTime) -> String {
    let secs = at.duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or(0);
    let stamp = jiff::Timestamp::from_second(i64::try_from(secs).unwrap_or(0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
