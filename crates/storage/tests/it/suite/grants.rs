//! Grants: within the limit, all or nothing, and safe after a lost answer.
//!
//! Invariants: none of the suite's own.
//! Does not know: settlements.

use storage::{BOOKS, Return, Short, StoreErrorKind, Want};

use super::{DAY_MS, FIRST, Fresh, MONTH, SECOND, TODAY, charging, scope, spent, want};

pub(crate) async fn grants_stay_within_the_limit(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    fresh.open(FIRST).await;
    fresh.open(SECOND).await;
    let granted = fresh
        .grant(FIRST, &[want(BOOKS, 60), want(budget, 60)])
        .await
        .unwrap();
    assert_eq!(granted[0].limit_pico_usd, None);
    assert_eq!(
        (granted[1].window_start, granted[1].amount_pico_usd),
        (TODAY, 60)
    );
    assert_eq!(
        (granted[1].settled_pico_usd, granted[1].leased_pico_usd),
        (0, 60)
    );
    let short = fresh.grant(SECOND, &[want(budget, 41)]).await.unwrap_err();
    let expected = Short {
        budget_id: budget,
        window_start: TODAY,
        limit_pico_usd: 100,
        settled_pico_usd: 0,
        leased_pico_usd: 60,
        own_leased_pico_usd: 0,
        needed_pico_usd: 41,
        resets_at_ms: Some((TODAY + 1) * DAY_MS),
    };
    assert_eq!(short, expected);
    let lease = fresh.lease(SECOND, budget, 40).await;
    assert_ne!(lease, granted[1].lease_id, "each has its own");
    assert!(fresh.grant(FIRST, &[want(budget, 1)]).await.is_err());
    assert_eq!(fresh.lease(FIRST, budget, 0).await, granted[1].lease_id);
    fresh.check("global", "", 0, 100).await;
    fresh.check("books", "", 0, 60).await;
}

pub(crate) async fn an_ask_gets_all_or_nothing(fresh: &Fresh) {
    let wide = fresh.set("global", "", "day", 100).await.budget_id;
    let narrow = fresh.set("key", "key_a", "total", 10).await.budget_id;
    fresh.open(FIRST).await;
    let short = fresh
        .grant(FIRST, &[want(BOOKS, 11), want(wide, 11), want(narrow, 11)])
        .await;
    let short = short.unwrap_err();
    assert_eq!((short.budget_id, short.resets_at_ms), (narrow, None));
    for (kind, value) in [("books", ""), ("global", ""), ("key", "key_a")] {
        fresh.check(kind, value, 0, 0).await;
    }
    fresh
        .grant(FIRST, &[want(wide, 10), want(narrow, 10)])
        .await
        .unwrap();
    fresh.check("key", "key_a", 0, 10).await;
}

pub(crate) async fn what_waiting_cannot_cure_is_told_first(fresh: &Fresh) {
    let held = fresh.set("global", "", "day", 100).await.budget_id;
    let spent_up = fresh.set("global", "", "month", 10).await.budget_id;
    fresh.open(FIRST).await;
    fresh.lease(FIRST, held, 95).await;
    let short = fresh
        .grant(FIRST, &[want(held, 11), want(spent_up, 11)])
        .await
        .unwrap_err();
    assert_eq!(short.budget_id, spent_up);
    let short = fresh
        .grant(FIRST, &[want(spent_up, 9), want(held, 9)])
        .await
        .unwrap_err();
    assert_eq!((short.budget_id, short.own_leased_pico_usd), (held, 95));
}

pub(crate) async fn a_wish_is_cut_to_the_room_there_is(fresh: &Fresh) {
    let budget = fresh.set("global", "", "month", 100).await.budget_id;
    fresh.open(FIRST).await;
    let wish = Want {
        amount_wished: 70,
        ..want(budget, 20)
    };
    let granted = fresh.grant(FIRST, &[wish]).await.unwrap();
    assert_eq!(
        (granted[0].amount_pico_usd, granted[0].window_start),
        (70, MONTH)
    );
    assert_eq!(
        fresh.grant(FIRST, &[wish]).await.unwrap()[0].amount_pico_usd,
        30
    );
    assert!(fresh.grant(FIRST, &[wish]).await.is_err());
    let whatever = Want {
        amount_min: 0,
        ..wish
    };
    assert_eq!(
        fresh.grant(FIRST, &[whatever]).await.unwrap()[0].amount_pico_usd,
        0
    );
}

pub(crate) async fn asks_of_one_call_share_what_there_is(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    fresh.open(FIRST).await;
    let asks = [60, 50, 40, 1].map(|amount| vec![want(BOOKS, amount), want(budget, amount)]);
    let answer = fresh.store.grant(FIRST, asks.to_vec()).await.unwrap();
    let served: Vec<bool> = answer.results.iter().map(Result::is_ok).collect();
    assert_eq!(served, [true, false, true, false]);
    let first = answer.results[0].as_ref().unwrap();
    let third = answer.results[2].as_ref().unwrap();
    assert_eq!(first[1].lease_id, third[1].lease_id);
    assert_eq!(
        (third[1].lease_granted_pico_usd, third[1].leased_pico_usd),
        (100, 100)
    );
    fresh.check("global", "", 0, 100).await;
    fresh.check("books", "", 0, 100).await;
    assert_eq!(
        fresh.store.grant(FIRST, Vec::new()).await.unwrap().results,
        []
    );
}

