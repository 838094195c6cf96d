//! Stand-ins until the real ones land.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
#[derive(Default)]
pub struct Wheel {
    at: BTreeMap<u32, u64>,
    next: Option<u64>,
}
impl Wheel {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn len(&self) -> usize {
        self.at.len()
    }
    pub fn remind(&mut self, key: u32, at: u64) {
        let e = self.at.entry(key).or_insert(at);
        *e = (*e).min(at);
        self.next = Some(self.next.map_or(at, |n| n.min(at)));
    }
    pub fn cancel(&mut self, key: u32) {
        self.at.remove(&key);
    }
    pub fn is_due(&self, now: u64) -> bool {
        self.next.is_some_and(|n| n <= now)
    }
    pub fn next_ms(&self) -> Option<u64> {
        self.next
    }
    pub fn advance(&mut self, now: u64, due: &mut Vec<u32>) {
        self.at.retain(|k, at| {
            if *at <= now {
                due.push(*k);
                false
            } else {
                true
            }
        });
        self.next = self.at.values().min().copied();
    }
}
pub struct Backoff {
    first: Duration,
    max: Duration,
    attempt: u32,
}
impl Backoff {
    pub fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, attempt: 0 }
    }
    pub fn next(&mut self, random: u64) -> Duration {
        let top = (self.first * 2u32.pow(self.attempt.min(20))).min(self.max);
        self.attempt += 1;
        top.mul_f64((random % 1000) as f64 / 1000.0)
    }
    pub fn reset(&mut self) {
        self.attempt = 0
    }
}
#[derive(Clone, Debug, Default)]
pub struct AccessList;
impl AccessList {
    pub fn permits(&self, _: IpAddr) -> bool {
        true
    }
}
pub struct PeerTable;
impl PeerTable {
    pub fn new(_: usize, _: u32, _: Option<(u32, u32)>) -> Self {
        Self
    }
    pub fn admit(&mut self, _: IpAddr, _: Duration) -> Result<(), ()> {
        Ok(())
    }
    pub fn release(&mut self, _: IpAddr) {}
}
