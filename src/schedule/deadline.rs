//! Until when a started workspace runs, and until when it may at most.
//!
//! The deadline saves cost: it follows how long its owner wants a workspace to run, and activity moves
//! it. The latest deadline is the template's policy: workspaces stop on its days, during the quiet hours
//! of their owner, and nothing moves that.

use jiff::ZonedDateTime as Zoned;

use super::autostart::next_autostart;
use super::cron::{Cron, zoned};
use super::{Days, Policy};
use crate::time::Time;

/// A stop that is nearer than this to the start is left out, for the next one.
const LEEWAY_MICROS: i64 = 2 * 3600 * 1_000_000;
/// By how much before midnight a day's quiet time is looked for, so that midnight itself is found.
const BUFFER_MICROS: i64 = -15 * 60 * 1_000_000;
const HOUR_MICROS: i64 = 3600 * 1_000_000;
/// The Monday from which weeks are counted.
const FIRST_MONDAY: jiff::civil::Date = jiff::civil::date(2023, 1, 2);

/// Until when a workspace runs; [`Time::ZERO`] is without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Autostop {
    /// When it is stopped.
    pub deadline: Time,
    /// To when that can be moved at most.
    pub max_deadline: Time,
}

impl Autostop {
    /// It runs until somebody stops it.
    pub const NEVER: Autostop = Autostop { deadline: Time::ZERO, max_deadline: Time::ZERO };
}

/// Why there is no deadline to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The machine's clock is before the weeks began.
    #[error("the clock says a time before {FIRST_MONDAY}, from which weeks are counted")]
    ClockBehind,
    /// No day or quiet time fits.
    #[error("no quiet time follows on a day that the template requires")]
    NoQuietTime,
    /// It came out before the start.
    #[error("the deadline {0} or the latest deadline {1} is before the start")]
    InThePast(Time, Time),
}

/// The deadlines of a start that was finished at `completed_at`. `ttl` is the workspace's own, in
/// nanoseconds; `quiet_hours` are those of its owner, where the deployment has them.
pub fn autostop(
    completed_at: Time,
    ttl: Option<i64>,
    autostart: Option<&str>,
    policy: &Policy,
    quiet_hours: Option<&Cron>,
) -> Result<Autostop, Error> {
    let mut deadline = Time::ZERO;
    let ttl = if policy.user_autostop { ttl.unwrap_or(0) } else { policy.default_ttl };
    if ttl > 0 {
        let ttl_micros = ttl / 1000;
        deadline = completed_at.plus_micros(ttl_micros);
        // A workspace that runs into its next start by itself runs on as if it had started then.
        match autostart.and_then(|schedule| next_autostart(completed_at, schedule, policy)) {
            Some((start, true)) if deadline > start => deadline = start.plus_micros(ttl_micros),
            _ => {}
        }
    }
    let mut max_deadline = Time::ZERO;
    if let (Some(quiet), true) = (quiet_hours, policy.autostop_days != Days::NONE) {
        max_deadline = latest(completed_at, policy, quiet)?;
        if deadline.is_zero() || max_deadline < deadline {
            deadline = max_deadline;
        }
    }
    let past = |t: Time| !t.is_zero() && t < completed_at;
    if past(deadline) || past(max_deadline) {
        return Err(Error::InThePast(deadline, max_deadline));
    }
    Ok(Autostop { deadline, max_deadline })
}

/// The quiet time at which a workspace must stop.
fn latest(completed_at: Time, policy: &Policy, quiet: &Cron) -> Result<Time, Error> {
    let soon = completed_at.plus_micros(LEEWAY_MICROS);
    let mut day = midnight(&zoned(soon, quiet.zone()))?;
    if policy.autostop_weeks > 1 {
        day = in_week(day, policy.autostop_weeks)?;
    }
    let first = quiet.next(instant(&day).plus_micros(BUFFER_MICROS)).ok_or(Error::NoQuietTime)?;
    if first < soon {
        day = next_midnight(&day)?;
    }
    let mut tries = 0;
    while !policy.autostop_days.has(day.weekday()) {
        day = next_midnight(&day)?;
        tries += 1;
        if tries == 7 {
            return Err(Error::NoQuietTime);
        }
    }
    let hour_on = completed_at.plus_micros(HOUR_MICROS);
    let midnight = instant(&day);
    let from = if midnight < hour_on { hour_on } else { midnight.plus_micros(BUFFER_MICROS) };
    quiet.next(from).ok_or(Error::NoQuietTime)
}

