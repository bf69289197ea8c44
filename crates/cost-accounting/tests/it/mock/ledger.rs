//! The ledger over a real store in a temporary directory.
//!
//! Invariants: each test has a store of its own.
//! Does not know: how the store writes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cost_accounting::{
    Charges, Entry, EntryState, Ledger, LedgerError, PicoUsd, Report, ReportBy, ReportQuery, Usage,
    day_of,
};
use jiff::Timestamp;
use storage::{Disk, DiskStep, OpenOptions, RealDisk, Role, Store};
use tempfile::TempDir;
use uuid::Uuid;

pub(super) struct World {
    pub(super) ledger: Ledger,
    pub(super) store: Store,
    /// Kept until the test ends, then deleted.
    directory: TempDir,
}

impl World {
    /// The same directory after the server ended and another one started.
    pub(super) async fn reopen(self) -> World {
        self.store.close().await.unwrap();
        open(self.directory, Arc::new(RealDisk)).await
    }
}

/// A disk that refuses every commit while it is full.
#[derive(Default)]
struct Full(AtomicBool);

impl Disk for Full {
    fn step(&self, step: DiskStep) -> io::Result<()> {
        if step == DiskStep::Commit && self.0.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

pub(super) async fn world() -> World {
    world_on(Arc::new(RealDisk)).await
}

async fn world_on(disk: Arc<dyn Disk>) -> World {
    open(tempfile::tempdir().unwrap(), disk).await
}

async fn open(directory: TempDir, disk: Arc<dyn Disk>) -> World {
    let options = OpenOptions {
        path: directory.path().join("keyward.db"),
        role: Role::Server,
        gather: Duration::from_millis(2),
    };
    let store = Store::open_on(options, disk).await.unwrap();
    World {
        ledger: Ledger::new(store.clone()),
        store,
        directory,
    }
}

pub(super) fn entry(request: u128, at: &str, cost: &str) -> Entry {
    let at: Timestamp = at.parse().unwrap();
    Entry {
        entry_id: None,
        request_id: Uuid::from_u128(request),
        attempt: 1,
        adjustment: 0,
        adjusts: None,
        state: EntryState::Reported,
        at,
        window_day: day_of(at),
        lease_id: None,
        key_id: "key_aaaaaaaaaaaa".into(),
        project: "demo".into(),
        endpoint: "chat.completions".into(),
        model: "gpt-4o-mini".into(),
        model_served: Some("gpt-4o-mini-2024-07-18".into()),
        upstream: "openai".into(),
        service_tier: Some("default".into()),
        price_row: Some("gpt-4o-mini@2026-01-01".into()),
        usage: Usage {
            input: 400,
            cached_input: 600,
            output: 150,
            reasoning: 50,
            ..Usage::default()
        },
        taken_back: Usage::default(),
        other_usage: None,
        cost: PicoUsd::from_usd(cost).unwrap(),
        status: 200,
        outcome: "finished".into(),
        cached: false,
        stream: true,
        latency: Duration::from_millis(1_200),
        first_chunk: Some(Duration::from_millis(300)),
        end_user: Some("someone".to_owned()),
        tags: vec!["team:red".to_owned(), "blue".to_owned()].into(),
    }
}

/// A cache hit: attempt 0, nothing used upstream, nothing charged.
fn hit(request: u128, at: &str) -> Entry {
    Entry {
        attempt: 0,
        cached: true,
        usage: Usage::default(),
        ..entry(request, at, "0")
    }
}

/// Group, requests, attempts, input, output, dollars.
type Sums = (&'static str, u64, u64, u64, u64, &'static str);

fn check(report: &Report, expected: &[Sums]) {
    let found: Vec<_> = report
        .rows
        .iter()
        .chain([&report.total])
        .map(|row| {
            let tokens = (row.input_tokens, row.output_tokens);
            (
                row.group.as_str(),
                row.requests,
                row.attempts,
                tokens.0,
                tokens.1,
                row.cost.to_string(),
            )
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(group, requests, attempts, input, output, usd)| {
            (
                *group,
                *requests,
                *attempts,
                *input,
                *output,
                (*usd).to_owned(),
            )
        })
        .collect();
    assert_eq!(found, expected);
}

async fn report(ledger: &Ledger, by: ReportBy) -> Report {
    let query = ReportQuery {
        by,
        ..ReportQuery::default()
    };
    ledger.report(query).await.unwrap()
}

#[tokio::test]
async fn what_is_recorded_is_found_unchanged() {
    let world = world().await;
    let written = entry(1, "2026-11-22T10:00:00.123Z", "0.000225");
    drop(
        world
            .ledger
            .record(written.clone(), Charges::none())
            .await
            .unwrap(),
    );
    let found = world.ledger.find(Uuid::from_u128(1)).await.unwrap();
    assert!(found[0].entry_id.is_some());
    let found: Vec<Entry> = found
        .into_iter()
        .map(|entry| Entry {
            entry_id: None,
            ..entry
        })
        .collect();
    assert_eq!(found, [written]);
    assert!(
        world
            .ledger
            .find(Uuid::from_u128(2))
            .await
            .unwrap()
            .is_empty()
    );
    world.ledger.writable().unwrap();
}

#[tokio::test]
async fn the_same_entry_twice_is_charged_once() {
    let world = world().await;
    let entry = entry(1, "2026-11-22T10:00:00Z", "0.000225");
    world
        .ledger
        .append(entry.clone(), Charges::none())
        .await
        .unwrap();
    world
        .ledger
        .append(entry.clone(), Charges::none())
        .await
        .unwrap();
    world
        .ledger
        .record(entry, Charges::none())
        .await
        .unwrap()
        .await
        .unwrap();
    let report = report(&world.ledger, ReportBy::Project).await;
    let demo = ("demo", 1, 1, 1_000, 200, "0.000225");
    check(&report, &[demo, ("total", 1, 1, 1_000, 200, "0.000225")]);
}

#[tokio::test]
async fn the_same_attempt_with_another_cost_is_a_conflict_and_the_first_stands() {
    let world = world().await;
    let first = entry(1, "2026-11-22T10:00:00Z", "0.000225");
    let other = entry(1, "2026-11-22T10:00:00Z", "0.5");
    world.ledger.append(first, Charges::none()).await.unwrap();
    let appended = world.ledger.append(other.clone(), Charges::none()).await;
    assert!(
        matches!(appended, Err(LedgerError::Conflict)),
        "{appended:?}"
    );
    let recorded = world
        .ledger
        .record(other, Charges::none())
        .await
        .unwrap()
        .await;
    assert!(
        matches!(recorded, Err(LedgerError::Conflict)),
        "{recorded:?}"
    );
    let report = report(&world.ledger, ReportBy::Key).await;
    assert_eq!(report.total.cost.to_string(), "0.000225");
}

#[tokio::test]
async fn a_call_whose_cost_did_not_fit_was_charged_to_nobody() {
    let world = world().await;
    let huge = entry(1, "2026-11-22T10:00:00Z", "10000000");
    let receipt = world
        .ledger
        .record(huge.clone(), Charges::none())
        .await
        .unwrap();
    assert!(receipt.clamped());
    receipt.await.unwrap();
    assert!(
        world.ledger.append(huge, Charges::none()).await.unwrap(),
        "the same again"
    );
    let found = world.ledger.find(Uuid::from_u128(1)).await.unwrap();
    let marks = found.iter().map(|entry| entry.other_usage.as_deref());
    assert_eq!(marks.collect::<Vec<_>>(), [Some(r#"{"clamped":true}"#)]);
    let report = report(&world.ledger, ReportBy::Day).await;
    let sums = (1, 1, 1_000, 200, "9223372.036854775807");
    let (requests, attempts, input, output, usd) = sums;
    let row = |group| (group, requests, attempts, input, output, usd);
    check(&report, &[row("2026-11-22"), row("total")]);

    let ordinary = entry(2, "2026-11-22T10:00:00Z", "1");
    let receipt = world
        .ledger
        .record(ordinary, Charges::none())
        .await
        .unwrap();
    assert!(!receipt.clamped());
    receipt.await.unwrap();
}

#[tokio::test]
async fn an_entry_that_will_never_be_taken_is_refused_at_once() {
    let world = world().await;
    let adjusts_nothing = Entry {
        state: EntryState::Adjusted,
        ..entry(1, "2026-11-22T10:00:00Z", "1")
    };
    assert!(
        world
            .ledger
            .record(adjusts_nothing, Charges::none())
            .await
            .is_err()
    );
    world.ledger.writable().unwrap();
}

#[tokio::test]
async fn reports_sum_by_day_model_key_and_project() {
    let world = world().await;
    let ada = Entry {
        model: "text-embedding-ada-002".into(),
        usage: Usage {
            input: 16,
            ..Usage::default()
        },
        ..entry(2, "2026-11-22T10:00:00Z", "0.0000016")
    };
    let second_attempt = Entry {
        attempt: 2,
        project: "demo".into(),
        ..entry(1, "2026-11-21T23:59:59.999Z", "0.000225")
    };
    let other_key = Entry {
        key_id: "key_bbbbbbbbbbbb".into(),
        project: "other".into(),
        ..entry(3, "2026-11-22T00:00:00Z", "1")
    };
    let entries = [
        entry(1, "2026-11-21T23:59:59Z", "0"),
        second_attempt,
        ada,
        other_key,
        hit(4, "2026-11-22T10:00:00Z"),
    ];
    for entry in entries {
        world.ledger.append(entry, Charges::none()).await.unwrap();
    }

    let total = ("total", 4, 4, 3_016, 600, "1.0002266");
    let days = [
        ("2026-11-21", 1, 2, 2_000, 400, "0.000225"),
        ("2026-11-22", 3, 2, 1_016, 200, "1.0000016"),
        total,
    ];
    check(&report(&world.ledger, ReportBy::Day).await, &days);
    let models = [
        ("gpt-4o-mini", 3, 3, 3_000, 600, "1.000225"),
        ("text-embedding-ada-002", 1, 1, 16, 0, "0.0000016"),
        total,
    ];
    check(&report(&world.ledger, ReportBy::Model).await, &models);
    let keys = [
        ("key_bbbbbbbbbbbb", 1, 1, 1_000, 200, "1"),
        ("key_aaaaaaaaaaaa", 3, 3, 2_016, 400, "0.0002266"),
        total,
    ];
    check(&report(&world.ledger, ReportBy::Key).await, &keys);
    let projects = [
        ("other", 1, 1, 1_000, 200, "1"),
        ("demo", 3, 3, 2_016, 400, "0.0002266"),
        total,
    ];
    check(&report(&world.ledger, ReportBy::Project).await, &projects);
}

#[tokio::test]
async fn filters_hold_together_and_days_are_inclusive() {
    let world = world().await;
    for (request, day) in [(1, "20"), (2, "21"), (3, "22"), (4, "23")] {
        let at = format!("2026-11-{day}T12:00:00Z");
        world
            .ledger
            .append(entry(request, &at, "1"), Charges::none())
            .await
            .unwrap();
    }
    let query = ReportQuery {
        by: ReportBy::Day,
        from: Some("2026-11-21".parse().unwrap()),
        to: Some("2026-11-22".parse().unwrap()),
        key_id: Some("key_aaaaaaaaaaaa".to_owned()),
        project: Some("demo".to_owned()),
        model: Some("gpt-4o-mini".to_owned()),
    };
    let report = world.ledger.report(query.clone()).await.unwrap();
    let expected = [
        ("2026-11-21", 1, 1, 1_000, 200, "1"),
        ("2026-11-22", 1, 1, 1_000, 200, "1"),
        ("total", 2, 2, 2_000, 400, "2"),
    ];
    check(&report, &expected);
    for stranger in [
        ReportQuery {
            key_id: Some("key_bbbbbbbbbbbb".to_owned()),
            ..query.clone()
        },
        ReportQuery {
            project: Some("other".to_owned()),
            ..query.clone()
        },
        ReportQuery {
            model: Some("gpt-4o".to_owned()),
            ..query
        },
    ] {
        let report = world.ledger.report(stranger).await.unwrap();
        check(&report, &[("total", 0, 0, 0, 0, "0")]);
    }
}

#[tokio::test]
async fn a_closed_store_is_an_error_not_a_lost_entry() {
    let world = world().await;
    world.store.close().await.unwrap();
    let entry = entry(1, "2026-11-22T10:00:00Z", "1");
    let appended = world.ledger.append(entry.clone(), Charges::none()).await;
    assert!(
        matches!(appended, Err(LedgerError::Store(_))),
        "{appended:?}"
    );
    assert!(world.ledger.record(entry, Charges::none()).await.is_err());
}

#[tokio::test]
async fn a_full_disk_stops_calls_and_loses_no_entry() {
    let disk = Arc::new(Full::default());
    let world = world_on(Arc::clone(&disk) as Arc<dyn Disk>).await;
    world.ledger.writable().unwrap();
    disk.0.store(true, Ordering::SeqCst);
    let entry = entry(1, "2026-11-22T10:00:00Z", "0.000225");
    let recorded = world
        .ledger
        .record(entry, Charges::none())
        .await
        .unwrap()
        .await;
    assert!(
        matches!(recorded, Err(LedgerError::Store(_))),
        "{recorded:?}"
    );
    let writable = world.ledger.writable();
    assert!(
        matches!(writable, Err(LedgerError::NotWritable { .. })),
        "{writable:?}"
    );

    disk.0.store(false, Ordering::SeqCst);
    let found = world.ledger.find(Uuid::from_u128(1)).await.unwrap();
    assert_eq!(found.len(), 1);
    world.ledger.writable().unwrap();
}

#[tokio::test]
async fn an_old_call_was_not_found_while_the_disk_was_full() {
    let disk = Arc::new(Full::default());
    let world = world_on(Arc::clone(&disk) as Arc<dyn Disk>).await;
    let old = entry(1, "2026-11-22T10:00:00Z", "1");
    world.ledger.append(old, Charges::none()).await.unwrap();
    disk.0.store(true, Ordering::SeqCst);
    let recent = entry(2, "2026-11-22T10:00:00Z", "1");
    drop(world.ledger.record(recent, Charges::none()).await.unwrap());
    let found = world.ledger.find(Uuid::from_u128(1)).await.unwrap();
    assert_eq!(found.len(), 1);
    // What is in memory alone is not called missing.
    assert!(world.ledger.find(Uuid::from_u128(2)).await.is_err());
    disk.0.store(false, Ordering::SeqCst);
    let found = world.ledger.find(Uuid::from_u128(2)).await.unwrap();
    assert_eq!(found.len(), 1);
}
