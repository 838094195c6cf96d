//! [`Backend`]: a server behind a proxy; and [`Backends`]: which of several is asked next.
//!
//! Health is what requests tell: a backend that could not be reached, or gave no answer, several
//! times in a row is left out for a while. Then one request tries it again, and the others follow
//! if that went well. If all are left out, one is asked all the same: better than none.

use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::handler::Dial;
use crate::service::http::client::{Origin, Route};

/// A server behind a proxy.
#[derive(Clone, Debug)]
pub struct Backend {
    pub(super) route: Route,
    /// As it stands in `Host`.
    pub(super) authority: String,
}

impl Backend {
    /// The one at an origin of `http`.
    ///
    /// # Errors
    /// The origin is one of `https`, which takes a [`TlsClient`](crate::tls::TlsClient).
    pub fn new(origin: &Origin) -> io::Result<Self> {
        if origin.is_secure() {
            let what = format!("{origin} takes TLS, and none was given");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(Self::by(origin, origin.dial()))
    }

    /// The one at an origin, by TLS.
    #[cfg(feature = "tls")]
    pub fn secure(origin: &Origin, tls: &crate::tls::TlsClient) -> Self {
        Self::by(origin, origin.dial().tls(tls))
    }

    fn by(origin: &Origin, dial: Dial) -> Self {
        Self { route: Route::new(&origin.to_string(), dial), authority: origin.authority() }
    }

    /// The one that `dial` leads to, which may be a Unix socket, and is called `authority` in
    /// `Host` where the client named no host.
    pub fn at(dial: impl Into<Dial>, authority: &str) -> Self {
        let (dial, authority) = (dial.into(), authority.to_owned());
        Self { route: Route::new(&format!("{authority} {dial:?}"), dial), authority }
    }

    /// How long it may take to reach it.
    pub(super) fn timeout(mut self, connect: Duration) -> Self {
        self.route = self.route.timeout(connect);
        self
    }
}

/// How many failures in a row leave a backend out, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// In a row, of all loops together. 3.
    pub failures_max: u32,
    /// How long it is left out. 10 s.
    pub down: Duration,
}

impl Default for Health {
    fn default() -> Self {
        Self { failures_max: 3, down: Duration::from_secs(10) }
    }
}

/// The backends of a proxy, taken in turn.
pub(super) struct Backends {
    all: Vec<(Backend, State)>,
    next: AtomicUsize,
    health: Health,
}

#[derive(Default)]
struct State {
    failures: AtomicU32,
    /// When it may be tried again, in milliseconds of the wall clock, which all loops share.
    back_at: AtomicU64,
}

impl Backends {
    pub(super) fn new(backends: Vec<Backend>, health: Health) -> Self {
        let all = backends.into_iter().map(|backend| (backend, State::default())).collect();
        Self { all, next: AtomicUsize::new(0), health }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The number of the backend to ask at this time of the wall clock; not one of `tried`, which
    /// has a bit for each of the first 64, unless all were. `None` without backends.
    pub(super) fn pick(&self, wall: Duration, tried: u64) -> Option<usize> {
        let count = self.all.len();
        if count < 2 {
            return count.checked_sub(1);
        }
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let order = (0..count).map(|step| first.wrapping_add(step) % count);
        let fresh = |number: &usize| *number >= 64 || tried & 1 << number == 0;
        let mut candidates = order.clone().filter(fresh);
        let up = candidates.clone().find(|number| self.try_to_use(*number, wall));
        up.or_else(|| candidates.next()).or_else(|| order.clone().next())
    }

    /// Whether a backend is not left out; and if its time is over, this asks it, and others wait
    /// for what comes of it.
    fn try_to_use(&self, number: usize, wall: Duration) -> bool {
        let Some((_, state)) = self.all.get(number) else { return false };
        if state.failures.load(Ordering::Relaxed) < self.health.failures_max {
            return true;
        }
        let (now, down) = (millis(wall), millis(self.health.down));
        let back_at = state.back_at.load(Ordering::Relaxed);
        // A wall clock may be set back: nobody is left out for longer than asked for.
        let is_over = now >= back_at || back_at - now > down;
        let mine = |at| state.back_at.compare_exchange(at, now + down, ORDER, ORDER).is_ok();
        is_over && mine(back_at)
    }

    pub(super) fn get(&self, number: usize) -> Option<&Backend> {
        self.all.get(number).map(|(backend, _)| backend)
    }

    pub(super) fn succeeded(&self, number: usize) {
        let Some((_, state)) = self.all.get(number) else { return };
        // Nearly always it is 0 already, and nothing is written.
        if state.failures.load(Ordering::Relaxed) != 0 {
            state.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Tells whether the backend is left out from now on.
    pub(super) fn failed(&self, number: usize, wall: Duration) -> bool {
        let Some((_, state)) = self.all.get(number) else { return false };
        let failures = state.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < self.health.failures_max {
            return false;
        }
        state.back_at.store(millis(wall + self.health.down), Ordering::Relaxed);
        failures == self.health.failures_max
    }
}

const ORDER: Ordering = Ordering::Relaxed;

fn millis(time: Duration) -> u64 {
    time.as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn backends(count: u16) -> Backends {
        let backend =
            |number| Backend::new(&Origin::new(false, "a", 80 + number).unwrap()).unwrap();
        Backends::new((0..count).map(backend).collect(), Health::default())
    }

    fn picked(backends: &Backends, wall: Duration, times: usize) -> Vec<usize> {
        (0..times).map(|_| backends.pick(wall, 0).unwrap()).collect()
    }

    #[test]
    fn each_has_its_turn() {
        assert_eq!(picked(&backends(3), SECOND, 6), [0, 1, 2, 0, 1, 2]);
        assert_eq!(backends(0).pick(SECOND, 0), None);
        assert_eq!(backends(1).pick(SECOND, 1), Some(0));
    }

    #[test]
    fn who_fails_in_a_row_is_left_out_for_a_while_and_then_tried_by_one() {
        let backends = backends(2);
        assert!(!backends.failed(0, SECOND) && !backends.failed(0, SECOND));
        backends.succeeded(0);
        assert!(!backends.failed(0, SECOND) && !backends.failed(0, SECOND));
        assert!(backends.failed(0, SECOND));
        assert_eq!(picked(&backends, 2 * SECOND, 4), [1; 4]);
        let later = picked(&backends, 12 * SECOND, 4);
        assert_eq!(later.iter().filter(|number| **number == 0).count(), 1);
        backends.succeeded(0);
        assert_eq!(picked(&backends, 12 * SECOND, 4), [0, 1, 0, 1]);
    }

    #[test]
    fn if_all_are_left_out_one_is_asked_all_the_same() {
        let backends = backends(2);
        for number in 0..6 {
            backends.failed(number % 2, SECOND);
        }
        assert_eq!(picked(&backends, 2 * SECOND, 4), [0, 1, 0, 1]);
        // Or as soon as the clock was set back.
        assert_eq!(picked(&backends, Duration::ZERO, 2), [0, 1]);
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_nobody_out_for_longer() {
        let backends = backends(2);
        for _ in 0..3 {
            backends.failed(0, 100 * SECOND);
        }
        assert_eq!(picked(&backends, 101 * SECOND, 2), [1, 1]);
        assert!(picked(&backends, 50 * SECOND, 2).contains(&0));
    }

    #[test]
    fn a_second_try_goes_to_another_one() {
        let backends = backends(3);
        for _ in 0..9 {
            assert_eq!(backends.pick(SECOND, 0b101), Some(1));
        }
        assert!(backends.pick(SECOND, 0b111).is_some());
    }
}
