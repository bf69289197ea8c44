//! What is done from time to time with money that lies about: windows turned, idle parts returned, the next window fetched ahead.
//!
//! Invariants: what somebody waits for is not returned; a budget without money, reservations or waiting calls is forgotten.
//! Does not know: tasks, the store.

use std::time::Duration;

use storage::{Beat, BudgetState, Recall, Scope, Want};

use crate::escrow::account::Seen;
use crate::escrow::known::Facts;
use crate::escrow::settings::REFILL_PAUSE;
use crate::escrow::state::State;

/// Budgets looked at under one lock.
pub(crate) const SWEEP_MAX: usize = 1_024;

/// A threshold that seems crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crossing {
    pub(crate) budget_id: i64,
    pub(crate) window_start: i64,
    pub(crate) percent: u8,
}

/// What a sweep found to do.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    /// Leases of the next window, and those whose last answer got lost.
    pub(crate) wants: Vec<Want>,
    pub(crate) crossings: Vec<Crossing>,
    /// Budgets that came to rest near a threshold: what the store says of them counts.
    pub(crate) checks: Vec<(i64, Scope)>,
}

impl State {
    /// Looks at some budgets. `lead` is how long before a window's end the next lease is fetched.
    pub(crate) fn sweep(&mut self, ids: &[i64], now: Duration, lead: Duration) -> Sweep {
        let now_ms = self.time.now_ms(now);
        let lead_ms = i64::try_from(lead.as_millis()).unwrap_or(i64::MAX);
        let mut sweep = Sweep::default();
        for budget_id in ids {
            let is_lacked = self.queue.is_lacked(*budget_id);
            let Some(account) = self.accounts.get_mut(budget_id) else {
                continue;
            };
            if let Some(left) = account.pool.turn(now_ms) {
                self.leases.give_back(left);
            }
            let recent = account.spend.recent(now, self.settings.refill_horizon);
            let is_idle = now.saturating_sub(account.spend.last) >= self.settings.idle_return;
            let keep = match (is_idle, recent) {
                (true, _) => 0,
                // Between the horizon and the idle time nothing changes.
                (false, 0) => i64::MAX,
                // Twice, so that a part is not returned and fetched again by turns.
                (false, recent) => recent.saturating_mul(2),
            };
            let surplus = account.pool.free_at(now_ms).saturating_sub(keep);
            if !is_lacked
                && surplus > 0
                && let Some(left) = account.pool.give(surplus)
            {
                self.leases.give_back(left);
            }
            account.mark(now, &self.settings);
            for percent in account.crossed(&self.settings.alert_percents, now_ms) {
                sweep.crossings.push(Crossing {
                    budget_id: *budget_id,
                    window_start: account.seen.window_start,
                    percent,
                });
            }
            let end_ms = account.pool.lease().and_then(|lease| lease.ends_at_ms);
            let is_ending = end_ms.is_some_and(|end| end.saturating_sub(now_ms) <= lead_ms);
            if is_ending && recent > 0 && !account.pool.has_next() {
                let wished = account.wish(now, &self.settings);
                sweep.wants.push(want(*budget_id, wished, true));
            }
            let is_doubted = self.doubts.contains(budget_id);
            if is_doubted {
                sweep.wants.push(want(*budget_id, 0, false));
            }
            account.is_checked &= is_idle;
            if is_idle && !is_lacked && account.pool.is_empty() && !is_doubted {
                let percents = &self.settings.alert_percents;
                if !account.is_checked && account.may_cross(percents) {
                    sweep.checks.push((*budget_id, scope_of(&account.facts)));
                } else if account.crossed(percents, now_ms).is_empty() {
                    self.accounts.remove(budget_id);
                }
            }
        }
        sweep
    }

    /// Takes a lease of the next window.
    pub(crate) fn take_ahead(&mut self, granted: &storage::Granted, now: Duration) {
        let now_ms = self.time.now_ms(now);
        let Some(account) = self.accounts.get_mut(&granted.budget_id) else {
            self.give_all_back(granted);
            return;
        };
        if account.facts.window.start_of(now_ms) >= granted.window_start {
            self.take(granted, now, true);
            return;
        }
        let lease = account.lease(granted.lease_id, granted.window_start);
        let amount = self.leases.granted(&lease, granted);
        if let Some(left) = account.pool.take_next(lease, amount) {
            self.leases.give_back(left);
        }
    }

    /// What the store said of a budget that came to rest.
    pub(crate) fn rest(&mut self, found: &BudgetState) {
        if let Some(account) = self.accounts.get_mut(&found.budget.budget_id) {
            account.see(Seen {
                window_start: found.window.window_start,
                limit: found.budget.limit_pico_usd,
                settled: found.window.settled_pico_usd,
                leased: found.window.leased_pico_usd,
            });
            account.is_checked = true;
        }
    }

    /// What the store said to a beat that was sent at `sent`.
    pub(crate) fn beat(&mut self, beat: &Beat, sent: Duration, now: Duration) {
        self.time.learn(beat.now_ms, now);
        // A third of the life is left for clocks that differ and for what is cut just before.
        let good_until = sent + self.settings.lives_for * 2 / 3;
        self.instance.cut_until = self.instance.cut_until.max(good_until);
        for recall in &beat.recalls {
            self.recall(recall, now);
        }
    }

    /// Gives back what another instance wants, as far as it is free.
    fn recall(&mut self, recall: &Recall, now: Duration) {
        let Some(account) = self.accounts.get_mut(&recall.budget_id) else {
            return;
        };
        account.refill_after = now + REFILL_PAUSE;
        let lease = account.pool.lease();
        if lease.is_some_and(|lease| lease.window_start == recall.window_start)
            && let Some(left) = account.pool.give(recall.wanted_pico_usd)
        {
            self.leases.give_back(left);
        }
    }
}

fn scope_of(facts: &Facts) -> Scope {
    let (kind, value) = facts.scope.parts();
    Scope {
        kind: kind.to_owned(),
        value: value.to_owned(),
    }
}

fn want(budget_id: i64, amount_wished: i64, next_window: bool) -> Want {
    Want {
        budget_id,
        amount_min: 0,
        amount_wished,
        forced: false,
        next_window,
    }
}
