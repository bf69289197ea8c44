//! The store on one SQLite file: a writer thread behind a bounded queue, and read-only connections beside it.
//!
//! Invariants: at most `ENTRIES_WAITING_MAX` entries are accepted and not on disk; no SQL runs on the runtime's threads.
//! Does not know: what rows mean.

mod budget_operations;
mod budget_states;
mod budgets;
mod checkpoint;
mod connection;
mod desk;
pub(crate) mod disk;
mod ends;
mod failure;
mod grants;
mod group;
mod instances;
mod keys;
mod lease_rows;
mod ledger;
mod lists;
mod migrations;
mod mounts;
mod objects;
mod place;
mod readers;
mod settlement;
mod start_sums;
mod sums;
mod writer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::Thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{TryAcquireError, mpsc, oneshot};

use crate::budget_rows::EntryWrite;
use crate::error::{StoreError, StoreErrorKind};
use crate::health::Health;
use crate::limits::{check_key, check_write};
use crate::queue::{self, GATHER_MAX, PLACE_WAIT_MAX, Queue, TICK, Watch};
use crate::receipt::{APPEND, Answer, Receipt, closed};
use crate::rows::{Appended, EntryRow, KeyRevocation, KeyRow, StoreHealth, UsageQuery, UsageRow};
use crate::sqlite::checkpoint::Checkpointer;
use crate::sqlite::desk::{edit, machine_ms};
use crate::sqlite::failure::Failure;
use crate::sqlite::place::{Lock, Place};
use crate::sqlite::readers::Readers;
use crate::sqlite::writer::{Command, Job, Waiting, Writer};
use crate::store::{OpenOptions, Role, Seams, Wall};

/// Commands that may wait beside them.
const COMMANDS_WAITING_MAX: usize = 64;
/// A store on one SQLite file. A clone is a second handle; the last one that is dropped ends the writer after it has
/// written what was queued.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    jobs: mpsc::Sender<Job>,
    queue: Arc<Queue>,
    readers: Readers,
    health: Arc<Health>,
    writer: Thread,
    wall: Wall,
    /// Stops the watch when it is dropped.
    _watch: SyncSender<()>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Shared")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Nobody will send any more: no reason to gather.
        self.writer.unpark();
    }
}

impl SqliteStore {
    pub(crate) async fn open(
        options: OpenOptions,
        seams: Seams,
    ) -> Result<SqliteStore, StoreError> {
        const OPERATION: &str = "open the database";
        match tokio::task::spawn_blocking(move || start(&options, seams)).await {
            Ok(Ok(shared)) => Ok(SqliteStore {
                shared: Arc::new(shared),
            }),
            Ok(Err(failure)) => Err(failure.during(OPERATION)),
            Err(_) => Err(closed(OPERATION)),
        }
    }

    pub(crate) async fn insert_key(&self, row: KeyRow) -> Result<(), StoreError> {
        const OPERATION: &str = "insert key";
        check_key(&row).map_err(|kind| StoreError::new(OPERATION, kind))?;
        self.command(OPERATION, |answer| {
            Command::InsertKey(Box::new(row), answer)
        })
        .await
    }

