//! A law that did not hold.
//!
//! Invariants: names the law and what was seen.
//! Does not know: how the law is checked.

use std::fmt;

/// A law that did not hold, and what was seen instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which law.
    pub law: &'static str,
    /// What was seen, with figures.
    pub seen: String,
}

impl Finding {
    pub(crate) fn new(law: &'static str, seen: impl Into<String>) -> Self {
        Self {
            law,
            seen: seen.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.law, self.seen)
    }
}
