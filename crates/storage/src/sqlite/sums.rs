//! Daily sums: made per batch in memory, added to the table once, read for reports.
//!
//! Invariants: the table equals a sum over the entries; nothing wraps, a sum that leaves 64 bits is an error.
//! Does not know: who reads the reports.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::error::StoreErrorKind;
use crate::rows::{EntryRow, UsageBy, UsageQuery, UsageRow};
use crate::sqlite::disk::{Disk, DiskStep};
use crate::sqlite::failure::Failure;

/// Pico-USD in the larger of the two columns' unit, a thousandth of a USD.
const PICO_PER_MILLI_USD: i128 = 1_000_000_000;

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

/// Day, key, project, model, endpoint.
type Group<'r> = (i64, &'r str, &'r str, &'r str, &'r str);

/// The sums of one batch. Ordered, so that rows are touched in the order of the table.
#[derive(Debug, Default)]
pub(crate) struct DailySums<'r> {
    groups: BTreeMap<Group<'r>, Sum>,
}

#[derive(Debug, Default)]
struct Sum {
    requests: i64,
    attempts: i64,
    tokens: [i64; 6],
    cost_pico_usd: i128,
}

impl<'r> DailySums<'r> {
    /// Adds one new entry.
    pub(crate) fn add(&mut self, row: &'r EntryRow) -> Result<(), StoreErrorKind> {
        let group = (
            row.window_day,
            &*row.key_id,
            &*row.project,
            &*row.model,
            &*row.endpoint,
        );
        let sum = self.groups.entry(group).or_default();
        let counts = row.adjustment == 0;
        sum.requests += i64::from(counts && row.attempt <= 1);
        sum.attempts += i64::from(counts && row.attempt >= 1);
        sum.cost_pico_usd += i128::from(row.cost_pico_usd);
        let tokens = [
            row.input_tokens,
            row.cached_input_tokens,
            row.cache_write_30m_tokens,
            row.cache_write_12h_tokens,
            row.output_tokens,
            row.reasoning_tokens,
        ];
        for (sum, tokens) in sum.tokens.iter_mut().zip(tokens) {
            *sum = sum
                .checked_add(tokens)
                .ok_or(StoreErrorKind::Overflow { field: "usage" })?;
        }
        Ok(())
    }

    /// Adds the batch to the table.
    pub(crate) fn write(&self, connection: &Connection, disk: &dyn Disk) -> Result<(), Failure> {
        let mut statement = connection.prepare_cached(ADD)?;
        for ((day, key_id, project, model, endpoint), sum) in &self.groups {
            disk.step(DiskStep::Sum)?;
            let (milli_usd, rest_pico_usd) = split(sum.cost_pico_usd)?;
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
}

/// Splits a sum of money into its two columns. The rest is never below zero, also for a negative sum.
fn split(cost_pico_usd: i128) -> Result<(i64, i64), StoreErrorKind> {
    let overflow = |_| StoreErrorKind::Overflow { field: "cost" };
    let milli_usd =
        i64::try_from(cost_pico_usd.div_euclid(PICO_PER_MILLI_USD)).map_err(overflow)?;
    let rest = i64::try_from(cost_pico_usd.rem_euclid(PICO_PER_MILLI_USD)).map_err(overflow)?;
    Ok((milli_usd, rest))
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
            cost_pico_usd: i128::from(milli_usd) * PICO_PER_MILLI_USD + i128::from(rest_pico_usd),
        })
    })?;
    Ok(rows.collect::<Result<Vec<UsageRow>, rusqlite::Error>>()?)
}
