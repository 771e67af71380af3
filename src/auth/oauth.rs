//! The client's side of OAuth2: the way to a provider's page and from a code to tokens. What the tokens are
//! for is the caller's business; nothing is kept here.

use serde::Deserialize;

use crate::ids::Ids;
use crate::outbound::{self, Outbound};
use crate::time::Time;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// The grant by which a code that was typed on another device becomes a token (RFC 8628).
pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Length of a PKCE verifier, in characters.
const VERIFIER_LENGTH: usize = 64;

/// How a client proves itself at a token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// In the Authorization field.
    Basic,
    /// Among the fields of the form.
    Form,
}

/// A client and the endpoint that gives it tokens.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// Where tokens are given.
    pub token_url: &'a str,
    /// What the provider knows the client by.
    pub client_id: &'a str,
    /// Its secret; none for a public client.
    pub secret: Option<&'a str>,
    /// How the secret is shown.
    pub proof: Proof,
}

/// What a provider gives for a code.
#[derive(Clone)]
pub struct Tokens {
    /// Opens the provider's API.
    pub access: String,
    /// Gets new ones; empty for none.
    pub refresh: String,
    /// Until when; none for ever, as far as it is known.
    pub expires_at: Option<Time>,
    /// Says who signed in, with OpenID Connect.
    pub id: Option<String>,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The provider says no, with a code that clients know, such as `authorization_pending`.
    #[error("{code}")]
    Refused {
        /// The code.
        code: String,
        /// What it says beside it; may be empty.
        description: String,
    },
    /// The provider cannot be asked.
    #[error(transparent)]
    Outbound(#[from] outbound::Error),
    /// The answer has no access token.
    #[error("the provider's answer holds no access token")]
    NoToken,
}

/// A verifier, which only the client knows, for one way there and back (RFC 7636).
pub fn verifier(ids: &Ids) -> String {
    ids.alphanumeric(VERIFIER_LENGTH)
}

/// The challenge of a verifier, by S256.
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// A URL with these parameters in its query, beside those that it has. Sorted by name, as clients of the
/// ecosystem are used to.
pub fn with_query(url: &str, more: &[(&str, &str)]) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    pairs.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    // Header fields are ASCII.
    format!("{}?{query}", percent_encoding::utf8_percent_encode(base, percent_encoding::CONTROLS))
}

/// What a client shows of itself in the Authorization field (RFC 6749, section 2.3.1): both parts are form-encoded
/// before they are joined.
pub fn basic(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret))))
}

/// Asks for tokens; `fields` say by what grant.
pub fn tokens(outbound: &Outbound, now: Time, client: &Client<'_>, fields: &[(&str, &str)]) -> Result<Tokens, Error> {
    let mut fields = fields.to_vec();
    let mut headers = Vec::new();
    let authorization;
    match (client.secret, client.proof) {
        (Some(secret), Proof::Basic) => {
            authorization = basic(client.client_id, secret);
            headers.push(("Authorization", authorization.as_str()));
        }
        (Some(secret), Proof::Form) => fields.extend([("client_id", client.client_id), ("client_secret", secret)]),
        (None, _) => fields.push(("client_id", client.client_id)),
    }
    let answer = outbound.post_form(client.token_url, &headers, &fields)?;
    // GitHub says no with 200, others with 400 or 401: the body decides.
    let said: Said = match answer.json(client.token_url) {
        Ok(said) => said,
        Err(unreadable) => return Err(answer.success(client.token_url).err().unwrap_or(unreadable).into()),
    };
    if let Some(code) = said.error.filter(|code| !code.is_empty()) {
        return Err(Error::Refused { code, description: said.error_description.unwrap_or_default() });
    }
    answer.success(client.token_url)?;
    Ok(Tokens {
        access: said.access_token.filter(|token| !token.is_empty()).ok_or(Error::NoToken)?,
        refresh: said.refresh_token.unwrap_or_default(),
        expires_at: said
            .expires_in
            .and_then(Seconds::read)
            .map(|seconds| now + std::time::Duration::from_secs(seconds)),
        id: said.id_token,
    })
}

/// What a token endpoint says.
#[derive(Deserialize)]
struct Said {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<Seconds>,
    id_token: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Some providers write numbers as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

impl Seconds {
    /// None for what is no time to come, such as 0.
    fn read(self) -> Option<u64> {
        let seconds = match self {
            Seconds::Number(number) => number,
            Seconds::Text(text) => text.trim().parse().ok()?,
        };
        (1.0..1e10).contains(&seconds).then_some(seconds as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn parameters_join_those_that_a_url_has() {
        assert_eq!(with_query("https://a/b", &[("x", "1 2")]), "https://a/b?x=1+2");
        assert_eq!(
            with_query("https://a.example/b?z=1&a=2", &[("code", "c_1"), ("state", "x y&\r\nLocation: evil")]),
            "https://a.example/b?a=2&code=c_1&state=x+y%26%0D%0ALocation%3A+evil&z=1"
        );
    }

    #[test]
    fn lifetimes_are_numbers_or_texts() {
        for (json, want) in [("3600", Some(3600)), ("\"60\"", Some(60)), ("0", None), ("-5", None), ("\"soon\"", None)]
        {
            assert_eq!(serde_json::from_str::<Seconds>(json).unwrap().read(), want, "{json}");
        }
    }
}
