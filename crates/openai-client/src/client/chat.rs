//! Chat completions as a whole: the request, and the answer.
//!
//! Invariants: fields we have no name for go out and come back unharmed; usage is asked of every stream.
//! Does not know: what is said; how a stream is cut.
//! Source: OpenAI API, create chat completion.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::error::ClientError;
use crate::client::told::Cost;
use crate::client::{Client, Exchange};
use crate::error_body::RawError;
use crate::lenient::Member;
use crate::usage::{BodyKind, RawUsage, Usage};
use crate::wire;

/// What to answer.
///
/// ```
/// use openai_client::ChatRequest;
/// use serde_json::json;
///
/// let request = ChatRequest::new("gpt-4o-mini")
///     .system("Answer in one word.")
///     .user("Which planet is largest?")
///     .with("max_completion_tokens", 16)
///     .with("tools", json!([]));
/// ```
#[derive(Clone, PartialEq)]
pub struct ChatRequest {
    model: String,
    messages: Vec<Value>,
    extra: Map<String, Value>,
}

impl ChatRequest {
    /// An empty conversation with `model`.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            messages: Vec::new(),
            extra: Map::new(),
        }
    }

    /// Adds a system message.
    #[must_use]
    pub fn system(self, content: impl Into<String>) -> Self {
        self.say("system", content.into())
    }

    /// Adds a message of the user.
    #[must_use]
    pub fn user(self, content: impl Into<String>) -> Self {
        self.say("user", content.into())
    }

    /// Adds an earlier answer of the model.
    #[must_use]
    pub fn assistant(self, content: impl Into<String>) -> Self {
        self.say("assistant", content.into())
    }

    /// Adds a message as it stands, such as a [`ChatChoice::message`] with tool calls, or the result of a tool.
    #[must_use]
    pub fn message(mut self, message: Value) -> Self {
        self.messages.push(message);
        self
    }

    /// Sets any further field: `tools`, `response_format`, `n`, `max_completion_tokens`, … It wins over what the other methods set.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    fn say(self, role: &'static str, content: impl Into<Value>) -> Self {
        let content: Value = content.into();
        self.message(
            Map::from_iter([
                ("role".to_owned(), role.into()),
                ("content".to_owned(), content),
            ])
            .into(),
        )
    }

    /// The body to send. A stream is always asked to report its usage: without that its cost would be a guess.
    pub(super) fn into_body(self, stream: bool) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".to_owned(), self.model.into());
        body.insert("messages".to_owned(), self.messages.into());
        body.extend(self.extra);
        if stream {
            body.insert("stream".to_owned(), true.into());
            let options = body.entry("stream_options").or_insert_with(|| json!({}));
            if let Value::Object(options) = options {
                options.insert("include_usage".to_owned(), true.into());
            } else {
                *options = json!({"include_usage": true});
            }
        } else {
            body.remove("stream");
            body.remove("stream_options");
        }
        body
    }
}

impl fmt::Debug for ChatRequest {
    /// Without the conversation.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut request = formatter.debug_struct("ChatRequest");
        request
            .field("model", &self.model)
            .field("messages", &self.messages.len())
            .finish_non_exhaustive()
    }
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Chat {
    /// What the first choice says; empty where it calls tools or refuses.
    pub text: String,
    /// All choices, by their index.
    pub choices: Vec<ChatChoice>,
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
    /// The body as it came, for fields that have no name here.
    pub body: Bytes,
}

/// One choice of a whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatChoice {
    /// Its index.
    pub index: u64,
    /// What it says; empty where it calls tools or refuses.
    pub text: String,
    /// Why it ended: `stop`, `length`, `tool_calls`, `content_filter`, or what is new.
    pub finish_reason: Option<String>,
    /// The whole message as it stands: role, content, refusal, tool calls. Fit to be sent back by [`ChatRequest::message`].
    pub message: Value,
}

#[derive(Deserialize)]
struct RawChat {
    #[serde(default)]
    choices: Option<Vec<RawChoice>>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Member<RawUsage>,
    #[serde(default)]
    error: Option<RawError>,
}

#[derive(Deserialize)]
struct RawChoice {
    #[serde(default)]
    index: Option<u64>,
    message: Value,
    #[serde(default)]
    finish_reason: Option<String>,
}

impl Client {
    /// Answers `request` as a whole.
    ///
    /// Errors: [`ClientError`]; `Api` also for an error body with status 200.
    pub async fn chat(&self, request: ChatRequest) -> Result<Chat, ClientError> {
        let model = request.model.clone();
        let Exchange {
            body,
            told,
            latency,
        } = self
            .exchange("/chat/completions", Some(request.into_body(false)))
            .await?;
        let answer: RawChat = wire::object(&body)?;
        if let Some(error) = answer.error {
            return Err(self.api_error(200, &http::HeaderMap::new(), error.into_body()));
        }
        let choices = answer.choices.unwrap_or_default().into_iter().enumerate();
        let mut choices: Vec<ChatChoice> =
            choices.map(|(place, choice)| choice.named(place)).collect();
        choices.sort_by_key(|choice| choice.index);
        Ok(Chat {
            text: choices
                .first()
                .map(|choice| choice.text.clone())
                .unwrap_or_default(),
            choices,
            model: answer
                .model
                .filter(|model| !model.is_empty())
                .unwrap_or(model),
            usage: answer
                .usage
                .0
                .and_then(|usage| usage.usage(Some(BodyKind::Completion))),
            latency,
            cost: told.cost,
            cached: told.cached,
            request_id: told.request_id,
            body,
        })
    }
}

impl RawChoice {
    fn named(self, place: usize) -> ChatChoice {
        let text = self
            .message
            .get("content")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        ChatChoice {
            index: self.index.unwrap_or(place as u64),
            text,
            finish_reason: self.finish_reason,
            message: self.message,
        }
    }
}
