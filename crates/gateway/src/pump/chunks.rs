//! Reads along in a stream of chunks, of chats or completions: usage, model, errors, the end; and decides what of each frame the caller sees.
//!
//! Invariants: the last report of usage wins, reports are never added up; a report counts as final only once the answer is complete, since
//! some servers report on every chunk; usage that the caller did not ask for is taken out, its
//! chunk if that holds nothing else, its member otherwise; all other frames pass to the byte.
//! Does not know: connections, the ledger's form.
//! Source: OpenAI chat completion chunks; drifts of compatible servers (usage on every chunk, chunks without choices).

use bytes::Bytes;
use cost_accounting::Usage;
use openai_client::sse::Frame;
use openai_client::wire::{ChunkHead, ChunkUsage};
use privacy::Scrubber;

use super::meter::{Asked, Passage, scrubbed};
use crate::attempt::Attempt;
use crate::object::{Object, add_member, member_range, range_in, splice};
use crate::pipeline::usage_of;

/// What a stream has said so far.
#[derive(Debug)]
pub(crate) struct Chunks {
    asked: Asked,
    usage: Option<Usage>,
    /// The usage came in a chunk of its own, which is the last of its answer.
    usage_is_last: bool,
    model: Option<String>,
    service_tier: Option<String>,
    content_chunks: u64,
    choices_finished: u64,
    done: bool,
    error: Option<bool>,
}

impl Chunks {
    /// Before the first frame.
    pub(crate) fn new(asked: Asked) -> Self {
        Self {
            asked,
            usage: None,
            usage_is_last: false,
            model: None,
            service_tier: None,
            content_chunks: 0,
            choices_finished: 0,
            done: false,
            error: None,
        }
    }

    /// The usage of the whole answer; `None` where the answer broke off, whatever was reported until then.
    pub(crate) fn final_usage(&self) -> Option<Usage> {
        self.usage.filter(|_| self.is_complete())
    }

    /// The model that answers.
    pub(crate) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The tier that serves.
    pub(crate) fn service_tier(&self) -> Option<&str> {
        self.service_tier.as_deref()
    }

    /// How many chunks had content: about the tokens generated.
    pub(crate) fn content_chunks(&self) -> u64 {
        self.content_chunks
    }

    /// Whether the upstream reported an error inside the stream, and if so, whether it is the caller's own.
    pub(crate) fn error(&self) -> Option<bool> {
        self.error
    }

    /// True once all that was asked for has come: the mark of the end, the chunk that holds usage alone, or the end of every choice.
    pub(crate) fn is_complete(&self) -> bool {
        self.done || self.usage_is_last || self.choices_finished >= self.asked.choices
    }

    /// Takes note of a frame.
    pub(crate) fn observe(
        &mut self,
        frame: &Frame,
        attempt: &Attempt,
        scrubber: &Scrubber,
    ) -> Passage {
        let data = frame.data();
        if data.is_empty() {
            return scrubbed(frame, scrubber);
        }
        if frame.is_done() {
            self.done = true;
            return Passage::Last;
        }
        // What is no chunk that we know passes as it is: later versions of the API may add events.
        let Ok(head) = ChunkHead::parse(&data) else {
            return scrubbed(frame, scrubber);
        };
        if let Some(error) = &head.error {
            self.error = Some(error.kind.as_deref() == Some("invalid_request_error"));
            return scrubbed(frame, scrubber);
        }
        if self.model.is_none() {
            self.model = head
                .model
                .as_deref()
                .filter(|model| !model.is_empty())
                .map(str::to_owned);
        }
        if let Some(tier) = head.service_tier.as_deref() {
            self.service_tier = Some(tier.to_owned());
        }
        self.content_chunks += u64::from(head.content_bytes > 0);
        self.choices_finished += head.finish_reasons.len() as u64;
        if let ChunkUsage::Reported(usage) = &head.usage {
            self.usage = Some(usage_of(usage));
            self.usage_is_last = head.choices_empty;
        }
        match (self.asked.usage, head.usage) {
            (true, ChunkUsage::Reported(_)) if head.choices_empty => self.with_cost(frame, attempt),
            (false, ChunkUsage::Reported(_)) if head.choices_empty => Passage::Hide,
            (false, ChunkUsage::Reported(_) | ChunkUsage::Null) => without_usage(frame),
            _ => Passage::Forward,
        }
    }

    /// The usage chunk with the call's cost in it.
    fn with_cost(&self, frame: &Frame, attempt: &Attempt) -> Passage {
        let Some(usage) = self.usage else {
            return Passage::Forward;
        };
        let (cost, _, _) = attempt.price(&usage, self.model(), self.service_tier());
        edit(frame, |json| {
            add_member(
                json,
                false,
                &format!(r#""keyward":{{"cost_usd":"{cost}"}}"#),
            )
        })
    }
}

/// The frame without its member `usage`.
fn without_usage(frame: &Frame) -> Passage {
    edit(frame, |json| {
        let object = Object::read(json).ok()?;
        let range = member_range(json, object.get_even_null("usage")?.get().as_bytes())?;
        Some(splice(json, range, b""))
    })
}

/// The frame with its JSON edited in place; a frame whose JSON is spread over several lines passes as it is.
fn edit(frame: &Frame, change: impl FnOnce(&[u8]) -> Option<Bytes>) -> Passage {
    let std::borrow::Cow::Borrowed(json) = frame.data() else {
        return Passage::Forward;
    };
    let Some(changed) = change(json) else {
        return Passage::Forward;
    };
    Passage::Replace(splice(&frame.bytes, range_in(&frame.bytes, json), &changed))
}
