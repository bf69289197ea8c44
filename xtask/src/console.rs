//! The two ways out: what was asked for goes to standard output, complaints to standard error.
//!
//! Invariants: one call writes whole lines; a closed pipe ends nothing.
//! Does not know: what is being said.

use std::io::Write;

/// Writes a line to standard output.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes a line to standard error.
pub(crate) fn complain(text: &str) {
    let mut out = std::io::stderr().lock();
    let _closed = writeln!(out, "{text}").and_then(|()| out.flush());
}
