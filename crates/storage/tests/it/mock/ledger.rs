//! Ledger entries: written once, read back whole, never changed.
//!
//! Invariants: what was acknowledged is read by another connection.
//! Does not know: money.

use storage::{Appended, EntryRow, StoreErrorKind, StoreHealth};

use crate::world::{World, adjustment, entry, request_id};

#[tokio::test]
async fn entries_come_back_as_they_went_in() {
    let world = World::new();
    let store = world.server().await;
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
    let rows = vec![entry(1), bare.clone(), entry(2)];
    let appended = store.append_entries(rows).await.unwrap();
    let ids: Vec<i64> = appended
        .iter()
        .map(|appended| appended.entry_id())
        .collect();
    assert!(ids.is_sorted_by(|before, after| before < after), "{ids:?}");
    let expected = [
        EntryRow {
            entry_id: ids[0],
            ..entry(1)
        },
        EntryRow {
            entry_id: ids[1],
            ..bare
        },
    ];
    assert_eq!(
        store.entries_of_request(request_id(1)).await.unwrap(),
        expected
    );
    assert_eq!(store.entries_of_request(request_id(3)).await.unwrap(), []);
    assert_eq!(store.health(), StoreHealth::Writable);
}

#[tokio::test]
async fn enqueued_entry_is_on_disk_after_its_receipt_or_a_flush() {
    let world = World::new();
    let store = world.server().await;
    let receipt = store.enqueue_entry(entry(1)).await.unwrap();
    let appended = receipt.await.unwrap();
    assert!(matches!(appended, Appended::New { .. }));
    assert_eq!(
        world
            .peek()
            .query_row("SELECT count(*) FROM ledger_entry", [], |row| row.get(0)),
        Ok(1)
    );
    drop(store.enqueue_entry(entry(2)).await.unwrap());
    store.flush().await.unwrap();
    assert_eq!(
        store.entries_of_request(request_id(2)).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn same_entry_again_is_a_duplicate_and_another_a_conflict() {
    let world = World::new();
    let store = world.server().await;
    let first = store.append_entries(vec![entry(1)]).await.unwrap();
    let entry_id = first[0].entry_id();
    let again = store
        .append_entries(vec![entry(1), entry(1)])
        .await
        .unwrap();
    assert_eq!(again, [Appended::Duplicate { entry_id }; 2]);
    let other = EntryRow {
        cost_pico_usd: 5,
        ..entry(1)
    };
    let error = store
        .append_entries(vec![entry(2), other, entry(3)])
        .await
        .unwrap_err();
    assert_eq!(
        error.kind,
        StoreErrorKind::Conflict {
            what: "ledger entry"
        }
    );
    // Its neighbours are written all the same.
    assert_eq!(
        store.entries_of_request(request_id(2)).await.unwrap().len(),
        1
    );
    assert_eq!(
        store.entries_of_request(request_id(3)).await.unwrap().len(),
        1
    );
    assert_eq!(
        store.entries_of_request(request_id(1)).await.unwrap()[0].cost_pico_usd,
        1_600_000
    );
}

#[tokio::test]
async fn entries_are_never_changed_or_removed() {
    let world = World::new();
    let store = world.server().await;
    store.append_entries(vec![entry(1)]).await.unwrap();
    let file = world.peek();
    for statement in [
        "UPDATE ledger_entry SET cost_pico_usd = 0",
        "DELETE FROM ledger_entry",
    ] {
        let error = file.execute(statement, []).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
    assert_eq!(
        store.entries_of_request(request_id(1)).await.unwrap().len(),
        1
    );
}

/// The store's own checks come first; these hold against other writers.
#[tokio::test]
async fn tables_refuse_what_no_entry_may_hold() {
    let world = World::new();
    let store = world.server().await;
    store.append_entries(vec![entry(1)]).await.unwrap();
    let file = world.peek();
    for (change, good) in [
        ("attempt = 2", true),
        ("attempt = -1", false),
        ("request_id = x'00'", false),
        ("adjustment = -1", false),
        ("adjustment = 1", false),
        ("adjustment = 1, adjusts = 1", false),
        (
            "adjustment = 1, adjusts = 1, state = 'adjusted', cost_pico_usd = -1",
            true,
        ),
        ("attempt = 3, adjusts = 1", false),
        ("attempt = 3, state = 'adjusted'", false),
        ("attempt = 3, state = 'guessed'", false),
        ("attempt = 3, reasoning_tokens = -1", false),
        ("attempt = 3, cost_pico_usd = -1", false),
        ("attempt = 3, cached = 2", false),
        ("attempt = 3, latency_ms = -1", false),
        ("attempt = 3, first_chunk_ms = -1", false),
        ("attempt = 3, input_tokens = 1.5", false),
    ] {
        let copy = format!(
            "DROP TABLE IF EXISTS temp.copy; CREATE TEMP TABLE copy AS SELECT * FROM ledger_entry LIMIT 1;
             UPDATE copy SET entry_id = (SELECT max(entry_id) + 1 FROM ledger_entry), {change};
             INSERT INTO ledger_entry SELECT * FROM copy;"
        );
        assert_eq!(file.execute_batch(&copy).is_ok(), good, "{change}");
    }
}

#[tokio::test]
async fn adjustment_needs_the_entry_it_corrects() {
    let world = World::new();
    let store = world.server().await;
    let first = store.append_entries(vec![entry(1)]).await.unwrap();
    let good = adjustment(1, first[0].entry_id(), -600_000);
    store.append_entries(vec![good]).await.unwrap();
    assert_eq!(
        store.entries_of_request(request_id(1)).await.unwrap().len(),
        2
    );
    let lost = adjustment(2, 999, -1);
    let error = store.append_entries(vec![lost]).await.unwrap_err();
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
        "a bad row is no bad disk"
    );
}

/// A change that spoils an entry, and the field that is named.
type Spoiled = (fn(&mut EntryRow), &'static str);

#[tokio::test]
async fn rows_out_of_bounds_are_refused_by_field() {
    let world = World::new();
    let store = world.server().await;
    let cases: [Spoiled; 9] = [
        (|row| row.attempt = -1, "attempt"),
        (|row| row.adjustment = 1, "adjusts"),
        (|row| row.adjusts = Some(1), "adjusts"),
        (|row| row.state = "adjusted".to_owned(), "state"),
        (|row| row.state = "guessed".to_owned(), "state"),
        (|row| row.input_tokens = -1, "input_tokens"),
        (
            |row| row.output_tokens = storage::TOKENS_MAX + 1,
            "output_tokens",
        ),
        (|row| row.cost_pico_usd = -1, "cost_pico_usd"),
        (
            |row| row.model = "m".repeat(storage::TEXT_BYTES_MAX + 1),
            "model",
        ),
    ];
    for (spoil, expected) in cases {
        let mut row = entry(1);
        spoil(&mut row);
        let enqueued = store
            .enqueue_entry(row.clone())
            .await
            .map(drop)
            .unwrap_err();
        let appended = store.append_entries(vec![row]).await.unwrap_err();
        for error in [enqueued, appended] {
            assert!(
                matches!(error.kind, StoreErrorKind::Invalid { field, .. } if field == expected),
                "{expected}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn closed_store_says_so_and_keeps_what_was_queued() {
    let world = World::new();
    let store = world.server().await;
    let second_handle = store.clone();
    for number in 0..50 {
        drop(store.enqueue_entry(entry(number)).await.unwrap());
    }
    store.close().await.unwrap();
    store.close().await.unwrap();
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
    let reopened = world.server().await;
    for number in 0..50 {
        assert_eq!(
            reopened
                .entries_of_request(request_id(number))
                .await
                .unwrap()
                .len(),
            1
        );
    }
}

#[tokio::test]
async fn forgotten_store_writes_what_was_queued() {
    let world = World::new();
    let store = world.server().await;
    let receipt = store.enqueue_entry(entry(1)).await.unwrap();
    drop(store);
    assert!(matches!(receipt.await.unwrap(), Appended::New { .. }));
}
