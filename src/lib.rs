//! An event-loop networking engine: one reactor per core on mio, no async runtime.
//!
//! A connection is two buffers and a state machine: a [`Handler`] consumes `input`, appends to
//! `output`, and asks for effects, which are granted once it has returned. Loops move the bytes
//! and keep the deadlines, and threads for work that takes long answer in the order of the
//! questions. Everything has a limit with a name, and what the system or chance decides enters
//! through one trait, so that whole engines can be run in a [simulation](sim) made of a seed.
//!
//! ```no_run
//! use overt::{Config, Context, Engine, Handler, Never, Result};
//!
//! struct Echo;
//!
//! impl Handler for Echo {
//!     type Message = Never;
//!
//!     fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
//!         cx.output.append(cx.input);
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> std::io::Result<()> {
//!     let mut engine = Engine::new(Config::default())?; // a loop for each processor
//!     let at = engine.listen("127.0.0.1:7000", || Echo)?; // a handler for each connection
//!     println!("echo on {at}");
//!     engine.run()?; // until SIGTERM or SIGINT, and what is open has ended
//!     Ok(())
//! }
//! ```
//!
//! From here: [`Handler`], what a connection can hear, and [`Effects`], what it can ask for;
//! [`wire`] for frames; [`Effects::answer`] for work that takes long; [`Address`] and [`Group`] to
//! tell connections something from elsewhere; [`Datagrams`] and [`Session`] for UDP; [`Dial`] and
//! [`service::Reconnect`] for clients; [`Config`] for all that can be set, on one page; [`Close`]
//! for why a connection ended, and [`Ledger`] for what a loop does with its time.
//!
//! On these stand, with the features of their names, `overt::service::http` (begin with `Router`
//! or `Serve`; `client`, `proxy`) and `overt::service::websocket`, and for all protocols
//! [`service::rooms`] and `overt::tls`. For tests there are [`testing::Bench`], with one handler
//! on it, and [`sim`].
//!
//! # Features
//!
//! They only add.
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `signals` (default) | [`Engine::run`] ends gracefully at SIGTERM and SIGINT |
//! | `ledger` (default) | counters and phase times of each loop; without it they are compiled out |
//! | `json` | frames typed by serde ([`wire`]); snapshots as JSON; HTTP and rooms that speak it |
//! | `protobuf` | frames typed by prost |
//! | `http` | HTTP/1.1 ([`wire`]), servers, a client and a reverse proxy (`overt::service::http`) |
//! | `websocket` | WebSocket (`overt::service::websocket`) |
//! | `tls` | TLS below the buffers (`overt::tls`) |
//! | `linux` | loops pinned to processors, datagrams in batches, sockets that systemd passes |
//! | `command` | the `overt` command |
//! | `full` | everything |
//!
//! # Floors
//!
//! A file imports only from floors below its own, and folders on one floor don't import each
//! other; `tests/floors.rs` sees to it.
//!
//! ```text
//! 7  command/         the `overt` command
//! 5  service/         handlers that join what is below to something of use: tunnel, HTTP, rooms
//! 5  sim/  testing/   whole engines in a world made of a seed; one handler on a bench
//! 4  engine/          the reactor: readiness, time and mail become visits to connections
//! 3  handler/         the contract between the engine and everything above it
//! 2½ net/transport/   TLS; and net/sim/, the world that a simulation is in
//! 2  net/             the seam: the only files that know mio, socket2, the clock and chance
//! 1  wire/            bytes ↔ frames, sans-IO
//! 0  base/            buffers, the timer wheel, counts: plain data, time comes as an argument
//! ```
//!
//! # Reading path
//!
//! The first six steps are fewer than 2,000 lines. `ARCHITECTURE.md` says the same in prose, and
//! `docs/netpoller.md` shows it beside the source of Go's network poller.
//!
//! 1. `src/lib.rs`: this map.
//! 2. `src/handler/handler.rs`: the contract between the engine and everything above it.
//! 3. `src/engine/event_loop.rs`: the turn of a loop.
//! 4. `src/engine/connection.rs`: a visit to a connection.
//! 5. `src/net/mod.rs`: the seam to the operating system.
//! 6. `src/net/doorbell.rs`: not sleeping through mail.
//! 7. `src/engine/state.rs`: what a loop consists of, and the end of a connection.
//! 8. `src/base/input.rs` and `src/base/output.rs`: the two buffers.
//! 9. `src/engine/leftovers.rs`: what is left over when a visit ends.
//! 10. `src/base/wheel.rs` and `src/engine/deadlines.rs`: time.
//! 11. `src/handler/jobs.rs` and `src/engine/mail.rs`: to the workers and back.
//! 12. `src/engine/accept.rs` and `src/engine/dial.rs`: how connections begin.
//! 13. `src/engine/shutdown.rs`: how everything ends.
#![forbid(unsafe_code)]

pub mod base;
#[cfg(feature = "command")]
#[doc(hidden)]
pub mod command;
mod engine;
mod handler;
pub mod net;
pub mod service;
pub mod sim;
pub mod testing;
pub mod wire;

#[doc(inline)]
pub use base::{AccessList, Input, Output};
pub use engine::*;
pub use handler::*;
#[cfg(feature = "tls")]
#[doc(inline)]
pub use net::transport as tls;
