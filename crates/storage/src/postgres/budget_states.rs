//! Budgets as they stand: read with their windows of now and the leases of those.
//!
//! Invariants: one look shows one moment, if the caller holds one.
//! Does not know: what a caller shows of it.

use std::collections::BTreeMap;

use crate::budget_rows::{BudgetState, LeaseRow, Scope, WindowRow};
use crate::grant_sheet::WindowKey;
use crate::postgres::budgets::budgets;
use crate::postgres::desk::Desk;
use crate::postgres::failure::Failure;
use crate::postgres::lease_rows::{LEASE_COLUMNS, key_of, read_lease};
use crate::postgres::pool::Lent;
use crate::store::Wall;
use crate::windows::{WindowKind, day_of};

pub(super) async fn states(
    client: Lent,
    wall: Option<&Wall>,
    filter: Option<&Scope>,
) -> Result<Vec<BudgetState>, Failure> {
    let desk = Desk {
        client: &client,
        wall,
    };
    let today = day_of(desk.read_now().await?);
    let budgets = budgets(&client, filter).await?;
    let mut states = Vec::with_capacity(budgets.len());
    let mut places = BTreeMap::new();
    for budget in budgets {
        let kind = WindowKind::parse(&budget.window).unwrap_or(WindowKind::Total);
        let window = WindowRow {
            budget_id: budget.budget_id,
            window_start: kind.start_of(today),
            settled_pico_usd: 0,
            leased_pico_usd: 0,
            forced_pico_usd: 0,
        };
        places.insert((window.budget_id, window.window_start), states.len());
        states.push(BudgetState {
            budget,
            window,
            leases: Vec::new(),
        });
    }
    let (budgets, starts): (Vec<i64>, Vec<i64>) = places.keys().copied().unzip();
    let sql = "SELECT budget_id, window_start, settled_pico_usd, leased_pico_usd, forced_pico_usd FROM budget_window
        JOIN unnest($1::bigint[], $2::bigint[]) AS wanted (budget_id, window_start) USING (budget_id, window_start)";
    for row in client.query(sql, &[&budgets, &starts]).await? {
        let key: WindowKey = (row.try_get(0)?, row.try_get(1)?);
        if let Some(state) = places.get(&key).and_then(|place| states.get_mut(*place)) {
            state.window = WindowRow {
                budget_id: key.0,
                window_start: key.1,
                settled_pico_usd: row.try_get(2)?,
                leased_pico_usd: row.try_get(3)?,
                forced_pico_usd: row.try_get(4)?,
            };
        }
    }
    let sql = format!(
        "SELECT {LEASE_COLUMNS} FROM lease
        JOIN unnest($1::bigint[], $2::bigint[]) AS wanted (budget_id, window_start) USING (budget_id, window_start)
        WHERE lease.open OR lease.written_off_pico_usd > 0 ORDER BY lease_id"
    );
    for row in client.query(&sql, &[&budgets, &starts]).await? {
        let lease: LeaseRow = read_lease(&row)?;
        let place = places.get(&key_of(&lease));
        if let Some(state) = place.and_then(|place| states.get_mut(*place)) {
            state.leases.push(lease);
        }
    }
    Ok(states)
}
