//! Rows of windows and leases in SQL, one at a time.
//!
//! Invariants: what is written was read in the same transaction.
//! Does not know: what is granted or charged.

use rusqlite::{OptionalExtension, Row};

use crate::budget_rows::LeaseRow;
use crate::escrow_sums::{LeaseSums, WindowSums};
use crate::grant_sheet::WindowKey;
use crate::sqlite::desk::Desk;
use crate::sqlite::disk::DiskStep;
use crate::sqlite::failure::Failure;

/// The columns of a lease, in the order of [`read_lease`].
pub(crate) const LEASE_COLUMNS: &str =
    "lease_id, instance, budget_id, window_start, remaining_pico_usd,
    granted_pico_usd, given_back_pico_usd, written_off_pico_usd, taken_back_pico_usd, open";

/// A lease with its sums apart, ready for arithmetic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    pub(crate) lease_id: i64,
    pub(crate) key: WindowKey,
    pub(crate) sums: LeaseSums,
}

impl From<LeaseRow> for Lease {
    fn from(row: LeaseRow) -> Lease {
        Lease {
            lease_id: row.lease_id,
            key: (row.budget_id, row.window_start),
            sums: LeaseSums {
                remaining: row.remaining_pico_usd,
                granted: row.granted_pico_usd,
                given_back: row.given_back_pico_usd,
                written_off: row.written_off_pico_usd,
                taken_back: row.taken_back_pico_usd,
            },
        }
    }
}

pub(crate) fn read_lease(row: &Row<'_>) -> Result<LeaseRow, rusqlite::Error> {
    Ok(LeaseRow {
        lease_id: row.get(0)?,
        instance: row.get(1)?,
        budget_id: row.get(2)?,
        window_start: row.get(3)?,
        remaining_pico_usd: row.get(4)?,
        granted_pico_usd: row.get(5)?,
        given_back_pico_usd: row.get(6)?,
        written_off_pico_usd: row.get(7)?,
        taken_back_pico_usd: row.get(8)?,
        open: row.get(9)?,
    })
}

impl Desk<'_> {
    /// The sums of a window; zeros if it has none yet.
    pub(crate) fn window(&self, key: WindowKey) -> Result<WindowSums, Failure> {
        let sums = self
            .connection
            .prepare_cached(
                "SELECT settled_pico_usd, leased_pico_usd, forced_pico_usd FROM budget_window
                WHERE budget_id = ? AND window_start = ?",
            )?
            .query_row(key, |row| {
                Ok(WindowSums {
                    settled: row.get(0)?,
                    leased: row.get(1)?,
                    forced: row.get(2)?,
                })
            })
            .optional()?;
        Ok(sums.unwrap_or_default())
    }

    /// Writes a window. Never by an insert with leases in it: the trigger that holds the limit looks at updates.
    pub(crate) fn write_window(&self, key: WindowKey, sums: &WindowSums) -> Result<(), Failure> {
        self.step(DiskStep::Window)?;
        let updated = self
            .connection
            .prepare_cached(
                "UPDATE budget_window SET settled_pico_usd = ?3, leased_pico_usd = ?4, forced_pico_usd = ?5
                WHERE budget_id = ?1 AND window_start = ?2",
            )?
            .execute((key.0, key.1, sums.settled, sums.leased, sums.forced))?;
        if updated == 0 {
            self.connection
                .prepare_cached("INSERT INTO budget_window VALUES (?, ?, ?, 0, 0)")?
                .execute((key.0, key.1, sums.settled))?;
            if sums.leased != 0 || sums.forced != 0 {
                return self.write_window(key, sums);
            }
        }
        Ok(())
    }

    /// A lease by its id, open or not.
    pub(crate) fn lease(&self, lease_id: i64) -> Result<Option<LeaseRow>, Failure> {
        Ok(self
            .connection
            .prepare_cached(&format!(
                "SELECT {LEASE_COLUMNS} FROM lease WHERE lease_id = ?"
            ))?
            .query_row([lease_id], read_lease)
            .optional()?)
    }

    /// The open lease of an instance for a window.
    pub(crate) fn open_lease(
        &self,
        instance: &[u8; 16],
        key: WindowKey,
    ) -> Result<Option<LeaseRow>, Failure> {
        Ok(self
            .connection
            .prepare_cached(&format!(
                "SELECT {LEASE_COLUMNS} FROM lease
                WHERE instance = ? AND budget_id = ? AND window_start = ? AND open = 1"
            ))?
            .query_row((instance, key.0, key.1), read_lease)
            .optional()?)
    }

    /// Open leases of an instance, the oldest first, at most so many.
    pub(crate) fn open_leases(
        &self,
        instance: &[u8; 16],
        leases_max: u32,
    ) -> Result<Vec<LeaseRow>, Failure> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {LEASE_COLUMNS} FROM lease WHERE instance = ? AND open = 1 LIMIT ?"
        ))?;
        let rows = statement.query_map((instance, leases_max), read_lease)?;
        Ok(rows.collect::<Result<Vec<LeaseRow>, rusqlite::Error>>()?)
    }

    /// Opens a lease; its id.
    pub(crate) fn insert_lease(
        &self,
        instance: &[u8; 16],
        key: WindowKey,
        sums: &LeaseSums,
    ) -> Result<i64, Failure> {
        self.step(DiskStep::Lease)?;
        self.connection
            .prepare_cached("INSERT INTO lease VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, 1)")?
            .execute(rusqlite::params![
                instance,
                key.0,
                key.1,
                sums.remaining,
                sums.granted,
                sums.given_back,
                sums.written_off,
                sums.taken_back,
            ])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Writes the sums of a lease that stays as open as it is.
    pub(crate) fn write_lease(&self, lease_id: i64, sums: &LeaseSums) -> Result<(), Failure> {
        self.step(DiskStep::Lease)?;
        self.connection
            .prepare_cached(
                "UPDATE lease SET remaining_pico_usd = ?2, granted_pico_usd = ?3, given_back_pico_usd = ?4,
                    taken_back_pico_usd = ?5
                WHERE lease_id = ?1",
            )?
            .execute((
                lease_id,
                sums.remaining,
                sums.granted,
                sums.given_back,
                sums.taken_back,
            ))?;
        Ok(())
    }

    /// Closes a lease of which nothing remains.
    pub(crate) fn close_lease(&self, lease_id: i64, sums: &LeaseSums) -> Result<(), Failure> {
        self.step(DiskStep::Lease)?;
        self.connection
            .prepare_cached(
                "UPDATE lease SET remaining_pico_usd = 0, given_back_pico_usd = ?2, written_off_pico_usd = ?3, open = 0
                WHERE lease_id = ?1",
            )?
            .execute((lease_id, sums.given_back, sums.written_off))?;
        Ok(())
    }
}
