//! Budgets as they stand: read with their windows of now and the leases of those, and the alerts they gave.
//!
//! Invariants: one look shows one moment.
//! Does not know: what a caller shows of it.

use rusqlite::Connection;

use crate::budget_rows::{AlertRow, BudgetState, LeaseRow, Scope, WindowRow};
use crate::escrow_sums::WindowSums;
use crate::sqlite::budgets::budgets;
use crate::sqlite::desk::{Desk, read_now};
use crate::sqlite::disk::{DiskStep, RealDisk};
use crate::sqlite::failure::Failure;
use crate::sqlite::lease_rows::{LEASE_COLUMNS, read_lease};
use crate::store::Wall;
use crate::windows::{WindowKind, day_of};

pub(crate) fn states(
    connection: &Connection,
    wall: &Wall,
    filter: Option<&Scope>,
) -> Result<Vec<BudgetState>, Failure> {
    let today = day_of(read_now(connection, wall)?);
    let desk = Desk {
        connection,
        disk: &RealDisk,
        wall,
    };
    let mut leases = connection.prepare_cached(&format!(
        "SELECT {LEASE_COLUMNS} FROM lease
        WHERE budget_id = ? AND window_start = ? AND (open = 1 OR written_off_pico_usd > 0) ORDER BY lease_id"
    ))?;
    let mut states = Vec::new();
    for budget in budgets(connection, filter)? {
        let kind = WindowKind::parse(&budget.window).unwrap_or(WindowKind::Total);
        let key = (budget.budget_id, kind.start_of(today));
        let WindowSums {
            settled,
            leased,
            forced,
        } = desk.window(key)?;
        let rows = leases.query_map(key, read_lease)?;
        let leases = rows.collect::<Result<Vec<LeaseRow>, rusqlite::Error>>()?;
        let window = WindowRow {
            budget_id: key.0,
            window_start: key.1,
            settled_pico_usd: settled,
            leased_pico_usd: leased,
            forced_pico_usd: forced,
        };
        states.push(BudgetState {
            budget,
            window,
            leases,
        });
    }
    Ok(states)
}

/// Notes an alert unless it was noted for the same window and limit.
pub(crate) fn mark_alert(
    desk: Desk<'_>,
    budget_id: i64,
    window_start: i64,
    percent: i64,
) -> Result<bool, Failure> {
    let now_ms = desk.now()?;
    let sums = desk.window((budget_id, window_start))?;
    desk.step(DiskStep::Alert)?;
    let inserted = desk.connection.execute(
        "INSERT INTO alert SELECT NULL, budget_id, ?2, ?3, limit_pico_usd, ?4, ?5, ?6, 0, 0, 0 FROM budget
        WHERE budget_id = ?1 AND limit_pico_usd IS NOT NULL
        ON CONFLICT (budget_id, window_start, percent, limit_pico_usd) DO NOTHING",
        (budget_id, window_start, percent, sums.settled, sums.leased, now_ms),
    )?;
    Ok(inserted == 1)
}

/// Claims alerts that nobody has delivered.
pub(crate) fn claim_alerts(
    desk: Desk<'_>,
    alerts_max: i64,
    claim_ms: i64,
) -> Result<Vec<AlertRow>, Failure> {
    let now_ms = desk.now()?;
    let mut statement = desk.connection.prepare_cached(
        "SELECT alert_id, budget_id, scope_kind, scope_value, window_kind, window_start, percent, alert.limit_pico_usd,
            settled_pico_usd, leased_pico_usd, at_ms, tries + 1
        FROM alert JOIN budget USING (budget_id)
        WHERE delivered = 0 AND claimed_until_ms <= ? ORDER BY alert_id LIMIT ?",
    )?;
    let rows = statement.query_map((now_ms, alerts_max.max(0)), |row| {
        Ok(AlertRow {
            alert_id: row.get(0)?,
            budget_id: row.get(1)?,
            scope_kind: row.get(2)?,
            scope_value: row.get(3)?,
            window: row.get(4)?,
            window_start: row.get(5)?,
            percent: row.get(6)?,
            limit_pico_usd: row.get(7)?,
            settled_pico_usd: row.get(8)?,
            leased_pico_usd: row.get(9)?,
            at_ms: row.get(10)?,
            tries: row.get(11)?,
        })
    })?;
    let alerts = rows.collect::<Result<Vec<AlertRow>, rusqlite::Error>>()?;
    for alert in &alerts {
        desk.step(DiskStep::Alert)?;
        desk.connection
            .prepare_cached(
                "UPDATE alert SET tries = ?2, claimed_until_ms = ?3 WHERE alert_id = ?1",
            )?
            .execute((alert.alert_id, alert.tries, now_ms.saturating_add(claim_ms)))?;
    }
    Ok(alerts)
}

/// Notes that an alert need not be told any more.
pub(crate) fn note_delivery(desk: Desk<'_>, alert_id: i64) -> Result<(), Failure> {
    desk.step(DiskStep::Alert)?;
    desk.connection.execute(
        "UPDATE alert SET delivered = 1 WHERE alert_id = ?",
        [alert_id],
    )?;
    Ok(())
}
