//! Daily sums in SQL: added to the table once a batch, read for reports.
//!
//! Invariants: rows are touched in one order by every server; a sum that leaves 64 bits is an error.
//! Does not know: who reads the reports.

use crate::daily_sums::{DailySums, join_money, split_money};
use crate::postgres::failure::Failure;
use crate::postgres::pool::{Client, Lent};
use crate::postgres::text::{from_text, to_text};
use crate::rows::{UsageBy, UsageQuery, UsageRow};

const ADD: &str = "INSERT INTO usage_daily AS kept (day, key_id, project, model, endpoint, requests, attempts,
    input_tokens, cached_input_tokens, cache_write_30m_tokens, cache_write_12h_tokens, output_tokens, reasoning_tokens,
    cost_milli_usd, cost_rest_pico_usd, group_digest)
    SELECT *, text_digest(json_build_array(key_id, project, model, endpoint)::text) AS group_digest
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[])
        AS added (day, key_id, project, model, endpoint, requests, attempts, input_tokens, cached_input_tokens,
            cache_write_30m_tokens, cache_write_12h_tokens, output_tokens, reasoning_tokens, cost_milli_usd,
            cost_rest_pico_usd)
    ORDER BY day, group_digest
    ON CONFLICT (day, group_digest) DO UPDATE SET
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
        cost_rest_pico_usd = (kept.cost_rest_pico_usd + excluded.cost_rest_pico_usd) % 1000000000";

/// Adds a batch to the table.
pub(super) async fn write_sums(client: &Client, sums: &DailySums<'_>) -> Result<(), Failure> {
    let mut numbers: [Vec<i64>; 11] = Default::default();
    let mut texts: [Vec<_>; 4] = Default::default();
    for ((day, key_id, project, model, endpoint), sum) in &sums.groups {
        let (milli_usd, rest_pico_usd) = split_money(sum.cost_pico_usd)?;
        let [input, cached_input, write_30m, write_12h, output, reasoning] = sum.tokens;
        let row = [
            *day,
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
        ];
        for (column, number) in numbers.iter_mut().zip(row) {
            column.push(number);
        }
        for (column, text) in texts.iter_mut().zip([key_id, project, model, endpoint]) {
            column.push(to_text(text));
        }
    }
    let [
        day,
        requests,
        attempts,
        input,
        cached_input,
        write_30m,
        write_12h,
        output,
        reasoning,
        milli_usd,
        rest,
    ] = &numbers;
    let [key_id, project, model, endpoint] = &texts;
    let sql = ADD;
    client
        .execute(
            sql,
            &[
                day,
                key_id,
                project,
                model,
                endpoint,
                requests,
                attempts,
                input,
                cached_input,
                write_30m,
                write_12h,
                output,
                reasoning,
                milli_usd,
                rest,
            ],
        )
        .await?;
    Ok(())
}

/// Reads the sums that a query asks for.
pub(super) async fn usage(client: Lent, query: &UsageQuery) -> Result<Vec<UsageRow>, Failure> {
    let column = match query.by {
        UsageBy::Day => "day",
        UsageBy::Model => "model",
        UsageBy::Key => "key_id",
        UsageBy::Project => "project",
    };
    // Ordered by the column of the table: days by number. A sum of BIGINT is NUMERIC; the cast is what refuses one that leaves 64 bits.
    let sql = format!(
        "SELECT {column}::text, sum(requests)::bigint, sum(attempts)::bigint,
            (sum(input_tokens) + sum(cached_input_tokens) + sum(cache_write_30m_tokens)
                + sum(cache_write_12h_tokens))::bigint,
            (sum(output_tokens) + sum(reasoning_tokens))::bigint, sum(cost_milli_usd)::bigint,
            sum(cost_rest_pico_usd)::bigint
        FROM usage_daily AS kept
        WHERE ($1::bigint IS NULL OR day >= $1) AND ($2::bigint IS NULL OR day <= $2)
            AND ($3::text IS NULL OR key_id = $3) AND ($4::text IS NULL OR project = $4)
            AND ($5::text IS NULL OR model = $5)
        GROUP BY kept.{column} ORDER BY kept.{column}"
    );
    let sql = &sql;
    let text = |text: &Option<String>| text.as_deref().map(|text| to_text(text).into_owned());
    let rows = client
        .query(
            sql,
            &[
                &query.day_from,
                &query.day_to,
                &text(&query.key_id),
                &text(&query.project),
                &text(&query.model),
            ],
        )
        .await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(UsageRow {
            group: from_text(row.try_get(0)?),
            requests: row.try_get(1)?,
            attempts: row.try_get(2)?,
            input_tokens: row.try_get(3)?,
            output_tokens: row.try_get(4)?,
            cost_pico_usd: join_money(row.try_get(5)?, row.try_get(6)?),
        })
    };
    rows.iter().map(read).collect()
}
