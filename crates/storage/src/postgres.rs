//! The store on a PostgreSQL server that several servers of ours share: a writer task behind a bounded queue, and
//! connections beside it.
//!
//! Invariants: at most `ENTRIES_WAITING_MAX` entries are accepted and not on disk; every operation ends in its time,
//! whatever the database does; at most `CONNECTIONS_MAX` connections.
//! Does not know: what rows mean.

mod address;
mod alerts;
mod budget_operations;
mod budget_states;
mod budgets;
mod desk;
mod ends;
mod failure;
mod grants;
mod instances;
mod keys;
mod lease_rows;
mod ledger;
mod migrations;
mod notices;
mod objects;
mod pool;
mod settlement;
mod start_sums;
mod sums;
mod text;
mod writer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::sync::{Notify, TryAcquireError, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::budget_rows::EntryWrite;
use crate::error::{StoreError, StoreErrorKind};
use crate::health::Health;
use crate::limits::{check_key, check_write};
use crate::postgres::address::Address;
use crate::postgres::failure::Failure;
use crate::postgres::pool::Pool;
use crate::postgres::writer::{Job, Waiting, Writer};
use crate::queue::{self, GATHER_MAX, PLACE_WAIT_MAX, Queue, TICK, Watch};
use crate::receipt::{APPEND, Answer, Receipt, closed};
use crate::rows::{Appended, EntryRow, KeyRevocation, KeyRow, StoreHealth, UsageQuery, UsageRow};
use crate::store::{PostgresOptions, Role, Wall};

/// Jobs that may wait beside entries: flushes and closes.
const JOBS_WAITING_MAX: usize = 64;
/// Connections for operations that calls wait for.
const CALLS_MAX: usize = 6;
/// Connections for reports and edits.
const REPORTS_MAX: usize = 2;
/// Connections that one store holds at most: for calls, for reports, the writer's and the listener's.
pub const CONNECTIONS_MAX: usize = CALLS_MAX + REPORTS_MAX + 2;
/// How long a call waits for the database before it is refused. Shorter than `ENTRY_WAIT_MAX`, after which calls are
/// not even begun.
pub const CALL_MAX: Duration = Duration::from_secs(4);
/// How long one statement of it may take.
const CALL_STATEMENT_MAX: Duration = Duration::from_secs(3);
/// How long a report, an edit or a migration may take.
const REPORT_MAX: Duration = Duration::from_secs(120);
/// How long one commit of the writer may take; long, because its entries have nowhere else to go.
const BATCH_MAX: Duration = Duration::from_secs(20);

/// A store on a PostgreSQL server. A clone is a second handle; after the last one is dropped the writer ends when it has
/// written what was queued, if the runtime lives so long: [`Store::close`](crate::Store::close) waits for that.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

struct Shared {
    jobs: mpsc::Sender<Job>,
    queue: Arc<Queue>,
    health: Arc<Health>,
    hurry: Arc<Notify>,
    calls: Pool,
    reports: Pool,
    heard: Arc<Notify>,
    /// Stands for the clock in tests.
    wall: Option<Wall>,
    listener: Option<JoinHandle<()>>,
    /// Stops the watch when it is dropped.
    _watch: SyncSender<()>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Nothing of the address: it may hold a password.
        formatter
            .debug_struct("Shared")
            .field("queue", &self.queue)
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Nobody will send any more: no reason to gather.
        self.hurry.notify_one();
        self.stop_listening();
    }
}

