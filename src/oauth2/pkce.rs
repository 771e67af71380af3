//! Proof Key for Code Exchange (RFC 7636): whoever redeems a code must know the verifier whose hash came
//! with the request for the code. Only `S256` is supported.

use subtle::ConstantTimeEq;

pub use crate::auth::oauth::challenge;
use crate::sdk::OAuth2PKCECodeChallengeMethod as Method;

/// The method by which a challenge was made; none named means `S256`. The error is for people.
pub fn method(named: &str) -> Result<Method, String> {
    match Method::parse(named) {
        _ if named.is_empty() => Ok(Method::S256),
        Some(Method::S256) => Ok(Method::S256),
        Some(Method::Plain) => {
            Err("the code_challenge_method has to be S256: plain does not protect the code".to_owned())
        }
        None => Err(format!("there is no code_challenge_method {named:?}; use S256")),
    }
}

/// Whether a verifier belongs to a challenge. Nothing belongs to an empty one, and it takes as long
/// either way.
pub fn verify(challenge_of_code: &str, verifier: &str) -> bool {
    !challenge_of_code.is_empty()
        && !verifier.is_empty()
        && bool::from(challenge(verifier).as_bytes().ct_eq(challenge_of_code.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn only_the_verifier_fits_its_challenge() {
        for (challenge, verifier, fits) in [
            (CHALLENGE, VERIFIER, true),
            (CHALLENGE, "wrong", false),
            (CHALLENGE, CHALLENGE, false),
            (CHALLENGE, "", false),
            ("", VERIFIER, false),
            ("", "", false),
            (VERIFIER, VERIFIER, false),
        ] {
            assert_eq!(verify(challenge, verifier), fits, "{challenge:?} {verifier:?}");
        }
    }

    #[test]
    fn a_challenge_cannot_be_made_weaker() {
        for (named, good) in [("", true), ("S256", true), ("plain", false), ("s256", false), ("S512", false)] {
            assert_eq!(method(named).is_ok(), good, "{named:?}");
        }
    }
}
