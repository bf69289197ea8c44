//! What holds of budgets when the disk fails, lies or refuses: all or nothing, and at worst too much is charged.
//!
//! Invariants: after each fault the books balance.
//! Does not know: why disks fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use storage::{
    BOOKS, Beat, BudgetSet, Disk, Granted, OpenOptions, Return, Role, ScopeAnswer, Seams, Store,
    StoreError, UsageBy, UsageQuery, WrittenOff,
};

use crate::faults::FailNth;
use crate::suite::{Clock, FIRST, LIVES_MS, SECOND, ask, charging, scope, spent, want};
use crate::world::World;

const FAULT_STEPS_MAX: usize = 300;
/// Faults tried side by side.
const AT_ONCE: usize = 20;
/// The header of a write-ahead log, and one page in it with its own header.
const LOG_HEADER_BYTES: usize = 32;
const FRAME_BYTES: usize = 24 + 4_096;

/// A store with a clock, which may fail once.
struct Bench {
    store: Store,
    clock: Clock,
}

/// Repeats an operation after the fault, as a caller would.
async fn retry<T, F: Future<Output = Result<T, StoreError>>>(
    mut operation: impl FnMut() -> F,
) -> T {
    match operation().await {
        Ok(value) => value,
        Err(error) => {
            assert!(error.is_passing(), "{error}");
            operation().await.expect("the fault fires once")
        }
    }
}

impl Bench {
    async fn open(options: OpenOptions, disk: Arc<dyn Disk>) -> Bench {
        let clock = Clock::new();
        let seams = || Seams {
            disk: Arc::clone(&disk),
            wall: Some(clock.wall()),
        };
        let store = retry(|| Store::open_with(options.clone(), seams())).await;
        Bench { store, clock }
    }

    /// Whatever failed: what is leased is what remains, and the books are the ledger.
    async fn check(&self) -> i64 {
        let mut states = self.store.budget_states(None).await.unwrap();
        let books = self
            .store
            .budget_states(Some(scope("books", "")))
            .await
            .unwrap();
        let settled = books[0].window.settled_pico_usd;
        states.extend(books);
        for state in states {
            let remaining: i64 = state
                .leases
                .iter()
                .map(|lease| lease.remaining_pico_usd)
                .sum();
            assert_eq!(remaining, state.window.leased_pico_usd, "{state:?}");
            let limit = state.budget.limit_pico_usd.unwrap_or(i64::MAX);
            assert!(
                state.window.settled_pico_usd + remaining <= limit,
                "{state:?}"
            );
        }
        let usage = self
            .store
            .usage(UsageQuery::all(UsageBy::Day))
            .await
            .unwrap();
        let ledger: i128 = usage.iter().map(|row| row.cost_pico_usd).sum();
        assert_eq!(ledger, i128::from(settled), "the books are the ledger");
        settled
    }

    async fn budgets(&self) -> Vec<i64> {
        let set = |kind: &str, value: &str| BudgetSet {
            scope_kind: kind.to_owned(),
            scope_value: value.to_owned(),
            window: "day".to_owned(),
            limit_pico_usd: 1_000,
        };
        retry(|| self.store.set_budget(set("global", ""))).await;
        retry(|| self.store.set_budget(set("key", "*"))).await;
        let answer = retry(|| self.store.budgets_in_scope(ask("key_a", None))).await;
        let ScopeAnswer::Budgets { budgets, .. } = answer else {
            panic!("{answer:?}")
        };
        budgets.iter().map(|budget| budget.budget_id).collect()
    }

    async fn born(&self, instance: [u8; 16]) -> Beat {
        retry(|| self.store.open_instance(instance, LIVES_MS)).await
    }

    async fn hold(&self, budgets: &[i64], amount: i64) -> Vec<Granted> {
        let wants: Vec<_> = budgets
            .iter()
            .map(|budget_id| want(*budget_id, amount))
            .collect();
        let mut answer = retry(|| self.store.grant(FIRST, vec![wants.clone()])).await;
        answer.results.remove(0).unwrap()
    }
}

