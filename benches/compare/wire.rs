//! [`Wire`]: a stream of the client, plain or by TLS; [`Certificate`], what the servers show.

use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// In which variable of the environment servers find the folder of the certificate.
pub(crate) const FOLDER: &str = "COMPARE_CERTIFICATE";
const NAME: &str = "localhost";

/// A certificate made for this run, and its key, in a folder.
pub(crate) struct Certificate;

impl Certificate {
    /// Makes it, and has the client trust it.
    pub(crate) fn make(folder: &Path) -> io::Result<()> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]);
        let made = made.map_err(io::Error::other)?;
        fs::write(folder.join("cert.pem"), made.cert.pem())?;
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        // All servers have the same name: what one of them gave is nothing to the next.
        config.resumption = Resumption::disabled();
        TRUST.get_or_init(|| Arc::new(config));
        Ok(())
    }

    /// For a server: where it is.
    pub(crate) fn files() -> io::Result<(PathBuf, PathBuf)> {
        let folder = std::env::var_os(FOLDER).map(PathBuf::from);
        let folder = folder.ok_or_else(|| io::Error::other("there is no certificate"))?;
        Ok((folder.join("cert.pem"), folder.join("key.pem")))
    }

    /// For a server that wants it decoded.
    pub(crate) fn chain() -> io::Result<Vec<CertificateDer<'static>>> {
        let file = BufReader::new(fs::File::open(Self::files()?.0)?);
        CertificateDer::pem_reader_iter(file).collect::<Result<_, _>>().map_err(io::Error::other)
    }
}

static TRUST: OnceLock<Arc<ClientConfig>> = OnceLock::new();

pub(crate) enum Wire<T: Read + Write> {
    Plain(T),
    Sealed(Box<StreamOwned<ClientConnection, T>>),
}

impl<T: Read + Write> Wire<T> {
    /// By TLS over a stream that blocks, until the handshake is done.
    pub(crate) fn sealed(mut stream: T) -> io::Result<Self> {
        let config = TRUST.get().ok_or_else(|| io::Error::other("no certificate is trusted"))?;
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let mut side = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
        side.complete_io(&mut stream)?;
        Ok(Self::Sealed(Box::new(StreamOwned::new(side, stream))))
    }

    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }

    pub(crate) fn stream(&mut self) -> &mut T {
        match self {
            Self::Plain(stream) => stream,
            Self::Sealed(side) => &mut side.sock,
        }
    }

    /// The same over another kind of stream.
    pub(crate) fn map<U: Read + Write>(self, change: impl FnOnce(T) -> U) -> Wire<U> {
        match self {
            Self::Plain(stream) => Wire::Plain(change(stream)),
            Self::Sealed(side) => {
                let StreamOwned { conn, sock } = *side;
                Wire::Sealed(Box::new(StreamOwned::new(conn, change(sock))))
            }
        }
    }
}

impl<T: Read + Write> Read for Wire<T> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(block),
            Self::Sealed(side) => side.read(block),
        }
    }
}

impl<T: Read + Write> Write for Wire<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Sealed(side) => side.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Sealed(side) => side.flush(),
        }
    }
}
