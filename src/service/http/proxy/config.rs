//! [`ProxyConfig`]: everything that can be set of a reverse proxy.

use super::backend::Health;
use super::rewrite::Rewriting;
use crate::service::http::client::ClientConfig;

/// How a reverse proxy behaves.
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    /// The times, bounds and connections on the side of the backends. Answers of any length pass.
    pub client: ClientConfig,
    /// What becomes of heads.
    pub rewriting: Rewriting,
    /// When a backend is left out.
    pub health: Health,
    /// Backends that one request is tried at, if it could not be brought to the first. 3.
    pub tries_max: usize,
    /// Whether a client that has closed its sending half still gets its answer. Unless set, it is
    /// taken for gone, as it nearly always is, and the backend is spared the work.
    pub half_closed: bool,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            client: ClientConfig::default(),
            rewriting: Rewriting::default(),
            health: Health::default(),
            tries_max: 3,
            half_closed: false,
        }
    }
}
