//! Rows of windows and leases in SQL, many in one statement.
//!
//! Invariants: windows are locked, one transaction after the other, before they are read; whoever writes a lease holds the lock
//! of its window.
//! Does not know: what is granted or charged.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use crate::budget_rows::LeaseRow;
use crate::escrow_sums::{LeaseSums, WindowSums};
use crate::grant_sheet::WindowKey;
use crate::postgres::desk::Desk;
use crate::postgres::failure::Failure;
use crate::postgres::ledger::id16;

/// The columns of a lease, in the order of [`read_lease`].
pub(super) const LEASE_COLUMNS: &str = "lease.lease_id, lease.instance, lease.budget_id, lease.window_start,
    lease.remaining_pico_usd, lease.granted_pico_usd, lease.given_back_pico_usd, lease.written_off_pico_usd,
    lease.taken_back_pico_usd, lease.open";

/// Windows by their keys; iterating goes in the order of locks.
pub(super) type Windows = BTreeMap<WindowKey, WindowSums>;

pub(super) fn key_of(lease: &LeaseRow) -> WindowKey {
    (lease.budget_id, lease.window_start)
}

pub(super) fn sums_of(lease: &LeaseRow) -> LeaseSums {
    LeaseSums {
        remaining: lease.remaining_pico_usd,
        granted: lease.granted_pico_usd,
        given_back: lease.given_back_pico_usd,
        written_off: lease.written_off_pico_usd,
        taken_back: lease.taken_back_pico_usd,
    }
}

pub(super) fn read_lease(row: &Row) -> Result<LeaseRow, Failure> {
    Ok(LeaseRow {
        lease_id: row.try_get(0)?,
        instance: id16(row.try_get(1)?)?,
        budget_id: row.try_get(2)?,
        window_start: row.try_get(3)?,
        remaining_pico_usd: row.try_get(4)?,
        granted_pico_usd: row.try_get(5)?,
        given_back_pico_usd: row.try_get(6)?,
        written_off_pico_usd: row.try_get(7)?,
        taken_back_pico_usd: row.try_get(8)?,
        open: row.try_get(9)?,
    })
}

/// The columns of a list of windows.
fn columns(keys: impl Iterator<Item = WindowKey>) -> (Vec<i64>, Vec<i64>) {
    keys.unzip()
}

