//! [`PeerTable`]: how many connections each address has, and how fast it opens them, in bounded
//! memory.
//!
//! Peers choose their addresses, and anybody has 2^64 of IPv6. So a network of IPv6 (/64, what one
//! customer gets) counts as one address; where an address lies in the table, a secret key decides;
//! and the table never holds more than it was made for:
//!
//! ```text
//!   live      has connections: stays, whatever happens; as many as there are connections
//!   at rest   has none, and its bucket is not full again: remembered, if there is room
//! ```
//!
//! Those at rest form a queue. A new address takes the place of the one that has rested longest,
//! once the table is full. What an attacker with more addresses than the table holds can gain is
//! that some of them are forgotten, and begin with a fresh bucket: no more than as many fresh
//! addresses would give. No count of live connections is ever lost.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hasher};
use std::net::IpAddr;
use std::time::Duration;

/// Ends a list.
const NONE: u32 = u32::MAX;
/// So many of those at rest are looked at for each new one: more than come, so that those whose
/// buckets are full again do not pile up.
const SWEEP: usize = 2;

/// What each address may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerLimits {
    /// Connections at a time.
    pub(crate) open: u32,
    /// New connections per second, and how many at once; `None`: any.
    pub(crate) rate: Option<(u32, u32)>,
    /// How many addresses are remembered. At least as many as there can be connections, or new
    /// addresses are turned away.
    pub(crate) addresses: u32,
}

/// Why an address may not have one more connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// It has as many as it may have.
    Open,
    /// It comes too fast.
    Rate,
    /// The table is full of addresses that have connections.
    Table,
}

/// Counts connections by address. About 50 bytes for each address that it holds.
#[derive(Debug)]
pub(crate) struct PeerTable {
    open_max: u32,
    rate: Option<Rate>,
    capacity: usize,
    places: HashMap<u64, u32, Keyed>,
    entries: Vec<Entry>,
    /// Entries that are not in use, linked by `next`.
    free: u32,
    /// The queue of those at rest: who has rested longest, and shortest.
    oldest: u32,
    newest: u32,
}

/// A token bucket as the generic cell rate algorithm keeps it: one time instead of a count and a
/// time (ITU-T I.371, annex A). In nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Rate {
    /// What one connection costs.
    interval: u64,
    /// How far ahead of now an address may have spent, and still get one more.
    tolerance: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    network: u64,
    /// When the bucket is full again ("theoretical arrival time").
    full_at: u64,
    open: u32,
    previous: u32,
    next: u32,
}

impl PeerTable {
    /// An empty table. Its hash is keyed by `key`, which nobody must be able to guess.
    pub(crate) fn new(limits: PeerLimits, key: u64) -> Self {
        let rate = limits.rate.map(|(per_second, burst)| {
            // Rounded up: never faster than was said.
            let interval = 1_000_000_000_u64.div_ceil(u64::from(per_second.max(1)));
            Rate { interval, tolerance: interval.saturating_mul(u64::from(burst.max(1) - 1)) }
        });
        Self {
            open_max: limits.open,
            rate,
            capacity: limits.addresses.min(NONE - 1) as usize,
            places: HashMap::with_hasher(Keyed(key)),
            entries: Vec::new(),
            free: NONE,
            oldest: NONE,
            newest: NONE,
        }
    }

    /// Counts a new connection from `ip`, or says why there must be none; then nothing changed.
    /// `now` is the time since any fixed moment.
    pub(crate) fn admit(&mut self, ip: IpAddr, now: Duration) -> Result<(), Excess> {
        let (network, now) = (network(ip), nanos(now));
        let known = self.places.get(&network).copied();
        let entry = known.map(|place| self.entries[place as usize]);
        if entry.map_or(0, |entry| entry.open) >= self.open_max {
            return Err(Excess::Open);
        }
        let spent = entry.map_or(0, |entry| entry.full_at).max(now);
        let full_at = match self.rate {
            Some(rate) if spent - now > rate.tolerance => return Err(Excess::Rate),
            Some(rate) => spent.saturating_add(rate.interval),
            None => 0,
        };
        let place = match known {
            Some(place) => place,
            None => self.make_room(network, now).ok_or(Excess::Table)?,
        };
        if entry.is_some_and(|entry| entry.open == 0) {
            self.leave_queue(place);
        }
        let entry = &mut self.entries[place as usize];
        (entry.full_at, entry.open) = (full_at, entry.open + 1);
        Ok(())
    }

    /// A connection from `ip`, which was admitted, ended.
    pub(crate) fn release(&mut self, ip: IpAddr) {
        let network = network(ip);
        let Some(place) = self.places.get(&network).copied() else { return };
        let entry = &mut self.entries[place as usize];
        debug_assert!(entry.open > 0, "{ip} was released and not admitted");
        entry.open = entry.open.saturating_sub(1);
        if entry.open > 0 {
            return;
        }
        match self.rate {
            Some(_) => self.join_queue(place),
            None => self.forget(place),
        }
    }

