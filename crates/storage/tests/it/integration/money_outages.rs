//! A database that is slow, frozen, cut off or restarted at each step of a grant and of a settlement.
//!
//! Invariants: calls end in time and say that they failed; nothing is lost, nothing is doubled; what was granted unknown
//! shows at the next grant.
//! Does not know: who races.

use std::time::{Duration, Instant};

use rig::{Fault, FaultProxy};
use storage::{
    BOOKS, BudgetSet, CALL_MAX, EntryRow, EntryWrite, Granted, Return, Store, StoreError,
    StoreErrorKind, StoreHealth,
};

use crate::integration::station::Station;
use crate::suite::{LIVES_MS, want};
use crate::world::entry;

const LIMIT: i64 = 1_000_000;
const INSTANCE: [u8; 16] = [1; 16];
/// Beyond `CALL_MAX`, for a machine that is busy.
const GRACE: Duration = Duration::from_secs(3);

struct Scene {
    station: Station,
    store: Store,
    proxy: FaultProxy,
    budget_id: i64,
    epoch: i64,
    /// The lease of the books and of the budget.
    leases: Vec<i64>,
    /// Calls that were tried.
    calls: u64,
}

impl Scene {
    async fn new() -> Scene {
        let station = Station::new();
        let (store, proxy) = station.behind_proxy().await;
        let set = BudgetSet {
            scope_kind: "global".to_owned(),
            scope_value: String::new(),
            window: "total".to_owned(),
            limit_pico_usd: LIMIT,
        };
        let budget_id = store.set_budget(set).await.unwrap().budget_id;
        let epoch = store.epoch().await.unwrap();
        store.open_instance(INSTANCE, LIVES_MS * 10).await.unwrap();
        let mut scene = Scene {
            station,
            store,
            proxy,
            budget_id,
            epoch,
            leases: Vec::new(),
            calls: 0,
        };
        let granted = scene.grant(10).await.unwrap();
        scene.leases = granted.iter().map(|granted| granted.lease_id).collect();
        scene
    }

    async fn grant(&self, amount: i64) -> Result<Vec<Granted>, StoreError> {
        let asks = vec![vec![want(BOOKS, amount), want(self.budget_id, amount)]];
        let mut answer = self.store.grant(INSTANCE, asks).await?;
        Ok(answer.results.remove(0).expect("there is room"))
    }

    /// An entry that charges one.
    async fn settle(&mut self) -> Result<(), StoreError> {
        let write = EntryWrite {
            row: EntryRow {
                cost_pico_usd: 1,
                lease_id: self.leases.first().copied(),
                ..entry(self.calls)
            },
            leases: self.leases.clone(),
            epoch: self.epoch,
        };
        self.calls += 1;
        self.store.append_entries(vec![write]).await.map(drop)
    }

    /// The database is well again: the books must balance, with each entry charged once.
    async fn check(&self) {
        self.proxy.set(Fault::None);
        while self.store.flush().await.is_err() || self.store.health() != StoreHealth::Writable {
            tokio::task::yield_now().await;
        }
        let window =
            "SELECT settled_pico_usd, leased_pico_usd = (SELECT sum(remaining_pico_usd) FROM lease
                WHERE lease.budget_id = budget_window.budget_id)
            FROM budget_window ORDER BY budget_id";
        let expected = format!("{0}|t\n{0}|t", self.calls);
        assert_eq!(self.station.peek(window), expected);
        let ledger = self
            .station
            .peek("SELECT count(*), sum(cost_pico_usd) FROM ledger_entry");
        assert_eq!(ledger, format!("{0}|{0}", self.calls));
    }
}

#[expect(clippy::disallowed_methods, reason = "this is about real time")]
async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let before = Instant::now();
    let value = call.await;
    assert!(
        before.elapsed() < CALL_MAX + GRACE,
        "{:?}",
        before.elapsed()
    );
    value
}

fn check_passing(error: &StoreError) {
    assert!(error.is_passing(), "{error}");
}

