//! HTTP: servers of it, and what they are made of.
//!
//! An [`HttpServer`] makes the handler of each connection. What it serves is a [`Site`], which
//! makes an [`Exchange`] for each request: the state machine of one request and its answer. Most
//! need less: a [`Service`] is a function from a whole request to an answer, and a [`Router`] picks
//! one by host, path and method. [`client`] asks other servers.
//!
//! ```text
//! bytes │ decoder ─► HttpConnection ─► Site makes ─► Exchange ─► Service, or your own
//!       │ encoder ◄─ Lane ◄─────────── ExchangeContext ◄┘
//! ```

pub mod client;
mod clock;
mod config;
mod connection;
mod done;
mod events;
mod exchange;
mod lane;
mod params;
mod request;
mod response;
mod routed;
mod router;
mod server;
mod service;
mod site;
mod talk;

pub use config::{BodyLimits, HttpConfig, HttpDeadlines};
pub use connection::HttpConnection;
pub use done::Done;
pub use events::{
    EventExchange, EventSink, EventStream, ServerEvent, Subscriber, event_stream_head,
};
pub use exchange::{Exchange, ExchangeAddress, ExchangeContext, ExchangeMail};
pub use params::Params;
pub use request::Request;
pub use response::Response;
pub use routed::Routed;
pub use router::Router;
pub use server::HttpServer;
pub use service::{Answer, Deferred, Responder, Serve, Service, ServiceExchange};
pub use site::Site;
