//! Writes a completion as one object.
//!
//! Invariants: every field that the API always sends is there, null where it has nothing to say.
//! Does not know: streams.
//! Source: OpenAI API reference, "The chat completion object".

use serde_json::{Value, json};

use crate::plan::Setting;

use super::completion::{Choice, Completion};
use super::logprobs;

pub(super) fn write(completion: &Completion, setting: &Setting<'_>) -> Value {
    let choices: Vec<Value> = completion
        .choices
        .iter()
        .enumerate()
        .map(|(index, one)| choice(index, one))
        .collect();
    let mut answer = json!({
        "id": completion.id,
        "object": "chat.completion",
        "created": completion.created,
        "model": completion.model,
        "choices": choices,
        "service_tier": completion.service_tier,
        "system_fingerprint": completion.fingerprint,
    });
    if let Some(usage) = setting.usage(completion.usage(completion.counts.output)) {
        answer["usage"] = usage;
    }
    answer
}

fn choice(index: usize, choice: &Choice) -> Value {
    let mut message =
        json!({"role": "assistant", "content": choice.text(), "refusal": null, "annotations": []});
    if let Some(call) = &choice.tool {
        message["content"] = Value::Null;
        message["tool_calls"] = json!([{
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": choice.text()},
        }]);
    }
    let logprobs = choice
        .logprobs
        .map(|alternatives| logprobs::of(&choice.pieces, alternatives));
    json!({"index": index, "message": message, "logprobs": logprobs, "finish_reason": choice.finish_reason})
}
