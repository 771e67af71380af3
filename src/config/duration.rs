//! Durations as flags, YAML files and the API write them: `1h30m`, `100ms`, and `7d` or `2w` too.
//!
//! Whole nanoseconds in an `i64`, since that is the number the API shows.

const UNITS: &[(&str, i64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
    ("d", 24 * 3600 * SECOND),
    ("w", 7 * 24 * 3600 * SECOND),
];
const SECOND: i64 = 1_000_000_000;

/// Reads a duration: a sign, then numbers with units; `0` needs no unit.
pub fn parse_ns(text: &str) -> Result<i64, String> {
    let bad = || format!("{text:?} is not a duration such as 90s, 1h30m or 7d");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let &(_, unit_ns) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        total += part_ns(number, unit_ns).ok_or_else(bad)?;
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| format!("the duration {text:?} is too long"))
}

/// `number` (digits with at most one point) times `unit_ns`; what is below a nanosecond is cut off.
fn part_ns(number: &str, unit_ns: i64) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || whole.len() > 19 {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut ns = whole * i128::from(unit_ns);
    let mut scale = i128::from(unit_ns);
    // Beyond these digits nothing reaches a nanosecond of even the largest unit.
    for digit in fraction.bytes().take(18) {
        ns += i128::from(digit - b'0') * scale / 10;
        scale /= 10;
    }
    Some(ns)
}

/// Writes a duration the way the reference shows it: `1h30m0s`, `1.5s`, `100ms`, `0s`.
pub fn format_ns(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let second = SECOND.unsigned_abs();
    if ns == 0 {
        return "0s".to_owned();
    }
    if ns < second {
        let (unit, name) = match ns {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{name}", decimal(ns, unit));
    }
    let seconds = decimal(ns % (60 * second), second);
    let minutes = ns / (60 * second);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `value / unit` (a power of ten) with as many decimals as it takes.
fn decimal(value: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    let fraction = format!("{:0width$}", value % unit);
    let fraction = fraction.trim_end_matches('0');
    if unit == 1 || fraction.is_empty() { (value / unit).to_string() } else { format!("{}.{fraction}", value / unit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_every_unit() {
        for (text, want) in [
            ("0", 0),
            ("1h30m", 5400 * SECOND),
            ("100ms", SECOND / 10),
            ("1.5s", SECOND + SECOND / 2),
            (".5m", 30 * SECOND),
            ("7d", 604_800 * SECOND),
            ("2w1d", 15 * 86_400 * SECOND),
            ("-5s", -5 * SECOND),
            ("+5s", 5 * SECOND),
            ("3µs", 3_000),
            ("1.000000001s", SECOND + 1),
            ("876600h0m0s", 876_600 * 3600 * SECOND),
        ] {
            assert_eq!(parse_ns(text), Ok(want), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "-", "5", "s", "5x", "1h30", "1.2.3s", ".s", "1h 30m", "9999999999999h", "99999999999999999999s"]
        {
            assert!(parse_ns(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn durations_are_written_in_the_reference_form() {
        for (ns, want) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (100_000_000, "100ms"),
            (SECOND, "1s"),
            (60 * SECOND, "1m0s"),
            (5400 * SECOND, "1h30m0s"),
            (SECOND * 3 / 2, "1.5s"),
            (-90 * SECOND, "-1m30s"),
            (876_600 * 3600 * SECOND, "876600h0m0s"),
        ] {
            assert_eq!(format_ns(ns), want);
            assert_eq!(parse_ns(want), Ok(ns), "{want:?} reads back");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_duration_reads_back_as_it_was_written(ns: i64) {
            assert_eq!(parse_ns(&format_ns(ns)), Ok(ns));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text: String) {
            let _ = parse_ns(&text);
        }
    }
}