/// Everything once; each operation is repeated if it fails.
async fn use_store(world: &World, disk: Arc<dyn Disk>) {
    let bench = Bench::open(world.options(Role::Server), disk).await;
    let store = &bench.store;
    let budgets = bench.budgets().await;
    assert_eq!(budgets.len(), 3);
    let epoch = bench.born(FIRST).await.epoch;
    let granted = bench.hold(&budgets, 50).await;
    bench.check().await;
    let leases: Vec<i64> = granted.iter().map(|granted| granted.lease_id).collect();
    retry(|| store.append_entries(vec![charging(spent(1, 20), &leases, epoch)])).await;
    bench.check().await;
    // All but ten, however often it was granted.
    let returns: Vec<Return> = granted
        .iter()
        .map(|granted| Return {
            lease_id: granted.lease_id,
            given_back_pico_usd: granted.lease_granted_pico_usd - 30,
        })
        .collect();
    retry(|| store.give_back(FIRST, returns.clone())).await;
    assert_eq!(bench.check().await, 20);
    retry(|| store.heartbeat(FIRST, epoch, LIVES_MS)).await;
    retry(|| store.mark_alert(budgets[1], crate::suite::TODAY, 50)).await;
    let alerts = retry(|| store.alerts_waiting(9, 0)).await;
    retry(|| store.alert_delivered(alerts[0].alert_id)).await;
    bench.clock.step(LIVES_MS);
    bench.born(SECOND).await;
    let _: Vec<WrittenOff> = retry(|| store.write_off_dead(SECOND)).await;
    assert_eq!(bench.check().await, 30, "what remained is charged");
    retry(|| store.append_entries(vec![charging(spent(2, 7), &leases, epoch)])).await;
    assert_eq!(bench.check().await, 30, "and taken back");
    let global = scope("global", "");
    retry(|| store.remove_budget(global.clone(), "day".to_owned())).await;
    retry(|| store.close_instance(SECOND)).await;
    assert_eq!(store.instances().await.unwrap(), []);
    store.close().await.unwrap();
}

#[tokio::test]
async fn any_step_may_fail_once() {
    for first in (0..FAULT_STEPS_MAX).step_by(AT_ONCE) {
        // Side by side, for each mostly waits for its disk.
        let mut runs = tokio::task::JoinSet::new();
        for nth in first..first + AT_ONCE {
            runs.spawn(async move {
                let disk = Arc::new(FailNth::new(nth));
                use_store(&World::new(), Arc::clone(&disk) as _).await;
                disk.fired()
            });
        }
        if runs.join_all().await.contains(&false) {
            assert!(first > 80, "the steps were not counted");
            return;
        }
    }
    panic!("still failing after {FAULT_STEPS_MAX} faults");
}

/// A power cut on a disk that said it had written and had not: of the log, any length may be left.
#[tokio::test]
async fn a_disk_that_lied_charges_too_much_at_worst() {
    let world = World::new();
    let bench = Bench::open(world.options(Role::Server), Arc::new(storage::RealDisk)).await;
    let budgets = bench.budgets().await;
    bench.store.close().await.unwrap();
    // The log is empty now; this reader holds it back from being folded.
    let peek = world.peek();
    peek.execute_batch("BEGIN; SELECT count(*) FROM budget;")
        .unwrap();
    let bench = Bench::open(world.options(Role::Server), Arc::new(storage::RealDisk)).await;
    let epoch = bench.born(FIRST).await.epoch;
    for number in 1..=3 {
        let granted = bench.hold(&budgets, 10).await;
        let leases: Vec<i64> = granted.iter().map(|granted| granted.lease_id).collect();
        bench
            .store
            .append_entries(vec![charging(spent(number, 8), &leases, epoch)])
            .await
            .unwrap();
    }
    let log = fs::read(world.path().with_extension("db-wal")).unwrap();
    let frames = (log.len() - LOG_HEADER_BYTES) / FRAME_BYTES;
    assert!(frames >= 6, "{frames}");
    let mut seen = Vec::new();
    let cuts: Vec<usize> = (0..=frames)
        .map(|frame| LOG_HEADER_BYTES + frame * FRAME_BYTES)
        .flat_map(|whole| [whole, (whole + FRAME_BYTES / 3).min(log.len())])
        .collect();
    for cuts in cuts.chunks(AT_ONCE) {
        let restarts = cuts
            .iter()
            .map(|bytes| restart_on(world.path(), log[..*bytes].to_vec()));
        let restarts: Vec<_> = restarts.map(tokio::spawn).collect();
        for restart in restarts {
            seen.push(restart.await.unwrap());
        }
    }
    seen.dedup();
    // Ten for each grant that is left, settled or not: never its eight alone.
    assert_eq!(seen, [0, 10, 20, 30]);
}

/// Starts on what is left, writes off what was under way; what the books have settled then.
async fn restart_on(path: PathBuf, log: Vec<u8>) -> i64 {
    let copy = World::new();
    fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
    fs::copy(path, copy.path()).unwrap();
    fs::write(copy.path().with_extension("db-wal"), log).unwrap();
    let bench = Bench::open(copy.options(Role::Server), Arc::new(storage::RealDisk)).await;
    let verdict: String = copy
        .peek()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
    bench.check().await;
    bench.store.write_off_dead(SECOND).await.unwrap();
    let settled = bench.check().await;
    bench.store.close().await.unwrap();
    settled
}

