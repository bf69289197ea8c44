//! `GET /v1/models` and `GET /v1/models/{id}`: the upstream's models, less those that the key may not use.
//!
//! Invariants: a model outside the key's list is not shown, and asking for it is refused as using it would be.
//! Does not know: prices.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use resilience::Allowance;
use serde_json::Value;

use crate::answer::Body;
use crate::headers;
use crate::pipeline::{Authenticated, admit, authenticate, unmetered};
use crate::request::Caller;
use crate::shared::Shared;
use crate::status::Refusal;

/// All models that the key may use.
pub(crate) async fn list(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    allowance: &mut Option<Allowance>,
) -> Result<Response<Body>, Refusal> {
    let Authenticated {
        caller,
        live: _live,
    } = authenticate(shared, headers, Some("models"))?;
    *allowance = Some(admit(shared, &caller)?);
    let whole = unmetered(shared, "/models".to_owned()).await?;
    let body = if whole.status == StatusCode::OK && !caller.key.models.is_empty() {
        only_permitted(&whole.body, &caller)?
    } else {
        whole.body
    };
    Ok(answer(whole.status, &whole.headers, body))
}

/// One model.
pub(crate) async fn one(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    id: &str,
    allowance: &mut Option<Allowance>,
) -> Result<Response<Body>, Refusal> {
    let Authenticated {
        caller,
        live: _live,
    } = authenticate(shared, headers, Some("models"))?;
    *allowance = Some(admit(shared, &caller)?);
    caller.key.may_use(id).map_err(Refusal::KeyDenied)?;
    let whole = unmetered(shared, format!("/models/{id}")).await?;
    Ok(answer(whole.status, &whole.headers, whole.body))
}

fn only_permitted(body: &[u8], caller: &Caller) -> Result<Bytes, Refusal> {
    let mut list: Value = serde_json::from_slice(body).map_err(|_| Refusal::UpstreamMalformed)?;
    let models = list
        .get_mut("data")
        .and_then(Value::as_array_mut)
        .ok_or(Refusal::UpstreamMalformed)?;
    models.retain(|model| {
        model
            .get("id")
            .and_then(Value::as_str)
            .is_some_and(|id| caller.key.may_use(id).is_ok())
    });
    Ok(Bytes::from(list.to_string()))
}

fn answer(status: StatusCode, upstream: &HeaderMap, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers::to_caller(upstream);
    response
}
