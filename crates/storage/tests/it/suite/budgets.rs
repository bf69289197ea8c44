//! Budgets are made, changed and found.
//!
//! Invariants: none of the suite's own.
//! Does not know: leases.

use storage::{BudgetSet, ScopeAnswer, StoreErrorKind};

use super::{DAY_MS, Fresh, ask, scope};

pub(crate) async fn a_budget_is_set_changed_and_removed(fresh: &Fresh) {
    let store = &fresh.store;
    assert_eq!(
        store.budget_states(None).await.unwrap(),
        [],
        "the books are not shown"
    );
    let before = store.epoch().await.unwrap();
    let made = fresh.set("global", "", "day", 100).await;
    assert_eq!(made.created_epoch, before + 1);
    assert_eq!((made.limit_pico_usd, made.template_id), (Some(100), None));
    assert_eq!(
        fresh.set("global", "", "day", 100).await,
        made,
        "the same again"
    );
    assert_eq!(store.epoch().await.unwrap(), before + 1);
    let raised = fresh.set("global", "", "day", 200).await;
    assert_eq!(raised.budget_id, made.budget_id);
    assert_eq!(
        (raised.limit_pico_usd, raised.changed_epoch),
        (Some(200), before + 2)
    );
    assert_eq!(raised.created_epoch, before + 1);
    let month = fresh.set("global", "", "month", 500).await;
    assert_ne!(month.budget_id, made.budget_id, "one for each window");
    let other = fresh.set("project", "sales", "day", 7).await;
    assert_eq!(
        fresh.bind(ask("key_a", None)).await,
        [raised, month.clone()]
    );

    let global = scope("global", "");
    assert!(
        store
            .remove_budget(global.clone(), "day".to_owned())
            .await
            .unwrap()
    );
    let after = store.epoch().await.unwrap();
    assert!(!store.remove_budget(global, "day".to_owned()).await.unwrap());
    assert_eq!(store.epoch().await.unwrap(), after);
    let states = store.budget_states(None).await.unwrap();
    let left: Vec<_> = states.into_iter().map(|state| state.budget).collect();
    assert_eq!(left, [month, other]);
    let again = fresh.set("global", "", "day", 100).await;
    assert!(
        again.budget_id > made.budget_id,
        "a new one, not the old one back"
    );
    assert_eq!(fresh.state("books", "").await.budget.limit_pico_usd, None);
}

pub(crate) async fn what_is_no_budget_is_refused(fresh: &Fresh) {
    let good = BudgetSet {
        scope_kind: "key".to_owned(),
        scope_value: "key_a".to_owned(),
        window: "day".to_owned(),
        limit_pico_usd: 0,
    };
    type Spoil = fn(&mut BudgetSet);
    let cases: [(Spoil, &str); 7] = [
        (|set| set.scope_kind = "books".to_owned(), "scope_kind"),
        (|set| set.scope_kind = "global".to_owned(), "scope_value"),
        (|set| set.scope_value.clear(), "scope_value"),
        (|set| set.scope_value = "v".repeat(5_000), "scope_value"),
        (
            |set| (set.scope_kind, set.scope_value) = ("tag".to_owned(), "*".to_owned()),
            "scope_value",
        ),
        (|set| set.window = "week".to_owned(), "window"),
        (|set| set.limit_pico_usd = -1, "limit_pico_usd"),
    ];
    for (spoil, expected) in cases {
        let mut set = good.clone();
        spoil(&mut set);
        let error = fresh.store.set_budget(set).await.unwrap_err();
        assert!(
            matches!(error.kind, StoreErrorKind::Invalid { field, .. } if field == expected),
            "{expected}: {error}"
        );
    }
    assert_eq!(fresh.store.epoch().await.unwrap(), 0);
    fresh.store.set_budget(good).await.unwrap();
}

pub(crate) async fn a_template_makes_budgets_at_their_first_use(fresh: &Fresh) {
    let template = fresh.set("key", "*", "day", 100).await;
    let own = fresh.set("key", "key_b", "day", 7).await;
    let epoch = fresh.store.epoch().await.unwrap();
    let made = fresh.bind(ask("key_a", None)).await;
    assert_eq!(made.len(), 1);
    assert_eq!(
        (&*made[0].scope_value, made[0].limit_pico_usd),
        ("key_a", Some(100))
    );
    assert_eq!(made[0].template_id, Some(template.budget_id));
    assert_eq!(made[0].created_epoch, epoch);
    assert_eq!(fresh.bind(ask("key_a", None)).await, made, "made once");
    assert_eq!(fresh.bind(ask("key_b", None)).await, [own], "has its own");
    assert_eq!(fresh.store.epoch().await.unwrap(), epoch);
    // A second template adds what is missing.
    let month = fresh.set("key", "*", "month", 1_000).await;
    let both = fresh.bind(ask("key_a", None)).await;
    assert_eq!((both.len(), &both[0]), (2, &made[0]));
    assert_eq!(both[1].template_id, Some(month.budget_id));
}

pub(crate) async fn what_a_template_made_follows_it_until_it_is_set_by_itself(fresh: &Fresh) {
    fresh.set("key", "*", "day", 100).await;
    let first = fresh.bind(ask("key_a", None)).await;
    let second = fresh.bind(ask("key_b", None)).await;
    let free = fresh.set("key", "key_b", "day", 100).await;
    assert_eq!(
        (free.budget_id, free.template_id),
        (second[0].budget_id, None)
    );
    fresh.set("key", "*", "day", 50).await;
    let lowered = fresh.bind(ask("key_a", None)).await;
    assert_eq!(
        (lowered[0].budget_id, lowered[0].limit_pico_usd),
        (first[0].budget_id, Some(50))
    );
    assert_eq!(fresh.bind(ask("key_b", None)).await[0], free);
    let template = scope("key", "*");
    assert!(
        fresh
            .store
            .remove_budget(template, "day".to_owned())
            .await
            .unwrap()
    );
    assert_eq!(fresh.bind(ask("key_a", None)).await, []);
    assert_eq!(fresh.bind(ask("key_b", None)).await, [free]);
}

pub(crate) async fn a_key_may_make_only_so_many_end_users_a_day(fresh: &Fresh) {
    assert_eq!(fresh.bind(ask("key_a", Some("nobody counts"))).await, []);
    fresh.set("user", "*", "day", 100).await;
    fresh.set("user", "*", "month", 100).await;
    for user in ["one", "two", "three", "one"] {
        assert_eq!(fresh.bind(ask("key_a", Some(user))).await.len(), 2);
    }
    let refused = fresh
        .store
        .budgets_in_scope(ask("key_a", Some("four")))
        .await
        .unwrap();
    assert_eq!(refused, ScopeAnswer::TooManyEndUsers { made_today: 3 });
    assert_eq!(
        fresh.bind(ask("key_a", Some("two"))).await.len(),
        2,
        "was made before"
    );
    assert_eq!(
        fresh.bind(ask("key_b", Some("four"))).await.len(),
        2,
        "by another key"
    );
    assert_eq!(fresh.bind(ask("key_a", Some("four"))).await.len(), 2);
    fresh.clock.step(DAY_MS);
    assert_eq!(fresh.bind(ask("key_a", Some("five"))).await.len(), 2);
}
