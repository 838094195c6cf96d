//! [`Faults`]: what a simulated network does to those who use it, and how much of it.

use std::fmt;
use std::time::Duration;

use super::chance::Chance;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident: $type:ty, $calm:expr, $storm:expr, $havoc:expr;)*) => {
        /// How hard a simulated world is. Chances are in thousandths, of each occasion.
        ///
        /// The default is calm: nothing goes wrong, and nothing takes time. In a
        /// [`storm`](Self::storm) everything is slow, cut to pieces and out of step, as it may be
        /// in any network, and still nothing that was sent is lost: what holds in a calm must hold
        /// in a storm. In [`havoc`](Self::havoc) connections and datagrams are lost as well.
        #[derive(Clone, PartialEq, Eq)]
        pub struct Faults { $($(#[$doc])* pub $name: $type,)* }

        impl Faults {
            /// Nothing goes wrong.
            pub const fn calm() -> Self {
                Self { $($name: $calm,)* }
            }

            /// Everything that loses nothing, and much of it.
            pub const fn storm() -> Self {
                Self { $($name: $storm,)* }
            }

            /// A storm that loses connections and datagrams too.
            pub const fn havoc() -> Self {
                Self { $($name: $havoc,)* }
            }

            /// How many kinds there are.
            pub(crate) const KINDS: usize = [$(stringify!($name),)*].len();

            /// This without the kinds whose bits are not in `mask`.
            pub(crate) fn masked(self, mask: u32) -> Self {
                let (calm, mut bit) = (Self::calm(), 0);
                $(
                    let $name = if mask & (1 << bit) != 0 { self.$name } else { calm.$name };
                    bit += 1;
                )*
                let _ = bit;
                Self { $($name,)* }
            }
        }

        /// Those kinds that are not calm.
        impl fmt::Debug for Faults {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (calm, mut told) = (Self::calm(), f.debug_struct("Faults"));
                $(
                    if self.$name != calm.$name {
                        told.field(stringify!($name), &self.$name);
                    }
                )*
                told.finish()
            }
        }
    };
}

faults! {
    /// A read or a write moves less than it could, down to one byte.
    short: u16, 0, 300, 300;
    /// A call that could do something gives `WouldBlock`; that it can, an event tells later.
    would_block: u16, 0, 200, 200;
    /// A call gives `Interrupted`.
    interrupted: u16, 0, 50, 50;
    /// An event tells of nothing. Per poll.
    spurious: u16, 0, 100, 100;
    /// An event is for a socket that is closed. Per poll.
    stale: u16, 0, 50, 50;
    /// An event is told at a later poll.
    late_events: u16, 0, 200, 200;
    /// A poller tells of reading and of writing apart, and only of what is new, as kqueue does;
    /// one that does not tells all that is true of a socket, as epoll does. Per loop.
    split_events: u16, 0, 300, 300;
    /// Bytes, ends and datagrams take up to so long.
    delay_max: Duration, Duration::ZERO, Duration::from_millis(20), Duration::from_millis(20);
    /// Bytes come in small pieces rather than as they were sent.
    pieces: u16, 0, 300, 300;
    /// How many bytes a socket holds, each way. Those of systems hold some 100 KiB and more.
    window: usize, 256 << 10, 2048, 2048;
    /// Mail of different senders changes places. Per message.
    mixed_mail: u16, 0, 300, 300;
    /// A worker takes up to so long for a batch.
    work_max: Duration, Duration::ZERO, Duration::from_millis(30), Duration::from_millis(30);
    /// Simulated peers send and take their bytes in small pieces.
    slow_peers: u16, 0, 300, 300;
    /// Accepting fails as if there were no descriptors. Whoever waits goes on waiting.
    exhausted: u16, 0, 30, 30;
    /// A stream is cut, at any byte. Per arrival of bytes.
    reset: u16, 0, 0, 10;
    /// Nobody listens where a stream is to be opened.
    refused: u16, 0, 0, 50;
    /// Nothing answers where a stream is to be opened.
    unanswered: u16, 0, 0, 20;
    /// A host name has no address.
    unresolved: u16, 0, 0, 50;
    /// A datagram is lost.
    lost: u16, 0, 0, 50;
    /// A datagram comes twice.
    doubled: u16, 0, 0, 50;
}

impl Default for Faults {
    fn default() -> Self {
        Self::calm()
    }
}

impl Faults {
    /// Faults that lose nothing, some of them: bugs hide where everything happens at once as well
    /// as where nothing does.
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let mask = match chance.below(8) {
            0 => 0,
            1 => u32::MAX,
            _ => chance.next() as u32,
        };
        Self::storm().masked(mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_leaves_the_kinds_that_it_names() {
        assert_eq!(Faults::havoc().masked(0), Faults::calm());
        assert_eq!(Faults::havoc().masked(u32::MAX), Faults::havoc());
        let one = Faults::havoc().masked(1);
        assert_eq!(format!("{one:?}"), "Faults { short: 300 }");
        const { assert!(Faults::KINDS <= 32) };
    }
}
