//! Reads along the messages of a chat, or the items of a response, and tallies what in them is not text.
//!
//! Invariants: no text is copied; a part is text only if its type says so and nothing in it says otherwise.
//! Does not know: prices, the rest of the body.
//! Source: OpenAI API, messages and content parts of chat completions, input items of responses.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::shape::Boundless;

/// A text, borrowed where it has no escapes.
#[derive(Deserialize)]
pub(super) struct Name<'json>(#[serde(borrow)] pub(super) Cow<'json, str>);

/// What messages are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) messages: u64,
    /// Parts of messages that are written as lists.
    pub(super) parts: u64,
    pub(super) images_low: u64,
    pub(super) images_high: u64,
    /// Bytes of the images' links or data.
    pub(super) image_bytes: u64,
    pub(super) audio: bool,
    pub(super) boundless: Option<Boundless>,
}

impl Parts {
    pub(super) fn add(&mut self, other: Parts) {
        self.messages += other.messages;
        self.parts += other.parts;
        self.images_low += other.images_low;
        self.images_high += other.images_high;
        self.image_bytes += other.image_bytes;
        self.audio |= other.audio;
        self.boundless = self.boundless.or(other.boundless);
    }

    fn boundless(why: Boundless) -> Parts {
        Parts {
            audio: why == Boundless::Audio,
            boundless: Some(why),
            ..Parts::default()
        }
    }
}

impl<'de> Deserialize<'de> for Parts {
    /// Reads a list of messages.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Messages;

        impl<'de> Visitor<'de> for Messages {
            type Value = Parts;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("messages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut messages: A) -> Result<Parts, A::Error> {
                let mut all = Parts::default();
                while let Some(Message(parts)) = messages.next_element()? {
                    all.messages += 1;
                    all.add(parts);
                }
                Ok(all)
            }
        }

        deserializer.deserialize_seq(Messages)
    }
}

/// One message or item.
struct Message(Parts);

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Message;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message, A::Error> {
                let mut parts = Parts::default();
                // Some upstreams read names without regard to case, or take the last of two: so everything that could be meant counts.
                while let Some(Name(name)) = map.next_key()? {
                    let is = |known: &str| name.eq_ignore_ascii_case(known);
                    if is("content") || is("output") {
                        parts.add(map.next_value::<Content>()?.0);
                    } else if is("audio") {
                        if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                            parts.add(Parts::boundless(Boundless::Audio));
                        }
                    } else if is("type") {
                        if !is_text_item(&map.next_value::<Name<'_>>()?.0) {
                            parts.add(Parts::boundless(Boundless::Unknown));
                        }
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Message(parts))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Items of a response whose text stands in the body. Reasoning is not one: it comes encrypted, or from what is kept.
fn is_text_item(kind: &str) -> bool {
    matches!(
        kind,
        "message"
            | "function_call"
            | "function_call_output"
            | "custom_tool_call"
            | "custom_tool_call_output"
    )
}

/// What a message says: text, or a list of parts.
struct Content(Parts);

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Content;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("text or parts")
            }

            fn visit_str<E>(self, _: &str) -> Result<Content, E> {
                Ok(Content(Parts::default()))
            }

            fn visit_unit<E>(self) -> Result<Content, E> {
                Ok(Content(Parts::default()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Content, A::Error> {
                let mut all = Parts::default();
                while let Some(Part(part)) = parts.next_element()? {
                    all.parts += 1;
                    all.add(part);
                }
                Ok(Content(all))
            }
        }

        deserializer.deserialize_any(List)
    }
}

/// One part of a message.
struct Part(Parts);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Part;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a part of a message")
            }

            fn visit_str<E>(self, _: &str) -> Result<Part, E> {
                Ok(Part(Parts::default()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
                let mut read = PartMembers::default();
                while let Some(Name(name)) = map.next_key()? {
                    let place = match &*name {
                        "type" => &mut read.kind,
                        "image_url" => &mut read.image,
                        "detail" => &mut read.detail,
                        _ => {
                            let like = |known: &str| name.eq_ignore_ascii_case(known);
                            read.is_odd |= ["type", "image_url", "detail"].into_iter().any(like);
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    read.is_odd |= place.is_some();
                    *place = Some(map.next_value()?);
                }
                Ok(Part(read.parts()))
            }
        }

        deserializer.deserialize_any(Members)
    }
}

/// The members of a part that tell what it is.
#[derive(Default)]
struct PartMembers<'json> {
    kind: Option<&'json RawValue>,
    image: Option<&'json RawValue>,
    detail: Option<&'json RawValue>,
    /// One stands twice, or in another case.
    is_odd: bool,
}

impl PartMembers<'_> {
    fn parts(&self) -> Parts {
        let kind = self.kind.and_then(text);
        match kind.as_deref() {
            _ if self.is_odd => Parts::boundless(Boundless::Unknown),
            Some("text" | "input_text" | "output_text" | "refusal") if self.image.is_none() => {
                Parts::default()
            }
            Some("image_url" | "input_image") => self.image(),
            Some("input_audio") => Parts::boundless(Boundless::Audio),
            Some("file" | "input_file") => Parts::boundless(Boundless::File),
            _ => Parts::boundless(Boundless::Unknown),
        }
    }

    fn image(&self) -> Parts {
        #[derive(Deserialize)]
        struct Link<'json> {
            #[serde(borrow, default)]
            detail: Option<&'json RawValue>,
        }

        let image = self.image.map_or("", RawValue::get);
        // Chats have the detail beside the link, responses beside the part.
        let inner = if image.starts_with('{') {
            match serde_json::from_str::<Link<'_>>(image) {
                Ok(link) => link.detail,
                Err(_) => return Parts::boundless(Boundless::Image),
            }
        } else {
            None
        };
        let mut parts = Parts {
            image_bytes: image.len() as u64,
            ..Parts::default()
        };
        let detail = inner.or(self.detail).map(text);
        match detail.as_ref().map(Option::as_deref) {
            Some(Some("low")) => parts.images_low = 1,
            // `auto` may be high.
            None | Some(Some("auto" | "high")) => parts.images_high = 1,
            Some(_) => parts.boundless = Some(Boundless::Image),
        }
        parts
    }
}

fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let name = serde_json::from_str::<Name<'_>>(value.get()).ok()?;
    Some(name.0)
}
