//! [`Identity`]: a certificate chain and the key that belongs to it, from PEM.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::pem::{certificates, certificates_in, private_key, private_key_in, wrong};
use super::pins;

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

    /// The SHA-256 of its public key: what [clients pin](super::TlsClientBuilder::pin).
    ///
    /// # Errors
    /// In one line: the certificate can't be read.
    pub fn public_key_sha256(&self) -> io::Result<[u8; 32]> {
        let unreadable =
            |error: &dyn fmt::Display| wrong(format!("the certificate of the key {self}: {error}"));
        let first = self.material.chain.first().ok_or_else(|| unreadable(&"there is none"))?;
        let pin = pins::pin(first, &aws_lc_rs::default_provider());
        let pin = pin.map_err(|error| unreadable(&error))?;
        pin.try_into().map_err(|_| unreadable(&"its hash has not 32 bytes"))
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
        Ok(Material { chain, key: private_key_in(&self.key)? })
    }
}
