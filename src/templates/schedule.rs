//! When workspaces of a template start, stop and go: how the settings are checked and kept, and what a
//! change does to the workspaces there are.

use super::Error;
use crate::builds::reschedule::reschedule;
use crate::deployment::Deployment;
use crate::licensing;
use crate::sdk::{FeatureName, TemplateAutostartRequirement, TemplateAutostopRequirement, ValidationError};
use crate::store::Db;
use crate::store::queries::templates::{Template, TemplateSchedule};
use crate::time::Time;

/// The most weeks between required stops.
pub const MAX_AUTOSTOP_WEEKS: i64 = 16;
/// Every day of the week.
pub const EVERY_DAY: u8 = 0b0111_1111;

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const NANOS_PER_MS: i64 = 1_000_000;

/// Days of the week as names, from Monday on. The lowest bit is Monday.
pub fn day_names(bits: u8) -> Vec<String> {
    DAYS.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, day)| (*day).to_owned()).collect()
}

/// Names of days, in any case, as bits; or the first that is none.
pub fn day_bits(names: &[String]) -> Result<u8, String> {
    names.iter().try_fold(0, |bits, name| match DAYS.iter().position(|day| name.eq_ignore_ascii_case(day)) {
        Some(at) => Ok(bits | 1 << at),
        None => Err(format!("{name:?} is not a day of the week")),
    })
}

/// Milliseconds of the API as the nanoseconds that are kept.
pub fn nanos(ms: i64) -> i64 {
    ms.saturating_mul(NANOS_PER_MS)
}

/// Kept nanoseconds as the API's milliseconds.
pub fn millis(nanos: i64) -> i64 {
    nanos / NANOS_PER_MS
}

/// The days on which workspaces may start by themselves; those on which they may not are kept.
pub fn autostart_days(template: &Template) -> u8 {
    !(template.autostart_block_days_of_week as u8) & EVERY_DAY
}

/// The weeks between required stops; what is kept as less counts as one.
pub fn autostop_weeks(template: &Template) -> i64 {
    template.autostop_requirement_weeks.max(1)
}

/// What a template's schedule shall be. Times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Whether people choose when their workspaces start.
    pub allow_user_autostart: bool,
    /// Whether people choose when their workspaces stop.
    pub allow_user_autostop: bool,
    /// How long workspaces run.
    pub default_ttl_ms: i64,
    /// By how much activity puts off the stop.
    pub activity_bump_ms: i64,
    /// The days of required stops.
    pub autostop_days: u8,
    /// The weeks between required stops.
    pub autostop_weeks: i64,
    /// The days on which workspaces may start by themselves.
    pub autostart_days: u8,
    /// After how long failed workspaces are stopped.
    pub failure_ttl_ms: i64,
    /// After how long unused workspaces go dormant.
    pub time_til_dormant_ms: i64,
    /// After how long dormant workspaces are deleted.
    pub time_til_dormant_autodelete_ms: i64,
}

impl Schedule {
    /// The schedule that a template has.
    pub fn of(template: &Template) -> Schedule {
        Schedule {
            allow_user_autostart: template.allow_user_autostart,
            allow_user_autostop: template.allow_user_autostop,
            default_ttl_ms: millis(template.default_ttl),
            activity_bump_ms: millis(template.activity_bump),
            autostop_days: template.autostop_requirement_days_of_week as u8,
            autostop_weeks: autostop_weeks(template),
            autostart_days: autostart_days(template),
            failure_ttl_ms: millis(template.failure_ttl),
            time_til_dormant_ms: millis(template.time_til_dormant),
            time_til_dormant_autodelete_ms: millis(template.time_til_dormant_autodelete),
        }
    }

    fn row(self, template: &Template, updated_at: Time) -> TemplateSchedule {
        TemplateSchedule {
            id: template.id,
            updated_at,
            allow_user_autostart: self.allow_user_autostart,
            allow_user_autostop: self.allow_user_autostop,
            default_ttl: nanos(self.default_ttl_ms),
            activity_bump: nanos(self.activity_bump_ms),
            autostop_requirement_days_of_week: self.autostop_days.into(),
            autostop_requirement_weeks: self.autostop_weeks,
            autostart_block_days_of_week: (!self.autostart_days & EVERY_DAY).into(),
            failure_ttl: nanos(self.failure_ttl_ms),
            time_til_dormant: nanos(self.time_til_dormant_ms),
            time_til_dormant_autodelete: nanos(self.time_til_dormant_autodelete_ms),
        }
    }
}

/// What a change does to the workspaces there are, beyond what follows from it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Touch {
    /// Counts all workspaces as used now.
    pub last_used_at: bool,
    /// Counts dormant workspaces as dormant since now.
    pub dormant_at: bool,
}