    /// How many addresses it holds.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.places.len()
    }

    /// A place for a network that has none; none if all are live.
    fn make_room(&mut self, network: u64, now: u64) -> Option<u32> {
        for _ in 0..SWEEP {
            let oldest = self.oldest;
            if oldest == NONE || self.entries[oldest as usize].full_at > now {
                break;
            }
            self.leave_queue(oldest);
            self.forget(oldest);
        }
        if self.places.len() >= self.capacity {
            let oldest = self.oldest;
            if oldest == NONE {
                return None;
            }
            self.leave_queue(oldest);
            self.forget(oldest);
        }
        let entry = Entry { network, full_at: 0, open: 0, previous: NONE, next: NONE };
        let place = match self.free {
            NONE => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
            place => {
                self.free = std::mem::replace(&mut self.entries[place as usize], entry).next;
                place
            }
        };
        self.places.insert(network, place);
        Some(place)
    }

    fn forget(&mut self, place: u32) {
        let entry = &mut self.entries[place as usize];
        self.places.remove(&entry.network);
        entry.next = std::mem::replace(&mut self.free, place);
    }

    fn join_queue(&mut self, place: u32) {
        let newest = std::mem::replace(&mut self.newest, place);
        let entry = &mut self.entries[place as usize];
        (entry.previous, entry.next) = (newest, NONE);
        match newest {
            NONE => self.oldest = place,
            newest => self.entries[newest as usize].next = place,
        }
    }

    fn leave_queue(&mut self, place: u32) {
        let Entry { previous, next, .. } = self.entries[place as usize];
        match previous {
            NONE => self.oldest = next,
            previous => self.entries[previous as usize].next = next,
        }
        match next {
            NONE => self.newest = previous,
            next => self.entries[next as usize].previous = previous,
        }
    }
}

