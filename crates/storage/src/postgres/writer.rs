//! The one task that writes entries: takes jobs in their order, gathers, commits them in groups.
//!
//! Invariants: an entry leaves the queue when it is on disk, or when it is refused for what it holds; a commit that
//! fails for any other reason, or whose answer is lost, keeps its entries here and is tried again. A flush sees all
//! entries sent before it.
//! Does not know: who sends; the clock: pauses are given in lengths, and a sender who waits cuts them short.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use crate::budget_rows::EntryWrite;
use crate::daily_sums::DailySums;
use crate::error::{StoreError, StoreErrorKind};
use crate::health::Health;
use crate::postgres::desk::Desk;
use crate::postgres::ends::insert_new;
use crate::postgres::failure::Failure;
use crate::postgres::ledger::{self, Outcome};
use crate::postgres::pool::{Lent, Pool};
use crate::postgres::settlement::Charges;
use crate::postgres::sums::write_sums;
use crate::queue::Place;
use crate::receipt::{APPEND, Answer, retry_pause};
use crate::rows::{Appended, EntryRow};

/// Entries in one transaction.
const BATCH_ROWS_MAX: usize = 1_000;
/// Tries to empty the queue when the store is closed or forgotten.
const CLOSE_TRIES_MAX: u32 = 5;

/// An entry that is not on disk yet.
pub(super) struct Waiting {
    pub(super) write: EntryWrite,
    /// Gone after a first failed commit: the sender was told.
    pub(super) answer: Option<Answer<Appended>>,
    pub(super) place: Place,
}

/// What the task is sent.
pub(super) enum Job {
    Entry(Box<Waiting>),
    Flush(Answer<()>),
    Close(Answer<()>),
}

/// What the task works with.
pub(super) struct Writer {
    pub(super) pool: Pool,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) health: Arc<Health>,
    pub(super) hurry: Arc<Notify>,
    pub(super) gather: Duration,
    pub(super) waiting: VecDeque<Box<Waiting>>,
    pub(super) flushes: Vec<Answer<()>>,
    pub(super) closes: Vec<Answer<()>>,
}

impl Writer {
    /// Works until the store is closed, or until nobody holds it and the queue is empty.
    pub(super) async fn run(mut self) {
        while self.closes.is_empty() {
            if self.waiting.is_empty() {
                match self.jobs.recv().await {
                    Some(job) => self.take(job),
                    None => break,
                }
            } else if self.jobs.is_closed() && self.jobs.is_empty() {
                break;
            }
            self.drain();
            self.pause().await;
            self.drain();
            let outcome = self.commit().await;
            self.answer_flushes(&outcome);
        }
        self.finish().await;
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Entry(entry) => self.waiting.push_back(entry),
            Job::Flush(answer) => self.flushes.push(answer),
            Job::Close(answer) => self.closes.push(answer),
        }
    }

    fn drain(&mut self) {
        while let Ok(job) = self.jobs.try_recv() {
            self.take(job);
        }
    }

    /// Gathers, or waits before a next try. Whoever waits for an answer hurries this task after sending.
    async fn pause(&self) {
        if !self.flushes.is_empty() || !self.closes.is_empty() {
            return;
        }
        let pause = match self.health.commits_failed() {
            0 if self.waiting.len() >= BATCH_ROWS_MAX => return,
            0 => self.gather,
            failed => retry_pause(failed),
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.hurry.notified() => {}
        }
    }

    /// Writes what waits, in groups. After an error the rest waits on.
    async fn commit(&mut self) -> Result<(), StoreError> {
        while !self.waiting.is_empty() {
            let rows = self.waiting.len().min(BATCH_ROWS_MAX);
            match self.commit_first(rows).await {
                Ok(()) => {}
                // One row of the group is at fault, and only the database can say which.
                Err(failure) if is_of_the_row(&failure.kind) => self.commit_singly(rows).await?,
                Err(failure) => return Err(self.note_failure(failure)),
            }
        }
        // The last to wait may have been refused rather than written.
        self.note_recovery();
        Ok(())
    }

    async fn commit_singly(&mut self, rows: usize) -> Result<(), StoreError> {
        for _ in 0..rows {
            match self.commit_first(1).await {
                Ok(()) => {}
                Err(failure) if is_of_the_row(&failure.kind) => {
                    if let Some(entry) = self.waiting.pop_front() {
                        answer_entry(*entry, Err(failure.kind));
                    }
                }
                Err(failure) => return Err(self.note_failure(failure)),
            }
        }
        Ok(())
    }

    async fn commit_first(&mut self, rows: usize) -> Result<(), Failure> {
        let batch: Vec<&EntryWrite> = self
            .waiting
            .iter()
            .take(rows)
            .map(|entry| &entry.write)
            .collect();
        let outcomes = self
            .pool
            .write(|client| write_batch(client, &batch))
            .await?;
        // Before the answers: who has one must not see the state of before.
        if rows == self.waiting.len() {
            self.note_recovery();
        }
        for (entry, outcome) in self.waiting.drain(..rows).zip(outcomes) {
            answer_entry(*entry, outcome);
        }
        Ok(())
    }

    fn note_recovery(&self) {
        if self.health.recover() {
            tracing::info!("the ledger can be written again");
        }
    }

    /// Tells everybody who waits, and keeps the entries.
    fn note_failure(&mut self, failure: Failure) -> StoreError {
        let error = failure.during(APPEND);
        let entries = self.waiting.len();
        if self.health.fail(&error, entries) == 1 {
            tracing::warn!(%error, entries, "the ledger can't be written; its entries wait in memory");
        }
        for entry in &mut self.waiting {
            if let Some(answer) = entry.answer.take() {
                // A receipt that nobody kept.
                let _ = answer.send(Err(error.clone()));
            }
        }
        error
    }

    fn answer_flushes(&mut self, outcome: &Result<(), StoreError>) {
        for answer in self.flushes.drain(..) {
            let _ = answer.send(outcome.clone());
        }
    }

    /// Empties the queue, gives the connection back, and only then answers.
    async fn finish(mut self) {
        self.jobs.close();
        self.drain();
        let mut outcome = self.commit().await;
        for _ in 1..CLOSE_TRIES_MAX {
            if outcome.is_ok() {
                break;
            }
            tokio::time::sleep(retry_pause(self.health.commits_failed())).await;
            outcome = self.commit().await;
        }
        if let Err(error) = &outcome {
            let entries = self.waiting.len();
            tracing::error!(%error, entries, "ledger entries never reached the database");
        }
        self.answer_flushes(&outcome);
        self.pool.close();
        self.waiting.clear();
        for answer in self.closes {
            let _ = answer.send(outcome.clone());
        }
    }
}

