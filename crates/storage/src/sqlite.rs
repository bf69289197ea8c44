//! The store on one SQLite file.
//!
//! Invariants: one writer.
//! Does not know: what rows mean.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::{StoreError, StoreErrorKind};
use crate::rows::{Appended, EntryRow, KeyRevocation, KeyRow, StoreHealth, UsageQuery, UsageRow};
use crate::store::OpenOptions;

/// A store on one SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteStore {}

/// The outcome of an enqueued entry, to be awaited or dropped.
#[derive(Debug)]
pub struct Receipt {
    outcome: tokio::sync::oneshot::Receiver<Result<Appended, StoreError>>,
}

impl Future for Receipt {
    type Output = Result<Appended, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.outcome).poll(context).map(|outcome| {
            outcome.unwrap_or_else(|_| Err(StoreError::new("append entry", StoreErrorKind::Closed)))
        })
    }
}

fn closed<T>(operation: &'static str) -> Result<T, StoreError> {
    Err(StoreError::new(operation, StoreErrorKind::Closed))
}

impl SqliteStore {
    pub(crate) async fn open(_options: OpenOptions) -> Result<SqliteStore, StoreError> {
        closed("open the database")
    }
    pub(crate) async fn insert_key(&self, _row: KeyRow) -> Result<(), StoreError> {
        closed("insert key")
    }
    pub(crate) async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        closed("read keys")
    }
    pub(crate) async fn revoke_key(
        &self,
        _id: &str,
        _at_ms: i64,
    ) -> Result<KeyRevocation, StoreError> {
        closed("revoke key")
    }
    pub(crate) async fn epoch(&self) -> Result<i64, StoreError> {
        closed("read epoch")
    }
    pub(crate) async fn enqueue_entry(&self, _row: EntryRow) -> Result<Receipt, StoreError> {
        closed("enqueue entry")
    }
    pub(crate) async fn append_entries(
        &self,
        _rows: Vec<EntryRow>,
    ) -> Result<Vec<Appended>, StoreError> {
        closed("append entries")
    }
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        closed("flush")
    }
    pub(crate) async fn entries_of_request(
        &self,
        _request_id: [u8; 16],
    ) -> Result<Vec<EntryRow>, StoreError> {
        closed("read entries")
    }
    pub(crate) async fn usage(&self, _query: UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        closed("read usage")
    }
    pub(crate) fn health(&self) -> StoreHealth {
        StoreHealth::Writable
    }
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
