//! The crate as its users see it.
//!
//! Invariants: only the public interface is used.
//! Does not know: the inside of a breaker or a limiter.

#[cfg(test)]
mod mock;
