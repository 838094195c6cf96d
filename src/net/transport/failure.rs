//! How errors of rustls are told to the floors above: in which way TLS failed, and in which words.

use rustls::{CertificateError, Error};

use crate::net::layer::{TlsError, TlsFailure};

pub(super) fn internal(what: impl Into<String>) -> TlsError {
    TlsError::new(TlsFailure::Internal, what)
}

/// The alert that goes with it is rustls' own choice, and is in what it wants to have sent.
pub(super) fn error(error: Error) -> TlsError {
    let what = error.to_string();
    let failure = match error {
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => TlsFailure::Malformed,
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => TlsFailure::Incompatible,
        // Only a verifier of ours that looks at pins says this: see `pins.rs`.
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            return TlsError::new(
                TlsFailure::NotPinned,
                "the peer's key is none of the pinned ones",
            );
        }
        Error::InvalidCertificate(_) | Error::InvalidCertRevocationList(_) => {
            TlsFailure::Certificate
        }
        Error::NoCertificatesPresented => TlsFailure::NoCertificate,
        Error::AlertReceived(_) => TlsFailure::Alert,
        Error::PeerMisbehaved(_)
        | Error::DecryptError
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::InvalidEncryptedClientHello(_)
        | Error::UnsupportedNameType => TlsFailure::Misbehaved,
        _ => TlsFailure::Internal,
    };
    TlsError::new(failure, what)
}
