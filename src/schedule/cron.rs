//! Cron expressions of five fields, with an optional `CRON_TZ=<zone>` before them.
//!
//! Fields hold numbers, names of months and days, ranges, steps and lists. There are no descriptors
//! such as `@daily`, and Sunday is 0 alone. [`Cron::next`] walks the wall clock of the zone: a time that
//! a change of clocks leaves out does not come, one that comes twice comes twice.

use jiff::ZonedDateTime as Zoned;
use jiff::tz::TimeZone;

use crate::time::Time;

/// After how many years without a match there is none.
const SEARCHED_YEARS: i16 = 5;

/// Why a text is no schedule, as a sentence for whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

fn invalid<T>(why: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid(why.into()))
}

/// A parsed expression.
#[derive(Debug, Clone)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether days of the month or of the week are left open: then both must fit, else either.
    open_day: bool,
    zone: TimeZone,
    fields: String,
}

impl Cron {
    /// An expression that says times of a week: day of the month and month are `*`.
    pub fn weekly(text: &str) -> Result<Cron, Invalid> {
        let fields = five(text)?;
        if fields[2] != "*" || fields[3] != "*" {
            return invalid("a weekly schedule has * for day of month and month");
        }
        Cron::parse(text)
    }

    /// An expression that says times of a day: only minute and hour are not `*`.
    pub fn daily(text: &str) -> Result<Cron, Invalid> {
        let fields = five(text)?;
        if fields[2] != "*" || fields[3] != "*" || fields[4] != "*" {
            return invalid("a daily schedule has * for day of month, month and day of week");
        }
        Cron::parse(text)
    }

    /// An expression that says whole hours during which something holds: its minutes are `*`.
    pub fn time_range(text: &str) -> Result<Cron, Invalid> {
        if five(text)?[0] != "*" {
            return invalid("a time range has * for minutes");
        }
        Cron::parse(text)
    }

    /// Any expression of five fields.
    pub fn parse(text: &str) -> Result<Cron, Invalid> {
        let (zone, rest) = match text.strip_prefix("CRON_TZ=") {
            Some(rest) => match rest.split_once(' ') {
                Some((name, rest)) => (zone(name)?, rest),
                None => return invalid("a schedule has five fields after its CRON_TZ"),
            },
            None => (TimeZone::UTC, text),
        };
        if rest.trim_start().starts_with('@') {
            return invalid("descriptors such as @daily are not taken: write the five fields out");
        }
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return invalid(format!("a schedule has exactly five fields, this one has {}", fields.len()));
        };
        let minutes = MINUTE.read(minute)?;
        let hours = HOUR.read(hour)?;
        let days = DAY.read(day)?;
        let months = MONTH.read(month)?;
        let weekdays = WEEKDAY.read(weekday)?;
        Ok(Cron {
            minutes: minutes.bits,
            hours: hours.bits,
            days: days.bits,
            months: months.bits,
            weekdays: weekdays.bits,
            open_day: days.open || weekdays.open,
            zone,
            fields: fields.join(" "),
        })
    }

    /// Its zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Its five fields, without the zone.
    pub fn fields(&self) -> &str {
        &self.fields
    }

    /// The one minute and hour it names, where it names just one of each.
    pub fn single_time(&self) -> Option<(u8, u8)> {
        let mut fields = self.fields.split(' ');
        let minute = fields.next()?.parse().ok()?;
        let hour = fields.next()?.parse().ok()?;
        Some((hour, minute))
    }

    /// The first time after `at` that it names; none when five years hold none.
    pub fn next(&self, at: Time) -> Option<Time> {
        let minute = at.micros().div_euclid(60_000_000) + 1;
        let mut now = zoned(Time::from_micros(minute.checked_mul(60_000_000)?), &self.zone);
        let last = now.year().checked_add(SEARCHED_YEARS)?;
        while now.year() <= last {
            if !has(self.months, now.month()) || !self.fits_day(&now) {
                now = now.tomorrow().ok()?.start_of_day().ok()?;
            } else if !has(self.hours, now.hour()) {
                now = later(&now, 60 - i64::from(now.minute()))?;
            } else if !has(self.minutes, now.minute()) {
                now = later(&now, 1)?;
            } else {
                return Some(Time::from(now.timestamp()));
            }
        }
        None
    }

    /// Whether the minute that `at` is in is one that it names.
    pub fn contains(&self, at: Time) -> bool {
        let minute = at.micros().div_euclid(60_000_000) * 60_000_000;
        self.next(Time::from_micros(minute - 1_000_000)) == Some(Time::from_micros(minute))
    }

    fn fits_day(&self, now: &Zoned) -> bool {
        let day = has(self.days, now.day());
        let weekday = has(self.weekdays, now.weekday().to_sunday_zero_offset());
        if self.open_day { day && weekday } else { day || weekday }
    }
}

/// A time on the wall clock of a zone.
pub fn zoned(at: Time, zone: &TimeZone) -> Zoned {
    at.timestamp().to_zoned_datetime(zone.clone())
}

fn later(now: &Zoned, minutes: i64) -> Option<Zoned> {
    now.checked_add(jiff::SignedDuration::from_mins(minutes)).ok()
}

fn has(bits: u64, n: i8) -> bool {
    u8::try_from(n).is_ok_and(|n| bits & (1 << n) != 0)
}

fn five(text: &str) -> Result<Vec<&str>, Invalid> {
    let mut fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() < 5 {
        return invalid("a schedule has five fields, and CRON_TZ=<zone> may stand before them");
    }
    if fields.len() == 6 {
        fields.remove(0);
    }
    Ok(fields)
}

