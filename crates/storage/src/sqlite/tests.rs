//! A disk that is really full and one that hangs, which only a look inside can bring about.
//!
//! Invariants: of the full one SQLite itself reports the error; of the hung one nobody reports anything.
//! Does not know: other faults; those enter by the seam.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rusqlite::Connection;

use super::desk::edit;
use super::queue::{TICKS_MAX, Watch};
use super::{SqliteStore, connection, instances, migrations, place, run_on, wall_of};
use crate::budget_rows::{BOOKS, BudgetSet, Want};
use crate::error::StoreErrorKind;
use crate::rows::{EntryRow, StoreHealth};
use crate::sqlite::disk::{Disk, DiskStep, RealDisk};
use crate::store::{OpenOptions, Role, Seams};

const GATHER: Duration = Duration::from_millis(2);

/// A store whose file may not grow any more.
fn full_store(directory: &std::path::Path) -> SqliteStore {
    let place = place::Place::prepare(&directory.join("keyward.db")).unwrap();
    let mut writer = connection::open_writer(&place.database).unwrap();
    let known = migrations::MIGRATIONS;
    let lock =
        migrations::bring_up_to_date(&mut writer, &place, Role::Server, &RealDisk, known).unwrap();
    writer
        .execute_batch(
            "CREATE TABLE ballast (bytes BLOB) STRICT; INSERT INTO ballast VALUES (zeroblob(1000000));",
        )
        .unwrap();
    let pages: i64 = writer
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    writer.pragma_update(None, "max_page_count", pages).unwrap();
    let shared = run_on(writer, &place, lock, GATHER, Seams::default()).unwrap();
    SqliteStore {
        shared: Arc::new(shared),
    }
}

/// Entries that fill many pages together.
fn large_entry(number: u8) -> EntryRow {
    EntryRow {
        entry_id: 0,
        request_id: [number; 16],
        attempt: 1,
        adjustment: 0,
        adjusts: None,
        state: "reported".to_owned(),
        at_ms: 0,
        window_day: 0,
        lease_id: None,
        key_id: "key".to_owned(),
        project: "project".to_owned(),
        endpoint: "embeddings".to_owned(),
        model: "model".to_owned(),
        model_served: None,
        upstream: "openai".to_owned(),
        service_tier: None,
        price_row: None,
        input_tokens: 1,
        cached_input_tokens: 0,
        cache_write_30m_tokens: 0,
        cache_write_12h_tokens: 0,
        output_tokens: 0,
        reasoning_tokens: 0,
        other_usage: Some("x".repeat(4_000)),
        cost_pico_usd: 1,
        status: 200,
        outcome: "finished".to_owned(),
        cached: false,
        stream: false,
        latency_ms: 0,
        first_chunk_ms: None,
        end_user: None,
        tags: Vec::new(),
    }
}

#[tokio::test]
async fn full_disk_loses_nothing_and_heals() {
    let directory = tempfile::tempdir().unwrap();
    let store = full_store(directory.path());
    let rows: Vec<EntryRow> = (1..=20).map(large_entry).collect();

    let error = store
        .append_entries(rows.iter().cloned().map(EntryRow::into).collect())
        .await
        .unwrap_err();
    assert!(
        matches!(&error.kind, StoreErrorKind::Disk(text) if text.contains("full")),
        "{error}"
    );
    assert!(error.is_passing());
    assert!(matches!(
        store.health(),
        StoreHealth::Failing {
            entries_waiting: 20,
            ..
        }
    ));
    assert!(
        store.flush().await.is_err(),
        "what was enqueued is not on disk"
    );
    assert_eq!(store.keys().await.unwrap(), [], "reading goes on");

    let file = Connection::open(directory.path().join("keyward.db")).unwrap();
    file.execute("DELETE FROM ballast", []).unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.health(), StoreHealth::Writable);
    for row in rows {
        let stored = store.entries_of_request(row.request_id).await.unwrap();
        assert_eq!(
            stored,
            [EntryRow {
                entry_id: stored[0].entry_id,
                ..row
            }]
        );
    }
    store.close().await.unwrap();
}

