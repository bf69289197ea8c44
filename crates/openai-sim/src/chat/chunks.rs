//! Writes a completion as the chunks of a stream.
//!
//! Invariants: the deltas join to the whole answer; with `include_usage` every chunk has `usage: null` and one more
//! comes last, without choices, that has it; the tokens of all events add up to the counted output.
//! Does not know: server-sent events, `[DONE]`.
//! Source: OpenAI API reference, "The chat completion chunk object".

use serde_json::{Value, json};

use crate::hash::letters;
use crate::plan::{Event, Setting};
use crate::script::Quirk;
use crate::tokens;

use super::ask::Ask;
use super::completion::{Choice, Completion};
use super::logprobs;

/// Characters of padding: a chunk's length is not to tell its text's.
const OBFUSCATION_MAX: usize = 16;

struct Writer<'a> {
    completion: &'a Completion,
    setting: &'a Setting<'a>,
    usage_asked: bool,
    obfuscated: bool,
    sent_tokens: u64,
    events: Vec<Event>,
}

pub(super) fn write(completion: &Completion, ask: &Ask<'_>, setting: &Setting<'_>) -> Vec<Event> {
    let script = setting.script;
    let usage_asked = ask.include_usage && !script.has(Quirk::IgnoresStreamOptions);
    let mut writer = Writer {
        completion,
        setting,
        usage_asked,
        obfuscated: ask.include_obfuscation,
        sent_tokens: 0,
        events: Vec::new(),
    };
    if script.has(Quirk::FirstChunkWithoutChoices) {
        writer.filter_results();
    }
    let choices = &completion.choices;
    choices
        .iter()
        .enumerate()
        .for_each(|(index, choice)| writer.first(index, choice));
    let rounds = choices
        .iter()
        .map(|choice| choice.pieces.len())
        .max()
        .unwrap_or(0);
    for round in 0..rounds {
        choices
            .iter()
            .enumerate()
            .for_each(|(index, choice)| writer.piece(index, choice, round));
    }
    choices
        .iter()
        .enumerate()
        .for_each(|(index, choice)| writer.last(index, choice));
    if usage_asked && !script.has(Quirk::UsageOnEveryChunk) {
        writer.usage();
    }
    writer.events
}

impl Writer<'_> {
    fn first(&mut self, index: usize, choice: &Choice) {
        let mut delta = json!({"role": "assistant", "content": "", "refusal": null});
        let mut spent = 0;
        if let Some(call) = &choice.tool {
            let function = json!({"name": call.name, "arguments": ""});
            delta["content"] = Value::Null;
            delta["tool_calls"] =
                json!([{"index": 0, "id": call.id, "type": "function", "function": function}]);
            spent = tokens::count(&call.name);
        }
        self.delta(index, delta, None, None, spent);
    }

    fn piece(&mut self, index: usize, choice: &Choice, round: usize) {
        let Some(piece) = choice.pieces.get(round) else {
            return;
        };
        let delta = match &choice.tool {
            Some(_) => json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}),
            None => json!({"content": piece}),
        };
        let logprobs = choice
            .logprobs
            .map(|alternatives| logprobs::of(std::slice::from_ref(piece), alternatives));
        self.delta(index, delta, logprobs.as_ref(), None, 1);
    }

    fn last(&mut self, index: usize, choice: &Choice) {
        self.delta(index, json!({}), None, Some(&choice.finish_reason), 0);
    }

    fn delta(
        &mut self,
        index: usize,
        mut delta: Value,
        logprobs: Option<&Value>,
        finish_reason: Option<&str>,
        tokens: u64,
    ) {
        if self.setting.script.has(Quirk::ToolCallsWithoutIndex)
            && let Some(call) = delta
                .pointer_mut("/tool_calls/0")
                .and_then(Value::as_object_mut)
        {
            call.remove("index");
        }
        let choice = json!({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason});
        self.push(&json!([choice]), tokens);
    }

    fn push(&mut self, choices: &Value, tokens: u64) {
        self.sent_tokens += tokens;
        let mut chunk = self.chunk(choices);
        if self.setting.script.has(Quirk::UsageOnEveryChunk) {
            chunk["usage"] = json!(self.setting.usage(self.completion.usage(self.sent_tokens)));
        } else if self.usage_asked {
            chunk["usage"] = Value::Null;
        }
        self.events.push(Event {
            value: chunk,
            tokens,
        });
    }

    fn usage(&mut self) {
        let Some(usage) = self
            .setting
            .usage(self.completion.usage(self.completion.counts.output))
        else {
            return;
        };
        let mut chunk = self.chunk(&json!([]));
        chunk["usage"] = usage;
        self.events.push(Event {
            value: chunk,
            tokens: 0,
        });
    }

    fn filter_results(&mut self) {
        let results = json!([{"prompt_index": 0, "content_filter_results": {}}]);
        let chunk = json!({"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": results});
        self.events.push(Event {
            value: chunk,
            tokens: 0,
        });
    }

    fn chunk(&self, choices: &Value) -> Value {
        let completion = self.completion;
        let mut chunk = json!({
            "id": completion.id,
            "object": "chat.completion.chunk",
            "created": completion.created,
            "model": completion.model,
            "service_tier": completion.service_tier,
            "system_fingerprint": completion.fingerprint,
            "choices": choices,
        });
        if self.obfuscated {
            let seed = self.setting.seed ^ self.events.len() as u64;
            let padding = letters(seed, OBFUSCATION_MAX);
            chunk["obfuscation"] = json!(padding[..seed as usize % OBFUSCATION_MAX]);
        }
        chunk
    }
}
