//! The names of metrics; never spelled at a call site. Spans and their fields are named in `spans.rs`.
//!
//! Invariants: names of OpenTelemetry stand as in its GenAI semantic conventions (in development, as of November 2026); ours begin with `keyward`.
//! Does not know: values.
//! Source: OpenTelemetry semantic conventions for generative AI.

/// Requests by endpoint and outcome.
pub(crate) const REQUESTS: &str = "keyward_requests";
/// Seconds from request to the end of its attempt, the whole stream included.
pub(crate) const ATTEMPT_SECONDS: &str = "keyward_attempt_duration_seconds";
/// Seconds from request to its answer, or to the head of its stream.
pub(crate) const REQUEST_SECONDS: &str = "keyward_request_duration_seconds";
/// Seconds that keyward added to the upstream's time.
pub(crate) const OVERHEAD_SECONDS: &str = "keyward_overhead_duration_seconds";
/// Seconds from request to the first chunk of a stream.
pub(crate) const FIRST_CHUNK_SECONDS: &str = "gen_ai_client_operation_time_to_first_chunk_seconds";
/// Tokens by endpoint and kind.
pub(crate) const TOKENS: &str = "keyward_tokens";
/// Cost in pico-USD.
pub(crate) const COST: &str = "keyward_cost_pico_usd";
/// Attempts at the upstream, by outcome.
pub(crate) const ATTEMPTS: &str = "keyward_attempts";
/// Cache look-ups, by result.
pub(crate) const CACHE: &str = "keyward_cache_lookups";
/// Entries whose usage nobody reported or whose model had no price: someone should look.
pub(crate) const ESTIMATED: &str = "keyward_ledger_estimated";
/// What is under way.
pub(crate) const IN_FLIGHT: &str = "keyward_in_flight";
/// Open connections.
pub(crate) const CONNECTIONS: &str = "keyward_connections";
/// 0 closed, 1 half-open, 2 open.
pub(crate) const BREAKER: &str = "keyward_breaker_state";
/// 1 while the ledger can be written.
pub(crate) const LEDGER_WRITABLE: &str = "keyward_ledger_writable";
/// Fields of requests that are not in the field table, by endpoint.
pub(crate) const UNKNOWN_FIELDS: &str = "keyward_unknown_fields";
