//! Presets and their schedules: what `coder_workspace_preset` refuses, and the cron forms in use.

use std::collections::BTreeMap;

use crate::provisioner::hcl::value::Value;

/// Reads a preset: its id is its name, and its schedules must make sense.
pub fn preset(mut at: BTreeMap<String, Value>) -> Result<Value, String> {
    let name = at.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err("name must not be empty".to_owned());
    }
    for (what, most) in [("description", 128), ("icon", 256)] {
        if at.get(what).and_then(Value::as_str).is_some_and(|s| s.len() > most) {
            return Err(format!("{what} is longer than {most} bytes"));
        }
    }
    let parameters = at.get("parameters").and_then(Value::as_map);
    if let Some((name, _)) = parameters.into_iter().flatten().find(|(_, v)| v.as_str() == Some("")) {
        return Err(format!("the value for the parameter {name:?} must not be empty"));
    }
    for prebuild in at.get("prebuilds").and_then(Value::as_seq).unwrap_or_default() {
        check(prebuild)?;
    }
    if at.get("prebuilds").and_then(Value::as_seq).is_some_and(<[Value]>::is_empty) {
        at.insert("prebuilds".to_owned(), Value::NULL);
    }
    at.insert("id".to_owned(), name.into());
    Ok(at.into())
}

fn integer(value: &Value) -> i64 {
    value.as_number().and_then(|n| n.as_i64()).unwrap_or_default()
}

fn check(prebuild: &Value) -> Result<(), String> {
    if integer(prebuild.attribute("instances")) < 0 {
        return Err("instances must not be negative".to_owned());
    }
    for policy in prebuild.attribute("expiration_policy").as_seq().unwrap_or_default() {
        let ttl = integer(policy.attribute("ttl"));
        if ttl != 0 && !(3600..=31_536_000).contains(&ttl) {
            return Err(format!("ttl must be 0 or between 3600 and 31536000, not {ttl}"));
        }
    }
    for scheduling in prebuild.attribute("scheduling").as_seq().unwrap_or_default() {
        let zone = scheduling.attribute("timezone").as_str().unwrap_or_default();
        if !zone.is_empty() && zone != "Local" && jiff::tz::TimeZone::get(zone).is_err() {
            return Err(format!("{zone:?} is not a time zone"));
        }
        let schedules = scheduling.attribute("schedule").as_seq().unwrap_or_default();
        let crons: Vec<&str> = schedules.iter().filter_map(|s| s.attribute("cron").as_str()).collect();
        let hours = crons.iter().map(|c| Hours::parse(c)).collect::<Result<Vec<_>, _>>()?;
        for (i, a) in hours.iter().enumerate() {
            if let Some(j) = (i + 1..hours.len()).find(|j| a.overlaps(&hours[*j])) {
                return Err(format!("the schedules {:?} and {:?} overlap", crons[i], crons[j]));
            }
        }
    }
    Ok(())
}

/// The hours a prebuild schedule covers; its minutes are always `*`.
struct Hours {
    hour: u64,
    day: Option<u64>,
    month: u64,
    weekday: Option<u64>,
}

impl Hours {
    fn parse(cron: &str) -> Result<Hours, String> {
        let fields: Vec<&str> = cron.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(format!("the schedule {cron:?} must have 5 fields, not {}", fields.len()));
        };
        if *minute != "*" {
            return Err(format!("the schedule {cron:?} must have * minutes: it says whole hours"));
        }
        let bits = |field: &str, low, high| {
            range(field, low, high)
                .ok_or_else(|| format!("{field:?} in the schedule {cron:?} is not between {low} and {high}"))
        };
        let some = |field: &str, low, high| if field == "*" { Ok(None) } else { bits(field, low, high).map(Some) };
        Ok(Hours {
            hour: bits(hour, 0, 23)?,
            day: some(day, 0, 31)?,
            month: bits(month, 0, 12)?,
            weekday: some(weekday, 0, 6)?,
        })
    }
    fn overlaps(&self, other: &Hours) -> bool {
        let meet = |a: Option<u64>, b: Option<u64>| a.unwrap_or(u64::MAX) & b.unwrap_or(u64::MAX) != 0;
        // A day of the month counts only when both name one, and then either kind of day is enough.
        let days = match (self.day.zip(other.day), self.weekday.zip(other.weekday)) {
            (None, _) => meet(self.weekday, other.weekday),
            (Some(_), None) => meet(self.day, other.day),
            (Some(_), Some(_)) => meet(self.day, other.day) || meet(self.weekday, other.weekday),
        };
        self.month & other.month != 0 && self.hour & other.hour != 0 && days
    }
}

