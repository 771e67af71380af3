//! An identity provider that speaks OpenID Connect: where it is, what its keys are, and who it says
//! has signed in. It is looked up when somebody first signs in, so that a provider that is away keeps
//! nobody from signing in with a password; and again and again after that, so that it can move and change
//! its keys without a restart here.

mod client_key;
pub mod jws;
pub mod links;

pub use client_key::{ClientKey, Unusable};

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::oauth::{self, Client, Line, Proof, Tokens};
use crate::config::login::{Oidc, SecondaryClaims};
use crate::deployment::Deployment;
use crate::outbound;
use crate::time::Time;
use jws::{Invalid, KeySet};

/// How often an unknown key makes the server look for new ones at most.
const KEYS_INTERVAL: Duration = Duration::from_secs(10);
/// How long what a provider says of itself, and its keys, are believed unasked: a key that it takes back for being
/// stolen opens nothing any longer than this.
const KNOWN_FOR: Duration = Duration::from_secs(15 * 60);
/// How far ahead of ours a provider's clock may be.
const AHEAD_MAX_SECONDS: f64 = 300.0;

/// What is known of the provider so far, and what this server proves itself by.
#[derive(Default)]
pub struct Known {
    client_key: Option<ClientKey>,
    metadata: Mutex<Option<(Time, Arc<Metadata>)>>,
    keys: Mutex<Option<(Time, Arc<KeySet>)>>,
}

impl Known {
    /// What is known at the start: the key of this server, if it has one.
    pub fn of(config: Option<&Oidc>) -> Result<Known, Unusable> {
        let files = config.and_then(|config| config.client_key.as_ref());
        let client_key = files.map(|files| ClientKey::read(&files.key, files.certificate.as_deref())).transpose()?;
        Ok(Known { client_key, ..Known::default() })
    }
}

/// What a provider says of itself.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Why nobody can be told from what a provider says.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The provider cannot be asked.
    #[error(transparent)]
    Outbound(#[from] outbound::Error),
    /// What the provider says of itself is of another.
    #[error("the provider calls itself {0:?}, which is not the configured issuer")]
    OtherIssuer(String),
    /// There was no ID token among the tokens.
    #[error("the provider gave no ID token")]
    NoIdToken,
    /// A token is not to be believed.
    #[error("the {which} of the provider is not valid: {why}")]
    Token {
        /// Which.
        which: &'static str,
        /// Why.
        why: Invalid,
    },
    /// The userinfo endpoint speaks of somebody else, or does not say of whom.
    #[error("the provider's userinfo does not say that it is about the subject of its ID token")]
    OtherSubject,
    /// There are no tokens.
    #[error(transparent)]
    OAuth(#[from] oauth::Error),
    /// The key of this server does not sign.
    #[error("the client key cannot sign")]
    CannotSign,
}

/// What a provider says of somebody.
#[derive(Debug)]
pub struct Claims {
    /// The issuer and the subject, which together are one person for ever.
    pub linked_id: String,
    /// Those of the ID token.
    pub id_token: Map<String, Value>,
    /// Those of the other source.
    pub secondary: Map<String, Value>,
    /// Both.
    pub merged: Map<String, Value>,
}

/// The provider of a deployment.
pub struct Provider<'a> {
    deployment: &'a Deployment,
    config: &'a Oidc,
}

impl<'a> Provider<'a> {
    /// The provider, if one is set up.
    pub fn of(deployment: &'a Deployment) -> Option<Provider<'a>> {
        deployment.config.oidc.as_ref().map(|config| Provider { deployment, config })
    }

    /// Its settings.
    pub fn config(&self) -> &'a Oidc {
        self.config
    }

