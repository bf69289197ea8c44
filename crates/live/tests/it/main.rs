//! The suite as a process: before a cassette, before the simulator, and where it can't run.
//!
//! Invariants: nothing leaves loopback; every process ends with its test.
//! Does not know: the suite's inside.

#[cfg(test)]
mod integration;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod suite;
