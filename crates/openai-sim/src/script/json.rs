//! Reads a script from JSON, for the control port.
//!
//! Invariants: an unknown field or a wrong type refuses the whole script and names the field.
//! Does not know: how a script is carried out.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{Quirk, Script, Times};

const QUIRKS: &[(&str, Quirk)] = &[
    ("numeric_error_code", Quirk::NumericErrorCode),
    ("usage_on_every_chunk", Quirk::UsageOnEveryChunk),
    (
        "first_chunk_without_choices",
        Quirk::FirstChunkWithoutChoices,
    ),
    ("ignores_stream_options", Quirk::IgnoresStreamOptions),
    ("carriage_returns", Quirk::CarriageReturns),
    ("comments_between_events", Quirk::CommentsBetweenEvents),
    ("no_done", Quirk::NoDone),
    ("error_with_status_200", Quirk::ErrorWithStatus200),
    ("tool_calls_without_index", Quirk::ToolCallsWithoutIndex),
];

impl Script {
    /// Reads a script: an object whose fields are named like the functions of the builder, durations in whole
    /// milliseconds (`delay_ms`), `times` a number or `"always"`, `usage` the object that is reported or `false`.
    ///
    /// Errors: names the first field that is unknown or of the wrong type.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let fields = value.as_object().ok_or("a script is a JSON object")?;
        let script = fields
            .iter()
            .try_fold(Self::new(), |script, (name, value)| {
                let wrong = || format!("script field `{name}` is unknown or of the wrong type");
                match script
                    .clone()
                    .with_words(name, value)
                    .or_else(|| script.clone().with_pace(name, value))
                {
                    Some(script) => Ok(script),
                    None => script.with_fault(name, value).ok_or_else(wrong),
                }
            })?;
        script.flaw.clone().map_or(Ok(script), Err)
    }

    fn with_words(mut self, name: &str, value: &Value) -> Option<Self> {
        Some(match name {
            "path" => self.on(value.as_str()?),
            "times" if value == "always" => self.always(),
            "times" => {
                self.times = Times::Number(value.as_u64()?);
                self
            }
            "status" => self.with_status(u16::try_from(value.as_u64()?).ok()?),
            "code" if !value.is_object() && !value.is_array() => self.code(value.clone()),
            "type" => self.kind(value.as_str()?),
            "message" => self.message(value.as_str()?),
            "headers" => self.with_headers(value.as_object()?)?,
            "content_type" => self.header("content-type", value.as_str()?),
            "body" => {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                self.raw = Some(Bytes::from(text));
                self
            }
            "usage" if *value == false => self.no_usage(),
            "usage" => self.with_usage(value),
            "text" => self.text(value.as_str()?),
            "finish_reason" => self.finish_reason(value.as_str()?),
            "model" => self.model(value.as_str()?),
            "refusal" => self.refusal(value.as_str()?),
            "tool_usage" if value.is_object() => self.tool_usage(value.clone()),
            "failure" => self.failure(value.as_str()?),
            "polls" => self.polls(value.as_u64()?),
            "service_tier" => self.service_tier(value.as_str()?),
            "billed" => self.billed(value.as_bool()?),
            "quirks" => value.as_array()?.iter().try_fold(self, |script, quirk| {
                Some(script.quirk(quirk_named(quirk.as_str()?)?))
            })?,
            _ => return None,
        })
    }

    fn with_pace(self, name: &str, value: &Value) -> Option<Self> {
        let milliseconds = || value.as_u64().map(Duration::from_millis);
        Some(match name {
            "delay_ms" => self.delay(milliseconds()?),
            "first_byte_delay_ms" => self.first_byte_delay(milliseconds()?),
            "chunk_delay_ms" => self.chunk_delay(milliseconds()?),
            "drip" => self.drip(size(value)?),
            _ => return None,
        })
    }

    fn with_fault(mut self, name: &str, value: &Value) -> Option<Self> {
        Some(match name {
            "cut_after_bytes" => self.cut_after_bytes(size(value)?),
            "cut_after_chunks" => self.cut_after_chunks(size(value)?),
            "end_after_chunks" => self.end_after_chunks(size(value)?),
            "stall_after_chunks" => self.stall_after_chunks(size(value)?),
            "error_after_chunks" => self.error_after_chunks(size(value)?),
            "reset" if *value == true => self.reset(),
            "malformed" if *value == true => self.malformed(),
            "never_answer" | "never_accept" | "hang_up" if *value == true => {
                let fault = match name {
                    "never_answer" => Self::never_answer(),
                    "never_accept" => Self::never_accept(),
                    _ => Self::hang_up(),
                };
                self.fault.connection = fault.fault.connection;
                self
            }
            "reset" | "malformed" | "never_answer" | "never_accept" | "hang_up"
                if *value == false =>
            {
                self
            }
            _ => return None,
        })
    }

    fn with_headers(self, headers: &Map<String, Value>) -> Option<Self> {
        headers.iter().try_fold(self, |script, (name, value)| {
            Some(script.header(name, value.as_str()?))
        })
    }

    /// `prompt_tokens` and `completion_tokens` (or `input_tokens` and `output_tokens`) alone, or with `reasoning_tokens`, are reported and billed; any other form is reported as it is.
    fn with_usage(self, value: &Value) -> Self {
        let number = |name: &str| value.get(name).and_then(Value::as_u64);
        match (
            number("prompt_tokens").or(number("input_tokens")),
            number("completion_tokens").or(number("output_tokens")),
            value.as_object().map_or(0, Map::len),
        ) {
            (Some(input), Some(output), 2) => self.usage(input, output),
            (Some(input), Some(output), 3) => match number("reasoning_tokens") {
                Some(reasoning) => self.usage(input, output).reasoning(reasoning),
                None => self.usage_json(value.clone()),
            },
            (Some(input), None, 1) => self.usage(input, 0),
            _ => self.usage_json(value.clone()),
        }
    }
}

