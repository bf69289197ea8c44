//! The data port: one call from its request to the start of its answer.
//!
//! Invariants: every call is seen before it is answered; a call that was planned is on the bill before any wait.
//! Does not know: how connections are accepted; the control port.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use crate::calls::SeenCall;
use crate::hash::hash;
use crate::meter::Meter;
use crate::plan::Setting;
use crate::playback::Playback;
use crate::refusal::Refusal;
use crate::reply::{self, Frame, Reply};
use crate::route;
use crate::script::{ConnectionFault, Script};
use crate::server::Peer;
use crate::state::Shared;
use crate::steps;

/// Bytes of a request body, and of an answer that is recorded.
pub const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Errors: the script wants the connection to end without an answer, or the client is gone.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    peer: Peer,
) -> io::Result<Response<Playback>> {
    let (head, body) = request.into_parts();
    let body = match collect(body).await {
        Ok(body) => body,
        Err(Unread::Gone(error)) => return Err(error),
        Err(Unread::TooLarge) => {
            let reply = reply::unread(Refusal::body_too_large(BODY_BYTES_MAX), peer.connection);
            let meter = Meter::new(shared, None, false, 0);
            return respond(reply, &Script::default(), meter, &peer);
        }
    };
    let path = head
        .uri
        .path()
        .strip_prefix(shared.options.prefix.as_str())
        .filter(|path| path.starts_with('/'));
    let call = SeenCall {
        number: 0,
        method: head.method,
        path: path.unwrap_or(head.uri.path()).to_owned(),
        query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        body,
        connection: peer.connection,
    };
    if let Some(player) = &shared.player {
        shared.saw(call.clone());
        let meter = Meter::new(shared.clone(), None, false, 0);
        return match player.take(&call) {
            Ok(take) => take.play(meter, &peer).await,
            Err(refusal) => {
                let reply = reply::unread(refusal, peer.connection);
                respond(reply, &Script::default(), meter, &peer)
            }
        };
    }
    let script = shared.take_script(&call.path).unwrap_or_default();
    let (reply, meter) = planned(&shared, &call, path, &script);
    play(reply, &script, meter, &peer).await
}

enum Unread {
    TooLarge,
    Gone(io::Error),
}

/// A length that is told is believed, so that a body that is too large need not be sent.
async fn collect(body: Incoming) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(Unread::TooLarge);
    }
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Err(error) => Err(Unread::Gone(io::Error::other(error))),
    }
}

fn planned(
    shared: &Arc<Shared>,
    call: &SeenCall,
    path: Option<&str>,
    script: &Script,
) -> (Reply, Meter) {
    let number = shared.saw(call.clone());
    let options = &shared.options;
    let seed = hash(&number.to_le_bytes()) ^ options.seed;
    let setting = Setting {
        seed,
        created: options.created + number,
        script,
        objects: &shared.objects,
    };
    let plan = route::plan(call, path, options.api_key.as_deref(), &setting);
    let embedded = options.keyward_headers && plan.is_ok() && call.path == route::EMBEDDINGS;
    let cache_hit = embedded && shared.saw_embedding(hash(&call.body));
    let lies = shared.lies(&call.path);
    let mut reply = reply::compose(
        plan,
        &Frame {
            script,
            lies: &lies,
            seed,
            keyward: options.keyward_headers,
            cache_hit,
        },
    );
    if let Some(late) = reply.late.take() {
        shared.charge(&late.payer, late.part());
    }
    let meter = Meter::new(
        shared.clone(),
        reply.charge.take(),
        !reply.whole,
        options.cancel_lag_tokens,
    );
    (reply, meter)
}

async fn play(
    reply: Reply,
    script: &Script,
    meter: Meter,
    peer: &Peer,
) -> io::Result<Response<Playback>> {
    if !script.pace.before_headers.is_zero() {
        tokio::time::sleep(script.pace.before_headers).await;
    }
    match script.fault.connection {
        ConnectionFault::NeverAnswer => std::future::pending().await,
        ConnectionFault::CutBeforeHeaders => {
            peer.reset.store(script.fault.reset, Ordering::Release);
            Err(io::Error::from(io::ErrorKind::ConnectionAborted))
        }
        ConnectionFault::None | ConnectionFault::NeverAccept => respond(reply, script, meter, peer),
    }
}

fn respond(
    reply: Reply,
    script: &Script,
    meter: Meter,
    peer: &Peer,
) -> io::Result<Response<Playback>> {
    let body_bytes: usize = reply.pieces.iter().map(|piece| piece.bytes.len()).sum();
    let mut response = Response::new(Playback::new(
        steps::plan(reply.pieces, script),
        meter,
        peer.reset.clone(),
    ));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    if reply.whole {
        response
            .headers_mut()
            .entry(CONTENT_LENGTH)
            .or_insert(body_bytes.into());
    }
    Ok(response)
}
