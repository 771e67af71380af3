//! Instants as the database and the API keep them, and the clock everything reads.
//!
//! A [`Time`] is whole microseconds since the Unix epoch, UTC. On the wire it is RFC 3339 ending in
//! `Z`, with up to six decimals and no trailing zeros. Nothing outside this module asks the
//! operating system what time it is: a [`Clock`] is handed down, so that tests can hold and move it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

impl Time {
    /// 0001-01-01T00:00:00Z: how the API writes "never" in places that cannot be null.
    pub const ZERO: Time = Time(-62_135_596_800_000_000);

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Time {
        Time(micros)
    }
    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }
    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
    /// Milliseconds since the epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// Whether this is [`Time::ZERO`].
    pub const fn is_zero(self) -> bool {
        self.0 == Self::ZERO.0
    }
    /// This time moved by a signed number of microseconds; saturates.
    pub const fn plus_micros(self, micros: i64) -> Time {
        Time(self.0.saturating_add(micros))
    }
    /// Microseconds from `earlier` to `self`; negative when `self` is earlier.
    pub const fn since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
    /// The time as `jiff` has it.
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
    /// Reads RFC 3339 with any offset; finer digits than microseconds are cut off.
    pub fn parse(text: &str) -> Option<Time> {
        text.parse::<jiff::Timestamp>().ok().map(Time::from)
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(t: jiff::Timestamp) -> Time {
        Time(t.as_microsecond())
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;
    fn add(self, d: Duration) -> Time {
        self.plus_micros(i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
    }
}

impl std::ops::Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, d: Duration) -> Time {
        self.plus_micros(i64::try_from(d.as_micros()).unwrap_or(i64::MAX).saturating_neg())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = jiff::tz::Offset::UTC.to_datetime(self.timestamp());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )?;
        let micros = self.0.rem_euclid(1_000_000);
        if micros != 0 {
            let digits = format!("{micros:06}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Time, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Time::parse(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is not an RFC 3339 time")))
    }
}

/// Where the time comes from: the machine, or a test that holds it still.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock(None)
    }
    /// A clock that stands at `at` until it is moved.
    pub fn held(at: Time) -> Clock {
        Clock(Some(Arc::new(AtomicI64::new(at.0))))
    }
    /// The time now.
    pub fn now(&self) -> Time {
        match &self.0 {
            Some(held) => Time(held.load(Ordering::SeqCst)),
            None => Time::from(jiff::Timestamp::now()),
        }
    }
    /// Moves a held clock forward; a system clock stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Some(held) = &self.0 {
            held.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_api_writes_them() {
        for (micros, want) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_500_000, "1970-01-01T00:00:01.5Z"),
            (1_000_001, "1970-01-01T00:00:01.000001Z"),
            (Time::ZERO.0, "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(Time::from_micros(micros).to_string(), want);
            assert_eq!(Time::parse(want), Some(Time::from_micros(micros)), "{want}");
        }
        assert_eq!(Time::parse("1970-01-01T01:00:00+01:00"), Some(Time::from_micros(0)));
        assert_eq!(Time::parse("soon"), None);
    }
}
