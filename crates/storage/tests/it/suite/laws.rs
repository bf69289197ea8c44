//! Laws of the books, held to after every step of random lives.
//!
//! Invariants: a run is replayed from its steps alone.
//! Does not know: how the store reckons; the model beside it reckons by itself.

use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;
use storage::{
    BudgetState, EntryRow, EntryWrite, Return, ScopeAnswer, UsageBy, UsageQuery, Want, day_of,
};

use super::model::Model;
use super::{BOOKS, DAY_MS, Fresh, LIVES_MS, NOON_MS, ask, charging, scope, spent, want};

/// Steps of one life.
pub(crate) const STEPS_MAX: usize = 40;
/// What a life may set and remove: kind, value, window.
const BUDGETS: [(&str, &str, &str); 7] = [
    ("global", "", "day"),
    ("global", "", "month"),
    ("key", "key_0", "day"),
    ("key", "*", "total"),
    ("user", "*", "day"),
    ("project", "search", "month"),
    ("model", "text-embedding-ada-002", "day"),
];

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Reserve {
        who: usize,
        key: usize,
        user: usize,
        amount: i64,
    },
    /// Settles some holds in one batch, at a share of what was held.
    Settle {
        pick: usize,
        count: usize,
        percent: i64,
    },
    Repeat {
        pick: usize,
    },
    Correct {
        pick: usize,
    },
    GiveBack {
        who: usize,
    },
    Kill {
        who: usize,
    },
    Leave {
        who: usize,
    },
    Set {
        which: usize,
        limit: i64,
    },
    Remove {
        which: usize,
    },
    Clock {
        ms: i64,
    },
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..2_usize;
    let pick = || 0..1_000_usize;
    let step = prop_oneof![
        8 => (who(), 0..3_usize, 0..4_usize, 1..60_i64)
            .prop_map(|(who, key, user, amount)| Step::Reserve { who, key, user, amount }),
        6 => (pick(), 1..4_usize, 0..160_i64)
            .prop_map(|(pick, count, percent)| Step::Settle { pick, count, percent }),
        1 => pick().prop_map(|pick| Step::Repeat { pick }),
        1 => pick().prop_map(|pick| Step::Correct { pick }),
        1 => who().prop_map(|who| Step::GiveBack { who }),
        2 => who().prop_map(|who| Step::Kill { who }),
        1 => who().prop_map(|who| Step::Leave { who }),
        4 => (0..BUDGETS.len(), 0..400_i64).prop_map(|(which, limit)| Step::Set { which, limit }),
        1 => (0..BUDGETS.len()).prop_map(|which| Step::Remove { which }),
        1 => select(vec![-DAY_MS, -1, 1, LIVES_MS / 2, DAY_MS]).prop_map(|ms| Step::Clock { ms }),
        1 => Just(Step::Clock { ms: DAY_MS }),
    ];
    proptest::collection::vec(step, 1..STEPS_MAX)
}

struct Hold {
    owner: [u8; 16],
    leases: Vec<i64>,
    amount: i64,
    epoch: i64,
    row: EntryRow,
}

struct Life<'f> {
    fresh: &'f Fresh,
    model: Model,
    instances: [[u8; 16]; 2],
    born: u8,
    /// The wall clock, and the latest that the store has used.
    wall_ms: i64,
    latest_ms: i64,
    holds: Vec<Hold>,
    written: Vec<(EntryWrite, i64)>,
    number: u64,
}

/// Lives these steps and holds the store to the laws after each.
pub(crate) async fn live(fresh: &Fresh, steps: &[Step]) {
    let mut life = Life {
        fresh,
        model: Model::default(),
        instances: [[1; 16], [2; 16]],
        born: 2,
        wall_ms: NOON_MS,
        latest_ms: NOON_MS,
        holds: Vec::new(),
        written: Vec::new(),
        number: 0,
    };
    for instance in life.instances {
        fresh.open(instance).await;
    }
    life.check().await;
    for step in steps {
        life.take(step).await;
        life.check().await;
    }
}

