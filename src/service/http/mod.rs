//! HTTP on the loops.

pub mod client;
