//! The store as callers see it: operations over plain rows, whatever database lies beneath.
//!
//! Invariants: a repeat of any operation is safe; none blocks the runtime.
//! Does not know: SQL.

mod budgets;
mod objects;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::budget_rows::EntryWrite;
use crate::error::StoreError;
use crate::postgres::PostgresStore;
use crate::receipt::Receipt;
use crate::rows::{Appended, EntryRow, KeyRevocation, KeyRow, StoreHealth, UsageQuery, UsageRow};
use crate::sqlite::SqliteStore;
use crate::sqlite::disk::{Disk, RealDisk};

/// How to open a store.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The database file; missing directories are made, readable by their owner only.
    pub path: PathBuf,
    /// Who opens it.
    pub role: Role,
    /// How long the writer gathers entries before it commits when nobody waits; 2 to 5 ms.
    pub gather: Duration,
}

/// How to connect to a database server.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `postgresql://user:password@host:5432/database`, with `sslmode` and `application_name` as parameters. Straight to
    /// the server or to a pooler that keeps sessions: a pooler that shares them between transactions forgets settings.
    pub url: SecretString,
    /// Who connects. Servers may be many.
    pub role: Role,
    /// As in [`OpenOptions::gather`].
    pub gather: Duration,
}

/// Who opens a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A server: migrates. On SQLite the only one: holds the lock file for life.
    Server,
    /// A command beside it: migrates only if no server runs.
    Command,
}

/// A wall clock, in milliseconds since 1970-01-01 UTC.
pub type Wall = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Where tests get in between the store and the world.
#[derive(Clone)]
pub struct Seams {
    /// Stands before the disk.
    pub disk: Arc<dyn Disk>,
    /// Stands for the database's clock; `None`: the clock of the machine, or of the database server.
    pub wall: Option<Wall>,
}

impl Default for Seams {
    fn default() -> Seams {
        Seams {
            disk: Arc::new(RealDisk),
            wall: None,
        }
    }
}

impl fmt::Debug for Seams {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seams")
    }
}

/// What must survive a restart. A clone is a second handle on the same store.
#[derive(Clone, Debug)]
pub enum Store {
    /// One SQLite file on a local disk.
    Sqlite(SqliteStore),
    /// A PostgreSQL server that several servers of ours share.
    Postgres(PostgresStore),
}

impl Store {
    /// Opens the database, makes it if it is missing, and brings its tables up to date.
    ///
    /// Errors: `Held`, `Schema`, `NetworkFileSystem`, `Disk`, `Damaged`.
    pub async fn open(options: OpenOptions) -> Result<Store, StoreError> {
        Store::open_with(options, Seams::default()).await
    }

    /// The same with something before the disk that may refuse its steps: the seam for tests of faults.
    pub async fn open_on(options: OpenOptions, disk: Arc<dyn Disk>) -> Result<Store, StoreError> {
        let seams = Seams {
            disk,
            ..Seams::default()
        };
        Store::open_with(options, seams).await
    }

    /// The same with everything that a test may want to put in the place of the world.
    pub async fn open_with(options: OpenOptions, seams: Seams) -> Result<Store, StoreError> {
        Ok(Store::Sqlite(SqliteStore::open(options, seams).await?))
    }

    /// Connects to a database server, makes its tables if they are missing, and brings them up to date.
    ///
    /// Errors: `Unavailable`, `Schema`.
    pub async fn connect(options: PostgresOptions) -> Result<Store, StoreError> {
        Store::connect_with(options, Seams::default()).await
    }

    /// The same with another clock; the disk is the server's.
    pub async fn connect_with(options: PostgresOptions, seams: Seams) -> Result<Store, StoreError> {
        let store = PostgresStore::open(options, seams.wall).await?;
        Ok(Store::Postgres(store))
    }

