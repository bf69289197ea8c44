//! What the books must say, reckoned anew from all that happened, in the plainest way.
//!
//! Invariants: no arithmetic of the store is used.
//! Does not know: the store; it is told what was asked and what was answered.

use std::collections::BTreeMap;

use storage::{
    BOOKS, BudgetRow, BudgetState, EntryRow, EntryWrite, Granted, WindowKind, WrittenOff,
};

/// A budget and the first day of a window of it.
pub(crate) type Key = (i64, i64);

#[derive(Debug)]
struct Lease {
    owner: [u8; 16],
    key: Key,
    remaining: i64,
    written_off: i64,
    taken_back: i64,
}

#[derive(Debug)]
struct Budget {
    row: BudgetRow,
    kind: WindowKind,
    created_day: i64,
    start_sum: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    budgets: BTreeMap<i64, Budget>,
    leases: BTreeMap<i64, Lease>,
    /// All lines of the ledger, those that the store made among them.
    lines: Vec<EntryRow>,
    /// What entries charged, by window.
    charged: BTreeMap<Key, i64>,
    /// What was charged without being leased at that moment: a stated exception.
    beyond: BTreeMap<Key, i64>,
    /// The highest limit that a window has seen.
    limit_max: BTreeMap<Key, i64>,
}

fn kind_of(row: &BudgetRow) -> WindowKind {
    WindowKind::parse(&row.window).unwrap()
}

fn matches(budget: &BudgetRow, row: &EntryRow) -> bool {
    let value = &budget.scope_value;
    match &*budget.scope_kind {
        "global" => true,
        "project" => *value == row.project,
        "key" => *value == row.key_id,
        "model" => *value == row.model,
        "user" => Some(value) == row.end_user.as_ref(),
        _ => row.tags.contains(value),
    }
}

impl Model {
    /// Takes in budgets that are new, and limits that changed.
    pub(crate) fn see_budgets(&mut self, states: &[BudgetState], today: i64) {
        self.budgets
            .retain(|id, _| states.iter().any(|state| state.budget.budget_id == *id));
        for state in states {
            let row = state.budget.clone();
            let kind = kind_of(&row);
            let lines = self.lines.iter().filter(|line| matches(&row, line));
            let lines = lines.filter(|line| kind.start_of(line.window_day) == kind.start_of(today));
            let start_sum: i64 = lines.map(|line| line.cost_pico_usd).sum();
            let budget = self.budgets.entry(row.budget_id).or_insert(Budget {
                row: row.clone(),
                kind,
                created_day: today,
                start_sum: if row.scope_value == "*" || row.budget_id == BOOKS {
                    0
                } else {
                    start_sum
                },
            });
            budget.row = row;
        }
        self.see_limits(today);
    }

    fn see_limits(&mut self, today: i64) {
        for budget in self.budgets.values() {
            let key = (budget.row.budget_id, budget.kind.start_of(today));
            let limit = budget.row.limit_pico_usd.unwrap_or(i64::MAX);
            let limit_max = self.limit_max.entry(key).or_insert(limit);
            *limit_max = limit.max(*limit_max);
        }
    }

    pub(crate) fn see_grant(&mut self, owner: [u8; 16], granted: &Granted) {
        let key = (granted.budget_id, granted.window_start);
        let lease = self.leases.entry(granted.lease_id).or_insert(Lease {
            owner,
            key,
            remaining: 0,
            written_off: 0,
            taken_back: 0,
        });
        assert_eq!(lease.key, key);
        lease.remaining += granted.amount_pico_usd;
        if let Some(limit) = granted.limit_pico_usd {
            let sum = granted.settled_pico_usd + granted.leased_pico_usd;
            assert!(sum <= limit, "granted above the limit: {granted:?}");
        }
    }

