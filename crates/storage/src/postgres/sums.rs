//! Daily sums in SQL: added to the table once a batch, read for reports.
//!
//! Invariants: rows are touched in one order by every server; a sum that leaves 64 bits is an error.
//! Does not know: who reads the reports.

use std::borrow::Cow;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::budget_rows::UnprovenRow;
use crate::daily_sums::{DailySums, Sum, join_money, split_money};
use crate::postgres::failure::Failure;
use crate::postgres::pool::{Client, Lent};
use crate::postgres::text::{from_text, to_text};
use crate::rows::{UsageBy, UsageQuery, UsageRow};

/// The names of [`columns_of`], in their order.
const NUMBERS: [&str; 15] = [
    "day",
    "requests",
    "attempts",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_30m_tokens",
    "cache_write_12h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_milli_usd",
    "cost_rest_pico_usd",
    "estimated_milli_usd",
    "estimated_rest_pico_usd",
    "unsettled_milli_usd",
    "unsettled_rest_pico_usd",
];

const CONFLICT: &str = "ON CONFLICT (day, group_digest) DO UPDATE SET
        requests = kept.requests + excluded.requests,
        attempts = kept.attempts + excluded.attempts,
        input_tokens = kept.input_tokens + excluded.input_tokens,
        cached_input_tokens = kept.cached_input_tokens + excluded.cached_input_tokens,
        cache_write_30m_tokens = kept.cache_write_30m_tokens + excluded.cache_write_30m_tokens,
        cache_write_12h_tokens = kept.cache_write_12h_tokens + excluded.cache_write_12h_tokens,
        output_tokens = kept.output_tokens + excluded.output_tokens,
        reasoning_tokens = kept.reasoning_tokens + excluded.reasoning_tokens,
        cost_milli_usd = kept.cost_milli_usd + excluded.cost_milli_usd
            + (kept.cost_rest_pico_usd + excluded.cost_rest_pico_usd) / 1000000000,
        cost_rest_pico_usd = (kept.cost_rest_pico_usd + excluded.cost_rest_pico_usd) % 1000000000,
        estimated_milli_usd = kept.estimated_milli_usd + excluded.estimated_milli_usd
            + (kept.estimated_rest_pico_usd + excluded.estimated_rest_pico_usd) / 1000000000,
        estimated_rest_pico_usd = (kept.estimated_rest_pico_usd + excluded.estimated_rest_pico_usd) % 1000000000,
        unsettled_milli_usd = kept.unsettled_milli_usd + excluded.unsettled_milli_usd
            + (kept.unsettled_rest_pico_usd + excluded.unsettled_rest_pico_usd) / 1000000000,
        unsettled_rest_pico_usd = (kept.unsettled_rest_pico_usd + excluded.unsettled_rest_pico_usd) % 1000000000";

const ADD_LABELS: &str = "INSERT INTO label_daily AS kept (day, kind, value, cost_milli_usd, cost_rest_pico_usd, value_digest)
    SELECT *, text_digest(value) AS digest
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
        AS added (day, kind, value, milli_usd, rest_pico_usd)
    ORDER BY day, kind, digest
    ON CONFLICT (kind, value_digest, day) DO UPDATE SET
        cost_milli_usd = kept.cost_milli_usd + excluded.cost_milli_usd
            + (kept.cost_rest_pico_usd + excluded.cost_rest_pico_usd) / 1000000000,
        cost_rest_pico_usd = (kept.cost_rest_pico_usd + excluded.cost_rest_pico_usd) % 1000000000";

/// Adds a batch to the tables.
pub(super) async fn write_sums(client: &Client, sums: &DailySums<'_>) -> Result<(), Failure> {
    if sums.groups.is_empty() {
        return Ok(());
    }
    let mut numbers: [Vec<i64>; NUMBERS.len()] = Default::default();
    let mut texts: [Vec<Cow<'_, str>>; 4] = Default::default();
    for ((day, key_id, project, model, endpoint), sum) in &sums.groups {
        for (column, number) in numbers.iter_mut().zip(columns_of(*day, sum)?) {
            column.push(number);
        }
        for (column, text) in texts.iter_mut().zip([key_id, project, model, endpoint]) {
            column.push(to_text(text));
        }
    }
    let places: Vec<String> = (5..5 + NUMBERS.len())
        .map(|place| format!("${place}::bigint[]"))
        .collect();
    let (names, places) = (NUMBERS.join(", "), places.join(", "));
    let sql = format!(
        "INSERT INTO usage_daily AS kept (key_id, project, model, endpoint, {names}, group_digest)
        SELECT *, text_digest(json_build_array(key_id, project, model, endpoint)::text) AS digest
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], {places})
            AS added (key_id, project, model, endpoint, {names})
        ORDER BY day, digest
        {CONFLICT}"
    );
    let mut values: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(texts.len() + numbers.len());
    values.extend(texts.iter().map(|column| column as &(dyn ToSql + Sync)));
    values.extend(numbers.iter().map(|column| column as &(dyn ToSql + Sync)));
    client.execute(&sql, &values).await?;
    write_labels(client, sums).await
}

