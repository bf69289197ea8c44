//! What holds when the disk fails: nothing lost, nothing doubled, and everybody told.
//!
//! Invariants: after each fault the books balance.
//! Does not know: why disks fail.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use storage::{
    KeyRevocation, OpenOptions, Role, Store, StoreError, StoreErrorKind, StoreHealth, UsageBy,
    UsageQuery,
};

use crate::faults::{Breakable, FailNth};
use crate::world::{World, adjustment, entry, key, request_id};

const FAULT_STEPS_MAX: usize = 200;
/// One fault fires once; a second try must do.
const TRIES_MAX: usize = 2;

/// Repeats an operation after a fault, as a caller would.
async fn retry<T, F: Future<Output = Result<T, StoreError>>>(
    mut operation: impl FnMut() -> F,
) -> T {
    for _ in 1..TRIES_MAX {
        match operation().await {
            Ok(value) => return value,
            Err(error) => assert!(error.is_passing(), "{error}"),
        }
    }
    operation().await.expect("the fault fires once")
}

async fn use_store(world: &World, disk: &Arc<FailNth>) {
    let store = retry(|| Store::open_on(world.options(Role::Server), Arc::clone(disk) as _)).await;
    match store.insert_key(key(1)).await {
        Ok(()) => {}
        // The answer may have been lost, and not the key: then a second insert says `Conflict`.
        Err(_) => match store.insert_key(key(1)).await {
            Ok(())
            | Err(StoreError {
                kind: StoreErrorKind::Conflict { .. },
                ..
            }) => {}
            Err(error) => panic!("{error}"),
        },
    }
    for number in 1..=3 {
        drop(store.enqueue_entry(entry(number)).await.unwrap());
    }
    let appended = retry(|| store.append_entries(vec![entry(4), entry(5)])).await;
    retry(|| store.append_entries(vec![adjustment(4, appended[0].entry_id(), -600_000)])).await;
    let revoked = retry(|| store.revoke_key("key_1", 5)).await;
    assert!(matches!(
        revoked,
        KeyRevocation::Revoked | KeyRevocation::AlreadyRevoked { at_ms: 5 }
    ));
    retry(|| store.flush()).await;
    assert_eq!(store.health(), StoreHealth::Writable);
    store.close().await.unwrap();
}

async fn assert_books_balance(world: &World) {
    let store = world.server().await;
    for number in 1..=5 {
        let rows = store.entries_of_request(request_id(number)).await.unwrap();
        assert_eq!(rows.len(), if number == 4 { 2 } else { 1 });
    }
    let usage = store.usage(UsageQuery::all(UsageBy::Key)).await.unwrap();
    assert_eq!(usage.len(), 1);
    assert_eq!((usage[0].requests, usage[0].attempts), (5, 5));
    assert_eq!(usage[0].cost_pico_usd, 5 * 1_600_000 - 600_000);
    assert_eq!(store.keys().await.unwrap().len(), 1);
    store.close().await.unwrap();
}

#[tokio::test]
async fn any_step_may_fail_once() {
    for nth in 0..FAULT_STEPS_MAX {
        let disk = Arc::new(FailNth::new(nth));
        let world = World::new();
        use_store(&world, &disk).await;
        assert_books_balance(&world).await;
        if !disk.fired() {
            assert!(nth > 20, "the steps were not counted");
            return;
        }
    }
    panic!("still failing after {FAULT_STEPS_MAX} faults");
}

async fn breakable(world: &World, gather: Duration) -> (Store, Arc<Breakable>) {
    let disk = Arc::new(Breakable::default());
    let options = OpenOptions {
        gather,
        ..world.options(Role::Server)
    };
    let store = Store::open_on(options, Arc::clone(&disk) as _)
        .await
        .unwrap();
    (store, disk)
}