impl Life<'_> {
    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Reserve {
                who,
                key,
                user,
                amount,
            } => self.reserve(who, key, user, amount).await,
            Step::Settle {
                pick,
                count,
                percent,
            } => self.settle(pick, count, percent).await,
            Step::Repeat { pick } => self.repeat(pick).await,
            Step::Correct { pick } => self.correct(pick).await,
            Step::GiveBack { who } => self.give_back(who).await,
            Step::Kill { who } => self.kill(who).await,
            Step::Leave { who } => self.leave(who).await,
            Step::Set { which, limit } => {
                let (kind, value, window) = BUDGETS[which];
                self.fresh.set(kind, value, window, limit).await;
            }
            Step::Remove { which } => {
                let (kind, value, window) = BUDGETS[which];
                let removed = self
                    .fresh
                    .store
                    .remove_budget(scope(kind, value), window.to_owned());
                removed.await.unwrap();
            }
            Step::Clock { ms } => self.step_clock(ms).await,
        }
    }

    /// Time passes for both, and neither misses a heartbeat.
    async fn step_clock(&mut self, ms: i64) {
        // The last beat before a long pause, so that the pause is not their death.
        for instance in self.instances {
            let epoch = self.fresh.store.epoch().await.unwrap();
            let beat = self
                .fresh
                .store
                .heartbeat(instance, epoch, LIVES_MS + ms.max(0));
            assert!(beat.await.unwrap().alive);
        }
        self.fresh.clock.step(ms);
        self.wall_ms += ms;
        self.latest_ms = self.latest_ms.max(self.wall_ms);
        for instance in self.instances {
            assert_eq!(self.fresh.beat(instance).await.now_ms, self.latest_ms);
        }
    }

    async fn reserve(&mut self, who: usize, key: usize, user: usize, amount: i64) {
        let key = format!("key_{key}");
        let user = (user > 0).then(|| format!("user_{user}"));
        let ask = ask(&key, user.as_deref());
        let answer = self.fresh.store.budgets_in_scope(ask).await.unwrap();
        let ScopeAnswer::Budgets { epoch, budgets } = answer else {
            return;
        };
        self.see_budgets().await;
        let wants: Vec<Want> = budgets
            .iter()
            .map(|budget| want(budget.budget_id, amount))
            .collect();
        let Ok(granted) = self.fresh.grant(self.instances[who], &wants).await else {
            return;
        };
        for granted in &granted {
            self.model.see_grant(self.instances[who], granted);
        }
        self.number += 1;
        self.holds.push(Hold {
            owner: self.instances[who],
            leases: granted.iter().map(|granted| granted.lease_id).collect(),
            amount,
            epoch,
            row: EntryRow {
                key_id: key,
                end_user: user,
                window_day: granted[0].window_start,
                ..spent(self.number, 0)
            },
        });
    }

    async fn settle(&mut self, pick: usize, count: usize, percent: i64) {
        let mut writes = Vec::new();
        for _ in 0..count.min(self.holds.len()) {
            let hold = self.holds.swap_remove(pick % self.holds.len());
            let row = EntryRow {
                cost_pico_usd: hold.amount * percent / 100,
                ..hold.row
            };
            writes.push(charging(row, &hold.leases, hold.epoch));
        }
        let appended = self
            .fresh
            .store
            .append_entries(writes.clone())
            .await
            .unwrap();
        for (write, appended) in writes.into_iter().zip(appended) {
            self.model.see_entry(&write);
            self.written.push((write, appended.entry_id()));
        }
    }

    async fn repeat(&mut self, pick: usize) {
        if self.written.is_empty() {
            return;
        }
        let (write, entry_id) = &self.written[pick % self.written.len()];
        let appended = self
            .fresh
            .store
            .append_entries(vec![write.clone()])
            .await
            .unwrap();
        assert_eq!(
            appended,
            [storage::Appended::Duplicate {
                entry_id: *entry_id
            }]
        );
    }

    /// Half of what an entry cost turns out not to be true.
    async fn correct(&mut self, pick: usize) {
        let uncorrected: Vec<_> = self
            .written
            .iter()
            .filter(|(write, _)| write.row.adjustment == 0)
            .collect();
        if uncorrected.is_empty() {
            return;
        }
        let (write, entry_id) = uncorrected[pick % uncorrected.len()];
        let row = EntryRow {
            adjustment: 1,
            adjusts: Some(*entry_id),
            state: "adjusted".to_owned(),
            cost_pico_usd: -(write.row.cost_pico_usd / 2),
            ..write.row.clone()
        };
        let write = EntryWrite {
            row,
            ..write.clone()
        };
        let appended = self
            .fresh
            .store
            .append_entries(vec![write.clone()])
            .await
            .unwrap();
        if let storage::Appended::New { entry_id } = appended[0] {
            self.model.see_entry(&write);
            self.written.push((write, entry_id));
        }
    }

    /// Gives back half of what is free in each of its leases of now.
    async fn give_back(&mut self, who: usize) {
        let mut returns = Vec::new();
        for state in self.states().await {
            for lease in state.leases.iter().filter(|lease| lease.open) {
                let holds = self
                    .holds
                    .iter()
                    .filter(|hold| hold.leases.contains(&lease.lease_id));
                let held: i64 = holds.map(|hold| hold.amount).sum();
                let amount = (lease.remaining_pico_usd - held).max(0) / 2;
                if lease.instance == self.instances[who] {
                    self.model.see_return(lease.lease_id, amount);
                    returns.push(Return {
                        lease_id: lease.lease_id,
                        given_back_pico_usd: lease.given_back_pico_usd + amount,
                    });
                }
            }
        }
        for _ in 0..2 {
            self.fresh
                .store
                .give_back(self.instances[who], returns.clone())
                .await
                .unwrap();
        }
    }

    /// One misses its heartbeats; the other one writes off what it held, and its successor is born.
    async fn kill(&mut self, who: usize) {
        let other = self.instances[1 - who];
        let epoch = self.fresh.store.epoch().await.unwrap();
        let beat = self.fresh.store.heartbeat(other, epoch, 3 * LIVES_MS);
        beat.await.unwrap();
        self.fresh.beat(self.instances[who]).await;
        // A clock that was set back has to catch up first.
        let ms = self.latest_ms - self.wall_ms + LIVES_MS;
        self.fresh.clock.step(ms);
        self.wall_ms += ms;
        self.latest_ms = self.wall_ms;
        for off in self.fresh.store.write_off_dead(other).await.unwrap() {
            assert_eq!(off.instance, self.instances[who]);
            self.model.see_write_off(&off);
        }
        assert_eq!(self.fresh.store.write_off_dead(other).await.unwrap(), []);
        self.bear(who).await;
    }

    async fn leave(&mut self, who: usize) {
        let instance = self.instances[who];
        if self.holds.iter().any(|hold| hold.owner == instance) {
            return;
        }
        for _ in 0..2 {
            self.fresh.store.close_instance(instance).await.unwrap();
        }
        self.model.see_end(instance);
        self.bear(who).await;
    }

    async fn bear(&mut self, who: usize) {
        self.born += 1;
        self.instances[who] = [self.born; 16];
        self.fresh.open(self.instances[who]).await;
    }

    async fn states(&self) -> Vec<BudgetState> {
        let mut states = self.fresh.store.budget_states(None).await.unwrap();
        states.push(self.fresh.state("books", "").await);
        states
    }

    fn today(&self) -> i64 {
        day_of(self.latest_ms)
    }

    async fn see_budgets(&mut self) {
        let states = self.states().await;
        let today = self.today();
        self.model.see_budgets(&states, today);
    }

    async fn check(&mut self) {
        self.see_budgets().await;
        let today = self.today();
        for state in self.states().await {
            self.model.check(&state, today);
        }
        let books = self.fresh.state("books", "").await.window;
        let query = UsageQuery {
            day_from: Some(today),
            day_to: Some(today),
            ..UsageQuery::all(UsageBy::Day)
        };
        let usage = self.fresh.store.usage(query).await.unwrap();
        let ledger = usage.first().map_or(0, |row| row.cost_pico_usd);
        assert_eq!(ledger, i128::from(self.model.ledger_of(today)));
        assert_eq!(
            ledger,
            i128::from(books.settled_pico_usd),
            "the books are the ledger"
        );
        assert_eq!(books.budget_id, BOOKS);
    }
}

