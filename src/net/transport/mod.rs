//! Floor 2½: TLS below the buffers, on rustls. Handlers can't tell it from TCP.
//!
//! [`TlsServer`] and [`TlsClient`] say how, and are given to what is opened:
//!
//! ```no_run
//! use overt::net::{Endpoint, Listen};
//! use overt::tls::{TlsClient, TlsServer};
//! use overt::{Config, Dial, Engine};
//! # use overt::service::Echo;
//!
//! let mut engine = Engine::new(Config::default())?;
//! let server = TlsServer::from_files("cert.pem", "key.pem")?;
//! let at: Endpoint = "127.0.0.1:7443".parse()?;
//! engine.listen(Listen::at(at).tls(&server), || Echo)?;
//! engine.connect(Dial::host("example.org", 443).tls(&TlsClient::new()?), Echo);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! `on_open` comes once the handshake is done, and [`Effects::tls`](crate::Effects::tls) then tells
//! what was agreed on. A connection that fails ends as [`Close::Tls`](crate::Close::Tls), after the
//! peer was told why by an alert. 0-RTT is off: what is sent that way, anybody can send again.

mod choices;
mod client;
mod failure;
mod identity;
mod names;
mod pem;
mod pins;
mod roots;
mod server;
mod session;

pub use super::layer::{TlsError, TlsFacts, TlsFailure, TlsVersion};
pub use client::{TlsClient, TlsClientBuilder};
pub use identity::Identity;
pub use roots::Roots;
pub use rustls;
pub use server::{TlsServer, TlsServerBuilder};
