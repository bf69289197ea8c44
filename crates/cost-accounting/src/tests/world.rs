//! A database in memory that keeps windows, leases and instances by the arithmetic of the store that ships.
//!
//! Invariants: one step is one transaction; `check` holds after each.
//! Does not know: SQL, tasks, delays.

use std::collections::{BTreeMap, BTreeSet};

use storage::{
    BOOKS, Beat, BudgetRow, Charge, GrantAnswer, Granted, LeaseSums, Recall, Return, ScopeAnswer,
    ScopeAsk, Short, Want, WindowKind, WindowSums, WrittenOff, day_of,
};

use crate::escrow::hold::Charges;

#[derive(Clone, Debug)]
pub(super) struct LeaseOf {
    pub(super) instance: [u8; 16],
    pub(super) budget_id: i64,
    pub(super) window_start: i64,
    pub(super) sums: LeaseSums,
    pub(super) open: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) now_ms: i64,
    pub(super) epoch: i64,
    pub(super) budgets: Vec<BudgetRow>,
    pub(super) windows: BTreeMap<(i64, i64), WindowSums>,
    pub(super) leases: BTreeMap<i64, LeaseOf>,
    /// When each expires.
    pub(super) instances: BTreeMap<[u8; 16], i64>,
    pub(super) seen: BTreeMap<[u8; 16], i64>,
    pub(super) recalls: Vec<(i64, i64, i64, [u8; 16])>,
    pub(super) alerts: BTreeSet<(i64, i64, i64, Option<i64>)>,
    /// Entries by id, so that one counts once: what it charged.
    pub(super) entries: BTreeMap<u64, i64>,
    /// What entries charged above their leases.
    pub(super) overrun: i64,
    pub(super) grants: usize,
    pub(super) lookups: usize,
}

pub(super) const BUDGET: i64 = 1;

impl World {
    pub(super) fn new(now_ms: i64) -> World {
        let mut world = World {
            now_ms,
            ..World::default()
        };
        world.budgets.push(row(BOOKS, "global", "", "day", None, 0));
        world
    }

    pub(super) fn with_budget(
        mut self,
        kind: &str,
        value: &str,
        window: &str,
        limit: i64,
    ) -> World {
        self.set_budget(kind, value, window, limit);
        self
    }

    pub(super) fn set_budget(&mut self, kind: &str, value: &str, window: &str, limit: i64) -> i64 {
        self.epoch += 1;
        let epoch = self.epoch;
        let same = |row: &&mut BudgetRow| {
            row.budget_id != BOOKS
                && (&*row.scope_kind, &*row.scope_value, &*row.window) == (kind, value, window)
        };
        if let Some(row) = self.budgets.iter_mut().find(same) {
            row.limit_pico_usd = Some(limit);
            row.changed_epoch = epoch;
            return row.budget_id;
        }
        let id = i64::try_from(self.budgets.len()).unwrap();
        self.budgets
            .push(row(id, kind, value, window, Some(limit), epoch));
        id
    }

    pub(super) fn budget(&self, id: i64) -> &BudgetRow {
        self.budgets.iter().find(|row| row.budget_id == id).unwrap()
    }

    pub(super) fn window_of(&self, id: i64, next: bool) -> i64 {
        let kind = WindowKind::parse(&self.budget(id).window).unwrap();
        let start = kind.start_of(day_of(self.now_ms));
        if next {
            kind.after(start).unwrap_or(start)
        } else {
            start
        }
    }

    pub(super) fn sums(&self, id: i64) -> WindowSums {
        let key = (id, self.window_of(id, false));
        self.windows.get(&key).copied().unwrap_or_default()
    }

    pub(super) fn budgets_in_scope(&mut self, ask: &ScopeAsk) -> ScopeAnswer {
        self.lookups += 1;
        let binds = |row: &&BudgetRow| {
            row.budget_id == BOOKS
                || ask
                    .scopes
                    .iter()
                    .any(|scope| (&scope.kind, &scope.value) == (&row.scope_kind, &row.scope_value))
        };
        ScopeAnswer::Budgets {
            epoch: self.epoch,
            budgets: self.budgets.iter().filter(binds).cloned().collect(),
        }
    }

