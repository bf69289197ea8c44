//! What a body is, by the route it came from: that decides which usage it can report.
//!
//! Invariants: where tokens have no modality, they get the dearer one that the route can have used.
//! Does not know: paths, prices.
//! Source: OpenAI API reference, the answers and events of each route.

use super::Usage;
use super::raw::{InputDetails, Parts};
use crate::lenient::Count;

/// What the bytes are. An event is the data of one event of a stream, other than `[DONE]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyKind {
    /// A whole answer of `/chat/completions` or `/completions`.
    Completion,
    /// A chunk of one of these.
    CompletionChunk,
    /// An answer of `/embeddings`.
    Embeddings,
    /// A whole response, made or fetched. Nothing is reported before it has ended.
    Response,
    /// An event of a response; only the one that ends it reports.
    ResponseEvent,
    /// An answer of `/images/generations` or `/images/edits`.
    Images,
    /// An event of one of these.
    ImagesEvent,
    /// A JSON answer of `/audio/transcriptions`: tokens, or a length of time.
    Transcription,
    /// An event of a transcription.
    TranscriptionEvent,
    /// A JSON answer of `/audio/translations`. It has no usage, but tells the length of the audio if asked for the verbose form.
    Translation,
    /// An event of `/audio/speech`. The sound itself, without events, reports nothing.
    SpeechEvent,
    /// A batch, made, fetched or cancelled: the sum over its requests, once it has ended.
    Batch,
    /// An answer that never reports: moderations, models, files, uploads, counted input tokens.
    Unmetered,
}

/// What tokens are made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Modality {
    Text,
    Image,
    Audio,
}

/// What tokens are whose modality is not told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Untold {
    pub(super) input: Modality,
    pub(super) output: Modality,
}

impl Modality {
    /// The input as this.
    pub(super) fn parts(self, input: u64) -> Parts {
        let mut parts = Parts::default();
        match self {
            Self::Text => parts.text = input,
            Self::Image => parts.image = input,
            Self::Audio => parts.audio = input,
        }
        parts
    }

    /// Moves what stands as text to this.
    pub(super) fn move_output(self, usage: &mut Usage) {
        let output = std::mem::take(&mut usage.output);
        match self {
            Self::Text => usage.output = output,
            Self::Image => usage.image_output += output,
            Self::Audio => usage.audio_output += output,
        }
    }
}

impl Untold {
    pub(super) fn of(kind: BodyKind) -> Self {
        let (input, output) = match kind {
            BodyKind::Images | BodyKind::ImagesEvent => (Modality::Image, Modality::Image),
            BodyKind::Transcription | BodyKind::TranscriptionEvent | BodyKind::Translation => {
                (Modality::Audio, Modality::Text)
            }
            BodyKind::SpeechEvent => (Modality::Text, Modality::Audio),
            BodyKind::Completion
            | BodyKind::CompletionChunk
            | BodyKind::Embeddings
            | BodyKind::Response
            | BodyKind::ResponseEvent
            | BodyKind::Batch
            | BodyKind::Unmetered => (Modality::Text, Modality::Text),
        };
        Self { input, output }
    }

    /// The images endpoint tells text and images in, and may leave the output whole: then it is images.
    pub(super) fn guessed(prompt: Option<Count>, input: &InputDetails, output_told: bool) -> Self {
        let draws = !output_told
            && prompt.is_none()
            && (input.image_tokens.is_some() || input.text_tokens.is_some())
            && input.audio_tokens.is_none();
        Self {
            input: Modality::Text,
            output: if draws {
                Modality::Image
            } else {
                Modality::Text
            },
        }
    }
}

#[cfg(test)]
mod tests;
