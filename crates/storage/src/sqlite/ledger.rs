//! Ledger entries in SQL: a batch in one transaction, and reading back.
//!
//! Invariants: entries and their daily sums are written together or not at all; an identity is written once.
//! Does not know: threads, queues.

use rusqlite::{Connection, OptionalExtension, Row, Statement, ToSql, TransactionBehavior};

use crate::daily_sums::DailySums;
use crate::error::StoreErrorKind;
use crate::rows::{Appended, EntryRow};
use crate::sqlite::disk::{Disk, DiskStep};
use crate::sqlite::failure::Failure;
use crate::sqlite::lists::{parse_list, write_list};
use crate::sqlite::sums::write_sums;

const INSERT: &str = "INSERT INTO ledger_entry (request_id, attempt, adjustment, adjusts, state, at_ms, window_day,
    lease_id, key_id, project, endpoint, model, model_served, upstream, service_tier, price_row, input_tokens,
    cached_input_tokens, cache_write_30m_tokens, cache_write_12h_tokens, output_tokens, reasoning_tokens, other_usage,
    cost_pico_usd, status, outcome, cached, stream, latency_ms, first_chunk_ms, end_user, tags)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (request_id, attempt, adjustment) DO NOTHING";

const SELECT: &str = "SELECT entry_id, request_id, attempt, adjustment, adjusts, state, at_ms, window_day, lease_id,
    key_id, project, endpoint, model, model_served, upstream, service_tier, price_row, input_tokens,
    cached_input_tokens, cache_write_30m_tokens, cache_write_12h_tokens, output_tokens, reasoning_tokens, other_usage,
    cost_pico_usd, status, outcome, cached, stream, latency_ms, first_chunk_ms, end_user, tags
    FROM ledger_entry WHERE request_id = ?1";

/// What became of one row of a batch that was committed.
pub(crate) type Outcome = Result<Appended, Failure>;

/// Writes a batch in one transaction; one outcome per row, in their order.
///
/// Errors: of the transaction; then nothing of the batch is known to be written.
pub(crate) fn write_batch(
    connection: &mut Connection,
    disk: &dyn Disk,
    rows: &[&EntryRow],
) -> Result<Vec<Outcome>, Failure> {
    disk.step(DiskStep::Begin)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut outcomes = Vec::with_capacity(rows.len());
    let mut sums = DailySums::default();
    // Looked up once a batch: to find it by its text costs as much as a tenth of an insert.
    let mut statement = transaction.prepare_cached(INSERT)?;
    for row in rows {
        disk.step(DiskStep::Entry)?;
        let outcome = write_entry(&transaction, &mut statement, row);
        match outcome {
            Ok(Appended::New { .. }) => sums.add(row)?,
            Ok(Appended::Duplicate { .. }) => {}
            Err(ref failure) if is_of_the_row(&failure.kind) => {}
            Err(failure) => return Err(failure),
        }
        outcomes.push(outcome);
    }
    drop(statement);
    write_sums(&sums, &transaction, disk)?;
    disk.step(DiskStep::Commit)?;
    transaction.commit()?;
    disk.step(DiskStep::Committed)?;
    Ok(outcomes)
}

/// Whether a failure lies in the row and not in the disk: such a row will never be taken.
pub(crate) fn is_of_the_row(kind: &StoreErrorKind) -> bool {
    matches!(
        kind,
        StoreErrorKind::Conflict { .. }
            | StoreErrorKind::Invalid { .. }
            | StoreErrorKind::Overflow { .. }
    )
}

fn write_entry(connection: &Connection, statement: &mut Statement<'_>, row: &EntryRow) -> Outcome {
    if insert(statement, row)? == 1 {
        return Ok(Appended::New {
            entry_id: connection.last_insert_rowid(),
        });
    }
    let mut statement =
        connection.prepare_cached(&format!("{SELECT} AND attempt = ?2 AND adjustment = ?3"))?;
    let stored = statement
        .query_row((row.request_id, row.attempt, row.adjustment), read_entry)
        .optional()?
        .ok_or_else(|| StoreErrorKind::Internal("an entry vanished".to_owned()))?;
    let entry_id = stored.entry_id;
    if stored
        == (EntryRow {
            entry_id,
            ..row.clone()
        })
    {
        Ok(Appended::Duplicate { entry_id })
    } else {
        Err(StoreErrorKind::Conflict {
            what: "ledger entry",
        }
        .into())
    }
}

fn insert(statement: &mut Statement<'_>, row: &EntryRow) -> Result<usize, rusqlite::Error> {
    let tags = write_list(&row.tags);
    let values: [&dyn ToSql; 32] = [
        &row.request_id,
        &row.attempt,
        &row.adjustment,
        &row.adjusts,
        &row.state,
        &row.at_ms,
        &row.window_day,
        &row.lease_id,
        &row.key_id,
        &row.project,
        &row.endpoint,
        &row.model,
        &row.model_served,
        &row.upstream,
        &row.service_tier,
        &row.price_row,
        &row.input_tokens,
        &row.cached_input_tokens,
        &row.cache_write_30m_tokens,
        &row.cache_write_12h_tokens,
        &row.output_tokens,
        &row.reasoning_tokens,
        &row.other_usage,
        &row.cost_pico_usd,
        &row.status,
        &row.outcome,
        &row.cached,
        &row.stream,
        &row.latency_ms,
        &row.first_chunk_ms,
        &row.end_user,
        &tags,
    ];
    statement.execute(values.as_slice())
}

/// The entries of a request, by attempt and adjustment.
pub(crate) fn entries_of_request(
    connection: &Connection,
    request_id: [u8; 16],
) -> Result<Vec<EntryRow>, Failure> {
    let mut statement =
        connection.prepare_cached(&format!("{SELECT} ORDER BY attempt, adjustment"))?;
    let rows = statement.query_map([request_id], read_entry)?;
    Ok(rows.collect::<Result<Vec<EntryRow>, rusqlite::Error>>()?)
}

fn read_entry(row: &Row<'_>) -> Result<EntryRow, rusqlite::Error> {
    Ok(EntryRow {
        entry_id: row.get(0)?,
        request_id: row.get(1)?,
        attempt: row.get(2)?,
        adjustment: row.get(3)?,
        adjusts: row.get(4)?,
        state: row.get(5)?,
        at_ms: row.get(6)?,
        window_day: row.get(7)?,
        lease_id: row.get(8)?,
        key_id: row.get(9)?,
        project: row.get(10)?,
        endpoint: row.get(11)?,
        model: row.get(12)?,
        model_served: row.get(13)?,
        upstream: row.get(14)?,
        service_tier: row.get(15)?,
        price_row: row.get(16)?,
        input_tokens: row.get(17)?,
        cached_input_tokens: row.get(18)?,
        cache_write_30m_tokens: row.get(19)?,
        cache_write_12h_tokens: row.get(20)?,
        output_tokens: row.get(21)?,
        reasoning_tokens: row.get(22)?,
        other_usage: row.get(23)?,
        cost_pico_usd: row.get(24)?,
        status: row.get(25)?,
        outcome: row.get(26)?,
        cached: row.get(27)?,
        stream: row.get(28)?,
        latency_ms: row.get(29)?,
        first_chunk_ms: row.get(30)?,
        end_user: row.get(31)?,
        tags: parse_list(row, 32)?,
    })
}
