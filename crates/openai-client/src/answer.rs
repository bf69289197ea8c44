//! The answer to one attempt: status, headers, and a body that is read chunk by chunk or whole, under its time limits.
//!
//! Invariants: a body that failed once never ends cleanly afterwards; `whole` holds at most the bytes it was allowed, and one chunk.
//! Does not know: JSON, SSE, what the status means to a caller.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode, header};
use tokio::time::Sleep;

use crate::attempt_error::{AttemptError, AttemptErrorKind, Phase, UpstreamName};
use crate::transport::TransportBody;

/// An answer whose head has come. Dropping it closes the exchange, so that the upstream may stop generating.
pub struct Answer {
    /// Its status, of any kind.
    pub status: StatusCode,
    /// Its headers as they came.
    pub headers: HeaderMap,
    upstream: UpstreamName,
    body: Body,
    idle: Duration,
    total: Pin<Box<Sleep>>,
}

enum Body {
    Open(TransportBody),
    Ended,
    Failed(AttemptErrorKind),
}

impl Answer {
    pub(crate) fn new(
        upstream: UpstreamName,
        response: http::Response<TransportBody>,
        idle: Duration,
        total: Pin<Box<Sleep>>,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            upstream,
            body: Body::Open(body),
            idle,
            total,
        }
    }

    /// Who answered.
    pub fn upstream(&self) -> &UpstreamName {
        &self.upstream
    }

    /// The upstream's own id of this call, from `x-request-id`.
    pub fn request_id(&self) -> Option<&str> {
        self.headers.get("x-request-id")?.to_str().ok()
    }

    /// What a status other than 2xx means as a failure of the attempt; `None` for 2xx.
    ///
    /// Shape: kind `Status`, with blame and replay safety from the status alone. The body may say more: see
    /// [`ErrorBody`](crate::error_body::ErrorBody).
    pub fn error(&self) -> Option<AttemptError> {
        let failed = !self.status.is_success();
        failed.then(|| {
            AttemptError::new(
                self.upstream.clone(),
                AttemptErrorKind::Status(self.status.as_u16()),
            )
        })
    }

    /// The next chunk as it came; `None` at the proven end of the body. Cancel safe: a dropped wait loses nothing.
    ///
    /// Errors: `Timeout(Idle)`, `Timeout(Total)`, `Stream` where the body broke off, `Malformed`. After an error each further call
    /// gives the same kind again. A body that ends with its connection, without length or chunks, has no proof of its end: there the
    /// reader must know the last event.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, AttemptError> {
        let body = match &mut self.body {
            Body::Open(body) => body,
            Body::Ended => return Ok(None),
            Body::Failed(kind) => return Err(AttemptError::new(self.upstream.clone(), *kind)),
        };
        // The total limit is looked at first: an upstream that is always ready could hide from it.
        let failure = tokio::select! {
            biased;
            () = self.total.as_mut() => self.timed_out(Phase::Total),
            next = tokio::time::timeout(self.idle, body.next()) => match next {
                Ok(Some(Ok(chunk))) => return Ok(Some(chunk)),
                Ok(None) => {
                    self.body = Body::Ended;
                    return Ok(None);
                }
                Ok(Some(Err(error))) => AttemptError::from_transport(self.upstream.clone(), error),
                Err(_) => self.timed_out(Phase::Idle),
            },
        };
        // Replacing the body drops the connection at once.
        self.body = Body::Failed(failure.kind);
        Err(failure)
    }

    /// The whole body. Without a copy where it came in one chunk.
    ///
    /// Units: bytes.
    /// Errors: as [`chunk`](Self::chunk), and `TooLarge` as soon as it is known that more than `bytes_max` are coming.
    pub async fn whole(mut self, bytes_max: usize) -> Result<Bytes, AttemptError> {
        let announced = self.announced_bytes();
        if announced.is_some_and(|bytes| bytes > bytes_max as u64) {
            return Err(self.too_large(bytes_max));
        }
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        if first.len() > bytes_max {
            return Err(self.too_large(bytes_max));
        }
        let Some(second) = self.chunk().await? else {
            return Ok(first);
        };
        // The announced length is at most `bytes_max` here, so an upstream can't make us reserve more than that.
        let capacity = announced
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(first.len() * 2);
        let mut whole = BytesMut::with_capacity(capacity);
        whole.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if whole.len() + chunk.len() > bytes_max {
                return Err(self.too_large(bytes_max));
            }
            whole.extend_from_slice(&chunk);
            next = self.chunk().await?;
        }
        Ok(whole.freeze())
    }

    fn announced_bytes(&self) -> Option<u64> {
        self.headers
            .get(header::CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    }

    fn timed_out(&self, phase: Phase) -> AttemptError {
        AttemptError::new(self.upstream.clone(), AttemptErrorKind::Timeout(phase))
    }

    fn too_large(&self, bytes_max: usize) -> AttemptError {
        AttemptError::new(
            self.upstream.clone(),
            AttemptErrorKind::TooLarge { bytes_max },
        )
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut answer = formatter.debug_struct("Answer");
        answer
            .field("upstream", &self.upstream)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
