//! [`TlsClient`]: how an outgoing connection speaks TLS.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;

use super::choices::Choices;
use super::failure::internal;
use super::identity::Identity;
use super::pem::wrong;
use super::pins::{self, Pin, Pinned};
use super::roots::Roots;
use super::session::Session;
use crate::net::layer::{Layer, Layers, Secured, TlsError, TlsVersion};

/// Sessions that a client remembers, of different servers, to resume them. About 2 KB each.
const SESSIONS: usize = 256;

/// How an outgoing connection speaks TLS: for [`Dial::tls`](crate::Dial::tls). Cheap to clone; all
/// clones are one, and share the sessions that can be resumed.
///
/// The server's certificate is verified, always: it must lead to a root that is trusted, and be for
/// the name or address that was dialled.
#[derive(Clone)]
pub struct TlsClient(Arc<Shared>);

struct Shared {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
    shakes_aside: bool,
}

impl TlsClient {
    /// Trusts the [roots of the system](Roots::system).
    ///
    /// # Errors
    /// In one line, if the system can't do it.
    pub fn new() -> io::Result<Self> {
        Self::builder().build()
    }

    /// As [`new`](Self::new), and what else is said.
    pub fn builder() -> TlsClientBuilder {
        TlsClientBuilder {
            roots: None,
            identity: None,
            pins: Vec::new(),
            server_name: None,
            resumption: true,
            choices: Choices::default(),
        }
    }

    pub(crate) fn secured(&self) -> Secured {
        Secured(self.0.clone())
    }
}

impl Layers for Shared {
    fn layer(&self, host: &str) -> Result<Box<dyn Layer>, TlsError> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(|_| {
                internal(format!("no certificate can be for `{host}`: set a server name"))
            })?,
        };
        Ok(Box::new(Session::client(self.config.clone(), name)?))
    }

    fn shakes_aside(&self) -> bool {
        self.shakes_aside
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").field("server_name", &self.0.server_name).finish()
    }
}

/// How a [`TlsClient`] is to be.
#[derive(Debug)]
pub struct TlsClientBuilder {
    roots: Option<Roots>,
    identity: Option<Identity>,
    pins: Vec<Pin>,
    server_name: Option<String>,
    resumption: bool,
    choices: Choices,
}

impl TlsClientBuilder {
    /// Trusts these roots only. `Roots::system().and_file(..)` trusts others, too.
    pub fn roots(self, roots: Roots) -> Self {
        Self { roots: Some(roots), ..self }
    }

    /// Shows this certificate to servers that ask for one.
    pub fn identity(self, identity: Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }

    /// The server's public key must be this one, or another that is pinned; and its certificate
    /// must hold all the same. A pin is the SHA-256 of the SubjectPublicKeyInfo (RFC 7469, 2.4).
    pub fn pin(mut self, sha256: [u8; 32]) -> Self {
        self.pins.push(sha256);
        self
    }

    /// The name, or address, that the server's certificate must be for, and that is asked for
    /// (SNI), instead of the one that is dialled.
    pub fn server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }

    /// The application protocols that are offered (ALPN), the best first. A server may answer
    /// without having chosen one: see [`TlsFacts::alpn`](super::TlsFacts::alpn).
    pub fn alpn<P: AsRef<[u8]>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.choices.set_alpn(protocols);
        self
    }

    /// The versions that are offered. TLS 1.2 and 1.3, unless set; there are no others.
    pub fn versions(mut self, versions: &[TlsVersion]) -> Self {
        self.choices.versions = versions.to_vec();
        self
    }

    /// Whether sessions are resumed, which saves a server and us the certificates; 256 are
    /// remembered. Yes, unless set.
    pub fn resumption(self, resumption: bool) -> Self {
        Self { resumption, ..self }
    }

    /// Whether keys are exchanged in a way that a quantum computer will not undo later
    /// (X25519MLKEM768), with servers that can. Makes the first message 1.2 KB longer. Yes, unless
    /// set.
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
    pub fn build(self) -> io::Result<TlsClient> {
        let (provider, versions) = (self.choices.provider(), self.choices.versions()?);
        let verifier = verifier(self.roots, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .map_err(|error| wrong(format!("the TLS provider does not suit: {error}")))?;
        let builder = match self.pins.is_empty() {
            true => builder.with_webpki_verifier(verifier),
            false => {
                pins::check(&provider)?;
                let (pins, provider) = (self.pins, provider.clone());
                let pinned = Pinned { verifier, pins, provider };
                // "Dangerous" is to put something in the place of verification; this adds to it.
                builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned))
            }
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let certified = Arc::new(identity.certified(&provider)?);
                let always = rustls::sign::SingleCertAndKey::from(certified);
                builder.with_client_cert_resolver(Arc::new(always))
            }
        };
        config.alpn_protocols = self.choices.alpn()?;
        config.resumption = match self.resumption {
            true => Resumption::in_memory_sessions(SESSIONS),
            false => Resumption::disabled(),
        };
        let server_name = self.server_name.map(server_name).transpose()?;
        let (config, shakes_aside) = (Arc::new(config), self.choices.shakes_aside);
        Ok(TlsClient(Arc::new(Shared { config, server_name, shakes_aside })))
    }
}

fn verifier(
    roots: Option<Roots>,
    provider: &Arc<CryptoProvider>,
) -> io::Result<Arc<WebPkiServerVerifier>> {
    let roots = roots.unwrap_or_else(Roots::system);
    if roots.is_empty() {
        return Err(wrong("a TLS client that trusts no roots could connect to nobody"));
    }
    let store = Arc::new(roots.into_store());
    let verifier = WebPkiServerVerifier::builder_with_provider(store, provider.clone()).build();
    verifier.map_err(|error| wrong(format!("servers cannot be verified: {error}")))
}

fn server_name(name: String) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name.clone())
        .map_err(|_| wrong(format!("`{name}` is neither a host name nor an address")))
}
