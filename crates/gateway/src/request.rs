//! A caller's request: the fields that matter, decoded; the rest as the bytes that came.
//!
//! Invariants: what is decoded here equals what the upstream will read, since a doubled name or a broken escape is refused; the body
//! is changed by splices only.
//! Does not know: keys, prices, upstreams.

use std::borrow::Cow;
use std::sync::Arc;

use access::VirtualKey;
use bytes::Bytes;
use config::EndUserFrom;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::edits::Edits;
use crate::headers::END_USER;
use crate::object::{Object, range_in};
use crate::status::Refusal;

/// Who calls: the virtual key as it was when the call began.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The key's record; never its secret.
    pub(crate) key: Arc<VirtualKey>,
}

/// The metered operations, each with its own body and usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/embeddings`
    Embeddings,
}

impl Operation {
    /// The endpoint's name in permissions, the ledger and metrics.
    pub(crate) fn endpoint(self) -> &'static str {
        match self {
            Self::Chat => "chat.completions",
            Self::Embeddings => "embeddings",
        }
    }

    /// The path below the upstream's base URL.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Embeddings => "/embeddings",
        }
    }

    /// The operation's name in OpenTelemetry's words.
    pub(crate) fn span_name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
        }
    }
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
    /// True where the caller wants a stream.
    pub(crate) stream: bool,
    /// True where the caller asked for usage in the stream.
    pub(crate) usage_asked: bool,
    /// The most tokens out that the caller allows for each choice; `None` where it set no maximum.
    pub(crate) output_tokens_max: Option<u64>,
    /// How many choices are asked for.
    pub(crate) choices: u64,
    /// The end user that the caller names, for the ledger.
    pub(crate) end_user: Option<Arc<str>>,
}

/// The longest end-user name that the ledger keeps, in bytes.
const END_USER_BYTES_MAX: usize = 256;
/// The longest model name, in bytes.
const MODEL_BYTES_MAX: usize = 256;
/// The most choices; OpenAI's own limit.
const CHOICES_MAX: u64 = 128;

