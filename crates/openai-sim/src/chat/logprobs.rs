//! Log probabilities of tokens: made up, but of the right form.
//!
//! Invariants: at most 0, the same for the same token; each token lists as many alternatives as were asked for, itself
//! first.
//! Does not know: choices.
//! Source: OpenAI API reference, `choices[].logprobs`.

use serde_json::{Value, json};

use crate::hash::hash;

pub(crate) fn of(pieces: &[String], alternatives: u64) -> Value {
    let content: Vec<Value> = pieces
        .iter()
        .map(|piece| token(piece, alternatives))
        .collect();
    json!({"content": content, "refusal": null})
}

fn token(piece: &str, alternatives: u64) -> Value {
    let mut value = scored(piece, 0);
    value["top_logprobs"] = (0..alternatives)
        .map(|rank| scored(&marked(piece, rank), rank))
        .collect();
    value
}

fn marked(piece: &str, rank: u64) -> String {
    if rank == 0 {
        piece.to_owned()
    } else {
        format!("{piece}{rank}")
    }
}

fn scored(text: &str, rank: u64) -> Value {
    let nearness = (hash(text.as_bytes()) % 1000) as f64 / 10_000.0;
    json!({"token": text, "logprob": -(nearness + 2.0 * rank as f64), "bytes": text.as_bytes()})
}
