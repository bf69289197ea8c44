//! One transaction of the writer: a batch of entries with all they charge, and the grants that wait beside it.
//!
//! Invariants: entries, daily sums and charges are written together or not at all; grants share the commit, and so the
//! one wait for the disk.
//! Does not know: threads, queues.

use rusqlite::{Connection, TransactionBehavior};

use crate::budget_rows::{EntryWrite, GrantAnswer, Want};
use crate::daily_sums::DailySums;
use crate::error::StoreErrorKind;
use crate::receipt::Answer;
use crate::rows::Appended;
use crate::sqlite::desk::Desk;
use crate::sqlite::disk::{Disk, DiskStep};
use crate::sqlite::failure::Failure;
use crate::sqlite::grants;
use crate::sqlite::ledger::{Outcome, Pen, insert_new, is_of_the_row, state_of};
use crate::sqlite::settlement::Charges;
use crate::sqlite::sums::write_sums;
use crate::store::Wall;

/// Asks of one caller, who waits.
pub(crate) struct Grant {
    pub(crate) instance: [u8; 16],
    pub(crate) asks: Vec<Vec<Want>>,
    pub(crate) answer: Answer<GrantAnswer>,
}

impl Grant {
    pub(crate) const OPERATION: &str = "grant leases";

    pub(crate) fn answer(self, outcome: Result<GrantAnswer, Failure>) {
        // Who asked may be gone; what was granted then shows in the totals of the next grant.
        let _ = self
            .answer
            .send(outcome.map_err(|failure| failure.during(Grant::OPERATION)));
    }
}

/// What became of a group that was committed.
pub(crate) struct Written {
    /// One per entry, in order.
    pub(crate) entries: Vec<Outcome>,
    /// One per grant, in order.
    pub(crate) grants: Vec<Result<GrantAnswer, StoreErrorKind>>,
}

/// Writes a group in one transaction.
///
/// Errors: of the transaction; then nothing of the group is known to be written.
pub(crate) fn write_group(
    connection: &mut Connection,
    disk: &dyn Disk,
    wall: &Wall,
    writes: &[&EntryWrite],
    grants: &[Grant],
) -> Result<Written, Failure> {
    disk.step(DiskStep::Begin)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let desk = Desk {
        connection: &transaction,
        disk,
        wall,
    };
    let entries = if writes.is_empty() {
        Vec::new()
    } else {
        write_entries(desk, writes)?
    };
    let mut answers = Vec::with_capacity(grants.len());
    for grant in grants {
        answers.push(grants::grant(desk, grant.instance, &grant.asks)?);
    }
    disk.step(DiskStep::Commit)?;
    transaction.commit()?;
    disk.step(DiskStep::Committed)?;
    Ok(Written {
        entries,
        grants: answers,
    })
}

fn write_entries(desk: Desk<'_>, writes: &[&EntryWrite]) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = Vec::with_capacity(writes.len());
    let mut states = Vec::new();
    let mut sums = DailySums::default();
    let mut charges = Charges::default();
    let mut pen = Pen::new(desk.connection)?;
    for write in writes {
        desk.step(DiskStep::Entry)?;
        let outcome = pen.write(&write.row);
        match outcome {
            Ok(Appended::New { .. }) => {
                match write.row.adjusts {
                    None => sums.add(&write.row)?,
                    Some(entry_id) => states.push((&write.row, state_of(desk, entry_id)?)),
                }
                charges.add(write);
            }
            Ok(Appended::Duplicate { .. }) => {}
            Err(ref failure) if is_of_the_row(&failure.kind) => {}
            Err(failure) => return Err(failure),
        }
        outcomes.push(outcome);
    }
    drop(pen);
    for (row, state) in states {
        sums.add_correction(row, &state)?;
    }
    let late = charges.settle(desk)?;
    for row in &late {
        insert_new(desk, row)?;
        sums.add_correction(row, "unsettled")?;
    }
    write_sums(&sums, desk.connection, desk.disk)?;
    Ok(outcomes)
}
