//! [`Kept`]: what a connection holds only while something is left over, so that an idle one holds
//! nothing: an incomplete frame, unsent output, and what is measured while they wait.

use super::sealed::Secure;
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
    /// What the handler holds besides, as it says.
    pub(super) own: usize,
    /// What is counted to the budget.
    pub(super) held: usize,
    /// Bytes that moved in the window of the rate deadline.
    pub(super) received: u64,
    pub(super) sent: u64,
    /// The periods of timers that fire again and again, in milliseconds; 0 for those that don't.
    pub(super) periods: [u32; TIMERS],
    /// Of a connection that is encrypted: for as long as it lives.
    pub(super) secure: Option<Box<Secure>>,
}

impl Kept {
    /// Unread input and unsent output, in bytes, encrypted or not.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let (unopened, sealed) = self.sealed();
        let unread = self.input.as_ref().map_or(0, Buffer::len);
        (unread + unopened, self.output.as_ref().map_or(0, Output::len) + sealed)
    }

    /// What came and is not decrypted, and what is encrypted and not sent, in bytes.
    pub(super) fn sealed(&self) -> (usize, usize) {
        self.secure.as_ref().map_or((0, 0), |secure| secure.waiting())
    }

    /// Whether nothing but buffers could be in it.
    pub(super) fn is_needless(&self) -> bool {
        self.periods == [0; TIMERS] && self.secure.is_none()
    }

    pub(crate) fn held(&self) -> usize {
        self.held
    }
}
