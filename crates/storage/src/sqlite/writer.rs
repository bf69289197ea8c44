//! The one thread that writes: takes jobs in their order, gathers entries, commits them in groups.
//!
//! Invariants: an entry leaves the queue when it is on disk, or when it is refused for what it holds; a commit that
//! fails for any other reason keeps its entries here and is tried again. Commands see all entries sent before them.
//! Does not know: who sends; the clock: pauses are given in lengths, and a sender who waits cuts them short.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::budget_rows::EntryWrite;
use crate::error::StoreError;
use crate::health::Health;
use crate::queue::Place;
use crate::receipt::{APPEND, Answer, retry_pause};
use crate::rows::{Appended, KeyRevocation, KeyRow};
use crate::sqlite::checkpoint::{Checkpointer, restart_log};
use crate::sqlite::disk::Disk;
use crate::sqlite::failure::Failure;
pub(crate) use crate::sqlite::group::Grant;
use crate::sqlite::group::write_group;
use crate::sqlite::place::Lock;
use crate::sqlite::{keys, ledger};
use crate::store::Wall;

/// Entries in one transaction; some 10 ms of work, so that other processes get their turn.
const BATCH_ROWS_MAX: usize = 1_000;
/// Tries to empty the queue when the store is closed or forgotten.
const CLOSE_TRIES_MAX: u32 = 5;

/// An entry that is not on disk yet.
pub(crate) struct Waiting {
    pub(crate) write: EntryWrite,
    /// Gone after a first failed commit: the sender was told.
    pub(crate) answer: Option<Answer<Appended>>,
    pub(crate) place: Place,
}

/// What the thread is sent.
pub(crate) enum Job {
    Entry(Box<Waiting>),
    Command(Command),
}

/// Runs on the thread and answers by itself; says whether something was committed.
pub(crate) type Edit = Box<dyn FnOnce(&mut Connection, &dyn Disk, &Wall) -> bool + Send>;

/// Whoever sends one of these waits for it.
pub(crate) enum Command {
    InsertKey(Box<KeyRow>, Answer<()>),
    RevokeKey(String, i64, Answer<KeyRevocation>),
    /// Grants ride in the transaction of the entries before them.
    Grant(Grant),
    Edit(Edit),
    Flush(Answer<()>),
    Close(Answer<()>),
}

/// What the thread works with.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) wall: Wall,
    pub(crate) jobs: mpsc::Receiver<Job>,
    pub(crate) health: Arc<Health>,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) lock: Option<Lock>,
    pub(crate) gather: Duration,
    pub(crate) waiting: VecDeque<Box<Waiting>>,
    pub(crate) commands: Vec<Command>,
    pub(crate) grants: Vec<Grant>,
}