/// What counts as one address: an IPv4 address, or a /64 of IPv6. The former lie where IPv6 has its
/// multicast groups (RFC 4291, 2.7), from which nobody can come.
fn network(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => 0xff << 56 | u64::from(u32::from(ip)),
        IpAddr::V6(ip) => (u128::from(ip) >> 64) as u64,
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// SipHash that begins with a secret: std's own key is drawn where nobody can repeat it.
#[derive(Clone, Debug)]
struct Keyed(u64);

impl BuildHasher for Keyed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const START: Duration = Duration::from_secs(100);

    fn table(open: u32, rate: Option<(u32, u32)>, addresses: u32) -> PeerTable {
        PeerTable::new(PeerLimits { open, rate, addresses }, 1)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn numbered(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn an_address_has_no_more_connections_than_it_may_have() {
        let mut table = table(2, None, 10);
        let (one, other) = (ip("10.0.0.1"), ip("10.0.0.2"));
        assert_eq!(table.admit(one, START), Ok(()));
        assert_eq!(table.admit(one, START), Ok(()));
        assert_eq!(table.admit(one, START), Err(Excess::Open));
        assert_eq!(table.admit(other, START), Ok(()));
        table.release(one);
        assert_eq!(table.admit(one, START), Ok(()));
        (0..2).for_each(|_| table.release(one));
        table.release(other);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let mut table = table(1, None, 10);
        assert_eq!(table.admit(ip("2001:db8::1"), START), Ok(()));
        assert_eq!(table.admit(ip("2001:db8::ffff:0:0:2"), START), Err(Excess::Open));
        assert_eq!(table.admit(ip("2001:db8:0:1::1"), START), Ok(()));
        assert_eq!(table.admit(ip("10.0.0.1"), START), Ok(()));
        assert_eq!(table.admit(ip("::ffff:10.0.0.1"), START), Err(Excess::Open));
        assert_eq!(table.admit(ip("::ffff:10.0.0.2"), START), Ok(()));
        table.release(ip("2001:db8::7"));
        assert_eq!(table.admit(ip("2001:db8::1"), START), Ok(()));
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut table = table(u32::MAX, Some((10, 3)), 10);
        let mut admitted_at = Vec::new();
        for ms in 0..1_000 {
            while table.admit(numbered(1), START + Duration::from_millis(ms)).is_ok() {
                admitted_at.push(ms);
            }
        }
        assert_eq!(admitted_at, [0, 0, 0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
    }

    #[test]
    fn who_is_refused_pays_nothing() {
        let mut table = table(1, Some((1, 2)), 10);
        assert_eq!(table.admit(numbered(1), START), Ok(()));
        assert_eq!(table.admit(numbered(1), START), Err(Excess::Open));
        table.release(numbered(1));
        assert_eq!(table.admit(numbered(1), START), Ok(()));
        table.release(numbered(1));
        (0..100).for_each(|_| assert_eq!(table.admit(numbered(1), START), Err(Excess::Rate)));
        assert_eq!(table.admit(numbered(1), START + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn coming_back_does_not_fill_the_bucket() {
        let mut table = table(u32::MAX, Some((1, 3)), 10);
        let admitted = (0..10).filter(|_| {
            let admitted = table.admit(numbered(1), START).is_ok();
            if admitted {
                table.release(numbered(1));
            }
            admitted
        });
        assert_eq!(admitted.count(), 3);
    }

    #[test]
    fn a_clock_that_is_a_little_behind_does_no_harm() {
        let mut table = table(u32::MAX, Some((1, 2)), 10);
        assert_eq!(table.admit(numbered(1), START), Ok(()));
        assert_eq!(table.admit(numbered(1), START - Duration::from_millis(1)), Err(Excess::Rate));
        assert_eq!(table.admit(numbered(1), START), Ok(()));
    }

    #[test]
    fn a_flood_from_millions_of_addresses_takes_no_more_memory_and_loses_no_live_count() {
        let mut table = table(2, Some((1, 5)), 1_000);
        let live = 0xffff_0000..0xffff_0100;
        for number in live.clone() {
            assert_eq!(table.admit(numbered(number), START), Ok(()));
            assert_eq!(table.admit(numbered(number), START), Ok(()));
        }
        for number in 0..3_000_000 {
            assert_eq!(table.admit(numbered(number), START), Ok(()));
            table.release(numbered(number));
        }
        assert_eq!(table.len(), 1_000);
        assert!(table.entries.len() <= 1_000 && table.entries.capacity() < 2_000);
        assert!(table.places.capacity() < 4_000);
        for number in live {
            assert_eq!(table.admit(numbered(number), START), Err(Excess::Open));
        }
    }

    #[test]
    fn those_whose_buckets_are_full_again_are_forgotten() {
        let mut table = table(1, Some((100, 1)), 1_000_000);
        for number in 0..100_000 {
            let now = START + Duration::from_millis(u64::from(number));
            assert_eq!(table.admit(numbered(number), now), Ok(()));
            table.release(numbered(number));
        }
        assert!(table.len() <= 12, "{}", table.len());
    }

    #[test]
    fn a_table_full_of_live_addresses_turns_new_ones_away() {
        let mut table = table(5, Some((1, 9)), 2);
        assert_eq!(table.admit(numbered(1), START), Ok(()));
        assert_eq!(table.admit(numbered(2), START), Ok(()));
        assert_eq!(table.admit(numbered(3), START), Err(Excess::Table));
        assert_eq!(table.admit(numbered(1), START), Ok(()));
        table.release(numbered(2));
        assert_eq!(table.admit(numbered(3), START), Ok(()));
        assert_eq!(table.admit(numbered(2), START), Err(Excess::Table));
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 32);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Admit(u32),
        Release(u32),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            5 => (0..12_u32).prop_map(Step::Admit),
            4 => (0..12_u32).prop_map(Step::Release),
            1 => (0..3_000_u64).prop_map(Step::Wait),
        ];
        prop::collection::vec(step, 1..200)
    }

    /// An address as the model has it: connections, and when each token was spent.
    #[derive(Clone, Default)]
    struct Model {
        open: u32,
        tokens: f64,
        at: f64,
    }

    proptest! {
        /// Without eviction, it is a token bucket and a count; with eviction, still the count, and
        /// nobody is ever treated worse than the bucket would.
        #[test]
        fn agrees_with_a_bucket_and_a_count_for_each_address(
            steps in steps(),
            open_max in 1..4_u32,
            rated in any::<bool>(),
            addresses in prop_oneof![Just(4_u32), Just(12)],
        ) {
            let mut table = table(open_max, rated.then_some((2, 3)), addresses);
            let mut models = BTreeMap::<u32, Model>::new();
            let mut ms = 5_000;
            for step in steps {
                match step {
                    Step::Wait(time) => ms += time,
                    Step::Release(number) => {
                        let Some(model) = models.get_mut(&number).filter(|model| model.open > 0)
                        else { continue };
                        model.open -= 1;
                        table.release(numbered(number));
                    }
                    Step::Admit(number) => {
                        let live = models.values().filter(|model| model.open > 0).count();
                        let fresh = Model { open: 0, tokens: 3.0, at: 0.0 };
                        let model = models.entry(number).or_insert(fresh);
                        let now = ms as f64 / 1000.0;
                        model.tokens = (model.tokens + (now - model.at) * 2.0).min(3.0);
                        model.at = now;
                        let admitted = table.admit(numbered(number), Duration::from_millis(ms));
                        let has_token = !rated || model.tokens > 0.999_999;
                        match admitted {
                            Err(Excess::Open) => prop_assert!(model.open >= open_max),
                            Err(Excess::Rate) => prop_assert!(!has_token && model.open < open_max),
                            Err(Excess::Table) => {
                                prop_assert!(model.open == 0 && live >= addresses as usize);
                            }
                            Ok(()) => {
                                prop_assert!(model.open < open_max);
                                // Forgotten, it began with a fresh bucket.
                                prop_assert!(has_token || addresses < 12);
                                model.open += 1;
                                model.tokens = (model.tokens - 1.0).max(0.0);
                            }
                        }
                    }
                }
                prop_assert!(table.len() <= addresses as usize);
                let open: u32 = models.values().map(|model| model.open).sum();
                let counted: u32 =
                    table.places.values().map(|at| table.entries[*at as usize].open).sum();
                prop_assert_eq!(open, counted);
            }
        }
    }
}
