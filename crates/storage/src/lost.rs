//! The entries that stand for what a dead instance held: one when its lease of the books is written off, and one each
//! time that a late settlement takes back a part of it.
//!
//! Invariants: made from the lease's id alone, so that a lease is never entered twice.
//! Does not know: SQL, budgets.

use crate::rows::EntryRow;

/// Stands in columns that nobody can know.
const UNKNOWN: &str = "-";
/// How attempts ended of which nothing was heard.
const OUTCOME: &str = "lost";

/// The request id of a lease's entries. Its first bytes are a time some millennia away: no true id begins so.
pub(crate) fn request_id_of(lease_id: i64) -> [u8; 16] {
    let mut request_id = *b"lost\0\0\0\0\0\0\0\0\0\0\0\0";
    request_id[8..].copy_from_slice(&lease_id.to_be_bytes());
    request_id
}

/// What remained of a lease, charged for want of proof.
pub(crate) fn unsettled(lease_id: i64, window_day: i64, amount: i64, at_ms: i64) -> EntryRow {
    let unknown = || UNKNOWN.to_owned();
    EntryRow {
        entry_id: 0,
        request_id: request_id_of(lease_id),
        attempt: 1,
        adjustment: 0,
        adjusts: None,
        state: "unsettled".to_owned(),
        at_ms,
        window_day,
        lease_id: Some(lease_id),
        key_id: unknown(),
        project: unknown(),
        endpoint: unknown(),
        model: unknown(),
        model_served: None,
        upstream: unknown(),
        service_tier: None,
        price_row: None,
        input_tokens: 0,
        cached_input_tokens: 0,
        cache_write_30m_tokens: 0,
        cache_write_12h_tokens: 0,
        output_tokens: 0,
        reasoning_tokens: 0,
        other_usage: None,
        cost_pico_usd: amount,
        status: 0,
        outcome: OUTCOME.to_owned(),
        cached: false,
        stream: false,
        latency_ms: 0,
        first_chunk_ms: None,
        end_user: None,
        tags: Vec::new(),
    }
}

/// Takes back what came to be proven after all. `corrects`: the entry and the number of its next adjustment.
pub(crate) fn late_adjustment(
    lease_id: i64,
    window_day: i64,
    corrects: (i64, i64),
    back: i64,
    at_ms: i64,
) -> EntryRow {
    let (entry_id, adjustment) = corrects;
    EntryRow {
        adjustment,
        adjusts: Some(entry_id),
        state: "adjusted".to_owned(),
        ..unsettled(lease_id, window_day, -back, at_ms)
    }
}
