//! Alerts are told once.
//!
//! Invariants: none of the suite's own.
//! Does not know: who tells them, and how.

use storage::AlertRow;

use super::{FIRST, Fresh, NOON_MS, TODAY, charging, spent};

pub(crate) async fn an_alert_is_marked_once(fresh: &Fresh) {
    let budget = fresh.set("key", "key_a", "day", 100).await.budget_id;
    fresh.open(FIRST).await;
    let lease = fresh.lease(FIRST, budget, 90).await;
    fresh.append(charging(spent(1, 60), &[lease], 9)).await;
    let store = &fresh.store;
    assert!(store.mark_alert(budget, TODAY, 50).await.unwrap());
    assert!(!store.mark_alert(budget, TODAY, 50).await.unwrap());
    assert!(store.mark_alert(budget, TODAY, 80).await.unwrap());
    assert!(
        store.mark_alert(budget, TODAY + 1, 50).await.unwrap(),
        "a new window"
    );
    fresh.set("key", "key_a", "day", 120).await;
    assert!(
        store.mark_alert(budget, TODAY, 50).await.unwrap(),
        "a new limit"
    );
    assert!(
        !store.mark_alert(999, TODAY, 50).await.unwrap(),
        "no budget"
    );
    let alerts = store.alerts_waiting(10, 1_000).await.unwrap();
    assert_eq!(alerts.len(), 4);
    let expected = AlertRow {
        alert_id: alerts[0].alert_id,
        budget_id: budget,
        scope_kind: "key".to_owned(),
        scope_value: "key_a".to_owned(),
        window: "day".to_owned(),
        window_start: TODAY,
        percent: 50,
        limit_pico_usd: 100,
        settled_pico_usd: 60,
        leased_pico_usd: 30,
        at_ms: NOON_MS,
        tries: 1,
    };
    assert_eq!(alerts[0], expected);
}

pub(crate) async fn a_claimed_alert_is_nobody_elses(fresh: &Fresh) {
    let budget = fresh.set("key", "key_a", "day", 100).await.budget_id;
    let store = &fresh.store;
    for percent in [50, 80, 100] {
        store.mark_alert(budget, TODAY, percent).await.unwrap();
    }
    let first = store.alerts_waiting(2, 1_000).await.unwrap();
    let second = store.alerts_waiting(2, 1_000).await.unwrap();
    assert_eq!((first.len(), second.len()), (2, 1));
    assert_eq!(store.alerts_waiting(2, 1_000).await.unwrap(), []);
    store.alert_delivered(first[0].alert_id).await.unwrap();
    store.alert_delivered(first[0].alert_id).await.unwrap();
    fresh.clock.step(1_000);
    let again = store.alerts_waiting(10, 1_000).await.unwrap();
    let tries: Vec<_> = again
        .iter()
        .map(|alert| (alert.percent, alert.tries))
        .collect();
    assert_eq!(tries, [(80, 2), (100, 2)]);
}
