//! [`ReverseProxy`]: the site whose answers come from elsewhere.

use std::fmt;
use std::sync::Arc;

use super::backend::{Backend, Backends};
use super::config::ProxyConfig;
use super::exchange::{ProxyExchange, Shared};
use crate::service::http::client::{Client, ClientCounts};
use crate::service::http::{Params, Site};
use crate::wire::http::RequestHead;

/// A site whose answers come from backends. To be cloned: clones share their connections.
///
/// ```
/// use overt::service::http::HttpServer;
/// use overt::service::http::proxy::{Backend, ReverseProxy};
/// use overt::{Config, Engine};
///
/// let backend = Backend::at("127.0.0.1:8000".parse::<std::net::SocketAddr>().unwrap(), "app");
/// let http = HttpServer::new(ReverseProxy::to([backend]));
/// let mut engine = Engine::new(Config { loops: 1, ..Config::default() })?;
/// engine.listen("127.0.0.1:0", move || http.connection())?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct ReverseProxy {
    shared: Arc<Shared>,
}

impl ReverseProxy {
    /// To these backends, each in its turn.
    pub fn to(backends: impl IntoIterator<Item = Backend>) -> Self {
        Self::with(ProxyConfig::default(), backends)
    }

    /// The same, as configured.
    pub fn with(config: ProxyConfig, backends: impl IntoIterator<Item = Backend>) -> Self {
        let connect = config.client.connect;
        let backends = backends.into_iter().map(|backend| backend.timeout(connect)).collect();
        let backends = Backends::new(backends, config.health);
        let client = Client::new(config.client.clone());
        Self { shared: Arc::new(Shared { client, backends, config }) }
    }

    /// How many connections it has to backends, and what lies in them.
    pub fn counts(&self) -> ClientCounts {
        self.shared.client.counts()
    }
}

impl fmt::Debug for ReverseProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReverseProxy").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Site for ReverseProxy {
    type Exchange = ProxyExchange;

    fn exchange(&self, _: &RequestHead, _: &Params) -> ProxyExchange {
        ProxyExchange::new(self.shared.clone())
    }
}