    /// Adds a virtual key; on disk when it returns.
    ///
    /// Errors: `Conflict` if the id or the digest is taken, whatever the rest of the row says.
    pub async fn insert_key(&self, row: KeyRow) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(store) => store.insert_key(row).await,
            Store::Postgres(store) => store.insert_key(row).await,
        }
    }

    /// All keys, revoked ones too, oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        match self {
            Store::Sqlite(store) => store.keys().await,
            Store::Postgres(store) => store.keys().await,
        }
    }

    /// Revokes a key; on disk when it returns. The first revocation stands.
    ///
    /// Units: milliseconds since 1970-01-01 UTC.
    pub async fn revoke_key(&self, id: &str, at_ms: i64) -> Result<KeyRevocation, StoreError> {
        match self {
            Store::Sqlite(store) => store.revoke_key(id, at_ms).await,
            Store::Postgres(store) => store.revoke_key(id, at_ms).await,
        }
    }

    /// A number that grows with every edit of keys, by whichever process. Cheap: one read of one row.
    pub async fn epoch(&self) -> Result<i64, StoreError> {
        match self {
            Store::Sqlite(store) => store.epoch().await,
            Store::Postgres(store) => store.epoch().await,
        }
    }

    /// Hands an entry to the writer, which commits it within `gather` together with what it charges. Waits for a place
    /// however long that takes, and so never drops: [`Store::health`] is not writable long before the places run out.
    ///
    /// Shape: the receipt may be awaited for the outcome, or dropped. If a commit fails, the receipt says so and the
    /// entry stays queued and is tried again as long as the process lives.
    /// Errors: `Invalid` for a row that can't be stored, `Closed`.
    pub async fn enqueue_entry(&self, write: impl Into<EntryWrite>) -> Result<Receipt, StoreError> {
        match self {
            Store::Sqlite(store) => store.enqueue_entry(write.into()).await,
            Store::Postgres(store) => store.enqueue_entry(write.into()).await,
        }
    }

    /// Writes entries; on disk when it returns, gathers nothing. One outcome per row, in their order.
    ///
    /// Shape: on `Disk` and `Busy` errors after the rows were taken, they stay queued; to append them again is safe.
    /// Errors: `Busy` if no place came free within `PLACE_WAIT_MAX`; `Conflict` if a row's identity is taken by other content; the other rows are written all the same.
    pub async fn append_entries<W: Into<EntryWrite>>(
        &self,
        writes: Vec<W>,
    ) -> Result<Vec<Appended>, StoreError> {
        match self {
            Store::Sqlite(store) => {
                store
                    .append_entries(writes.into_iter().map(W::into).collect())
                    .await
            }
            Store::Postgres(store) => {
                store
                    .append_entries(writes.into_iter().map(W::into).collect())
                    .await
            }
        }
    }

    /// Returns when everything enqueued before is on disk.
    pub async fn flush(&self) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(store) => store.flush().await,
            Store::Postgres(store) => store.flush().await,
        }
    }

    /// The committed entries of a request, by attempt and adjustment.
    pub async fn entries_of_request(
        &self,
        request_id: [u8; 16],
    ) -> Result<Vec<EntryRow>, StoreError> {
        match self {
            Store::Sqlite(store) => store.entries_of_request(request_id).await,
            Store::Postgres(store) => store.entries_of_request(request_id).await,
        }
    }

    /// Sums of committed entries, from the daily sums that are kept beside them.
    pub async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        match self {
            Store::Sqlite(store) => store.usage(query).await,
            Store::Postgres(store) => store.usage(query).await,
        }
    }

    /// Whether the last commit was good and the disk keeps up. Costs a few atomic reads while that is so.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        match self {
            Store::Sqlite(store) => store.health(),
            Store::Postgres(store) => store.health(),
        }
    }

    /// Writes what is queued, folds the write-ahead log into the database and gives the lock back. Later calls fail
    /// with `Closed`; a second close is a no-op.
    ///
    /// Errors: what kept queued entries from the disk; the store is closed all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(store) => store.close().await,
            Store::Postgres(store) => store.close().await,
        }
    }
}
