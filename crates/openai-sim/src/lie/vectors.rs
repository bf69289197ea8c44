//! Lies about lists of objects and the vectors in them.
//!
//! Invariants: an answer without `data` stays as it is.
//! Does not know: what a vector is of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::twist::Twist;

/// Bytes of one number of a vector.
const NUMBER_BYTES: usize = 4;

pub(super) fn twist(value: &mut Value, twist: Twist) {
    let Some(data) = value.get_mut("data").and_then(Value::as_array_mut) else {
        return;
    };
    if twist == Twist::DataReversed {
        data.reverse();
        return;
    }
    for vector in data.iter_mut().filter_map(|item| item.get_mut("embedding")) {
        match (twist, &mut *vector) {
            (Twist::VectorShort, Value::Array(numbers)) => drop(numbers.pop()),
            (Twist::VectorShort, Value::String(text)) => *vector = shorter(text, NUMBER_BYTES),
            (Twist::VectorBytesOdd, Value::String(text)) => *vector = shorter(text, 1),
            _ => {}
        }
    }
}

fn shorter(text: &str, bytes: usize) -> Value {
    let mut vector = STANDARD.decode(text).unwrap_or_default();
    vector.truncate(vector.len().saturating_sub(bytes));
    json!(STANDARD.encode(vector))
}
