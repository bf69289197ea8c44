//! Integration tests of the contracts: the files of this tree against the simulator.
//!
//! Invariants: every file of `contracts/` is used by a test.
//! Does not know: the insides of either.

#[cfg(test)]
mod mock;
