//! One text for a JSON value, however it was written: what Postgres's `jsonb` keeps apart stays apart, and what it does
//! not keep (spaces, the order of keys, all but the last of equal keys, how a number was spelled) is gone.
//!
//! Keys are in the order of their bytes, there are no spaces, numbers have no exponent and keep the zeros at their end
//! as `numeric` does, and only what must be escaped is. A value read back from Postgres comes to the same text as the one
//! that went in.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::store::value::to_json;

/// How far an exponent may move the point: as much as `numeric` holds before it, and after it.
const MOST_DIGITS: i64 = 131_072;
const MOST_DECIMALS: i64 = 16_383;
/// How deep values may lie in one another.
const DEEPEST: usize = 256;

/// The one text of the value that `text` spells, or what is wrong with it.
pub fn canonical(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    write(text, &mut out, 0)?;
    Ok(out)
}

fn write(text: &str, out: &mut String, depth: usize) -> Result<(), String> {
    let wrong = |error: serde_json::Error| format!("not JSON: {error}");
    if depth > DEEPEST {
        return Err(format!("JSON more than {DEEPEST} levels deep"));
    }
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    match text.as_bytes().first() {
        Some(b'{') => {
            // Equal keys: the last one counts, as everywhere.
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(wrong)?;
            out.push('{');
            for (at, (key, value)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&to_json(key));
                out.push(':');
                write(value.get(), out, depth + 1)?;
            }
            out.push('}');
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(wrong)?;
            out.push('[');
            for (at, value) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(value.get(), out, depth + 1)?;
            }
            out.push(']');
        }
        Some(b'"') => out.push_str(&to_json(&serde_json::from_str::<String>(text).map_err(wrong)?)),
        Some(b'-' | b'0'..=b'9') => {
            let _: &RawValue = serde_json::from_str(text).map_err(wrong)?;
            write_number(text, out)?;
        }
        _ => {
            let _: Option<bool> = serde_json::from_str(text).map_err(wrong)?;
            out.push_str(text);
        }
    }
    Ok(())
}

/// Spells a JSON number without an exponent.
fn write_number(text: &str, out: &mut String) -> Result<(), String> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let too_big = || format!("a number that Postgres cannot hold: {}", text.chars().take(40).collect::<String>());
    let exponent: i64 = exponent.parse().map_err(|_| too_big())?;
    let digits = format!("{whole}{decimals}");
    // Where the point stands among the digits, and how many are shown after it.
    let point = whole.len() as i64 + exponent;
    let scale = (decimals.len() as i64 - exponent).max(0);
    let is_zero = digits.bytes().all(|digit| digit == b'0');
    if (point > MOST_DIGITS && !is_zero) || scale > MOST_DECIMALS || point.abs() > 2 * MOST_DIGITS {
        return Err(too_big());
    }
    if negative && !is_zero {
        out.push('-');
    }
    let digit =
        |at: i64| usize::try_from(at).ok().and_then(|at| digits.as_bytes().get(at)).map_or('0', |d| char::from(*d));
    let before: String = (0..point.max(0)).map(digit).collect();
    let before = before.trim_start_matches('0');
    out.push_str(if before.is_empty() { "0" } else { before });
    if scale > 0 {
        out.push('.');
        out.extend((point..point + scale).map(digit));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_reads_the_same() {
        for (text, want) in [
            (" { \"b\" : 1 , \"a\" : [ ] } ", r#"{"a":[],"b":1}"#),
            (r#"{"a":1,"a":{"x":null,"x":true}}"#, r#"{"a":{"x":true}}"#),
            (r#"["\u0041\/\u00e9\ud83d\ude00\u001f\n"]"#, "[\"A/é😀\\u001f\\n\"]"),
            ("1", "1"),
            ("1.50", "1.50"),
            ("1e2", "100"),
            ("1.50e1", "15.0"),
            ("1.5E3", "1500"),
            ("-12.5e-3", "-0.0125"),
            ("-0", "0"),
            ("-0.00", "0.00"),
            ("0e5", "0"),
            ("12345678901234567890123456789.1", "12345678901234567890123456789.1"),
            ("null", "null"),
            ("false", "false"),
            ("\"\"", "\"\""),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(want), "{text}");
            assert_eq!(canonical(want).as_deref(), Ok(want), "{want}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "nul", "01", "1.", "[1,]", "{\"a\"}", "\"", "\"\\ud800\"", "1e999999", "1 2", "NaN"] {
            assert!(canonical(text).is_err(), "{text}");
        }
        assert!(canonical(&"[".repeat(100_000)).is_err());
    }
}
