//! The key pair with which a user's workspaces reach Git: made here, in OpenSSH's form.

use ssh_key::private::{EcdsaKeypair, Ed25519Keypair, KeypairData, RsaKeypair};
use ssh_key::rand_core::{CryptoRng, RngCore};
use ssh_key::{EcdsaCurve, LineEnding, PrivateKey};

use crate::config::SshKeyAlgorithm;
use crate::ids::Ids;

const RSA_BITS: usize = 4096;

/// A key pair as it is stored.
pub struct Pair {
    /// In PEM.
    pub private: String,
    /// A line of an `authorized_keys` file.
    pub public: String,
}

/// Makes a key pair. An RSA one takes seconds: never make it while a transaction is open.
pub fn generate(algorithm: SshKeyAlgorithm, ids: &Ids) -> Result<Pair, ssh_key::Error> {
    let mut random = Random(ids);
    let pair: KeypairData = match algorithm {
        SshKeyAlgorithm::Ed25519 => Ed25519Keypair::random(&mut random).into(),
        SshKeyAlgorithm::Ecdsa => EcdsaKeypair::random(&mut random, EcdsaCurve::NistP256)?.into(),
        SshKeyAlgorithm::Rsa4096 => RsaKeypair::random(&mut random, RSA_BITS)?.into(),
    };
    let key = PrivateKey::new(pair, "")?;
    Ok(Pair {
        private: key.to_openssh(LineEnding::LF)?.to_string(),
        public: format!("{}\n", key.public_key().to_openssh()?.trim_end()),
    })
}

/// The server's source of randomness, as key generation wants it.
struct Random<'a>(&'a Ids);

impl CryptoRng for Random<'_> {}

impl RngCore for Random<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }
    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), ssh_key::rand_core::Error> {
        self.0.fill(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long the search for primes of an RSA key takes is luck; this seed has it.
    const SEED: u64 = 5;

    #[test]
    fn a_pair_fits_together_and_names_its_kind() {
        for (algorithm, kind) in [
            (SshKeyAlgorithm::Ed25519, "ssh-ed25519 "),
            (SshKeyAlgorithm::Ecdsa, "ecdsa-sha2-nistp256 "),
            (SshKeyAlgorithm::Rsa4096, "ssh-rsa "),
        ] {
            let pair = generate(algorithm, &Ids::seeded(SEED)).unwrap();
            assert!(pair.public.starts_with(kind) && pair.public.ends_with('\n'), "{}", pair.public);
            assert!(pair.private.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"), "{algorithm:?}");
            let read = PrivateKey::from_openssh(&pair.private).unwrap();
            assert_eq!(read.public_key().to_openssh().unwrap(), pair.public.trim_end());
        }
    }
}
