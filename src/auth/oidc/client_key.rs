//! The key by which this server proves itself to an identity provider instead of by a secret: it signs a short-lived
//! assertion (RFC 7523, RS256). The certificate is not shown, only named by its thumbprint, as Microsoft Entra asks.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use sha1::{Digest, Sha1};
use uuid::Uuid;

use crate::time::Time;

/// How long an assertion counts.
const LIFETIME: Duration = Duration::from_secs(300);

/// A private key, and the thumbprint of the certificate that the provider knows it by.
pub struct ClientKey {
    key: KeyPair,
    thumbprint: Option<String>,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not PEM, or of something else.
    #[error("{path} holds no {what} in PEM")]
    NotPem {
        /// Which.
        path: String,
        /// What it should hold.
        what: &'static str,
    },
    /// The key is of another kind, or too short.
    #[error("{path} holds no RSA key that can sign: {why}")]
    Key {
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
}

impl ClientKey {
    /// Reads the key and, where there is one, the certificate.
    pub fn read(key: &Path, certificate: Option<&Path>) -> Result<ClientKey, Unusable> {
        let path = |path: &Path| path.display().to_string();
        let file = |at: &Path| std::fs::read(at).map_err(|source| Unusable::File { path: path(at), source });
        let der = PrivateKeyDer::from_pem_slice(&file(key)?)
            .map_err(|_| Unusable::NotPem { path: path(key), what: "private key" })?;
        let pair = match &der {
            PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            _ => return Err(Unusable::NotPem { path: path(key), what: "RSA private key" }),
        };
        let pair = pair.map_err(|e| Unusable::Key { path: path(key), why: e.to_string() })?;
        let thumbprint = match certificate {
            None => None,
            Some(at) => {
                let certificate = CertificateDer::from_pem_slice(&file(at)?)
                    .map_err(|_| Unusable::NotPem { path: path(at), what: "certificate" })?;
                Some(URL_SAFE_NO_PAD.encode(Sha1::digest(&certificate)))
            }
        };
        Ok(ClientKey { key: pair, thumbprint })
    }

    /// What proves to `token_url`, now and once, that this is `client_id`.
    pub fn assertion(
        &self,
        client_id: &str,
        token_url: &str,
        id: Uuid,
        now: Time,
    ) -> Result<String, ring::error::Unspecified> {
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(thumbprint) = &self.thumbprint {
            header["x5t"] = thumbprint.as_str().into();
        }
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": token_url,
            "exp": (now + LIFETIME).seconds(),
            "nbf": now.seconds(),
            "iat": now.seconds(),
            "jti": id,
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientKey").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_key_are_refused_by_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/login");
        let (key, certificate) = (folder.join("client.key"), folder.join("client.crt"));
        assert!(ClientKey::read(&key, Some(&certificate)).is_ok());
        assert!(ClientKey::read(&key, None).is_ok());
        for (key, certificate, says) in [
            (&folder.join("nothing"), None, "nothing"),
            (&certificate, None, "no private key in PEM"),
            (&key, Some(&key), "no certificate in PEM"),
        ] {
            let why = ClientKey::read(key, certificate.map(|path| path.as_path())).unwrap_err().to_string();
            assert!(why.contains(says), "{why}");
        }
    }
}
