//! [`Switchboard`]: what all calls of a client have in common, and where a question meets a
//! connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::caller::{CallId, Caller};
use super::config::ClientConfig;
use super::failure::Failure;
use super::gauge::Gauge;
use super::line::Line;
use super::pipe::{Far, Near, Question, Times, ToLine, Word, pipe};
use super::pool::{Bounds, Pool};
use super::route::{Route, Way};
use super::url::Origin;
use crate::net::{TlsError, TlsFailure};

pub(super) struct Switchboard {
    pub(super) config: ClientConfig,
    pub(super) pool: Arc<Pool>,
    pub(super) gauge: Arc<Gauge>,
    calls: AtomicU64,
}

impl Switchboard {
    pub(super) fn new(config: ClientConfig) -> Arc<Self> {
        let bounds = Bounds {
            idle_per_route: config.resting_per_origin,
            idle: config.resting,
            open_per_route: config.open_per_origin,
        };
        let (pool, gauge) = (Pool::new(bounds), Arc::default());
        Arc::new(Self { config, pool, gauge, calls: AtomicU64::new(0) })
    }

    pub(super) fn next_id(&self) -> CallId {
        CallId(self.calls.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn times(&self) -> Times {
        let ClientConfig { first_byte, idle, total, .. } = self.config;
        Times { first_byte, idle, total }
    }

    /// A pipe for this question, and its way to a connection begun; or what is wrong with the
    /// route, in the pipe as well.
    pub(super) fn ask(
        &self,
        question: Question,
        route: Result<&Route, Failure>,
        id: CallId,
        caller: &mut impl Caller,
    ) -> Near {
        let (wake, memory) = (caller.wake(id), caller.memory());
        let near = pipe(question, wake, self.gauge.clone(), memory);
        match (near.attempt(), route) {
            (Some(far), Ok(route)) => self.carry(far, route, false, caller),
            (Some(far), Err(failure)) => far.fail(failure, Duration::ZERO),
            (None, _) => {}
        }
        near
    }

    /// Gives `far` to a connection: one that rests, or a new one; always a new one if `fresh`.
    pub(super) fn carry(&self, far: Far, route: &Route, fresh: bool, caller: &mut impl Caller) {
        let (home, way) = (caller.home(), &*route.0);
        if !fresh && let Some(line) = self.pool.take(home, &way.name) {
            // If its loop has ended, `far` says so as it is dropped.
            line.nudge(ToLine(Word::Begin(far)));
            return;
        }
        match self.pool.open(home, &way.name) {
            Some(place) => {
                let line = Line::new(place, far, way.tunnel.clone(), &self.config);
                caller.dial(way.dial.clone().while_draining(), line);
            }
            None => far.fail(Failure::Busy, Duration::ZERO),
        }
    }

    /// How an origin is reached.
    pub(super) fn route(&self, origin: &Origin) -> Result<Route, Failure> {
        let config = &self.config;
        let dial = match &config.proxy {
            Some(proxy) => proxy.dial.clone(),
            None => origin.dial(),
        };
        let dial = dial.timeout(config.connect);
        let tunnel = config.proxy.as_ref().map(|proxy| proxy.tunnel_to(origin));
        let mut way = Way { name: origin.to_string().into(), dial, tunnel };
        if origin.is_secure() {
            self.secure(&mut way)?;
        }
        Ok(Route(Arc::new(way)))
    }

    #[cfg(feature = "tls")]
    fn secure(&self, way: &mut Way) -> Result<(), Failure> {
        let tls = self.config.tls.as_ref().ok_or_else(speaks_no_tls)?;
        match &mut way.tunnel {
            Some(tunnel) => tunnel.tls = Some(tls.clone()),
            None => way.dial = way.dial.clone().tls(tls),
        }
        Ok(())
    }

    #[cfg(not(feature = "tls"))]
    fn secure(&self, _: &mut Way) -> Result<(), Failure> {
        Err(speaks_no_tls())
    }
}

fn speaks_no_tls() -> Failure {
    Failure::Tls(TlsError::new(TlsFailure::Internal, "this client was given no TLS"))
}
