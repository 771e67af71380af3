//! Chunked request bodies as bytes in, bytes out. Strict about line ends and sizes, because whatever two
//! parsers may read differently is a way to smuggle.

use super::framing::{Refusal, TOO_LARGE_BODY};

const BAD_CHUNK: Refusal = Refusal { status: 400, why: "The chunked body is malformed." };

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds a chunked body in pieces of `step` bytes: what it says, and what is left for the next request.
    fn unchunk(bytes: &[u8], step: usize, max_body: u64) -> Result<(Vec<u8>, usize), u16> {
        let (mut decoder, mut out, mut used) = (ChunkedDecoder::new(), Vec::new(), 0);
        for piece in bytes.chunks(step) {
            let n = decoder.feed(piece, &mut out, max_body).map_err(|r| r.status)?;
            used += n;
            if decoder.is_done() {
                return Ok((out, bytes.len() - used));
            }
            assert_eq!(n, piece.len());
        }
        Err(0)
    }

    #[test]
    fn a_chunked_body_reads_the_same_in_any_pieces() {
        let bytes = b"4;a=\"b\"\r\nwiki\r\n00E\r\npedia in\r\n\r\nch\r\n0\r\nT: x\r\nU: y\r\n\r\nGET /";
        for step in 1..=bytes.len() {
            assert_eq!(unchunk(bytes, step, 18).unwrap(), (b"wikipedia in\r\n\r\nch".to_vec(), 5), "{step}");
            assert_eq!(unchunk(bytes, step, 17).unwrap_err(), 413, "{step}");
        }
    }

    #[test]
    fn a_malformed_chunk_is_refused() {
        for bytes in [
            "\r\n",
            ";\r\n",
            " 1\r\na",
            "1 \r\na",
            "0x1\r\na",
            "1\na",
            "1\r\nab",
            "1\r\na\n",
            "1;a\nb\r\n",
            "0\r\nT: x\n\r\n",
            "0\r\n\n",
            "-1\r\n",
            "1000000000000000\r\n",
        ] {
            assert_eq!(unchunk(bytes.as_bytes(), 1, 100).unwrap_err(), 400, "{bytes:?}");
        }
        let endless = format!("0\r\n{}", "T: x\r\n".repeat(1000));
        assert_eq!(unchunk(endless.as_bytes(), 100, 100).unwrap_err(), 400);
        let endless = format!("1;{}", "x".repeat(5000));
        assert_eq!(unchunk(endless.as_bytes(), 100, 100).unwrap_err(), 400);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_exceed_its_limit(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            step in 1usize..40,
        ) {
            let (mut decoder, mut out) = (ChunkedDecoder::new(), Vec::new());
            for piece in bytes.chunks(step) {
                if decoder.is_done() || decoder.feed(piece, &mut out, 100).is_err() {
                    break;
                }
            }
            prop_assert!(out.len() <= 100);
        }

        #[test]
        fn any_body_survives_being_chunked(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..8), step in 1usize..60) {
            let mut wire = Vec::new();
            for part in &parts {
                wire.extend(format!("{:X}\r\n", part.len()).bytes().chain(part.iter().copied()).chain(*b"\r\n"));
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            prop_assert_eq!(unchunk(&wire, step, 1000).unwrap(), (parts.concat(), 0));
        }
    }
}
