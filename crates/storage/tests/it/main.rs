//! Tests of the store at its own door.
//!
//! Invariants: temporary files only; nothing waits for a clock.
//! Does not know: the store's tables, but where a test looks at the file itself.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod integration;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod world;
