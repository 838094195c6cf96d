//! [`Wheel`]: a hierarchical timer wheel, one node per key, nothing allocated per operation.
//!
//! It holds *reminders to look at a key*, not deadlines. A loop keeps each connection's deadlines
//! in the connection's own record and asks the wheel for one reminder at the earliest. A deadline
//! that moves later is then a plain store: the old reminder comes too soon, the owner finds nothing
//! due and asks again. Only a deadline that moves earlier touches the wheel. Of a million idle
//! deadlines pushed back with every message, nearly all pass without a single wheel operation.
//!
//! The shape is Varghese and Lauck's ("Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7)
//! as tokio and the older Linux kernels have it, with a bitmap per level so that empty slots cost
//! nothing, however many of them a long stop has passed:
//!
//! ```text
//!   level   a slot spans       a turn spans     64 slots, one bit each: does it hold a node?
//!     0         1 ms               64 ms        ....#..#........   a list per slot, all at one ms
//!     1        64 ms              4.1 s         ......#.........
//!     2       4.1 s               4.4 min       ..#.............   the slots of levels 0 to 4 lie
//!     3       4.4 min             4.7 h         ................   ahead of the cursor and never
//!     4       4.7 h              12.4 days      .#..............   wrap; so every node of a level
//!     5      12.4 days            2.2 years     ...........#....   is before all of the next level
//! ```
//!
//! A node's level is given by the highest bit in which its time differs from the time elapsed. When
//! the cursor enters a slot of a higher level its nodes move down ("cascade"), at most five times
//! in the life of a reminder. What lies beyond the last level waits in its furthest slot, and is
//! placed anew from there.

/// Milliseconds that never come: no reminder. 585 million years after the loop began.
pub const NEVER: u64 = u64::MAX;

const LEVELS: usize = 6;
const TOP: usize = LEVELS - 1;
const SLOTS: usize = 64;
const SLOT_BITS: usize = SLOTS.ilog2() as usize;

/// Ends a list. No key is this large, so looking it up ends a walk as well.
const NONE: u32 = u32::MAX;
/// In [`Node::previous`]: no node but a slot stands before this one, slot `previous - HEAD`.
const HEAD: u32 = u32::MAX - (LEVELS * SLOTS) as u32;

/// A quarter of a cache line: four keys that were accepted together are fetched together.
#[derive(Clone, Copy)]
struct Node {
    /// The time that was asked for; [`NEVER`] while the node is in no list.
    at: u64,
    previous: u32,
    next: u32,
}

const UNLINKED: Node = Node { at: NEVER, previous: NONE, next: NONE };

/// Reminds of small keys (slab slots) at times in milliseconds.
///
/// # Time
///
/// Times are absolute: milliseconds since any fixed moment, such as the start of the loop. They
/// come in as arguments and must not run backwards. The wheel may be left alone for any length of
/// time; the next [`advance`](Self::advance) catches up at a cost that does not depend on it. A
/// key is never given back before its time, and never missed.
///
/// # Memory and cost
///
/// 16 bytes for every key up to the largest one seen, and 1.6 KiB. `remind` and `cancel` are O(1);
/// `advance` costs what is due, plus the nodes that cascade, plus the levels.
///
/// # Example
///
/// ```
/// # use overt::base::wheel::Wheel;
/// let mut wheel = Wheel::new();
/// let mut due = Vec::new();
/// wheel.remind(7, 30_000); // the idle deadline of connection 7
/// wheel.remind(7, 5_000); // its handshake deadline is earlier
/// wheel.remind(7, 60_000); // later: a reminder comes before that anyway
/// assert_eq!(wheel.next_ms(), Some(5_000));
/// if wheel.is_due(5_003) {
///     wheel.advance(5_003, &mut due);
/// }
/// assert_eq!(due, [7]); // its owner looks what is really due, and asks again
/// assert!(wheel.is_empty());
/// ```
pub struct Wheel {
    nodes: Vec<Node>,
    /// The first key of each slot.
    heads: [[u32; SLOTS]; LEVELS],
    /// One bit per slot: it holds a node.
    occupied: [u64; LEVELS],
    /// The cursor: every node at or before this time has been given back, or is in its very slot.
    elapsed: u64,
    /// No node is before this time. May be too early, never too late.
    next: u64,
    len: usize,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            heads: [[NONE; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            elapsed: 0,
            next: NEVER,
            len: 0,
        }
    }
}