#[tokio::test]
async fn failed_commit_tells_every_receipt_and_keeps_the_entries() {
    let world = World::new();
    let (store, disk) = breakable(&world, Duration::ZERO).await;
    disk.broken.store(true, Ordering::SeqCst);
    let first = store.enqueue_entry(entry(1)).await.unwrap();
    let second = store.enqueue_entry(entry(2)).await.unwrap();
    for receipt in [first, second] {
        assert!(matches!(
            receipt.await.unwrap_err().kind,
            StoreErrorKind::Disk(_)
        ));
    }
    let StoreHealth::Failing { message, .. } = store.health() else {
        panic!("it fails")
    };
    assert!(message.contains("broken"), "{message}");
    assert!(store.insert_key(key(1)).await.is_err());
    disk.broken.store(false, Ordering::SeqCst);
    // Nobody asks: the writer heals by itself.
    while store.health() != StoreHealth::Writable {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        store.entries_of_request(request_id(1)).await.unwrap().len(),
        1
    );
    assert_eq!(
        store.entries_of_request(request_id(2)).await.unwrap().len(),
        1
    );
    assert_eq!(
        store.keys().await.unwrap(),
        [],
        "a key that was refused does not come later"
    );
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_met_a_full_queue_was_lost() {
    let world = World::new();
    let (store, disk) = breakable(&world, Duration::ZERO).await;
    disk.broken.store(true, Ordering::SeqCst);
    let places = u64::try_from(storage::ENTRIES_WAITING_MAX).unwrap();
    for number in 0..places {
        drop(store.enqueue_entry(entry(number)).await.unwrap());
    }
    let mut late = Box::pin(store.enqueue_entry(entry(places)));
    // Time is paused: this is not waited for.
    let hour = Duration::from_secs(3_600);
    assert!(tokio::time::timeout(hour, &mut late).await.is_err());
    let busy = store.append_entries(vec![entry(0)]).await.unwrap_err();
    assert!(matches!(busy.kind, StoreErrorKind::Busy(_)), "{busy}");
    assert!(
        store.flush().await.is_err(),
        "commands are answered all the same"
    );
    disk.broken.store(false, Ordering::SeqCst);
    drop(late.await.unwrap());
    store.flush().await.unwrap();
    let usage = store.usage(UsageQuery::all(UsageBy::Key)).await.unwrap();
    assert_eq!(usage[0].requests, i64::try_from(places + 1).unwrap());
    assert_eq!(store.health(), StoreHealth::Writable);
    store.close().await.unwrap();
}

#[tokio::test]
async fn who_waits_for_a_place_is_told_when_the_store_closes() {
    let world = World::new();
    let (store, disk) = breakable(&world, Duration::ZERO).await;
    disk.broken.store(true, Ordering::SeqCst);
    for number in 0..u64::try_from(storage::ENTRIES_WAITING_MAX).unwrap() {
        drop(store.enqueue_entry(entry(number)).await.unwrap());
    }
    let late = store.enqueue_entry(entry(u64::MAX));
    let heal = async { disk.broken.store(false, Ordering::SeqCst) };
    // In this order: the entry waits, the store closes, the disk heals.
    let (late, closed, ()) = tokio::join!(biased; late, store.close(), heal);
    assert!(matches!(late.unwrap_err().kind, StoreErrorKind::Closed));
    closed.unwrap();
}

#[tokio::test]
async fn close_on_a_broken_disk_ends_and_says_so() {
    let world = World::new();
    let (store, disk) = breakable(&world, Duration::ZERO).await;
    disk.broken.store(true, Ordering::SeqCst);
    drop(store.enqueue_entry(entry(1)).await.unwrap());
    assert!(matches!(
        store.close().await.unwrap_err().kind,
        StoreErrorKind::Disk(_)
    ));
    // The lock is free again.
    world.server().await.close().await.unwrap();
}

#[tokio::test]
async fn entries_that_nobody_waits_for_share_a_commit() {
    let world = World::new();
    let (store, disk) = breakable(&world, Duration::from_millis(50)).await;
    let before = disk.commits.load(Ordering::SeqCst);
    for number in 0..500 {
        drop(store.enqueue_entry(entry(number)).await.unwrap());
    }
    store.flush().await.unwrap();
    let commits = disk.commits.load(Ordering::SeqCst) - before;
    assert!(
        (1..=50).contains(&commits),
        "{commits} commits for 500 entries"
    );
}
