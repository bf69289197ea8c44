//! Tests of the keyring at its own door, over a real store.
//!
//! Invariants: temporary files only; time is given, never read.
//! Does not know: how secrets are made.

#[cfg(test)]
mod mock;
#[cfg(test)]
mod world;
