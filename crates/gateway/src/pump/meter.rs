//! Reads along in a stream, whatever it is made of, and decides what of each frame the caller sees.
//!
//! Invariants: what is not understood passes; what was billed is known only once the answer is whole.
//! Does not know: connections, the ledger's form.

use bytes::Bytes;
use cost_accounting::Usage;
use openai_client::sse::Frame;
use privacy::Scrubber;

use super::chunks::Chunks;
use super::events::Events;
use crate::attempt::Attempt;
use crate::operation::Operation;
use crate::status::Refusal;

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

/// What the caller asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    /// To be told the usage.
    pub(crate) usage: bool,
    /// This many choices.
    pub(crate) choices: u64,
    /// What is billed whatever the answer says, where that is known.
    pub(crate) known_usage: Option<Usage>,
}

/// What a stream has said so far.
#[derive(Debug)]
pub(crate) enum Meter {
    /// Chunks that end in `[DONE]`.
    Chunks(Chunks),
    /// Typed events.
    Events(Events),
    /// Bytes that say nothing of themselves, such as sound.
    Bytes {
        /// Pieces so far.
        pieces: u64,
        /// They ended in good order.
        ended: bool,
        known_usage: Option<Usage>,
    },
}

impl Meter {
    /// Before the first frame of events, or the first piece of bytes.
    pub(crate) fn new(asked: Asked, is_events: bool) -> Self {
        if !is_events {
            return Self::Bytes {
                pieces: 0,
                ended: false,
                known_usage: asked.known_usage,
            };
        }
        if asked.operation.streams_chunks() {
            Self::Chunks(Chunks::new(asked))
        } else {
            Self::Events(Events::new(asked.operation.event()))
        }
    }

    /// The usage of the whole answer; `None` where the answer broke off, whatever was reported until then.
    pub(crate) fn final_usage(&self) -> Option<Usage> {
        match self {
            Self::Chunks(chunks) => chunks.final_usage(),
            Self::Events(events) => events.final_usage(),
            Self::Bytes {
                ended, known_usage, ..
            } => known_usage.filter(|_| *ended),
        }
    }

    /// The ids of what the upstream keeps: the response and its items.
    pub(crate) fn made(&self) -> &[String] {
        match self {
            Self::Events(events) => events.made(),
            Self::Chunks(_) | Self::Bytes { .. } => &[],
        }
    }

    /// The model that answers.
    pub(crate) fn model(&self) -> Option<&str> {
        match self {
            Self::Chunks(chunks) => chunks.model(),
            Self::Events(events) => events.model(),
            Self::Bytes { .. } => None,
        }
    }

    /// The tier that serves.
    pub(crate) fn service_tier(&self) -> Option<&str> {
        match self {
            Self::Chunks(chunks) => chunks.service_tier(),
            Self::Events(events) => events.service_tier(),
            Self::Bytes { .. } => None,
        }
    }

    /// How many frames had content: about the tokens generated.
    pub(crate) fn content_chunks(&self) -> u64 {
        match self {
            Self::Chunks(chunks) => chunks.content_chunks(),
            Self::Events(events) => events.content_events(),
            Self::Bytes { pieces, .. } => *pieces,
        }
    }

    /// Whether the upstream reported an error inside the stream, and if so, whether it is the caller's own.
    pub(crate) fn error(&self) -> Option<bool> {
        match self {
            Self::Chunks(chunks) => chunks.error(),
            Self::Events(events) => events.error(),
            Self::Bytes { .. } => None,
        }
    }

    /// True once all that was asked for has come.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::Chunks(chunks) => chunks.is_complete(),
            Self::Events(events) => events.is_complete(),
            Self::Bytes { ended, .. } => *ended,
        }
    }

    /// True once the frame that ends the stream has come, behind which little or nothing does.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Events(events) => events.is_over(),
            Self::Chunks(_) | Self::Bytes { .. } => false,
        }
    }

    /// True where the frames are looked at.
    pub(crate) fn reads_frames(&self) -> bool {
        !matches!(self, Self::Bytes { .. })
    }

    /// Takes note of a piece of bytes.
    pub(crate) fn count_piece(&mut self) {
        if let Self::Bytes { pieces, .. } = self {
            *pieces += 1;
        }
    }

    /// The upstream closed its body in good order.
    pub(crate) fn close(&mut self) {
        if let Self::Bytes { ended, .. } = self {
            *ended = true;
        }
    }

    /// Takes note of a frame.
    pub(crate) fn observe(
        &mut self,
        frame: &Frame,
        attempt: &Attempt,
        scrubber: &Scrubber,
    ) -> Passage {
        match self {
            Self::Chunks(chunks) => chunks.observe(frame, attempt, scrubber),
            Self::Events(events) => events.observe(frame, scrubber),
            Self::Bytes { .. } => Passage::Forward,
        }
    }

    /// What tells the caller, inside the stream, why it breaks off; nothing where no reader would see it.
    pub(crate) fn last_words(&self, refusal: &Refusal) -> Bytes {
        match self {
            Self::Chunks(_) => Bytes::from(format!("data: {}\n\n", refusal.error_object())),
            Self::Events(events) => {
                let event = refusal.error_event(events.next_number());
                Bytes::from(format!("event: error\ndata: {event}\n\n"))
            }
            Self::Bytes { .. } => Bytes::new(),
        }
    }
}

/// The frame without keys: for what is not understood, and may quote anything.
pub(super) fn scrubbed(frame: &Frame, scrubber: &Scrubber) -> Passage {
    let text = String::from_utf8_lossy(&frame.bytes);
    match scrubber.scrub(&text) {
        std::borrow::Cow::Borrowed(_) => Passage::Forward,
        std::borrow::Cow::Owned(text) => Passage::Replace(Bytes::from(text)),
    }
}
