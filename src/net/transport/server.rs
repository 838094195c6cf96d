//! [`TlsServer`]: how a listener speaks TLS.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::choices::Choices;
use super::identity::Identity;
use super::names::Names;
use super::pem::wrong;
use super::roots::Roots;
use super::session::Session;
use crate::net::Listen;
use crate::net::layer::{Layer, Layers, Secured, TlsError, TlsVersion};

/// How a listener speaks TLS. Cheap to clone; all clones are one, and share what is
/// [reloaded](Self::reload).
#[derive(Clone)]
pub struct TlsServer(Arc<Shared>);

struct Shared {
    config: Arc<ServerConfig>,
    names: Arc<Names>,
    provider: Arc<CryptoProvider>,
    shakes_aside: bool,
    identities: Mutex<Vec<Identity>>,
}

impl TlsServer {
    /// With a certificate and its key, and what else is said.
    pub fn builder() -> TlsServerBuilder {
        TlsServerBuilder {
            identities: Vec::new(),
            clients: Clients::NotAsked,
            tickets: true,
            choices: Choices::default(),
        }
    }

    /// With the certificate and key in these PEM files, and everything else as it is by default:
    /// see [`Identity::from_files`].
    ///
    /// # Errors
    /// In one line that names the file.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> io::Result<Self> {
        Self::builder().identity(Identity::from_files(chain, key)?).build()
    }

    /// Reads the files of its [identities](Identity::from_files) again. Handshakes that begin from
    /// now on use what is in them; connections that are open go on. It reads files: call it from a
    /// thread of yours, or a worker.
    ///
    /// # Errors
    /// In one line, and then all stays as it was.
    pub fn reload(&self) -> io::Result<()> {
        let identities = self.identities();
        self.replace(identities.iter().map(Identity::reread).collect::<io::Result<_>>()?)
    }

    /// As [`reload`](Self::reload), with identities that take the place of all.
    ///
    /// # Errors
    /// In one line, and then all stays as it was.
    pub fn replace(&self, identities: Vec<Identity>) -> io::Result<()> {
        self.0.names.replace(&identities, &self.0.provider)?;
        *self.0.identities.lock().unwrap_or_else(PoisonError::into_inner) = identities;
        Ok(())
    }

    fn identities(&self) -> Vec<Identity> {
        self.0.identities.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Layers for Shared {
    fn layer(&self, _: &str) -> Result<Box<dyn Layer>, TlsError> {
        Ok(Box::new(Session::server(self.config.clone())?))
    }

    fn shakes_aside(&self) -> bool {
        self.shakes_aside
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsServer").field(&self.identities()).finish()
    }
}

impl Listen {
    /// By TLS: handlers get what was decrypted, and what they send is encrypted.
    pub fn tls(self, server: &TlsServer) -> Self {
        Self { secured: Some(Secured(server.0.clone())), ..self }
    }
}

/// How a [`TlsServer`] is to be.
#[derive(Debug)]
pub struct TlsServerBuilder {
    identities: Vec<Identity>,
    clients: Clients,
    tickets: bool,
    choices: Choices,
}

/// What is asked of clients.
#[derive(Debug)]
enum Clients {
    NotAsked,
    MayHave(Roots),
    MustHave(Roots),
}

impl TlsServerBuilder {
    /// One more certificate and its key. Clients are shown the one for the host name that they ask
    /// for (SNI), exactly or by wildcard; of several such, one that they can check. Who asks for
    /// none of the names is shown the first.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }

    /// Clients must have a certificate that leads to one of these roots.
    pub fn require_client(self, roots: Roots) -> Self {
        Self { clients: Clients::MustHave(roots), ..self }
    }

    /// Clients may have a certificate; if so, it must lead to one of these roots.
    pub fn ask_client(self, roots: Roots) -> Self {
        Self { clients: Clients::MayHave(roots), ..self }
    }

    /// The application protocols that are spoken (ALPN), the best first. A client that names
    /// others only is refused; one that names none is not.
    pub fn alpn<P: AsRef<[u8]>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.choices.set_alpn(protocols);
        self
    }

    /// The versions that are spoken. TLS 1.2 and 1.3, unless set; there are no others.
    pub fn versions(mut self, versions: &[TlsVersion]) -> Self {
        self.choices.versions = versions.to_vec();
        self
    }

    /// Whether clients get tickets, by which they can resume their session without certificates.
    /// Nothing is kept here for them. Yes, unless set.
    pub fn tickets(self, tickets: bool) -> Self {
        Self { tickets, ..self }
    }

    /// Whether keys are exchanged in a way that a quantum computer will not undo later
    /// (X25519MLKEM768), with clients that can. Yes, unless set.
    pub fn post_quantum(mut self, post_quantum: bool) -> Self {
        self.choices.post_quantum = post_quantum;
        self
    }

    /// Whether handshakes are computed by the engine's workers (`Config::workers`), so that many of
    /// them at once don't hold up a loop; a worker costs one the way there and back. By the loop
    /// itself, unless set, and where there is no worker.
    pub fn handshakes_by_workers(mut self, by_workers: bool) -> Self {
        self.choices.shakes_aside = by_workers;
        self
    }

    /// Where the cryptography comes from: aws-lc-rs, unless set.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.choices.provider = Some(provider);
        self
    }

    /// Checks all of it.
    ///
    /// # Errors
    /// In one line: what makes no sense.
    pub fn build(self) -> io::Result<TlsServer> {
        let provider = self.choices.provider();
        let names = Arc::new(Names::new(&self.identities, &provider)?);
        let versions = self.choices.versions()?;
        let clients = verifier(self.clients, &provider)?;
        let mut config = server_config(&provider, &versions)?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(names.clone());
        config.alpn_protocols = self.choices.alpn()?;
        // Sessions that are kept here would be shared by all loops, behind a lock.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if self.tickets {
            config.ticketer = Ticketer::new().map_err(|error| wrong(error.to_string()))?;
        } else {
            config.send_tls13_tickets = 0;
        }
        let (config, identities) = (Arc::new(config), Mutex::new(self.identities));
        let shakes_aside = self.choices.shakes_aside;
        Ok(TlsServer(Arc::new(Shared { config, names, provider, shakes_aside, identities })))
    }
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
) -> io::Result<rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>> {
    ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .map_err(|error| wrong(format!("the TLS provider does not suit: {error}")))
}

fn verifier(
    clients: Clients,
    provider: &Arc<CryptoProvider>,
) -> io::Result<Arc<dyn ClientCertVerifier>> {
    let (roots, must) = match clients {
        Clients::NotAsked => return Ok(WebPkiClientVerifier::no_client_auth()),
        Clients::MayHave(roots) => (roots, false),
        Clients::MustHave(roots) => (roots, true),
    };
    let (store, provider) = (Arc::new(roots.into_store()), provider.clone());
    let verifier = WebPkiClientVerifier::builder_with_provider(store, provider);
    let verifier = if must { verifier } else { verifier.allow_unauthenticated() };
    verifier
        .build()
        .map_err(|error| wrong(format!("client certificates cannot be checked: {error}")))
}
