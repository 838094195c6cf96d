//! HTTP: servers of it, and what they are made of.
//!
//! An [`HttpServer`] makes the handler of each connection. What it serves is a [`Site`], which
//! makes an [`Exchange`] for each request: the state machine of one request and its answer. Most
//! need less: a [`Service`] is a function from a whole request to an answer, and a [`Router`] picks
//! one by host, path and method. [`client`] asks other servers, [`proxy`] passes requests on.
//!
//! Sites to be routed to: [`Files`] of a folder, [`Embedded`] ones, an [`EventStream`], another
//! router. A [`Layer`] stands before a site, put there by [`Onion::behind`]: [`AccessLog`],
//! [`Auth`], [`Compression`], [`Cors`], [`Limit`], or one of your own. With the feature `json`,
//! `Request::json` reads a body and `Response::json` writes one.
//!
//! ```text
//! bytes │ decoder ─► HttpConnection ─► Site makes ─► Exchange ─► Service, or your own
//!       │ encoder ◄─ Lane ◄─────────── ExchangeContext ◄┘
//! ```

mod access_log;
mod auth;
pub mod client;
mod clock;
mod compression;
mod config;
mod connection;
mod cors;
mod done;
mod events;
mod exchange;
mod files;
mod gzip;
#[cfg(feature = "json")]
mod json;
mod lane;
mod layer;
mod limit;
mod params;
mod pool;
pub mod proxy;
mod request;
mod response;
mod routed;
mod router;
mod server;
mod service;
mod site;
mod stage;
mod talk;

pub use access_log::{Access, AccessLog};
pub use auth::{Auth, same_secret};
pub use compression::Compression;
pub use config::{BodyLimits, HttpConfig, HttpDeadlines};
pub use connection::HttpConnection;
pub use cors::Cors;
pub use done::Done;
pub use events::{
    EventExchange, EventSink, EventStream, ServerEvent, Subscriber, event_stream_head,
};
pub use exchange::{Exchange, ExchangeAddress, ExchangeContext, ExchangeMail};
pub use files::{Asset, Embedded, EmbeddedExchange, FileExchange, FileNews, Files, media_type};
pub use layer::{Entry, Layer, Layered, LayeredExchange, Onion};
pub use limit::{Limit, RequestLimits};
pub use params::Params;
pub use request::Request;
pub use response::Response;
pub use routed::Routed;
pub use router::Router;
pub use server::HttpServer;
pub use service::{Answer, Deferred, Responder, Serve, Service, ServiceExchange};
pub use site::Site;
