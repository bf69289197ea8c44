//! One key's bucket: governor's algorithm on our clock, with the state kept where it can be read.
//!
//! Invariants: numbers are derived from one reading of the state, so they agree with each other; rounding is against
//! the key (a place comes back a nanosecond late, never early).
//! Does not know: other keys.
//! Source: ITU-T I.371, generic cell rate algorithm; the state is its theoretical arrival time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};

use super::{Allowance, Quota, Refused};
use crate::Clock;

const MINUTE_NANOS: u64 = 60_000_000_000;

/// Our clock as governor wants it.
#[derive(Clone)]
struct ClockAdapter(Clock);

impl GovernorClock for ClockAdapter {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        (self.0)().into()
    }
}

/// The theoretical arrival time, in nanoseconds since the meter began; 0 before the first request.
///
/// governor's own cell does the same but can't be read, and true headers need its value.
#[derive(Clone, Default)]
struct Arrival(Arc<AtomicU64>);

impl StateStore for Arrival {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let (answer, next) = decide((seen != 0).then(|| seen.into()))?;
            match self.0.compare_exchange_weak(
                seen,
                next.into(),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Ok(answer),
                Err(other) => seen = other,
            }
        }
    }
}

pub(super) struct Meter {
    quota: Quota,
    arrival: Arrival,
    limiter: RateLimiter<NotKeyed, Arrival, ClockAdapter, NoOpMiddleware<Nanos>>,
    /// Read just after governor read its own start, so that what is derived from it errs late.
    started: Duration,
}

impl Meter {
    /// A bucket of which `used` places are taken already.
    pub(super) fn new(quota: Quota, clock: &Clock, used: u32) -> Self {
        let arrival = Arrival::default();
        let pace = governor::Quota::with_period(spacing(quota))
            .unwrap_or_else(|| governor::Quota::per_minute(quota.per_minute))
            .allow_burst(quota.per_minute);
        let limiter = RateLimiter::new(pace, arrival.clone(), ClockAdapter(Clock::clone(clock)));
        let meter = Self {
            quota,
            arrival,
            limiter,
            started: clock(),
        };
        if let Some(used) = NonZeroU32::new(used.min(quota.per_minute.get())) {
            let taken = meter.limiter.check_n(used);
            debug_assert!(
                matches!(taken, Ok(Ok(()))),
                "a new bucket holds its whole burst"
            );
        }
        meter
    }

    pub(super) fn quota(&self) -> Quota {
        self.quota
    }

    pub(super) fn check(&self, clock: &Clock) -> Result<Allowance, Refused> {
        let decision = self.limiter.check();
        let limit = self.quota.per_minute.get();
        let now = clock();
        let reset_after = self.full_at().saturating_sub(now);
        match decision {
            Ok(()) => Ok(Allowance {
                limit,
                remaining: limit - self.used(now),
                reset_after,
            }),
            Err(_) => {
                let burst_but_one = spacing(self.quota).saturating_mul(limit - 1);
                Err(Refused {
                    limit,
                    retry_after: reset_after.saturating_sub(burst_but_one),
                    reset_after,
                })
            }
        }
    }

    /// When the whole burst is there again, on the owner's clock; then the meter is as good as new.
    pub(super) fn full_at(&self) -> Duration {
        self.started
            .saturating_add(Duration::from_nanos(self.arrival.0.load(Ordering::Acquire)))
    }

    /// How many places of the burst are not there now; one that is half back counts as away.
    pub(super) fn used(&self, now: Duration) -> u32 {
        let to_wait = self.full_at().saturating_sub(now).as_nanos();
        let places = to_wait.div_ceil(spacing(self.quota).as_nanos());
        u32::try_from(places)
            .unwrap_or(u32::MAX)
            .min(self.quota.per_minute.get())
    }
}

/// The time after which one place is back, rounded up.
fn spacing(quota: Quota) -> Duration {
    Duration::from_nanos(MINUTE_NANOS.div_ceil(u64::from(quota.per_minute.get())))
}
