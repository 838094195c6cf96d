//! [`Limit`]: a layer that bounds how many requests are served at once, and how many an address may
//! have and begin. Who has too many is told so, in a few bytes, and costs nobody else anything.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::done::Done;
use super::exchange::ExchangeContext;
use super::layer::{Entry, Layer};
use super::response::Response;
use crate::base::peer_table::{Excess, PeerLimits, PeerTable};
use crate::handler::Never;
use crate::wire::http::{RequestHead, StatusCode};

/// How many requests are served at once, of all loops together. `None`: any number.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// In all: beyond, 503. 10,000.
    pub at_once: Option<u32>,
    /// From one address (IPv4 /32, IPv6 /64): beyond, 429. `None` unless set: many may come
    /// through one proxy.
    pub per_address: Option<u32>,
    /// Begun per second from one address, and how many at once: beyond, 429.
    pub rate_per_address: Option<(u32, u32)>,
    /// With any of the two above: how many addresses are remembered, at about 50 bytes each. More
    /// than can be served at once. 65,536.
    pub addresses_remembered: u32,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            at_once: Some(10_000),
            per_address: None,
            rate_per_address: None,
            addresses_remembered: 65_536,
        }
    }
}

/// Bounds how many requests are served at once. To be shared by all loops, so there is a lock,
/// which is held for some comparisons.
pub struct Limit {
    limits: RequestLimits,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    at_once: u32,
    /// Made when the first request comes, which brings a key for it.
    addresses: Option<PeerTable>,
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Limit {
    /// With these bounds.
    pub fn new(limits: RequestLimits) -> Self {
        Self { limits, counts: Mutex::default() }
    }

    /// Nothing that runs under the lock can leave it half done.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts_addresses(&self) -> bool {
        self.limits.per_address.is_some() || self.limits.rate_per_address.is_some()
    }

    fn table(&self, key: u64) -> PeerTable {
        let RequestLimits { per_address, rate_per_address, addresses_remembered, .. } = self.limits;
        let open = per_address.unwrap_or(u32::MAX);
        PeerTable::new(
            PeerLimits { open, rate: rate_per_address, addresses: addresses_remembered },
            key,
        )
    }
}

impl Layer for Limit {
    /// The address that it is counted for.
    type State = Option<IpAddr>;

    fn enter(&self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Entry<Option<IpAddr>> {
        let ip = cx.peer().ip().filter(|_| self.counts_addresses());
        let counts = &mut *self.counts();
        if self.limits.at_once.is_some_and(|max| counts.at_once >= max) {
            return refuse(StatusCode::SERVICE_UNAVAILABLE);
        }
        if let Some(ip) = ip {
            let addresses = counts.addresses.get_or_insert_with(|| self.table(cx.random()));
            match addresses.admit(ip, cx.now()) {
                Ok(()) => {}
                Err(Excess::Table) => return refuse(StatusCode::SERVICE_UNAVAILABLE),
                Err(_) => return refuse(StatusCode::TOO_MANY_REQUESTS),
            }
        }
        counts.at_once += 1;
        Entry::Pass(ip)
    }

    fn leave(&self, ip: Option<IpAddr>, _: &Done) {
        let counts = &mut *self.counts();
        counts.at_once -= 1;
        if let (Some(ip), Some(addresses)) = (ip, &mut counts.addresses) {
            addresses.release(ip);
        }
    }
}

fn refuse<S>(status: StatusCode) -> Entry<S> {
    Entry::Answer(Response::status_only(status).header("retry-after", "1"))
}
