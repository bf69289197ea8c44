//! How leases end: written off when their owner is dead, closed when it leaves.
//!
//! Invariants: a lease ends once; with a lease of the books its entry is written in the same transaction.
//! Does not know: who lives: expiry says so.

use crate::budget_rows::{BOOKS, LeaseRow, WrittenOff};
use crate::daily_sums::DailySums;
use crate::lost::unsettled;
use crate::sqlite::desk::Desk;
use crate::sqlite::disk::DiskStep;
use crate::sqlite::failure::Failure;
use crate::sqlite::lease_rows::Lease;
use crate::sqlite::ledger::insert_new;
use crate::sqlite::sums::write_sums;

/// Leases that end in one transaction; some 30 ms of work.
const LEASES_MAX: u32 = 1_000;

/// What one transaction got done.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) written_off: Vec<WrittenOff>,
    pub(crate) more: bool,
}

/// Writes off some leases of dead instances.
pub(crate) fn write_off(desk: Desk<'_>, own: [u8; 16]) -> Result<Progress, Failure> {
    let now_ms = desk.now()?;
    let mut written_off = Vec::new();
    let mut left = LEASES_MAX;
    for instance in dead_instances(desk, own, now_ms)? {
        let leases = desk.open_leases(&instance, left)?;
        for lease in &leases {
            written_off.extend(write_off_lease(desk, lease, now_ms)?);
        }
        left = left.saturating_sub(u32::try_from(leases.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return Ok(Progress {
                written_off,
                more: true,
            });
        }
        forget(desk, instance)?;
    }
    Ok(Progress {
        written_off,
        more: false,
    })
}

fn dead_instances(desk: Desk<'_>, own: [u8; 16], now_ms: i64) -> Result<Vec<[u8; 16]>, Failure> {
    let mut statement = desk.connection.prepare_cached(
        "SELECT instance FROM instance WHERE expires_at_ms <= ? AND instance <> ?",
    )?;
    let rows = statement.query_map((now_ms, own), |row| row.get(0))?;
    Ok(rows.collect::<Result<Vec<[u8; 16]>, rusqlite::Error>>()?)
}

fn write_off_lease(
    desk: Desk<'_>,
    row: &LeaseRow,
    at_ms: i64,
) -> Result<Option<WrittenOff>, Failure> {
    let mut lease = Lease::from(*row);
    let mut window = desk.window(lease.key)?;
    let amount = window.write_off(&mut lease.sums);
    if amount > 0 {
        desk.write_window(lease.key, &window)?;
    }
    desk.close_lease(row.lease_id, &lease.sums)?;
    if amount == 0 {
        return Ok(None);
    }
    let mut entry_id = None;
    if row.budget_id == BOOKS {
        let entry = unsettled(row.lease_id, row.window_start, amount, at_ms);
        entry_id = Some(insert_new(desk, &entry)?);
        let mut sums = DailySums::default();
        sums.add(&entry)?;
        write_sums(&sums, desk.connection, desk.disk)?;
    }
    Ok(Some(WrittenOff {
        lease_id: row.lease_id,
        budget_id: row.budget_id,
        window_start: row.window_start,
        instance: row.instance,
        amount_pico_usd: amount,
        entry_id,
    }))
}

/// Closes some leases of an instance that holds nothing any more. `true`: there are more.
pub(crate) fn close(desk: Desk<'_>, instance: [u8; 16]) -> Result<bool, Failure> {
    let leases = desk.open_leases(&instance, LEASES_MAX)?;
    for row in &leases {
        let mut lease = Lease::from(*row);
        let mut window = desk.window(lease.key)?;
        window.give_back(&mut lease.sums, i64::MAX);
        desk.write_window(lease.key, &window)?;
        desk.close_lease(row.lease_id, &lease.sums)?;
    }
    let more = leases.len() >= LEASES_MAX as usize;
    if !more {
        forget(desk, instance)?;
    }
    Ok(more)
}

fn forget(desk: Desk<'_>, instance: [u8; 16]) -> Result<(), Failure> {
    desk.step(DiskStep::Instance)?;
    desk.connection
        .execute("DELETE FROM recall WHERE instance = ?", [instance])?;
    desk.connection
        .execute("DELETE FROM instance WHERE instance = ?", [instance])?;
    Ok(())
}