    fn is_alive(&self, instance: [u8; 16]) -> bool {
        self.instances
            .get(&instance)
            .is_some_and(|expires| *expires > self.now_ms)
    }

    pub(super) fn open(&mut self, instance: [u8; 16], lives_for_ms: i64) -> Beat {
        self.instances.insert(instance, self.now_ms + lives_for_ms);
        self.beat(instance, self.epoch, lives_for_ms)
    }

    pub(super) fn beat(&mut self, instance: [u8; 16], seen: i64, lives_for_ms: i64) -> Beat {
        let alive = self.is_alive(instance);
        if alive {
            self.instances.insert(instance, self.now_ms + lives_for_ms);
            self.seen.insert(instance, seen);
        }
        let wanted = self.recalls.iter().filter(|recall| recall.3 != instance);
        let recalls = wanted
            .map(|(budget_id, window_start, wanted, _)| Recall {
                budget_id: *budget_id,
                window_start: *window_start,
                wanted_pico_usd: *wanted,
            })
            .collect();
        Beat {
            now_ms: self.now_ms,
            epoch: self.epoch,
            alive,
            recalls,
        }
    }

    /// `None`: the instance is dead.
    pub(super) fn grant(&mut self, instance: [u8; 16], asks: &[Vec<Want>]) -> Option<GrantAnswer> {
        // The store refuses more.
        assert!(asks.iter().map(Vec::len).sum::<usize>() <= storage::WANTS_MAX);
        if !self.is_alive(instance) {
            return None;
        }
        self.grants += 1;
        self.recalls.retain(|recall| recall.3 != instance);
        let now_ms = self.now_ms;
        let results = asks.iter().map(|wants| self.grant_all(instance, wants));
        let results = results.collect();
        Some(GrantAnswer { now_ms, results })
    }

    fn grant_all(&mut self, instance: [u8; 16], wants: &[Want]) -> Result<Vec<Granted>, Short> {
        for want in wants {
            let limit = self.budget(want.budget_id).limit_pico_usd;
            let start = self.window_of(want.budget_id, want.next_window);
            let key = (want.budget_id, start);
            let sums = self.windows.get(&key).copied().unwrap_or_default();
            if sums.grantable(limit, want).is_none() {
                let recall = (key.0, key.1, want.amount_min, instance);
                self.recalls.push(recall);
                return Err(Short {
                    budget_id: key.0,
                    window_start: key.1,
                    limit_pico_usd: limit.unwrap(),
                    settled_pico_usd: sums.settled,
                    leased_pico_usd: sums.leased,
                    own_leased_pico_usd: 0,
                    needed_pico_usd: want.amount_min,
                    resets_at_ms: None,
                });
            }
        }
        Ok(wants
            .iter()
            .map(|want| self.grant_one(instance, want))
            .collect())
    }

    fn grant_one(&mut self, instance: [u8; 16], want: &Want) -> Granted {
        let limit = self.budget(want.budget_id).limit_pico_usd;
        let key = (
            want.budget_id,
            self.window_of(want.budget_id, want.next_window),
        );
        let same = |lease: &LeaseOf| {
            lease.open && lease.instance == instance && (lease.budget_id, lease.window_start) == key
        };
        let found = self.leases.iter().find(|(_, lease)| same(lease));
        let new_id = i64::try_from(self.leases.len()).unwrap() + 100;
        let lease_id = found.map_or(new_id, |(id, _)| *id);
        let lease = self.leases.entry(lease_id).or_insert(LeaseOf {
            instance,
            budget_id: key.0,
            window_start: key.1,
            sums: LeaseSums::default(),
            open: true,
        });
        let window = self.windows.entry(key).or_default();
        let amount = window.grantable(limit, want).unwrap_or(0);
        window.grant(&mut lease.sums, limit, amount);
        Granted {
            budget_id: key.0,
            window_start: key.1,
            lease_id,
            amount_pico_usd: amount,
            lease_granted_pico_usd: lease.sums.granted,
            lease_given_back_pico_usd: lease.sums.given_back,
            limit_pico_usd: limit,
            settled_pico_usd: window.settled,
            leased_pico_usd: window.leased,
        }
    }

