//! The error of this crate: what was tried with a key, and why it failed.
//!
//! Invariants: no secret and no part of one is in any message.
//! Does not know: exit codes, HTTP.

use storage::StoreError;

/// Bits that an imported secret must be worth.
pub const SECRET_BITS_MIN: u32 = 128;

/// Why an operation on keys failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {kind}")]
pub struct AccessError {
    /// What was tried, a fragment that reads after "failed to".
    pub operation: &'static str,
    /// What went wrong.
    pub kind: AccessErrorKind,
    /// The store's own error, if it was the store.
    #[source]
    pub source: Option<StoreError>,
}

/// What went wrong, to branch on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessErrorKind {
    /// A field of a new key. To be put right by who asked.
    #[error("{field} {reason}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A secret that may be guessed. The count is by charset, length, words and repetition, on the safe side.
    #[error(
        "the secret is worth about {bits} bits and {SECRET_BITS_MIN} are needed; make one with `openssl rand -hex 32`"
    )]
    WeakSecret {
        /// What the secret is worth.
        bits: u32,
    },
    /// The secret belongs to a key already, maybe to a revoked one.
    #[error("the secret belongs to another key already")]
    SecretTaken,
    /// No key has this id.
    #[error("no key has this id; `keyward keys list` shows them")]
    NotFound,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Randomness,
    /// A stored key can't be read.
    #[error("the stored key {id} is damaged")]
    Damaged {
        /// Its id.
        id: String,
    },
    /// The store failed; the source says why.
    #[error("{0}")]
    Store(String),
}

impl AccessError {
    pub(crate) fn new(operation: &'static str, kind: AccessErrorKind) -> AccessError {
        AccessError {
            operation,
            kind,
            source: None,
        }
    }

    pub(crate) fn of_store(operation: &'static str, error: StoreError) -> AccessError {
        AccessError {
            operation,
            kind: AccessErrorKind::Store(error.to_string()),
            source: Some(error),
        }
    }
}
