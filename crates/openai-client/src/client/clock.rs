//! The clock that latencies are measured by, where the application gives none of its own.
//!
//! Invariants: it never goes back; it starts at the first time it is asked for.
//! Does not know: the time of day.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Time since any fixed moment; never goes back.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The system's monotonic clock, for an application that has no clock of its own to pass.
pub(super) fn system() -> Clock {
    static START: OnceLock<Instant> = OnceLock::new();
    Arc::new(|| now().saturating_duration_since(*START.get_or_init(now)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a latency must be measured even where the application passes no clock; the gateway never comes here"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_never_goes_back() {
        let clock = super::system();
        let first = clock();
        assert!(super::system()() >= first);
    }
}
