//! [`Kept`]: what a connection holds only while something is left over, so that an idle one holds
//! nothing: an incomplete frame, unsent output, and what is measured while they wait.

use crate::base::Output;
use crate::base::buffer::Buffer;
use crate::handler::stage::TIMERS;

/// What is left over between visits.
#[derive(Default)]
pub(crate) struct Kept {
    /// An incomplete frame, in a buffer of its size. During a visit, the loop's block.
    pub(crate) input: Option<Buffer>,
    /// What the socket did not take. During a visit, the loop's.
    pub(super) output: Option<Output>,
    /// What is counted to the budget.
    pub(super) held: usize,
    /// Bytes that moved in the window of the rate deadline.
    pub(super) received: u64,
    pub(super) sent: u64,
    /// The periods of timers that fire again and again, in milliseconds; 0 for those that don't.
    pub(super) periods: [u32; TIMERS],
}

impl Kept {
    /// Unread input and unsent output, in bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.input.as_ref().map_or(0, Buffer::len), self.output.as_ref().map_or(0, Output::len))
    }

    pub(crate) fn held(&self) -> usize {
        self.held
    }
}
