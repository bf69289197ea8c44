//! Reads along in a stream of chat chunks: usage, model, errors, the end; and decides what of each frame the caller sees.
//!
//! Invariants: the last report of usage wins, reports are never added up; usage that the caller did not ask for is taken out, its
//! chunk if that holds nothing else, its member otherwise; all other frames pass to the byte.
//! Does not know: connections, the ledger's form.
//! Source: OpenAI chat completion chunks; drifts of compatible servers (usage on every chunk, chunks without choices).

use bytes::Bytes;
use cost_accounting::Usage;
use openai_client::sse::Frame;
use openai_client::wire::{ChunkHead, ChunkUsage};
use privacy::Scrubber;

use crate::attempt::Attempt;
use crate::object::{Object, add_member, member_range, range_in, splice};
use crate::pipeline::usage_of;

/// What the caller sees of a frame.
pub(crate) enum Passage {
    /// All of it, to the byte.
    Forward,
    /// This in its place.
    Replace(Bytes),
    /// Nothing.
    Hide,
    /// All of it, and nothing comes after.
    Last,
}

/// What a stream has said so far.
#[derive(Debug)]
pub(crate) struct Meter {
    usage_asked: bool,
    usage: Option<Usage>,
    model: Option<String>,
    service_tier: Option<String>,
    content_chunks: u64,
    finished: bool,
    error: bool,
}

impl Meter {
    /// Before the first frame; `usage_asked` is what the caller itself asked for.
    pub(crate) fn new(usage_asked: bool) -> Self {
        Self {
            usage_asked,
            usage: None,
            model: None,
            service_tier: None,
            content_chunks: 0,
            finished: false,
            error: false,
        }
    }

    /// The last usage reported.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.usage
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

    /// True once something for the caller to read has come.
    pub(crate) fn has_content(&self) -> bool {
        self.content_chunks > 0
    }

    /// True once the upstream reported an error inside the stream.
    pub(crate) fn has_error(&self) -> bool {
        self.error
    }

    /// True where an end without `[DONE]` is still an end: a choice was finished, or usage or an error was reported.
    pub(crate) fn is_complete(&self) -> bool {
        self.finished || self.usage.is_some() || self.error
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
            return Passage::Forward;
        }
        if frame.is_done() {
            return Passage::Last;
        }
        // What is no chunk that we know passes as it is: later versions of the API may add events.
        let Ok(head) = ChunkHead::parse(&data) else {
            return Passage::Forward;
        };
        if head.error.is_some() {
            self.error = true;
            let text = String::from_utf8_lossy(&frame.bytes);
            return Passage::Replace(Bytes::from(scrubber.scrub(&text).into_owned()));
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
        self.finished |= !head.finish_reasons.is_empty();
        if let ChunkUsage::Reported(usage) = &head.usage {
            self.usage = Some(usage_of(usage));
        }
        match (self.usage_asked, head.usage) {
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
