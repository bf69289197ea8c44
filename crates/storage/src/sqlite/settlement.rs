//! Charges the entries of a batch to their leases, and to budgets that are newer than their reservation.
//!
//! Invariants: each entry charges each budget once at most; charges are summed up first, so that a lease and a window
//! are written once a batch; nothing in here refuses an entry.
//! Does not know: how entries are inserted; the limits: what was spent is charged, whatever they say.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::OptionalExtension;

use crate::budget_rows::{BOOKS, EntryWrite};
use crate::error::StoreErrorKind;
use crate::escrow_sums::{Charge, WindowSums};
use crate::grant_sheet::WindowKey;
use crate::lost::late_adjustment;
use crate::rows::EntryRow;
use crate::sqlite::desk::Desk;
use crate::sqlite::failure::Failure;
use crate::sqlite::lease_rows::Lease;
use crate::windows::{WindowKind, day_of};

/// What the new entries of a batch charge.
#[derive(Default)]
pub(crate) struct Charges<'w> {
    leases: BTreeMap<i64, LeaseCharge>,
    writes: Vec<&'w EntryWrite>,
    epoch_min: Option<i64>,
}

#[derive(Clone, Copy, Default)]
struct LeaseCharge {
    charge: Charge,
    /// When the last of the entries ended.
    at_ms: i64,
}

impl<'w> Charges<'w> {
    /// Adds an entry that was not there before.
    pub(crate) fn add(&mut self, write: &'w EntryWrite) {
        if write.row.cost_pico_usd == 0 || write.epoch == i64::MAX && write.leases.is_empty() {
            return;
        }
        self.epoch_min = Some(
            self.epoch_min
                .map_or(write.epoch, |min| min.min(write.epoch)),
        );
        self.writes.push(write);
        for (index, lease_id) in write.leases.iter().enumerate() {
            if write.leases[..index].contains(lease_id) {
                continue;
            }
            let sum = self.leases.entry(*lease_id).or_default();
            sum.charge.add(write.row.cost_pico_usd);
            sum.at_ms = sum.at_ms.max(write.row.at_ms);
        }
    }

    /// Settles all of it. Returns the entries that take back what was written off before, not inserted yet.
    ///
    /// Errors: never of a row; else one entry would be blamed for the books' state, and be lost.
    pub(crate) fn settle(&self, desk: Desk<'_>) -> Result<Vec<EntryRow>, Failure> {
        self.settle_leases(desk).map_err(|failure| Failure {
            kind: match failure.kind {
                kind @ (StoreErrorKind::Disk(_)
                | StoreErrorKind::Busy(_)
                | StoreErrorKind::Damaged(_)) => kind,
                kind => StoreErrorKind::Internal(kind.to_string()),
            },
            ..failure
        })
    }

    fn settle_leases(&self, desk: Desk<'_>) -> Result<Vec<EntryRow>, Failure> {
        let mut late = Vec::new();
        let mut windows = BTreeMap::new();
        let mut budget_of = BTreeMap::new();
        for (lease_id, sum) in &self.leases {
            let Some(row) = desk.lease(*lease_id)? else {
                continue;
            };
            budget_of.insert(*lease_id, row.budget_id);
            let mut lease = Lease::from(row);
            let window = load(desk, &mut windows, lease.key)?;
            let back = window.settle(&mut lease.sums, sum.charge);
            desk.write_lease(*lease_id, &lease.sums)?;
            if back > 0 && row.budget_id == BOOKS {
                late.extend(late_adjustment_of(
                    desk,
                    *lease_id,
                    row.window_start,
                    back,
                    sum.at_ms,
                )?);
            }
        }
        self.charge_newer_budgets(desk, &budget_of, &mut windows)?;
        for (key, window) in &windows {
            desk.write_window(*key, window)?;
        }
        Ok(late)
    }

    /// Budgets that were made after an entry's reservation hold no lease for it, and missed it in their first sum.
    fn charge_newer_budgets(
        &self,
        desk: Desk<'_>,
        budget_of: &BTreeMap<i64, i64>,
        windows: &mut BTreeMap<WindowKey, WindowSums>,
    ) -> Result<(), Failure> {
        let lost_a_lease = budget_of.len() < self.leases.len();
        let newest: i64 = desk
            .connection
            .prepare_cached("SELECT max(created_epoch) FROM budget")?
            .query_row([], |row| row.get(0))?;
        if !lost_a_lease && self.epoch_min.is_none_or(|min| min >= newest) {
            return Ok(());
        }
        for write in &self.writes {
            let leased: BTreeSet<i64> = write
                .leases
                .iter()
                .filter_map(|lease| budget_of.get(lease))
                .copied()
                .collect();
            // A lease that the database does not know can only be one that it forgot: then every budget is charged.
            let known = write
                .leases
                .iter()
                .all(|lease| budget_of.contains_key(lease));
            let epoch = if known { write.epoch } else { -1 };
            if epoch >= newest {
                continue;
            }
            let mut charge = Charge::default();
            charge.add(write.row.cost_pico_usd);
            for (budget_id, window_start) in newer_budgets(desk, &write.row, epoch)? {
                if !leased.contains(&budget_id) {
                    load(desk, windows, (budget_id, window_start))?.charge(charge);
                }
            }
        }
        Ok(())
    }
}

fn load<'m>(
    desk: Desk<'_>,
    windows: &'m mut BTreeMap<WindowKey, WindowSums>,
    key: WindowKey,
) -> Result<&'m mut WindowSums, Failure> {
    use std::collections::btree_map::Entry;
    Ok(match windows.entry(key) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => entry.insert(desk.window(key)?),
    })
}

/// The windows of budgets made after this epoch that an entry falls into.
fn newer_budgets(desk: Desk<'_>, row: &EntryRow, epoch: i64) -> Result<Vec<WindowKey>, Failure> {
    let mut statement = desk.connection.prepare_cached(
        "SELECT budget_id, window_kind, created_at_ms FROM budget
        WHERE removed_epoch IS NULL AND budget_id > 0 AND scope_kind = ? AND scope_value = ? AND created_epoch > ?",
    )?;
    let mut found = Vec::new();
    for (kind, value) in row.scopes() {
        let rows = statement.query_map((kind, value, epoch), |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?))
        })?;
        for row_read in rows {
            let (budget_id, kind, created_at_ms): (i64, String, i64) = row_read?;
            let Some(kind) = WindowKind::parse(&kind) else {
                continue;
            };
            let window_start = kind.start_of(row.window_day);
            // Windows that were over when it was made are none of its own.
            if window_start >= kind.start_of(day_of(created_at_ms)) {
                found.push((budget_id, window_start));
            }
        }
    }
    Ok(found)
}

/// The correction of the entry that was made when this lease of the books was written off.
fn late_adjustment_of(
    desk: Desk<'_>,
    lease_id: i64,
    window_day: i64,
    back: i64,
    at_ms: i64,
) -> Result<Option<EntryRow>, Failure> {
    let found = desk
        .connection
        .prepare_cached(
            "SELECT min(entry_id), max(adjustment) FROM ledger_entry WHERE request_id = ? AND attempt = 1",
        )?
        .query_row([crate::lost::request_id_of(lease_id)], |row| {
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
        })
        .optional()?;
    let Some((Some(entry_id), Some(adjustment))) = found else {
        return Ok(None);
    };
    Ok(Some(late_adjustment(
        lease_id,
        window_day,
        (entry_id, adjustment + 1),
        back,
        at_ms,
    )))
}
