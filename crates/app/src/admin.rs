//! The admin plane: `/metrics`, `/healthz`. Its pages and its API come with its sign-in; until then it shows no more than numbers.
//!
//! Invariants: nothing here names a key, a caller or a prompt.
//! Does not know: how the numbers come about.

use std::sync::Arc;

use gateway::{Body, Gateway, Plane};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

/// What OpenMetrics text is called.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The admin plane of one process.
#[derive(Clone)]
pub(crate) struct Admin {
    gateway: Gateway,
    registry: Arc<Registry>,
}

impl Admin {
    /// Shows the metrics in `registry`.
    pub(crate) fn new(gateway: Gateway, registry: Registry) -> Self {
        Self {
            gateway,
            registry: Arc::new(registry),
        }
    }

    fn metrics(&self) -> Response<Body> {
        self.gateway.refresh_gauges();
        let mut body = String::new();
        match text::encode(&mut body, &self.registry) {
            Ok(()) => answer(StatusCode::OK, OPEN_METRICS, body),
            Err(_) => answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                "text/plain",
                "the metrics could not be written".to_owned(),
            ),
        }
    }
}

impl Plane for Admin {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/metrics") => self.metrics(),
            (&Method::GET, "/healthz") => answer(
                StatusCode::OK,
                "application/json",
                r#"{"status":"ok"}"#.to_owned(),
            ),
            _ => answer(
                StatusCode::NOT_FOUND,
                "text/plain",
                "not found; /metrics and /healthz are served here\n".to_owned(),
            ),
        }
    }
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
