//! Why a key was refused, or what it may not do.
//!
//! Invariants: nothing of the presented text is repeated, but for names of models and endpoints.
//! Does not know: HTTP statuses.

use jiff::Timestamp;

/// Why a caller is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The text can't be a key: cut, mistyped, or not a key at all.
    #[error("the key is malformed: a part is missing or mistyped")]
    Malformed,
    /// No key has this secret.
    #[error("the key is not known")]
    Unknown,
    /// The key's time is over.
    #[error("the key expired at {at}")]
    Expired {
        /// The first instant at which it was refused.
        at: Timestamp,
    },
    /// The key was revoked.
    #[error("the key was revoked at {at}")]
    Revoked {
        /// When.
        at: Timestamp,
    },
    /// The key is good, for other endpoints.
    #[error("the key may not call `{endpoint}`; it may call: {}", allowed.join(", "))]
    EndpointNotAllowed {
        /// What was to be called.
        endpoint: String,
        /// What may be called.
        allowed: Vec<String>,
    },
    /// The key is good, for other models.
    #[error("the key may not use model `{model}`; it may use: {}", allowed.join(", "))]
    ModelNotAllowed {
        /// What was asked for.
        model: String,
        /// What may be asked for.
        allowed: Vec<String>,
    },
}
