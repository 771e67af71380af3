//! Client secrets, authorization codes and refresh tokens: `coder_<prefix>_<secret>`. A row is found by
//! the prefix, which is kept as it is; of the secret only the SHA-256 is kept.
//!
//! A code is bound to the redirect URI that it was sent to. There is no column for that URI, so the
//! last characters of a code's secret are made from it: a code that comes back with another URI does not
//! add up ([`Secret::is_bound_to`]).

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

// For secrets without a prefix too, such as a registration's access token.
pub use crate::auth::token::{hash, matches};
use crate::ids::Ids;

/// What every one of them begins with.
const SCHEME: &str = "coder";
const PREFIX_LENGTH: usize = 10;
const SECRET_LENGTH: usize = 40;
/// How many of a code's secret characters say where it was sent; the others are random.
const BOUND_LENGTH: usize = 10;
const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A secret in its parts.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    prefix: String,
    secret: String,
}

impl Secret {
    /// A new one.
    pub fn generate(ids: &Ids) -> Secret {
        Secret { prefix: ids.alphanumeric(PREFIX_LENGTH), secret: ids.alphanumeric(SECRET_LENGTH) }
    }

    /// A new code that is good with this redirect URI alone.
    pub fn bound_to(ids: &Ids, redirect_uri: &str) -> Secret {
        let mut secret = ids.alphanumeric(SECRET_LENGTH - BOUND_LENGTH);
        secret.push_str(&binding(&secret, redirect_uri));
        Secret { prefix: ids.alphanumeric(PREFIX_LENGTH), secret }
    }

    /// Takes apart what a client sent; none if it is not of the form.
    pub fn parse(text: &str) -> Option<Secret> {
        let mut parts = text.split('_');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(SCHEME), Some(prefix), Some(secret), None) => {
                Some(Secret { prefix: prefix.to_owned(), secret: secret.to_owned() })
            }
            _ => None,
        }
    }

    /// Whether a text claims to be one of these.
    pub fn is_meant_by(text: &str) -> bool {
        text.strip_prefix(SCHEME).is_some_and(|rest| rest.starts_with('_'))
    }

    /// What its row is found by.
    pub fn prefix(&self) -> &[u8] {
        self.prefix.as_bytes()
    }

    /// What is kept of it.
    pub fn hashed(&self) -> Vec<u8> {
        hash(&self.secret)
    }

    /// Whether it is the one that was hashed; takes as long either way.
    pub fn matches(&self, hashed: &[u8]) -> bool {
        matches(&self.secret, hashed)
    }

    /// What its holder is given.
    pub fn text(&self) -> String {
        format!("{SCHEME}_{}_{}", self.prefix, self.secret)
    }

    /// Whether a code was made for this redirect URI.
    pub fn is_bound_to(&self, redirect_uri: &str) -> bool {
        self.secret.len() == SECRET_LENGTH
            && self.secret.split_at_checked(SECRET_LENGTH - BOUND_LENGTH).is_some_and(|(random, bound)| {
                bool::from(binding(random, redirect_uri).as_bytes().ct_eq(bound.as_bytes()))
            })
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SCHEME}_{}_...", self.prefix)
    }
}

fn binding(random: &str, redirect_uri: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(random.as_bytes());
    digest.update([0]);
    digest.update(redirect_uri.as_bytes());
    digest.finalize().iter().take(BOUND_LENGTH).map(|b| char::from(ALPHANUMERIC[usize::from(*b) % 62])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_apart_and_known_again() {
        let ids = Ids::seeded(5);
        let secret = Secret::generate(&ids);
        let text = secret.text();
        assert_eq!(text.len(), "coder_".len() + 10 + 1 + 40);
        let read = Secret::parse(&text).unwrap();
        assert!(read.matches(&secret.hashed()) && read.prefix() == secret.prefix());
        assert!(!Secret::generate(&ids).matches(&secret.hashed()));
        assert!(!format!("{secret:?}").contains(&secret.secret));
        for bad in ["", "coder", "coder_a", "coder_a_b_c", "_a_b", "Coder_a_b", "other_a_b", "a_b"] {
            assert!(Secret::parse(bad).is_none(), "{bad:?}");
        }
        for (text, meant) in [("coder_x", true), ("coder", false), ("coderx_y", false), ("abc-def", false)] {
            assert_eq!(Secret::is_meant_by(text), meant, "{text:?}");
        }
    }

    #[test]
    fn a_code_is_good_with_its_own_redirect_uri_alone() {
        let code = Secret::bound_to(&Ids::seeded(6), "https://app.example/back");
        assert!(code.is_bound_to("https://app.example/back"));
        for other in ["https://app.example/back/", "https://app.example/back/x", "", "https://evil.example/back"] {
            assert!(!code.is_bound_to(other), "{other:?}");
        }
        let short = Secret::parse("coder_a_b").unwrap();
        assert!(!short.is_bound_to("https://app.example/back"));
        let odd = Secret::parse(&format!("coder_a_{}é", "x".repeat(29))).unwrap();
        assert!(!odd.is_bound_to(""));
    }
}
