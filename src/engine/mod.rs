//! Floor 4: the reactor. Readiness, time and mail become visits to connections.

mod accept;
mod bind;
mod check;
pub(crate) mod connection;
pub(crate) mod core;
mod datagram;
mod deadlines;
mod dial;
mod dialing;
pub(crate) mod due;
mod ending;
#[allow(clippy::module_inception, reason = "its subject is the type of this name")]
mod engine;
mod event_loop;
pub(crate) mod flag;
mod gate;
mod grant;
mod inbound;
mod inspect;
mod kept;
mod ledger;
mod leftovers;
mod limits;
mod listener;
mod mail;
mod order;
mod panics;
mod peers;
mod report;
mod sealed;
mod seat;
mod secure;
mod session;
mod shared;
mod shutdown;
mod snapshot;
mod socket;
mod spin;
mod state;
mod taking;

pub use engine::{Engine, Handle, Running};
pub use ledger::{Ledger, Phase};
pub use limits::{
    Admission, Balance, Config, Crowded, Deadlines, Grace, Limits, Sessions, Spread, WhenFull,
};
pub use report::ShutdownReport;
pub use shared::ShutdownPhase;
pub use snapshot::{ConnectionSnapshot, LoopSnapshot, SocketSnapshot, WorkerSnapshot};
pub(crate) use state::EventLoop;
