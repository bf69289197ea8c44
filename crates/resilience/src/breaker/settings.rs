//! When a breaker opens, for how long, and how it finds its way back.
//!
//! Invariants: what a machine runs on is within range; nothing here can make it panic or never open.
//! Does not know: where settings come from.

use std::time::Duration;

/// How many of the latest outcomes the failure rate looks at, however many fell into the window of time.
pub const WINDOW_CALLS_MAX: usize = 1_024;

/// The rules of one breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Opens when this many failures came in a row. 0 is read as 1; [`u32::MAX`] turns the rule off.
    pub consecutive_failures_max: u32,
    /// How far back the failure rate looks; at most [`WINDOW_CALLS_MAX`] outcomes are kept.
    pub window: Duration,
    /// Opens when a failure finds this share of the window's outcomes failed, in percent. Read within 1 to 100.
    pub failure_rate_percent: u8,
    /// How many outcomes the window must hold before the rate means something. Read within 1 to [`WINDOW_CALLS_MAX`].
    pub calls_min: u32,
    /// How long it stays open before it lets probes through.
    pub open_for: Duration,
    /// How many probes may be out in half-open, and how many successes close it. 0 is read as 1.
    pub half_open_probes: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            consecutive_failures_max: 5,
            window: Duration::from_secs(60),
            failure_rate_percent: 50,
            calls_min: 20,
            open_for: Duration::from_secs(15),
            half_open_probes: 2,
        }
    }
}

impl BreakerSettings {
    /// The same rules with every number moved into its range.
    pub(super) fn in_range(mut self) -> Self {
        let calls_max = u32::try_from(WINDOW_CALLS_MAX).unwrap_or(u32::MAX);
        self.consecutive_failures_max = self.consecutive_failures_max.max(1);
        self.failure_rate_percent = self.failure_rate_percent.clamp(1, 100);
        self.calls_min = self.calls_min.clamp(1, calls_max);
        self.half_open_probes = self.half_open_probes.max(1);
        self
    }
}
