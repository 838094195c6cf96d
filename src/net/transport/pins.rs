//! [`Pinned`]: verification of a server's certificate and, on top of it, that its key is one of
//! those that are known.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::{Hash, HashAlgorithm};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme, SupportedCipherSuite,
};

use super::pem::wrong;

/// The SHA-256 of a certificate's public key as DER, its SubjectPublicKeyInfo (RFC 7469, 2.4):
/// what a renewal with the same key does not change.
pub(super) type Pin = [u8; 32];

/// Only the server's own certificate is looked at: those that it sends along may be anybody's.
#[derive(Debug)]
pub(super) struct Pinned {
    pub(super) verifier: Arc<WebPkiServerVerifier>,
    pub(super) pins: Vec<Pin>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = &*self.verifier;
        let verified = verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let pin = pin(end_entity, &self.provider)?;
        match self.pins.iter().any(|known| known[..] == pin[..]) {
            true => Ok(verified),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// What a certificate would be pinned by.
pub(super) fn pin(
    certificate: &CertificateDer<'_>,
    provider: &CryptoProvider,
) -> Result<Vec<u8>, Error> {
    let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
    let hash = sha256(provider).ok_or_else(|| Error::General(NO_SHA256.into()))?;
    Ok(hash.hash(&key).as_ref().to_vec())
}

/// Before it is needed: whether there will be a hash to compare pins with.
pub(super) fn check(provider: &CryptoProvider) -> io::Result<()> {
    sha256(provider).map(drop).ok_or_else(|| wrong(NO_SHA256))
}

const NO_SHA256: &str = "pins need a provider that has SHA-256";

fn sha256(provider: &CryptoProvider) -> Option<&'static dyn Hash> {
    let hashes = provider.cipher_suites.iter().map(|suite| match suite {
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
    });
    let mut hashes = hashes.filter(|hash| hash.algorithm() == HashAlgorithm::SHA256);
    hashes.next()
}
