//! The clocks of this crate.
//!
//! Invariants: `now` never goes back.
//! Does not know: what is timed.

use std::time::Instant;

/// Now, on the monotonic clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the suite times a real upstream; this is its one clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The day and time, UTC, to the second.
#[expect(
    clippy::disallowed_methods,
    reason = "a report and an accepted drift say when they were made"
)]
pub(crate) fn today() -> jiff::civil::DateTime {
    let now = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .datetime();
    now.with().subsec_nanosecond(0).build().unwrap_or(now)
}
