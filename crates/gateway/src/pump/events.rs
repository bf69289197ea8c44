//! Reads along in a stream of typed events, of responses, images and speech: usage, model, errors, the end.
//!
//! Invariants: every event passes to the byte, also of a type that is not known; usage counts only where the event that ends the stream
//! reports it; a stream without such an event is not whole.
//! Does not know: connections, the ledger's form.
//! Source: OpenAI API, streaming events of responses, images and speech; Azure sends the reason of a failure behind it.

use cost_accounting::Usage;
use openai_client::sse::Frame;
use openai_client::usage::BodyKind;
use openai_client::wire::{AnswerHead, End, EventHead};
use privacy::Scrubber;

use super::meter::{Passage, scrubbed};
use crate::owners;
use crate::pipeline::usage_with_calls;

/// What a stream has said so far.
#[derive(Debug)]
pub(crate) struct Events {
    kind: BodyKind,
    usage: Option<Usage>,
    /// Ids of the response and its items.
    made: Vec<String>,
    model: Option<String>,
    service_tier: Option<String>,
    content_events: u64,
    sequence_number: u64,
    end: Option<End>,
    error: Option<bool>,
}

impl Events {
    /// Before the first event of this kind.
    pub(super) fn new(kind: BodyKind) -> Self {
        Self {
            kind,
            usage: None,
            made: Vec::new(),
            model: None,
            service_tier: None,
            content_events: 0,
            sequence_number: 0,
            end: None,
            error: None,
        }
    }

    pub(super) fn final_usage(&self) -> Option<Usage> {
        self.usage.filter(|_| self.end.is_some())
    }

    pub(super) fn made(&self) -> &[String] {
        &self.made
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    pub(super) fn service_tier(&self) -> Option<&str> {
        self.service_tier.as_deref()
    }

    pub(super) fn content_events(&self) -> u64 {
        self.content_events
    }

    pub(super) fn error(&self) -> Option<bool> {
        self.error
    }

    /// True once the event that ends the stream has come. Nothing but the reason of a failure comes behind it.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// True once the answer is whole, or as whole as it was to be.
    pub(super) fn is_complete(&self) -> bool {
        matches!(
            self.end,
            Some(End::Completed | End::Incomplete | End::Cancelled)
        )
    }

    /// The number that the next event would have.
    pub(super) fn next_number(&self) -> u64 {
        self.sequence_number + 1
    }

    /// Takes note of an event.
    pub(super) fn observe(&mut self, frame: &Frame, scrubber: &Scrubber) -> Passage {
        let data = frame.data();
        if data.is_empty() || frame.is_done() {
            return Passage::Forward;
        }
        let Ok(head) = EventHead::read(self.kind, &data) else {
            return scrubbed(frame, scrubber);
        };
        self.sequence_number = head.sequence_number.unwrap_or(self.sequence_number);
        self.content_events += u64::from(head.content_bytes > 0);
        let calls = head.response.as_ref().map(|response| response.hosted_calls);
        if let Some(response) = &head.response {
            self.note(response);
            // Of a stream that breaks off the response itself is known.
            if let (true, Some(id)) = (self.made.is_empty(), response.id.as_deref()) {
                self.made.push(id.to_owned());
            }
        }
        if let Some(end) = head.end {
            // The first end is the true one; with some servers an `error` comes behind a failure.
            self.end.get_or_insert(end);
            if self.kind == BodyKind::ResponseEvent {
                let made = owners::made_by_event(&data);
                if !made.is_empty() {
                    self.made = made;
                }
            }
            if let Some(usage) = &head.usage {
                self.usage = Some(usage_with_calls(usage, calls.unwrap_or_default()));
            }
        }
        if let Some(error) = &head.error {
            self.error = Some(error.kind.as_deref() == Some("invalid_request_error"));
            return scrubbed(frame, scrubber);
        }
        Passage::Forward
    }

    fn note(&mut self, response: &AnswerHead<'_>) {
        let keep = |place: &mut Option<String>, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty())
                && place.as_deref() != Some(value)
            {
                *place = Some(value.to_owned());
            }
        };
        keep(&mut self.model, response.model.as_deref());
        keep(&mut self.service_tier, response.service_tier.as_deref());
    }
}
