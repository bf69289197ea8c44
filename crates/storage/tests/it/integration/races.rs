//! Two servers on one database, at the same time.
//!
//! Invariants: whatever the order, no limit is passed, nothing is lost and nothing is charged twice.
//! Does not know: faults of the database.

use storage::{
    BOOKS, BudgetSet, EntryRow, EntryWrite, Return, ScopeAnswer, ScopeAsk, Store, StoreErrorKind,
    Want,
};

use crate::integration::station::Station;
use crate::suite::{LIVES_MS, scope, want};
use crate::world::{entry, request_id};

const LIMIT: i64 = 10_000;
const AMOUNT: i64 = 37;
/// Tasks of each server.
const TASKS: u64 = 4;

async fn set(store: &Store, kind: &str, value: &str, limit_pico_usd: i64) -> i64 {
    let set = BudgetSet {
        scope_kind: kind.to_owned(),
        scope_value: value.to_owned(),
        window: "total".to_owned(),
        limit_pico_usd,
    };
    store.set_budget(set).await.unwrap().budget_id
}

fn charged(number: u64, cost_pico_usd: i64, leases: Vec<i64>, epoch: i64) -> EntryWrite {
    EntryWrite {
        row: EntryRow {
            request_id: request_id(number),
            cost_pico_usd,
            lease_id: leases.first().copied(),
            ..entry(number)
        },
        leases,
        epoch,
    }
}

/// What must hold of the tables at any moment.
fn assert_books_balance(station: &Station) {
    let over = station.peek(
        "SELECT count(*) FROM budget_window JOIN budget USING (budget_id)
        WHERE settled_pico_usd + leased_pico_usd > limit_pico_usd + forced_pico_usd",
    );
    assert_eq!(over, "0", "above the limit");
    let crooked = station.peek(
        "SELECT count(*) FROM budget_window AS w WHERE leased_pico_usd <> (
            SELECT coalesce(sum(remaining_pico_usd), 0) FROM lease AS l
            WHERE l.budget_id = w.budget_id AND l.window_start = w.window_start AND l.open)",
    );
    assert_eq!(crooked, "0", "leased is not what remains");
    let orphans = station.peek(
        "SELECT count(*) FROM lease WHERE open AND instance NOT IN (SELECT instance FROM instance)",
    );
    assert_eq!(orphans, "0", "open leases of nobody");
}

/// Spends until nothing is left; what was spent.
async fn spend(store: Store, instance: [u8; 16], budget_id: i64, first: u64) -> i64 {
    let epoch = store.epoch().await.unwrap();
    let mut spent = 0;
    for number in first.. {
        let asks = vec![vec![want(BOOKS, AMOUNT), want(budget_id, AMOUNT)]];
        let mut answer = store.grant(instance, asks).await.unwrap();
        let Ok(granted) = answer.results.remove(0) else {
            break;
        };
        let leases: Vec<i64> = granted.iter().map(|granted| granted.lease_id).collect();
        let write = charged(number, AMOUNT, leases, epoch);
        // Sent twice: it counts once.
        let receipt = store.enqueue_entry(write.clone()).await.unwrap();
        store.append_entries(vec![write]).await.unwrap();
        receipt.await.unwrap();
        spent += AMOUNT;
    }
    spent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn two_servers_that_race_for_a_budget_spend_it_and_no_more() {
    let station = Station::new();
    let stores = [station.server().await, station.server().await];
    let budget_id = set(&stores[0], "project", "search", LIMIT).await;
    let mut tasks = Vec::new();
    for (store, number) in stores.iter().zip(1_u8..) {
        let instance = [number; 16];
        store.open_instance(instance, LIVES_MS).await.unwrap();
        for task in 0..TASKS {
            let first = (u64::from(number) * TASKS + task) * 1_000_000;
            tasks.push(tokio::spawn(spend(
                store.clone(),
                instance,
                budget_id,
                first,
            )));
        }
    }
    while tasks.iter().any(|task| !task.is_finished()) {
        let looked = tokio::task::block_in_place(|| {
            station.peek("SELECT max(settled_pico_usd + leased_pico_usd) FROM budget_window WHERE budget_id > 0")
        });
        assert!(looked.parse::<i64>().unwrap() <= LIMIT, "{looked}");
    }
    let mut spent = 0;
    for task in tasks {
        spent += task.await.unwrap();
    }
    assert_eq!(spent, LIMIT / AMOUNT * AMOUNT, "all that fits");
    assert_books_balance(&station);
    for store in &stores {
        store.flush().await.unwrap();
    }
    let states = stores[1]
        .budget_states(Some(scope("project", "search")))
        .await
        .unwrap();
    assert_eq!(
        (
            states[0].window.settled_pico_usd,
            states[0].window.leased_pico_usd
        ),
        (spent, 0)
    );
    let ledger = station.peek("SELECT sum(cost_pico_usd) FROM ledger_entry");
    assert_eq!(ledger, spent.to_string());
}

/// Entries that were reserved before any budget was there, while budgets come into being.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_budget_that_is_made_while_entries_are_written_misses_none() {
    const ENTRIES: u64 = 600;
    let station = Station::new();
    let stores = [station.server().await, station.server().await];
    let epoch = stores[0].epoch().await.unwrap();
    let mut writers = Vec::new();
    for (store, first) in stores.iter().cloned().zip([0, ENTRIES]) {
        writers.push(tokio::spawn(async move {
            for number in first..first + ENTRIES {
                let write = charged(number, 1, Vec::new(), epoch);
                let receipt = store.enqueue_entry(write).await.unwrap();
                if number % 3 == 0 {
                    receipt.await.unwrap();
                }
            }
            store.flush().await.unwrap();
        }));
    }
    let labels = [
        ("global", ""),
        ("project", "search"),
        ("key", "key_a"),
        ("model", "text-embedding-ada-002"),
        ("user", "user \"one\""),
        ("tag", "team:a"),
        ("tag", "quote\"and\\slash"),
    ];
    for (kind, value) in labels {
        set(&stores[1], kind, value, i64::MAX).await;
    }
    // What templates make does not move the epoch, and misses nothing either.
    for (kind, value) in [("key", "*"), ("user", "*")] {
        set(&stores[0], kind, value, i64::MAX).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let total = i64::try_from(2 * ENTRIES).unwrap();
    for (kind, value) in labels {
        let states = stores[0]
            .budget_states(Some(scope(kind, value)))
            .await
            .unwrap();
        assert_eq!(states[0].window.settled_pico_usd, total, "{kind}:{value}");
    }
}

/// The same user comes to both servers for the first time at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_template_makes_one_budget_whoever_asks_first() {
    let station = Station::new();
    let stores = [station.server().await, station.server().await];
    set(&stores[0], "user", "*", LIMIT).await;
    let mut tasks = Vec::new();
    for user in 0..20 {
        for store in &stores {
            let store = store.clone();
            let ask = ScopeAsk {
                scopes: vec![scope("global", ""), scope("user", &format!("user {user}"))],
                key_id: "key_a".to_owned(),
                end_users_per_key_day_max: 15,
            };
            tasks.push(tokio::spawn(async move {
                store.budgets_in_scope(ask).await.unwrap()
            }));
        }
    }
    let mut made = std::collections::BTreeSet::new();
    for task in tasks {
        if let ScopeAnswer::Budgets { budgets, .. } = task.await.unwrap() {
            assert_eq!(budgets.len(), 2, "the books and one for the user");
            made.insert(budgets[1].budget_id);
        }
    }
    assert_eq!(made.len(), 15, "as many as the key may make");
    assert_eq!(station.peek("SELECT made FROM end_users_made"), "15");
}

