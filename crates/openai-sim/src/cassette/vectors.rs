//! Vectors in a cassette: only their length, and at a replay numbers made from the text that was embedded.
//!
//! Invariants: the same text and model give the same vector, alone or among others; both forms are the same numbers;
//! a shorter vector is the start of the longer one, brought to length 1.
//! Does not know: what the real numbers were.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::edits::Edits;
use super::literals::{Kind, Step, decoded, literals};
use super::{Chunk, Recorded};
use crate::vector;

/// Numbers of a vector that is made; a marker that says more stays as it is.
const NUMBERS_MAX: usize = 65_536;
const NUMBER_BYTES: usize = 4;

const FLOATS: &str = " floats";
const IN_BASE64: &str = " floats in base64";

/// What stands for a list of numbers, as the only item of that list.
pub(super) fn marker(count: usize) -> String {
    format!("{count}{FLOATS}")
}

/// What stands for a vector in base64, or the marker itself.
pub(super) fn marker_of_text(text: &str) -> Option<String> {
    if read(text).is_some() {
        return Some(text.to_owned());
    }
    let bytes = STANDARD.decode(text).ok()?;
    (!bytes.is_empty() && bytes.len() % NUMBER_BYTES == 0)
        .then(|| format!("{}{IN_BASE64}", bytes.len() / NUMBER_BYTES))
}

/// How many numbers a marker stands for, and whether in base64.
fn read(marker: &str) -> Option<(usize, bool)> {
    let (count, base64) = match marker.strip_suffix(IN_BASE64) {
        Some(count) => (count, true),
        None => (marker.strip_suffix(FLOATS)?, false),
    };
    let count = count.parse().ok()?;
    (1..=NUMBERS_MAX)
        .contains(&count)
        .then_some((count, base64))
}

/// The chunks of an exchange, with vectors where the cassette has markers.
pub(crate) fn expand(exchange: &Recorded) -> Vec<Chunk> {
    let body = exchange.body();
    let Ok(text) = std::str::from_utf8(&body) else {
        return exchange.chunks.clone();
    };
    let (Ok(answer), Some(request)) = (serde_json::from_str::<Value>(text), &exchange.request)
    else {
        return exchange.chunks.clone();
    };
    let inputs = inputs(request);
    let model = request["model"].as_str().unwrap_or_default();
    let mut edits = Edits::default();
    for literal in literals(text) {
        let written = text.get(literal.range.clone()).unwrap_or_default();
        if literal.kind != Kind::Text || literal.name() != "embedding" {
            continue;
        }
        let (Some((count, base64)), Some(Step::Item(at))) =
            (read(&decoded(written)), literal.way.get(1))
        else {
            continue;
        };
        let index = answer["data"][*at]["index"].as_u64().unwrap_or(*at as u64);
        let input = usize::try_from(index)
            .ok()
            .and_then(|index| inputs.get(index));
        let values = vector::project(input.map_or("", String::as_str), model, count);
        edits.put(literal.range, written_as(&values, base64));
    }
    edits.rechunk(&exchange.chunks, edits.apply(text).into())
}

fn written_as(values: &[f32], base64: bool) -> String {
    if base64 {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        return Value::from(STANDARD.encode(bytes)).to_string();
    }
    let numbers: Vec<String> = values
        .iter()
        .map(|value| Value::from(f64::from(*value)).to_string())
        .collect();
    numbers.join(",")
}

/// The texts that a request wants vectors of; lists of token ids as they are written.
fn inputs(request: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match &request["input"] {
        Value::Array(items) if !items.first().is_some_and(Value::is_number) => {
            items.iter().map(text).collect()
        }
        one => vec![text(one)],
    }
}
