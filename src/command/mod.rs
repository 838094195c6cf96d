//! Floor 7: the `overt` command.

mod arguments;
mod demonstration;
mod failure;
mod proxy;
mod run;
mod server;
mod units;

pub use run::main;