pub(crate) async fn a_forced_grant_passes_the_limit_and_is_counted(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    fresh.open(FIRST).await;
    fresh.lease(FIRST, budget, 90).await;
    let forced = Want {
        forced: true,
        ..want(budget, 30)
    };
    assert_eq!(
        fresh.grant(FIRST, &[forced]).await.unwrap()[0].amount_pico_usd,
        30
    );
    fresh.check("global", "", 0, 120).await;
    assert_eq!(fresh.state("global", "").await.window.forced_pico_usd, 20);
    assert!(fresh.grant(FIRST, &[want(budget, 1)]).await.is_err());
}

pub(crate) async fn the_next_window_can_be_fetched_ahead(fresh: &Fresh) {
    let day = fresh.set("global", "", "day", 100).await.budget_id;
    let month = fresh.set("global", "", "month", 100).await.budget_id;
    let total = fresh.set("global", "", "total", 100).await.budget_id;
    fresh.open(FIRST).await;
    let wants = [day, month, total, BOOKS].map(|budget_id| Want {
        next_window: true,
        ..want(budget_id, 60)
    });
    let granted = fresh.grant(FIRST, &wants).await.unwrap();
    let starts: Vec<i64> = granted.iter().map(|granted| granted.window_start).collect();
    assert_eq!(
        starts,
        [TODAY + 1, TODAY + 2, 0, TODAY + 1],
        "2024 has a 29th of February"
    );
    let now = fresh
        .grant(FIRST, &[want(day, 100), want(month, 100), want(total, 40)])
        .await;
    assert_eq!(now.unwrap().len(), 3, "the window of now is untouched");
    fresh.clock.step(DAY_MS);
    fresh.open(SECOND).await;
    assert!(fresh.grant(SECOND, &[want(day, 41)]).await.is_err());
    fresh.lease(SECOND, day, 40).await;
}

pub(crate) async fn a_removed_budget_limits_nothing(fresh: &Fresh) {
    let budget = fresh.set("global", "", "month", 100).await.budget_id;
    fresh.open(FIRST).await;
    let lease = fresh.lease(FIRST, budget, 60).await;
    let global = scope("global", "");
    fresh
        .store
        .remove_budget(global, "month".to_owned())
        .await
        .unwrap();
    let granted = fresh.grant(FIRST, &[want(budget, 500)]).await.unwrap();
    assert_eq!(
        (granted[0].lease_id, granted[0].limit_pico_usd),
        (lease, None)
    );
    assert_eq!(granted[0].window_start, MONTH);
    // What is under way settles.
    fresh.append(charging(spent(1, 50), &[lease], 0)).await;
    let granted = fresh.grant(FIRST, &[want(budget, 0)]).await.unwrap();
    assert_eq!(
        (granted[0].settled_pico_usd, granted[0].leased_pico_usd),
        (50, 510)
    );
}

pub(crate) async fn what_is_no_want_is_refused(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    let template = fresh.set("key", "*", "day", 100).await.budget_id;
    fresh.open(FIRST).await;
    let crossed = Want {
        amount_wished: 4,
        ..want(budget, 5)
    };
    let cases = [
        (want(budget, -1), "amount_wished"),
        (crossed, "amount_wished"),
        (want(template, 1), "budget_id"),
        (want(999, 1), "budget_id"),
    ];
    for (bad, expected) in cases {
        let asks = vec![vec![want(budget, 10)], vec![bad]];
        let error = fresh.store.grant(FIRST, asks).await.unwrap_err();
        assert!(
            matches!(error.kind, StoreErrorKind::Invalid { field, .. } if field == expected),
            "{expected}: {error}"
        );
        fresh.check("global", "", 0, 0).await;
    }
    let asks = vec![vec![want(budget, 0); storage::WANTS_MAX + 1]];
    assert!(fresh.store.grant(FIRST, asks).await.is_err());
}

pub(crate) async fn a_repeated_return_gives_nothing_back_twice(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    fresh.open(FIRST).await;
    let lease_id = fresh.lease(FIRST, budget, 80).await;
    let given = |given_back_pico_usd| {
        vec![Return {
            lease_id,
            given_back_pico_usd,
        }]
    };
    for _ in 0..2 {
        fresh.store.give_back(FIRST, given(30)).await.unwrap();
        fresh.check("global", "", 0, 50).await;
    }
    fresh.store.give_back(SECOND, given(70)).await.unwrap();
    fresh.check("global", "", 0, 50).await;
    fresh.store.give_back(FIRST, given(80)).await.unwrap();
    fresh.check("global", "", 0, 0).await;
    let granted = fresh.grant(FIRST, &[want(budget, 5)]).await.unwrap();
    assert_eq!(
        granted[0].lease_id, lease_id,
        "an empty lease is filled again"
    );
    assert_eq!(granted[0].lease_given_back_pico_usd, 80);
}

pub(crate) async fn a_grant_tells_what_was_granted_unknown(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    fresh.open(FIRST).await;
    drop(fresh.grant(FIRST, &[want(budget, 10)]).await);
    let granted = fresh.grant(FIRST, &[want(budget, 20)]).await.unwrap();
    assert_eq!(
        (
            granted[0].amount_pico_usd,
            granted[0].lease_granted_pico_usd
        ),
        (20, 30)
    );
}

pub(crate) async fn a_lowered_limit_grants_nothing_until_there_is_room(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    fresh.open(FIRST).await;
    let lease_id = fresh.lease(FIRST, budget, 90).await;
    fresh.set("global", "", "day", 50).await;
    assert!(fresh.grant(FIRST, &[want(budget, 1)]).await.is_err());
    let returns = vec![Return {
        lease_id,
        given_back_pico_usd: 45,
    }];
    fresh.store.give_back(FIRST, returns).await.unwrap();
    fresh.lease(FIRST, budget, 5).await;
    assert!(fresh.grant(FIRST, &[want(budget, 1)]).await.is_err());
    fresh.check("global", "", 0, 50).await;
}
