//! The hours in which a user does not mind a workspace that is stopped for its template's sake: everybody's or, where
//! users may choose, their own. Who asks and what follows is for others.

use crate::config::{Config, Value};
use crate::schedule::Cron;

/// Whether users may choose their own.
pub fn users_may_choose(config: &Config) -> bool {
    config.settings.get("allow-custom-quiet-hours").value == Value::Bool(true)
}

/// Those of everybody; empty where there are none.
pub fn of_everybody(config: &Config) -> &str {
    match &config.settings.get("default-quiet-hours-schedule").value {
        Value::Text(text) => text,
        _ => "",
    }
}

/// Those that hold for a user who chose `own`, which is empty for who did not.
pub fn of_user<'a>(config: &'a Config, own: &'a str) -> &'a str {
    if own.is_empty() || !users_may_choose(config) { of_everybody(config) } else { own }
}

/// A schedule of one moment of every day.
pub fn once_a_day(text: &str) -> Result<Cron, String> {
    let schedule = Cron::daily(text).map_err(|e| e.to_string())?;
    match schedule.single_time() {
        Some(_) => Ok(schedule),
        None => Err(format!("{text:?} names more than one time of the day")),
    }
}
