//! Step 7: the attempt. Breaker, upstream, settlement; a stream is handed to the pump.
//!
//! Invariants: nothing is sent while the circuit is open; every attempt that was sent is settled before its answer goes out; the upstream's
//! refusals of its own key never reach a caller as the caller's.
//! Does not know: who calls, what is in the cache.

use std::sync::Arc;
use std::time::Duration;

use access::VirtualKey;
use bytes::Bytes;
use cost_accounting::Usage;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use openai_client::usage::BodyKind;
use openai_client::wire::HostedCalls;
use openai_client::{Answer, Upstream};
use resilience::CallError;

use super::{Incoming, Outgoing};
use crate::answer::Body;
use crate::attempt::Attempt;
use crate::cache::{CacheKey, Kept};
use crate::headers;
use crate::owners;
use crate::pump::{Asked, Pump};
use crate::request::{Operation, Request};
use crate::routes::with_query;
use crate::settlement::{Outcome, Settlement};
use crate::shared::Shared;
use crate::status::Refusal;
use crate::upstream::{self, Failure, Prepared, Whole};

/// One attempt, ready to go.
pub(crate) struct Dispatch {
    attempt: Attempt,
    call: Prepared,
    asked: Asked,
    place: Option<CacheKey>,
    cache: &'static str,
    /// Whose the answer is, where the upstream keeps it.
    keeper: Option<Arc<VirtualKey>>,
}

impl Dispatch {
    /// An attempt at `request`; the answer goes to `place` in the cache where there is one.
    pub(crate) fn new(
        attempt: Attempt,
        request: &Request,
        incoming: &Incoming,
        place: Option<CacheKey>,
        keeper: Option<Arc<VirtualKey>>,
    ) -> Self {
        let path = with_query(
            request.operation.path(),
            incoming.path_and_query.as_ref(),
            &attempt.shared.scrubber,
        );
        let call = Prepared {
            method: Method::POST,
            path,
            headers: headers::to_upstream(&incoming.headers),
            body: request.body.clone(),
        };
        let known_usage = attempt.known_usage();
        Self {
            attempt,
            call,
            asked: Asked {
                operation: request.operation,
                usage: request.usage_asked,
                choices: request.choices,
                known_usage,
            },
            keeper,
            cache: if place.is_some() { "miss" } else { "off" },
            place,
        }
    }

    /// Sends, waits and settles. Bounded by the upstream's deadlines, and by a stop of the server.
    pub(crate) async fn run(self) -> Result<Outgoing, Refusal> {
        if self.attempt.stream {
            self.streamed().await
        } else {
            self.whole().await
        }
    }

    async fn whole(mut self) -> Result<Outgoing, Refusal> {
        let shared = Arc::clone(&self.attempt.shared);
        let sent = (shared.clock)();
        let fetched = tokio::select! {
            biased;
            fetched = shared.breaker.call(upstream::fetch(&shared.upstream, self.call, self.asked.operation.whole())) => fetched,
            () = self.attempt.held.given_up() => return told_to_end(self.attempt).await,
        };
        let upstream_time = (shared.clock)().saturating_sub(sent);
        let result = match fetched {
            Err(CallError::Open(open)) => {
                self.attempt.withdraw();
                return Err(Refusal::CircuitOpen(open.retry_after));
            }
            Err(CallError::Operation(failure)) => Err(failure),
            Ok(whole) => Ok(whole),
        };
        conclude(
            self.attempt,
            result,
            self.cache,
            (self.place, self.keeper),
            upstream_time,
        )
        .await
    }

    async fn streamed(mut self) -> Result<Outgoing, Refusal> {
        let shared = Arc::clone(&self.attempt.shared);
        let sent = (shared.clock)();
        let permit = match shared.breaker.permit() {
            Ok(permit) => permit,
            Err(open) => {
                self.attempt.withdraw();
                return Err(Refusal::CircuitOpen(open.retry_after));
            }
        };
        let answered = tokio::select! {
            biased;
            answered = streamed_or_whole(self.call, &shared.upstream, self.asked.operation) => answered,
            () = self.attempt.held.given_up() => return told_to_end(self.attempt).await,
        };
        let upstream_time = (shared.clock)().saturating_sub(sent);
        let result = match answered {
            Ok(Answered::Stream(answer)) => {
                let headers = headers::to_caller(&answer.headers, &shared.upstream);
                let is_events = is_event_stream(&answer.headers);
                let body = Pump::start(
                    self.attempt,
                    answer,
                    permit,
                    (self.asked, self.keeper),
                    is_events,
                );
                let (status, cache) = (StatusCode::OK, self.cache);
                return Ok(Outgoing {
                    status,
                    headers,
                    body,
                    cache,
                    cost: None,
                    upstream_time,
                });
            }
            Ok(Answered::Whole(whole)) => Ok(*whole),
            Err(failure) => Err(failure),
        };
        permit.settle(upstream::verdict(&result));
        conclude(
            self.attempt,
            result,
            self.cache,
            (self.place, self.keeper),
            upstream_time,
        )
        .await
    }
}