fn size(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

fn quirk_named(name: &str) -> Option<Quirk> {
    QUIRKS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, quirk)| *quirk)
}

#[cfg(test)]
mod tests {
    use super::QUIRKS;
    use crate::Script;
    use serde_json::{Value, json};

    fn check(script: &Value, expected: &Script) {
        assert_eq!(
            format!("{:?}", Script::from_json(script).unwrap()),
            format!("{expected:?}")
        );
    }

    #[test]
    fn json_says_what_the_builder_says() {
        check(&json!({}), &Script::new());
        check(
            &json!({"status": 429, "times": 2, "path": "/embeddings"}),
            &Script::status(429).times(2).on("/embeddings"),
        );
        check(
            &json!({"delay_ms": 5, "times": "always"}),
            &Script::new()
                .delay(std::time::Duration::from_millis(5))
                .always(),
        );
        check(
            &json!({"usage": {"prompt_tokens": 16}}),
            &Script::new().usage(16, 0),
        );
        check(
            &json!({"usage": {"prompt_tokens": 9, "completion_tokens": 8, "reasoning_tokens": 5}}),
            &Script::new().usage(9, 8).reasoning(5),
        );
        check(
            &json!({"usage": {"input_tokens": 9, "output_tokens": 8}}),
            &Script::new().usage(9, 8),
        );
        check(
            &json!({"refusal": "no", "failure": "server_error", "polls": 3}),
            &Script::new().refusal("no").failure("server_error").polls(3),
        );
        check(
            &json!({"usage": {"prompt_tokens": 1, "odd": 2}}),
            &Script::new().usage_json(json!({"prompt_tokens": 1, "odd": 2})),
        );
        check(&json!({"usage": false}), &Script::new().no_usage());
        check(&json!({"never_answer": true}), &Script::never_answer());
        check(
            &json!({"cut_after_chunks": 3, "reset": true}),
            &Script::new().cut_after_chunks(3).reset(),
        );
        check(&json!({"code": 7}), &Script::new().code(7));
        for (name, quirk) in QUIRKS {
            check(&json!({"quirks": [name]}), &Script::new().quirk(*quirk));
        }
    }

    #[test]
    fn what_is_unknown_or_wrong_is_named() {
        for (script, name) in [
            (json!({"statuss": 1}), "statuss"),
            (json!({"status": "429"}), "status"),
            (json!({"status": 42}), "42"),
            (json!({"quirks": ["polite"]}), "quirks"),
            (json!({"headers": {"a": 1}}), "headers"),
            (json!({"drip": -1}), "drip"),
            (json!({"headers": {"bad name": "a"}}), "bad name"),
        ] {
            assert!(
                Script::from_json(&script).unwrap_err().contains(name),
                "{script}"
            );
        }
    }
}
