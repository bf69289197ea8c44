//! Times a reservation and a settlement with warm leases: `cargo run --release -p cost-accounting --example escrow_speed`.
//!
//! Invariants: one thread, a real store in a temporary directory, four budgets beside the books; the fastest of many rounds counts,
//! because on a busy machine the others measure their neighbours.
//! Does not know: what is fast enough; 5 µs each is what the design asks for.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that measures and prints"
)]

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cost_accounting::{
    BudgetWindow, Budgets, CallScope, Charges, Escrow, EscrowSettings, Hold, PicoUsd,
};
use storage::{OpenOptions, Role, Store};

const ROUNDS: usize = 200;
const CALLS: usize = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let options = OpenOptions {
        path: directory.path().join("speed.db"),
        role: Role::Server,
        gather: Duration::from_millis(5),
    };
    let store = Store::open(options).await?;
    let budgets = Budgets::new(store.clone());
    let limit = PicoUsd::from_usd("1000")?;
    for scope in ["global", "key:*", "project:demo", "user:*"] {
        budgets
            .set(&scope.parse()?, BudgetWindow::Day, limit)
            .await?;
    }
    let start = Instant::now();
    let clock = Arc::new(move || start.elapsed());
    let escrow = Escrow::open(store, EscrowSettings::default(), clock, [7; 16]).await?;
    let runner = escrow.clone();
    let task = tokio::spawn(async move { runner.run().await });
    let scope = CallScope {
        key_id: "key_aaaaaaaaaaaa".into(),
        project: "demo".into(),
        model: "gpt-4o-mini".into(),
        end_user: Some("someone".into()),
        tags: vec!["team:red".to_owned()].into(),
    };
    // One large reservation that is released leaves warm leases; the rounds then run without a pause, so that none goes back.
    drop(escrow.reserve(&scope, PicoUsd::from_usd("100")?).await?);
    let amount = PicoUsd::from_usd("0.01")?;
    let mut best = [Duration::MAX; 2];
    let mut holds: Vec<Hold> = Vec::with_capacity(CALLS);
    let mut charges: Vec<Charges> = Vec::with_capacity(CALLS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            holds.push(escrow.try_reserve(&scope, amount).ok_or("cold")?);
        }
        best[0] = best[0].min(begun.elapsed());
        let begun = Instant::now();
        for hold in holds.drain(..) {
            charges.push(hold.settle(PicoUsd::ZERO));
        }
        best[1] = best[1].min(begun.elapsed());
        black_box(&mut charges).clear();
    }
    let calls = u32::try_from(CALLS)?;
    println!(
        "reserve {:?}, settle {:?} a call, warm, in five budgets",
        best[0] / calls,
        best[1] / calls
    );
    escrow.close().await?;
    task.await?;
    Ok(())
}
