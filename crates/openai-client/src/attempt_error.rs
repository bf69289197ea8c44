//! Why one upstream attempt failed: a kind to branch on, who is to blame, and whether a repeat is safe.
//!
//! Invariants: no error holds a key, a prompt or a full URL, neither itself nor in its sources; `Replay::Safe` only where it is
//! proven that the upstream did not run the call.
//! Does not know: HTTP answers to callers, retry rules.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use crate::transport::{TransportError, TransportErrorKind};

/// What an upstream is called in logs, errors and ledger entries. A clone is cheap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamName(Arc<str>);

impl UpstreamName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for UpstreamName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for UpstreamName {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for UpstreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why one upstream attempt failed.
#[derive(Debug, thiserror::Error)]
#[error("attempt on {upstream} failed: {kind}")]
pub struct AttemptError {
    /// The upstream that was tried.
    pub upstream: UpstreamName,
    /// What went wrong.
    pub kind: AttemptErrorKind,
    /// Who can mend it.
    pub blame: Blame,
    /// Whether the same call may be sent again without running twice.
    pub replay: Replay,
    /// The error below, free of URLs.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// What went wrong in an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AttemptErrorKind {
    /// The call could not be written as an HTTP request; nothing was sent.
    #[error("the call cannot be written as a request")]
    Unsendable,
    /// No connection came about (name, TCP or TLS); nothing was sent.
    #[error("no connection could be made")]
    Connect,
    /// A time limit passed.
    #[error("the time limit for {0} passed")]
    Timeout(Phase),
    /// The connection broke after the request may have been sent and before a complete answer head came.
    #[error("the connection broke before an answer came")]
    Unanswered,
    /// The upstream answered with this status; made by [`Answer::error`](crate::Answer::error).
    #[error("the upstream answered with status {0}")]
    Status(u16),
    /// The body broke off before its end.
    #[error("the answer was cut before its end")]
    Stream,
    /// The body is longer than the limit that was asked for.
    #[error("the answer is longer than {bytes_max} bytes")]
    TooLarge {
        /// The limit that was passed.
        bytes_max: usize,
    },
    /// What came back is not HTTP, or not what its headers say.
    #[error("the answer is malformed")]
    Malformed,
}

/// Which time limit passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Phase {
    /// Making the connection.
    #[error("connecting")]
    Connect,
    /// From the start of the attempt to the head of the answer.
    #[error("the first byte")]
    FirstByte,
    /// Between two chunks of the body.
    #[error("the next chunk")]
    Idle,
    /// The whole attempt.
    #[error("the whole attempt")]
    Total,
}

/// Who can mend a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The one who made the call.
    Caller,
    /// The one who runs this program: a wrong key, a wrong base URL.
    Gateway,
    /// The upstream or the way to it.
    Upstream,
}

/// Whether a call may be sent again without running twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Replay {
    /// Proven: the upstream did not run it.
    Safe,
    /// The upstream may have run it, and may bill it.
    MayHaveRun,
}

impl AttemptError {
    /// An error of `kind`; blame and replay safety follow from it.
    pub fn new(upstream: UpstreamName, kind: AttemptErrorKind) -> Self {
        Self {
            upstream,
            kind,
            blame: kind.blame(),
            replay: kind.replay(),
            source: None,
        }
    }

    pub(crate) fn from_transport(upstream: UpstreamName, error: TransportError) -> Self {
        let kind = match error.kind {
            TransportErrorKind::Unsendable => AttemptErrorKind::Unsendable,
            TransportErrorKind::Connect => AttemptErrorKind::Connect,
            TransportErrorKind::ConnectTimeout => AttemptErrorKind::Timeout(Phase::Connect),
            TransportErrorKind::Unanswered => AttemptErrorKind::Unanswered,
            TransportErrorKind::Cut => AttemptErrorKind::Stream,
            TransportErrorKind::Malformed => AttemptErrorKind::Malformed,
        };
        Self {
            source: Some(Box::new(error)),
            ..Self::new(upstream, kind)
        }
    }
}

impl AttemptErrorKind {
    /// Who can mend a failure of this kind.
    pub fn blame(self) -> Blame {
        match self {
            Self::Unsendable => Blame::Gateway,
            Self::Status(status) => status_blame(status),
            Self::Connect
            | Self::Timeout(_)
            | Self::Unanswered
            | Self::Stream
            | Self::TooLarge { .. }
            | Self::Malformed => Blame::Upstream,
        }
    }

    /// Whether a call that failed so may be sent again without running twice.
    pub fn replay(self) -> Replay {
        match self {
            Self::Unsendable | Self::Connect | Self::Timeout(Phase::Connect) => Replay::Safe,
            Self::Status(status) => status_replay(status),
            Self::Timeout(Phase::FirstByte | Phase::Idle | Phase::Total)
            | Self::Unanswered
            | Self::Stream
            | Self::TooLarge { .. }
            | Self::Malformed => Replay::MayHaveRun,
        }
    }
}

/// A redirect means a wrong base URL; 401 to 403 speak of our key, not of the caller's.
fn status_blame(status: u16) -> Blame {
    match status {
        300..=399 | 401..=403 | 407 => Blame::Gateway,
        408 | 409 | 425 | 429 => Blame::Upstream,
        400..=499 => Blame::Caller,
        _ => Blame::Upstream,
    }
}

/// A refusal proves that nothing ran. 408, 409 and 499 do not: they may come from a proxy that gave up on a call under way.
fn status_replay(status: u16) -> Replay {
    let unclear = [StatusCode::REQUEST_TIMEOUT, StatusCode::CONFLICT];
    let refused =
        (300..499).contains(&status) && !unclear.iter().any(|code| code.as_u16() == status);
    if refused {
        Replay::Safe
    } else {
        Replay::MayHaveRun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, blame: Blame, replay: Replay) {
        let error = AttemptError::new("main".into(), AttemptErrorKind::Status(status));
        assert_eq!(
            (error.blame, error.replay),
            (blame, replay),
            "status {status}"
        );
    }

    #[test]
    fn a_status_tells_who_can_mend_it_and_whether_it_ran() {
        check(302, Blame::Gateway, Replay::Safe);
        check(400, Blame::Caller, Replay::Safe);
        check(401, Blame::Gateway, Replay::Safe);
        check(403, Blame::Gateway, Replay::Safe);
        check(404, Blame::Caller, Replay::Safe);
        check(408, Blame::Upstream, Replay::MayHaveRun);
        check(409, Blame::Upstream, Replay::MayHaveRun);
        check(429, Blame::Upstream, Replay::Safe);
        check(499, Blame::Caller, Replay::MayHaveRun);
        check(500, Blame::Upstream, Replay::MayHaveRun);
        check(503, Blame::Upstream, Replay::MayHaveRun);
        check(200, Blame::Upstream, Replay::MayHaveRun);
    }

    #[test]
    fn only_what_never_left_is_safe_to_send_again() {
        use AttemptErrorKind as Kind;
        for kind in [
            Kind::Unsendable,
            Kind::Connect,
            Kind::Timeout(Phase::Connect),
        ] {
            assert_eq!(kind.replay(), Replay::Safe, "{kind}");
        }
        let phases = [Phase::FirstByte, Phase::Idle, Phase::Total].map(Kind::Timeout);
        let others = [
            Kind::Unanswered,
            Kind::Stream,
            Kind::TooLarge { bytes_max: 1 },
            Kind::Malformed,
        ];
        for kind in phases.into_iter().chain(others) {
            assert_eq!(kind.replay(), Replay::MayHaveRun, "{kind}");
        }
    }
}
