//! What one typed event of a stream says: responses, images, transcriptions and speech.
//!
//! Invariants: events of kinds that are not known are read as far as they go; only an event that ends its stream reports usage.
//! Does not know: SSE, the order of events, which text belongs to which item.
//! Source: OpenAI API, streaming events of responses, images, transcriptions and speech; the `error` event.

use std::borrow::Cow;

use serde::Deserialize;

use super::{AnswerHead, Malformed, RawAnswer, object};
use crate::error_body::{ErrorBody, RawError};
use crate::lenient::{Lax, Loose, Member, Name, Ordinal, TextBytes};
use crate::usage::{BodyKind, RawUsage, Usage};

/// What one event says.
///
/// ```
/// use openai_client::wire::{End, EventHead};
///
/// let delta = br#"{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1","delta":"Hi"}"#;
/// let event = EventHead::parse(delta)?;
/// assert_eq!((event.content_bytes, event.end), (2, None));
///
/// let last = br#"{"type":"response.completed","response":{"usage":{"input_tokens":9,"output_tokens":1}}}"#;
/// let event = EventHead::parse(last)?;
/// assert_eq!(event.end, Some(End::Completed));
/// assert_eq!(event.usage.map(|usage| usage.output), Some(1));
/// # Ok::<(), openai_client::wire::Malformed>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventHead<'data> {
    /// Its `type`, such as `response.output_text.delta`.
    pub kind: Option<Cow<'data, str>>,
    /// Its place in the stream.
    pub sequence_number: Option<u64>,
    /// How the stream ends with it, if it does. There is no `[DONE]`, and nothing comes behind it but, with some servers, the `error`
    /// that says why a response failed.
    pub end: Option<End>,
    /// The response as it stands, in the events that hold it: the first ones and the last.
    pub response: Option<AnswerHead<'data>>,
    /// The id of the item that it is about.
    pub item_id: Option<Cow<'data, str>>,
    /// The id by which a tool's result will name the call, where the item is one.
    pub call_id: Option<Cow<'data, str>>,
    /// Bytes of generated text that come with it and never came before: text, refusals, reasoning, arguments, and names of functions
    /// in UTF-8; images and audio as they stand, in base64.
    pub content_bytes: usize,
    /// What the stream used, all in all. Only in its last event, and not in each of these.
    pub usage: Option<Usage>,
    /// An error: of an `error` event, of a response that failed, or in place of an event.
    pub error: Option<ErrorBody>,
}

/// How a stream of typed events ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Whole.
    Completed,
    /// At a limit of tokens, or by a filter. Billed.
    Incomplete,
    /// In an error of the response. Billed, if it has usage.
    Failed,
    /// Because somebody asked for that.
    Cancelled,
    /// In an error of the stream.
    Error,
}

impl End {
    /// The end that an event of this type is; `None` where the stream goes on.
    pub fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "response.completed"
            | "image_generation.completed"
            | "image_edit.completed"
            | "transcript.text.done"
            | "speech.audio.done" => Self::Completed,
            "response.incomplete" => Self::Incomplete,
            "response.failed" => Self::Failed,
            "response.cancelled" => Self::Cancelled,
            "error" => Self::Error,
            _ => return None,
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawEvent<'data> {
    #[serde(rename = "type", borrow)]
    kind: Name<'data>,
    sequence_number: Ordinal,
    #[serde(borrow)]
    response: Lax<RawAnswer<'data>>,
    #[serde(borrow)]
    item: Lax<RawItem<'data>>,
    #[serde(borrow)]
    item_id: Name<'data>,
    #[serde(borrow)]
    call_id: Name<'data>,
    delta: TextBytes,
    audio: TextBytes,
    b64_json: TextBytes,
    partial_image_b64: TextBytes,
    usage: Member<RawUsage>,
    error: Option<RawError>,
    // Of the `error` event.
    code: Loose,
    message: Loose,
    param: Loose,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawItem<'data> {
    #[serde(borrow)]
    id: Name<'data>,
    #[serde(borrow)]
    call_id: Name<'data>,
    name: TextBytes,
}

impl<'data> EventHead<'data> {
    /// Reads the data of one event of a response.
    ///
    /// Errors: [`Malformed`] where it is no JSON object, where a usage or error has a wrong type, or where a field that is read stands
    /// twice.
    pub fn parse(data: &'data [u8]) -> Result<Self, Malformed> {
        Self::read(BodyKind::ResponseEvent, data)
    }

    /// Reads the data of one event of this kind of stream.
    ///
    /// Errors: as [`parse`](Self::parse).
    pub fn read(kind: BodyKind, data: &'data [u8]) -> Result<Self, Malformed> {
        let raw: RawEvent<'data> = object(data)?;
        let item = raw.item.0.unwrap_or_default();
        let name = raw.kind.0.as_deref().unwrap_or_default();
        let mut end = End::of(name);
        // A done item repeats its name.
        let named = if name == "response.output_item.added" {
            item.name.0
        } else {
            0
        };
        let media = raw.audio.0 + raw.b64_json.0 + raw.partial_image_b64.0;
        let mut response = raw.response.0.map(|response| response.head(Some(kind)));
        // In an event of another type it is a part's error, as of a tool, behind which the stream goes on.
        let whole = name.is_empty() || end == Some(End::Error);
        let mut error = raw.error.filter(|_| whole).map(RawError::into_body);
        if error.is_some() {
            end = Some(End::Error);
        } else if end == Some(End::Error) {
            let (message, code, param) = (raw.message, raw.code, raw.param);
            error = Some(RawError::new(message, code, param).into_body());
        } else {
            error = response.as_ref().and_then(|head| head.error.clone());
        }
        if end.is_none()
            && let Some(response) = &mut response
        {
            response.usage = None;
        }
        let told = response.as_ref().and_then(|head| head.usage);
        let usage = told.or_else(|| raw.usage.0?.usage(Some(kind)));
        Ok(Self {
            end,
            response,
            item_id: raw.item_id.0.or(item.id.0),
            call_id: raw.call_id.0.or(item.call_id.0),
            content_bytes: raw.delta.0 + named + media,
            usage: usage.filter(|_| end.is_some()),
            error,
            sequence_number: raw.sequence_number.0,
            kind: raw.kind.0,
        })
    }
}

#[cfg(test)]
mod tests;
