//! What an edit works with: an open transaction, the seam before the disk, and the database's time.
//!
//! Invariants: time never goes back, whatever the machine's clock does: what was used once is kept in the database.
//! Does not know: what is edited.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, TransactionBehavior};

use crate::sqlite::disk::{Disk, DiskStep};
use crate::sqlite::failure::Failure;
use crate::store::Wall;

/// The means of one transaction.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'t> {
    pub(crate) connection: &'t Connection,
    pub(crate) disk: &'t dyn Disk,
    pub(crate) wall: &'t Wall,
}

impl Desk<'_> {
    /// Asks the seam before a step.
    pub(crate) fn step(&self, step: DiskStep) -> Result<(), Failure> {
        Ok(self.disk.step(step)?)
    }

    /// The time of now, kept if it is later than any before.
    pub(crate) fn now(&self) -> Result<i64, Failure> {
        let wall_ms = (self.wall)();
        let latest_ms = latest_ms(self.connection)?;
        if wall_ms <= latest_ms {
            return Ok(latest_ms);
        }
        self.step(DiskStep::Clock)?;
        self.connection
            .prepare_cached("UPDATE clock SET latest_ms = ?")?
            .execute([wall_ms])?;
        Ok(wall_ms)
    }
}

/// Runs an edit in a transaction of its own.
pub(crate) fn edit<T>(
    connection: &mut Connection,
    disk: &dyn Disk,
    wall: &Wall,
    work: impl FnOnce(Desk<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    disk.step(DiskStep::Begin)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(Desk {
        connection: &transaction,
        disk,
        wall,
    })?;
    disk.step(DiskStep::Commit)?;
    transaction.commit()?;
    disk.step(DiskStep::Committed)?;
    Ok(value)
}

/// The time of now for a reader, which keeps nothing.
pub(crate) fn read_now(connection: &Connection, wall: &Wall) -> Result<i64, Failure> {
    Ok(latest_ms(connection)?.max(wall()))
}

fn latest_ms(connection: &Connection) -> Result<i64, Failure> {
    Ok(connection
        .prepare_cached("SELECT latest_ms FROM clock")?
        .query_row([], |row| row.get(0))?)
}

/// The machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the database has no clock of its own; windows turn by the time of the process that writes"
)]
pub(crate) fn machine_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
