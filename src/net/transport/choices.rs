//! [`Choices`]: what servers and clients choose alike.

use std::io;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::version::{TLS12, TLS13};
use rustls::{NamedGroup, SupportedProtocolVersion};

use super::pem::wrong;
use crate::net::layer::TlsVersion;

/// What servers and clients choose alike.
#[derive(Debug)]
pub(super) struct Choices {
    alpn: Vec<Vec<u8>>,
    pub(super) versions: Vec<TlsVersion>,
    pub(super) post_quantum: bool,
    pub(super) shakes_aside: bool,
    pub(super) provider: Option<Arc<CryptoProvider>>,
}

impl Default for Choices {
    fn default() -> Self {
        let versions = vec![TlsVersion::V1_2, TlsVersion::V1_3];
        Self { alpn: Vec::new(), versions, post_quantum: true, shakes_aside: false, provider: None }
    }
}

impl Choices {
    pub(super) fn set_alpn<P: AsRef<[u8]>>(&mut self, protocols: impl IntoIterator<Item = P>) {
        self.alpn = protocols.into_iter().map(|protocol| protocol.as_ref().to_vec()).collect();
    }

    /// The names of application protocols, checked.
    pub(super) fn alpn(&self) -> io::Result<Vec<Vec<u8>>> {
        // RFC 7301, 3.1.
        match self.alpn.iter().find(|name| name.is_empty() || name.len() > 255) {
            Some(name) => {
                let what = format!("an ALPN protocol of {} bytes: it has 1 to 255", name.len());
                Err(wrong(what))
            }
            None => Ok(self.alpn.clone()),
        }
    }

    pub(super) fn versions(&self) -> io::Result<Vec<&'static SupportedProtocolVersion>> {
        let versions = [(TlsVersion::V1_3, &TLS13), (TlsVersion::V1_2, &TLS12)];
        let chosen = versions.iter().filter(|(version, _)| self.versions.contains(version));
        let chosen: Vec<_> = chosen.map(|(_, version)| *version).collect();
        match chosen.is_empty() {
            true => Err(wrong("no version of TLS is allowed: nobody could be talked to")),
            false => Ok(chosen),
        }
    }

    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        let provider = self.provider.clone();
        let provider = provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
        if self.post_quantum {
            return provider;
        }
        let mut classical = (*provider).clone();
        classical.kx_groups.retain(|group| group.name() != NamedGroup::X25519MLKEM768);
        Arc::new(classical)
    }
}
