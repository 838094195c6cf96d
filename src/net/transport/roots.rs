//! [`Roots`]: the certificate authorities that are trusted.

use std::fmt;
use std::io;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::pem::{certificates, certificates_in, wrong};

/// Certificate authorities that are trusted. [`none`](Self::none) and those that are added, or the
/// [system's](Self::system).
#[derive(Clone)]
pub struct Roots(RootCertStore);

impl Roots {
    /// Nobody.
    pub fn none() -> Self {
        Self(RootCertStore::empty())
    }

    /// Those that this machine trusts (on Unix the file or folder that `SSL_CERT_FILE` or
    /// `SSL_CERT_DIR` name, if set); the [bundled](Self::bundled) ones if it has none.
    pub fn system() -> Self {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = Self::none();
        // Those that rustls can't read are not trusted: one among a hundred is no reason to fail.
        roots.0.add_parsable_certificates(found.certs);
        for error in &found.errors {
            log::debug!("a trusted root of the system is left out: {error}");
        }
        if roots.0.is_empty() {
            log::info!("the system has no trusted roots: the bundled ones are used");
            return Self::bundled();
        }
        roots
    }

    /// Those that Mozilla trusted when this crate's `webpki-roots` was published.
    pub fn bundled() -> Self {
        Self(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// And those in a PEM file.
    ///
    /// # Errors
    /// In one line that names the file: it can't be read, or has no usable certificate in it.
    pub fn and_file(self, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        self.and_all(certificates_in(path)?, &format!("`{}`", path.display()))
    }

    /// And those in PEM that is in memory.
    ///
    /// # Errors
    /// In one line: there is no usable certificate in it.
    pub fn and_pem(self, pem: &[u8]) -> io::Result<Self> {
        self.and_all(certificates(pem, "the PEM given")?, "the PEM given")
    }

    /// And those of others.
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0.roots);
        self
    }

    fn and_all(mut self, all: Vec<CertificateDer<'static>>, from: &str) -> io::Result<Self> {
        for certificate in all {
            let unusable = |error| wrong(format!("a certificate in {from} is no root: {error}"));
            self.0.add(certificate).map_err(unusable)?;
        }
        Ok(self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_store(self) -> RootCertStore {
        self.0
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.0.len())
    }
}