/// The day itself, when its week is one that counts, else the Monday of the next such week.
fn in_week(day: Zoned, every: i64) -> Result<Zoned, Error> {
    let days = (day.date() - FIRST_MONDAY).get_days();
    if days < 0 {
        return Err(Error::ClockBehind);
    }
    let week = i64::from(days) / 7;
    if week % every == 0 {
        return Ok(day);
    }
    let monday = (week / every + 1) * every * 7;
    let date = FIRST_MONDAY
        .checked_add(jiff::Span::new().try_days(monday).map_err(|_| Error::NoQuietTime)?)
        .map_err(|_| Error::NoQuietTime)?;
    date.to_zoned_datetime(day.time_zone().clone()).map_err(|_| Error::NoQuietTime)
}

fn midnight(at: &Zoned) -> Result<Zoned, Error> {
    at.start_of_day().map_err(|_| Error::NoQuietTime)
}

fn next_midnight(at: &Zoned) -> Result<Zoned, Error> {
    midnight(&at.tomorrow().map_err(|_| Error::NoQuietTime)?)
}

fn instant(at: &Zoned) -> Time {
    Time::from(at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_NS: i64 = 3600 * 1_000_000_000;

    fn at(text: &str) -> Time {
        if text.is_empty() { Time::ZERO } else { Time::parse(text).unwrap() }
    }

    #[test]
    fn a_deadline_follows_the_workspaces_own_time_and_its_next_start() {
        let started = "2026-11-20T21:45:00Z";
        for (ttl, autostart, policy, want) in [
            (None, None, Policy::unlicensed(8 * HOUR_NS, 0), ""),
            (Some(0), None, Policy::unlicensed(8 * HOUR_NS, 0), ""),
            (Some(12 * HOUR_NS), None, Policy::unlicensed(0, 0), "2026-11-21T09:45:00Z"),
            (Some(12 * HOUR_NS), Some("0 9 * * *"), Policy::unlicensed(0, 0), "2026-11-21T21:00:00Z"),
            (
                Some(12 * HOUR_NS),
                None,
                Policy { user_autostop: false, ..Policy::unlicensed(HOUR_NS, 0) },
                "2026-11-20T22:45:00Z",
            ),
            (Some(12 * HOUR_NS), None, Policy { user_autostop: false, ..Policy::unlicensed(0, 0) }, ""),
        ] {
            let got = autostop(at(started), ttl, autostart, &policy, None).unwrap();
            assert_eq!(
                got,
                Autostop { deadline: at(want), max_deadline: Time::ZERO },
                "{ttl:?} {autostart:?} {policy:?}"
            );
        }
    }

    #[test]
    fn a_required_stop_falls_into_quiet_hours_and_beats_a_later_deadline() {
        // 2026-11-21 is a Saturday; week 202 since the first Monday.
        for (started, days, weeks, quiet, ttl, want) in [
            ("2026-11-20T12:00:00Z", 0b010_0000, 1, "0 0 * * *", None, "2026-11-21T00:00:00Z"),
            // Within the leeway of the quiet time: a week later.
            ("2026-11-20T23:00:00Z", 0b010_0000, 1, "0 0 * * *", None, "2026-11-28T00:00:00Z"),
            // A week that does not count: the Saturday of the next one that does.
            ("2026-11-25T12:00:00Z", 0b010_0000, 2, "0 0 * * *", None, "2026-12-05T00:00:00Z"),
            ("2026-11-18T12:00:00Z", 0b010_0000, 2, "0 0 * * *", None, "2026-11-21T00:00:00Z"),
            (
                "2026-11-20T12:00:00Z",
                0b010_0000,
                1,
                "CRON_TZ=Australia/Sydney 0 4 * * *",
                Some(100 * HOUR_NS),
                "2026-11-20T17:00:00Z",
            ),
        ] {
            let policy = Policy { autostop_days: Days(days), autostop_weeks: weeks, ..Policy::unlicensed(0, 0) };
            let quiet = Cron::daily(quiet).unwrap();
            let got = autostop(at(started), ttl, None, &policy, Some(&quiet)).unwrap();
            assert_eq!((got.deadline, got.max_deadline), (at(want), at(want)), "{started} {days:b} {weeks} {ttl:?}");
        }
    }

    #[test]
    fn weeks_before_the_first_are_refused_and_no_quiet_hours_mean_no_required_stop() {
        let policy = Policy { autostop_days: Days::ALL, autostop_weeks: 2, ..Policy::unlicensed(0, 0) };
        let quiet = Cron::daily("0 0 * * *").unwrap();
        let early = at("2022-01-01T00:00:00Z");
        assert_eq!(autostop(early, None, None, &policy, Some(&quiet)), Err(Error::ClockBehind));
        assert_eq!(autostop(early, None, None, &policy, None), Ok(Autostop::NEVER));
    }
}
