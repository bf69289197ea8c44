//! Ledger entries in SQL: a batch in one statement, and reading back.
//!
//! Invariants: an identity is written once; ids grow in the order of the batch.
//! Does not know: sums, budgets, queues.

use std::collections::HashMap;

use tokio_postgres::Row;

use crate::error::StoreErrorKind;
use crate::postgres::failure::Failure;
use crate::postgres::pool::{Client, Lent};
use crate::postgres::text::{from_list, from_text, to_list, to_text};
use crate::rows::{Appended, EntryRow};

/// The ids come in the order of the sort: defaults are worked out after it.
const INSERT: &str = "INSERT INTO ledger_entry (request_id, attempt, adjustment, adjusts, state, at_ms, window_day, lease_id, key_id, project, endpoint, model,
    model_served, upstream, service_tier, price_row, input_tokens, cached_input_tokens, cache_write_30m_tokens,
    cache_write_12h_tokens, output_tokens, reasoning_tokens, other_usage, cost_pico_usd, status, outcome, cached,
    stream, latency_ms, first_chunk_ms, end_user, tags)
    SELECT request_id, attempt, adjustment, adjusts, state, at_ms, window_day, lease_id, key_id, project, endpoint, model,
    model_served, upstream, service_tier, price_row, input_tokens, cached_input_tokens, cache_write_30m_tokens,
    cache_write_12h_tokens, output_tokens, reasoning_tokens, other_usage, cost_pico_usd, status, outcome, cached,
    stream, latency_ms, first_chunk_ms, end_user, tags
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[],
        $23::text[], $24::bigint[], $25::bigint[], $26::text[], $27::boolean[], $28::boolean[], $29::bigint[],
        $30::bigint[], $31::text[], $32::text[])
        WITH ORDINALITY AS input (request_id, attempt, adjustment, adjusts, state, at_ms, window_day, lease_id, key_id, project, endpoint,
        model, model_served, upstream, service_tier, price_row, input_tokens, cached_input_tokens,
        cache_write_30m_tokens, cache_write_12h_tokens, output_tokens, reasoning_tokens, other_usage,
        cost_pico_usd, status, outcome, cached, stream, latency_ms, first_chunk_ms, end_user, tags, place)
    ORDER BY place
    ON CONFLICT (request_id, attempt, adjustment) DO NOTHING
    RETURNING entry_id, request_id, attempt, adjustment";

const COLUMNS: &str = "entry_id, request_id, attempt, adjustment, adjusts, state, at_ms, window_day, lease_id, key_id, project,
    endpoint, model, model_served, upstream, service_tier, price_row, input_tokens, cached_input_tokens,
    cache_write_30m_tokens, cache_write_12h_tokens, output_tokens, reasoning_tokens, other_usage, cost_pico_usd,
    status, outcome, cached, stream, latency_ms, first_chunk_ms, end_user, tags";

/// What became of one row of a batch.
pub(super) type Outcome = Result<Appended, StoreErrorKind>;
/// What tells an entry from all others: request, attempt, adjustment.
type Identity = ([u8; 16], i64, i64);

/// Writes a batch; one outcome per row, in their order.
///
/// Errors: of the transaction; then nothing of the batch is written.
pub(super) async fn insert(client: &Client, rows: &[&EntryRow]) -> Result<Vec<Outcome>, Failure> {
    let mut new = insert_new(client, rows).await?;
    let mut outcomes = Vec::with_capacity(rows.len());
    let mut met_before = Vec::new();
    for row in rows {
        // Taken out, so that the same entry further down in the batch is a repeat.
        match new.remove(&identity(row)) {
            Some(entry_id) => outcomes.push(Ok(Appended::New { entry_id })),
            None => {
                met_before.push(*row);
                outcomes.push(Err(StoreErrorKind::Internal(
                    "an entry vanished".to_owned(),
                )));
            }
        }
    }
    if met_before.is_empty() {
        return Ok(outcomes);
    }
    let stored = stored(client, &met_before).await?;
    for (row, outcome) in rows.iter().zip(&mut outcomes) {
        if outcome.is_err()
            && let Some(stored) = stored.get(&identity(row))
        {
            *outcome = compare(row, stored);
        }
    }
    Ok(outcomes)
}

fn identity(row: &EntryRow) -> Identity {
    (row.request_id, row.attempt, row.adjustment)
}

fn compare(row: &EntryRow, stored: &EntryRow) -> Outcome {
    let entry_id = stored.entry_id;
    let given = EntryRow {
        entry_id,
        ..row.clone()
    };
    if given == *stored {
        Ok(Appended::Duplicate { entry_id })
    } else {
        Err(StoreErrorKind::Conflict {
            what: "ledger entry",
        })
    }
}

