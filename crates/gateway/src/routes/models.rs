//! `GET /v1/models` and `GET /v1/models/{id}`: the upstream's models, less those that the key may not use.
//!
//! Invariants: a model outside the key's list is not shown, and asking for it is refused as using it would be; rights are checked on the
//! decoded id, and what goes upstream is one segment, encoded anew.
//! Does not know: prices.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use resilience::Allowance;
use serde_json::Value;

use crate::answer::Body;
use crate::headers;
use crate::pipeline::{admit, authenticate, unmetered};
use crate::request::Caller;
use crate::shared::Shared;
use crate::status::Refusal;
use crate::upstream::without_key;

/// What is encoded in a segment: all but letters, digits and the marks that stand in ids, which some servers don't decode.
const ENCODED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// All models that the key may use.
pub(crate) async fn list(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    allowance: &mut Option<Allowance>,
) -> Result<Response<Body>, Refusal> {
    let caller = authenticate(shared, headers, Some("models"))?;
    *allowance = Some(admit(shared, &caller)?);
    let whole = unmetered(shared, "/models".to_owned()).await?;
    let body = if whole.status == StatusCode::OK && !caller.key.models.is_empty() {
        only_permitted(&whole.body, &caller)?
    } else {
        whole.body
    };
    Ok(answer(shared, whole.status, &whole.headers, body))
}

/// One model.
pub(crate) async fn one(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    id: &str,
    allowance: &mut Option<Allowance>,
) -> Result<Response<Body>, Refusal> {
    let caller = authenticate(shared, headers, Some("models"))?;
    *allowance = Some(admit(shared, &caller)?);
    let id = decoded(id)?;
    caller.key.may_use(&id).map_err(Refusal::KeyDenied)?;
    let segment = utf8_percent_encode(&id, &ENCODED);
    let whole = unmetered(shared, format!("/models/{segment}")).await?;
    Ok(answer(shared, whole.status, &whole.headers, whole.body))
}

/// The id of a model as it stands in a path. One with a slash, a dot segment or a control character could leave its place.
fn decoded(segment: &str) -> Result<String, Refusal> {
    const ID: Refusal = Refusal::InvalidField {
        field: "model",
        expected: "the id of a model, as one path segment",
    };
    let id = percent_decode_str(segment).decode_utf8().map_err(|_| ID)?;
    let is_odd =
        |letter: char| letter.is_control() || matches!(letter, '/' | '\\' | '%' | '?' | '#');
    if id.is_empty() || id == "." || id == ".." || id.chars().any(is_odd) {
        return Err(ID);
    }
    Ok(id.into_owned())
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

fn answer(
    shared: &Shared,
    status: StatusCode,
    upstream: &HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut response = Response::new(Body::whole(without_key(shared, body)));
    *response.status_mut() = status;
    *response.headers_mut() = headers::to_caller(upstream, &shared.upstream);
    response
}
