//! The outcome of an entry on its way to the database, and what both writers say and do when it does not get there.
//!
//! Invariants: a receipt always ends; one that nobody keeps costs nothing.
//! Does not know: which database.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::{StoreError, StoreErrorKind};
use crate::rows::Appended;

/// The name of appending in errors.
pub(crate) const APPEND: &str = "append ledger entries";
/// The first pause after a commit that failed; doubles up to the next.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest pause between two tries.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);

pub(crate) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// The outcome of an enqueued entry, to be awaited or dropped.
#[derive(Debug)]
pub struct Receipt {
    outcome: oneshot::Receiver<Result<Appended, StoreError>>,
}

impl Receipt {
    pub(crate) fn new(outcome: oneshot::Receiver<Result<Appended, StoreError>>) -> Receipt {
        Receipt { outcome }
    }
}

impl Future for Receipt {
    type Output = Result<Appended, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = Pin::new(&mut self.outcome).poll(context);
        outcome.map(|outcome| outcome.unwrap_or_else(|_| Err(closed(APPEND))))
    }
}

/// The error for an answer that never came: the writer is gone.
pub(crate) fn closed(operation: &'static str) -> StoreError {
    StoreError::new(operation, StoreErrorKind::Closed)
}

/// How long a writer waits before its next try.
pub(crate) fn retry_pause(commits_failed: u32) -> Duration {
    let doublings = commits_failed.saturating_sub(1).min(10);
    RETRY_PAUSE_MIN
        .saturating_mul(1 << doublings)
        .min(RETRY_PAUSE_MAX)
}
