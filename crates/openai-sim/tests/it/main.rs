//! Integration tests of the simulator, over its own ports.
//!
//! Invariants: every test starts its own simulator on a free port.
//! Does not know: the simulator's insides.

#[cfg(test)]
mod integration;
#[cfg(test)]
mod mock;
