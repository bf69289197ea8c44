//! Grants money into leases: all wants of an ask, or none.
//!
//! Invariants: an ask that falls short changes no window.
//! Does not know: who asks for what; the arithmetic; when the transaction is committed.

use std::collections::btree_map::Entry;

use rusqlite::OptionalExtension;

use crate::budget_rows::{GrantAnswer, Want};
use crate::error::StoreErrorKind;
use crate::grant_sheet::{Line, Sheet, Terms, check_want};
use crate::sqlite::desk::Desk;
use crate::sqlite::disk::DiskStep;
use crate::sqlite::failure::Failure;
use crate::sqlite::instances::is_alive;
use crate::sqlite::lease_rows::Lease;
use crate::windows::{WindowKind, day_of};

/// Answers one list of asks. `Ok(Err(…))`: refused, and nothing was changed.
pub(crate) fn grant(
    desk: Desk<'_>,
    instance: [u8; 16],
    asks: &[Vec<Want>],
) -> Result<Result<GrantAnswer, StoreErrorKind>, Failure> {
    let now_ms = desk.now()?;
    if !is_alive(desk, &instance, now_ms)? {
        return Ok(Err(StoreErrorKind::Fenced));
    }
    let mut sheet = Sheet {
        today: day_of(now_ms),
        ..Sheet::default()
    };
    for want in asks.iter().flatten() {
        if let Err(kind) = load(desk, &instance, &mut sheet, want)? {
            return Ok(Err(kind));
        }
    }
    let answers = asks.iter().map(|ask| sheet.answer(ask));
    let mut results = match answers.collect::<Result<Vec<_>, StoreErrorKind>>() {
        Ok(results) => results,
        Err(kind) => return Ok(Err(kind)),
    };
    write(desk, &instance, &mut sheet, now_ms)?;
    for granted in results.iter_mut().flatten().flatten() {
        let line = sheet.lines.get(&(granted.budget_id, granted.window_start));
        granted.lease_id = line.and_then(|line| line.lease_id).unwrap_or_default();
    }
    Ok(Ok(GrantAnswer { now_ms, results }))
}

/// Reads what a want is about.
fn load(
    desk: Desk<'_>,
    instance: &[u8; 16],
    sheet: &mut Sheet,
    want: &Want,
) -> Result<Result<(), StoreErrorKind>, Failure> {
    if let Err(kind) = check_want(want) {
        return Ok(Err(kind));
    }
    if !sheet.terms.contains_key(&want.budget_id)
        && let Some(terms) = read_terms(desk, want.budget_id)?
    {
        sheet.terms.insert(want.budget_id, terms);
    }
    let key = match sheet.find(want) {
        Ok((key, _)) => key,
        Err(kind) => return Ok(Err(kind)),
    };
    if let Entry::Vacant(line) = sheet.lines.entry(key) {
        let lease = desk.open_lease(instance, key)?.map(Lease::from);
        line.insert(Line {
            window: desk.window(key)?,
            lease: lease.map(|lease| lease.sums).unwrap_or_default(),
            lease_id: lease.map(|lease| lease.lease_id),
            changed: false,
        });
    }
    Ok(Ok(()))
}

fn read_terms(desk: Desk<'_>, budget_id: i64) -> Result<Option<Terms>, Failure> {
    let found = desk
        .connection
        .prepare_cached(
            "SELECT iif(removed_epoch IS NULL, limit_pico_usd, NULL), window_kind FROM budget
            WHERE budget_id = ? AND scope_value <> '*'",
        )?
        .query_row([budget_id], |row| {
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    Ok(found.and_then(|(limit, kind)| {
        let kind = WindowKind::parse(&kind)?;
        Some(Terms { limit, kind })
    }))
}

fn write(
    desk: Desk<'_>,
    instance: &[u8; 16],
    sheet: &mut Sheet,
    now_ms: i64,
) -> Result<(), Failure> {
    for (key, line) in sheet.lines.iter_mut().filter(|(_, line)| line.changed) {
        desk.write_window(*key, &line.window)?;
        match line.lease_id {
            Some(lease_id) => desk.write_lease(lease_id, &line.lease)?,
            None => {
                let lease_id = desk.insert_lease(instance, *key, &line.lease)?;
                line.lease_id = Some(lease_id);
            }
        }
        if !sheet.starved.contains_key(key) {
            desk.connection
                .prepare_cached(
                    "DELETE FROM recall WHERE budget_id = ? AND window_start = ? AND instance = ?",
                )?
                .execute((key.0, key.1, instance))?;
        }
    }
    for (key, wanted) in &sheet.starved {
        desk.step(DiskStep::Recall)?;
        desk.connection
            .prepare_cached("INSERT OR REPLACE INTO recall VALUES (?, ?, ?, ?, ?)")?
            .execute((key.0, key.1, instance, wanted, now_ms))?;
    }
    Ok(())
}
