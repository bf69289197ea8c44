//! Instances live, die and ask each other for what they hold.
//!
//! Invariants: none of the suite's own.
//! Does not know: what happens to the leases of the dead.

use storage::{BOOKS, InstanceRow, Recall, Return, StoreErrorKind};

use super::{DAY_MS, FIRST, Fresh, LIVES_MS, NOON_MS, SECOND, TODAY, want};

pub(crate) async fn a_dead_instance_is_fenced(fresh: &Fresh) {
    let store = &fresh.store;
    let unborn = store
        .grant(FIRST, vec![vec![want(BOOKS, 1)]])
        .await
        .unwrap_err();
    assert_eq!(unborn.kind, StoreErrorKind::Fenced);
    assert!(!fresh.beat(FIRST).await.alive);
    let born = fresh.open(FIRST).await;
    assert_eq!((born.now_ms, born.epoch, born.alive), (NOON_MS, 0, true));
    assert!(fresh.open(FIRST).await.alive, "again, before it dies");
    fresh.clock.step(LIVES_MS - 1);
    assert!(fresh.beat(FIRST).await.alive);
    fresh.clock.step(LIVES_MS - 1);
    fresh.open(SECOND).await;
    let row = |instance, expires_at_ms, alive| InstanceRow {
        instance,
        seen_epoch: 0,
        expires_at_ms,
        alive,
    };
    let now = NOON_MS + 2 * LIVES_MS - 2;
    let expected = [row(FIRST, now + 1, true), row(SECOND, now + LIVES_MS, true)];
    assert_eq!(store.instances().await.unwrap(), expected);
    fresh.clock.step(1);
    assert!(!fresh.beat(FIRST).await.alive);
    let late = store
        .grant(FIRST, vec![vec![want(BOOKS, 1)]])
        .await
        .unwrap_err();
    assert_eq!(late.kind, StoreErrorKind::Fenced);
    assert!(!late.is_passing());
    let again = store.open_instance(FIRST, LIVES_MS).await.unwrap_err();
    assert_eq!(again.kind, StoreErrorKind::Fenced);
    assert!(!store.instances().await.unwrap()[0].alive);
    assert!(fresh.beat(SECOND).await.alive);
    assert_eq!(store.write_off_dead(SECOND).await.unwrap(), []);
    assert_eq!(
        store.instances().await.unwrap().len(),
        1,
        "the dead are forgotten"
    );
}

pub(crate) async fn an_instance_that_leaves_gives_back(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    fresh.open(FIRST).await;
    fresh
        .grant(FIRST, &[want(BOOKS, 70), want(budget, 70)])
        .await
        .unwrap();
    for _ in 0..2 {
        fresh.store.close_instance(FIRST).await.unwrap();
        fresh.check("global", "", 0, 0).await;
        fresh.check("books", "", 0, 0).await;
    }
    assert_eq!(fresh.store.instances().await.unwrap(), []);
    assert!(!fresh.beat(FIRST).await.alive);
}

pub(crate) async fn others_are_asked_for_what_they_hold(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    let third = [3; 16];
    for instance in [FIRST, SECOND, third] {
        fresh.open(instance).await;
    }
    fresh.lease(FIRST, budget, 95).await;
    assert!(fresh.grant(FIRST, &[want(budget, 6)]).await.is_err());
    assert_eq!(fresh.beat(FIRST).await.recalls, [], "nobody asks itself");
    assert!(fresh.grant(SECOND, &[want(budget, 101)]).await.is_err());
    assert_eq!(fresh.beat(FIRST).await.recalls, [], "it would not help");
    assert!(fresh.grant(SECOND, &[want(budget, 10)]).await.is_err());
    assert!(fresh.grant(third, &[want(budget, 20)]).await.is_err());
    let recall = Recall {
        budget_id: budget,
        window_start: TODAY,
        wanted_pico_usd: 30,
    };
    assert_eq!(fresh.beat(FIRST).await.recalls, [recall]);
    assert_eq!(fresh.beat(SECOND).await.recalls, [], "it holds nothing");
}

pub(crate) async fn a_recall_ends_with_a_grant_or_with_time(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    fresh.open(FIRST).await;
    fresh.open(SECOND).await;
    let lease_id = fresh.lease(FIRST, budget, 100).await;
    assert!(fresh.grant(SECOND, &[want(budget, 10)]).await.is_err());
    assert_eq!(fresh.beat(FIRST).await.recalls.len(), 1);
    let returns = vec![Return {
        lease_id,
        given_back_pico_usd: 10,
    }];
    fresh.store.give_back(FIRST, returns).await.unwrap();
    fresh.lease(SECOND, budget, 10).await;
    assert_eq!(fresh.beat(FIRST).await.recalls, []);
    assert!(fresh.grant(SECOND, &[want(budget, 10)]).await.is_err());
    assert_eq!(fresh.beat(FIRST).await.recalls.len(), 1);
    fresh.clock.step(20_000);
    assert_eq!(fresh.beat(FIRST).await.recalls, []);
}

pub(crate) async fn a_clock_that_is_set_back_stands_still(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    fresh.clock.step(DAY_MS);
    assert_eq!(fresh.open(FIRST).await.now_ms, NOON_MS + DAY_MS);
    fresh.lease(FIRST, budget, 100).await;
    fresh.clock.step(-3 * DAY_MS);
    assert_eq!(fresh.beat(FIRST).await.now_ms, NOON_MS + DAY_MS);
    let short = fresh.grant(FIRST, &[want(budget, 1)]).await.unwrap_err();
    assert_eq!(short.window_start, TODAY + 1, "no old window opens again");
    fresh.check("global", "", 0, 100).await;
}
