//! The way of a call that costs nothing by itself: files, uploads, stored objects, moderations. Bodies pass both ways as they come.
//!
//! Invariants: under key, permission and request limit like any other; no object is reached that is not the caller's; at most
//! [`PIECES_MAX`] pieces of a body are held, but for JSON that must be read or cut; a body that breaks off never looks whole.
//! Does not know: what the routes are for; money.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::BodyExt;
use openai_client::usage::BodyKind;
use openai_client::{Answer, AttemptError, Call, StreamedBody, TransportError, TransportErrorKind};
use resilience::{Allowance, Permit, Verdict};
use tokio::sync::mpsc;

use super::lists;
use super::{Incoming, Outgoing, admit, authenticate, finish, read};
use crate::answer::{Body, Piece};
use crate::headers;
use crate::object::Object;
use crate::owners;
use crate::request::Caller;
use crate::request::ids::Ids;
use crate::routes::{Makes, Matched, with_query};
use crate::shared::Shared;
use crate::status::Refusal;
use crate::upstream::{self, Failure};

/// Pieces of a body that wait for whoever takes them.
const PIECES_MAX: usize = 8;
/// The longest body that goes up. OpenAI's own limit for a file is 512 MB, and forms add a little.
const UP_BYTES_MAX: u64 = 600_000_000;
/// The longest JSON answer that is read to learn an id, or to leave out what is others'.
pub(super) const READ_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Passes a call through.
///
/// Errors: a [`Refusal`] for whatever stopped it.
pub(crate) async fn run<B>(
    shared: &Arc<Shared>,
    matched: &Matched<'_>,
    incoming: Incoming,
    body: B,
    allowance: &mut Option<Allowance>,
) -> Result<Response<Body>, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin,
{
    let route = matched.route;
    let caller = authenticate(shared, &incoming.headers, Some(route.permission))?;
    *allowance = Some(admit(shared, &caller)?);
    owners::check(shared, &caller.key, &matched.ids).await?;
    let permit = shared
        .breaker
        .permit()
        .map_err(|open| Refusal::CircuitOpen(open.retry_after))?;
    let sent = (shared.clock)();
    let answered = send(shared, matched, &caller, &incoming, body).await;
    let upstream_time = (shared.clock)().saturating_sub(sent);
    let answer = match answered {
        Ok(answer) => answer,
        Err(Stopped::Refused(refusal)) => return Err(refusal),
        Err(Stopped::Failed(failure)) => return failed(shared, permit, failure),
    };
    let outgoing = deliver(shared, matched, &caller, permit, answer, upstream_time).await?;
    Ok(finish(shared, route.label(), incoming.begun, outgoing))
}

/// Why nothing came back.
enum Stopped {
    Refused(Refusal),
    Failed(AttemptError),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Stopped {
        Stopped::Refused(refusal)
    }
}

