//! Floor 7: the `overt` command.

mod arguments;
mod cert;
mod demonstration;
mod failure;
mod proxy;
#[cfg(all(unix, feature = "signals"))]
mod reload;
mod run;
mod server;
mod tls;
mod units;

pub use run::main;
