//! Responses as a whole: the request, and the answer.
//!
//! Invariants: fields and items that we have no name for go out and come back unharmed.
//! Does not know: what is said; how a stream is cut.
//! Source: OpenAI API, create a model response; the response object.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use crate::client::error::ClientError;
use crate::client::told::{Cost, Told};
use crate::client::{Client, Exchange};
use crate::usage::{BodyKind, Usage};
use crate::wire::{self, AnswerHead, HostedCalls};

/// What to answer.
///
/// ```
/// use openai_client::ResponseRequest;
/// use serde_json::json;
///
/// let request = ResponseRequest::new("gpt-6-luna")
///     .instructions("Answer in one word.")
///     .user("Which planet is largest?")
///     .with("max_output_tokens", 16)
///     .with("store", false)
///     .with("tools", json!([]));
/// ```
#[derive(Clone, PartialEq)]
pub struct ResponseRequest {
    model: String,
    input: Vec<Value>,
    extra: Map<String, Value>,
}

impl ResponseRequest {
    /// An empty conversation with `model`.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            input: Vec::new(),
            extra: Map::new(),
        }
    }

    /// What the model is told before the conversation. Not kept by [`after`](Self::after).
    #[must_use]
    pub fn instructions(self, text: impl Into<String>) -> Self {
        self.with("instructions", text.into())
    }

    /// Adds a message of the user.
    #[must_use]
    pub fn user(self, content: impl Into<String>) -> Self {
        let content: String = content.into();
        self.item(json!({"role": "user", "content": content}))
    }

    /// Adds an item as it stands, such as one of [`ModelResponse::output`].
    #[must_use]
    pub fn item(mut self, item: Value) -> Self {
        self.input.push(item);
        self
    }

    /// Adds what a function gave, for the call of this id.
    #[must_use]
    pub fn function_result(self, call_id: impl Into<String>, output: impl Into<String>) -> Self {
        let (call_id, output): (String, String) = (call_id.into(), output.into());
        self.item(json!({"type": "function_call_output", "call_id": call_id, "output": output}))
    }

    /// Goes on after the response of this id, which the upstream has stored.
    #[must_use]
    pub fn after(self, response_id: impl Into<String>) -> Self {
        self.with("previous_response_id", response_id.into())
    }

    /// Sets any further field: `tools`, `text`, `reasoning`, `max_output_tokens`, … It wins over what the other methods set.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// The body to send.
    pub(super) fn into_body(self, stream: bool) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".to_owned(), self.model.into());
        body.insert("input".to_owned(), self.input.into());
        body.extend(self.extra);
        if stream {
            body.insert("stream".to_owned(), true.into());
        } else {
            body.remove("stream");
            body.remove("stream_options");
        }
        body
    }

    /// The model that was asked.
    pub(super) fn model(&self) -> &str {
        &self.model
    }
}

impl fmt::Debug for ResponseRequest {
    /// Without the conversation.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut request = formatter.debug_struct("ResponseRequest");
        request
            .field("model", &self.model)
            .field("input", &self.input.len())
            .finish_non_exhaustive()
    }
}

/// A whole response.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelResponse {
    /// Its id, fit for [`ResponseRequest::after`]; empty where the upstream gives none.
    pub id: String,
    /// What it says in all its messages; empty where it calls functions or refuses.
    pub text: String,
    /// All items as they stand: messages, reasoning, calls. Each is fit to be sent back by [`ResponseRequest::item`].
    pub output: Vec<Value>,
    /// `completed`, `incomplete`, or `queued` where it runs in the background.
    pub status: Option<String>,
    /// Why it is incomplete: `max_output_tokens`, `content_filter`.
    pub incomplete_reason: Option<String>,
    /// The model that answered.
    pub model: String,
    /// Tokens used, where reported.
    pub usage: Option<Usage>,
    /// Hosted tools that were called, each for a fee.
    pub hosted_calls: HostedCalls,
    /// From sending to the last byte.
    pub latency: Duration,
    /// What it cost, where keyward tells it.
    pub cost: Option<Cost>,
    /// Whether keyward took it from its cache.
    pub cached: bool,
    /// The id of the call.
    pub request_id: Option<String>,
    /// The body as it came, for fields that have no name here; of a stream, the data of its last event.
    pub body: Bytes,
}

/// A function that the model wants to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionCall<'response> {
    /// What its result is to be named by.
    pub call_id: &'response str,
    /// The function.
    pub name: &'response str,
    /// Its arguments, in JSON as the model wrote it.
    pub arguments: &'response str,
}

impl ModelResponse {
    /// The functions to be called, in their order; answer each by [`ResponseRequest::function_result`].
    pub fn function_calls(&self) -> impl Iterator<Item = FunctionCall<'_>> {
        self.output.iter().filter_map(|item| {
            let text = |name: &str| item.get(name).and_then(Value::as_str);
            (text("type") == Some("function_call")).then(|| FunctionCall {
                call_id: text("call_id").unwrap_or_default(),
                name: text("name").unwrap_or_default(),
                arguments: text("arguments").unwrap_or_default(),
            })
        })
    }

    /// Puts a response together of its head and its items.
    pub(super) fn new(
        head: AnswerHead<'_>,
        output: Vec<Value>,
        asked: &str,
        told: Told,
        (body, latency): (Bytes, Duration),
    ) -> Self {
        Self {
            id: head.id.unwrap_or_default().into_owned(),
            text: text(&output),
            output,
            status: head.status.map(Into::into),
            incomplete_reason: head.incomplete_reason.map(Into::into),
            model: head.model.unwrap_or(asked.into()).into_owned(),
            usage: head.usage,
            hosted_calls: head.hosted_calls,
            latency,
            cost: told.cost,
            cached: told.cached,
            request_id: told.request_id,
            body,
        }
    }
}

/// The items of the response object `response`.
pub(super) fn items(response: &mut Value) -> Vec<Value> {
    match response.get_mut("output").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// All text of all messages.
fn text(output: &[Value]) -> String {
    let contents = output
        .iter()
        .filter(|item| item["type"] == "message")
        .filter_map(|item| item["content"].as_array());
    let parts = contents
        .flatten()
        .filter(|part| part["type"] == "output_text");
    parts.filter_map(|part| part["text"].as_str()).collect()
}

impl Client {
    /// Answers `request` as a whole.
    ///
    /// Errors: [`ClientError`]; `Api` also for a response that failed, and for an error body with status 200.
    pub async fn respond(&self, request: ResponseRequest) -> Result<ModelResponse, ClientError> {
        let asked = request.model().to_owned();
        let Exchange {
            body,
            told,
            latency,
        } = self
            .exchange("/responses", Some(request.into_body(false)))
            .await?;
        let mut head = AnswerHead::read(BodyKind::Response, &body)?;
        if let Some(error) = head.error.take() {
            return Err(self.api_error(200, &HeaderMap::new(), error));
        }
        let output = items(&mut wire::object(&body)?);
        Ok(ModelResponse::new(
            head,
            output,
            &asked,
            told,
            (body.clone(), latency),
        ))
    }
}
