//! What a new budget starts from: the ledger's sum of its window in its scope.
//!
//! Invariants: equals the sum of the entries on disk; read in the transaction that makes the budget.
//! Does not know: what is under way; that settles later, by the epoch of its entry.

use rusqlite::{Connection, OptionalExtension};

use crate::daily_sums::join_money;
use crate::sqlite::failure::Failure;
use crate::windows::WindowKind;

/// The sum over the window that this day falls into, from zero to what 64 bits hold.
///
/// Daily sums begin with the day and the key: sums by key and by label are looked up day by day, the others scan the
/// days of the window.
pub(crate) fn start_sum(
    connection: &Connection,
    scope_kind: &str,
    scope_value: &str,
    window: WindowKind,
    today: i64,
) -> Result<i64, Failure> {
    let (first, last) = match window.after(window.start_of(today)) {
        Some(after) => (window.start_of(today), after - 1),
        None => (i64::MIN, i64::MAX),
    };
    let sum = match scope_kind {
        "global" => scan(connection, "?3 = ''", scope_value, first, last)?,
        "project" => scan(connection, "project = ?3", scope_value, first, last)?,
        "model" => scan(connection, "model = ?3", scope_value, first, last)?,
        "key" => by_days(connection, BY_KEY, (scope_value, None), first, last)?,
        kind => by_days(connection, BY_LABEL, (scope_value, Some(kind)), first, last)?,
    };
    Ok(i64::try_from(sum.max(0)).unwrap_or(i64::MAX))
}

fn scan(
    connection: &Connection,
    filter: &str,
    value: &str,
    first: i64,
    last: i64,
) -> Result<i128, Failure> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT coalesce(sum(cost_milli_usd), 0), coalesce(sum(cost_rest_pico_usd), 0) FROM usage_daily
        WHERE day BETWEEN ?1 AND ?2 AND {filter}"
    ))?;
    Ok(statement.query_row((first, last, value), |row| {
        Ok(join_money(row.get(0)?, row.get(1)?))
    })?)
}

/// The table, and what stands beside the day in its primary key.
type ByDays = (&'static str, &'static str);
const BY_KEY: ByDays = ("usage_daily", "key_id = ?2 AND ?3 IS NULL");
const BY_LABEL: ByDays = ("label_daily", "value = ?2 AND kind = ?3");

fn by_days(
    connection: &Connection,
    (table, filter): ByDays,
    (value, kind): (&str, Option<&str>),
    first: i64,
    last: i64,
) -> Result<i128, Failure> {
    let mut next = connection.prepare_cached(&format!(
        "SELECT day FROM {table} WHERE day >= ? ORDER BY day LIMIT 1"
    ))?;
    let mut of_day = connection.prepare_cached(&format!(
        "SELECT coalesce(sum(cost_milli_usd), 0), coalesce(sum(cost_rest_pico_usd), 0) FROM {table}
        WHERE day = ?1 AND {filter}"
    ))?;
    let mut sum = 0;
    let mut from = first;
    while let Some(day) = next
        .query_row([from], |row| row.get::<_, i64>(0))
        .optional()?
    {
        if day > last {
            break;
        }
        sum += of_day.query_row((day, value, kind), |row| {
            Ok(join_money(row.get(0)?, row.get(1)?))
        })?;
        let Some(after) = day.checked_add(1) else {
            break;
        };
        from = after;
    }
    Ok(sum)
}
