//! Lives, windows and edits.
//!
//! Invariants: the world checks its laws after every step.
//! Does not know: SQL.

use std::time::Duration;

use super::fake::{Fake, Fault};
use super::world::{BUDGET, World};
use super::{NOON_MS, Rig, money, scope, start, start_on};
use crate::escrow::{CallScope, EscrowEvent, EscrowSettings, Refused};

const SECOND: Duration = Duration::from_secs(1);
const DAY_MS: i64 = 86_400_000;

fn world(limit: i64) -> World {
    World::new(NOON_MS).with_budget("global", "", "day", limit)
}

fn quick() -> EscrowSettings {
    EscrowSettings {
        lives_for: 3 * SECOND,
        ..EscrowSettings::default()
    }
}

/// Two servers on one database.
async fn pair(world: World) -> (Rig, Rig) {
    let fake = Fake::new(world);
    (
        start_on(&fake, quick(), 1).await,
        start_on(&fake, quick(), 2).await,
    )
}

async fn is_held(rig: &Rig, key: &str, amount: i64) -> bool {
    rig.escrow.reserve(&scope(key), money(amount)).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_called_dead_begins_again_and_settles_late() {
    let mut rig = start(world(100)).await;
    let old = rig
        .escrow
        .reserve(&scope("key_1"), money(60))
        .await
        .unwrap();
    rig.fake.world().now_ms += 60_000;
    let written = rig.fake.world().write_off_dead([9; 16]);
    assert_eq!(written.len(), 2, "the books and the budget");
    assert_eq!(rig.sums(BUDGET), (60, 0));
    // What is left fits, under a new name.
    let new = rig
        .escrow
        .reserve(&scope("key_1"), money(40))
        .await
        .unwrap();
    assert!(rig.events().contains(&EscrowEvent::Fenced { holds: 1 }));
    assert_eq!(rig.sums(BUDGET), (60, 40));
    rig.settle(old, 10);
    rig.settle(new, 40);
    rig.pass(10 * SECOND).await;
    // 50 were charged for want of proof, and stay so: a stated over-count.
    assert_eq!(rig.sums(BUDGET), (100, 0));
    assert!(
        rig.fake
            .world()
            .leases
            .values()
            .any(|lease| lease.sums.taken_back == 10)
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_cut_while_no_beat_is_answered() {
    let rig = start(world(1_000)).await;
    assert!(is_held(&rig, "key_1", 500).await);
    for nth in 0..200 {
        rig.fake.fail(nth, Fault::Fails);
    }
    assert!(rig.escrow.try_reserve(&scope("key_1"), money(1)).is_some());
    rig.pass(11 * SECOND).await;
    assert!(rig.escrow.try_reserve(&scope("key_1"), money(1)).is_none());
    let refused = rig
        .escrow
        .reserve(&scope("key_1"), money(1))
        .await
        .unwrap_err();
    assert!(matches!(refused, Refused::Unavailable { .. }), "{refused}");
    assert!(
        rig.events()
            .iter()
            .any(|event| matches!(event, EscrowEvent::Failed { .. }))
    );
    rig.fake.heal();
    assert!(is_held(&rig, "key_1", 1).await);
}

#[tokio::test(start_paused = true)]
async fn a_window_turns_with_its_next_lease_in_hand() {
    let midnight = (NOON_MS / DAY_MS + 1) * DAY_MS;
    let mut rig =
        start(World::new(midnight - 40_000).with_budget("global", "", "day", 10_000)).await;
    let long = rig
        .escrow
        .reserve(&scope("key_1"), money(90))
        .await
        .unwrap();
    assert_eq!(long.window_day(), 20_779);
    for _ in 0..39 {
        let hold = rig
            .escrow
            .reserve(&scope("key_1"), money(90))
            .await
            .unwrap();
        assert_eq!(hold.window_day(), 20_779);
        rig.settle(hold, 1);
        rig.pass(SECOND).await;
    }
    let next = |rig: &Rig| {
        rig.fake
            .world()
            .windows
            .get(&(BUDGET, 20_780))
            .map(|sums| sums.leased)
    };
    assert!(
        next(&rig).is_some_and(|leased| leased >= 90),
        "{:?}",
        next(&rig)
    );
    rig.pass(2 * SECOND).await;
    let grants = rig.fake.world().grants;
    let hold = rig.escrow.try_reserve(&scope("key_1"), money(90)).unwrap();
    assert_eq!(hold.window_day(), 20_780);
    assert_eq!(rig.fake.world().grants, grants);
    rig.settle(hold, 90);
    rig.settle(long, 50);
    rig.pass(8 * SECOND).await;
    // Each in the window that it was held in.
    let world = rig.fake.world();
    let sums = |day| {
        (
            world.windows[&(BUDGET, day)].settled,
            world.windows[&(BUDGET, day)].leased,
        )
    };
    assert_eq!((sums(20_779), sums(20_780)), ((89, 0), (90, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_over_midnight_stalls_nobody() {
    let midnight = (NOON_MS / DAY_MS + 1) * DAY_MS;
    let mut rig = start(World::new(midnight + 10).with_budget("global", "", "day", 100)).await;
    assert!(is_held(&rig, "key_1", 40).await);
    rig.fake.world().now_ms = midnight - 5_000;
    rig.pass(Duration::from_millis(100)).await;
    let hold = rig
        .escrow
        .reserve(&scope("key_1"), money(70))
        .await
        .unwrap();
    assert_eq!(hold.window_day(), 20_779);
    rig.settle(hold, 70);
    rig.pass(12 * SECOND).await;
    let world = rig.fake.world();
    assert!(
        world.windows.values().all(|sums| sums.leased == 0),
        "{:?}",
        world.windows
    );
}

#[tokio::test(start_paused = true)]
async fn a_lowered_limit_takes_back_what_is_free() {
    let mut rig = start(world(1_000)).await;
    let hold = rig
        .escrow
        .reserve(&scope("key_1"), money(600))
        .await
        .unwrap();
    rig.settle(hold, 50);
    assert_eq!(rig.sums(BUDGET), (50, 550));
    rig.fake.world().set_budget("global", "", "day", 100);
    // The law is stated for the limit at the grant.
    rig.fake.world().overrun = 500;
    rig.pass(SECOND).await;
    let refused = rig
        .escrow
        .reserve(&scope("key_1"), money(60))
        .await
        .unwrap_err();
    assert!(matches!(refused, Refused::Budget(_)), "{refused}");
    assert!(is_held(&rig, "key_1", 50).await);
    rig.pass(SECOND).await;
    rig.fake.world().overrun = 0;
    rig.fake.world().check();
}

#[tokio::test(start_paused = true)]
async fn what_was_held_when_a_limit_was_lowered_did_not_come_free_above_it() {
    let mut rig = start(world(100)).await;
    let open = rig
        .escrow
        .reserve(&scope("key_1"), money(90))
        .await
        .unwrap();
    rig.fake.world().set_budget("global", "", "day", 50);
    rig.fake.world().overrun = 50;
    rig.pass(SECOND).await;
    // Makes the server look the new limit up.
    assert!(!is_held(&rig, "key_1", 20).await);
    rig.settle(open, 10);
    assert!(!is_held(&rig, "key_1", 60).await);
    assert!(is_held(&rig, "key_1", 40).await);
    rig.fake.world().overrun = 0;
    rig.fake.world().check();
}

#[tokio::test(start_paused = true)]
async fn a_raised_limit_serves_who_waits() {
    let rig = start(world(100)).await;
    let first = rig
        .escrow
        .reserve(&scope("key_1"), money(90))
        .await
        .unwrap();
    let escrow = rig.escrow.clone();
    let waits = tokio::spawn(async move { escrow.reserve(&scope("key_1"), money(90)).await });
    rig.pass(SECOND / 2).await;
    assert!(!waits.is_finished());
    rig.fake.world().set_budget("global", "", "day", 500);
    rig.pass(SECOND / 2).await;
    assert!(waits.is_finished() && waits.await.unwrap().is_ok());
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn a_new_budget_holds_for_what_is_in_flight() {
    let mut rig = start(world(1_000)).await;
    let open = rig
        .escrow
        .reserve(&scope("key_1"), money(60))
        .await
        .unwrap();
    let other = rig
        .escrow
        .reserve(&scope("key_2"), money(60))
        .await
        .unwrap();
    let budget = rig.fake.world().set_budget("key", "key_1", "day", 100);
    rig.pass(SECOND).await;
    assert_eq!(rig.sums(budget), (0, 60));
    let epoch = rig.fake.world().epoch;
    assert!(rig.fake.world().seen.values().all(|seen| *seen == epoch));
    let refused = rig
        .escrow
        .reserve(&scope("key_1"), money(50))
        .await
        .unwrap_err();
    assert!(matches!(refused, Refused::Budget(_)), "{refused}");
    rig.settle(open, 20);
    rig.settle(other, 60);
    assert_eq!(rig.sums(budget).0, 20);
    let hold = rig
        .escrow
        .reserve(&scope("key_1"), money(80))
        .await
        .unwrap();
    rig.settle(hold, 80);
    rig.pass(10 * SECOND).await;
    assert_eq!((rig.sums(budget), rig.sums(BUDGET)), ((100, 0), (160, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_new_budget_below_what_is_in_flight_is_carried_over_above_its_limit() {
    let mut rig = start(world(1_000)).await;
    let open = rig
        .escrow
        .reserve(&scope("key_1"), money(60))
        .await
        .unwrap();
    let budget = rig.fake.world().set_budget("key", "key_1", "day", 10);
    rig.pass(SECOND).await;
    let sums = rig.fake.world().sums(budget);
    assert_eq!((sums.leased, sums.forced), (60, 50));
    assert!(!is_held(&rig, "key_1", 1).await);
    rig.settle(open, 4);
    rig.pass(8 * SECOND).await;
    assert_eq!(rig.sums(budget), (4, 0));
    assert!(is_held(&rig, "key_1", 6).await);
}

#[tokio::test(start_paused = true)]
async fn who_waited_while_a_budget_was_made_is_bound_by_it() {
    let mut rig = start(world(100)).await;
    let first = rig
        .escrow
        .reserve(&scope("key_1"), money(90))
        .await
        .unwrap();
    let escrow = rig.escrow.clone();
    let waits = tokio::spawn(async move { escrow.reserve(&scope("key_1"), money(60)).await });
    rig.pass(SECOND / 2).await;
    rig.fake.world().set_budget("key", "key_1", "total", 50);
    rig.pass(SECOND / 2).await;
    rig.settle(first, 0);
    rig.pass(SECOND / 2).await;
    let refused = waits.await.unwrap().unwrap_err();
    let Refused::Budget(refusal) = refused else {
        panic!("{refused}");
    };
    assert_eq!(refusal.limit, money(50));
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_an_edit_is_made_good() {
    for nth in 0..24 {
        for fault in [Fault::Fails, Fault::LosesAnswer] {
            let mut rig = start(world(1_000)).await;
            let open = rig
                .escrow
                .reserve(&scope("key_1"), money(60))
                .await
                .unwrap();
            let budget = rig.fake.world().set_budget("key", "key_1", "day", 100);
            rig.fake.fail(nth, fault);
            rig.pass(2 * SECOND).await;
            // What was forced twice, because an answer got lost, is nobody's.
            assert_eq!(rig.sums(budget), (0, 60), "step {nth} {fault:?}");
            rig.settle(open, 20);
            rig.pass(10 * SECOND).await;
            assert_eq!(rig.sums(budget), (20, 0), "step {nth} {fault:?}");
            assert_eq!(rig.sums(BUDGET), (20, 0), "step {nth} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_lies_free_at_one_server_is_recalled_by_another() {
    let (mut one, other) = pair(world(100)).await;
    let hold = one
        .escrow
        .reserve(&scope("key_1"), money(80))
        .await
        .unwrap();
    one.settle(hold, 10);
    assert_eq!(one.sums(BUDGET), (10, 70));
    let held = tokio::join!(is_held(&other, "key_1", 85), one.pass(3 * SECOND)).0;
    assert!(held);
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn two_servers_share_a_budget_to_the_last_call() {
    let (one, other) = pair(world(1_000)).await;
    let mut calls = Vec::new();
    for number in 0..400 {
        let escrow = if number % 2 == 0 {
            &one.escrow
        } else {
            &other.escrow
        };
        let escrow = escrow.clone();
        calls.push(tokio::spawn(async move {
            escrow.reserve(&scope("key_1"), money(10)).await
        }));
    }
    one.pass(4 * SECOND).await;
    let mut held = Vec::new();
    for call in calls {
        held.extend(call.await.unwrap().ok());
    }
    assert_eq!(held.len(), 100);
    assert_eq!(one.sums(BUDGET), (0, 1_000));
}

#[tokio::test(start_paused = true)]
async fn thresholds_are_told_once_over_all_servers() {
    let (one, other) = pair(world(1_000)).await;
    let mut rigs = [one, other];
    for (server, cost) in [(0, 400), (1, 150), (0, 300), (1, 150)] {
        let rig: &mut Rig = &mut rigs[server];
        let hold = rig
            .escrow
            .reserve(&scope("key_1"), money(cost))
            .await
            .unwrap();
        rig.settle(hold, cost);
        rig.pass(7 * SECOND).await;
    }
    let [one, other] = rigs;
    let told = |rig: &Rig| -> Vec<u8> {
        let events = rig.events().into_iter();
        let percents = events.filter_map(|event| match event {
            EscrowEvent::Threshold { percent, .. } => Some(percent),
            _ => None,
        });
        percents.collect()
    };
    let mut percents = [told(&one), told(&other)].concat();
    percents.sort_unstable();
    assert_eq!(percents, [50, 80, 100]);
}

#[tokio::test(start_paused = true)]
async fn ordinary_traffic_finds_its_money_warm() {
    let mut rig = start(world(1_000_000)).await;
    let mut cold = 0;
    for _ in 0..1_000 {
        let hold = match rig.escrow.try_reserve(&scope("key_1"), money(50)) {
            Some(hold) => hold,
            None => {
                cold += 1;
                rig.escrow
                    .reserve(&scope("key_1"), money(50))
                    .await
                    .unwrap()
            }
        };
        rig.settle(hold, 40);
        tokio::time::sleep(Duration::from_millis(10)).await;
        rig.fake.world().now_ms += 10;
    }
    assert!(cold <= 20, "{cold} of 1,000 calls were cold");
    // Never more ahead than a share of the limit.
    assert!(rig.sums(BUDGET).1 <= 10_000 + 50);
}

#[tokio::test(start_paused = true)]
async fn a_raised_limit_is_warned_of_anew() {
    let mut rig = start(world(100)).await;
    let mut told = Vec::new();
    for (limit, cost) in [(100, 85), (200, 80)] {
        rig.fake.world().set_budget("global", "", "day", limit);
        rig.pass(SECOND).await;
        let scope = scope("key_1");
        let hold = rig.escrow.reserve(&scope, money(cost)).await.unwrap();
        rig.pass(2 * SECOND).await;
        rig.settle(hold, cost);
        rig.pass(2 * SECOND).await;
        told.extend(rig.events().into_iter().filter_map(|event| match event {
            EscrowEvent::Threshold { percent, limit, .. } => Some((percent, limit.pico())),
            _ => None,
        }));
    }
    assert_eq!(told, [(50, 100), (80, 100), (50, 200), (80, 200)]);
}

#[tokio::test(start_paused = true)]
async fn many_calls_that_lack_many_budgets_do_not_ask_for_more_than_the_store_takes() {
    const CALLS: usize = 260;
    let tags: Vec<String> = (0..20).map(|tag| format!("tag_{tag}")).collect();
    let mut world = world(1_000_000);
    for tag in &tags {
        world = world.with_budget("tag", tag, "day", 1_000_000);
    }
    for key in 0..CALLS {
        world = world.with_budget("key", &format!("key_{key}"), "day", 1_000);
    }
    let rig = start(world).await;
    rig.fake.set_delay(Duration::from_millis(5));
    let calls = (0..CALLS).map(|key| {
        let (escrow, tags) = (rig.escrow.clone(), tags.as_slice().into());
        tokio::spawn(async move {
            let scope = CallScope {
                tags,
                ..scope(&format!("key_{key}"))
            };
            escrow.reserve(&scope, money(10)).await.is_ok()
        })
    });
    let calls: Vec<_> = calls.collect();
    rig.pass(2 * SECOND).await;
    for call in calls {
        assert!(call.await.unwrap());
    }
}
