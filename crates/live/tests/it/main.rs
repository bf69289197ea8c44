//! The suite as a process, against a cassette.
//!
//! Invariants: needs the built binary keyward, which xtask names.
//! Does not know: the suite's inside.
