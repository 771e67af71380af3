//! The keys with which the server signs what it hands out and gets back: one row of `crypto_keys` a
//! feature, made when it is first needed. Replacing keys in time is not done here.

use crate::deployment::Deployment;
use crate::rbac::system;
use crate::store::queries::crypto_keys::CryptoKey;
use crate::store::{self, Optional};
use crate::wire_enum;

const SECRET_BYTES: usize = 64;

wire_enum! {
    /// What a key is for.
    pub enum Feature {
        OidcConvert = "oidc_convert",
        TailnetResume = "tailnet_resume",
        WorkspaceAppsApiKey = "workspace_apps_api_key",
        WorkspaceAppsToken = "workspace_apps_token",
    }
}

impl Feature {
    fn secret_bytes(self) -> usize {
        match self {
            Feature::WorkspaceAppsApiKey => SECRET_BYTES / 2,
            Feature::OidcConvert | Feature::TailnetResume | Feature::WorkspaceAppsToken => SECRET_BYTES,
        }
    }
}

/// A key to sign with.
pub struct SigningKey {
    /// Which of the feature's keys: the `kid` of tokens.
    pub sequence: i32,
    /// The secret.
    pub secret: Vec<u8>,
}

/// The newest key of a feature.
pub fn signing_key(deployment: &Deployment, feature: Feature) -> Result<SigningKey, store::Error> {
    let db = deployment.db_as(system::crypto_key_rotator());
    let now = deployment.clock.now();
    let found = match db.get_latest_crypto_key_by_feature(feature, now).optional()? {
        Some(key) => key,
        None => db.tx_named::<_, store::Error>("rotate_keys", |db| {
            // Another request may have made it meanwhile.
            if let Some(key) = db.get_latest_crypto_key_by_feature(feature, now).optional()? {
                return Ok(key);
            }
            let secret = deployment.ids.hex(2 * feature.secret_bytes());
            db.insert_crypto_key(&CryptoKey { feature, sequence: 1, secret: Some(secret), starts_at: now })
        })?,
    };
    let secret = found.secret.as_deref().and_then(from_hex);
    let secret = secret.ok_or_else(|| store::Error::Decode("a crypto key is not hexadecimal".into()))?;
    Ok(SigningKey { sequence: found.sequence, secret })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair.len() == 2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hexadecimal() {
        for (text, want) in
            [("", Some(vec![])), ("00ffA1", Some(vec![0, 255, 161])), ("0", None), ("zz", None), ("0é", None)]
        {
            assert_eq!(from_hex(text), want, "{text:?}");
        }
    }
}
