//! One connection that speaks HTTP/1.1: writes a request, reads the answer's head, and hands out its
//! body. Reads exactly the answer's bytes, so that the connection can be used again.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::Head;

/// More than this for an answer's first lines is no answer.
const HEAD_MAX_BYTES: usize = 64 * 1024;
const FIELDS_MAX: usize = 128;

#[derive(Debug)]
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
}

/// Why an answer's head could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The server closed the connection before it said anything.
    Closed,
    Io(io::Error),
    Malformed(String),
}

impl From<io::Error> for ReadError {
    fn from(err: io::Error) -> ReadError {
        ReadError::Io(err)
    }
}

/// The body of an answer, as it comes.
#[derive(Debug)]
pub struct Body {
    connection: Connection,
    rest: Rest,
    keep_alive: bool,
}

/// How much of a body is still to come.
#[derive(Debug)]
enum Rest {
    Nothing,
    Bytes(u64),
    /// Bytes of the chunk that is being read; the next size line follows it.
    Chunk(u64),
    /// No size line has been read yet.
    FirstChunk,
    UntilClosed,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Connection {
        Connection { stream: BufReader::new(stream) }
    }

    /// Whether the other side has neither closed it nor said something unasked.
    pub(super) fn is_open(&self) -> bool {
        let stream = self.stream.get_ref();
        let mut byte = [0];
        if stream.set_nonblocking(true).is_err() {
            return false;
        }
        let peeked = stream.peek(&mut byte);
        let quiet = peeked.is_err_and(|err| err.kind() == io::ErrorKind::WouldBlock);
        stream.set_nonblocking(false).is_ok() && quiet && self.stream.buffer().is_empty()
    }

    pub(super) fn write(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(), ReadError> {
        let mut out = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
        for (name, value) in headers {
            if [*name, *value].iter().any(|text| text.contains(['\r', '\n'])) {
                return Err(ReadError::Malformed(format!("the field {name} would end its line")));
            }
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if !body.is_empty() || !matches!(method, "GET" | "HEAD" | "DELETE") {
            out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
        // A server may answer and close before it has read everything; its answer is what counts.
        match self.stream.get_mut().write_all(&out) {
            Err(err) if matches!(err.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(()),
            other => Ok(other?),
        }
    }

    pub(super) fn read(mut self, method: &str) -> Result<(Head, Body), ReadError> {
        loop {
            let head = self.read_head()?;
            // Interim answers announce the real one.
            if (100..200).contains(&head.status) && head.status != 101 {
                continue;
            }
            let rest = rest_of(method, &head)?;
            let keep_alive = !matches!(rest, Rest::UntilClosed)
                && !head.header("Connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
            return Ok((head, Body { connection: self, rest, keep_alive }));
        }
    }

    fn read_head(&mut self) -> Result<Head, ReadError> {
        let mut text = Vec::new();
        loop {
            let before = text.len();
            let left = (HEAD_MAX_BYTES - before) as u64;
            match (&mut self.stream).take(left).read_until(b'\n', &mut text) {
                Err(err) if before == 0 && err.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(ReadError::Closed);
                }
                other => other?,
            };
            match &text[before..] {
                b"" if before == 0 => return Err(ReadError::Closed),
                b"\r\n" | b"\n" => break,
                line if line.ends_with(b"\n") => {}
                _ => return Err(ReadError::Malformed("its first lines do not end".into())),
            }
        }
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut parsed = httparse::Response::new(&mut fields);
        parsed.parse(&text).map_err(|err| ReadError::Malformed(err.to_string()))?;
        let headers = parsed.headers.iter();
        Ok(Head {
            status: parsed.code.unwrap_or_default(),
            headers: headers.map(|h| (h.name.to_owned(), String::from_utf8_lossy(h.value).into_owned())).collect(),
        })
    }
}

fn rest_of(method: &str, head: &Head) -> Result<Rest, ReadError> {
    if method == "HEAD" || matches!(head.status, 101 | 204 | 304) {
        return Ok(Rest::Nothing);
    }
    if head.header("Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        return Ok(Rest::FirstChunk);
    }
    match head.header("Content-Length") {
        Some(length) => match length.trim().parse() {
            Ok(0) => Ok(Rest::Nothing),
            Ok(length) => Ok(Rest::Bytes(length)),
            Err(_) => Err(ReadError::Malformed(format!("{length:?} is not a length"))),
        },
        None => Ok(Rest::UntilClosed),
    }
}

impl Body {
    /// The connection, if the body has been read to its end and the server keeps it.
    pub(super) fn into_reusable(self) -> Option<Connection> {
        (self.keep_alive && matches!(self.rest, Rest::Nothing)).then_some(self.connection)
    }

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        (&mut self.connection.stream).take(HEAD_MAX_BYTES as u64).read_line(&mut line)?;
        if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Reads the next size line, and the fields after the last chunk.
    fn next_chunk(&mut self) -> io::Result<()> {
        let line = self.read_line()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{digits:?} is not a chunk's size")))?;
        self.rest = Rest::Chunk(size);
        if size == 0 {
            while self.read_line()?.trim_end() != "" {}
            self.rest = Rest::Nothing;
        }
        Ok(())
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        match self.rest {
            Rest::FirstChunk => self.next_chunk()?,
            Rest::Chunk(0) => {
                self.read_line()?;
                self.next_chunk()?;
            }
            _ => {}
        }
        let left = match self.rest {
            Rest::Nothing => return Ok(0),
            Rest::UntilClosed => return self.connection.stream.read(out),
            Rest::Bytes(left) | Rest::Chunk(left) => left,
            Rest::FirstChunk => return Err(io::ErrorKind::InvalidData.into()),
        };
        let most = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = self.connection.stream.read(&mut out[..most])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let left = left - count as u64;
        self.rest = match self.rest {
            Rest::Chunk(_) => Rest::Chunk(left),
            _ if left == 0 => Rest::Nothing,
            _ => Rest::Bytes(left),
        };
        Ok(count)
    }
}
