//! The crate as its users see it.
//!
//! Invariants: only the public interface is used.
//! Does not know: how secrets are found.

#[cfg(test)]
mod mock;