/// Settles the same entries in another order and other batches; the sums must be the same. Each is a share of one hold
/// and a rank; `lost`: how many are settled before their owner is found dead, if it dies.
pub(crate) async fn settle_in_order(
    fresh: &Fresh,
    shares: &[(i64, u64)],
    batch: usize,
    lost: Option<usize>,
) -> Vec<BudgetState> {
    fresh.set("global", "", "day", 1_000_000).await;
    fresh.set("key", "*", "month", 1_000_000).await;
    let owner = [1; 16];
    fresh.open(owner).await;
    let epoch = fresh.store.epoch().await.unwrap();
    let mut wants = vec![want(BOOKS, 100)];
    let budgets = fresh.bind(ask("key_a", None)).await;
    wants.extend(budgets.iter().map(|budget| want(budget.budget_id, 100)));
    let mut writes = Vec::new();
    for (number, (percent, rank)) in shares.iter().enumerate() {
        let granted = fresh.grant(owner, &wants).await.unwrap();
        let leases: Vec<i64> = granted.iter().map(|granted| granted.lease_id).collect();
        let row = spent(u64::try_from(number).unwrap(), *percent);
        writes.push((*rank, charging(row, &leases, epoch)));
    }
    writes.sort_by_key(|(rank, _)| *rank);
    let writes: Vec<EntryWrite> = writes.into_iter().map(|(_, write)| write).collect();
    let (before, after) = writes.split_at(lost.unwrap_or(0).min(writes.len()));
    for writes in before.chunks(batch) {
        fresh.store.append_entries(writes.to_vec()).await.unwrap();
    }
    if lost.is_some() {
        fresh.clock.step(LIVES_MS);
        fresh.store.write_off_dead([2; 16]).await.unwrap();
    }
    for writes in after.chunks(batch) {
        fresh.store.append_entries(writes.to_vec()).await.unwrap();
    }
    let mut states = fresh.store.budget_states(None).await.unwrap();
    states.push(fresh.state("books", "").await);
    states
}
