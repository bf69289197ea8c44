//! What must survive a restart: virtual keys, budgets and the ledger, as operations over plain rows.
//!
//! A [`Store`] is opened once and cloned freely. Callers hand it rows of integers and strings and never see SQL: the same
//! operations stand before one SQLite file on a local disk ([`Store::open`]) and before a PostgreSQL server that several
//! servers of ours share ([`Store::connect`]).
//!
//! - **Writing** of entries goes through one writer. [`Store::enqueue_entry`] returns when the entry has a place in the
//!   queue; the writer gathers entries for a few milliseconds and commits them together, which is what makes a ledger
//!   cheap. [`Store::append_entries`] and [`Store::flush`] wait for the disk and cut the gathering short.
//! - **Failing** disks lose nothing while the process lives: every receipt is told, the entries stay queued and are
//!   tried again, and [`Store::health`] says so, cheaply enough to be asked on each request. It says the same of a disk
//!   that hangs or falls behind without any error. A caller that must not run ahead of its ledger stops when it reads
//!   `Failing`.
//! - **Repeats** are safe: an entry is known by request, attempt and adjustment, and counts once. Only
//!   [`Store::insert_key`] reports a repeat, as a conflict. A repeated grant grants again, within the limit, and its totals
//!   tell the owner of the lease what it did not know of.
//! - **Reports** come from daily sums that are written in the same transaction as the entries.
//! - **Budgets** hold by leases. An instance ([`Store::open_instance`]) is granted money ([`Store::grant`]) only while
//!   settled + leased stays within the limit of the window, and cuts its reservations from that in memory. An entry that
//!   carries its leases ([`EntryWrite`]) settles them in its own transaction, once. What a dead instance held is charged
//!   ([`Store::write_off_dead`]), and an entry that comes late takes back from that. The arithmetic of each step is
//!   [`WindowSums`], apart from any database.
//! - **Sharing** of SQLite: one server, by a lock file beside the database, and any number of short-lived commands.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use storage::{Appended, EntryRow, OpenOptions, Role, Store, UsageBy, UsageQuery};
//!
//! let directory = tempfile::tempdir()?;
//! let path = directory.path().join("ledger.db");
//! let store = Store::open(OpenOptions { path, role: Role::Server, gather: Duration::from_millis(2) }).await?;
//!
//! let entry = EntryRow {
//!     request_id: [1; 16],
//!     attempt: 1,
//!     model: "text-embedding-ada-002".to_owned(),
//!     input_tokens: 16,
//!     cost_pico_usd: 1_600_000,
//! #   entry_id: 0, adjustment: 0, adjusts: None, state: "reported".to_owned(), at_ms: 0, window_day: 20_000,
//! #   lease_id: None, key_id: "key_1".to_owned(), project: "search".to_owned(), endpoint: "embeddings".to_owned(),
//! #   model_served: None, upstream: "openai".to_owned(), service_tier: None, price_row: None,
//! #   cached_input_tokens: 0, cache_write_30m_tokens: 0, cache_write_12h_tokens: 0, output_tokens: 0,
//! #   reasoning_tokens: 0, other_usage: None, status: 200, outcome: "finished".to_owned(), cached: false,
//! #   stream: false, latency_ms: 5, first_chunk_ms: None, end_user: None, tags: Vec::new(),
//!     // … and the rest of the columns.
//! };
//! let receipt = store.enqueue_entry(entry.clone()).await?;
//! let first = receipt.await?; // on disk now
//! assert!(matches!(first, Appended::New { .. }));
//!
//! // The same entry again counts once.
//! let again = store.append_entries(vec![entry]).await?;
//! assert_eq!(again, [Appended::Duplicate { entry_id: first.entry_id() }]);
//!
//! let usage = store.usage(UsageQuery::all(UsageBy::Model)).await?;
//! assert_eq!((usage[0].requests, usage[0].cost_pico_usd), (1, 1_600_000));
//! store.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Invariants: an entry that was acknowledged is on disk, and so is a grant; daily sums equal the sum of the entries; what
//! a window has leased is the sum of what remains of its leases. SQL text stands in
//! this crate alone.
//! Does not know: prices, secrets, HTTP; any other crate of the workspace.

mod budget_rows;
mod daily_sums;
mod error;
mod escrow_sums;
mod grant_sheet;
mod health;
mod limits;
mod lost;
mod postgres;
mod queue;
mod receipt;
mod rows;
mod sqlite;
mod store;
mod windows;

pub use budget_rows::{
    AlertRow, BOOKS, Beat, BudgetRow, BudgetSet, BudgetState, EntryWrite, GrantAnswer, Granted,
    InstanceRow, LeaseRow, Recall, Return, Scope, ScopeAnswer, ScopeAsk, Short, UnprovenRow, Want,
    WindowRow, WrittenOff,
};
pub use error::{StoreError, StoreErrorKind};
pub use escrow_sums::{Charge, LeaseSums, WindowSums};
pub use limits::{
    LEASES_MAX, LIST_MAX, OBJECTS_MAX, SCOPES_MAX, TEXT_BYTES_MAX, TOKENS_MAX, WANTS_MAX,
};
pub use postgres::{CALL_MAX, CONNECTIONS_MAX, PostgresStore};
pub use queue::{
    ENTRIES_WAITING_MAX, ENTRIES_WAITING_WRITABLE_MAX, ENTRY_WAIT_MAX, PLACE_WAIT_MAX,
};
pub use receipt::Receipt;
pub use rows::{
    Appended, EntryRow, KeyRevocation, KeyRow, ObjectRow, StoreHealth, UsageBy, UsageQuery,
    UsageRow,
};
pub use sqlite::SqliteStore;
pub use sqlite::disk::{Disk, DiskStep, RealDisk};
pub use store::{OpenOptions, PostgresOptions, Role, Seams, Store, Wall};
pub use windows::{WindowKind, day_of};