#[tokio::test]
async fn a_start_finds_the_other_servers_dead() {
    let world = World::new();
    let bench = Bench::open(world.options(Role::Server), Arc::new(storage::RealDisk)).await;
    bench.born(FIRST).await;
    bench.hold(&[BOOKS], 10).await;
    let command = Bench::open(world.options(Role::Command), Arc::new(storage::RealDisk)).await;
    assert!(
        bench.store.instances().await.unwrap()[0].alive,
        "a command is no server"
    );
    drop(command);
    bench.store.close().await.unwrap();
    let next = Bench::open(world.options(Role::Server), Arc::new(storage::RealDisk)).await;
    let written_off = next.store.write_off_dead(SECOND).await.unwrap();
    assert_eq!(written_off[0].amount_pico_usd, 10);
    assert_eq!(next.check().await, 10);
}

/// The store's own arithmetic comes first; these hold against other writers.
#[tokio::test]
async fn tables_refuse_what_no_budget_may_hold() {
    let world = World::new();
    let bench = Bench::open(world.options(Role::Server), Arc::new(storage::RealDisk)).await;
    let budgets = bench.budgets().await;
    bench.born(FIRST).await;
    bench.hold(&budgets, 600).await;
    let file = world.peek();
    let refused = [
        "UPDATE budget_window SET settled_pico_usd = -1",
        "UPDATE budget_window SET leased_pico_usd = -1",
        "UPDATE budget_window SET leased_pico_usd = 1001 WHERE budget_id = 1",
        "UPDATE budget_window SET leased_pico_usd = 1401, forced_pico_usd = 400 WHERE budget_id = 1",
        "UPDATE lease SET remaining_pico_usd = -1",
        "UPDATE lease SET remaining_pico_usd = granted_pico_usd + 1",
        "UPDATE lease SET taken_back_pico_usd = 1",
        "UPDATE lease SET open = 0",
        "UPDATE lease SET written_off_pico_usd = 1",
        "DELETE FROM lease",
        "INSERT INTO lease SELECT NULL, instance, budget_id, window_start, 0, 0, 0, 0, 0, 1 FROM lease LIMIT 1",
        "UPDATE budget SET limit_pico_usd = -1 WHERE budget_id = 1",
        "UPDATE budget SET limit_pico_usd = NULL WHERE budget_id = 1",
        "UPDATE budget SET limit_pico_usd = 1 WHERE budget_id = 0",
        "UPDATE budget SET window_kind = 'week'",
        "INSERT INTO budget SELECT NULL, scope_kind, scope_value, window_kind, 1, NULL, 0, 0, 0, NULL FROM budget
         WHERE budget_id = 1",
    ];
    for statement in refused {
        assert!(file.execute(statement, []).is_err(), "{statement}");
    }
    let taken = [
        "UPDATE budget_window SET leased_pico_usd = 1000 WHERE budget_id = 1",
        "UPDATE budget_window SET leased_pico_usd = 1400, forced_pico_usd = 400 WHERE budget_id = 1",
        "UPDATE budget_window SET leased_pico_usd = 1399, settled_pico_usd = 50 WHERE budget_id = 1",
    ];
    for statement in taken {
        assert_eq!(file.execute(statement, []), Ok(1), "{statement}");
    }
}

/// A write-off of more leases than one transaction takes.
#[tokio::test]
async fn many_leases_end_in_several_transactions() {
    let world = World::new();
    let bench = Bench::open(world.options(Role::Server), Arc::new(storage::RealDisk)).await;
    bench.budgets().await;
    for (instance, lists) in [(FIRST, 9), (SECOND, 1)] {
        bench.born(instance).await;
        let mut budgets = Vec::new();
        for many in 0..lists {
            let mut all = ask("key_a", None);
            all.scopes = (0..125)
                .map(|key| scope("key", &format!("key {many} {key}")))
                .collect();
            let answer = bench.store.budgets_in_scope(all).await.unwrap();
            let ScopeAnswer::Budgets { budgets: found, .. } = answer else {
                panic!("{answer:?}")
            };
            budgets.extend(found.iter().map(|budget| want(budget.budget_id, 1)));
        }
        let answer = bench.store.grant(instance, vec![budgets]).await.unwrap();
        assert_eq!(answer.results[0].as_ref().map(Vec::len), Ok(lists * 126));
    }
    bench.store.close_instance(SECOND).await.unwrap();
    assert_eq!(leases_open(&world.path()), 9 * 125 + 1);
    bench.clock.step(LIVES_MS);
    let written_off = bench.store.write_off_dead(SECOND).await.unwrap();
    assert_eq!(written_off.len(), 9 * 125 + 1);
    assert_eq!(leases_open(&world.path()), 0);
    assert_eq!(bench.check().await, 9, "each list had the books");
}

fn leases_open(path: &Path) -> i64 {
    let file = Connection::open(path).unwrap();
    file.query_row("SELECT count(*) FROM lease WHERE open = 1", [], |row| {
        row.get(0)
    })
    .unwrap()
}
