//! The data plane of keyward: an OpenAI API in front of an OpenAI API.
//!
//! A [`Gateway`] takes HTTP requests under virtual keys and gives answers whose cost is in the ledger. [`Server`] puts it, or any other
//! [`Plane`], behind a socket with limits on everything: connections, headers, writes, and how long a stop may take.
//!
//! The way of a request is one straight line, a file a step, in `pipeline/`; streams go through one pump, in `pump.rs`; what is served
//! stands in one table, [`ROUTES`].
//!
//! Invariants: nothing is sent upstream before caller, body, rate and price are known to be good; every attempt ends in the ledger; no
//! caller's credential goes upstream, and no upstream credential goes to a caller.
//! Does not know: command lines, environment variables, clocks of its own.

mod answer;
mod attempt;
mod bound;
mod cache;
mod connection;
mod deadlines;
mod edits;
mod fields;
mod headers;
mod ids;
mod in_flight;
mod object;
mod operation;
mod outlive;
mod owners;
mod pipeline;
mod pump;
mod request;
mod routes;
mod server;
mod settlement;
mod shared;
mod status;
mod table;
mod telemetry;
mod upstream;

use std::sync::Arc;

use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderValue, Request, Response};
use prometheus_client::registry::Registry;
use resilience::Allowance;
use tracing::Instrument;
use uuid::Uuid;

pub use answer::{Body, Cut};
pub use fields::{Field, Rule, fields};
pub use operation::Operation;
pub use routes::{Leaves, Makes, Meter, Route, routes, routes_page};
pub use server::{Limits, Plane, Server};
pub use shared::{Clock, Parts, WallClock};

use pipeline::Incoming;
use shared::Shared;
use status::Refusal;
use telemetry::spans;

/// The data plane; clones share everything.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

impl Gateway {
    /// A gateway of `parts`, its metrics in `registry`.
    pub fn new(parts: Parts, registry: &mut Registry) -> Self {
        Self {
            shared: Arc::new(Shared::new(parts, registry)),
        }
    }

    /// Answers one request. Never fails: whatever goes wrong is an answer in OpenAI's error form.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin,
    {
        let shared = &self.shared;
        let begun = (shared.clock)();
        let id = shared.ids.next((shared.wall)());
        let (head, mut body) = request.into_parts();
        let live = pipeline::keep_out(shared, &head.headers);
        let awaits_continue = head.headers.contains_key(EXPECT);
        let mut allowance = None;
        let (endpoint, result) = match routes::find(&head.method, head.uri.path()) {
            Ok(matched) => {
                let path_and_query = head.uri.path_and_query().cloned();
                let incoming = Incoming {
                    headers: head.headers,
                    id,
                    begun,
                    path_and_query,
                };
                let label = matched.route.label();
                let span = spans::request(&head.method, matched.route.template, id);
                let served = routes::serve(shared, matched, incoming, &mut body, &mut allowance);
                (label, served.instrument(span).await)
            }
            Err(refusal) => ("unknown", Err(refusal)),
        };
        if result.is_err() && !body.is_end_stream() && !awaits_continue {
            pipeline::discard(&mut body).await;
        }
        let outcome = result.as_ref().map_or_else(Refusal::label, outcome);
        let elapsed = (shared.clock)().saturating_sub(begun);
        shared.metrics.request(endpoint, outcome, elapsed);
        let mut response = result.unwrap_or_else(|refusal| {
            tracing::debug!(endpoint, refusal = refusal.label(), "refused");
            refusal.into_response(&shared.scrubber)
        });
        self.finish(&mut response, id, allowance.as_ref());
        response.body_mut().hold(live);
        response
    }

    /// Writes the headers that every answer has.
    fn finish(&self, response: &mut Response<Body>, id: Uuid, allowance: Option<&Allowance>) {
        let headers = response.headers_mut();
        headers.insert(headers::REQUEST_ID, ids::header_value(id));
        if let Some(allowance) = allowance {
            headers::write_allowance(headers, allowance);
        }
        if self.shared.simulated {
            headers.insert(headers::SIMULATOR, HeaderValue::from_static("true"));
        }
    }

    /// The limits of the data plane's server, as the settings have them.
    pub fn limits(&self) -> Limits {
        let settings = &self.shared.settings;
        let server = &settings.server;
        Limits {
            connections_max: server.connections_max,
            header_timeout: server.header_timeout,
            keep_alive_timeout: server.keep_alive_timeout,
            write_timeout: settings.timeouts.idle,
            drain: server.drain,
        }
    }

    /// Brings the gauges up to date; to be called before metrics are read.
    pub fn refresh_gauges(&self) {
        let (shared, metrics) = (&self.shared, &self.shared.metrics);
        metrics
            .in_flight
            .set(i64::try_from(shared.in_flight.count()).unwrap_or(i64::MAX));
        metrics
            .ledger_writable
            .set(i64::from(shared.ledger.writable().is_ok()));
        metrics.breaker.set(match shared.breaker.state() {
            resilience::State::Closed => 0,
            resilience::State::HalfOpen { .. } => 1,
            resilience::State::Open { .. } => 2,
        });
    }
}

/// How a request that was not refused is counted.
fn outcome(response: &Response<Body>) -> &'static str {
    let is_hit = response
        .headers()
        .get(headers::CACHE)
        .is_some_and(|cache| cache == "hit");
    match response.status().as_u16() {
        200..=299 if is_hit => "cached",
        200..=299 => "ok",
        400..=499 => "upstream_4xx",
        _ => "upstream_5xx",
    }
}

impl Plane for Gateway {
    async fn answer(&self, request: Request<hyper::body::Incoming>) -> Response<Body> {
        self.handle(request).await
    }

    fn stop(&self) {
        self.shared.stop();
    }

    async fn idle(&self) {
        self.shared.in_flight.empty().await;
    }

    fn give_up(&self) {
        self.shared.in_flight.give_up();
    }

    fn connections_changed(&self, by: i64) {
        self.shared.metrics.connections.inc_by(by);
    }
}