impl Wheel {
    /// An empty wheel, at time 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys have a reminder.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no key has a reminder.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// When `key` will be given back; `None` if it has no reminder.
    #[inline]
    pub fn deadline(&self, key: u32) -> Option<u64> {
        self.nodes.get(key as usize).map(|node| node.at).filter(|&at| at != NEVER)
    }

    /// Gives `key` back at `at_ms`, or at the earlier time for which it already has a reminder.
    ///
    /// A time that has passed is due at the next [`advance`](Self::advance), even one to the same
    /// time. [`NEVER`] asks for nothing.
    ///
    /// # Panics
    ///
    /// If `key` is within 384 of `u32::MAX`; its node alone would need 64 GiB.
    #[inline]
    pub fn remind(&mut self, key: u32, at_ms: u64) {
        match self.nodes.get(key as usize) {
            Some(node) if node.at <= at_ms => {}
            _ => self.remind_earlier(key, at_ms),
        }
    }

    /// Takes back the reminder of `key`, if it has one.
    pub fn cancel(&mut self, key: u32) {
        if self.unlink(key) == Unlinked::LastOfSlot {
            // Both are lower bounds, so the later one is, too.
            self.next = self.next.max(self.earliest());
        }
    }

    /// Whether [`advance`](Self::advance) to this time could give anything back.
    #[inline]
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.next <= now_ms
    }

    /// When `advance` is to be called at the latest: how long the loop may sleep. `None` if empty.
    ///
    /// At most the time of the earliest reminder. It can be less, by a cascade or by a reminder
    /// that was cancelled; `advance` then gives nothing back and a better answer is here.
    #[inline]
    pub fn next_ms(&self) -> Option<u64> {
        (self.next != NEVER).then_some(self.next)
    }

    /// Moves on to `now_ms`, and appends to `due` every key whose time has come.
    ///
    /// These keys have no reminder any more. The owner may remind and cancel any key while it
    /// walks through `due`. Keys come roughly, not exactly, in the order of their times.
    pub fn advance(&mut self, now_ms: u64, due: &mut Vec<u32>) {
        if !self.is_due(now_ms) {
            return;
        }
        let before = self.elapsed;
        self.elapsed = before.max(now_ms);
        // From the bottom up: a node that is not due yet shares its slot with `now`, and so goes
        // to a level below its own, which is done.
        for level in 0..LEVELS {
            let from = before >> (SLOT_BITS * level);
            let entered = (self.elapsed >> (SLOT_BITS * level)) - from;
            if level > 0 && entered == 0 {
                break;
            }
            // Bit n is the nth slot from the old cursor on; what the cursor went through stays.
            let mut slots = self.occupied[level].rotate_right((from % 64) as u32)
                & (u64::MAX >> (63 - entered.min(63)));
            while slots != 0 {
                let slot = from + u64::from(slots.trailing_zeros());
                self.empty_slot(level, slot as usize % SLOTS, due);
                slots &= slots - 1;
            }
        }
        self.next = self.earliest();
    }

    /// Gives back what is due in a slot, and places the rest anew.
    fn empty_slot(&mut self, level: usize, slot: usize, due: &mut Vec<u32>) {
        self.occupied[level] &= !(1 << slot);
        let mut key = std::mem::replace(&mut self.heads[level][slot], NONE);
        while let Some(node) = self.nodes.get_mut(key as usize) {
            let Node { at, next, .. } = *node;
            if at <= self.elapsed {
                *node = UNLINKED;
                self.len -= 1;
                due.push(key);
            } else {
                self.link(key, at);
            }
            key = next;
        }
    }

    /// The start of the first slot that holds a node: exactly that node's time on level 0.
    fn earliest(&self) -> u64 {
        for (level, occupied) in self.occupied.iter().enumerate() {
            if *occupied != 0 {
                let cursor = self.elapsed >> (SLOT_BITS * level);
                let ahead = occupied.rotate_right((cursor % 64) as u32).trailing_zeros();
                return (cursor + u64::from(ahead)) << (SLOT_BITS * level);
            }
        }
        NEVER
    }

    fn remind_earlier(&mut self, key: u32, at: u64) {
        if at == NEVER {
            return;
        }
        if key as usize >= self.nodes.len() {
            self.grow(key);
        }
        self.unlink(key);
        self.link(key, at);
        self.len += 1;
        self.next = self.next.min(at);
    }

    #[cold]
    fn grow(&mut self, key: u32) {
        assert!(key < HEAD, "a timer wheel's keys are slab slots, not {key}");
        self.nodes.resize(key as usize + 1, UNLINKED);
    }

    /// Puts an unlinked node first into the slot where its time belongs.
    #[inline]
    fn link(&mut self, key: u32, at: u64) {
        let (level, slot) = self.place(at);
        let next = std::mem::replace(&mut self.heads[level][slot], key);
        self.occupied[level] |= 1 << slot;
        if let Some(node) = self.nodes.get_mut(next as usize) {
            node.previous = key;
        }
        if let Some(node) = self.nodes.get_mut(key as usize) {
            *node = Node { at, previous: HEAD + (level * SLOTS + slot) as u32, next };
        }
    }

    /// The level and the slot of a time. What has passed goes into the slot of the cursor.
    #[inline]
    fn place(&self, at: u64) -> (usize, usize) {
        let at = at.max(self.elapsed);
        let highest_bit = (at ^ self.elapsed | 1).ilog2() as usize;
        let level = (highest_bit / SLOT_BITS).min(TOP);
        let shift = SLOT_BITS * level;
        // Only on the top level can it be more than the slots of a turn. The last slot of the turn
        // is entered before such a time, and the node looked at again.
        let cursor = self.elapsed >> shift;
        let ahead = ((at >> shift) - cursor).min(SLOTS as u64 - 1);
        (level, (cursor + ahead) as usize % SLOTS)
    }

    /// Takes the node of `key` out of its list.
    #[inline]
    fn unlink(&mut self, key: u32) -> Unlinked {
        let Some(node) = self.nodes.get_mut(key as usize) else { return Unlinked::Nothing };
        let Node { at, previous, next } = std::mem::replace(node, UNLINKED);
        if at == NEVER {
            return Unlinked::Nothing;
        }
        self.len -= 1;
        if let Some(node) = self.nodes.get_mut(next as usize) {
            node.previous = previous;
        }
        if let Some(node) = self.nodes.get_mut(previous as usize) {
            node.next = next;
            return Unlinked::OneOfMany;
        }
        let first_of = (previous - HEAD) as usize;
        let (level, slot) = (first_of / SLOTS, first_of % SLOTS);
        self.heads[level][slot] = next;
        if next != NONE {
            return Unlinked::OneOfMany;
        }
        self.occupied[level] &= !(1 << slot);
        Unlinked::LastOfSlot
    }
}

