//! A new budget starts from what the ledger holds of its scope and window.
//!
//! Invariants: none of the suite's own.
//! Does not know: what is under way.

use storage::EntryRow;

use super::{DAY_MS, Fresh, MONTH, TODAY, ask, spent};

/// Entries that differ in one scope each, and their corrections.
async fn fill(fresh: &Fresh) {
    let rows = vec![
        spent(1, 1),
        EntryRow {
            project: "sales".to_owned(),
            ..spent(2, 10)
        },
        EntryRow {
            key_id: "key_b".to_owned(),
            ..spent(3, 100)
        },
        EntryRow {
            model: "gpt-4o".to_owned(),
            ..spent(4, 1_000)
        },
        EntryRow {
            end_user: Some("eve".to_owned()),
            ..spent(5, 10_000)
        },
        EntryRow {
            tags: ["x", "y", "x"].map(str::to_owned).to_vec(),
            ..spent(6, 100_000)
        },
        EntryRow {
            window_day: MONTH,
            ..spent(7, 1_000_000)
        },
        EntryRow {
            window_day: MONTH - 1,
            ..spent(8, 10_000_000)
        },
    ];
    let appended = fresh.store.append_entries(rows).await.unwrap();
    let correction = EntryRow {
        adjustment: 1,
        adjusts: Some(appended[5].entry_id()),
        state: "adjusted".to_owned(),
        tags: ["x", "y", "x"].map(str::to_owned).to_vec(),
        ..spent(6, -30_000)
    };
    fresh.store.append_entries(vec![correction]).await.unwrap();
}

pub(crate) async fn a_new_budget_starts_from_the_ledger(fresh: &Fresh) {
    fill(fresh).await;
    let cases = [
        ("global", "", [81_111, 1_081_111, 11_081_111]),
        ("project", "search", [81_101, 1_081_101, 11_081_101]),
        ("key", "key_a", [81_011, 1_081_011, 11_081_011]),
        ("key", "key_b", [100; 3]),
        ("model", "gpt-4o", [1_000; 3]),
        ("user", "eve", [10_000; 3]),
        ("tag", "x", [70_000; 3]),
        ("tag", "z", [0; 3]),
    ];
    for (kind, value, sums) in cases {
        for (window, sum) in ["day", "month", "total"].into_iter().zip(sums) {
            fresh.set(kind, value, window, 5).await;
            let states = fresh
                .store
                .budget_states(Some(super::scope(kind, value)))
                .await
                .unwrap();
            let state = states
                .iter()
                .find(|state| state.budget.window == window)
                .unwrap();
            assert_eq!(
                state.window.settled_pico_usd, sum,
                "{kind}:{value} {window}"
            );
            assert_eq!(state.window.leased_pico_usd, 0);
        }
    }
}

pub(crate) async fn a_budget_of_the_past_does_not_count_in_a_new_window(fresh: &Fresh) {
    fill(fresh).await;
    fresh.clock.step(DAY_MS);
    fresh.set("global", "", "day", 5).await;
    fresh.check("global", "", 0, 0).await;
    fresh.clock.step(DAY_MS);
    fresh.set("key", "key_a", "month", 5).await;
    // The first of March.
    fresh.check("key", "key_a", 0, 0).await;
    assert_eq!(
        fresh.state("key", "key_a").await.window.window_start,
        TODAY + 2
    );
}

pub(crate) async fn what_a_template_makes_starts_from_the_ledger(fresh: &Fresh) {
    fill(fresh).await;
    fresh.set("key", "*", "day", 5).await;
    fresh.set("user", "*", "day", 5).await;
    fresh.bind(ask("key_b", Some("eve"))).await;
    fresh.check("key", "key_b", 100, 0).await;
    fresh.check("user", "eve", 10_000, 0).await;
    fresh.check("key", "*", 0, 0).await;
}