    /// Where to send a browser to sign in.
    pub fn authorization_url(&self, state: &str, verifier: &str) -> Result<String, Error> {
        let metadata = self.metadata()?;
        let (redirect, scopes) = (self.redirect_url(), self.config.scopes.join(" "));
        let (challenge, nonce) = (oauth::challenge(verifier), nonce(verifier));
        let mut pairs = vec![
            ("client_id", self.config.client_id.as_str()),
            ("redirect_uri", &redirect),
            ("response_type", "code"),
            ("scope", &scopes),
            ("state", state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let ours: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
        let further = self.config.auth_url_params.iter().filter(|(name, _)| !ours.contains(&name.as_str()));
        pairs.extend(further.map(|(name, value)| (name.as_str(), value.as_str())));
        Ok(oauth::with_query(&metadata.authorization_endpoint, &pairs))
    }

    /// The tokens for a code.
    pub fn exchange(&self, code: &str, verifier: &str) -> Result<Tokens, Error> {
        let redirect = self.redirect_url();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("code_verifier", verifier),
        ];
        self.at_token_endpoint(|client, line| client.tokens(line, &fields))
    }

    /// New tokens for a refresh token.
    pub fn renew(&self, refresh: &str) -> Result<Tokens, Error> {
        self.at_token_endpoint(|client, line| client.renew(line, refresh))
    }

    fn at_token_endpoint(
        &self,
        ask: impl FnOnce(&Client<'_>, Line<'_>) -> Result<Tokens, oauth::Error>,
    ) -> Result<Tokens, Error> {
        let metadata = self.metadata()?;
        let (token_url, client_id) = (metadata.token_endpoint.as_str(), self.config.client_id.as_str());
        let line = Line { outbound: &self.deployment.outbound, now: self.deployment.clock.now() };
        // RFC 8414: who names no method takes Basic.
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        let takes_basic = methods.is_none_or(|methods| methods.iter().any(|m| m == "client_secret_basic"));
        let assertion;
        let proof = match (&self.deployment.oidc.client_key, &self.config.client_secret) {
            (Some(key), _) => {
                let signed = key.assertion(client_id, token_url, self.deployment.ids.uuid(), line.now);
                assertion = signed.map_err(|_| Error::CannotSign)?;
                Proof::Assertion(&assertion)
            }
            (None, Some(secret)) if takes_basic => Proof::Basic(secret.expose()),
            (None, Some(secret)) => Proof::Form(secret.expose()),
            (None, None) => Proof::Nothing,
        };
        Ok(ask(&Client { token_url, client_id, proof }, line)?)
    }

    /// Who signed in, by tokens that were got with the verifier.
    pub fn claims(&self, tokens: &Tokens, verifier: &str) -> Result<Claims, Error> {
        let token = tokens.id.as_deref().filter(|token| !token.is_empty()).ok_or(Error::NoIdToken)?;
        let id_token = self.verified("ID token", token)?;
        let claim = |name: &'static str| -> Result<&str, Error> {
            let text = id_token.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.ok_or(Error::Token { which: "ID token", why: Invalid::Claim(name) })
        };
        if !bool::from(claim("nonce")?.as_bytes().ct_eq(nonce(verifier).as_bytes())) {
            return Err(Error::Token { which: "ID token", why: Invalid::Claim("nonce") });
        }
        let subject = claim("sub")?;
        let linked_id = format!("{}||{subject}", claim("iss")?);
        let secondary = match self.config.secondary_claims {
            SecondaryClaims::None => Map::new(),
            SecondaryClaims::AccessToken => self.verified("access token", &tokens.access)?,
            SecondaryClaims::UserInfo => self.userinfo(&tokens.access, subject)?,
        };
        // What the userinfo endpoint says is newer than the ID token; an access token is not meant for us.
        let (below, above) = match self.config.secondary_claims {
            SecondaryClaims::AccessToken => (&secondary, &id_token),
            SecondaryClaims::UserInfo | SecondaryClaims::None => (&id_token, &secondary),
        };
        let mut merged = below.clone();
        merged.extend(above.iter().map(|(name, value)| (name.clone(), value.clone())));
        Ok(Claims { linked_id, id_token, secondary, merged })
    }

    fn userinfo(&self, access_token: &str, subject: &str) -> Result<Map<String, Value>, Error> {
        let metadata = self.metadata()?;
        let Some(url) = metadata.userinfo_endpoint.as_deref().filter(|url| !url.is_empty()) else {
            return Ok(Map::new());
        };
        let authorization = format!("Bearer {access_token}");
        let headers = [("Authorization", authorization.as_str()), ("Accept", "application/json, application/jwt")];
        let answer = self.deployment.outbound.get(url, &headers)?.success(url)?;
        let is_signed = answer.header("Content-Type").is_some_and(|kind| kind.starts_with("application/jwt"));
        let claims: Map<String, Value> = match is_signed {
            true => {
                let invalid = |why| Error::Token { which: "userinfo", why };
                let token = std::str::from_utf8(&answer.body).map_err(|_| invalid(Invalid::Malformed))?;
                self.signed(token)?.map_err(invalid)?
            }
            false => answer.json(url)?,
        };
        // OpenID Connect Core, 5.3.2: it must be there, or tokens of two people could be put together.
        match claims.get("sub").and_then(Value::as_str) {
            Some(same) if same == subject => Ok(claims),
            _ => Err(Error::OtherSubject),
        }
    }

    /// The claims of a token that the provider signed for this client, and that has not expired.
    fn verified(&self, which: &'static str, token: &str) -> Result<Map<String, Value>, Error> {
        let invalid = |why| Error::Token { which, why };
        let claims = self.signed(token)?.map_err(invalid)?;
        let issuer = (!self.config.skip_issuer_checks).then_some(self.config.issuer_url.as_str());
        check(&claims, issuer, &self.config.client_id, self.deployment.clock.now()).map_err(invalid)?;
        Ok(claims)
    }

