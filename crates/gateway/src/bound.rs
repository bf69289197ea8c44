//! The most that a call can cost, for when nobody reports what it did cost.
//!
//! Invariants: never below what the upstream can bill for the request as sent; worked out only when it is needed, since it reads the body.
//! Does not know: usage, budgets.
//! Source: byte-level tokenizers make at most one token of a byte; what is no text is bounded by the model's longest input.

use bytes::Bytes;
use cost_accounting::{PicoUsd, PriceRow};
use serde_json::Value;

use crate::request::Request;

/// What the upstream may add to the text of a request, in tokens.
const FRAMING_TOKENS_MAX: u64 = 64;
/// The longest output taken where the price list gives none.
const OUTPUT_TOKENS_FALLBACK: u64 = 128_000;
/// The longest input taken for images, audio and files where the price list gives none.
const INPUT_TOKENS_FALLBACK: u64 = 1_000_000;

/// What a bound depends on.
#[derive(Debug)]
pub(crate) struct Basis {
    body: Bytes,
    output_tokens_max: Option<u64>,
    choices: u64,
}

impl Basis {
    /// Of a request as it is sent.
    pub(crate) fn new(request: &Request) -> Self {
        Self {
            body: request.body.clone(),
            output_tokens_max: request.output_tokens_max,
            choices: request.choices,
        }
    }

    /// The bound at the prices of `row`, at its dearest tier.
    pub(crate) fn cost(&self, row: &PriceRow) -> PicoUsd {
        let input = if is_text_only(&self.body) {
            self.body.len() as u64 + FRAMING_TOKENS_MAX
        } else {
            row.input_tokens_max().unwrap_or(INPUT_TOKENS_FALLBACK)
        };
        // An upstream refuses a maximum above the model's own, so a larger one bounds nothing.
        let longest = row.output_tokens_max().unwrap_or(OUTPUT_TOKENS_FALLBACK);
        let output = self.output_tokens_max.unwrap_or(longest).min(longest);
        row.bound(input, output.saturating_mul(self.choices))
    }
}

/// True where every part of every message is text; a body that can't be read is not.
fn is_text_only(body: &[u8]) -> bool {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return false;
    };
    let Some(messages) = request.get("messages").and_then(Value::as_array) else {
        // Embeddings: text or token ids.
        return request.get("messages").is_none();
    };
    messages.iter().all(|message| {
        let is_plain = |name: &str| message.get(name).is_none_or(Value::is_null);
        let content = message.get("content").unwrap_or(&Value::Null);
        let is_text = match content {
            Value::Null | Value::String(_) => true,
            Value::Array(parts) => parts.iter().all(is_text_part),
            _ => false,
        };
        is_text && is_plain("audio")
    })
}

fn is_text_part(part: &Value) -> bool {
    let kind = part.get("type").and_then(Value::as_str);
    part.is_string() || matches!(kind, Some("text" | "refusal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_told_from_text_however_it_is_spelled() {
        for text in [
            r#"{"input":[1,2,3]}"#,
            r#"{"messages":[]}"#,
            r#"{"messages":[{"role":"user","content":"image_url"},{"content":null,"tool_calls":[]}]}"#,
            r#"{"messages":[{"content":[{"type":"text","text":"hi"},{"type":"refusal","refusal":"no"}]}]}"#,
        ] {
            assert!(is_text_only(text.as_bytes()), "{text}");
        }
        for other in [
            r#"{"messages":[{"content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"x"}}]}]}"#,
            r#"{"messages":[{"content":[{"type":"image\u005furl"}]}]}"#,
            r#"{"messages":[{"content":[{"type":"file","file":{"file_id":"x"}}]}]}"#,
            r#"{"messages":[{"content":"x","audio":{"id":"y"}}]}"#,
            r#"{"messages":{}}"#,
            "not json",
        ] {
            assert!(!is_text_only(other.as_bytes()), "{other}");
        }
    }
}
