//! Daily sums in SQL: added to the table once a batch, read for reports.
//!
//! Invariants: a sum that leaves 64 bits is an error.
//! Does not know: who reads the reports.

use rusqlite::Connection;

use crate::daily_sums::{DailySums, join_money, split_money};
use crate::rows::{UsageBy, UsageQuery, UsageRow};
use crate::sqlite::disk::{Disk, DiskStep};
use crate::sqlite::failure::Failure;

const ADD: &str = "INSERT INTO usage_daily (day, key_id, project, model, endpoint, requests, attempts, input_tokens,
    cached_input_tokens, cache_write_30m_tokens, cache_write_12h_tokens, output_tokens, reasoning_tokens,
    cost_milli_usd, cost_rest_pico_usd)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (day, key_id, project, model, endpoint) DO UPDATE SET
        requests = requests + excluded.requests,
        attempts = attempts + excluded.attempts,
        input_tokens = input_tokens + excluded.input_tokens,
        cached_input_tokens = cached_input_tokens + excluded.cached_input_tokens,
        cache_write_30m_tokens = cache_write_30m_tokens + excluded.cache_write_30m_tokens,
        cache_write_12h_tokens = cache_write_12h_tokens + excluded.cache_write_12h_tokens,
        output_tokens = output_tokens + excluded.output_tokens,
        reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,
        cost_milli_usd = cost_milli_usd + excluded.cost_milli_usd
            + (cost_rest_pico_usd + excluded.cost_rest_pico_usd) / 1000000000,
        cost_rest_pico_usd = (cost_rest_pico_usd + excluded.cost_rest_pico_usd) % 1000000000";

/// Adds the batch to the table.
pub(crate) fn write_sums(
    sums: &DailySums<'_>,
    connection: &Connection,
    disk: &dyn Disk,
) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(ADD)?;
    for ((day, key_id, project, model, endpoint), sum) in &sums.groups {
        disk.step(DiskStep::Sum)?;
        let (milli_usd, rest_pico_usd) = split_money(sum.cost_pico_usd)?;
        let [input, cached_input, write_30m, write_12h, output, reasoning] = sum.tokens;
        statement.execute(rusqlite::params![
            day,
            key_id,
            project,
            model,
            endpoint,
            sum.requests,
            sum.attempts,
            input,
            cached_input,
            write_30m,
            write_12h,
            output,
            reasoning,
            milli_usd,
            rest_pico_usd,
        ])?;
    }
    Ok(())
}

/// Reads the sums that a query asks for.
pub(crate) fn usage(connection: &Connection, query: &UsageQuery) -> Result<Vec<UsageRow>, Failure> {
    let column = match query.by {
        UsageBy::Day => "day",
        UsageBy::Model => "model",
        UsageBy::Key => "key_id",
        UsageBy::Project => "project",
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT CAST({column} AS TEXT), sum(requests), sum(attempts),
            sum(input_tokens) + sum(cached_input_tokens) + sum(cache_write_30m_tokens) + sum(cache_write_12h_tokens),
            sum(output_tokens) + sum(reasoning_tokens), sum(cost_milli_usd), sum(cost_rest_pico_usd)
        FROM usage_daily
        WHERE (?1 IS NULL OR day >= ?1) AND (?2 IS NULL OR day <= ?2) AND (?3 IS NULL OR key_id = ?3)
            AND (?4 IS NULL OR project = ?4) AND (?5 IS NULL OR model = ?5)
        GROUP BY {column} ORDER BY {column}"
    ))?;
    let filter = (
        query.day_from,
        query.day_to,
        &query.key_id,
        &query.project,
        &query.model,
    );
    let rows = statement.query_map(filter, |row| {
        let milli_usd: i64 = row.get(5)?;
        let rest_pico_usd: i64 = row.get(6)?;
        Ok(UsageRow {
            group: row.get(0)?,
            requests: row.get(1)?,
            attempts: row.get(2)?,
            input_tokens: row.get(3)?,
            output_tokens: row.get(4)?,
            cost_pico_usd: join_money(milli_usd, rest_pico_usd),
        })
    })?;
    Ok(rows.collect::<Result<Vec<UsageRow>, rusqlite::Error>>()?)
}
