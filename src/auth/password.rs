//! Passwords: hashed as the ecosystem stores them (`$pbkdf2-sha256$65535$salt$hash`, unpadded
//! standard base64, 16 bytes of salt, 64 of hash), and judged by their entropy.
//!
//! Hashing takes tens of milliseconds on purpose, so a [`Hasher`] lets few run at once: a flood of
//! logins must not keep the workers from everybody else.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use parking_lot::{Condvar, Mutex};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::ids::Ids;

const ITERATIONS: u32 = 65_535;
const HASH_BYTES: usize = 64;
const SALT_BYTES: usize = 16;
/// The most characters a password may have.
pub const MAX_LENGTH: usize = 64;
/// The least entropy, in bits.
const MIN_BITS: f64 = 52.0;
/// How long a caller waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs hashes, a few at a time.
pub struct Hasher {
    free: Mutex<usize>,
    freed: Condvar,
    ids: Ids,
}

/// Too many passwords are being checked at once; try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked at once")]
pub struct Busy;

impl Hasher {
    /// With at most `at_once` hashes running.
    pub fn new(at_once: usize, ids: Ids) -> Hasher {
        Hasher { free: Mutex::new(at_once.max(1)), freed: Condvar::new(), ids }
    }

    /// The stored form of a password.
    pub fn hash(&self, password: &str) -> Result<String, Busy> {
        let mut salt = [0; SALT_BYTES];
        self.ids.fill(&mut salt);
        self.turn(|| encode(password, &salt, ITERATIONS))
    }

    /// Whether a password is the one that was stored. Takes as long where nothing is stored (`None`),
    /// so that an answer's time does not tell who exists.
    pub fn verify(&self, stored: Option<&str>, password: &str) -> Result<bool, Busy> {
        let known = stored.and_then(parse);
        let (salt, iterations) = known.unwrap_or(([0; SALT_BYTES].to_vec(), ITERATIONS));
        let computed = self.turn(|| encode(password, &salt, iterations))?;
        Ok(stored.is_some_and(|stored| bool::from(computed.as_bytes().ct_eq(stored.as_bytes()))))
    }

    fn turn<T>(&self, f: impl FnOnce() -> T) -> Result<T, Busy> {
        struct Turn<'a>(&'a Hasher);
        impl Drop for Turn<'_> {
            fn drop(&mut self) {
                *self.0.free.lock() += 1;
                self.0.freed.notify_one();
            }
        }
        let mut free = self.free.lock();
        if self.freed.wait_while_for(&mut free, |free| *free == 0, PATIENCE).timed_out() {
            return Err(Busy);
        }
        *free -= 1;
        drop(free);
        let turn = Turn(self);
        let answer = f();
        drop(turn);
        Ok(answer)
    }
}

/// Salt and iterations of a stored password.
fn parse(stored: &str) -> Option<(Vec<u8>, u32)> {
    let mut parts = stored.split('$').skip(1);
    if parts.next()? != "pbkdf2-sha256" {
        return None;
    }
    let iterations = parts.next()?.parse().ok()?;
    let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
    Some((salt, iterations))
}

fn encode(password: &str, salt: &[u8], iterations: u32) -> String {
    let hash: [u8; HASH_BYTES] = pbkdf2::pbkdf2_hmac_array::<Sha256, HASH_BYTES>(password.as_bytes(), salt, iterations);
    format!("$pbkdf2-sha256${iterations}${}${}", STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash))
}

/// Why a password cannot be taken; none when it can.
pub fn objection(password: &str) -> Option<String> {
    if password.chars().count() > MAX_LENGTH {
        return Some(format!("The password may have no more than {MAX_LENGTH} characters."));
    }
    let bits = entropy(password);
    (bits < MIN_BITS)
        .then(|| "The password is too easy to guess: make it longer, or mix in other kinds of characters.".to_owned())
}

/// Bits of entropy: the size of the alphabet in use to the power of a length that does not count
/// repetitions and runs.
fn entropy(password: &str) -> f64 {
    const RUNS: [&str; 4] = ["qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz0123456789"];
    let classes: [(&str, f64); 6] = [
        ("!@$&*", 5.0),
        ("_-., ", 5.0),
        ("\"#%'()+/:;<=>?[\\]^{|}~", 22.0),
        ("abcdefghijklmnopqrstuvwxyz", 26.0),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 26.0),
        ("0123456789", 10.0),
    ];
    let mut base: f64 =
        classes.iter().filter(|(set, _)| password.contains(|c| set.contains(c))).map(|(_, size)| size).sum();
    let mut others: Vec<char> = password.chars().filter(|c| !classes.iter().any(|(set, _)| set.contains(*c))).collect();
    others.sort_unstable();
    others.dedup();
    base += others.len() as f64;

    let chars: Vec<char> = password.chars().collect();
    let mut kept: Vec<char> = Vec::new();
    for c in chars {
        let n = kept.len();
        // A third of the same, or the third step of a run along the keyboard or alphabet, adds nothing.
        let repeats = n >= 2 && kept[n - 1] == c && kept[n - 2] == c;
        let in_run = n >= 2
            && RUNS.iter().any(|run| {
                let forward: String = [kept[n - 2], kept[n - 1], c].iter().collect::<String>().to_lowercase();
                let backward: String = forward.chars().rev().collect();
                run.contains(&forward) || run.contains(&backward)
            });
        if !repeats && !in_run {
            kept.push(c);
        }
    }
    if base <= 0.0 { 0.0 } else { kept.len() as f64 * base.log2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_another_is_not() {
        let hasher = Hasher::new(1, Ids::seeded(1));
        let stored = hasher.hash("SomeSecurePassword!").unwrap();
        assert!(stored.starts_with("$pbkdf2-sha256$65535$"), "{stored}");
        assert_eq!(hasher.verify(Some(&stored), "SomeSecurePassword!"), Ok(true));
        assert_eq!(hasher.verify(Some(&stored), "SomeSecurePassword"), Ok(false));
        assert_eq!(hasher.verify(None, "SomeSecurePassword!"), Ok(false));
        assert_eq!(hasher.verify(Some("none"), "none"), Ok(false));
    }

    #[test]
    fn weak_and_long_passwords_are_refused() {
        for (password, taken) in [
            ("SomeSecurePassword!", true),
            ("password", false),
            ("aaaaaaaaaaaaaaaaaaaaaa", false),
            ("", false),
            (&"aB3$".repeat(17), false),
            (&"xQ9!mZ".repeat(4), true),
        ] {
            assert_eq!(objection(password).is_none(), taken, "{password:?} has {} bits", entropy(password));
        }
    }
}
