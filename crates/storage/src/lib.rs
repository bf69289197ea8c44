//! What must survive a restart: virtual keys and the ledger, as operations over plain rows.
//!
//! Invariants: an entry that was acknowledged is on disk; daily sums equal the sum of the entries.
//! Does not know: money, prices, HTTP; any other crate of the workspace.

mod error;
mod limits;
mod rows;
mod sqlite;
mod store;

pub use error::{StoreError, StoreErrorKind};
pub use limits::{LIST_MAX, TEXT_BYTES_MAX, TOKENS_MAX};
pub use rows::{
    Appended, EntryRow, KeyRevocation, KeyRow, StoreHealth, UsageBy, UsageQuery, UsageRow,
};
pub use sqlite::disk::{Disk, DiskStep, RealDisk};
pub use sqlite::{ENTRIES_WAITING_MAX, PLACE_WAIT_MAX, Receipt, SqliteStore};
pub use store::{OpenOptions, Role, Store};