impl Request {
    /// Reads `body`; `object` must have been read from it.
    pub(crate) fn read(
        operation: Operation,
        body: &Bytes,
        object: &Object<'_>,
    ) -> Result<Self, Refusal> {
        one_reading(object)?;
        let model = model(object)?;
        let end_user = end_user(object)?;
        let mut request = Self {
            operation,
            model,
            body: body.clone(),
            edits: Edits::default(),
            stream: false,
            usage_asked: false,
            output_tokens_max: None,
            choices: 1,
            end_user,
        };
        match operation {
            Operation::Chat => request.read_chat(object)?,
            Operation::Embeddings => {
                object.get("input").ok_or(Refusal::InvalidField {
                    field: "input",
                    expected: "a string, an array of strings, or token ids",
                })?;
                request.output_tokens_max = Some(0);
            }
        }
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

    fn read_chat(&mut self, object: &Object<'_>) -> Result<(), Refusal> {
        const MESSAGES: Refusal = Refusal::InvalidField {
            field: "messages",
            expected: "an array of messages",
        };
        let messages = object.get("messages").ok_or(MESSAGES)?;
        if !messages.get().starts_with('[') {
            return Err(MESSAGES);
        }
        self.choices = number(object, "n")?.unwrap_or(1);
        if self.choices == 0 || self.choices > CHOICES_MAX {
            return Err(Refusal::InvalidField {
                field: "n",
                expected: "a whole number from 1 to 128",
            });
        }
        self.output_tokens_max =
            tokens(object, "max_completion_tokens")?.max(tokens(object, "max_tokens")?);
        if object.get("web_search_options").is_some() {
            // Each search costs a fee beside the tokens, which is not in the price list yet.
            let expected = "nothing: web searches are not served yet";
            return Err(Refusal::InvalidField {
                field: "web_search_options",
                expected,
            });
        }
        self.stream = flag(object.get("stream"), "stream")?.unwrap_or(false);
        if self.stream {
            self.ask_for_usage(object)?;
        }
        Ok(())
    }

    /// Makes sure that the upstream reports usage at the end of the stream.
    fn ask_for_usage(&mut self, object: &Object<'_>) -> Result<(), Refusal> {
        const ASK: &str = r#""include_usage":true"#;
        const OPTIONS: Refusal = Refusal::InvalidField {
            field: "stream_options",
            expected: "an object",
        };
        let Some(options) = object.get("stream_options") else {
            self.edits
                .set((&self.body, object), "stream_options", format!("{{{ASK}}}"));
            return Ok(());
        };
        let members = Object::read(options.get().as_bytes()).map_err(|_| OPTIONS)?;
        self.usage_asked =
            flag(members.get("include_usage"), "stream_options.include_usage")?.unwrap_or(false);
        if self.usage_asked {
            return Ok(());
        }
        if let Some(value) = members.get_even_null("include_usage") {
            let range = range_in(&self.body, value.get().as_bytes());
            self.edits.replace(range, "true");
        } else {
            let end = range_in(&self.body, options.get().as_bytes()).end - 1;
            let comma = if members.is_empty() { "" } else { "," };
            self.edits.replace(end..end, format!("{comma}{ASK}"));
        }
        Ok(())
    }
}

/// A name is kept up to its longest; one that reads as every name is none.
fn end_user_name(field: &'static str, name: &str) -> Result<Option<Arc<str>>, Refusal> {
    if name == "*" {
        let expected = "the name of one end user";
        return Err(Refusal::InvalidField { field, expected });
    }
    let kept: String = name.chars().scan(0, take_within).collect();
    Ok((!kept.is_empty()).then(|| kept.into()))
}

/// The members that this program reads, and those that its bounds rest on.
const READ: [&str; 21] = [
    "model",
    "messages",
    "input",
    "n",
    "max_tokens",
    "max_completion_tokens",
    "stream",
    "stream_options",
    "user",
    "safety_identifier",
    "web_search_options",
    "service_tier",
    "best_of",
    "tools",
    "max_tool_calls",
    "modalities",
    "audio",
    "previous_response_id",
    "conversation",
    "prompt",
    "prediction",
];

/// Refuses a member that differs by case alone from one that is read: some upstreams would take it for that one.
fn one_reading(object: &Object<'_>) -> Result<(), Refusal> {
    for (name, _) in object.members() {
        let alike = READ.iter().find(|read| read.eq_ignore_ascii_case(name));
        if let Some(field) = alike.filter(|read| **read != name) {
            return Err(Refusal::InvalidField {
                field,
                expected: "its name in lower case",
            });
        }
    }
    Ok(())
}

fn model(object: &Object<'_>) -> Result<Arc<str>, Refusal> {
    const MODEL: Refusal = Refusal::InvalidField {
        field: "model",
        expected: "the name of a model, at most 256 bytes",
    };
    let name = text(object.get("model").ok_or(MODEL)?).ok_or(MODEL)?;
    if name.is_empty() || name.len() > MODEL_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(MODEL);
    }
    Ok(Arc::from(name.as_ref()))
}

fn end_user(object: &Object<'_>) -> Result<Option<Arc<str>>, Refusal> {
    for field in ["safety_identifier", "user"] {
        if let Some(value) = object.get(field) {
            let name = text(value).ok_or(Refusal::InvalidField {
                field,
                expected: "a string",
            })?;
            return end_user_name(field, &name);
        }
    }
    Ok(None)
}

/// Takes letters while they fit the limit.
fn take_within(bytes: &mut usize, letter: char) -> Option<char> {
    *bytes += letter.len_utf8();
    (*bytes <= END_USER_BYTES_MAX).then_some(letter)
}

#[derive(Deserialize)]
struct Text<'input>(#[serde(borrow)] Cow<'input, str>);

fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get())
        .ok()
        .map(|text| text.0)
}

fn number(object: &Object<'_>, field: &'static str) -> Result<Option<u64>, Refusal> {
    let Some(value) = object.get(field) else {
        return Ok(None);
    };
    value
        .get()
        .parse()
        .map(Some)
        .map_err(|_| Refusal::InvalidField {
            field,
            expected: "a whole number",
        })
}

/// A maximum of tokens. Some upstreams take zero for none at all, and would generate without a bound.
fn tokens(object: &Object<'_>, field: &'static str) -> Result<Option<u64>, Refusal> {
    match number(object, field)? {
        Some(0) => Err(Refusal::InvalidField {
            field,
            expected: "a whole number above zero",
        }),
        tokens => Ok(tokens),
    }
}

fn flag(value: Option<&RawValue>, field: &'static str) -> Result<Option<bool>, Refusal> {
    match value.map(RawValue::get) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Refusal::InvalidField {
            field,
            expected: "true or false",
        }),
    }
}

#[cfg(test)]
mod tests;
