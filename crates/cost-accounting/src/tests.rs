//! Escrow over a world in memory, in every order of answers, faults and departures.
//!
//! Invariants: one thread and paused time, so that a run is the same every time.
//! Does not know: SQL.

mod explorer;
mod fake;
mod model;
mod model_steps;
mod races;
mod renewals;
mod world;

use std::sync::Arc;
use std::time::Duration;

use fake::Fake;
use tokio::task::JoinHandle;
use world::World;

use crate::escrow::{CallScope, Escrow, EscrowEvent, EscrowSettings, Hold};
use crate::money::PicoUsd;

/// 2026-11-22, noon.
const NOON_MS: i64 = 20_779 * 86_400_000 + 43_200_000;

struct Rig {
    fake: Fake,
    escrow: Escrow,
    task: JoinHandle<()>,
    entry: u64,
}

/// The paused clock of the runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock of these tests is tokio's paused one"
)]
fn clock() -> Arc<dyn Fn() -> Duration + Send + Sync> {
    let start = tokio::time::Instant::now();
    Arc::new(move || tokio::time::Instant::now() - start)
}

async fn start_on(fake: &Fake, settings: EscrowSettings, seed: u8) -> Rig {
    let escrow = Escrow::open_on(Box::new(fake.clone()), settings, clock(), [seed; 16])
        .await
        .unwrap();
    let runner = escrow.clone();
    Rig {
        fake: fake.clone(),
        escrow,
        task: tokio::spawn(async move { runner.run().await }),
        entry: u64::from(seed) << 32,
    }
}

async fn start(world: World) -> Rig {
    start_on(&Fake::new(world), EscrowSettings::default(), 7).await
}

impl Rig {
    /// Lets time pass, in the database too.
    async fn pass(&self, time: Duration) {
        let step = Duration::from_millis(50);
        let mut left = time;
        while left > Duration::ZERO {
            let now = step.min(left);
            tokio::time::sleep(now).await;
            self.fake.world().now_ms += i64::try_from(now.as_millis()).unwrap();
            left -= now;
        }
    }

    /// Settles a hold and writes its entry.
    fn settle(&mut self, hold: Hold, cost: i64) {
        self.entry += 1;
        let charges = hold.settle(money(cost));
        let mut world = self.fake.world();
        world.enter(self.entry, &charges, cost);
        world.check();
    }

    fn events(&self) -> Vec<EscrowEvent> {
        std::iter::from_fn(|| self.escrow.take_event()).collect()
    }

    /// What the store thinks is leased of a budget, and what was settled.
    fn sums(&self, budget_id: i64) -> (i64, i64) {
        let sums = self.fake.world().sums(budget_id);
        (sums.settled, sums.leased)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn money(pico: i64) -> PicoUsd {
    PicoUsd::from_pico(i128::from(pico))
}

fn scope(key: &str) -> CallScope {
    CallScope {
        key_id: key.into(),
        project: "demo".into(),
        model: "gpt-4o-mini".into(),
        end_user: None,
        tags: Vec::new().into(),
    }
}
