//! Embeddings, for one input or many.
//!
//! Invariants: vectors come in the order of the inputs, one for each; both encodings are read whichever was asked for.
//! Does not know: what the vectors mean.
//! Source: OpenAI API, create embeddings: `encoding_format` base64 is 32-bit floats, little endian.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::client::error::ClientError;
use crate::client::told::Cost;
use crate::client::{Client, Exchange};
use crate::lenient::Member;
use crate::usage::{BodyKind, RawUsage, Usage};
use crate::wire;

/// How vectors travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// 32-bit floats in base64: exact, and about a third of the bytes.
    #[default]
    Base64,
    /// Decimal numbers, for servers that know nothing else.
    Float,
}

/// What to embed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EmbeddingRequest {
    /// Such as `text-embedding-3-small`.
    pub model: String,
    /// The texts, at least one.
    pub inputs: Vec<String>,
    /// How vectors travel.
    pub encoding: Encoding,
    /// Further fields, such as `dimensions` or `user`; they win over those above.
    pub extra: Map<String, Value>,
}

/// The vector of one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The vector.
    pub embedding: Vec<f32>,
    /// The model that answered.
    pub model: String,
    /// Tokens used, where reported.
    pub usage: Option<Usage>,
    /// From sending to the last byte.
    pub latency: Duration,
    /// What it cost, where keyward tells it.
    pub cost: Option<Cost>,
    /// Whether keyward took it from its cache.
    pub cached: bool,
    /// The id of the call.
    pub request_id: Option<String>,
}

/// The vectors of many inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// One for each input, in their order.
    pub embeddings: Vec<Vec<f32>>,
    /// The model that answered.
    pub model: String,
    /// Tokens used by all together, where reported.
    pub usage: Option<Usage>,
    /// From sending to the last byte.
    pub latency: Duration,
    /// What all cost together, where keyward tells it.
    pub cost: Option<Cost>,
    /// Whether keyward took all of them from its cache.
    pub cached: bool,
    /// The id of the call.
    pub request_id: Option<String>,
}

impl Client {
    /// Embeds one text.
    ///
    /// Errors: [`ClientError`]; `Unexpected` where the answer has no vector, or more than one.
    pub async fn embed(&self, model: &str, input: &str) -> Result<Embedding, ClientError> {
        let Embeddings {
            embeddings,
            model,
            usage,
            latency,
            cost,
            cached,
            request_id,
        } = self.embed_batch(model, &[input]).await?;
        let embedding = embeddings
            .into_iter()
            .next()
            .ok_or(ClientError::Unexpected(COUNT_DIFFERS))?;
        Ok(Embedding {
            embedding,
            model,
            usage,
            latency,
            cost,
            cached,
            request_id,
        })
    }

    /// Embeds many texts in one call.
    ///
    /// Errors: as [`embeddings`](Self::embeddings).
    pub async fn embed_batch(
        &self,
        model: &str,
        inputs: &[impl AsRef<str>],
    ) -> Result<Embeddings, ClientError> {
        let inputs = inputs
            .iter()
            .map(|input| input.as_ref().to_owned())
            .collect();
        self.embeddings(EmbeddingRequest {
            model: model.to_owned(),
            inputs,
            ..EmbeddingRequest::default()
        })
        .await
    }

    /// Embeds as `request` says.
    ///
    /// Errors: [`ClientError`]; `Request` without inputs; `Unexpected` where the answer has not one vector for each input.
    pub async fn embeddings(&self, request: EmbeddingRequest) -> Result<Embeddings, ClientError> {
        let EmbeddingRequest {
            model,
            inputs,
            encoding,
            extra,
        } = request;
        if inputs.is_empty() {
            return Err(ClientError::Request("there is nothing to embed"));
        }
        let count = inputs.len();
        let format = match encoding {
            Encoding::Base64 => "base64",
            Encoding::Float => "float",
        };
        let mut body = Map::new();
        body.insert("model".to_owned(), Value::from(model.as_str()));
        body.insert("input".to_owned(), Value::from(inputs));
        body.insert("encoding_format".to_owned(), Value::from(format));
        body.extend(extra);
        let Exchange {
            body,
            told,
            latency,
        } = self.exchange("/embeddings", Some(body)).await?;
        let answer: RawAnswer = wire::object(&body)?;
        Ok(Embeddings {
            embeddings: in_order(answer.data, count)?,
            model: answer
                .model
                .filter(|model| !model.is_empty())
                .unwrap_or(model),
            usage: answer
                .usage
                .0
                .and_then(|usage| usage.usage(Some(BodyKind::Embeddings))),
            latency,
            cost: told.cost,
            cached: told.cached,
            request_id: told.request_id,
        })
    }
}