/// The numbers of a cron field without steps, as bits.
fn range(field: &str, low: u32, high: u32) -> Option<u64> {
    if field == "*" {
        return Some(u64::MAX);
    }
    field.split(',').try_fold(0, |bits, part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.parse::<u32>().ok()?, to.parse::<u32>().ok()?);
        (low <= from && from <= to && to <= high).then(|| (from..=to).fold(bits, |bits, n| bits | 1 << n))
    })
}

/// Checks the cron of a script: six fields from seconds to weekday (the last may be left out), or a
/// descriptor such as `@daily`.
pub fn script_cron(cron: &str) -> Result<(), String> {
    let wrong = || format!("{cron:?} is not a cron expression of 6 fields (second minute hour day month weekday)");
    if let Some(word) = cron.strip_prefix('@') {
        let known = ["yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly"];
        return if known.contains(&word) || word.starts_with("every ") { Ok(()) } else { Err(wrong()) };
    }
    let rest = cron.strip_prefix("TZ=").or(cron.strip_prefix("CRON_TZ="));
    let fields: Vec<&str> =
        rest.map_or(cron, |r| r.split_once(' ').map_or("", |(_, c)| c)).split_whitespace().collect();
    const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let bounds: [(u32, u32, &[&str]); 6] =
        [(0, 59, &[]), (0, 59, &[]), (0, 23, &[]), (1, 31, &[]), (1, 12, MONTHS), (0, 6, DAYS)];
    if !(5..=6).contains(&fields.len()) {
        return Err(wrong());
    }
    let fits = |(field, (low, high, names)): (&&str, &(u32, u32, &[&str]))| {
        field.split(',').all(|part| {
            let (span, step) = part.split_once('/').map_or((part, None), |(s, n)| (s, Some(n)));
            let number = |s: &str| {
                let named = names.iter().position(|n| n.eq_ignore_ascii_case(s)).map(|i| i as u32 + low);
                named.or_else(|| s.parse().ok()).filter(|n| (*low..=*high).contains(n))
            };
            let spans = span == "*"
                || span == "?"
                || match span.split_once('-') {
                    Some((a, b)) => number(a).zip(number(b)).is_some_and(|(a, b)| a <= b),
                    None => number(span).is_some(),
                };
            spans && step.is_none_or(|n| n.parse::<u32>().is_ok_and(|n| n > 0))
        })
    };
    if fields.iter().zip(&bounds).all(fits) { Ok(()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_overlap_when_they_share_an_hour_of_a_day() {
        for (a, b, want) in [
            ("* 9-18 * * 1-5", "* 9-18 * * 1-5", true),
            ("* 9-12 * * 1-5", "* 13-18 * * 1-5", false),
            ("* 9-14 * * 1-5", "* 12-18 * * 1-5", true),
            ("* 9-18 * * 1,3,5", "* 9-18 * * 2,4,6", false),
            ("* 9-18 1 * 1-3", "* 9-18 2 * 4-5", false),
            ("* 9-18 1 * 1,3,5", "* 9-18 1 * 2,4,6", true),
            ("* * * * 1-5", "* 9-18 * * 1-5", true),
            ("* 9-18 * 1 *", "* 9-18 * 2 *", false),
        ] {
            let (x, y) = (Hours::parse(a).unwrap(), Hours::parse(b).unwrap());
            assert_eq!((x.overlaps(&y), y.overlaps(&x)), (want, want), "{a} and {b}");
        }
        for bad in ["* 25 * * *", "0 9 * * *", "* 9 * *", "* 9-8 * * *", "* x * * *"] {
            assert!(Hours::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn script_schedules_have_six_fields() {
        for (cron, fine) in [
            ("0 0 3 * * *", true),
            ("0 0 3 * *", true),
            ("*/5 * * * * mon-fri", true),
            ("@daily", true),
            ("0 0 24 * * *", false),
            ("often", false),
            ("* * * *", false),
        ] {
            assert_eq!(script_cron(cron).is_ok(), fine, "{cron}");
        }
    }
}
