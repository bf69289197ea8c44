//! The few fields of answers that a gateway must read, borrowed from the bytes; everything else is skipped.
//!
//! Invariants: no tree is built; unknown fields and values pass; what cannot be read is [`Malformed`], never a default that would hide
//! a charge; no error holds a piece of the input.
//! Does not know: HTTP, SSE, prices.
//! Source: OpenAI API, chat completions (whole and chunks), embeddings, responses, images, audio, batches.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::error::Category;

use crate::error_body::{ErrorBody, RawError};
use crate::lenient::{Lasting, Lax, Member, Name, Seconds, Text};
use crate::usage::{BodyKind, RawToolUsage, RawUsage, Usage};
use crate::wire::choices::Choices;

pub use event::{End, EventHead};
pub use output::HostedCalls;

mod choices;
mod event;
mod output;

/// An answer or chunk that can't be read. Says where, never what stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is {fault}, at line {line}, column {column}")]
pub struct Malformed {
    /// In what way.
    pub fault: Fault,
    /// From 1; 0 where the parser gives none.
    pub line: usize,
    /// In bytes, from 1; 0 where the parser gives none.
    pub column: usize,
}

/// In what way bytes can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// They are not JSON.
    #[error("not JSON")]
    Syntax,
    /// They end too early.
    #[error("cut short")]
    Short,
    /// They are JSON in which a field that matters has another type, or stands twice.
    #[error("not of the expected shape")]
    Shape,
}

impl From<serde_json::Error> for Malformed {
    /// Keeps the place only: serde_json's own message quotes values.
    fn from(error: serde_json::Error) -> Self {
        let fault = match error.classify() {
            Category::Syntax | Category::Io => Fault::Syntax,
            Category::Eof => Fault::Short,
            Category::Data => Fault::Shape,
        };
        Self {
            fault,
            line: error.line(),
            column: error.column(),
        }
    }
}

/// What a whole body says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerHead<'body> {
    /// The answer's id.
    pub id: Option<Cow<'body, str>>,
    /// The model that answered, which may be a dated name of the one asked.
    pub model: Option<Cow<'body, str>>,
    /// The tier that served, which may differ from the one asked.
    pub service_tier: Option<Cow<'body, str>>,
    /// How far a response or batch is: `completed`, `in_progress`, …
    pub status: Option<Cow<'body, str>>,
    /// Why a response is incomplete: `max_output_tokens`, `content_filter`.
    pub incomplete_reason: Option<Cow<'body, str>>,
    /// What it used; `None` where the upstream reported nothing.
    pub usage: Option<Usage>,
    /// Which hosted tools a response called; none where it is no response.
    pub hosted_calls: HostedCalls,
    /// An error where an answer should be, which some servers send with status 200; or that of a response that failed, which may be
    /// billed all the same.
    pub error: Option<ErrorBody>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawAnswer<'body> {
    #[serde(borrow)]
    id: Name<'body>,
    #[serde(borrow)]
    model: Option<Text<'body>>,
    #[serde(borrow)]
    service_tier: Option<Text<'body>>,
    #[serde(borrow)]
    status: Name<'body>,
    #[serde(borrow)]
    incomplete_details: Lax<Incomplete<'body>>,
    usage: Member<RawUsage>,
    tool_usage: Member<RawToolUsage>,
    output: HostedCalls,
    duration: Lasting,
    error: Option<RawError>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Incomplete<'body> {
    #[serde(borrow)]
    reason: Name<'body>,
}

