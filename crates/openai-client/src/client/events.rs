//! The events of an answer that is still coming, and how far it is.
//!
//! Invariants: a stream that failed once never ends cleanly afterwards.
//! Does not know: what the events say.

use std::time::Duration;

use futures_util::FutureExt;
use http::HeaderMap;

use crate::answer::Answer;
use crate::attempt_error::{AttemptError, AttemptErrorKind};
use crate::client::Client;
use crate::client::error::ClientError;
use crate::error_body::ErrorBody;
use crate::sse::{Frame, SseFramer};

/// An open answer. Dropping it ends the call.
#[derive(Debug)]
pub(super) struct Events {
    client: Client,
    answer: Answer,
    framer: SseFramer,
    state: State,
    started: Duration,
    latency: Duration,
    first_chunk: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Failed,
}

impl Events {
    /// The events of `answer`, whose call was sent when it was `started`.
    pub(super) fn new(client: Client, answer: Answer, started: Duration) -> Self {
        Self {
            client,
            answer,
            framer: SseFramer::new(),
            state: State::Open,
            started,
            latency: Duration::ZERO,
            first_chunk: None,
        }
    }

    /// Whether more may come.
    ///
    /// Errors: that the stream was cut, once it has failed.
    pub(super) fn is_open(&self) -> Result<bool, ClientError> {
        match self.state {
            State::Open => Ok(true),
            State::Ended => Ok(false),
            State::Failed => Err(self.cut()),
        }
    }

    /// Takes note of a step of the caller's, or of the end, and when it was.
    pub(super) fn note<T>(
        &mut self,
        step: &Result<Option<T>, ClientError>,
        says_something: impl FnOnce(&T) -> bool,
    ) {
        self.latency = self.client.now().saturating_sub(self.started);
        match step {
            Ok(Some(step)) if self.first_chunk.is_none() && says_something(step) => {
                self.first_chunk = Some(self.latency)
            }
            Ok(Some(_)) => {}
            Ok(None) => self.state = State::Ended,
            Err(_) => self.state = State::Failed,
        }
    }

    /// The next event as it came; `None` at the end of the body. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, ClientError> {
        loop {
            if let Some(frame) = self.framer.next_frame() {
                return Ok(Some(frame));
            }
            match self.answer.chunk().await? {
                Some(chunk) => self
                    .framer
                    .push(chunk)
                    .map_err(|_| ClientError::Unexpected("one of its events is too long"))?,
                None => return Ok(None),
            }
        }
    }

    /// Behind the last event. The end of the body is mostly here already; seeing it gives the connection back to the pool.
    pub(super) fn close(&mut self) {
        let _ = self.answer.chunk().now_or_never();
    }

    /// The error for a stream that ended before its answer did.
    pub(super) fn cut(&self) -> ClientError {
        AttemptError::new(self.answer.upstream().clone(), AttemptErrorKind::Stream).into()
    }

    /// The error for what the upstream said inside the stream.
    pub(super) fn refused(&self, said: ErrorBody) -> ClientError {
        let (status, headers): (u16, &HeaderMap) =
            (self.answer.status.as_u16(), &self.answer.headers);
        self.client.api_error(status, headers, said)
    }

    /// From sending to the latest step.
    pub(super) fn latency(&self) -> Duration {
        self.latency
    }

    /// From sending to now.
    pub(super) fn elapsed(&self) -> Duration {
        self.client.now().saturating_sub(self.started)
    }

    /// From sending to the first step that said something.
    pub(super) fn first_chunk(&self) -> Option<Duration> {
        self.first_chunk
    }
}
