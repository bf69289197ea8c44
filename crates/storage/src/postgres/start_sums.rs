//! What a new budget starts from: the ledger's sum of its window in its scope.
//!
//! Invariants: equals the sum of the entries on disk; read in the transaction that makes the budget, while nobody writes
//! entries.
//! Does not know: what is under way; that settles later, by the epoch of its entry.

use crate::daily_sums::join_money;
use crate::postgres::failure::Failure;
use crate::postgres::pool::Client;
use crate::postgres::text::to_text;
use crate::windows::WindowKind;

/// The sum over the window that this day falls into, from zero to what 64 bits hold.
///
/// Sums by key and by label have an index that begins with them, the others scan the days of the window.
pub(super) async fn start_sum(
    client: &Client,
    scope_kind: &str,
    scope_value: &str,
    window: WindowKind,
    today: i64,
) -> Result<i64, Failure> {
    let (first, last) = match window.after(window.start_of(today)) {
        Some(after) => (window.start_of(today), after - 1),
        None => (i64::MIN, i64::MAX),
    };
    let from = match scope_kind {
        "global" => "usage_daily WHERE $3 = ''",
        "project" => "usage_daily WHERE project = $3",
        "model" => "usage_daily WHERE model = $3",
        "key" => "usage_daily WHERE text_digest(key_id) = text_digest($3)",
        "user" => "label_daily WHERE kind = 'user' AND value_digest = text_digest($3)",
        _ => "label_daily WHERE kind = 'tag' AND value_digest = text_digest($3)",
    };
    let sql = format!(
        "SELECT coalesce(sum(cost_milli_usd), 0)::BIGINT, coalesce(sum(cost_rest_pico_usd), 0)::BIGINT FROM {from}
            AND day BETWEEN $1 AND $2"
    );
    let row = client
        .query_one(&sql, &[&first, &last, &to_text(scope_value)])
        .await?;
    let sum = join_money(row.try_get(0)?, row.try_get(1)?);
    Ok(i64::try_from(sum.max(0)).unwrap_or(i64::MAX))
}