/// Writes a batch of entries with their sums and all that they charge.
async fn write_batch(client: Lent, writes: &[&EntryWrite]) -> Result<Vec<Outcome>, Failure> {
    let desk = Desk {
        client: &client,
        wall: None,
    };
    desk.hold_budgets().await?;
    let rows: Vec<&EntryRow> = writes.iter().map(|write| &write.row).collect();
    let outcomes = ledger::insert(&client, &rows).await?;
    let mut charges = Charges::default();
    let mut new = Vec::with_capacity(rows.len());
    for (write, outcome) in writes.iter().zip(&outcomes) {
        if let Ok(Appended::New { .. }) = outcome {
            charges.add(write);
            new.push(&write.row);
        }
    }
    let states = ledger::states_of(&client, &new).await?;
    let late = charges.settle(desk).await?;
    insert_new(desk, &late).await?;
    let mut sums = DailySums::default();
    for row in new {
        match row.adjusts.and_then(|entry_id| states.get(&entry_id)) {
            None => sums.add(row)?,
            Some(state) => sums.add_correction(row, state)?,
        }
    }
    for row in &late {
        sums.add_correction(row, "unsettled")?;
    }
    write_sums(&client, &sums).await?;
    Ok(outcomes)
}

/// Whether a failure lies in the row and not in the database: such a row will never be taken.
fn is_of_the_row(kind: &StoreErrorKind) -> bool {
    matches!(
        kind,
        StoreErrorKind::Conflict { .. }
            | StoreErrorKind::Invalid { .. }
            | StoreErrorKind::Overflow { .. }
    )
}

fn answer_entry(entry: Waiting, outcome: Outcome) {
    let outcome = outcome.map_err(|kind| StoreError::new(APPEND, kind));
    let Waiting { answer, place, .. } = entry;
    // Before the answer: who has it must not see the entry wait.
    drop(place);
    let nobody = match answer {
        Some(answer) => answer.send(outcome).err(),
        None => Some(outcome),
    };
    // A refusal must not vanish with a receipt that was dropped.
    if let Some(Err(error)) = nobody {
        tracing::error!(%error, "a ledger entry was refused and nobody waited for it");
    }
}