async fn send<B>(
    shared: &Shared,
    matched: &Matched<'_>,
    caller: &Caller,
    incoming: &Incoming,
    mut body: B,
) -> Result<Answer, Stopped>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin,
{
    let route = matched.route;
    let path = with_query(
        matched.path,
        incoming.path_and_query.as_ref(),
        &shared.scrubber,
    );
    let call = |body| Call {
        method: Method::from_bytes(route.method.as_bytes()).unwrap_or_default(),
        path: &path,
        headers: headers::to_upstream(&incoming.headers),
        body,
    };
    let is_form = incoming
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"));
    if body.is_end_stream() || matches!(route.method, "GET" | "DELETE") {
        let sent = shared.upstream.send(call(Bytes::new())).await;
        return sent.map_err(Stopped::Failed);
    }
    if !is_form {
        let json = read::body(&incoming.headers, body, &shared.settings.server).await?;
        let object = Object::read(&json).map_err(read::not_an_object)?;
        let ids = Ids::read(&json, &object).ok_or(Refusal::InvalidField {
            field: "file_ids",
            expected: "at most 512 ids of files and other objects",
        })?;
        owners::check(shared, &caller.key, &ids).await?;
        let sent = shared.upstream.send(call(json.clone())).await;
        return sent.map_err(Stopped::Failed);
    }
    let length = declared_length(&incoming.headers);
    if length.is_some_and(|length| length > UP_BYTES_MAX) {
        return Err(Refusal::BodyTooLarge(UP_BYTES_MAX as usize).into());
    }
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let streamed = StreamedBody::new(receiver, length);
    let sending = shared.upstream.send_streamed(call(Bytes::new()), streamed);
    let feeding = feed(&mut body, sender, shared.settings.timeouts.idle);
    let mut sending = std::pin::pin!(sending);
    let mut feeding = std::pin::pin!(feeding);
    let mut fed: Option<Result<(), Refusal>> = None;
    loop {
        tokio::select! {
            biased;
            sent = sending.as_mut() => {
                // An answer counts, whatever of the body it did not wait for; without one, why the body broke off does.
                return match (sent, fed) {
                    (Ok(answer), _) => Ok(answer),
                    (Err(_), Some(Err(refusal))) => Err(refusal.into()),
                    (Err(error), _) => Err(Stopped::Failed(error)),
                };
            }
            outcome = feeding.as_mut(), if fed.is_none() => fed = Some(outcome),
        }
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Takes a caller's body piece by piece, no faster than it goes up.
async fn feed<B>(
    body: &mut B,
    sender: mpsc::Sender<Result<Bytes, TransportError>>,
    idle: Duration,
) -> Result<(), Refusal>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut bytes: u64 = 0;
    let refusal = loop {
        let frame = match tokio::time::timeout(idle, body.frame()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => break Refusal::BodyBroken,
            Err(_) => break Refusal::BodyTimeout,
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        bytes += data.len() as u64;
        if bytes > UP_BYTES_MAX {
            break Refusal::BodyTooLarge(UP_BYTES_MAX as usize);
        }
        if sender.send(Ok(data)).await.is_err() {
            // The upstream takes no more; it has answered, or is gone.
            return Ok(());
        }
    };
    let cut = TransportError::new(TransportErrorKind::Cut);
    let _ = sender.send(Err(cut)).await;
    Err(refusal)
}

/// No answer came: what the breaker makes of it, and the refusal that says so.
fn failed(shared: &Shared, permit: Permit, error: AttemptError) -> Result<Response<Body>, Refusal> {
    permit.settle(upstream::error_verdict(&error));
    let (status, headers, body) = Failure::NoAnswer(error).into_answer(shared)?;
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn outgoing(
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
    upstream_time: Duration,
) -> Outgoing {
    Outgoing {
        status,
        headers,
        body,
        cache: "off",
        cost: None,
        upstream_time,
    }
}

/// Hands an answer on: read where an id must be learnt or others' objects left out, else as it comes.
async fn deliver(
    shared: &Arc<Shared>,
    matched: &Matched<'_>,
    caller: &Caller,
    permit: Permit,
    answer: Answer,
    upstream_time: Duration,
) -> Result<Outgoing, Refusal> {
    let makes = matched.route.makes;
    let headers = headers::to_caller(&answer.headers, &shared.upstream);
    if !answer.status.is_success() || makes != Makes::Nothing {
        let result = upstream::collect(answer, BodyKind::Unmetered).await;
        permit.settle(upstream::verdict(&result));
        return match result {
            Err(failure) => {
                let (status, headers, body) = failure.into_answer(shared)?;
                Ok(outgoing(status, headers, Body::whole(body), upstream_time))
            }
            Ok(whole) => {
                let mut body = whole.body;
                match makes {
                    Makes::Object(kind) => {
                        let made = owners::made_by(&body);
                        owners::keep(shared, &caller.key, kind, &made).await;
                    }
                    Makes::Gone => {
                        if let Some(id) = matched.ids.first() {
                            owners::forget(shared, id).await;
                        }
                    }
                    Makes::List => body = lists::only_own(shared, caller, &body).await?,
                    Makes::Nothing => {}
                }
                let body = upstream::without_key(shared, body);
                Ok(outgoing(
                    whole.status,
                    headers,
                    Body::whole(body),
                    upstream_time,
                ))
            }
        };
    }
    let status = answer.status;
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    drop(tokio::spawn(hand_on(
        Arc::clone(shared),
        answer,
        permit,
        sender,
    )));
    Ok(outgoing(
        status,
        headers,
        Body::stream(receiver),
        upstream_time,
    ))
}

/// Hands on an answer's pieces. A caller who leaves ends the exchange.
async fn hand_on(
    shared: Arc<Shared>,
    mut answer: Answer,
    permit: Permit,
    sender: mpsc::Sender<Piece>,
) {
    let mut held = shared.in_flight.begin();
    let idle = shared.settings.timeouts.idle;
    let verdict = loop {
        let chunk = tokio::select! {
            biased;
            chunk = answer.chunk() => chunk,
            () = sender.closed() => break Verdict::Ignored,
            () = held.given_up() => break Verdict::Ignored,
        };
        match chunk {
            Ok(Some(chunk)) => {
                let piece = Piece::Data(upstream::without_key(&shared, chunk));
                let sent = tokio::time::timeout(idle, sender.send(piece)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    break Verdict::Ignored;
                }
            }
            Ok(None) => {
                let _ = sender.send(Piece::End).await;
                break Verdict::Success;
            }
            Err(error) => break upstream::error_verdict(&error),
        }
    };
    permit.settle(verdict);
}