#[derive(PartialEq)]
enum Unlinked {
    Nothing,
    OneOfMany,
    LastOfSlot,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// What the wheel is to do, done slowly.
    #[derive(Default)]
    struct Model {
        at: BTreeMap<u32, u64>,
        order: BTreeSet<(u64, u32)>,
    }

    impl Model {
        fn remind(&mut self, key: u32, at: u64) {
            if at != NEVER && self.at.get(&key).is_none_or(|&old| at < old) {
                self.cancel(key);
                self.at.insert(key, at);
                self.order.insert((at, key));
            }
        }

        fn cancel(&mut self, key: u32) {
            if let Some(at) = self.at.remove(&key) {
                self.order.remove(&(at, key));
            }
        }

        fn advance(&mut self, now: u64) -> Vec<u32> {
            let later = self.order.split_off(&(now + 1, 0));
            let due = std::mem::replace(&mut self.order, later);
            due.into_iter().map(|(_, key)| key).inspect(|key| _ = self.at.remove(key)).collect()
        }

        fn earliest(&self) -> Option<u64> {
            self.order.first().map(|&(at, _)| at)
        }
    }

    /// A wheel and its model, side by side; they must always agree.
    struct Pair {
        wheel: Wheel,
        model: Model,
        now: u64,
        random: u64,
    }

