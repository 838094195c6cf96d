//! Floor 4: the reactor. Readiness, time and mail become visits to connections.

pub(crate) mod accept;
pub(crate) mod connection;
pub(crate) mod core;
pub(crate) mod datagram;
mod deadlines;
pub(crate) mod dial;
#[allow(clippy::module_inception, reason = "the file's subject is the type of this name")]
mod engine;
mod event_loop;
mod kept;
mod ledger;
mod limits;
mod mail;
mod order;
mod shared;
mod shutdown;
mod snapshot;
mod spin;

pub use engine::{Engine, Handle, Running};
pub use event_loop::EventLoop;
pub use ledger::{Ledger, Phase};
pub use limits::{Admission, Balance, Config, Deadlines, Grace, Limits, Spread, WhenFull};
pub use shared::ShutdownPhase;
pub use shutdown::ShutdownReport;
pub use snapshot::{ConnectionSnapshot, LoopSnapshot, WorkerSnapshot};