/// Servers that live for a moment only and grant in it, while others bury them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn nobody_is_granted_anything_after_the_funeral() {
    let station = Station::new();
    let stores = [station.server().await, station.server().await];
    let budget_id = set(&stores[0], "global", "", i64::MAX).await;
    let mut tasks = Vec::new();
    for (store, number) in stores.iter().cloned().zip([1_u8, 2]) {
        for task in 0..TASKS as u8 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let mut granted = 0;
                for round in 0..15_u8 {
                    let mut instance = [number; 16];
                    instance[1] = task;
                    instance[2] = round;
                    store.open_instance(instance, 15).await.unwrap();
                    loop {
                        let ask: Vec<Want> = vec![want(BOOKS, AMOUNT), want(budget_id, AMOUNT)];
                        match store.grant(instance, vec![ask]).await {
                            Ok(_) => granted += AMOUNT,
                            Err(error) => {
                                assert_eq!(error.kind, StoreErrorKind::Fenced);
                                break;
                            }
                        }
                        store.write_off_dead([9; 16]).await.unwrap();
                    }
                }
                granted
            }));
        }
    }
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    stores[0].write_off_dead([9; 16]).await.unwrap();
    assert!(granted > 0);
    assert_books_balance(&station);
    assert_eq!(station.peek("SELECT count(*) FROM instance"), "0");
    let sums = station.peek("SELECT DISTINCT settled_pico_usd, leased_pico_usd FROM budget_window");
    assert_eq!(
        sums,
        format!("{granted}|0"),
        "all is written off, of the books and of the budget"
    );
    let ledger =
        station.peek("SELECT sum(cost_pico_usd) FROM ledger_entry WHERE state = 'unsettled'");
    assert_eq!(ledger, granted.to_string());
}

/// Returns race with grants and settlements of the same lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn returns_and_grants_and_settlements_of_one_lease_do_not_mix_up() {
    let station = Station::new();
    let stores = [station.server().await, station.server().await];
    let budget_id = set(&stores[0], "global", "", LIMIT).await;
    let epoch = stores[0].epoch().await.unwrap();
    let instance = [1; 16];
    stores[0].open_instance(instance, LIVES_MS).await.unwrap();
    let first = stores[0]
        .grant(instance, vec![vec![want(budget_id, 100)]])
        .await
        .unwrap();
    let lease_id = first.results[0].as_ref().unwrap()[0].lease_id;
    let (grants, returns, settles) = tokio::join!(
        async {
            for _ in 0..40 {
                let asks = vec![vec![want(budget_id, 10)]];
                let answer = stores[0].grant(instance, asks).await.unwrap();
                assert!(answer.results[0].is_ok());
            }
        },
        async {
            for given_back_pico_usd in 1..=40 {
                let given = Return {
                    lease_id,
                    given_back_pico_usd,
                };
                // Each one twice.
                stores[1].give_back(instance, vec![given]).await.unwrap();
                stores[0].give_back(instance, vec![given]).await.unwrap();
            }
        },
        async {
            for number in 0..40 {
                let write = charged(number, 2, vec![lease_id], epoch);
                stores[1].append_entries(vec![write]).await.unwrap();
            }
        }
    );
    let ((), (), ()) = (grants, returns, settles);
    assert_books_balance(&station);
    let sums = station
        .peek("SELECT settled_pico_usd, leased_pico_usd FROM budget_window WHERE budget_id > 0");
    assert_eq!(sums, format!("80|{}", 100 + 400 - 40 - 80));
}
