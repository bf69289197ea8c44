//! What the upstream said, judged: whose fault it is, what it proves about money, what of it a caller may see.
//!
//! Invariants: an answer to keyward's own key, and a redirect, never reach a caller; every other error body is scrubbed first.
//! Does not know: callers, the ledger.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use openai_client::usage::{BodyKind, Usage};
use openai_client::wire::{AnswerHead, HostedCalls, Malformed};
use openai_client::{Answer, AttemptError, AttemptErrorKind, Blame, Call, Replay, Upstream};
use privacy::Scrubber;
use resilience::{Classify, Verdict};

use crate::headers;
use crate::settlement::Outcome;
use crate::shared::Shared;
use crate::status::Refusal;

/// The longest whole answer that is taken: embeddings of 2,048 inputs at 3,072 dimensions in decimal are about 90 MiB.
pub(crate) const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;
/// The longest error body that is passed on.
const ERROR_BYTES_MAX: usize = 1024 * 1024;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) head: Head,
}

/// What a whole answer says that money depends on.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) model: Option<String>,
    pub(crate) service_tier: Option<String>,
    pub(crate) usage: Option<Usage>,
    /// Hosted tools that stand in no usage.
    pub(crate) hosted_calls: HostedCalls,
    /// An error where an answer should be; some servers send it with status 200.
    pub(crate) is_error: bool,
}

/// Why an attempt gave no good answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No status line came.
    NoAnswer(AttemptError),
    /// The body broke off, stalled or was too long.
    Cut(StatusCode, AttemptError),
    /// A status that is no success.
    Status(StatusCode, HeaderMap, Bytes),
    /// A success whose body is not what its kind requires.
    Malformed(StatusCode, Malformed),
}

/// A call that owns its path, so that it can outlive the request it came from.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Prepared {
    /// Sends it.
    pub(crate) async fn send(self, upstream: &Upstream) -> Result<Answer, AttemptError> {
        let Self {
            method,
            path,
            headers,
            body,
        } = self;
        upstream
            .send(Call {
                method,
                path: &path,
                headers,
                body,
            })
            .await
    }
}

/// Sends one call and collects its whole answer.
pub(crate) async fn fetch(
    upstream: &Upstream,
    call: Prepared,
    kind: BodyKind,
) -> Result<Whole, Failure> {
    let answer = call.send(upstream).await.map_err(Failure::NoAnswer)?;
    collect(answer, kind).await
}

/// Collects the whole body of an answer whose head is here.
pub(crate) async fn collect(answer: Answer, kind: BodyKind) -> Result<Whole, Failure> {
    let (status, headers) = (answer.status, answer.headers.clone());
    let bytes_max = if status.is_success() {
        ANSWER_BYTES_MAX
    } else {
        ERROR_BYTES_MAX
    };
    let body = answer
        .whole(bytes_max)
        .await
        .map_err(|error| Failure::Cut(status, error))?;
    if !status.is_success() {
        return Err(Failure::Status(status, headers, body));
    }
    let head = AnswerHead::read(kind, &body).map_err(|error| Failure::Malformed(status, error))?;
    let head = Head {
        model: head.model.map(Into::into),
        service_tier: head.service_tier.map(Into::into),
        usage: head.usage,
        hosted_calls: head.hosted_calls,
        is_error: head.error.is_some(),
    };
    Ok(Whole {
        status,
        headers,
        body,
        head,
    })
}

/// What the breaker is to make of a result.
pub(crate) fn verdict(result: &Result<Whole, Failure>) -> Verdict {
    result
        .as_ref()
        .map_or_else(Classify::verdict, |_| Verdict::Success)
}

/// What the breaker is to make of an error without an answer.
pub(crate) fn error_verdict(error: &AttemptError) -> Verdict {
    if error.blame == Blame::Upstream {
        Verdict::Failure
    } else {
        Verdict::Ignored
    }
}