impl<'body> AnswerHead<'body> {
    /// Reads the head of a whole JSON body, of which it is not known what it is.
    ///
    /// Errors: [`Malformed`] where it is no JSON object, or where model, tier or usage have a wrong type.
    pub fn parse(body: &'body [u8]) -> Result<Self, Malformed> {
        object(body).map(|raw: RawAnswer<'body>| raw.head(None))
    }

    /// Reads the head of a whole JSON body of this kind.
    ///
    /// Errors: as [`parse`](Self::parse).
    pub fn read(kind: BodyKind, body: &'body [u8]) -> Result<Self, Malformed> {
        object(body).map(|raw: RawAnswer<'body>| raw.head(Some(kind)))
    }
}

/// How responses and batches end. What they report before is not all.
const ENDED: [&str; 5] = ["completed", "incomplete", "failed", "cancelled", "expired"];

impl<'body> RawAnswer<'body> {
    fn head(self, kind: Option<BodyKind>) -> AnswerHead<'body> {
        let status = self.status.0;
        let polled = matches!(kind, Some(BodyKind::Response | BodyKind::Batch));
        let goes_on = |status: &Cow<'_, str>| !ENDED.contains(&status.as_ref());
        let usage = self
            .usage
            .0
            .filter(|_| !(polled && status.as_ref().is_some_and(goes_on)));
        let mut usage = usage.and_then(|usage| usage.usage(kind));
        if let Some(usage) = &mut usage {
            usage.web_searches = self.output.web_searches;
            if let Some(tools) = self.tool_usage.0 {
                tools.add_to(usage);
            }
        }
        if kind == Some(BodyKind::Translation) {
            let length = |seconds: Seconds| Usage {
                audio_ms: seconds.milliseconds(),
                ..Usage::default()
            };
            usage = usage.or_else(|| self.duration.0.map(length));
        }
        AnswerHead {
            id: self.id.0,
            model: Text::filled(self.model),
            service_tier: Text::filled(self.service_tier),
            status,
            incomplete_reason: self
                .incomplete_details
                .0
                .and_then(|details| details.reason.0),
            usage,
            hosted_calls: self.output,
            error: self.error.map(RawError::into_body),
        }
    }
}

/// What one chunk of a chat stream says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChunkHead<'data> {
    /// The answer's id; some gateways leave it empty in chunks of their own.
    pub id: Option<Cow<'data, str>>,
    /// The model that answers.
    pub model: Option<Cow<'data, str>>,
    /// The tier that serves.
    pub service_tier: Option<Cow<'data, str>>,
    /// What was used up to here. Where several chunks report, the last one counts; they are never summed.
    pub usage: ChunkUsage,
    /// True where `choices` is empty, null or absent: the usage chunk, a filter report, an error. Can stand anywhere in a stream.
    pub choices_empty: bool,
    /// Why choices ended in this chunk.
    pub finish_reasons: Vec<Cow<'data, str>>,
    /// UTF-8 bytes of generated text: content, refusal, reasoning, names and arguments of tool calls.
    pub content_bytes: usize,
    /// An error inside a stream of status 200.
    pub error: Option<ErrorBody>,
}

/// The `usage` member of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChunkUsage {
    /// There is no such member.
    #[default]
    Absent,
    /// It is `null`, or an object without counts.
    Null,
    /// It reports.
    Reported(Usage),
}

impl ChunkUsage {
    /// The usage, where reported.
    pub fn reported(self) -> Option<Usage> {
        match self {
            Self::Reported(usage) => Some(usage),
            Self::Absent | Self::Null => None,
        }
    }
}

impl<'de> Deserialize<'de> for ChunkUsage {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let usage = Member::<RawUsage>::deserialize(deserializer)?.0;
        let usage = usage.and_then(|usage| usage.usage(Some(BodyKind::CompletionChunk)));
        Ok(usage.map_or(Self::Null, Self::Reported))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawChunk<'data> {
    #[serde(borrow)]
    id: Option<Text<'data>>,
    #[serde(borrow)]
    model: Option<Text<'data>>,
    #[serde(borrow)]
    service_tier: Option<Text<'data>>,
    usage: ChunkUsage,
    #[serde(borrow)]
    choices: Choices<'data>,
    error: Option<RawError>,
}

impl<'data> ChunkHead<'data> {
    /// Reads the data of one event of a chat stream, other than `[DONE]`.
    ///
    /// Errors: [`Malformed`] where it is no JSON object, or where a field that is read has a wrong type.
    pub fn parse(data: &'data [u8]) -> Result<Self, Malformed> {
        let raw: RawChunk<'data> = object(data)?;
        Ok(Self {
            id: Text::filled(raw.id),
            model: Text::filled(raw.model),
            service_tier: Text::filled(raw.service_tier),
            usage: raw.usage,
            choices_empty: raw.choices.count == 0,
            finish_reasons: raw.choices.finish_reasons,
            content_bytes: raw.choices.content_bytes,
            error: raw.error.map(RawError::into_body),
        })
    }
}

/// Reads one object. A derived struct would take an array too, its fields by position.
pub(crate) fn object<'input, T: Deserialize<'input>>(input: &'input [u8]) -> Result<T, Malformed> {
    if input
        .trim_ascii_start()
        .first()
        .is_some_and(|byte| *byte != b'{')
    {
        return Err(Malformed {
            fault: Fault::Shape,
            line: 1,
            column: 1,
        });
    }
    Ok(serde_json::from_slice(input)?)
}

#[cfg(test)]
mod tests;
