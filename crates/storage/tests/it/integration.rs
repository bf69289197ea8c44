//! The integration tier: each test starts a PostgreSQL server of its own, which it may stop, freeze and cut off.
//!
//! Invariants: every server is ended by its test.
//! Does not know: the other tiers.

mod budgets;
mod entries;
mod keys;
mod laws;
mod money_outages;
mod outages;
mod races;
mod starting;
mod station;
