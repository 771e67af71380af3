//! Values in the binary form of Postgres's COPY, both ways: exact, and quicker for either side than text.
//!
//! A stream is a header, rows and an end; a row is how many columns it has, and for each its length and its bytes.

use std::borrow::Cow;
use std::net::IpAddr;

use uuid::Uuid;

use super::json;
use super::tables::Kind;
use super::value::Value;

/// What a stream begins with: a signature, no flags, no more header.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
pub(super) const TRAILER: &[u8] = &[0xff, 0xff];

/// The start of 2000, from which Postgres counts: in microseconds and in days since 1970.
const MICROS_2000: i64 = 946_684_800_000_000;
const DAYS_2000: i32 = 10_957;
/// The first moment and the first day that Postgres knows, 4713 BC, and the first that it does not, in the year 294277
/// for times; both counted from 2000.
const FIRST_TIME: i64 = -211_813_488_000_000_000;
const END_OF_TIME: i64 = 9_223_371_331_200_000_000;
const FIRST_DATE: i32 = -2_451_545;
const END_OF_DATES: i32 = 2_145_031_949;

const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 3;

/// What a column on a server takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub kind: Kind,
    /// The number that the server gave to the type of an array's elements; 0 where there is no array.
    pub element: u32,
}

/// Adds a row to a stream. An error is the column at fault, and what Postgres cannot hold.
pub(super) fn write_row(values: &[Value<'_>], forms: &[Form], out: &mut Vec<u8>) -> Result<(), (usize, String)> {
    out.extend((values.len() as u16).to_be_bytes());
    for (at, (value, form)) in values.iter().zip(forms).enumerate() {
        let length_at = out.len();
        out.extend((-1i32).to_be_bytes());
        if *value == Value::Null {
            continue;
        }
        write(value, *form, out).map_err(|problem| (at, problem))?;
        let length = i32::try_from(out.len() - length_at - 4).map_err(|_| (at, "more than 2 GB".to_owned()))?;
        out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

fn write(value: &Value<'_>, form: Form, out: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Value::Null => {}
        Value::Bool(bool) => out.push(u8::from(*bool)),
        Value::Int(int) => {
            let too_big = |_| format!("{int} is out of range");
            match form.kind {
                Kind::Int2 => out.extend(i16::try_from(*int).map_err(too_big)?.to_be_bytes()),
                Kind::Int4 => out.extend(i32::try_from(*int).map_err(too_big)?.to_be_bytes()),
                _ => out.extend(int.to_be_bytes()),
            }
        }
        Value::Float8(float) => out.extend(float.to_be_bytes()),
        Value::Float4(float) => out.extend(float.to_be_bytes()),
        Value::Text(text) => write_text(text, out)?,
        Value::Uuid(uuid) => out.extend(uuid.as_bytes()),
        Value::Time(micros) => out.extend(time(*micros)?.to_be_bytes()),
        Value::Date(days) => out.extend(day(*days)?.to_be_bytes()),
        Value::Json(text) => {
            if holds_nul(text) {
                return Err("JSON with the character U+0000, which Postgres cannot hold".to_owned());
            }
            // The version of jsonb's form.
            out.push(1);
            out.extend(text.as_bytes());
        }
        Value::Bytes(bytes) => out.extend(*bytes),
        Value::Inet(address, bits) => {
            let mut head = |family, length| out.extend([family, *bits, 0, length]);
            match address {
                IpAddr::V4(v4) => {
                    head(FAMILY_V4, 4);
                    out.extend(v4.octets());
                }
                IpAddr::V6(v6) => {
                    head(FAMILY_V6, 16);
                    out.extend(v6.octets());
                }
            }
        }
        Value::Texts(items) => {
            write_array(items, form.element, out, |item, out| write_text(item, out))?;
        }
        Value::Uuids(items) => write_array(items, form.element, out, |item, out| {
            out.extend(item.as_bytes());
            Ok(())
        })?,
    }
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    if text.contains('\0') {
        return Err("text with the character U+0000, which Postgres cannot hold".to_owned());
    }
    out.extend(text.as_bytes());
    Ok(())
}

fn write_array<T>(
    items: &[Option<T>],
    element: u32,
    out: &mut Vec<u8>,
    write: impl Fn(&T, &mut Vec<u8>) -> Result<(), String>,
) -> Result<(), String> {
    let dimensions = i32::from(!items.is_empty());
    let has_nulls = i32::from(items.iter().any(Option::is_none));
    out.extend(dimensions.to_be_bytes());
    out.extend(has_nulls.to_be_bytes());
    out.extend(element.to_be_bytes());
    if items.is_empty() {
        return Ok(());
    }
    out.extend((items.len() as i32).to_be_bytes());
    // Elements are counted from here.
    out.extend(1i32.to_be_bytes());
    for item in items {
        let length_at = out.len();
        out.extend((-1i32).to_be_bytes());
        if let Some(item) = item {
            write(item, out)?;
            let length = (out.len() - length_at - 4) as i32;
            out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

fn time(micros: i64) -> Result<i64, String> {
    match micros {
        i64::MAX | i64::MIN => Ok(micros),
        _ => micros
            .checked_sub(MICROS_2000)
            .filter(|micros| (FIRST_TIME..END_OF_TIME).contains(micros))
            .ok_or_else(|| format!("the time {micros} is before 4713 BC, and Postgres has none before that")),
    }
}

fn day(days: i32) -> Result<i32, String> {
    match days {
        i32::MAX | i32::MIN => Ok(days),
        _ => days
            .checked_sub(DAYS_2000)
            .filter(|days| (FIRST_DATE..END_OF_DATES).contains(days))
            .ok_or_else(|| "a date that Postgres does not have".to_owned()),
    }
}

/// Whether JSON in its canonical form holds the character U+0000: its escape, with no backslash escaped before it.
fn holds_nul(json: &str) -> bool {
    json.match_indices("\\u0000")
        .any(|(at, _)| json[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 0)
}

/// Reads a value, or says what is wrong with it.
pub(super) fn read(bytes: &[u8], kind: Kind) -> Result<Value<'_>, String> {
    Ok(match kind {
        Kind::Bool => Value::Bool(fixed::<1>(bytes)? != [0]),
        Kind::Int2 => Value::Int(i16::from_be_bytes(fixed(bytes)?).into()),
        Kind::Int4 => Value::Int(i32::from_be_bytes(fixed(bytes)?).into()),
        Kind::Int8 => Value::Int(i64::from_be_bytes(fixed(bytes)?)),
        Kind::Float4 => Value::Float4(f32::from_be_bytes(fixed(bytes)?)),
        Kind::Float8 => Value::Float8(f64::from_be_bytes(fixed(bytes)?)),
        Kind::Text => Value::Text(text(bytes)?.into()),
        Kind::Uuid => Value::Uuid(Uuid::from_bytes(fixed(bytes)?)),
        Kind::Time => match i64::from_be_bytes(fixed(bytes)?) {
            infinite @ (i64::MAX | i64::MIN) => Value::Time(infinite),
            micros => match micros.checked_add(MICROS_2000) {
                Some(micros) => Value::Time(micros),
                None => return Err("a time after the year 294246, which only Postgres has".to_owned()),
            },
        },
        Kind::Date => match i32::from_be_bytes(fixed(bytes)?) {
            infinite @ (i32::MAX | i32::MIN) => Value::Date(infinite),
            days => Value::Date(days.checked_add(DAYS_2000).ok_or("a date that is too late")?),
        },
        Kind::Json => match bytes {
            [1, json @ ..] => Value::Json(json::canonical(text(json)?)?),
            _ => return Err("jsonb of another version than 1".to_owned()),
        },
        Kind::Bytes => Value::Bytes(bytes),
        Kind::Inet => match bytes {
            [FAMILY_V4, bits, _, 4, octets @ ..] => Value::Inet(fixed::<4>(octets)?.into(), *bits),
            [FAMILY_V6, bits, _, 16, octets @ ..] => Value::Inet(fixed::<16>(octets)?.into(), *bits),
            _ => return Err("an address of an unknown family".to_owned()),
        },
        Kind::Texts => Value::Texts(read_array(bytes, |item| text(item).map(Cow::Borrowed))?),
        Kind::Uuids => Value::Uuids(read_array(bytes, |item| fixed(item).map(Uuid::from_bytes))?),
    })
}

fn read_array<'a, T>(bytes: &'a [u8], read: impl Fn(&'a [u8]) -> Result<T, String>) -> Result<Vec<Option<T>>, String> {
    let mut rest = bytes;
    let dimensions = take_i32(&mut rest)?;
    let (_has_nulls, _element) = (take_i32(&mut rest)?, take_i32(&mut rest)?);
    match dimensions {
        0 => return Ok(Vec::new()),
        1 => {}
        _ => return Err("an array of arrays".to_owned()),
    }
    let (length, _lower_bound) = (take_i32(&mut rest)?, take_i32(&mut rest)?);
    let mut items = Vec::new();
    for _ in 0..length {
        items.push(match take_i32(&mut rest)? {
            -1 => None,
            length => Some(read(take(&mut rest, length)?)?),
        });
    }
    Ok(items)
}

/// Takes a number from the front.
fn take_i32(rest: &mut &[u8]) -> Result<i32, String> {
    take(rest, 4).and_then(fixed).map(i32::from_be_bytes)
}

/// Takes so many bytes from the front.
fn take<'a>(rest: &mut &'a [u8], length: i32) -> Result<&'a [u8], String> {
    let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (taken, left) = split.ok_or("a value that ends too early")?;
    *rest = left;
    Ok(taken)
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("{} bytes where {N} belong", bytes.len()))
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "text that is not UTF-8".to_owned())
}
