//! What the choices of one chat chunk add up to, without keeping them.
//!
//! Invariants: all generated text is counted, whatever field a server puts it in that is known to us.
//! Does not know: which choice said what.
//! Source: OpenAI API, chat completion chunk object; `reasoning` and `reasoning_content` as other servers have them.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::lenient::{Text, TextBytes};

/// The sum over all choices of a chunk.
#[derive(Debug, Default)]
pub(super) struct Choices<'data> {
    pub(super) count: usize,
    pub(super) finish_reasons: Vec<Cow<'data, str>>,
    pub(super) content_bytes: usize,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawChoice<'data> {
    #[serde(borrow)]
    finish_reason: Option<Text<'data>>,
    delta: Option<Delta>,
    /// The answer at once, as some servers send it even in a stream.
    message: Option<Delta>,
    /// Of the older completions.
    text: TextBytes,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Delta {
    content: TextBytes,
    refusal: TextBytes,
    reasoning: TextBytes,
    reasoning_content: TextBytes,
    audio: Option<Audio>,
    function_call: TextBytes,
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Audio {
    data: TextBytes,
    transcript: TextBytes,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ToolCall {
    function: TextBytes,
    custom: TextBytes,
}

impl Delta {
    fn bytes(&self) -> usize {
        let calls = self
            .tool_calls
            .iter()
            .flatten()
            .map(|call| call.function.0 + call.custom.0);
        let audio = self
            .audio
            .as_ref()
            .map_or(0, |audio| audio.data.0 + audio.transcript.0);
        let text = self.content.0 + self.refusal.0 + self.reasoning.0.max(self.reasoning_content.0);
        text + audio + self.function_call.0 + calls.sum::<usize>()
    }
}

impl<'de: 'data, 'data> Deserialize<'de> for Choices<'data> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChoicesVisitor)
    }
}

struct ChoicesVisitor;

impl<'de> Visitor<'de> for ChoicesVisitor {
    type Value = Choices<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of choices")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Choices::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut choices = Choices::default();
        while let Some(choice) = values.next_element::<RawChoice<'de>>()? {
            choices.count += 1;
            choices
                .finish_reasons
                .extend(Text::filled(choice.finish_reason));
            let said = choice
                .delta
                .iter()
                .chain(&choice.message)
                .map(Delta::bytes)
                .sum::<usize>();
            choices.content_bytes += said + choice.text.0;
        }
        Ok(choices)
    }
}
