//! Grants money into leases: all wants of an ask, or none.
//!
//! Invariants: limits are read after the windows are locked; an instance that is found alive stays so
//! until the grant is committed.
//! Does not know: who asks for what; the arithmetic.

use std::collections::BTreeSet;

use crate::budget_rows::{GrantAnswer, Want};
use crate::error::StoreErrorKind;
use crate::grant_sheet::{Line, Sheet, Terms, check_want};
use crate::postgres::desk::Desk;
use crate::postgres::failure::Failure;
use crate::postgres::instances::hold_alive;
use crate::postgres::lease_rows::{Windows, key_of, sums_of};
use crate::postgres::notices::TELL_RECALL;
use crate::postgres::pool::Lent;
use crate::store::Wall;
use crate::windows::{WindowKind, day_of};

/// Answers one list of asks.
pub(super) async fn grant(
    client: Lent,
    wall: Option<&Wall>,
    instance: [u8; 16],
    asks: &[Vec<Want>],
) -> Result<GrantAnswer, Failure> {
    let desk = Desk {
        client: &client,
        wall,
    };
    for want in asks.iter().flatten() {
        check_want(want)?;
    }
    let now_ms = desk.now().await?;
    if !hold_alive(desk, &instance, now_ms).await? {
        return Err(StoreErrorKind::Fenced.into());
    }
    let mut sheet = lay_out(desk, &instance, asks, day_of(now_ms)).await?;
    let mut results = Vec::with_capacity(asks.len());
    for ask in asks {
        results.push(sheet.answer(ask)?);
    }
    write(desk, &instance, &mut sheet, now_ms).await?;
    for granted in results.iter_mut().flatten().flatten() {
        let line = sheet.lines.get(&(granted.budget_id, granted.window_start));
        granted.lease_id = line.and_then(|line| line.lease_id).unwrap_or_default();
    }
    Ok(GrantAnswer { now_ms, results })
}

/// Locks and reads all that the asks are about.
async fn lay_out(
    desk: Desk<'_>,
    instance: &[u8; 16],
    asks: &[Vec<Want>],
    today: i64,
) -> Result<Sheet, Failure> {
    let mut sheet = Sheet {
        today,
        ..Sheet::default()
    };
    let budgets: BTreeSet<i64> = asks.iter().flatten().map(|want| want.budget_id).collect();
    let budgets: Vec<i64> = budgets.into_iter().collect();
    // First for the kind of window, which never changes.
    read_terms(desk, &budgets, &mut sheet).await?;
    let mut keys = BTreeSet::new();
    for want in asks.iter().flatten() {
        keys.insert(sheet.find(want)?.0);
    }
    let windows = desk.lock_windows(keys.into_iter()).await?;
    // Then for the limits, which only whoever holds windows may change.
    read_terms(desk, &budgets, &mut sheet).await?;
    let leases = desk.open_leases_of(instance, &windows).await?;
    for (key, window) in windows {
        let line = Line {
            window,
            ..Line::default()
        };
        sheet.lines.insert(key, line);
    }
    for lease in leases {
        if let Some(line) = sheet.lines.get_mut(&key_of(&lease)) {
            line.lease = sums_of(&lease);
            line.lease_id = Some(lease.lease_id);
        }
    }
    Ok(sheet)
}

async fn read_terms(desk: Desk<'_>, budgets: &[i64], sheet: &mut Sheet) -> Result<(), Failure> {
    let sql =
        "SELECT budget_id, CASE WHEN removed_epoch IS NULL THEN limit_pico_usd END, window_kind
        FROM budget WHERE budget_id = ANY($1) AND scope_value <> '*'";
    for row in desk.client.query(sql, &[&budgets]).await? {
        let kind = WindowKind::parse(row.try_get(2)?)
            .ok_or_else(|| Failure::internal("a window of an unknown kind"))?;
        let terms = Terms {
            limit: row.try_get(1)?,
            kind,
        };
        sheet.terms.insert(row.try_get(0)?, terms);
    }
    Ok(())
}

async fn write(
    desk: Desk<'_>,
    instance: &[u8; 16],
    sheet: &mut Sheet,
    now_ms: i64,
) -> Result<(), Failure> {
    let changed: Vec<(_, Line)> = sheet
        .lines
        .iter()
        .filter(|(_, line)| line.changed)
        .map(|(key, line)| (*key, *line))
        .collect();
    let windows: Windows = changed
        .iter()
        .map(|(key, line)| (*key, line.window))
        .collect();
    desk.write_windows(&windows).await?;
    let mut old = Vec::new();
    let mut new = Vec::new();
    for (key, line) in &changed {
        match line.lease_id {
            Some(lease_id) => old.push((lease_id, line.lease)),
            None => new.push((*key, line.lease)),
        }
    }
    desk.write_leases(&old, false).await?;
    let ids = desk.insert_leases(instance, &new).await?;
    for ((key, _), lease_id) in new.iter().zip(ids) {
        if let Some(line) = sheet.lines.get_mut(key) {
            line.lease_id = Some(lease_id);
        }
    }
    write_recalls(desk, instance, sheet, &windows, now_ms).await
}

/// Tells others what is missing, and takes back what was missing before.
async fn write_recalls(
    desk: Desk<'_>,
    instance: &[u8; 16],
    sheet: &Sheet,
    changed: &Windows,
    now_ms: i64,
) -> Result<(), Failure> {
    let served = changed
        .keys()
        .filter(|key| !sheet.starved.contains_key(key));
    let (budgets, starts): (Vec<i64>, Vec<i64>) = served.copied().unzip();
    let instance = instance.as_slice();
    if !budgets.is_empty() {
        let sql = "DELETE FROM recall
            USING unnest($2::bigint[], $3::bigint[]) AS served (budget_id, window_start)
            WHERE recall.instance = $1 AND recall.budget_id = served.budget_id
                AND recall.window_start = served.window_start";
        desk.client
            .execute(sql, &[&instance, &budgets, &starts])
            .await?;
    }
    if sheet.starved.is_empty() {
        return Ok(());
    }
    let (budgets, starts): (Vec<i64>, Vec<i64>) = sheet.starved.keys().copied().unzip();
    let wanted: Vec<i64> = sheet.starved.values().copied().collect();
    let sql = "INSERT INTO recall (budget_id, window_start, instance, wanted_pico_usd, at_ms)
        SELECT budget_id, window_start, $1, wanted, $5
        FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS new (budget_id, window_start, wanted)
        ON CONFLICT (budget_id, window_start, instance)
            DO UPDATE SET wanted_pico_usd = excluded.wanted_pico_usd, at_ms = excluded.at_ms";
    desk.client
        .execute(sql, &[&instance, &budgets, &starts, &wanted, &now_ms])
        .await?;
    desk.client.query_one(TELL_RECALL, &[]).await.map(drop)
}
