//! Signed tokens (JWS, RFC 7515) of others: taking one apart, and checking its signature against the keys
//! that its issuer publishes (JWK sets, RFC 7517). Only signatures with public keys are known: a token that
//! is unsigned or signed with a shared secret has no algorithm here, whatever it says of itself.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A longer token is nobody's.
const MAX_BYTES: usize = 256 << 10;

/// Why a token is not believed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Invalid {
    /// It is not a signed token at all.
    #[error("it is not a signed token")]
    Malformed,
    /// It is not signed, or by an algorithm that is not taken.
    #[error("its algorithm {0:?} is not accepted")]
    Algorithm(String),
    /// No key of the issuer's is the one that it names.
    #[error("no key of the issuer signed it")]
    UnknownKey,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// A claim is missing or wrong.
    #[error("its claim {0:?} is missing or wrong")]
    Claim(&'static str),
    /// It has expired.
    #[error("it has expired")]
    Expired,
}

/// The public keys of an issuer.
#[derive(Debug, Deserialize)]
pub struct KeySet {
    keys: Vec<Jwk>,
}

/// A public key, as issuers publish it.
#[derive(Debug, Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none are.
    crit: Option<Value>,
}

/// A token taken apart, not yet believed.
struct Parts<'a> {
    header: Header,
    claims: Map<String, Value>,
    signed: &'a [u8],
    signature: Vec<u8>,
}

/// How signatures are made: with what kind of key.
enum Algorithm {
    Rsa(&'static signature::RsaParameters),
    Curve(&'static str, &'static dyn signature::VerificationAlgorithm),
}

impl Algorithm {
    fn named(alg: &str) -> Result<Algorithm, Invalid> {
        Ok(match alg {
            "RS256" => Algorithm::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Algorithm::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Algorithm::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Algorithm::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            "PS384" => Algorithm::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            "PS512" => Algorithm::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            "ES256" => Algorithm::Curve("P-256", &signature::ECDSA_P256_SHA256_FIXED),
            "ES384" => Algorithm::Curve("P-384", &signature::ECDSA_P384_SHA384_FIXED),
            "EdDSA" => Algorithm::Curve("Ed25519", &signature::ED25519),
            other => return Err(Invalid::Algorithm(other.to_owned())),
        })
    }
}

impl KeySet {
    /// The claims of a token that one of these keys signed.
    pub fn verify(&self, token: &str) -> Result<Map<String, Value>, Invalid> {
        let parts = take_apart(token)?;
        let algorithm = Algorithm::named(&parts.header.alg)?;
        let mut fitting = self.keys.iter().filter(|key| key.may_have_signed(&parts.header, &algorithm)).peekable();
        if fitting.peek().is_none() {
            return Err(Invalid::UnknownKey);
        }
        match fitting.any(|key| key.verify(&algorithm, parts.signed, &parts.signature)) {
            true => Ok(parts.claims),
            false => Err(Invalid::Signature),
        }
    }
}

impl Jwk {
    fn may_have_signed(&self, header: &Header, algorithm: &Algorithm) -> bool {
        let right_kind = match algorithm {
            Algorithm::Rsa(_) => self.kty == "RSA",
            Algorithm::Curve(curve, _) => {
                matches!(self.kty.as_str(), "EC" | "OKP") && self.crv.as_deref() == Some(curve)
            }
        };
        right_kind
            && header.kid.as_ref().is_none_or(|kid| self.kid.as_ref() == Some(kid))
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.alg.as_ref().is_none_or(|alg| *alg == header.alg)
    }

    fn verify(&self, algorithm: &Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let field = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?.trim_end_matches('=')).ok();
        match algorithm {
            Algorithm::Rsa(parameters) => {
                let (Some(n), Some(e)) = (field(&self.n), field(&self.e)) else { return false };
                RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature).is_ok()
            }
            Algorithm::Curve(curve, algorithm) => {
                let Some(x) = field(&self.x) else { return false };
                let point = match (*curve, field(&self.y)) {
                    ("Ed25519", _) => x,
                    (_, Some(y)) => [&[4], x.as_slice(), y.as_slice()].concat(),
                    (_, None) => return false,
                };
                UnparsedPublicKey::new(*algorithm, point).verify(signed, signature).is_ok()
            }
        }
    }
}

