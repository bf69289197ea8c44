//! Everything escrow knows, behind one lock: which budgets bind whom, what is free of each, what is held, who waits.
//!
//! Invariants: a reservation is cut from every budget in its scope or from none; nothing here waits or reaches the store.
//! Does not know: tasks, the store, real time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::escrow::account::Account;
use crate::escrow::known::{CallScope, Facts, Known, Scopes};
use crate::escrow::leases::Leases;
use crate::escrow::pool::Return;
use crate::escrow::queue::Queue;
use crate::escrow::settings::{ACCOUNTS_MAX, EscrowSettings, HOLDS_MAX};
use storage::BOOKS;
use tokio::sync::Notify;

/// The database's clock, as far as it can be known here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DatabaseTime {
    learned_ms: i64,
    at: Duration,
}

impl DatabaseTime {
    pub(crate) fn learn(&mut self, now_ms: i64, at: Duration) {
        (self.learned_ms, self.at) = (now_ms, at);
    }

    pub(crate) fn now_ms(&self, now: Duration) -> i64 {
        let passed = now.saturating_sub(self.at).as_millis();
        self.learned_ms
            .saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}

/// Under which name this process holds leases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instance {
    pub(crate) id: [u8; 16],
    /// Grows when the store called the one before dead.
    pub(crate) generation: u64,
    /// From then on nothing is cut until a beat was answered.
    pub(crate) cut_until: Duration,
}

/// What a reservation has in one budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) budget_id: i64,
    pub(crate) lease_id: i64,
}

/// A reservation that is open.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) known: Arc<Known>,
    pub(crate) amount: i64,
    pub(crate) parts: Vec<Part>,
    /// The epoch whose budgets it is charged to.
    pub(crate) epoch: i64,
    /// The epoch at which it was cut.
    cut_epoch: i64,
    pub(crate) generation: u64,
}

/// A reservation that was just cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) key: usize,
    pub(crate) amount: i64,
    pub(crate) window_day: i64,
    /// Some budget runs low: the granter has something to do.
    pub(crate) wake: bool,
}

/// A reservation that has just ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) leases: Vec<i64>,
    pub(crate) epoch: i64,
    /// Somebody waits for the money that came free.
    pub(crate) wake: bool,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: EscrowSettings,
    pub(crate) instance: Instance,
    pub(crate) time: DatabaseTime,
    pub(crate) epoch: i64,
    pub(crate) view: u64,
    pub(crate) scopes: Scopes,
    pub(crate) accounts: HashMap<i64, Account>,
    pub(crate) queue: Queue,
    pub(crate) leases: Leases,
    /// Budgets of which a grant may have been made whose answer got lost.
    pub(crate) doubts: BTreeSet<i64>,
    /// Budgets that run low.
    pub(crate) refills: Vec<i64>,
    /// Scopes that some call is looking up, and whom to tell when it is done.
    pub(crate) lookups: HashMap<CallScope, Arc<Notify>>,
    /// The epoch whose budgets what is open is charged to.
    pub(crate) adopted: i64,
    pub(crate) is_closed: bool,
    holds: Vec<Option<Open>>,
    holds_free: Vec<usize>,
}

impl State {
    pub(crate) fn new(settings: EscrowSettings, instance: Instance) -> State {
        State {
            settings,
            instance,
            time: DatabaseTime::default(),
            epoch: 0,
            view: 0,
            scopes: Scopes::default(),
            accounts: HashMap::new(),
            queue: Queue::default(),
            leases: Leases::default(),
            doubts: BTreeSet::new(),
            refills: Vec::new(),
            lookups: HashMap::new(),
            adopted: 0,
            is_closed: false,
            holds: Vec::new(),
            holds_free: Vec::new(),
        }
    }

    /// Remembers a look-up that was begun in this view, and what it says of budgets that have money here.
    pub(crate) fn learn(&mut self, known: &Arc<Known>) {
        for facts in &known.budgets {
            self.learn_facts(facts);
        }
        self.scopes.insert(Arc::clone(known));
    }

    fn learn_facts(&mut self, facts: &Arc<Facts>) {
        let Some(account) = self.accounts.get_mut(&facts.budget_id) else {
            return;
        };
        let is_lower = match (facts.limit, account.facts.limit) {
            (Some(new), Some(old)) => new < old,
            _ => false,
        };
        if facts.changed_epoch >= account.facts.changed_epoch {
            if facts.limit != account.facts.limit {
                // Its thresholds are others now.
                account.told.clear();
            }
            account.facts = Arc::clone(facts);
        }
        if is_lower {
            account.limit_epoch = facts.changed_epoch;
        }
        // The store checks what is asked for anew; what is free here was granted under the old limit.
        if is_lower && let Some(left) = account.pool.give(i64::MAX) {
            self.leases.give_back(left);
        }
    }

    /// Whether a new reservation may be cut now.
    pub(crate) fn may_cut(&self, now: Duration) -> bool {
        !self.is_closed && now < self.instance.cut_until
    }