    impl Pair {
        fn new(now: u64, seed: u64) -> Self {
            let mut wheel = Wheel::new();
            wheel.elapsed = now;
            Self { wheel, model: Model::default(), now, random: seed }
        }

        /// SplitMix64.
        fn draw(&mut self) -> u64 {
            self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        }

        /// Each magnitude below 2^`bits_max` equally likely, and often on the edge of a slot.
        fn distance(&mut self, bits_max: u64) -> u64 {
            let bits = self.draw() % (bits_max + 1);
            match self.draw() % 4 {
                0 => (1 << bits) - 1,
                1 => 1 << bits,
                _ => self.draw() & ((1 << bits) - 1),
            }
        }

        fn remind(&mut self, key: u32, at: u64) {
            self.wheel.remind(key, at);
            self.model.remind(key, at);
        }

        fn cancel(&mut self, key: u32) {
            self.wheel.cancel(key);
            self.model.cancel(key);
            assert_eq!(self.wheel.deadline(key), None);
        }

        fn advance(&mut self, now: u64) -> Vec<u32> {
            self.now = now;
            let (mut due, mut expected) = (Vec::new(), self.model.advance(now));
            let is_due = self.wheel.is_due(now);
            self.wheel.advance(now, &mut due);
            assert!(is_due || due.is_empty());
            let given = due.clone();
            due.sort_unstable();
            expected.sort_unstable();
            assert_eq!(due, expected, "at {now}");
            assert!(self.wheel.next_ms().is_none_or(|next| next > now));
            given
        }

        fn agree(&self, key: u32) {
            assert_eq!(self.wheel.deadline(key), self.model.at.get(&key).copied());
            assert_eq!(self.wheel.len(), self.model.at.len());
            assert_eq!(self.wheel.is_empty(), self.model.at.is_empty());
            match (self.wheel.next_ms(), self.model.earliest()) {
                (None, None) => {}
                (Some(next), Some(earliest)) => assert!(next <= earliest.max(self.now)),
                (next, earliest) => panic!("{next:?} for {earliest:?}"),
            }
        }

        /// One random operation, on `keys` keys, with times up to 2^`bits` away.
        fn step(&mut self, keys: u32, bits: u64) {
            let key = self.draw() as u32 % keys;
            match self.draw() % 16 {
                0..8 => {
                    let at = self.now.saturating_add(self.distance(bits));
                    self.remind(key, at);
                }
                8 => {
                    let at = self.now.saturating_sub(self.distance(bits));
                    self.remind(key, at);
                }
                9..12 => self.cancel(key),
                12 => {
                    let now = self.now.saturating_add(self.distance(bits)).min(NEVER - 1);
                    self.jump(now, keys, bits);
                }
                13 => {
                    let next = self.wheel.next_ms().unwrap_or(self.now).max(self.now);
                    self.jump(next, keys, bits);
                }
                _ => {
                    let now = self.now.saturating_add(self.draw() % 20).min(NEVER - 1);
                    self.jump(now, keys, bits);
                }
            }
            self.agree(key);
        }

        /// Advances; the owner arms and cancels while it walks what is due, the fired key too.
        fn jump(&mut self, now: u64, keys: u32, bits: u64) {
            for fired in self.advance(now) {
                match self.draw() % 8 {
                    0..3 => {
                        let at = now.saturating_add(self.distance(bits));
                        self.remind(fired, at);
                    }
                    3 => self.remind(fired, now),
                    4 => self.cancel(fired),
                    5 => {
                        let other = self.draw() as u32 % keys;
                        self.cancel(other);
                    }
                    _ => {}
                }
            }
        }
    }

