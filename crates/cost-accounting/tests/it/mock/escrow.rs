//! Escrow, budgets and ledger over a real store in a temporary directory.
//!
//! Invariants: what the store says of a budget equals what the ledger charged.
//! Does not know: how the store writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cost_accounting::{
    BudgetScope, BudgetStanding, BudgetVerdict, BudgetWindow, Budgets, CallScope, Charges, Closed,
    Entry, Escrow, EscrowEvent, EscrowSettings, Hold, PicoUsd, Refused, ReportBy, ReportQuery,
    read_limit,
};
use storage::Store;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::ledger::{World, entry, world};

struct Rig {
    world: World,
    escrow: Escrow,
    task: JoinHandle<()>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock that the app would hand in"
)]
async fn open(store: &Store, settings: EscrowSettings, seed: u8) -> (Escrow, JoinHandle<()>) {
    let start = Instant::now();
    let clock = Arc::new(move || start.elapsed());
    let escrow = Escrow::open(store.clone(), settings, clock, [seed; 16]).await;
    let escrow = escrow.unwrap();
    let runner = escrow.clone();
    (escrow, tokio::spawn(async move { runner.run().await }))
}

async fn rig(settings: EscrowSettings) -> Rig {
    let world = world().await;
    let (escrow, task) = open(&world.store, settings, 1).await;
    Rig {
        world,
        escrow,
        task,
    }
}

/// A call waits for held money, but not for long.
fn hasty() -> EscrowSettings {
    EscrowSettings {
        wait_max: Duration::from_millis(100),
        ..EscrowSettings::default()
    }
}

impl Rig {
    async fn record(&self, request: u128, hold: Hold, cost: &str) {
        let charged = charged(request, &hold, cost);
        let charges = hold.settle(usd(cost));
        let receipt = self.world.ledger.record(charged, charges).await.unwrap();
        receipt.await.unwrap();
    }

    async fn close(self) -> World {
        assert_eq!(self.escrow.close().await.unwrap(), Closed::Clean);
        self.task.await.unwrap();
        self.world
    }
}

fn charged(request: u128, hold: &Hold, cost: &str) -> Entry {
    Entry {
        window_day: hold.window_day(),
        ..entry(request, "2026-11-22T12:00:00Z", cost)
    }
}

fn usd(text: &str) -> PicoUsd {
    PicoUsd::from_usd(text).unwrap()
}

/// The call that `entry` belongs to.
fn scope() -> CallScope {
    let entry = entry(1, "2026-11-22T12:00:00Z", "0");
    CallScope {
        key_id: entry.key_id,
        project: entry.project,
        model: entry.model,
        end_user: entry.end_user.map(Arc::from),
        tags: entry.tags,
    }
}

async fn standing(store: &Store, scope: &BudgetScope) -> BudgetStanding {
    let mut list = Budgets::new(store.clone()).list(Some(scope)).await.unwrap();
    assert_eq!(list.len(), 1);
    list.remove(0)
}

async fn set(store: &Store, scope: &str, window: BudgetWindow, limit: &str) {
    let budgets = Budgets::new(store.clone());
    let limit = read_limit(limit).unwrap();
    budgets
        .set(&scope.parse().unwrap(), window, limit)
        .await
        .unwrap();
}

