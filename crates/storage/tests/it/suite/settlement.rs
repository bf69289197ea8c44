//! Entries charge what they cost: once, to the right window, and whatever became of their lease.
//!
//! Invariants: none of the suite's own.
//! Does not know: limits.

use storage::{BOOKS, EntryRow, StoreErrorKind, UnprovenRow, UsageBy, UsageQuery};

use super::{DAY_MS, FIRST, Fresh, LIVES_MS, SECOND, TODAY, charging, scope, spent, want};

/// Leases of the books and of a budget, of this size.
async fn hold(fresh: &Fresh, budget_id: i64, amount: i64) -> [i64; 2] {
    let granted = fresh
        .grant(FIRST, &[want(BOOKS, amount), want(budget_id, amount)])
        .await
        .unwrap();
    [granted[0].lease_id, granted[1].lease_id]
}

/// Ends the life of the first instance and writes off what it held.
async fn lose(fresh: &Fresh) {
    fresh.clock.step(LIVES_MS);
    fresh.open(SECOND).await;
    fresh.store.write_off_dead(SECOND).await.unwrap();
}

pub(crate) async fn a_settlement_moves_leased_to_settled(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    let epoch = fresh.open(FIRST).await.epoch;
    let leases = hold(fresh, budget, 50).await;
    let writes = vec![
        charging(spent(1, 10), &leases, epoch),
        charging(spent(2, 0), &leases, epoch),
        charging(spent(3, 5), &leases, epoch),
        // The same lease twice charges it once.
        charging(spent(4, 1), &[leases[0], leases[1], leases[1]], epoch),
    ];
    fresh.store.append_entries(writes).await.unwrap();
    fresh.check("global", "", 16, 34).await;
    fresh.check("books", "", 16, 34).await;
    let receipt = fresh
        .store
        .enqueue_entry(charging(spent(5, 4), &leases, epoch))
        .await
        .unwrap();
    receipt.await.unwrap();
    fresh.check("global", "", 20, 30).await;
    // Without leases: the ledger alone.
    fresh.append(spent(6, 7).into()).await;
    fresh.check("global", "", 20, 30).await;
}

pub(crate) async fn a_duplicate_charges_nothing(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    let epoch = fresh.open(FIRST).await.epoch;
    let leases = hold(fresh, budget, 50).await;
    let write = charging(spent(1, 10), &leases, epoch);
    fresh
        .store
        .append_entries(vec![write.clone(), write.clone()])
        .await
        .unwrap();
    fresh.append(write).await;
    fresh.check("global", "", 10, 40).await;
}

pub(crate) async fn a_refused_entry_charges_nothing(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    let epoch = fresh.open(FIRST).await.epoch;
    let leases = hold(fresh, budget, 50).await;
    fresh.append(charging(spent(1, 10), &leases, epoch)).await;
    let lost = EntryRow {
        adjustment: 1,
        adjusts: Some(999),
        state: "adjusted".to_owned(),
        ..spent(3, 5)
    };
    for bad in [spent(1, 11), lost] {
        let writes = vec![
            charging(bad, &leases, epoch),
            charging(spent(2, 1), &leases, epoch),
        ];
        fresh.store.append_entries(writes).await.unwrap_err();
        fresh.check("global", "", 11, 39).await;
    }
}

pub(crate) async fn a_cost_above_the_lease_is_charged_in_full(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    let epoch = fresh.open(FIRST).await.epoch;
    let leases = hold(fresh, budget, 50).await;
    fresh.append(charging(spent(1, 120), &leases, epoch)).await;
    fresh.check("global", "", 120, 0).await;
    assert!(fresh.grant(FIRST, &[want(budget, 1)]).await.is_err());
    fresh.append(charging(spent(2, 3), &leases, epoch)).await;
    fresh.check("global", "", 123, 0).await;
}