    /// `OVERT_WHEEL_STEPS=1000000000 cargo test --release --lib wheel` looks for three minutes.
    fn steps() -> u64 {
        let default = if cfg!(debug_assertions) { 240_000 } else { 6_000_000 };
        std::env::var("OVERT_WHEEL_STEPS").map_or(default, |steps| steps.parse().unwrap())
    }

    #[test]
    fn agrees_with_a_sorted_map_from_any_moment_on() {
        let starts = [0, 63, (1 << 32) - 700, (1 << 36) - 5_000, (1 << 48) + 17, NEVER - (1 << 45)];
        for (seed, start) in starts.into_iter().enumerate() {
            for bits in [4, 13, 24, 38, 45] {
                let mut pair = Pair::new(start, seed as u64 * 100 + bits);
                // Few keys: mostly nearly empty. Many: long lists, long cascades.
                for keys in [3, 40, 5_000] {
                    (0..steps() / 90).for_each(|_| pair.step(keys, bits));
                }
                pair.advance(NEVER - 1);
                assert!(pair.wheel.is_empty());
                assert_eq!(pair.wheel.occupied, [0; LEVELS]);
            }
        }
    }

    #[test]
    fn reaches_each_reminder_in_few_wakes_and_at_its_millisecond() {
        for start in [0, 1, 4_095, (1 << 36) - 1, (1 << 40) + 12_345] {
            for distance in [1, 63, 64, 65, 4_096, 30_000, 86_400_000, (1 << 36) - 1, 1 << 36] {
                let mut wheel = Wheel::new();
                let mut due = Vec::new();
                wheel.remind(0, start);
                wheel.advance(start, &mut due);
                wheel.remind(1, start + distance);
                // After this advance only the slots tell when it is time.
                wheel.remind(0, start);
                wheel.advance(start, &mut due);
                assert_eq!(due, [0, 0]);
                let (mut wakes, mut woke_at) = (0, start);
                while let Some(next) = wheel.next_ms() {
                    (wakes, woke_at) = (wakes + 1, next);
                    wheel.advance(next, &mut due);
                }
                assert_eq!(due, [0, 0, 1]);
                assert_eq!(woke_at, start + distance);
                assert!(wakes <= 7, "{wakes} wakes to {start} + {distance}");
            }
        }
    }

    #[test]
    fn a_stop_of_any_length_costs_nothing_by_itself() {
        let mut wheel = Wheel::new();
        let mut due = Vec::new();
        wheel.remind(1, 10);
        wheel.remind(2, 1 << 62);
        wheel.remind(3, NEVER - 1);
        // Done tick by tick, or turn by turn of the top level, this would not end in our time.
        wheel.advance((1 << 62) - 1, &mut due);
        assert_eq!(due, [1]);
        wheel.advance(1 << 62, &mut due);
        assert_eq!(due, [1, 2]);
        wheel.advance(NEVER - 2, &mut due);
        wheel.advance(NEVER - 1, &mut due);
        assert_eq!(due, [1, 2, 3]);
    }

    #[test]
    fn never_is_no_reminder() {
        let mut wheel = Wheel::new();
        wheel.remind(4, NEVER);
        assert!(wheel.is_empty() && wheel.next_ms().is_none() && !wheel.is_due(NEVER - 1));
        wheel.remind(4, 9);
        wheel.remind(4, NEVER);
        assert_eq!(wheel.deadline(4), Some(9));
    }

    #[test]
    fn what_is_cancelled_wakes_nobody() {
        let mut wheel = Wheel::new();
        wheel.remind(1, 30_000);
        wheel.remind(2, 40);
        wheel.cancel(2);
        wheel.cancel(2);
        wheel.cancel(99);
        assert!(wheel.next_ms() > Some(20_000));
        wheel.cancel(1);
        assert_eq!(wheel.next_ms(), None);
    }

    #[test]
    fn a_node_is_a_quarter_of_a_cache_line() {
        assert_eq!(size_of::<Node>(), 16);
        assert!(size_of::<Wheel>() < 1_700);
    }
}
