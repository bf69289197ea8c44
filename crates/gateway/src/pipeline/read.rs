//! Step 3: the body, whole and within its limits.
//!
//! Invariants: no more than the limit is ever held; a body that stalls is given up.
//! Does not know: what the fields mean.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use config::Server;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;

use crate::status::Refusal;

/// How much of a refused body is read on.
const DISCARDED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// For how long.
const DISCARDING_MAX: Duration = Duration::from_secs(2);
/// How much room is made in advance on the word of `Content-Length`.
const PREALLOCATED_BYTES_MAX: usize = 64 * 1024;

/// Collects the body of a JSON request.
///
/// Errors: wrong content type, longer than the limit (said before reading where the length is declared), too slow, or broken off.
pub(crate) async fn body<B>(headers: &HeaderMap, body: B, limits: &Server) -> Result<Bytes, Refusal>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    if !is_json(headers) {
        return Err(Refusal::ContentType);
    }
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limits.body_bytes_max) {
        return Err(Refusal::BodyTooLarge(limits.body_bytes_max));
    }
    let collected = collect(body, declared.unwrap_or(0), limits.body_bytes_max);
    let mut collected = std::pin::pin!(collected);
    // Most bodies are here with their head, and need no timer.
    if let Poll::Ready(body) =
        poll_fn(|context| Poll::Ready(collected.as_mut().poll(context))).await
    {
        return body;
    }
    tokio::time::timeout(limits.body_timeout, collected)
        .await
        .map_err(|_| Refusal::BodyTimeout)?
}

async fn collect<B>(mut body: B, declared: usize, bytes_max: usize) -> Result<Bytes, Refusal>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut whole: Option<BytesMut> = None;
    let mut first: Option<Bytes> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::BodyBroken)?.into_data() else {
            continue;
        };
        let held = whole.as_ref().map_or(0, BytesMut::len) + first.as_ref().map_or(0, Bytes::len);
        if held + data.len() > bytes_max {
            return Err(Refusal::BodyTooLarge(bytes_max));
        }
        // Most bodies come in one piece, which is then taken without a copy.
        match (&mut whole, first.take()) {
            (None, None) => first = Some(data),
            (None, Some(before)) => {
                let mut bytes = BytesMut::with_capacity(declared.clamp(
                    before.len() + data.len(),
                    PREALLOCATED_BYTES_MAX.max(before.len() + data.len()),
                ));
                bytes.extend_from_slice(&before);
                bytes.extend_from_slice(&data);
                whole = Some(bytes);
            }
            (Some(bytes), _) => bytes.extend_from_slice(&data),
        }
    }
    Ok(whole.map(BytesMut::freeze).or(first).unwrap_or_default())
}

/// Reads on in the body of a request that is refused, for a while, and forgets it: a connection that is closed on a caller who is still
/// sending looks to it like a broken one, and it would not read the refusal.
pub(crate) async fn discard<B>(body: &mut B)
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let rest = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > DISCARDED_BYTES_MAX {
                return;
            }
        }
    };
    // Whoever takes longer gets the broken connection.
    let _ = tokio::time::timeout(DISCARDING_MAX, rest).await;
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    value
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// What serde_json says of a body that is not one object; it names places, never content.
#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function for map_err"
)]
pub(crate) fn not_an_object(error: serde_json::Error) -> Refusal {
    let words = error.to_string();
    Refusal::InvalidJson(if words.starts_with("invalid type") {
        "the outermost value is not an object".to_owned()
    } else {
        words
    })
}
