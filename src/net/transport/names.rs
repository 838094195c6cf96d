//! [`Names`]: which of a server's certificates a client is shown, by the host name that it asks
//! for; and how they are exchanged while the server runs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::identity::Identity;
use super::pem::wrong;

thread_local! {
    /// The name that the latest client hello on this thread asked for: rustls asks for a
    /// certificate while it is given what came, and tells the name nowhere else.
    static ASKED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The name that was asked for since the last call, on this thread.
pub(super) fn take_asked() -> Option<String> {
    ASKED.take()
}

/// A server's certificates. Those that are being shown stay in use when others take their place.
#[derive(Debug)]
pub(super) struct Names(RwLock<Arc<Table>>);

#[derive(Debug)]
struct Table {
    /// At least one. The first is for whoever asks for no name, or for one that nobody has.
    all: Vec<Arc<CertifiedKey>>,
    /// Their places in `all`, by name in small letters; `*.example.org` for any one label there.
    by_name: BTreeMap<String, Vec<usize>>,
}

impl Names {
    pub(super) fn new(identities: &[Identity], provider: &CryptoProvider) -> io::Result<Self> {
        Ok(Self(RwLock::new(Arc::new(Table::new(identities, provider)?))))
    }

    /// From the next handshake on. If something is wrong with these, all stays as it is.
    pub(super) fn replace(
        &self,
        identities: &[Identity],
        provider: &CryptoProvider,
    ) -> io::Result<()> {
        let table = Arc::new(Table::new(identities, provider)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = table;
        Ok(())
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let chosen = table.choose(name.as_deref(), &hello);
        ASKED.set(name);
        chosen
    }
}

impl Table {
    fn new(identities: &[Identity], provider: &CryptoProvider) -> io::Result<Self> {
        let (mut all, mut by_name) = (Vec::new(), BTreeMap::<String, Vec<usize>>::new());
        for identity in identities {
            let certified = identity.certified(provider)?;
            for name in names_of(&certified, identity)? {
                by_name.entry(name).or_default().push(all.len());
            }
            all.push(Arc::new(certified));
        }
        match all.is_empty() {
            true => Err(wrong("a TLS server needs a certificate and its key")),
            false => Ok(Self { all, by_name }),
        }
    }

    /// Of several that have the name, the first whose key the client can check.
    fn choose(&self, name: Option<&str>, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let places = name.and_then(|name| self.places(name));
        let fitting = places.into_iter().flatten().filter_map(|place| self.all.get(*place));
        let suits =
            |one: &&Arc<CertifiedKey>| one.key.choose_scheme(hello.signature_schemes()).is_some();
        fitting.clone().find(suits).or_else(|| fitting.clone().next()).or(self.all.first()).cloned()
    }

    fn places(&self, name: &str) -> Option<&Vec<usize>> {
        let wildcard = || Some(format!("*{}", name.get(name.find('.')?..)?));
        self.by_name.get(name).or_else(|| self.by_name.get(&wildcard()?))
    }
}

/// The host names that a certificate is for.
fn names_of(certified: &CertifiedKey, identity: &Identity) -> io::Result<Vec<String>> {
    let unreadable =
        |error: String| wrong(format!("the certificate of the key {identity}: {error}"));
    let first = certified.end_entity_cert().map_err(|error| unreadable(error.to_string()))?;
    let parsed =
        webpki::EndEntityCert::try_from(first).map_err(|error| unreadable(error.to_string()))?;
    Ok(parsed.valid_dns_names().map(str::to_ascii_lowercase).collect())
}
