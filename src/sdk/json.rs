//! Writes JSON as the API's clients are used to it: what could end a script tag is escaped, floats
//! carry no needless `.0`, and a body ends with a newline.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

/// The body for a value: JSON and a newline.
///
/// # Panics
/// If the value cannot be JSON (a map whose keys are not strings), which no type here is.
#[allow(clippy::expect_used, reason = "the types of this module are always JSON, and a test writes each")]
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, value).expect("API types are always JSON");
    out.push(b'\n');
    out
}

/// Writes a value as JSON without the newline, for streams that frame it themselves.
pub fn write<W: Write, T: Serialize + ?Sized>(out: W, value: &T) -> serde_json::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, Escaped))
}

struct Escaped;

impl Formatter for Escaped {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        let bytes = text.as_bytes();
        let mut done = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let (escape, length): (&[u8], usize) = match byte {
                b'<' => (b"\\u003c", 1),
                b'>' => (b"\\u003e", 1),
                b'&' => (b"\\u0026", 1),
                // The line and paragraph separators, which end a line in old scripts.
                0xe2 if bytes[at..].starts_with(&[0xe2, 0x80, 0xa8]) => (b"\\u2028", 3),
                0xe2 if bytes[at..].starts_with(&[0xe2, 0x80, 0xa9]) => (b"\\u2029", 3),
                _ => continue,
            };
            out.write_all(&bytes[done..at])?;
            out.write_all(escape)?;
            done = at + length;
        }
        out.write_all(&bytes[done..])
    }

    fn write_f64<W: Write + ?Sized>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size == 0.0 || (1e-6..1e21).contains(&size) {
            write!(out, "{value}")
        } else {
            let text = format!("{value:e}");
            // Large powers carry their sign.
            out.write_all(if size >= 1e21 { text.replacen('e', "e+", 1) } else { text }.as_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_written_as_clients_are_used_to() {
        for (value, want) in [
            (serde_json::json!("<a href='?x&y'>"), "\"\\u003ca href='?x\\u0026y'\\u003e\"\n"),
            (serde_json::json!("tab\t\"q\" \u{2028}\u{2029} \u{20ac}é"), "\"tab\\t\\\"q\\\" \\u2028\\u2029 €é\"\n"),
            (serde_json::json!({"<": null}), "{\"\\u003c\":null}\n"),
            (serde_json::json!([1.0, 0.5, 1e-7, 1e21, -2.5e300, 100]), "[1,0.5,1e-7,1e+21,-2.5e+300,100]\n"),
        ] {
            assert_eq!(String::from_utf8(to_vec(&value)).unwrap(), want);
        }
    }
}
