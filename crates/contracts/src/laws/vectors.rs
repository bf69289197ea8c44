//! Laws of embeddings: one vector an input, in order, of the length asked for, in the form asked for.
//!
//! Invariants: base64 and numbers are held to the same laws.
//! Does not know: what vectors mean.
//! Source: OpenAI API reference, create embeddings; its guide: vectors have length 1, `dimensions` shortens them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Flaws;
use super::usage::{self, Called};
use crate::exchange::Exchange;

/// How far a length may be from 1: vectors come as decimals of few digits, or from half floats.
const LENGTH_SLACK: f64 = 0.01;
/// Dimensions of models that everybody uses, where the request does not ask for others.
const DIMENSIONS: [(&str, usize); 3] = [
    ("text-embedding-3-large", 3072),
    ("text-embedding-3-small", 1536),
    ("text-embedding-ada-002", 1536),
];
const PLACE: &str = "data[].embedding";

pub(super) fn check(exchange: &Exchange, answer: &Value, flaws: &mut Flaws) {
    usage::check(&answer["usage"], Called::default(), flaws);
    let data: Vec<&Value> = answer["data"].as_array().into_iter().flatten().collect();
    let in_order = data
        .iter()
        .zip(0..)
        .all(|(one, place)| one["index"].as_u64().is_none_or(|index| index == place));
    flaws.add_if(!in_order, "data[].index", "is not its place in the list");
    if let Some(inputs) = inputs(exchange.asked("input"))
        && inputs != data.len()
    {
        let flaw = format!("has {} and {inputs} inputs were sent", data.len());
        flaws.add("data", flaw);
    }
    form(exchange, &data, flaws);
    let mut vectors = Vec::new();
    for one in data {
        match vector(&one["embedding"]) {
            Some(vector) => vectors.push(vector),
            None => {
                flaws.add(PLACE, "is no vector of 32-bit floats");
                return;
            }
        }
    }
    lengths(exchange, &vectors, flaws);
}

/// How many vectors a request asks for.
fn inputs(input: &Value) -> Option<usize> {
    match input {
        Value::String(_) => Some(1),
        Value::Array(ids) if ids.first().is_some_and(Value::is_number) => Some(1),
        Value::Array(inputs) => Some(inputs.len()),
        _ => None,
    }
}

fn form(exchange: &Exchange, data: &[&Value], flaws: &mut Flaws) {
    let base64 = exchange.asked("encoding_format") == "base64";
    let other = data.iter().any(|one| match &one["embedding"] {
        Value::String(_) => !base64,
        Value::Array(_) => base64,
        _ => false,
    });
    flaws.add_if(
        other && exchange.request.is_some(),
        PLACE,
        "is not in the form that was asked for",
    );
}

fn vector(value: &Value) -> Option<Vec<f64>> {
    match value {
        Value::Array(numbers) => numbers.iter().map(Value::as_f64).collect(),
        Value::String(text) => {
            let bytes = STANDARD.decode(text).ok()?;
            let (floats, rest) = bytes.as_chunks::<4>();
            let floats = floats
                .iter()
                .map(|bytes| f64::from(f32::from_le_bytes(*bytes)));
            rest.is_empty().then(|| floats.collect())
        }
        _ => None,
    }
}

fn lengths(exchange: &Exchange, vectors: &[Vec<f64>], flaws: &mut Flaws) {
    let model = exchange.asked("model").as_str();
    let known = DIMENSIONS.iter().find(|(name, _)| model == Some(*name));
    let asked = exchange
        .asked("dimensions")
        .as_u64()
        .and_then(|asked| usize::try_from(asked).ok());
    let first = vectors.first().map_or(0, Vec::len);
    let wanted = asked
        .or(known.map(|(_, dimensions)| *dimensions))
        .unwrap_or(first);
    for vector in vectors {
        if vector.len() != wanted {
            let flaw = format!("has {} dimensions and not {wanted}", vector.len());
            flaws.add(PLACE, flaw);
            return;
        }
    }
    let is_one = |vector: &Vec<f64>| {
        let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
        (length - 1.0).abs() < LENGTH_SLACK
    };
    flaws.add_if(!vectors.iter().all(is_one), PLACE, "does not have length 1");
}
