//! TLS for a listener: certificates and keys from PEM files, the one whose names match chosen by the
//! server name that the client asks for. Says nothing about which listeners use it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A listener with TLS and no certificate.
    #[error("TLS needs at least one certificate and key")]
    NoCertificate,
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds no PEM section of the kind it should.
    #[error("{} holds no usable {what} in PEM", path.display())]
    NotPem {
        /// Which.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("{} and its key cannot be used: {source}", path.display())]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The certificates that clients are checked against cannot be used.
    #[error("client certificates cannot be checked with {}: {why}", path.display())]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// What is asked of a client's own certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// Nothing.
    #[default]
    Off,
    /// If it shows one, this file's authorities must have signed it.
    IfGiven(PathBuf),
    /// It must show one that this file's authorities signed.
    Required(PathBuf),
}

/// How a listener speaks TLS.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Certificate chain and private key, each a PEM file; the first pair serves clients that ask for no known name.
    pub pairs: Vec<(PathBuf, PathBuf)>,
    /// Refuse TLS 1.2.
    pub only_tls13: bool,
    /// What clients must show.
    pub client_auth: ClientAuth,
}

impl TlsOptions {
    /// Reads the files.
    pub fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let mut certs = Vec::new();
        for (cert_path, key_path) in &self.pairs {
            certs.push(load_pair(cert_path, key_path, &provider)?);
        }
        if certs.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let versions: &[&SupportedProtocolVersion] =
            if self.only_tls13 { &[&version::TLS13] } else { &[&version::TLS13, &version::TLS12] };
        let unusable = |source| TlsError::Unusable { path: self.pairs[0].0.clone(), source };
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).map_err(unusable)?;
        let builder = match &self.client_auth {
            ClientAuth::Off => builder.with_no_client_auth(),
            ClientAuth::IfGiven(path) | ClientAuth::Required(path) => {
                let why = |why: String| TlsError::ClientCa { path: path.clone(), why };
                let mut roots = RootCertStore::empty();
                for cert in read_certs(path)? {
                    roots.add(cert).map_err(|e| why(e.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let optional = matches!(self.client_auth, ClientAuth::IfGiven(_));
                let verifier = if optional { verifier.allow_unauthenticated() } else { verifier };
                builder.with_client_cert_verifier(verifier.build().map_err(|e| why(e.to_string()))?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(ByServerName(certs)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}

fn read_certs(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let not_pem = || TlsError::NotPem { path: path.to_owned(), what: "certificate" };
    let certs: Vec<_> =
        CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<_, _>>().map_err(|_| not_pem())?;
    if certs.is_empty() { Err(not_pem()) } else { Ok(certs) }
}

fn load_pair(cert_path: &Path, key_path: &Path, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let key = PrivateKeyDer::from_pem_slice(&read(key_path)?)
        .map_err(|_| TlsError::NotPem { path: key_path.to_owned(), what: "private key" })?;
    let pair = CertifiedKey::from_der(read_certs(cert_path)?, key, provider)
        .map_err(|source| TlsError::Unusable { path: cert_path.to_owned(), source })?;
    Ok(Arc::new(pair))
}

/// Chooses the first certificate that is valid for the name the client asked for.
#[derive(Debug)]
struct ByServerName(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for ByServerName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let matching = asked.and_then(|name| self.0.iter().find(|pair| is_valid_for(pair, &name)));
        matching.or(self.0.first()).cloned()
    }
}

fn is_valid_for(pair: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let Ok(leaf) = pair.end_entity_cert() else { return false };
    ParsedCertificate::try_from(leaf).is_ok_and(|leaf| verify_server_name(&leaf, name).is_ok())
}
