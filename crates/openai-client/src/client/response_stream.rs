//! A response as it is being said.
//!
//! Invariants: a stream without its last event never ends cleanly; events that are not known are given as they stand.
//! Does not know: HTTP, how frames are cut.
//! Source: OpenAI API, streaming events of responses.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::client::Client;
use crate::client::error::ClientError;
use crate::client::events::Events;
use crate::client::response::{ModelResponse, ResponseRequest, items};
use crate::client::told::{Cost, RawKeyward, Told};
use crate::sse::Frame;
use crate::usage::Usage;
use crate::wire::{self, End, EventHead};

/// A response that is being said. Dropping it ends the call.
#[derive(Debug)]
pub struct ResponseStream {
    events: Events,
    asked: String,
    id: Option<String>,
    usage: Option<Usage>,
    told: Told,
    failed: bool,
    response: Option<ModelResponse>,
}

/// One event of a response.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseStep {
    /// Its type, such as `response.output_text.delta`; may be one that is new.
    pub kind: String,
    /// What the response says next; empty in every other event.
    pub text: String,
    /// The whole event as it stands.
    pub event: Value,
    /// Whether it brings something that was generated: text, reasoning, arguments, images.
    content: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawAddition {
    keyward: Option<RawKeyward>,
}

impl Client {
    /// Answers `request` piece by piece.
    ///
    /// Errors: [`ClientError`], also from [`ResponseStream::next`].
    pub async fn respond_stream(
        &self,
        request: ResponseRequest,
    ) -> Result<ResponseStream, ClientError> {
        let started = self.now();
        let asked = request.model().to_owned();
        let answer = self
            .open("/responses", Some(request.into_body(true)))
            .await?;
        let told = Told::read(&answer.headers);
        Ok(ResponseStream {
            events: Events::new(self.clone(), answer, started),
            asked,
            id: None,
            usage: None,
            told,
            failed: false,
            response: None,
        })
    }
}

impl ResponseStream {
    /// The next event; `None` at the end, when [`response`](Self::response) is there. Cancel safe: a dropped wait loses nothing.
    ///
    /// Errors: [`ClientError`]; `Api` for a response that failed and for an error inside the stream, `Attempt` where it broke off or
    /// ended without its last event. After an error each further call fails too.
    pub async fn next(&mut self) -> Result<Option<ResponseStep>, ClientError> {
        if !self.events.is_open()? {
            return Ok(None);
        }
        let result = self.advance().await;
        self.events.note(&result, |step| step.content);
        result
    }

    /// The whole response, after the end.
    pub fn response(&self) -> Option<&ModelResponse> {
        self.response.as_ref()
    }

    /// Tokens used, after the end; also of a response that failed. `None` where the upstream reported nothing.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// The response's id, once an event has named it.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// From sending to the latest event.
    pub fn latency(&self) -> Duration {
        self.events.latency()
    }

    /// From sending to the first event that brought something that was generated.
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

    async fn advance(&mut self) -> Result<Option<ResponseStep>, ClientError> {
        while let Some(frame) = self.events.next().await? {
            // Some servers that are compatible end this stream as they end chats.
            if frame.data().is_empty() || frame.is_done() {
                continue;
            }
            let step = self.read(&frame)?;
            if self.failed {
                // Why it failed may stand in an event of its own, behind the last one.
                continue;
            }
            if step.is_none() {
                self.events.close();
            }
            return Ok(step);
        }
        Err(if self.failed {
            ClientError::Unexpected("it failed without saying why")
        } else {
            self.events.cut()
        })
    }

    /// What one event says; `None` for the one that ends the response, and where it failed without saying why.
    fn read(&mut self, frame: &Frame) -> Result<Option<ResponseStep>, ClientError> {
        let data = frame.data();
        let head = EventHead::parse(&data)?;
        self.usage = head.usage.or(self.usage);
        let id = head.response.as_ref().and_then(|head| head.id.as_deref());
        self.id = id.map(str::to_owned).or(self.id.take());
        let mut event: Value = wire::object(&data)?;
        let Some(end) = head.end else {
            let kind = head.kind.unwrap_or_default().into_owned();
            let delta = event["delta"].as_str();
            let text = delta.filter(|_| kind == "response.output_text.delta");
            return Ok(Some(ResponseStep {
                text: text.unwrap_or_default().to_owned(),
                content: head.content_bytes > 0,
                kind,
                event,
            }));
        };
        let RawAddition { keyward } = wire::object(&data)?;
        self.told.take_cost(keyward);
        if let Some(error) = head.error {
            return Err(self.events.refused(error));
        }
        self.failed |= matches!(end, End::Failed | End::Error);
        if self.failed {
            return Ok(None);
        }
        let whole = head.response.unwrap_or_default();
        let output = items(&mut event["response"]);
        let came = (Bytes::copy_from_slice(&data), self.events.elapsed());
        let told = self.told.clone();
        self.response = Some(ModelResponse::new(whole, output, &self.asked, told, came));
        Ok(None)
    }
}