fn large_budget(number: usize) -> BudgetSet {
    BudgetSet {
        scope_kind: "project".to_owned(),
        scope_value: format!("{number:04000}"),
        window: "day".to_owned(),
        limit_pico_usd: 1,
    }
}

#[tokio::test]
async fn full_disk_makes_no_half_a_budget() {
    let directory = tempfile::tempdir().unwrap();
    let store = full_store(directory.path());
    let mut made = 0;
    let error = loop {
        match store.set_budget(large_budget(made)).await {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
        assert!(made < 1_000, "the disk was never full");
    };
    assert!(
        matches!(&error.kind, StoreErrorKind::Disk(text) if text.contains("full")),
        "{error}"
    );
    assert_eq!(store.budget_states(None).await.unwrap().len(), made);
    assert_eq!(store.epoch().await.unwrap(), i64::try_from(made).unwrap());
    let file = Connection::open(directory.path().join("keyward.db")).unwrap();
    file.execute("DELETE FROM ballast", []).unwrap();
    store.set_budget(large_budget(made)).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn read_only_database_grants_nothing_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let place = place::Place::prepare(&directory.path().join("keyward.db")).unwrap();
    let mut writer = connection::open_writer(&place.database).unwrap();
    let known = migrations::MIGRATIONS;
    let lock =
        migrations::bring_up_to_date(&mut writer, &place, Role::Server, &RealDisk, known).unwrap();
    let seams = Seams::default();
    edit(&mut writer, &RealDisk, &wall_of(&seams), |desk| {
        instances::open(desk, [1; 16], i64::MAX / 2)
    })
    .unwrap();
    writer.pragma_update(None, "query_only", true).unwrap();
    let store = SqliteStore {
        shared: Arc::new(run_on(writer, &place, lock, GATHER, seams).unwrap()),
    };
    let want = Want {
        budget_id: BOOKS,
        amount_min: 1,
        amount_wished: 1,
        forced: false,
        next_window: false,
    };
    let error = store.grant([1; 16], vec![vec![want]]).await.unwrap_err();
    assert!(
        matches!(&error.kind, StoreErrorKind::Disk(text) if text.contains("readonly")),
        "{error}"
    );
    assert!(error.is_passing());
    assert_eq!(store.instances().await.unwrap().len(), 1, "reading goes on");
    store.close().await.unwrap();
}

/// A disk whose commits do not end while it hangs.
#[derive(Default)]
struct Hung {
    hangs: Mutex<bool>,
    changed: Condvar,
}

impl Hung {
    fn set(&self, hangs: bool) {
        *self.hangs.lock().unwrap() = hangs;
        self.changed.notify_all();
    }
}

impl Disk for Hung {
    fn step(&self, step: DiskStep) -> io::Result<()> {
        if step == DiskStep::Commit {
            let hangs = self.hangs.lock().unwrap();
            drop(self.changed.wait_while(hangs, |hangs| *hangs).unwrap());
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_hung_disk_counted_as_writable() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(Hung::default());
    let options = OpenOptions {
        path: directory.path().join("keyward.db"),
        role: Role::Server,
        gather: GATHER,
    };
    let store = SqliteStore::open(
        options,
        Seams {
            disk: Arc::clone(&disk) as Arc<dyn Disk>,
            ..Seams::default()
        },
    )
    .await
    .unwrap();
    disk.set(true);
    let receipt = store.enqueue_entry(large_entry(1).into()).await.unwrap();
    assert_eq!(store.health(), StoreHealth::Writable, "it may wait a while");
    // Ticks of our own, so that no time need pass.
    let mut watch = Watch::new(Arc::clone(&store.shared.queue));
    for _ in 0..=TICKS_MAX {
        watch.tick();
    }
    assert!(matches!(
        store.health(),
        StoreHealth::Failing {
            commits_failed: 0,
            entries_waiting: 1,
            ..
        }
    ));
    disk.set(false);
    receipt.await.unwrap();
    assert_eq!(store.health(), StoreHealth::Writable);
    store.close().await.unwrap();
}
