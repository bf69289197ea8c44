//! The soak of money in its short form, as CI runs it. The long one: `cargo xtask soak money`.
//!
//! Invariants: the same laws as in the long form; the seed stands here.
//! Does not know: what is compared; `rig` does that.

use std::time::Duration;

use openai_sim::{Sim, SimOptions};
use rig::{Soak, SoakDatabase};

use crate::support::KEYWARD;

/// What all choices come from.
const SEED: u64 = 20_261_122;
const KILLS: u32 = 3;
const CALLERS: u32 = 30;
const LASTS: Duration = Duration::from_secs(9);

async fn check(database: SoakDatabase) {
    let options = SimOptions {
        control: true,
        ..SimOptions::default()
    };
    let sim = Sim::start(options).await.unwrap();
    let soak = Soak {
        keyward: KEYWARD.into(),
        simulator_url: sim.base_url(),
        control_url: sim.control_url().unwrap(),
        database,
        kills: KILLS,
        lasts: LASTS,
        callers: CALLERS,
        seed: SEED,
        budgets: true,
        remains: None,
    };
    let report = soak.run().await.unwrap();
    assert!(report.passed(), "{}", report.text);
    assert!(report.answered > 0 && report.refused > 0, "{}", report.text);
    sim.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "integration tier"]
async fn books_agree_after_kills_on_sqlite() {
    check(SoakDatabase::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "integration tier"]
async fn books_agree_after_kills_of_two_servers_on_postgres() {
    check(SoakDatabase::Postgres).await;
}
