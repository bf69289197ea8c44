//! The crate at its door: the price file that ships, its laws, and the ledger over a real store.
//!
//! Invariants: no network, no sleep, temporary files only.
//! Does not know: the inside of the crate.

#[cfg(test)]
mod mock;
