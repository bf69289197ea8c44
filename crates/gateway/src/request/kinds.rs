//! What is read of each operation's body beside model and end user.
//!
//! Invariants: whatever multiplies the output, or decides how the answer is metered, is read here.
//! Does not know: prices.
//! Source: OpenAI API, request bodies.

use serde_json::value::RawValue;

use super::values::{count, flag, number, text, tokens};
use super::{Making, Request};
use crate::object::{Object, range_in};
use crate::status::Refusal;

/// The most choices; OpenAI's own limit.
const CHOICES_MAX: u64 = 128;
const CHOICES: &str = "a whole number from 1 to 128";
/// The most images of one call; OpenAI's own limit.
const IMAGES_MAX: u64 = 10;
/// The most partial images of a stream; OpenAI's own limit.
const PARTIAL_IMAGES_MAX: u64 = 3;

impl Request {
    pub(super) fn read_chat(&mut self, object: &Object<'_>) -> Result<(), Refusal> {
        const MESSAGES: Refusal = Refusal::InvalidField {
            field: "messages",
            expected: "an array of messages",
        };
        let messages = object.get("messages").ok_or(MESSAGES)?;
        if !messages.get().starts_with('[') {
            return Err(MESSAGES);
        }
        self.choices = count(object, "n", CHOICES_MAX, CHOICES)?;
        self.output_tokens_max =
            tokens(object, "max_completion_tokens")?.max(tokens(object, "max_tokens")?);
        // Kept only where asked for.
        self.is_stored = flag(object.get("store"), "store")?.unwrap_or(false);
        self.read_stream(object)?;
        self.ask_for_usage(object)
    }

    pub(super) fn read_completion(&mut self, object: &Object<'_>) -> Result<(), Refusal> {
        let prompts = object.get("prompt").map_or(1, prompts);
        let choices = count(object, "n", CHOICES_MAX, CHOICES)?;
        let best_of = count(object, "best_of", CHOICES_MAX, CHOICES)?;
        self.choices = choices.saturating_mul(prompts);
        self.choices_made = choices.max(best_of).saturating_mul(prompts);
        self.output_tokens_max = tokens(object, "max_tokens")?;
        self.read_stream(object)?;
        self.ask_for_usage(object)
    }

    pub(super) fn read_response(&mut self, object: &Object<'_>) -> Result<(), Refusal> {
        self.output_tokens_max = tokens(object, "max_output_tokens")?;
        self.background = flag(object.get("background"), "background")?.unwrap_or(false);
        // Kept unless the caller says otherwise.
        self.is_stored = flag(object.get("store"), "store")?.unwrap_or(true);
        self.read_stream(object)
    }

    pub(super) fn read_images(&mut self, object: &Object<'_>) -> Result<(), Refusal> {
        let images = count(object, "n", IMAGES_MAX, "a whole number from 1 to 10")?;
        let partial_images = number(object, "partial_images")?.unwrap_or(0);
        if partial_images > PARTIAL_IMAGES_MAX {
            return Err(Refusal::InvalidField {
                field: "partial_images",
                expected: "a whole number from 0 to 3",
            });
        }
        let size = object.get("size").and_then(text);
        self.making = Making::Images {
            images,
            partial_images,
            pixels: size.as_deref().and_then(pixels),
        };
        self.read_stream(object)
    }

    pub(super) fn read_speech(&mut self, object: &Object<'_>) -> Result<(), Refusal> {
        const INPUT: Refusal = Refusal::InvalidField {
            field: "input",
            expected: "the text to speak, a string",
        };
        let input = text(object.get("input").ok_or(INPUT)?).ok_or(INPUT)?;
        let speed = object.get("speed").map_or(Some(1.0), number_of);
        let speed =
            speed
                .filter(|speed| (0.25..=4.0).contains(speed))
                .ok_or(Refusal::InvalidField {
                    field: "speed",
                    expected: "a number from 0.25 to 4.0",
                })?;
        self.making = Making::Speech {
            characters: input.chars().count() as u64,
            bytes: input.len() as u64,
            slowness: (1.0 / speed).ceil() as u64,
        };
        // Sound comes as it is made, and so do its events.
        self.stream = true;
        Ok(())
    }

    fn read_stream(&mut self, object: &Object<'_>) -> Result<(), Refusal> {
        self.stream = flag(object.get("stream"), "stream")?.unwrap_or(false);
        Ok(())
    }

    /// Makes sure that the upstream reports usage at the end of a stream of chunks.
    fn ask_for_usage(&mut self, object: &Object<'_>) -> Result<(), Refusal> {
        const ASK: &str = r#""include_usage":true"#;
        const OPTIONS: Refusal = Refusal::InvalidField {
            field: "stream_options",
            expected: "an object",
        };
        if !self.stream {
            return Ok(());
        }
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

/// How many prompts a completion has: a text or one list of token ids is one, a list of these as many as it holds.
fn prompts(prompt: &RawValue) -> u64 {
    let json = prompt.get();
    if !json.starts_with('[') {
        return 1;
    }
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) else {
        return 1;
    };
    match items.first().map(|item| item.get().as_bytes()[0]) {
        Some(b'"' | b'[') => items.len() as u64,
        _ => 1,
    }
}

/// The area of a size such as `1024x1536`; `None` for `auto` and what is not known.
fn pixels(size: &str) -> Option<u64> {
    let (width, height) = size.split_once('x')?;
    width
        .parse::<u64>()
        .ok()?
        .checked_mul(height.parse::<u64>().ok()?)
}

fn number_of(value: &RawValue) -> Option<f64> {
    serde_json::from_str(value.get()).ok()
}
