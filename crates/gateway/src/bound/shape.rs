//! What of a chat's body a bound depends on beside its length.
//!
//! Invariants: whatever is not known for text counts as boundless, so that a new field of the API is bounded too high, not too low.
//! Does not know: prices, tokens.
//! Source: OpenAI API, create chat completion and create response.

use std::borrow::Cow;
use std::fmt;

use cost_accounting::{Modalities, Tier};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::message::{Name, Parts};
use crate::object::Object;

/// Why a body does not bound the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boundless {
    /// It can't be read as a chat.
    Unreadable,
    /// An image of a model or detail without a published maximum.
    Image,
    /// Audio.
    Audio,
    /// A file.
    File,
    /// A part, item or field that is not known.
    Unknown,
    /// The upstream adds what it has kept: an earlier answer, a conversation, a stored prompt.
    StoredContext,
    /// The upstream runs tools of its own, and what they find becomes input.
    HostedTools,
}

/// The tools of the upstream's own that a call may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosted {
    pub(crate) web_search: bool,
    pub(crate) file_search: bool,
    pub(crate) code_interpreter: bool,
    /// One whose fee is not known.
    pub(crate) other: bool,
    /// The most calls that the caller allows, all tools together.
    pub(crate) calls_max: Option<u64>,
}

impl Hosted {
    /// Whether there is one.
    pub(crate) fn any(self) -> bool {
        self.web_search || self.file_search || self.code_interpreter || self.other
    }
}

/// What of a body a bound depends on.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) parts: Parts,
    /// Tools of the caller's own.
    pub(super) tools: u64,
    pub(super) hosted: Hosted,
    /// Bytes of the output that the caller predicts.
    pub(super) predicted_bytes: u64,
    /// The tiers that may serve; empty is every tier.
    pub(super) tiers: &'static [Tier],
    /// The caller named a tier.
    pub(super) tier_named: bool,
    speaks: bool,
    boundless: Option<Boundless>,
}

impl Default for Shape {
    /// Of text without any field that matters.
    fn default() -> Self {
        Self {
            parts: Parts::default(),
            tools: 0,
            hosted: Hosted::default(),
            predicted_bytes: 0,
            tiers: &Tier::ALL,
            tier_named: false,
            speaks: false,
            boundless: None,
        }
    }
}

impl Shape {
    /// Reads a chat's members.
    pub(super) fn read(object: &Object<'_>) -> Self {
        let mut shape = Self::default();
        for (name, value) in object.members().filter(|(_, value)| value.get() != "null") {
            shape.read_member(name, value);
        }
        shape
    }

    fn read_member(&mut self, name: &str, value: &RawValue) {
        let json = value.get();
        match name {
            "messages" => self.read_messages(json),
            "input" if json.starts_with('"') => {}
            "input" => self.read_messages(json),
            "tools" => self.read_tools(json),
            "max_tool_calls" => self.hosted.calls_max = json.parse().ok(),
            "prediction" => self.predicted_bytes = json.len() as u64,
            "service_tier" => {
                self.tier_named = true;
                self.tiers = serde_json::from_str::<Name<'_>>(json)
                    .map_or(&Tier::ALL, |name| tiers(&name.0));
            }
            "modalities" => self.speaks |= !is_text_alone(json),
            "audio" => self.speaks = true,
            "previous_response_id" | "conversation" => self.doubt(Boundless::StoredContext),
            // The text of a legacy completion is bounded by its bytes.
            "prompt" if json.starts_with('{') => self.doubt(Boundless::StoredContext),
            "web_search_options" => self.hosted.web_search = true,
            _ => {}
        }
    }

    fn read_messages(&mut self, json: &str) {
        match serde_json::from_str::<Parts>(json) {
            Ok(parts) => self.parts.add(parts),
            Err(_) => self.doubt(Boundless::Unreadable),
        }
    }

    fn read_tools(&mut self, json: &str) {
        let Ok(tools) = serde_json::from_str::<Vec<Tool<'_>>>(json) else {
            return self.doubt(Boundless::Unreadable);
        };
        for Tool(kind) in tools {
            match kind.as_deref() {
                Some(
                    "function" | "custom" | "local_shell" | "apply_patch" | "computer_use_preview",
                ) => self.tools += 1,
                Some(name) if name.starts_with("web_search") => self.hosted.web_search = true,
                Some("file_search") => self.hosted.file_search = true,
                Some("code_interpreter") => self.hosted.code_interpreter = true,
                _ => self.hosted.other = true,
            }
        }
    }

    fn doubt(&mut self, why: Boundless) {
        self.boundless.get_or_insert(why);
    }

    /// Why the body does not bound the input.
    pub(super) fn boundless(&self) -> Option<Boundless> {
        let hosted = self.hosted.any().then_some(Boundless::HostedTools);
        hosted.or(self.boundless).or(self.parts.boundless)
    }

    /// What the tokens can be beside text.
    pub(super) fn modalities(&self) -> Modalities {
        let any = self.boundless().is_some();
        Modalities {
            audio_input: any || self.parts.audio,
            image_input: any || self.parts.images_low + self.parts.images_high > 0,
            audio_output: self.speaks,
            image_output: false,
        }
    }
}

/// The tiers that may serve a request which asks for this one. An upstream may serve a dearer tier's request at the standard one.
pub(super) fn tiers(asked: &str) -> &'static [Tier] {
    match Tier::read(asked) {
        Some(Tier::Standard) => &[Tier::Standard],
        Some(Tier::Flex) => &[Tier::Standard, Tier::Flex],
        Some(Tier::Priority) => &[Tier::Standard, Tier::Priority],
        // `auto` leaves it to the settings of the project; a name that is not known can be anything.
        _ => &Tier::ALL,
    }
}

fn is_text_alone(modalities: &str) -> bool {
    serde_json::from_str::<Vec<Name<'_>>>(modalities)
        .is_ok_and(|modalities| modalities.iter().all(|name| name.0 == "text"))
}

/// One tool: its type.
struct Tool<'json>(Option<Cow<'json, str>>);

impl<'de> Deserialize<'de> for Tool<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ToolVisitor)
    }
}

struct ToolVisitor;

impl<'de> Visitor<'de> for ToolVisitor {
    type Value = Tool<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a tool")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tool<'de>, A::Error> {
        let mut kind = None;
        while let Some(Name(name)) = map.next_key()? {
            if name == "type" && kind.is_none() {
                kind = Some(map.next_value::<Name<'_>>()?.0);
            } else if name.eq_ignore_ascii_case("type") {
                // Which of the two an upstream takes is not known: none that is.
                kind = Some(Cow::Borrowed(""));
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Tool(kind))
    }
}

#[cfg(test)]
mod tests;
