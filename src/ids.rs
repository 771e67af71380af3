//! Identifiers and secrets: the one source of randomness, which a test can seed.
//!
//! Seeded ids are for fixtures and tests alone: they are predictable, so a server that faces a
//! network is always given [`Ids::random`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use uuid::Uuid;

const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Gives fresh ids and secrets; clones draw from the same source.
#[derive(Clone, Default)]
pub struct Ids(Option<Arc<Seeded>>);

struct Seeded {
    seed: u64,
    drawn: AtomicU64,
}

impl Ids {
    /// From the operating system.
    pub fn random() -> Ids {
        Ids(None)
    }
    /// A repeatable sequence. Never for a server that others can reach.
    pub fn seeded(seed: u64) -> Ids {
        Ids(Some(Arc::new(Seeded { seed, drawn: AtomicU64::new(0) })))
    }
    /// Fills `out` with bytes that nobody can guess (or the next ones of the seed).
    pub fn fill(&self, out: &mut [u8]) {
        let Some(seeded) = &self.0 else {
            return getrandom::fill(out).expect("the operating system gives random bytes");
        };
        for chunk in out.chunks_mut(32) {
            let n = seeded.drawn.fetch_add(1, Ordering::Relaxed);
            let mut hash = Sha256::new();
            hash.update(seeded.seed.to_le_bytes());
            hash.update(n.to_le_bytes());
            chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
        }
    }
    /// A version 4 UUID.
    pub fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
    /// `len` letters and digits, each equally likely.
    pub fn alphanumeric(&self, len: usize) -> String {
        self.text(len, ALPHANUMERIC)
    }
    /// `len` characters of an ASCII alphabet of at most 256, each equally likely.
    pub fn text(&self, len: usize, alphabet: &[u8]) -> String {
        let limit = 256 - 256 % alphabet.len();
        let mut out = String::with_capacity(len);
        let mut bytes = [0; 32];
        while out.len() < len {
            self.fill(&mut bytes);
            for b in bytes.iter().map(|b| *b as usize).filter(|b| *b < limit) {
                if out.len() < len {
                    out.push(alphabet[b % alphabet.len()] as char);
                }
            }
        }
        out
    }
    /// `len` lower-case hexadecimal digits.
    pub fn hex(&self, len: usize) -> String {
        self.text(len, b"0123456789abcdef")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_random_does_not() {
        assert_eq!(Ids::seeded(7).uuid(), Ids::seeded(7).uuid());
        assert_ne!(Ids::seeded(7).uuid(), Ids::seeded(8).uuid());
        assert_ne!(Ids::random().uuid(), Ids::random().uuid());
        assert_eq!(Ids::random().alphanumeric(41).len(), 41);
    }
}
