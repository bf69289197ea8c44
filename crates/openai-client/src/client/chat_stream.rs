//! A chat completion as it is being said.
//!
//! Invariants: a stream that breaks off never ends cleanly; usage is the last report, never a sum.
//! Does not know: HTTP, how frames are cut.
//! Source: OpenAI API, chat completion chunk object.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::client::Client;
use crate::client::chat::ChatRequest;
use crate::client::error::ClientError;
use crate::client::events::Events;
use crate::client::told::{Cost, RawKeyward, Told};
use crate::error_body::RawError;
use crate::sse::Frame;
use crate::usage::Usage;
use crate::wire::{self, ChunkUsage};

/// An answer that is being said. Dropping it ends the call.
#[derive(Debug)]
pub struct ChatStream {
    events: Events,
    finished: bool,
    model: Option<String>,
    usage: Option<Usage>,
    told: Told,
}

/// One step of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatChunk {
    /// What the choice of index 0 says next; may be empty.
    pub text: String,
    /// What each choice in this step says; most have one.
    pub choices: Vec<ChatChunkChoice>,
}

/// One choice's part of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatChunkChoice {
    /// Its index.
    pub index: u64,
    /// What it says next; may be empty.
    pub text: String,
    /// Why it ended, in its last step.
    pub finish_reason: Option<String>,
    /// The whole delta as it stands: role, content, refusal, tool calls.
    pub delta: Value,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawChunk {
    choices: Option<Vec<RawChoice>>,
    model: Option<String>,
    usage: ChunkUsage,
    error: Option<RawError>,
    keyward: Option<RawKeyward>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawChoice {
    index: Option<u64>,
    delta: Value,
    finish_reason: Option<String>,
}

impl Client {
    /// Answers `request` piece by piece, its usage always asked for.
    ///
    /// Errors: [`ClientError`], also from [`ChatStream::next`].
    pub async fn chat_stream(&self, request: ChatRequest) -> Result<ChatStream, ClientError> {
        let started = self.now();
        let answer = self
            .open("/chat/completions", Some(request.into_body(true)))
            .await?;
        let told = Told::read(&answer.headers);
        Ok(ChatStream {
            events: Events::new(self.clone(), answer, started),
            finished: false,
            model: None,
            usage: None,
            told,
        })
    }
}

impl ChatStream {
    /// The next step; `None` at the end. Cancel safe: a dropped wait loses nothing.
    ///
    /// Errors: [`ClientError`]; `Api` for an error inside the stream, `Attempt` where it broke off or ended before any choice did.
    /// After an error each further call fails too.
    pub async fn next(&mut self) -> Result<Option<ChatChunk>, ClientError> {
        if !self.events.is_open()? {
            return Ok(None);
        }
        let result = self.advance().await;
        self.events.note(&result, ChatChunk::says_something);
        result
    }

    /// Tokens used: the last report so far. After the end it is whole; `None` where the upstream reported nothing.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// The model that answers, once a step has named it.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// From sending to the latest step.
    pub fn latency(&self) -> Duration {
        self.events.latency()
    }

    /// From sending to the first step that said something.
    pub fn first_chunk(&self) -> Option<Duration> {
        self.events.first_chunk()
    }

    /// What it cost, after the end, where keyward tells it.
    pub fn cost(&self) -> Option<Cost> {
        self.told.cost
    }

    /// Whether keyward took it from its cache.
    pub fn cached(&self) -> bool {
        self.told.cached
    }

    /// The id of the call.
    pub fn request_id(&self) -> Option<&str> {
        self.told.request_id.as_deref()
    }

    async fn advance(&mut self) -> Result<Option<ChatChunk>, ClientError> {
        while let Some(frame) = self.events.next().await? {
            if frame.is_done() {
                self.events.close();
                return Ok(None);
            }
            if let Some(chunk) = self.read(&frame)? {
                return Ok(Some(chunk));
            }
        }
        if self.finished {
            Ok(None)
        } else {
            Err(self.events.cut())
        }
    }

    /// What one event says; `None` for comments, usage and filter reports.
    fn read(&mut self, frame: &Frame) -> Result<Option<ChatChunk>, ClientError> {
        let data = frame.data();
        if data.is_empty() {
            return Ok(None);
        }
        let chunk: RawChunk = wire::object(&data)?;
        if let Some(error) = chunk.error {
            return Err(self.events.refused(error.into_body()));
        }
        self.model = chunk
            .model
            .filter(|model| !model.is_empty())
            .or(self.model.take());
        self.usage = chunk.usage.reported().or(self.usage);
        self.told.take_cost(chunk.keyward);
        let choices = chunk.choices.unwrap_or_default();
        if choices.is_empty() {
            return Ok(None);
        }
        let choices: Vec<_> = choices
            .into_iter()
            .enumerate()
            .map(|(place, choice)| choice.named(place))
            .collect();
        self.finished |= choices.iter().any(|choice| choice.finish_reason.is_some());
        let first = choices.iter().find(|choice| choice.index == 0);
        Ok(Some(ChatChunk {
            text: first.map(|choice| choice.text.clone()).unwrap_or_default(),
            choices,
        }))
    }
}

impl ChatChunk {
    fn says_something(&self) -> bool {
        let silent = |choice: &ChatChunkChoice| {
            let members = choice.delta.as_object().into_iter().flatten();
            members
                .filter(|(name, _)| *name != "role")
                .all(|(_, value)| value.is_null() || value == "")
        };
        !self.choices.iter().all(silent)
    }
}

impl RawChoice {
    fn named(self, place: usize) -> ChatChunkChoice {
        let text = self
            .delta
            .get("content")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        ChatChunkChoice {
            index: self.index.unwrap_or(place as u64),
            text,
            finish_reason: self.finish_reason,
            delta: self.delta,
        }
    }
}
