//! What an operation tells a breaker, and what a breaker tells the caller.
//!
//! Invariants: an outcome is judged by the error type itself, so that a breaker needs no table of errors.
//! Does not know: how states change.

use std::time::Duration;

/// What one operation says about the health of what it called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It answered as it should.
    Success,
    /// It failed by its own fault: an error of the server, a timeout, a cut stream, no connection.
    Failure,
    /// Nothing was learned: the caller's own mistake, or nobody waited for the end.
    Ignored,
}

/// Implemented by the error of an operation, to say whether it speaks against the upstream. `Ok` is a success.
pub trait Classify {
    /// The verdict of this error; usually [`Verdict::Failure`] or [`Verdict::Ignored`].
    fn verdict(&self) -> Verdict;
}

/// A breaker let nothing through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("call an upstream whose circuit breaker is open, retry after {} ms", retry_after.as_millis())]
pub struct Open {
    /// When another try may be let through, from now. Exact while open; while probes are out it is a guess, at most a
    /// second.
    pub retry_after: Duration,
}

/// Why [`CircuitBreaker::call`](crate::CircuitBreaker::call) has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError<E> {
    /// The operation was not run.
    #[error(transparent)]
    Open(Open),
    /// The operation ran and failed; its error as it came.
    #[error(transparent)]
    Operation(E),
}
