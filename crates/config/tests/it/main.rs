//! The crate as the program uses it: sources in, settings or problems out.
//!
//! Invariants: only the public interface is used; each test has a working directory of its own.
//! Does not know: layers, fields, kinds.

#[cfg(test)]
mod mock;
#[cfg(test)]
mod world;
