//! Many calls at once, calls that go away, and a store that fails: never above the limit, nothing left behind.
//!
//! Invariants: the world checks its laws after every step.
//! Does not know: time beyond the paused clock.

use std::future::Future;
use std::pin::pin;
use std::task::Context;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;

use super::fake::{Fake, Fault};
use super::world::{BUDGET, World};
use super::{NOON_MS, Rig, money, scope, start, start_on};
use crate::budget::{BudgetScope, BudgetWindow};
use crate::escrow::{Closed, EscrowSettings, Hold, RefusalReason, Refused};

fn world(limit: i64) -> World {
    World::new(NOON_MS).with_budget("global", "", "day", limit)
}

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_calls_exactly_those_that_fit_are_held() {
    let rig = start(world(1_000 * 7)).await;
    let calls: Vec<_> = (0..10_000)
        .map(|_| {
            let escrow = rig.escrow.clone();
            tokio::spawn(async move { escrow.reserve(&scope("key_1"), money(7)).await })
        })
        .collect();
    let mut held = Vec::new();
    let mut refused = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(hold) => held.push(hold),
            Err(Refused::Budget(refusal)) => {
                assert_eq!(refusal.reason, RefusalReason::Held);
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((held.len(), refused), (1_000, 9_000));
    assert_eq!(rig.sums(BUDGET), (0, 7_000));
    let world = rig.fake.world();
    assert!(world.lookups < 5, "{} look-ups", world.lookups);
    assert!(world.grants < 60, "{} grants", world.grants);
    drop(world);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_warm_call_asks_nobody() {
    let mut rig = start(world(1_000_000)).await;
    let first = rig
        .escrow
        .reserve(&scope("key_1"), money(100))
        .await
        .unwrap();
    assert_eq!(first.window_day(), 20_779);
    rig.settle(first, 40);
    assert_eq!(rig.sums(BUDGET), (40, 60));
    let grants = rig.fake.world().grants;
    for _ in 0..3 {
        let hold = rig.escrow.try_reserve(&scope("key_1"), money(60)).unwrap();
        assert!(rig.escrow.try_reserve(&scope("key_1"), money(1)).is_none());
        drop(hold);
    }
    assert_eq!(rig.fake.world().grants, grants);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_fit_is_refused_at_once_and_told_why() {
    let mut rig = start(world(100)).await;
    let hold = rig
        .escrow
        .reserve(&scope("key_1"), money(60))
        .await
        .unwrap();
    rig.settle(hold, 60);
    let begun = (super::clock())();
    let refused = rig
        .escrow
        .reserve(&scope("key_1"), money(50))
        .await
        .unwrap_err();
    assert!((super::clock())() - begun < Duration::from_millis(100));
    let Refused::Budget(refusal) = refused else {
        panic!("{refused}");
    };
    assert_eq!(refusal.scope, BudgetScope::Global);
    assert_eq!(refusal.window, BudgetWindow::Day);
    assert_eq!(refusal.reason, RefusalReason::Spent);
    let told = (refusal.limit, refusal.settled, refusal.held, refusal.needed);
    assert_eq!(told, (money(100), money(60), money(0), money(50)));
    assert_eq!(
        refusal.resets_at.unwrap().to_string(),
        "2026-11-23T00:00:00Z"
    );
    let refused = rig
        .escrow
        .reserve(&scope("key_1"), money(101))
        .await
        .unwrap_err();
    let Refused::Budget(refusal) = refused else {
        panic!("{refused}");
    };
    assert_eq!(refusal.reason, RefusalReason::LargerThanLimit);
}

#[tokio::test(start_paused = true)]
async fn held_money_that_comes_back_in_time_serves_who_waited_first() {
    let mut rig = start(world(100)).await;
    let first = rig
        .escrow
        .reserve(&scope("key_1"), money(90))
        .await
        .unwrap();
    let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for (name, amount) in [("large", 80), ("small", 10), ("second", 5)] {
        let (escrow, order) = (rig.escrow.clone(), order.clone());
        waiting.push(tokio::spawn(async move {
            let hold = escrow.reserve(&scope("key_1"), money(amount)).await;
            order.lock().unwrap().push((name, hold.is_ok()));
            hold
        }));
        rig.pass(Duration::from_millis(100)).await;
    }
    // The small ones would fit beside the first, but the large one came before them.
    assert!(order.lock().unwrap().is_empty());
    rig.settle(first, 10);
    rig.pass(Duration::from_millis(100)).await;
    assert_eq!(*order.lock().unwrap(), [("large", true), ("small", true)]);
    rig.pass(Duration::from_secs(3)).await;
    assert_eq!(order.lock().unwrap()[2], ("second", false));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_refuses_and_one_that_is_slow_is_given_up() {
    let rig = start(world(100)).await;
    drop(
        rig.escrow
            .reserve(&scope("key_1"), money(10))
            .await
            .unwrap(),
    );
    rig.pass(Duration::from_secs(8)).await;
    assert_eq!(rig.sums(BUDGET), (0, 0), "what is idle goes back");
    for n in 0..40 {
        rig.fake.fail(n, Fault::Fails);
    }
    let refused = rig
        .escrow
        .reserve(&scope("key_1"), money(10))
        .await
        .unwrap_err();
    assert!(matches!(refused, Refused::Unavailable { .. }), "{refused}");
    rig.fake.heal();
    drop(
        rig.escrow
            .reserve(&scope("key_1"), money(10))
            .await
            .unwrap(),
    );
    rig.pass(Duration::from_secs(8)).await;

    rig.fake.set_delay(Duration::from_secs(60));
    let refused = rig
        .escrow
        .reserve(&scope("key_1"), money(10))
        .await
        .unwrap_err();
    assert!(matches!(refused, Refused::Unavailable { .. }), "{refused}");
    assert_eq!(rig.escrow.shared.lock().queue.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_made_good() {
    let rig = start(world(100)).await;
    drop(
        rig.escrow
            .reserve(&scope("key_1"), money(10))
            .await
            .unwrap(),
    );
    rig.pass(Duration::from_secs(8)).await;
    for nth in 0..12 {
        rig.fake.fail(nth, Fault::LosesAnswer);
        drop(rig.escrow.reserve(&scope("key_1"), money(60)).await);
        rig.pass(Duration::from_secs(1)).await;
    }
    rig.fake.heal();
    rig.pass(Duration::from_secs(10)).await;
    assert_eq!(rig.sums(BUDGET), (0, 0));
    assert_eq!(rig.sums(0), (0, 0));
}

/// Drives a future for `polls` polls, lets the tasks work in between, and drops it.
async fn poll_and_drop<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let mut context = Context::from_waker(std::task::Waker::noop());
        if let std::task::Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return Some(done);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_await_leaves_nothing_behind() {
    for polls in 0..60 {
        let mut rig = start(world(100)).await;
        let other = rig
            .escrow
            .reserve(&scope("key_2"), money(70))
            .await
            .unwrap();
        // One that is served after a look-up and a grant, and one that has to wait.
        for amount in [30, 60] {
            let scope = scope("key_1");
            let reserve = rig.escrow.reserve(&scope, money(amount));
            drop(poll_and_drop(Box::pin(reserve), polls).await);
        }
        rig.settle(other, 70);
        rig.pass(Duration::from_secs(8)).await;
        assert_eq!(rig.sums(BUDGET), (70, 0), "dropped after {polls} polls");
        let state = rig.escrow.shared.lock();
        assert_eq!((state.queue.len(), state.open_count()), (0, 0));
        assert!(state.lookups.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_was_sent_is_never_released_by_a_drop() {
    let rig = start(world(100)).await;
    let mut hold = rig
        .escrow
        .reserve(&scope("key_1"), money(60))
        .await
        .unwrap();
    hold.sent();
    drop(hold);
    rig.pass(Duration::from_secs(8)).await;
    assert_eq!(rig.sums(BUDGET), (0, 60));
    assert_eq!(rig.escrow.open_holds(), 1);
    assert!(matches!(
        rig.events()[..],
        [crate::escrow::EscrowEvent::NeverSettled { amount }] if amount == money(60)
    ));
    assert_eq!(rig.escrow.close().await.unwrap(), Closed::Open { holds: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_clean_end_gives_everything_back() {
    let mut rig = start(world(100)).await;
    let hold = rig
        .escrow
        .reserve(&scope("key_1"), money(60))
        .await
        .unwrap();
    rig.settle(hold, 5);
    assert_eq!(rig.escrow.close().await.unwrap(), Closed::Clean);
    assert_eq!(rig.sums(BUDGET), (5, 0));
    let refused = rig
        .escrow
        .reserve(&scope("key_1"), money(1))
        .await
        .unwrap_err();
    assert!(matches!(refused, Refused::Unavailable { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_cost_above_its_hold_is_charged_and_told() {
    let mut rig = start(world(100)).await;
    rig.fake.world().overrun = 500;
    let hold = rig
        .escrow
        .reserve(&scope("key_1"), money(60))
        .await
        .unwrap();
    let other = rig
        .escrow
        .reserve(&scope("key_1"), money(30))
        .await
        .unwrap();
    rig.settle(hold, 500);
    rig.settle(other, 20);
    rig.pass(Duration::from_secs(8)).await;
    assert_eq!(rig.sums(BUDGET), (520, 0));
    assert!(matches!(
        rig.events()[0],
        crate::escrow::EscrowEvent::Overrun { held, cost } if (held, cost) == (money(60), money(500))
    ));
}

/// One thing that happens in a random schedule.
#[derive(Clone, Debug)]
enum Act {
    Reserve { key: u8, amount: i64 },
    Settle { which: usize, percent: i64 },
    Release { which: usize },
    Pass { ms: u64 },
    Delay { ms: u64 },
    Fault { nth: usize, fault: Fault },
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0_u8..3, 1_i64..60).prop_map(|(key, amount)| Act::Reserve { key, amount }),
        4 => (any::<usize>(), 0_i64..=100).prop_map(|(which, percent)| Act::Settle { which, percent }),
        2 => any::<usize>().prop_map(|which| Act::Release { which }),
        3 => (1_u64..3_000).prop_map(|ms| Act::Pass { ms }),
        1 => prop_oneof![Just(0_u64), 1_u64..400].prop_map(|ms| Act::Delay { ms }),
        1 => (0_usize..6, prop_oneof![Just(Fault::Fails), Just(Fault::LosesAnswer)])
            .prop_map(|(nth, fault)| Act::Fault { nth, fault }),
    ]
}

async fn run(acts: Vec<Act>) {
    let world = World::new(NOON_MS)
        .with_budget("global", "", "day", 200)
        .with_budget("key", "key_1", "total", 90);
    let mut rig = start_on(&Fake::new(world), EscrowSettings::default(), 7).await;
    let mut calls = Vec::new();
    let mut held: Vec<(Hold, i64)> = Vec::new();
    let mut settled = 0;
    for act in acts {
        match act {
            Act::Reserve { key, amount } => {
                let escrow = rig.escrow.clone();
                calls.push(tokio::spawn(async move {
                    let key = format!("key_{key}");
                    escrow
                        .reserve(&scope(&key), money(amount))
                        .await
                        .ok()
                        .map(|hold| (hold, amount))
                }));
            }
            Act::Settle { which, percent } if !held.is_empty() => {
                let (hold, amount) = held.swap_remove(which % held.len());
                settled += amount * percent / 100;
                rig.settle(hold, amount * percent / 100);
            }
            Act::Release { which } if !held.is_empty() => {
                held.swap_remove(which % held.len()).0.release();
            }
            Act::Pass { ms } => rig.pass(Duration::from_millis(ms)).await,
            Act::Delay { ms } => rig.fake.set_delay(Duration::from_millis(ms)),
            Act::Fault { nth, fault } => rig.fake.fail(nth, fault),
            Act::Settle { .. } | Act::Release { .. } => {}
        }
        gather(&mut calls, &mut held).await;
    }
    quiet(&mut rig, calls, held, settled).await;
}

async fn gather(
    calls: &mut Vec<tokio::task::JoinHandle<Option<(Hold, i64)>>>,
    held: &mut Vec<(Hold, i64)>,
) {
    let mut index = 0;
    while index < calls.len() {
        if calls[index].is_finished() {
            held.extend(calls.swap_remove(index).await.unwrap());
        } else {
            index += 1;
        }
    }
}

/// Ends everything: then the books balance, and nothing is leased.
async fn quiet(
    rig: &mut Rig,
    calls: Vec<tokio::task::JoinHandle<Option<(Hold, i64)>>>,
    mut held: Vec<(Hold, i64)>,
    mut settled: i64,
) {
    rig.fake.set_delay(Duration::ZERO);
    rig.fake.heal();
    for call in calls {
        held.extend(call.await.unwrap());
    }
    for (hold, amount) in held {
        settled += amount;
        rig.settle(hold, amount);
    }
    rig.pass(Duration::from_secs(12)).await;
    let state = rig.escrow.shared.lock();
    assert_eq!((state.queue.len(), state.open_count()), (0, 0));
    drop(state);
    assert_eq!(rig.sums(0), (settled, 0));
    assert_eq!(rig.sums(1), (settled, 0));
    assert_eq!(rig.sums(2).1, 0);
}

proptest! {
    #![proptest_config(Config::with_cases(96))]

    #[test]
    fn whatever_happens_in_whatever_order_the_books_balance(acts in proptest::collection::vec(acts(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(acts));
    }
}
