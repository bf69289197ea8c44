//! The spans of the data plane. Their fields are named here and nowhere else.
//!
//! Invariants: no field ever holds text of a prompt, an answer or a key; names follow OpenTelemetry's conventions for generative AI as
//! of November 2026 (in development), ours begin with `keyward.`.
//! Does not know: who collects spans.
//! Source: OpenTelemetry semantic conventions for generative AI, spans.

use cost_accounting::{PicoUsd, Usage};
use http::Method;
use tracing::{Span, field};
use uuid::Uuid;

use crate::ids;
use crate::request::{Operation, Request};
use crate::settlement::{Outcome, Settlement};

/// The server span of a request: `{method} {route}`.
pub(crate) fn request(method: &Method, route: &str, id: Uuid) -> Span {
    let span = tracing::debug_span!(
        "request",
        otel.name = field::Empty,
        otel.kind = "server",
        http.request.method = %method,
        http.route = route,
        keyward.request_id = field::Empty,
    );
    if !span.is_disabled() {
        span.record("otel.name", format!("{method} {route}"));
        span.record("keyward.request_id", ids::render(id));
    }
    span
}

/// The client span of one inference, over its attempts and the whole stream: `{operation} {model}`.
pub(crate) fn inference(operation: Operation, request: &Request, key_id: &str) -> Span {
    let span = tracing::debug_span!(
        "inference",
        otel.name = field::Empty,
        otel.kind = "client",
        gen_ai.operation.name = operation.span_name(),
        gen_ai.provider.name = "openai",
        gen_ai.request.model = %request.model,
        gen_ai.request.stream = request.stream,
        gen_ai.response.model = field::Empty,
        gen_ai.response.time_to_first_chunk = field::Empty,
        gen_ai.usage.input_tokens = field::Empty,
        gen_ai.usage.cache_read.input_tokens = field::Empty,
        gen_ai.usage.output_tokens = field::Empty,
        http.response.status_code = field::Empty,
        error.type = field::Empty,
        keyward.key_id = key_id,
        keyward.cost_pico_usd = field::Empty,
        keyward.outcome = field::Empty,
    );
    if !span.is_disabled() {
        span.record(
            "otel.name",
            format!("{} {}", operation.span_name(), request.model),
        );
    }
    span
}

/// What an inference came to; the one line a call leaves in the log, at debug.
pub(crate) fn settled(span: &Span, settlement: &Settlement, usage: &Usage, cost: PicoUsd) {
    if span.is_disabled() {
        return;
    }
    let tokens = |count: u128| u64::try_from(count).unwrap_or(u64::MAX);
    span.record("gen_ai.usage.input_tokens", tokens(usage.input_tokens()));
    span.record("gen_ai.usage.cache_read.input_tokens", usage.cached_input);
    span.record("gen_ai.usage.output_tokens", tokens(usage.output_tokens()));
    span.record("http.response.status_code", settlement.status);
    span.record("keyward.cost_pico_usd", field::display(cost.pico()));
    span.record("keyward.outcome", settlement.outcome.word());
    if let Some(model) = &settlement.model_served {
        span.record("gen_ai.response.model", model);
    }
    if let Some(time) = settlement.first_chunk {
        span.record("gen_ai.response.time_to_first_chunk", time.as_secs_f64());
    }
    if !matches!(settlement.outcome, Outcome::Finished | Outcome::Cached) {
        span.record("error.type", settlement.outcome.word());
    }
    span.in_scope(|| tracing::debug!("call settled"));
}
