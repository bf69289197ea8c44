//! The mock tier.
//!
//! Invariants: every test makes a world of its own.
//! Does not know: live upstreams.

mod bodies;
mod budgets;
mod cache;
mod charges;
mod connections;
mod echoes;
mod keys;
mod money;
mod operations;
mod passed;
mod resilience;
mod streams;
mod upstreams;
mod vectors;
