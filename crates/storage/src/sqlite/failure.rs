//! Turns what SQLite and the file system report into the error of this crate.
//!
//! Invariants: what may pass by itself (`Busy`, `Disk`) is told apart from what never will.
//! Does not know: who asked.
//! Source: SQLite, "Result and Error Codes".

use std::io;
use std::sync::Arc;

use rusqlite::ffi;

use crate::error::{StoreError, StoreErrorKind};

/// An error of a step before the operation is known.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: StoreErrorKind,
    pub(crate) source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    pub(crate) fn during(self, operation: &'static str) -> StoreError {
        StoreError {
            operation,
            kind: self.kind,
            source: self.source,
        }
    }
}

impl From<StoreErrorKind> for Failure {
    fn from(kind: StoreErrorKind) -> Failure {
        Failure { kind, source: None }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure {
            kind: StoreErrorKind::Disk(error.to_string()),
            source: Some(Arc::new(error)),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure {
            kind: kind_of(&error),
            source: Some(Arc::new(error)),
        }
    }
}

fn kind_of(error: &rusqlite::Error) -> StoreErrorKind {
    let rusqlite::Error::SqliteFailure(code, message) = error else {
        return StoreErrorKind::Internal(error.to_string());
    };
    let text = message.as_deref().unwrap_or("no message");
    match code.code {
        ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked => {
            StoreErrorKind::Busy("another process held the database for too long")
        }
        ffi::ErrorCode::DiskFull
        | ffi::ErrorCode::SystemIoFailure
        | ffi::ErrorCode::CannotOpen
        | ffi::ErrorCode::PermissionDenied
        | ffi::ErrorCode::ReadOnly
        | ffi::ErrorCode::FileLockingProtocolFailed
        | ffi::ErrorCode::OutOfMemory => StoreErrorKind::Disk(text.to_owned()),
        ffi::ErrorCode::DatabaseCorrupt | ffi::ErrorCode::NotADatabase => {
            StoreErrorKind::Damaged(text.to_owned())
        }
        ffi::ErrorCode::ConstraintViolation => kind_of_constraint(code.extended_code, text),
        ffi::ErrorCode::TooBig => StoreErrorKind::Invalid {
            field: "row",
            reason: "is too big",
        },
        _ if text.contains("integer overflow") => StoreErrorKind::Overflow { field: "usage" },
        _ => StoreErrorKind::Internal(text.to_owned()),
    }
}

fn kind_of_constraint(extended_code: i32, text: &str) -> StoreErrorKind {
    match extended_code {
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => StoreErrorKind::Invalid {
            field: "adjusts",
            reason: "names no ledger entry",
        },
        // A sum that leaves 64 bits turns into a float, which a STRICT table does not take.
        ffi::SQLITE_CONSTRAINT_DATATYPE => {
            let field = if text.contains("cost") {
                "cost"
            } else {
                "usage"
            };
            StoreErrorKind::Overflow { field }
        }
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE => {
            let what = if text.contains("digest") {
                "key digest"
            } else {
                "key id"
            };
            StoreErrorKind::Conflict { what }
        }
        ffi::SQLITE_CONSTRAINT_TRIGGER => StoreErrorKind::Internal(text.to_owned()),
        _ => StoreErrorKind::Invalid {
            field: "row",
            reason: "breaks a rule of its table",
        },
    }
}