    pub(crate) fn see_entry(&mut self, write: &EntryWrite) {
        let cost = write.row.cost_pico_usd;
        self.lines.push(write.row.clone());
        let mut leased = Vec::new();
        for lease_id in &write.leases {
            let lease = self.leases.get_mut(lease_id).unwrap();
            leased.push(lease.key.0);
            *self.charged.entry(lease.key).or_default() += cost;
            let moved = cost.clamp(0, lease.remaining);
            lease.remaining -= moved;
            let back = (cost - moved).clamp(0, lease.written_off - lease.taken_back);
            lease.taken_back += back;
            let beyond = self.beyond.entry(lease.key).or_default();
            *beyond += (cost - moved - back).max(0);
            if back > 0 && lease.key.0 == BOOKS {
                self.lines.push(lost(lease.key.1, -back));
            }
        }
        for budget in self.budgets.values() {
            let key = (
                budget.row.budget_id,
                budget.kind.start_of(write.row.window_day),
            );
            let newer = budget.row.created_epoch > write.epoch && !leased.contains(&key.0);
            let own = key.0 != BOOKS && key.1 >= budget.kind.start_of(budget.created_day);
            if newer && own && matches(&budget.row, &write.row) {
                *self.charged.entry(key).or_default() += cost;
                *self.beyond.entry(key).or_default() += cost.max(0);
            }
        }
    }

    pub(crate) fn see_return(&mut self, lease_id: i64, amount: i64) {
        self.leases.get_mut(&lease_id).unwrap().remaining -= amount;
    }

    /// All that remains of its leases was given back.
    pub(crate) fn see_end(&mut self, owner: [u8; 16]) {
        for lease in self
            .leases
            .values_mut()
            .filter(|lease| lease.owner == owner)
        {
            lease.remaining = 0;
        }
    }

    pub(crate) fn see_write_off(&mut self, off: &WrittenOff) {
        let lease = self.leases.get_mut(&off.lease_id).unwrap();
        assert_eq!(off.amount_pico_usd, lease.remaining, "{off:?}");
        assert_eq!((off.budget_id, off.window_start), lease.key);
        assert_eq!(off.entry_id.is_some(), off.budget_id == BOOKS);
        lease.written_off = lease.remaining;
        lease.remaining = 0;
        if off.budget_id == BOOKS {
            self.lines.push(lost(off.window_start, off.amount_pico_usd));
        }
    }

    /// What the ledger holds of a day.
    pub(crate) fn ledger_of(&self, day: i64) -> i64 {
        let lines = self.lines.iter().filter(|line| line.window_day == day);
        lines.map(|line| line.cost_pico_usd).sum()
    }

    /// Holds one budget to the laws.
    pub(crate) fn check(&self, state: &BudgetState, today: i64) {
        let Some(budget) = self.budgets.get(&state.budget.budget_id) else {
            panic!("{state:?} was never seen")
        };
        let key = (budget.row.budget_id, budget.kind.start_of(today));
        let window = &state.window;
        assert_eq!(window.window_start, key.1);
        let leases = || self.leases.values().filter(|lease| lease.key == key);
        let remaining: i64 = leases().map(|lease| lease.remaining).sum();
        let stored: i64 = state
            .leases
            .iter()
            .map(|lease| lease.remaining_pico_usd)
            .sum();
        assert_eq!(
            window.leased_pico_usd, remaining,
            "leased is what remains: {state:?}"
        );
        assert_eq!(stored, remaining, "the leases: {state:?}");
        let start_sum = if budget.kind.start_of(budget.created_day) == key.1 {
            budget.start_sum
        } else {
            0
        };
        let lost: i64 = leases()
            .map(|lease| lease.written_off - lease.taken_back)
            .sum();
        let settled = start_sum + self.charged.get(&key).copied().unwrap_or_default() + lost;
        assert_eq!(
            window.settled_pico_usd, settled,
            "settled is what was charged: {state:?}"
        );
        assert!(window.settled_pico_usd >= 0 && window.leased_pico_usd >= 0);
        let beyond = self.beyond.get(&key).copied().unwrap_or_default() + start_sum;
        let sum = window.settled_pico_usd + window.leased_pico_usd;
        let bound = self
            .limit_max
            .get(&key)
            .copied()
            .unwrap_or(i64::MAX)
            .saturating_add(beyond);
        assert!(
            sum <= bound,
            "above the limit by more than the stated exceptions: {state:?}"
        );
    }
}

fn lost(window_day: i64, cost_pico_usd: i64) -> EntryRow {
    EntryRow {
        window_day,
        key_id: "-".to_owned(),
        project: "-".to_owned(),
        model: "-".to_owned(),
        ..super::spent(0, cost_pico_usd)
    }
}
