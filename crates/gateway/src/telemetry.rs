//! What the data plane tells of itself.
//!
//! Invariants: labels are closed sets; no text of a prompt or an answer, and no key, is ever a name, a label or a value.
//! Does not know: where metrics and spans go.

/// The metrics and what feeds them.
pub(crate) mod metrics;
/// The names of metrics.
pub(crate) mod names;
/// The spans, their fields named.
pub(crate) mod spans;
