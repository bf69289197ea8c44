//! How much was cut lately: the measure for how much to lease ahead.
//!
//! Invariants: forgets whatever is older than two horizons; nothing wraps.
//! Does not know: what was cut, or why.

use std::time::Duration;

/// Money cut in the present horizon and in the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spend {
    begun: Duration,
    now: i64,
    before: i64,
    /// When something was cut last.
    pub(crate) last: Duration,
}

impl Spend {
    pub(crate) fn add(&mut self, now: Duration, horizon: Duration, amount: i64) {
        self.turn(now, horizon);
        self.now = self.now.saturating_add(amount);
        self.last = now;
    }

    /// What was cut in one to two horizons.
    pub(crate) fn recent(&mut self, now: Duration, horizon: Duration) -> i64 {
        self.turn(now, horizon);
        self.now.max(self.before)
    }

    fn turn(&mut self, now: Duration, horizon: Duration) {
        let passed = now.saturating_sub(self.begun);
        if passed < horizon {
            return;
        }
        self.before = if passed < horizon * 2 { self.now } else { 0 };
        self.now = 0;
        self.begun = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Spend;

    #[test]
    fn only_the_last_horizons_count() {
        let horizon = Duration::from_secs(2);
        let mut spend = Spend::default();
        let at = Duration::from_millis;
        spend.add(at(10_000), horizon, 5);
        spend.add(at(11_000), horizon, 4);
        assert_eq!(spend.recent(at(11_999), horizon), 9);
        assert_eq!(spend.recent(at(12_000), horizon), 9);
        spend.add(at(13_000), horizon, i64::MAX);
        assert_eq!(spend.recent(at(13_000), horizon), i64::MAX);
        assert_eq!(spend.recent(at(20_000), horizon), 0);
        assert_eq!(spend.last, at(13_000));
    }
}
