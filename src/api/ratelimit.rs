//! How many requests a minute an address may make to an endpoint, and how many passwords it may try.
//!
//! Counts are kept in two windows of a minute, and the older one fades as the newer one passes, so that
//! nobody gets twice the limit around the turn of a minute. A limiter of its own guards passwords and
//! another uploads; where the caller is known by then, those count by user.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;

use parking_lot::Mutex;
use uuid::Uuid;

use super::Error;
use super::routes::Limit;
use crate::config::RateLimits;
use crate::http::Response;
use crate::time::Time;

const WINDOW_SECONDS: i64 = 60;
/// How many callers and endpoints are told apart in a window. Beyond that only callers are, and beyond
/// twice that nobody is counted: memory stays bounded whatever paths are made up.
const MOST_KEYS: usize = 1 << 17;

/// Header fields for an answer.
pub type Fields = Vec<(String, String)>;

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An address; IPv6 by its first half, of which whoever has one has the rest.
    Address(Option<IpAddr>),
    /// A user.
    User(Uuid),
}

impl Caller {
    /// Whoever is at this address; none for a Unix socket.
    pub fn at(peer: Option<IpAddr>) -> Caller {
        Caller::Address(peer.map(|ip| match ip.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
            v4 => v4,
        }))
    }
}

/// The limiters of a server.
pub struct Limiters {
    api: Option<Limiter>,
    passwords: Option<Limiter>,
    files: Option<Limiter>,
}

impl Limiters {
    /// As configured.
    pub fn new(limits: RateLimits) -> Limiters {
        Limiters {
            api: limits.api_per_minute.map(Limiter::new),
            passwords: limits.login_per_minute.map(Limiter::new),
            files: limits.files_per_minute.map(Limiter::new),
        }
    }

    /// Counts a request below the API's paths.
    pub fn api(&self, caller: Caller, path: &str, now: Time, fields: &mut Fields) -> Result<(), Response> {
        count(self.api.as_ref(), caller, path, now, fields)
    }

    /// Counts a request to a route with a limit of its own. Its fields take the place of the API's.
    pub fn route(
        &self,
        limit: Limit,
        caller: Caller,
        path: &str,
        now: Time,
        fields: &mut Fields,
    ) -> Result<(), Response> {
        let limiter = match limit {
            Limit::Usual => return Ok(()),
            Limit::Passwords => self.passwords.as_ref(),
            Limit::Files => self.files.as_ref(),
        };
        count(limiter, caller, path, now, fields)
    }
}

fn count(
    limiter: Option<&Limiter>,
    caller: Caller,
    path: &str,
    now: Time,
    fields: &mut Fields,
) -> Result<(), Response> {
    let Some(limiter) = limiter else { return Ok(()) };
    let counted = limiter.count(caller, path, now);
    fields.clear();
    let mut add = |name: &str, value: i64| fields.push((name.to_owned(), value.to_string()));
    add("X-Ratelimit-Limit", i64::from(limiter.limit));
    add("X-Ratelimit-Remaining", counted.remaining);
    add("X-Ratelimit-Reset", counted.resets_at_seconds);
    if counted.allowed {
        return Ok(());
    }
    let message =
        format!("There were more than {} requests to this in a minute. Try again in a minute.", limiter.limit);
    Err(Error::new(429, message).header("Retry-After", WINDOW_SECONDS.to_string()).into_response())
}

struct Limiter {
    limit: u32,
    hasher: RandomState,
    windows: Mutex<Windows>,
}

#[derive(Default)]
struct Windows {
    /// When the newer one began, in seconds; a whole minute.
    began: i64,
    newer: HashMap<u64, u32>,
    older: HashMap<u64, u32>,
}

struct Counted {
    allowed: bool,
    remaining: i64,
    resets_at_seconds: i64,
}

impl Limiter {
    fn new(limit: u32) -> Limiter {
        Limiter { limit, hasher: RandomState::new(), windows: Mutex::default() }
    }

    fn count(&self, caller: Caller, path: &str, now: Time) -> Counted {
        let seconds = now.seconds();
        let began = seconds - seconds.rem_euclid(WINDOW_SECONDS);
        let mut windows = self.windows.lock();
        windows.move_on(began);
        let mut key = self.key((caller, path));
        if windows.newer.len() >= MOST_KEYS && !windows.newer.contains_key(&key) {
            key = self.key((caller, ""));
        }
        let passed = now.since(Time::from_micros(began * 1_000_000)) as f64 / (WINDOW_SECONDS as f64 * 1e6);
        let of = |window: &HashMap<u64, u32>| f64::from(window.get(&key).copied().unwrap_or_default());
        let rate = (of(&windows.older) * (1.0 - passed) + of(&windows.newer)).round() as i64;
        let limit = i64::from(self.limit);
        let allowed = rate < limit;
        if allowed && (windows.newer.len() < 2 * MOST_KEYS || windows.newer.contains_key(&key)) {
            *windows.newer.entry(key).or_default() += 1;
        }
        Counted { allowed, remaining: limit - rate - i64::from(allowed), resets_at_seconds: began + WINDOW_SECONDS }
    }

    fn key(&self, what: impl Hash) -> u64 {
        self.hasher.hash_one(what)
    }
}

impl Windows {
    fn move_on(&mut self, began: i64) {
        if began == self.began {
            return;
        }
        std::mem::swap(&mut self.newer, &mut self.older);
        self.newer.clear();
        if began != self.began + WINDOW_SECONDS {
            self.older.clear();
        }
        self.began = began;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    fn ann() -> Caller {
        Caller::at("192.0.2.1".parse().ok())
    }

    #[test]
    fn a_caller_has_so_many_requests_an_endpoint_and_minute() {
        let limiter = Limiter::new(3);
        for remaining in [2, 1, 0] {
            let counted = limiter.count(ann(), "/a", at(600));
            assert_eq!((counted.allowed, counted.remaining, counted.resets_at_seconds), (true, remaining, 660));
        }
        let counted = limiter.count(ann(), "/a", at(630));
        assert_eq!((counted.allowed, counted.remaining), (false, 0));
        assert!(limiter.count(ann(), "/b", at(630)).allowed);
        assert!(limiter.count(Caller::at("192.0.2.2".parse().ok()), "/a", at(630)).allowed);
        assert!(limiter.count(Caller::at(None), "/a", at(630)).allowed);
    }

    #[test]
    fn the_minute_before_fades() {
        for (seconds, free) in [(660, 0), (675, 1), (690, 2), (719, 4), (720, 4)] {
            let limiter = Limiter::new(4);
            (0..4).for_each(|_| assert!(limiter.count(ann(), "/a", at(600)).allowed));
            let allowed = (0..9).filter(|_| limiter.count(ann(), "/a", at(seconds)).allowed).count();
            assert_eq!(allowed, free, "at {seconds}");
        }
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        for (a, b, same) in [
            ("2001:db8::1", "2001:db8::ffff:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            assert_eq!(Caller::at(a.parse().ok()) == Caller::at(b.parse().ok()), same, "{a} {b}");
        }
    }

    #[test]
    fn made_up_paths_do_not_take_memory_without_end() {
        let limiter = Limiter::new(3);
        for n in 0..MOST_KEYS + 100 {
            limiter.count(ann(), &format!("/{n}"), at(600));
        }
        assert!(limiter.windows.lock().newer.len() <= MOST_KEYS + 1);
        assert!(!limiter.count(ann(), "/one-more", at(600)).allowed);
    }
}
