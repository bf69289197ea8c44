//! Laws between the values of an exchange, which no shape can say.
//!
//! Invariants: a law that lacks what it needs holds; findings name places and numbers of tokens, never text.
//! Does not know: contracts, prices.

use crate::exchange::Exchange;
use crate::finding::Finding;

/// The laws that an exchange breaks.
pub fn laws(exchange: &Exchange) -> Vec<Finding> {
    let _ = exchange;
    Vec::new()
}
