//! Ledger entries in SQL: inserting, and reading back.
//!
//! Invariants: an identity is written once.
//! Does not know: transactions, sums, what an entry charges.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Statement, ToSql};

use crate::error::StoreErrorKind;
use crate::rows::{Appended, EntryRow};
use crate::sqlite::desk::Desk;
use crate::sqlite::disk::DiskStep;
use crate::sqlite::failure::Failure;
use crate::sqlite::lists::{parse_list, write_list};

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

/// Whether a failure lies in the row and not in the disk: such a row will never be taken.
pub(crate) fn is_of_the_row(kind: &StoreErrorKind) -> bool {
    matches!(
        kind,
        StoreErrorKind::Conflict { .. }
            | StoreErrorKind::Invalid { .. }
            | StoreErrorKind::Overflow { .. }
    )
}

/// A statement that inserts, looked up once a batch: to find it by its text costs as much as a tenth of an insert.
pub(crate) struct Pen<'c> {
    connection: &'c Connection,
    statement: CachedStatement<'c>,
}

impl<'c> Pen<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Result<Pen<'c>, Failure> {
        let statement = connection.prepare_cached(INSERT)?;
        Ok(Pen {
            connection,
            statement,
        })
    }

    /// Inserts an entry unless it is there.
    pub(crate) fn write(&mut self, row: &EntryRow) -> Outcome {
        if insert(&mut self.statement, row)? == 1 {
            return Ok(Appended::New {
                entry_id: self.connection.last_insert_rowid(),
            });
        }
        let mut statement = self
            .connection
            .prepare_cached(&format!("{SELECT} AND attempt = ?2 AND adjustment = ?3"))?;
        let stored = statement
            .query_row((row.request_id, row.attempt, row.adjustment), read_entry)
            .optional()?
            .ok_or_else(|| StoreErrorKind::Internal("an entry vanished".to_owned()))?;
        let entry_id = stored.entry_id;
        let same = EntryRow {
            entry_id,
            ..row.clone()
        };
        if stored == same {
            Ok(Appended::Duplicate { entry_id })
        } else {
            let what = "ledger entry";
            Err(StoreErrorKind::Conflict { what }.into())
        }
    }
}

/// Inserts an entry of our own making, which can't be there yet; its id.
pub(crate) fn insert_new(desk: Desk<'_>, row: &EntryRow) -> Result<i64, Failure> {
    desk.step(DiskStep::Entry)?;
    match Pen::new(desk.connection)?.write(row)? {
        Appended::New { entry_id } => Ok(entry_id),
        Appended::Duplicate { .. } => {
            Err(StoreErrorKind::Internal("a lease was entered twice".to_owned()).into())
        }
    }
}

/// The state of an entry that another one corrects.
pub(crate) fn state_of(desk: Desk<'_>, entry_id: i64) -> Result<String, Failure> {
    Ok(desk
        .connection
        .prepare_cached("SELECT state FROM ledger_entry WHERE entry_id = ?")?
        .query_row([entry_id], |row| row.get(0))?)
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
