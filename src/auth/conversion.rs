//! The right of a user to sign in another way from now on: a signed token (JWT, HS512) that names the
//! user and the state with which the identity provider will send them back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha512;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::crypto_keys::{self, Feature};
use crate::deployment::Deployment;
use crate::sdk::LoginType;
use crate::store;
use crate::time::Time;

const STATE_LENGTH: usize = 32;
/// By this the way back tells a conversion from an ordinary sign-in.
const STATE_PREFIX: &str = "convert-";

/// What is granted.
pub struct Right {
    /// To whom.
    pub user_id: Uuid,
    /// How they sign in now.
    pub from: LoginType,
    /// How they may sign in.
    pub to: LoginType,
    /// Until when.
    pub expires_at: Time,
}

/// A right, signed.
pub struct Granted {
    /// What the identity provider is to send back.
    pub state: String,
    /// For the user's browser to keep.
    pub token: String,
}

/// Signs a right.
pub fn grant(deployment: &Deployment, right: &Right) -> Result<Granted, store::Error> {
    let key = crypto_keys::signing_key(deployment, Feature::OidcConvert)?;
    let state = format!("{STATE_PREFIX}{}", deployment.ids.alphanumeric(STATE_LENGTH));
    let now = deployment.clock.now().seconds();
    let claims = json!({
        "iss": deployment.id,
        "sub": state,
        "aud": [right.user_id],
        "exp": right.expires_at.seconds(),
        "nbf": now - 1,
        "iat": now,
        "jti": deployment.ids.uuid(),
        "user_id": right.user_id,
        "state": state,
        "from_login_type": right.from,
        "to_login_type": right.to,
    });
    let header = json!({"alg": "HS512", "kid": key.sequence.to_string()});
    let token = sign(&header, &claims, &key.secret)?;
    Ok(Granted { state, token })
}

/// Why a right does not count.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// It is not signed by this deployment, or no longer.
    #[error("the right to change how this account signs in is not one that this server gave")]
    Forged,
    /// It was given too long ago.
    #[error("the right to change how this account signs in has expired")]
    Expired,
    /// It is for another way there and back.
    #[error("the right to change how this account signs in belongs to another attempt")]
    OtherState,
}

/// Whether a state announces a conversion.
pub fn is_announced_by(state: &str) -> bool {
    state.starts_with(STATE_PREFIX)
}

/// The right that a token holds, for the state that came back.
pub fn redeem(deployment: &Deployment, token: &str, state: &str) -> Result<Right, Rejected> {
    let key = crypto_keys::signing_key(deployment, Feature::OidcConvert)?;
    let claims = verify(token, &key.secret).ok_or(Rejected::Forged)?;
    if claims.iss != deployment.id {
        return Err(Rejected::Forged);
    }
    if claims.exp <= deployment.clock.now().seconds() {
        return Err(Rejected::Expired);
    }
    if !bool::from(claims.state.as_bytes().ct_eq(state.as_bytes())) {
        return Err(Rejected::OtherState);
    }
    let expires_at = Time::from_micros(claims.exp.saturating_mul(1_000_000));
    Ok(Right { user_id: claims.user_id, from: claims.from_login_type, to: claims.to_login_type, expires_at })
}

/// What a token says.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    exp: i64,
    user_id: Uuid,
    state: String,
    from_login_type: LoginType,
    to_login_type: LoginType,
}

/// The claims of a token that this secret signed, by the one algorithm that is used here.
fn verify(token: &str, secret: &[u8]) -> Option<Claims> {
    let (signed, signature) = token.rsplit_once('.')?;
    let mut mac = Hmac::<Sha512>::new_from_slice(secret).ok()?;
    mac.update(signed.as_bytes());
    mac.verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let (_, claims) = signed.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn sign(header: &serde_json::Value, claims: &serde_json::Value, secret: &[u8]) -> Result<String, store::Error> {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha512>::new_from_slice(secret)
        .map_err(|e| store::Error::Decode(format!("a signing key cannot be used: {e}")))?;
    mac.update(signed.as_bytes());
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_signed_over_its_header_and_claims() {
        let token = sign(&json!({"alg": "HS512"}), &json!({"sub": "a"}), b"secret").unwrap();
        let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
        assert_eq!(URL_SAFE_NO_PAD.decode(header).unwrap(), br#"{"alg":"HS512"}"#);
        assert_eq!(URL_SAFE_NO_PAD.decode(claims).unwrap(), br#"{"sub":"a"}"#);
        assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap().len(), 64);
        let other = sign(&json!({"alg": "HS512"}), &json!({"sub": "a"}), b"other").unwrap();
        assert_ne!(token, other);
    }
}
