//! Lives, windows and edits.
//!
//! Invariants: the world checks its laws after every step.
//! Does not know: SQL.