fn zone(name: &str) -> Result<TimeZone, Invalid> {
    if name.is_empty() || name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    if name == "Local" {
        return invalid("the zone Local is not taken: name one");
    }
    match TimeZone::get(name) {
        Ok(zone) if zone.iana_name() == Some(name) => Ok(zone),
        _ => invalid(format!("{name:?} is no known time zone")),
    }
}

/// A field: its name, bounds, and the names that stand for numbers from its lower bound on.
struct Field {
    name: &'static str,
    min: u8,
    max: u8,
    words: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", min: 0, max: 59, words: &[] };
const HOUR: Field = Field { name: "hour", min: 0, max: 23, words: &[] };
const DAY: Field = Field { name: "day of month", min: 1, max: 31, words: &[] };
const MONTH: Field = Field {
    name: "month",
    min: 1,
    max: 12,
    words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAY: Field =
    Field { name: "day of week", min: 0, max: 6, words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// What a field names.
struct Read {
    bits: u64,
    /// Whether it is `*`.
    open: bool,
}

impl Field {
    fn read(&self, text: &str) -> Result<Read, Invalid> {
        let mut all = Read { bits: 0, open: false };
        for part in text.split(',').filter(|p| !p.is_empty()) {
            let one = self.range(part)?;
            all.bits |= one.bits;
            all.open |= one.open;
        }
        Ok(all)
    }

    /// `number`, `number-number`, either or `*` with `/step`.
    fn range(&self, part: &str) -> Result<Read, Invalid> {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(self.number(step, part)?)),
            None => (part, None),
        };
        if step == Some(0) {
            return invalid(format!("the step of {part:?} in {} is zero", self.name));
        }
        let (start, end, open) = match span.split_once('-') {
            _ if span == "*" || span == "?" => (self.min, self.max, step.is_none_or(|s| s == 1)),
            Some((from, to)) => (self.value(from, part)?, self.value(to, part)?, false),
            None => {
                let from = self.value(span, part)?;
                (from, if step.is_some() { self.max } else { from }, false)
            }
        };
        if start < self.min || end > self.max {
            return invalid(format!("{part:?} in {} leaves {} to {}", self.name, self.min, self.max));
        }
        if start > end {
            return invalid(format!("{part:?} in {} ends before it begins", self.name));
        }
        let bits = (start..=end).step_by(usize::from(step.unwrap_or(1))).fold(0, |bits, n| bits | 1 << n);
        Ok(Read { bits, open })
    }

    fn value(&self, text: &str, part: &str) -> Result<u8, Invalid> {
        let word = self.words.iter().position(|w| w.eq_ignore_ascii_case(text));
        match word.and_then(|at| u8::try_from(at).ok()) {
            Some(at) => Ok(self.min + at),
            None => self.number(text, part),
        }
    }

    fn number(&self, text: &str, part: &str) -> Result<u8, Invalid> {
        let number = text.parse::<u32>().map_err(|_| Invalid(format!("{part:?} in {} is no number", self.name)))?;
        Ok(u8::try_from(number).unwrap_or(u8::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    #[test]
    fn the_next_time_is_the_first_one_after() {
        for (cron, from, want) in [
            ("30 9 * * 1-5", "2026-11-20T09:29:59.9Z", "2026-11-20T09:30:00Z"),
            ("30 9 * * 1-5", "2026-11-20T09:30:00Z", "2026-11-23T09:30:00Z"),
            ("CRON_TZ=US/Central 30 9 * * MON-fri", "2026-11-20T15:29:00Z", "2026-11-20T15:30:00Z"),
            ("*/15 */6 * * *", "2026-01-01T18:46:00Z", "2026-01-02T00:00:00Z"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            ("0 0 */2 * 5", "2026-01-01T12:00:00Z", "2026-01-02T00:00:00Z"),
            // Clocks go from 2:00 to 3:00 on the 8th: that day has no 2:30.
            ("CRON_TZ=America/New_York 30 2 * * *", "2026-03-08T05:00:00Z", "2026-03-09T06:30:00Z"),
            // Clocks go back from 2:00 to 1:00 on the 1st: that day has 1:30 twice.
            ("CRON_TZ=America/New_York 30 1 * * *", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"),
        ] {
            assert_eq!(Cron::parse(cron).unwrap().next(at(from)), Some(at(want)), "{cron} from {from}");
        }
        assert_eq!(Cron::parse("0 0 30 2 *").unwrap().next(at("2026-01-01T00:00:00Z")), None);
    }

    #[test]
    fn what_is_no_weekly_schedule_is_refused() {
        for good in ["0 9 * * 1", "CRON_TZ=Europe/Dublin 30 9 * * 1-5", "59 23 * * sun,3", "* * * * ?"] {
            assert!(Cron::weekly(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "0 9 * *",
            "0 9 1 * *",
            "0 9 * 1 *",
            "0 9 * * 7",
            "60 9 * * *",
            "0 24 * * *",
            "0 9 * * 5-1",
            "*/0 9 * * *",
            "-1 9 * * *",
            "x 9 * * *",
            "0 9 * * * *",
            "CRON_TZ=Local 0 9 * * *",
            "CRON_TZ=Mars/Olympus 0 9 * * *",
            "CRON_TZ=us/central 0 9 * * *",
            "TZ=UTC 0 9 * * *",
            "@daily",
        ] {
            assert!(Cron::weekly(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_hour_is_inside_a_time_range_until_its_last_minute() {
        let range = Cron::time_range("CRON_TZ=UTC * 9-18 * * 1-5").unwrap();
        for (time, want) in [
            ("2026-11-20T08:59:59Z", false),
            ("2026-11-20T09:00:00Z", true),
            ("2026-11-20T18:59:59Z", true),
            ("2026-11-20T19:00:00Z", false),
            ("2026-11-21T12:00:00Z", false),
        ] {
            assert_eq!(range.contains(at(time)), want, "{time}");
        }
    }
}