impl Shared {
    fn stop_listening(&self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

impl PostgresStore {
    pub(crate) async fn open(
        options: PostgresOptions,
        wall: Option<Wall>,
    ) -> Result<PostgresStore, StoreError> {
        let started = start(options, wall).await;
        let shared = started.map_err(|failure| failure.during("open the database"))?;
        Ok(PostgresStore {
            shared: Arc::new(shared),
        })
    }

    pub(crate) async fn insert_key(&self, row: KeyRow) -> Result<(), StoreError> {
        const OPERATION: &str = "insert key";
        check_key(&row).map_err(|kind| StoreError::new(OPERATION, kind))?;
        let work = |client| keys::insert_key(client, &row);
        let outcome = self.shared.calls.write(work).await;
        outcome.map_err(|failure| failure.during(OPERATION))
    }

    pub(crate) async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        let work = |client| keys::keys(client);
        let outcome = self.shared.reports.read(work).await;
        outcome.map_err(|failure| failure.during("read keys"))
    }

    pub(crate) async fn revoke_key(
        &self,
        id: &str,
        at_ms: i64,
    ) -> Result<KeyRevocation, StoreError> {
        let work = |client| keys::revoke_key(client, id, at_ms);
        let outcome = self.shared.calls.write(work).await;
        outcome.map_err(|failure| failure.during("revoke key"))
    }

    pub(crate) async fn epoch(&self) -> Result<i64, StoreError> {
        let work = |client| keys::epoch(client);
        let outcome = self.shared.calls.read(work).await;
        outcome.map_err(|failure| failure.during("read epoch"))
    }

    pub(crate) async fn had_budgets(&self) -> Result<bool, StoreError> {
        let work = |client: pool::Lent| async move {
            let sql = "SELECT EXISTS (SELECT 1 FROM budget WHERE budget_id > 0)";
            Ok(client.query_one(sql, &[]).await?.get(0))
        };
        let outcome = self.shared.calls.read(work).await;
        outcome.map_err(|failure: Failure| failure.during("look for budgets"))
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
        self.shared.hurry.notify_one();
        let mut outcomes = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            outcomes.push(receipt.await);
        }
        outcomes.into_iter().collect()
    }

    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        self.job("flush the ledger", Job::Flush).await
    }

    pub(crate) async fn entries_of_request(
        &self,
        request_id: [u8; 16],
    ) -> Result<Vec<EntryRow>, StoreError> {
        let work = |client| ledger::entries_of_request(client, request_id);
        let outcome = self.shared.calls.read(work).await;
        outcome.map_err(|failure| failure.during("read ledger entries"))
    }

    pub(crate) async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        let work = |client| sums::usage(client, &query);
        let outcome = self.shared.reports.read(work).await;
        outcome.map_err(|failure| failure.during("read usage"))
    }

    pub(crate) async fn notified(&self) {
        self.shared.heard.notified().await;
    }

    pub(crate) fn health(&self) -> StoreHealth {
        match self.shared.health.read() {
            StoreHealth::Writable => self.shared.queue.health(),
            failing => failing,
        }
    }

    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.shared.queue.close();
        self.shared.stop_listening();
        let outcome = self.job("close the store", Job::Close).await;
        self.shared.calls.close();
        self.shared.reports.close();
        match outcome {
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
            Err(TryAcquireError::NoPermits) => self.shared.hurry.notify_one(),
        }
        let place = self.shared.queue.enter().await;
        place.map_err(|_| closed(APPEND))
    }

    async fn job(
        &self,
        operation: &'static str,
        make: impl FnOnce(Answer<()>) -> Job,
    ) -> Result<(), StoreError> {
        let (answer, outcome) = oneshot::channel();
        let sent = self.shared.jobs.send(make(answer)).await;
        sent.map_err(|_| closed(operation))?;
        self.shared.hurry.notify_one();
        outcome.await.unwrap_or_else(|_| Err(closed(operation)))
    }
}

fn full() -> StoreError {
    let kind = StoreErrorKind::Busy("the queue of entries stayed full for too long");
    StoreError::new(APPEND, kind)
}

/// Connects, migrates and starts the tasks.
async fn start(options: PostgresOptions, wall: Option<Wall>) -> Result<Shared, Failure> {
    let url = options.url;
    // Reads certificates from the disk.
    let address = tokio::task::spawn_blocking(move || Address::read(&url)).await;
    let address = address.map_err(|_| Failure::internal("the runtime is ending"))??;
    let reports = Pool::new(&address, REPORTS_MAX, REPORT_MAX, REPORT_MAX)?;
    migrations::bring_up_to_date(&reports, options.role, migrations::MIGRATIONS).await?;
    let calls = Pool::new(&address, CALLS_MAX, CALL_STATEMENT_MAX, CALL_MAX)?;
    let (jobs, received) = mpsc::channel(queue::ENTRIES_WAITING_MAX + JOBS_WAITING_MAX);
    let health = Arc::new(Health::writable());
    let queue = Arc::new(Queue::new());
    let hurry = Arc::new(Notify::new());
    let heard = Arc::new(Notify::new());
    let watch = Watch::new(Arc::clone(&queue))
        .start(TICK)
        .map_err(|_| Failure::internal("a thread can't be started"))?;
    let writer = Writer {
        pool: Pool::new(&address, 1, BATCH_MAX, BATCH_MAX)?,
        jobs: received,
        health: Arc::clone(&health),
        hurry: Arc::clone(&hurry),
        gather: options.gather.min(GATHER_MAX),
        waiting: VecDeque::new(),
        flushes: Vec::new(),
        closes: Vec::new(),
    };
    tokio::spawn(writer.run());
    let listens = options.role == Role::Server;
    let listener = listens.then(|| tokio::spawn(notices::listen(address, Arc::clone(&heard))));
    Ok(Shared {
        jobs,
        queue,
        health,
        hurry,
        calls,
        reports,
        heard,
        wall,
        listener,
        _watch: watch,
    })
}