    /// The claims of a token that a key of the provider's signed; an unknown key may be a new one.
    fn signed(&self, token: &str) -> Result<Result<Map<String, Value>, Invalid>, Error> {
        Ok(match self.keys(KNOWN_FOR)?.verify(token) {
            Err(Invalid::UnknownKey) => self.keys(KEYS_INTERVAL)?.verify(token),
            verdict => verdict,
        })
    }

    fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        self.known(&self.deployment.oidc.metadata, KNOWN_FOR, || {
            let url = format!("{}/.well-known/openid-configuration", self.config.issuer_url.trim_end_matches('/'));
            let metadata: Metadata = self.deployment.outbound.get_json(&url, &[])?;
            match self.config.skip_issuer_checks || metadata.issuer == self.config.issuer_url {
                true => Ok(metadata),
                false => Err(Error::OtherIssuer(metadata.issuer)),
            }
        })
    }

    /// The provider's keys, read no longer ago than this.
    fn keys(&self, age_max: Duration) -> Result<Arc<KeySet>, Error> {
        self.known(&self.deployment.oidc.keys, age_max, || {
            Ok(self.deployment.outbound.get_json(&self.metadata()?.jwks_uri, &[])?)
        })
    }

    /// What is kept, or what is read now because that is older than this. Nothing is locked while the provider is
    /// asked: one that is slow holds up nobody but those who ask it.
    fn known<T>(
        &self,
        kept: &Mutex<Option<(Time, Arc<T>)>>,
        age_max: Duration,
        read: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Arc<T>, Error> {
        let now = self.deployment.clock.now();
        if let Some((read_at, known)) = &*kept.lock()
            && now < *read_at + age_max
        {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(read()?);
        *kept.lock() = Some((now, Arc::clone(&read)));
        Ok(read)
    }

    fn redirect_url(&self) -> String {
        format!("{}/api/v2/users/oidc/callback", self.deployment.access_url)
    }
}

/// What ties an ID token to this very sign-in. Made from the verifier, which only the browser has and which
/// never leaves it for the provider's page, so that it takes no further cookie.
fn nonce(verifier: &str) -> String {
    oauth::challenge(&format!("nonce of {verifier}"))
}

/// Whether claims are of the issuer, for the client, and of now.
fn check(claims: &Map<String, Value>, issuer: Option<&str>, client_id: &str, now: Time) -> Result<(), Invalid> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if issuer.is_some_and(|issuer| text("iss") != Some(issuer)) {
        return Err(Invalid::Claim("iss"));
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::String(audience)) => audience == client_id,
        Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience.as_str() == Some(client_id)),
        _ => false,
    };
    if !is_for_us {
        return Err(Invalid::Claim("aud"));
    }
    if claims.contains_key("azp") && text("azp") != Some(client_id) {
        return Err(Invalid::Claim("azp"));
    }
    let now = now.seconds() as f64;
    let expires_at = claims.get("exp").and_then(Value::as_f64).ok_or(Invalid::Claim("exp"))?;
    if expires_at <= now {
        return Err(Invalid::Expired);
    }
    match claims.get("nbf").map(Value::as_f64) {
        Some(Some(begins)) if begins <= now + AHEAD_MAX_SECONDS => Ok(()),
        Some(_) => Err(Invalid::Claim("nbf")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn claims_must_be_of_the_issuer_for_the_client_and_of_now() {
        let now = Time::parse("2026-01-01T00:00:00Z").unwrap();
        let at = now.seconds();
        let good = json!({"iss": "https://idp", "aud": "us", "exp": at + 60});
        let with = |name: &str, value: Value| {
            let mut claims = good.as_object().unwrap().clone();
            claims.insert(name.to_owned(), value);
            claims
        };
        for (name, value, want) in [
            ("other", json!(1), Ok(())),
            ("aud", json!(["them", "us"]), Ok(())),
            ("aud", json!(["them"]), Err(Invalid::Claim("aud"))),
            ("aud", json!("them"), Err(Invalid::Claim("aud"))),
            ("aud", json!(null), Err(Invalid::Claim("aud"))),
            ("azp", json!("us"), Ok(())),
            ("azp", json!("them"), Err(Invalid::Claim("azp"))),
            ("iss", json!("https://idp/"), Err(Invalid::Claim("iss"))),
            ("exp", json!(at), Err(Invalid::Expired)),
            ("exp", json!("9999999999"), Err(Invalid::Claim("exp"))),
            ("exp", json!(null), Err(Invalid::Claim("exp"))),
            ("nbf", json!(at + 100), Ok(())),
            ("nbf", json!(at + 1000), Err(Invalid::Claim("nbf"))),
            ("nbf", json!("0"), Err(Invalid::Claim("nbf"))),
        ] {
            let claims = with(name, value.clone());
            assert_eq!(check(&claims, Some("https://idp"), "us", now), want, "{name} {value}");
        }
    }
}
