//! [`ShutdownReport`], and how far a loop's shutdown has come.

use std::ops::AddAssign;

/// What a shutdown finished, and what it cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct ShutdownReport {
    /// Connections that ended in an orderly way after the shutdown began.
    pub finished: u64,
    /// Connections that were cut because the time was over.
    pub cut: u64,
    /// Jobs whose answers were not waited for.
    pub jobs_cut: u64,
    /// Bytes that peers did not take in time.
    pub bytes_cut: u64,
    /// Milliseconds from the beginning of the shutdown to its end; of the slowest loop.
    pub took_ms: u64,
}

impl AddAssign for ShutdownReport {
    fn add_assign(&mut self, other: Self) {
        self.finished += other.finished;
        self.cut += other.cut;
        self.jobs_cut += other.jobs_cut;
        self.bytes_cut += other.bytes_cut;
        self.took_ms = self.took_ms.max(other.took_ms);
    }
}

/// A loop's way through the phases.
#[derive(Default)]
pub(crate) struct Shutdown {
    pub(super) began: u64,
    /// When the present phase ends; milliseconds since the loop began.
    pub(super) until: u64,
    /// When half of the time to drain is over; likewise.
    pub(super) half: u64,
    pub(crate) report: ShutdownReport,
}
