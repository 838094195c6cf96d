//! HTTP requests on the loops: [`Client`] makes them, a [`Call`] is one of them.
//!
//! Whoever can open a connection and be told something is a [`Caller`]: a handler, an exchange. It
//! makes a request and gets a [`Call`]; it is told by [`Ready`] when there is something to look at,
//! and looks by [`Call::next`], which gives the head, the pieces of the body, and the end, or what
//! went wrong ([`Failure`]). A thread that may block asks through a [`Blocking`].
//!
//! Reading path: `client.rs` (what can be asked), `call.rs` (one request, and its second tries),
//! `pipe.rs` (what lies between a caller and a connection), `line.rs` and `asking.rs` (the
//! connection), `pool.rs` (where it rests), `switchboard.rs` (where a request finds it).

mod asking;
mod blocking;
mod blocks;
mod call;
mod caller;
mod chunks;
#[allow(clippy::module_inception, reason = "its subject is the type of this name")]
mod client;
mod config;
mod failure;
mod gauge;
mod line;
mod pipe;
mod pool;
mod raw;
mod redirect;
mod request;
mod route;
mod switchboard;
mod url;
mod watch;

pub use blocking::{Blocking, Response};
pub use call::{Call, Part};
pub use caller::{CallId, Caller, Ready};
pub use client::{Client, ClientCounts};
pub use config::ClientConfig;
pub use failure::{Failure, Wait};
pub use line::Line;
pub use pipe::ToLine;
pub use request::{Request, RequestError};
pub use route::{ProxyServer, Route};
pub use url::{Origin, Url, UrlError};