/// What a call for a stream was answered with.
enum Answered {
    Stream(Answer),
    /// A server that does not stream.
    Whole(Box<Whole>),
}

async fn streamed_or_whole(
    call: Prepared,
    upstream: &Upstream,
    operation: Operation,
) -> Result<Answered, Failure> {
    let answer = call.send(upstream).await.map_err(Failure::NoAnswer)?;
    let is_stream = is_event_stream(&answer.headers) || operation.answers_bytes();
    if answer.status == StatusCode::OK && is_stream {
        return Ok(Answered::Stream(answer));
    }
    let whole = upstream::collect(answer, operation.whole()).await;
    whole.map(|whole| Answered::Whole(Box::new(whole)))
}

/// The server stops and can wait no longer: what was sent may cost its bound.
async fn told_to_end(attempt: Attempt) -> Result<Outgoing, Refusal> {
    attempt.settle(Settlement::bare(Outcome::Shutdown, 0)).await;
    Err(Refusal::ShuttingDown)
}

/// Settles an attempt whose whole answer, or lack of one, is known, and makes the caller's answer of it.
async fn conclude(
    attempt: Attempt,
    result: Result<Whole, Failure>,
    cache: &'static str,
    (place, keeper): (Option<CacheKey>, Option<Arc<VirtualKey>>),
    upstream_time: Duration,
) -> Result<Outgoing, Refusal> {
    let shared = Arc::clone(&attempt.shared);
    match result {
        Ok(whole) => {
            if let Some(key) = &keeper {
                let made = owners::made_by(&whole.body);
                owners::keep(&shared, key, "response", &made).await;
            }
            let outcome = if whole.head.is_error {
                Outcome::UpstreamError
            } else {
                Outcome::Finished
            };
            let settlement = Settlement {
                usage: whole
                    .head
                    .usage
                    .as_ref()
                    .map(|usage| usage_with_calls(usage, whole.head.hosted_calls)),
                model_served: whole.head.model.clone(),
                service_tier: whole.head.service_tier.clone(),
                ..Settlement::bare(outcome, whole.status.as_u16())
            };
            let cost = attempt.settle(settlement).await;
            let headers = headers::to_caller(&whole.headers, &shared.upstream);
            let body = if whole.head.is_error {
                upstream::scrubbed(&whole.body, &shared.scrubber)
            } else {
                upstream::without_key(&shared, whole.body.clone())
            };
            // Kept are the upstream's own bytes, so not those that had to be cleaned.
            if let Some(place) =
                place.filter(|_| outcome == Outcome::Finished && body == whole.body)
            {
                let model_served = whole.head.model;
                let body = Bytes::copy_from_slice(&body);
                shared.cache.keep(place, Kept { body, model_served });
            }
            Ok(Outgoing {
                status: whole.status,
                headers,
                body: Body::whole(body),
                cache,
                cost: Some(cost),
                upstream_time,
            })
        }
        Err(failure) => {
            let (outcome, status) = (failure.outcome(), failure.status());
            let cost = attempt.settle(Settlement::bare(outcome, status)).await;
            let (status, headers, body) = failure.into_answer(&shared)?;
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

/// The same, with the hosted tools that stand in no usage.
pub(crate) fn usage_with_calls(usage: &openai_client::usage::Usage, calls: HostedCalls) -> Usage {
    Usage {
        file_searches: calls.file_searches,
        containers: calls.containers,
        ..usage_of(usage)
    }
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
        audio_input: usage.audio_input,
        cached_audio_input: usage.cached_audio_input,
        audio_output: usage.audio_output,
        image_input: usage.image_input,
        cached_image_input: usage.cached_image_input,
        image_output: usage.image_output,
        audio_ms: usage.audio_ms,
        web_searches: usage.web_searches,
        ..Usage::default()
    }
}

/// A call that costs nothing, such as listing models: through the breaker, not into the ledger.
pub(crate) async fn unmetered(shared: &Shared, path: String) -> Result<Whole, Refusal> {
    let call = Prepared {
        method: Method::GET,
        path,
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    match shared
        .breaker
        .call(upstream::fetch(&shared.upstream, call, BodyKind::Unmetered))
        .await
    {
        Ok(whole) => Ok(whole),
        Err(CallError::Open(open)) => Err(Refusal::CircuitOpen(open.retry_after)),
        Err(CallError::Operation(failure)) => {
            let (status, headers, body) = failure.into_answer(shared)?;
            Ok(Whole {
                status,
                headers,
                body,
                head: upstream::Head::default(),
            })
        }
    }
}
