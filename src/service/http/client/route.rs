//! [`Route`]: how a server is reached, and which of the resting connections lead there.

use std::sync::Arc;
use std::time::Duration;

use super::url::Origin;
use crate::handler::Dial;

/// How a server is reached. Connections are shared by all requests whose routes have the same
/// name. To be cloned: clones share what they say.
#[derive(Clone, Debug)]
pub struct Route(pub(super) Arc<Way>);

#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) name: Arc<str>,
    pub(super) dial: Dial,
    /// What a proxy on the way is to open a tunnel to.
    pub(super) tunnel: Option<Tunnel>,
}

/// A tunnel through a proxy.
#[derive(Clone, Debug)]
pub(super) struct Tunnel {
    /// Its far end.
    pub(super) to: Origin,
    /// `Proxy-Authorization`, if the proxy wants to know.
    pub(super) authorization: Option<String>,
    /// How TLS is spoken through it.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<crate::tls::TlsClient>,
}

impl Route {
    /// By `dial`, which may lead to a Unix socket as well, and may have a time of its own. `name`
    /// must be another one for another place.
    pub fn new(name: &str, dial: Dial) -> Self {
        Self(Arc::new(Way { name: name.into(), dial, tunnel: None }))
    }

    /// How long it may take to open a connection.
    pub fn timeout(self, connect: Duration) -> Self {
        let mut way = Arc::unwrap_or_clone(self.0);
        way.dial = way.dial.timeout(connect);
        Self(Arc::new(way))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

/// A proxy that opens tunnels by `CONNECT`.
#[derive(Clone, Debug)]
pub struct ProxyServer {
    pub(super) dial: Dial,
    authorization: Option<String>,
}

impl ProxyServer {
    /// The one at `dial`.
    pub fn new(dial: impl Into<Dial>) -> Self {
        Self { dial: dial.into(), authorization: None }
    }

    /// What to tell it in `Proxy-Authorization`, such as `Basic …`.
    pub fn authorization(self, value: &str) -> Self {
        Self { authorization: Some(value.into()), ..self }
    }

    /// To be spoken through in the clear.
    pub(super) fn tunnel_to(&self, origin: &Origin) -> Tunnel {
        Tunnel {
            to: origin.clone(),
            authorization: self.authorization.clone(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}
