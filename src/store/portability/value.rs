//! A value on its way between engines, and the one text that it has in a dump.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::store::value::to_json;

/// A value, free of how an engine keeps it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A floating point number of eight bytes.
    Float8(f64),
    /// A floating point number of four bytes.
    Float4(f32),
    /// Text.
    Text(Cow<'a, str>),
    /// A UUID.
    Uuid(Uuid),
    /// Microseconds since 1970; the extremes are the times before and after all others.
    Time(i64),
    /// Days since 1970.
    Date(i32),
    /// JSON, as [`canonical`](super::json::canonical) has it.
    Json(String),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An address and the length of its network's prefix.
    Inet(IpAddr, u8),
    /// An array of texts, any of which may be NULL.
    Texts(Vec<Option<Cow<'a, str>>>),
    /// An array of UUIDs, any of which may be NULL.
    Uuids(Vec<Option<Uuid>>),
}

/// Writes a row's values as a line, without its end: apart by tabs, NULL as `\N`.
pub fn write_line(values: &[Value<'_>], line: &mut String) {
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            line.push('\t');
        }
        write_value(value, line);
    }
}

/// Writes a value in the one form that it has. Nothing in it ends a line or a field.
pub fn write_value(value: &Value<'_>, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = match value {
        Value::Null => out.write_str("\\N"),
        Value::Bool(bool) => write!(out, "{bool}"),
        Value::Int(int) => write!(out, "{int}"),
        Value::Float8(float) => write!(out, "{float:?}"),
        Value::Float4(float) => write!(out, "{float:?}"),
        Value::Uuid(uuid) => write!(out, "{uuid}"),
        Value::Time(i64::MAX) => out.write_str("infinity"),
        Value::Time(i64::MIN) => out.write_str("-infinity"),
        Value::Time(micros) => write!(out, "{micros}"),
        Value::Date(i32::MAX) => out.write_str("infinity"),
        Value::Date(i32::MIN) => out.write_str("-infinity"),
        Value::Date(days) => write!(out, "{days}"),
        Value::Inet(address, bits) => write!(out, "{address}/{bits}"),
        Value::Bytes(bytes) => {
            out.push_str("\\x");
            bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
        }
        Value::Text(text) => {
            escape(text, out);
            Ok(())
        }
        Value::Json(text) => {
            escape(text, out);
            Ok(())
        }
        Value::Texts(items) => {
            escape(&to_json(items), out);
            Ok(())
        }
        Value::Uuids(items) => {
            out.push_str(&to_json(items));
            Ok(())
        }
    };
}

/// As Postgres escapes text in a COPY.
fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '\t', '\n', '\r']) {
        out.push_str(&rest[..at]);
        out.push('\\');
        out.push(match rest.as_bytes()[at] {
            b'\t' => 't',
            b'\n' => 'n',
            b'\r' => 'r',
            other => char::from(other),
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// How many rows a table has and what they are, whatever their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// The number of rows.
    pub rows: u64,
    /// The sum of the first 128 bits of the SHA-256 of each row's line.
    pub checksum: u128,
}

impl Sum {
    /// Takes a row in.
    pub fn add(&mut self, line: &str) {
        let mut first = [0; 16];
        first.copy_from_slice(&Sha256::digest(line)[..16]);
        self.rows += 1;
        self.checksum = self.checksum.wrapping_add(u128::from_be_bytes(first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_one_form_that_ends_neither_field_nor_line() {
        let text = |text: &'static str| Value::Text(text.into());
        for (value, want) in [
            (Value::Null, "\\N"),
            (text("\\N"), "\\\\N"),
            (text("a\tb\nc\rd"), "a\\tb\\nc\\rd"),
            (Value::Float8(0.1), "0.1"),
            (Value::Float4(0.1), "0.1"),
            (Value::Float8(-1.0), "-1.0"),
            (Value::Float8(f64::INFINITY), "inf"),
            (Value::Time(i64::MAX), "infinity"),
            (Value::Time(-1), "-1"),
            (Value::Bytes(&[0, 255]), "\\x00ff"),
            (Value::Inet("::1".parse().expect("an address"), 128), "::1/128"),
            (Value::Texts(vec![Some("a\"b".into()), None]), "[\"a\\\\\"b\",null]"),
            (Value::Uuids(vec![]), "[]"),
        ] {
            let mut out = String::new();
            write_value(&value, &mut out);
            assert_eq!(out, want, "{value:?}");
        }
    }

    #[test]
    fn a_checksum_knows_no_order_but_counts_what_comes_twice() {
        let sum = |lines: &[&str]| {
            let mut sum = Sum::default();
            lines.iter().for_each(|line| sum.add(line));
            sum
        };
        assert_eq!(sum(&["a", "b"]), sum(&["b", "a"]));
        assert_ne!(sum(&["a", "a"]).checksum, sum(&["a"]).checksum);
        assert_ne!(sum(&["a", "a"]), sum(&["b", "b"]));
    }
}
