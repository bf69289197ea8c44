//! The ledger: entries in, entries and reports out.
//!
//! Invariants: what was recorded is found; an entry is counted once however often it is recorded.
//! Does not know: SQL, who calls, what anything should cost.

use std::pin::Pin;
use std::task::{Context, Poll};

use storage::{EntryRow, EntryWrite, Store, StoreError, StoreErrorKind, StoreHealth};
use uuid::Uuid;

use crate::entry::{Entry, EntryError};
use crate::escrow::Charges;
use crate::report::{Report, ReportQuery};

/// The ledger over a store. A clone is a second handle on the same one.
#[derive(Clone, Debug)]
pub struct Ledger {
    store: Store,
}

/// Why the ledger could not do what was asked. A repeat is always safe.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The same attempt was recorded before with other figures; those stand.
    #[error("record a ledger entry: the attempt is recorded already, with other figures")]
    Conflict,
    /// A value does not fit its stored form, or a stored one is not known.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The last commit failed or the disk falls behind, so new calls must wait: what they cost could not be written down.
    #[error("write the ledger: {message}")]
    NotWritable {
        /// Why the commit failed, or what waits.
        message: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> LedgerError {
        match error.kind {
            StoreErrorKind::Conflict { .. } => LedgerError::Conflict,
            _ => LedgerError::Store(error),
        }
    }
}

/// The promise that a recorded entry will be on disk. Awaiting it waits for that; dropping it changes nothing.
#[derive(Debug)]
#[must_use = "dropping a receipt is fine, but say so: the entry may not be on disk yet"]
pub struct Receipt {
    stored: storage::Receipt,
    clamped: bool,
}

impl Receipt {
    /// Whether the entry had to be cut or clamped to be stored, see [`Entry::storable`]. Worth an alarm: an upstream
    /// reported what cannot be, and the ledger may hold less than it charges.
    #[must_use]
    pub fn clamped(&self) -> bool {
        self.clamped
    }
}

impl Future for Receipt {
    type Output = Result<(), LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.stored)
            .poll(context)
            .map(|outcome| outcome.map(|_| ()).map_err(LedgerError::from))
    }
}

impl Ledger {
    /// A ledger over this store.
    #[must_use]
    pub fn new(store: Store) -> Ledger {
        Ledger { store }
    }

    /// Hands an entry over; it is on disk with the next gathered commit.
    ///
    /// Shape: whatever the entry says, it is made [`storable`](Entry::storable), and [`Receipt::clamped`] tells if that
    /// changed it. While the queue is full this waits, without limit, and drops nothing: who calls it bounds how many
    /// entries are under way, and [`Ledger::writable`] stops new calls before the queue is full. The same entry again is a
    /// no-op. What the reservation's leases held for it is settled in the same transaction, and the entry names the books' lease.
    /// Errors: [`LedgerError::Store`] at once for a row that will never be taken (an adjustment that adjusts nothing), or
    /// when the store is closed; [`LedgerError::Conflict`] comes from the receipt.
    pub async fn record(&self, entry: Entry, charges: Charges) -> Result<Receipt, LedgerError> {
        let (write, clamped) = charged(entry, charges)?;
        let stored = self.store.enqueue_entry(write).await?;
        Ok(Receipt { stored, clamped })
    }

    /// Writes an entry and returns when it is on disk.
    ///
    /// Shape: whether the entry had to be cut or clamped, as [`Receipt::clamped`] tells it. The same entry again is a no-op.
    /// Errors: [`LedgerError::Conflict`] if the attempt was recorded before with other figures.
    pub async fn append(&self, entry: Entry, charges: Charges) -> Result<bool, LedgerError> {
        let (write, clamped) = charged(entry, charges)?;
        self.store.append_entries(vec![write]).await?;
        Ok(clamped)
    }

    /// The entries of a request, by attempt and adjustment.
    ///
    /// Shape: what is on disk. Only if that is nothing, the queue is flushed and the disk asked again: so what was just
    /// recorded is found, and to ask for an old call neither forces a commit nor fails while none succeeds. Of a call that
    /// is under way, later attempts may be missing.
    pub async fn find(&self, request_id: Uuid) -> Result<Vec<Entry>, LedgerError> {
        let request_id = request_id.into_bytes();
        let mut rows = self.store.entries_of_request(request_id).await?;
        if rows.is_empty() {
            self.store.flush().await?;
            rows = self.store.entries_of_request(request_id).await?;
        }
        let entries: Result<Vec<Entry>, EntryError> =
            rows.into_iter().map(Entry::try_from).collect();
        Ok(entries?)
    }

    /// Sums up entries that are on disk, and the part of them that was charged for want of proof.
    pub async fn report(&self, query: ReportQuery) -> Result<Report, LedgerError> {
        let by = query.by;
        let query = storage::UsageQuery::from(query);
        let unproven = self.store.unproven(query.clone()).await?;
        let sums = self.store.usage(query).await?;
        Ok(Report::of(by, sums, unproven)?)
    }

    /// Whether new entries reach the disk at present. Cheap; asked before money is spent.
    ///
    /// Errors: [`LedgerError::NotWritable`] since a commit failed and until one succeeds, while an entry has waited for
    /// [`storage::ENTRY_WAIT_MAX`], and while the queue is nearly full.
    pub fn writable(&self) -> Result<(), LedgerError> {
        match self.store.health() {
            StoreHealth::Writable => Ok(()),
            StoreHealth::Failing { message, .. } => Err(LedgerError::NotWritable { message }),
        }
    }
}

/// An entry as the store takes it, with what it charges, and whether it had to be cut or clamped for that.
fn charged(mut entry: Entry, charges: Charges) -> Result<(EntryWrite, bool), EntryError> {
    entry.lease_id = charges.lease_id().or(entry.lease_id);
    let (entry, clamped) = entry.storable();
    Ok((charges.of(EntryRow::try_from(entry)?), clamped))
}
