//! A caller's request: the fields that matter, decoded; the rest as the bytes that came.
//!
//! Invariants: what is decoded here equals what the upstream will read, since a doubled name or a broken escape is refused; the body
//! is changed by splices only.
//! Does not know: keys, prices, upstreams.

pub(crate) mod ids;
mod kinds;
mod values;

use std::sync::Arc;

use access::VirtualKey;
use bytes::Bytes;
use config::EndUserFrom;
use http::HeaderMap;

use crate::edits::Edits;
use crate::headers::END_USER;
use crate::object::Object;
pub(crate) use crate::operation::Operation;
use crate::status::Refusal;
use ids::Ids;
use values::{end_user, end_user_name, model};

/// Who calls: the virtual key as it was when the call began.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The key's record; never its secret.
    pub(crate) key: Arc<VirtualKey>,
}

/// A request that was read and found well-formed.
#[derive(Debug)]
pub(crate) struct Request {
    /// What is asked for.
    pub(crate) operation: Operation,
    /// The model, as the caller spelled it.
    pub(crate) model: Arc<str>,
    /// The body as it came.
    pub(crate) body: Bytes,
    /// What of it is changed before it is sent.
    pub(crate) edits: Edits,
    /// True where the answer may come as a stream.
    pub(crate) stream: bool,
    /// True where the caller asked for usage in the stream.
    pub(crate) usage_asked: bool,
    /// The most tokens out that the caller allows for each choice; `None` where it set no maximum.
    pub(crate) output_tokens_max: Option<u64>,
    /// How many choices the answer has.
    pub(crate) choices: u64,
    /// How many are made, and billed, to pick those from.
    pub(crate) choices_made: u64,
    /// What is made that is not text.
    pub(crate) making: Making,
    /// True where the upstream answers at once and works on.
    pub(crate) background: bool,
    /// True where the upstream keeps the answer.
    pub(crate) is_stored: bool,
    /// What it names of what is kept at the upstream.
    pub(crate) ids: Vec<String>,
    /// The end user that the caller names, for the ledger.
    pub(crate) end_user: Option<Arc<str>>,
}

/// What a call makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Making {
    /// Text, or numbers made of text.
    #[default]
    Text,
    /// Images.
    Images {
        images: u64,
        /// Of each, before it is whole.
        partial_images: u64,
        /// The area of each, where the caller named one.
        pixels: Option<u64>,
    },
    /// Speech.
    Speech {
        /// Of the text, in Unicode scalar values.
        characters: u64,
        /// Of the text, in UTF-8.
        bytes: u64,
        /// How many times as long as at the ordinary speed it may last, at least 1.
        slowness: u64,
    },
}

impl Request {
    /// Reads `body`; `object` must have been read from it and held to the field table.
    pub(crate) fn read(
        operation: Operation,
        body: &Bytes,
        object: &Object<'_>,
    ) -> Result<Self, Refusal> {
        let mut request = Self {
            operation,
            model: model(object)?,
            body: body.clone(),
            edits: Edits::default(),
            stream: false,
            usage_asked: false,
            output_tokens_max: None,
            choices: 1,
            choices_made: 1,
            making: Making::Text,
            background: false,
            is_stored: false,
            ids: Vec::new(),
            end_user: end_user(object)?,
        };
        match operation {
            Operation::Chat => request.read_chat(object)?,
            Operation::Completions => request.read_completion(object)?,
            Operation::Responses => request.read_response(object)?,
            Operation::Embeddings => {
                object.get("input").ok_or(Refusal::InvalidField {
                    field: "input",
                    expected: "a string, an array of strings, or token ids",
                })?;
                request.output_tokens_max = Some(0);
            }
            Operation::Images => request.read_images(object)?,
            Operation::Speech => request.read_speech(object)?,
        }
        if matches!(operation, Operation::Chat | Operation::Responses) {
            request.ids = Ids::read(body, object).ok_or(Refusal::InvalidField {
                field: "input",
                expected: "at most 512 ids of files and other objects",
            })?;
        }
        request.choices_made = request.choices_made.max(request.choices);
        Ok(request)
    }

    /// Takes the end user from where the settings say; so far it is the body's.
    pub(crate) fn name_end_user(
        &mut self,
        headers: &HeaderMap,
        from: EndUserFrom,
    ) -> Result<(), Refusal> {
        self.end_user = match (from, headers.get(END_USER)) {
            (EndUserFrom::Body, _) => return Ok(()),
            (EndUserFrom::None, _) | (EndUserFrom::Header, None) => None,
            (EndUserFrom::Header, Some(value)) => {
                const FIELD: &str = "x-keyward-end-user";
                let name = value.to_str().map_err(|_| Refusal::InvalidField {
                    field: FIELD,
                    expected: "visible ASCII characters",
                })?;
                end_user_name(FIELD, name)?
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
