//! Daily sums in SQL: added to the table once a batch, read for reports.
//!
//! Invariants: a sum that leaves 64 bits is an error.
//! Does not know: who reads the reports.

use rusqlite::Connection;

use crate::budget_rows::UnprovenRow;
use crate::daily_sums::{DailySums, join_money, split_money};
use crate::rows::{UsageBy, UsageQuery, UsageRow};
use crate::sqlite::disk::{Disk, DiskStep};
use crate::sqlite::failure::Failure;

const ADD: &str = "INSERT INTO usage_daily (day, key_id, project, model, endpoint, requests, attempts, input_tokens,
    cached_input_tokens, cache_write_30m_tokens, cache_write_12h_tokens, output_tokens, reasoning_tokens,
    cost_milli_usd, cost_rest_pico_usd, estimated_milli_usd, estimated_rest_pico_usd, unsettled_milli_usd,
    unsettled_rest_pico_usd)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
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
        cost_rest_pico_usd = (cost_rest_pico_usd + excluded.cost_rest_pico_usd) % 1000000000,
        estimated_milli_usd = estimated_milli_usd + excluded.estimated_milli_usd
            + (estimated_rest_pico_usd + excluded.estimated_rest_pico_usd) / 1000000000,
        estimated_rest_pico_usd = (estimated_rest_pico_usd + excluded.estimated_rest_pico_usd) % 1000000000,
        unsettled_milli_usd = unsettled_milli_usd + excluded.unsettled_milli_usd
            + (unsettled_rest_pico_usd + excluded.unsettled_rest_pico_usd) / 1000000000,
        unsettled_rest_pico_usd = (unsettled_rest_pico_usd + excluded.unsettled_rest_pico_usd) % 1000000000";

const ADD_LABEL: &str =
    "INSERT INTO label_daily (day, kind, value, cost_milli_usd, cost_rest_pico_usd)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (day, kind, value) DO UPDATE SET
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
        let (estimated, estimated_rest) = split_money(sum.estimated_pico_usd)?;
        let (unsettled, unsettled_rest) = split_money(sum.unsettled_pico_usd)?;
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
            estimated,
            estimated_rest,
            unsettled,
            unsettled_rest,
        ])?;
    }
    if sums.labels.is_empty() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(ADD_LABEL)?;
    for ((day, kind, value), cost_pico_usd) in &sums.labels {
        disk.step(DiskStep::Sum)?;
        let (milli_usd, rest_pico_usd) = split_money(*cost_pico_usd)?;
        statement.execute((day, kind, value, milli_usd, rest_pico_usd))?;
    }
    Ok(())
}

/// What a filter on the sums says, with the parameters of [`filter`].
const WHERE: &str =
    "(?1 IS NULL OR day >= ?1) AND (?2 IS NULL OR day <= ?2) AND (?3 IS NULL OR key_id = ?3)
    AND (?4 IS NULL OR project = ?4) AND (?5 IS NULL OR model = ?5)";

type Filter<'q> = (
    Option<i64>,
    Option<i64>,
    &'q Option<String>,
    &'q Option<String>,
    &'q Option<String>,
);

fn filter(query: &UsageQuery) -> Filter<'_> {
    (
        query.day_from,
        query.day_to,
        &query.key_id,
        &query.project,
        &query.model,
    )
}

fn column(query: &UsageQuery) -> &'static str {
    match query.by {
        UsageBy::Day => "day",
        UsageBy::Model => "model",
        UsageBy::Key => "key_id",
        UsageBy::Project => "project",
    }
}

/// Reads the sums that a query asks for.
pub(crate) fn usage(connection: &Connection, query: &UsageQuery) -> Result<Vec<UsageRow>, Failure> {
    let column = column(query);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT CAST({column} AS TEXT), sum(requests), sum(attempts),
            sum(input_tokens) + sum(cached_input_tokens) + sum(cache_write_30m_tokens) + sum(cache_write_12h_tokens),
            sum(output_tokens) + sum(reasoning_tokens), sum(cost_milli_usd), sum(cost_rest_pico_usd)
        FROM usage_daily WHERE {WHERE} GROUP BY {column} ORDER BY {column}"
    ))?;
    let rows = statement.query_map(filter(query), |row| {
        Ok(UsageRow {
            group: row.get(0)?,
            requests: row.get(1)?,
            attempts: row.get(2)?,
            input_tokens: row.get(3)?,
            output_tokens: row.get(4)?,
            cost_pico_usd: join_money(row.get(5)?, row.get(6)?),
        })
    })?;
    Ok(rows.collect::<Result<Vec<UsageRow>, rusqlite::Error>>()?)
}

/// Reads the part of the sums that nobody proved.
pub(crate) fn unproven(
    connection: &Connection,
    query: &UsageQuery,
) -> Result<Vec<UnprovenRow>, Failure> {
    let column = column(query);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT CAST({column} AS TEXT), sum(estimated_milli_usd), sum(estimated_rest_pico_usd),
            sum(unsettled_milli_usd), sum(unsettled_rest_pico_usd)
        FROM usage_daily WHERE {WHERE} GROUP BY {column} ORDER BY {column}"
    ))?;
    let rows = statement.query_map(filter(query), |row| {
        Ok(UnprovenRow {
            group: row.get(0)?,
            estimated_pico_usd: join_money(row.get(1)?, row.get(2)?),
            unsettled_pico_usd: join_money(row.get(3)?, row.get(4)?),
        })
    })?;
    let mut rows = rows.collect::<Result<Vec<UnprovenRow>, rusqlite::Error>>()?;
    rows.retain(|row| row.estimated_pico_usd != 0 || row.unsettled_pico_usd != 0);
    Ok(rows)
}
