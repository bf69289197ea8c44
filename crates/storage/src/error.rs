//! The one error of this crate: which operation, what went wrong, whether a repeat may help.
//!
//! Invariants: no message holds a row's content; a repeat of any operation is safe.
//! Does not know: HTTP, exit codes.

use std::path::PathBuf;
use std::sync::Arc;

/// Why an operation of the store failed.
///
/// Shape: cheap to clone, because one failed commit answers many waiting receipts.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation}: {kind}")]
pub struct StoreError {
    /// What was tried, a fragment that reads after "failed to".
    pub operation: &'static str,
    /// What went wrong.
    pub kind: StoreErrorKind,
    /// What lies beneath, if something does.
    #[source]
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What went wrong, to branch on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The same identity is taken by other content.
    #[error("the {what} is taken")]
    Conflict {
        /// What is taken: `key id`, `key digest`, `ledger entry`.
        what: &'static str,
    },
    /// A value that the store does not take.
    #[error("{field} {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A sum would leave the range of 64 bits; nothing was written.
    #[error("the sum of {field} leaves the range of 64 bits")]
    Overflow {
        /// The field whose sum it was.
        field: &'static str,
    },
    /// Another server holds the database.
    #[error("another keyward server holds {}; stop it, or give this one another DATABASE_URL", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The database's tables are not the ones this program knows.
    #[error("{0}")]
    Schema(String),
    /// The database lies where file locks are not reliable.
    #[error("{} lies on a network file system ({file_system}), where SQLite can lose data; choose a local disk in DATABASE_URL", path.display())]
    NetworkFileSystem {
        /// The database file.
        path: PathBuf,
        /// Its type, as the kernel names it.
        file_system: String,
    },
    /// No place or no lock was to be had in time.
    #[error("{0}")]
    Busy(&'static str),
    /// The disk or the file failed: full, unreadable, not permitted.
    #[error("the disk refused: {0}")]
    Disk(String),
    /// The database server can't be reached, refuses, or gave no answer in time. What was asked for may have been done.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The file is not a database, or is damaged.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The instance is dead: its time ran out, or its leases were written off. It must open anew.
    #[error("this server was taken for dead; it must open its leases anew")]
    Fenced,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A broken assumption inside this crate.
    #[error("unexpected: {0}")]
    Internal(String),
}

impl StoreError {
    pub(crate) fn new(operation: &'static str, kind: StoreErrorKind) -> StoreError {
        StoreError {
            operation,
            kind,
            source: None,
        }
    }

    /// Whether the same call may succeed later without anybody changing it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::Busy(_) | StoreErrorKind::Disk(_) | StoreErrorKind::Unavailable(_)
        )
    }
}
