//! Charges the entries of a batch to their leases, and to budgets that are newer than their reservation.
//!
//! Invariants: each entry charges each budget once at most; all windows of a batch are locked at once and in order;
//! nothing in here refuses an entry. The caller keeps new budgets away.
//! Does not know: how entries are inserted; the limits: what was spent is charged, whatever they say.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::budget_rows::{BOOKS, EntryWrite, LeaseRow};
use crate::error::StoreErrorKind;
use crate::escrow_sums::Charge;
use crate::grant_sheet::WindowKey;
use crate::lost::{late_adjustment, request_id_of};
use crate::postgres::desk::Desk;
use crate::postgres::failure::Failure;
use crate::postgres::lease_rows::{Windows, key_of, sums_of};
use crate::postgres::text::{from_text, to_text};
use crate::rows::EntryRow;
use crate::windows::{WindowKind, day_of};

/// What the new entries of a batch charge.
#[derive(Default)]
pub(super) struct Charges<'w> {
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

/// A budget that may be newer than an entry.
struct NewBudget {
    budget_id: i64,
    kind: WindowKind,
    created_at_ms: i64,
    created_epoch: i64,
}

/// Budgets by scope.
type NewBudgets = HashMap<(String, String), Vec<NewBudget>>;

impl<'w> Charges<'w> {
    /// Adds an entry that was not there before.
    pub(super) fn add(&mut self, write: &'w EntryWrite) {
        if write.row.cost_pico_usd == 0 || write.epoch == i64::MAX && write.leases.is_empty() {
            return;
        }
        let epoch_min = self
            .epoch_min
            .map_or(write.epoch, |min| min.min(write.epoch));
        self.epoch_min = Some(epoch_min);
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
    pub(super) async fn settle(&self, desk: Desk<'_>) -> Result<Vec<EntryRow>, Failure> {
        if self.writes.is_empty() {
            return Ok(Vec::new());
        }
        let settled = self.settle_leases(desk).await;
        settled.map_err(|failure| Failure {
            kind: match failure.kind {
                kind @ (StoreErrorKind::Unavailable(_)
                | StoreErrorKind::Busy(_)
                | StoreErrorKind::Damaged(_)) => kind,
                kind => StoreErrorKind::Internal(kind.to_string()),
            },
            ..failure
        })
    }

    async fn settle_leases(&self, desk: Desk<'_>) -> Result<Vec<EntryRow>, Failure> {
        let ids: Vec<i64> = self.leases.keys().copied().collect();
        let found = desk.leases(&ids).await?;
        let newer = self.newer_charges(desk, &found).await?;
        let keys = found.iter().map(key_of).chain(newer.keys().copied());
        let mut windows = desk.lock_windows(keys).await?;
        // Again, now that nobody else changes them.
        let mut written = Vec::with_capacity(found.len());
        let mut late = Vec::new();
        for lease in desk.leases(&ids).await? {
            let sum = self
                .leases
                .get(&lease.lease_id)
                .copied()
                .unwrap_or_default();
            let mut sums = sums_of(&lease);
            let window = windows.entry(key_of(&lease)).or_default();
            let back = window.settle(&mut sums, sum.charge);
            written.push((lease.lease_id, sums));
            if back > 0 && lease.budget_id == BOOKS {
                late.extend(late_adjustment_of(desk, &lease, back, sum.at_ms).await?);
            }
        }
        charge(&mut windows, &newer);
        desk.write_windows(&windows).await?;
        desk.write_leases(&written, false).await?;
        Ok(late)
    }

    /// What budgets are charged that were made after an entry's reservation: they hold no lease for it, and missed it in
    /// their first sum.
    async fn newer_charges(
        &self,
        desk: Desk<'_>,
        found: &[LeaseRow],
    ) -> Result<BTreeMap<WindowKey, Charge>, Failure> {
        let budget_of: BTreeMap<i64, i64> = found
            .iter()
            .map(|lease| (lease.lease_id, lease.budget_id))
            .collect();
        let mut charges: BTreeMap<WindowKey, Charge> = BTreeMap::new();
        let newest = desk
            .client
            .query_one("SELECT max(created_epoch) FROM budget", &[])
            .await?;
        let newest: i64 = newest.try_get(0)?;
        let mut asked = Vec::new();
        for write in &self.writes {
            // A lease that the database does not know can only be one that it forgot: then every budget is charged.
            let is_known = write
                .leases
                .iter()
                .all(|lease| budget_of.contains_key(lease));
            let epoch = if is_known { write.epoch } else { -1 };
            if epoch < newest {
                asked.push((*write, epoch));
            }
        }
        if asked.is_empty() {
            return Ok(charges);
        }
        let epoch_min = asked
            .iter()
            .map(|(_, epoch)| *epoch)
            .min()
            .unwrap_or_default();
        let budgets = new_budgets(desk, &asked, epoch_min).await?;
        for (write, epoch) in asked {
            let leases = write.leases.iter();
            let leased: BTreeSet<i64> = leases
                .filter_map(|lease| budget_of.get(lease))
                .copied()
                .collect();
            for key in windows_of(&budgets, &write.row, epoch) {
                if !leased.contains(&key.0) {
                    charges.entry(key).or_default().add(write.row.cost_pico_usd);
                }
            }
        }
        Ok(charges)
    }
}

fn charge(windows: &mut Windows, charges: &BTreeMap<WindowKey, Charge>) {
    for (key, charge) in charges {
        windows.entry(*key).or_default().charge(*charge);
    }
}

/// Budgets made after this epoch, in the scopes of these entries.
async fn new_budgets(
    desk: Desk<'_>,
    asked: &[(&EntryWrite, i64)],
    epoch_min: i64,
) -> Result<NewBudgets, Failure> {
    let scopes: BTreeSet<_> = asked
        .iter()
        .flat_map(|(write, _)| write.row.scopes())
        .collect();
    let kinds: Vec<&str> = scopes.iter().map(|(kind, _)| *kind).collect();
    let values: Vec<_> = scopes.iter().map(|(_, value)| to_text(value)).collect();
    let sql = "SELECT budget_id, scope_kind, scope_value, window_kind, created_at_ms, created_epoch FROM budget
        JOIN (SELECT DISTINCT kind, text_digest(value) AS digest FROM unnest($1::text[], $2::text[]) AS asked (kind, value))
            AS asked ON kind = scope_kind AND digest = text_digest(scope_value)
        WHERE removed_epoch IS NULL AND budget_id > 0 AND created_epoch > $3";
    let mut budgets = NewBudgets::new();
    for row in desk
        .client
        .query(sql, &[&kinds, &values, &epoch_min])
        .await?
    {
        let scope = (row.try_get(1)?, from_text(row.try_get(2)?));
        let Some(kind) = WindowKind::parse(row.try_get(3)?) else {
            continue;
        };
        budgets.entry(scope).or_default().push(NewBudget {
            budget_id: row.try_get(0)?,
            kind,
            created_at_ms: row.try_get(4)?,
            created_epoch: row.try_get(5)?,
        });
    }
    Ok(budgets)
}

/// The windows of those budgets that an entry falls into and that were made after this epoch.
fn windows_of(budgets: &NewBudgets, row: &EntryRow, epoch: i64) -> Vec<WindowKey> {
    let mut found = Vec::new();
    for (kind, value) in row.scopes() {
        let scope = (kind.to_owned(), value.to_owned());
        for budget in budgets.get(&scope).into_iter().flatten() {
            let window_start = budget.kind.start_of(row.window_day);
            // Windows that were over when it was made are none of its own.
            let first = budget.kind.start_of(day_of(budget.created_at_ms));
            if budget.created_epoch > epoch && window_start >= first {
                found.push((budget.budget_id, window_start));
            }
        }
    }
    found
}

/// The correction of the entry that was made when this lease of the books was written off.
async fn late_adjustment_of(
    desk: Desk<'_>,
    lease: &LeaseRow,
    back: i64,
    at_ms: i64,
) -> Result<Option<EntryRow>, Failure> {
    let sql = "SELECT min(entry_id), max(adjustment) FROM ledger_entry WHERE request_id = $1 AND attempt = 1";
    let request_id = request_id_of(lease.lease_id);
    let row = desk
        .client
        .query_one(sql, &[&request_id.as_slice()])
        .await?;
    let (entry_id, adjustment): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let corrects = entry_id.zip(adjustment);
    Ok(corrects.map(|(entry_id, adjustment)| {
        let corrects = (entry_id, adjustment + 1);
        late_adjustment(lease.lease_id, lease.window_start, corrects, back, at_ms)
    }))
}