/// Gives a template a schedule, unless it has it already, and brings its workspaces in line. What the
/// deployment is not entitled to stays as it is.
pub fn set(deployment: &Deployment, db: &Db, template: &Template, wanted: Schedule, touch: Touch) -> Result<(), Error> {
    let had = Schedule::of(template);
    let now = deployment.clock.now();
    let entitled = licensing::entitled(&deployment.config, FeatureName::AdvancedTemplateScheduling);
    let (default_ttl_ms, activity_bump_ms) = (wanted.default_ttl_ms, wanted.activity_bump_ms);
    let wanted = if entitled { wanted } else { Schedule { default_ttl_ms, activity_bump_ms, ..had } };
    if wanted == had {
        return Ok(());
    }
    db.update_template_schedule_by_id(&wanted.row(template, now))?;
    if !entitled {
        return Ok(());
    }
    let dormant_at = touch.dormant_at.then_some(now);
    db.update_workspaces_dormant_deleting_at_by_template_id(
        template.id,
        wanted.time_til_dormant_autodelete_ms,
        dormant_at,
    )?;
    if touch.last_used_at {
        db.update_template_workspaces_last_used_at(template.id, now)?;
    }
    // Where people do not choose, workspaces have the template's time.
    if !wanted.allow_user_autostop && (had.allow_user_autostop || wanted.default_ttl_ms != had.default_ttl_ms) {
        let ttl = Some(nanos(wanted.default_ttl_ms)).filter(|ttl| *ttl != 0);
        db.update_workspaces_ttl_by_template_id(template.id, ttl)?;
    }
    Ok(reschedule(deployment, db, template)?)
}

/// Collects what cannot be used in a request.
#[derive(Debug, Default)]
pub struct Check(Vec<ValidationError>);

impl Check {
    /// Says that a field is wrong.
    pub fn refuse(&mut self, field: &str, detail: impl Into<String>) {
        self.0.push(ValidationError { field: field.to_owned(), detail: detail.into() });
    }
    /// A number that must not be negative.
    pub fn not_negative(&mut self, field: &str, value: i64) -> i64 {
        if value < 0 {
            self.refuse(field, "Must not be negative.");
        }
        value
    }
    /// Milliseconds that are none at all or a minute at least, so that a slip does not delete workspaces.
    pub fn none_or_a_minute(&mut self, field: &str, ms: i64) -> i64 {
        if ms != 0 && ms < 60_000 {
            self.refuse(field, "Must be 0 or at least one minute.");
        }
        ms
    }
    /// Days of required stops.
    pub fn autostop_days(&mut self, wanted: &TemplateAutostopRequirement) -> u8 {
        self.days("autostop_requirement.days_of_week", &wanted.days_of_week)
    }
    /// Days of starts.
    pub fn autostart_days(&mut self, wanted: &TemplateAutostartRequirement) -> u8 {
        self.days("autostart_requirement.days_of_week", &wanted.days_of_week)
    }
    fn days(&mut self, field: &str, names: &[String]) -> u8 {
        day_bits(names).unwrap_or_else(|why| {
            self.refuse(field, why);
            0
        })
    }
    /// Weeks between required stops.
    pub fn autostop_weeks(&mut self, weeks: i64) -> i64 {
        self.not_negative("autostop_requirement.weeks", weeks);
        if weeks > MAX_AUTOSTOP_WEEKS {
            self.refuse("autostop_requirement.weeks", format!("Must be {MAX_AUTOSTOP_WEEKS} at most."));
        }
        weeks.max(1)
    }
    /// Everything that was wrong, if anything was.
    pub fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_bits_from_monday_on() {
        for (names, bits) in [
            (&[][..], Ok(0)),
            (&["monday"], Ok(1)),
            (&["sunday", "Monday", "monday"], Ok(0b100_0001)),
            (&DAYS, Ok(EVERY_DAY)),
            (&["monday", "funday"], Err(())),
        ] {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            assert_eq!(day_bits(&names).map_err(|_| ()), bits, "{names:?}");
            if let Ok(bits) = bits {
                assert_eq!(day_bits(&day_names(bits)), Ok(bits));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        let mut check = Check::default();
        check.not_negative("a", -1);
        check.not_negative("b", 0);
        for ms in [-1, 1, 59_999] {
            check.none_or_a_minute("c", ms);
        }
        for ms in [0, 60_000] {
            check.none_or_a_minute("d", ms);
        }
        assert_eq!([check.autostop_weeks(0), check.autostop_weeks(16)], [1, 16]);
        check.autostop_weeks(17);
        check.autostop_weeks(-1);
        let Err(Error::Invalid(wrong)) = check.finish() else { panic!("nothing was wrong") };
        let fields: Vec<_> = wrong.iter().map(|w| w.field.as_str()).collect();
        let weeks = "autostop_requirement.weeks";
        assert_eq!(fields, ["a", "c", "c", "c", weeks, weeks]);
    }
}
