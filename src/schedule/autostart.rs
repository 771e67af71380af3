//! When a workspace starts next by itself.

use super::Policy;
use super::cron::{Cron, zoned};
use crate::time::Time;

/// How far ahead an allowed day is looked for: schedules repeat weekly.
const WEEK_MICROS: i64 = 7 * 24 * 3600 * 1_000_000;

/// The next time of a schedule after `at`, and whether the template allows that day. The day is the one
/// of the schedule's zone. None when the text is no schedule.
pub fn next_autostart(at: Time, schedule: &str, policy: &Policy) -> Option<(Time, bool)> {
    let cron = Cron::weekly(schedule).ok()?;
    next_of(&cron, at, policy)
}

fn next_of(cron: &Cron, at: Time, policy: &Policy) -> Option<(Time, bool)> {
    let next = cron.next(at)?;
    let day = zoned(next, cron.zone()).weekday();
    Some((next, policy.autostart_days.has(day)))
}

/// The next time of a schedule after `at` on a day that the template allows, within a week.
pub fn next_allowed_autostart(at: Time, schedule: &str, policy: &Policy) -> Option<Time> {
    let cron = Cron::weekly(schedule).ok()?;
    let mut next = at;
    while next.since(at) < WEEK_MICROS {
        let (time, allowed) = next_of(&cron, next, policy)?;
        if allowed {
            return Some(time);
        }
        next = time;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Days;

    #[test]
    fn a_day_that_the_template_blocks_is_passed_over() {
        let at = Time::parse("2026-11-20T08:00:00Z").unwrap(); // a Friday
        let mut policy = Policy::unlicensed(0, 0);
        let next = |policy: &Policy| next_allowed_autostart(at, "0 9 * * *", policy).map(|t| t.to_string());
        assert_eq!(next(&policy).as_deref(), Some("2026-11-20T09:00:00Z"));
        policy.autostart_days = Days(0b000_0001);
        assert_eq!(next(&policy).as_deref(), Some("2026-11-23T09:00:00Z"));
        policy.autostart_days = Days::NONE;
        assert_eq!(next(&policy), None);
    }

    #[test]
    fn the_day_is_the_one_of_the_schedules_zone() {
        let at = Time::parse("2026-11-20T20:00:00Z").unwrap();
        let policy = Policy { autostart_days: Days(0b010_0000), ..Policy::unlicensed(0, 0) };
        let next = next_allowed_autostart(at, "CRON_TZ=Asia/Tokyo 30 6 * * *", &policy);
        assert_eq!(next.map(|t| t.to_string()).as_deref(), Some("2026-11-20T21:30:00Z"), "Saturday in Tokyo");
    }
}
