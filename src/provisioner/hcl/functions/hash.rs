//! Digests and unique ids.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::file::hashes;
use super::{Args, Care, Function, Host, f};
use crate::provisioner::hcl::eval::{EvalError, Result};
use crate::provisioner::hcl::value::Value;

pub(super) const TABLE: &[Function] = &[
    f("base64sha256", 1, 1, Care::Deep, |_, a| Ok(STANDARD.encode(Sha256::digest(a.text(0)?)).into())),
    f("base64sha512", 1, 1, Care::Deep, |_, a| Ok(STANDARD.encode(Sha512::digest(a.text(0)?)).into())),
    f("md5", 1, 1, Care::Deep, |_, a| Ok(hex(&Md5::digest(a.text(0)?)).into())),
    f("sha1", 1, 1, Care::Deep, |_, a| Ok(hex(&Sha1::digest(a.text(0)?)).into())),
    f("sha256", 1, 1, Care::Deep, |_, a| Ok(hex(&Sha256::digest(a.text(0)?)).into())),
    f("sha512", 1, 1, Care::Deep, |_, a| Ok(hex(&Sha512::digest(a.text(0)?)).into())),
    f("filebase64sha256", 1, 1, Care::Deep, |h, a| hashes(h, &a, |d| STANDARD.encode(Sha256::digest(d)))),
    f("filebase64sha512", 1, 1, Care::Deep, |h, a| hashes(h, &a, |d| STANDARD.encode(Sha512::digest(d)))),
    f("filemd5", 1, 1, Care::Deep, |h, a| hashes(h, &a, |d| hex(&Md5::digest(d)))),
    f("filesha1", 1, 1, Care::Deep, |h, a| hashes(h, &a, |d| hex(&Sha1::digest(d)))),
    f("filesha256", 1, 1, Care::Deep, |h, a| hashes(h, &a, |d| hex(&Sha256::digest(d)))),
    f("filesha512", 1, 1, Care::Deep, |h, a| hashes(h, &a, |d| hex(&Sha512::digest(d)))),
    f("uuid", 0, 0, Care::Own, |h, _| match h.applying {
        true => Ok(h.ids.uuid().to_string().into()),
        false => Ok(Value::UNKNOWN),
    }),
    f("uuidv5", 2, 2, Care::Deep, uuidv5),
];

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn uuidv5(_: &Host, a: Args) -> Result<Value> {
    let space = match a.text(0)?.as_str() {
        "dns" => uuid::Uuid::NAMESPACE_DNS,
        "url" => uuid::Uuid::NAMESPACE_URL,
        "oid" => uuid::Uuid::NAMESPACE_OID,
        "x500" => uuid::Uuid::NAMESPACE_X500,
        other => other.parse().map_err(|_| EvalError::new(format!("{other:?} is not a UUID namespace")))?,
    };
    let digest = Sha1::new().chain_update(space.as_bytes()).chain_update(a.text(1)?).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Ok(uuid::Builder::from_sha1_bytes(bytes).into_uuid().to_string().into())
}
