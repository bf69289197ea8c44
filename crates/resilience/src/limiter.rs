//! How many requests a key may make a minute.
//!
//! Semantics: GCRA, the token bucket without a timer. A key that was quiet may send `per_minute` requests at once (the
//! burst), and gets one place back every minute / `per_minute`. So in any 60 seconds never more than burst + rate, that
//! is 2 × `per_minute`, and over a long time `per_minute` a minute.
//!
//! Invariants: a known key costs no allocation; at most `KEYS_MAX` keys are remembered, and a key is forgotten only
//! when it is as good as new; when the quota of a key changes, what it has used stays used.
//! Does not know: HTTP headers, virtual keys, tokens, other processes.

mod meter;

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use crate::Clock;
use meter::Meter;

/// How many keys one limiter remembers. Only keys that made requests in the last minute need remembering.
pub const KEYS_MAX: usize = 65_536;

/// A full table that had nothing to forget is not searched again before this time: the search looks at every key.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);

/// How much a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// Requests a minute, and the burst.
    pub per_minute: NonZeroU32,
}

/// A request may go on. The numbers are those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a minute.
    pub limit: u32,
    /// How many more would be allowed right now.
    pub remaining: u32,
    /// After how long without requests `remaining` is `limit` again.
    pub reset_after: Duration,
}

/// A request came too early. It used up nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stay within {limit} requests a minute, retry after {} ms", retry_after.as_millis())]
pub struct Refused {
    /// Requests a minute.
    pub limit: u32,
    /// When one request will be allowed, if none comes in between.
    pub retry_after: Duration,
    /// After how long without requests the whole limit is there again.
    pub reset_after: Duration,
}

/// Limits requests a minute for each key.
pub struct RequestLimiter {
    clock: Clock,
    keys_max: usize,
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    meters: HashMap<Box<str>, Meter>,
    /// While full: nothing can be forgotten before this time.
    full_until: Duration,
}

impl RequestLimiter {
    /// A limiter that knows no key yet.
    pub fn new(clock: Clock) -> Self {
        Self::with_keys_max(clock, KEYS_MAX)
    }

    fn with_keys_max(clock: Clock, keys_max: usize) -> Self {
        Self {
            clock,
            keys_max,
            table: RwLock::default(),
        }
    }

    /// Takes one request of the key's quota, if there is one.
    ///
    /// Errors: [`Refused`] if the quota is used up; also for a key that was not seen in the last minute while
    /// [`KEYS_MAX`] others were (a limit that can't be counted is kept, not dropped).
    pub fn check(&self, key: &str, quota: Quota) -> Result<Allowance, Refused> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = table.meters.get(key)
            && meter.quota() == quota
        {
            return meter.check(&self.clock);
        }
        drop(table);
        self.check_changed(key, quota)
    }

    /// How many keys are remembered now, at most [`KEYS_MAX`].
    pub fn keys(&self) -> usize {
        self.table
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .meters
            .len()
    }

    /// For a key that is new or whose quota was edited.
    fn check_changed(&self, key: &str, quota: Quota) -> Result<Allowance, Refused> {
        let now = (self.clock)();
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let meter = match table.meters.get(key) {
            Some(meter) if meter.quota() == quota => return meter.check(&self.clock),
            Some(meter) => Meter::new(quota, &self.clock, meter.used(now)),
            None => {
                table
                    .make_room(self.keys_max, now)
                    .map_err(|wait| refused_for_room(quota, wait))?;
                Meter::new(quota, &self.clock, 0)
            }
        };
        let checked = meter.check(&self.clock);
        table.meters.insert(key.into(), meter);
        checked
    }
}

impl fmt::Debug for RequestLimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RequestLimiter")
            .field("keys", &self.keys())
            .finish_non_exhaustive()
    }
}

impl Table {
    /// Forgets keys that are as good as new if the table is full; how long to wait if there is none.
    fn make_room(&mut self, keys_max: usize, now: Duration) -> Result<(), Duration> {
        if self.meters.len() < keys_max {
            return Ok(());
        }
        if now >= self.full_until {
            self.meters.retain(|_, meter| meter.full_at() > now);
            self.full_until = now.saturating_add(SWEEP_PAUSE);
        }
        if self.meters.len() < keys_max {
            Ok(())
        } else {
            Err(self.full_until.saturating_sub(now))
        }
    }
}

fn refused_for_room(quota: Quota, wait: Duration) -> Refused {
    Refused {
        limit: quota.per_minute.get(),
        retry_after: wait,
        reset_after: wait,
    }
}

#[cfg(test)]
mod tests;
