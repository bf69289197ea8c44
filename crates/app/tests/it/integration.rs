//! The integration tier: the built binary with the simulator behind it and real clients before it. Run by `cargo xtask test-integration`.
//!
//! Invariants: nothing leaves loopback.
//! Does not know: the live API.

mod command_line;
mod fail_closed;
mod first_start;
mod lifecycle;
mod marked_keys;
mod money;
mod sdks;
mod soak;
