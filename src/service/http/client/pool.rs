//! [`Pool`]: connections that rest between two requests, and how many there are at all.
//!
//! A pool has a shard for each loop, so that a request meets a connection of its own loop, and the
//! lock of a shard is taken by nobody else. That is all that a shard is: any connection can be
//! reached from anywhere by its address, so if two loops (or two engines, or a thread that is no
//! loop) share a shard, a request may cross from one loop to another, and nothing else changes.
//! There is no thread-local and no registration of loops: simulated loops, several in one thread,
//! have shards of their own as real ones do.
//!
//! A connection is in here only while it rests. Whoever takes it out owns it; a connection that
//! ends while it rests takes itself out first, so that what is known to be closed is never handed
//! out. What is not known yet is the caller's to survive (see `call.rs`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pipe::ToLine;
use crate::handler::Address;

/// More loops than this share shards.
const SHARDS: usize = 64;

/// What a pool allows, for each shard: that is, for each loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Resting, to one route.
    pub(super) idle_per_route: usize,
    /// Resting, in all.
    pub(super) idle: usize,
    /// Open, resting or not, to one route.
    pub(super) open_per_route: usize,
}

/// See the [module](self).
pub(super) struct Pool {
    shards: [Mutex<Shard>; SHARDS],
    bounds: Bounds,
}

#[derive(Default)]
struct Shard {
    routes: BTreeMap<Arc<str>, Connections>,
    idle: usize,
}

/// The connections to one route.
#[derive(Default)]
struct Connections {
    open: usize,
    /// Who came last goes first: the others grow old, and end.
    idle: Vec<Address<ToLine>>,
}

/// A connection's place in a pool: it counts as open until this is dropped.
pub(super) struct Place {
    pool: Arc<Pool>,
    shard: usize,
    route: Arc<str>,
}

impl Pool {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { shards: std::array::from_fn(|_| Mutex::default()), bounds })
    }

    /// Takes a connection that rests, if there is one.
    pub(super) fn take(&self, home: usize, route: &Arc<str>) -> Option<Address<ToLine>> {
        let shard = &mut *self.shard(home % SHARDS);
        let taken = shard.routes.get_mut(route)?.idle.pop()?;
        shard.idle -= 1;
        Some(taken)
    }

    /// A place for one more connection; `None` if there are as many as allowed.
    pub(super) fn open(self: &Arc<Self>, home: usize, route: &Arc<str>) -> Option<Place> {
        let number = home % SHARDS;
        let shard = &mut *self.shard(number);
        let connections = shard.routes.entry(route.clone()).or_default();
        if connections.open >= self.bounds.open_per_route {
            return None;
        }
        connections.open += 1;
        Some(Place { pool: self.clone(), shard: number, route: route.clone() })
    }

    /// How many connections are open, and how many of them rest.
    pub(super) fn count(&self) -> (usize, usize) {
        let count = |shard: &Shard| {
            let open = shard.routes.values().map(|connections| connections.open).sum::<usize>();
            (open, shard.idle)
        };
        let counts = (0..SHARDS).map(|number| count(&self.shard(number)));
        counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn shard(&self, number: usize) -> MutexGuard<'_, Shard> {
        self.shards[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Lays the connection down to rest; tells whether there is room for it.
    pub(super) fn rest(&self, address: Address<ToLine>) -> bool {
        let bounds = self.pool.bounds;
        let shard = &mut *self.pool.shard(self.shard);
        let Some(connections) = shard.routes.get_mut(&self.route) else { return false };
        if shard.idle >= bounds.idle || connections.idle.len() >= bounds.idle_per_route {
            return false;
        }
        connections.idle.push(address);
        shard.idle += 1;
        true
    }

    /// Takes the connection out, if it rests still.
    pub(super) fn leave(&self, address: &Address<ToLine>) {
        let shard = &mut *self.pool.shard(self.shard);
        let Some(connections) = shard.routes.get_mut(&self.route) else { return };
        if let Some(at) = connections.idle.iter().position(|idle| idle.is(address)) {
            connections.idle.remove(at);
            shard.idle -= 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let shard = &mut *self.pool.shard(self.shard);
        let Some(connections) = shard.routes.get_mut(&self.route) else { return };
        connections.open -= 1;
        if connections.open == 0 {
            // Nothing rests that has no place; but an engine that is torn down tells no handler.
            shard.idle -= connections.idle.len();
            shard.routes.remove(&self.route);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_open_than_may_be_and_a_place_that_is_left_is_free() {
        let bounds = Bounds { idle_per_route: 1, idle: 1, open_per_route: 2 };
        let (pool, route): (_, Arc<str>) = (Pool::new(bounds), "a".into());
        let places = [(); 3].map(|()| pool.open(0, &route));
        assert!(places[1].is_some() && places[2].is_none());
        // Another loop, and another route, have bounds of their own.
        assert!(pool.open(1, &route).is_some() && pool.open(0, &"b".into()).is_some());
        assert_eq!(pool.count(), (2, 0));
        drop(places);
        assert_eq!(pool.count(), (0, 0));
        assert!(pool.open(0, &route).is_some());
    }
}
