//! The keys that the server signs with.

use crate::crypto_keys::Feature;
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A row of `crypto_keys`.
    pub struct CryptoKey {
        pub feature: Feature,
        pub sequence: i32,
        /// Hexadecimal; none once the key is gone.
        pub secret: Option<String>,
        pub starts_at: Time,
    }
}

queries! {
    /// The newest key of a feature that has begun and is still there.
    GetLatestCryptoKeyByFeature = get_latest_crypto_key_by_feature(db, feature: Feature, now: Time) -> one CryptoKey;
        allow(system Read CryptoKey),
        sql "SELECT {row} FROM crypto_keys WHERE feature = :feature AND secret IS NOT NULL AND starts_at <= :now
                AND (deletes_at IS NULL OR deletes_at > :now) ORDER BY sequence DESC LIMIT 1";

    /// Keeps a new key.
    InsertCryptoKey = insert_crypto_key(db, key: &CryptoKey) -> one CryptoKey;
        allow(system Create CryptoKey),
        sql "INSERT INTO crypto_keys {insert} RETURNING {row}";
}
