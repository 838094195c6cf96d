//! [`HttpServer`]: a [`Site`] and how it is served; it makes the handlers of connections.

use std::fmt;
use std::sync::Arc;

use super::config::HttpConfig;
use super::connection::HttpConnection;
use super::pool::Pool;
use super::site::{Shared, Site};

/// A site and how it is served, for any number of connections on any loops.
///
/// ```
/// use overt::service::http::{HttpServer, Request, Responder, Serve};
/// use overt::{Config, Engine};
///
/// let hello = |_: &Request<'_>, responder: Responder<'_, '_>| responder.text("hello\n");
/// let http = HttpServer::new(Serve::new(hello));
///
/// let mut engine = Engine::new(Config { loops: 1, ..Config::default() })?;
/// engine.listen("127.0.0.1:0", move || http.connection())?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct HttpServer<S> {
    shared: Arc<Shared<S>>,
}

impl<S: Site> HttpServer<S> {
    /// Serves `site` with the default limits and deadlines.
    pub fn new(site: S) -> Self {
        Self::with(HttpConfig::default(), site)
    }

    /// Serves `site` as configured.
    pub fn with(config: HttpConfig, site: S) -> Self {
        let pool = Pool::new(config.bodies.gathered);
        Self { shared: Arc::new(Shared { site, config, pool }) }
    }

    /// The handler of a new connection.
    pub fn connection(&self) -> HttpConnection<S> {
        HttpConnection::new(self.shared.clone())
    }
}

impl<S> Clone for HttpServer<S> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<S> fmt::Debug for HttpServer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.shared.config;
        f.debug_struct("HttpServer").field("config", config).finish_non_exhaustive()
    }
}
