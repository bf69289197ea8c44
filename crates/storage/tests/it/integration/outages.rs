//! A database that is slow, frozen, cut off or restarted while entries are written.
//!
//! Invariants: calls end in time; whatever happens, each entry is there once when the database is back.
//! Does not know: budgets.

use std::time::{Duration, Instant};

use rig::Fault;
use storage::{CALL_MAX, Store, StoreErrorKind, StoreHealth, UsageBy, UsageQuery};

use crate::integration::station::Station;
use crate::world::{entry, key};

/// Beyond `CALL_MAX`, for a machine that is busy.
const GRACE: Duration = Duration::from_secs(3);

/// Until the writer has caught up by itself.
async fn wait_until_writable(store: &Store) {
    while store.flush().await.is_err() || store.health() != StoreHealth::Writable {
        tokio::task::yield_now().await;
    }
}

async fn assert_entries(store: &Store, entries: i64) {
    let usage = store.usage(UsageQuery::all(UsageBy::Key)).await.unwrap();
    assert_eq!((usage[0].requests, usage[0].attempts), (entries, entries));
}

/// Calls that wait for the database are refused in time.
#[expect(clippy::disallowed_methods, reason = "this is about real time")]
async fn assert_refused_in_time(store: &Store) {
    let before = Instant::now();
    let error = store.insert_key(key(9)).await.unwrap_err();
    assert!(
        matches!(error.kind, StoreErrorKind::Unavailable(_)),
        "{error}"
    );
    assert!(error.is_passing());
    assert!(
        before.elapsed() < CALL_MAX + GRACE,
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_restart_loses_and_doubles_nothing() {
    let mut station = Station::new();
    let store = station.server().await;
    for number in 0..20 {
        drop(store.enqueue_entry(entry(number)).await.unwrap());
    }
    station.postgres.crash().unwrap();
    let receipt = store.enqueue_entry(entry(20)).await.unwrap();
    assert!(receipt.await.is_err());
    assert!(matches!(store.health(), StoreHealth::Failing { .. }));
    assert_refused_in_time(&store).await;
    station.postgres.restart().unwrap();
    wait_until_writable(&store).await;
    assert_entries(&store, 21).await;
    assert_eq!(
        store.keys().await.unwrap(),
        [],
        "a key that was refused does not come later"
    );
    station.postgres.restart().unwrap();
    // The connections of before are dead, and nobody notices.
    assert_entries(&store, 21).await;
    store.insert_key(key(1)).await.unwrap();
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_frozen_database_is_noticed_and_what_waits_is_written_later() {
    let station = Station::new();
    let store = station.server().await;
    store.append_entries(vec![entry(0)]).await.unwrap();
    station.postgres.pause().unwrap();
    for number in 0..20 {
        drop(store.enqueue_entry(entry(number)).await.unwrap());
    }
    assert_refused_in_time(&store).await;
    // No commit has failed yet; that entries wait is enough.
    while store.health() == StoreHealth::Writable {
        tokio::task::yield_now().await;
    }
    station.postgres.resume().unwrap();
    wait_until_writable(&store).await;
    assert_entries(&store, 20).await;
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_slow_database_is_slow_and_loses_nothing() {
    let station = Station::new();
    let (store, proxy) = station.behind_proxy().await;
    proxy.set(Fault::Slow {
        pause: Duration::from_millis(200),
    });
    let mut receipts = Vec::new();
    for number in 0..20 {
        receipts.push(store.enqueue_entry(entry(number)).await.unwrap());
    }
    for receipt in receipts {
        receipt.await.unwrap();
    }
    proxy.set(Fault::None);
    assert_entries(&store, 20).await;
}

/// Answers are cut after every count of bytes that a batch has.
#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_connection_that_is_cut_anywhere_loses_and_doubles_nothing() {
    let station = Station::new();
    let (store, proxy) = station.behind_proxy().await;
    let mut sent = 0;
    for after_bytes in (0..400).step_by(9) {
        proxy.set(Fault::Cut { after_bytes });
        for _ in 0..3 {
            drop(store.enqueue_entry(entry(sent)).await.unwrap());
            sent += 1;
        }
        // The fault may come at once, at the next batch or not at all.
        let _ = store.flush().await;
        proxy.set(Fault::None);
        wait_until_writable(&store).await;
    }
    assert_entries(&store, i64::try_from(sent).unwrap()).await;
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_commit_whose_answer_is_lost_is_repeated_safely() {
    let station = Station::new();
    let (store, proxy) = station.behind_proxy().await;
    store.append_entries(vec![entry(0)]).await.unwrap();
    proxy.set(Fault::Unheard { request: "COMMIT" });
    let lost = store
        .append_entries(vec![entry(0), entry(1)])
        .await
        .unwrap_err();
    assert!(
        matches!(lost.kind, StoreErrorKind::Unavailable(_)),
        "{lost}"
    );
    assert_eq!(
        station.peek("SELECT count(*) FROM ledger_entry"),
        "2",
        "it was done"
    );
    let lost = store.insert_key(key(1)).await.unwrap_err();
    assert!(lost.is_passing(), "{lost}");
    proxy.set(Fault::None);
    wait_until_writable(&store).await;
    assert_entries(&store, 2).await;
    // An insert that was done and not answered is found as taken.
    let again = store.insert_key(key(1)).await.unwrap_err();
    assert_eq!(again.kind, StoreErrorKind::Conflict { what: "key id" });
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_close_without_a_database_ends_and_says_so() {
    let mut station = Station::new();
    let store = station.server().await;
    station.postgres.stop().unwrap();
    drop(store.enqueue_entry(entry(1)).await.unwrap());
    let error = store.close().await.unwrap_err();
    assert!(
        matches!(error.kind, StoreErrorKind::Unavailable(_)),
        "{error}"
    );
}