async fn insert_new(
    client: &Client,
    rows: &[&EntryRow],
) -> Result<HashMap<Identity, i64>, Failure> {
    let sql = INSERT;
    let written = client
        .query(
            sql,
            &[
                &column(rows, |row| row.request_id.as_slice()),
                &column(rows, |row| row.attempt),
                &column(rows, |row| row.adjustment),
                &column(rows, |row| row.adjusts),
                &column(rows, |row| to_text(&row.state)),
                &column(rows, |row| row.at_ms),
                &column(rows, |row| row.window_day),
                &column(rows, |row| row.lease_id),
                &column(rows, |row| to_text(&row.key_id)),
                &column(rows, |row| to_text(&row.project)),
                &column(rows, |row| to_text(&row.endpoint)),
                &column(rows, |row| to_text(&row.model)),
                &column(rows, |row| row.model_served.as_deref().map(to_text)),
                &column(rows, |row| to_text(&row.upstream)),
                &column(rows, |row| row.service_tier.as_deref().map(to_text)),
                &column(rows, |row| row.price_row.as_deref().map(to_text)),
                &column(rows, |row| row.input_tokens),
                &column(rows, |row| row.cached_input_tokens),
                &column(rows, |row| row.cache_write_30m_tokens),
                &column(rows, |row| row.cache_write_12h_tokens),
                &column(rows, |row| row.output_tokens),
                &column(rows, |row| row.reasoning_tokens),
                &column(rows, |row| row.other_usage.as_deref().map(to_text)),
                &column(rows, |row| row.cost_pico_usd),
                &column(rows, |row| row.status),
                &column(rows, |row| to_text(&row.outcome)),
                &column(rows, |row| row.cached),
                &column(rows, |row| row.stream),
                &column(rows, |row| row.latency_ms),
                &column(rows, |row| row.first_chunk_ms),
                &column(rows, |row| row.end_user.as_deref().map(to_text)),
                &column(rows, |row| to_list(&row.tags)),
            ],
        )
        .await?;
    let mut new = HashMap::with_capacity(written.len());
    for row in written {
        let identity = (id16(row.try_get(1)?)?, row.try_get(2)?, row.try_get(3)?);
        new.insert(identity, row.try_get(0)?);
    }
    Ok(new)
}

/// One column of a batch.
fn column<'r, T>(rows: &[&'r EntryRow], value: impl Fn(&'r EntryRow) -> T) -> Vec<T> {
    rows.iter().map(|row| value(row)).collect()
}

/// The stored entries that have the identities of these rows.
async fn stored(
    client: &Client,
    rows: &[&EntryRow],
) -> Result<HashMap<Identity, EntryRow>, Failure> {
    let sql = &format!(
            "SELECT {COLUMNS} FROM ledger_entry
            JOIN unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS wanted (request_id, attempt, adjustment)
                USING (request_id, attempt, adjustment)"
        );
    let found = client
        .query(
            sql,
            &[
                &column(rows, |row| row.request_id.as_slice()),
                &column(rows, |row| row.attempt),
                &column(rows, |row| row.adjustment),
            ],
        )
        .await?;
    let mut stored = HashMap::with_capacity(found.len());
    for row in &found {
        let entry = read_entry(row)?;
        stored.insert(identity(&entry), entry);
    }
    Ok(stored)
}

/// The states of the entries that these correct, by their ids.
pub(super) async fn states_of(
    client: &Client,
    rows: &[&EntryRow],
) -> Result<HashMap<i64, String>, Failure> {
    let corrected: Vec<i64> = rows.iter().filter_map(|row| row.adjusts).collect();
    let mut states = HashMap::new();
    if corrected.is_empty() {
        return Ok(states);
    }
    let sql = "SELECT entry_id, state FROM ledger_entry WHERE entry_id = ANY($1)";
    for row in client.query(sql, &[&corrected]).await? {
        states.insert(row.try_get(0)?, row.try_get(1)?);
    }
    Ok(states)
}

/// The entries of a request, by attempt and adjustment.
pub(super) async fn entries_of_request(
    client: Lent,
    request_id: [u8; 16],
) -> Result<Vec<EntryRow>, Failure> {
    let sql = &format!(
        "SELECT {COLUMNS} FROM ledger_entry WHERE request_id = $1 ORDER BY attempt, adjustment"
    );
    let rows = client.query(sql, &[&request_id.as_slice()]).await?;
    rows.iter().map(read_entry).collect()
}

fn read_entry(row: &Row) -> Result<EntryRow, Failure> {
    Ok(EntryRow {
        entry_id: row.try_get(0)?,
        request_id: id16(row.try_get(1)?)?,
        attempt: row.try_get(2)?,
        adjustment: row.try_get(3)?,
        adjusts: row.try_get(4)?,
        state: from_text(row.try_get(5)?),
        at_ms: row.try_get(6)?,
        window_day: row.try_get(7)?,
        lease_id: row.try_get(8)?,
        key_id: from_text(row.try_get(9)?),
        project: from_text(row.try_get(10)?),
        endpoint: from_text(row.try_get(11)?),
        model: from_text(row.try_get(12)?),
        model_served: row.try_get::<_, Option<String>>(13)?.map(from_text),
        upstream: from_text(row.try_get(14)?),
        service_tier: row.try_get::<_, Option<String>>(15)?.map(from_text),
        price_row: row.try_get::<_, Option<String>>(16)?.map(from_text),
        input_tokens: row.try_get(17)?,
        cached_input_tokens: row.try_get(18)?,
        cache_write_30m_tokens: row.try_get(19)?,
        cache_write_12h_tokens: row.try_get(20)?,
        output_tokens: row.try_get(21)?,
        reasoning_tokens: row.try_get(22)?,
        other_usage: row.try_get::<_, Option<String>>(23)?.map(from_text),
        cost_pico_usd: row.try_get(24)?,
        status: row.try_get(25)?,
        outcome: from_text(row.try_get(26)?),
        cached: row.try_get(27)?,
        stream: row.try_get(28)?,
        latency_ms: row.try_get(29)?,
        first_chunk_ms: row.try_get(30)?,
        end_user: row.try_get::<_, Option<String>>(31)?.map(from_text),
        tags: from_list(row.try_get(32)?)?,
    })
}

/// Sixteen bytes of a column.
pub(super) fn id16(bytes: &[u8]) -> Result<[u8; 16], Failure> {
    bytes
        .try_into()
        .map_err(|_| Failure::internal("an id has another length"))
}
