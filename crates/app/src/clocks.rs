//! The only clocks of the program; everything below is handed the time.
//!
//! Invariants: the monotonic clock starts at zero with the process and never goes back.
//! Does not know: what the time is used for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Time since this function was called.
pub(crate) fn monotonic() -> Arc<dyn Fn() -> Duration + Send + Sync> {
    #[expect(clippy::disallowed_methods, reason = "the one monotonic clock")]
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}

/// The time of day, in UTC.
pub(crate) fn wall() -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
    Arc::new(now)
}

/// Now, in UTC.
#[expect(clippy::disallowed_methods, reason = "the one wall clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
