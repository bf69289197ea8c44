//! Thresholds that were crossed: noted once, claimed by one server at a time, delivered.
//!
//! Invariants: one note for a window, limit and threshold, however many servers see it.
//! Does not know: whom it is told to.

use crate::budget_rows::AlertRow;
use crate::postgres::desk::Desk;
use crate::postgres::failure::Failure;
use crate::postgres::pool::Lent;
use crate::postgres::text::from_text;
use crate::store::Wall;

/// Notes an alert unless it was noted for the same window and limit.
pub(super) async fn mark(
    client: Lent,
    wall: Option<&Wall>,
    (budget_id, window_start): (i64, i64),
    percent: i64,
) -> Result<bool, Failure> {
    let desk = Desk {
        client: &client,
        wall,
    };
    let now_ms = desk.now().await?;
    let sql = "INSERT INTO alert (budget_id, window_start, percent, limit_pico_usd, settled_pico_usd, leased_pico_usd,
            at_ms, tries, claimed_until_ms, delivered)
        SELECT budget.budget_id, $2, $3, limit_pico_usd, coalesce(settled_pico_usd, 0), coalesce(leased_pico_usd, 0),
            $4, 0, 0, FALSE
        FROM budget
        LEFT JOIN budget_window ON budget_window.budget_id = budget.budget_id AND window_start = $2
        WHERE budget.budget_id = $1 AND limit_pico_usd IS NOT NULL
        ON CONFLICT (budget_id, window_start, percent, limit_pico_usd) DO NOTHING";
    let inserted = client
        .execute(sql, &[&budget_id, &window_start, &percent, &now_ms])
        .await?;
    Ok(inserted == 1)
}

/// Claims alerts that nobody has delivered.
pub(super) async fn claim(
    client: Lent,
    wall: Option<&Wall>,
    alerts_max: i64,
    claim_ms: i64,
) -> Result<Vec<AlertRow>, Failure> {
    let desk = Desk {
        client: &client,
        wall,
    };
    let now_ms = desk.now().await?;
    let sql = "WITH claimed AS (
            UPDATE alert SET tries = tries + 1, claimed_until_ms = $3
            WHERE alert_id IN (
                SELECT alert_id FROM alert WHERE NOT delivered AND claimed_until_ms <= $1
                ORDER BY alert_id LIMIT $2 FOR UPDATE SKIP LOCKED)
            RETURNING *)
        SELECT alert_id, budget_id, scope_kind, scope_value, window_kind, window_start, percent, claimed.limit_pico_usd,
            settled_pico_usd, leased_pico_usd, at_ms, tries
        FROM claimed JOIN budget USING (budget_id) ORDER BY alert_id";
    let until_ms = now_ms.saturating_add(claim_ms);
    let mut alerts = Vec::new();
    for row in client
        .query(sql, &[&now_ms, &alerts_max.max(0), &until_ms])
        .await?
    {
        alerts.push(AlertRow {
            alert_id: row.try_get(0)?,
            budget_id: row.try_get(1)?,
            scope_kind: row.try_get(2)?,
            scope_value: from_text(row.try_get(3)?),
            window: row.try_get(4)?,
            window_start: row.try_get(5)?,
            percent: row.try_get(6)?,
            limit_pico_usd: row.try_get(7)?,
            settled_pico_usd: row.try_get(8)?,
            leased_pico_usd: row.try_get(9)?,
            at_ms: row.try_get(10)?,
            tries: row.try_get(11)?,
        });
    }
    Ok(alerts)
}

/// Notes that an alert need not be told any more.
pub(super) async fn note_delivery(client: Lent, alert_id: i64) -> Result<(), Failure> {
    let sql = "UPDATE alert SET delivered = TRUE WHERE alert_id = $1";
    client.execute(sql, &[&alert_id]).await.map(drop)
}
