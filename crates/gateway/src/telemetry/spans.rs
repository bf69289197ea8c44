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

/// The server span of a request.
pub(crate) fn request(method: &Method, id: Uuid) -> Span {
    let span = tracing::debug_span!("request", otel.kind = "server", http.request.method = %method, keyward.request_id = field::Empty);
    if !span.is_disabled() {
        span.record("keyward.request_id", ids::render(id));
    }
    span
}

/// The client span of one inference, over all its attempts and the whole stream.
pub(crate) fn inference(operation: Operation, request: &Request, key_id: &str) -> Span {
    tracing::debug_span!(
        "inference",
        otel.kind = "client",
        gen_ai.operation.name = operation.span_name(),
        gen_ai.provider.name = "openai",
        gen_ai.request.model = %request.model,
        gen_ai.request.stream = request.stream,
        gen_ai.response.model = field::Empty,
        gen_ai.usage.input_tokens = field::Empty,
        gen_ai.usage.cache_read.input_tokens = field::Empty,
        gen_ai.usage.output_tokens = field::Empty,
        error.type = field::Empty,
        keyward.key_id = key_id,
        keyward.cost_pico_usd = field::Empty,
        keyward.outcome = field::Empty,
    )
}

/// What an inference came to; the one line a call leaves in the log, at debug.
pub(crate) fn settled(
    span: &Span,
    outcome: &'static str,
    is_error: bool,
    model_served: Option<&str>,
    usage: &Usage,
    cost: PicoUsd,
) {
    if span.is_disabled() {
        return;
    }
    span.record(
        "gen_ai.usage.input_tokens",
        u64::try_from(usage.input_tokens()).unwrap_or(u64::MAX),
    );
    span.record("gen_ai.usage.cache_read.input_tokens", usage.cached_input);
    span.record(
        "gen_ai.usage.output_tokens",
        u64::try_from(usage.output_tokens()).unwrap_or(u64::MAX),
    );
    span.record("keyward.cost_pico_usd", field::display(cost.pico()));
    span.record("keyward.outcome", outcome);
    if let Some(model) = model_served {
        span.record("gen_ai.response.model", model);
    }
    if is_error {
        span.record("error.type", outcome);
    }
    span.in_scope(|| tracing::debug!("call settled"));
}
