//! [`Doorbell`]: how a sender decides whether it must wake the loop that it sends to.
//!
//! # Not sleeping through mail
//!
//! A wake-up is a system call, so a sender should pay for one only if the loop sleeps; and a loop
//! must never sleep on a message that is in its queue. These steps, in this order, give both:
//!
//! ```text
//!   loop                                   sender
//!   L1  asleep = true                      S1  push the message
//!   L2  is the queue empty?                S2  was = swap(asleep, false)
//!   L3  yes: sleep   no: poll, don't sleep S3  was true: wake the loop
//!   L4  asleep = false
//! ```
//!
//! *Nothing is slept through.* Suppose that the loop sleeps at L3 although a message was pushed.
//! Then L2 saw an empty queue, so L2 came before S1. L1 comes before L2, and S1 before S2; so L1
//! comes before S2 in the single order of sequentially consistent operations, and S2 sees `true`,
//! unless another sender's S2 (or the loop's own L4) came between: the first has woken the loop by
//! then, or will, and after the second the loop is awake and looks at the queue before it sleeps
//! again. A wake that arrives before the sleep begins is kept by the system (an event that has
//! happened stays in the poller until it is fetched), so S3 need not be after L3.
//!
//! *Nobody wakes in vain, twice.* S2 leaves `false`, so of all that send during one sleep only the
//! first pays; and a loop that is at work has `false` there, so nobody pays.
//!
//! `tests/loom_mailbox.rs` walks through every interleaving of these steps.

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, Ordering::SeqCst};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Whether a loop is asleep, or is about to be. See the [module](self) for the argument.
#[derive(Debug)]
pub struct Doorbell {
    asleep: AtomicBool,
}

impl Default for Doorbell {
    fn default() -> Self {
        Self { asleep: AtomicBool::new(false) }
    }
}

impl Doorbell {
    /// L1. After this the loop must look at its queue before it sleeps.
    #[inline]
    pub fn about_to_sleep(&self) {
        // A swap, where a store would do: on x86 they are one instruction, and `loom` does not
        // order plain stores after the swaps of others.
        self.asleep.swap(true, SeqCst);
    }

    /// L4. Tells whether anybody rang since [`about_to_sleep`](Self::about_to_sleep).
    #[inline]
    pub fn awake(&self) -> bool {
        !self.asleep.swap(false, SeqCst)
    }

    /// S2. After pushing: tells whether the loop must be woken.
    #[inline]
    pub fn ring(&self) -> bool {
        self.asleep.swap(false, SeqCst)
    }
}
