//! Step 5: the cache.
//!
//! Invariants: a hit costs nothing and is entered as attempt 0; only embeddings are kept.
//! Does not know: how answers come to be.

use std::sync::Arc;
use std::time::Duration;

use cost_accounting::{PicoUsd, Usage};
use http::header::CONTENT_TYPE;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{Incoming, Outgoing};
use crate::answer::Body;
use crate::attempt::Attempt;
use crate::cache::{CacheKey, Kept};
use crate::headers::{CacheWish, OPENAI_BETA};
use crate::object::Object;
use crate::request::{Caller, Operation, Request};
use crate::settlement::{Outcome, Settlement};
use crate::shared::Shared;
use crate::telemetry::metrics::ByOutcome;

/// Where an answer is to be kept, if it may be, and the answer that is already there.
pub(crate) fn lookup(
    shared: &Shared,
    caller: &Caller,
    request: &Request,
    object: &Object<'_>,
    wish: CacheWish,
    incoming: &Incoming,
) -> (Option<CacheKey>, Option<Arc<Kept>>) {
    if request.operation != Operation::Embeddings || !shared.cache.is_on() || wish.no_store {
        return (None, None);
    }
    let beta = incoming
        .headers
        .get(&OPENAI_BETA)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let query = incoming
        .path_and_query
        .as_ref()
        .and_then(PathAndQuery::query)
        .unwrap_or_default();
    let target = [
        request.operation.endpoint().as_bytes(),
        beta,
        query.as_bytes(),
    ];
    let place = shared.cache.key(&caller.key.id, target, object);
    let hit = if wish.no_cache {
        None
    } else {
        place.as_ref().and_then(|place| shared.cache.get(place))
    };
    let outcome = if hit.is_some() { "hit" } else { "miss" };
    shared
        .metrics
        .cache
        .get_or_create(&ByOutcome {
            endpoint: request.operation.endpoint(),
            outcome,
        })
        .inc();
    (place, hit)
}

/// Answers from the cache, by an attempt of number 0.
pub(crate) async fn answer(attempt: Attempt, kept: Arc<Kept>) -> Outgoing {
    let settlement = Settlement {
        usage: Some(Usage::default()),
        model_served: kept.model_served.clone(),
        ..Settlement::bare(Outcome::Cached, 200)
    };
    attempt.settle(settlement).await;
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Outgoing {
        status: StatusCode::OK,
        headers,
        body: Body::whole(kept.body.clone()),
        cache: "hit",
        cost: Some(PicoUsd::ZERO),
        upstream_time: Duration::ZERO,
    }
}