pub(crate) async fn a_newer_budget_is_charged_without_a_lease(fresh: &Fresh) {
    let epoch = fresh.open(FIRST).await.epoch;
    let books = fresh.lease(FIRST, BOOKS, 100).await;
    for (kind, value) in [
        ("global", ""),
        ("project", "search"),
        ("key", "key_a"),
        ("model", "text-embedding-ada-002"),
        ("user", "eve"),
        ("tag", "x"),
        ("tag", "other"),
        ("key", "*"),
    ] {
        fresh.set(kind, value, "day", 100).await;
        fresh.set(kind, value, "month", 100).await;
        fresh
            .store
            .remove_budget(scope(kind, value), "month".to_owned())
            .await
            .unwrap();
    }
    let row = EntryRow {
        end_user: Some("eve".to_owned()),
        tags: vec!["x".to_owned()],
        ..spent(1, 10)
    };
    fresh.append(charging(row.clone(), &[books], epoch)).await;
    fresh.append(charging(row, &[books], epoch)).await;
    for (kind, value, settled) in [
        ("global", "", 10),
        ("project", "search", 10),
        ("key", "key_a", 10),
        ("model", "text-embedding-ada-002", 10),
        ("user", "eve", 10),
        ("tag", "x", 10),
        ("tag", "other", 0),
        ("key", "*", 0),
    ] {
        fresh.check(kind, value, settled, 0).await;
    }
    // A reservation of yesterday is no matter of a budget of today.
    let yesterday = EntryRow {
        window_day: TODAY - 1,
        ..spent(2, 5)
    };
    fresh.append(charging(yesterday, &[books], epoch)).await;
    fresh.check("global", "", 10, 0).await;
    // One that knew them is charged to its leases alone.
    let known = fresh.store.epoch().await.unwrap();
    fresh.append(charging(spent(3, 5), &[books], known)).await;
    fresh.check("global", "", 10, 0).await;
    fresh.check("books", "", 20, 80).await;
}

pub(crate) async fn a_budget_is_charged_once_whatever_the_epoch_says(fresh: &Fresh) {
    let before = fresh.open(FIRST).await.epoch;
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    let leases = hold(fresh, budget, 50).await;
    fresh.append(charging(spent(1, 10), &leases, before)).await;
    fresh.check("global", "", 10, 40).await;
}

pub(crate) async fn a_lease_that_was_forgotten_charges_all_that_match(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    fresh.set("key", "key_a", "day", 100).await;
    fresh.set("key", "key_b", "day", 100).await;
    let epoch = fresh.open(FIRST).await.epoch;
    let leases = hold(fresh, budget, 50).await;
    fresh
        .append(charging(spent(1, 10), &[leases[0], leases[1], 999], epoch))
        .await;
    fresh.check("global", "", 10, 40).await;
    fresh.check("key", "key_a", 10, 0).await;
    fresh.check("key", "key_b", 0, 0).await;
}

pub(crate) async fn what_a_dead_instance_held_is_written_off_and_taken_back(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    let epoch = fresh.open(FIRST).await.epoch;
    let leases = hold(fresh, budget, 50).await;
    fresh.append(charging(spent(1, 10), &leases, epoch)).await;
    assert_eq!(
        fresh.store.write_off_dead(SECOND).await.unwrap(),
        [],
        "it lives"
    );
    fresh.clock.step(LIVES_MS);
    assert_eq!(
        fresh.store.write_off_dead(FIRST).await.unwrap(),
        [],
        "nobody buries itself"
    );
    let written_off = fresh.store.write_off_dead(SECOND).await.unwrap();
    let amounts: Vec<_> = written_off
        .iter()
        .map(|off| {
            (
                off.lease_id,
                off.budget_id,
                off.amount_pico_usd,
                off.entry_id.is_some(),
            )
        })
        .collect();
    assert_eq!(
        amounts,
        [(leases[0], BOOKS, 40, true), (leases[1], budget, 40, false)]
    );
    assert_eq!(
        (written_off[0].window_start, written_off[0].instance),
        (TODAY, FIRST)
    );
    fresh.check("global", "", 50, 0).await;
    fresh.check("books", "", 50, 0).await;

    // Two calls come back after all, and cost more than was held for both.
    for (number, cost, settled, taken_back) in [(2, 30, 50, 30), (3, 15, 55, 40)] {
        fresh
            .append(charging(spent(number, cost), &leases, epoch))
            .await;
        fresh.check("global", "", settled, 0).await;
        fresh.check("books", "", settled, 0).await;
        let lease = fresh.state("global", "").await.leases[0];
        assert_eq!(
            (lease.written_off_pico_usd, lease.taken_back_pico_usd),
            (40, taken_back)
        );
    }
    let usage = fresh
        .store
        .usage(UsageQuery::all(UsageBy::Key))
        .await
        .unwrap();
    let sums: Vec<_> = usage
        .iter()
        .map(|row| (&*row.group, row.requests, row.attempts, row.cost_pico_usd))
        .collect();
    assert_eq!(
        sums,
        [("-", 0, 0, 0), ("key_a", 3, 3, 55)],
        "what was lost is no request"
    );
    check_lost_entries(fresh, leases[0]).await;
}

