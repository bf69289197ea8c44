//! Step 6: the attempt. Breaker, upstream, settlement; a stream is handed to the pump.
//!
//! Invariants: nothing is sent while the circuit is open; every attempt that was sent is settled before its answer goes out; the upstream's
//! refusals of its own key never reach a caller as the caller's.
//! Does not know: who calls, what is in the cache.

use std::sync::Arc;
use std::time::Duration;

use cost_accounting::{PriceRow, Usage};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use resilience::CallError;

use super::{Incoming, Outgoing};
use crate::answer::Body;
use crate::attempt::Attempt;
use crate::cache::{CacheKey, Kept};
use crate::headers;
use crate::pump::Pump;
use crate::request::{Caller, Request};
use crate::routes::with_query;
use crate::settlement::{Outcome, Settlement};
use crate::shared::Shared;
use crate::status::Refusal;
use crate::upstream::{self, Failure, Prepared, Whole};

/// One attempt, ready to go.
pub(crate) struct Dispatch {
    attempt: Attempt,
    call: Prepared,
    usage_asked: bool,
    place: Option<CacheKey>,
    cache: &'static str,
}

impl Dispatch {
    /// Attempt 1 of `request`; the answer goes to `place` in the cache where there is one.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        caller: &Caller,
        request: &Request,
        price: Arc<PriceRow>,
        incoming: &Incoming,
        place: Option<CacheKey>,
    ) -> Self {
        let path = with_query(request.operation.path(), incoming.path_and_query.as_ref());
        let call = Prepared {
            method: Method::POST,
            path,
            headers: headers::to_upstream(&incoming.headers),
            body: request.body.clone(),
        };
        let attempt = Attempt::begin(
            shared,
            caller,
            request,
            price,
            incoming.id,
            incoming.begun,
            1,
        );
        Self {
            attempt,
            call,
            usage_asked: request.usage_asked,
            cache: if place.is_some() { "miss" } else { "off" },
            place,
        }
    }

    /// Sends, waits and settles. Bounded by the upstream's deadlines.
    pub(crate) async fn run(self) -> Result<Outgoing, Refusal> {
        if self.attempt.stream {
            self.streamed().await
        } else {
            self.whole().await
        }
    }

    async fn whole(self) -> Result<Outgoing, Refusal> {
        let shared = Arc::clone(&self.attempt.shared);
        let sent = (shared.clock)();
        let fetched = shared
            .breaker
            .call(upstream::fetch(&shared.upstream, self.call))
            .await;
        let upstream_time = (shared.clock)().saturating_sub(sent);
        let result = match fetched {
            Err(CallError::Open(open)) => {
                self.attempt.withdraw();
                return Err(Refusal::CircuitOpen(open.retry_after));
            }
            Err(CallError::Operation(failure)) => Err(failure),
            Ok(whole) => Ok(whole),
        };
        conclude(self.attempt, result, self.cache, self.place, upstream_time).await
    }

    async fn streamed(self) -> Result<Outgoing, Refusal> {
        let shared = Arc::clone(&self.attempt.shared);
        let sent = (shared.clock)();
        let permit = match shared.breaker.permit() {
            Ok(permit) => permit,
            Err(open) => {
                self.attempt.withdraw();
                return Err(Refusal::CircuitOpen(open.retry_after));
            }
        };
        let answered = self.call.send(&shared.upstream).await;
        let upstream_time = (shared.clock)().saturating_sub(sent);
        let result = match answered {
            Ok(answer) if answer.status == StatusCode::OK && is_event_stream(&answer.headers) => {
                let headers = headers::to_caller(&answer.headers);
                let body = Pump::start(self.attempt, answer, permit, self.usage_asked);
                return Ok(Outgoing {
                    status: StatusCode::OK,
                    headers,
                    body,
                    cache: self.cache,
                    cost: None,
                    upstream_time,
                });
            }
            // An error, or a server that does not stream: a whole body like any other.
            Ok(answer) => upstream::collect(answer).await,
            Err(error) => Err(Failure::NoAnswer(error)),
        };
        permit.settle(upstream::verdict(&result));
        conclude(self.attempt, result, self.cache, self.place, upstream_time).await
    }
}

/// Settles an attempt whose whole answer, or lack of one, is known, and makes the caller's answer of it.
async fn conclude(
    attempt: Attempt,
    result: Result<Whole, Failure>,
    cache: &'static str,
    place: Option<CacheKey>,
    upstream_time: Duration,
) -> Result<Outgoing, Refusal> {
    let shared = Arc::clone(&attempt.shared);
    match result {
        Ok(whole) => {
            let outcome = if whole.head.is_error {
                Outcome::UpstreamError
            } else {
                Outcome::Finished
            };
            let settlement = Settlement {
                usage: whole.head.usage.as_ref().map(usage_of),
                model_served: whole.head.model.clone(),
                service_tier: whole.head.service_tier.clone(),
                ..Settlement::bare(outcome, whole.status.as_u16())
            };
            let cost = attempt.settle(settlement).await;
            if let Some(place) = place.filter(|_| outcome == Outcome::Finished) {
                shared.cache.keep(
                    place,
                    Kept {
                        body: whole.body.clone(),
                        model_served: whole.head.model,
                    },
                );
            }
            let headers = headers::to_caller(&whole.headers);
            Ok(Outgoing {
                status: whole.status,
                headers,
                body: Body::whole(whole.body),
                cache,
                cost: Some(cost),
                upstream_time,
            })
        }
        Err(failure) => {
            let (outcome, status) = (failure.outcome(), failure.status());
            let cost = attempt.settle(Settlement::bare(outcome, status)).await;
            let (status, headers, body) = failure.into_answer(&shared.scrubber)?;
            Ok(Outgoing {
                status,
                headers,
                body: Body::whole(body),
                cache,
                cost: Some(cost),
                upstream_time,
            })
        }
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.trim_start().starts_with("text/event-stream"))
}

/// The client's usage as the ledger's: field by field, no arithmetic.
pub(crate) fn usage_of(usage: &openai_client::usage::Usage) -> Usage {
    if let Some(flaw) = usage.flaw {
        tracing::warn!(
            flaw,
            "the upstream's usage contradicts itself; the dearest reading is charged"
        );
    }
    Usage {
        input: usage.input,
        cached_input: usage.cached_input,
        cache_write_30m: usage.cache_write_30m,
        cache_write_12h: usage.cache_write_12h,
        output: usage.output,
        reasoning: usage.reasoning,
    }
}

/// A call that costs nothing, such as listing models: through the breaker, not into the ledger.
pub(crate) async fn unmetered(shared: &Shared, path: String) -> Result<Whole, Refusal> {
    let call = Prepared {
        method: Method::GET,
        path,
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
    };
    match shared
        .breaker
        .call(upstream::fetch(&shared.upstream, call))
        .await
    {
        Ok(whole) => Ok(whole),
        Err(CallError::Open(open)) => Err(Refusal::CircuitOpen(open.retry_after)),
        Err(CallError::Operation(failure)) => {
            let (status, headers, body) = failure.into_answer(&shared.scrubber)?;
            Ok(Whole {
                status,
                headers,
                body,
                head: upstream::Head::default(),
            })
        }
    }
}
