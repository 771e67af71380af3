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
/// The most bytes a password may have.
const MAX_BYTES: usize = 64;
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
    if entropy(password) < MIN_BITS {
        let lacking: Vec<&str> = ALPHABETS
            .iter()
            .filter(|alphabet| !alphabet.sets.iter().all(|set| password.contains(|c| set.contains(c))))
            .map(|alphabet| alphabet.called)
            .collect();
        // Forms show this text as it is, and people compare; it is the one that they know.
        let advice = if lacking.is_empty() { String::new() } else { format!("{} or ", lacking.join(", ")) };
        return Some(format!("insecure password, try {advice}using a longer password"));
    }
    (password.len() > MAX_BYTES).then(|| format!("password must be no more than {MAX_BYTES} characters"))
}

/// Characters of a kind; a character of a set makes the whole set part of the alphabet in use.
struct Alphabet {
    called: &'static str,
    sets: &'static [&'static str],
}

const ALPHABETS: [Alphabet; 4] = [
    Alphabet { called: "including more special characters", sets: &["!@$&*", "_-., ", "\"#%'()+/:;<=>?[\\]^{|}~"] },
    Alphabet { called: "using lowercase letters", sets: &["abcdefghijklmnopqrstuvwxyz"] },
    Alphabet { called: "using uppercase letters", sets: &["ABCDEFGHIJKLMNOPQRSTUVWXYZ"] },
    Alphabet { called: "using numbers", sets: &["0123456789"] },
];

/// Sequences that are easy to type and so to guess, forwards and backwards.
const RUNS: [&str; 5] = ["0123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz"];

/// Bits of entropy: the size of the alphabet in use to the power of a length that does not count
/// repetitions and runs. The measure is the ecosystem's, so that a password is taken here and there alike.
fn entropy(password: &str) -> f64 {
    let sets = || ALPHABETS.iter().flat_map(|alphabet| alphabet.sets);
    let in_use = sets().filter(|set| password.contains(|c| set.contains(c)));
    let mut others: Vec<char> = password.chars().filter(|c| !sets().any(|set| set.contains(*c))).collect();
    others.sort_unstable();
    others.dedup();
    let size = in_use.map(|set| set.len()).sum::<usize>() + others.len();
    if size == 0 { 0.0 } else { counted_bytes(password) as f64 * (size as f64).log2() }
}

/// The length that counts: of each character at most two in a row, and of each run the first two.
fn counted_bytes(password: &str) -> usize {
    let mut kept: Vec<char> = Vec::new();
    for c in password.chars() {
        if !matches!(kept[..], [.., a, b] if a == c && b == c) {
            kept.push(c);
        }
    }
    for run in RUNS {
        leave_out_run(&mut kept, run.chars());
    }
    for run in RUNS {
        leave_out_run(&mut kept, run.chars().rev());
    }
    kept.iter().map(|c| c.len_utf8()).sum()
}

/// Takes the third and later steps of a run out. The walk along the run goes on where the last match
/// was and begins anew one character further.
fn leave_out_run(chars: &mut Vec<char>, run: impl Iterator<Item = char> + Clone) {
    let (mut at, mut matched) = (0, 0);
    while at < chars.len() {
        for step in run.clone() {
            match chars.get(at) {
                None => break,
                Some(c) if *c != step => matched = 0,
                Some(_) if matched < 2 => {
                    matched += 1;
                    at += 1;
                }
                Some(_) => {
                    chars.remove(at);
                }
            }
        }
        at += 1;
    }
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
            ("correct horse", true),
            ("password", false),
            ("password123", false),
            ("12345678", false),
            ("aaaaaaaaaaaaaaaaaaaaaa", false),
            ("", false),
            (&"p".repeat(64), false),
            (&"Xy7-".repeat(16), true),
            (&"Xy7-".repeat(17), false),
            (&"ü".repeat(33), false),
        ] {
            assert_eq!(objection(password).is_none(), taken, "{password:?} has {} bits", entropy(password));
        }
    }
}