impl Writer {
    /// Works until the store is closed, or until nobody holds it and the queue is empty.
    pub(crate) fn run(mut self) {
        let mut closes = Vec::new();
        while closes.is_empty() {
            if self.waiting.is_empty() {
                match self.jobs.blocking_recv() {
                    Some(job) => self.take(job),
                    None => break,
                }
            } else if self.jobs.is_closed() && self.jobs.is_empty() {
                break;
            }
            self.drain();
            self.pause();
            self.drain();
            let outcome = self.commit();
            closes = self.obey(&outcome);
        }
        self.finish(closes);
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Entry(entry) => self.waiting.push_back(entry),
            Job::Command(Command::Grant(grant)) => self.grants.push(grant),
            Job::Command(command) => self.commands.push(command),
        }
    }

    fn drain(&mut self) {
        while let Ok(job) = self.jobs.try_recv() {
            self.take(job);
        }
    }

    /// Gathers, or waits before a next try. Whoever waits for an answer unparks this thread after sending.
    fn pause(&self) {
        if !self.commands.is_empty() || !self.grants.is_empty() {
            return;
        }
        match self.health.commits_failed() {
            0 if self.waiting.len() < BATCH_ROWS_MAX => std::thread::park_timeout(self.gather),
            0 => {}
            failed => std::thread::park_timeout(retry_pause(failed)),
        }
    }

    /// Writes what waits, in groups, the grants with the last one. After an error the rest of the entries waits on, and
    /// the grants are refused.
    fn commit(&mut self) -> Result<(), StoreError> {
        let outcome = self.commit_entries();
        if outcome.is_ok() && !self.grants.is_empty() {
            // No entries to ride with; or one of them was refused, and the group fell apart.
            if let Err(failure) = self.commit_first(0) {
                self.refuse_grants(&failure.during(Grant::OPERATION));
            }
        }
        if let Err(error) = &outcome {
            self.refuse_grants(error);
        }
        outcome
    }

    fn refuse_grants(&mut self, error: &StoreError) {
        for grant in self.grants.drain(..) {
            // Who asked may be gone.
            let _ = grant.answer.send(Err(error.clone()));
        }
    }

    fn commit_entries(&mut self) -> Result<(), StoreError> {
        while !self.waiting.is_empty() {
            let rows = self.waiting.len().min(BATCH_ROWS_MAX);
            match self.commit_first(rows) {
                Ok(()) => {}
                // One row of the group is at fault, and only the disk can say which.
                Err(failure) if ledger::is_of_the_row(&failure.kind) => self.commit_singly(rows)?,
                Err(failure) => return Err(self.note_failure(failure)),
            }
        }
        // The last to wait may have been refused rather than written.
        self.note_recovery();
        Ok(())
    }

    fn commit_singly(&mut self, rows: usize) -> Result<(), StoreError> {
        for _ in 0..rows {
            match self.commit_first(1) {
                Ok(()) => {}
                Err(failure) if ledger::is_of_the_row(&failure.kind) => {
                    if let Some(entry) = self.waiting.pop_front() {
                        answer_entry(*entry, Err(failure));
                    }
                }
                Err(failure) => return Err(self.note_failure(failure)),
            }
        }
        Ok(())
    }

    fn commit_first(&mut self, rows: usize) -> Result<(), Failure> {
        self.leave_transaction()?;
        let last = rows == self.waiting.len();
        let waiting = self.waiting.iter().take(rows);
        let batch: Vec<&EntryWrite> = waiting.map(|entry| &entry.write).collect();
        let grants = if last { &*self.grants } else { &[] };
        let (disk, wall) = (&*self.disk, &self.wall);
        let written = write_group(&mut self.connection, disk, wall, &batch, grants)?;
        // Before the answers: who has one must not see the state of before.
        if last {
            self.note_recovery();
        }
        for (entry, outcome) in self.waiting.drain(..rows).zip(written.entries) {
            answer_entry(*entry, outcome);
        }
        for (grant, outcome) in self
            .grants
            .drain(..written.grants.len())
            .zip(written.grants)
        {
            grant.answer(outcome.map_err(Failure::from));
        }
        if self.checkpointer.committed() {
            restart_log(&self.connection);
        }
        Ok(())
    }

    /// A rollback can fail with the disk, and would leave the connection inside its transaction.
    fn leave_transaction(&self) -> Result<(), Failure> {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
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

    /// Does what was asked for after the entries before it. Returns who asked to close.
    fn obey(&mut self, outcome: &Result<(), StoreError>) -> Vec<Answer<()>> {
        let mut closes = Vec::new();
        for command in std::mem::take(&mut self.commands) {
            match command {
                Command::InsertKey(row, answer) => {
                    let result =
                        self.write_key(|connection, disk| keys::insert_key(connection, disk, &row));
                    let _ = answer.send(result.map_err(|failure| failure.during("insert key")));
                }
                Command::RevokeKey(id, at_ms, answer) => {
                    let result = self.write_key(|connection, disk| {
                        keys::revoke_key(connection, disk, &id, at_ms)
                    });
                    let _ = answer.send(result.map_err(|failure| failure.during("revoke key")));
                }
                Command::Edit(edit) => self.edit(edit),
                Command::Grant(grant) => self.grants.push(grant),
                Command::Flush(answer) => {
                    let _ = answer.send(outcome.clone());
                }
                Command::Close(answer) => closes.push(answer),
            }
        }
        closes
    }

    fn edit(&mut self, edit: Edit) {
        // Should it fail, the edit fails at its beginning, and says so.
        let _ = self.leave_transaction();
        if edit(&mut self.connection, &*self.disk, &self.wall) && self.checkpointer.committed() {
            restart_log(&self.connection);
        }
    }

    fn write_key<T>(
        &mut self,
        write: impl FnOnce(&mut Connection, &dyn Disk) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.leave_transaction()?;
        let result = write(&mut self.connection, &*self.disk);
        if result.is_ok() && self.checkpointer.committed() {
            restart_log(&self.connection);
        }
        result
    }

    /// Empties the queue, folds the log, gives the file and the lock back, and only then answers.
    fn finish(mut self, mut closes: Vec<Answer<()>>) {
        self.jobs.close();
        self.drain();
        let mut outcome = self.commit();
        for _ in 1..CLOSE_TRIES_MAX {
            if outcome.is_ok() {
                break;
            }
            std::thread::park_timeout(retry_pause(self.health.commits_failed()));
            outcome = self.commit();
        }
        if let Err(error) = &outcome {
            let entries = self.waiting.len();
            tracing::error!(%error, entries, "ledger entries never reached the disk");
        }
        closes.append(&mut self.obey(&outcome));
        let Writer {
            connection,
            checkpointer,
            lock,
            waiting,
            ..
        } = self;
        checkpointer.stop();
        if lock.is_some() {
            restart_log(&connection);
        }
        drop(connection);
        drop(lock);
        drop(waiting);
        for answer in closes {
            let _ = answer.send(outcome.clone());
        }
    }
}

fn answer_entry(entry: Waiting, outcome: ledger::Outcome) {
    let outcome = outcome.map_err(|failure| failure.during(APPEND));
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
