//! The metrics of the data plane.
//!
//! Invariants: every label is one of a closed set of `&'static str`, so memory is constant; counting never blocks a request.
//! Does not know: how metrics are served.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::names;

/// The upper bounds of the duration buckets, in seconds.
const SECONDS: [f64; 14] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];
/// The upper bounds of the overhead buckets, in seconds.
const OVERHEAD: [f64; 10] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25,
];

/// Endpoint and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByOutcome {
    pub(crate) endpoint: &'static str,
    pub(crate) outcome: &'static str,
}

/// Endpoint and token class.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByClass {
    pub(crate) endpoint: &'static str,
    pub(crate) class: &'static str,
}

/// Endpoint alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByEndpoint {
    pub(crate) endpoint: &'static str,
}

type Histograms = Family<ByEndpoint, Histogram, fn() -> Histogram>;

/// All metrics of one gateway.
pub(crate) struct Metrics {
    pub(crate) requests: Family<ByOutcome, Counter>,
    pub(crate) attempts: Family<ByOutcome, Counter>,
    pub(crate) tokens: Family<ByClass, Counter>,
    pub(crate) cost_pico_usd: Family<ByEndpoint, Counter>,
    pub(crate) cache: Family<ByOutcome, Counter>,
    pub(crate) estimated: Family<ByOutcome, Counter>,
    unknown_fields: Family<ByEndpoint, Counter>,
    pub(crate) connections: Gauge,
    pub(crate) in_flight: Gauge,
    pub(crate) breaker: Gauge,
    pub(crate) ledger_writable: Gauge,
    request_seconds: Histograms,
    attempt_seconds: Histograms,
    overhead_seconds: Histograms,
    first_chunk_seconds: Histograms,
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

fn overhead() -> Histogram {
    Histogram::new(OVERHEAD)
}

/// Registers a metric and gives it back.
fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// Registers histograms of seconds; the unit is the last word of their name.
fn timed(registry: &mut Registry, name: &str, help: &str, make: fn() -> Histogram) -> Histograms {
    let family = Family::new_with_constructor(make);
    let name = name.trim_end_matches("_seconds");
    registry.register_with_unit(name, help, Unit::Seconds, family.clone());
    family
}

impl Metrics {
    /// Registers all metrics.
    pub(crate) fn register(to: &mut Registry) -> Self {
        let estimated = "Ledger entries charged without reported usage or price";
        let unknown = "Fields of requests that are not in the field table";
        let breaker = "Circuit breaker: 0 closed, 1 half-open, 2 open";
        let writable = "1 while the ledger can be written";
        let request = "Time from request to answer, or to the head of its stream";
        let attempt = "Time from request to the end of its attempt";
        let first = "Time from request to the first chunk of a stream";
        Self {
            requests: add(
                to,
                names::REQUESTS,
                "Requests by outcome",
                Family::default(),
            ),
            attempts: add(
                to,
                names::ATTEMPTS,
                "Attempts at the upstream",
                Family::default(),
            ),
            tokens: add(to, names::TOKENS, "Tokens by class", Family::default()),
            cost_pico_usd: add(to, names::COST, "Cost in pico-USD", Family::default()),
            cache: add(
                to,
                names::CACHE,
                "Cache look-ups by result",
                Family::default(),
            ),
            estimated: add(to, names::ESTIMATED, estimated, Family::default()),
            unknown_fields: add(to, names::UNKNOWN_FIELDS, unknown, Family::default()),
            connections: add(to, names::CONNECTIONS, "Open connections", Gauge::default()),
            in_flight: add(to, names::IN_FLIGHT, "Calls under way", Gauge::default()),
            breaker: add(to, names::BREAKER, breaker, Gauge::default()),
            ledger_writable: add(to, names::LEDGER_WRITABLE, writable, Gauge::default()),
            request_seconds: timed(to, names::REQUEST_SECONDS, request, seconds),
            attempt_seconds: timed(to, names::ATTEMPT_SECONDS, attempt, seconds),
            overhead_seconds: timed(
                to,
                names::OVERHEAD_SECONDS,
                "Time that keyward added",
                overhead,
            ),
            first_chunk_seconds: timed(to, names::FIRST_CHUNK_SECONDS, first, seconds),
        }
    }

    /// A request was answered, or the head of its stream.
    pub(crate) fn request(&self, endpoint: &'static str, outcome: &'static str, elapsed: Duration) {
        self.requests
            .get_or_create(&ByOutcome { endpoint, outcome })
            .inc();
        self.request_seconds
            .get_or_create(&ByEndpoint { endpoint })
            .observe(elapsed.as_secs_f64());
    }

    /// A request had this many fields that are not in the table.
    pub(crate) fn unknown_fields(&self, endpoint: &'static str, count: usize) {
        if count > 0 {
            self.unknown_fields
                .get_or_create(&ByEndpoint { endpoint })
                .inc_by(count as u64);
        }
    }

    /// An attempt came to its end.
    pub(crate) fn attempt(&self, endpoint: &'static str, elapsed: Duration) {
        let family = &self.attempt_seconds;
        family
            .get_or_create(&ByEndpoint { endpoint })
            .observe(elapsed.as_secs_f64());
    }

    /// keyward added this much.
    pub(crate) fn overhead(&self, endpoint: &'static str, elapsed: Duration) {
        self.overhead_seconds
            .get_or_create(&ByEndpoint { endpoint })
            .observe(elapsed.as_secs_f64());
    }

    /// The first chunk of a stream came.
    pub(crate) fn first_chunk(&self, endpoint: &'static str, elapsed: Duration) {
        self.first_chunk_seconds
            .get_or_create(&ByEndpoint { endpoint })
            .observe(elapsed.as_secs_f64());
    }
}
