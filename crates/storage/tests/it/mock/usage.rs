//! The daily sums against the entries they sum.
//!
//! Invariants: exact, whatever the order, the batches and the repeats.
//! Does not know: what a request or a cost is worth.

use std::collections::BTreeMap;

use proptest::prelude::{ProptestConfig, Strategy, prop, proptest};
use storage::{EntryRow, Store, StoreErrorKind, StoreHealth, UsageBy, UsageQuery, UsageRow};

use crate::world::{World, adjustment, entry, request_id};

/// Sums by hand, from the rows that were sent.
fn sum(rows: &[EntryRow], group: impl Fn(&EntryRow) -> String) -> Vec<UsageRow> {
    let mut sums: BTreeMap<String, UsageRow> = BTreeMap::new();
    for row in rows {
        let group = group(row);
        let sum = sums.entry(group.clone()).or_insert(UsageRow {
            group,
            requests: 0,
            attempts: 0,
            input_tokens: 0,
            output_tokens: 0,
            cost_pico_usd: 0,
        });
        if row.adjustment == 0 {
            sum.requests += i64::from(row.attempt <= 1);
            sum.attempts += i64::from(row.attempt >= 1);
        }
        sum.input_tokens += row.input_tokens
            + row.cached_input_tokens
            + row.cache_write_30m_tokens
            + row.cache_write_12h_tokens;
        sum.output_tokens += row.output_tokens + row.reasoning_tokens;
        sum.cost_pico_usd += i128::from(row.cost_pico_usd);
    }
    sums.into_values().collect()
}

async fn check(store: &Store, rows: &[EntryRow]) {
    let by = |by| store.usage(UsageQuery::all(by));
    // Days of five digits: by number and by text is the same order.
    assert_eq!(
        by(UsageBy::Day).await.unwrap(),
        sum(rows, |row| row.window_day.to_string())
    );
    assert_eq!(
        by(UsageBy::Model).await.unwrap(),
        sum(rows, |row| row.model.clone())
    );
    assert_eq!(
        by(UsageBy::Key).await.unwrap(),
        sum(rows, |row| row.key_id.clone())
    );
    assert_eq!(
        by(UsageBy::Project).await.unwrap(),
        sum(rows, |row| row.project.clone())
    );
}

/// Few names, so that groups meet; `number` is set later.
fn any_entry() -> impl Strategy<Value = EntryRow> {
    let cost = proptest::prop_oneof![0..10_i64, 0..3_000_000_000_i64, i64::MAX - 5..=i64::MAX];
    (
        0..3_u8,
        0..3_u8,
        19_000..19_003_i64,
        0..3_i64,
        0..9_i64,
        cost,
    )
        .prop_map(
            |(key, model, window_day, attempt, tokens, cost_pico_usd)| EntryRow {
                key_id: format!("key_{key}"),
                project: format!("project_{}", key % 2),
                model: format!("model_{model}"),
                window_day,
                attempt,
                input_tokens: tokens,
                reasoning_tokens: tokens * 2,
                cost_pico_usd,
                ..entry(0)
            },
        )
}

async fn append_and_check(mut rows: Vec<EntryRow>, batch: usize) {
    let world = World::new();
    let store = world.server().await;
    for (number, row) in (0..).zip(&mut rows) {
        row.request_id = request_id(number);
    }
    for rows in rows.chunks(batch) {
        store.append_entries(rows.to_vec()).await.unwrap();
    }
    // Repeats count once, and corrections count as what they are.
    store.append_entries(rows.clone()).await.unwrap();
    let first = store.entries_of_request(request_id(0)).await.unwrap();
    let correction = EntryRow {
        adjustment: 1,
        adjusts: Some(first[0].entry_id),
        state: "adjusted".to_owned(),
        input_tokens: -1,
        cost_pico_usd: -1_500_000_000,
        ..rows[0].clone()
    };
    store
        .append_entries(vec![correction.clone(), correction.clone()])
        .await
        .unwrap();
    rows.push(correction);
    check(&store, &rows).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn sums_equal_the_entries(rows in prop::collection::vec(any_entry(), 1..40), batch in 1..12_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(append_and_check(rows, batch));
    }
}

