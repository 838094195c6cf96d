//! Floor 1: bytes ↔ frames, sans-IO. Usable without the engine.