    /// Cuts a reservation from free money, unless somebody waits for it.
    pub(crate) fn try_cut(&mut self, scope: &CallScope, amount: i64, now: Duration) -> Option<Cut> {
        if !self.may_cut(now) {
            return None;
        }
        let known = self.scopes.find(scope)?;
        if self.queue.len() > 0 && known.ids().any(|id| self.queue.is_lacked(id)) {
            return None;
        }
        self.cut(known, amount, now)
    }

    /// Cuts a reservation from the free money of every budget in scope, or of none.
    pub(crate) fn cut(&mut self, known: Arc<Known>, amount: i64, now: Duration) -> Option<Cut> {
        let now_ms = self.time.now_ms(now);
        for id in known.ids() {
            if self.accounts.get(&id)?.pool.free_at(now_ms) < amount {
                return None;
            }
        }
        if self.holds_free.is_empty() && self.holds.len() >= HOLDS_MAX {
            return None;
        }
        let mut parts = Vec::with_capacity(known.budgets.len());
        let mut window_day = 0;
        let mut wake = false;
        for budget_id in known.ids() {
            let Some(account) = self.accounts.get_mut(&budget_id) else {
                continue;
            };
            let Some(lease_id) = account.pool.cut(now_ms, amount) else {
                continue;
            };
            parts.push(Part {
                budget_id,
                lease_id,
            });
            account.spend.add(now, self.settings.refill_horizon, amount);
            if account.runs_low(now, now_ms) {
                self.refills.push(budget_id);
                wake = true;
            }
            if budget_id == BOOKS {
                window_day = account.pool.lease().map_or(0, |lease| lease.window_start);
            }
        }
        let open = Open {
            epoch: known.epoch,
            cut_epoch: known.epoch,
            known,
            amount,
            parts,
            generation: self.instance.generation,
        };
        let key = self.insert(open);
        Some(Cut {
            key,
            amount,
            window_day,
            wake,
        })
    }

    /// Ends a reservation: what it did not cost is free again at once.
    pub(crate) fn end(&mut self, key: usize, cost: i64) -> Option<Ended> {
        let open = self.holds.get_mut(key)?.take()?;
        self.holds_free.push(key);
        let mut wake = false;
        if open.generation == self.instance.generation {
            for part in &open.parts {
                wake |= self.end_part(part, &open, cost);
            }
        }
        Some(Ended {
            leases: open.parts.iter().map(|part| part.lease_id).collect(),
            epoch: open.epoch,
            wake,
        })
    }

    fn end_part(&mut self, part: &Part, open: &Open, cost: i64) -> bool {
        let rest = open.amount.saturating_sub(cost);
        let Some(account) = self.accounts.get_mut(&part.budget_id) else {
            if rest > 0 {
                self.leases.give_back(Return {
                    lease_id: part.lease_id,
                    amount: rest,
                });
            }
            return false;
        };
        account.since = account.since.saturating_add(cost);
        let left = account.pool.end(part.lease_id, open.amount, cost);
        // Cut before the limit of now was set: what comes free may be above it, and only the store can tell.
        let is_outdated = open.cut_epoch < account.limit_epoch;
        let outdated = left.is_none() && is_outdated;
        let left = match outdated {
            true => account.pool.give(rest),
            false => left,
        };
        if let Some(left) = left {
            self.leases.give_back(left);
        }
        self.queue.is_lacked(part.budget_id)
    }

    /// The account of a budget, made if it has none.
    pub(crate) fn account(&mut self, facts: &Arc<Facts>) -> Option<&mut Account> {
        let count = self.accounts.len();
        match self.accounts.entry(facts.budget_id) {
            std::collections::hash_map::Entry::Occupied(entry) => Some(entry.into_mut()),
            std::collections::hash_map::Entry::Vacant(entry) if count < ACCOUNTS_MAX => {
                Some(entry.insert(Account::new(Arc::clone(facts))))
            }
            std::collections::hash_map::Entry::Vacant(_) => None,
        }
    }

    fn insert(&mut self, open: Open) -> usize {
        match self.holds_free.pop() {
            Some(key) => {
                if let Some(slot) = self.holds.get_mut(key) {
                    *slot = Some(open);
                }
                key
            }
            None => {
                self.holds.push(Some(open));
                self.holds.len() - 1
            }
        }
    }

    /// Reservations that are open.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Open> {
        self.holds.iter().flatten()
    }

    pub(crate) fn open_mut(&mut self) -> impl Iterator<Item = (usize, &mut Open)> {
        self.holds
            .iter_mut()
            .enumerate()
            .filter_map(|(key, open)| open.as_mut().map(|open| (key, open)))
    }

    pub(crate) fn open_count(&self) -> usize {
        self.holds.len() - self.holds_free.len()
    }

    /// The store called this instance dead: nothing that it held is ours any more, and open reservations settle late.
    pub(crate) fn begin_again(&mut self, instance: Instance) {
        self.instance = instance;
        self.accounts.clear();
        self.leases = Leases::default();
        self.doubts.clear();
        self.refills.clear();
    }

    /// Budgets or keys were edited: whatever was looked up before is looked up anew.
    pub(crate) fn forget_scopes(&mut self, epoch: i64) {
        self.epoch = epoch;
        self.view += 1;
        self.scopes.clear();
    }
}
