//! The mock tier: every test makes its own database in a temporary directory.
//!
//! Invariants: no test sees another's files.
//! Does not know: the other tiers.

mod import;
mod laws;
mod lifecycle;
mod objects;
mod secrecy;
