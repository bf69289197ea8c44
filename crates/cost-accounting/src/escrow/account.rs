//! One budget as escrow sees it: its facts, its pool, what was cut lately and what the store last said of it.
//!
//! Invariants: what is leased ahead is never above the wish, which is the smaller of recent spend and a share of the limit.
//! Does not know: who waits for it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::escrow::known::Facts;
use crate::escrow::pool::{Lease, Pool};
use crate::escrow::refusal::{BudgetRefusal, RefusalReason};
use crate::escrow::settings::EscrowSettings;
use crate::escrow::spend::Spend;
use crate::money::PicoUsd;

/// What the store said of a budget's window, and what was settled here since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) window_start: i64,
    pub(crate) limit: Option<i64>,
    pub(crate) settled: i64,
    pub(crate) leased: i64,
}

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) facts: Arc<Facts>,
    /// Since then its limit is not above what it is: when it was made, or lowered.
    pub(crate) limit_epoch: i64,
    pub(crate) pool: Pool,
    pub(crate) spend: Spend,
    pub(crate) seen: Seen,
    /// Settled here since `seen`; some of it may be in `seen` already.
    pub(crate) since: i64,
    /// Below this much free money more is fetched ahead.
    refill_mark: i64,
    /// Not before this time, because the last try found no room, or another instance is in want.
    pub(crate) refill_after: Duration,
    pub(crate) refill_asked: bool,
    /// Thresholds told in the window of `seen`.
    pub(crate) told: Vec<u8>,
    /// It came to rest, and `seen` is what the store said of it then.
    pub(crate) is_checked: bool,
}

impl Account {
    pub(crate) fn new(facts: Arc<Facts>) -> Account {
        Account {
            seen: Seen {
                limit: facts.limit,
                ..Seen::default()
            },
            limit_epoch: facts.created_epoch,
            facts,
            pool: Pool::default(),
            spend: Spend::default(),
            since: 0,
            refill_mark: 0,
            refill_after: Duration::ZERO,
            refill_asked: false,
            told: Vec::new(),
            is_checked: false,
        }
    }

    /// How much to lease ahead.
    pub(crate) fn wish(&mut self, now: Duration, settings: &EscrowSettings) -> i64 {
        let recent = self.spend.recent(now, settings.refill_horizon);
        let share = i64::from(settings.limit_share_percent);
        let most = self.facts.limit.map(|limit| limit / 100 * share);
        most.map_or(recent, |most| most.min(recent))
    }

    /// Sets the mark below which more is fetched: half the wish.
    pub(crate) fn mark(&mut self, now: Duration, settings: &EscrowSettings) {
        self.refill_mark = self.wish(now, settings) / 2;
    }

    /// Whether the free part has fallen so far that more should be fetched, and nobody was told yet.
    pub(crate) fn runs_low(&mut self, now: Duration, now_ms: i64) -> bool {
        let is_low = !self.refill_asked
            && now >= self.refill_after
            && self.pool.free_at(now_ms) < self.refill_mark;
        self.refill_asked |= is_low;
        is_low
    }

    /// A lease of this budget.
    pub(crate) fn lease(&self, lease_id: i64, window_start: i64) -> Lease {
        Lease {
            lease_id,
            window_start,
            ends_at_ms: self.facts.window.end_ms(window_start),
        }
    }

    /// Remembers what the store said.
    pub(crate) fn see(&mut self, seen: Seen) {
        if seen.window_start != self.seen.window_start {
            self.told.clear();
        }
        self.seen = seen;
        self.since = 0;
    }

    /// What is spent in the window that holds `now_ms`, as far as is known here.
    pub(crate) fn settled(&self, now_ms: i64) -> i64 {
        if self.facts.window.start_of(now_ms) == self.seen.window_start {
            self.seen.settled.saturating_add(self.since)
        } else {
            0
        }
    }

    /// Why `needed` has no room by the last word of the store, or `None` if it would have if nothing were held.
    pub(crate) fn hopeless(&self, needed: i64) -> Option<RefusalReason> {
        RefusalReason::of(self.seen.limit?, self.seen.settled, needed)
    }

    pub(crate) fn refusal(&self, needed: i64, reason: RefusalReason) -> BudgetRefusal {
        let money = |pico: i64| PicoUsd::from_pico(i128::from(pico));
        let end = self.facts.window.end_ms(self.seen.window_start);
        BudgetRefusal {
            scope: self.facts.scope.clone(),
            window: self.facts.window,
            limit: money(self.seen.limit.unwrap_or(i64::MAX)),
            settled: money(self.seen.settled),
            held: money(self.seen.leased),
            needed: money(needed),
            resets_at: end.and_then(|end| Timestamp::from_millisecond(end).ok()),
            reason,
        }
    }

    /// Whether what is leased may bring it over a threshold that was not told.
    pub(crate) fn may_cross(&self, percents: &[u8]) -> bool {
        let Some(limit) = self.facts.limit else {
            return false;
        };
        let most =
            i128::from(self.seen.settled) + i128::from(self.seen.leased) + i128::from(self.since);
        let is_near = |percent: &&u8| {
            most > 0
                && most * 100 >= i128::from(limit) * i128::from(**percent)
                && !self.told.contains(percent)
        };
        percents.iter().any(|percent| is_near(&percent))
    }

    /// Thresholds that are crossed and were not told, lowest first.
    pub(crate) fn crossed(&self, percents: &[u8], now_ms: i64) -> Vec<u8> {
        let Some(limit) = self.facts.limit else {
            return Vec::new();
        };
        let settled = i128::from(self.settled(now_ms)) * 100;
        let is_crossed = |percent: &u8| {
            settled > 0
                && settled >= i128::from(limit) * i128::from(*percent)
                && !self.told.contains(percent)
        };
        percents.iter().copied().filter(is_crossed).collect()
    }
}
