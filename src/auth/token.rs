//! Session tokens and API keys: `<10 characters of id>-<22 of secret>`. The secret's SHA-256 is kept,
//! the secret never.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ids::Ids;

const ID_LENGTH: usize = 10;
const SECRET_LENGTH: usize = 22;

/// A fresh token, in its parts.
pub struct Token {
    /// The id, kept as it is.
    pub id: String,
    /// The secret, given to the client and forgotten.
    secret: String,
}

impl Token {
    /// A new one.
    pub fn generate(ids: &Ids) -> Token {
        Token { id: ids.alphanumeric(ID_LENGTH), secret: ids.alphanumeric(SECRET_LENGTH) }
    }
    /// One that was chosen beforehand, by its parts.
    pub fn chosen(id: &str, secret: &str) -> Token {
        Token { id: id.to_owned(), secret: secret.to_owned() }
    }
    /// What is stored of the secret.
    pub fn hashed_secret(&self) -> Vec<u8> {
        hash(&self.secret)
    }
    /// What the client is given.
    pub fn text(&self) -> String {
        format!("{}-{}", self.id, self.secret)
    }
}

/// The parts of a token that a client sent: id and secret. None when it is not of the form.
pub fn split(text: &str) -> Option<(&str, &str)> {
    let (id, secret) = text.split_once('-')?;
    (id.len() == ID_LENGTH && secret.len() == SECRET_LENGTH && !secret.contains('-')).then_some((id, secret))
}

/// Whether a secret is the one that was hashed; takes as long either way.
pub fn matches(secret: &str, hashed: &[u8]) -> bool {
    bool::from(hash(secret).ct_eq(hashed))
}

/// What is kept of a secret.
pub fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_apart_and_known_again() {
        let token = Token::generate(&Ids::seeded(3));
        let text = token.text();
        let (id, secret) = split(&text).unwrap();
        assert_eq!(id, token.id);
        assert!(matches(secret, &token.hashed_secret()));
        assert!(!matches("0000000000000000000000", &token.hashed_secret()));
        for bad in ["", "-", "abc-def", &text[1..], &format!("{text}x"), &format!("{}-{}", &text[..10], "-".repeat(22))]
        {
            assert_eq!(split(bad), None, "{bad:?}");
        }
    }
}
