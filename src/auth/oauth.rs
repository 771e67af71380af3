//! The client's side of OAuth2, the one there is: the way to a provider's page, and from a code, a device or a
//! refresh token to tokens. What the tokens are for is the caller's business; nothing is kept here.
//!
//! Providers differ. Some believe a client's secret in the form, some in the header; answers are JSON or forms;
//! numbers are texts; GitHub says no with 200.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::ids::Ids;
use crate::outbound::{self, Answer, Outbound};
use crate::sdk::ExternalAuthDevice;
use crate::time::Time;

/// The grant by which a code that was typed on another device becomes a token (RFC 8628).
pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// What a signed proof of a client or of another grant is called (RFC 7523).
pub const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// A token that lives longer is taken for one without end.
const LIFETIME_MAX_SECONDS: u64 = 10_000_000_000;
/// Length of a PKCE verifier, in characters.
const VERIFIER_LENGTH: usize = 64;

/// How a client proves itself at a token endpoint.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// Not at all, as public clients.
    Nothing,
    /// By what the grant holds; it does not even say who it is.
    InGrant,
    /// By its secret in the Authorization field.
    Basic(&'a str),
    /// By its secret among the fields of the form.
    Form(&'a str),
    /// By its secret in the form and, where the provider does not believe that, in the Authorization field.
    FormOrBasic(&'a str),
    /// By its secret both among the fields and as the bearer of a token.
    FormAndBearer(&'a str),
    /// By what a key of its own signed just now (RFC 7523).
    Assertion(&'a str),
}

/// A client and the endpoint that gives it tokens.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// Where tokens are given.
    pub token_url: &'a str,
    /// What the provider knows the client by.
    pub client_id: &'a str,
    /// How it proves that.
    pub proof: Proof<'a>,
}

/// Where and when providers are asked.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// The way out.
    pub outbound: &'a Outbound,
    /// The time.
    pub now: Time,
}

/// What a provider gives for a code or another grant.
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
    /// The whole answer.
    pub answer: Map<String, Value>,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The provider says no, with a code that clients know, such as `authorization_pending`.
    #[error("{code}")]
    Refused {
        /// The status of its answer.
        status: u16,
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

impl Error {
    /// Whether a refresh token that got this answer will never get another. A provider that is away, busy or broken
    /// has not judged the token.
    pub fn is_final(&self) -> bool {
        const FINAL: [&str; 4] =
            ["bad_refresh_token", "invalid_grant", "unauthorized_client", "unsupported_grant_type"];
        match self {
            Error::Refused { code, .. } if FINAL.contains(&code.as_str()) => true,
            Error::Refused { status, .. } | Error::Outbound(outbound::Error::Status { status, .. }) => {
                matches!(status, 200 | 400 | 401 | 403)
            }
            Error::Outbound(_) | Error::NoToken => false,
        }
    }
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

impl Client<'_> {
    /// Asks for tokens; `fields` say by what grant.
    pub fn tokens(&self, line: Line<'_>, fields: &[(&str, &str)]) -> Result<Tokens, Error> {
        let answer = match self.proof {
            Proof::FormOrBasic(secret) => {
                let first = self.ask(line, Proof::Form(secret), fields)?;
                let is_believed = !matches!(first.status, 400 | 401)
                    || said(&first, self.token_url).is_ok_and(|said| text(&said, "error") != "invalid_client");
                if is_believed { first } else { self.ask(line, Proof::Basic(secret), fields)? }
            }
            proof => self.ask(line, proof, fields)?,
        };
        read_tokens(answer, self.token_url, line.now)
    }

    /// New tokens for a refresh token, which stays the one to use if no other comes.
    pub fn renew(&self, line: Line<'_>, refresh: &str) -> Result<Tokens, Error> {
        let tokens = self.tokens(line, &[("grant_type", "refresh_token"), ("refresh_token", refresh)])?;
        let refresh = if tokens.refresh.is_empty() { refresh.to_owned() } else { tokens.refresh };
        Ok(Tokens { refresh, ..tokens })
    }

    fn ask(&self, line: Line<'_>, proof: Proof<'_>, fields: &[(&str, &str)]) -> Result<Answer, Error> {
        let mut fields = fields.to_vec();
        let mut authorization = None;
        if !matches!(proof, Proof::InGrant | Proof::Basic(_)) {
            fields.push(("client_id", self.client_id));
        }
        match proof {
            Proof::Nothing | Proof::InGrant => {}
            Proof::Basic(secret) => authorization = Some(basic(self.client_id, secret)),
            Proof::Form(secret) | Proof::FormOrBasic(secret) => fields.push(("client_secret", secret)),
            Proof::FormAndBearer(secret) => {
                fields.push(("client_secret", secret));
                authorization = Some(format!("Bearer {secret}"));
            }
            Proof::Assertion(signed) => {
                fields.extend([("client_assertion_type", JWT_ASSERTION), ("client_assertion", signed)]);
            }
        }
        let headers: Vec<_> = authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
        Ok(line.outbound.post_form(self.token_url, &headers, &fields)?)
    }
}

/// A code to enter at a provider on another device (RFC 8628).
pub fn begin_device(line: Line<'_>, url: &str, client_id: &str, scopes: &str) -> Result<ExternalAuthDevice, Error> {
    let answer = line.outbound.post_form(url, &[], &[("client_id", client_id), ("scope", scopes)])?;
    let said = unrefused(answer, url)?;
    Ok(ExternalAuthDevice {
        device_code: text(&said, "device_code").to_owned(),
        user_code: text(&said, "user_code").to_owned(),
        verification_uri: text(&said, "verification_uri").to_owned(),
        expires_in: number(said.get("expires_in")).unwrap_or_default(),
        interval: number(said.get("interval")).unwrap_or_default(),
    })
}

fn read_tokens(answer: Answer, url: &str, now: Time) -> Result<Tokens, Error> {
    let said = unrefused(answer, url)?;
    let access = text(&said, "access_token").to_owned();
    if access.is_empty() {
        return Err(Error::NoToken);
    }
    let seconds = number(said.get("expires_in")).and_then(|seconds| u64::try_from(seconds).ok());
    let seconds = seconds.filter(|seconds| (1..LIFETIME_MAX_SECONDS).contains(seconds));
    Ok(Tokens {
        access,
        refresh: text(&said, "refresh_token").to_owned(),
        expires_at: seconds.map(|seconds| now + Duration::from_secs(seconds)),
        id: Some(text(&said, "id_token").to_owned()).filter(|token| !token.is_empty()),
        answer: said,
    })
}

/// What a provider says if it does not say no. GitHub says no with 200, others with 400 or 401: the body decides.
fn unrefused(answer: Answer, url: &str) -> Result<Map<String, Value>, Error> {
    let status = answer.status;
    let said = match said(&answer, url) {
        Ok(said) => said,
        Err(unreadable) => return Err(answer.success(url).err().unwrap_or(unreadable).into()),
    };
    match text(&said, "error") {
        "" => {}
        code => {
            let (code, description) = (code.to_owned(), text(&said, "error_description").to_owned());
            return Err(Error::Refused { status, code, description });
        }
    }
    answer.success(url)?;
    Ok(said)
}

/// The fields of an answer, whichever way they are written.
fn said(answer: &Answer, url: &str) -> Result<Map<String, Value>, outbound::Error> {
    let kind = answer.header("Content-Type").unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") || kind.starts_with("text/plain") {
        let fields = form_urlencoded::parse(&answer.body);
        return Ok(fields.map(|(k, v)| (k.into_owned(), Value::String(v.into_owned()))).collect());
    }
    answer.json(url)
}

fn text<'a>(said: &'a Map<String, Value>, name: &str) -> &'a str {
    said.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A number, which some providers write as text.
fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|f| f as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
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

    fn answer(status: u16, kind: &str, body: &str) -> Answer {
        let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn lifetimes_are_numbers_or_texts() {
        let now = Time::parse("2026-01-01T00:00:00Z").unwrap();
        for (json, want) in [
            ("3600", Some(3600)),
            ("\"60\"", Some(60)),
            ("0", None),
            ("-5", None),
            ("\"soon\"", None),
            ("1e300", None),
            ("null", None),
        ] {
            let body = format!(r#"{{"access_token": "a", "expires_in": {json}}}"#);
            let tokens = read_tokens(answer(200, "application/json", &body), "http://idp", now).unwrap();
            assert_eq!(tokens.expires_at, want.map(|seconds| now + Duration::from_secs(seconds)), "{json}");
        }
        let form = "access_token=a&refresh_token=b+c&expires_in=60&scope=x";
        for kind in ["application/x-www-form-urlencoded", "text/plain; charset=utf-8"] {
            let tokens = read_tokens(answer(200, kind, form), "http://idp", now).unwrap();
            let want = ("a", "b c", Some(now + Duration::from_secs(60)));
            assert_eq!((tokens.access.as_str(), tokens.refresh.as_str(), tokens.expires_at), want, "{kind}");
        }
    }

    #[test]
    fn only_a_judged_refresh_token_is_given_up() {
        for (status, body, want) in [
            (400, r#"{"error": "invalid_grant"}"#, true),
            (500, r#"{"error": "invalid_grant"}"#, true),
            (200, r#"{"error": "bad_refresh_token"}"#, true),
            (200, r#"{"error": "something"}"#, true),
            (401, r#"{"error": "invalid_client"}"#, true),
            (403, "Forbidden", true),
            (503, r#"{"error": "temporarily_unavailable"}"#, false),
            (429, r#"{"error": "slow_down"}"#, false),
            (500, "", false),
            (200, "{}", false),
            (200, "<html>", false),
        ] {
            let error = read_tokens(answer(status, "application/json", body), "http://idp", Time::ZERO).err().unwrap();
            assert_eq!(error.is_final(), want, "{status} {body}: {error:?}");
        }
    }
}
