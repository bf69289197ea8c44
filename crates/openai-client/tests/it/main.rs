//! Tests of the whole crate against real sockets on loopback.
//!
//! Invariants: no fixed port, no sleep; each test ends by itself.
//! Does not know: the crate's insides.

#[cfg(test)]
mod mock;
#[cfg(test)]
mod peer;
