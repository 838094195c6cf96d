//! What a connection remembers of itself, a bit each.
//!
//! Readiness is edge-triggered, so it is a fact that is remembered, not a question that can be
//! asked. [`READABLE`] and [`WRITABLE`] are what Go's `pollDesc` keeps as `rg` and `wg`: set by an
//! event, cleared by `WouldBlock` alone (or by a short read, where that proves the same).

pub(crate) const READABLE: u32 = 1;
pub(crate) const WRITABLE: u32 = 1 << 1;
/// The peer closed or reset: bytes may end after a short read, without another edge.
pub(crate) const ENDED: u32 = 1 << 2;
/// In the run queue.
pub(crate) const QUEUED: u32 = 1 << 3;
/// `on_open` has been called.
pub(crate) const OPENED: u32 = 1 << 4;
/// The handler wants no more input.
pub(crate) const PAUSED: u32 = 1 << 5;
/// The handler wants input again, if only what is there.
pub(crate) const RESUMED: u32 = 1 << 6;
/// The frame budget ended a visit before the input did.
pub(crate) const YIELDED: u32 = 1 << 7;
/// The output is above the high-water mark, or was when the handler looked.
pub(crate) const CONGESTED: u32 = 1 << 8;
/// The peer closed its sending half.
pub(crate) const EOF: u32 = 1 << 9;
/// … and the handler is still to be told.
pub(crate) const TELL_EOF: u32 = 1 << 10;
/// A graceful shutdown began, and the handler is still to be told.
pub(crate) const TELL_DRAIN: u32 = 1 << 11;
/// To be closed when all is answered and sent.
pub(crate) const CLOSING: u32 = 1 << 12;
/// All is sent, and the end too; the peer's last bytes are dropped until it closes.
pub(crate) const LINGERING: u32 = 1 << 13;
/// The sending half is to be closed when all is sent.
pub(crate) const FINISHING: u32 = 1 << 14;
/// Something is left over, in buffers of its own.
pub(crate) const KEEPS: u32 = 1 << 15;
/// The first frame is awaited, and has a deadline.
pub(crate) const FIRST: u32 = 1 << 16;
/// It gives jobs to workers.
pub(crate) const JOBS: u32 = 1 << 17;
/// It has too many jobs in flight, or all have.
pub(crate) const HELD: u32 = 1 << 18;
/// It waits in the loop's list for all jobs to become fewer.
pub(crate) const STARVED: u32 = 1 << 19;
/// Its write deadline has passed.
pub(crate) const WRITE_EXPIRED: u32 = 1 << 20;
/// `on_writable` is due, after the others had their turn.
pub(crate) const TELL_WRITABLE: u32 = 1 << 21;
/// Half of the time to drain is over: the handler is told, whatever else there is to do.
pub(crate) const DRAIN_LATE: u32 = 1 << 22;
/// The handler owes the peer something: it is not closed for being idle.
pub(crate) const OWING: u32 = 1 << 23;
/// What it sends and receives is encrypted.
pub(crate) const SECURED: u32 = 1 << 24;
/// … and the handshake is not done: `on_open` is still to come.
pub(crate) const HANDSHAKING: u32 = 1 << 25;
/// The handler has been told of the shutdown; a successor is told in its turn.
pub(crate) const DRAINED: u32 = 1 << 26;
/// The handler itself sees to it that frames come in time.
pub(crate) const TIMED: u32 = 1 << 27;
/// Its two directions have nothing to do with each other: what it does not send is no reason not to
/// read.
pub(crate) const DUPLEX: u32 = 1 << 28;

/// Bytes of the peer stay where they are, and that is our doing.
pub(crate) const NOT_READING: u32 = PAUSED | HELD | YIELDED | CONGESTED | CLOSING;
