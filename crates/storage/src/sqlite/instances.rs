//! Running servers: their births, heartbeats and ends, and what others want of them.
//!
//! Invariants: an instance that has expired is dead for good; its row stays until its leases are written off.
//! Does not know: what an instance does with its leases.

use rusqlite::{Connection, OptionalExtension};

use crate::budget_rows::{Beat, InstanceRow, Recall, Return};
use crate::error::StoreErrorKind;
use crate::sqlite::desk::{Desk, read_now};
use crate::sqlite::disk::DiskStep;
use crate::sqlite::failure::Failure;
use crate::sqlite::keys::epoch;
use crate::sqlite::lease_rows::Lease;
use crate::store::Wall;

/// How long a recall is told; who still starves asks again.
pub(crate) const RECALL_LIVES_MS: i64 = 10_000;
/// Recalls told in one heartbeat.
const RECALLS_MAX: i64 = 1_000;

pub(crate) fn open(desk: Desk<'_>, instance: [u8; 16], lives_for_ms: i64) -> Result<Beat, Failure> {
    let now_ms = desk.now()?;
    if expiry(desk, &instance)?.is_some_and(|expires_at_ms| expires_at_ms <= now_ms) {
        return Err(StoreErrorKind::Fenced.into());
    }
    let epoch = epoch(desk.connection)?;
    desk.step(DiskStep::Instance)?;
    desk.connection
        .prepare_cached("INSERT OR REPLACE INTO instance VALUES (?, ?, ?)")?
        .execute((instance, epoch, now_ms.saturating_add(lives_for_ms)))?;
    beat(desk, instance, now_ms)
}

pub(crate) fn heartbeat(
    desk: Desk<'_>,
    instance: [u8; 16],
    seen_epoch: i64,
    lives_for_ms: i64,
) -> Result<Beat, Failure> {
    let now_ms = desk.now()?;
    if is_alive(desk, &instance, now_ms)? {
        desk.step(DiskStep::Instance)?;
        desk.connection
            .prepare_cached(
                "UPDATE instance SET seen_epoch = ?2, expires_at_ms = ?3 WHERE instance = ?1",
            )?
            .execute((instance, seen_epoch, now_ms.saturating_add(lives_for_ms)))?;
    }
    beat(desk, instance, now_ms)
}

/// Whether an instance was born and has not expired.
pub(crate) fn is_alive(desk: Desk<'_>, instance: &[u8; 16], now_ms: i64) -> Result<bool, Failure> {
    Ok(expiry(desk, instance)?.is_some_and(|expires_at_ms| expires_at_ms > now_ms))
}

fn expiry(desk: Desk<'_>, instance: &[u8; 16]) -> Result<Option<i64>, Failure> {
    Ok(desk
        .connection
        .prepare_cached("SELECT expires_at_ms FROM instance WHERE instance = ?")?
        .query_row([instance], |row| row.get(0))
        .optional()?)
}

fn beat(desk: Desk<'_>, instance: [u8; 16], now_ms: i64) -> Result<Beat, Failure> {
    let since_ms = now_ms.saturating_sub(RECALL_LIVES_MS);
    let stale = desk
        .connection
        .prepare_cached("SELECT 1 FROM recall WHERE at_ms <= ? LIMIT 1")?
        .exists([since_ms])?;
    if stale {
        desk.step(DiskStep::Recall)?;
        desk.connection
            .execute("DELETE FROM recall WHERE at_ms <= ?", [since_ms])?;
    }
    let mut statement = desk.connection.prepare_cached(
        "SELECT recall.budget_id, recall.window_start, sum(recall.wanted_pico_usd)
        FROM recall JOIN lease USING (budget_id, window_start)
        WHERE lease.instance = ?1 AND lease.open = 1 AND lease.remaining_pico_usd > 0 AND recall.instance <> ?1
        GROUP BY recall.budget_id, recall.window_start LIMIT ?2",
    )?;
    let rows = statement.query_map((instance, RECALLS_MAX), |row| {
        Ok(Recall {
            budget_id: row.get(0)?,
            window_start: row.get(1)?,
            wanted_pico_usd: row.get(2)?,
        })
    })?;
    Ok(Beat {
        now_ms,
        epoch: epoch(desk.connection)?,
        alive: is_alive(desk, &instance, now_ms)?,
        recalls: rows.collect::<Result<Vec<Recall>, rusqlite::Error>>()?,
    })
}

/// Gives back what is not needed.
pub(crate) fn give_back(
    desk: Desk<'_>,
    instance: [u8; 16],
    returns: &[Return],
) -> Result<(), Failure> {
    for given in returns {
        let row = desk.lease(given.lease_id)?;
        let Some(row) = row.filter(|row| row.open && row.instance == instance) else {
            continue;
        };
        let mut lease = Lease::from(row);
        let mut window = desk.window(lease.key)?;
        window.give_back(&mut lease.sums, given.given_back_pico_usd);
        desk.write_window(lease.key, &window)?;
        desk.write_lease(lease.lease_id, &lease.sums)?;
    }
    Ok(())
}

pub(crate) fn instances(connection: &Connection, wall: &Wall) -> Result<Vec<InstanceRow>, Failure> {
    let now_ms = read_now(connection, wall)?;
    let mut statement = connection.prepare_cached(
        "SELECT instance, seen_epoch, expires_at_ms FROM instance ORDER BY instance",
    )?;
    let rows = statement.query_map([], |row| {
        let expires_at_ms = row.get(2)?;
        Ok(InstanceRow {
            instance: row.get(0)?,
            seen_epoch: row.get(1)?,
            expires_at_ms,
            alive: expires_at_ms > now_ms,
        })
    })?;
    Ok(rows.collect::<Result<Vec<InstanceRow>, rusqlite::Error>>()?)
}

/// There is one server at a time: whoever opens the file as the server finds all others dead.
pub(crate) fn end_all(desk: Desk<'_>) -> Result<(), Failure> {
    desk.step(DiskStep::Instance)?;
    desk.connection.execute(
        "UPDATE instance SET expires_at_ms = 0 WHERE expires_at_ms > 0",
        [],
    )?;
    Ok(())
}
