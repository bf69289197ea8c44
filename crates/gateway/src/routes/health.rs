//! `GET /healthz` and `GET /readyz`.
//!
//! Invariants: both answer at once, without the disk or the upstream; neither tells more than what an operator needs.
//! Does not know: callers.

use http::{Response, StatusCode};

use super::json;
use crate::answer::Body;
use crate::shared::Shared;

/// The process runs and answers.
pub(crate) fn alive() -> Response<Body> {
    json(StatusCode::OK, &serde_json::json!({"status": "ok"}))
}

/// New calls can be served: 200, or 503 with what stands against it. An open circuit is shown, but is no reason to take the instance away.
pub(crate) fn ready(shared: &Shared) -> Response<Body> {
    let ledger = shared.ledger.writable().is_ok();
    let stopping = shared.is_stopping();
    let circuit = shared.breaker.state().name();
    let budgets = shared.can_hold();
    let is_ready = ledger && budgets && !stopping;
    let body = serde_json::json!({
        "status": if is_ready { "ready" } else { "not_ready" },
        "checks": {"ledger": if ledger { "ok" } else { "not_writable" }, "budgets": if budgets { "ok" } else { "unavailable" }, "stopping": stopping, "circuit": circuit, "simulator": shared.simulated},
    });
    json(
        if is_ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        },
        &body,
    )
}