impl Classify for Failure {
    fn verdict(&self) -> Verdict {
        match self {
            Self::NoAnswer(error) => error_verdict(error),
            Self::Malformed(..) => Verdict::Failure,
            // What a client error says of the upstream's health does not depend on whether its body came whole.
            Self::Cut(status, _) | Self::Status(status, ..) if status.is_client_error() => {
                Verdict::Ignored
            }
            Self::Cut(_, error) => error_verdict(error),
            Self::Status(status, ..) if status.is_server_error() => Verdict::Failure,
            Self::Status(..) => Verdict::Ignored,
        }
    }
}

impl Failure {
    /// How the ledger calls it.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::NoAnswer(error) if error.replay == Replay::Safe => Outcome::ConnectFailed,
            Self::Cut(status, _) if is_proven_free(*status) => Outcome::Refused,
            Self::NoAnswer(error) | Self::Cut(_, error)
                if matches!(error.kind, AttemptErrorKind::Timeout(_)) =>
            {
                Outcome::Timeout
            }
            Self::NoAnswer(_) | Self::Malformed(..) => Outcome::Broken,
            // Most 4xx prove that nothing ran, even where the body broke off.
            Self::Cut(status, _) | Self::Status(status, ..) if is_proven_free(*status) => {
                Outcome::Refused
            }
            Self::Cut(..) => Outcome::Broken,
            Self::Status(..) => Outcome::UpstreamError,
        }
    }

    /// The upstream's status for the ledger; 0 where none came.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::NoAnswer(_) => 0,
            Self::Cut(status, _) | Self::Status(status, ..) | Self::Malformed(status, _) => {
                status.as_u16()
            }
        }
    }

    /// What the caller gets: the upstream's own error, scrubbed, where it is the caller's business; else a refusal of ours.
    pub(crate) fn into_answer(
        self,
        shared: &Shared,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Refusal> {
        match self {
            Self::NoAnswer(error) => Err(refusal(&error)),
            Self::Cut(status, _)
                if status.is_client_error() && headers::is_callers_business(status) =>
            {
                let mut answer = HeaderMap::new();
                answer.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                let object = Refusal::UpstreamErrorUnreadable.error_object();
                Ok((status, answer, Bytes::from(object)))
            }
            Self::Cut(_, error) => Err(refusal(&error)),
            Self::Malformed(_, error) => {
                tracing::warn!(%error, "the upstream's answer was malformed");
                Err(Refusal::UpstreamMalformed)
            }
            Self::Status(status, ..) if status.is_redirection() => Err(Refusal::UpstreamRedirect),
            Self::Status(status, upstream, body) if headers::is_callers_business(status) => {
                let mut answer = headers::to_caller(&upstream, &shared.upstream);
                answer
                    .entry(CONTENT_TYPE)
                    .or_insert(HeaderValue::from_static("application/json"));
                Ok((status, answer, scrubbed(&body, &shared.scrubber)))
            }
            Self::Status(status, ..) => {
                tracing::error!(
                    status = status.as_u16(),
                    "the upstream refused keyward's own key"
                );
                Err(Refusal::UpstreamCredentials)
            }
        }
    }
}

/// Whether a status proves that the upstream ran nothing.
fn is_proven_free(status: StatusCode) -> bool {
    AttemptErrorKind::Status(status.as_u16()).replay() == Replay::Safe
}

/// Bytes on their way to a caller, whatever they are: as they came, unless the upstream's key stands in them.
pub(crate) fn without_key(shared: &Shared, bytes: Bytes) -> Bytes {
    if shared.upstream.key_stands_in(&bytes) {
        scrubbed(&bytes, &shared.scrubber)
    } else {
        bytes
    }
}

/// A body without keys.
pub(crate) fn scrubbed(body: &[u8], scrubber: &Scrubber) -> Bytes {
    Bytes::from(scrubber.scrub_line(body).into_owned())
}

/// What a caller is told of an attempt that failed.
pub(crate) fn refusal(error: &AttemptError) -> Refusal {
    tracing::warn!(%error, "an attempt failed");
    match error.kind {
        _ if error.replay == Replay::Safe => Refusal::UpstreamUnreachable,
        AttemptErrorKind::Timeout(_) => Refusal::UpstreamTimeout,
        _ => Refusal::UpstreamBroken,
    }
}