impl Desk<'_> {
    /// Locks windows and reads them; one that is missing is made.
    pub(super) async fn lock_windows(
        &self,
        keys: impl Iterator<Item = WindowKey>,
    ) -> Result<Windows, Failure> {
        // A map for its order, which is the order of locks.
        let wanted: Windows = keys.map(|key| (key, WindowSums::default())).collect();
        if wanted.is_empty() {
            return Ok(wanted);
        }
        self.hold_windows().await?;
        let (budgets, starts) = columns(wanted.keys().copied());
        let windows = self.lock_present(&budgets, &starts).await?;
        if windows.len() == wanted.len() {
            return Ok(windows);
        }
        let sql = "INSERT INTO budget_window
            SELECT budget_id, window_start, 0, 0, 0
            FROM unnest($1::bigint[], $2::bigint[]) AS wanted (budget_id, window_start)
            ORDER BY budget_id, window_start
            ON CONFLICT (budget_id, window_start) DO NOTHING";
        self.client.execute(sql, &[&budgets, &starts]).await?;
        self.lock_present(&budgets, &starts).await
    }

    async fn lock_present(&self, budgets: &[i64], starts: &[i64]) -> Result<Windows, Failure> {
        let sql =
            "SELECT budget_id, window_start, settled_pico_usd, leased_pico_usd, forced_pico_usd
            FROM budget_window
            JOIN unnest($1::bigint[], $2::bigint[]) AS wanted (budget_id, window_start)
                USING (budget_id, window_start)
            ORDER BY budget_id, window_start FOR UPDATE OF budget_window";
        let rows = self.client.query(sql, &[&budgets, &starts]).await?;
        let mut windows = Windows::new();
        for row in &rows {
            let sums = WindowSums {
                settled: row.try_get(2)?,
                leased: row.try_get(3)?,
                forced: row.try_get(4)?,
            };
            windows.insert((row.try_get(0)?, row.try_get(1)?), sums);
        }
        Ok(windows)
    }

    /// Writes windows that are locked.
    pub(super) async fn write_windows(&self, windows: &Windows) -> Result<(), Failure> {
        if windows.is_empty() {
            return Ok(());
        }
        let (budgets, starts) = columns(windows.keys().copied());
        let column = |sum: fn(&WindowSums) -> i64| windows.values().map(sum).collect::<Vec<i64>>();
        let sql = "UPDATE budget_window SET settled_pico_usd = new.settled, leased_pico_usd = new.leased,
                forced_pico_usd = new.forced
            FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
                AS new (budget_id, window_start, settled, leased, forced)
            WHERE budget_window.budget_id = new.budget_id AND budget_window.window_start = new.window_start";
        let sums = (
            column(|sums| sums.settled),
            column(|sums| sums.leased),
            column(|sums| sums.forced),
        );
        self.client
            .execute(sql, &[&budgets, &starts, &sums.0, &sums.1, &sums.2])
            .await
            .map(drop)
    }

    /// Leases by their ids, open or not.
    pub(super) async fn leases(&self, lease_ids: &[i64]) -> Result<Vec<LeaseRow>, Failure> {
        let sql =
            format!("SELECT {LEASE_COLUMNS} FROM lease WHERE lease_id = ANY($1) ORDER BY lease_id");
        let rows = self.client.query(&sql, &[&lease_ids]).await?;
        rows.iter().map(read_lease).collect()
    }

    /// The open leases of an instance for windows that are locked.
    pub(super) async fn open_leases_of(
        &self,
        instance: &[u8; 16],
        windows: &Windows,
    ) -> Result<Vec<LeaseRow>, Failure> {
        let (budgets, starts) = columns(windows.keys().copied());
        let sql = format!(
            "SELECT {LEASE_COLUMNS} FROM lease
            JOIN unnest($2::bigint[], $3::bigint[]) AS wanted (budget_id, window_start)
                USING (budget_id, window_start)
            WHERE instance = $1 AND open"
        );
        let rows = self
            .client
            .query(&sql, &[&instance.as_slice(), &budgets, &starts])
            .await?;
        rows.iter().map(read_lease).collect()
    }

    /// Open leases of an instance, at most so many.
    pub(super) async fn open_leases(
        &self,
        instance: &[u8; 16],
        leases_max: i64,
    ) -> Result<Vec<LeaseRow>, Failure> {
        let sql = format!(
            "SELECT {LEASE_COLUMNS} FROM lease WHERE instance = $1 AND open ORDER BY lease_id LIMIT $2"
        );
        let rows = self
            .client
            .query(&sql, &[&instance.as_slice(), &leases_max])
            .await?;
        rows.iter().map(read_lease).collect()
    }

    /// Opens leases; their ids, in order.
    pub(super) async fn insert_leases(
        &self,
        instance: &[u8; 16],
        leases: &[(WindowKey, LeaseSums)],
    ) -> Result<Vec<i64>, Failure> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let (budgets, starts) = columns(leases.iter().map(|(key, _)| *key));
        let column = |sum: fn(&LeaseSums) -> i64| -> Vec<i64> {
            leases.iter().map(|(_, sums)| sum(sums)).collect()
        };
        let sql = "INSERT INTO lease (instance, budget_id, window_start, remaining_pico_usd, granted_pico_usd,
                given_back_pico_usd, written_off_pico_usd, taken_back_pico_usd, open)
            SELECT $1, budget_id, window_start, remaining, granted, given_back, 0, 0, TRUE
            FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
                WITH ORDINALITY AS new (budget_id, window_start, remaining, granted, given_back, place)
            ORDER BY place RETURNING lease_id";
        let sums = (
            column(|sums| sums.remaining),
            column(|sums| sums.granted),
            column(|sums| sums.given_back),
        );
        let instance = instance.as_slice();
        let rows = self
            .client
            .query(
                sql,
                &[&instance, &budgets, &starts, &sums.0, &sums.1, &sums.2],
            )
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Writes the sums of leases; those that end are closed.
    pub(super) async fn write_leases(
        &self,
        leases: &[(i64, LeaseSums)],
        ends: bool,
    ) -> Result<(), Failure> {
        if leases.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = leases.iter().map(|(lease_id, _)| *lease_id).collect();
        let column = |sum: fn(&LeaseSums) -> i64| -> Vec<i64> {
            leases.iter().map(|(_, sums)| sum(sums)).collect()
        };
        let sql = "UPDATE lease SET remaining_pico_usd = new.remaining, granted_pico_usd = new.granted,
                given_back_pico_usd = new.given_back, written_off_pico_usd = new.written_off,
                taken_back_pico_usd = new.taken_back, open = open AND NOT $7
            FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
                AS new (lease_id, remaining, granted, given_back, written_off, taken_back)
            WHERE lease.lease_id = new.lease_id";
        let sums = (
            column(|sums| sums.remaining),
            column(|sums| sums.granted),
            column(|sums| sums.given_back),
            column(|sums| sums.written_off),
            column(|sums| sums.taken_back),
        );
        self.client
            .execute(
                sql,
                &[&ids, &sums.0, &sums.1, &sums.2, &sums.3, &sums.4, &ends],
            )
            .await
            .map(drop)
    }
}
