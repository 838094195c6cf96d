//! A reverse proxy: a [`ReverseProxy`] is a site that answers each request by what a backend says
//! to it.
//!
//! ```text
//! client ═► HttpConnection ═► ProxyExchange ─ Call ═╪═ Line ═► backend     request, body
//!        ◄═                ◄═               ─      ═╪═      ◄═              answer, body
//!                                            the pipe: a window each way
//! ```
//!
//! Reading path: `site.rs`, `exchange.rs` (a request on its way), `rewrite.rs` (heads),
//! `backend.rs` (whose turn it is), `splice.rs` (other protocols).

mod backend;
mod config;
mod exchange;
mod rewrite;
mod site;
mod splice;

pub use backend::{Backend, Health};
pub use config::ProxyConfig;
pub use exchange::ProxyExchange;
pub use rewrite::{Forwarding, HostRule, Rewriting};
pub use site::ReverseProxy;
pub use splice::Splice;
