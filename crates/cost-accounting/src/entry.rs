//! A ledger entry: what one attempt used and cost, and its plain form at rest.
//!
//! Invariants: the plain form of an entry is the whole entry or an error; `storable` makes one that has a plain form; times
//! are kept to the millisecond.
//! Does not know: SQL, prices, HTTP.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use storage::EntryRow;
use uuid::Uuid;

use crate::money::PicoUsd;
use crate::usage::{Columns, Usage};

/// How sure the ledger is of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryState {
    /// The upstream said what was used, or it is proven that nothing was.
    Reported,
    /// Nobody said; charged at the reservation.
    Estimated,
    /// A reservation of a process that ended before it settled.
    Unsettled,
    /// Corrects an earlier entry; its cost is the difference.
    Adjusted,
}

impl EntryState {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            EntryState::Reported => "reported",
            EntryState::Estimated => "estimated",
            EntryState::Unsettled => "unsettled",
            EntryState::Adjusted => "adjusted",
        }
    }

    fn read(name: &str) -> Option<EntryState> {
        [
            EntryState::Reported,
            EntryState::Estimated,
            EntryState::Unsettled,
            EntryState::Adjusted,
        ]
        .into_iter()
        .find(|state| state.name() == name)
    }
}

/// One line of the ledger.
///
/// Shape: one per attempt; a cache hit is one with attempt 0 and cost 0. What a caller's key, project, model and upstream are called is
/// shared text, so that filling an entry copies none of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Given by the store, and so `None` on the way in.
    pub entry_id: Option<i64>,
    /// The request, as the caller sees it in `x-request-id`.
    pub request_id: Uuid,
    /// 0 for a cache hit, else the attempt, from 1.
    pub attempt: u32,
    /// 0 for the entry itself, from 1 for rows that adjust it.
    pub adjustment: u32,
    /// The entry that this one adjusts.
    pub adjusts: Option<i64>,
    /// How sure the figures are.
    pub state: EntryState,
    /// When the attempt ended.
    pub at: Timestamp,
    /// The UTC day whose window is charged, see [`day_of`](crate::day_of).
    pub window_day: i64,
    /// The lease that the reservation was cut from.
    pub lease_id: Option<i64>,
    /// Public id of the virtual key.
    pub key_id: Arc<str>,
    /// Project of the key.
    pub project: Arc<str>,
    /// Name of the endpoint, such as `chat.completions`.
    pub endpoint: Cow<'static, str>,
    /// The model that was asked for.
    pub model: Arc<str>,
    /// The model that the answer named.
    pub model_served: Option<Arc<str>>,
    /// Name of the upstream.
    pub upstream: Arc<str>,
    /// The tier that the answer named.
    pub service_tier: Option<Arc<str>>,
    /// [`PriceRow::id`](crate::PriceRow::id) of the row that made the cost.
    pub price_row: Option<Arc<str>>,
    /// What was used; in an adjustment, what it adds to that.
    pub usage: Usage,
    /// What an adjustment takes back of what was used; nothing in any other entry. So a difference may go either way, and no
    /// usage is below zero. Read back, one that takes back has the differences of the columns: which part of them was audio or
    /// an image stays in `other_usage`.
    pub taken_back: Usage,
    /// Meters beside tokens, as a JSON object. `"clamped":true` in it: see [`Entry::storable`].
    pub other_usage: Option<String>,
    /// What it cost; below zero only where an adjustment lowers an earlier charge.
    pub cost: PicoUsd,
    /// HTTP status of the upstream's answer; 0 where none came.
    pub status: u16,
    /// How the attempt ended, a word of a closed set.
    pub outcome: Cow<'static, str>,
    /// Answered from the cache.
    pub cached: bool,
    /// Answered as a stream.
    pub stream: bool,
    /// From the arrival of the request at keyward to the end of the attempt.
    pub latency: Duration,
    /// From the arrival of the request at keyward to the first chunk.
    pub first_chunk: Option<Duration>,
    /// The end user that the caller named.
    pub end_user: Option<String>,
    /// Tags of the key.
    pub tags: Arc<[String]>,
}

/// Why an entry does not pass between its two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The number is larger than the stored one can be.
    #[error("store {field}: the number does not fit")]
    TooLarge {
        /// Which one.
        field: &'static str,
    },
    /// The stored value is none that this program writes: a newer one did, or the file is damaged.
    #[error("read {field} of a stored entry: its value is not known to this version")]
    Unreadable {
        /// Which one.
        field: &'static str,
    },
}

impl TryFrom<Entry> for EntryRow {
    type Error = EntryError;

