//! The mock tier: every test makes its own database in a temporary directory.
//!
//! Invariants: no test sees another's files.
//! Does not know: the other tiers.

mod budget_faults;
mod budgets;
mod crash;
mod faults;
mod keys;
mod laws;
mod ledger;
mod sharing;
mod usage;