fn columns_of(day: i64, sum: &Sum) -> Result<[i64; NUMBERS.len()], Failure> {
    let (milli_usd, rest) = split_money(sum.cost_pico_usd)?;
    let (estimated, estimated_rest) = split_money(sum.estimated_pico_usd)?;
    let (unsettled, unsettled_rest) = split_money(sum.unsettled_pico_usd)?;
    let [input, cached_input, write_30m, write_12h, output, reasoning] = sum.tokens;
    Ok([
        day,
        sum.requests,
        sum.attempts,
        input,
        cached_input,
        write_30m,
        write_12h,
        output,
        reasoning,
        milli_usd,
        rest,
        estimated,
        estimated_rest,
        unsettled,
        unsettled_rest,
    ])
}

async fn write_labels(client: &Client, sums: &DailySums<'_>) -> Result<(), Failure> {
    if sums.labels.is_empty() {
        return Ok(());
    }
    let mut days = Vec::with_capacity(sums.labels.len());
    let mut kinds = Vec::with_capacity(sums.labels.len());
    let mut values = Vec::with_capacity(sums.labels.len());
    let mut money: [Vec<i64>; 2] = Default::default();
    for ((day, kind, value), cost_pico_usd) in &sums.labels {
        let (milli_usd, rest_pico_usd) = split_money(*cost_pico_usd)?;
        days.push(*day);
        kinds.push(*kind);
        values.push(to_text(value));
        money[0].push(milli_usd);
        money[1].push(rest_pico_usd);
    }
    client
        .execute(ADD_LABELS, &[&days, &kinds, &values, &money[0], &money[1]])
        .await
        .map(drop)
}

/// What a filter on the sums says.
const WHERE: &str = "($1::bigint IS NULL OR day >= $1) AND ($2::bigint IS NULL OR day <= $2)
    AND ($3::text IS NULL OR key_id = $3) AND ($4::text IS NULL OR project = $4) AND ($5::text IS NULL OR model = $5)";

/// Reads sums by group. The order goes by the column of the table: days by number.
async fn read(client: &Client, query: &UsageQuery, sums: &str) -> Result<Vec<Row>, Failure> {
    let column = match query.by {
        UsageBy::Day => "day",
        UsageBy::Model => "model",
        UsageBy::Key => "key_id",
        UsageBy::Project => "project",
    };
    let sql = format!(
        "SELECT {column}::text, {sums} FROM usage_daily AS kept WHERE {WHERE}
        GROUP BY kept.{column} ORDER BY kept.{column}"
    );
    let text = |text: &Option<String>| text.as_deref().map(|text| to_text(text).into_owned());
    let (key_id, project, model) = (
        text(&query.key_id),
        text(&query.project),
        text(&query.model),
    );
    client
        .query(
            &sql,
            &[&query.day_from, &query.day_to, &key_id, &project, &model],
        )
        .await
}

/// Reads the sums that a query asks for.
pub(super) async fn usage(client: Lent, query: &UsageQuery) -> Result<Vec<UsageRow>, Failure> {
    // A sum of BIGINT is NUMERIC; the cast is what refuses one that leaves 64 bits.
    let sums = "sum(requests)::bigint, sum(attempts)::bigint,
        (sum(input_tokens) + sum(cached_input_tokens) + sum(cache_write_30m_tokens) + sum(cache_write_12h_tokens))::bigint,
        (sum(output_tokens) + sum(reasoning_tokens))::bigint, sum(cost_milli_usd)::bigint, sum(cost_rest_pico_usd)::bigint";
    let mut usage = Vec::new();
    for row in read(&client, query, sums).await? {
        usage.push(UsageRow {
            group: from_text(row.try_get(0)?),
            requests: row.try_get(1)?,
            attempts: row.try_get(2)?,
            input_tokens: row.try_get(3)?,
            output_tokens: row.try_get(4)?,
            cost_pico_usd: join_money(row.try_get(5)?, row.try_get(6)?),
        });
    }
    Ok(usage)
}

/// Reads the part of the sums that nobody proved.
pub(super) async fn unproven(
    client: Lent,
    query: &UsageQuery,
) -> Result<Vec<UnprovenRow>, Failure> {
    let sums = "sum(estimated_milli_usd)::bigint, sum(estimated_rest_pico_usd)::bigint, sum(unsettled_milli_usd)::bigint,
        sum(unsettled_rest_pico_usd)::bigint";
    let mut unproven = Vec::new();
    for row in read(&client, query, sums).await? {
        unproven.push(UnprovenRow {
            group: from_text(row.try_get(0)?),
            estimated_pico_usd: join_money(row.try_get(1)?, row.try_get(2)?),
            unsettled_pico_usd: join_money(row.try_get(3)?, row.try_get(4)?),
        });
    }
    unproven.retain(|row| row.estimated_pico_usd != 0 || row.unsettled_pico_usd != 0);
    Ok(unproven)
}
