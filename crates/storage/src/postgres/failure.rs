//! Turns what PostgreSQL and the way to it report into the error of this crate.
//!
//! Invariants: no message holds a row's content or a password: of what the server says only its code and first line are
//! kept. What was certainly not done is told apart from what may have been.
//! Does not know: who asked.
//! Source: PostgreSQL, "PostgreSQL Error Codes".

use std::sync::Arc;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::{DbError, SqlState};

use crate::error::{StoreError, StoreErrorKind};

/// An error of a step before the operation is known.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: StoreErrorKind,
    pub(super) nature: Nature,
    pub(super) source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What may be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// The same again would fail again.
    Lasting,
    /// The server undid the transaction in favour of another; again at once.
    Undone,
    /// The connection is gone; again on another.
    Lost,
}

impl Failure {
    pub(super) fn during(self, operation: &'static str) -> StoreError {
        StoreError {
            operation,
            kind: self.kind,
            source: self.source,
        }
    }

    /// The database gave no answer in time.
    pub(super) fn too_slow() -> Failure {
        Failure::lost("it gave no answer in time".to_owned())
    }

    /// Something that no error of the server stands for.
    pub(super) fn internal(message: &str) -> Failure {
        StoreErrorKind::Internal(message.to_owned()).into()
    }

    fn lost(message: String) -> Failure {
        Failure {
            kind: StoreErrorKind::Unavailable(message),
            nature: Nature::Lost,
            source: None,
        }
    }
}

impl From<StoreErrorKind> for Failure {
    fn from(kind: StoreErrorKind) -> Failure {
        Failure {
            kind,
            nature: Nature::Lasting,
            source: None,
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Failure {
        if let Some(said) = error.as_db_error() {
            let (kind, nature) = read(said);
            return Failure {
                kind,
                nature,
                source: None,
            };
        }
        // Without the server's words there is no content in it: the socket, TLS, the protocol.
        let mut message = error.to_string();
        if let Some(cause) = std::error::Error::source(&error) {
            let cause = cause.to_string();
            if !message.contains(&cause) {
                message = format!("{message}: {cause}");
            }
        }
        let is_ours =
            message.starts_with("error serializing") || message.starts_with("error deserializing");
        if is_ours {
            return StoreErrorKind::Internal(message).into();
        }
        Failure {
            source: Some(Arc::new(error)),
            ..Failure::lost(message)
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Failure {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(TimeoutType::Wait) => {
                StoreErrorKind::Busy("all connections to the database were in use for too long")
                    .into()
            }
            PoolError::Timeout(_) => Failure::too_slow(),
            PoolError::Closed => StoreErrorKind::Closed.into(),
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Failure::internal("the pool of connections is not set up")
            }
        }
    }
}

fn read(said: &DbError) -> (StoreErrorKind, Nature) {
    let code = said.code();
    let first_line = said.message().lines().next().unwrap_or_default();
    let text = format!("{first_line} ({})", code.code());
    match code {
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => (
            StoreErrorKind::Busy("other servers held the same rows again and again"),
            Nature::Undone,
        ),
        // Of our trigger: the limit was lowered while a grant was under way, and the grant must look again.
        &SqlState::RAISE_EXCEPTION if said.message().starts_with("a grant above the limit") => {
            (StoreErrorKind::Internal(text), Nature::Undone)
        }
        &SqlState::LOCK_NOT_AVAILABLE => (
            StoreErrorKind::Busy("another server held the same rows for too long"),
            Nature::Lasting,
        ),
        &SqlState::UNIQUE_VIOLATION => (conflict(said.constraint()), Nature::Lasting),
        &SqlState::FOREIGN_KEY_VIOLATION if said.table() == Some("ledger_entry") => (
            StoreErrorKind::Invalid {
                field: "adjusts",
                reason: "names no ledger entry",
            },
            Nature::Lasting,
        ),
        &SqlState::NUMERIC_VALUE_OUT_OF_RANGE => (
            StoreErrorKind::Overflow {
                field: "usage or cost",
            },
            Nature::Lasting,
        ),
        &SqlState::CHECK_VIOLATION | &SqlState::NOT_NULL_VIOLATION => (
            StoreErrorKind::Invalid {
                field: "row",
                reason: "breaks a rule of its table",
            },
            Nature::Lasting,
        ),
        &SqlState::PROGRAM_LIMIT_EXCEEDED => (
            StoreErrorKind::Invalid {
                field: "row",
                reason: "is too big",
            },
            Nature::Lasting,
        ),
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => {
            (StoreErrorKind::Damaged(text), Nature::Lasting)
        }
        code => (
            StoreErrorKind::Unavailable(text),
            nature_of_class(code.code()),
        ),
    }
}

/// By the first two signs of the code: 08 connection, 57 operator, 53 resources, XX inside the server.
fn nature_of_class(code: &str) -> Nature {
    match code.get(..2) {
        // 57014: the statement took too long, which the next one would too.
        Some("57") if code == "57014" => Nature::Lasting,
        Some("08" | "57") => Nature::Lost,
        _ => Nature::Lasting,
    }
}

fn conflict(constraint: Option<&str>) -> StoreErrorKind {
    let what = match constraint {
        Some("virtual_key_digest_key") => "key digest",
        Some("virtual_key_pkey") => "key id",
        _ => "row",
    };
    StoreErrorKind::Conflict { what }
}
