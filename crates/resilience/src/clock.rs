//! The one source of time of this crate: a function from its owner.
//!
//! Invariants: monotonic, counted from one fixed moment (the start of the process).
//! Does not know: what a calendar or an operating system is.

use std::sync::Arc;
use std::time::Duration;

/// Tells the time since the process started. Must never go back; a test hands in one that it moves by hand.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;
