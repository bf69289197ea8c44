//! Ledger entries and their sums on PostgreSQL.
//!
//! Invariants: what was acknowledged is read by another connection; sums equal the entries.
//! Does not know: money.

use storage::{
    Appended, EntryRow, StoreErrorKind, StoreHealth, TEXT_BYTES_MAX, UsageBy, UsageQuery,
};

use crate::integration::station::Station;
use crate::world::{adjustment, entry, request_id};

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn entries_come_back_as_they_went_in() {
    let station = Station::new();
    let store = station.server().await;
    let bare = EntryRow {
        attempt: 2,
        lease_id: None,
        model_served: None,
        service_tier: None,
        price_row: None,
        other_usage: None,
        first_chunk_ms: None,
        end_user: None,
        tags: Vec::new(),
        cached: true,
        stream: false,
        state: "estimated".to_owned(),
        ..entry(1)
    };
    // Random enough that compression does not make it fit an index.
    let long: String = (0..TEXT_BYTES_MAX as u64)
        .map(|at| char::from(33 + (at * at * 31 % 90) as u8))
        .collect();
    let odd = EntryRow {
        model: long.clone(),
        end_user: Some(format!("\0{}", &long[1..])),
        tags: vec!["\0".to_owned(), "\u{E000}0".to_owned()],
        project: "\u{10FFFF}".to_owned(),
        ..entry(2)
    };
    let rows = vec![entry(1), bare.clone(), odd.clone()];
    let appended = store.append_entries(rows).await.unwrap();
    let ids: Vec<i64> = appended
        .iter()
        .map(|appended| appended.entry_id())
        .collect();
    assert!(ids.is_sorted_by(|before, after| before < after), "{ids:?}");
    let with_id = |entry_id, row: EntryRow| EntryRow { entry_id, ..row };
    let first = store.entries_of_request(request_id(1)).await.unwrap();
    assert_eq!(first, [with_id(ids[0], entry(1)), with_id(ids[1], bare)]);
    let second = store.entries_of_request(request_id(2)).await.unwrap();
    assert_eq!(second, [with_id(ids[2], odd.clone())]);
    assert_eq!(store.entries_of_request(request_id(3)).await.unwrap(), []);
    let models = store.usage(UsageQuery::all(UsageBy::Model)).await.unwrap();
    assert!(models.iter().any(|row| row.group == odd.model));
    assert_eq!(store.health(), StoreHealth::Writable);
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn same_entry_again_is_a_duplicate_and_another_a_conflict() {
    let station = Station::new();
    let (store, other) = (station.server().await, station.server().await);
    let first = store.append_entries(vec![entry(1)]).await.unwrap();
    let entry_id = first[0].entry_id();
    let again = other
        .append_entries(vec![entry(1), entry(1)])
        .await
        .unwrap();
    assert_eq!(again, [Appended::Duplicate { entry_id }; 2]);
    let twice = other
        .append_entries(vec![entry(9), entry(9)])
        .await
        .unwrap();
    assert!(
        matches!(
            twice[..],
            [Appended::New { .. }, Appended::Duplicate { .. }]
        ),
        "{twice:?}"
    );
    let changed = EntryRow {
        cost_pico_usd: 5,
        ..entry(1)
    };
    let error = other
        .append_entries(vec![entry(2), changed, entry(3)])
        .await
        .unwrap_err();
    assert_eq!(
        error.kind,
        StoreErrorKind::Conflict {
            what: "ledger entry"
        }
    );
    // Its neighbours are written all the same.
    for number in [2, 3] {
        assert_eq!(
            store
                .entries_of_request(request_id(number))
                .await
                .unwrap()
                .len(),
            1
        );
    }
    let usage = store.usage(UsageQuery::all(UsageBy::Key)).await.unwrap();
    assert_eq!(
        (usage[0].requests, usage[0].cost_pico_usd),
        (4, 4 * 1_600_000)
    );
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn bad_rows_are_told_and_their_neighbours_written() {
    let station = Station::new();
    let store = station.server().await;
    let first = store.append_entries(vec![entry(1)]).await.unwrap();
    let good = adjustment(1, first[0].entry_id(), -600_000);
    store.append_entries(vec![good]).await.unwrap();
    let lost = adjustment(2, 999_999, -1);
    let mut receipts = Vec::new();
    for row in [entry(3), lost, entry(4)] {
        receipts.push(store.enqueue_entry(row).await.unwrap());
    }
    let mut outcomes = Vec::new();
    for receipt in receipts {
        outcomes.push(receipt.await);
    }
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    let error = outcomes[1].as_ref().unwrap_err();
    assert!(
        matches!(
            error.kind,
            StoreErrorKind::Invalid {
                field: "adjusts",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        store.health(),
        StoreHealth::Writable,
        "a bad row is no bad database"
    );
    station.peek(&format!(
        "UPDATE usage_daily SET input_tokens = {}",
        i64::MAX
    ));
    let full = store.append_entries(vec![entry(5)]).await.unwrap_err();
    assert!(
        matches!(full.kind, StoreErrorKind::Overflow { .. }),
        "{full}"
    );
    assert_eq!(store.entries_of_request(request_id(5)).await.unwrap(), []);
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn entries_are_never_changed_or_removed() {
    let station = Station::new();
    let store = station.server().await;
    store.append_entries(vec![entry(1)]).await.unwrap();
    for statement in [
        "UPDATE ledger_entry SET cost_pico_usd = 0",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry CASCADE",
    ] {
        let sql = format!("SET search_path = keyward; {statement}");
        let error = station.postgres.psql(&sql).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
    assert_eq!(station.peek("SELECT count(*) FROM ledger_entry"), "1");
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn reports_of_two_servers_add_up_past_64_bits() {
    let station = Station::new();
    let (first, second) = (station.server().await, station.server().await);
    let mut receipts = Vec::new();
    for number in 0..300 {
        let row = EntryRow {
            cost_pico_usd: i64::MAX - 5,
            window_day: if number % 2 == 0 { 9 } else { 100 },
            model: format!("model-{}", number % 7),
            ..entry(number)
        };
        receipts.push(first.enqueue_entry(row.clone()).await.unwrap());
        // Both servers hear of some.
        if number % 3 == 0 {
            receipts.push(second.enqueue_entry(row).await.unwrap());
        }
    }
    for receipt in receipts {
        receipt.await.unwrap();
    }
    let days = second.usage(UsageQuery::all(UsageBy::Day)).await.unwrap();
    let groups: Vec<&str> = days.iter().map(|row| row.group.as_str()).collect();
    assert_eq!(groups, ["9", "100"]);
    for day in days {
        assert_eq!((day.requests, day.attempts), (150, 150));
        assert_eq!(day.cost_pico_usd, 150 * i128::from(i64::MAX - 5));
        assert_eq!((day.input_tokens, day.output_tokens), (150 * 22, 150 * 9));
    }
    let query = UsageQuery {
        model: Some("model-3".to_owned()),
        day_from: Some(10),
        ..UsageQuery::all(UsageBy::Project)
    };
    let some = first.usage(query).await.unwrap();
    assert_eq!((some.len(), some[0].requests), (1, 22));
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn closed_and_forgotten_stores_write_what_was_queued() {
    let station = Station::new();
    let (closed, forgotten) = (station.server().await, station.server().await);
    let second_handle = closed.clone();
    for number in 0..50 {
        drop(closed.enqueue_entry(entry(number)).await.unwrap());
    }
    closed.close().await.unwrap();
    closed.close().await.unwrap();
    let error = second_handle
        .append_entries(vec![entry(1)])
        .await
        .unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Closed);
    assert_eq!(
        second_handle.keys().await.unwrap_err().kind,
        StoreErrorKind::Closed
    );
    assert_eq!(
        second_handle.flush().await.unwrap_err().kind,
        StoreErrorKind::Closed
    );
    let receipt = forgotten.enqueue_entry(entry(50)).await.unwrap();
    drop(forgotten);
    assert!(matches!(receipt.await.unwrap(), Appended::New { .. }));
    assert_eq!(station.peek("SELECT count(*) FROM ledger_entry"), "51");
}