#[tokio::test]
async fn two_thousand_calls_at_once_get_a_budget_of_two_hundred_and_no_more() {
    let rig = rig(hasty()).await;
    set(&rig.world.store, "global", BudgetWindow::Day, "2").await;
    set(&rig.world.store, "key:*", BudgetWindow::Total, "100").await;
    let calls: Vec<_> = (0..2_000)
        .map(|_| {
            let escrow = rig.escrow.clone();
            tokio::spawn(async move { escrow.reserve(&scope(), usd("0.01")).await })
        })
        .collect();
    let mut held = Vec::new();
    for call in calls {
        match call.await.unwrap() {
            Ok(hold) => held.push(hold),
            Err(Refused::Budget(refusal)) => assert_eq!(refusal.limit, usd("2")),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(held.len(), 200);
    let global = standing(&rig.world.store, &BudgetScope::Global).await;
    assert_eq!((global.settled, global.held()), (PicoUsd::ZERO, usd("2")));
    let mut receipts = Vec::new();
    for (request, hold) in (1..).zip(held) {
        let entry = charged(request, &hold, "0.004");
        let charges = hold.settle(usd("0.004"));
        receipts.push(rig.world.ledger.record(entry, charges).await.unwrap());
    }
    for receipt in receipts {
        receipt.await.unwrap();
    }
    let world = rig.close().await;
    let key = BudgetScope::Key("key_aaaaaaaaaaaa".to_owned());
    for scope in [BudgetScope::Global, key] {
        let standing = standing(&world.store, &scope).await;
        assert_eq!(
            (standing.settled, standing.held()),
            (usd("0.8"), PicoUsd::ZERO)
        );
    }
    let report = world.ledger.report(ReportQuery::default()).await.unwrap();
    assert_eq!(report.total.cost, usd("0.8"));
}

#[tokio::test]
async fn what_a_server_held_when_it_was_killed_is_charged_and_a_late_entry_takes_it_back() {
    let world = world().await;
    set(&world.store, "project:demo", BudgetWindow::Month, "10").await;
    let (escrow, task) = open(&world.store, EscrowSettings::default(), 1).await;
    let hold = escrow.reserve(&scope(), usd("4")).await.unwrap();
    let entry = charged(7, &hold, "1.5");
    let charges = hold.settle(usd("1.5"));
    // Killed before its entry was written.
    task.abort();
    drop(escrow);
    let world = world.reopen().await;

    let (escrow, task) = open(&world.store, EscrowSettings::default(), 2).await;
    let written: Vec<_> = std::iter::from_fn(|| escrow.take_event()).collect();
    assert_eq!(written.len(), 2, "{written:?}");
    let project = BudgetScope::Project("demo".to_owned());
    let dead = standing(&world.store, &project).await;
    assert_eq!((dead.settled, dead.written_off), (usd("4"), usd("4")));
    let report = world.ledger.report(ReportQuery::default()).await.unwrap();
    assert_eq!(
        (report.total.cost, report.total.unsettled),
        (usd("4"), usd("4"))
    );

    world
        .ledger
        .append(entry.clone(), charges.clone())
        .await
        .unwrap();
    world.ledger.append(entry, charges).await.unwrap();
    let late = standing(&world.store, &project).await;
    assert_eq!((late.settled, late.written_off), (usd("4"), usd("2.5")));
    let by = ReportBy::Project;
    let query = ReportQuery {
        by,
        ..ReportQuery::default()
    };
    let report = world.ledger.report(query).await.unwrap();
    let total = &report.total;
    assert_eq!((total.cost, total.unsettled), (usd("4"), usd("2.5")));
    escrow.close().await.unwrap();
    task.await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_explained_to_somebody_who_never_saw_the_code() {
    let rig = rig(hasty()).await;
    let store = rig.world.store.clone();
    set(&store, "key:key_aaaaaaaaaaaa", BudgetWindow::Total, "1").await;
    set(&store, "global", BudgetWindow::Day, "100").await;
    let hold = rig.escrow.reserve(&scope(), usd("0.75")).await.unwrap();
    rig.record(1, hold, "0.5").await;
    let refused = rig.escrow.reserve(&scope(), usd("0.6")).await.unwrap_err();
    let Refused::Budget(refusal) = refused else {
        panic!("{refused}");
    };
    assert_eq!(
        refusal.to_string(),
        "reserve 0.6 USD: the total budget of key:key_aaaaaaaaaaaa allows 1 USD; 0.5 are spent and 0.25 held: what is left does not cover the most that the call may cost"
    );
    let budgets = Budgets::new(store);
    let explanation = budgets
        .explain(&scope(), usd("0.6"), Some([1; 16]))
        .await
        .unwrap();
    assert!(!explanation.is_allowed());
    let text = explanation.to_string();
    for line in [
        "A call of key key_aaaaaaaaaaaa (project demo) to gpt-4o-mini for end user someone may cost up to 0.6 USD.",
        "Not all budgets have room: it would be refused, because of the total budget of key:key_aaaaaaaaaaaa.",
        "  verdict: refuses the call: what is left does not cover the most that the call may cost",
        "  verdict: has room for the call",
    ] {
        assert!(text.lines().any(|found| found == line), "{text}");
    }
    let first = &explanation.budgets[0];
    assert_eq!((first.held_here, first.left()), (usd("0.25"), usd("0.25")));
    assert_eq!(first.verdict(usd("0.25")), BudgetVerdict::Allows);
    assert_eq!(first.verdict(usd("0.3")), BudgetVerdict::Waits);
    rig.close().await;
}

#[tokio::test]
async fn a_budget_is_raised_listed_and_removed() {
    let rig = rig(hasty()).await;
    let budgets = Budgets::new(rig.world.store.clone());
    let (scope_of_key, window) = (
        BudgetScope::Key("key_aaaaaaaaaaaa".to_owned()),
        BudgetWindow::Day,
    );
    let missing = budgets.raise(&scope_of_key, window, usd("5")).await;
    assert!(missing.is_err());
    budgets.set(&scope_of_key, window, usd("1")).await.unwrap();
    assert!(rig.escrow.reserve(&scope(), usd("2")).await.is_err());
    assert!(
        budgets
            .raise(&scope_of_key, window, usd("1"))
            .await
            .is_err()
    );
    budgets
        .raise(&scope_of_key, window, usd("5"))
        .await
        .unwrap();
    let seen = async {
        while budgets.unseen_by().await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), seen)
        .await
        .unwrap();
    assert_eq!(
        rig.escrow.tightest_limit(&scope()).await.unwrap(),
        Some(usd("5"))
    );
    let hold = rig.escrow.reserve(&scope(), usd("2")).await.unwrap();
    rig.record(1, hold, "2").await;
    assert_eq!(budgets.list(None).await.unwrap()[0].settled, usd("2"));
    assert!(budgets.remove(&scope_of_key, window).await.unwrap());
    assert!(!budgets.remove(&scope_of_key, window).await.unwrap());
    assert!(budgets.list(None).await.unwrap().is_empty());
    rig.close().await;
}

#[tokio::test]
async fn a_key_cannot_make_budgets_for_users_without_end() {
    let rig = rig(EscrowSettings {
        end_users_per_key_day_max: 2,
        ..hasty()
    })
    .await;
    set(&rig.world.store, "user:*", BudgetWindow::Day, "1").await;
    let user = |name: &str| CallScope {
        end_user: Some(name.into()),
        ..scope()
    };
    for name in ["a", "b", "a"] {
        drop(rig.escrow.reserve(&user(name), usd("0.1")).await.unwrap());
    }
    let refused = rig
        .escrow
        .reserve(&user("c"), usd("0.1"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            Refused::TooManyEndUsers {
                made_today: 2,
                end_users_max: 2
            }
        ),
        "{refused}"
    );
    rig.close().await;
}

#[tokio::test]
async fn a_call_without_a_hold_is_charged_to_its_budgets_all_the_same() {
    let world = world().await;
    set(&world.store, "tag:blue", BudgetWindow::Total, "1").await;
    let entry = entry(Uuid::from_u128(5).as_u128(), "2026-11-22T12:00:00Z", "0.5");
    world
        .ledger
        .append(entry.clone(), Charges::unheld())
        .await
        .unwrap();
    let free = Entry {
        request_id: Uuid::from_u128(6),
        ..entry
    };
    world.ledger.append(free, Charges::none()).await.unwrap();
    let tag = BudgetScope::Tag("blue".to_owned());
    assert_eq!(standing(&world.store, &tag).await.settled, usd("0.5"));
}

#[tokio::test]
async fn thresholds_are_told_when_entries_cross_them() {
    let rig = rig(EscrowSettings {
        idle_return: Duration::from_millis(1),
        ..hasty()
    })
    .await;
    set(&rig.world.store, "global", BudgetWindow::Total, "1").await;
    let hold = rig.escrow.reserve(&scope(), usd("0.9")).await.unwrap();
    rig.record(1, hold, "0.85").await;
    let mut percents = Vec::new();
    while percents.len() < 2 {
        let event = tokio::time::timeout(Duration::from_secs(8), rig.escrow.next_event());
        if let EscrowEvent::Threshold { percent, .. } = event.await.unwrap() {
            percents.push(percent);
        }
    }
    assert_eq!(percents, [50, 80]);
    rig.close().await;
}
