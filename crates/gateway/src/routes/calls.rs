//! `GET /v1/keyward/calls/{id}`: what a call cost, attempt by attempt. For streams this is where the cost is always found.
//!
//! Invariants: a call is shown to the key that made it and to no other; another's id reads as unknown.
//! Does not know: how entries come about.

use std::sync::Arc;
use std::time::Duration;

use cost_accounting::{Entry, PicoUsd};
use http::{HeaderMap, Response, StatusCode};
use resilience::Allowance;
use serde_json::{Value, json};

use super::json as answer;
use crate::answer::Body;
use crate::ids;
use crate::pipeline::{admit, authenticate};
use crate::shared::Shared;
use crate::status::Refusal;

/// How long the ledger is waited for.
const LEDGER_MAX: Duration = Duration::from_secs(5);

/// Any key may ask for its own calls, whatever else it may do.
pub(crate) async fn show(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    id: &str,
    allowance: &mut Option<Allowance>,
) -> Result<Response<Body>, Refusal> {
    let caller = authenticate(shared, headers, None)?;
    *allowance = Some(admit(shared, &caller)?);
    let request_id = ids::parse(id).ok_or(Refusal::CallUnknown)?;
    let found = tokio::time::timeout(LEDGER_MAX, shared.ledger.find(request_id)).await;
    let entries = found
        .map_err(|_| Refusal::LedgerUnavailable)?
        .map_err(|error| {
            tracing::error!(%error, "failed to read a call from the ledger");
            Refusal::LedgerUnavailable
        })?;
    if entries.is_empty() || entries.iter().any(|entry| *entry.key_id != *caller.key.id) {
        return Err(Refusal::CallUnknown);
    }
    let cost: PicoUsd = entries.iter().map(|entry| entry.cost).sum();
    let attempts: Vec<Value> = entries.iter().map(attempt).collect();
    Ok(answer(
        StatusCode::OK,
        &json!({"object": "keyward.call", "id": ids::render(request_id), "cost_usd": cost.to_string(), "attempts": attempts}),
    ))
}

fn attempt(entry: &Entry) -> Value {
    let usage = &entry.usage;
    json!({
        "attempt": entry.attempt,
        "state": entry.state.name(),
        "outcome": *entry.outcome,
        "status": entry.status,
        "at": entry.at.to_string(),
        "endpoint": *entry.endpoint,
        "model": *entry.model,
        "model_served": entry.model_served.as_deref(),
        "upstream": *entry.upstream,
        "price_row": entry.price_row.as_deref(),
        "cached": entry.cached,
        "stream": entry.stream,
        "latency_ms": u64::try_from(entry.latency.as_millis()).unwrap_or(u64::MAX),
        "first_chunk_ms": entry.first_chunk.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        "usage": {
            "input_tokens": usage.input,
            "cached_input_tokens": usage.cached_input,
            "cache_write_30m_tokens": usage.cache_write_30m,
            "cache_write_12h_tokens": usage.cache_write_12h,
            "output_tokens": usage.output,
            "reasoning_tokens": usage.reasoning,
        },
        "cost_usd": entry.cost.to_string(),
    })
}
