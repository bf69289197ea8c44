//! The laws of the books on SQLite.
//!
//! Invariants: each case has a file of its own.
//! Does not know: the laws.

use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::budgets::fresh;
use crate::suite::laws::{live, settle_in_order, steps};

/// Runs one case on a runtime of its own.
pub(crate) fn run<T>(case: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(case)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance_after_every_step(steps in steps()) {
        run(async {
            let fresh = fresh().await;
            live(&fresh, &steps).await;
            fresh.store.close().await.unwrap();
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_settlements_makes_no_difference(
        shares in proptest::collection::vec((0..=100_i64, any::<u64>(), any::<u64>()), 1..12),
        batches in (1..5_usize, 1..5_usize),
        lost in proptest::option::of(0..12_usize),
    ) {
        let first: Vec<_> = shares.iter().map(|(share, rank, _)| (*share, *rank)).collect();
        let second: Vec<_> = shares.iter().map(|(share, _, rank)| (*share, *rank)).collect();
        let sums = |shares: Vec<(i64, u64)>, batch| run(async move {
            let fresh = fresh().await;
            let states = settle_in_order(&fresh, &shares, batch, lost).await;
            fresh.store.close().await.unwrap();
            states.into_iter().map(|state| state.window).collect::<Vec<_>>()
        });
        prop_assert_eq!(sums(first, batches.0), sums(second, batches.1));
    }
}