fn take_apart(token: &str) -> Result<Parts<'_>, Invalid> {
    if token.len() > MAX_BYTES {
        return Err(Invalid::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Invalid::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Invalid::Malformed)?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Invalid::Malformed);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Invalid::Malformed)?;
    if header.crit.is_some() {
        return Err(Invalid::Malformed);
    }
    let claims = serde_json::from_slice(&decode(claims)?).map_err(|_| Invalid::Malformed)?;
    Ok(Parts { header, claims, signed: signed.as_bytes(), signature: decode(signature)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    fn signed(header: &Value, claims: &Value, key: &EcdsaKeyPair) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn key() -> EcdsaKeyPair {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &SystemRandom::new()).unwrap()
    }

    fn set(key: &EcdsaKeyPair, kid: &str) -> KeySet {
        let point = &key.public_key().as_ref()[1..];
        let [x, y] = [&point[..32], &point[32..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        let key = json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": x, "y": y});
        serde_json::from_value(json!({"keys": [key]})).unwrap()
    }

    #[test]
    fn rsa_signatures_are_those_of_the_standard() {
        // RFC 7515, appendix A.2.
        let keys = json!({"keys": [{"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}]});
        let keys: KeySet = serde_json::from_value(keys).unwrap();
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        assert_eq!(keys.verify(token).unwrap()["iss"], "joe");
        assert_eq!(keys.verify(&token.replace(".eyJ", ".eyK")), Err(Invalid::Malformed));
        assert_eq!(keys.verify(&token.replace("cC4h", "cC4i")), Err(Invalid::Signature));
    }

    #[test]
    fn only_what_an_issuers_key_signed_is_believed() {
        let (ours, other) = (key(), key());
        let keys = set(&ours, "a");
        let claims = json!({"sub": "me"});
        let good = signed(&json!({"alg": "ES256", "kid": "a"}), &claims, &ours);
        assert_eq!(Value::Object(keys.verify(&good).unwrap()), claims);
        let no_kid = signed(&json!({"alg": "ES256"}), &claims, &ours);
        assert!(keys.verify(&no_kid).is_ok());

        let [header, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
        let changed = URL_SAFE_NO_PAD.encode(json!({"sub": "you"}).to_string());
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let hmac = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"a"}"#);
        let rsa = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"a"}"#);
        let critical = signed(&json!({"alg": "ES256", "kid": "a", "crit": ["b64"]}), &claims, &ours);
        for (token, want) in [
            (format!("{header}.{changed}.{signature}"), Invalid::Signature),
            (format!("{header}.{body}."), Invalid::Signature),
            (format!("{none}.{body}."), Invalid::Algorithm("none".into())),
            (format!("{hmac}.{body}.{signature}"), Invalid::Algorithm("HS256".into())),
            (format!("{rsa}.{body}.{signature}"), Invalid::UnknownKey),
            (signed(&json!({"alg": "ES256", "kid": "b"}), &claims, &ours), Invalid::UnknownKey),
            (signed(&json!({"alg": "ES256", "kid": "a"}), &claims, &other), Invalid::Signature),
            (signed(&json!({"alg": "ES256", "kid": "a"}), &json!("me"), &ours), Invalid::Malformed),
            (critical, Invalid::Malformed),
            (format!("{header}.{body}"), Invalid::Malformed),
            (String::new(), Invalid::Malformed),
            ("a".repeat(MAX_BYTES + 1), Invalid::Malformed),
        ] {
            assert_eq!(keys.verify(&token), Err(want), "{token:.80}");
        }
    }
}
