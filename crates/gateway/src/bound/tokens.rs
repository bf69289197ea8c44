//! Counts the tokens of a body's text, for when its bytes bound too much.
//!
//! Invariants: the vocabularies are loaded on the first count, not at the start; a model whose encoding is not known is not counted.
//! Does not know: prices; how the upstream renders tools, so what is not a message is counted as the JSON that it is.
//! Source: OpenAI's encodings cl100k and o200k; which of them gpt-5.4 and later models use is not published, hence the larger margin.

use std::fmt;

use bpe_openai::Tokenizer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::message::Name;
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
                let mut json = serde_json::Deserializer::from_str(value.get());
                let count = Count {
                    tokenizer,
                    operation,
                };
                count.deserialize(&mut json).ok()?
            }
            _ => counted(tokenizer, name) + counted(tokenizer, value.get()),
        };
    }
    Some(tokens.saturating_mul(encoding.percent()).div_ceil(100))
}

/// Counts the tokens of the strings in a value, and a little for what stands around them. Every member counts, also one that stands
/// twice: which of the two an upstream reads is not known.
#[derive(Clone, Copy)]
struct Count {
    tokenizer: &'static Tokenizer,
    operation: Operation,
}

impl Count {
    fn text(self, text: &str) -> u64 {
        counted(self.tokenizer, text)
    }

    fn number(self, number: &impl ToString) -> u64 {
        match self.operation {
            // An id of a token.
            Operation::Embeddings => 1,
            _ => self.text(&number.to_string()) + NODE_TOKENS,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Count {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count {
    type Value = u64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<u64, E> {
        Ok(1)
    }

    fn visit_bool<E>(self, _: bool) -> Result<u64, E> {
        Ok(1)
    }

    fn visit_u64<E>(self, number: u64) -> Result<u64, E> {
        Ok(self.number(&number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<u64, E> {
        Ok(self.number(&number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<u64, E> {
        Ok(self.number(&number))
    }

    fn visit_str<E>(self, text: &str) -> Result<u64, E> {
        Ok(self.text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<u64, A::Error> {
        let mut tokens = NODE_TOKENS;
        while let Some(inside) = values.next_element_seed(self)? {
            tokens += inside;
        }
        Ok(tokens)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<u64, A::Error> {
        let mut tokens = NODE_TOKENS;
        while let Some(Name(name)) = members.next_key()? {
            if name == "image_url" {
                members.next_value::<IgnoredAny>()?;
            } else {
                tokens += self.text(&name) + members.next_value_seed(self)?;
            }
        }
        Ok(tokens)
    }
}

fn counted(tokenizer: &Tokenizer, text: &str) -> u64 {
    tokenizer.count(text) as u64
}

#[cfg(test)]
mod tests;