    pub(crate) async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        self.shared.readers.read("read keys", keys::keys).await
    }

    pub(crate) async fn revoke_key(
        &self,
        id: &str,
        at_ms: i64,
    ) -> Result<KeyRevocation, StoreError> {
        let id = id.to_owned();
        self.command("revoke key", move |answer| {
            Command::RevokeKey(id, at_ms, answer)
        })
        .await
    }

    pub(crate) async fn epoch(&self) -> Result<i64, StoreError> {
        self.shared.readers.read("read epoch", keys::epoch).await
    }

    pub(crate) async fn enqueue_entry(&self, write: EntryWrite) -> Result<Receipt, StoreError> {
        check_write(&write).map_err(|kind| StoreError::new(APPEND, kind))?;
        let place = self.place().await?;
        self.enqueue(write, place).await
    }

    pub(crate) async fn append_entries(
        &self,
        writes: Vec<EntryWrite>,
    ) -> Result<Vec<Appended>, StoreError> {
        for write in &writes {
            check_write(write).map_err(|kind| StoreError::new(APPEND, kind))?;
        }
        let mut receipts = Vec::with_capacity(writes.len());
        for write in writes {
            let place = tokio::time::timeout(PLACE_WAIT_MAX, self.place()).await;
            let place = place.unwrap_or_else(|_| Err(full()))?;
            receipts.push(self.enqueue(write, place).await?);
        }
        self.shared.writer.unpark();
        let mut outcomes = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            outcomes.push(receipt.await);
        }
        outcomes.into_iter().collect()
    }

    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        self.command("flush the ledger", Command::Flush).await
    }

    pub(crate) async fn entries_of_request(
        &self,
        request_id: [u8; 16],
    ) -> Result<Vec<EntryRow>, StoreError> {
        let read = move |connection: &_| ledger::entries_of_request(connection, request_id);
        self.shared.readers.read("read ledger entries", read).await
    }

    pub(crate) async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        self.shared
            .readers
            .read("read usage", move |connection| {
                sums::usage(connection, &query)
            })
            .await
    }

    pub(crate) fn health(&self) -> StoreHealth {
        match self.shared.health.read() {
            StoreHealth::Writable => self.shared.queue.health(),
            failing => failing,
        }
    }

    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.shared.queue.close();
        self.shared.readers.close();
        match self.command("close the store", Command::Close).await {
            Err(StoreError {
                kind: StoreErrorKind::Closed,
                ..
            }) => Ok(()),
            outcome => outcome,
        }
    }

    async fn enqueue(&self, write: EntryWrite, place: queue::Place) -> Result<Receipt, StoreError> {
        let (answer, outcome) = oneshot::channel();
        let waiting = Waiting {
            write,
            answer: Some(answer),
            place,
        };
        let sent = self.shared.jobs.send(Job::Entry(Box::new(waiting))).await;
        sent.map_err(|_| closed(APPEND))?;
        Ok(Receipt::new(outcome))
    }

    /// Waits as long as it takes: an entry that was let go here would be a call that nobody pays for.
    async fn place(&self) -> Result<queue::Place, StoreError> {
        match self.shared.queue.try_enter() {
            Ok(place) => return Ok(place),
            Err(TryAcquireError::Closed) => return Err(closed(APPEND)),
            Err(TryAcquireError::NoPermits) => self.shared.writer.unpark(),
        }
        let place = self.shared.queue.enter().await;
        place.map_err(|_| closed(APPEND))
    }

    async fn command<T>(
        &self,
        operation: &'static str,
        make: impl FnOnce(Answer<T>) -> Command,
    ) -> Result<T, StoreError> {
        let (answer, outcome) = oneshot::channel();
        let sent = self.shared.jobs.send(Job::Command(make(answer))).await;
        sent.map_err(|_| closed(operation))?;
        self.shared.writer.unpark();
        outcome.await.unwrap_or_else(|_| Err(closed(operation)))
    }
}

fn full() -> StoreError {
    let kind = StoreErrorKind::Busy("the queue of entries stayed full for too long");
    StoreError::new(APPEND, kind)
}

/// Opens the file, migrates it and starts the threads. Blocks.
fn start(options: &OpenOptions, seams: Seams) -> Result<Shared, Failure> {
    let place = Place::prepare(&options.path)?;
    let mut connection = connection::open_writer(&place.database)?;
    let known = migrations::MIGRATIONS;
    let lock =
        migrations::bring_up_to_date(&mut connection, &place, options.role, &*seams.disk, known)?;
    if options.role == Role::Server {
        edit(
            &mut connection,
            &*seams.disk,
            &wall_of(&seams),
            instances::end_all,
        )?;
    }
    run_on(connection, &place, lock, options.gather, seams)
}

fn wall_of(seams: &Seams) -> Wall {
    seams.wall.clone().unwrap_or_else(|| Arc::new(machine_ms))
}

/// Starts the threads on a file that is up to date.
fn run_on(
    connection: Connection,
    place: &Place,
    lock: Option<Lock>,
    gather: Duration,
    seams: Seams,
) -> Result<Shared, Failure> {
    let wall = wall_of(&seams);
    let (jobs, received) = mpsc::channel(queue::ENTRIES_WAITING_MAX + COMMANDS_WAITING_MAX);
    let health = Arc::new(Health::writable());
    let queue = Arc::new(Queue::new());
    let watch = Watch::new(Arc::clone(&queue)).start(TICK)?;
    let writer = Writer {
        connection,
        disk: seams.disk,
        wall: Arc::clone(&wall),
        jobs: received,
        health: Arc::clone(&health),
        checkpointer: Checkpointer::start(&place.database)?,
        lock,
        gather: gather.min(GATHER_MAX),
        waiting: VecDeque::new(),
        commands: Vec::new(),
        grants: Vec::new(),
    };
    let thread = std::thread::Builder::new()
        .name("keyward-ledger".to_owned())
        .spawn(move || writer.run())?
        .thread()
        .clone();
    Ok(Shared {
        jobs,
        queue,
        readers: Readers::new(place.database.clone()),
        health,
        writer: thread,
        wall,
        _watch: watch,
    })
}

#[cfg(test)]
mod tests;