const COUNT_DIFFERS: &str = "it does not have one vector for each input";

#[derive(Deserialize)]
struct RawAnswer {
    data: Vec<RawEmbedding>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Member<RawUsage>,
}

#[derive(Deserialize)]
struct RawEmbedding {
    /// Its place where absent.
    #[serde(default)]
    index: Option<usize>,
    embedding: Vector,
}

/// The vectors by their index: each from 0 to `count` once.
fn in_order(data: Vec<RawEmbedding>, count: usize) -> Result<Vec<Vec<f32>>, ClientError> {
    let unexpected = ClientError::Unexpected(COUNT_DIFFERS);
    let mut places: Vec<Option<Vec<f32>>> = vec![None; count];
    for (place, embedding) in data.into_iter().enumerate() {
        match places.get_mut(embedding.index.unwrap_or(place)) {
            Some(empty @ None) => *empty = Some(embedding.embedding.0),
            _ => return Err(unexpected),
        }
    }
    places
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .ok_or(unexpected)
}

/// A vector in either encoding.
#[derive(Debug, PartialEq)]
struct Vector(Vec<f32>);

impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VectorVisitor)
    }
}

struct VectorVisitor;

impl<'de> Visitor<'de> for VectorVisitor {
    type Value = Vector;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("numbers, or 32-bit floats in base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vector, E> {
        let bytes = STANDARD
            .decode(text)
            .map_err(|_| E::custom("a vector is not base64"))?;
        let (floats, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(E::custom("a vector is not made of 32-bit floats"));
        }
        Ok(Vector(
            floats
                .iter()
                .map(|float| f32::from_le_bytes(*float))
                .collect(),
        ))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Vector, A::Error> {
        let mut floats = Vec::with_capacity(values.size_hint().unwrap_or(1536).min(4096));
        while let Some(float) = values.next_element()? {
            floats.push(float);
        }
        Ok(Vector(floats))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(json: &str) -> Option<Vec<f32>> {
        serde_json::from_str::<Vector>(json)
            .ok()
            .map(|vector| vector.0)
    }

    #[test]
    fn both_encodings_give_the_same_vector() {
        let floats = [1.0_f32, -0.5, 3.25e-8, f32::MAX];
        let bytes: Vec<u8> = floats
            .iter()
            .flat_map(|float| float.to_le_bytes())
            .collect();
        let base64 = format!("\"{}\"", STANDARD.encode(bytes));
        assert_eq!(vector(&base64).unwrap(), floats);
        assert_eq!(vector("[1, -0.5, 3.25e-8, 3.4028235e38]").unwrap(), floats);
        for wrong in ["\"AAAA\"", "\"?\"", "[\"1\"]", "1", "null"] {
            assert_eq!(vector(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn vectors_come_in_the_order_of_the_inputs() {
        let check = |indexes: &[Option<usize>], count: usize, expected: Option<&[f32]>| {
            let data = indexes
                .iter()
                .enumerate()
                .map(|(place, index)| RawEmbedding {
                    index: *index,
                    embedding: Vector(vec![place as f32]),
                });
            let order = in_order(data.collect(), count)
                .ok()
                .map(|vectors| vectors.concat());
            assert_eq!(order.as_deref(), expected, "{indexes:?}");
        };
        check(&[Some(2), Some(0), Some(1)], 3, Some(&[1.0, 2.0, 0.0]));
        check(&[None, None], 2, Some(&[0.0, 1.0]));
        check(&[Some(0), Some(0)], 2, None);
        check(&[Some(0)], 2, None);
        check(&[Some(0), Some(1), Some(2)], 2, None);
        check(&[], 1, None);
    }
}
