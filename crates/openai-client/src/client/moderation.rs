//! Moderations: whether a text is of a kind that the upstream's rules name.
//!
//! Invariants: categories that are new are told like the others.
//! Does not know: what to do about it. The call is free and reports no usage.
//! Source: OpenAI API, create moderation.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::client::error::ClientError;
use crate::client::{Client, Exchange};
use crate::lenient::Lax;
use crate::wire;

/// What a text was found to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Moderation {
    /// Whether it is of any category.
    pub flagged: bool,
    /// The categories it is of, such as `violence` or `self-harm/intent`.
    pub categories: Vec<String>,
    /// How sure the model is, from 0 to 1, of each category.
    pub scores: BTreeMap<String, f64>,
    /// The model that judged.
    pub model: String,
    /// From sending to the last byte.
    pub latency: Duration,
    /// The id of the call.
    pub request_id: Option<String>,
}

#[derive(Deserialize)]
struct RawModeration {
    #[serde(default)]
    model: Option<String>,
    results: Vec<RawResult>,
}

#[derive(Deserialize)]
struct RawResult {
    flagged: bool,
    #[serde(default)]
    categories: Lax<Map<String, Value>>,
    #[serde(default)]
    category_scores: Lax<Map<String, Value>>,
}

impl Client {
    /// Judges one text by `model`, such as `omni-moderation-latest`.
    ///
    /// Errors: [`ClientError`]; `Unexpected` where there is no result.
    pub async fn moderate(&self, model: &str, text: &str) -> Result<Moderation, ClientError> {
        let fields = [("model", model), ("input", text)];
        let fields = fields.map(|(name, value)| (name.to_owned(), Value::from(value)));
        let Exchange {
            body,
            told,
            latency,
        } = self
            .exchange("/moderations", Some(Map::from_iter(fields)))
            .await?;
        let answer: RawModeration = wire::object(&body)?;
        let result = answer.results.into_iter().next();
        let result = result.ok_or(ClientError::Unexpected("it has no result"))?;
        Ok(Moderation {
            flagged: result.flagged,
            categories: result
                .categories
                .0
                .into_iter()
                .flatten()
                .filter_map(|(name, is)| (is == true).then_some(name))
                .collect(),
            scores: result
                .category_scores
                .0
                .into_iter()
                .flatten()
                .filter_map(|(name, score)| Some((name, score.as_f64()?)))
                .collect(),
            model: answer.model.unwrap_or_else(|| model.to_owned()),
            latency,
            request_id: told.request_id,
        })
    }
}
