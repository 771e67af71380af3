//! When workspaces start and stop by themselves: cron expressions, what a template allows, deadlines.
//!
//! Plain values in, plain values out: nothing here reads the store or the clock. What ticks and acts on
//! these times is elsewhere. Start at [`deadline::autostop`].

pub mod autostart;
pub mod cron;
pub mod deadline;

pub use autostart::{next_allowed_autostart, next_autostart};
pub use cron::Cron;
pub use deadline::{Autostop, autostop};

/// Days of the week, a bit each: bit 0 is Monday, bit 6 Sunday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(pub u8);

impl Days {
    /// Every day.
    pub const ALL: Days = Days(0b0111_1111);
    /// No day.
    pub const NONE: Days = Days(0);

    /// Whether a day is among them.
    pub fn has(self, day: jiff::civil::Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
}

/// What a template says about the times of its workspaces. Durations are nanoseconds, as the database
/// keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whether owners may say when a workspace starts.
    pub user_autostart: bool,
    /// Whether owners may say how long a workspace runs.
    pub user_autostop: bool,
    /// How long a workspace runs where its owner says nothing.
    pub default_ttl: i64,
    /// By how much activity moves the deadline.
    pub activity_bump: i64,
    /// The days on which workspaces may start by themselves.
    pub autostart_days: Days,
    /// The days on which workspaces must stop.
    pub autostop_days: Days,
    /// Every how many weeks they must.
    pub autostop_weeks: i64,
    /// After how long a failed start is stopped; 0 is never.
    pub failure_ttl: i64,
    /// After how long without use a workspace goes dormant; 0 is never.
    pub time_til_dormant: i64,
    /// After how long a dormant one is deleted; 0 is never.
    pub time_til_dormant_autodelete: i64,
}

impl Policy {
    /// What holds of a template where scheduling is not licensed: owners decide, every day is good,
    /// and nothing is stopped or deleted for its template's sake.
    pub fn unlicensed(default_ttl: i64, activity_bump: i64) -> Policy {
        Policy {
            user_autostart: true,
            user_autostop: true,
            default_ttl,
            activity_bump,
            autostart_days: Days::ALL,
            autostop_days: Days::NONE,
            autostop_weeks: 1,
            failure_ttl: 0,
            time_til_dormant: 0,
            time_til_dormant_autodelete: 0,
        }
    }
}
