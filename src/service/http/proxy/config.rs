//! [`ProxyConfig`]: everything that can be set of a reverse proxy.

use std::time::Duration;

use super::backend::Health;
use super::rewrite::Rewriting;
use crate::service::http::client::ClientConfig;

/// How a reverse proxy behaves.
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    /// The times, bounds and connections on the side of the backends. As those of a client, but for
    /// these: 60 s until the first byte of an answer, and between two; 24 h for all of it, as it
    /// takes as long as the client likes. A proxy on the way to backends is not asked for tunnels.
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
        let client = ClientConfig {
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(24 * 3600),
            ..ClientConfig::default()
        };
        Self {
            client,
            rewriting: Rewriting::default(),
            health: Health::default(),
            tries_max: 3,
            half_closed: false,
        }
    }
}
