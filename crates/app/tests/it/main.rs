//! End-to-end tests: they start the built binary and talk to it as a user does.
//!
//! Invariants: every process that a test starts ends with the test; every port is a free one.
//! Does not know: the crates inside the binary.

#[cfg(test)]
mod integration;
#[cfg(test)]
mod support;
