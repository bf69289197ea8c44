//! The laws of the books on PostgreSQL, on fewer cases than on SQLite: each takes as long as its commits.
//!
//! Invariants: each case has an empty database.
//! Does not know: the laws.

use std::rc::Rc;

use proptest::prelude::{ProptestConfig, any};
use proptest::test_runner::TestRunner;

use crate::integration::budgets::fresh_on;
use crate::integration::station::Station;
use crate::suite::laws::{live, settle_in_order, steps};

/// Runs one case on a runtime of its own.
fn run<T>(case: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(case)
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn the_books_balance_after_every_step() {
    let station = Rc::new(Station::new());
    let outcome = runner(24).run(&steps(), |steps| {
        run(async {
            let fresh = fresh_on(Rc::clone(&station)).await;
            live(&fresh, &steps).await;
            fresh.store.close().await.unwrap();
        });
        Ok(())
    });
    outcome.unwrap();
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn the_order_of_settlements_makes_no_difference() {
    let station = Rc::new(Station::new());
    let shares = proptest::collection::vec((0..=100_i64, any::<u64>(), any::<u64>()), 1..12);
    let lost = proptest::option::of(0..12_usize);
    let cases = (shares, 1..5_usize, 1..5_usize, lost);
    let outcome = runner(6).run(&cases, |(shares, first_batch, second_batch, lost)| {
        let sums = |batch, rank: fn(&(i64, u64, u64)) -> u64| {
            let shares: Vec<_> = shares.iter().map(|share| (share.0, rank(share))).collect();
            run(async {
                let fresh = fresh_on(Rc::clone(&station)).await;
                let states = settle_in_order(&fresh, &shares, batch, lost).await;
                fresh.store.close().await.unwrap();
                states
                    .into_iter()
                    .map(|state| state.window)
                    .collect::<Vec<_>>()
            })
        };
        let first = sums(first_batch, |share| share.1);
        proptest::prop_assert_eq!(first, sums(second_batch, |share| share.2));
        Ok(())
    });
    outcome.unwrap();
}
