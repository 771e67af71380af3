//! TLS to a Postgres server: what `sslmode` asks of its certificate, and our own certificate if it asks for one.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::target::TargetError;

/// Wraps the driver's sockets.
pub(super) type Connector = tokio_postgres_rustls::MakeRustlsConnect;

/// What is asked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verify {
    /// Nothing: whoever answers is believed. Keeps those out who only listen.
    Nothing,
    /// That an authority that we trust has signed it.
    Authority,
    /// That, and that it is for the host that we asked for.
    Host,
}

/// Files of certificates and keys, in PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Files {
    /// Authorities to trust instead of those of the system.
    pub authorities: Option<PathBuf>,
    /// Our certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Reads the files and makes of them what wraps a socket.
pub(super) fn connector(verify: Verify, files: &Files) -> Result<Connector, TargetError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| TargetError::Tls(e.to_string()))?;
    let inner = match verify {
        Verify::Nothing => None,
        Verify::Authority | Verify::Host => Some(
            WebPkiServerVerifier::builder_with_provider(Arc::new(authorities(files)?), Arc::clone(&provider))
                .build()
                .map_err(|e| TargetError::Tls(format!("the authorities cannot be used: {e}")))?,
        ),
    };
    let verifier = Arc::new(Verifier { provider, inner, of_host: verify == Verify::Host });
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let config = match &files.certificate {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate)?;
            let unusable = |e: &dyn std::fmt::Display| TargetError::Tls(format!("{}: {e}", key.display()));
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| unusable(&e))?;
            builder.with_client_auth_cert(chain, key).map_err(|e| unusable(&e))?
        }
    };
    Ok(Connector::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TargetError> {
    let unusable = |e: &dyn std::fmt::Display| TargetError::Tls(format!("{}: {e}", path.display()));
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(|certificates| certificates.collect())
        .map_err(|e| unusable(&e))?;
    if found.is_empty() { Err(unusable(&"there is no certificate in it")) } else { Ok(found) }
}

fn authorities(files: &Files) -> Result<RootCertStore, TargetError> {
    let mut roots = RootCertStore::empty();
    match &files.authorities {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| TargetError::Tls(format!("{}: {e}", path.display())))?;
            }
        }
        None => {
            let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if added == 0 {
                return Err(TargetError::Tls(
                    "this system has no authorities to trust: name a file of them with sslrootcert".into(),
                ));
            }
        }
    }
    Ok(roots)
}

/// Judges certificates. Whatever is asked of one, who shows it must prove to have its key.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    inner: Option<Arc<WebPkiServerVerifier>>,
    of_host: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The name is looked at last, when the chain has been found good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.of_host => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// How the two ends failed to agree. Waiting changes nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The server has no TLS.
    None,
    /// We believe none of the authorities behind its certificate.
    UnknownAuthority,
    /// Its certificate is for another host.
    OtherHost,
    /// Its certificate is no good in another way.
    BadCertificate,
    /// It does not take our certificate, or wants one.
    OurCertificate,
}

impl Refusal {
    /// The refusal behind an error, if it is about that.
    pub fn of(e: &postgres::Error) -> Option<Refusal> {
        let mut cause = e.source();
        while let Some(e) = cause {
            if e.to_string() == "server does not support TLS" {
                return Some(Refusal::None);
            }
            let wrapped = e.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let of_tls = wrapped.and_then(|e| e.downcast_ref()).or_else(|| e.downcast_ref::<rustls::Error>());
            if let Some(e) = of_tls {
                return Refusal::of_tls(e);
            }
            cause = e.source();
        }
        None
    }

    fn of_tls(e: &rustls::Error) -> Option<Refusal> {
        use AlertDescription as Alert;
        match e {
            rustls::Error::InvalidCertificate(problem) => Some(match problem {
                CertificateError::UnknownIssuer => Refusal::UnknownAuthority,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Refusal::OtherHost
                }
                _ => Refusal::BadCertificate,
            }),
            rustls::Error::AlertReceived(
                Alert::UnknownCA
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::CertificateRequired,
            ) => Some(Refusal::OurCertificate),
            _ => None,
        }
    }

    /// What to do about it, for the end of a message.
    pub fn hint(self) -> &'static str {
        match self {
            Refusal::None => ": switch TLS on there, or add sslmode=disable to the connection string",
            Refusal::UnknownAuthority => {
                ": the server's certificate is from an authority that is not trusted here; name the file of that \
                 authority's certificate with sslrootcert"
            }
            Refusal::OtherHost => {
                ": the server's certificate is for another host; connect by a name that is in it, or ask only for its \
                 authority with sslmode=verify-ca"
            }
            Refusal::BadCertificate => ": the server's certificate is not good; it needs another one",
            Refusal::OurCertificate => {
                ": the server does not take our certificate; name one that it trusts, and its key, with sslcert and \
                 sslkey"
            }
        }
    }
}
