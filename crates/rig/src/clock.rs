//! The one clock of this crate.
//!
//! Invariants: monotonic.
//! Does not know: calendar time.

use std::time::Instant;

/// Now, on the monotonic clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a load generator measures real time; this is its one clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