/// The answers of a grant are a thousand bytes, of a settlement some more.
#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_connection_that_is_cut_anywhere_leaves_the_books_in_balance() {
    let mut scene = Scene::new().await;
    scene.settle().await.unwrap();
    let (mut asked, mut told, mut failed) = (10, 10, 0);
    for after_bytes in (0..1_500).step_by(43) {
        scene.proxy.set(Fault::Cut { after_bytes });
        asked += 10;
        match in_time(scene.grant(10)).await {
            Ok(_) => told += 10,
            Err(error) => {
                check_passing(&error);
                failed += 1;
            }
        }
        scene.proxy.set(Fault::Cut { after_bytes });
        if let Err(error) = scene.settle().await {
            check_passing(&error);
        }
        scene.check().await;
    }
    assert!(failed > 10, "{failed}");
    let granted = scene.grant(0).await.unwrap();
    let total = granted[1].lease_granted_pico_usd;
    assert!((told..=asked).contains(&total), "{told} {total} {asked}");
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_grant_whose_answer_is_lost_is_found_and_given_back() {
    let mut scene = Scene::new().await;
    scene.proxy.set(Fault::Unheard { request: "COMMIT" });
    let error = scene.grant(500).await.unwrap_err();
    assert!(
        matches!(error.kind, StoreErrorKind::Unavailable(_)),
        "{error}"
    );
    scene.proxy.set(Fault::None);
    let granted = scene.grant(20).await.unwrap();
    // Known: 10 and 20. The rest was granted unknown, once, and goes back.
    for granted in &granted {
        assert_eq!(granted.lease_granted_pico_usd, 10 + 500 + 20);
        let given = Return {
            lease_id: granted.lease_id,
            given_back_pico_usd: granted.lease_given_back_pico_usd + 500,
        };
        scene.proxy.set(Fault::Unheard { request: "COMMIT" });
        let lost = scene
            .store
            .give_back(INSTANCE, vec![given])
            .await
            .unwrap_err();
        check_passing(&lost);
        scene.proxy.set(Fault::None);
        scene.store.give_back(INSTANCE, vec![given]).await.unwrap();
    }
    let leased = scene
        .station
        .peek("SELECT DISTINCT leased_pico_usd FROM budget_window");
    assert_eq!(leased, "30");
    // A settlement whose answer is lost is repeated by the writer, and counts once.
    scene.proxy.set(Fault::Unheard { request: "COMMIT" });
    check_passing(&scene.settle().await.unwrap_err());
    scene.check().await;
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn every_operation_of_a_call_ends_in_time_on_a_frozen_database() {
    let mut scene = Scene::new().await;
    scene.settle().await.unwrap();
    scene.station.postgres.pause().unwrap();
    let store = scene.store.clone();
    let given = Return {
        lease_id: scene.leases[1],
        given_back_pico_usd: 1,
    };
    let (grant, beat, back, epoch, keys) = in_time(async {
        tokio::join!(
            scene.grant(10),
            store.heartbeat(INSTANCE, 1, LIVES_MS),
            store.give_back(INSTANCE, vec![given]),
            store.epoch(),
            store.revoke_key("key_1", 5),
        )
    })
    .await;
    for error in [grant.err(), beat.err(), back.err(), epoch.err(), keys.err()] {
        check_passing(&error.expect("nobody answers"));
    }
    scene.station.postgres.resume().unwrap();
    scene.check().await;
    scene.grant(10).await.unwrap();
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_grant_on_a_slow_database_ends_in_time() {
    let mut scene = Scene::new().await;
    for pause_ms in [30, 250, 1_000] {
        scene.proxy.set(Fault::Slow {
            pause: Duration::from_millis(pause_ms),
        });
        match in_time(scene.grant(10)).await {
            Ok(_) => assert!(pause_ms < 1_000),
            Err(error) => check_passing(&error),
        }
        if pause_ms < 500 {
            scene.settle().await.unwrap();
        }
        scene.check().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_window_that_somebody_keeps_locked_refuses_in_time() {
    let mut scene = Scene::new().await;
    let lock = "BEGIN; SELECT FROM keyward.budget_window FOR UPDATE; SELECT pg_notify('keyward', 'locked'); SELECT pg_sleep(30)";
    std::thread::scope(|threads| {
        let postgres = &scene.station.postgres;
        let holder = threads.spawn(|| postgres.psql(lock));
        let held = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        while postgres.psql(held).unwrap() == "0" {}
        let error = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current()
                .block_on(in_time(scene.grant(10)))
                .unwrap_err()
        });
        assert!(matches!(error.kind, StoreErrorKind::Busy(_)), "{error}");
        let end =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        postgres.psql(end).unwrap();
        assert!(holder.join().unwrap().is_err());
    });
    scene.settle().await.unwrap();
    scene.check().await;
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_crash_between_grants_and_settlements_keeps_what_was_acknowledged() {
    let mut scene = Scene::new().await;
    for round in 1..=3 {
        scene.grant(10).await.unwrap();
        scene.settle().await.unwrap();
        scene.station.postgres.crash().unwrap();
        check_passing(&in_time(scene.grant(10)).await.unwrap_err());
        check_passing(&scene.settle().await.unwrap_err());
        scene.station.postgres.restart().unwrap();
        scene.check().await;
        let granted = scene.grant(0).await.unwrap();
        assert_eq!(granted[1].lease_granted_pico_usd, 10 + 10 * round);
    }
}
