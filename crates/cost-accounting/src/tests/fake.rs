//! The world behind the seam of escrow, with steps that can be held up, fail, or lose their answer.
//!
//! Invariants: a step happens at one moment, after its delay and before its fault.
//! Does not know: escrow's insides.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use storage::{
    Beat, BudgetState, GrantAnswer, Return, Scope, ScopeAnswer, ScopeAsk, StoreError,
    StoreErrorKind, Want, WindowRow, WrittenOff,
};

use super::world::World;
use crate::escrow::backing::{Backing, Step};

/// What goes wrong with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing happens.
    Fails,
    /// It happens, and its caller is told that it failed.
    LosesAnswer,
}

#[derive(Debug)]
pub(super) struct Inside {
    world: Mutex<World>,
    /// How long a step takes.
    delay: Mutex<Duration>,
    faults: Mutex<BTreeMap<usize, Fault>>,
    pub(super) steps: AtomicUsize,
}

/// A handle on the world; escrow has another.
#[derive(Clone, Debug)]
pub(super) struct Fake(Arc<Inside>);

impl Fake {
    pub(super) fn new(world: World) -> Fake {
        Fake(Arc::new(Inside {
            world: Mutex::new(world),
            delay: Mutex::new(Duration::ZERO),
            faults: Mutex::new(BTreeMap::new()),
            steps: AtomicUsize::new(0),
        }))
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap()
    }

    pub(super) fn set_delay(&self, delay: Duration) {
        *self.0.delay.lock().unwrap() = delay;
    }

    /// The nth step from now on, counted from zero, goes wrong.
    pub(super) fn fail(&self, nth: usize, fault: Fault) {
        let at = self.0.steps.load(Ordering::SeqCst) + nth;
        self.0.faults.lock().unwrap().insert(at, fault);
    }

    pub(super) fn heal(&self) {
        self.0.faults.lock().unwrap().clear();
    }

    fn step<'s, T: Send + 's>(
        &'s self,
        act: impl FnOnce(&mut World) -> Result<T, StoreError> + Send + 's,
    ) -> Step<'s, T> {
        Box::pin(async move {
            let delay = *self.0.delay.lock().unwrap();
            if delay > Duration::ZERO {
                tokio::time::sleep(delay).await;
            } else {
                tokio::task::yield_now().await;
            }
            let nth = self.0.steps.fetch_add(1, Ordering::SeqCst);
            let fault = self.0.faults.lock().unwrap().get(&nth).copied();
            if fault == Some(Fault::Fails) {
                return Err(failed());
            }
            let answer = {
                let mut world = self.world();
                let answer = act(&mut world);
                world.check();
                answer
            };
            match fault {
                Some(_) => Err(failed()),
                None => answer,
            }
        })
    }
}

fn failed() -> StoreError {
    StoreError {
        operation: "grant",
        kind: StoreErrorKind::Busy("as the test wants it"),
        source: None,
    }
}

impl Backing for Fake {
    fn epoch(&self) -> Step<'_, i64> {
        self.step(|world| Ok(world.epoch))
    }

    fn budgets_in_scope(&self, ask: ScopeAsk) -> Step<'_, ScopeAnswer> {
        self.step(move |world| Ok(world.budgets_in_scope(&ask)))
    }

    fn open_instance(&self, instance: [u8; 16], lives_for_ms: i64) -> Step<'_, Beat> {
        self.step(move |world| Ok(world.open(instance, lives_for_ms)))
    }

    fn heartbeat(&self, instance: [u8; 16], seen: i64, lives_for_ms: i64) -> Step<'_, Beat> {
        self.step(move |world| Ok(world.beat(instance, seen, lives_for_ms)))
    }

    fn grant(&self, instance: [u8; 16], asks: Vec<Vec<Want>>) -> Step<'_, GrantAnswer> {
        self.step(move |world| {
            world.grant(instance, &asks).ok_or(StoreError {
                operation: "grant",
                kind: StoreErrorKind::Fenced,
                source: None,
            })
        })
    }

    fn give_back(&self, instance: [u8; 16], returns: Vec<Return>) -> Step<'_, ()> {
        self.step(move |world| {
            world.give_back(instance, &returns);
            Ok(())
        })
    }

    fn write_off_dead(&self, own: [u8; 16]) -> Step<'_, Vec<WrittenOff>> {
        self.step(move |world| Ok(world.write_off_dead(own)))
    }

    fn close_instance(&self, instance: [u8; 16]) -> Step<'_, ()> {
        self.step(move |world| {
            world.close(instance);
            Ok(())
        })
    }

    fn budget_states(&self, filter: Scope) -> Step<'_, Vec<BudgetState>> {
        self.step(move |world| {
            let rows = world.budgets.iter().filter(|row| {
                row.budget_id != 0
                    && (&row.scope_kind, &row.scope_value) == (&filter.kind, &filter.value)
            });
            let states = rows.map(|row| {
                let sums = world.sums(row.budget_id);
                BudgetState {
                    budget: row.clone(),
                    window: WindowRow {
                        budget_id: row.budget_id,
                        window_start: world.window_of(row.budget_id, false),
                        settled_pico_usd: sums.settled,
                        leased_pico_usd: sums.leased,
                        forced_pico_usd: sums.forced,
                    },
                    leases: Vec::new(),
                }
            });
            Ok(states.collect())
        })
    }

    fn mark_alert(&self, budget_id: i64, window_start: i64, percent: i64) -> Step<'_, bool> {
        self.step(move |world| {
            let limit = world.budget(budget_id).limit_pico_usd;
            let alert = (budget_id, window_start, percent, limit);
            Ok(world.alerts.insert(alert))
        })
    }

    fn flush(&self) -> Step<'_, ()> {
        self.step(|_| Ok(()))
    }

    fn notified(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}
