//! How leases end: written off when their owner is dead, closed when it leaves.
//!
//! Invariants: a lease ends once, whoever else tries; with a lease of the books its entry is written in the same
//! transaction.
//! Does not know: who lives: expiry says so.

use crate::budget_rows::{BOOKS, LeaseRow, WrittenOff};
use crate::daily_sums::DailySums;
use crate::lost::unsettled;
use crate::postgres::desk::Desk;
use crate::postgres::failure::Failure;
use crate::postgres::lease_rows::{Windows, key_of, sums_of};
use crate::postgres::ledger;
use crate::postgres::pool::Lent;
use crate::postgres::sums::write_sums;
use crate::rows::{Appended, EntryRow};
use crate::store::Wall;

/// Leases that end in one transaction.
const LEASES_MAX: i64 = 1_000;

/// What one transaction got done.
pub(super) struct Progress {
    pub(super) written_off: Vec<WrittenOff>,
    pub(super) more: bool,
}

/// Writes off some leases of one dead instance.
pub(super) async fn write_off(
    client: Lent,
    wall: Option<&Wall>,
    own: [u8; 16],
) -> Result<Progress, Failure> {
    let desk = Desk {
        client: &client,
        wall,
    };
    desk.hold_budgets().await?;
    let now_ms = desk.now().await?;
    // One that is locked is being written off by another, or is alive after all.
    let sql = "SELECT instance FROM instance WHERE expires_at_ms <= $1 AND instance <> $2
        ORDER BY instance LIMIT 1 FOR UPDATE SKIP LOCKED";
    let Some(row) = client.query_opt(sql, &[&now_ms, &own.as_slice()]).await? else {
        return Ok(Progress {
            written_off: Vec::new(),
            more: false,
        });
    };
    let instance = ledger::id16(row.try_get(0)?)?;
    let (leases, mut windows, all) = take(desk, &instance).await?;
    let mut written = Vec::with_capacity(leases.len());
    let mut written_off = Vec::new();
    for lease in &leases {
        let mut sums = sums_of(lease);
        let amount = windows
            .entry(key_of(lease))
            .or_default()
            .write_off(&mut sums);
        written.push((lease.lease_id, sums));
        if amount > 0 {
            written_off.push(WrittenOff {
                lease_id: lease.lease_id,
                budget_id: lease.budget_id,
                window_start: lease.window_start,
                instance,
                amount_pico_usd: amount,
                entry_id: None,
            });
        }
    }
    desk.write_windows(&windows).await?;
    desk.write_leases(&written, true).await?;
    enter(desk, &mut written_off, now_ms).await?;
    if all {
        forget(desk, instance).await?;
    }
    Ok(Progress {
        written_off,
        more: true,
    })
}

/// Enters what was written off of the books.
async fn enter(desk: Desk<'_>, written_off: &mut [WrittenOff], at_ms: i64) -> Result<(), Failure> {
    let of_books = written_off.iter().filter(|lease| lease.budget_id == BOOKS);
    let entries: Vec<EntryRow> = of_books
        .map(|lease| {
            unsettled(
                lease.lease_id,
                lease.window_start,
                lease.amount_pico_usd,
                at_ms,
            )
        })
        .collect();
    let ids = insert_new(desk, &entries).await?;
    let of_books = written_off
        .iter_mut()
        .filter(|lease| lease.budget_id == BOOKS);
    for (lease, entry_id) in of_books.zip(ids) {
        lease.entry_id = Some(entry_id);
    }
    let mut sums = DailySums::default();
    for entry in &entries {
        sums.add(entry)?;
    }
    write_sums(desk.client, &sums).await
}

/// Inserts entries of our own making, which can't be there yet; their ids.
pub(super) async fn insert_new(desk: Desk<'_>, rows: &[EntryRow]) -> Result<Vec<i64>, Failure> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<&EntryRow> = rows.iter().collect();
    let mut ids = Vec::with_capacity(rows.len());
    for outcome in ledger::insert(desk.client, &rows).await? {
        match outcome {
            Ok(Appended::New { entry_id }) => ids.push(entry_id),
            _ => return Err(Failure::internal("a lease was entered twice")),
        }
    }
    Ok(ids)
}

/// Closes some leases of an instance that holds nothing any more. `true`: there are more.
pub(super) async fn close(client: Lent, instance: [u8; 16]) -> Result<bool, Failure> {
    let desk = Desk {
        client: &client,
        wall: None,
    };
    let sql = "SELECT 1 FROM instance WHERE instance = $1 FOR UPDATE";
    client.query_opt(sql, &[&instance.as_slice()]).await?;
    let (leases, mut windows, all) = take(desk, &instance).await?;
    let mut written = Vec::with_capacity(leases.len());
    for lease in &leases {
        let mut sums = sums_of(lease);
        let window = windows.entry(key_of(lease)).or_default();
        window.give_back(&mut sums, i64::MAX);
        written.push((lease.lease_id, sums));
    }
    desk.write_windows(&windows).await?;
    desk.write_leases(&written, true).await?;
    if all {
        forget(desk, instance).await?;
    }
    Ok(!all)
}

/// Open leases of an instance with their windows, locked; and whether these are all.
async fn take(
    desk: Desk<'_>,
    instance: &[u8; 16],
) -> Result<(Vec<LeaseRow>, Windows, bool), Failure> {
    let found = desk.open_leases(instance, LEASES_MAX).await?;
    let all = i64::try_from(found.len()).unwrap_or(i64::MAX) < LEASES_MAX;
    let windows = desk.lock_windows(found.iter().map(key_of)).await?;
    // Again, now that nobody else changes them.
    let ids: Vec<i64> = found.iter().map(|lease| lease.lease_id).collect();
    let mut leases = desk.leases(&ids).await?;
    leases.retain(|lease| lease.open);
    Ok((leases, windows, all))
}

async fn forget(desk: Desk<'_>, instance: [u8; 16]) -> Result<(), Failure> {
    let instance = instance.as_slice();
    let recalls = "DELETE FROM recall WHERE instance = $1";
    desk.client.execute(recalls, &[&instance]).await?;
    let row = "DELETE FROM instance WHERE instance = $1";
    desk.client.execute(row, &[&instance]).await.map(drop)
}
