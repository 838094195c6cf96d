//! Stand-ins until the real ones land.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
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