async fn check_lost_entries(fresh: &Fresh, lease_id: i64) {
    let mut request_id = *b"lost\0\0\0\0\0\0\0\0\0\0\0\0";
    request_id[8..].copy_from_slice(&lease_id.to_be_bytes());
    let rows = fresh.store.entries_of_request(request_id).await.unwrap();
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.adjustment, &*row.state, row.cost_pico_usd, row.lease_id))
        .collect();
    let expected = [
        (0, "unsettled", 40, Some(lease_id)),
        (1, "adjusted", -30, Some(lease_id)),
        (2, "adjusted", -10, Some(lease_id)),
    ];
    assert_eq!(seen, expected);
    assert!(
        rows.iter()
            .all(|row| row.window_day == TODAY && row.outcome == "lost")
    );
    assert!(
        rows[1..]
            .iter()
            .all(|row| row.adjusts == Some(rows[0].entry_id))
    );
}

pub(crate) async fn a_write_off_happens_once(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    fresh.open(FIRST).await;
    hold(fresh, budget, 50).await;
    lose(fresh).await;
    for _ in 0..2 {
        assert_eq!(fresh.store.write_off_dead(SECOND).await.unwrap(), []);
        fresh.check("books", "", 50, 0).await;
    }
    fresh.store.close_instance(FIRST).await.unwrap();
    fresh.check("global", "", 50, 0).await;
}

pub(crate) async fn a_correction_lowers_what_was_charged(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    let epoch = fresh.open(FIRST).await.epoch;
    let leases = hold(fresh, budget, 50).await;
    let estimated = EntryRow {
        state: "estimated".to_owned(),
        ..spent(1, 40)
    };
    let appended = fresh
        .store
        .append_entries(vec![charging(estimated, &leases, epoch)])
        .await
        .unwrap();
    let correction = EntryRow {
        adjustment: 1,
        adjusts: Some(appended[0].entry_id()),
        state: "adjusted".to_owned(),
        ..spent(1, -25)
    };
    fresh.append(charging(correction, &leases, epoch)).await;
    fresh.check("global", "", 15, 10).await;
    fresh.check("books", "", 15, 10).await;
}

pub(crate) async fn late_entries_go_to_the_window_of_their_lease(fresh: &Fresh) {
    let budget = fresh.set("global", "", "day", 100).await.budget_id;
    let epoch = fresh.open(FIRST).await.epoch;
    let leases = hold(fresh, budget, 50).await;
    fresh.clock.step(DAY_MS);
    fresh.append(charging(spent(1, 10), &leases, epoch)).await;
    fresh.check("global", "", 0, 0).await;
    let off = fresh.store.write_off_dead(SECOND).await.unwrap();
    assert!(
        off.iter()
            .all(|off| (off.window_start, off.amount_pico_usd) == (TODAY, 40))
    );
    fresh.check("global", "", 0, 0).await;
    let usage = fresh
        .store
        .usage(UsageQuery::all(UsageBy::Day))
        .await
        .unwrap();
    assert_eq!(usage.len(), 1);
    assert_eq!((&*usage[0].group, usage[0].cost_pico_usd), ("19781", 50));
}

pub(crate) async fn what_nobody_proved_is_told_apart(fresh: &Fresh) {
    let epoch = fresh.open(FIRST).await.epoch;
    let books = fresh.lease(FIRST, BOOKS, 100).await;
    let estimated = EntryRow {
        state: "estimated".to_owned(),
        ..spent(2, 20)
    };
    let writes = vec![
        charging(spent(1, 10), &[books], epoch),
        charging(estimated, &[books], epoch),
    ];
    let appended = fresh.store.append_entries(writes).await.unwrap();
    let correction = EntryRow {
        adjustment: 1,
        adjusts: Some(appended[1].entry_id()),
        state: "adjusted".to_owned(),
        ..spent(2, -5)
    };
    fresh.append(charging(correction, &[books], epoch)).await;
    lose(fresh).await;
    fresh.append(charging(spent(3, 30), &[books], epoch)).await;
    let row = |group: &str, estimated_pico_usd, unsettled_pico_usd| UnprovenRow {
        group: group.to_owned(),
        estimated_pico_usd,
        unsettled_pico_usd,
    };
    let by_key = fresh
        .store
        .unproven(UsageQuery::all(UsageBy::Key))
        .await
        .unwrap();
    assert_eq!(by_key, [row("-", 0, 40), row("key_a", 15, 0)]);
    let by_day = fresh
        .store
        .unproven(UsageQuery::all(UsageBy::Day))
        .await
        .unwrap();
    assert_eq!(by_day, [row("19781", 15, 40)]);
    let bad = fresh
        .store
        .append_entries(vec![spent(1, 11)])
        .await
        .unwrap_err();
    assert!(matches!(bad.kind, StoreErrorKind::Conflict { .. }));
}