    pub(super) fn give_back(&mut self, instance: [u8; 16], returns: &[Return]) {
        for left in returns {
            let lease = self.leases.get_mut(&left.lease_id).unwrap();
            if lease.open && lease.instance == instance {
                let key = (lease.budget_id, lease.window_start);
                let window = self.windows.get_mut(&key).unwrap();
                window.give_back(&mut lease.sums, left.given_back_pico_usd);
            }
        }
    }

    /// Writes an entry once and settles what it charges.
    pub(super) fn enter(&mut self, entry: u64, charges: &Charges, cost: i64) {
        if self.entries.contains_key(&entry) {
            return;
        }
        self.entries.insert(entry, cost);
        let mut charge = Charge::default();
        charge.add(cost);
        for lease_id in &charges.leases {
            let lease = self.leases.get_mut(lease_id).unwrap();
            let key = (lease.budget_id, lease.window_start);
            let window = self.windows.get_mut(&key).unwrap();
            window.settle(&mut lease.sums, charge);
        }
    }

    pub(super) fn write_off_dead(&mut self, own: [u8; 16]) -> Vec<WrittenOff> {
        let now_ms = self.now_ms;
        let dead: Vec<[u8; 16]> = self
            .instances
            .iter()
            .filter(|(id, expires)| **id != own && **expires <= now_ms)
            .map(|(id, _)| *id)
            .collect();
        let mut written = Vec::new();
        for instance in dead {
            self.instances.remove(&instance);
            for (lease_id, lease) in &mut self.leases {
                if lease.instance != instance || !lease.open {
                    continue;
                }
                lease.open = false;
                let key = (lease.budget_id, lease.window_start);
                let window = self.windows.get_mut(&key).unwrap();
                written.push(WrittenOff {
                    lease_id: *lease_id,
                    budget_id: key.0,
                    window_start: key.1,
                    instance,
                    amount_pico_usd: window.write_off(&mut lease.sums),
                    entry_id: None,
                });
            }
        }
        written
    }

    pub(super) fn close(&mut self, instance: [u8; 16]) {
        self.instances.remove(&instance);
        for lease in self.leases.values_mut() {
            if lease.instance == instance && lease.open {
                lease.open = false;
                let key = (lease.budget_id, lease.window_start);
                let window = self.windows.get_mut(&key).unwrap();
                window.give_back(&mut lease.sums, i64::MAX);
            }
        }
    }

    /// The laws that hold after every step.
    pub(super) fn check(&self) {
        for (key, window) in &self.windows {
            let of_window = |lease: &&LeaseOf| (lease.budget_id, lease.window_start) == *key;
            let remaining = self.leases.values().filter(of_window);
            let remaining: i64 = remaining.map(|lease| lease.sums.remaining).sum();
            assert_eq!(
                window.leased, remaining,
                "leased is what remains of the leases"
            );
            if let Some(limit) = self.budget(key.0).limit_pico_usd {
                let most = limit + window.forced + self.overrun;
                let sum = window.settled + window.leased;
                assert!(sum <= most, "{window:?} of budget {key:?} is above {most}");
            }
        }
    }
}

fn row(
    budget_id: i64,
    kind: &str,
    value: &str,
    window: &str,
    limit_pico_usd: Option<i64>,
    epoch: i64,
) -> BudgetRow {
    BudgetRow {
        budget_id,
        scope_kind: kind.to_owned(),
        scope_value: value.to_owned(),
        window: window.to_owned(),
        limit_pico_usd,
        template_id: None,
        created_at_ms: 0,
        created_epoch: epoch,
        changed_epoch: epoch,
    }
}
