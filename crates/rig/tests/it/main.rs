//! The integration binary of `rig`.
//!
//! Invariants: loopback only.
//! Does not know: keyward.

#[cfg(test)]
mod integration;
#[cfg(test)]
mod mock;
