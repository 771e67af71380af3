//! Dates and times, written as RFC 3339.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

use super::{Args, Care, Function, Host, f};
use crate::provisioner::hcl::eval::{EvalError, Result};
use crate::provisioner::hcl::value::Value;
use crate::time::Time;

pub(super) const TABLE: &[Function] = &[
    f("formatdate", 2, 2, Care::Deep, |_, a| formatdate(&a.text(0)?, &parse(&a.text(1)?)?).map(Value::from)),
    f("plantimestamp", 0, 0, Care::Own, |h, _| Ok(seconds(h.planned_at).into())),
    f("timeadd", 2, 2, Care::Deep, timeadd),
    f("timecmp", 2, 2, Care::Deep, |_, a| {
        Ok((parse(&a.text(0)?)?.timestamp().cmp(&parse(&a.text(1)?)?.timestamp()) as i64).into())
    }),
    f("timestamp", 0, 0, Care::Own, |h, _| match h.applying {
        true => Ok(seconds(h.clock.now()).into()),
        false => Ok(Value::UNKNOWN),
    }),
];

fn seconds(time: Time) -> String {
    Time::from_micros(time.seconds().saturating_mul(1_000_000)).to_string()
}

/// A time with the offset it is written with.
fn parse(text: &str) -> Result<ZonedDateTime> {
    let wrong = || EvalError::new(format!("{text:?} is not an RFC 3339 time"));
    let at: Timestamp = text.parse().map_err(|_| wrong())?;
    let offset = match text.len().checked_sub(6).and_then(|n| text.get(n..)) {
        Some(tail) if tail.starts_with(['+', '-']) => {
            let (hours, minutes) = tail[1..].split_once(':').ok_or_else(wrong)?;
            let total = hours.parse::<i32>().ok().zip(minutes.parse::<i32>().ok()).map(|(h, m)| h * 3600 + m * 60);
            let total = total.ok_or_else(wrong)?;
            jiff::tz::Offset::from_seconds(if tail.starts_with('-') { -total } else { total }).map_err(|_| wrong())?
        }
        _ => jiff::tz::Offset::UTC,
    };
    Ok(ZonedDateTime::new(at, TimeZone::fixed(offset)))
}

fn timeadd(_: &Host, a: Args) -> Result<Value> {
    let (at, by) = (a.text(0)?, a.text(1)?);
    let wrong = || EvalError::new(format!("{by:?} is not a duration such as \"1h30m\""));
    let moved = parse(&at)?.timestamp().checked_add(duration(&by).ok_or_else(wrong)?);
    Ok(Time::from(moved.map_err(|_| EvalError::new("the time is out of range"))?).to_string().into())
}

/// A duration in Go's notation: signed decimals with the units `h`, `m`, `s`, `ms`, `us`, `ns`.
fn duration(text: &str) -> Option<SignedDuration> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut total = 0.0;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        total += amount
            * match &rest[..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit..];
        parts += 1;
    }
    let nanos = sign * total * 1e9;
    (parts > 0 && nanos.abs() < 9e18).then(|| SignedDuration::from_nanos(nanos.round() as i64))
}

fn formatdate(format: &str, at: &ZonedDateTime) -> Result<String> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(c) = rest.chars().next() {
        if c == '\'' {
            let quoted = &rest[1..];
            let end = quoted.find('\'').ok_or_else(|| EvalError::new("a quoted part of the format does not end"))?;
            out.push_str(if end == 0 { "'" } else { &quoted[..end] });
            rest = &quoted[end + 1..];
            continue;
        }
        let len = rest.len() - rest.trim_start_matches(c).len();
        let (token, after) = rest.split_at(len);
        rest = after;
        if !c.is_ascii_alphabetic() {
            out.push_str(token);
            continue;
        }
        let code = match token {
            "YYYY" => "%Y",
            "YY" => "%y",
            "MMMM" => "%B",
            "MMM" => "%b",
            "MM" => "%m",
            "M" => "%-m",
            "DD" => "%d",
            "D" => "%-d",
            "EEEE" => "%A",
            "EEE" => "%a",
            "HH" => "%I",
            "H" => "%-I",
            "hh" => "%H",
            "h" => "%-H",
            "mm" => "%M",
            "m" => "%-M",
            "ss" => "%S",
            "s" => "%-S",
            "AA" => "%p",
            "aa" => "%P",
            "ZZZZZ" => "%:z",
            "ZZZZ" => "%z",
            "ZZZ" | "Z" if at.offset().is_zero() => {
                out.push_str(if token == "Z" { "Z" } else { "UTC" });
                continue;
            }
            "ZZZ" => "%z",
            "Z" => "%:z",
            _ => return Err(EvalError::new(format!("{token:?} is no part of a date format; quote it to keep it"))),
        };
        out.push_str(&at.strftime(code).to_string());
    }
    Ok(out)
}
