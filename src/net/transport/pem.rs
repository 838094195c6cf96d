//! Certificates and keys as PEM (RFC 7468), and what is wrong with them, in one line.

use std::fs;
use std::io;
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates of a PEM file: at least one.
pub(super) fn certificates_in(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    certificates(&read(path)?, &format!("`{}`", path.display()))
}

/// The certificates in PEM: at least one.
pub(super) fn certificates(pem: &[u8], from: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err(wrong(format!("no certificate in {from}: it needs a `BEGIN CERTIFICATE`")))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(wrong(format!("no certificates in {from}: {error}"))),
    }
}

/// The private key of a PEM file: the first, if there are several.
pub(super) fn private_key_in(path: &Path) -> io::Result<PrivateKeyDer<'static>> {
    private_key(&read(path)?, &format!("`{}`", path.display()))
}

/// The private key in PEM.
pub(super) fn private_key(pem: &[u8], from: &str) -> io::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            wrong(format!("no private key in {from}: it needs a `BEGIN PRIVATE KEY`"))
        }
        other => wrong(format!("no private key in {from}: {other}")),
    })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot read `{}`: {error}", path.display()))
    };
    fs::read(path).map_err(named)
}

/// A configuration that makes no sense, in one line.
pub(super) fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.into())
}
