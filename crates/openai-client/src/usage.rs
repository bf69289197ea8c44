//! Token usage as an upstream reports it, in classes that do not overlap.
//!
//! Invariants: the classes add up to at least what was reported under every reading of it; a report that contradicts itself says so
//! in `flaw`; a count that cannot be read makes the whole usage unreadable.
//! Does not know: prices, which model it was.
//! Source: OpenAI API, usage of chat completions, embeddings, responses, images, transcriptions and realtime.

use crate::wire::{AnswerHead, ChunkHead, EventHead, Malformed};

mod kind;
mod raw;

pub use kind::BodyKind;
pub(crate) use raw::{RawToolUsage, RawUsage};

/// What one answer used. The classes are disjoint: their sum is all tokens.
///
/// Units: tokens, unless a name says otherwise. Classes without a word for it are text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input neither read from nor written to the prompt cache.
    pub input: u64,
    /// Input read from the prompt cache.
    pub cached_input: u64,
    /// Input written to the prompt cache for 30 minutes, the life that an upstream uses where it names none; of any modality.
    pub cache_write_30m: u64,
    /// Input written to the prompt cache for 12 hours; of any modality.
    pub cache_write_12h: u64,
    /// Output without reasoning.
    pub output: u64,
    /// Output spent on reasoning.
    pub reasoning: u64,
    /// Audio in, not read from the prompt cache.
    pub audio_input: u64,
    /// Audio in, read from the prompt cache.
    pub cached_audio_input: u64,
    /// Audio out.
    pub audio_output: u64,
    /// Images in, not read from the prompt cache.
    pub image_input: u64,
    /// Images in, read from the prompt cache.
    pub cached_image_input: u64,
    /// Images out.
    pub image_output: u64,
    /// Audio that is billed by its length, in milliseconds, rounded up.
    pub audio_ms: u64,
    /// Web searches that were run, each with a fee.
    pub web_searches: u64,
    /// Why the report contradicts itself, if it does. Then the classes are the dearest reading of it.
    pub flaw: Option<&'static str>,
}

/// Reads the `usage` of a whole JSON body: chat completions, embeddings, responses, images or transcriptions.
///
/// `None` where there is none, or none that can be read: then the caller has to charge what it proved, not nothing. To tell the two
/// apart, use [`AnswerHead::parse`].
pub fn parse_usage(body: &[u8]) -> Option<Usage> {
    AnswerHead::parse(body).ok()?.usage
}

/// Reads the usage that bytes of this kind report: a whole body, or the data of one event.
///
/// `None` where they report nothing: then the caller has to charge what it proved, not nothing. Of several events that report, the last
/// counts; they are never summed.
/// Errors: [`Malformed`] where a report, or the object around it, can't be read.
///
/// ```
/// use openai_client::usage::{BodyKind, read};
///
/// let last = br#"{"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101,"total_tokens":115}}"#;
/// let usage = read(BodyKind::SpeechEvent, last)?.expect("the last event reports");
/// assert_eq!((usage.input, usage.audio_output), (14, 101), "what is spoken is audio, though nothing says so");
/// # Ok::<(), openai_client::wire::Malformed>(())
/// ```
pub fn read(kind: BodyKind, bytes: &[u8]) -> Result<Option<Usage>, Malformed> {
    match kind {
        BodyKind::CompletionChunk => Ok(ChunkHead::parse(bytes)?.usage.reported()),
        BodyKind::ResponseEvent
        | BodyKind::ImagesEvent
        | BodyKind::TranscriptionEvent
        | BodyKind::SpeechEvent => Ok(EventHead::read(kind, bytes)?.usage),
        BodyKind::Unmetered => Ok(None),
        BodyKind::Completion
        | BodyKind::Embeddings
        | BodyKind::Response
        | BodyKind::Images
        | BodyKind::Transcription
        | BodyKind::Translation
        | BodyKind::Batch => Ok(AnswerHead::read(kind, bytes)?.usage),
    }
}

impl Usage {
    /// All input classes together, in tokens.
    pub fn input_total(&self) -> u64 {
        self.input
            + self.cached_input
            + self.cache_write_30m
            + self.cache_write_12h
            + self.audio_input
            + self.cached_audio_input
            + self.image_input
            + self.cached_image_input
    }

    /// All output classes together, in tokens.
    pub fn output_total(&self) -> u64 {
        self.output + self.reasoning + self.audio_output + self.image_output
    }
}

#[cfg(test)]
mod tests;
