//! TLS with others: openssl, curl and Python's `ssl` as clients of ours and as servers for ours.
//! They must be installed; without them nothing is tested, so the tests fail.
#![cfg(feature = "tls")]

#[path = "common/certificates.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod certificates;
#[path = "tls/clients.rs"]
mod clients;
#[path = "tls/endings.rs"]
mod endings;
#[path = "tls/foreign.rs"]
mod foreign;
#[path = "tls/ours.rs"]
mod ours;
#[path = "common/process.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod process;
#[path = "tls/refused.rs"]
mod refused;
#[path = "tls/servers.rs"]
mod servers;
