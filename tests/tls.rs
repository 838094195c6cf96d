//! TLS with others: openssl, curl and Python's `ssl` as clients of ours and as servers for ours.
//! Those tests need the foreign program, so they run with `--ignored`; the others always do.
#![cfg(feature = "tls")]

#[path = "tls/among_ourselves.rs"]
mod among_ourselves;
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
