//! [`Site`]: what a server has on offer, which makes an [`Exchange`] for each request.

use std::sync::Arc;

use super::config::HttpConfig;
use super::exchange::Exchange;
use super::params::Params;
use super::pool::Pool;
use crate::wire::http::RequestHead;

/// Makes the exchange for each request. One site serves all connections of all loops.
///
/// A function of the head and the [`Params`] is a site, too.
pub trait Site: Send + Sync + 'static {
    /// What it makes.
    type Exchange: Exchange;

    /// Whether [`renew`](Self::renew) saves anything: then a connection keeps the exchange of one
    /// request for the next one.
    const RENEWS: bool = false;

    /// The exchange for this request, which will be told of the head in its turn. `params` are what
    /// a route left open.
    fn exchange(&self, head: &RequestHead, params: &Params) -> Self::Exchange;

    /// Makes an exchange that is over ready for this request.
    fn renew(&self, exchange: &mut Self::Exchange, head: &RequestHead, params: &Params) {
        *exchange = self.exchange(head, params);
    }
}

impl<E, F> Site for F
where
    E: Exchange,
    F: Fn(&RequestHead, &Params) -> E + Send + Sync + 'static,
{
    type Exchange = E;

    fn exchange(&self, head: &RequestHead, params: &Params) -> E {
        self(head, params)
    }
}

/// What all connections of a server have in common: a site, and how it is served.
pub(super) struct Shared<S> {
    pub(super) site: S,
    pub(super) config: HttpConfig,
    pub(super) pool: Arc<Pool>,
}
