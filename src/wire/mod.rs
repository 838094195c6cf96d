//! Floor 1: bytes ↔ frames, sans-IO. Usable without the engine.

/// (replaced by the wire branch)
#[derive(Clone, Copy, Debug)]
pub struct WireError;
impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wire")
    }
}
