//! Counts the tokens of a body's text, for when its bytes bound too much.
//!
//! Invariants: the vocabularies are loaded on the first count, not at the start; a model whose encoding is not known is not counted.
//! Does not know: prices; how the upstream renders tools, so what is not a message is counted as the JSON that it is.
//! Source: OpenAI's encodings cl100k and o200k; which of them gpt-5.4 and later models use is not published, hence the larger margin.

use bpe_openai::Tokenizer;
use serde_json::Value;

use crate::object::Object;
use crate::request::Operation;

/// Added for every list, object and number inside messages, in tokens.
const NODE_TOKENS: u64 = 4;
/// Percent of the count that is taken: where the encoding is published, and where it is a guess.
const KNOWN_PERCENT: u64 = 110;
const GUESSED_PERCENT: u64 = 125;

/// An encoding and how far it is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Cl100k,
    O200k,
    /// As o200k, with a larger margin.
    GuessedO200k,
}

impl Encoding {
    /// Of a model of OpenAI's; `None` for all others.
    fn of(model: &str) -> Option<Encoding> {
        const CL100K: [&str; 4] = ["text-embedding-", "gpt-3.5-", "gpt-4-", "gpt-4@"];
        const O200K: [&str; 11] = [
            "gpt-4o", "gpt-4.1", "gpt-5@", "gpt-5-", "gpt-5.1", "gpt-5.2", "gpt-5.3", "o1", "o3",
            "o4-", "gpt-oss",
        ];
        const GUESSED: [&str; 4] = ["gpt-5.", "gpt-6", "gpt-audio", "chat-latest"];
        let model = model.strip_prefix("ft:").unwrap_or(model);
        // A mark at the end, so that a name can be told from the beginning of a longer one.
        let is = |names: &[&str]| {
            names.iter().any(|name| match name.strip_suffix('@') {
                Some(whole) => model == whole,
                None => model.starts_with(name),
            })
        };
        if is(&CL100K) {
            Some(Encoding::Cl100k)
        } else if is(&O200K) {
            Some(Encoding::O200k)
        } else {
            is(&GUESSED).then_some(Encoding::GuessedO200k)
        }
    }

    fn tokenizer(self) -> &'static Tokenizer {
        match self {
            Encoding::Cl100k => bpe_openai::cl100k_base(),
            Encoding::O200k | Encoding::GuessedO200k => bpe_openai::o200k_base(),
        }
    }

    fn percent(self) -> u64 {
        match self {
            Encoding::Cl100k | Encoding::O200k => KNOWN_PERCENT,
            Encoding::GuessedO200k => GUESSED_PERCENT,
        }
    }
}

/// The tokens of all text in a body, with the margin; `None` where the model's encoding is not known or the body can't be read.
///
/// Links and data of images are not counted.
pub(super) fn count(model: &str, operation: Operation, body: &[u8]) -> Option<u64> {
    let encoding = Encoding::of(model)?;
    let tokenizer = encoding.tokenizer();
    let object = Object::read(body).ok()?;
    let mut tokens: u64 = 0;
    for (name, value) in object.members() {
        tokens += match (name, operation) {
            ("messages" | "input", _) => {
                let value = serde_json::from_str(value.get()).ok()?;
                in_value(tokenizer, operation, &value)
            }
            _ => counted(tokenizer, name) + counted(tokenizer, value.get()),
        };
    }
    Some(tokens.saturating_mul(encoding.percent()).div_ceil(100))
}

/// Tokens of the strings in a value, and a little for what stands around them.
fn in_value(tokenizer: &Tokenizer, operation: Operation, value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) => 1,
        // An id of a token.
        Value::Number(_) if operation == Operation::Embeddings => 1,
        Value::Number(number) => counted(tokenizer, &number.to_string()) + NODE_TOKENS,
        Value::String(text) => counted(tokenizer, text),
        Value::Array(values) => {
            let inside: u64 = values
                .iter()
                .map(|value| in_value(tokenizer, operation, value))
                .sum();
            inside + NODE_TOKENS
        }
        Value::Object(members) => {
            let inside: u64 = members
                .iter()
                .filter(|(name, _)| *name != "image_url")
                .map(|(name, value)| {
                    counted(tokenizer, name) + in_value(tokenizer, operation, value)
                })
                .sum();
            inside + NODE_TOKENS
        }
    }
}

fn counted(tokenizer: &Tokenizer, text: &str) -> u64 {
    tokenizer.count(text) as u64
}

#[cfg(test)]
mod tests;
