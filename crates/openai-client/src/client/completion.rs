//! Completions of the older kind: a prompt that is continued.
//!
//! Invariants: fields we have no name for go out unharmed.
//! Does not know: chats.
//! Source: OpenAI API, create completion (legacy).

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::client::error::ClientError;
use crate::client::told::Cost;
use crate::client::{Client, Exchange};
use crate::usage::{BodyKind, Usage};
use crate::wire::{self, AnswerHead};

/// What to continue.
#[derive(Clone, PartialEq)]
pub struct CompletionRequest {
    model: String,
    fields: Map<String, Value>,
}

impl CompletionRequest {
    /// Continues `prompt`. Without `max_tokens` the API gives 16 tokens.
    pub fn new(model: impl Into<String>, prompt: impl Into<String>) -> Self {
        let prompt: String = prompt.into();
        Self {
            model: model.into(),
            fields: Map::new(),
        }
        .with("prompt", prompt)
    }

    /// Sets any further field: `max_tokens`, `stop`, `suffix`, …
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }
}

impl fmt::Debug for CompletionRequest {
    /// Without the prompt.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut request = formatter.debug_struct("CompletionRequest");
        request.field("model", &self.model).finish_non_exhaustive()
    }
}

/// A continued prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The first choice.
    pub text: String,
    /// Why it ended: `stop`, `length`, or what is new.
    pub finish_reason: Option<String>,
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
    /// The body as it came, for further choices and fields that have no name here.
    pub body: Bytes,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawCompletion {
    choices: Option<Vec<RawChoice>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawChoice {
    index: Option<u64>,
    text: Option<String>,
    finish_reason: Option<String>,
}

impl Client {
    /// Continues a prompt as a whole.
    ///
    /// Errors: [`ClientError`]; `Api` also for an error body with status 200.
    pub async fn complete(&self, request: CompletionRequest) -> Result<Completion, ClientError> {
        let CompletionRequest { model, mut fields } = request;
        fields.insert("model".to_owned(), model.as_str().into());
        fields.remove("stream");
        fields.remove("stream_options");
        let Exchange {
            body,
            told,
            latency,
        } = self.exchange("/completions", Some(fields)).await?;
        let head = AnswerHead::read(BodyKind::Completion, &body)?;
        if let Some(error) = head.error {
            return Err(self.api_error(200, &HeaderMap::new(), error));
        }
        let RawCompletion { choices } = wire::object(&body)?;
        let first = choices
            .unwrap_or_default()
            .into_iter()
            .min_by_key(|choice| choice.index)
            .unwrap_or_default();
        Ok(Completion {
            text: first.text.unwrap_or_default(),
            finish_reason: first.finish_reason,
            model: head.model.map_or(model, Into::into),
            usage: head.usage,
            latency,
            cost: told.cost,
            cached: told.cached,
            request_id: told.request_id,
            body: body.clone(),
        })
    }
}
