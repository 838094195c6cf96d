//! [`Identity`]: a certificate chain and the key that belongs to it, from PEM.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Who a server or a client is: its certificate, those that lead to its root, and its key.
#[derive(Clone)]
pub struct Identity {
    material: Material,
    /// Where it is read from again.
    files: Option<Files>,
}

struct Material {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Material {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

#[derive(Clone)]
struct Files {
    chain: PathBuf,
    key: PathBuf,
}

impl Identity {
    /// From two PEM files, which may be one and the same: the certificate, followed by those that
    /// lead to its root, and the key (PKCS #8, PKCS #1 or SEC1).
    ///
    /// # Errors
    /// In one line that names the file: it can't be read, or has no certificate or key in it.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> io::Result<Self> {
        let files = Files { chain: chain.as_ref().into(), key: key.as_ref().into() };
        Ok(Self { material: files.read()?, files: Some(files) })
    }

    /// From PEM that is in memory.
    ///
    /// # Errors
    /// In one line: there is no certificate or key in it.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> io::Result<Self> {
        let chain = certificates(chain, "the PEM given")?;
        let key = private_key(key, "the PEM given")?;
        Ok(Self { material: Material { chain, key }, files: None })
    }

    /// The same, as it is in its files now.
    pub(super) fn reread(&self) -> io::Result<Self> {
        let material = match &self.files {
            Some(files) => files.read()?,
            None => self.material.clone(),
        };
        Ok(Self { material, files: self.files.clone() })
    }

    /// As rustls wants it, checked.
    pub(super) fn certified(&self, provider: &CryptoProvider) -> io::Result<CertifiedKey> {
        let Material { chain, key } = self.material.clone();
        CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                wrong(format!("the key {self} does not belong to its first certificate"))
            }
            other => wrong(format!("the key {self} cannot be used: {other}")),
        })
    }
}

/// Where it is from, for errors.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.files {
            Some(files) => write!(f, "in `{}`", files.key.display()),
            None => f.write_str("given"),
        }
    }
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({self}, {} certificates)", self.material.chain.len())
    }
}

impl Files {
    fn read(&self) -> io::Result<Material> {
        let chain = certificates_in(&self.chain)?;
        let key = private_key(&read(&self.key)?, &format!("`{}`", self.key.display()))?;
        Ok(Material { chain, key })
    }
}

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

fn private_key(pem: &[u8], from: &str) -> io::Result<PrivateKeyDer<'static>> {
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