    fn try_from(entry: Entry) -> Result<EntryRow, EntryError> {
        let (usage, taken_back) = (entry.usage.columns(), entry.taken_back.columns());
        let used = |field, class: fn(&Columns) -> u128| {
            let [more, less] = [&usage, &taken_back].map(|columns| i128::try_from(class(columns)));
            match (more, less) {
                (Ok(more), Ok(less)) => fits(field, more - less),
                _ => Err(EntryError::TooLarge { field }),
            }
        };
        Ok(EntryRow {
            entry_id: entry.entry_id.unwrap_or(0),
            request_id: entry.request_id.into_bytes(),
            attempt: i64::from(entry.attempt),
            adjustment: i64::from(entry.adjustment),
            adjusts: entry.adjusts,
            state: entry.state.name().to_owned(),
            at_ms: entry.at.as_millisecond(),
            window_day: entry.window_day,
            lease_id: entry.lease_id,
            key_id: entry.key_id.as_ref().to_owned(),
            project: entry.project.as_ref().to_owned(),
            endpoint: entry.endpoint.into_owned(),
            model: entry.model.as_ref().to_owned(),
            model_served: owned(entry.model_served.as_deref()),
            upstream: entry.upstream.as_ref().to_owned(),
            service_tier: owned(entry.service_tier.as_deref()),
            price_row: owned(entry.price_row.as_deref()),
            input_tokens: used("input_tokens", |columns| columns.input)?,
            cached_input_tokens: used("cached_input_tokens", |columns| columns.cached_input)?,
            cache_write_30m_tokens: used("cache_write_30m_tokens", |columns| {
                columns.cache_write_30m
            })?,
            cache_write_12h_tokens: used("cache_write_12h_tokens", |columns| {
                columns.cache_write_12h
            })?,
            output_tokens: used("output_tokens", |columns| columns.output)?,
            reasoning_tokens: used("reasoning_tokens", |columns| columns.reasoning)?,
            other_usage: entry.usage.with_others(entry.other_usage),
            cost_pico_usd: fits("cost_pico_usd", entry.cost.pico())?,
            status: i64::from(entry.status),
            outcome: entry.outcome.into_owned(),
            cached: entry.cached,
            stream: entry.stream,
            latency_ms: fits("latency_ms", entry.latency.as_millis())?,
            first_chunk_ms: entry
                .first_chunk
                .map(|wait| fits("first_chunk_ms", wait.as_millis()))
                .transpose()?,
            end_user: entry.end_user,
            tags: entry.tags.to_vec(),
        })
    }
}

impl TryFrom<EntryRow> for Entry {
    type Error = EntryError;

    fn try_from(row: EntryRow) -> Result<Entry, EntryError> {
        let at = Timestamp::from_millisecond(row.at_ms);
        let (usage, taken_back, other_usage) = read_usage(&row)?;
        Ok(Entry {
            entry_id: (row.entry_id != 0).then_some(row.entry_id),
            request_id: Uuid::from_bytes(row.request_id),
            attempt: known("attempt", row.attempt)?,
            adjustment: known("adjustment", row.adjustment)?,
            adjusts: row.adjusts,
            state: EntryState::read(&row.state).ok_or(EntryError::Unreadable { field: "state" })?,
            at: at.map_err(|_| EntryError::Unreadable { field: "at_ms" })?,
            window_day: row.window_day,
            lease_id: row.lease_id,
            key_id: row.key_id.into(),
            project: row.project.into(),
            endpoint: row.endpoint.into(),
            model: row.model.into(),
            model_served: row.model_served.map(Arc::from),
            upstream: row.upstream.into(),
            service_tier: row.service_tier.map(Arc::from),
            price_row: row.price_row.map(Arc::from),
            usage,
            taken_back,
            other_usage,
            cost: PicoUsd::from_pico(i128::from(row.cost_pico_usd)),
            status: known("status", row.status)?,
            outcome: row.outcome.into(),
            cached: row.cached,
            stream: row.stream,
            latency: Duration::from_millis(known("latency_ms", row.latency_ms)?),
            first_chunk: row
                .first_chunk_ms
                .map(|wait| known("first_chunk_ms", wait).map(Duration::from_millis))
                .transpose()?,
            end_user: row.end_user,
            tags: row.tags.into(),
        })
    }
}

/// The columns of usage, in the order of [`Columns`].
const USAGE_FIELDS: [&str; 6] = [
    "input_tokens",
    "cached_input_tokens",
    "cache_write_30m_tokens",
    "cache_write_12h_tokens",
    "output_tokens",
    "reasoning_tokens",
];

/// What was used, what was taken back, and what else the object holds. Only an adjustment may have a column below zero.
fn read_usage(row: &EntryRow) -> Result<(Usage, Usage, Option<String>), EntryError> {
    let differences = columns(row);
    let other_usage = row.other_usage.clone();
    if row.adjustment > 0 && differences.iter().any(|tokens| *tokens < 0) {
        let more = differences.map(|tokens| tokens.max(0).unsigned_abs());
        let less = differences.map(|tokens| tokens.min(0).unsigned_abs());
        let read =
            |columns| Usage::read(columns, None).map_or(Usage::default(), |(usage, _)| usage);
        return Ok((read(more), read(less), other_usage));
    }
    let mut counts = [0; 6];
    let fields = USAGE_FIELDS.into_iter().zip(differences);
    for (count, (field, tokens)) in counts.iter_mut().zip(fields) {
        *count = known(field, tokens)?;
    }
    let unreadable = EntryError::Unreadable {
        field: "other_usage",
    };
    let (usage, other_usage) = Usage::read(counts, other_usage).ok_or(unreadable)?;
    Ok((usage, Usage::default(), other_usage))
}

fn columns(row: &EntryRow) -> [i64; 6] {
    [
        row.input_tokens,
        row.cached_input_tokens,
        row.cache_write_30m_tokens,
        row.cache_write_12h_tokens,
        row.output_tokens,
        row.reasoning_tokens,
    ]
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn fits(field: &'static str, number: impl TryInto<i64>) -> Result<i64, EntryError> {
    number
        .try_into()
        .map_err(|_| EntryError::TooLarge { field })
}

fn known<T: TryFrom<i64>>(field: &'static str, number: i64) -> Result<T, EntryError> {
    T::try_from(number).map_err(|_| EntryError::Unreadable { field })
}

mod storable;
#[cfg(test)]
mod tests;