#[tokio::test]
async fn filters_cut_and_hold_together() {
    let world = World::new();
    let store = world.server().await;
    let rows: Vec<EntryRow> = (0..12)
        .map(|number| EntryRow {
            window_day: 19_000 + i64::try_from(number % 4).unwrap(),
            key_id: format!("key_{}", number % 3),
            project: format!("project_{}", number % 2),
            model: format!("model_{}", number % 2),
            ..entry(number)
        })
        .collect();
    store.append_entries(rows.clone()).await.unwrap();
    let query = UsageQuery {
        by: UsageBy::Day,
        day_from: Some(19_001),
        day_to: Some(19_002),
        key_id: Some("key_1".to_owned()),
        project: Some("project_1".to_owned()),
        model: Some("model_1".to_owned()),
    };
    let kept: Vec<EntryRow> = rows
        .into_iter()
        .filter(|row| (19_001..=19_002).contains(&row.window_day))
        .filter(|row| row.key_id == "key_1" && row.project == "project_1" && row.model == "model_1")
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        store.usage(query).await.unwrap(),
        sum(&kept, |row| row.window_day.to_string())
    );
    let nothing = UsageQuery {
        day_from: Some(20_000),
        ..UsageQuery::all(UsageBy::Model)
    };
    assert_eq!(store.usage(nothing).await.unwrap(), []);
}

#[tokio::test]
async fn days_are_ordered_by_number() {
    let world = World::new();
    let store = world.server().await;
    let days = [100, 9, -3];
    for (number, window_day) in (0..).zip(days) {
        store
            .append_entries(vec![EntryRow {
                window_day,
                ..entry(number)
            }])
            .await
            .unwrap();
    }
    let usage = store.usage(UsageQuery::all(UsageBy::Day)).await.unwrap();
    let groups: Vec<&str> = usage.iter().map(|row| row.group.as_str()).collect();
    assert_eq!(groups, ["-3", "9", "100"]);
}

#[tokio::test]
async fn cost_goes_past_64_bits() {
    let world = World::new();
    let store = world.server().await;
    let rows: Vec<EntryRow> = (0..5)
        .map(|number| EntryRow {
            cost_pico_usd: i64::MAX,
            ..entry(number)
        })
        .collect();
    store.append_entries(rows.clone()).await.unwrap();
    check(&store, &rows).await;
    let first = store.entries_of_request(request_id(0)).await.unwrap()[0].entry_id;
    let negative = adjustment(0, first, i64::MIN);
    store.append_entries(vec![negative.clone()]).await.unwrap();
    check(&store, &[rows, vec![negative]].concat()).await;
}

#[tokio::test]
async fn sum_that_would_wrap_refuses_its_entry_and_no_other() {
    let world = World::new();
    let store = world.server().await;
    store.append_entries(vec![entry(1)]).await.unwrap();
    for (column, field) in [("input_tokens", "usage"), ("cost_milli_usd", "cost")] {
        let statement = format!("UPDATE usage_daily SET {column} = {}", i64::MAX);
        world.peek().execute(&statement, []).unwrap();
        let dear = EntryRow {
            cost_pico_usd: 1_000_000_000,
            ..entry(2)
        };
        let neighbour = EntryRow {
            key_id: "key_b".to_owned(),
            ..entry(3)
        };
        let error = store
            .append_entries(vec![neighbour, dear])
            .await
            .unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Overflow { field });
        assert_eq!(store.entries_of_request(request_id(2)).await.unwrap(), []);
        assert_eq!(
            store.entries_of_request(request_id(3)).await.unwrap().len(),
            1
        );
        assert_eq!(store.health(), StoreHealth::Writable);
        world
            .peek()
            .execute(&format!("UPDATE usage_daily SET {column} = 0"), [])
            .unwrap();
    }
}
