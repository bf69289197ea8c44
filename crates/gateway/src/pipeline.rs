//! The way of a metered request: one straight line, a file a step.
//!
//! Invariants: a step gets a value and gives a value; none calls back. Nothing is sent before the caller, the body, the rate and the
//! price are known to be good and the most that it can cost is held; from then on every attempt ends in the ledger.
//! Does not know: sockets, routes that cost nothing.

mod admit;
mod authenticate;
mod dispatch;
mod lists;
mod lookup;
mod pass;
mod read;
mod reserve;

use std::sync::Arc;
use std::time::Duration;

use config::UnknownFields;
use cost_accounting::{CallScope, PicoUsd};
use http::uri::PathAndQuery;
use http::{HeaderMap, Response, StatusCode};
use resilience::Allowance;
use uuid::Uuid;

use crate::answer::Body;
use crate::attempt::Attempt;
use crate::fields;
use crate::headers::{self, CacheWish};
use crate::object::Object;
use crate::outlive::Outlive;
use crate::owners;
use crate::request::{Caller, Operation, Request};
use crate::shared::Shared;
use crate::status::Refusal;

pub(crate) use admit::admit;
pub(crate) use authenticate::{authenticate, keep_out};
pub(crate) use dispatch::{unmetered, usage_of, usage_with_calls};
pub(crate) use pass::run as pass;
pub(crate) use read::discard;
pub(crate) use reserve::Reserved;

/// The head of a call as it came in.
pub(crate) struct Incoming {
    pub(crate) headers: HeaderMap,
    /// The target, for its query.
    pub(crate) path_and_query: Option<PathAndQuery>,
    pub(crate) id: Uuid,
    /// When it came, on the monotonic clock.
    pub(crate) begun: Duration,
}

/// An answer on its way back, and what its headers have to tell.
pub(crate) struct Outgoing {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) cache: &'static str,
    /// Known for whole bodies only.
    pub(crate) cost: Option<PicoUsd>,
    /// How long the upstream was waited for.
    pub(crate) upstream_time: Duration,
}

/// Takes a metered request through all steps.
///
/// Errors: a [`Refusal`] for whatever stopped it; the caller of this function makes the answer of it.
pub(crate) async fn run<B>(
    shared: &Arc<Shared>,
    operation: Operation,
    incoming: Incoming,
    body: B,
    allowance: &mut Option<Allowance>,
) -> Result<Response<Body>, Refusal>
where
    B: http_body::Body<Data = bytes::Bytes> + Send + Unpin,
{
    let caller = authenticate(shared, &incoming.headers, Some(operation.endpoint()))?;
    *allowance = Some(admit(shared, &caller)?);
    let body = read::body(&incoming.headers, body, &shared.settings.server).await?;
    let object = Object::read(&body).map_err(read::not_an_object)?;
    let unknown_fields = fields::check(
        operation,
        &object,
        shared.settings.requests.unknown_fields == UnknownFields::Refuse,
    )?;
    shared
        .metrics
        .unknown_fields(operation.endpoint(), unknown_fields);
    let mut request = Request::read(operation, &body, &object)?;
    request.name_end_user(&incoming.headers, shared.settings.budgets.end_user)?;
    caller
        .key
        .may_use(&request.model)
        .map_err(Refusal::KeyDenied)?;
    if !request.ids.is_empty() {
        owners::check(shared, &caller.key, &request.ids).await?;
    }
    let price = shared
        .prices
        .find(&request.model, (shared.wall)())
        .map_err(|_| Refusal::ModelUnpriced(request.model.to_string()))?;

    let wish = CacheWish::read(&incoming.headers);
    shared.may_spend()?;
    let (place, hit) = lookup::lookup(shared, &caller, &request, &object, wish, &incoming);
    let scope = scope(&caller, &request);
    let mut output_cap = None;
    let outgoing = if let Some(kept) = hit {
        let attempt = Attempt::of_cache(shared, scope, &request, price, &incoming);
        Outlive::new(lookup::answer(attempt, kept)).await
    } else {
        let reserved = reserve::reserve(shared, &scope, &mut request, &object, &price).await?;
        let sent = std::mem::take(&mut request.edits).apply(&body);
        request.body = sent.ok_or(Refusal::Internal)?;
        output_cap = reserved.output_cap;
        let attempt = Attempt::begin(shared, scope, &request, price, &incoming, 1, reserved);
        let keeper = request.is_stored.then(|| Arc::clone(&caller.key));
        let call = dispatch::Dispatch::new(attempt, &request, &incoming, place, keeper);
        Outlive::new(call.run()).await?
    };
    let mut response = finish(shared, operation.endpoint(), incoming.begun, outgoing);
    if let Some(tokens) = output_cap {
        headers::write_text(
            response.headers_mut(),
            headers::OUTPUT_CAP,
            &tokens.to_string(),
        );
    }
    Ok(response)
}

/// All that a budget may be set for, of one call.
fn scope(caller: &Caller, request: &Request) -> CallScope {
    let key = &caller.key;
    CallScope {
        key_id: key.id.as_str().into(),
        project: key.project.as_str().into(),
        model: Arc::clone(&request.model),
        end_user: request.end_user.clone(),
        tags: key.tags.as_slice().into(),
    }
}

/// Writes keyward's own headers on an answer.
pub(crate) fn finish(
    shared: &Shared,
    endpoint: &'static str,
    begun: Duration,
    outgoing: Outgoing,
) -> Response<Body> {
    let overhead = (shared.clock)()
        .saturating_sub(begun)
        .saturating_sub(outgoing.upstream_time);
    shared.metrics.overhead(endpoint, overhead);
    let mut response = Response::new(outgoing.body);
    *response.status_mut() = outgoing.status;
    *response.headers_mut() = outgoing.headers;
    let headers = response.headers_mut();
    headers.insert(
        headers::CACHE,
        http::HeaderValue::from_static(outgoing.cache),
    );
    headers.insert(headers::ROUTE, shared.route_header.clone());
    headers::write_text(
        headers,
        headers::OVERHEAD_MS,
        &format!(
            "{}.{:03}",
            overhead.as_millis(),
            overhead.as_micros() % 1000
        ),
    );
    if let Some(cost) = outgoing.cost {
        headers::write_text(headers, headers::COST_USD, &cost.to_string());
    }
    response
}
